# SPDX-License-Identifier: Apache-2.0
# Tests print TAP, so that every case counts.  Unit tests: tests/unit/ROOM_*.c; each room's tests have their own part
# file tests/unit/ROOM.mk.
TEST_EXTENSIONS = .py .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
PY_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = $(SHELL) $(srcdir)/tests/limited.sh
PY_LOG_COMPILER = $(LOG_COMPILER) $(PYTHON3)
SH_LOG_COMPILER = $(LOG_COMPILER) $(SHELL)
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
  PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
  TSAN_OPTIONS="suppressions=$(abs_srcdir)/tests/valgrind/thread-suppressions $$TSAN_OPTIONS"; export TSAN_OPTIONS; \
  srcdir='$(srcdir)'; export srcdir; builddir='$(abs_builddir)'; export builddir;
UNIT_LDADD = $(CMOCKA_LIBS)

include tests/unit/base.mk
include tests/unit/expr.mk
include tests/unit/engine.mk
include tests/unit/config.mk
include tests/unit/sandbox.mk
include tests/unit/plugin.mk
include tests/unit/store.mk
include tests/unit/http.mk
include tests/unit/handlers.mk
include tests/unit/mock.mk
include tests/unit/worker.mk
include tests/unit/cli.mk
include tests/unit/time.mk
include tests/pgrun.mk
include tests/cli/local.mk
include tests/pg/local.mk
include tests/plugins/local.mk
include tests/abi/local.mk
include tests/integration/local.mk
include tests/differential/local.mk
include tests/sim/local.mk
include tests/fuzz/local.mk
include tests/chaos/local.mk
include tests/install/local.mk
include tests/valgrind/local.mk
EXTRA_DIST += tests/unit/test.h tests/limited.sh

# The names of the unit tests, which need no server: make check TESTS="`make -s print-unit-tests`"
print-unit-tests:
	@echo $(filter tests/unit/%,$(TESTS))
print-all-tests:
	@echo $(TESTS)
.PHONY: print-unit-tests print-all-tests
