/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler asks of the world outside its execution; gathered until its call has an outcome, and recorded with it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "engine/engine.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

/* Names of what attempts ask for; any fixed one would do. */
static const struct uuid space = {
    {0x6f, 0x0b, 0x52, 0x1c, 0x84, 0x5e, 0x4d, 0x0a, 0x9b, 0x1e, 0x7d, 0x33, 0x25, 0xc0, 0x48, 0xa6}};

int task_ask(struct task *t, json_t *ask)
{
    pthread_mutex_lock(&t->host->lock);
    bool late = t->decided;
    if (!late && !t->asks)
        t->asks = arena_keep(&t->arena, json_array());
    if (late)
        json_decref(ask);
    else
        js_push(t->asks, ask);
    pthread_mutex_unlock(&t->host->lock);
    return late ? WFW_E_STALE : WFW_OK;
}

/* The activation (another one may have the same key), the call, and which of its asks it is. */
void task_ask_id(struct task *t, char id[UUID_TEXT])
{
    pthread_mutex_lock(&t->host->lock);
    unsigned n = ++t->ask_ids;
    pthread_mutex_unlock(&t->host->lock);
    CLEANUP_FREE char *name = xasprintf("%s!%" PRIu64 "!%u!%u", t->call.key, t->activation, t->number, n);
    struct uuid u = uuid_named(&space, name);
    uuid_format(&u, id);
}

/* ---- Children ---- */

static json_t *child_ask(const struct task *t, const struct wfw_child *c, const char *workflow, const char *id)
{
    bool detach = (c->flags & WFW_CHILD_DETACH) != 0, abandon = (c->flags & WFW_CHILD_ABANDON) != 0;
    CLEANUP_FREE char *reply = xasprintf(CHILD_SIGNAL "%s", id);
    value_freeze(c->data);
    json_t *data = value_json(c->data), *body = json_object();
    js_set(body, "id", json_string(id));
    js_set(body, "workflow", json_string(workflow));
    js_set(body, "node", json_string(t->call.node_id));
    js_set(body, "wait", json_boolean(!detach));
    js_set(body, "abandon", json_boolean(abandon));
    js_set(body, "reply", json_string(reply));
    js_set(body, "data", data ? json_incref(data) : json_object());
    json_t *ask = json_object();
    js_set(ask, "kind", json_string("child_start"));
    js_set(ask, "body", body);
    js_set(ask, "reply", json_string(reply));
    js_set(ask, "settles", json_true());
    if (!detach && !abandon) {
        json_t *undo = json_object();
        js_set(undo, "id", json_string(id));
        js_set(ask, "undo", json_string("child_end"));
        js_set(ask, "undo_body", undo);
    }
    return ask;
}

/* The text as UTF-8, kept by the task; NULL and "" give NULL. */
static const char *kept_name(struct task *t, const char *text)
{
    if (!text || !*text)
        return NULL;
    return json_string_value(arena_keep(&t->arena, js_string_lossy(text, strlen(text))));
}

static int start_child(struct task *t, const struct wfw_child *child, char *id)
{
    struct wfw_child c;
    char own[UUID_TEXT];
    if (!id || !take_struct(t, &c, sizeof c, child, "struct wfw_child"))
        return WFW_E_INVAL;
    if (!task_may(t, WFW_CAP_CHILD))
        return WFW_E_DENIED;
    const char *workflow = kept_name(t, c.workflow);
    if (c.flags & ~(uint32_t)(WFW_CHILD_DETACH | WFW_CHILD_ABANDON))
        return task_complain(t, "a handler starts a child with a flag that this wfworker does not know", "struct wfw_child");
    if (!workflow || (c.data && !json_is_object(value_json(c.data))))
        return WFW_E_INVAL;
    task_ask_id(t, own);
    int rc = task_ask(t, child_ask(t, &c, workflow, own));
    if (rc == WFW_OK)
        memcpy(id, own, sizeof own);
    return rc;
}

int service_start_child(struct wfw_task *task, const struct wfw_child *child, char *id)
{
    struct task *t = handle_acquire(task);
    int rc = t ? start_child(t, child, id) : WFW_E_STALE;
    if (t)
        task_unref(t);
    return rc;
}

/* ---- Locks, signals, requests ---- */

#define LOCK_KEY_MAX 200 /* characters */
#define LOCK_LIMIT_MAX 10000
#define SIGNAL_TYPE_MAX 100 /* characters */

