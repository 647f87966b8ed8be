/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a handler.  The plugin's node is copied, with functions of ours that know which run they are in around
 * its own; what follows is task_start() and the worker's own way to an outcome. */
#include "mock/inside.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/outcome_json.h"
#include "plugin/schema.h"
#include "plugin/task_internal.h"

#define PATIENCE_S 60
#define NEVER_MS (INT64_C(1) << 40) /* who waits for a cancelled handler is the test */

bool run_blocks(const struct wfw_mock_run *run)
{
    return run->real && run->real->node->exec == WFW_EXEC_BLOCKING;
}

/* It runs on another thread than the test's. */
static bool on_thread(const struct wfw_mock_run *run)
{
    return run_blocks(run) && !(run->flags & WFW_MOCK_INLINE);
}

/* ---- Around the plugin's functions ---- */

static void begins(struct wfw_mock_run *run, struct wfw_task *task)
{
    room_lock();
    run->handle = task;
    run->began = true;
    room_unlock();
}

static void around_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_mock_run *run = state;
    begins(run, task);
    struct wfw_mock_run *before = set_current(run);
    run->real->node->run(run->real->state, task, call);
    set_current(before);
    atomic_fetch_add(&run->turns, 1);
    room_lock();
    run->returned = true;
    room_unlock();
}

static int around_check(void *state, const struct wfw_node *node, const struct wfw_value *config, char *msg,
                        size_t msglen)
{
    struct wfw_mock_run *run = state;
    return run->real->node->check(run->real->state, node, config, msg, msglen);
}

static void around_cancel(void *state, struct wfw_task *task)
{
    struct wfw_mock_run *run = state;
    struct wfw_mock_run *before = set_current(run);
    run->cancelling = true;
    run->real->node->cancel(run->real->state, task);
    run->cancelling = false;
    set_current(before);
}

static void wrap(struct wfw_mock_run *run, const struct handler *real)
{
    run->real = real;
    run->handler = *real;
    run->node = *real->node;
    run->handler.node = &run->node;
    run->handler.own = real->own ? real->own : real->node;
    run->handler.state = run;
    run->node.run = around_run;
    run->node.check = run->node.check ? around_check : NULL;
    run->node.cancel = run->node.cancel && !run_blocks(run) ? around_cancel : NULL;
    if (!on_thread(run))
        run->node.exec = WFW_EXEC_LOOP;
}

/* ---- The end of it ---- */

static void end_deadline(struct wfw_mock_run *run)
{
    if (run->deadline)
        event_remove(run->mock, run->deadline);
    run->deadline = NULL;
}

static void say(struct wfw_mock_run *run, const char *outcome, const char *message)
{
    json_t *o = json_object();
    js_set(o, "outcome", json_string(outcome));
    if (message)
        js_set(o, "message", js_string_lossy(message, strlen(message)));
    result_set(run, o);
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    struct wfw_mock_run *run = owner;
    (void)t;
    run->task = NULL;
    run->ended = true;
    end_deadline(run);
    result_set(run, outcome_json(o));
}

void run_cancel(struct wfw_mock_run *run)
{
    if (run->ended || !run->real)
        return;
    struct task *t = run->task ? run->task : handle_acquire(run->handle);
    bool inside = !run->task;
    run->ended = true;
    run->task = NULL;
    end_deadline(run);
    say(run, run->timed_out ? "timeout" : "cancelled", NULL);
    room_lock();
    run->cancelled = true;
    room_wake();
    room_unlock();
    if (t)
        task_cancel(t, NEVER_MS);
    if (t && inside)
        run->held = t; /* task_start() still looks at it */
}

static void on_deadline(void *arg)
{
    struct wfw_mock_run *run = arg;
    run->deadline = NULL;
    run->timed_out = true;
    run_cancel(run);
}

/* The handle is stale and the handler is out of the plugin. */
bool run_over(struct wfw_mock_run *run)
{
    room_lock();
    bool inside = run->began && !run->returned;
    struct wfw_task *handle = run->handle;
    room_unlock();
    struct task *t = handle_acquire(handle);
    if (t)
        task_unref(t);
    return run->ended && !inside && !t;
}

void mock_turned(struct wfw_mock *m)
{
    for (struct wfw_mock_run *run = m->runs; run; run = run->next) {
        room_lock();
        bool asked = run->cancel_asked && !run->cancelled;
        room_unlock();
        bool due = run->cancel_at && !run_blocks(run) && atomic_load(&run->turns) >= run->cancel_at;
        if ((asked || due) && !run->starting)
            run_cancel(run);
    }
}

/* ---- Start ---- */

