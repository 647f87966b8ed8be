/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that do everything that handlers may do, and some things that they may not. */
#include "unit/mock_plugin.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct wfw_host *host;
int mock_plugin_drained, mock_plugin_ended;

static int start(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    int64_t limit = 0;
    const char *why = NULL;
    host = h;
    h->get_int(config, "/limit", &limit);
    if (h->get_string(config, "/refuse", &why, NULL) == WFW_OK) {
        strncpy(msg, why, msglen - 1);
        return WFW_E_INVAL;
    }
    *state = (void *)(uintptr_t)limit;
    return WFW_OK;
}

static void drained(void *state)
{
    (void)state;
    mock_plugin_drained++;
}

static void ended(void *state)
{
    (void)state;
    mock_plugin_ended++;
}

static void failed(struct wfw_task *task, const char *type, const char *message, int retryable)
{
    const struct wfw_error e = {.size = sizeof e, .type = type, .message = message, .retryable = retryable};
    host->fail(task, &e);
}

/* ---- A good blocking one: everything is looked at ---- */

static void greet(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *name = "world";
    size_t len;
    host->get_string(call->config, "/name", &name, &len);
    char *text = host->alloc(task, strlen(name) + 10);
    struct wfw_value *out = host->object(task);
    if (!text || !out) {
        failed(task, "out_of_memory", "there is no memory for a greeting", 1);
        return;
    }
    memcpy(text, "Hello, ", 7);
    memcpy(text + 7, name, strlen(name) + 1);
    host->log(task, WFW_LOG_INFO, "greets %s at attempt %u", name, call->attempt);
    if (host->set(out, "greeting", host->string(task, text, WFW_NTS)) != WFW_OK ||
        host->set(out, "limit", host->integer(task, (int64_t)(uintptr_t)state)) != WFW_OK)
        failed(task, "out_of_memory", "there is no memory for a greeting", 1);
    else
        host->done(task, out, NULL);
}

static int check_greet(void *state, const struct wfw_node *node, const struct wfw_value *config, char *msg,
                       size_t msglen)
{
    const char *name = "";
    (void)state;
    (void)node;
    if (host->get_string(config, "/name", &name, NULL) != WFW_OK || strcmp(name, "nobody") != 0)
        return WFW_OK;
    strncpy(msg, "nobody cannot be greeted", msglen - 1);
    return WFW_E_INVAL;
}

/* ---- The whole call, and all of the outcomes ---- */

static void add_text(struct wfw_task *task, struct wfw_value *out, const char *key, const char *text)
{
    if (text)
        host->set(out, key, host->string(task, text, WFW_NTS));
}

static void add_number(struct wfw_task *task, struct wfw_value *out, const char *key, int64_t n)
{
    host->set(out, key, host->integer(task, n));
}

static void add_value(struct wfw_value *out, const char *key, const struct wfw_value *v)
{
    if (v)
        host->set(out, key, v);
}

static void tell(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_value *out = host->object(task);
    (void)state;
    add_text(task, out, "node_type", call->node_type);
    add_text(task, out, "node_id", call->node_id);
    add_text(task, out, "execution_id", call->execution_id);
    add_text(task, out, "workflow_id", call->workflow_id);
    add_text(task, out, "key", call->key);
    add_text(task, out, "signal", call->signal);
    add_value(out, "config", call->config);
    add_value(out, "input", call->input);
    add_value(out, "checkpoint", call->checkpoint);
    add_value(out, "event", call->event);
    add_value(out, "scope", call->scope);
    add_value(out, "edges", call->edges);
    add_number(task, out, "attempt", call->attempt);
    add_number(task, out, "why", call->why);
    add_number(task, out, "scope_outcome", call->scope_outcome);
    add_number(task, out, "scope_pass", (int64_t)call->scope_pass);
    add_number(task, out, "deadline_ms", call->deadline_ms);
    host->done(task, out, "told");
}

