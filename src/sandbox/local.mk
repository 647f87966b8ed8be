# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/sandbox/libsandbox.la
src_sandbox_libsandbox_la_SOURCES = \
  src/sandbox/death.c src/sandbox/death.h \
  src/sandbox/death_note.c \
  src/sandbox/limits.c src/sandbox/limits.h \
  src/sandbox/quarantine.c src/sandbox/quarantine.h \
  src/sandbox/quarantine_file.c src/sandbox/quarantine_file.h \
  src/sandbox/seccomp.c
src_sandbox_libsandbox_la_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
src_sandbox_libsandbox_la_LIBADD = src/config/libvalue.la src/base/libbase.la $(SECCOMP_LIBS)
