/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that uses everything of the interface, one thing for each value of the key "do", on the loop (parity.loop) and on a
 * thread (parity.block); and what costs a helper process its life. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct wfw_host *host;
static char greeting[40];

#define SIZED(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#define ARGUMENTS struct wfw_task *task, const struct wfw_call *call
typedef void (*act_fn)(ARGUMENTS);

static void put_text(struct wfw_task *task, struct wfw_value *out, const char *key, const char *text)
{
    host->set(out, key, text ? host->string(task, text, WFW_NTS) : host->null(task));
}

static void put_value(struct wfw_task *task, struct wfw_value *out, const char *key, const struct wfw_value *v)
{
    host->set(out, key, v ? v : host->null(task));
}

/* ---- The call itself ---- */

static void tell_call(ARGUMENTS)
{
    struct wfw_value *out = host->object(task);
    put_text(task, out, "node_type", call->node_type);
    put_text(task, out, "node", call->node->type);
    put_text(task, out, "data", call->node->data);
    put_text(task, out, "node_id", call->node_id);
    put_text(task, out, "execution_id", call->execution_id);
    put_text(task, out, "workflow_id", call->workflow_id);
    put_text(task, out, "key", call->key);
    put_text(task, out, "signal", call->signal);
    put_value(task, out, "config", call->config);
    put_value(task, out, "input", call->input);
    put_value(task, out, "edges", call->edges);
    put_value(task, out, "checkpoint", call->checkpoint);
    put_value(task, out, "event", call->event);
    put_value(task, out, "scope", call->scope);
    host->set(out, "why", host->integer(task, call->why));
    host->set(out, "attempt", host->integer(task, call->attempt));
    host->set(out, "deadline", host->integer(task, call->deadline_ms));
    host->set(out, "pass", host->integer(task, (int64_t)(call->scope_pass & INT64_MAX)));
    host->set(out, "outcome", host->integer(task, call->scope_outcome));
    host->set(out, "now", host->integer(task, host->now_ms()));
    put_text(task, out, "greeting", greeting);
    host->done(task, out, "told");
}

/* ---- Outcomes ---- */

static void done_values(ARGUMENTS)
{
    static const char text[] = "{\"real\":5.0,\"tenth\":0.1,\"huge\":1e300,\"long\":123456789012345678901234567890,"
                               "\"least\":-9223372036854775808,\"zero\":-0.0,\"text\":\"\\u00e4\\ud83d\\ude00\\n\\\"\","
                               "\"empty\":[{},[],\"\",null,true,false]}";
    struct wfw_value *out = host->copy(task, host->parse(task, text, WFW_NTS, NULL, 0)), *deep = host->array(task);
    for (int i = 0; i < 200; i++) {
        struct wfw_value *around = host->array(task);
        host->push(around, deep);
        deep = around;
    }
    host->set(out, "deep", deep);
    host->set(out, "made", host->real(task, 2.0));
    host->set(out, "third", host->real(task, 1.0 / 3));
    host->set(out, "input", call->input);
    host->set(out, "none", host->string(task, "", 0));
    host->remove(out, "none");
    host->done(task, out, "b\xc3\xa4");
}

static void done_large(ARGUMENTS)
{
    char *text = host->alloc(task, 300000);
    (void)call;
    memset(text, 'x', 299999);
    struct wfw_value *out = host->object(task);
    host->set(out, "text", host->string(task, text, WFW_NTS));
    host->done(task, out, NULL);
}

static void done_nothing(ARGUMENTS)
{
    (void)call;
    host->done(task, NULL, NULL);
}

static void fail_all(ARGUMENTS)
{
    host->fail(task, SIZED(wfw_error, .type = "odd", .message = "as \xff asked", .retryable = 1, .retry_after_ms = 1500,
                           .details = call->input, .node_id = "other"));
}

static void fail_least(ARGUMENTS)
{
    (void)call;
    host->fail(task, SIZED(wfw_error, .type = NULL));
}

