/* SPDX-License-Identifier: Apache-2.0 */
/* The structure of a definition for those who check or draw it. */
#include "engine/def_int.h"

size_t def_entry(const struct def *d)
{
    return d->entry == NO_INDEX ? SIZE_MAX : d->entry;
}

static const char *join_name(enum join_mode mode)
{
    return mode == JOIN_ALL ? "all" : mode == JOIN_ANY ? "any" : "n_of_m";
}

void def_view_node(const struct def *d, size_t node, struct def_node_view *out)
{
    const struct def_node *n = &d->nodes[node];
    *out = (struct def_node_view){.id = n->id, .type = n->type, .pointer = n->pointer, .config = n->config,
                                  .config_error = n->tmpl ? NULL : n->config_error.message,
                                  .join = join_name(n->options.join), .join_n = n->options.join_n,
                                  .known = n->known, .reachable = n->reachable};
}

size_t def_edge_count(const struct def *d)
{
    return d->edge_count;
}

void def_view_edge(const struct def *d, size_t edge, struct def_edge_view *out)
{
    const struct def_edge *e = &d->edges[edge];
    *out = (struct def_edge_view){.from = e->from, .to = e->to, .label = e->label, .back = e->back};
}
