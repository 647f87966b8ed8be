/* SPDX-License-Identifier: Apache-2.0 */
/* Joins: when the edges that came in decide a node, and what happens to the branches that lost. */
#include "engine/state_int.h"

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

static struct act *act_of(const struct engine_state *s, const struct scope *scope, uint32_t node)
{
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->scope == scope && s->acts[i]->node == node)
            return s->acts[i];
    return NULL;
}

/* The nodes from which every path ends in this join have nothing to do any more. */
static void cancel_rest(struct step *st, struct scope *scope, const struct def_node *join)
{
    for (uint32_t i = 0; i < join->cancel_count; i++) {
        uint32_t node = join->cancels[i];
        if (scope->slots[node].state == SLOT_LIVE) {
            struct act *a = act_of(st->s, scope, node);
            if (!a)
                continue;
            if (a->state == ACT_RUNNING)
                emit_cancel(st, a);
            act_over(st, a, SLOT_CANCELLED);
        } else if (scope->slots[node].state == SLOT_UNDECIDED) {
            scope->slots[node].state = SLOT_CANCELLED;
        } else {
            continue;
        }
        edges_die(st, scope, node);
    }
}

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
        if (!st->s->failing.set)
            cancel_rest(st, scope, n);
        return;
    }
}