static void park_all(ARGUMENTS)
{
    static const char *const types[] = {"a", "b", NULL};
    char lock[WFW_ID_SIZE], child[WFW_ID_SIZE];
    host->lock(task, SIZED(wfw_lock, .key = "k", .limit = 2), lock);
    host->start_child(task, SIZED(wfw_child, .workflow = "w", .data = call->input), child);
    host->park(task, SIZED(wfw_park, .after_ms = 2000, .until_ms = INT64_MAX, .signal = "wake", .signal_types = types, .child = child,
                           .answer = lock, .checkpoint = call->config, .flags = WFW_PARK_FRESH));
}

static void park_least(ARGUMENTS)
{
    (void)call;
    host->park(task, SIZED(wfw_park, .until_ms = 1));
}

static void enter_all(ARGUMENTS)
{
    static const char *const types[] = {"a", NULL};
    host->enter(task, SIZED(wfw_enter, .branch = "body", .to = "n2", .vars = call->input, .pass = UINT64_MAX, .checkpoint = call->config,
                            .flags = WFW_ENTER_LOOP | WFW_ENTER_SHIELD, .keep = 3, .signal_types = types, .after_ms = 10));
}

static void enter_passes(ARGUMENTS)
{
    struct wfw_value *passes = host->array(task);
    host->push(passes, call->input);
    host->push(passes, host->object(task));
    host->enter(task, SIZED(wfw_enter, .branch = "body", .passes = passes));
}

static void leave_break(ARGUMENTS)
{
    host->leave(task, WFW_LEAVE_BREAK, "outer", call->input);
}

static void leave_continue(ARGUMENTS)
{
    (void)call;
    host->leave(task, WFW_LEAVE_CONTINUE, NULL, NULL);
}

static void terminate(ARGUMENTS)
{
    host->leave(task, WFW_LEAVE_TERMINATE, "failed", call->input);
}

static void silent(ARGUMENTS)
{
    (void)task, (void)call;
}

static void twice(ARGUMENTS)
{
    (void)call;
    struct wfw_value *out = host->object(task);
    host->done(task, out, NULL);
    if (host->done(task, NULL, "second") != WFW_E_STALE || host->set(out, "late", host->null(task)) == WFW_OK)
        abort();
}

/* ---- What is asked for with the outcome ---- */

static void asks(ARGUMENTS)
{
    char ids[4][WFW_ID_SIZE];
    struct wfw_value *out = host->object(task);
    host->start_child(task, SIZED(wfw_child, .workflow = "w", .flags = WFW_CHILD_DETACH), ids[0]);
    host->lock(task, SIZED(wfw_lock, .key = "k"), ids[1]);
    host->send_signal(task, SIZED(wfw_send, .execution = "e", .type = "t", .data = call->input), ids[2]);
    host->request(task, SIZED(wfw_request, .signal = "s", .about = call->input), ids[3]);
    host->request_over(task, ids[3], "yes", call->input);
    for (int i = 0; i < 4; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        put_text(task, out, name, ids[i]);
    }
    host->done(task, out, NULL);
}

static void variables(ARGUMENTS)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "bad scope", host->integer(task, host->set_variable(task, "x", call->input, "world")));
    host->set_variable(task, "x", call->input, NULL);
    host->set_variable(task, "y", host->real(task, 5.0), "loop");
    host->cancel_node(task, "n7", WFW_CANCEL_COMPLETE);
    host->cancel_node(task, "n8", 0);
    put_value(task, out, "v", host->get_variable(task, "v", NULL));
    put_value(task, out, "of the node", host->get_variable(task, "v", "node"));
    put_value(task, out, "none", host->get_variable(task, "none", NULL));
    host->done(task, out, NULL);
}

/* ---- Services ---- */

static void put_eval(struct wfw_task *task, struct wfw_value *out, const char *expression, const struct wfw_value *vars)
{
    struct wfw_error e = {.size = sizeof e};
    const struct wfw_value *v = host->eval(task, expression, vars, &e);
    put_value(task, out, expression, v);
    if (v)
        return;
    char key[40];
    snprintf(key, sizeof key, "%.10s error", expression);
    put_text(task, out, key, e.message);
    snprintf(key, sizeof key, "%.10s type", expression);
    put_text(task, out, key, e.type);
}

