# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
cli_tests = tests/unit/cli_input tests/unit/cli_text
check_PROGRAMS += $(cli_tests)
TESTS += $(cli_tests)
CLI_TEST_LIBS = src/cli/libcli.la src/store/libstore.la src/config/libconfig.la src/base/libbase.la
tests_unit_cli_input_SOURCES = tests/unit/cli_input.c
tests_unit_cli_input_LDADD = $(CLI_TEST_LIBS) $(UNIT_LDADD)
tests_unit_cli_text_SOURCES = tests/unit/cli_text.c
tests_unit_cli_text_LDADD = $(CLI_TEST_LIBS) $(UNIT_LDADD)
endif
