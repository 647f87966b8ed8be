# SPDX-License-Identifier: Apache-2.0
# The plugin interface as it is promised: the header by itself, where its members lie, what was compiled before.
abi_files = tests/abi/header.py tests/abi/tap.py tests/abi/shape.c tests/abi/layout.c tests/abi/layout_lp64.h tests/abi/layout_ilp32.h \
  tests/abi/layout_i386.h tests/abi/numbers.h tests/abi/plugin-1.0.abi
EXTRA_DIST += $(abi_files) tests/abi/capabilities_test.py tests/abi/header_test.py tests/abi/texts.py tests/abi/texts_test.py
if HAVE_PYTHON3
TESTS += tests/abi/capabilities_test.py tests/abi/header_test.py tests/abi/texts_test.py
endif
# What was compiled before, with the host of now and with that of a next minor.
kept_plugins = tests/abi/plugins/x86_64/kept_gcc.so tests/abi/plugins/x86_64/kept_clang.so tests/abi/plugins/x86_64/kept_cxx.so \
  tests/abi/plugins/x86_64/kept_longer.so tests/abi/plugins/x86_64/kept_node_tail.so tests/abi/plugins/x86_64/kept_plugin_tail.so
EXTRA_DIST += $(kept_plugins) tests/abi/plugins/README tests/abi/plugins/build.sh tests/abi/plugins/kept.c tests/abi/next.sed
if WITH_TESTS
check_PROGRAMS += tests/abi/kept_test tests/abi/kept_next_test
TESTS += tests/abi/kept_test tests/abi/kept_next_test
tests_abi_kept_test_SOURCES = tests/abi/kept_test.c $(plugin_bench)
tests_abi_kept_test_LDADD = $(plugin_bench_libs)
tests_abi_kept_next_test_SOURCES = tests/abi/kept_test.c $(plugin_bench) $(src_plugin_libplugin_la_SOURCES)
tests_abi_kept_next_test_CPPFLAGS = -Itests/abi/next $(AM_CPPFLAGS)
tests_abi_kept_next_test_LDADD = $(src_plugin_libplugin_la_LIBADD) $(UNIT_LDADD) -lm
$(tests_abi_kept_next_test_OBJECTS): tests/abi/next/wfworker/plugin.h
tests/abi/next/wfworker/plugin.h: include/wfworker/plugin.h tests/abi/next.sed
	$(AM_V_GEN)$(MKDIR_P) tests/abi/next/wfworker && sed -f $(srcdir)/tests/abi/next.sed $(srcdir)/include/wfworker/plugin.h >$@.new && \
	  mv $@.new $@
CLEANFILES += tests/abi/next/wfworker/plugin.h
endif
# layout.c is compiled in every build of the tests, with whatever compiler that is.
if WITH_TESTS
check_LTLIBRARIES += tests/abi/layout.la
tests_abi_layout_la_SOURCES = tests/abi/layout.c
tests_abi_layout_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
endif

# The baseline of a release: make abi-baseline ABI=1.1, see HACKING.md.
abi-baseline:
	$(CC) -std=c99 -g -O0 -shared -fPIC -I$(srcdir)/include $(srcdir)/tests/abi/shape.c -o tests/abi/shape.so
	abidw --no-show-locs --no-corpus-path --no-comp-dir-path --out-file $(srcdir)/tests/abi/plugin-$(ABI).abi tests/abi/shape.so
.PHONY: abi-baseline
CLEANFILES += tests/abi/shape.so
tests/abi/capabilities_test.log: wfworker $(plugin_LTLIBRARIES)
