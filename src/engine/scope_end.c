/* SPDX-License-Identifier: Apache-2.0 */
/* Cancelling and ending early.  An activation without passes goes at once.  One with passes goes when they are over; if
 * it asked for that, its handler is called once more before it goes and may enter what has to run on the way out.
 * Passes that are shielded run to their end. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- an activation ---- */

/* It goes: without a result, and nothing is taken behind it. */
void act_cancelled(struct step *st, struct act *a)
{
    struct scope *scope = a->scope;
    uint32_t node = a->node;
    act_drop_passes(st, a);
    if (a->restart) {
        asks_over(st, a);
        a->restart = a->cancelling = a->cancel_told = a->completing = a->expired = false;
        a->failures = 0;
        a->first_us = 0;
        act_set_state(st->s, a, ACT_QUEUED);
        return;
    }
    if (a->expired) {
        a->cancelling = a->cancel_told = a->expired = false;
        node_timed_out(st, a);
        return;
    }
    act_over(st, a, SLOT_CANCELLED);
    if (scope_base(scope)->ending == END_NONE)
        edges_die(st, scope, node);
}

void act_cancel_settle(struct step *st, struct act *a)
{
    struct passes *p = a->passes;
    if (a->state != ACT_ENTERED || p->open)
        return;
    if (!p->cleanup || a->cancel_told) {
        act_cancelled(st, a);
        return;
    }
    json_t *entry = json_array();
    js_push(entry, json_integer((json_int_t)p->last));
    js_push(entry, json_integer(PASS_CANCELLED));
    js_push(entry, json_null());
    js_push(p->ended, entry);
    a->cancel_told = true;
    act_tell(st, a);
}

/* Its handler is not asked any more: it goes when its passes are over. */
void act_cancel_unheard(struct step *st, struct act *a)
{
    a->cancel_told = true;
    json_array_clear(a->passes->ended);
    act_set_state(st->s, a, ACT_ENTERED);
    act_cancel_settle(st, a);
}

static void cancel_entered(struct step *st, struct act *a)
{
    struct engine_state *s = st->s;
    uint64_t id = a->id;
    a->cancelling = true;
    a->completing = false;
    json_decref(a->after);
    a->after = NULL;
    act_expects_nothing(st, a);
    if (a->passes->closing) /* it ends already */
        return;
    if (a->state != ACT_RUNNING) {
        json_array_clear(a->passes->ended);
        act_set_state(s, a, ACT_ENTERED);
    }
    for (struct scope *pass = first_pass(a->scope, id); pass; pass = next_pass(pass))
        if (!(pass->flags & ENTER_SHIELD))
            scope_end(st, pass, END_CANCELLED, NULL);
    act_cancel_settle(st, a);
}

static bool has_shielded(const struct act *a)
{
    for (const struct scope *pass = first_pass(a->scope, a->id); pass; pass = next_pass(pass))
        if (is_shielded(pass))
            return true;
    return false;
}

/* What it asked to do when it is cancelled from around, it does when its own time is over, too. */
bool act_expires(struct step *st, struct act *a)
{
    if (!a->passes || a->passes->closing || (!a->passes->cleanup && !has_shielded(a)))
        return false;
    a->expired = true;
    cancel_entered(st, a);
    return true;
}

void act_cancel(struct step *st, struct act *a)
{
    if (a->cancelling) {
        a->expired = false; /* nobody hears of its failure any more */
        return;
    }
    if (a->passes) {
        cancel_entered(st, a);
        return;
    }
    if (a->state == ACT_RUNNING)
        emit_cancel(st, a);
    act_cancelled(st, a);
}

/* ---- to end with what it has ---- */

/* What winds up already is not to be stopped. */
bool act_can_complete(const struct step *st, const struct act *a)
{
    if (!st->d->nodes[a->node].entry_edges || a->cancelling || (!a->passes && a->state != ACT_RUNNING) ||
        (a->passes && a->passes->closing))
        return false;
    return !has_shielded(a);
}

