/* SPDX-License-Identifier: Apache-2.0 */
/* What runs more than once beside itself: a node and all that it dominates, for each edge that arrives at a join
 * `each`, and for each further time that a cycle is left along the same edge.  Such a run has edge states of its own.
 */
#include "engine/state_int.h"

#include "base/json.h"

bool in_area(const struct def *d, const struct scope *scope, uint32_t node)
{
    return scope->head == NO_INDEX || def_dominates(d, scope->head, node);
}

static struct scope *begin(struct step *st, struct scope *scope, enum scope_kind kind, uint32_t edge)
{
    uint32_t node = st->d->edges[edge].to;
    struct scope *area = scope_add(st->s, st->d, kind, scope, scope->region);
    area->head = node;
    area->order = edge;
    *edge_of(st->d, area, edge) = EDGE_TAKEN;
    count_entering(st->d, area);
    scope->live++;
    scope_touch(st->s, area);
    node_entered(st, area, node);
    return area;
}

/* ---- join: each ---- */

void each_arrive(struct step *st, struct scope *scope, uint32_t edge)
{
    struct slot *slot = slot_of(st->d, scope, st->d->edges[edge].to);
    scope_touch(st->s, scope);
    if ((slot->state != SLOT_UNDECIDED && slot->state != SLOT_EACH) || *edge_of(st->d, scope, edge) != EDGE_TAKEN)
        return;
    slot->state = SLOT_EACH;
    begin(st, scope, SCOPE_EACH, edge);
}

/* The edges that lead out of the area: taken when any run took them. */
void each_release(struct step *st, struct scope *scope, uint32_t node, bool dead)
{
    const struct def *d = st->d;
    const struct def_region *r = &d->regions[scope->region];
    publish_now(st, scope, &scope->publish);
    for (uint32_t i = 0; i < r->edge_count; i++) {
        const struct def_edge *e = &d->edges[r->edges[i]];
        if (e->mute || e->home || e->entry || !def_dominates(d, node, e->src) || def_dominates(d, node, e->to))
            continue;
        bool taken = !dead && scope->edges[i] == EDGE_WANTED;
        if (scope->edges[i] == EDGE_WANTED)
            scope->edges[i] = EDGE_PENDING;
        edge_decide(st, scope, r->edges[i], taken);
    }
}

static bool runs_in(const struct scope *scope, uint32_t node)
{
    for (const struct scope *inner = scope->first_inner; inner; inner = inner->next_beside)
        if (inner->kind == SCOPE_EACH && inner->head == node)
            return true;
    return false;
}

bool eachs_settle(struct step *st, struct scope *scope)
{
    const struct def *d = st->d;
    const struct def_region *r = &d->regions[scope->region];
    for (uint32_t i = 0; r->has_each && i < r->node_count; i++) {
        uint32_t node = r->nodes[i];
        struct slot *slot = &scope->slots[i];
        const struct def_node *n = &d->nodes[node];
        if (n->options.join != JOIN_EACH || scope->head == node ||
            (slot->state != SLOT_EACH && slot->state != SLOT_UNDECIDED) || slot->taken + slot->dead < n->join_in ||
            n->join_in == 0 || runs_in(scope, node))
            continue;
        bool ran = slot->state == SLOT_EACH;
        slot->state = ran ? SLOT_DONE : SLOT_SKIPPED;
        if (ran)
            each_release(st, scope, node, false);
        else
            edges_die(st, scope, node);
        return true;
    }
    return false;
}

/* ---- out of a cycle once more ---- */

/* Only where nothing but this edge leads: else the first time is all. */
void run_again(struct step *st, struct scope *scope, uint32_t edge)
{
    const struct def_node *n = &st->d->nodes[st->d->edges[edge].to];
    struct scope *base = scope_base(scope);
    if (n->join_in != 1 || n->cycle != NO_INDEX || n->options.join == JOIN_EACH || base->ending != END_NONE)
        return;
    begin(st, scope, SCOPE_AGAIN, edge);
}

/* ---- the end of such a run ---- */

void area_over(struct step *st, struct scope *scope)
{
    struct scope *parent = scope->parent;
    const char *key;
    json_t *value;
    json_object_foreach(scope->own, key, value) publish_later(&parent->publish, key, scope->order, value);
    parent->live--;
    scope_touch(st->s, parent);
    scope_remove(st->s, scope);
}
