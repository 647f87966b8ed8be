/* SPDX-License-Identifier: Apache-2.0 */
/* The source of the plugins that are kept as they were compiled: C99 and C++11, every function of the host of ABI 1.0, every outcome.
 * The compiled files must go on working; this one must go on compiling.  See README for how they were made. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <string.h>
#include <unistd.h>

#define SELF(text) NAME text

static const struct wfw_host *host;

static const struct wfw_value *integer(struct wfw_task *task, int64_t n)
{
    return host->integer(task, n);
}

static const struct wfw_value *string(struct wfw_task *task, const char *text)
{
    return text ? host->string(task, text, WFW_NTS) : host->null(task);
}

/* ---- values ---- */

static void walk(struct wfw_task *task, const struct wfw_value *config, struct wfw_value *out)
{
    struct wfw_value *keys = host->array(task);
    const char *key = NULL;
    for (size_t i = 0; host->item(config, i, &key); i++)
        host->push(keys, string(task, key));
    host->set(out, "keys", keys);
    host->set(out, "members", integer(task, (int64_t)host->length(config)));
    host->set(out, "text", string(task, host->text(task, host->get(config, "/list"), NULL)));
}

static void read_all(struct wfw_task *task, const struct wfw_value *config, struct wfw_value *out)
{
    int flag = 7, absent = host->get_bool(config, "/nothing", &flag), wrong = host->get_bool(config, "/i", &flag);
    int64_t i = 0;
    double r = 0;
    size_t len = 0;
    const char *s = "";
    host->get_int(config, "/i", &i);
    host->get_real(config, "/r", &r);
    host->get_string(config, "/s", &s, &len);
    host->set(out, "absent", integer(task, absent));
    host->set(out, "wrong", integer(task, wrong));
    host->set(out, "untouched", integer(task, flag));
    host->get_bool(config, "/b", &flag);
    host->set(out, "b", host->boolean(task, flag));
    host->set(out, "i", integer(task, i));
    host->set(out, "r", host->real(task, r));
    host->set(out, "s", host->string(task, s, len));
    host->set(out, "type", integer(task, host->type(host->get(config, "/list"))));
}

static void run_values(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    char msg[100] = "";
    struct wfw_value *out = host->object(task), *copy = host->copy(task, host->get(call->config, "/list"));
    (void)state;
    read_all(task, call->config, out);
    walk(task, call->config, out);
    host->push(copy, host->parse(task, "{\"parsed\":[1,2]}", WFW_NTS, NULL, 0));
    host->set(out, "copy", copy);
    host->parse(task, "[1,", 3, msg, sizeof msg);
    host->set(out, "wrong_text", string(task, msg));
    host->set(out, "gone", integer(task, 1));
    host->set(out, "removed", integer(task, host->remove(out, "gone")));
    host->set(out, "frozen", integer(task, host->push(copy, host->null(task))));
    host->done(task, out, "branch");
}

/* ---- services ---- */

static void forget(void *data)
{
    strncpy((char *)data, "forgotten", 10);
}

static void run_services(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static char kept[32];
    struct wfw_value *out = host->object(task);
    struct wfw_error error;
    memset(&error, 0, sizeof error);
    error.size = sizeof error;
    char *memory = (char *)host->alloc(task, 100);
    host->set(out, "zeroed", host->boolean(task, memory && memory[0] == 0 && memory[99] == 0));
    host->set(out, "set_data", integer(task, host->set_data(task, kept, forget)));
    host->set(out, "data", host->boolean(task, host->data(task) == kept));
    host->log(task, WFW_LOG_WARNING, "said by %s, %d", call->node->type, 2);
    host->set(out, "progress", integer(task, host->progress(task, integer(task, 50))));
    host->set(out, "now_ms", integer(task, host->now_ms()));
    host->set(out, "cancelled", integer(task, host->cancelled(task)));
    host->set(out, "cancel_fd", host->boolean(task, host->cancel_fd(task) >= 0));
    host->set(out, "eval", host->eval(task, "1 + n", call->input, &error));
    const struct wfw_value *unused = host->eval(task, "2", NULL, NULL);
    host->release(task, unused);
    host->eval(task, "typed", NULL, &error);
    host->set(out, "eval_type", string(task, error.type));
    host->set(out, "eval_message", string(task, error.message));
    host->set(out, "secret", string(task, host->secret(task, "key")));
    host->set(out, "env", string(task, host->env(task, "HOME")));
    host->set(out, "variable", host->get_variable(task, "x", NULL) ? integer(task, 1) : host->null(task));
    host->set(out, "set_variable", integer(task, host->set_variable(task, "y", integer(task, 3), "workflow")));
    host->set(out, "cancel_node", integer(task, host->cancel_node(task, "other", WFW_CANCEL_COMPLETE)));
    host->set(out, "word", string(task, (const char *)state));
    host->set(out, "host", integer(task, host->major));
    host->done(task, out, NULL);
}

