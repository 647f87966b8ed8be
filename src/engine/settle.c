/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: an edge is decided, its target hears of it, and when nothing is left to tell, what may start is started and
 * what is over is ended.  Edges are told first in, first out, so that nodes start in edge order. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/mem.h"

/* ---- edges ---- */

static void tell(struct step *st, struct scope *scope, uint32_t edge)
{
    struct engine_state *s = st->s;
    void *decided = s->decided;
    xgrow(&decided, &s->decided_cap, s->decided_count + 1, sizeof *s->decided);
    s->decided = decided;
    s->decided[s->decided_count++] = (struct decided){scope, edge};
}

static void back_edge_taken(struct step *st, struct scope *scope, uint32_t edge)
{
    struct cycle *c = cycle_of(st->d, scope, st->d->nodes[st->d->edges[edge].src].cycle);
    if (*edge_of(st->d, scope, edge) == EDGE_TAKEN || c->exhausted)
        return;
    *edge_of(st->d, scope, edge) = EDGE_TAKEN;
    c->again++;
    scope_touch(st->s, scope);
}

/* An edge out of the region is kept until the owner ends; which of the owner's exits it is, is found by its number. */
static void hold(struct step *st, struct scope *scope, uint32_t edge)
{
    uint32_t owner = st->d->regions[scope->region].owner;
    const struct def_node *n = &st->d->nodes[owner];
    uint32_t low = 0, high = n->exit_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (n->exits[mid] < edge)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < n->exit_count && n->exits[low] == edge)
        scope_base(scope)->held[low] = 1;
}

/* An edge out of the area that a scope covers. */
static void leave_area(struct step *st, struct scope *scope, uint32_t edge)
{
    uint8_t *state = edge_of(st->d, scope->parent, edge);
    if (scope->kind != SCOPE_EACH || *state != EDGE_PENDING)
        return; /* further ways out of a cycle: what their first run decided stands */
    *state = EDGE_WANTED;
}

void edge_decide(struct step *st, struct scope *scope, uint32_t edge, bool taken)
{
    const struct def_edge *e = &st->d->edges[edge];
    uint32_t region = st->d->nodes[e->to].region;
    if (e->mute || e->home)
        return; /* no token passes there */
    if (region != scope->region) {
        if (taken && scope->kind != SCOPE_AGAIN)
            hold(st, scope, edge);
        return;
    }
    if (!e->entry && !in_area(st->d, scope, e->to)) {
        if (taken)
            leave_area(st, scope, edge);
        return;
    }
    uint8_t *state = edge_of(st->d, scope, edge);
    if (e->back) {
        if (taken)
            back_edge_taken(st, scope, edge);
        else if (*state == EDGE_PENDING)
            *state = EDGE_DEAD;
        return;
    }
    if (*state == EDGE_TAKEN || *state == EDGE_DEAD) { /* a further pass */
        if (*state == EDGE_TAKEN && taken && e->leaves)
            run_again(st, scope, edge);
        return;
    }
    if (e->leaves && !taken) {
        *state = EDGE_HELD; /* a later pass may still take it */
        return;
    }
    *state = taken ? EDGE_TAKEN : EDGE_DEAD;
    tell(st, scope, edge);
}

void edge_release(struct step *st, struct scope *scope, uint32_t edge)
{
    *edge_of(st->d, scope, edge) = EDGE_DEAD;
    tell(st, scope, edge);
}

void edges_die(struct step *st, struct scope *scope, uint32_t node)
{
    const struct def_node *n = &st->d->nodes[node];
    for (uint32_t i = 0; i < n->exit_count; i++)
        edge_decide(st, scope, n->exits[i], false);
}

static void deliver(struct step *st, struct scope *scope, uint32_t edge)
{
    const struct def *d = st->d;
    const struct def_edge *e = &d->edges[edge];
    struct slot *slot = slot_of(d, scope, e->to);
    uint32_t cycle = d->nodes[e->to].cycle;
    if (cycle != NO_INDEX && cycle != d->nodes[e->src].cycle) {
        cycle_of(d, scope, cycle)->entering--;
        scope_touch(st->s, scope);
    }
    if (*edge_of(d, scope, edge) == EDGE_TAKEN)
        slot->taken++;
    else
        slot->dead++;
    if (d->nodes[e->to].options.join == JOIN_EACH)
        each_arrive(st, scope, edge);
    else if (slot->state == SLOT_UNDECIDED)
        join_arrive(st, scope, e->to);
}