static void services(ARGUMENTS)
{
    struct wfw_value *out = host->object(task);
    put_eval(task, out, "good", call->input);
    put_eval(task, out, "good too", NULL);
    put_eval(task, out, "bad", NULL);
    put_eval(task, out, "typed", NULL);
    put_eval(task, out, "wrong", call->checkpoint);
    put_text(task, out, "secret", host->secret(task, "key"));
    put_text(task, out, "no secret", host->secret(task, "other"));
    put_text(task, out, "env", host->env(task, "HOME"));
    put_text(task, out, "no env", host->env(task, "OTHER"));
    put_text(task, out, "text", host->text(task, call->config, NULL));
    host->log(task, WFW_LOG_DEBUG, "one %d", 1);
    host->log(task, WFW_LOG_ERROR, "two\xff");
    host->progress(task, call->input);
    host->log(task, WFW_LOG_INFO, "three");
    host->done(task, out, NULL);
}

static void fail_after_notes(ARGUMENTS)
{
    host->set_variable(task, "x", call->input, NULL);
    host->progress(task, host->integer(task, 50));
    host->log(task, WFW_LOG_WARNING, "soon");
    host->fail(task, SIZED(wfw_error, .message = "late"));
}

/* ---- The loop's ---- */

static void on_timer(void *arg, struct wfw_task *task)
{
    host->done(task, arg, "timer");
}

static void timer(ARGUMENTS)
{
    if (!host->timer(task, 1, on_timer, (void *)(uintptr_t)call->input))
        host->fail(task, SIZED(wfw_error, .message = "no timer here"));
}

static void on_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    struct wfw_value *out = host->object(task);
    (void)arg;
    host->set(out, "status", host->integer(task, r->status));
    put_text(task, out, "error", r->error);
    put_text(task, out, "error_type", r->error_type);
    put_text(task, out, "header", r->headers ? r->headers[0] : NULL);
    put_text(task, out, "url", r->effective_url);
    host->set(out, "body", r->body ? host->string(task, r->body, r->body_len) : host->null(task));
    host->done(task, out, NULL);
}

static void http(ARGUMENTS)
{
    static const char *const headers[] = {"A: b", "C: d", NULL};
    const char *url = "";
    host->get_string(call->config, "/url", &url, NULL);
    if (!host->http(task, SIZED(wfw_http_request, .method = "PUT", .url = url, .headers = headers, .body = "x\0y", .body_len = 3,
                                .timeout_ms = 700, .max_redirects = 2, .max_response = 1000),
                    on_answer, NULL))
        host->fail(task, SIZED(wfw_error, .message = "no http here"));
}

static void on_late(void *arg, struct wfw_task *task)
{
    host->unwatch(arg);
    host->done(task, NULL, "unwatched");
}

static void http_unwatched(ARGUMENTS)
{
    (void)call;
    struct wfw_watch *w = host->http(task, SIZED(wfw_http_request, .url = "http://silent/"), on_answer, NULL);
    if (!w || !host->timer(task, 1, on_late, w))
        host->fail(task, SIZED(wfw_error, .message = "no http here"));
}

/* ---- What ends badly, and what waits ---- */

static void crash(ARGUMENTS)
{
    (void)task, (void)call;
    raise(SIGSEGV);
}

static void end_process(ARGUMENTS)
{
    (void)task, (void)call;
    fprintf(stderr, "so long\n");
    fflush(NULL);
    exit(3);
}

static void stop(ARGUMENTS)
{
    (void)task, (void)call;
    raise(SIGSTOP);
}

static void garbage(ARGUMENTS)
{
    (void)task, (void)call;
    for (int fd = 0; fd < 64; fd++)
        if (write(fd, "this is no message of anybody", 29) < 0)
            continue;
    pause();
}

