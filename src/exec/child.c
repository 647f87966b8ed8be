/* SPDX-License-Identifier: Apache-2.0 */
/* Executions that others start.  They share the loop, the time and the locks of the first one, and run to their end even if
 * that one is over before. */
#include "exec/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define DEPTH_MAX 32

/* ---- Start ---- */

/* A message may end within a character of a name. */
static void refuse(struct exec *x, const json_t *body, const char *type, const char *message)
{
    const char *reply = js_str(body, "reply"), *id = js_str(body, "id");
    exec_tell(x, reply ? reply : "", json_pack("{s:s, s:s, s:{s:s, s:o}}", "status", "refused", "id", id ? id : "", "error", "type", type,
                                               "message", js_string_lossy(message, strlen(message))));
}

static const struct def *find(const struct exec *x, const char *id)
{
    if (strcmp(id, x->workflow_id) == 0)
        return x->def;
    if (strcmp(id, x->root->workflow_id) == 0)
        return x->root->def;
    for (size_t i = 0; i < x->o->workflow_count; i++)
        if (strcmp(x->o->workflows[i].id, id) == 0)
            return x->o->workflows[i].def;
    return NULL;
}

static void answer_started(struct exec *x, const struct exec *child)
{
    exec_tell(x, child->link.reply, json_pack("{s:s, s:s, s:s, s:s}", "status", "started", "id", child->uuid, "execution_id",
                                              child->execution_id, "workflow_id", child->workflow_id));
}

static char *text_of(const json_t *body, const char *key)
{
    const char *text = js_str(body, key);
    return xstrdup(text ? text : "");
}

static void start(struct exec *x, const struct def *def, const char *workflow, const json_t *body)
{
    struct error e = ERROR_INIT;
    CLEANUP_FREE char *id = text_of(body, "id");
    struct exec *child = exec_new(x->root, def, workflow, id);
    child->link = (struct exec_link){.parent = x, .node = text_of(body, "node"), .reply = text_of(body, "reply"),
                                     .depth = x->link.depth + 1, .waits = js_bool(body, "wait", false),
                                     .abandoned = js_bool(body, "abandon", false)};
    if (!child->link.waits)
        answer_started(x, child);
    exec_start(child, json_object_get(body, "data"), &e);
}

void exec_child_start(struct exec *x, const json_t *body)
{
    CLEANUP_FREE char *workflow = text_of(body, "workflow");
    const struct def *def = find(x, workflow);
    CLEANUP_FREE char *message =
        def ? xasprintf("executions that start each other are nested more than %d deep", DEPTH_MAX)
            : xasprintf("there is no workflow \"%.100s\": --workflow ID=FILE says what it is", workflow);
    if (!def || x->link.depth >= DEPTH_MAX)
        refuse(x, body, def ? "depth_exceeded" : "workflow_unknown", message);
    else
        start(x, def, workflow, body);
}

/* ---- End ---- */

static void end(struct exec *child, const char *why)
{
    if (!engine_ended(child->state))
        exec_apply(child, &(struct engine_event){.type = ENGINE_TERMINATE, .message = why}, SIZE_MAX);
}

void exec_child_end(struct exec *x, const json_t *body)
{
    const char *id = js_str(body, "id");
    for (struct exec *child = x->root; child; child = child->next)
        if (child->link.parent == x && id && strcmp(child->uuid, id) == 0)
            end(child, "the node of the parent execution that waited for it has ended");
}

static void answer_end(struct exec *x)
{
    CLEANUP_JSON json_t *columns = exec_columns(x);
    bool completed = engine_status(x->state) == STATUS_COMPLETED;
    const char *error = js_str(columns, "error_message");
    json_t *answer = json_pack("{s:s, s:s, s:s, s:s}", "status", completed ? "completed" : "failed", "id", x->uuid, "execution_id",
                               x->execution_id, "workflow_id", x->workflow_id);
    if (completed)
        js_set(answer, "data", json_incref(json_object_get(columns, "execution_data")));
    else
        js_set(answer, "error", json_pack("{s:s, s:s}", "type", CHILD_FAILED, "message", error ? error : ""));
    exec_tell(x->link.parent, x->link.reply, answer);
}

void exec_ended(struct exec *x)
{
    if (x->link.told)
        return;
    x->link.told = true;
    if (x->link.parent && x->link.waits)
        answer_end(x);
    for (struct exec *child = x->root; child && engine_status(x->state) == STATUS_FAILED; child = child->next)
        if (child->link.parent == x && !child->link.abandoned)
            end(child, "the parent execution has failed");
}

/* ---- The result ---- */

static json_t *told_of(struct exec *x)
{
    CLEANUP_JSON json_t *columns = exec_columns(x);
    json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:i}", "execution_id", x->execution_id, "workflow_id", x->workflow_id, "parent",
                          x->link.parent->execution_id, "node_id", x->link.node, "depth", (int)x->link.depth);
    js_set(v, "status", json_incref(json_object_get(columns, "status")));
    js_set(v, "data", json_incref(json_object_get(columns, "execution_data")));
    js_set(v, "error_message", json_incref(json_object_get(columns, "error_message")));
    js_set(v, "trace", trace_json(&x->trace, engine_ended(x->state)));
    return v;
}

json_t *exec_children(struct exec *root)
{
    json_t *all = root->next ? json_array() : NULL;
    for (struct exec *x = root->next; x; x = x->next)
        js_push(all, told_of(x));
    return all;
}
