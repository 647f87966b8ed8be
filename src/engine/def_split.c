/* SPDX-License-Identifier: Apache-2.0 */
/* A node that splits may say how its branches join: the nodes where branches of it meet take that for their own join,
 * unless they have one. */
#include "engine/def_int.h"

#include <stdlib.h>

#include "base/mem.h"

#define MAX_WAYS 64 /* further branches count as the last one */

static bool is_way(const struct def *d, const struct def_edge *e, uint32_t split)
{
    return e->src == split && e->from == split && !e->home && !e->error && !e->back &&
           d->nodes[e->to].region == d->nodes[split].region;
}

/* reach[n] = which branches of the split lead to n. */
static void find_reach(const struct def *d, uint32_t split, uint64_t *reach, uint32_t *list)
{
    const struct def_node *n = &d->nodes[split];
    unsigned way = 0;
    for (uint32_t i = 0; i < n->exit_count; i++) {
        const struct def_edge *first = &d->edges[n->exits[i]];
        if (!is_way(d, first, split))
            continue;
        uint64_t bit = UINT64_C(1) << way;
        uint32_t count = 0;
        way += way + 1 < MAX_WAYS;
        if (!(reach[first->to] & bit))
            list[count++] = first->to;
        reach[first->to] |= bit;
        for (uint32_t at = 0; at < count; at++) {
            const struct def_node *m = &d->nodes[list[at]];
            for (uint32_t k = 0; k < m->exit_count; k++) {
                const struct def_edge *e = &d->edges[m->exits[k]];
                if (e->home || e->back || d->nodes[e->to].region != n->region || (reach[e->to] & bit))
                    continue;
                reach[e->to] |= bit;
                list[count++] = e->to;
            }
        }
    }
}

static uint64_t ways_of(const struct def *d, uint32_t split, const struct def_edge *edge, const uint64_t *reach)
{
    const struct def_node *n = &d->nodes[split];
    unsigned way = 0;
    if (edge->src != split)
        return reach[edge->src];
    for (uint32_t i = 0; i < n->exit_count; i++) {
        const struct def_edge *e = &d->edges[n->exits[i]];
        if (e == edge)
            return is_way(d, e, split) ? UINT64_C(1) << way : 0;
        way += is_way(d, e, split) && way + 1 < MAX_WAYS;
    }
    return 0;
}

static bool meets(const struct def *d, uint32_t split, uint32_t node, const uint64_t *reach)
{
    const struct def_node *n = &d->nodes[node];
    uint64_t first = 0;
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct def_edge *e = &d->edges[n->in[i]];
        uint64_t ways = e->back ? 0 : ways_of(d, split, e, reach);
        if (ways && first && ways != first)
            return true;
        first = first ? first : ways;
    }
    return false;
}

static void join_as(struct def_load *l, const struct def_node *split, struct def_node *n)
{
    const struct node_options *from = &split->options;
    struct node_options *o = &n->options;
    (void)l;
    if (!o->join_given) {
        o->join = from->parallel_mode;
        o->join_n = from->parallel_n;
    }
    if (!o->join_rest_given)
        o->join_rest_run = from->join_rest_run;
}

void load_splits(struct def_load *l)
{
    struct def *d = l->d;
    for (uint32_t i = 0; i < d->node_count; i++) {
        if (!d->nodes[i].options.parallel || !d->nodes[i].reachable)
            continue;
        uint64_t *reach = xcalloc(d->node_count + 1, sizeof *reach);
        uint32_t *list = xcalloc(d->node_count + 1, sizeof *list);
        find_reach(d, i, reach, list);
        for (uint32_t k = 0; k < d->node_count; k++) {
            struct def_node *n = &d->nodes[k];
            if (n->region != d->nodes[i].region || n->split != NO_INDEX || !meets(d, i, k, reach))
                continue;
            n->split = i;
            join_as(l, &d->nodes[i], n);
        }
        free(reach);
        free(list);
    }
}
