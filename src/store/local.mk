# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/store/libstore.la
src_store_libstore_la_SOURCES = \
  src/store/bin.c src/store/bin.h \
  src/store/check.c \
  src/store/claim.c \
  src/store/claim_row.c src/store/claim_row.h \
  src/store/conn.c \
  src/store/connect.c \
  src/store/control.c \
  src/store/core.h \
  src/store/held.c src/store/held.h \
  src/store/internal.h \
  src/store/lease.c \
  src/store/objects.c \
  src/store/payload.c src/store/payload.h \
  src/store/pending.c src/store/pending.h \
  src/store/peek.c \
  src/store/release.c \
  src/store/save.c \
  src/store/save_call.c \
  src/store/schedule.c src/store/schedule.h \
  src/store/schedule_sync.c src/store/schedule_sync.h \
  src/store/schema.c \
  src/store/store.c src/store/store.h \
  src/store/sync.h \
  src/store/time.c \
  src/store/upkeep.c
src_store_libstore_la_LIBADD = src/base/libbase.la $(LIBPQ_LIBS) $(LIBUV_LIBS)

# The migrations, compiled in.
MIGRATIONS = \
  sql/0001_backend_tables.sql \
  sql/0002_tables.sql \
  sql/0003_triggers.sql \
  sql/0004_worker.sql \
  sql/0005_schedules.sql \
  sql/0006_control.sql \
  sql/0007_signals.sql \
  sql/0008_children.sql \
  sql/0009_locks.sql \
  sql/0010_approvals.sql \
  sql/0011_retry.sql \
  sql/0013_lanes.sql \
  sql/0014_payloads.sql \
  sql/0015_machines.sql \
  sql/0016_stuck.sql \
  sql/0017_sweep.sql \
  sql/0018_limits.sql
EXTRA_DIST += $(MIGRATIONS) src/store/sql2c.awk
BUILT_SOURCES += src/store/migrations.inc
CLEANFILES += src/store/migrations.inc
src/store/migrations.inc: $(MIGRATIONS) src/store/sql2c.awk
	$(AM_V_GEN)$(MKDIR_P) src/store && for file in $(MIGRATIONS); do \
	  test -f "$(srcdir)/$$file" || exit 1; set x "$$@" "$(srcdir)/$$file"; shift; done && \
	$(AWK) -f $(srcdir)/src/store/sql2c.awk "$$@" >$@.tmp && mv $@.tmp $@
src/store/schema.lo: src/store/migrations.inc
