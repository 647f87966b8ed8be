/* SPDX-License-Identifier: Apache-2.0 */
/* `interleave`: nodes of an execution that name the same group run one at a time.  A node is in its turn from its first
 * attempt to its end, also while it is parked, waits for its next attempt or has passes open.  The next one is the one that
 * became ready first.  What runs inside a scope whose node has the turn is part of that turn. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/mem.h"

struct turns {
    struct act **waiting, **taken;
    size_t waiting_count, taken_count;
};

static uint32_t group_of(const struct step *st, const struct act *a)
{
    return st->d->nodes[a->node].group;
}

static bool waits_for_turn(const struct act *a)
{
    return a->state == ACT_TURN || (a->state == ACT_QUEUED && !a->passes);
}

/* While the execution fails, what is not to go on does not stand in the way of what winds up. */
static bool has_turn(const struct engine_state *s, const struct act *a)
{
    return !waits_for_turn(a) && a->state != ACT_HELD && (a->state == ACT_RUNNING || act_may_go_on(s, a));
}

static bool is_inside(const struct act *a, uint64_t owner)
{
    for (const struct scope *scope = a->scope; scope; scope = scope->parent)
        if (scope->kind == SCOPE_PASS && scope->owner == owner)
            return true;
    return false;
}

static bool is_blocked(const struct step *st, const struct turns *t, const struct act *a)
{
    for (size_t i = 0; i < t->taken_count; i++)
        if (group_of(st, t->taken[i]) == group_of(st, a) && !is_inside(a, t->taken[i]->id))
            return true;
    return false;
}

static int by_turn(const void *a, const void *b)
{
    const struct act *x = *(struct act *const *)a, *y = *(struct act *const *)b;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

/* Who is ready gets a number; they are ready in the order of the activations. */
static void collect(struct step *st, struct turns *t)
{
    struct engine_state *s = st->s;
    t->waiting = xcalloc(s->act_count + 1, sizeof(struct act *));
    t->taken = xcalloc(s->act_count + 1, sizeof(struct act *));
    for (size_t i = 0; i < s->act_count; i++) {
        struct act *a = s->acts[i];
        if (group_of(st, a) == NO_INDEX)
            continue;
        if (has_turn(s, a)) {
            t->taken[t->taken_count++] = a;
        } else if (waits_for_turn(a) && act_may_go_on(s, a)) {
            a->turn = a->turn ? a->turn : ++s->next_timer;
            t->waiting[t->waiting_count++] = a;
        }
    }
    qsort(t->waiting, t->waiting_count, sizeof(struct act *), by_turn);
}

/* The usual case, where a group's turn is one activation's: a single walk finds who has it, or who is next.  False: somebody
 * who has the turn has passes open, and what runs in there is part of it; or the execution fails. */
static bool settle_plain(struct step *st)
{
    struct engine_state *s = st->s;
    CLEANUP_FREE bool *taken = xcalloc(st->d->group_count, sizeof *taken);
    CLEANUP_FREE struct act **next = xcalloc(st->d->group_count, sizeof(struct act *));
    for (size_t i = 0; i < s->act_count; i++) {
        struct act *a = s->acts[i];
        uint32_t group = group_of(st, a);
        if (group == NO_INDEX)
            continue;
        if (a->passes && a->passes->open)
            return false;
        if (waits_for_turn(a)) {
            a->turn = a->turn ? a->turn : ++s->next_timer;
            if (!next[group] || a->turn < next[group]->turn)
                next[group] = a;
            if (a->state != ACT_TURN)
                act_set_state(s, a, ACT_TURN);
        } else {
            taken[group] = taken[group] || has_turn(s, a);
        }
    }
    for (uint32_t group = 0; group < st->d->group_count; group++)
        if (next[group] && !taken[group])
            act_set_state(s, next[group], ACT_QUEUED);
    return true;
}

void turns_settle(struct step *st)
{
    struct turns t = {0};
    if (st->d->group_count == 0 || (!st->s->failing.set && !st->s->turns_changed))
        return;
    if (!st->s->failing.set && settle_plain(st)) {
        st->s->turns_changed = false;
        return;
    }
    st->s->turns_changed = true; /* passes and failures change more than states */
    collect(st, &t);
    for (size_t i = 0; i < t.waiting_count; i++) {
        struct act *a = t.waiting[i];
        bool blocked = is_blocked(st, &t, a);
        act_set_state(st->s, a, blocked ? ACT_TURN : ACT_QUEUED);
        if (!blocked)
            t.taken[t.taken_count++] = a;
    }
    xfree(t.waiting);
    xfree(t.taken);
}
