# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/exec/libexec.la
src_exec_libexec_la_SOURCES = \
  src/exec/acts.c \
  src/exec/exec.c src/exec/exec.h \
  src/exec/inside.h \
  src/exec/lint.c src/exec/lint.h src/exec/lint_join.c \
  src/exec/services.c \
  src/exec/trace.c src/exec/trace.h
