# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/sandbox_test tests/unit/sandbox_quarantine
TESTS += tests/unit/sandbox_test tests/unit/sandbox_quarantine
tests_unit_sandbox_quarantine_SOURCES = tests/unit/sandbox_quarantine.c
tests_unit_sandbox_quarantine_LDADD = src/sandbox/libsandbox.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_sandbox_test_SOURCES = tests/unit/sandbox_test.c
tests_unit_sandbox_test_LDADD = src/sandbox/libsandbox.la src/base/libbase.la -lpthread $(UNIT_LDADD)
endif
