/* SPDX-License-Identifier: Apache-2.0 */
/* What does not come from a handler: time, lost workers, and changes from outside. */
#include "engine/state_int.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- time ---- */

struct due {
    int64_t at;
    uint64_t timer, act;
};

static int by_time(const void *a, const void *b)
{
    const struct due *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->timer < y->timer ? -1 : x->timer > y->timer;
}

static void timer_fires(struct step *st, struct act *a)
{
    int64_t close = act_close_us(st->d, a);
    if (close && st->now >= close) {
        if (!act_expires(st, a) && !act_closes(st, a, json_pack("{s:b}", "timeout", 1)))
            node_timed_out(st, a);
    }
    else if (a->state == ACT_PARKED || a->state == ACT_ENTERED)
        act_continue(st, a, WHY_TIMER);
    else
        act_begin(st, a);
}

/* Everything that is due, in order of time; equal times in the order in which they were set. */
static void fire_timers(struct step *st)
{
    struct engine_state *s = st->s;
    CLEANUP_FREE uint64_t *ids = NULL;
    size_t n = 0, count = acts_due(s, st->now, &ids);
    struct due *due = xcalloc(count + 1, sizeof *due);
    for (size_t i = 0; i < count; i++) {
        const struct act *a = act_find(s, ids[i]);
        if (a && act_waits(a) && act_may_go_on(s, a))
            due[n++] = (struct due){a->due_us, a->timer, a->id};
    }
    qsort(due, n, sizeof *due, by_time);
    for (size_t i = 0; i < n; i++) {
        struct act *a = act_find(s, due[i].act);
        if (a && act_may_go_on(s, a))
            timer_fires(st, a);
    }
    free(due);
}

static bool deadline_passed(struct step *st)
{
    char seconds[32];
    if (!st->s->deadline_us || st->now < st->s->deadline_us || st->s->root->ending != END_NONE)
        return false;
    js_format_real((double)st->s->timeout_ms / 1000, seconds);
    CLEANUP_FREE char *text = xasprintf("Workflow execution timed out after %s seconds", seconds);
    if (st->s->phase != PHASE_RUNNING || st->s->paused || st->s->failing.set) {
        execution_stop(st, text, true);
        return true;
    }
    execution_timed_out(st, text);
    settle(st);
    return true;
}

void step_wake(struct step *st)
{
    struct engine_state *s = st->s;
    if (deadline_passed(st) || s->paused)
        return;
    if (s->phase == PHASE_RETRY) {
        if (st->now < s->retry_at_us)
            return;
        execution_retry(st);
    }
    signals_deliver(st);
    fire_timers(st);
    settle(st);
}

/* ---- a lost worker ---- */

/* A call about a pass: it is made again, for the handler's answer is what was lost. */
static void owner_lost(struct step *st, struct act *a, int max)
{
    CLEANUP_FREE char *text = xasprintf("%u workers were lost while the node ran", a->crashes);
    if (max <= 0 || a->crashes < (uint32_t)max) {
        act_set_state(st->s, a, ACT_QUEUED);
        return;
    }
    struct failure f = {.type = xstrdup("crashed"), .message = STEAL(text)};
    act_told(a);
    if (a->cancelling)
        act_cancel_unheard(st, a);
    else if (!act_closes(st, a, json_pack("{s:o}", "fail", failure_write(&f))))
        node_failed(st, a, &f);
    failure_clear(&f);
}

static void attempt_lost(struct step *st, struct act *a)
{
    const struct def_node *n = &st->d->nodes[a->node];
    int max = st->s->policy.max_crashes;
    a->crashes++;
    if (a->passes) {
        owner_lost(st, a, max);
    } else if (n->options.at_most_once) {
        node_fail_text(st, a, "interrupted", "the worker was lost while the node ran, and the node may run at most once");
    } else if (max > 0 && a->crashes >= (uint32_t)max) {
        CLEANUP_FREE char *text = xasprintf("%u workers were lost while the node ran", a->crashes);
        node_fail_text(st, a, "crashed", text);
    } else {
        act_set_state(st->s, a, ACT_QUEUED);
    }
}

void step_lost(struct step *st)
{
    uint64_t *ids;
    size_t n = act_ids(st->s, ACT_RUNNING, &ids);
    for (size_t i = 0; i < n; i++) {
        struct act *a = act_find(st->s, ids[i]);
        if (a)
            attempt_lost(st, a);
    }
    free(ids);
    settle(st);
}

/* ---- from outside ---- */

void step_pause(struct step *st)
{
    st->s->paused = true;
}

/* A retry that is to come begins at once: somebody wants the execution to run. */
void step_resume(struct step *st)
{
    struct engine_state *s = st->s;
    s->paused = false;
    if (deadline_passed(st))
        return;
    if (s->phase == PHASE_RETRY)
        execution_retry(st);
    signals_deliver(st); /* they came first: a deadline that was not noticed is not over */
    fire_timers(st);
    settle(st);
}

/* What was queued had failed or was cancelled when the execution ended; what waited goes on waiting. */
void step_retry(struct step *st)
{
    struct engine_state *s = st->s;
    if (s->phase != PHASE_FAILED || !engine_can_retry(s))
        return;
    for (size_t i = 0; i < s->act_count; i++) {
        struct act *a = s->acts[i];
        a->crashes = a->failures = 0;
        a->first_us = 0;
    }
    s->phase = PHASE_RUNNING;
    s->ended_us = 0;
    s->retry_count = 0;
    if (s->timeout_ms > 0)
        s->deadline_us = st->now + s->timeout_ms * US_PER_MS;
    fire_timers(st);
    settle(st);
}

void step_terminate(struct step *st, const struct engine_event *ev)
{
    execution_stop(st, ev->message && *ev->message ? ev->message : "Execution terminated by user", ev->refused);
}
