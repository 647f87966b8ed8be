/* SPDX-License-Identifier: Apache-2.0 */
/* Written by hand into the buffer, because a call is written for each node that runs; read through jansson. */
#include "helper/calls.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

/* ---- Writing ---- */

static void add_text(struct buf *b, const char *name, size_t name_len, const char *text)
{
    if (!text)
        return;
    buf_add(b, name, name_len);
    js_write_string(b, text, strlen(text));
}

static void add_value(struct buf *b, const char *name, size_t name_len, const json_t *v)
{
    if (!v)
        return;
    buf_add(b, name, name_len);
    js_write(b, v);
}

static void add_number(struct buf *b, const char *name, size_t name_len, int64_t n)
{
    if (n == 0)
        return;
    buf_add(b, name, name_len);
    buf_addint(b, n);
}

static void add_wide(struct buf *b, const char *name, size_t name_len, uint64_t n)
{
    int64_t same;
    memcpy(&same, &n, sizeof same); /* JSON's integers are signed: the bits are the same */
    add_number(b, name, name_len, same);
}

static void add_flag(struct buf *b, const char *name, size_t name_len, bool yes)
{
    if (!yes)
        return;
    buf_add(b, name, name_len);
    buf_addstr(b, "true");
}

void call_write(struct buf *b, const struct task *t, bool accepted, const struct call_clock *clock)
{
    const struct wfw_call *c = &t->call;
    buf_addstr(b, "{\"is\":\"call\"");
    add_text(b, JS_MEMBER("type"), t->handler->node->type);
    add_text(b, JS_MEMBER("node_type"), c->node_type);
    add_text(b, JS_MEMBER("node_id"), c->node_id);
    add_text(b, JS_MEMBER("execution"), c->execution_id);
    add_text(b, JS_MEMBER("workflow"), c->workflow_id);
    add_text(b, JS_MEMBER("key"), c->key);
    add_text(b, JS_MEMBER("signal"), c->signal);
    add_value(b, JS_MEMBER("config"), value_json(c->config));
    add_value(b, JS_MEMBER("input"), value_json(c->input));
    add_value(b, JS_MEMBER("checkpoint"), value_json(c->checkpoint));
    add_value(b, JS_MEMBER("event"), value_json(c->event));
    add_value(b, JS_MEMBER("scope"), value_json(c->scope));
    add_value(b, JS_MEMBER("edges"), value_json(c->edges));
    add_number(b, JS_MEMBER("attempt"), c->attempt);
    add_number(b, JS_MEMBER("why"), c->why);
    add_number(b, JS_MEMBER("scope_outcome"), c->scope_outcome);
    add_wide(b, JS_MEMBER("scope_pass"), c->scope_pass);
    add_number(b, JS_MEMBER("timeout"), c->deadline_ms);
    add_wide(b, JS_MEMBER("activation"), t->activation);
    add_number(b, JS_MEMBER("number"), t->number);
    add_flag(b, JS_MEMBER("accepted"), accepted);
    add_number(b, JS_MEMBER("now"), clock->now_us);
    add_flag(b, JS_MEMBER("stands"), clock->stands);
    buf_addch(b, '}');
}

void outcome_write(struct buf *b, const struct outcome *o)
{
    static const char *const names[] = {[OUTCOME_DONE] = "done", [OUTCOME_FAIL] = "fail", [OUTCOME_PARK] = "park",
                                        [OUTCOME_ENTER] = "enter", [OUTCOME_LEAVE] = "leave"};
    buf_addstr(b, "{\"is\":\"outcome\"");
    add_text(b, JS_MEMBER("type"), names[o->type]);
    add_value(b, JS_MEMBER("output"), o->output);
    add_text(b, JS_MEMBER("branch"), o->branch);
    add_text(b, JS_MEMBER("error"), o->error_type);
    add_text(b, JS_MEMBER("message"), o->message);
    add_flag(b, JS_MEMBER("retryable"), o->retryable);
    add_number(b, JS_MEMBER("retry_after"), o->retry_after_ms);
    add_value(b, JS_MEMBER("details"), o->details);
    add_number(b, JS_MEMBER("until"), o->until_us);
    add_text(b, JS_MEMBER("signal"), o->signal);
    add_text(b, JS_MEMBER("child"), o->child);
    add_value(b, JS_MEMBER("signals"), o->signals);
    add_value(b, JS_MEMBER("checkpoint"), o->checkpoint);
    add_number(b, JS_MEMBER("leave"), o->leave);
    add_wide(b, JS_MEMBER("pass"), o->pass);
    add_value(b, JS_MEMBER("passes"), o->passes);
    add_text(b, JS_MEMBER("to"), o->to);
    add_number(b, JS_MEMBER("flags"), o->flags);
    add_number(b, JS_MEMBER("keep"), o->keep);
    add_text(b, JS_MEMBER("error_node"), o->error_node);
    add_value(b, JS_MEMBER("variables"), o->variables);
    add_value(b, JS_MEMBER("asks"), o->asks);
    add_value(b, JS_MEMBER("cancels"), o->cancels);
    add_flag(b, JS_MEMBER("fresh"), o->fresh);
    buf_addch(b, '}');
}

