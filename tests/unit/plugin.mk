# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/plugin_declare
TESTS += tests/unit/plugin_declare
tests_unit_plugin_declare_SOURCES = tests/unit/plugin_declare.c
tests_unit_plugin_declare_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
plugin_bench_tests = tests/unit/plugin_jansson tests/unit/plugin_complaints tests/unit/plugin_task tests/unit/plugin_values tests/unit/plugin_watch
check_PROGRAMS += tests/unit/plugin_schema tests/unit/plugin_registry $(plugin_bench_tests)
TESTS += tests/unit/plugin_schema tests/unit/plugin_registry $(plugin_bench_tests)
tests_unit_plugin_schema_SOURCES = tests/unit/plugin_schema.c
tests_unit_plugin_schema_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_plugin_registry_SOURCES = tests/unit/plugin_registry.c
tests_unit_plugin_registry_LDADD = src/helper/libhelper.la src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
plugin_bench = tests/unit/plugin_bench.c tests/unit/plugin_bench.h
check_PROGRAMS += tests/unit/helper_test
TESTS += tests/unit/helper_test
tests_unit_helper_test_SOURCES = tests/unit/helper_test.c $(plugin_bench)
tests_unit_helper_test_LDADD = src/helper/libhelper.la $(plugin_bench_libs)
plugin_bench_libs = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD) -lm
tests_unit_plugin_complaints_SOURCES = tests/unit/plugin_complaints.c $(plugin_bench)
tests_unit_plugin_complaints_LDADD = $(plugin_bench_libs)
tests_unit_plugin_jansson_SOURCES = tests/unit/plugin_jansson.c $(plugin_bench)
tests_unit_plugin_jansson_LDADD = $(plugin_bench_libs)
tests_unit_plugin_task_SOURCES = tests/unit/plugin_task.c $(plugin_bench)
tests_unit_plugin_task_LDADD = $(plugin_bench_libs)
tests_unit_plugin_values_SOURCES = tests/unit/plugin_values.c $(plugin_bench)
tests_unit_plugin_values_LDADD = $(plugin_bench_libs)
tests_unit_plugin_watch_SOURCES = tests/unit/plugin_watch.c $(plugin_bench)
tests_unit_plugin_watch_LDADD = $(plugin_bench_libs)
endif
