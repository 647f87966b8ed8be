/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker/plugin-jansson.h - optional: a bridge between wfworker's values and the plugin's own jansson.
 *
 * Header only: it needs jansson's header and library in the plugin, and nothing of wfworker.  The plugin's jansson may be another one
 * than wfworker's: only text, numbers and texts cross.  C99 and C++11.  Include it after wfworker/plugin.h.
 *
 *     json_t *config = wfw_to_jansson(host, call->config);
 *     ...
 *     host->done(task, wfw_from_jansson(host, task, result), NULL);
 *     json_decref(config);
 */
#ifndef WFWORKER_PLUGIN_JANSSON_H
#define WFWORKER_PLUGIN_JANSSON_H

#include <jansson.h>
#include <wfworker/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Deeper values than this are not taken over: wfworker has none. */
#define WFW_JANSSON_DEPTH 512

static inline json_t *wfw_to_jansson_at(const struct wfw_host *h, const struct wfw_value *value, int depth);

static inline json_t *wfw_to_jansson_members(const struct wfw_host *h, const struct wfw_value *value, int depth)
{
    const int is_object = h->type(value) == WFW_OBJECT;
    json_t *made = is_object ? json_object() : json_array();
    const size_t count = h->length(value);
    for (size_t i = 0; made && i < count; i++) {
        const char *key = NULL;
        json_t *inner = wfw_to_jansson_at(h, h->item(value, i, &key), depth - 1);
        /* Both take over the reference, and answer -1 for NULL. */
        if ((is_object ? json_object_set_new(made, key, inner) : json_array_append_new(made, inner)) != 0) {
            json_decref(made);
            made = NULL;
        }
    }
    return made;
}

static inline json_t *wfw_to_jansson_at(const struct wfw_host *h, const struct wfw_value *value, int depth)
{
    int flag = 0;
    int64_t whole = 0;
    double real = 0;
    const char *text = NULL;
    size_t len = 0;
    if (!value || depth <= 0)
        return NULL;
    switch (h->type(value)) {
    case WFW_BOOL:
        return h->get_bool(value, "", &flag) == WFW_OK ? json_boolean(flag) : NULL;
    case WFW_INT:
        return h->get_int(value, "", &whole) == WFW_OK ? json_integer((json_int_t)whole) : NULL;
    case WFW_REAL:
        return h->get_real(value, "", &real) == WFW_OK ? json_real(real) : NULL;
    case WFW_STRING:
        return h->get_string(value, "", &text, &len) == WFW_OK ? json_stringn(text, len) : NULL;
    case WFW_ARRAY:
    case WFW_OBJECT:
        return wfw_to_jansson_members(h, value, depth);
    default:
        return json_null();
    }
}

/* A value as the plugin's own: a new reference, for json_decref().  It is a copy: it outlives the task and may be changed.  NULL: there
 * is no value, or no memory.                                                                                             [any] */
static inline json_t *wfw_to_jansson(const struct wfw_host *h, const struct wfw_value *value)
{
    return wfw_to_jansson_at(h, value, WFW_JANSSON_DEPTH);
}

static inline const struct wfw_value *wfw_from_jansson_at(const struct wfw_host *h, struct wfw_task *task, const json_t *json,
                                                          int depth);

static inline const struct wfw_value *wfw_from_jansson_members(const struct wfw_host *h, struct wfw_task *task,
                                                               const json_t *json, int depth)
{
    json_t *open = (json_t *)(uintptr_t)json; /* jansson walks through what it may change */
    struct wfw_value *made = json_is_object(json) ? h->object(task) : h->array(task);
    for (size_t i = 0; made && i < json_array_size(json); i++)
        if (h->push(made, wfw_from_jansson_at(h, task, json_array_get(json, i), depth - 1)) != WFW_OK)
            return NULL;
    for (void *at = json_object_iter(open); made && at; at = json_object_iter_next(open, at))
        if (h->set(made, json_object_iter_key(at), wfw_from_jansson_at(h, task, json_object_iter_value(at), depth - 1)) !=
            WFW_OK)
            return NULL;
    return made;
}

static inline const struct wfw_value *wfw_from_jansson_at(const struct wfw_host *h, struct wfw_task *task, const json_t *json,
                                                          int depth)
{
    if (!json || depth <= 0)
        return NULL;
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return h->boolean(task, json_is_true(json));
    case JSON_INTEGER:
        return h->integer(task, (int64_t)json_integer_value(json));
    case JSON_REAL:
        return h->real(task, json_real_value(json));
    case JSON_STRING:
        return h->string(task, json_string_value(json), json_string_length(json));
    case JSON_ARRAY:
    case JSON_OBJECT:
        return wfw_from_jansson_members(h, task, json, depth);
    case JSON_NULL:
    default:
        return h->null(task);
    }
}

/* The plugin's own as a value of the task; json stays the plugin's.  NULL: json is NULL, is nested too deeply or has a text with a NUL
 * inside, or the task is stale.                                                                                          [any] */
static inline const struct wfw_value *wfw_from_jansson(const struct wfw_host *h, struct wfw_task *task, const json_t *json)
{
    return wfw_from_jansson_at(h, task, json, WFW_JANSSON_DEPTH);
}

#ifdef __cplusplus
}
#endif
#endif
