# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/helper/libhelper.la
src_helper_libhelper_la_SOURCES = \
  src/helper/beside.c \
  src/helper/calls.c src/helper/calls.h \
  src/helper/channel.c src/helper/channel.h \
  src/helper/child.c \
  src/helper/ending.c \
  src/helper/hear.c \
  src/helper/helper.h \
  src/helper/inside.h \
  src/helper/keep_away.c \
  src/helper/launch.c \
  src/helper/lend.c src/helper/lend.h \
  src/helper/options.c \
  src/helper/output.c src/helper/output.h \
  src/helper/pool.c \
  src/helper/process.c src/helper/process.h \
  src/helper/talk.c
src_helper_libhelper_la_LIBADD = src/plugin/libplugin.la src/base/libbase.la $(JANSSON_LIBS) $(LIBUV_LIBS) -lpthread
