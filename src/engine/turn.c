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

void turns_settle(struct step *st)
{
    struct turns t = {0};
    if (st->d->group_count == 0)
        return;
    collect(st, &t);
    for (size_t i = 0; i < t.waiting_count; i++) {
        struct act *a = t.waiting[i];
        bool blocked = is_blocked(st, &t, a);
        act_set_state(st->s, a, blocked ? ACT_TURN : ACT_QUEUED);
        if (!blocked)
            t.taken[t.taken_count++] = a;
    }
    free(t.waiting);
    free(t.taken);
}
