# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/plugin/libplugin.la
src_plugin_libplugin_la_SOURCES = \
  src/plugin/abi.h \
  src/plugin/about.c src/plugin/about.h \
  src/plugin/arena.c src/plugin/arena.h \
  src/plugin/descriptor.c src/plugin/descriptor.h \
  src/plugin/examine.c src/plugin/examine.h \
  src/plugin/examine_loader.c \
  src/plugin/handles.c \
  src/plugin/heavy.c src/plugin/heavy.h \
  src/plugin/host.c \
  src/plugin/image.c src/plugin/image.h \
  src/plugin/internal.h \
  src/plugin/listing.c \
  src/plugin/load.c \
  src/plugin/outcome.c \
  src/plugin/own.c \
  src/plugin/outcome_json.c src/plugin/outcome_json.h \
  src/plugin/pool.c \
  src/plugin/probe.c src/plugin/probe.h \
  src/plugin/remote.c src/plugin/remote.h \
  src/plugin/registry.c src/plugin/registry.h \
  src/plugin/schema.c src/plugin/schema.h \
  src/plugin/schema_pattern.c src/plugin/schema_pattern.h \
  src/plugin/schema_valid.c \
  src/plugin/search.c \
  src/plugin/sections.c \
  src/plugin/ask.c \
  src/plugin/services.c \
  src/plugin/slow.c \
  src/plugin/task_host.c src/plugin/task.c src/plugin/task.h \
  src/plugin/task_internal.h \
  src/plugin/values.c src/plugin/values.h \
  src/plugin/watch.c \
  src/plugin/watch_answer.c src/plugin/watch_answer.h
src_plugin_libplugin_la_LIBADD = src/sandbox/libsandbox.la src/base/libbase.la $(JANSSON_LIBS) $(LIBUV_LIBS) $(PCRE2_LIBS) $(LTDL_LIBS) -ldl -lpthread
