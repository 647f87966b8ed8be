# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/plugin_declare
TESTS += tests/unit/plugin_declare
tests_unit_plugin_declare_SOURCES = tests/unit/plugin_declare.c
tests_unit_plugin_declare_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
plugin_bench_tests = tests/unit/plugin_jansson tests/unit/plugin_complaints tests/unit/plugin_task tests/unit/plugin_values tests/unit/plugin_watch
plugin_files_tests = tests/unit/plugin_registry tests/unit/plugin_refused tests/unit/plugin_code tests/unit/plugin_sections
check_PROGRAMS += tests/unit/plugin_schema $(plugin_files_tests) $(plugin_bench_tests)
TESTS += tests/unit/plugin_schema $(plugin_files_tests) $(plugin_bench_tests)
tests_unit_plugin_schema_SOURCES = tests/unit/plugin_schema.c
tests_unit_plugin_schema_LDADD = src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
plugin_files = tests/unit/plugin_files.c tests/unit/plugin_files.h
plugin_files_libs = src/helper/libhelper.la src/plugin/libplugin.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_plugin_registry_SOURCES = tests/unit/plugin_registry.c $(plugin_files)
tests_unit_plugin_registry_LDADD = $(plugin_files_libs)
tests_unit_plugin_refused_SOURCES = tests/unit/plugin_refused.c $(plugin_files)
tests_unit_plugin_refused_LDADD = $(plugin_files_libs)
tests_unit_plugin_code_SOURCES = tests/unit/plugin_code.c $(plugin_files)
tests_unit_plugin_code_LDADD = $(plugin_files_libs)
tests_unit_plugin_sections_SOURCES = tests/unit/plugin_sections.c $(plugin_files)
tests_unit_plugin_sections_LDADD = $(plugin_files_libs)
plugin_bench = tests/unit/plugin_bench.c tests/unit/plugin_bench.h
helper_tests = tests/unit/helper_test tests/unit/helper_talk_test
check_PROGRAMS += $(helper_tests)
TESTS += $(helper_tests)
helper_pids = tests/unit/helper_pids.c tests/unit/helper_pids.h
helper_pids_flags = -Wl,--wrap=kill,--wrap=prlimit,--wrap=prlimit64,--wrap=wait4,--wrap=posix_spawn
tests_unit_helper_test_SOURCES = tests/unit/helper_test.c $(helper_pids) $(plugin_bench)
tests_unit_helper_test_LDADD = src/helper/libhelper.la $(plugin_bench_libs)
tests_unit_helper_test_LDFLAGS = $(AM_LDFLAGS) $(helper_pids_flags)
tests_unit_helper_talk_test_SOURCES = tests/unit/helper_talk_test.c $(helper_pids) $(plugin_bench)
tests_unit_helper_talk_test_LDADD = src/helper/libhelper.la $(plugin_bench_libs)
tests_unit_helper_talk_test_LDFLAGS = $(AM_LDFLAGS) $(helper_pids_flags)
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
