# SPDX-License-Identifier: Apache-2.0
# Fuzz targets.  Here they run their corpus and a fixed number of mutations; `make fuzz TIME=60` looks for new ones, a
# minute a target, with clang's libFuzzer in a build of its own (fuzz-build/).
FUZZ_TARGETS = tests/fuzz/fuzz_json tests/fuzz/fuzz_graph tests/fuzz/fuzz_state tests/fuzz/fuzz_expr tests/fuzz/fuzz_template \
  tests/fuzz/fuzz_cron tests/fuzz/fuzz_zone tests/fuzz/fuzz_config tests/fuzz/fuzz_plugin tests/fuzz/fuzz_schema tests/fuzz/fuzz_mask \
  tests/fuzz/fuzz_http tests/fuzz/fuzz_signal tests/fuzz/fuzz_ask tests/fuzz/fuzz_web
check_PROGRAMS += $(FUZZ_TARGETS)
if WITH_LIBFUZZER
FUZZ_MAIN = tests/fuzz/libfuzzer.c
FUZZ_LINK = -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/driver.c
FUZZ_LINK =
check_PROGRAMS += tests/fuzz/fuzz_selftest
TESTS += $(FUZZ_TARGETS) tests/fuzz/driver_test.sh
tests_fuzz_fuzz_selftest_SOURCES = tests/fuzz/target_selftest.c tests/fuzz/driver.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_selftest_LDADD = src/base/libbase.la
tests/fuzz/driver_test.log: tests/fuzz/fuzz_selftest
endif
FUZZ_SOURCES = tests/fuzz/fuzz.h tests/fuzz/check.c tests/fuzz/mutate.c
FUZZ_ENGINE_LIBS = src/exec/libexec.la src/plugin/libplugin.la src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la
EXTRA_DIST += tests/fuzz/driver.c tests/fuzz/libfuzzer.c tests/fuzz/driver_test.sh tests/fuzz/fuzz.sh tests/fuzz/corpus

tests_fuzz_fuzz_json_SOURCES = tests/fuzz/target_json.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_json_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_json_LDADD = src/base/libbase.la
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_graph_SOURCES = tests/fuzz/target_graph.c tests/fuzz/types.c tests/fuzz/types.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_graph_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_graph_LDADD = $(FUZZ_ENGINE_LIBS)
tests_fuzz_fuzz_graph_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/target_state.c tests/fuzz/types.c tests/fuzz/types.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_state_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_state_LDADD = src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la
tests_fuzz_fuzz_state_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_expr_SOURCES = tests/fuzz/target_expr.c tests/fuzz/names.c tests/fuzz/names.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_expr_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_expr_LDADD = src/expr/libexpr.la src/base/libbase.la
tests_fuzz_fuzz_expr_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_template_SOURCES = tests/fuzz/target_template.c tests/fuzz/names.c tests/fuzz/names.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_template_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_template_LDADD = src/expr/libexpr.la src/base/libbase.la
tests_fuzz_fuzz_template_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cron_SOURCES = tests/fuzz/target_cron.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_cron_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_cron_LDADD = src/engine/libengine.la src/base/libbase.la
tests_fuzz_fuzz_cron_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_zone_SOURCES = tests/fuzz/target_zone.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_zone_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_zone_LDADD = src/base/libbase.la
tests_fuzz_fuzz_zone_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/target_config.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_config_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_config_LDADD = src/web/libweb.la src/config/libconfig.la src/base/libbase.la
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_plugin_SOURCES = tests/fuzz/target_plugin.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_plugin_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_plugin_LDADD = src/plugin/libplugin.la src/base/libbase.la
tests_fuzz_fuzz_plugin_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_schema_SOURCES = tests/fuzz/target_schema.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_schema_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_schema_LDADD = src/plugin/libplugin.la src/base/libbase.la
tests_fuzz_fuzz_schema_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mask_SOURCES = tests/fuzz/target_mask.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_mask_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_mask_LDADD = src/worker/libworker.la src/base/libbase.la
tests_fuzz_fuzz_mask_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/target_http.c plugins/http/http.h plugins/http/response.c plugins/http/text.c \
  plugins/common/util.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_http_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_http_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins -DWFW_ABI_MINOR=0
tests_fuzz_fuzz_http_LDADD = src/worker/libhttp.la src/base/libbase.la
tests_fuzz_fuzz_http_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_signal_SOURCES = tests/fuzz/target_signal.c tests/fuzz/types.c tests/fuzz/types.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_signal_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_signal_LDADD = src/worker/libworker.la src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la
tests_fuzz_fuzz_signal_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ask_SOURCES = tests/fuzz/target_ask.c tests/fuzz/types.c tests/fuzz/types.h $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_ask_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_ask_LDADD = $(FUZZ_ENGINE_LIBS)
tests_fuzz_fuzz_ask_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_web_SOURCES = tests/fuzz/target_web.c $(FUZZ_SOURCES)
nodist_tests_fuzz_fuzz_web_SOURCES = $(FUZZ_MAIN)
tests_fuzz_fuzz_web_LDADD = src/web/libweb.la src/worker/libworker.la src/config/libconfig.la src/base/libbase.la
tests_fuzz_fuzz_web_LDFLAGS = $(FUZZ_LINK)

# A build of its own, unless this one is it.
TIME = 60
FUZZ_JOBS = 1
fuzz:
	FUZZ_JOBS='$(FUZZ_JOBS)' $(SHELL) $(srcdir)/tests/fuzz/fuzz.sh '$(abs_srcdir)' '$(abs_builddir)' '$(TIME)' $(FUZZ_TARGETS)
.PHONY: fuzz
