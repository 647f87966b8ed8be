/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0
#endif
#include "exec/once.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "expr/expr.h"
#include "plugin/outcome_json.h"
#include "plugin/task.h"
#include "worker/handling.h"
#include "worker/http.h"
#include "worker/mask.h"
#include "worker/timers.h"

#define CANCEL_GRACE_MS 1000
#define CLOSE_TURNS 2000

struct once {
    const struct once_options *o;
    const struct settings *settings;
    struct once_result *result;
    uv_loop_t loop;
    struct timers timers;
    struct timer_item timeout;
    int64_t timeout_ms;
    struct http_service *http;
    struct task_host *tasks;
    struct task *task;
    struct mask mask; /* secrets that it was given, which are not shown */
    bool over;
};

/* ---- What the handler may ask ---- */

static char *get_secret(void *ctx, void *owner, const char *name)
{
    struct once *x = ctx;
    char *value = owner ? handling_secret(x->o->source, "secret", name) : NULL;
    if (value)
        mask_add(&x->mask, value);
    return value;
}

static char *get_env(void *ctx, const char *name)
{
    const struct once *x = ctx;
    return handling_secret(x->o->source, "env", name);
}

static void *start_http(void *ctx, const struct http_request *request, http_done_fn done, void *arg, struct error *e)
{
    struct once *x = ctx;
    return http_start(x->http, request, done, arg, e);
}

static void cancel_http(void *ctx, void *transfer)
{
    (void)ctx;
    http_cancel(transfer);
}

static int64_t now(void *ctx)
{
    (void)ctx;
    return clock_now_us();
}

struct names {
    const json_t *input, *vars;
};

/* input and data are the whole of the input; its keys are names. */
static const json_t *lookup(void *ctx, const char *name)
{
    const struct names *n = ctx;
    const json_t *own = json_object_get(n->vars, name);
    if (own)
        return own;
    if (strcmp(name, "input") == 0 || strcmp(name, "data") == 0)
        return n->input;
    return json_object_get(n->input, name);
}

static void tell_expression(const struct expr_error *x, struct error *e)
{
    err_set(e, "%s", x->message);
    err_detail(e, "%s", x->type);
}

static json_t *eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    const struct once *x = ctx;
    struct names names = {x->o->input, vars};
    struct expr_env env = {.lookup = lookup, .ctx = &names, .now_us = clock_now_us()};
    struct expr_error wrong = {0};
    struct expr *compiled = expr_compile(expression, strlen(expression), &wrong);
    json_t *value = compiled ? expr_eval(compiled, &env, NULL, &wrong) : NULL;
    (void)owner;
    expr_free(compiled);
    if (!value)
        tell_expression(&wrong, e);
    return value;
}

static void progress(void *ctx, void *owner, json_t *value)
{
    struct once *x = ctx;
    CLEANUP_JSON json_t *masked = owner ? mask_value(&x->mask, value) : NULL;
    CLEANUP_FREE char *text = masked ? js_text(masked) : NULL;
    if (text)
        log_write(LOG_INFO, "progress", LOG_STR("value", text));
}

static void add_log(void *ctx, void *owner, int level, const char *text)
{
    struct once *x = ctx;
    CLEANUP_FREE char *masked = mask_text(&x->mask, text);
    (void)owner;
    log_write((enum log_level)level, masked, LOG_STR("node_type", x->o->node_type));
}

/* ---- How it ends ---- */

static void finish(struct once *x, enum once_end end, json_t *value)
{
    x->over = true;
    x->result->end = end;
    x->result->value = value;
    timer_clear(&x->timers, &x->timeout);
    uv_stop(&x->loop);
}

static enum once_end end_of(const struct outcome *o)
{
    switch (o->type) {
    case OUTCOME_FAIL:
        return ONCE_FAILED;
    case OUTCOME_PARK:
    case OUTCOME_ENTER:
        return ONCE_WAITING;
    default:
        return ONCE_OVER;
    }
}

