# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/expr/libexpr.la
src_expr_libexpr_la_SOURCES = \
  src/expr/arena.c src/expr/ast.h \
  src/expr/cache.c \
  src/expr/casemap.h \
  src/expr/eval.c src/expr/eval.h \
  src/expr/expr.c src/expr/expr.h \
  src/expr/lex.c src/expr/lex.h \
  src/expr/lib.c src/expr/lib.h \
  src/expr/lib_array.c \
  src/expr/lib_calendar.c \
  src/expr/lib_case.c \
  src/expr/lib_codec.c \
  src/expr/lib_core.c \
  src/expr/lib_date.c src/expr/lib_date.h \
  src/expr/lib_json.c \
  src/expr/lib_list.c \
  src/expr/lib_math.c \
  src/expr/lib_object.c \
  src/expr/lib_select.c \
  src/expr/lib_string.c \
  src/expr/names.c src/expr/names.h \
  src/expr/number.c \
  src/expr/ops.c \
  src/expr/parse.c src/expr/parse.h \
  src/expr/parse_arrow.c \
  src/expr/parse_path.c \
  src/expr/path.c \
  src/expr/regex.c \
  src/expr/text.c \
  src/expr/tmpl.c \
  src/expr/utf8.c src/expr/utf8.h \
  src/expr/value.c src/expr/value.h
src_expr_libexpr_la_CFLAGS = $(AM_CFLAGS) $(LIBCRYPTO_CFLAGS)
src_expr_libexpr_la_LIBADD = $(LIBCRYPTO_LIBS) $(JANSSON_LIBS) $(PCRE2_LIBS) -lm
EXTRA_DIST += tools/casemap.py doc/expressions.md
