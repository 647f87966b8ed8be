/* SPDX-License-Identifier: Apache-2.0 */
/* Loops, cycles without a loop node, and critical sections that cannot end: only what is certain as long as no node fails. */
#include "exec/lint_inside.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "expr/expr.h"

/* ---- What leaves a loop ---- */

static bool is(const struct def_node_view *n, const char *type)
{
    return strcmp(n->type, type) == 0;
}

/* The loop that a break or continue leaves; SIZE_MAX: there is none, or it is not known before it runs. */
static size_t loop_meant(const struct linter *l, size_t node, bool *known)
{
    const json_t *label = json_object_get(l->nodes[node].config, "loop_label");
    const char *name = json_is_string(label) && json_string_length(label) ? json_string_value(label) : NULL;
    size_t at = l->nodes[node].scope_owner;
    *known = !lint_holds_template(label);
    while (at != SIZE_MAX && (!lint_is_loop(&l->nodes[at]) || (name && strcmp(l->nodes[at].id, name) != 0)))
        at = l->nodes[at].scope_owner;
    return *known ? at : SIZE_MAX;
}

static void check_jump(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    const char *label = js_str(n->config, "loop_label");
    bool known, named = label && *label, strange = false;
    if ((!is(n, "break") && !is(n, "continue")) || !n->reachable)
        return;
    for (size_t at = n->scope_owner; at != SIZE_MAX; at = l->nodes[at].scope_owner)
        strange |= !lint_is_loop(&l->nodes[at]) && !is(&l->nodes[at], "try") && !is(&l->nodes[at], "mutex");
    if (loop_meant(l, node, &known) != SIZE_MAX || !known || strange)
        return;
    if (named)
        lint_note(l, true, lint_member(l->config[node], "loop_label"), "node %s: no loop around it is called \"%s\"", n->id, label);
    else
        lint_note(l, true, xstrdup(n->pointer), "node %s: a %s outside of a loop fails", n->id, n->type);
}

/* Does something in the loop's body leave it? */
static bool is_left(const struct linter *l, size_t loop)
{
    if (lint_cancels(l, loop))
        return true;
    for (size_t i = 0; i < l->node_count; i++) {
        const struct def_node_view *n = &l->nodes[i];
        bool known;
        if (!lint_within(l, i, loop))
            continue;
        if (is(n, "terminate"))
            return true;
        if (!is(n, "break") && !is(n, "continue"))
            continue;
        size_t meant = loop_meant(l, i, &known);
        if (!known || (meant == loop && is(n, "break")) || (meant != SIZE_MAX && lint_within(l, loop, meant)))
            return true;
    }
    return false;
}

/* ---- Conditions ---- */

static const char *while_condition(const struct def_node_view *loop)
{
    const char *type = is(loop, "loop") ? js_str(loop->config, "loop_type") : loop->type;
    const json_t *condition = json_object_get(loop->config, "condition_expression");
    if (type && *type ? strcmp(type, "while") != 0 : json_object_get(loop->config, "array_expression") != NULL)
        return NULL;
    return lint_is_loop(loop) && json_is_string(condition) ? json_string_value(condition) : NULL;
}

struct look {
    const struct linter *l;
    size_t loop;
    bool reads;   /* any name */
    bool changes; /* one that may have another value in the next pass */
};

/* Fixed while the loop runs: the output of a node that ran before it. */
static bool output_changes(const struct look *k, const char *id)
{
    size_t node = lint_node(k->l, id);
    struct linter *l = (struct linter *)(uintptr_t)k->l;
    return node == SIZE_MAX || lint_within(l, node, k->loop) || !lint_reach(l, node, SIZE_MAX)[k->loop];
}

static bool name_changes(const struct look *k, const char *name)
{
    const char *own = lint_loop_variable(&k->l->nodes[k->loop]);
    size_t len = strlen(name);
    if (k->l->any_variable || json_object_get(k->l->variables, name) || !own || strcmp(own, name) == 0)
        return true;
    if (strcmp(name, "index") == 0 || strcmp(name, "item") == 0 || strncmp(name, "signal_", 7) == 0)
        return true;
    if (len > 7 && strcmp(name + len - 7, "_output") == 0) {
        CLEANUP_FREE char *id = xstrndup(name, len - 7);
        return output_changes(k, id);
    }
    return len > 16 && strcmp(name + len - 16, "_parallel_result") == 0;
}

