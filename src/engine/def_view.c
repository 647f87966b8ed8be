/* SPDX-License-Identifier: Apache-2.0 */
/* The structure of a definition for those who check or draw it. */
#include "engine/def_int.h"

size_t def_entry(const struct def *d)
{
    return d->entry == NO_INDEX ? SIZE_MAX : d->entry;
}

static const char *join_name(enum join_mode mode)
{
    static const char *const names[] = {[JOIN_ALL] = "all", [JOIN_ANY] = "any", [JOIN_N_OF_M] = "n_of_m", [JOIN_EACH] = "each"};
    return names[mode];
}

void def_view_node(const struct def *d, size_t node, struct def_node_view *out)
{
    const struct def_node *n = &d->nodes[node];
    *out = (struct def_node_view){.id = n->id, .type = n->type, .pointer = n->pointer, .config = n->config,
                                  .config_error = n->tmpl ? NULL : n->config_error.message,
                                  .join = join_name(n->options.join), .join_n = n->options.join_n,
                                  .known = n->known, .reachable = n->reachable, .scope_owner = SIZE_MAX,
                                  .cycle = n->cycle == NO_INDEX ? SIZE_MAX : n->cycle};
    const struct def_region *r = &d->regions[n->region];
    if (r->owner != NO_INDEX) {
        out->scope_owner = r->owner;
        out->scope_branch = r->branch;
    }
}

size_t def_edge_count(const struct def *d)
{
    return d->edge_count;
}

void def_view_edge(const struct def *d, size_t edge, struct def_edge_view *out)
{
    const struct def_edge *e = &d->edges[edge];
    *out = (struct def_edge_view){.from = e->from, .to = e->to, .src = e->src, .label = e->label, .back = e->back, .silent = e->mute};
}
