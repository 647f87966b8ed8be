/* SPDX-License-Identifier: Apache-2.0 */
/* done, fail, park, enter, leave: looked at, copied into the task, decided. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "plugin/descriptor.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

#define MIN_STRUCT (2 * sizeof(void *)) /* `size` and one member: less was never a structure of this interface */
#define MAX_STRUCT 65536

int task_complain(const struct task *t, const char *message, const char *what)
{
    log_write(LOG_WARNING, message, LOG_STR("argument", what), LOG_STR("plugin", t->handler->plugin_name),
              LOG_STR("node_type", t->handler->node->type), LOG_STR("node", t->call.node_id),
              LOG_STR("execution", t->call.execution_id));
    return WFW_E_INVAL;
}

static void complain(const struct task *t, const char *message, const char *what)
{
    task_complain(t, message, what);
}

/* Where `reserved` is, of those that have it: what it will mean, an old wfworker must not pass over. */
static const struct {
    const char *what;
    size_t offset;
} reserved[] = {{"struct wfw_error", offsetof(struct wfw_error, reserved)},
                {"struct wfw_park", offsetof(struct wfw_park, reserved)},
                {"struct wfw_child", offsetof(struct wfw_child, reserved)},
                {"struct wfw_lock", offsetof(struct wfw_lock, reserved)}};

static bool reserved_is_zero(const void *known, const char *what)
{
    uint32_t value = 0;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (strcmp(reserved[i].what, what) == 0)
            memcpy(&value, (const char *)known + reserved[i].offset, sizeof value);
    return value == 0;
}

bool take_struct(const struct task *t, void *to, size_t known, const void *from, const char *what)
{
    size_t size = 0;
    if (from)
        memcpy(&size, from, sizeof size);
    if (size < MIN_STRUCT || size > MAX_STRUCT) {
        complain(t, "a handler passed a structure without its size; set size = sizeof", what);
        return false;
    }
    for (size_t i = known; i < size; i++)
        if (((const unsigned char *)from)[i] != 0) {
            complain(t, "a handler uses members of a structure that this wfworker does not know", what);
            return false;
        }
    /* A plugin that was built with an older minor knows fewer members; those that it does not know are zero. */
    memset(to, 0, known);
    memcpy(to, from, size < known ? size : known);
    if (reserved_is_zero(to, what))
        return true;
    complain(t, "a handler sets a reserved member of a structure, which must be 0", what);
    return false;
}

bool task_may(const struct task *t, uint32_t capability)
{
    if (t->handler->node->caps & capability)
        return true;
    complain(t,
             t->handler->denied & capability ? "a handler uses a capability that is denied to its plugin"
                                             : "a handler uses a capability that its node type does not declare",
             capability_name(capability));
    return false;
}

/* Text of a plugin, made UTF-8 and kept by the task; NULL and "" give NULL. */
static const char *keep_text(struct task *t, const char *text)
{
    if (!text || !*text)
        return NULL;
    return json_string_value(arena_keep(&t->arena, js_string_lossy(text, strlen(text))));
}

static json_t *keep(struct task *t, const struct wfw_value *v)
{
    value_freeze(v);
    return arena_keep(&t->arena, json_incref(value_json(v)));
}

/* A handle back to its reference, with the outcome's result. */
static int finish(struct task *t, int rc)
{
    task_unref(t);
    return rc;
}

int outcome_done(struct wfw_task *task, const struct wfw_value *output, const char *branch)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    const struct outcome o = {.type = OUTCOME_DONE,
                              .output = output ? keep(t, output) : arena_keep(&t->arena, json_object()),
                              .branch = keep_text(t, branch)};
    return finish(t, task_decide(t, &o));
}

int outcome_fail(struct wfw_task *task, const struct wfw_error *error)
{
    struct wfw_error x;
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    if (!take_struct(t, &x, sizeof x, error, "struct wfw_error"))
        return finish(t, WFW_E_INVAL);
    const char *type = keep_text(t, x.type), *message = keep_text(t, x.message);
    const struct outcome o = {.type = OUTCOME_FAIL,
                              .error_type = type ? type : "handler_error",
                              .message = message ? message : "the handler gave no message",
                              .retryable = x.retryable != 0,
                              .retry_after_ms = x.retry_after_ms > 0 ? x.retry_after_ms : 0,
                              .details = keep(t, x.details),
                              .error_node = keep_text(t, x.node_id)};
    return finish(t, task_decide(t, &o));
}

/* At most so many types: what a handler waits for is outside data as well. */
#define MAX_SIGNALS 1000

static json_t *keep_signals(struct task *t, const char *const *types)
{
    if (!types || !types[0])
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; types[i] && i < MAX_SIGNALS; i++)
        js_push(list, js_string_lossy(types[i], strlen(types[i])));
    return arena_keep(&t->arena, list);
}

