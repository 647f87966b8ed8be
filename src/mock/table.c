/* SPDX-License-Identifier: Apache-2.0 */
/* The table that a plugin under test gets: the ordinary one with a step before each function, where the run may be
 * cancelled, the function denied, or its misuse noticed. */
#include "mock/inside.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

#define MAX_LOG 2000
#define MAX_ALLOC ((size_t)1 << 30)

static _Thread_local struct wfw_mock_run *current;

struct wfw_mock_run *set_current(struct wfw_mock_run *run)
{
    struct wfw_mock_run *before = current;
    current = run;
    return before;
}

struct wfw_mock_run *current_run(void)
{
    return current;
}

/* ---- Steps ---- */

/* On the test's thread at once; a handler on another thread waits until the loop has done it. */
static void cancel_now(struct wfw_mock_run *run, const char *name)
{
    room_lock();
    bool late = run->cancelled;
    run->cancelled_before = late ? run->cancelled_before : name;
    run->cancel_asked = true;
    room_unlock();
    if (late)
        return;
    if (on_loop(run->mock->tasks)) {
        run_cancel(run);
        return;
    }
    uv_async_send(&run->mock->wake);
    room_lock();
    while (!run->cancelled)
        room_wait();
    room_unlock();
}

/* It is over, and not because it was cancelled: the plugin should know. */
static void look_stale(struct wfw_mock_run *run, struct wfw_task *task, const char *name)
{
    struct task *t = handle_acquire(task);
    if (t) {
        task_unref(t);
        return;
    }
    room_lock();
    bool cancelled = run && run->cancelled;
    room_unlock();
    if (!cancelled)
        complain(run ? run->mock : NULL, "host->%s() was called with %s", name,
                 task ? "a task that is over" : "no task");
}

static bool count_step(struct wfw_mock_run *run, const char *name, bool deniable)
{
    uint32_t n = atomic_fetch_add(&run->steps, 1) + 1;
    if (run_blocks(run) && run->cancel_at == n)
        cancel_now(run, name);
    if (!deniable || atomic_fetch_add(&run->faults, 1) + 1 != run->fault_at)
        return false;
    room_lock();
    run->denied = name;
    room_unlock();
    return true;
}

bool step(struct wfw_task *task, const char *name, bool deniable)
{
    struct wfw_mock_run *run = run_of(task);
    look_stale(run, task, name);
    return run && count_step(run, name, deniable);
}

static bool denied_yet(struct wfw_mock_run *run)
{
    room_lock();
    bool yes = run->denied || run->cancelled;
    room_unlock();
    return yes;
}

/* ---- Outcomes ---- */

static int table_done(struct wfw_task *task, const struct wfw_value *output, const char *branch)
{
    step(task, "done", false);
    return outcome_done(task, output, branch);
}

static int table_fail(struct wfw_task *task, const struct wfw_error *error)
{
    step(task, "fail", false);
    return outcome_fail(task, error);
}

static int table_park(struct wfw_task *task, const struct wfw_park *park)
{
    step(task, "park", false);
    return outcome_park(task, park);
}

static int table_enter(struct wfw_task *task, const struct wfw_enter *enter)
{
    step(task, "enter", false);
    return outcome_enter(task, enter);
}

static int table_leave(struct wfw_task *task, uint32_t leave, const char *label, const struct wfw_value *output)
{
    step(task, "leave", false);
    return outcome_leave(task, leave, label, output);
}

/* ---- Values ---- */

static const char *table_text(struct wfw_task *task, const struct wfw_value *value, size_t *len)
{
    return step(task, "text", true) ? NULL : host_table()->text(task, value, len);
}

static const struct wfw_value *table_parse(struct wfw_task *task, const char *json, size_t len, char *msg,
                                           size_t msglen)
{
    if (!step(task, "parse", true))
        return host_table()->parse(task, json, len, msg, msglen);
    if (msg && msglen)
        snprintf(msg, msglen, "denied by the test");
    return NULL;
}

static struct wfw_value *table_object(struct wfw_task *task)
{
    return step(task, "object", true) ? NULL : host_table()->object(task);
}

static struct wfw_value *table_array(struct wfw_task *task)
{
    return step(task, "array", true) ? NULL : host_table()->array(task);
}

static const struct wfw_value *table_null(struct wfw_task *task)
{
    return step(task, "null", true) ? NULL : host_table()->null(task);
}

