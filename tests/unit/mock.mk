# SPDX-License-Identifier: Apache-2.0
# The mock library, used as authors of plugins use it.
if WITH_TESTS
check_PROGRAMS += tests/unit/mock_test
TESTS += tests/unit/mock_test
tests_unit_mock_test_SOURCES = tests/unit/mock_test.c tests/unit/mock_plugin.c tests/unit/mock_plugin.h
tests_unit_mock_test_LDADD = libwfworker-mock.la $(UNIT_LDADD) -lpthread
endif
