# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/base_test tests/unit/json_read_test tests/unit/leave_test tests/unit/log_test tests/unit/pool_test
TESTS += tests/unit/base_test tests/unit/json_read_test tests/unit/leave_test tests/unit/log_test tests/unit/pool_test
tests_unit_base_test_SOURCES = tests/unit/base_test.c
tests_unit_base_test_LDADD = src/base/libbase.la $(UNIT_LDADD)
tests_unit_json_read_test_SOURCES = tests/unit/json_read_test.c
tests_unit_json_read_test_LDADD = src/base/libbase.la $(UNIT_LDADD)
tests_unit_leave_test_SOURCES = tests/unit/leave_test.c
tests_unit_leave_test_LDADD = src/base/libbase.la -lpthread $(UNIT_LDADD)
tests_unit_log_test_SOURCES = tests/unit/log_test.c
tests_unit_log_test_LDADD = src/base/libbase.la $(UNIT_LDADD)
tests_unit_pool_test_SOURCES = tests/unit/pool_test.c
tests_unit_pool_test_LDADD = src/base/libbase.la -lpthread $(UNIT_LDADD)
endif