static json_t *parse(struct wfw_mock_run *run, const char *what, const char *text, const char *otherwise)
{
    struct error e = ERROR_INIT;
    const char *json = text ? text : otherwise;
    json_t *v = json ? js_parse(json, strlen(json), &e) : NULL;
    if (json && !v && !run->outcome) {
        CLEANUP_FREE char *message = xasprintf("%s: %s", what, e.message);
        say(run, "invalid", message);
    }
    return v;
}

static void warn_unknown_keys(struct wfw_mock_run *run, const json_t *config)
{
    size_t i;
    json_t *key;
    CLEANUP_JSON json_t *unknown = json_array();
    schema_unknown_keys(run->real->config_schema, config, unknown);
    json_array_foreach(unknown, i, key)
        complain(run->mock, "the configuration has \"%s\", which the schema of node type %s does not know",
                 json_string_value(key), run->real->node->type);
}

static void start_task(struct wfw_mock_run *run, const struct wfw_mock_call *c, struct task_call *call)
{
    if (c->deadline_ms > 0)
        run->deadline = event_add(run->mock, c->deadline_ms, on_deadline, run);
    run->starting = true;
    struct task *t = task_start(run->mock->tasks, &run->handler, call, on_outcome, run);
    run->starting = false;
    if (!run->ended)
        run->task = t;
    if (run->held)
        task_unref(STEAL(run->held));
    mock_turned(run->mock);
}

static void begin_call(struct wfw_mock_run *run, const struct wfw_mock_call *c)
{
    const char *execution = c->execution_id ? c->execution_id : "execution-1",
               *node = c->node_id ? c->node_id : "node-1";
    CLEANUP_FREE char *key = c->key ? xstrdup(c->key) : xasprintf("%s/%s", execution, node);
    CLEANUP_JSON json_t *config = parse(run, "config", c->config, "{}"),
                        *checkpoint = parse(run, "checkpoint", c->checkpoint, NULL);
    CLEANUP_JSON json_t *event = parse(run, "event", c->event, NULL), *scope = parse(run, "scope", c->scope, NULL);
    CLEANUP_JSON json_t *edges = parse(run, "edges", c->edges, NULL);
    run->input = parse(run, "input", c->input, "{}");
    if (run->outcome)
        return;
    struct task_call call = {.node_type = c->node_type ? c->node_type : run->mock->first_type,
                             .node_id = node,
                             .execution_id = execution,
                             .workflow_id = c->workflow_id ? c->workflow_id : "workflow-1",
                             .key = key,
                             .signal = c->signal,
                             .config = config,
                             .input = run->input,
                             .checkpoint = checkpoint,
                             .event = event,
                             .scope = scope,
                             .edges = edges,
                             .attempt = c->attempt ? c->attempt : 1,
                             .why = c->why,
                             .scope_outcome = c->scope_outcome,
                             .scope_pass = c->scope_pass,
                             .timeout_ms = c->deadline_ms,
                             .activation = 1,
                             .number = 1};
    warn_unknown_keys(run, config);
    start_task(run, c, &call);
}

static void find_handler(struct wfw_mock_run *run, const char *type)
{
    const struct registry *r = run->mock->registry;
    const struct handler *real = registry_find(r, type);
    if (real) {
        wrap(run, real);
        return;
    }
    const char *nearest = registry_nearest(r, type);
    CLEANUP_FREE char *message =
        nearest ? xasprintf("the plugin has no node type \"%s\"; did you mean \"%s\"?", type, nearest)
                : xasprintf("the plugin has no node type \"%s\"", type);
    say(run, "invalid", message);
}

/* As far as the test's header knew the structure. */
static void take_call(struct wfw_mock_run *run, const struct wfw_mock_call *call, struct wfw_mock_call *c)
{
    memset(c, 0, sizeof *c);
    if (call && call->size >= 2 * sizeof(void *) && call->size <= sizeof *c)
        memcpy(c, call, call->size);
    else
        say(run, "invalid", "struct wfw_mock_call without its size; set size = sizeof");
}

struct wfw_mock_run *wfw_mock_start(struct wfw_mock *mock, const struct wfw_mock_call *call)
{
    struct wfw_mock_call c;
    struct wfw_mock_run *run = xcalloc(1, sizeof *run);
    run->mock = mock;
    run->progress = json_array();
    take_call(run, call, &c);
    run->flags = c.flags;
    run->cancel_at = c.cancel_at;
    run->fault_at = c.fault_at;
    room_lock();
    run->next = mock->runs;
    mock->runs = run;
    room_unlock();
    if (!run->outcome)
        find_handler(run, c.node_type ? c.node_type : mock->first_type);
    if (!run->outcome)
        begin_call(run, &c);
    if (run->outcome && !run->task && !run->cancelled) {
        run->ended = true;
        complain(mock, "a call cannot be made: %s", run->result.message);
    }
    return run;
}

/* ---- Wait ---- */

