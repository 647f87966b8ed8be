/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: every outcome from every kind of thread, values, services, watches, cancelling, and handlers that do it wrong.
 * The handlers are functions of this file; they use nothing but the host's table, as a plugin does. */
#include "unit/test.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/internal.h"
#include "plugin/task.h"
#include "plugin/values.h"

#undef fail /* cmocka's; the host has one, too */

#define NOW_US (INT64_C(1700000000) * 1000000)

/* ---- The worker's side: services that are made up, and what came ---- */

static uv_loop_t loop;
static struct task_host *tasks;
static const struct wfw_host *host;

static struct {
    size_t count;    /* outcomes */
    char *text;      /* of the last one */
    struct buf seen; /* log lines, progress, transfers */
} got;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    buf_printf(&got.seen, "%s\n", line);
}

static struct {
    http_done_fn done;
    void *arg;
    int cancelled;
    uv_timer_t timer;
} transfer;

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

static int set_up(void **state)
{
    (void)state;
    const struct task_services services = {.loop = &loop,
                                           .ctx = (void *)(uintptr_t)"ctx",
                                           .http_start = fake_http,
                                           .http_cancel = fake_http_cancel,
                                           .now_us = fake_now,
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

static int tear_down(void **state)
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
    add_text(&b, "child", o->child_workflow);
    add_json(&b, "child_input", o->child_input);
    add_json(&b, "checkpoint", o->checkpoint);
    if (o->leave)
        buf_printf(&b, " leave=%u", o->leave);
    if (o->pass)
        buf_printf(&b, " pass=%llu", (unsigned long long)o->pass);
    return buf_steal(&b);
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    (void)t;
    assert_string_equal(owner, "owner");
    free(got.text);
    got.text = describe(o);
    got.count++;
}

typedef void (*run_fn)(void *, struct wfw_task *, const struct wfw_call *);

static struct wfw_node node;
static struct handler handler;

static void prepare(run_fn run, uint32_t exec, uint32_t caps)
{
    node = (struct wfw_node){
        .size = sizeof node, .type = "t.node", .exec = exec, .caps = caps, .run = run, .cancel = node.cancel, .check = node.check};
    handler = (struct handler){.plugin_name = "t", .node = &node, .state = (void *)(uintptr_t)"state",
                               .config_schema = handler.config_schema};
}

static struct task *launch(const char *config)
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
                                   .timeout_ms = 900};
    struct task *t = task_start(tasks, &handler, &call, on_outcome, (void *)(uintptr_t)"owner");
    assert_non_null(t);
    return t;
}

static struct task *start(run_fn run, uint32_t exec, uint32_t caps, const char *config)
{
    prepare(run, exec, caps);
    return launch(config);
}

static void loop_until(size_t outcomes)
{
    while (got.count < outcomes)
        uv_run(&loop, UV_RUN_ONCE);
}

static void expect_run(run_fn run, uint32_t exec, uint32_t caps, const char *config, const char *outcome)
{
    size_t before = got.count;
    start(run, exec, caps, config);
    assert_int_equal(got.count, before); /* never from inside task_start */
    loop_until(before + 1);
    assert_int_equal(got.count, before + 1);
    assert_string_equal(got.text, outcome);
}

static void expect_everywhere(run_fn run, const char *config, const char *outcome)
{
    expect_run(run, WFW_EXEC_LOOP, WFW_CAP_CHILD, config, outcome);
    expect_run(run, WFW_EXEC_BLOCKING, WFW_CAP_CHILD, config, outcome);
}

/* ---- Outcomes ---- */