static void do_park(struct wfw_task *task, const struct wfw_call *call)
{
    char lock[WFW_ID_SIZE] = "", child[WFW_ID_SIZE] = "", sent[WFW_ID_SIZE] = "", asked[WFW_ID_SIZE] = "";
    static const char *const signals[] = {"paid", "cancelled", NULL};
    const struct wfw_lock l = {.size = sizeof l, .key = "printer", .limit = 2};
    const struct wfw_child c = {.size = sizeof c, .workflow = "other", .data = call->input, .flags = WFW_CHILD_DETACH};
    const struct wfw_send s = {.size = sizeof s, .execution = "execution-7", .type = "ready", .data = call->config};
    const struct wfw_request r = {.size = sizeof r, .signal = "answer", .about = call->config};
    host->lock(task, &l, lock);
    host->start_child(task, &c, child);
    host->send_signal(task, &s, sent);
    host->request(task, &r, asked);
    const struct wfw_park park = {.size = sizeof park,
                                  .after_ms = 2500,
                                  .signal_types = signals,
                                  .answer = lock,
                                  .child = child,
                                  .checkpoint = call->config,
                                  .flags = WFW_PARK_FRESH};
    host->park(task, &park);
}

static void do_enter(struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_enter enter = {.size = sizeof enter,
                                    .branch = "body",
                                    .vars = call->config,
                                    .pass = 3,
                                    .to = "node-2",
                                    .keep = 1,
                                    .flags = WFW_ENTER_LOOP | WFW_ENTER_ORDERED,
                                    .checkpoint = call->input,
                                    .after_ms = 10};
    host->enter(task, &enter);
}

static void do_fail(struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_error e = {.size = sizeof e,
                                .type = "no_paper",
                                .message = "the printer has no paper",
                                .retryable = 1,
                                .retry_after_ms = 60000,
                                .details = call->config,
                                .node_id = "node-9"};
    host->fail(task, &e);
}

static void do_done(struct wfw_task *task, const struct wfw_call *call)
{
    host->set_variable(task, "count", call->config, "loop");
    host->cancel_node(task, "node-4", WFW_CANCEL_COMPLETE);
    host->request_over(task, "6f0b521c-845e-4d0a-9b1e-7d3325c048a6", "yes", call->config);
    host->done(task, NULL, NULL);
}

static void all_outcomes(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *which = "";
    (void)state;
    host->get_string(call->config, "/do", &which, NULL);
    if (strcmp(which, "park") == 0)
        do_park(task, call);
    else if (strcmp(which, "enter") == 0)
        do_enter(task, call);
    else if (strcmp(which, "fail") == 0)
        do_fail(task, call);
    else if (strcmp(which, "leave") == 0)
        host->leave(task, WFW_LEAVE_TERMINATE, "failed", call->input);
    else
        do_done(task, call);
}

/* ---- What is lent ---- */

static void lent(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_value *out = host->object(task);
    const char *expression = "";
    struct wfw_error e = {.size = sizeof e};
    (void)state;
    add_text(task, out, "secret", host->secret(task, "token"));
    add_text(task, out, "env", host->env(task, "REGION"));
    add_value(out, "nearest", host->get_variable(task, "n", NULL));
    add_value(out, "workflow", host->get_variable(task, "n", "workflow"));
    add_number(task, out, "now", host->now_ms());
    if (host->get_string(call->config, "/expression", &expression, NULL) == WFW_OK) {
        const struct wfw_value *v = host->eval(task, expression, call->config, &e);
        add_value(out, "value", v);
        add_text(task, out, "error_type", v ? NULL : e.type);
        add_text(task, out, "error", v ? NULL : e.message);
    }
    host->progress(task, out);
    host->done(task, out, NULL);
}

/* ---- A good loop handler: a request that is tried again after a second, at most three times ---- */

struct fetch {
    struct wfw_watch *watch;
    char *url;
    int tries;
    int *mine; /* memory of the plugin's own, to be freed in all cases */
};

static void fetch_try(void *arg, struct wfw_task *task);

static void fetch_end(struct fetch *f)
{
    free(f->mine);
    f->mine = NULL;
}

static void fetch_answered(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    struct fetch *f = arg;
    if ((r->error || r->status >= 500) && ++f->tries < 3) {
        f->watch = host->timer(task, 1000, fetch_try, f);
        if (f->watch)
            return;
    }
    struct wfw_value *out = host->object(task);
    fetch_end(f);
    if (r->error || r->status >= 400)
        failed(task, r->error_type ? r->error_type : "http_error", r->error ? r->error : "the server refuses", 1);
    else if (!out || host->set(out, "body", host->string(task, (const char *)r->body, r->body_len)) != WFW_OK ||
             host->set(out, "tries", host->integer(task, f->tries + 1)) != WFW_OK)
        failed(task, "out_of_memory", "there is no memory", 1);
    else
        host->done(task, out, NULL);
}

