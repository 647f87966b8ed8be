# SPDX-License-Identifier: Apache-2.0
include src/worker/http.mk
noinst_LTLIBRARIES += src/worker/libworker.la
src_worker_libworker_la_SOURCES = \
  src/worker/banner.c \
  src/worker/claims.c src/worker/claims.h \
  src/worker/commit.c \
  src/worker/defs.c src/worker/defs.h \
  src/worker/dispatch.c \
  src/worker/handling.c src/worker/handling.h \
  src/worker/ids.c src/worker/ids.h \
  src/worker/inside.h \
  src/worker/kept.c src/worker/kept.h \
  src/worker/lifecycle.c \
  src/worker/mask.c src/worker/mask.h \
  src/worker/notify.c \
  src/worker/outcomes.c \
  src/worker/output.c src/worker/output.h \
  src/worker/payloads.c src/worker/payloads.h \
  src/worker/prepare.c src/worker/prepare.h \
  src/worker/recover.c \
  src/worker/run.c \
  src/worker/schedules.c src/worker/schedules.h \
  src/worker/secrets.c src/worker/secrets.h \
  src/worker/services.c \
  src/worker/signal_row.c src/worker/signal_row.h src/worker/signals.c \
  src/worker/size.c \
  src/worker/stats.c src/worker/stats.h \
  src/worker/timers.c src/worker/timers.h \
  src/worker/turns.c src/worker/turns.h \
  src/worker/worker.c src/worker/worker.h
src_worker_libworker_la_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
src_worker_libworker_la_LIBADD = $(LIBUV_LIBS) $(JANSSON_LIBS) $(LIBPQ_LIBS) $(SYSTEMD_LIBS)