static void run_outcome(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    assert_string_equal(state, "state");
    assert_string_equal(call->node_type, "t.alias");
    assert_string_equal(call->node_id, "node-1");
    assert_string_equal(call->execution_id, "exec-1");
    assert_string_equal(call->workflow_id, "wf-1");
    assert_string_equal(call->key, "key-1");
    assert_int_equal(call->attempt, 2);
    assert_int_equal(call->deadline_ms, 900);
    assert_int_equal(call->why, WFW_WHY_START);
    assert_null(call->event);
    assert_int_equal(host->get_string(call->config, "/do", &what, NULL), WFW_OK);
    if (strcmp(what, "done") == 0)
        assert_int_equal(host->done(task, call->input, "yes"), WFW_OK);
    else if (strcmp(what, "done empty") == 0)
        assert_int_equal(host->done(task, NULL, ""), WFW_OK);
    else if (strcmp(what, "fail") == 0)
        assert_int_equal(host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error),
                                                              .type = "odd",
                                                              .message = "as \xff asked",
                                                              .retryable = 1,
                                                              .retry_after_ms = 1500,
                                                              .details = call->input}),
                         WFW_OK);
    else if (strcmp(what, "fail empty") == 0)
        assert_int_equal(host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error)}), WFW_OK);
    else if (strcmp(what, "fail as before node_id") == 0) /* what a plugin passes that was built before that member */
        assert_int_equal(host->fail(task, &(struct wfw_error){.size = offsetof(struct wfw_error, node_id), .type = "old",
                                                              .message = "shorter", .node_id = "beyond its size"}),
                         WFW_OK);
    else if (strcmp(what, "park after") == 0)
        assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .after_ms = 2000,
                                                             .until_ms = INT64_MAX, .checkpoint = call->input}),
                         WFW_OK);
    else if (strcmp(what, "park all") == 0)
        assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park),
                                                             .after_ms = INT64_MAX,
                                                             .until_ms = 1000,
                                                             .signal = "wake",
                                                             .child_workflow = "wf-2",
                                                             .child_input = call->input}),
                         WFW_OK);
    else if (strcmp(what, "enter") == 0)
        assert_int_equal(host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter), .branch = "body",
                                                               .vars = call->input, .checkpoint = call->config, .pass = 3}),
                         WFW_OK);
    else
        assert_int_equal(host->leave(task, WFW_LEAVE_BREAK, "outer", call->input), WFW_OK);
}

static void every_outcome_from_loop_and_thread(void **state)
{
    (void)state;
    expect_everywhere(run_outcome, "{\"do\":\"done\"}", "done output={\"n\":5} branch=yes");
    expect_everywhere(run_outcome, "{\"do\":\"done empty\"}", "done output={}");
    expect_everywhere(run_outcome, "{\"do\":\"fail\"}",
                      "fail type=odd message=as \xef\xbf\xbd asked retryable after=1500 details={\"n\":5}");
    expect_everywhere(run_outcome, "{\"do\":\"fail empty\"}", "fail type=handler_error message=the handler gave no message");
    expect_everywhere(run_outcome, "{\"do\":\"fail as before node_id\"}", "fail type=old message=shorter");
    expect_everywhere(run_outcome, "{\"do\":\"park after\"}", "park until=1700000002000000 checkpoint={\"n\":5}");
    expect_everywhere(run_outcome, "{\"do\":\"park all\"}", "park until=1000000 signal=wake child=wf-2 child_input={\"n\":5}");
    expect_everywhere(run_outcome, "{\"do\":\"enter\"}",
                      "enter output={\"n\":5} branch=body checkpoint={\"do\":\"enter\"} pass=3");
    expect_everywhere(run_outcome, "{\"do\":\"leave\"}", "leave output={\"n\":5} branch=outer leave=100");
}

/* What is refused leaves the task open. */
static void run_wrong(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct {
        struct wfw_error error;
        char tail[8];
    } longer = {.error = {.size = sizeof longer}, .tail = {0, 1}};
    assert_int_equal(host->fail(task, NULL), WFW_E_INVAL);
    assert_int_equal(host->fail(task, &(struct wfw_error){.message = "no size"}), WFW_E_INVAL);
    assert_int_equal(host->fail(task, &longer.error), WFW_E_INVAL);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park)}), WFW_E_INVAL);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .signal = "s", .after_ms = -1}),
                     WFW_E_INVAL);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .child_workflow = "w"}),
                     WFW_E_DENIED);
    assert_int_equal(host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter)}), WFW_E_INVAL);
    assert_int_equal(host->leave(task, 5, NULL, NULL), WFW_E_INVAL);
    longer.tail[1] = 0;
    longer.error.message = "longer";
    assert_int_equal(host->fail(task, &longer.error), WFW_OK);
    assert_int_equal(host->done(task, call->input, NULL), WFW_E_STALE);
    assert_int_equal(host->fail(task, &longer.error), WFW_E_STALE);
}

static void wrong_arguments_and_second_outcomes(void **state)
{
    (void)state;
    expect_run(run_wrong, WFW_EXEC_LOOP, 0, "{}", "fail type=handler_error message=longer");
    expect_run(run_wrong, WFW_EXEC_BLOCKING, 0, "{}", "fail type=handler_error message=longer");
}

static void run_silent(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)task;
    (void)call;
}

static void silence_is_a_failure(void **state)
{
    (void)state;
    expect_run(run_silent, WFW_EXEC_LOOP, 0, "{}",
               "fail type=handler_error message=the handler of node type t.node ended without an outcome");
    expect_run(run_silent, WFW_EXEC_BLOCKING, 0, "{}",
               "fail type=handler_error message=the handler of node type t.node ended without an outcome");
}

