/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one execution in memory: events in, effects out, until it is over or nothing can come any more. */
#include "exec/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "exec/inside.h"

/* A condition that is looked at again and again in virtual time: after so many looks in vain it is taken for one that
 * does not become true. */
#define IDLE_WAKES_MAX 300000
#define CLOSE_TURNS 200
#define LONGEST_WAIT_US (3600 * US_PER_S)

int64_t exec_now(struct exec *x)
{
    struct exec *root = x->root;
    int64_t now = root->o->virtual_time ? root->now_us : clock_now_us();
    if (now > root->now_us) /* time never goes back within an execution */
        root->now_us = now;
    return root->now_us;
}

/* ---- Events ---- */

static void show_log(const struct engine_effect *f)
{
    log_write(LOG_DEBUG, f->log_text, LOG_STR("node", f->log_node), LOG_STR("level", f->log_level));
}

/* A step inside a step is not possible: what a handler says at once is kept until its turn comes. */
static void carry_out(struct exec *x)
{
    struct engine_effects fx = x->fx;
    x->fx = (struct engine_effects){0};
    for (size_t i = 0; i < fx.len; i++) {
        struct engine_effect *f = &fx.items[i];
        if (f->type == ENGINE_RUN)
            exec_begin(x, f);
        else if (f->type == ENGINE_CANCEL)
            exec_stop(x, f->act);
        else if (f->type == ENGINE_ASK)
            exec_ask(x, f->ask, f->body);
        else if (f->type == ENGINE_LOG)
            show_log(f);
    }
    engine_effects_free(&fx);
}

static bool is_there(const struct exec *x, uint64_t act)
{
    uint32_t pass;
    free(engine_path(x->def, x->state, act, &pass));
    return pass > 0;
}

void exec_apply(struct exec *x, const struct engine_event *ev, size_t node)
{
    struct error e = ERROR_INIT;
    trace_event(&x->trace, ev);
    x->root->idle_wakes = ev->type == ENGINE_WAKE || ev->type == ENGINE_PARK ? x->root->idle_wakes : 0;
    if (engine_step(x->def, x->state, ev, exec_now(x), &x->fx, &e) != 0 && node != SIZE_MAX && ev->type != ENGINE_FAIL) {
        struct failure f;
        handling_outcome_invalid(x->def, node, &f);
        exec_apply(x, &(struct engine_event){.type = ENGINE_FAIL, .act = ev->act, .failure = &f}, node);
        failure_clear(&f);
        return;
    }
    trace_effects(&x->trace, ev, &x->fx, is_there(x, ev->act));
    carry_out(x);
    if (engine_ended(x->state))
        exec_ended(x);
}

/* ---- Signals ---- */

/* When the next one comes; INT64_MAX: none does. */
static int64_t signal_due(const struct exec *x)
{
    const json_t *signal = json_array_get(x->o->signals, x->signals_sent);
    return signal && !engine_ended(x->state) ? x->start_us + json_integer_value(json_array_get(signal, 2)) * US_PER_MS : INT64_MAX;
}

static void send_signals(struct exec *x)
{
    while (signal_due(x) <= exec_now(x)) {
        const json_t *signal = json_array_get(x->o->signals, x->signals_sent++);
        exec_apply(x, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = json_string_value(json_array_get(signal, 0)),
                                             .output = json_array_get(signal, 1)}, SIZE_MAX);
    }
}

/* ---- Time ---- */

static int64_t next_due(const struct exec *root)
{
    int64_t due = signal_due(root);
    for (const struct exec *x = root; x; x = x->next)
        if (engine_next_due(x->state) < due)
            due = engine_next_due(x->state);
    return due;
}

/* What comes at the same moment as the end of a wait was not late. */
static void time_has_come(struct exec *root)
{
    send_signals(root);
    for (struct exec *x = root; x; x = x->next)
        if (engine_next_due(x->state) <= exec_now(x))
            exec_apply(x, &(struct engine_event){.type = ENGINE_WAKE}, SIZE_MAX);
}

static void on_wake(struct timer_item *t)
{
    struct exec *x = CONTAINER_OF(t, struct exec, wake);
    time_has_come(x);
    exec_turn(x);
}

static void stop(struct exec *x)
{
    x->over = true;
    uv_stop(&x->loop);
}

/* Nothing is ready, and no handler works: then time stands still.  True: time has passed, look again. */
static bool pass_virtual_time(struct exec *x, int64_t due)
{
    if (due == INT64_MAX || x->idle_wakes++ >= IDLE_WAKES_MAX) {
        stop(x);
        return false;
    }
    if (due > x->now_us)
        x->now_us = due;
    time_has_come(x);
    return true;
}

static void wait_for(struct exec *x, int64_t due)
{
    if (due == INT64_MAX) {
        timer_clear(&x->timers, &x->wake);
        if (!x->first)
            stop(x);
        return;
    }
    int64_t wait = due - exec_now(x);
    timer_set(&x->timers, &x->wake, wait < LONGEST_WAIT_US ? wait : LONGEST_WAIT_US);
}

static bool all_ended(const struct exec *x)
{
    while (x && engine_ended(x->state))
        x = x->next;
    return !x;
}

void exec_turn(struct exec *x)
{
    bool again = true;
    x = x->root;
    while (again && !x->over) {
        again = exec_hear_next(x) || exec_apply_next(x);
        if (all_ended(x))
            stop(x);
        else if (!again && x->o->virtual_time)
            again = !x->first && pass_virtual_time(x, next_due(x));
        else if (!again)
            wait_for(x, next_due(x));
    }
}

/* ---- Opening ---- */