void act_complete_settle(struct step *st, struct act *a)
{
    if (a->state != ACT_ENTERED || a->passes->open)
        return;
    json_t *entry = json_array();
    js_push(entry, json_integer(0));
    js_push(entry, json_integer(PASS_BREAK));
    js_push(entry, json_null());
    js_push(a->passes->ended, entry);
    a->completing = false;
    act_tell(st, a);
}

/* Its passes are cancelled; when they are over, it is told of a break that no pass made. */
void act_complete(struct step *st, struct act *a)
{
    uint64_t id = a->id;
    a->completing = true;
    if (a->state == ACT_RUNNING && !a->passes)
        return; /* its handler has still to say something */
    act_expects_nothing(st, a);
    if (a->state != ACT_RUNNING) {
        json_array_clear(a->passes->ended);
        act_set_state(st->s, a, ACT_ENTERED);
    }
    for (struct scope *pass = first_pass(a->scope, id); pass; pass = next_pass(pass))
        scope_end(st, pass, END_CANCELLED, NULL);
    act_complete_settle(st, a);
}

bool cancel_under_way(const struct engine_state *s, const struct scope *scope)
{
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->cancelling && (!scope || s->acts[i]->scope == scope))
            return true;
    return false;
}

/* ---- a scope ---- */

/* The pass or the execution itself and its areas, by number: what is one with it. */
struct parts {
    struct scope **items;
    size_t len, cap;
};

static void parts_add(struct parts *p, struct scope *scope)
{
    xgrow((void **)&p->items, &p->cap, p->len + 1, sizeof *p->items);
    p->items[p->len++] = scope;
}

static void parts_free(struct parts *p)
{
    xfree(p->items);
}

static int by_number(const void *a, const void *b)
{
    const struct scope *x = *(struct scope *const *)a, *y = *(struct scope *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static struct parts parts_of(struct scope *base)
{
    struct parts p = {0};
    parts_add(&p, base);
    for (size_t i = 0; i < p.len; i++)
        for (struct scope *inner = p.items[i]->first_inner; inner; inner = inner->next_beside)
            if (inner->kind != SCOPE_PASS)
                parts_add(&p, inner);
    if (p.len > 2)
        qsort(p.items, p.len, sizeof *p.items, by_number);
    return p;
}

static int by_id(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* What lives in the pass itself and in its areas; what is deeper ends with its owner. */
static void cancel_acts(struct step *st, const struct parts *p)
{
    CLEANUP_FREE uint64_t *ids = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < p->len; i++)
        for (const struct act *a = p->items[i]->first_act; a; a = a->next_beside) {
            xgrow((void **)&ids, &cap, n + 1, sizeof *ids);
            ids[n++] = a->id;
        }
    if (p->len > 1 && n > 1)
        qsort(ids, n, sizeof *ids, by_id);
    for (size_t i = 0; i < n; i++) {
        struct act *a = act_find(st->s, ids[i]);
        if (a)
            act_cancel(st, a);
    }
}

/* Passes that run on without their owner. */
static void end_detached(struct step *st, const struct parts *p)
{
    CLEANUP(parts_free) struct parts detached = {0};
    for (size_t i = 0; i < p->len; i++)
        for (struct scope *pass = first_pass(p->items[i], 0); pass; pass = next_pass(pass))
            parts_add(&detached, pass);
    if (p->len > 1 && detached.len > 1)
        qsort(detached.items, detached.len, sizeof *detached.items, by_number);
    for (size_t i = 0; i < detached.len; i++)
        scope_end(st, detached.items[i], END_CANCELLED, NULL);
}

void scope_end(struct step *st, struct scope *scope, enum scope_end how, json_t *error)
{
    struct scope *base = scope_base(scope);
    if (base->ending != END_NONE)
        return;
    base->ending = how;
    base->error = json_incref(error);
    CLEANUP(parts_free) struct parts parts = parts_of(base);
    cancel_acts(st, &parts);
    end_detached(st, &parts);
    for (size_t i = 0; i < parts.len; i++) {
        rows_clear(parts.items[i]);
        scope_touch(st->s, parts.items[i]);
    }
}

/* Fail-fast of the execution: what has passes open winds up, and is queued to begin again should the execution be tried
 * again.  What simply runs is stopped when the failure is final or the retry is set. */
void root_stop(struct step *st)
{
    struct engine_state *s = st->s;
    CLEANUP_FREE uint64_t *ids = xcalloc(s->act_count + 1, sizeof *ids);
    size_t n = 0;
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->passes && !s->acts[i]->cancelling && scope_base(s->acts[i]->scope) == s->root)
            ids[n++] = s->acts[i]->id;
    for (size_t i = 0; i < n; i++) {
        struct act *a = act_find(s, ids[i]);
        if (!a)
            continue;
        a->restart = true;
        act_cancel(st, a);
    }
    CLEANUP(parts_free) struct parts parts = parts_of(s->root);
    end_detached(st, &parts);
}

/* ---- the execution failed, and may be begun again ---- */

static void remove_acts_in_passes(struct step *st)
{
    struct engine_state *s = st->s;
    for (size_t i = s->act_count; i-- > 0;)
        if (scope_base(s->acts[i]->scope) != s->root) {
            asks_over(st, s->acts[i]);
            act_remove(s, s->acts[i]);
        }
}

/* Inner ones were added later: they stand behind. */
static void remove_passes(struct engine_state *s)
{
    for (size_t i = s->scope_count; i-- > 0;) {
        struct scope *scope = s->scopes[i];
        if (scope_base(scope) == s->root)
            continue;
        scope->parent->live -= scope->owner == 0;
        scope_remove(s, scope);
    }
}

/* A branch that was being cancelled, or a terminate node whose clean-ups ran: that cannot be taken up again. */
static bool can_rewind(const struct engine_state *s)
{
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->cancelling && !s->acts[i]->restart && !s->acts[i]->expired && scope_base(s->acts[i]->scope) == s->root)
            return false;
    return s->act_count > 0 && s->root->ending == END_NONE;
}

