/* SPDX-License-Identifier: Apache-2.0 */
/* Activations: the engine says RUN, a handler is called; what it says goes back to the engine as an event.
 *
 * A node whose effect must not be repeated starts only when its start is durable and the lease is certain to hold; the
 * others start at once.  After a worker was lost over an execution, every start is made durable first, so that a node
 * that takes the worker down is counted and in the end quarantined. */
#include "worker/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/handling.h"

/* The lease must hold at least this much longer when an unsafe effect begins, or a quarter of it when it is short. */
#define LEASE_MARGIN_MS 1000
#define LEASE_RETRY_US (100 * US_PER_MS)
/* A cancelled blocking handler that has not returned after this is told of. */
#define CANCEL_GRACE_MS 5000

static void on_timeout(struct timer_item *t);

static struct act *act_find(struct run *r, uint64_t id)
{
    for (size_t i = 0; i < r->act_count; i++)
        if (r->acts[i]->id == id)
            return r->acts[i];
    return NULL;
}

static enum effect effect_of(const struct run *r, size_t node)
{
    const struct node_type *info = def_node_info(r->def, node);
    return info ? info->effect : EFFECT_PURE; /* an unknown type fails, which may be repeated */
}

static void act_take_out(struct act *a)
{
    struct run *r = a->run;
    size_t i = 0;
    while (r->acts[i] != a)
        i++;
    memmove(&r->acts[i], &r->acts[i + 1], (--r->act_count - i) * sizeof(struct act *));
    timer_clear(&r->w->timers, &a->timeout);
    outcome_forget(a);
#ifdef WITH_CRASH_POINTS
    if (a->again)
        task_cancel(STEAL(a->again), CANCEL_GRACE_MS);
#endif
    if (a->phase != ACT_STARTED)
        return;
    r->w->running--;
    r->w->blocking -= a->blocking;
}

static void act_free(struct act *a)
{
    act_take_out(a);
    json_decref(a->checkpoint);
    json_decref(a->event);
    told_clear(&a->told);
    mask_free(&a->mask);
    xfree(a);
}

static void act_stop(struct act *a)
{
    if (a->task)
        task_cancel(a->task, CANCEL_GRACE_MS);
    act_free(a);
}

void acts_add(struct run *r, struct engine_effect *fx)
{
    struct act *old = act_find(r, fx->act);
    if (old && old->node == fx->node && old->attempt == fx->attempt)
        return;
    if (old)
        act_stop(old);
    struct act *a = xcalloc(1, sizeof(*a));
    *a = (struct act){.run = r, .id = fx->act, .node = fx->node, .attempt = fx->attempt, .why = fx->why,
                      .checkpoint = STEAL(fx->checkpoint), .event = STEAL(fx->event), .timeout_ms = fx->timeout_ms,
                      .must_save = r->careful || effect_of(r, fx->node) == EFFECT_UNSAFE,
                      .timeout = {.fire = on_timeout}};
    told_take(&a->told, fx);
    xgrow((void **)&r->acts, &r->act_cap, r->act_count + 1, sizeof(struct act *));
    r->acts[r->act_count++] = a;
}

void acts_cancel(struct run *r, uint64_t id)
{
    struct act *a = act_find(r, id);
    if (a)
        act_stop(a);
}

void acts_clear(struct run *r)
{
    while (r->act_count > 0)
        act_stop(r->acts[r->act_count - 1]);
}

static void act_withdraw(struct act *a)
{
    struct worker *w = a->run->w;
    a->task = NULL;
    a->phase = ACT_SAVED; /* as far as that was needed it is */
    timer_clear(&w->timers, &a->timeout);
    mask_free(&a->mask);
    a->mask = (struct mask){0};
    w->running--;
    w->blocking--;
}

void acts_withdraw(struct run *r)
{
    for (size_t i = 0; i < r->act_count; i++) {
        struct act *a = r->acts[i];
        if (a->blocking && a->task && task_withdraw(a->task))
            act_withdraw(a);
    }
}

size_t acts_started(const struct run *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->act_count; i++)
        count += r->acts[i]->phase == ACT_STARTED;
    return count;
}

/* ---- Durable starts ---- */

