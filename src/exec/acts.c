/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers are started as soon as the engine says so, and run side by side.  With virtual time what they say is applied in
 * the order of their starts, whoever is ready first; otherwise as it comes. */
#include "exec/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define CANCEL_GRACE_MS 5000

static void act_free(struct exec_act *a)
{
    timer_clear(&a->x->root->timers, &a->timeout);
    if (a->task)
        task_cancel(a->task, CANCEL_GRACE_MS);
    json_decref(a->checkpoint);
    json_decref(a->event);
    told_clear(&a->told);
    kept_free(&a->said);
    mask_free(&a->mask);
    free(a);
}

static void take_out(struct exec_act *a)
{
    struct exec *root = a->x->root;
    struct exec_act **at = &root->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (root->last == &a->next)
        root->last = at;
}

static void say(struct exec_act *a, const struct engine_event *ev)
{
    kept_add(&a->said, ev, 0, a->node);
}

static void say_failure(struct exec_act *a, struct failure *f)
{
    say(a, &(struct engine_event){.type = ENGINE_FAIL, .act = a->id, .failure = f});
    failure_clear(f);
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    struct exec_act *a = owner;
    struct exec *x = a->x;
    struct said said = {0};
    CLEANUP(outcome_masked_free) struct outcome masked = outcome_masked(&a->mask, o);
    (void)t;
    a->task = NULL;
    timer_clear(&x->root->timers, &a->timeout);
    said_make(&said, &masked, a->id);
    say(a, &said.ev);
    said_clear(&said);
    exec_turn(x);
}

/* The attempt took its time in reality; virtual time follows, but not beyond what is due before. */
static void pass_timeout(struct exec_act *a)
{
    struct exec *x = a->x;
    int64_t to = a->started_us + a->timeout_ms * US_PER_MS, due = engine_next_due(x->state);
    if (to > due)
        to = due;
    if (x->o->virtual_time && to > x->root->now_us)
        x->root->now_us = to;
}

static void on_timeout(struct timer_item *item)
{
    struct exec_act *a = CONTAINER_OF(item, struct exec_act, timeout);
    struct exec *x = a->x;
    task_cancel(STEAL(a->task), CANCEL_GRACE_MS);
    pass_timeout(a);
    say(a, &(struct engine_event){.type = ENGINE_TIMEOUT, .act = a->id});
    exec_turn(x);
}

static void call(struct exec_act *a, const struct handler *h, json_t *config)
{
    struct exec *x = a->x;
    CLEANUP_FREE char *key = engine_key(x->def, x->state, a->id);
    struct task_call c = {.node_type = def_node_type(x->def, a->node), .node_id = def_node_id(x->def, a->node),
                          .execution_id = x->execution_id, .workflow_id = x->workflow_id, .key = key,
                          .config = config, .checkpoint = a->checkpoint, .event = a->event,
                          .input = (json_t *)(uintptr_t)engine_input(x->state, a->id),
                          .attempt = a->attempt, .why = handling_why(a->why), .timeout_ms = a->timeout_ms};
    told_call(&a->told, x->def, a->node, &c);
    if (a->timeout_ms > 0)
        timer_set(&x->root->timers, &a->timeout, a->timeout_ms * US_PER_MS);
    a->task = task_start(x->root->tasks, h, &c, on_outcome, a);
}

char *exec_secret(void *ctx, const char *kind, const char *name)
{
    struct exec_act *a = ctx;
    char *value = handling_secret(a->x->o->source, kind, name);
    if (value && strcmp(kind, "secret") == 0)
        mask_add(&a->mask, value);
    return value;
}

static void say_masked(struct exec_act *a, struct failure *f)
{
    char *text = mask_text(&a->mask, f->message);
    free(f->message);
    f->message = text;
    say_failure(a, f);
}

/* An unknown node type is told by engine_config(). */
static void start(struct exec_act *a)
{
    struct exec *x = a->x;
    struct failure f = {0};
    CLEANUP_JSON json_t *config = engine_config(x->def, x->state, a->id, exec_now(x), exec_secret, a, &f);
    if (config)
        call(a, registry_find(x->o->registry, def_node_type(x->def, a->node)), config);
    else
        say_masked(a, &f);
}

void exec_begin(struct exec *x, struct engine_effect *fx)
{
    struct exec_act *a = xcalloc(1, sizeof *a);
    *a = (struct exec_act){.x = x, .id = fx->act, .node = fx->node, .why = fx->why, .attempt = fx->attempt,
                           .started_us = exec_now(x), .timeout_ms = fx->timeout_ms, .checkpoint = STEAL(fx->checkpoint),
                           .event = STEAL(fx->event), .timeout = {.fire = on_timeout}};
    told_take(&a->told, fx);
    *x->root->last = a;
    x->root->last = &a->next;
    if (x->o->trace)
        trace_run(&x->trace, x->def, x->state, a->id, a->node);
    start(a);
}

void exec_stop(struct exec *x, uint64_t id)
{
    struct exec_act *a = x->root->first;
    while (a && (a->id != id || a->x != x))
        a = a->next;
    trace_cancel(&x->trace, id);
    if (!a)
        return;
    take_out(a);
    act_free(a);
}

void exec_stop_all(struct exec *root)
{
    while (root->first)
        exec_stop(root->first->x, root->first->id);
}

static struct exec_act *whose_turn(const struct exec *root)
{
    struct exec_act *a = root->first;
    while (a && a->said.len == 0 && !root->o->virtual_time)
        a = a->next;
    return a && a->said.len > 0 ? a : NULL;
}

bool exec_apply_next(struct exec *root)
{
    struct exec_act *a = whose_turn(root);
    if (!a)
        return false;
    take_out(a);
    exec_apply(a->x, &a->said.items[0].ev, a->node);
    act_free(a);
    return true;
}
