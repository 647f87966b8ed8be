/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the control plugin, called in place: its very code, with a host table that keeps values as JSON and
 * answers at once.  What a task makes is freed with its answer. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "control/control.h"

const struct wfw_host *host; /* what the plugin's files share */

struct task {
    struct world *w;
    uint64_t act;
    struct answer *a;
    bool answered;
};

static const json_t *json(const struct wfw_value *v)
{
    return (const json_t *)(const void *)v;
}

static const struct wfw_value *value(const json_t *v)
{
    return (const struct wfw_value *)(const void *)v;
}

static struct wfw_value *keep(struct wfw_task *task, json_t *v)
{
    js_push(((struct task *)(void *)task)->a->owned, v);
    return (struct wfw_value *)(void *)v;
}

static json_t *use(const struct wfw_value *v)
{
    return (json_t *)(uintptr_t)v;
}

/* ---- reading ---- */

static const struct wfw_value *h_get(const struct wfw_value *v, const char *pointer)
{
    char key[64];
    const json_t *at = json(v);
    while (at && *pointer == '/') {
        size_t n = strcspn(++pointer, "/");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, pointer, n);
        key[n] = '\0';
        at = json_object_get(at, key);
        pointer += n;
    }
    return value(at);
}

static uint32_t h_type(const struct wfw_value *v)
{
    static const uint32_t types[] = {[JSON_OBJECT] = WFW_OBJECT, [JSON_ARRAY] = WFW_ARRAY, [JSON_STRING] = WFW_STRING,
                                     [JSON_INTEGER] = WFW_INT,   [JSON_REAL] = WFW_REAL,   [JSON_TRUE] = WFW_BOOL,
                                     [JSON_FALSE] = WFW_BOOL,    [JSON_NULL] = WFW_NULL};
    return v ? types[json_typeof(json(v))] : (uint32_t)WFW_NULL;
}

static int h_get_bool(const struct wfw_value *v, const char *pointer, int *out)
{
    const json_t *at = json(h_get(v, pointer));
    if (!json_is_boolean(at))
        return at ? WFW_E_TYPE : WFW_E_NOTFOUND;
    *out = json_is_true(at);
    return WFW_OK;
}

static int h_get_int(const struct wfw_value *v, const char *pointer, int64_t *out)
{
    const json_t *at = json(h_get(v, pointer));
    if (!json_is_integer(at))
        return at ? WFW_E_TYPE : WFW_E_NOTFOUND;
    *out = json_integer_value(at);
    return WFW_OK;
}

static int h_get_string(const struct wfw_value *v, const char *pointer, const char **out, size_t *len)
{
    const json_t *at = json(h_get(v, pointer));
    if (!json_is_string(at))
        return at ? WFW_E_TYPE : WFW_E_NOTFOUND;
    *out = json_string_value(at);
    if (len)
        *len = json_string_length(at);
    return WFW_OK;
}

static size_t h_length(const struct wfw_value *v)
{
    return json_is_array(json(v)) ? json_array_size(json(v)) : json_object_size(json(v));
}

static const struct wfw_value *h_item(const struct wfw_value *v, size_t index, const char **key)
{
    if (json_is_array(json(v)))
        return value(json_array_get(json(v), index));
    json_t *object = use(v);
    void *at = json_object_iter(object);
    while (at && index-- > 0)
        at = json_object_iter_next(object, at);
    if (key && at)
        *key = json_object_iter_key(at);
    return at ? value(json_object_iter_value(at)) : NULL;
}

/* ---- making ---- */

static struct wfw_value *h_object(struct wfw_task *t)
{
    return keep(t, json_object());
}

static struct wfw_value *h_array(struct wfw_task *t)
{
    return keep(t, json_array());
}

static const struct wfw_value *h_null(struct wfw_task *t)
{
    return keep(t, json_null());
}

static const struct wfw_value *h_integer(struct wfw_task *t, int64_t n)
{
    return keep(t, json_integer(n));
}

static const struct wfw_value *h_string(struct wfw_task *t, const char *text, size_t len)
{
    return keep(t, len == WFW_NTS ? json_string(text) : json_stringn(text, len));
}

static int h_set(struct wfw_value *object, const char *key, const struct wfw_value *v)
{
    return json_object_set(use(object), key, use(v)) == 0 ? WFW_OK : WFW_E_INVAL;
}

static int h_push(struct wfw_value *array, const struct wfw_value *v)
{
    return json_array_append(use(array), use(v)) == 0 ? WFW_OK : WFW_E_INVAL;
}

static void *h_alloc(struct wfw_task *t, size_t size)
{
    CLEANUP_FREE char *blank = xcalloc(size + 1, 1);
    memset(blank, ' ', size);
    return (void *)(uintptr_t)json_string_value(json(keep(t, json_stringn(blank, size))));
}

static const struct wfw_value *h_evaluate(struct wfw_task *t, const char *text, const struct wfw_value *vars,
                                          struct wfw_error *error)
{
    struct task *task = (struct task *)(void *)t;
    struct failure f = {0};
    json_t *v = engine_eval(task->w->def, task->w->state, task->act, text, json(vars), task->w->now_us, &f);
    if (v)
        return keep(t, v);
    error->type = json_string_value(json(keep(t, json_string(f.type))));
    error->message = json_string_value(json(keep(t, json_string(f.message))));
    failure_clear(&f);
    return NULL;
}