bool acts_wait_for_save(const struct run *r)
{
    for (size_t i = 0; i < r->act_count; i++)
        if (r->acts[i]->must_save && r->acts[i]->phase == ACT_WAITING)
            return true;
    return false;
}

void acts_saving(struct run *r)
{
    for (size_t i = 0; i < r->act_count; i++)
        if (r->acts[i]->phase == ACT_WAITING)
            r->acts[i]->phase = ACT_SAVING;
}

void acts_saved(struct run *r)
{
    for (size_t i = 0; i < r->act_count; i++)
        if (r->acts[i]->phase == ACT_SAVING)
            r->acts[i]->phase = ACT_SAVED;
}

void acts_reconcile(struct run *r)
{
    struct engine_effects fx = {0};
    for (size_t i = 0; i < r->act_count; i++)
        r->acts[i]->seen = false;
    engine_running_effects(r->def, r->state, &fx);
    for (size_t i = 0; i < fx.len; i++) {
        acts_add(r, &fx.items[i]);
        struct act *a = act_find(r, fx.items[i].act);
        if (a)
            a->seen = true;
    }
    for (size_t i = r->act_count; i-- > 0;)
        if (!r->acts[i]->seen)
            act_stop(r->acts[i]);
    engine_effects_free(&fx);
}

/* ---- Outcomes ---- */

/* What a handler said, or what became of its attempt, goes to the engine; the activation is over here. */
void act_conclude(struct act *a, struct engine_event *ev)
{
    struct run *r = a->run;
    struct worker *w = r->w;
    size_t node = a->node;
    uint64_t id = a->id;
    if (r->careful || effect_of(r, node) <= EFFECT_IDEMPOTENT)
        r->durable = true;
    w->counts.nodes++;
    w->counts.nodes_failed += ev->type == ENGINE_FAIL || ev->type == ENGINE_TIMEOUT;
    w->counts.timeouts += ev->type == ENGINE_TIMEOUT;
    act_free(a);
    ev->act = id;
    if (run_apply_at(r, ev, run_now(r), node) == 0 || ev->type == ENGINE_FAIL)
        return;
    struct failure f;
    handling_outcome_invalid(r->def, node, &f);
    run_apply_at(r, &(struct engine_event){.type = ENGINE_FAIL, .act = id, .failure = &f}, run_now(r), node);
    failure_clear(&f);
}

static void act_fail(struct act *a, const struct failure *f)
{
    act_conclude(a, &(struct engine_event){.type = ENGINE_FAIL, .failure = f});
}

static void act_fail_text(struct act *a, const char *type, const char *message)
{
    CLEANUP_FREE char *own_type = xstrdup(type);
    CLEANUP_FREE char *own_message = xstrdup(message);
    act_fail(a, &(struct failure){.type = own_type, .message = own_message});
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    struct act *a = owner;
    struct run *r = a->run;
    struct said said = {0};
    a->task = NULL;
    CRASH_POINT("outcome.taken");
    if (outcome_beside(a, t, o))
        return;
    if (a->mask.count > 0) {
        CLEANUP(outcome_masked_free) struct outcome masked = outcome_masked(&a->mask, o);
        said_make(&said, &masked, a->id);
        act_conclude(a, &said.ev);
    } else {
        said_make(&said, o, a->id);
        act_conclude(a, &said.ev);
    }
    said_clear(&said);
    CRASH_POINT("outcome.applied");
    if (!r->starting)
        run_turn(r);
}

static void on_timeout(struct timer_item *t)
{
    struct act *a = CONTAINER_OF(t, struct act, timeout);
    struct run *r = a->run;
    task_cancel(STEAL(a->task), CANCEL_GRACE_MS);
    act_conclude(a, &(struct engine_event){.type = ENGINE_TIMEOUT});
    run_turn(r);
}

/* ---- Starting ---- */

#ifdef WITH_CRASH_POINTS
/* The fault double-run: every handler is called twice, and what the second call says is dropped. */
static void on_outcome_again(void *owner, struct task *t, const struct outcome *o)
{
    struct act *a = owner;
    (void)t, (void)o;
    a->again = NULL;
}
#endif

