/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions that every plugin gets, and its functions that make values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config.h"
#include "plugin/internal.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

/* A value that is not built further: kept by the task. */
static const struct wfw_value *keep_made(struct wfw_task *task, json_t *v)
{
    struct task *t = v ? handle_acquire(task) : NULL;
    if (!t) {
        json_decref(v);
        return NULL;
    }
    json_t *kept = arena_keep(&t->arena, v);
    task_unref(t);
    return value_of(kept);
}

static struct wfw_value *new_container(struct wfw_task *task, json_t *v)
{
    struct task *t = handle_acquire(task);
    if (!t) {
        json_decref(v);
        return NULL;
    }
    struct wfw_value *made = value_new_container(&t->arena, v);
    task_unref(t);
    return made;
}

static struct wfw_value *make_object(struct wfw_task *task)
{
    return new_container(task, json_object());
}

static struct wfw_value *make_array(struct wfw_task *task)
{
    return new_container(task, json_array());
}

static struct wfw_value *make_copy(struct wfw_task *task, const struct wfw_value *value)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return NULL;
    struct wfw_value *made = value_copy(&t->arena, value);
    task_unref(t);
    return made;
}

static const struct wfw_value *make_null(struct wfw_task *task)
{
    return keep_made(task, json_null());
}

static const struct wfw_value *make_boolean(struct wfw_task *task, int value)
{
    return keep_made(task, json_boolean(value));
}

static const struct wfw_value *make_integer(struct wfw_task *task, int64_t value)
{
    return keep_made(task, json_integer(value));
}

static const struct wfw_value *make_real(struct wfw_task *task, double value)
{
    return keep_made(task, isfinite(value) ? json_real(value) : NULL);
}

static const struct wfw_value *make_string(struct wfw_task *task, const char *text, size_t len)
{
    if (!text)
        return NULL;
    size_t n = len == WFW_NTS ? strlen(text) : len;
    return keep_made(task, memchr(text, 0, n) ? NULL : json_stringn(text, n));
}

static const struct wfw_value *parse(struct wfw_task *task, const char *json, size_t len, char *msg, size_t msglen)
{
    struct task *t = json ? handle_acquire(task) : NULL;
    if (!t) {
        if (msg && msglen)
            snprintf(msg, msglen, "%s", json ? "the task is over" : "there is no text");
        return NULL;
    }
    const struct wfw_value *v = value_parse(&t->arena, json, len == WFW_NTS ? strlen(json) : len, msg, msglen);
    task_unref(t);
    return v;
}

static const char *text(struct wfw_task *task, const struct wfw_value *value, size_t *len)
{
    struct task *t = value ? handle_acquire(task) : NULL;
    if (!t)
        return NULL;
    char *made = js_text(value_json(value));
    arena_adopt(&t->arena, made);
    if (len)
        *len = strlen(made);
    task_unref(t);
    return made;
}

const struct wfw_host *host_table(void)
{
    static const struct wfw_host table = {
        .size = sizeof table,
        .major = WFW_ABI_MAJOR,
        .minor = WFW_ABI_MINOR_MAX,
        .version = PACKAGE_VERSION,
        .done = outcome_done,
        .fail = outcome_fail,
        .park = outcome_park,
        .enter = outcome_enter,
        .leave = outcome_leave,
        .type = value_type,
        .get = value_get,
        .get_bool = value_get_bool,
        .get_int = value_get_int,
        .get_real = value_get_real,
        .get_string = value_get_string,
        .length = value_length,
        .item = value_item,
        .text = text,
        .parse = parse,
        .null = make_null,
        .boolean = make_boolean,
        .integer = make_integer,
        .real = make_real,
        .string = make_string,
        .object = make_object,
        .array = make_array,
        .copy = make_copy,
        .set = value_set,
        .remove = value_remove,
        .push = value_push,
        .release = service_release,
        .log = service_log,
        .progress = service_progress,
        .now_ms = service_now_ms,
        .alloc = service_alloc,
        .set_data = service_set_data,
        .data = service_data,
        .cancelled = service_cancelled,
        .cancel_fd = service_cancel_fd,
        .eval = service_eval,
        .secret = service_secret,
        .env = service_env,
        .set_variable = service_set_variable,
        .get_variable = service_get_variable,
        .start_child = service_start_child,
        .lock = service_lock,
        .send_signal = service_send_signal,
        .request = service_request,
        .request_over = service_request_over,
        .cancel_node = service_cancel_node,
        .timer = watch_timer,
        .fd = watch_fd,
        .http = watch_http,
        .unwatch = watch_stop,
    };
    return &table;
}