/* What a worker could not keep is a failure here, too. */
static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    struct once *x = owner;
    struct said said = {0};
    struct outcome refused = {.type = OUTCOME_FAIL};
    CLEANUP(outcome_masked_free) struct outcome masked = outcome_masked(&x->mask, o);
    const struct outcome *shown = &masked;
    (void)t;
    x->task = NULL;
    said_make(&said, &masked, 1);
    if (said.ev.type == ENGINE_FAIL && o->type != OUTCOME_FAIL) {
        refused.error_type = said.failure.type;
        refused.message = said.failure.message;
        shown = &refused;
    }
    finish(x, end_of(shown), outcome_json(shown));
    said_clear(&said);
}

static void on_timeout(struct timer_item *item)
{
    struct once *x = CONTAINER_OF(item, struct once, timeout);
    json_t *value = json_object();
    task_cancel(STEAL(x->task), CANCEL_GRACE_MS);
    js_set(value, "outcome", json_string("timeout"));
    js_set(value, "message", json_sprintf("the node timed out after %g seconds", (double)x->timeout_ms / 1000));
    finish(x, ONCE_FAILED, value);
}

/* ---- Its life ---- */

static int open_all(struct once *x, struct error *e)
{
    const struct http_options http = {.guard = x->settings->http_guard, .max_response = x->settings->http_max_response};
    const struct task_services services = {.loop = &x->loop, .ctx = x, .http_start = start_http, .http_cancel = cancel_http,
                                           .now_us = now, .eval = eval, .secret = get_secret, .env = get_env,
                                           .progress = progress, .log = add_log};
    uv_loop_init(&x->loop);
    timers_init(&x->timers, &x->loop);
    x->http = http_service_new(&x->loop, &http, e);
    x->tasks = x->http ? task_host_new(&services, 1, e) : NULL;
    return x->tasks ? 0 : -1;
}

static json_t *resolve(const struct once *x, struct error *e)
{
    struct names names = {x->o->input, NULL};
    struct expr_env env = {.lookup = lookup, .ctx = &names, .now_us = clock_now_us()};
    struct expr_error wrong = {0};
    struct tmpl *t = tmpl_compile(x->o->config, x->o->handler->expression_keys, &wrong);
    json_t *config = t ? tmpl_render(t, &env, &wrong) : NULL;
    tmpl_free(t);
    if (!config) {
        tell_expression(&wrong, e);
        err_prefix(e, "the configuration");
    }
    return config;
}

static void start(struct once *x, json_t *config)
{
    const struct once_options *o = x->o;
    const struct task_call c = {
        .node_type = o->node_type, .node_id = "node", .execution_id = "plugin-run", .workflow_id = "plugin-run", .key = o->key,
        .config = config, .input = o->input, .checkpoint = o->checkpoint, .event = o->event, .signal = o->signal,
        .attempt = o->attempt, .why = o->why, .scope_outcome = o->scope_outcome, .scope_pass = o->scope_pass, .scope = o->scope,
        .timeout_ms = x->timeout_ms, .activation = 1, .number = 1};
    x->timeout.fire = on_timeout;
    if (x->timeout_ms > 0)
        timer_set(&x->timers, &x->timeout, x->timeout_ms * US_PER_MS);
    x->task = task_start(x->tasks, o->handler, &c, on_outcome, x);
}

/* How many handlers did not return. */
static size_t close_all(struct once *x)
{
    if (x->task)
        task_cancel(x->task, CANCEL_GRACE_MS);
    if (x->http)
        http_service_free(x->http);
    size_t left = x->tasks ? task_host_free(x->tasks) : 0;
    timers_close(&x->timers, NULL);
    for (int i = 0; i < CLOSE_TURNS && uv_run(&x->loop, UV_RUN_NOWAIT) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    uv_loop_close(&x->loop);
    mask_free(&x->mask);
    return left;
}

int once_run(const struct once_options *options, struct once_result *result, struct error *e)
{
    struct once x = {.o = options, .settings = settings_get(options->source), .result = result};
    int64_t own = options->handler->node->default_timeout_ms;
    *result = (struct once_result){.end = ONCE_FAILED};
    x.timeout_ms = options->timeout_ms ? options->timeout_ms : own ? own : x.settings->node_timeout_ms;
    CLEANUP_JSON json_t *config = open_all(&x, e) == 0 ? resolve(&x, e) : NULL;
    if (config)
        start(&x, config);
    while (config && !x.over && uv_run(&x.loop, UV_RUN_DEFAULT) != 0)
        ;
    result->left = close_all(&x) > 0;
    return config ? 0 : -1;
}