/* ---- outcomes ---- */

static const char *const signal_types[] = {"first", "second", NULL};

static void fail_fully(struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_error e;
    memset(&e, 0, sizeof e);
    e.size = sizeof e;
    e.type = "acme_error";
    e.message = "said whole";
    e.retryable = 1;
    e.retry_after_ms = 1500;
    e.details = call->input;
    host->fail(task, &e);
}

static void park_fully(struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_park p;
    memset(&p, 0, sizeof p);
    p.size = sizeof p;
    p.after_ms = 2000;
    p.signal = "one";
    p.signal_types = signal_types;
    p.checkpoint = call->input;
    p.flags = WFW_PARK_FRESH;
    host->park(task, &p);
}

static void enter_fully(struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_enter e;
    memset(&e, 0, sizeof e);
    e.size = sizeof e;
    e.branch = "body";
    e.vars = call->input;
    e.checkpoint = call->config;
    e.pass = 4;
    e.flags = WFW_ENTER_LOOP | WFW_ENTER_AGAIN;
    e.keep = 2;
    e.signal_types = signal_types;
    host->enter(task, &e);
}

static void ask_everything(struct wfw_task *task, const struct wfw_call *call)
{
    char child_id[WFW_ID_SIZE] = "", lock_id[WFW_ID_SIZE] = "", id[WFW_ID_SIZE] = "";
    struct wfw_child child;
    struct wfw_lock lock;
    struct wfw_send send;
    struct wfw_request request;
    struct wfw_park p;
    memset(&child, 0, sizeof child);
    memset(&lock, 0, sizeof lock);
    memset(&send, 0, sizeof send);
    memset(&request, 0, sizeof request);
    memset(&p, 0, sizeof p);
    child.size = sizeof child;
    child.workflow = "w-1";
    child.data = call->input;
    lock.size = sizeof lock;
    lock.key = "k";
    lock.limit = 3;
    send.size = sizeof send;
    send.execution = "e-1";
    send.type = "t";
    send.data = call->input;
    request.size = sizeof request;
    request.signal = "answer";
    request.about = call->input;
    int bad = host->start_child(task, &child, child_id) | host->lock(task, &lock, lock_id) | host->send_signal(task, &send, id) |
              host->request(task, &request, id) | host->request_over(task, id, "yes", call->input);
    p.size = sizeof p;
    p.child = child_id;
    p.answer = lock_id;
    if (bad == WFW_OK)
        host->park(task, &p);
}

static void run_outcome(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    (void)state;
    host->get_string(call->config, "/do", &what, NULL);
    if (strcmp(what, "fail") == 0)
        fail_fully(task, call);
    else if (strcmp(what, "park") == 0)
        park_fully(task, call);
    else if (strcmp(what, "enter") == 0)
        enter_fully(task, call);
    else if (strcmp(what, "leave") == 0)
        host->leave(task, WFW_LEAVE_TERMINATE, "failed", call->input);
    else if (strcmp(what, "ask") == 0)
        ask_everything(task, call);
}

/* ---- watches ---- */

static int ends[2];

static void on_readable(void *arg, struct wfw_task *task, uint32_t events)
{
    struct wfw_value *out = (struct wfw_value *)arg;
    char c = 0;
    if (read(ends[0], &c, 1) != 1)
        return;
    host->set(out, "events", integer(task, events));
    host->set(out, "byte", host->string(task, &c, 1));
    host->done(task, out, NULL);
    close(ends[0]);
    close(ends[1]);
}

static void on_http(void *arg, struct wfw_task *task, const struct wfw_http_response *response)
{
    struct wfw_value *out = (struct wfw_value *)arg;
    host->set(out, "status", integer(task, response->status));
    host->set(out, "error", string(task, response->error_type));
    host->set(out, "header", string(task, response->headers[0]));
    host->set(out, "body", host->string(task, (const char *)response->body, response->body_len));
    host->set(out, "url", string(task, response->effective_url));
    if (pipe(ends) == 0 && write(ends[1], "x", 1) == 1)
        host->fd(task, ends[0], WFW_FD_READ, on_readable, out);
}

static void never(void *arg, struct wfw_task *task)
{
    host->set((struct wfw_value *)arg, "never", integer(task, 1));
}

static void on_timer(void *arg, struct wfw_task *task)
{
    static const char *const headers[] = {"X-Kept: 1", NULL};
    struct wfw_http_request r;
    memset(&r, 0, sizeof r);
    r.size = sizeof r;
    r.method = "POST";
    r.url = "http://kept/";
    r.headers = headers;
    r.body = "abc";
    r.body_len = 3;
    r.timeout_ms = 900;
    host->http(task, &r, on_http, arg);
}

static void run_watch(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_value *out = host->object(task);
    (void)state;
    host->set(out, "attempt", integer(task, call->attempt));
    host->unwatch(host->timer(task, 0, never, out));
    host->timer(task, 1, on_timer, out);
}

