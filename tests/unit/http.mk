# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/http_guard_test
TESTS += tests/unit/http_guard_test
tests_unit_http_guard_test_SOURCES = tests/unit/http_guard_test.c
tests_unit_http_guard_test_LDADD = src/worker/libhttp.la $(UNIT_LDADD)
endif