/* ---- activations ---- */

/* The pass of its cycle is one too many: the node fails before it runs, or before its join does. */
bool act_iterated_out(struct step *st, struct act *a)
{
    uint32_t node = a->node;
    if (!node_iterated_out(st, a->scope, node))
        return false;
    CLEANUP_FREE char *text = xasprintf("more than %lld passes of the cycle that comes back to this node",
                                        (long long)st->d->nodes[node].options.max_iterations);
    cycle_of(st->d, a->scope, st->d->nodes[node].cycle)->exhausted = true;
    node_fail_text(st, a, "max_iterations_exceeded", text);
    return true;
}

void node_entered(struct step *st, struct scope *scope, uint32_t node)
{
    if (scope_base(scope)->ending != END_NONE)
        return; /* nothing begins any more */
    act_iterated_out(st, act_new(st, scope, node));
}

void act_over(struct step *st, struct act *a, enum slot_state state)
{
    uint32_t cycle = st->d->nodes[a->node].cycle;
    asks_over(st, a);
    slot_of(st->d, a->scope, a->node)->state = (uint8_t)state;
    if (cycle != NO_INDEX)
        cycle_of(st->d, a->scope, cycle)->live--;
    a->scope->live--;
    scope_touch(st->s, a->scope);
    act_remove(st->s, a);
}

size_t act_ids(const struct engine_state *s, enum act_state state, uint64_t **ids)
{
    size_t n = 0;
    *ids = xcalloc(s->act_count + 1, sizeof **ids);
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->state == state)
            (*ids)[n++] = s->acts[i]->id;
    return n;
}

int64_t act_close_us(const struct def *d, const struct act *a)
{
    int64_t ms = d->nodes[a->node].options.close_ms;
    return ms && a->first_us ? a->first_us + ms * US_PER_MS : 0;
}

int64_t act_full_timeout_ms(const struct step *st, const struct act *a)
{
    int64_t ms = def_node_timeout_ms(st->d, a->node);
    return ms ? ms : st->s->policy.node_timeout_ms;
}

/* What is left of the attempt's time; parked time does not count, but schedule_to_close_seconds goes on. */
static int64_t time_left_ms(const struct step *st, const struct act *a)
{
    int64_t ms = act_full_timeout_ms(st, a), close = act_close_us(st->d, a);
    if (ms) {
        ms -= a->used_us / US_PER_MS;
        ms = ms < 1 ? 1 : ms;
    }
    if (close) {
        int64_t left = (close - st->now + US_PER_MS - 1) / US_PER_MS;
        left = left < 1 ? 1 : left;
        ms = ms && ms < left ? ms : left;
    }
    return ms;
}

static void call(struct step *st, struct act *a)
{
    a->call_us = st->now;
    a->calls++;
    act_set_due(st->s, a, 0);
    a->timer = 0;
    a->timeout_ms = time_left_ms(st, a);
    act_set_state(st->s, a, ACT_RUNNING);
    emit_run(st->fx, a);
}

void act_begin(struct step *st, struct act *a)
{
    const struct def_node *n = &st->d->nodes[a->node];
    a->attempt++;
    a->started_us = st->now;
    a->used_us = 0;
    if (!a->first_us)
        a->first_us = st->now;
    emit_log_said(st, n->id, "info", n->says_executing);
    call(st, a);
}

void act_continue(struct step *st, struct act *a, enum engine_why why)
{
    a->why = why;
    act_await_no_more(st->s, a);
    call(st, a);
}

/* Those that were queued in this step stand at the end, so the walk from there is short. */
static void launch(struct step *st)
{
    struct engine_state *s = st->s;
    size_t first = s->act_count;
    for (size_t found = 0; found < s->queued && first > 0; first--)
        found += s->acts[first - 1]->state == ACT_QUEUED;
    for (size_t i = first; s->queued > 0 && i < s->act_count; i++) {
        struct act *a = s->acts[i];
        if (a->state != ACT_QUEUED || !act_may_go_on(s, a))
            continue;
        if (a->passes)
            act_continue(st, a, a->why);
        else
            act_begin(st, a);
    }
}

