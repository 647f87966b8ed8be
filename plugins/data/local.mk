# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/data/data.la
plugins_data_data_la_SOURCES = \
  plugins/data/data.c plugins/data/data.h \
  plugins/data/aggregate.c \
  plugins/data/canon.c \
  plugins/data/dedupe.c \
  plugins/data/expression.c \
  plugins/data/merge.c \
  plugins/data/sort.c \
  plugins/data/split.c \
  plugins/data/transform.c \
  plugins/data/values.c \
  plugins/data/variable.c \
  plugins/data/work.c \
  plugins/common/util.h
plugins_data_data_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_data_data_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
