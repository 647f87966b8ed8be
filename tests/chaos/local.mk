# SPDX-License-Identifier: Apache-2.0
# The chaos suite: `make chaos SEED=1 ROUNDS=24`.  It needs a build with crash points; where this one has none, it makes
# another one in chaos-build/.  checker_test.py, which shows that the checker finds faults, runs with `make check` of such a build.
CHAOS_SOURCES = tests/chaos/chaos.py tests/chaos/checker_test.py tests/chaos/checker.py tests/chaos/cluster.py tests/chaos/fleet.py tests/chaos/proxy.py \
  tests/chaos/recorder.py tests/chaos/workload.py
EXTRA_DIST += $(CHAOS_SOURCES)
SEED =
ROUNDS = 24
CHAOS_FLAGS =
if WITH_CRASH_POINTS
if HAVE_PYTHON3
TESTS += tests/chaos/checker_test.py
endif
chaos: all
	srcdir='$(srcdir)' builddir='$(abs_builddir)' SEED='$(SEED)' ROUNDS='$(ROUNDS)' PYTHONDONTWRITEBYTECODE=1 \
	  $(PYTHON3) -u $(srcdir)/tests/chaos/chaos.py $(CHAOS_FLAGS)
else
chaos:
	$(MKDIR_P) chaos-build
	cd chaos-build && { test -f Makefile || $(abs_srcdir)/configure --quiet --enable-crash-points --disable-silent-rules \
	  CC='$(CC)' CFLAGS='$(CFLAGS)'; }
	cd chaos-build && $(MAKE) -s SEED='$(SEED)' ROUNDS='$(ROUNDS)' CHAOS_FLAGS='$(CHAOS_FLAGS)' chaos
endif
clean-local: clean-chaos
clean-chaos:
	rm -rf chaos-build
.PHONY: chaos clean-chaos
