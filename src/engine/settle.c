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
    struct cycle *c = &scope->cycles[st->d->nodes[st->d->edges[edge].from].cycle];
    if (scope->edges[edge] == EDGE_TAKEN || c->exhausted)
        return;
    scope->edges[edge] = EDGE_TAKEN;
    c->again++;
    st->s->cycles_touched = true;
}

void edge_decide(struct step *st, struct scope *scope, uint32_t edge, bool taken)
{
    const struct def_edge *e = &st->d->edges[edge];
    uint8_t *state = &scope->edges[edge];
    if (e->back) {
        if (taken)
            back_edge_taken(st, scope, edge);
        else if (*state == EDGE_PENDING)
            *state = EDGE_DEAD;
        return;
    }
    if (*state == EDGE_TAKEN || *state == EDGE_DEAD)
        return; /* a further pass: absorbed */
    if (e->leaves && !taken) {
        *state = EDGE_HELD; /* a later pass may still take it */
        return;
    }
    *state = taken ? EDGE_TAKEN : EDGE_DEAD;
    tell(st, scope, edge);
}

void edge_release(struct step *st, struct scope *scope, uint32_t edge)
{
    scope->edges[edge] = EDGE_DEAD;
    tell(st, scope, edge);
}

void edges_die(struct step *st, struct scope *scope, uint32_t node)
{
    const struct def_node *n = &st->d->nodes[node];
    for (uint32_t i = 0; i < n->out_count; i++)
        edge_decide(st, scope, n->out[i], false);
}

static void deliver(struct step *st, struct scope *scope, uint32_t edge)
{
    const struct def_edge *e = &st->d->edges[edge];
    struct slot *slot = &scope->slots[e->to];
    uint32_t cycle = st->d->nodes[e->to].cycle;
    if (cycle != NO_INDEX && cycle != st->d->nodes[e->from].cycle) {
        scope->cycles[cycle].entering--;
        st->s->cycles_touched = true;
    }
    if (scope->edges[edge] == EDGE_TAKEN)
        slot->taken++;
    else
        slot->dead++;
    if (slot->state == SLOT_UNDECIDED)
        join_arrive(st, scope, e->to);
}

/* ---- activations ---- */

void node_entered(struct step *st, struct scope *scope, uint32_t node)
{
    struct act *a = act_new(st, scope, node);
    if (node_iterated_out(st, scope, node)) {
        CLEANUP_FREE char *text = xasprintf("more than %lld passes of the cycle that comes back to this node",
                                            (long long)st->d->nodes[node].options.max_iterations);
        scope->cycles[st->d->nodes[node].cycle].exhausted = true;
        node_fail_text(st, a, "max_iterations_exceeded", text);
    }
}

void act_over(struct step *st, struct act *a, enum slot_state state)
{
    uint32_t cycle = st->d->nodes[a->node].cycle;
    a->scope->slots[a->node].state = (uint8_t)state;
    if (cycle != NO_INDEX) {
        a->scope->cycles[cycle].live--;
        st->s->cycles_touched = true;
    }
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
    a->due_us = 0;
    a->timer = 0;
    a->timeout_ms = time_left_ms(st, a);
    act_set_state(st->s, a, ACT_RUNNING);
    emit_run(st->fx, a);
}

void act_begin(struct step *st, struct act *a)
{
    const char *id = st->d->nodes[a->node].id;
    a->attempt++;
    a->started_us = st->now;
    a->used_us = 0;
    if (!a->first_us)
        a->first_us = st->now;
    emit_log(st, id, "info", "Executing node: %s", id);
    call(st, a);
}

void act_continue(struct step *st, struct act *a)
{
    a->why = WHY_TIMER;
    call(st, a);
}

/* Those that were queued in this step stand at the end, so the walk from there is short. */
static void launch(struct step *st)
{
    struct engine_state *s = st->s;
    size_t first = s->act_count;
    for (size_t found = 0; found < s->queued && first > 0; first--)
        found += s->acts[first - 1]->state == ACT_QUEUED;
    for (size_t i = first; s->queued > 0 && i < s->act_count; i++)
        if (s->acts[i]->state == ACT_QUEUED)
            act_begin(st, s->acts[i]);
}

/* ---- the end ---- */

void end_execution(struct step *st, enum phase phase)
{
    struct engine_state *s = st->s;
    for (size_t i = 0; i < s->act_count; i++) {
        if (s->acts[i]->state == ACT_RUNNING)
            emit_cancel(st, s->acts[i]);
        act_free(s->acts[i]);
    }
    s->act_count = s->queued = s->running = 0;
    s->phase = phase;
    s->paused = false;
    s->retry_at_us = 0;
    s->ended_us = st->now;
    emit_ended(st);
}

static void complete(struct step *st)
{
    free(st->s->error_message);
    st->s->error_message = NULL;
    emit_log(st, "end", "info", "Workflow execution completed");
    end_execution(st, PHASE_COMPLETED);
}

void settle(struct step *st)
{
    struct engine_state *s = st->s;
    do {
        while (s->decided_next < s->decided_count) {
            struct decided at = s->decided[s->decided_next++];
            deliver(st, at.scope, at.edge);
        }
        s->decided_next = s->decided_count = 0;
        if (s->cycles_touched)
            cycles_continue(st, s->root);
    } while (s->decided_count || s->cycles_touched);
    if (s->phase != PHASE_RUNNING || s->paused)
        return;
    if (s->failing.set)
        execution_fail(st);
    else if (s->act_count == 0)
        complete(st);
    else if (s->queued)
        launch(st);
}
