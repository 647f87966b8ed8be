/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles that are drawn without a loop node.  When a back edge was taken and nothing else is live inside, a new pass
 * begins; when no pass is to come, the edges that leave the cycle and were never taken die. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/mem.h"

/* Does the pass that now begins at this node exceed its max_iterations? */
bool node_iterated_out(const struct step *st, const struct scope *scope, uint32_t node)
{
    const struct def_node *n = &st->d->nodes[node];
    return n->cycle != NO_INDEX && slot_of(st->d, scope, node)->again > 0 &&
           (int64_t)cycle_of(st->d, scope, n->cycle)->pass > n->options.max_iterations;
}

/* Mark what the targets of the taken back edges reach inside, without back edges.  The list is the caller's. */
static uint32_t *mark_reached(const struct step *st, struct scope *scope, const struct def_cycle *c, uint32_t *count)
{
    const struct def *d = st->d;
    uint32_t *list = xcalloc(c->node_count, sizeof *list), n = 0;
    for (uint32_t i = 0; i < c->back_count; i++) {
        struct slot *slot = slot_of(d, scope, d->edges[c->back[i]].to);
        if (*edge_of(d, scope, c->back[i]) == EDGE_TAKEN && !slot->mark) {
            slot->mark = true;
            list[n++] = d->edges[c->back[i]].to;
        }
    }
    for (uint32_t at = 0; at < n; at++) {
        const struct def_node *node = &d->nodes[list[at]];
        for (uint32_t k = 0; k < node->exit_count; k++) {
            const struct def_edge *e = &d->edges[node->exits[k]];
            if (e->back || e->home || d->nodes[e->to].region != scope->region || d->nodes[e->to].cycle != node->cycle ||
                slot_of(d, scope, e->to)->mark)
                continue;
            slot_of(d, scope, e->to)->mark = true;
            list[n++] = e->to;
        }
    }
    *count = n;
    return list;
}

/* The edges into a node that takes part in the new pass: those from inside are pending, or dead when their source takes
 * no part; those from outside keep their state.  Those that were taken count for the join, but only what is new in a pass
 * makes the node run: they are stale, unless the node is still undecided and has made nothing of them yet. */
static void reset_node(const struct step *st, struct scope *scope, uint32_t node)
{
    const struct def *d = st->d;
    const struct def_node *n = &d->nodes[node];
    struct slot *slot = slot_of(d, scope, node);
    bool decided = slot->state != SLOT_UNDECIDED;
    slot->state = SLOT_UNDECIDED;
    slot->taken = slot->dead = slot->again = 0;
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct def_edge *e = &d->edges[n->in[i]];
        uint8_t *state = edge_of(d, scope, n->in[i]);
        if (e->back) {
            slot->again += *state == EDGE_TAKEN;
            *state = EDGE_PENDING;
            continue;
        }
        if (!e->entry && d->nodes[e->src].cycle == n->cycle)
            *state = slot_of(d, scope, e->src)->mark ? EDGE_PENDING : EDGE_DEAD;
        slot->taken += *state == EDGE_TAKEN;
        slot->dead += *state == EDGE_DEAD && d->nodes[e->src].reachable;
    }
    if (decided)
        slot->stale = slot->taken;
    slot->taken += slot->again;
}

static void begin_pass(struct step *st, struct scope *scope, uint32_t number)
{
    const struct def_cycle *c = &st->d->cycles[number];
    uint32_t count;
    uint32_t *list = mark_reached(st, scope, c, &count);
    cycle_of(st->d, scope, number)->pass++;
    cycle_of(st->d, scope, number)->again = 0;
    for (uint32_t i = 0; i < count; i++)
        reset_node(st, scope, list[i]);
    for (uint32_t i = 0; i < count; i++)
        slot_of(st->d, scope, list[i])->mark = false;
    for (uint32_t i = 0; i < count; i++)
        if (slot_of(st->d, scope, list[i])->again && slot_of(st->d, scope, list[i])->state == SLOT_UNDECIDED)
            join_arrive(st, scope, list[i]);
    free(list);
}

static void end_cycle(struct step *st, struct scope *scope, uint32_t number)
{
    const struct def *d = st->d;
    const struct def_cycle *c = &st->d->cycles[number];
    cycle_of(st->d, scope, number)->over = true;
    for (uint32_t i = 0; i < c->leaving_count; i++)
        if (d->nodes[d->edges[c->leaving[i]].to].region == scope->region && *edge_of(d, scope, c->leaving[i]) == EDGE_HELD)
            edge_release(st, scope, c->leaving[i]);
}

bool cycles_continue(struct step *st, struct scope *scope)
{
    const struct def_region *r = &st->d->regions[scope->region];
    bool did = false;
    for (uint32_t i = r->cycle_first; i < r->cycle_first + r->cycle_count; i++) {
        const struct cycle *c = cycle_of(st->d, scope, i);
        if (c->over || c->live)
            continue;
        if (!c->again && c->entering)
            continue;
        if (c->again)
            begin_pass(st, scope, i);
        else
            end_cycle(st, scope, i);
        did = true;
    }
    return did;
}