static const struct wfw_value *table_boolean(struct wfw_task *task, int value)
{
    return step(task, "boolean", true) ? NULL : host_table()->boolean(task, value);
}

static const struct wfw_value *table_integer(struct wfw_task *task, int64_t value)
{
    return step(task, "integer", true) ? NULL : host_table()->integer(task, value);
}

static const struct wfw_value *table_real(struct wfw_task *task, double value)
{
    return step(task, "real", true) ? NULL : host_table()->real(task, value);
}

static const struct wfw_value *table_string(struct wfw_task *task, const char *text, size_t len)
{
    return step(task, "string", true) ? NULL : host_table()->string(task, text, len);
}

static struct wfw_value *table_copy(struct wfw_task *task, const struct wfw_value *value)
{
    return step(task, "copy", true) ? NULL : host_table()->copy(task, value);
}

/* The handler whose thread this is: set() and push() do not say. */
static bool count_here(const char *name)
{
    return current && count_step(current, name, true);
}

static void look_absent(const char *function, const char *key, const struct wfw_value *value)
{
    if (value || (current && denied_yet(current)))
        return;
    complain(current ? current->mock : NULL, "host->%s(%s%s%s) has no value: what should have made it answered NULL",
             function, key ? "\"" : "", key ? key : "", key ? "\"" : "");
}

/* A value is there, and does not get in. */
static int refused(int rc, const char *function, const char *key, const struct wfw_value *value)
{
    if (rc == WFW_OK || !value || (current && denied_yet(current)))
        return rc;
    complain(current ? current->mock : NULL, "host->%s(%s%s%s) is refused: %s", function, key ? "\"" : "",
             key ? key : "", key ? "\"" : "",
             rc == WFW_E_LIMIT
                 ? "it is nested too deeply"
                 : "what was put into another value, shown, or given to an outcome cannot be changed any more");
    return rc;
}

static int table_set(struct wfw_value *object, const char *key, const struct wfw_value *value)
{
    if (count_here("set"))
        return WFW_E_NOMEM;
    look_absent("set", key, value);
    return refused(value_set(object, key, value), "set", key, value);
}

static int table_push(struct wfw_value *array, const struct wfw_value *value)
{
    if (count_here("push"))
        return WFW_E_NOMEM;
    look_absent("push", NULL, value);
    return refused(value_push(array, value), "push", NULL, value);
}

static int table_remove(struct wfw_value *object, const char *key)
{
    if (count_here("remove"))
        return WFW_E_NOMEM;
    int rc = host_table()->remove(object, key);
    if (rc != WFW_E_NOTFOUND)
        refused(rc, "remove", key, object);
    return rc;
}

static void *table_alloc(struct wfw_task *task, size_t size)
{
    if (size > MAX_ALLOC)
        complain(NULL, "host->alloc() was asked for %zu bytes; 1 GiB is the most", size);
    return step(task, "alloc", true) ? NULL : service_alloc(task, size);
}

/* ---- Log and progress ---- */

