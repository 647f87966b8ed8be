# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
config_tests = tests/unit/config_dsn tests/unit/config_parts tests/unit/config_settings
check_PROGRAMS += $(config_tests)
TESTS += $(config_tests)
tests_unit_config_dsn_SOURCES = tests/unit/config_dsn.c
tests_unit_config_dsn_LDADD = src/config/libconfig.la $(UNIT_LDADD)
tests_unit_config_parts_SOURCES = tests/unit/config_parts.c
tests_unit_config_parts_LDADD = src/config/libconfig.la $(UNIT_LDADD)
tests_unit_config_settings_SOURCES = tests/unit/config_settings.c
tests_unit_config_settings_LDADD = src/config/libconfig.la $(UNIT_LDADD)
endif