/* Joins that wait for what they cancelled. */
static void release_joins(struct step *st)
{
    struct engine_state *s = st->s;
    for (size_t i = 0; s->held && i < s->act_count; i++)
        if (s->acts[i]->state == ACT_HELD && !s->acts[i]->after && !cancel_under_way(s, s->acts[i]->scope))
            act_set_state(s, s->acts[i], ACT_QUEUED);
}

/* ---- the end ---- */

static void ended_as(struct step *st, enum phase phase)
{
    struct engine_state *s = st->s;
    s->phase = phase;
    s->paused = false;
    s->retry_at_us = 0;
    s->ended_us = st->now;
    emit_ended(st);
}

void end_failed(struct step *st)
{
    if (root_rewind(st))
        ended_as(st, PHASE_FAILED);
    else
        end_execution(st, PHASE_FAILED);
}

void end_execution(struct step *st, enum phase phase)
{
    struct engine_state *s = st->s;
    for (size_t i = 0; i < s->act_count; i++) {
        if (s->acts[i]->state == ACT_RUNNING)
            emit_cancel(st, s->acts[i]);
        asks_over(st, s->acts[i]);
        act_free(s, s->acts[i]);
    }
    s->act_count = s->queued = s->running = s->held = 0;
    state_free_scopes(s);
    s->root->live = 0;
    rows_clear(s->root);
    s->decided_count = s->decided_next = 0;
    ended_as(st, phase);
}

static void complete(struct step *st)
{
    xfree(st->s->error_message);
    st->s->error_message = NULL;
    emit_log_said(st, "end", "info", "Workflow execution completed");
    end_execution(st, PHASE_COMPLETED);
}

/* What ended the root early is over. */
void finish_ending(struct step *st)
{
    struct engine_state *s = st->s;
    CLEANUP_FREE char *message = STEAL(s->end_message);
    if (s->end_failed)
        execution_abort(st, message ? message : "the workflow was ended", true);
    else
        complete(st);
}

/* Something ended in the scope: the next pass of a cycle, the next branch of a row, or the end of the scope. */
static void scope_check(struct step *st, struct scope *scope)
{
    bool ending = scope_base(scope)->ending != END_NONE;
    if (!ending && (cycles_continue(st, scope) || eachs_settle(st, scope) || rows_settle(st, scope))) {
        scope_touch(st->s, scope);
        return;
    }
    if (scope->live || scope->row_count || scope->kind == SCOPE_WHOLE)
        return;
    if (scope->kind == SCOPE_PASS)
        pass_over(st, scope);
    else
        area_over(st, scope);
}

static void settle_tokens(struct step *st)
{
    struct engine_state *s = st->s;
    for (;;) {
        while (s->decided_next < s->decided_count) {
            struct decided at = s->decided[s->decided_next++];
            if (scope_base(at.scope)->ending == END_NONE)
                deliver(st, at.scope, at.edge);
        }
        s->decided_next = s->decided_count = 0;
        while (s->touched_next < s->touched_count && !s->touched[s->touched_next])
            s->touched_next++;
        if (s->touched_next == s->touched_count)
            break;
        struct scope *scope = s->touched[s->touched_next++];
        scope->touched = 0;
        scope_check(st, scope);
        if (engine_ended(s))
            break;
    }
    s->touched_next = s->touched_count = 0;
}

/* Passes in passes, joins `each` in cycles: what multiplies has an end. */
static bool too_many_acts(struct step *st)
{
    if (st->s->act_count <= ENGINE_MAX_ACTS)
        return false;
    CLEANUP_FREE char *text = xasprintf("more than %d nodes of the execution are under way at a time", ENGINE_MAX_ACTS);
    execution_abort(st, text, true);
    return true;
}

void settle(struct step *st)
{
    struct engine_state *s = st->s;
    do
        settle_tokens(st);
    while (!engine_ended(s) && withdrawers_settle(st));
    if (!engine_ended(s) && too_many_acts(st))
        return;
    release_joins(st);
    if (s->phase != PHASE_RUNNING || s->paused)
        return;
    signals_deliver(st);
    turns_settle(st);
    if (s->failing.set && !cancel_under_way(s, NULL))
        execution_fail(st);
    else if (!s->failing.set && s->root->live == 0 && s->root->ending != END_NONE)
        finish_ending(st);
    else if (!s->failing.set && s->root->live == 0)
        complete(st);
    else if (s->queued)
        launch(st);
}
