/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiled expression reads, for those who check it without running it. */
#ifndef WF_EXPR_NAMES_H
#define WF_EXPR_NAMES_H

#include "expr/expr.h"

/* One use of a root name, or a call of a function of the library.  Strings live as long as the expression. */
struct expr_name {
    const char *root;   /* "input"; of a call "now" */
    const char *member; /* input.member, input["member"]; NULL: the whole, or one that is not known before it runs */
    bool call;
    int line, column;   /* from 1, in characters */
};
typedef void expr_name_fn(void *ctx, const struct expr_name *name);

/* Calls seen for each use, in no particular order. */
void expr_names(const struct expr *x, expr_name_fn *seen, void *ctx);
/* The same for all strings of a template. */
void tmpl_names(const struct tmpl *t, expr_name_fn *seen, void *ctx);

#endif
