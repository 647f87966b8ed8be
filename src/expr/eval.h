/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluator's parts: eval.c walks the tree, path.c follows members and calls. */
#ifndef WF_EXPR_EVAL_H
#define WF_EXPR_EVAL_H

#include "expr/ast.h"
#include "expr/lib.h"

/* The value of a node, an own reference. */
bool ex_eval(struct ev *ev, const struct node *n, struct val *out);
bool ex_eval_path(struct ev *ev, const struct node *n, struct val *out);
bool ex_eval_call(struct ev *ev, const struct node *n, struct val *out);
bool ex_member(struct ev *ev, struct val v, struct val key, struct val *out); /* v[key]; borrowed or new: own reference */
bool ex_spread(struct ev *ev, struct arr **into, struct val v); /* takes v over */

#endif