static void table_log(struct wfw_task *task, uint32_t level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void table_log(struct wfw_task *task, uint32_t level, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char text[MAX_LOG];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (task)
        step(task, "log", false);
    struct wfw_mock_run *run = run_of(task);
    struct wfw_mock *m = run ? run->mock : newest_mock();
    CLEANUP_JSON json_t *clean = js_string_lossy(text, strlen(text));
    room_lock();
    if (m)
        buf_printf(run ? &run->log : &m->log, "%s: %s\n", names[level / 100 > 3 ? 3 : level / 100],
                   json_string_value(clean));
    room_unlock();
}

static int table_progress(struct wfw_task *task, const struct wfw_value *value)
{
    return step(task, "progress", true) ? WFW_E_NOMEM : service_progress(task, value);
}

static int64_t table_now_ms(void)
{
    const struct wfw_mock *m = newest_mock();
    return m ? wfw_mock_now(m) : clock_now_us() / US_PER_MS;
}

/* ---- Questions ---- */

static const struct wfw_value *table_eval(struct wfw_task *task, const char *expression, const struct wfw_value *vars,
                                          struct wfw_error *error)
{
    if (!step(task, "eval", true))
        return service_eval(task, expression, vars, error);
    if (error) {
        error->type = "expression_error";
        error->message = "denied by the test";
    }
    return NULL;
}

static void table_release(struct wfw_task *task, const struct wfw_value *value)
{
    step(task, "release", false);
    service_release(task, value);
}

static int table_cancelled(struct wfw_task *task)
{
    step(task, "cancelled", false);
    return service_cancelled(task);
}

static int table_cancel_fd(struct wfw_task *task)
{
    return step(task, "cancel_fd", true) ? -1 : service_cancel_fd(task);
}

static int table_set_data(struct wfw_task *task, void *data, wfw_free_fn free_data)
{
    return step(task, "set_data", true) ? WFW_E_NOMEM : service_set_data(task, data, free_data);
}

static void *table_data(struct wfw_task *task)
{
    step(task, "data", false);
    return service_data(task);
}

static const char *table_secret(struct wfw_task *task, const char *name)
{
    return step(task, "secret", true) ? NULL : service_secret(task, name);
}

static const char *table_env(struct wfw_task *task, const char *name)
{
    return step(task, "env", true) ? NULL : service_env(task, name);
}

static const struct wfw_value *table_get_variable(struct wfw_task *task, const char *name, const char *scope)
{
    return step(task, "get_variable", true) ? NULL : service_get_variable(task, name, scope);
}

/* ---- What is told with the outcome ---- */

static int table_set_variable(struct wfw_task *task, const char *name, const struct wfw_value *value, const char *scope)
{
    return step(task, "set_variable", true) ? WFW_E_NOMEM : service_set_variable(task, name, value, scope);
}

static int table_start_child(struct wfw_task *task, const struct wfw_child *child, char *id)
{
    return step(task, "start_child", true) ? WFW_E_NOMEM : service_start_child(task, child, id);
}

static int table_lock(struct wfw_task *task, const struct wfw_lock *wanted, char *id)
{
    return step(task, "lock", true) ? WFW_E_NOMEM : service_lock(task, wanted, id);
}

static int table_send_signal(struct wfw_task *task, const struct wfw_send *send, char *id)
{
    return step(task, "send_signal", true) ? WFW_E_NOMEM : service_send_signal(task, send, id);
}

static int table_request(struct wfw_task *task, const struct wfw_request *request, char *id)
{
    return step(task, "request", true) ? WFW_E_NOMEM : service_request(task, request, id);
}

static int table_request_over(struct wfw_task *task, const char *id, const char *choice, const struct wfw_value *answer)
{
    return step(task, "request_over", true) ? WFW_E_NOMEM : service_request_over(task, id, choice, answer);
}

static int table_cancel_node(struct wfw_task *task, const char *node_id, uint32_t flags)
{
    return step(task, "cancel_node", true) ? WFW_E_NOMEM : service_cancel_node(task, node_id, flags);
}

static void fill_values(struct wfw_host *t)
{
    t->text = table_text;
    t->parse = table_parse;
    t->object = table_object;
    t->array = table_array;
    t->set = table_set;
    t->push = table_push;
    t->copy = table_copy;
    t->remove = table_remove;
    t->null = table_null;
    t->boolean = table_boolean;
    t->integer = table_integer;
    t->real = table_real;
    t->string = table_string;
    t->alloc = table_alloc;
}

static void fill_services(struct wfw_host *t)
{
    t->log = table_log;
    t->now_ms = table_now_ms;
    t->eval = table_eval;
    t->set_data = table_set_data;
    t->data = table_data;
    t->release = table_release;
    t->progress = table_progress;
    t->cancelled = table_cancelled;
    t->cancel_fd = table_cancel_fd;
    t->secret = table_secret;
    t->env = table_env;
    t->set_variable = table_set_variable;
    t->get_variable = table_get_variable;
}

const struct wfw_host *mock_table(void)
{
    static struct wfw_host table;
    if (table.size)
        return &table;
    struct wfw_host t = *host_table();
    t.done = table_done;
    t.fail = table_fail;
    t.park = table_park;
    t.enter = table_enter;
    t.leave = table_leave;
    t.timer = table_timer;
    t.fd = table_fd;
    t.http = table_http;
    t.unwatch = table_unwatch;
    t.start_child = table_start_child;
    t.lock = table_lock;
    t.send_signal = table_send_signal;
    t.request = table_request;
    t.request_over = table_request_over;
    t.cancel_node = table_cancel_node;
    fill_values(&t);
    fill_services(&t);
    table = t;
    return &table;
}