static void *finish_from_thread(void *task)
{
    host->log(task, WFW_LOG_INFO, "from %s", "outside");
    host->done(task, host->string(task, "threaded", WFW_NTS), NULL);
    return NULL;
}

static pthread_t own_thread;

static void run_own_thread(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    assert_int_equal(pthread_create(&own_thread, NULL, finish_from_thread, task), 0);
}

static void outcomes_from_threads_of_the_plugin(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        expect_run(run_own_thread, i % 2 ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, WFW_CAP_THREADS, "{}", "done output=\"threaded\"");
        pthread_join(own_thread, NULL);
    }
    assert_int_equal(strncmp(got.seen.data, "log owner 1 from outside\n", 25), 0);
}

/* ---- Stale handles ---- */

static struct wfw_task *_Atomic kept;

static void run_keep(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    kept = task;
    host->done(task, NULL, NULL);
}

static void expect_stale(struct wfw_task *task)
{
    char msg[80] = "";
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
    assert_int_equal(host->fail(task, NULL), WFW_E_STALE);
    assert_int_equal(host->park(task, NULL), WFW_E_STALE);
    assert_int_equal(host->enter(task, NULL), WFW_E_STALE);
    assert_int_equal(host->leave(task, WFW_LEAVE_BREAK, NULL, NULL), WFW_E_STALE);
    assert_null(host->object(task));
    assert_null(host->array(task));
    assert_null(host->null(task));
    assert_null(host->string(task, "x", 1));
    assert_null(host->parse(task, "1", 1, msg, sizeof msg));
    assert_string_equal(msg, "the task is over");
    assert_null(host->text(task, value_of(json_true()), NULL));
    assert_null(host->alloc(task, 10));
    assert_null(host->eval(task, "1", NULL, msg, sizeof msg));
    assert_int_equal(host->progress(task, value_of(json_true())), WFW_E_STALE);
    assert_int_equal(host->cancelled(task), 1);
    assert_int_equal(host->cancel_fd(task), -1);
    assert_null(host->secret(task, "key"));
    assert_null(host->env(task, "HOME"));
    assert_null(host->timer(task, 1, (wfw_timer_fn)(void (*)(void))run_keep, NULL));
    host->log(task, WFW_LOG_DEBUG, "nobody hears this");
}

static void stale_handles_answer_and_never_crash(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        expect_run(run_keep, i % 2 ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, 0, "{}", "done output={}");
        while (!host->cancelled(kept))
            uv_run(&loop, UV_RUN_ONCE); /* until the thread has returned, too */
        expect_stale(kept);
    }
    expect_stale(NULL);
    expect_stale((struct wfw_task *)(uintptr_t)0x10);
    expect_stale((struct wfw_task *)UINTPTR_MAX);
}

/* ---- Values ---- */

static void check_reading(const struct wfw_value *v)
{
    int b = 7;
    int64_t i = 7;
    double d = 7;
    const char *s = "seven";
    size_t len = 7;
    assert_int_equal(host->type(v), WFW_OBJECT);
    assert_int_equal(host->type(NULL), WFW_NULL);
    assert_ptr_equal(host->get(v, ""), v);
    assert_null(host->get(v, "a"));
    assert_null(host->get(NULL, ""));
    assert_int_equal(host->get_bool(v, "/t", &b), WFW_OK);
    assert_int_equal(b, 1);
    assert_int_equal(host->get_bool(v, "/s", &b), WFW_E_TYPE);
    assert_int_equal(host->get_int(v, "/a/1/b~1c~0d", &i), WFW_OK);
    assert_int_equal(i, -9);
    assert_int_equal(host->get_int(v, "/whole", &i), WFW_OK);
    assert_int_equal(i, 3);
    assert_int_equal(host->get_int(v, "/r", &i), WFW_E_TYPE);
    assert_int_equal(host->get_int(v, "/big", &i), WFW_E_TYPE);
    assert_int_equal(host->get_int(v, "/s", &i), WFW_E_TYPE);
    assert_int_equal(i, 3);
    assert_int_equal(host->get_real(v, "/r", &d), WFW_OK);
    assert_true(fabs(d - 0.5) < 1e-12);
    assert_int_equal(host->get_real(v, "/a/0", &d), WFW_OK);
    assert_int_equal(host->get_real(v, "/n", &d), WFW_E_TYPE);
    assert_int_equal(host->get_string(v, "/s", &s, &len), WFW_OK);
    assert_string_equal(s, "text");
    assert_int_equal(len, 4);
    assert_int_equal(host->get_string(v, "/a", &s, NULL), WFW_E_TYPE);
    static const char *const absent[] = {"/x", "/a/9", "/a/01", "/a/-", "/a/1/b", "/s/0", "/a/", "/a/99999999999999999999"};
    for (size_t k = 0; k < ARRAY_LEN(absent); k++)
        assert_int_equal(host->get_string(v, absent[k], &s, NULL), WFW_E_NOTFOUND);
    assert_int_equal(host->get_string(v, "s", &s, NULL), WFW_E_INVAL);
    assert_int_equal(host->get_string(v, NULL, &s, NULL), WFW_E_INVAL);
    assert_int_equal(host->length(v), 8);
    assert_int_equal(host->length(host->get(v, "/a")), 2);
    assert_int_equal(host->length(host->get(v, "/s")), 4);
    assert_int_equal(host->length(host->get(v, "/t")), 0);
    assert_int_equal(host->length(NULL), 0);
}

