/* SPDX-License-Identifier: Apache-2.0 */
/* Joins: when the edges that came in decide a node, and what happens to the branches that lost. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/mem.h"

enum verdict { WAIT, RUN, SKIP, IMPOSSIBLE };

static enum verdict judge(const struct def_node *n, const struct slot *slot)
{
    uint32_t pending = n->join_in + slot->again - slot->taken - slot->dead;
    if (slot->taken == 0)
        return pending ? WAIT : SKIP;
    switch (n->options.join) {
    case JOIN_ALL:
        return pending ? WAIT : RUN;
    case JOIN_ANY:
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
        struct slot *slot = &scope->slots[e->from];
        if (e->error || e->back || scope->edges[n->in[i]] != EDGE_PENDING || !st->d->nodes[e->from].reachable)
            continue;
        if (!slot->mark) {
            slot->mark = true;
            slot->left = st->d->nodes[e->from].ways;
            nodes_add(touched, e->from);
        }
        if (--slot->left == 0)
            nodes_add(pointless, e->from);
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
    struct slot *slot = &scope->slots[node];
    struct act *a = slot->state == SLOT_LIVE ? act_of(st->s, scope, node) : NULL;
    if (a && a->state == ACT_RUNNING)
        emit_cancel(st, a);
    if (a)
        act_over(st, a, SLOT_CANCELLED);
    else if (slot->state == SLOT_UNDECIDED)
        slot->state = SLOT_CANCELLED;
    else
        return;
    edges_die(st, scope, node);
}

static void cancel_rest(struct step *st, struct scope *scope, uint32_t join)
{
    struct nodes touched = {0}, pointless = {0};
    look_back(st, scope, join, &touched, &pointless);
    for (size_t i = 0; i < pointless.len; i++)
        look_back(st, scope, pointless.items[i], &touched, &pointless);
    for (size_t i = 0; i < touched.len; i++) {
        scope->slots[touched.items[i]].mark = false;
        scope->slots[touched.items[i]].left = 0;
    }
    for (size_t i = 0; i < pointless.len; i++)
        if (pointless.items[i] != join)
            cancel(st, scope, pointless.items[i]);
    free(touched.items);
    free(pointless.items);
}

/* ---- the join itself ---- */

static void fail_unsatisfiable(struct step *st, struct scope *scope, uint32_t node)
{
    const struct slot *slot = &scope->slots[node];
    CLEANUP_FREE char *text = xasprintf("the join needs %lld edges, but only %u can still be taken",
                                        (long long)st->d->nodes[node].options.join_n,
                                        st->d->nodes[node].join_in + slot->again - slot->dead);
    node_fail_text(st, act_new(st, scope, node), "join_unsatisfiable", text);
}

void join_arrive(struct step *st, struct scope *scope, uint32_t node)
{
    const struct def_node *n = &st->d->nodes[node];
    switch (judge(n, &scope->slots[node])) {
    case WAIT:
        return;
    case SKIP:
        scope->slots[node].state = SLOT_SKIPPED;
        edges_die(st, scope, node);
        return;
    case IMPOSSIBLE:
        fail_unsatisfiable(st, scope, node);
        return;
    case RUN:
        node_entered(st, scope, node);
        if (n->options.join != JOIN_ALL && !n->options.join_rest_run && !st->s->failing.set)
            cancel_rest(st, scope, node);
        return;
    }
}