static void cancel_watch(void *state, struct wfw_task *task)
{
    (void)state;
    host->log(NULL, WFW_LOG_ERROR, "cancelled %d", host->cancelled(task));
}

/* ---- the plugin ---- */

static int check(void *state, const struct wfw_node *node, const struct wfw_value *config, char *msg, size_t msglen)
{
    static const char said[] = "refused by its check";
    (void)state;
    if (!node->data || !host->get(config, "/refuse"))
        return WFW_OK;
    if (msglen >= sizeof said)
        memcpy(msg, said, sizeof said);
    return WFW_E_INVAL;
}

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    static char word[32];
    const char *text = "";
    (void)msg;
    (void)msglen;
    host = h;
    host->get_string(config, "/word", &text, NULL);
    strncpy(word, text, sizeof word - 1);
    *state = word;
    return WFW_OK;
}

static void nothing(void *state)
{
    (void)state;
}

#ifdef TAIL
/* Built with a header of tomorrow: longer structures; `later` is what ABI 1.0 does not know. */
struct later_node {
    struct wfw_node known;
    uint64_t later[2];
};
struct later_plugin {
    struct wfw_plugin known;
    uint64_t later[2];
};
#define NODE_SIZE sizeof(struct later_node)
#define PLUGIN_SIZE sizeof(struct later_plugin)
#define NODE static const struct later_node
#define BEGIN {
#define END(last) }, {0, last}}
#else
#define NODE_SIZE sizeof(struct wfw_node)
#define PLUGIN_SIZE sizeof(struct wfw_plugin)
#define NODE static const struct wfw_node
#define BEGIN
#define END(last) }
#define TAIL_NODE 0
#define TAIL_PLUGIN 0
#endif

#define SERVICES (WFW_CAP_SECRETS | WFW_CAP_ENV)
#define ASKS (WFW_CAP_CHILD | WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST)
#define WATCHES (WFW_CAP_HTTP | WFW_CAP_FD)
static const char *const aliases[] = {SELF("-values"), NULL};
static const char schema[] = "{\"type\":\"object\",\"properties\":{\"i\":{\"type\":\"integer\"}}}";
NODE values = {BEGIN NODE_SIZE, SELF(".values"), aliases, "values", "long", schema, NULL, "[{\"i\":1}]", WFW_EXEC_BLOCKING,
               WFW_EFFECT_PURE, 0, 0, 5000, "data", check, run_values, NULL END(TAIL_NODE);
NODE services = {BEGIN NODE_SIZE, SELF(".services"), NULL, NULL, NULL, NULL, NULL, NULL, WFW_EXEC_BLOCKING, WFW_EFFECT_UNSAFE,
                 SERVICES, 0, 0, NULL, check, run_services, NULL END(0);
NODE outcome = {BEGIN NODE_SIZE, SELF(".outcome"), NULL, NULL, NULL, NULL, NULL, NULL, WFW_EXEC_LOOP, WFW_EFFECT_IDEMPOTENT,
                ASKS, 0, 0, NULL, NULL, run_outcome, NULL END(0);
NODE watch = {BEGIN NODE_SIZE, SELF(".watch"), NULL, NULL, NULL, NULL, NULL, NULL, WFW_EXEC_LOOP, WFW_EFFECT_READS, WATCHES, 0, 0,
              NULL, NULL, run_watch, cancel_watch END(0);
NODE declared = {BEGIN NODE_SIZE, SELF(".declared"), NULL, NULL, NULL, NULL, NULL, NULL, WFW_EXEC_LOOP, WFW_EFFECT_READS, ASKS, 0,
                 0, NULL, NULL, run_outcome, NULL END(0);

#define AS_NODE(it) ((const struct wfw_node *)(const void *)&(it))
static const struct wfw_node *const nodes[] = {AS_NODE(values), AS_NODE(services), AS_NODE(outcome), AS_NODE(watch), NULL};

static const struct wfw_node *const *declare(const struct wfw_host *h, const struct wfw_value *config, char *msg, size_t msglen)
{
    static const struct wfw_node *const more[] = {AS_NODE(declared), NULL};
    (void)msg;
    (void)msglen;
    return h->get(config, "/word") ? more : more + 1;
}

#ifdef TAIL
static const struct later_plugin plugin =
#else
static const struct wfw_plugin plugin =
#endif
    {BEGIN PLUGIN_SIZE, NAME, "1.0.0", "Apache-2.0", "kept", "https://example.org/kept", "kept as it was compiled", NULL, nodes,
     declare, init, nothing, nothing END(TAIL_PLUGIN);

static const struct wfw_plugin *own(void)
{
    return (const struct wfw_plugin *)(const void *)&plugin;
}
#define OWN (*own())
WFW_PLUGIN(OWN)