static void check_items(const struct wfw_value *v)
{
    static const char *const keys[] = {"t", "s", "n", "r", "whole", "big", "a", "last"};
    const char *key;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            size_t at = round ? ARRAY_LEN(keys) - 1 - i : i;
            assert_non_null(host->item(v, at, &key));
            assert_string_equal(key, keys[at]);
        }
    assert_null(host->item(v, ARRAY_LEN(keys), &key));
    assert_null(key);
    assert_null(host->item(NULL, 0, NULL));
    assert_null(host->item(host->get(v, "/s"), 0, NULL));
    assert_non_null(host->item(host->get(v, "/a"), 1, &key));
    assert_null(key);
    assert_null(host->item(host->get(v, "/a"), 2, &key));
}

static void run_reading(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static const char text[] = "{\"t\":true,\"s\":\"text\",\"n\":null,\"r\":0.5,\"whole\":3.0,\"big\":1e300,"
                               "\"a\":[1,{\"b/c~d\":-9}],\"last\":{}}";
    char msg[100] = "";
    size_t len;
    (void)state;
    const struct wfw_value *v = host->parse(task, text, WFW_NTS, msg, sizeof msg);
    assert_non_null(v);
    check_reading(v);
    check_items(v);
    const char *again = host->text(task, v, &len);
    assert_int_equal(len, strlen(again));
    assert_null(host->parse(task, "[1,]", 4, msg, sizeof msg));
    assert_string_equal(msg, "invalid JSON at line 1, column 4: unexpected token near ']'");
    assert_null(host->parse(task, "{\"a\":\"\\u0000\"}", WFW_NTS, NULL, 0));
    assert_null(host->parse(task, NULL, 0, msg, 5));
    assert_string_equal(msg, "ther");
    assert_int_equal(host->set((struct wfw_value *)(uintptr_t)v, "x", v), WFW_E_INVAL);
    assert_int_equal(host->set((struct wfw_value *)(uintptr_t)call->input, "x", v), WFW_E_INVAL);
    assert_int_equal(host->push((struct wfw_value *)(uintptr_t)host->get(v, "/a"), v), WFW_E_INVAL);
    host->done(task, host->string(task, again, len), NULL);
}

static void values_are_read(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        expect_run(run_reading, i ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, 0, "{}",
                   "done output=\"{\\\"t\\\":true,\\\"s\\\":\\\"text\\\",\\\"n\\\":null,\\\"r\\\":0.5,\\\"whole\\\":3.0,"
                   "\\\"big\\\":1e+300,\\\"a\\\":[1,{\\\"b/c~d\\\":-9}],\\\"last\\\":{}}\"");
}

