/* SPDX-License-Identifier: Apache-2.0 */
/* See handler_host.h. */
#include "unit/handler_host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"

struct transfer {
    uv_timer_t timer;
    struct handler_host *host;
    http_done_fn done;
    void *arg;
};

static void free_handle(uv_handle_t *h)
{
    free(h->data);
}

static void deliver(uv_timer_t *timer)
{
    struct transfer *t = timer->data;
    const struct handler_reply *reply = &t->host->reply;
    struct http_response r = {.status = reply->status,
                              .error_type = reply->error_type,
                              .error = reply->error,
                              .headers = reply->headers,
                              .body = reply->body ? reply->body : "",
                              .effective_url = "http://effective/"};
    r.body_len = reply->body_len ? reply->body_len : strlen(r.body);
    http_done_fn done = t->done;
    void *arg = t->arg;
    uv_close((uv_handle_t *)&t->timer, free_handle);
    done(arg, &r);
}

static void *scripted_http(void *ctx, const struct http_request *r, http_done_fn done, void *arg, struct error *e)
{
    (void)e;
    struct handler_host *h = ctx;
    h->requests++;
    h->limits = *r;
    buf_clear(&h->request);
    buf_printf(&h->request, "%s %s\n", r->method, r->url);
    for (const char *const *line = r->headers; line && *line; line++)
        buf_printf(&h->request, "%s\n", *line);
    buf_addch(&h->request, '\n');
    buf_add(&h->request, r->body, r->body_len);
    struct transfer *t = xcalloc(1, sizeof *t);
    *t = (struct transfer){.host = h, .done = done, .arg = arg};
    uv_timer_init(&h->loop, &t->timer);
    t->timer.data = t;
    uv_timer_start(&t->timer, deliver, 0, 0);
    return t;
}

static void cancel_http(void *ctx, void *transfer)
{
    (void)ctx;
    uv_close((uv_handle_t *)&((struct transfer *)transfer)->timer, free_handle);
}

static int64_t virtual_now(void *ctx)
{
    return ((struct handler_host *)ctx)->now_ms * 1000;
}

struct names {
    const json_t *vars, *input;
};

static const json_t *lookup(void *ctx, const char *name)
{
    const struct names *n = ctx;
    if (strcmp(name, "input") == 0)
        return n->input;
    const json_t *own = json_object_get(n->vars, name);
    return own ? own : json_object_get(n->input, name);
}

static json_t *real_eval(struct handler_host *h, const char *text, const json_t *vars, struct error *e)
{
    struct expr_error why = {{0}, {0}, 0, 0};
    struct names names = {vars, h->input};
    const struct expr *x = expr_cache_get(h->exprs, text, strlen(text), &why);
    json_t *v = x ? expr_eval(x, &(struct expr_env){lookup, &names, virtual_now(h)}, NULL, &why) : NULL;
    if (v)
        return v;
    err_set(e, "%s", why.message);
    err_detail(e, "%s", why.type);
    return NULL;
}

static json_t *scripted_eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    (void)owner;
    if (((struct handler_host *)ctx)->real_expressions)
        return real_eval(ctx, expression, vars, e);
    json_t *v = json_object_get(((struct handler_host *)ctx)->evals, expression);
    const char *error = js_str(v, "error");
    if (v && !error)
        return json_incref(v);
    err_set(e, "%s", error ? error : "not in the script");
    return NULL;
}

static json_t *scripted_variable(void *ctx, void *owner, const char *name, const char *scope)
{
    (void)owner;
    CLEANUP_FREE char *key = xasprintf("%s %s", scope ? scope : "nearest", name);
    return json_incref(json_object_get(((struct handler_host *)ctx)->variables, key));
}

static void keep_log(void *ctx, void *owner, int level, const char *text)
{
    struct handler_host *h = ctx;
    (void)owner;
    buf_printf(&h->log, "%d %s\n", level, text);
}

