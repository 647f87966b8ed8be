/* SPDX-License-Identifier: Apache-2.0 */
/* Making, freeing and asking a state. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- activations ---- */

/* Where the activation with this number is or would be. */
static size_t act_position(const struct engine_state *s, uint64_t id)
{
    size_t low = 0, high = s->act_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->acts[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct act *act_find(const struct engine_state *s, uint64_t id)
{
    size_t at = act_position(s, id);
    return at < s->act_count && s->acts[at]->id == id ? s->acts[at] : NULL;
}

struct act *act_new(struct step *st, struct scope *scope, uint32_t node)
{
    struct engine_state *s = st->s;
    uint32_t cycle = st->d->nodes[node].cycle;
    void *acts = s->acts;
    xgrow(&acts, &s->act_cap, s->act_count + 1, sizeof *s->acts);
    s->acts = acts;
    struct act *a = xcalloc(1, sizeof *a);
    *a = (struct act){.id = ++s->next_act, .scope = scope, .node = node, .state = ACT_QUEUED,
                        .grouped = st->d->nodes[node].group != NO_INDEX};
    s->turns_changed |= a->grouped;
    uint32_t *runs = &slot_of(st->d, scope_base(scope), node)->runs;
    *runs += *runs < UINT32_MAX;
    a->pass = *runs;
    s->acts[s->act_count++] = a;
    act_enter(a);
    s->queued++;
    scope->live++;
    slot_of(st->d, scope, node)->state = SLOT_LIVE;
    slot_of(st->d, scope, node)->aggregated = false;
    if (cycle != NO_INDEX)
        cycle_of(st->d, scope, cycle)->live++;
    scope_touch(s, scope);
    return a;
}

void act_set_state(struct engine_state *s, struct act *a, enum act_state state)
{
    s->turns_changed |= a->grouped;
    s->queued -= a->state == ACT_QUEUED;
    s->running -= a->state == ACT_RUNNING;
    s->held -= a->state == ACT_HELD;
    a->state = state;
    s->queued += a->state == ACT_QUEUED;
    s->running += a->state == ACT_RUNNING;
    s->held += a->state == ACT_HELD;
}

void act_set_checkpoint(struct act *a, json_t *checkpoint)
{
    json_t *old = a->checkpoint;
    a->checkpoint = json_incref(checkpoint);
    json_decref(old);
}

void act_enter(struct act *a)
{
    struct scope *scope = a->scope;
    a->prev_beside = scope->last_act;
    *(scope->last_act ? &scope->last_act->next_beside : &scope->first_act) = a;
    scope->last_act = a;
}

static void act_leave(struct act *a)
{
    struct scope *scope = a->scope;
    if (!scope)
        return; /* a snapshot that is being refused */
    *(a->prev_beside ? &a->prev_beside->next_beside : &scope->first_act) = a->next_beside;
    *(a->next_beside ? &a->next_beside->prev_beside : &scope->last_act) = a->prev_beside;
}

void act_free(struct engine_state *s, struct act *a)
{
    act_leave(a);
    act_await_no_more(s, a);
    passes_free(a->passes);
    json_decref(a->checkpoint);
    json_decref(a->came);
    json_decref(a->after);
    json_decref(a->asks);
    xfree(a);
}

void act_remove(struct engine_state *s, struct act *a)
{
    size_t at = act_position(s, a->id);
    s->turns_changed |= a->grouped;
    s->queued -= a->state == ACT_QUEUED;
    s->running -= a->state == ACT_RUNNING;
    s->held -= a->state == ACT_HELD;
    memmove(&s->acts[at], &s->acts[at + 1], (s->act_count - at - 1) * sizeof *s->acts);
    s->act_count--;
    act_free(s, a);
}

/* ---- the state ---- */

struct engine_state *engine_state_new(void)
{
    struct engine_state *s = xcalloc(1, sizeof *s);
    s->last_node = NO_INDEX;
    s->failing.node = NO_INDEX;
    return s;
}

void state_size(struct engine_state *s, const struct def *d)
{
    s->result_at = xcalloc(d->node_count + 1, sizeof *s->result_at);
    s->is_completed = xcalloc(d->node_count + 1, sizeof *s->is_completed);
    for (size_t i = 0; i < d->node_count; i++)
        s->result_at[i] = NO_INDEX;
}

void state_free_scopes(struct engine_state *s)
{
    for (size_t i = 0; i < s->scope_count; i++)
        scope_free(s->scopes[i]);
    s->scope_count = 0;
    s->touched_count = s->touched_next = 0;
    if (s->root) {
        s->root->touched = 0;
        s->root->first_inner = s->root->last_inner = NULL;
    }
}

void engine_state_free(struct engine_state *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->act_count; i++)
        act_free(s, s->acts[i]);
    waiting_free(s);
    for (size_t i = 0; i < s->result_count; i++) {
        json_decref(s->results[i].output);
        xfree(s->results[i].error);
    }
    state_free_scopes(s);
    scope_free(s->root);
    json_decref(s->view);
    xfree(s->scopes);
    xfree(s->touched);
    xfree(s->result_at);
    xfree(s->is_completed);
    xfree(s->end_message);
    json_decref(s->data);
    json_decref(s->vars);
    json_decref(s->node_vars);
    json_decref(s->signals);
    json_decref(s->signal_ids);
    json_decref(s->old_results);
    json_decref(s->old_completed);
    xfree(s->acts);
    xfree(s->results);
    xfree(s->completed);
    xfree(s->execution_uuid);
    xfree(s->execution_id);
    xfree(s->workflow_id);
    xfree(s->definition);
    xfree(s->error_message);
    xfree(s->failing.message);
    xfree(s->decided);
    xfree(s);
}

uint64_t engine_log_rows(const struct engine_state *s)
{
    return s->log_rows;
}

void engine_count_log_row(struct engine_state *s)
{
    s->log_rows += s->log_rows < INT64_MAX;
}

bool engine_ended(const struct engine_state *s)
{
    return s->phase == PHASE_COMPLETED || s->phase == PHASE_FAILED;
}

bool engine_can_retry(const struct engine_state *s)
{
    return s->phase != PHASE_COMPLETED && (s->phase != PHASE_FAILED || s->act_count > 0);
}

/* Nothing runs, and somebody waits for a signal.  While the execution fails, only what winds up counts. */
static bool only_signals(const struct engine_state *s)
{
    bool awaited = false;
    if (s->running || (!s->failing.set && (s->queued || !people_wait(s))))
        return false;
    for (size_t i = 0; i < s->act_count; i++) {
        const struct act *a = s->acts[i];
        if (!act_may_go_on(s, a))
            continue;
        if (a->state == ACT_QUEUED)
            return false;
        awaited |= people_awaited(a);
        if (awaited && !s->failing.set)
            return true; /* nothing is queued */
    }
    return awaited;
}

enum engine_status engine_status(const struct engine_state *s)
{
    if (s->phase == PHASE_NEW)
        return STATUS_NEW;
    if (engine_ended(s))
        return s->phase == PHASE_COMPLETED ? STATUS_COMPLETED : STATUS_FAILED;
    if (s->paused || s->phase == PHASE_RETRY)
        return s->paused ? STATUS_PAUSED : STATUS_RETRY;
    return only_signals(s) ? STATUS_WAITING_SIGNAL : STATUS_RUNNING;
}

size_t engine_running(const struct engine_state *s)
{
    return s->running;
}

const char *engine_definition_id(const struct engine_state *s)
{
    return s->definition;
}

static void earliest(int64_t *due, int64_t at)
{
    if (at && at < *due) /* 0: none */
        *due = at;
}

/* While the execution fails, only what winds up may go on. */
bool act_may_go_on(const struct engine_state *s, const struct act *a)
{
    return !s->failing.set || a->cancelling || scope_base(a->scope) != s->root;
}

bool act_waits(const struct act *a)
{
    return (a->state == ACT_PARKED && a->due_us) || a->state == ACT_BACKOFF || (a->state == ACT_ENTERED && a->due_us && !a->passes->closing && !a->cancelling);
}

int64_t engine_next_due(const struct engine_state *s)
{
    int64_t due = INT64_MAX;
    if (s->phase == PHASE_NEW || engine_ended(s))
        return due;
    if (s->root->ending == END_NONE)
        earliest(&due, s->deadline_us);
    if (s->paused)
        return due;
    if (s->phase == PHASE_RETRY) {
        earliest(&due, s->retry_at_us);
        return due;
    }
    if (!s->failing.set) {
        earliest(&due, first_due(s));
        return due;
    }
    for (size_t i = 0; i < s->act_count; i++)
        if (act_waits(s->acts[i]) && act_may_go_on(s, s->acts[i]))
            earliest(&due, s->acts[i]->due_us);
    return due;
}

/* Handlers and outputs hold references of the data as they saw them: what is shared is copied before it is changed. */
static json_t *own_data(struct engine_state *s)
{
    if (s->data->refcount > 1) {
        json_t *own = json_copy(s->data);
        json_decref(s->data);
        s->data = own;
    }
    return s->data;
}

void state_data_set(struct engine_state *s, const char *key, json_t *value)
{
    js_set(own_data(s), key, value);
}

void state_data_del(struct engine_state *s, const char *key)
{
    if (json_object_get(s->data, key))
        json_object_del(own_data(s), key);
}

bool engine_waiting(const struct engine_state *s, size_t i, struct engine_wait *out)
{
    for (size_t k = 0; k < s->act_count; k++) {
        const struct act *a = s->acts[k];
        bool entered = a->state == ACT_ENTERED && signals_awaited(a);
        if ((a->state != ACT_PARKED && a->state != ACT_BACKOFF && a->state != ACT_TURN && !entered) || i-- > 0)
            continue;
        *out = (struct engine_wait){.node = a->node, .attempts = a->attempt, .due_us = a->due_us,
                                    .retry = a->state == ACT_BACKOFF, .turn = a->state == ACT_TURN,
                                    .signals = signals_awaited(a) ? a->signals : NULL};
        return true;
    }
    return false;
}
