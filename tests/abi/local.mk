# SPDX-License-Identifier: Apache-2.0
# The plugin interface as it is promised: the header by itself, where its members lie, what was compiled before.
abi_files = tests/abi/header.py tests/abi/tap.py tests/abi/shape.c tests/abi/layout.c tests/abi/layout_lp64.h tests/abi/layout_ilp32.h \
  tests/abi/layout_i386.h tests/abi/numbers.h tests/abi/plugin-1.0.abi
EXTRA_DIST += $(abi_files) tests/abi/header_test.py
if HAVE_PYTHON3
TESTS += tests/abi/header_test.py
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