static void look_at(void *look, const struct expr_name *name)
{
    struct look *k = look;
    bool whole = strcmp(name->root, "input") == 0 || strcmp(name->root, "data") == 0 || strcmp(name->root, "vars") == 0;
    if (name->call) {
        k->reads |= k->changes |= strcmp(name->root, "now") == 0 || strcmp(name->root, "Date.now") == 0;
        return;
    }
    k->reads = true;
    if (whole)
        k->changes |= !name->member || name_changes(k, name->member);
    else
        k->changes |= strcmp(name->root, "execution") == 0 || name_changes(k, name->root);
}

static const json_t *nothing(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static bool is_limited(const struct def_node_view *loop)
{
    return json_object_get(loop->config, "need") || json_object_get(loop->config, "stop_when") || json_object_get(loop->config, "max_iterations");
}

static void note_condition(struct linter *l, size_t loop, bool error, const char *what)
{
    lint_note(l, error, lint_member(l->config[loop], "condition_expression"), "node %s: %s", l->nodes[loop].id, what);
}

static void check_constant(struct linter *l, size_t loop, const struct expr *x)
{
    int truth = expr_test(x, &(struct expr_env){.lookup = nothing}, NULL);
    if (truth == 0)
        note_condition(l, loop, false, "its condition is never true, so its body never runs");
    else if (truth > 0 && !is_limited(&l->nodes[loop]) && !is_left(l, loop))
        note_condition(l, loop, false,
                       "its condition is always true and nothing in its body leaves it (break, terminate), so it ends only by "
                       "failing: after 10000 passes, when no node fails before");
}

static void check_condition(struct linter *l, size_t loop)
{
    const char *text = while_condition(&l->nodes[loop]);
    struct expr *x = text && *text ? expr_compile_key(text, strlen(text), NULL) : NULL;
    struct look k = {.l = l, .loop = loop};
    if (!x)
        return;
    expr_names(x, look_at, &k);
    if (!k.reads)
        check_constant(l, loop, x);
    else if (!k.changes && !is_limited(&l->nodes[loop]) && !is_left(l, loop))
        note_condition(l, loop, false,
                       "nothing that its condition reads changes while it runs, so that once it is true it stays true and the loop "
                       "ends only by failing");
    expr_free(x);
}

static void check_body(struct linter *l, size_t loop)
{
    const struct def_node_view *n = &l->nodes[loop];
    for (size_t i = l->first_out[loop]; i < l->first_out[loop + 1]; i++) {
        const struct def_edge_view *e = &l->edges[l->out[i]];
        if (!e->silent && e->label && strcmp(e->label, "body") == 0)
            return;
    }
    lint_note(l, false, xstrdup(n->pointer), "node %s: no edge leads into its body, so it %s", n->id,
              is(n, "try") ? "catches nothing" : is(n, "mutex") ? "guards nothing" : "repeats nothing");
}

/* ---- Critical sections ---- */

/* What names the lock, when it is known and only one can hold it; else NULL. */
static const json_t *lock_of_one(const struct def_node_view *n)
{
    const json_t *key = json_object_get(n->config, "key"), *limit = json_object_get(n->config, "limit");
    bool one = !limit || json_is_null(limit) || (json_is_integer(limit) && json_integer_value(limit) == 1);
    return is(n, "mutex") && one && !lint_holds_template(key) ? key : NULL;
}

static void check_mutex(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    const json_t *key = lock_of_one(n);
    for (size_t at = n->scope_owner; key && at != SIZE_MAX; at = l->nodes[at].scope_owner) {
        const json_t *other = lock_of_one(&l->nodes[at]);
        if (!other || !json_equal(key, other))
            continue;
        lint_note(l, false, lint_member(l->config[node], "key"),
                  "node %s waits for the lock that node %s around it holds, so it waits for itself", n->id, l->nodes[at].id);
        return;
    }
}

/* ---- Cycles without a loop node ---- */

struct cycle {
    struct linter *l;
    size_t number;
    bool *sure; /* by node: a back edge is taken for certain once it runs */
};

static bool branches_freely(const struct def_node_view *n)
{
    static const char *const types[] = {"switch", "human_approval", "await", "break", "continue", "terminate"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (is(n, types[i]))
            return true;
    return !n->known;
}

/* Is the edge taken for certain once its node has succeeded and, where it chooses, has chosen `branch`? */
static bool is_taken(const struct def_node_view *n, const struct def_edge_view *e, const char *branch)
{
    if (!e->label)
        return true;
    if (branch)
        return strcmp(e->label, branch) == 0;
    return strcmp(e->label, "done") == 0 && (lint_is_loop(n) || is(n, "try"));
}

static bool leads_back(struct cycle *c, size_t node, const char *branch)
{
    struct linter *l = c->l;
    for (size_t i = l->first_out[node]; i < l->first_out[node + 1]; i++) {
        const struct def_edge_view *e = &l->edges[l->out[i]];
        const struct def_node_view *to = &l->nodes[e->to];
        if (e->silent || to->cycle != c->number || !is_taken(&l->nodes[node], e, branch))
            continue;
        if (e->back || (strcmp(to->join, "n_of_m") != 0 && c->sure[e->to]))
            return true;
    }
    return false;
}

static bool has_error_edge(const struct linter *l, size_t node)
{
    for (size_t i = l->first_out[node]; i < l->first_out[node + 1]; i++)
        if (l->edges[l->out[i]].label && strcmp(l->edges[l->out[i]].label, "error") == 0)
            return true;
    return false;
}

static bool is_sure(struct cycle *c, size_t node)
{
    const struct def_node_view *n = &c->l->nodes[node];
    if (branches_freely(n) || has_error_edge(c->l, node))
        return false;
    if (is(n, "condition"))
        return leads_back(c, node, "true") && leads_back(c, node, "false");
    return leads_back(c, node, NULL);
}

/* The nodes from which there is no way but back, from the back edges on. */
static void find_sure(struct cycle *c)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < c->l->node_count; i++)
            if (c->l->nodes[i].cycle == c->number && !c->sure[i] && is_sure(c, i))
                c->sure[i] = more = true;
    }
}

