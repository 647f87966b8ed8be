/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that check a definition share.
 *
 * lint.c         the order of things
 * lint_base.c    notes, pointers, ways in the graph
 * lint_config.c  configs: templates, expressions, schemas, keys that nobody reads
 * lint_names.c   names that expressions and templates read
 * lint_flow.c    branches that are never taken, and what may not mean what it looks like
 * lint_loop.c    loops, and cycles without a loop node, that cannot end
 * lint_join.c    joins that can never fire
 * lint_cancel.c  what nodes withdraw
 * lint_view.c    the structure as JSON */
#ifndef WF_EXEC_LINT_INSIDE_H
#define WF_EXEC_LINT_INSIDE_H

#include "exec/lint.h"
#include "expr/names.h"

/* Larger graphs are not looked at where the work grows faster than the graph. */
#define LINT_MAX_EDGES 5000

struct linter {
    const struct def *d;
    const json_t *graph;
    struct diags *diags;
    size_t node_count, edge_count;
    struct def_node_view *nodes;
    struct def_edge_view *edges;
    char **config;            /* pointers to the nodes' configs */
    size_t *out, *first_out;  /* the edges that leave node i: out[first_out[i]] .. out[first_out[i + 1] - 1], in edge order */
    json_t *ids;              /* id -> number of the node */
    json_t *variables;        /* names that set_variable nodes set, as keys */
    bool any_variable;        /* one of them is not known before it runs */
    bool *reached;            /* scratch, node_count */
    size_t *queue;            /* scratch, node_count */
};

/* lint_base.c.  Takes over pointer. */
void lint_note(struct linter *l, bool error, char *pointer, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
char *lint_member(const char *base, const char *key); /* base + "/" + escaped key; a new string */
char *lint_edge_pointer(const struct linter *l, const struct def_edge_view *e); /* of one that is drawn; a new string */
char *lint_config_pointer(const struct linter *l, const struct def_node_view *n); /* to its config; a new string */
bool lint_holds_template(const json_t *v);

/* What can be reached from node `from` (SIZE_MAX: the entry) without passing node `without` (SIZE_MAX: none); the result is
 * good until the next call. */
const bool *lint_reach(struct linter *l, size_t from, size_t without);

bool lint_is_loop(const struct def_node_view *n);
/* Does the node run inside a scope of `owner`, however deep? */
bool lint_within(const struct linter *l, size_t node, size_t owner);
size_t lint_node(const struct linter *l, const char *id); /* SIZE_MAX: there is none */
/* The name that its items have, or NULL: not known before it runs. */
const char *lint_loop_variable(const struct def_node_view *loop);

void lint_config(struct linter *l, size_t node);
void lint_flow(struct linter *l);
void lint_loops(struct linter *l);
void lint_cancel(struct linter *l);
bool lint_cancels(const struct linter *l, size_t node); /* may some node withdraw this one? */

/* lint_names.c.  One name that `node` reads.  bound: the node type lends the expression names of its own. */
struct lint_reading {
    struct linter *l;
    size_t node;
    const char *pointer;
    bool bound;
    bool in_pass; /* a condition that is tested in the passes of the loop `node` */
};
void lint_name(void *reading, const struct expr_name *name);
void lint_collect_variables(struct linter *l);
void lint_get_variable(struct linter *l, size_t node);

#endif