static void h_log(struct wfw_task *t, uint32_t level, const char *fmt, ...)
{
    (void)t;
    (void)level;
    (void)fmt;
}

/* ---- answers ---- */

static int answered(struct wfw_task *t, enum engine_event_type type)
{
    struct task *task = (struct task *)(void *)t;
    if (task->answered)
        violation(task->w, "the handler of activation %llu answers twice", (unsigned long long)task->act);
    task->answered = true;
    task->a->ev = (struct engine_event){.type = type, .act = task->act};
    return WFW_OK;
}

static struct engine_event *event(struct wfw_task *t)
{
    return &((struct task *)(void *)t)->a->ev;
}

static const char *text(struct wfw_task *t, const char *s)
{
    return s ? json_string_value(json(keep(t, json_string(s)))) : NULL;
}

static int h_done(struct wfw_task *t, const struct wfw_value *output, const char *branch)
{
    answered(t, ENGINE_DONE);
    event(t)->output = use(output);
    event(t)->branch = text(t, branch);
    return WFW_OK;
}

static int h_fail(struct wfw_task *t, const struct wfw_error *e)
{
    struct answer *a = ((struct task *)(void *)t)->a;
    answered(t, ENGINE_FAIL);
    a->failure = (struct failure){.type = xstrdup(e->type ? e->type : "handler_error"),
                                  .message = xstrdup(e->message ? e->message : ""),
                                  .retryable = e->retryable != 0,
                                  .retry_after_ms = e->retry_after_ms,
                                  .details = json_incref(use(e->details)),
                                  .node = e->node_id ? xstrdup(e->node_id) : NULL};
    a->ev.failure = &a->failure;
    return WFW_OK;
}

static int h_enter(struct wfw_task *t, const struct wfw_enter *e)
{
    answered(t, ENGINE_ENTER);
    struct engine_event *ev = event(t);
    ev->branch = text(t, e->branch);
    ev->output = use(e->vars);
    ev->park.checkpoint = use(e->checkpoint);
    ev->enter = (struct engine_enter){
        .pass = e->pass, .passes = use(e->passes), .to = text(t, e->to), .flags = e->flags, .keep = e->keep};
    return WFW_OK;
}

static int h_leave(struct wfw_task *t, uint32_t how, const char *label, const struct wfw_value *output)
{
    answered(t, ENGINE_LEAVE);
    event(t)->leave = how == WFW_LEAVE_BREAK      ? ENGINE_BREAK
                      : how == WFW_LEAVE_CONTINUE ? ENGINE_CONTINUE
                                                  : ENGINE_END;
    event(t)->branch = text(t, label);
    event(t)->output = use(output);
    return WFW_OK;
}

static struct wfw_host table;

void handlers_open(void)
{
    table = (struct wfw_host){.size = sizeof table,
                              .major = WFW_ABI_MAJOR,
                              .version = "simulated",
                              .done = h_done,
                              .fail = h_fail,
                              .enter = h_enter,
                              .leave = h_leave,
                              .type = h_type,
                              .get = h_get,
                              .get_bool = h_get_bool,
                              .get_int = h_get_int,
                              .get_string = h_get_string,
                              .length = h_length,
                              .item = h_item,
                              .object = h_object,
                              .array = h_array,
                              .set = h_set,
                              .push = h_push,
                              .null = h_null,
                              .integer = h_integer,
                              .string = h_string,
                              .log = h_log,
                              .alloc = h_alloc,
                              .eval = h_evaluate};
    host = &table;
}

static const struct wfw_node *handler_of(const char *type)
{
    static const struct wfw_node *const all[] = {&loop_node, &for_node,     &while_node, &repeat_node,   &try_node,
                                                 &catch_node, &finally_node, &break_node, &continue_node, &terminate_node};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i]->type, type) == 0)
            return all[i];
    abort();
}

/* The node's own, and one pass more than allowed where that is the fault. */
static json_t *config_of(const struct world *w, int node)
{
    const struct g_node *a = &w->g.node[node];
    json_t *config = a->config ? json_copy(a->config) : json_object();
    if (w->fault == FAULT_LIMIT && a->kind == KIND_LOOP)
        js_set(config, "max_concurrency", json_integer(a->max_concurrency + 1));
    return config;
}

void handler_call(struct world *w, const struct engine_effect *f, struct answer *a)
{
    const struct wfw_node *n = handler_of(w->g.node[f->node].type);
    *a = (struct answer){.owned = json_array()};
    struct task task = {.w = w, .act = f->act, .a = a};
    struct wfw_task *handle = (struct wfw_task *)(void *)&task;
    struct wfw_call call = {.size = sizeof call,
                            .node_type = n->type,
                            .node_id = w->g.node[f->node].id,
                            .config = keep(handle, config_of(w, (int)f->node)),
                            .checkpoint = value(f->checkpoint),
                            .event = value(f->event),
                            .attempt = f->attempt,
                            .why = (uint32_t)f->why * 100,
                            .scope_outcome = (uint32_t)f->scope_outcome * 100,
                            .scope_pass = f->scope_pass,
                            .scope = value(f->scope),
                            .edges = value(engine_edges(w->def, f->node))};
    n->run(NULL, handle, &call);
    if (!task.answered)
        violation(w, "the handler of %s does not answer", w->g.node[f->node].id);
}

void answer_clear(struct answer *a)
{
    failure_clear(&a->failure);
    json_decref(a->owned);
    *a = (struct answer){0};
}