struct exec *exec_new(struct exec *root, const struct def *def, const char *workflow_id, const char *uuid)
{
    struct exec *x = xcalloc(1, sizeof *x);
    x->root = root;
    (root->newest ? root->newest : root)->next = x;
    root->newest = x;
    x->o = root->o;
    x->settings = root->settings;
    x->def = def;
    x->state = engine_state_new();
    x->workflow_id = xstrdup(workflow_id);
    snprintf(x->uuid, sizeof x->uuid, "%s", uuid);
    snprintf(x->execution_id, sizeof x->execution_id, "exec-%.12s", strlen(x->uuid) > 24 ? x->uuid + 24 : x->uuid);
    return x;
}

static int open_handlers(struct exec *x, struct error *e)
{
    const struct http_options o = {.guard = x->settings->http_guard, .max_response = x->settings->http_max_response,
                                   .max_in_flight = (size_t)x->settings->max_in_flight};
    const struct task_services services = exec_services(x);
    x->http = http_service_new(&x->loop, &o, e);
    if (!x->http)
        return -1;
    x->tasks = task_host_new(&services, (size_t)x->settings->concurrency, e);
    return x->tasks ? 0 : -1;
}

/* The execution is never tried again: what fails is to be seen. */
int exec_start(struct exec *x, json_t *data, struct error *e)
{
    const struct engine_start s = {
        .execution_uuid = x->uuid, .execution_id = x->execution_id, .workflow_id = x->workflow_id, .workflow_version = 1,
        .started_at_us = exec_now(x), .data = data, .definition = "",
        .policy = {.max_retries = 0, .retry_multiplier = x->settings->retry_multiplier, .retry_initial_ms = 1000,
                   .retry_max_ms = 3600000, .node_timeout_ms = x->settings->node_timeout_ms, .max_crashes = 3}};
    int rc = engine_step(x->def, x->state, &(struct engine_event){.type = ENGINE_START, .start = &s}, exec_now(x), &x->fx, e);
    if (rc == 0)
        carry_out(x);
    if (rc == 0 && engine_ended(x->state))
        exec_ended(x);
    return rc;
}

static struct exec *first_new(const struct exec_options *o)
{
    struct exec like = {.o = o, .settings = settings_get(o->source)}, *x;
    char none[UUID_TEXT], own[UUID_TEXT];
    struct uuid id = {{0}};
    uuid_format(&id, none);
    if (!o->virtual_time)
        id = uuid_random();
    uuid_format(&id, own);
    x = exec_new(&like, o->def, none, own);
    x->root = x;
    x->last = &x->first;
    x->now_us = x->start_us = o->virtual_time ? o->start_us : clock_now_us();
    x->wake.fire = on_wake;
    uv_loop_init(&x->loop);
    timers_init(&x->timers, &x->loop);
    return x;
}

/* ---- Closing ---- */

/* How many handlers did not return. */
static size_t close_all(struct exec *x)
{
    exec_stop_all(x);
    if (x->http)
        http_service_free(x->http);
    size_t left = task_host_free(x->tasks);
    timers_close(&x->timers, NULL);
    for (int i = 0; i < CLOSE_TURNS && uv_run(&x->loop, UV_RUN_NOWAIT) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    uv_loop_close(&x->loop);
    exec_asks_free(x);
    return left;
}

/* ---- The result ---- */

static void take(json_t *out, const char *key, const json_t *from, const char *name)
{
    json_t *v = json_object_get(from, name);
    js_set(out, key, v ? json_incref(v) : json_null());
}

json_t *exec_columns(struct exec *x)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    engine_projection(x->def, x->state, &text);
    return js_parse_own(text.data, text.len, NULL);
}

static json_t *result_value(struct exec *x)
{
    CLEANUP_JSON json_t *p = exec_columns(x);
    json_t *out = json_object();
    take(out, "status", p, "status");
    take(out, "data", p, "execution_data");
    take(out, "node_results", p, "node_results");
    take(out, "completed_node_ids", p, "completed_node_ids");
    take(out, "error_message", p, "error_message");
    if (x->o->trace)
        js_set(out, "trace", trace_json(&x->trace, engine_ended(x->state)));
    json_t *children = x->o->trace ? exec_children(x) : NULL;
    if (children)
        js_set(out, "children", children);
    return out;
}

static enum exec_end how_it_ended(const struct engine_state *s)
{
    if (!engine_ended(s))
        return EXEC_WAITING;
    return engine_status(s) == STATUS_COMPLETED ? EXEC_COMPLETED : EXEC_FAILED;
}

static int run(struct exec *x, struct error *e)
{
    if (open_handlers(x, e) != 0 || exec_start(x, x->o->data, e) != 0)
        return -1;
    send_signals(x);
    exec_turn(x);
    while (!x->over && uv_run(&x->loop, UV_RUN_DEFAULT) != 0)
        ;
    return 0;
}

static void free_all(struct exec *root)
{
    for (struct exec *x = root, *next; x; x = next) {
        next = x->next;
        engine_effects_free(&x->fx);
        engine_state_free(x->state);
        trace_free(&x->trace);
        json_decref(x->told);
        free(x->link.node);
        free(x->link.reply);
        free(x->workflow_id);
        free(x);
    }
}

int exec_run(const struct exec_options *options, struct exec_result *result, struct error *e)
{
    struct exec *x = first_new(options);
    int rc = run(x, e);
    *result = (struct exec_result){.end = how_it_ended(x->state)};
    if (rc == 0)
        result->value = result_value(x);
    result->left = close_all(x) > 0;
    free_all(x);
    return rc;
}
