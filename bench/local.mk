# SPDX-License-Identifier: Apache-2.0
# The benchmark: `make bench`, `make bench BENCH="--quick drain"`, `make bench BENCH=--help`; where the time goes:
# `make profile`.
BENCH =
PROFILE =
BENCH_PARTS = bench/floor bench/answer bench/calls bench/bench.la
check_PROGRAMS += bench/floor bench/answer bench/calls
check_LTLIBRARIES += bench/bench.la
bench_floor_SOURCES = bench/floor.c bench/floor.h bench/floor_rows.c
bench_floor_LDADD = src/store/libstore.la src/base/libbase.la $(LIBPQ_LIBS)
bench_answer_SOURCES = bench/answer.c
bench_answer_LDADD = src/base/libbase.la $(LIBUV_LIBS)
bench_calls_SOURCES = bench/calls.c
bench_calls_LDADD = src/helper/libhelper.la src/plugin/libplugin.la src/base/libbase.la $(LIBUV_LIBS) $(JANSSON_LIBS)
bench_bench_la_SOURCES = bench/bench.c
bench_bench_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere

RUN_BENCH = srcdir='$(srcdir)' builddir='$(abs_builddir)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3)
bench: all $(BENCH_PARTS)
	$(RUN_BENCH) $(srcdir)/bench/run $(BENCH)
bench-doc: all $(BENCH_PARTS)
	$(RUN_BENCH) $(srcdir)/bench/run --json bench.json --svg $(srcdir)/doc --doc $(srcdir)/doc/performance.md $(BENCH)
profile: all $(BENCH_PARTS)
	$(RUN_BENCH) $(srcdir)/bench/profile $(PROFILE)
.PHONY: bench bench-doc profile
CLEANFILES += bench.json
EXTRA_DIST += doc/performance.md doc/throughput.svg
EXTRA_DIST += bench/run bench/profile bench/drains.py bench/moments.py bench/page.py bench/peers.py bench/place.py \
  bench/plans.py bench/report.py bench/rows.py bench/svg.py bench/peers/common.mjs bench/peers/dbos.mjs \
  bench/peers/graphile-worker.mjs bench/peers/pg-boss.mjs
