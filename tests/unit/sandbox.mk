# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/sandbox_test
TESTS += tests/unit/sandbox_test
tests_unit_sandbox_test_SOURCES = tests/unit/sandbox_test.c
tests_unit_sandbox_test_LDADD = src/sandbox/libsandbox.la src/base/libbase.la -lpthread $(UNIT_LDADD)
endif