static void fetch_try(void *arg, struct wfw_task *task)
{
    struct fetch *f = arg;
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const struct wfw_http_request r = {.size = sizeof r,
                                       .method = "POST",
                                       .url = f->url,
                                       .headers = headers,
                                       .body = "{\"a\":1}",
                                       .body_len = 7,
                                       .timeout_ms = 5000,
                                       .max_response = 20};
    f->watch = host->http(task, &r, fetch_answered, f);
    if (f->watch)
        return;
    fetch_end(f);
    failed(task, "out_of_memory", "there is no memory", 1);
}

static void fetch(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *url = "http://fetch/";
    struct fetch *f = host->alloc(task, sizeof *f);
    (void)state;
    if (!f) {
        failed(task, "out_of_memory", "there is no memory", 1);
        return;
    }
    host->get_string(call->config, "/url", &url, NULL);
    f->url = (char *)(uintptr_t)url;
    f->mine = malloc(sizeof *f->mine);
    if (host->set_data(task, f, NULL) == WFW_OK) {
        fetch_try(f, task);
        return;
    }
    fetch_end(f);
    failed(task, "out_of_memory", "there is no memory", 1);
}

static void cancel_fetch(void *state, struct wfw_task *task)
{
    struct fetch *f = host->data(task);
    (void)state;
    host->log(task, WFW_LOG_WARNING, "the transfer is given up");
    host->unwatch(f->watch);
    fetch_end(f);
}

/* ---- Bad ones: what they do is in the configuration ---- */

static struct wfw_task *kept_task;
static struct wfw_watch *kept_watch;
static void *volatile kept_memory[1000];
static size_t kept_count;

static void nothing(void *arg, struct wfw_task *task)
{
    (void)arg;
    (void)task;
}

static void end_and_unwatch(void *arg, struct wfw_task *task)
{
    (void)arg;
    host->done(task, NULL, NULL);
    host->unwatch(kept_watch);
}

static void bad_loop(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    const struct wfw_http_request r = {.size = sizeof r, .url = "http://nobody/"};
    (void)state;
    host->get_string(call->config, "/do", &what, NULL);
    kept_task = task;
    if (strcmp(what, "unwatch late") == 0) {
        kept_watch = host->timer(task, 5000, nothing, NULL);
        host->timer(task, 1, end_and_unwatch, NULL);
        return;
    }
    if (strcmp(what, "no capability") == 0)
        host->http(task, &r, NULL, NULL);
    if (strcmp(what, "negative timer") == 0)
        host->timer(task, -1, nothing, NULL);
    host->done(task, NULL, NULL);
}

static void wait_for_cancel(struct wfw_task *task)
{
    struct pollfd p = {.fd = host->cancel_fd(task), .events = POLLIN};
    poll(&p, 1, -1);
    failed(task, "cancelled", "it was cancelled", 0);
}

/* Does not look whether it got anything. */
static const struct wfw_value *half(struct wfw_task *task)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "n", host->integer(task, 1));
    return out;
}

static void leave_behind(const char *what)
{
    if (strcmp(what, "descriptor") == 0)
        kept_task = dup(1) < 0 ? NULL : kept_task;
    /* Kept, and still reachable: leak checkers have nothing to say. */
    if (strcmp(what, "memory") == 0 && kept_count < sizeof kept_memory / sizeof kept_memory[0])
        kept_memory[kept_count++] = malloc(200);
}

