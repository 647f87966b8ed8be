# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/http_guard_test tests/unit/http_error_test tests/unit/http_test
TESTS += tests/unit/http_guard_test tests/unit/http_error_test tests/unit/http_test
tests_unit_http_guard_test_SOURCES = tests/unit/http_guard_test.c
tests_unit_http_guard_test_LDADD = src/worker/libhttp.la $(UNIT_LDADD)
tests_unit_http_error_test_SOURCES = tests/unit/http_error_test.c
tests_unit_http_error_test_LDADD = src/worker/libhttp.la $(UNIT_LDADD)
tests_unit_http_test_SOURCES = tests/unit/http_test.c tests/unit/http_server.c tests/unit/http_server.h
tests_unit_http_test_LDADD = src/worker/libhttp.la $(UNIT_LDADD)
endif