static void build_wrong(struct wfw_task *task, struct wfw_value *object, struct wfw_value *array)
{
    assert_int_equal(host->set(object, "x", NULL), WFW_E_INVAL);
    assert_int_equal(host->set(object, NULL, array), WFW_E_INVAL);
    assert_int_equal(host->set(object, "\xff", host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(array, "x", host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->push(object, host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(NULL, "x", host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(object, "self", object), WFW_E_INVAL);
    assert_null(host->real(task, (double)NAN));
    assert_null(host->real(task, (double)INFINITY));
    assert_null(host->string(task, "\xc3(", WFW_NTS));
    assert_null(host->string(task, "a\0b", 3));
    assert_null(host->string(task, NULL, 0));
}

static void run_building(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct wfw_value *object = host->object(task), *array = host->array(task), *inner = host->object(task);
    build_wrong(task, object, array);
    assert_int_equal(host->push(array, host->boolean(task, 5)), WFW_OK);
    assert_int_equal(host->push(array, host->integer(task, INT64_MIN)), WFW_OK);
    assert_int_equal(host->push(array, host->real(task, 0.1)), WFW_OK);
    assert_int_equal(host->push(array, host->string(task, "\xc3\xa4rger", 3)), WFW_OK);
    assert_int_equal(host->push(array, inner), WFW_OK);
    assert_int_equal(host->set(inner, "late", array), WFW_E_INVAL); /* frozen: no cycles */
    assert_int_equal(host->set(object, "a", host->null(task)), WFW_OK);
    assert_int_equal(host->set(object, "a", array), WFW_OK);
    assert_int_equal(host->push(array, host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(object, "in", call->input), WFW_OK);
    assert_int_equal(host->type(object), WFW_OBJECT);
    assert_int_equal(host->length(object), 2);
    host->done(task, object, NULL);
    assert_int_equal(host->set(object, "z", call->input), WFW_E_INVAL);
}

static void values_are_built(void **state)
{
    (void)state;
    expect_run(run_building, WFW_EXEC_LOOP, 0, "{}",
               "done output={\"a\":[true,-9223372036854775808,0.1,\"\xc3\xa4r\",{}],\"in\":{\"n\":5}}");
    expect_run(run_building, WFW_EXEC_BLOCKING, 0, "{}",
               "done output={\"a\":[true,-9223372036854775808,0.1,\"\xc3\xa4r\",{}],\"in\":{\"n\":5}}");
}

static void run_deep(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    struct wfw_value *v = host->array(task);
    int depth = 1, rc = WFW_OK;
    for (; rc == WFW_OK && depth < 100000; depth++) {
        struct wfw_value *outer = host->array(task);
        rc = host->push(outer, v);
        v = outer;
    }
    assert_int_equal(rc, WFW_E_LIMIT);
    host->done(task, host->integer(task, depth), NULL);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    expect_run(run_deep, WFW_EXEC_LOOP, 0, "{}", "done output=513");
}

static void run_wide(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    struct wfw_value *v = host->object(task);
    const char *key;
    int64_t sum = 0, one = 0;
    for (int i = 0; i < 20000; i++) {
        char name[20];
        snprintf(name, sizeof name, "k%d", i);
        host->set(v, name, host->integer(task, i));
    }
    for (size_t i = 0; i < host->length(v); i++) {
        assert_int_equal(host->get_int(host->item(v, i, &key), "", &one), WFW_OK);
        assert_int_equal(atoll(key + 1), i);
        sum += one;
    }
    host->done(task, host->integer(task, sum), NULL);
}

static void wide_objects_are_walked(void **state)
{
    (void)state;
    expect_run(run_wide, WFW_EXEC_BLOCKING, 0, "{}", "done output=199990000");
}

/* ---- Services ---- */

static void run_services(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    char msg[80] = "";
    (void)state;
    struct wfw_value *out = host->object(task);
    char *memory = host->alloc(task, 1000);
    assert_non_null(memory);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(memory[i], 0);
    assert_null(host->alloc(task, SIZE_MAX));
    assert_int_equal(host->now_ms(), NOW_US / 1000);
    assert_int_equal(host->cancelled(task), 0);
    const struct wfw_value *v = host->eval(task, "1 + n", call->input, msg, sizeof msg);
    assert_non_null(v);
    host->set(out, "eval", v);
    assert_null(host->eval(task, "bad", NULL, msg, sizeof msg));
    assert_string_equal(msg, "does not compile");
    assert_null(host->eval(task, NULL, NULL, msg, sizeof msg));
    struct wfw_error error = {.size = sizeof error};
    const struct wfw_value *twice = host->evaluate(task, "1 + n", call->input, &error);
    assert_non_null(twice);
    assert_null(error.message);
    host->release(task, twice);
    host->release(task, out); /* not for these: it goes on living */
    host->release(task, NULL);
    assert_null(host->evaluate(task, "bad", NULL, &error));
    assert_string_equal(error.type, "expression_error");
    assert_null(host->evaluate(task, "typed", NULL, &error));
    assert_string_equal(error.type, "unknown_name");
    assert_string_equal(error.message, "no such name");
    assert_null(host->evaluate(task, "typed", NULL, NULL));
    assert_string_equal(msg, "an expression and an object of variables are needed");
    assert_string_equal(host->secret(task, "key"), "hush");
    assert_null(host->secret(task, "other"));
    assert_string_equal(host->env(task, "HOME"), "/root");
    assert_null(host->env(task, NULL));
    host->log(task, 99, "bad \xff bytes %d", 3);
    assert_int_equal(host->progress(task, host->integer(task, 50)), WFW_OK);
    assert_int_equal(host->progress(task, NULL), WFW_E_INVAL);
    host->done(task, out, NULL);
    assert_int_equal(host->progress(task, out), WFW_E_STALE);
}

static void services_from_loop_and_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        buf_clear(&got.seen);
        expect_run(run_services, i ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, WFW_CAP_SECRETS | WFW_CAP_ENV, "{}",
                   "done output={\"eval\":{\"expression\":\"1 + n\",\"vars\":{\"n\":5}}}");
        assert_string_equal(got.seen.data, "log owner 3 bad \xef\xbf\xbd bytes 3\nprogress owner 50\n");
    }
}

static void no_http(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    (void)arg;
    (void)task;
    (void)r;
    _fail(__FILE__, __LINE__);
}

static void no_fd(void *arg, struct wfw_task *task, int events)
{
    (void)arg;
    (void)task;
    (void)events;
    _fail(__FILE__, __LINE__);
}

static void run_undeclared(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    const struct wfw_http_request request = {.size = sizeof request, .url = "http://a/"};
    assert_null(host->secret(task, "key"));
    assert_null(host->env(task, "HOME"));
    assert_null(host->http(task, &request, no_http, NULL));
    assert_null(host->fd(task, 0, WFW_FD_READ, no_fd, NULL));
    host->done(task, NULL, NULL);
}

static void undeclared_capabilities_are_denied(void **state)
{
    (void)state;
    expect_run(run_undeclared, WFW_EXEC_LOOP, 0, "{}", "done output={}");
    assert_null(got.seen.data);
    /* from a thread there are no watches at all */
    expect_run(run_undeclared, WFW_EXEC_BLOCKING, WFW_CAP_HTTP | WFW_CAP_FD, "{}", "done output={}");
}

/* ---- Watches ---- */

static void timer_second(void *arg, struct wfw_task *task)
{
    note("second");
    host->done(task, arg, NULL);
}

static void timer_first(void *arg, struct wfw_task *task)
{
    note("first");
    assert_non_null(host->timer(task, 1, timer_second, arg));
}

static void timer_never(void *arg, struct wfw_task *task)
{
    (void)arg;
    (void)task;
    note("never");
}

static void run_timers(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    assert_null(host->timer(task, -1, timer_first, NULL));
    assert_null(host->timer(task, 1, NULL, NULL));
    host->unwatch(host->timer(task, 0, timer_never, NULL));
    host->unwatch(NULL);
    assert_non_null(host->timer(task, 1, timer_first, (void *)(uintptr_t)call->input));
    assert_non_null(host->timer(task, 3600000, timer_never, NULL));
}

static void timers(void **state)
{
    (void)state;
    expect_run(run_timers, WFW_EXEC_LOOP, 0, "{}", "done output={\"n\":5}");
    assert_string_equal(got.seen.data, "first\nsecond\n");
}

static void timer_forgets(void *arg, struct wfw_task *task)
{
    (void)task;
    host->unwatch(*(struct wfw_watch **)arg); /* itself */
}

static struct wfw_watch *forgetful;

static void run_forgetful(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    forgetful = host->timer(task, 1, timer_forgets, &forgetful);
}

static void the_last_watch_without_an_outcome(void **state)
{
    (void)state;
    expect_run(run_forgetful, WFW_EXEC_LOOP, 0, "{}",
               "fail type=handler_error message=the handler of node type t.node ended without an outcome");
}

static int pipe_fds[2];

static void on_readable(void *arg, struct wfw_task *task, int events)
{
    char c = 0;
    assert_string_equal(arg, "arg");
    assert_int_equal(events, WFW_FD_READ);
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    if (c == 'e')
        host->done(task, NULL, "end");
    close(c == 'e' ? pipe_fds[0] : -1);
}

static void run_fd(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    assert_null(host->fd(task, -1, WFW_FD_READ, on_readable, NULL));
    assert_null(host->fd(task, pipe_fds[0], 0, on_readable, NULL));
    assert_null(host->fd(task, pipe_fds[0], 4, on_readable, NULL));
    assert_non_null(host->fd(task, pipe_fds[0], WFW_FD_READ, on_readable, (void *)(uintptr_t)"arg"));
}

static void descriptors(void **state)
{
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(write(pipe_fds[1], "ae", 2), 2);
    expect_run(run_fd, WFW_EXEC_LOOP, WFW_CAP_FD, "{}", "done output={} branch=end");
    close(pipe_fds[1]);
}

static void on_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    (void)arg;
    struct wfw_value *out = host->object(task);
    host->set(out, "status", host->integer(task, r->status));
    if (r->error) {
        host->set(out, "error", host->string(task, r->error, WFW_NTS));
        host->set(out, "error_type", host->string(task, r->error_type, WFW_NTS));
    } else {
        host->set(out, "header", host->string(task, r->headers[0], WFW_NTS));
        host->set(out, "body", host->string(task, r->body, r->body_len));
        host->set(out, "url", host->string(task, r->effective_url, WFW_NTS));
    }
    host->done(task, out, NULL);
}

static void run_http(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *url = NULL;
    const char *const headers[] = {"A: b", NULL};
    (void)state;
    host->get_string(call->config, "/url", &url, NULL);
    const struct wfw_http_request r = {
        .size = sizeof r, .url = url, .headers = headers, .body = "xyz", .body_len = 3, .timeout_ms = 700};
    const struct wfw_http_request no_url = {.size = sizeof r};
    assert_null(host->http(task, &no_url, on_answer, NULL));
    assert_null(host->http(task, NULL, on_answer, NULL));
    assert_non_null(host->http(task, &r, on_answer, NULL));
}

/* The callback stops its own transfer and begins another one. */
static void on_first_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *response)
{
    const struct wfw_http_request r = {.size = sizeof r, .url = "http://again/"};
    (void)response;
    host->unwatch(*(struct wfw_watch **)arg);
    assert_non_null(host->http(task, &r, on_answer, NULL));
}

static void run_http_twice(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_http_request r = {.size = sizeof r, .url = "http://first/"};
    (void)state;
    (void)call;
    forgetful = host->http(task, &r, on_first_answer, &forgetful);
}

static void a_transfer_replaces_itself(void **state)
{
    (void)state;
    expect_run(run_http_twice, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{}",
               "done output={\"status\":201,\"header\":\"X-Answer: 1\",\"body\":\"made\",\"url\":\"http://a/b\"}");
    assert_string_equal(got.seen.data, "http GET http://first/ - 0 0\nhttp GET http://again/ - 0 0\n");
    assert_int_equal(transfer.cancelled, 0);
}

static void http(void **state)
{
    (void)state;
    expect_run(run_http, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{\"url\":\"http://a/b\"}",
               "done output={\"status\":201,\"header\":\"X-Answer: 1\",\"body\":\"made\",\"url\":\"http://a/b\"}");
    assert_string_equal(got.seen.data, "http GET http://a/b A: b 3 700\n");
    expect_run(run_http, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{\"url\":\"refused://\"}",
               "done output={\"status\":0,\"error\":\"no such scheme\",\"error_type\":\"network_error\"}");
    assert_int_equal(transfer.cancelled, 0);
}

/* ---- Cancelling ---- */

static void on_cancel(void *state, struct wfw_task *task)
{
    assert_string_equal(state, "state");
    assert_int_equal(host->cancelled(task), 1);
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
    note("cancelled");
}

static void spin(int times)
{
    for (int i = 0; i < times; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void a_loop_handler_is_cancelled(void **state)
{
    (void)state;
    node.cancel = on_cancel;
    struct task *t = start(run_http, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{\"url\":\"http://silent/\"}");
    spin(3);
    task_cancel(t, 1000);
    node.cancel = NULL;
    assert_int_equal(transfer.cancelled, 1);
    assert_string_equal(got.seen.data, "http GET http://silent/ A: b 3 700\ncancelled\n");
    struct task *over = start(run_keep, WFW_EXEC_LOOP, 0, "{}");
    task_cancel(over, 1000); /* its outcome was there, not yet delivered */
    spin(5);
    assert_int_equal(got.count, 0);
    assert_int_equal(host->done(kept, NULL, NULL), WFW_E_STALE);
}

static sem_t began, may_end;

static void run_polite(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    struct pollfd p = {.fd = host->cancel_fd(task), .events = POLLIN};
    kept = task;
    sem_post(&began);
    assert_int_equal(host->cancel_fd(task), p.fd);
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_int_equal(host->cancelled(task), 1);
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
    assert_non_null(host->object(task)); /* memory stays as long as run() */
    sem_post(&may_end);
}

static void a_blocking_handler_is_told(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *t = start(run_polite, WFW_EXEC_BLOCKING, 0, "{}");
    sem_wait(&began);
    task_cancel(t, 60000);
    sem_wait(&may_end);
    while (host->object(kept))
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(task_host_abandoned(tasks), 0);
    while (task_host_blocking_free(tasks) != 2)
        usleep(1000);
    assert_int_equal(got.count, 0);
}

static void run_deaf(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    kept = task;
    sem_post(&began);
    while (sem_wait(&may_end) != 0)
        ;
}

static void a_deaf_handler_is_abandoned_and_counted(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *first = start(run_deaf, WFW_EXEC_BLOCKING, 0, "{}");
    struct task *second = launch("{}");
    sem_wait(&began);
    sem_wait(&began);
    assert_int_equal(task_host_blocking_free(tasks), 0);
    struct task *third = launch("{}"); /* waits for a thread */
    task_cancel(third, 0);
    assert_int_equal(task_host_abandoned(tasks), 0);
    task_cancel(first, 0);
    while (task_host_abandoned(tasks) != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    sem_post(&may_end);
    sem_post(&may_end);
    while (task_host_abandoned(tasks) != 0 || got.count != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    (void)second;
    assert_string_equal(got.text, "fail type=handler_error message=the handler of node type t.node ended without an outcome");
}

/* The host goes while a handler is still running: the thread finds nobody, and nothing crashes. */
static void the_host_does_not_wait_for_the_deaf(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *t = start(run_deaf, WFW_EXEC_BLOCKING, 0, "{}");
    sem_wait(&began);
    task_cancel(t, 0);
    while (task_host_abandoned(tasks) != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(task_host_free(tasks), 1);
    tasks = NULL;
    uv_run(&loop, UV_RUN_NOWAIT);
    sem_post(&may_end);
    while (host->object(kept))
        usleep(1000); /* until the thread has let go of the task */
}

static void run_block(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    usleep(500);
    host->done(task, NULL, NULL);
}

static void many_blocking_tasks_share_few_threads(void **state)
{
    (void)state;
    prepare(run_block, WFW_EXEC_BLOCKING, 0);
    for (int i = 0; i < 300; i++)
        launch("{}");
    loop_until(300);
    while (task_host_blocking_free(tasks) != 2)
        uv_run(&loop, UV_RUN_NOWAIT);
}

/* ---- Configuration, slowness ---- */

static int refuse_config(void *state, const struct wfw_value *config, char *msg, size_t msglen)
{
    int64_t n = 0;
    assert_string_equal(state, "state");
    host->get_int(config, "/n", &n);
    if (n == 2)
        snprintf(msg, msglen, "two is too many");
    return n >= 2 ? WFW_E_INVAL : WFW_OK;
}

static void configurations_are_checked_first(void **state)
{
    (void)state;
    static const char schema[] = "{\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"}}}";
    handler.config_schema = js_parse(schema, sizeof schema - 1, NULL);
    node.check = refuse_config;
    expect_run(run_keep, WFW_EXEC_LOOP, 0, "{}",
               "fail type=config_invalid message=invalid configuration: \"/n\": is missing");
    expect_run(run_keep, WFW_EXEC_BLOCKING, 0, "{\"n\":\"1\"}",
               "fail type=config_invalid message=invalid configuration: \"/n\": must be of type integer, is string");
    expect_run(run_keep, WFW_EXEC_BLOCKING, 0, "{\"n\":2}",
               "fail type=config_invalid message=invalid configuration: two is too many");
    expect_run(run_keep, WFW_EXEC_LOOP, 0, "{\"n\":3}",
               "fail type=config_invalid message=invalid configuration: the node type's check refuses it");
    expect_run(run_keep, WFW_EXEC_LOOP, 0, "{\"n\":1}", "done output={}");
    json_decref(handler.config_schema);
    handler.config_schema = NULL;
    node.check = NULL;
}

static void run_slow(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    usleep(12000);
    host->done(task, NULL, NULL);
}

static void slow_loop_handlers_are_counted(void **state)
{
    (void)state;
    expect_run(run_slow, WFW_EXEC_BLOCKING, 0, "{}", "done output={}");
    assert_int_equal(task_host_slow(tasks), 0);
    expect_run(run_slow, WFW_EXEC_LOOP, 0, "{}", "done output={}");
    assert_int_equal(task_host_slow(tasks), 1);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(every_outcome_from_loop_and_thread),
        WITH_HOST(wrong_arguments_and_second_outcomes),
        WITH_HOST(silence_is_a_failure),
        WITH_HOST(outcomes_from_threads_of_the_plugin),
        WITH_HOST(stale_handles_answer_and_never_crash),
        WITH_HOST(values_are_read),
        WITH_HOST(values_are_built),
        WITH_HOST(nesting_is_bounded),
        WITH_HOST(wide_objects_are_walked),
        WITH_HOST(services_from_loop_and_thread),
        WITH_HOST(undeclared_capabilities_are_denied),
        WITH_HOST(timers),
        WITH_HOST(the_last_watch_without_an_outcome),
        WITH_HOST(descriptors),
        WITH_HOST(http),
        WITH_HOST(a_transfer_replaces_itself),
        WITH_HOST(a_loop_handler_is_cancelled),
        WITH_HOST(a_blocking_handler_is_told),
        WITH_HOST(a_deaf_handler_is_abandoned_and_counted),
        WITH_HOST(the_host_does_not_wait_for_the_deaf),
        WITH_HOST(many_blocking_tasks_share_few_threads),
        WITH_HOST(configurations_are_checked_first),
        WITH_HOST(slow_loop_handlers_are_counted),
    };
    alarm(300);
    log_setup(LOG_TEXT, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
