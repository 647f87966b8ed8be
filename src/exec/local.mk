# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/exec/libexec.la
src_exec_libexec_la_SOURCES = \
  src/exec/acts.c \
  src/exec/asks.c src/exec/child.c \
  src/exec/draw.h src/exec/draw_dot.c src/exec/draw_svg.c src/exec/draw_text.c \
  src/exec/exec.c src/exec/exec.h \
  src/exec/inside.h \
  src/exec/layout.c src/exec/layout.h src/exec/layout_order.c src/exec/layout_place.c \
  src/exec/lint.c src/exec/lint.h src/exec/lint_inside.h \
  src/exec/lint_base.c src/exec/lint_cancel.c src/exec/lint_config.c src/exec/lint_flow.c src/exec/lint_join.c src/exec/lint_loop.c src/exec/lint_names.c \
  src/exec/lint_view.c \
  src/exec/once.c src/exec/once.h \
  src/exec/services.c \
  src/exec/trace.c src/exec/trace.h
