/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes as they are shown.  What the engine keeps in signals of reserved types and in its own form of asks is told
 * in the words of wfworker/plugin.h. */
#include "plugin/outcome_json.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"

static void set_value(json_t *to, const char *key, const json_t *v)
{
    if (v)
        js_set(to, key, json_incref((json_t *)(uintptr_t)v));
}

static void set_text(json_t *to, const char *key, const char *text)
{
    if (text)
        js_set(to, key, json_string(text));
}

static void set_number(json_t *to, const char *key, int64_t n)
{
    if (n)
        js_set(to, key, json_integer(n));
}

static const struct {
    uint32_t bit;
    const char *name;
} enter_flags[] = {{WFW_ENTER_LOOP, "loop"},       {WFW_ENTER_CLEANUP, "cleanup"}, {WFW_ENTER_SHIELD, "shield"},
                   {WFW_ENTER_ORDERED, "ordered"}, {WFW_ENTER_DETACH, "detach"},   {WFW_ENTER_AGAIN, "again"}};

static void set_flags(json_t *to, uint32_t flags)
{
    json_t *names = json_array();
    for (size_t i = 0; i < ARRAY_LEN(enter_flags); i++)
        if (flags & enter_flags[i].bit)
            js_push(names, json_string(enter_flags[i].name));
    if (json_array_size(names) > 0)
        json_object_set(to, "flags", names);
    json_decref(names);
}

/* ---- Signals: the answer to an ask is one of a reserved type ---- */

static void add_signal(json_t *signals, json_t *to, const char *type)
{
    size_t len = strlen(ANSWER_SIGNAL);
    if (strncmp(type, ANSWER_SIGNAL, len) == 0)
        js_set(to, "answer", json_string(type + len));
    else
        js_push(signals, json_string(type));
}

static void set_waits(json_t *to, const struct outcome *o)
{
    json_t *signals = json_array();
    set_number(to, "until_ms", o->until_us / 1000);
    if (o->signal)
        js_push(signals, json_string(o->signal));
    for (size_t i = 0; i < json_array_size(o->signals); i++)
        add_signal(signals, to, json_string_value(json_array_get(o->signals, i)));
    if (json_array_size(signals) > 0)
        json_object_set(to, "signals", signals);
    json_decref(signals);
    set_text(to, "child", o->child);
}

/* ---- Asks ---- */

static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++)
        set_value(to, *names, json_object_get(from, *names));
}

static json_t *ask_json(const json_t *ask)
{
    static const struct {
        const char *kind, *name;
        const char *members[6];
    } kinds[] = {{"child_start", "child", {"id", "workflow", "data"}},
                 {"lock", "lock", {"id", "key", "limit"}},
                 {"send", "signal", {"id", "execution", "type", "data"}},
                 {"request", "request", {"id", "signal", "about"}},
                 {"request_over", "request_over", {"id", "choice", "answer"}}};
    const char *kind = js_str(ask, "kind");
    const json_t *body = json_object_get(ask, "body");
    json_t *out = json_object();
    for (size_t i = 0; kind && i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) != 0)
            continue;
        js_set(out, "ask", json_string(kinds[i].name));
        copy_members(out, body, kinds[i].members);
        if (i == 0) {
            js_set(out, "detach", json_boolean(!js_bool(body, "wait", true)));
            js_set(out, "abandon", json_boolean(js_bool(body, "abandon", false)));
        }
    }
    return out;
}

static void set_asks(json_t *to, const struct outcome *o)
{
    size_t i;
    json_t *ask, *asks = json_array();
    json_array_foreach(o->asks, i, ask) js_push(asks, ask_json(ask));
    if (json_array_size(asks) > 0)
        json_object_set(to, "asks", asks);
    json_decref(asks);
}

/* ---- One kind after the other ---- */

static void set_variables(json_t *to, const json_t *variables)
{
    size_t i;
    json_t *one, *list = json_array();
    json_array_foreach(variables, i, one)
    {
        json_t *v = json_object();
        set_value(v, "name", json_array_get(one, 0));
        set_value(v, "scope", json_array_get(one, 1));
        set_value(v, "value", json_array_get(one, 2));
        js_push(list, v);
    }
    if (json_array_size(list) > 0)
        json_object_set(to, "variables", list);
    json_decref(list);
}

static void set_cancels(json_t *to, const json_t *cancels)
{
    size_t i;
    json_t *one, *list = json_array();
    json_array_foreach(cancels, i, one)
    {
        json_t *v = json_object();
        set_value(v, "node", json_array_get(one, 0));
        js_set(v, "complete", json_boolean(json_integer_value(json_array_get(one, 1)) & WFW_CANCEL_COMPLETE));
        js_push(list, v);
    }
    if (json_array_size(list) > 0)
        json_object_set(to, "cancels", list);
    json_decref(list);
}

static void set_done(json_t *to, const struct outcome *o)
{
    set_value(to, "output", o->output);
    set_text(to, "branch", o->branch);
    set_variables(to, o->variables);
    set_cancels(to, o->cancels);
}

static void set_fail(json_t *to, const struct outcome *o)
{
    set_text(to, "type", o->error_type);
    set_text(to, "message", o->message);
    js_set(to, "retryable", json_boolean(o->retryable));
    set_number(to, "retry_after_ms", o->retry_after_ms);
    set_value(to, "details", o->details);
    set_text(to, "node", o->error_node);
}

static void set_park(json_t *to, const struct outcome *o)
{
    set_waits(to, o);
    if (o->fresh)
        js_set(to, "fresh", json_true());
    set_value(to, "checkpoint", o->checkpoint);
}

static void set_enter(json_t *to, const struct outcome *o)
{
    set_text(to, "branch", o->branch);
    set_value(to, "vars", o->output);
    set_value(to, "passes", o->passes);
    set_number(to, "pass", (int64_t)o->pass);
    set_text(to, "to", o->to);
    set_flags(to, o->flags);
    set_number(to, "keep", o->keep);
    set_waits(to, o);
    set_value(to, "checkpoint", o->checkpoint);
}

static void set_leave(json_t *to, const struct outcome *o)
{
    js_set(to, "leave",
           json_string(o->leave == WFW_LEAVE_BREAK      ? "break"
                       : o->leave == WFW_LEAVE_CONTINUE ? "continue"
                                                        : "terminate"));
    set_text(to, "label", o->branch);
    set_value(to, "output", o->output);
}

json_t *outcome_json(const struct outcome *o)
{
    static const struct {
        const char *name;
        void (*fill)(json_t *to, const struct outcome *o);
    } kinds[] = {[OUTCOME_DONE] = {"done", set_done},
                 [OUTCOME_FAIL] = {"fail", set_fail},
                 [OUTCOME_PARK] = {"park", set_park},
                 [OUTCOME_ENTER] = {"enter", set_enter},
                 [OUTCOME_LEAVE] = {"leave", set_leave}};
    json_t *out = json_object();
    js_set(out, "outcome", json_string(kinds[o->type].name));
    kinds[o->type].fill(out, o);
    if (o->type != OUTCOME_FAIL)
        set_asks(out, o);
    return out;
}
