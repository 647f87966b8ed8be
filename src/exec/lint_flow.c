/* SPDX-License-Identifier: Apache-2.0 */
/* The flow: branches that a node never takes, and structures that may not mean what they look like. */
#include "exec/lint_inside.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- Branches that are never taken ---- */

static bool is(const struct def_node_view *n, const char *type)
{
    return strcmp(n->type, type) == 0;
}

static void add(json_t *branches, const char *name)
{
    js_set(branches, name, json_true());
}

static void add_cases(json_t *branches, const json_t *cases)
{
    json_t *name;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)cases, key, name)
        add(branches, json_is_string(name) && json_string_length(name) ? json_string_value(name) : key);
}

static void add_texts(json_t *branches, const json_t *texts)
{
    for (size_t i = 0; i < json_array_size(texts); i++)
        if (json_is_string(json_array_get(texts, i)))
            add(branches, json_string_value(json_array_get(texts, i)));
}

static bool given(const json_t *config, const char *key)
{
    const json_t *v = json_object_get(config, key);
    return v && !json_is_null(v);
}

static void switch_branches(const struct def_node_view *n, json_t *out)
{
    const json_t *cases = json_object_get(n->config, "cases");
    add(out, "true");
    add(out, "false");
    if (given(n->config, "switch_expression") || json_object_size(cases))
        add(out, "default");
    add_cases(out, cases);
}

static void approval_branches(const struct def_node_view *n, json_t *out)
{
    add_texts(out, json_object_get(n->config, "approval_options"));
    if (!given(n->config, "approval_options")) {
        add(out, "approve");
        add(out, "reject");
    }
    add(out, "timeout");
}

static void await_branches(const struct def_node_view *n, json_t *out)
{
    if (given(n->config, "signal_type") && json_is_string(json_object_get(n->config, "signal_type")))
        add(out, js_str(n->config, "signal_type"));
    add_texts(out, json_object_get(n->config, "signals"));
    if (given(n->config, "until"))
        add(out, "until");
    if (given(n->config, "condition"))
        add(out, "condition");
    add(out, "timeout");
}

static bool is_open(const struct def_node_view *n, const char *const keys[])
{
    for (size_t i = 0; keys[i]; i++)
        if (lint_holds_template(json_object_get(n->config, keys[i])))
            return true;
    return false;
}

/* What the node can take, as keys of an object; NULL: not known. */
static json_t *branches_of(const struct def_node_view *n)
{
    json_t *out = json_object();
    if (is(n, "condition")) {
        add(out, "true");
        add(out, "false");
    } else if (is(n, "switch") && !is_open(n, (const char *const[]){"cases", NULL})) {
        switch_branches(n, out);
    } else if (is(n, "human_approval") && !is_open(n, (const char *const[]){"approval_options", NULL})) {
        approval_branches(n, out);
    } else if (is(n, "await") && !is_open(n, (const char *const[]){"signal_type", "signals", NULL})) {
        await_branches(n, out);
    } else {
        json_decref(out);
        return NULL;
    }
    return out;
}