/* Most handlers that never wait have said all before they return. */
static int deliver(struct run *r, struct task *t)
{
    r->w->outcomes_left--;
    r->starting = true;
    task_deliver(t);
    r->starting = false;
    return -1;
}

static int act_call(struct act *a, const struct handler *h, json_t *config)
{
    struct run *r = a->run;
    struct worker *w = r->w;
    CLEANUP_FREE char *key = engine_key(r->def, r->state, a->id);
    struct task_call call = {.node_type = def_node_type(r->def, a->node), .node_id = def_node_id(r->def, a->node),
                             .execution_id = r->execution_id, .workflow_id = r->workflow_id, .key = key,
                             .config = config, .checkpoint = a->checkpoint, .event = a->event,
                             .input = (json_t *)(uintptr_t)engine_input(r->state, a->id),
                             .attempt = a->attempt, .why = handling_why(a->why), .timeout_ms = a->timeout_ms};
    CRASH_POINT("effect.durable");
    told_call(&a->told, r->def, a->node, &call);
    call.accepted = def_node_accepted(r->def, a->node);
    call.at_once = w->outcomes_left > 0;
    a->blocking = h->node->exec != WFW_EXEC_LOOP;
    a->phase = ACT_STARTED;
    w->running++;
    w->blocking += a->blocking;
    if (a->timeout_ms > 0)
        timer_set(&w->timers, &a->timeout, a->timeout_ms * US_PER_MS);
    struct task *t = a->task = task_start(w->tasks, h, &call, on_outcome, a);
#ifdef WITH_CRASH_POINTS
    call.at_once = false;
    if (FAULT("double-run"))
        a->again = task_start(w->tasks, h, &call, on_outcome_again, a);
#endif
    CRASH_POINT("effect.started");
    if (task_accepted(t))
        def_note_accepted(r->def, a->node);
    return task_at_hand(t) ? deliver(r, t) : 0;
}

char *act_secret(void *ctx, const char *kind, const char *name)
{
    struct act *a = ctx;
    char *value = worker_secret(a->run->w, kind, name);
    if (value && strcmp(kind, "secret") == 0)
        mask_add(&a->mask, value);
    return value;
}

static void act_fail_masked(struct act *a, struct failure *f)
{
    char *text = mask_text(&a->mask, f->message);
    xfree(f->message);
    f->message = text;
    act_fail(a, f);
    failure_clear(f);
}

/* -1: it is over already, and the engine knows. */
static int act_start(struct act *a)
{
    struct run *r = a->run;
    struct failure f = {0};
    const struct handler *h = registry_find(r->w->registry, def_node_type(r->def, a->node));
    if (!h) {
        CLEANUP_FREE char *text = xasprintf("no plugin provides the node type \"%s\": %s", def_node_type(r->def, a->node),
                                            registry_unknown_detail(r->w->registry));
        act_fail_text(a, "node_type_unknown", text);
        return -1;
    }
    CLEANUP_JSON json_t *config = engine_config(r->def, r->state, a->id, run_now(r), act_secret, a, &f);
    if (!config) {
        act_fail_masked(a, &f);
        return -1;
    }
    return act_call(a, h, config);
}

static int64_t lease_margin_ms(const struct worker *w)
{
    int64_t part = w->settings->lease_ms / 4;
    return part < LEASE_MARGIN_MS ? part : LEASE_MARGIN_MS;
}

/* An act in phase WAITING is durable too when nothing that was applied is not. */
static bool startable(const struct act *a)
{
    const struct run *r = a->run;
    if (a->phase == ACT_STARTED)
        return false;
    return !a->must_save || a->phase == ACT_SAVED || (r->kept.len == 0 && !r->saving);
}

bool acts_start_ready(struct run *r)
{
    struct worker *w = r->w;
    if (w->phase != WORKER_WORKING)
        return false;
    for (size_t i = 0; i < r->act_count; i++) {
        struct act *a = r->acts[i];
        if (!startable(a))
            continue;
        if (a->must_save && !store_lease_holds(w->store, lease_margin_ms(w))) {
            if (!timer_is_set(&r->retry))
                timer_set(&w->timers, &r->retry, LEASE_RETRY_US);
            continue;
        }
        if (act_start(a) != 0)
            return true;
    }
    return false;
}