static bool short_enough(const char *text, size_t most)
{
    size_t n = 0;
    for (; text && *text && n <= most; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n > 0 && n <= most;
}

/* Begins an ask: {"id", "node"}. */
static json_t *new_body(struct task *t, char id[UUID_TEXT])
{
    json_t *body = json_object();
    task_ask_id(t, id);
    js_set(body, "id", json_string(id));
    js_set(body, "node", js_string_lossy(t->call.node_id, strlen(t->call.node_id)));
    return body;
}

/* Takes over body.  undo NULL: nothing is to be undone. */
static json_t *new_ask(const char *kind, json_t *body, bool answered, const char *undo)
{
    json_t *ask = json_object(), *undo_body = json_object();
    js_set(ask, "kind", json_string(kind));
    js_set(undo_body, "id", json_incref(json_object_get(body, "id")));
    if (json_object_get(body, "key"))
        js_set(undo_body, "key", json_incref(json_object_get(body, "key")));
    if (answered) {
        js_set(body, "reply", json_sprintf(ANSWER_SIGNAL "%s", js_str(body, "id")));
        js_set(ask, "reply", json_incref(json_object_get(body, "reply")));
        js_set(ask, "settles", json_boolean(!undo));
    }
    if (undo) {
        js_set(ask, "undo", json_string(undo));
        js_set(ask, "undo_body", json_incref(undo_body));
    }
    js_set(ask, "body", body);
    json_decref(undo_body);
    return ask;
}

static int ask_lock(struct task *t, const struct wfw_lock *lock, char *id)
{
    struct wfw_lock x;
    if (!id || !take_struct(t, &x, sizeof x, lock, "struct wfw_lock"))
        return WFW_E_INVAL;
    if (!task_may(t, WFW_CAP_LOCK))
        return WFW_E_DENIED;
    const char *key = kept_name(t, x.key);
    if (!short_enough(key, LOCK_KEY_MAX) || x.limit > LOCK_LIMIT_MAX)
        return task_complain(t, "a handler asks for a lock with a key or limit that is not possible", "struct wfw_lock");
    json_t *body = new_body(t, id), *ask;
    js_set(body, "key", json_string(key));
    js_set(body, "limit", json_integer(x.limit ? x.limit : 1));
    ask = new_ask("lock", body, true, "unlock");
    js_set(ask, "yields", json_true());
    return task_ask(t, ask);
}

static int ask_send(struct task *t, const struct wfw_send *send, char *id)
{
    struct wfw_send x;
    if (!id || !take_struct(t, &x, sizeof x, send, "struct wfw_send"))
        return WFW_E_INVAL;
    if (!task_may(t, WFW_CAP_SIGNAL))
        return WFW_E_DENIED;
    const char *type = kept_name(t, x.type), *execution = kept_name(t, x.execution);
    if (!short_enough(type, SIGNAL_TYPE_MAX) || *type == RESERVED_SIGNAL)
        return task_complain(t, "a handler sends a signal of a type that is not possible", "struct wfw_send");
    json_t *body = new_body(t, id), *data = value_json(x.data);
    value_freeze(x.data);
    js_set(body, "execution", execution ? json_string(execution) : json_null());
    js_set(body, "type", json_string(type));
    js_set(body, "data", data ? json_incref(data) : json_null());
    return task_ask(t, new_ask("send", body, true, NULL));
}

static int ask_request(struct task *t, const struct wfw_request *request, char *id)
{
    struct wfw_request x;
    if (!id || !take_struct(t, &x, sizeof x, request, "struct wfw_request"))
        return WFW_E_INVAL;
    if (!task_may(t, WFW_CAP_REQUEST))
        return WFW_E_DENIED;
    const char *type = kept_name(t, x.signal);
    json_t *about = value_json(x.about);
    value_freeze(x.about);
    if (!type || (about && !json_is_object(about)))
        return task_complain(t, "a handler asks people without a signal for the answer, or about no object", "struct wfw_request");
    json_t *body = new_body(t, id);
    js_set(body, "activation", json_string(t->call.key));
    js_set(body, "signal", json_string(type));
    js_set(body, "about", about ? json_incref(about) : json_object());
    json_t *ask = new_ask("request", body, false, "request_closed");
    js_set(ask, "addressed", json_true());
    return task_ask(t, ask);
}

static int ask_request_over(struct task *t, const char *id, const char *choice, const struct wfw_value *answer)
{
    const char *name = kept_name(t, id), *chosen = kept_name(t, choice);
    if (!name)
        return WFW_E_INVAL;
    json_t *body = json_object(), *ask = json_object();
    value_freeze(answer);
    js_set(body, "id", json_string(name));
    js_set(body, "choice", chosen ? json_string(chosen) : json_null());
    if (answer)
        js_set(body, "answer", json_incref(value_json(answer)));
    js_set(ask, "kind", json_string("request_over"));
    js_set(ask, "body", body);
    return task_ask(t, ask);
}

int service_lock(struct wfw_task *task, const struct wfw_lock *lock, char *id)
{
    struct task *t = handle_acquire(task);
    int rc = t ? ask_lock(t, lock, id) : WFW_E_STALE;
    if (t)
        task_unref(t);
    return rc;
}

int service_send_signal(struct wfw_task *task, const struct wfw_send *send, char *id)
{
    struct task *t = handle_acquire(task);
    int rc = t ? ask_send(t, send, id) : WFW_E_STALE;
    if (t)
        task_unref(t);
    return rc;
}

int service_request(struct wfw_task *task, const struct wfw_request *request, char *id)
{
    struct task *t = handle_acquire(task);
    int rc = t ? ask_request(t, request, id) : WFW_E_STALE;
    if (t)
        task_unref(t);
    return rc;
}

int service_request_over(struct wfw_task *task, const char *id, const char *choice, const struct wfw_value *answer)
{
    struct task *t = handle_acquire(task);
    int rc = t ? ask_request_over(t, id, choice, answer) : WFW_E_STALE;
    if (t)
        task_unref(t);
    return rc;
}
