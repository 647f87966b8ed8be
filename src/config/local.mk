# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/config/libconfig.la src/config/libvalue.la
src_config_libconfig_la_SOURCES = \
  src/config/database.c \
  src/config/dotenv.c src/config/dotenv.h \
  src/config/dsn.c src/config/dsn.h \
  src/config/file.c src/config/file.h \
  src/config/helptext.c src/config/helptext.h \
  src/config/print.c \
  src/config/sections.c \
  src/config/settings.c src/config/settings.def src/config/settings.h \
  src/config/source.h \
  src/config/textfile.c src/config/textfile.h
src_config_libconfig_la_LIBADD = src/config/libvalue.la src/base/libbase.la $(LIBPQ_LIBS)
# Apart: what needs no database links this alone.
src_config_libvalue_la_SOURCES = src/config/setting_value.c src/config/setting_value.h
src_config_libvalue_la_LIBADD = src/base/libbase.la -lm
