/* SPDX-License-Identifier: Apache-2.0 */
/* Joins: when the edges that came in decide a node, and what happens to the branches that lost. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

enum verdict { WAIT, RUN, SKIP, IMPOSSIBLE };

static enum verdict judge(const struct def_node *n, const struct slot *slot)
{
    uint32_t pending = n->join_in + slot->again - slot->taken - slot->dead;
    if (slot->taken == slot->stale) /* nothing is new in this pass */
        return pending ? WAIT : SKIP;
    switch (n->options.join) {
    case JOIN_ALL:
        return pending ? WAIT : RUN;
    case JOIN_ANY:
    case JOIN_EACH: /* the one arrival that its area is for */
        return RUN;
    case JOIN_N_OF_M:
        break;
    }
    if ((int64_t)slot->taken >= n->options.join_n)
        return RUN;
    return (int64_t)slot->taken + pending < n->options.join_n ? IMPOSSIBLE : WAIT;
}

/* ---- the branches that lost ---- */

struct nodes {
    uint32_t *items;
    size_t len, cap;
};

static void nodes_add(struct nodes *n, uint32_t node)
{
    void *items = n->items;
    xgrow(&items, &n->cap, n->len + 1, sizeof *n->items);
    n->items = items;
    n->items[n->len++] = node;
}

/* Walk back from `node` along edges that are still undecided: a source all of whose ways on are known to end in the join
 * has nothing to do any more. */
static void look_back(struct step *st, struct scope *scope, uint32_t node, struct nodes *touched, struct nodes *pointless)
{
    const struct def_node *n = &st->d->nodes[node];
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct def_edge *e = &st->d->edges[n->in[i]];
        uint8_t state = *edge_of(st->d, scope, n->in[i]);
        bool open = state == EDGE_PENDING || state == EDGE_HELD; /* HELD: a later pass may still take it */
        if (e->error || e->back || e->entry || !open || !st->d->nodes[e->src].reachable)
            continue;
        struct slot *slot = slot_of(st->d, scope, e->src);
        if (!slot->mark) {
            slot->mark = true;
            slot->left = st->d->nodes[e->src].ways;
            nodes_add(touched, e->src);
        }
        if (--slot->left == 0)
            nodes_add(pointless, e->src);
    }
}

static struct act *act_of(const struct engine_state *s, const struct scope *scope, uint32_t node)
{
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->scope == scope && s->acts[i]->node == node)
            return s->acts[i];
    return NULL;
}

static void cancel(struct step *st, struct scope *scope, uint32_t node)
{
    struct slot *slot = slot_of(st->d, scope, node);
    struct act *a = slot->state == SLOT_LIVE ? act_of(st->s, scope, node) : NULL;
    if (a) {
        act_cancel(st, a);
    } else if (slot->state == SLOT_EACH) {
        cancel_areas(st, scope, node);
    } else if (slot->state == SLOT_UNDECIDED) {
        slot->state = SLOT_CANCELLED;
        edges_die(st, scope, node);
    }
}

static void cancel_rest(struct step *st, struct scope *scope, uint32_t join)
{
    struct nodes touched = {0}, pointless = {0};
    look_back(st, scope, join, &touched, &pointless);
    for (size_t i = 0; i < pointless.len; i++)
        look_back(st, scope, pointless.items[i], &touched, &pointless);
    for (size_t i = 0; i < touched.len; i++) {
        slot_of(st->d, scope, touched.items[i])->mark = false;
        slot_of(st->d, scope, touched.items[i])->left = 0;
    }
    for (size_t i = 0; i < pointless.len; i++)
        if (pointless.items[i] != join)
            cancel(st, scope, pointless.items[i]);
    xfree(touched.items);
    xfree(pointless.items);
}

/* ---- the join itself ---- */

static void fail_unsatisfiable(struct step *st, struct scope *scope, uint32_t node)
{
    const struct slot *slot = slot_of(st->d, scope, node);
    CLEANUP_FREE char *text = xasprintf("the join needs %lld edges, but only %u can still be taken",
                                        (long long)st->d->nodes[node].options.join_n,
                                        st->d->nodes[node].join_in + slot->again - slot->dead);
    struct act *a = act_new(st, scope, node);
    if (!act_iterated_out(st, a))
        node_fail_text(st, a, "join_unsatisfiable", text);
}

/* ---- what the branches of a split brought ---- */

static json_t *edge_output(const struct step *st, const struct scope *scope, uint32_t edge)
{
    const struct def_node *from = &st->d->nodes[st->d->edges[edge].from];
    const json_t *output = scope_data_get(st->s, scope, from->output_key);
    return output ? json_incref((json_t *)(uintptr_t)output) : json_object();
}

static json_t *aggregated(const struct step *st, const struct scope *scope, uint32_t node, enum aggregation how)
{
    const struct def_node *n = &st->d->nodes[node];
    json_t *value = how == AGGREGATE_ARRAY ? json_array() : json_object();
    bool any = false;
    for (uint32_t i = 0; i < n->in_count; i++) {
        if (st->d->edges[n->in[i]].back || *edge_of(st->d, scope, n->in[i]) != EDGE_TAKEN)
            continue;
        json_t *output = edge_output(st, scope, n->in[i]);
        if (how == AGGREGATE_ARRAY)
            js_push(value, json_incref(output));
        else if (how == AGGREGATE_MERGE || how == AGGREGATE_LAST || !any) {
            if (how == AGGREGATE_LAST)
                json_object_clear(value);
            json_object_update(value, output);
        }
        any = true;
        json_decref(output);
    }
    return value;
}

/* The first node where branches of a split meet sets the split's parallel_result. */
void aggregate(struct step *st, struct scope *scope, uint32_t node)
{
    uint32_t split = st->d->nodes[node].split;
    if (split == NO_INDEX)
        return;
    const struct def_node *n = &st->d->nodes[split];
    struct slot *slot = slot_of(st->d, scope, split);
    if (slot->aggregated)
        return;
    slot->aggregated = true;
    CLEANUP_FREE char *key = xasprintf("%s_parallel_result", n->id);
    scope_data_set(st, scope, key, aggregated(st, scope, node, n->options.aggregation));
}

/* ---- the node is decided ---- */

static void fire(struct step *st, struct scope *scope, uint32_t node)
{
    const struct def_node *n = &st->d->nodes[node];
    aggregate(st, scope, node);
    node_entered(st, scope, node);
    if (n->options.join == JOIN_ALL || n->options.join == JOIN_EACH || n->options.join_rest_run || st->s->failing.set ||
        scope_base(scope)->ending != END_NONE)
        return;
    cancel_rest(st, scope, node);
    struct act *a = cancel_under_way(st->s, scope) ? act_of(st->s, scope, node) : NULL;
    if (a && a->state == ACT_QUEUED)
        act_set_state(st->s, a, ACT_HELD);
}

void join_arrive(struct step *st, struct scope *scope, uint32_t node)
{
    struct slot *slot = slot_of(st->d, scope, node);
    switch (judge(&st->d->nodes[node], slot)) {
    case WAIT:
        return;
    case SKIP:
        slot->state = SLOT_SKIPPED;
        edges_die(st, scope, node);
        return;
    case IMPOSSIBLE:
        fail_unsatisfiable(st, scope, node);
        return;
    case RUN:
        fire(st, scope, node);
        return;
    }
}