static void flood(ARGUMENTS)
{
    static char line[1000];
    (void)task, (void)call;
    memset(line, 'f', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    while (write(STDOUT_FILENO, line, sizeof line) > 0)
        continue;
}

static void crash_after_outcome(ARGUMENTS)
{
    (void)call;
    host->done(task, NULL, "before");
    usleep(20000); /* so that it is on its way */
    raise(SIGSEGV);
}

static void wait_politely(ARGUMENTS)
{
    struct pollfd p = {.fd = host->cancel_fd(task), .events = POLLIN};
    (void)call;
    host->progress(task, host->integer(task, 1));
    if (poll(&p, 1, 60000) == 1 && host->cancelled(task))
        host->log(task, WFW_LOG_INFO, "cancelled as it should be");
}

static void wait_deaf(ARGUMENTS)
{
    (void)call;
    host->progress(task, host->integer(task, 1));
    for (;;)
        pause();
}

/* ---- The plugin ---- */

static const struct {
    const char *name;
    act_fn act;
} acts[] = {{"call", tell_call}, {"values", done_values}, {"large", done_large}, {"nothing", done_nothing},
            {"fail all", fail_all}, {"fail least", fail_least}, {"park all", park_all}, {"park least", park_least},
            {"enter all", enter_all}, {"enter passes", enter_passes}, {"leave break", leave_break},
            {"leave continue", leave_continue}, {"terminate", terminate}, {"silent", silent}, {"twice", twice}, {"asks", asks},
            {"variables", variables}, {"services", services}, {"fail after notes", fail_after_notes}, {"timer", timer},
            {"http", http}, {"http unwatched", http_unwatched}, {"crash", crash}, {"exit", end_process}, {"stop", stop},
            {"garbage", garbage}, {"flood", flood}, {"crash after", crash_after_outcome}, {"wait politely", wait_politely},
            {"wait deaf", wait_deaf}};

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    (void)state;
    host->get_string(call->config, "/do", &what, NULL);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, what) == 0)
            acts[i].act(task, call);
}

static void on_cancel(void *state, struct wfw_task *task)
{
    (void)state;
    host->log(task, WFW_LOG_INFO, "the loop's handler is cancelled");
}

static int check(void *state, const struct wfw_node *node, const struct wfw_value *config, char *msg, size_t msglen)
{
    const char *what = "";
    (void)state, (void)node;
    host->get_string(config, "/do", &what, NULL);
    if (strcmp(what, "refuse") != 0)
        return WFW_OK;
    snprintf(msg, msglen, "it wants to be refused");
    return WFW_E_INVAL;
}

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    const char *text = "hello";
    (void)state, (void)msg, (void)msglen;
    host = h;
    host->get_string(config, "/greeting", &text, NULL);
    snprintf(greeting, sizeof greeting, "%s", text);
    return WFW_OK;
}

#define SCHEMA "{\"type\":\"object\",\"required\":[\"do\"],\"properties\":{\"do\":{\"type\":\"string\"}}}"
#define CAPS (WFW_CAP_HTTP | WFW_CAP_SECRETS | WFW_CAP_ENV | WFW_CAP_CHILD | WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST)

static const struct wfw_node loop_node = {.size = sizeof loop_node, .type = "parity.loop", .exec = WFW_EXEC_LOOP, .caps = CAPS,
                                          .config_schema = SCHEMA, .effect = WFW_EFFECT_PURE, .data = "on the loop", .check = check,
                                          .run = run, .cancel = on_cancel};
static const struct wfw_node block_node = {.size = sizeof block_node, .type = "parity.block", .caps = CAPS, .config_schema = SCHEMA,
                                           .effect = WFW_EFFECT_UNSAFE, .data = "on a thread", .run = run};
static const struct wfw_node *const nodes[] = {&loop_node, &block_node, NULL};
static const struct wfw_plugin parity = {.size = sizeof parity, .name = "parity", .version = "1.0.0", .license = "Apache-2.0",
                                         .vendor = "acme", .nodes = nodes, .init = init};
WFW_PLUGIN(parity)
