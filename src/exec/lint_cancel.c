/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that withdraw others: do these exist, and can they be reached from there? */
#include "exec/lint_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static const json_t *named(const struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    return n->reachable && strcmp(n->type, "cancel") == 0 ? json_object_get(n->config, "nodes") : NULL;
}

/* Text or array of texts: the i-th; NULL beyond the end and for what is no text. */
static const char *id_at(const json_t *nodes, size_t i)
{
    if (json_is_string(nodes))
        return i == 0 ? json_string_value(nodes) : NULL;
    return json_string_value(json_array_get(nodes, i));
}

bool lint_cancels(const struct linter *l, size_t node)
{
    for (size_t i = 0; i < l->node_count; i++) {
        const json_t *nodes = named(l, i);
        if (lint_holds_template(nodes))
            return true;
        for (size_t k = 0; id_at(nodes, k); k++)
            if (strcmp(id_at(nodes, k), l->nodes[node].id) == 0)
                return true;
    }
    return false;
}

static bool same_scope(const struct def_node_view *a, const struct def_node_view *b)
{
    return a->scope_owner == b->scope_owner && (!a->scope_branch || strcmp(a->scope_branch, b->scope_branch) == 0);
}

/* Does `target` run in the scope of `node`, or in one around it? */
static bool is_in_reach(const struct linter *l, size_t node, size_t target)
{
    while (!same_scope(&l->nodes[node], &l->nodes[target])) {
        if (l->nodes[node].scope_owner == SIZE_MAX)
            return false;
        node = l->nodes[node].scope_owner;
    }
    return true;
}

static void check_id(struct linter *l, size_t node, const char *id, char *pointer)
{
    size_t target = lint_node(l, id);
    if (target == SIZE_MAX)
        lint_note(l, true, pointer, "node %s: there is no node \"%s\" that could be cancelled", l->nodes[node].id, id);
    else if (!is_in_reach(l, node, target))
        lint_note(l, false, pointer, "node %s: node %s runs inside of %s, where it is never reached; name %s to cancel all of it",
                  l->nodes[node].id, id, l->nodes[l->nodes[target].scope_owner].id, l->nodes[l->nodes[target].scope_owner].id);
    else
        free(pointer);
}

void lint_cancel(struct linter *l)
{
    for (size_t i = 0; i < l->node_count; i++) {
        const json_t *nodes = named(l, i);
        CLEANUP_FREE char *base = nodes ? lint_member(l->config[i], "nodes") : NULL;
        for (size_t k = 0; !lint_holds_template(nodes) && id_at(nodes, k); k++) {
            CLEANUP_FREE char *number = xasprintf("%zu", k);
            check_id(l, i, id_at(nodes, k), json_is_string(nodes) ? xstrdup(base) : lint_member(base, number));
        }
    }
}
