# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/plugin_schema tests/unit/plugin_registry tests/unit/plugin_task
TESTS += tests/unit/plugin_schema tests/unit/plugin_registry tests/unit/plugin_task
tests_unit_plugin_schema_SOURCES = tests/unit/plugin_schema.c
tests_unit_plugin_schema_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_plugin_registry_SOURCES = tests/unit/plugin_registry.c
tests_unit_plugin_registry_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_plugin_task_SOURCES = tests/unit/plugin_task.c
tests_unit_plugin_task_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD) -lm
endif