/* The answer to an ask is a signal of a reserved type. */
static json_t *with_answer(struct task *t, json_t *signals, const char *answer)
{
    if (!answer || !*answer)
        return signals;
    if (!signals)
        signals = arena_keep(&t->arena, json_array());
    js_push(signals, json_sprintf(ANSWER_SIGNAL "%s", answer));
    return signals;
}

/* The earlier of the two times, in microseconds since the epoch; 0 = none. */
static int64_t earlier_of(int64_t after_ms, int64_t until_ms)
{
    const int64_t most = INT64_MAX / US_PER_MS / 2;
    int64_t after = after_ms < most ? after_ms : most, until = until_ms < most ? until_ms : most;
    int64_t a = after > 0 ? host_now_us() + after * US_PER_MS : 0, b = until * US_PER_MS;
    return a && b ? (a < b ? a : b) : a ? a : b;
}

int outcome_park(struct wfw_task *task, const struct wfw_park *park)
{
    struct wfw_park x;
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    if (!take_struct(t, &x, sizeof x, park, "struct wfw_park"))
        return finish(t, WFW_E_INVAL);
    const struct outcome o = {.type = OUTCOME_PARK,
                              .until_us = earlier_of(x.after_ms, x.until_ms),
                              .signal = keep_text(t, x.signal),
                              .signals = with_answer(t, keep_signals(t, x.signal_types), keep_text(t, x.answer)),
                              .child = keep_text(t, x.child),
                              .checkpoint = keep(t, x.checkpoint),
                              .fresh = (x.flags & WFW_PARK_FRESH) != 0};
    if (x.after_ms < 0 || x.until_ms < 0 || (!o.until_us && !o.signal && !o.signals && !o.child)) {
        complain(t, "a handler parks without anything to wait for", "struct wfw_park");
        return finish(t, WFW_E_INVAL);
    }
    if (x.flags & ~(uint32_t)WFW_PARK_FRESH) {
        complain(t, "a handler parks with a flag that this wfworker does not know", "struct wfw_park");
        return finish(t, WFW_E_INVAL);
    }
    return finish(t, task_decide(t, &o));
}

static bool passes_are_objects(const json_t *passes)
{
    size_t i;
    json_t *vars;
    if (passes && !json_is_array(passes))
        return false;
    json_array_foreach(passes, i, vars) if (!json_is_object(vars))
        return false;
    return true;
}

int outcome_enter(struct wfw_task *task, const struct wfw_enter *enter)
{
    struct wfw_enter x;
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    if (!take_struct(t, &x, sizeof x, enter, "struct wfw_enter"))
        return finish(t, WFW_E_INVAL);
    const struct outcome o = {.type = OUTCOME_ENTER,
                              .output = keep(t, x.vars),
                              .branch = keep_text(t, x.branch),
                              .checkpoint = keep(t, x.checkpoint),
                              .pass = x.pass,
                              .passes = keep(t, x.passes),
                              .to = keep_text(t, x.to),
                              .flags = x.flags,
                              .keep = x.keep,
                              .until_us = earlier_of(x.after_ms, x.until_ms),
                              .signals = keep_signals(t, x.signal_types)};
    if (!o.branch || (o.output && !json_is_object(o.output)) || !passes_are_objects(o.passes) || x.after_ms < 0 ||
        x.until_ms < 0) {
        complain(t, "a handler enters without a branch, with variables that are no object, or with a negative time",
                 "struct wfw_enter");
        return finish(t, WFW_E_INVAL);
    }
    const uint32_t known = WFW_ENTER_LOOP | WFW_ENTER_CLEANUP | WFW_ENTER_SHIELD | WFW_ENTER_ORDERED | WFW_ENTER_DETACH |
                           WFW_ENTER_AGAIN;
    if (x.flags & ~known) {
        complain(t, "a handler enters with a flag that this wfworker does not know", "struct wfw_enter");
        return finish(t, WFW_E_INVAL);
    }
    return finish(t, task_decide(t, &o));
}

int outcome_leave(struct wfw_task *task, uint32_t leave, const char *label, const struct wfw_value *output)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    if (leave != WFW_LEAVE_BREAK && leave != WFW_LEAVE_CONTINUE && leave != WFW_LEAVE_TERMINATE) {
        complain(t, "a handler leaves in a way that this wfworker does not know", "leave");
        return finish(t, WFW_E_INVAL);
    }
    const struct outcome o = {
        .type = OUTCOME_LEAVE, .output = keep(t, output), .branch = keep_text(t, label), .leave = leave};
    return finish(t, task_decide(t, &o));
}