static void bad(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    const struct wfw_park empty = {.size = sizeof empty}, no_size = {.after_ms = 1};
    (void)state;
    host->get_string(call->config, "/do", &what, NULL);
    leave_behind(what);
    if (strcmp(what, "twice") == 0)
        host->done(task, NULL, "first");
    if (strcmp(what, "park for nothing") == 0)
        host->park(task, &empty);
    if (strcmp(what, "no size") == 0)
        host->park(task, &no_size);
    if (strcmp(what, "stale") == 0 && kept_task)
        host->string(kept_task, "x", 1);
    if (strcmp(what, "no value") == 0)
        host->set(host->object(task), "x", host->string(task, "\xff", 1));
    if (strcmp(what, "set late") == 0) {
        struct wfw_value *shown = host->object(task);
        host->progress(task, shown);
        host->set(shown, "x", host->integer(task, 1));
    }
    if (strcmp(what, "timer") == 0)
        host->timer(task, 1, nothing, NULL);
    if (strcmp(what, "secret") == 0)
        host->secret(task, "token");
    if (strcmp(what, "wait") == 0)
        wait_for_cancel(task);
    else if (strcmp(what, "silent when denied") != 0 || host->alloc(task, 1))
        host->done(task, strcmp(what, "half") == 0 ? half(task) : NULL, "last");
}

/* ---- A thread of the plugin's own, and a descriptor ---- */

static void *answer_later(void *arg)
{
    host->done((struct wfw_task *)arg, NULL, "later");
    return NULL;
}

static void later(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    pthread_t thread;
    (void)state;
    (void)call;
    if (pthread_create(&thread, NULL, answer_later, task) == 0)
        pthread_detach(thread);
}

static int ends[2];

static void on_readable(void *arg, struct wfw_task *task, uint32_t events)
{
    char c = 0;
    (void)arg;
    ssize_t n = events == WFW_FD_READ ? read(ends[0], &c, 1) : -1;
    host->done(task, NULL, n == 1 ? "read" : "not read");
    close(ends[0]);
    close(ends[1]);
}

static void descriptor(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1 || !host->fd(task, ends[0], WFW_FD_READ, on_readable, NULL))
        failed(task, "system_error", "there is no pipe", 0);
}

/* ---- What it is made of ---- */

static const char *const greet_aliases[] = {"test.hello", NULL};
static const struct wfw_node greet_node = {
    .size = sizeof greet_node,
    .type = "test.greet",
    .aliases = greet_aliases,
    .run = greet,
    .check = check_greet,
    .config_schema =
        "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"name\":{\"type\":\"string\"}}}"};
static const struct wfw_node tell_node = {
    .size = sizeof tell_node, .type = "test.tell", .run = tell, .exec = WFW_EXEC_LOOP};
static const struct wfw_node outcomes_node = {.size = sizeof outcomes_node,
                                              .type = "test.outcomes",
                                              .run = all_outcomes,
                                              .caps = WFW_CAP_CHILD | WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST};
static const struct wfw_node lent_node = {
    .size = sizeof lent_node, .type = "test.lent", .run = lent, .caps = WFW_CAP_SECRETS | WFW_CAP_ENV};
static const struct wfw_node fetch_node = {.size = sizeof fetch_node,
                                           .type = "test.fetch",
                                           .run = fetch,
                                           .cancel = cancel_fetch,
                                           .exec = WFW_EXEC_LOOP,
                                           .caps = WFW_CAP_HTTP};
static const struct wfw_node bad_loop_node = {
    .size = sizeof bad_loop_node, .type = "test.bad_loop", .run = bad_loop, .exec = WFW_EXEC_LOOP};
static const struct wfw_node bad_node = {.size = sizeof bad_node, .type = "test.bad", .run = bad};
static const struct wfw_node later_node = {
    .size = sizeof later_node, .type = "test.later", .run = later, .exec = WFW_EXEC_LOOP, .caps = WFW_CAP_THREADS};
static const struct wfw_node fd_node = {
    .size = sizeof fd_node, .type = "test.fd", .run = descriptor, .exec = WFW_EXEC_LOOP, .caps = WFW_CAP_FD};
static const struct wfw_node *const nodes[] = {&greet_node,    &tell_node, &outcomes_node, &lent_node, &fetch_node,
                                               &bad_loop_node, &bad_node,  &later_node,    &fd_node,   NULL};

const struct wfw_plugin mock_plugin = {
    .size = sizeof mock_plugin,
    .name = "mocked",
    .version = "1.0",
    .vendor = "test",
    .nodes = nodes,
    .config_schema =
        "{\"type\":\"object\",\"properties\":{\"limit\":{\"type\":\"integer\"},\"refuse\":{\"type\":\"string\"}}}",
    .init = start,
    .drain = drained,
    .exit = ended};
