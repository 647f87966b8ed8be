/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler asks of the world outside its execution; gathered until its call has an outcome, and recorded with it. */
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

/* The attempt, and which of its asks it is. */
void task_ask_id(struct task *t, char id[UUID_TEXT])
{
    pthread_mutex_lock(&t->host->lock);
    unsigned n = ++t->ask_ids;
    pthread_mutex_unlock(&t->host->lock);
    CLEANUP_FREE char *name = xasprintf("%s!%u!%u!%u", t->call.key, t->call.attempt, t->call.why, n);
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
