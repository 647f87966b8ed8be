/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers over values. */
#include "data/data.h"

#define WHOLE_LIMIT 9007199254740992.0 /* 2^53 */

const char *type_text(const struct wfw_value *v)
{
    if (!v)
        return "missing";
    switch (host->type(v)) {
    case WFW_BOOL:
        return "a boolean";
    case WFW_INT:
    case WFW_REAL:
        return "a number";
    case WFW_STRING:
        return "a string";
    case WFW_ARRAY:
        return "an array";
    case WFW_OBJECT:
        return "an object";
    default:
        return "null";
    }
}

/* The depth is bounded by what a value may have. */
bool add_size(size_t *size, const struct wfw_value *v)
{
    uint32_t type = host->type(v);
    *size += type == WFW_STRING ? host->length(v) + 2 : 2;
    if (type == WFW_ARRAY || type == WFW_OBJECT) {
        const char *key;
        const struct wfw_value *inner;
        for (size_t i = 0; *size <= RESULT_MAX && (inner = host->item(v, i, &key)); i++) {
            *size += key ? strlen(key) + 3 : 0;
            add_size(size, inner);
        }
    }
    return *size <= RESULT_MAX;
}

const struct wfw_value *number_value(struct wfw_task *task, double d)
{
    if (d > -WHOLE_LIMIT && d < WHOLE_LIMIT && d >= (double)(int64_t)d && d <= (double)(int64_t)d)
        return host->integer(task, (int64_t)d);
    return host->real(task, d);
}

int choice(struct wfw_task *task, const struct wfw_value *config, const char *key, const char *const *names)
{
    const struct wfw_value *v = member_named(task, config, key);
    const char *text;
    if (!v || host->type(v) == WFW_NULL || (host->type(v) == WFW_STRING && host->length(v) == 0))
        return 0;
    if (host->get_string(v, "", &text, NULL) != WFW_OK)
        text = host->text(task, v, NULL);
    char list[200] = "";
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", names[i]);
    }
    fail_with(host, task, "config_invalid", "%s \"%.64s\" is not one of %s", key, text, list);
    return -1;
}

const struct wfw_value *member_named(struct wfw_task *task, const struct wfw_value *object, const char *name)
{
    size_t len = strlen(name), n = 1;
    char *pointer = host->alloc(task, len * 2 + 2);
    if (!pointer || host->type(object) != WFW_OBJECT)
        return NULL;
    pointer[0] = '/';
    for (size_t i = 0; i < len; i++) {
        bool special = name[i] == '~' || name[i] == '/';
        pointer[n++] = special ? '~' : name[i];
        if (special)
            pointer[n++] = name[i] == '~' ? '0' : '1';
    }
    return host->get(object, pointer);
}

struct wfw_value *new_output(struct wfw_task *task, const struct wfw_value *result, const char *flag, const char *type)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "result", result);
    if (flag)
        host->set(out, flag, host->boolean(task, 1));
    host->set(out, "type", host->string(task, type, WFW_NTS));
    return out;
}

bool push_element(struct wfw_task *task, struct wfw_value *array, const struct wfw_value *v, size_t index)
{
    if (host->push(array, v) == WFW_OK)
        return true;
    fail_with(host, task, "type_error", "element %zu is nested too deeply", index);
    return false;
}

void fail_too_large(struct wfw_task *task)
{
    fail_with(host, task, "payload_too_large", "the result is larger than %zu bytes", RESULT_MAX);
}