/* ---- Reading a call: it comes from wfworker ---- */

static uint64_t wide(const json_t *v, const char *key)
{
    int64_t n = js_int(v, key, 0);
    uint64_t same;
    memcpy(&same, &n, sizeof same);
    return same;
}

int call_read(const json_t *v, struct task_call *call, struct call_clock *clock)
{
    *call = (struct task_call){.node_type = js_str(v, "node_type"),
                               .node_id = js_str(v, "node_id"),
                               .execution_id = js_str(v, "execution"),
                               .workflow_id = js_str(v, "workflow"),
                               .key = js_str(v, "key"),
                               .signal = js_str(v, "signal"),
                               .config = json_object_get(v, "config"),
                               .input = json_object_get(v, "input"),
                               .checkpoint = json_object_get(v, "checkpoint"),
                               .event = json_object_get(v, "event"),
                               .scope = json_object_get(v, "scope"),
                               .edges = json_object_get(v, "edges"),
                               .attempt = (uint32_t)js_int(v, "attempt", 0),
                               .why = (uint32_t)js_int(v, "why", 0),
                               .scope_outcome = (uint32_t)js_int(v, "scope_outcome", 0),
                               .scope_pass = wide(v, "scope_pass"),
                               .timeout_ms = js_int(v, "timeout", 0),
                               .activation = wide(v, "activation"),
                               .number = (uint32_t)js_int(v, "number", 0),
                               .accepted = js_bool(v, "accepted", false)};
    *clock = (struct call_clock){.now_us = js_int(v, "now", 0), .stands = js_bool(v, "stands", false)};
    return js_str(v, "type") && clock->now_us ? 0 : -1;
}

/* ---- Reading an outcome: it comes from a process that a plugin has ---- */

static bool texts_only(const json_t *list)
{
    size_t i;
    json_t *v;
    if (list && !json_is_array(list))
        return false;
    json_array_foreach(list, i, v) if (!json_is_string(v))
        return false;
    return true;
}

static bool objects_only(const json_t *list)
{
    size_t i;
    json_t *v;
    if (list && !json_is_array(list))
        return false;
    json_array_foreach(list, i, v) if (!json_is_object(v))
        return false;
    return true;
}

static bool is_scope(const char *s)
{
    return s && (strcmp(s, "workflow") == 0 || strcmp(s, "loop") == 0 || strcmp(s, "node") == 0);
}

/* An array of [name, scope, value]. */
static bool variables_only(const json_t *list)
{
    size_t i;
    json_t *v;
    if (list && !json_is_array(list))
        return false;
    json_array_foreach(list, i, v) if (json_array_size(v) != 3 || !json_is_string(json_array_get(v, 0)) ||
                                       !is_scope(json_string_value(json_array_get(v, 1))))
        return false;
    return true;
}

/* An array of [node, flags]. */
static bool cancels_only(const json_t *list)
{
    size_t i;
    json_t *v;
    if (list && !json_is_array(list))
        return false;
    json_array_foreach(list, i, v) if (json_array_size(v) != 2 || !json_is_string(json_array_get(v, 0)) ||
                                       !json_is_integer(json_array_get(v, 1)))
        return false;
    return true;
}

