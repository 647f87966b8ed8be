/* SPDX-License-Identifier: Apache-2.0 */
/* The structure of a definition as it was understood. */
#include "base/json.h"
#include "exec/lint.h"

bool lint_goes_home(const struct def *d, const struct def_edge_view *e)
{
    struct def_node_view n;
    for (size_t node = e->from; node != SIZE_MAX; node = n.scope_owner) {
        def_view_node(d, node, &n);
        if (n.scope_owner == e->to)
            return true;
    }
    return false;
}

static json_t *scope_of(const struct def *d, const struct def_node_view *n)
{
    if (n->scope_owner == SIZE_MAX)
        return json_null();
    json_t *scope = json_object();
    js_set(scope, "owner", json_string(def_node_id(d, n->scope_owner)));
    js_set(scope, "branch", n->scope_branch ? json_string(n->scope_branch) : json_null());
    return scope;
}

json_t *lint_structure(const struct def *d)
{
    json_t *out = json_object(), *nodes = json_array(), *edges = json_array();
    struct def_node_view n;
    struct def_edge_view e;
    js_set(out, "entry", def_entry(d) == SIZE_MAX ? json_null() : json_string(def_node_id(d, def_entry(d))));
    for (size_t i = 0; i < def_node_count(d); i++) {
        json_t *v = json_object();
        def_view_node(d, i, &n);
        js_set(v, "id", json_string(n.id));
        js_set(v, "type", json_string(n.type));
        js_set(v, "reachable", json_boolean(n.reachable));
        js_set(v, "join", json_string(n.join));
        js_set(v, "scope", scope_of(d, &n));
        js_push(nodes, v);
    }
    for (size_t i = 0; i < def_edge_count(d); i++) {
        json_t *v = json_object();
        def_view_edge(d, i, &e);
        js_set(v, "from", json_string(def_node_id(d, e.from)));
        js_set(v, "to", json_string(def_node_id(d, e.to)));
        js_set(v, "branch", e.label ? json_string(e.label) : json_null());
        js_set(v, "back", json_boolean(e.back || lint_goes_home(d, &e)));
        js_set(v, "silent", json_boolean(e.silent));
        js_push(edges, v);
    }
    js_set(out, "nodes", nodes);
    js_set(out, "edges", edges);
    return out;
}
