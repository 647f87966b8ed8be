# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/engine/libengine.la
src_engine_libengine_la_SOURCES = \
  src/engine/ask.c \
  src/engine/codec.h src/engine/codec_read.c src/engine/codec_write.c src/engine/put.h \
  src/engine/control.c \
  src/engine/cron.h src/engine/cron_next.c src/engine/cron_parse.c \
  src/engine/cycle.c \
  src/engine/def.c src/engine/definition.h src/engine/def_int.h \
  src/engine/def_check.c src/engine/def_config.c src/engine/def_dom.c src/engine/def_graph.c \
  src/engine/def_region.c src/engine/def_split.c src/engine/def_structure.c \
  src/engine/def_load.c src/engine/def_options.c src/engine/def_view.c \
  src/engine/effects.c \
  src/engine/engine.h \
  src/engine/fail.c \
  src/engine/join.c \
  src/engine/journal.c \
  src/engine/outcome.c \
  src/engine/project.c \
  src/engine/retry.c \
  src/engine/schedule.c src/engine/schedule.h \
  src/engine/area.c src/engine/pass.c src/engine/row.c src/engine/scope.c src/engine/scope_end.c \
  src/engine/settle.c \
  src/engine/signal.c \
  src/engine/start.c \
  src/engine/state.c src/engine/state_int.h \
  src/engine/step.c \
  src/engine/turn.c \
  src/engine/variable.c \
  src/engine/view.c \
  src/engine/waiting.c \
  src/engine/withdraw.c
EXTRA_DIST += doc/schedules.md
src_engine_libengine_la_LIBADD = src/base/libbase.la $(JANSSON_LIBS) -lm