static void on_patience(uv_timer_t *timer)
{
    ((struct wfw_mock *)timer->data)->impatient = true;
}

static uint64_t patience_ms(void)
{
    const char *text = getenv("WFW_MOCK_PATIENCE");
    long s = text ? strtol(text, NULL, 10) : 0;
    return (uint64_t)(s > 0 && s < 86400 ? s : PATIENCE_S) * 1000;
}

/* A thread is at work for this run, and there will be a word of it. */
static bool at_work(struct wfw_mock_run *run)
{
    if (!run->real || run_over(run))
        return false;
    bool threads = (run->real->node->caps & WFW_CAP_THREADS) && !run->ended && !run_watches(run, false);
    return on_thread(run) || threads;
}

/* One thing happens: of the loop, or the next of virtual time. */
static void happen(struct wfw_mock *m)
{
    bool wait = false;
    for (struct wfw_mock_run *run = m->runs; run; run = run->next)
        wait = wait || at_work(run) || (!run->ended && run_watches(run, true));
    if (wait)
        uv_run(&m->loop, UV_RUN_ONCE);
    else if (!event_next(m, INT64_MAX))
        uv_run(&m->loop, UV_RUN_ONCE); /* what was posted just now; else until patience ends */
}

static void hang(struct wfw_mock_run *run)
{
    bool inside = run->began && !run->returned;
    complain(run->mock, "the handler of node type %s hangs: %s", run->real->node->type,
             run->ended ? "it was cancelled and does not return"
             : inside   ? "it does not return"
                        : "nothing comes that it waits for");
    free(STEAL(run->text));
    json_decref(STEAL(run->outcome));
    say(run, "hangs", NULL);
}

/* What was posted is done, also what belongs to a task that is over. */
static void settle_down(struct wfw_mock *m)
{
    for (int i = 0; i < 3; i++) {
        uv_run(&m->loop, UV_RUN_NOWAIT);
        mock_turned(m);
    }
}

uint32_t wfw_mock_finish(struct wfw_mock_run *run)
{
    struct wfw_mock *m = run->mock;
    m->impatient = false;
    uv_update_time(&m->loop);
    uv_timer_start(&m->patience, on_patience, patience_ms(), 0);
    while (run->real && !run_over(run) && !m->impatient) {
        uv_run(&m->loop, UV_RUN_NOWAIT);
        mock_turned(m);
        if (run_over(run))
            break;
        happen(m);
        mock_turned(m);
    }
    uv_timer_stop(&m->patience);
    settle_down(m);
    if (run->real && !run_over(run) && run->result.outcome != WFW_MOCK_HANGS)
        hang(run);
    return run->result.outcome;
}

struct wfw_mock_run *wfw_mock_call(struct wfw_mock *mock, const struct wfw_mock_call *call)
{
    struct wfw_mock_run *run = wfw_mock_start(mock, call);
    wfw_mock_finish(run);
    return run;
}

void wfw_mock_advance(struct wfw_mock *mock, int64_t ms)
{
    int64_t until = lent_now(mock) + (ms > 0 ? ms : 0) * 1000;
    settle_down(mock);
    while (event_next(mock, until)) {
        mock_turned(mock);
        settle_down(mock);
    }
    if (until > lent_now(mock))
        atomic_store(&mock->now_us, until);
}

void wfw_mock_cancel(struct wfw_mock_run *run)
{
    run_cancel(run);
}

static void unlist(struct wfw_mock_run *run)
{
    room_lock();
    for (struct wfw_mock_run **at = &run->mock->runs; *at; at = &(*at)->next)
        if (*at == run) {
            *at = run->next;
            break;
        }
    room_unlock();
}

void wfw_mock_free(struct wfw_mock_run *run)
{
    if (!run)
        return;
    bool hangs = run->result.outcome == WFW_MOCK_HANGS;
    run_cancel(run);
    if (!hangs)
        wfw_mock_finish(run);
    unlist(run);
    if (run->real && !run_over(run))
        return; /* its handler still runs: what it uses must stay */
    for (struct hook *h = run->hooks, *next; h; h = next) {
        next = h->next;
        free(h);
    }
    result_free(run);
    json_decref(run->input);
    json_decref(run->progress);
    buf_free(&run->log);
    free(run);
}

struct wfw_task *wfw_mock_task(const struct wfw_mock_run *run)
{
    return run->handle;
}

uint32_t wfw_mock_steps(const struct wfw_mock_run *run)
{
    return atomic_load(&run->steps);
}

uint32_t wfw_mock_faults(const struct wfw_mock_run *run)
{
    return atomic_load(&run->faults);
}

uint32_t wfw_mock_turns(const struct wfw_mock_run *run)
{
    return atomic_load(&run->turns);
}