void handler_host_open(struct handler_host *h)
{
    static const char *const names[] = {"child", "core", "condition", "control", "data", "delay", "http", "jq", "signal"};
    const char *build = getenv("builddir");
    char *dirs[ARRAY_LEN(names) + 1] = {0};
    struct error e = ERROR_INIT;
    *h = (struct handler_host){.now_ms = INT64_C(1795413600000)}; /* 2026-11-23T06:00:00Z */
    assert_int_equal(uv_loop_init(&h->loop), 0);
    for (size_t i = 0, n = 0; i < ARRAY_LEN(names); i++) {
        char *dir = xasprintf("%s/plugins/%s/.libs", build ? build : ".", names[i]);
        if (strcmp(names[i], "jq") == 0 && access(dir, F_OK) != 0)
            free(dir); /* built where its library is */
        else
            dirs[n++] = dir;
    }
    struct registry_options o = {.plugin_dirs = (const char *const *)dirs, .strict = true, .system_dir = ""};
    h->registry = registry_open(&o, &e);
    if (!h->registry)
        fail_msg("%s (%s)", e.message, e.detail);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        free(dirs[i]);
    struct task_services services = {.loop = &h->loop,
                                     .ctx = h,
                                     .http_start = scripted_http,
                                     .http_cancel = cancel_http,
                                     .now_us = virtual_now,
                                     .eval = scripted_eval,
                                     .variable = scripted_variable,
                                     .log = keep_log};
    h->tasks = task_host_new(&services, 1, &e);
    assert_non_null(h->tasks);
    h->evals = json_object();
    h->exprs = expr_cache_new();
    h->variables = json_object();
}

void handler_host_close(struct handler_host *h)
{
    task_host_free(h->tasks);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&h->loop), 0);
    registry_close(h->registry);
    json_decref(h->evals);
    json_decref(h->variables);
    expr_cache_free(h->exprs);
    buf_free(&h->request);
    buf_free(&h->log);
    free(h->outcome);
}

static json_t *or_null(json_t *v)
{
    return v ? json_incref(v) : json_null();
}

static json_t *describe(const struct outcome *o)
{
    json_t *out = json_object();
    if (o->type == OUTCOME_DONE) {
        js_set(out, "done", or_null(o->output));
        if (o->branch)
            js_set(out, "branch", json_string(o->branch));
        if (o->variables)
            js_set(out, "variables", or_null(o->variables));
    } else if (o->type == OUTCOME_FAIL) {
        js_set(out, "fail", json_string(o->error_type));
        js_set(out, "message", json_string(o->message));
        js_set(out, "retryable", json_boolean(o->retryable));
        if (o->retry_after_ms)
            js_set(out, "retry_after_ms", json_integer(o->retry_after_ms));
        if (o->details)
            js_set(out, "details", or_null(o->details));
    } else if (o->type == OUTCOME_ENTER) {
        js_set(out, "enter", json_string(o->branch));
    } else {
        assert_int_equal(o->type, OUTCOME_PARK);
        assert_int_equal(o->until_us % 1000, 0);
        js_set(out, "park_until_ms", json_integer(o->until_us / 1000));
        CLEANUP_JSON json_t *signals = o->signals ? json_copy(o->signals) : json_array();
        if (o->signal)
            json_array_append_new(signals, json_string(o->signal));
        if (json_array_size(signals) > 0)
            json_object_set(out, "signals", signals);
        if (o->child)
            js_set(out, "child", json_string(o->child));
        if (o->checkpoint)
            js_set(out, "checkpoint", or_null(o->checkpoint));
    }
    if (o->asks)
        js_set(out, "asks", or_null(o->asks));
    return out;
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    (void)t;
    struct handler_host *h = owner;
    CLEANUP_JSON json_t *text = describe(o);
    assert_null(h->outcome);
    h->outcome = js_text(text);
}

static json_t *parse(const char *text)
{
    struct error e = ERROR_INIT;
    json_t *v = text ? js_parse(text, strlen(text), &e) : json_object();
    if (!v)
        fail_msg("%s: %s", text, e.message);
    return v;
}

const char *handler_outcome(struct handler_host *h, const struct handler_run *run)
{
    const struct handler *handler = registry_find(h->registry, run->type);
    assert_non_null(handler);
    CLEANUP_JSON json_t *config = parse(run->config), *input = parse(run->input);
    CLEANUP_JSON json_t *checkpoint = run->checkpoint ? parse(run->checkpoint) : NULL;
    CLEANUP_JSON json_t *event = run->event ? json_loads(run->event, JSON_DECODE_ANY, NULL) : NULL;
    CLEANUP_JSON json_t *edges = run->edges ? parse(run->edges) : NULL;
    struct task_call call = {.node_type = run->type,
                             .node_id = "n1",
                             .execution_id = "exec-1",
                             .workflow_id = "w1",
                             .key = "exec-1/n1",
                             .config = config,
                             .input = input,
                             .checkpoint = checkpoint,
                             .signal = run->signal,
                             .event = event,
                             .edges = edges,
                             .attempt = 1,
                             .why = run->why};
    free(STEAL(h->outcome));
    h->input = input;
    task_start(h->tasks, handler, &call, on_outcome, h);
    for (h->turns = 0; h->turns < 100000 && !h->outcome; h->turns++)
        uv_run(&h->loop, UV_RUN_ONCE);
    if (!h->outcome)
        fail_msg("no outcome of %s %s", run->type, run->config);
    return h->outcome;
}
