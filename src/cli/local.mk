# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/cli/libdevdb.la
src_cli_libdevdb_la_SOURCES = \
  src/cli/devdb.c src/cli/devdb.h \
  src/cli/devdb_system.c src/cli/devdb_system.h
src_cli_libdevdb_la_LIBADD = src/base/libbase.la $(LIBPQ_LIBS)

bin_PROGRAMS += wfworker
wfworker_SOURCES = src/cli/main.c
wfworker_LDADD = src/base/libbase.la