/* Can something end the execution, or the loop around, while the cycle turns? */
static bool is_escaped(struct linter *l, size_t node)
{
    const bool *reached = lint_reach(l, node, SIZE_MAX);
    for (size_t i = 0; i < l->node_count; i++)
        if (reached[i] && (is(&l->nodes[i], "terminate") || is(&l->nodes[i], "break") || is(&l->nodes[i], "continue")))
            return true;
    return false;
}

static void check_cycle(struct linter *l, size_t head, size_t number)
{
    struct cycle c = {.l = l, .number = number, .sure = xcalloc(l->node_count + 1, sizeof(bool))};
    bool sure = true;
    find_sure(&c);
    for (size_t i = 0; i < l->edge_count; i++)
        if (l->edges[i].back && l->nodes[l->edges[i].src].cycle == number)
            sure &= c.sure[l->edges[i].to];
    if (sure && !is_escaped(l, head))
        lint_note(l, false, xstrdup(l->nodes[head].pointer),
                  "node %s: the cycle that comes back to it has no way out, so it ends only by failing: after 10000 passes, when no "
                  "node fails before",
                  l->nodes[head].id);
    free(c.sure);
}

static void check_cycles(struct linter *l)
{
    CLEANUP_FREE bool *seen = xcalloc(l->node_count + 1, sizeof *seen);
    for (size_t i = 0; i < l->edge_count; i++) {
        const struct def_edge_view *e = &l->edges[i];
        size_t cycle = l->nodes[e->to].cycle;
        if (!e->back || cycle == SIZE_MAX || seen[cycle] || json_object_get(l->nodes[e->to].config, "max_iterations"))
            continue;
        seen[cycle] = true;
        check_cycle(l, e->to, cycle);
    }
}

void lint_loops(struct linter *l)
{
    for (size_t i = 0; i < l->node_count; i++) {
        check_jump(l, i);
        if (lint_is_loop(&l->nodes[i]) || is(&l->nodes[i], "try") || is(&l->nodes[i], "mutex"))
            check_body(l, i);
        check_mutex(l, i);
        if (l->edge_count <= LINT_MAX_EDGES)
            check_condition(l, i);
    }
    if (l->edge_count <= LINT_MAX_EDGES)
        check_cycles(l);
}
