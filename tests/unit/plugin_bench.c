/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/plugin_bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

uv_loop_t loop;
struct task_host *tasks;
const struct wfw_host *host;
struct bench_got got;
struct bench_transfer transfer;
struct wfw_node node;
struct handler handler;

void note(const char *fmt, ...)
{
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    buf_printf(&got.seen, "%s\n", line);
}

static void answer_transfer(uv_timer_t *timer)
{
    (void)timer;
    const char *const headers[] = {"X-Answer: 1", NULL};
    const struct http_response r = {
        .status = 201, .headers = headers, .body = "made", .body_len = 4, .effective_url = "http://a/b"};
    transfer.done(transfer.arg, &r);
}

static void *fake_http(void *ctx, const struct http_request *r, http_done_fn done, void *arg, struct error *e)
{
    assert_string_equal(ctx, "ctx");
    note("http %s %s %s %zu %lld", r->method, r->url, r->headers ? r->headers[0] : "-", r->body_len, (long long)r->timeout_ms);
    if (strstr(r->url, "refused")) {
        err_set(e, "no such scheme");
        return NULL;
    }
    transfer.done = done;
    transfer.arg = arg;
    if (!strstr(r->url, "silent"))
        uv_timer_start(&transfer.timer, answer_transfer, 1, 0);
    return &transfer;
}

static void fake_http_cancel(void *ctx, void *what)
{
    assert_string_equal(ctx, "ctx");
    assert_ptr_equal(what, &transfer);
    transfer.cancelled++;
    uv_timer_stop(&transfer.timer);
}

static int64_t fake_now(void *ctx)
{
    (void)ctx;
    return NOW_US;
}

static json_t *fake_eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    (void)ctx;
    assert_string_equal(owner, "owner");
    if (strcmp(expression, "bad") == 0) {
        err_set(e, "does not compile");
        return NULL;
    }
    if (strcmp(expression, "typed") == 0) {
        err_set(e, "no such name");
        err_detail(e, "unknown_name");
        return NULL;
    }
    return json_pack("{s:s, s:O?}", "expression", expression, "vars", vars);
}

static char *fake_secret(void *ctx, void *owner, const char *name)
{
    (void)ctx;
    assert_string_equal(owner, "owner");
    return strcmp(name, "key") == 0 ? xstrdup("hush") : NULL;
}

static char *fake_env(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "HOME") == 0 ? xstrdup("/root") : NULL;
}

static json_t *fake_variable(void *ctx, void *owner, const char *name, const char *scope)
{
    (void)ctx;
    assert_string_equal(owner, "owner");
    return strcmp(name, "v") == 0 ? json_pack("{s:s?}", "scope", scope) : NULL;
}

static void fake_progress(void *ctx, void *owner, json_t *value)
{
    (void)ctx;
    CLEANUP_FREE char *text = js_text(value);
    note("progress %s %s", (const char *)owner, text);
}

static void fake_log(void *ctx, void *owner, int level, const char *text)
{
    (void)ctx;
    note("log %s %d %s", (const char *)owner, level, text);
}

int set_up(void **state)
{
    (void)state;
    const struct task_services services = {.loop = &loop,
                                           .ctx = (void *)(uintptr_t)"ctx",
                                           .http_start = fake_http,
                                           .http_cancel = fake_http_cancel,
                                           .now_us = fake_now,
                                           .virtual_time = true,
                                           .variable = fake_variable,
                                           .eval = fake_eval,
                                           .secret = fake_secret,
                                           .env = fake_env,
                                           .progress = fake_progress,
                                           .log = fake_log};
    host = host_table();
    memset(&got, 0, sizeof got);
    memset(&transfer, 0, sizeof transfer);
    if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &transfer.timer) != 0)
        return -1;
    tasks = task_host_new(&services, 2, NULL);
    return tasks ? 0 : -1;
}

