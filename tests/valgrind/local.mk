# SPDX-License-Identifier: Apache-2.0
# make check-valgrind: everything below memcheck, hours on a small machine; make check-valgrind VALGRIND_TESTS="tests/unit/base_test ..." a part.
VALGRIND_TESTS = $(filter tests/unit/% tests/cli/% tests/pg/% tests/integration/%,$(TESTS))
check-valgrind: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=
	$(SHELL) $(srcdir)/tests/valgrind/run.sh '$(abs_srcdir)' '$(abs_builddir)' $(VALGRIND_TESTS)
.PHONY: check-valgrind
EXTRA_DIST += tests/valgrind/run.sh tests/valgrind/suppressions tests/valgrind/thread-suppressions