static char *listed(json_t *branches)
{
    struct buf b = BUF_INIT;
    const char *key;
    json_t *v;
    size_t i = 0, n = json_object_size(branches);
    json_object_foreach(branches, key, v)
    {
        buf_printf(&b, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", key);
        i++;
    }
    return buf_steal(&b);
}

static void check_branches(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    CLEANUP_JSON json_t *branches = branches_of(n);
    for (size_t i = l->first_out[node]; branches && i < l->first_out[node + 1]; i++) {
        const struct def_edge_view *e = &l->edges[l->out[i]];
        if (!e->label || strcmp(e->label, "error") == 0 || json_object_get(branches, e->label))
            continue;
        CLEANUP_FREE char *list = listed(branches);
        lint_note(l, false, lint_edge_pointer(l, e), "node %s never takes the branch %s of its edge to %s: it takes %s", n->id,
                  e->label, l->nodes[e->to].id, list);
    }
}

/* ---- A catch without a finally ---- */

static bool has_edge(const struct linter *l, size_t node, const char *label)
{
    for (size_t i = l->first_out[node]; i < l->first_out[node + 1]; i++) {
        const struct def_edge_view *e = &l->edges[l->out[i]];
        if (!e->silent && e->label && strcmp(e->label, label) == 0)
            return true;
    }
    return false;
}

/* Was the catch drawn behind other nodes, in a chain? */
static bool in_chain(const struct linter *l, size_t node)
{
    for (size_t i = 0; i < l->edge_count; i++)
        if (l->edges[i].silent && l->edges[i].to == node)
            return true;
    return false;
}

/* A chain try -> A -> catch -> B: B is not what follows the try. */
static void check_chain(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    if (!is(n, "catch") || !n->scope_branch || strcmp(n->scope_branch, "catch") != 0 || has_edge(l, n->scope_owner, "finally") ||
        !in_chain(l, node))
        return;
    for (size_t i = l->first_out[node]; i < l->first_out[node + 1]; i++) {
        const struct def_edge_view *e = &l->edges[l->out[i]];
        if (e->silent || l->nodes[e->to].scope_owner != n->scope_owner)
            continue;
        lint_note(l, false, xstrdup(n->pointer),
                  "node %s: there is no finally, so what follows it (%s) belongs to the catch and runs only after a failure; draw "
                  "what follows the try from node %s, with branch done",
                  n->id, l->nodes[e->to].id, l->nodes[n->scope_owner].id);
        return;
    }
}

/* ---- Workflow variables in a map ---- */

static bool is_map(const struct def_node_view *n)
{
    const json_t *most = json_object_get(n->config, "max_concurrency");
    return lint_is_loop(n) && (lint_holds_template(most) || (json_is_number(most) && json_number_value(most) > 1));
}

static void check_variable(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    const char *scope = js_str(n->config, "variable_scope");
    if (!is(n, "set_variable") || (scope && *scope && strcmp(scope, "workflow") != 0))
        return;
    for (size_t at = n->scope_owner; at != SIZE_MAX; at = l->nodes[at].scope_owner) {
        if (!is_map(&l->nodes[at]))
            continue;
        lint_note(l, false, lint_member(l->config[node], "variable_name"),
                  "node %s sets a variable of the workflow in passes of %s that run side by side: the last one to write wins", n->id,
                  l->nodes[at].id);
        return;
    }
}

/* ---- Exits of cycles ---- */

static bool is_cut(const struct def_edge_view *e, const struct def_edge_view *taken)
{
    bool same = e->label && taken->label && strcmp(e->label, taken->label) == 0, error = strcmp(taken->label, "error") == 0;
    return e->from == taken->from && !same && (e->label || error);
}

static bool in_cycle(const struct linter *l, const struct def_edge_view *e, size_t cycle)
{
    return !e->silent && l->nodes[e->src].cycle == cycle && l->nodes[e->to].cycle == cycle && !lint_goes_home(l->d, e);
}

/* Mark what runs in a pass of the cycle in which `taken` is; true: something was added. */
static bool spread(struct linter *l, const struct def_edge_view *taken, size_t cycle)
{
    bool more = false;
    for (size_t i = 0; i < l->edge_count; i++) {
        const struct def_edge_view *e = &l->edges[i];
        bool inside = l->nodes[e->to].cycle == cycle && !e->silent;
        bool start = inside && (e->back || l->nodes[e->src].cycle != cycle);
        if (!inside || l->reached[e->to] || !(start || (l->reached[e->src] && !is_cut(e, taken))))
            continue;
        l->reached[e->to] = more = true;
    }
    return more;
}

/* Can an edge that closes the cycle be taken in the pass in which `taken` is?  Not when the same node would have to choose
 * another branch for it. */
static bool may_go_on(struct linter *l, const struct def_edge_view *taken)
{
    size_t cycle = l->nodes[taken->src].cycle;
    if (!taken->label || taken->src != taken->from)
        return true;
    memset(l->reached, 0, l->node_count * sizeof *l->reached);
    while (spread(l, taken, cycle))
        ;
    for (size_t i = 0; i < l->edge_count; i++) {
        const struct def_edge_view *e = &l->edges[i];
        if (e->back && in_cycle(l, e, cycle) && l->reached[e->src] && !is_cut(e, taken))
            return true;
    }
    return false;
}

static bool comes_from_elsewhere(const struct linter *l, size_t node, size_t cycle)
{
    for (size_t i = 0; i < l->edge_count; i++) {
        const struct def_edge_view *e = &l->edges[i];
        if (e->to == node && !e->silent && !e->back && l->nodes[e->src].reachable && l->nodes[e->src].cycle != cycle &&
            !lint_goes_home(l->d, e))
            return true;
    }
    return false;
}

static void check_exit(struct linter *l, const struct def_edge_view *e)
{
    size_t cycle = l->nodes[e->src].cycle;
    const struct def_node_view *to = &l->nodes[e->to];
    if (cycle == SIZE_MAX || to->cycle == cycle || e->silent || lint_goes_home(l->d, e) || to->scope_owner == e->src)
        return;
    if (comes_from_elsewhere(l, e->to, cycle) && may_go_on(l, e))
        lint_note(l, false, lint_edge_pointer(l, e),
                  "the edge from %s to %s leaves a cycle, but %s has edges from elsewhere, too: it runs the first time only, not once "
                  "for every pass",
                  l->nodes[e->from].id, to->id, to->id);
}

void lint_flow(struct linter *l)
{
    for (size_t i = 0; i < l->node_count; i++) {
        check_branches(l, i);
        check_chain(l, i);
        check_variable(l, i);
    }
    for (size_t i = 0; i < l->edge_count && l->edge_count <= LINT_MAX_EDGES; i++)
        check_exit(l, &l->edges[i]);
}