static bool one_of(const char *text, const char *const *words)
{
    while (*words && (!text || strcmp(text, *words) != 0))
        words++;
    return *words != NULL;
}

static bool text_or_none(const json_t *v, const char *key)
{
    const json_t *member = json_object_get(v, key);
    return !member || json_is_string(member);
}

/* As the functions of plugin/ask.c make them. */
static bool asks_only(const json_t *list)
{
    static const char *const kinds[] = {"child_start", "lock", "send", "request", "request_over", NULL},
                            *const undos[] = {"child_end", "unlock", "request_closed", NULL};
    size_t i;
    json_t *v;
    if (list && !json_is_array(list))
        return false;
    json_array_foreach(list, i, v)
    {
        const json_t *body = json_object_get(v, "body");
        if (!one_of(js_str(v, "kind"), kinds) || !json_is_object(body) || !js_str(body, "id") || !text_or_none(v, "reply"))
            return false;
        if (json_object_get(v, "undo") &&
            (!one_of(js_str(v, "undo"), undos) || !json_is_object(json_object_get(v, "undo_body"))))
            return false;
    }
    return true;
}

static bool member_kinds(const json_t *v)
{
    static const char *const texts[] = {"branch", "error", "message", "signal", "child", "to", "error_node"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!text_or_none(v, texts[i]))
            return false;
    return texts_only(json_object_get(v, "signals")) && objects_only(json_object_get(v, "passes")) &&
           variables_only(json_object_get(v, "variables")) && cancels_only(json_object_get(v, "cancels")) &&
           asks_only(json_object_get(v, "asks"));
}

/* What the host functions insist on. */
static bool sound(const struct outcome *o)
{
    switch (o->type) {
    case OUTCOME_DONE:
        return o->output != NULL;
    case OUTCOME_FAIL:
        return o->error_type && o->message && o->retry_after_ms >= 0;
    case OUTCOME_PARK:
        return o->until_us >= 0 && (o->until_us || o->signal || o->signals || o->child);
    case OUTCOME_ENTER:
        return o->branch && o->until_us >= 0 && (!o->output || json_is_object(o->output));
    case OUTCOME_LEAVE:
        return o->leave == WFW_LEAVE_BREAK || o->leave == WFW_LEAVE_CONTINUE || o->leave == WFW_LEAVE_TERMINATE;
    }
    return false;
}

static int type_of(const json_t *v)
{
    static const char *const names[] = {"done", "fail", "park", "enter", "leave"};
    const char *type = js_str(v, "type");
    for (size_t i = 0; type && i < ARRAY_LEN(names); i++)
        if (strcmp(type, names[i]) == 0)
            return (int)i;
    return -1;
}

int outcome_read(const json_t *v, struct outcome *o, struct error *e)
{
    int type = type_of(v);
    if (type < 0 || !member_kinds(v))
        return err_set(e, "what it sent is no outcome");
    *o = (struct outcome){.type = (enum outcome_type)type,
                          .output = json_object_get(v, "output"),
                          .branch = js_str(v, "branch"),
                          .error_type = js_str(v, "error"),
                          .message = js_str(v, "message"),
                          .retryable = js_bool(v, "retryable", false),
                          .retry_after_ms = js_int(v, "retry_after", 0),
                          .details = json_object_get(v, "details"),
                          .until_us = js_int(v, "until", 0),
                          .signal = js_str(v, "signal"),
                          .child = js_str(v, "child"),
                          .signals = json_object_get(v, "signals"),
                          .checkpoint = json_object_get(v, "checkpoint"),
                          .leave = (uint32_t)js_int(v, "leave", 0),
                          .pass = wide(v, "pass"),
                          .passes = json_object_get(v, "passes"),
                          .to = js_str(v, "to"),
                          .flags = (uint32_t)js_int(v, "flags", 0),
                          .keep = (uint32_t)js_int(v, "keep", 0),
                          .error_node = js_str(v, "error_node"),
                          .variables = json_object_get(v, "variables"),
                          .asks = json_object_get(v, "asks"),
                          .cancels = json_object_get(v, "cancels"),
                          .fresh = js_bool(v, "fresh", false)};
    return sound(o) ? 0 : err_set(e, "what it sent is no outcome");
}