/* Whole scopes begin again, and what ran; what waits for a time goes on waiting. */
bool root_rewind(struct step *st)
{
    struct engine_state *s = st->s;
    if (!can_rewind(s))
        return false;
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->state == ACT_RUNNING)
            emit_cancel(st, s->acts[i]);
    remove_acts_in_passes(st);
    remove_passes(s);
    for (size_t i = 0; i < s->act_count; i++) {
        struct act *a = s->acts[i];
        bool waits = act_waits(a) && !a->passes && !a->asks;
        act_drop_passes(st, a);
        if (a->asks)
            asks_over(st, a);
        a->restart = a->cancelling = a->cancel_told = a->completing = a->expired = false;
        json_decref(a->after);
        a->after = NULL;
        if (!waits)
            act_set_state(s, a, ACT_QUEUED);
    }
    return true;
}

/* ---- a join `each` in a branch that lost ---- */

void cancel_areas(struct step *st, struct scope *scope, uint32_t node)
{
    struct engine_state *s = st->s;
    CLEANUP_FREE uint64_t *ids = xcalloc(s->act_count + 1, sizeof *ids);
    size_t n = 0;
    for (size_t i = 0; i < s->act_count; i++)
        for (const struct scope *at = s->acts[i]->scope; at != scope && at && at->kind != SCOPE_PASS; at = at->parent)
            if (at->parent == scope && at->kind == SCOPE_EACH && at->head == node)
                ids[n++] = s->acts[i]->id;
    for (size_t i = 0; i < n; i++) {
        struct act *a = act_find(s, ids[i]);
        if (a)
            act_cancel(st, a);
    }
    slot_of(st->d, scope, node)->state = SLOT_CANCELLED;
    each_release(st, scope, node, true);
}