int tear_down(void **state)
{
    (void)state;
    while (tasks && task_host_blocking_free(tasks) != 2)
        usleep(1000);
    if (task_host_free(tasks) != 0)
        return -1;
    uv_close((uv_handle_t *)&transfer.timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    free(got.text);
    buf_free(&got.seen);
    return uv_loop_close(&loop); /* fails when a watch was forgotten */
}

static void add_json(struct buf *b, const char *name, const json_t *v)
{
    if (!v)
        return;
    buf_printf(b, " %s=", name);
    js_write(b, v);
}

static void add_text(struct buf *b, const char *name, const char *text)
{
    if (text)
        buf_printf(b, " %s=%s", name, text);
}

static char *describe(const struct outcome *o)
{
    static const char *const names[] = {"done", "fail", "park", "enter", "leave"};
    struct buf b = BUF_INIT;
    buf_addstr(&b, names[o->type]);
    add_json(&b, "output", o->output);
    add_text(&b, "branch", o->branch);
    add_text(&b, "type", o->error_type);
    add_text(&b, "message", o->message);
    if (o->retryable)
        buf_addstr(&b, " retryable");
    if (o->retry_after_ms)
        buf_printf(&b, " after=%lld", (long long)o->retry_after_ms);
    add_json(&b, "details", o->details);
    if (o->until_us)
        buf_printf(&b, " until=%lld", (long long)o->until_us);
    add_text(&b, "signal", o->signal);
    add_json(&b, "signals", o->signals);
    if (o->fresh)
        buf_addstr(&b, " fresh");
    add_json(&b, "cancels", o->cancels);
    add_text(&b, "child", o->child);
    if (o->type == OUTCOME_PARK) /* what it asks for and waits for */
        add_json(&b, "asks", o->asks);
    add_json(&b, "checkpoint", o->checkpoint);
    if (o->leave)
        buf_printf(&b, " leave=%u", o->leave);
    if (o->pass)
        buf_printf(&b, " pass=%llu", (unsigned long long)o->pass);
    if (o->flags)
        buf_printf(&b, " flags=%u", o->flags);
    if (o->keep)
        buf_printf(&b, " keep=%u", o->keep);
    return buf_steal(&b);
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    (void)t;
    assert_string_equal(owner, "owner");
    free(got.text);
    got.text = describe(o);
    got.seen_before = got.seen.len;
    got.count++;
}

void prepare(run_fn run, uint32_t exec, uint32_t caps)
{
    node = (struct wfw_node){
        .size = sizeof node, .type = "t.node", .exec = exec, .caps = caps, .run = run, .cancel = node.cancel, .check = node.check};
    handler = (struct handler){.plugin_name = "t", .node = &node, .state = (void *)(uintptr_t)"state",
                               .config_schema = handler.config_schema};
}

static struct task *launch_with(const char *config, bool at_once)
{
    CLEANUP_JSON json_t *c = js_parse(config, strlen(config), NULL);
    CLEANUP_JSON json_t *input = json_pack("{s:i}", "n", 5);
    const struct task_call call = {.node_type = "t.alias",
                                   .node_id = "node-1",
                                   .execution_id = "exec-1",
                                   .workflow_id = "wf-1",
                                   .key = "key-1",
                                   .config = c,
                                   .input = input,
                                   .attempt = 2,
                                   .timeout_ms = 900,
                                   .at_once = at_once};
    struct task *t = task_start(tasks, &handler, &call, on_outcome, (void *)(uintptr_t)"owner");
    assert_non_null(t);
    return t;
}

struct task *launch(const char *config)
{
    return launch_with(config, false);
}

struct task *launch_at_once(const char *config)
{
    return launch_with(config, true);
}

struct task *start(run_fn run, uint32_t exec, uint32_t caps, const char *config)
{
    prepare(run, exec, caps);
    return launch(config);
}

void loop_until(size_t outcomes)
{
    while (got.count < outcomes)
        uv_run(&loop, UV_RUN_ONCE);
}

void expect_run(run_fn run, uint32_t exec, uint32_t caps, const char *config, const char *outcome)
{
    size_t before = got.count;
    start(run, exec, caps, config);
    assert_int_equal(got.count, before); /* never from inside task_start */
    loop_until(before + 1);
    assert_int_equal(got.count, before + 1);
    assert_string_equal(got.text, outcome);
}

void expect_everywhere(run_fn run, const char *config, const char *outcome)
{
    expect_run(run, WFW_EXEC_LOOP, WFW_CAP_CHILD, config, outcome);
    expect_run(run, WFW_EXEC_BLOCKING, WFW_CAP_CHILD, config, outcome);
}

struct wfw_task *_Atomic kept;

void run_keep(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    kept = task;
    host->done(task, NULL, NULL);
}
