# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/base/libbase.la
src_base_libbase_la_SOURCES = \
  src/base/buf.c src/base/buf.h \
  src/base/clock.c src/base/clock.h \
  src/base/crashpoint.c src/base/crashpoint.h \
  src/base/error.c src/base/error.h \
  src/base/idmap.c src/base/idmap.h \
  src/base/json.c src/base/json_number.c src/base/json_refs.c src/base/json_read.c src/base/json.h src/base/json_read.h \
  src/base/leave.c src/base/leave.h \
  src/base/log.c src/base/log.h \
  src/base/mem.c src/base/mem.h \
  src/base/nearest.c src/base/nearest.h \
  src/base/pool.c src/base/pool.h \
  src/base/unknown.c src/base/unknown.h \
  src/base/utf8.c src/base/utf8.h \
  src/base/uuid.c src/base/uuid_named.c src/base/uuid.h \
  src/base/zone.c src/base/zone.h src/base/zone_file.c src/base/zone_rule.c
src_base_libbase_la_LIBADD = $(JANSSON_LIBS) -lm
