/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of a node's config: the array that is worked on, and what is evaluated for each of its elements. */
#include <ctype.h>

#include "data/data.h"

/* ---- where the array comes from ---- */

static const struct wfw_value *evaluate_source(struct wfw_task *task, const char *key, const char *text)
{
    struct wfw_error error = {.size = sizeof error};
    const struct wfw_value *v = host->eval(task, text, NULL, &error);
    if (!v)
        fail_with(host, task, error.type, "%s \"%.200s\": %.700s", key, text, error.message);
    return v;
}

const struct wfw_value *array_source(struct wfw_task *task, const struct wfw_value *config, const char *key)
{
    const struct wfw_value *named = member_named(task, config, key), *v = named;
    const char *text = NULL;
    if (!named) {
        fail_with(host, task, "type_error", "%s is missing: it must be an array or an expression that gives one", key);
        return NULL;
    }
    if (host->get_string(named, "", &text, NULL) == WFW_OK)
        v = evaluate_source(task, key, text);
    if (!v || host->type(v) == WFW_ARRAY)
        return v;
    if (text)
        fail_with(host, task, "type_error", "%s \"%.200s\" is %s, not an array", key, text, type_text(v));
    else
        fail_with(host, task, "type_error", "%s is %s, not an array", key, type_text(v));
    return NULL;
}

/* ---- functions: x => ..., (a, b) => ... ---- */

static const char *skip_space(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

static size_t name_length(const char *p)
{
    size_t n = 0;
    if (isdigit((unsigned char)*p))
        return 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == '$')
        n++;
    return n;
}

static const char *copy_text(struct wfw_task *task, const char *text, size_t len)
{
    char *copy = host->alloc(task, len + 1);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}

/* Up to three names with commas between; the end, or NULL when it is something else. */
static const char *read_names(struct wfw_task *task, const char *p, const char *names[3])
{
    for (size_t i = 0; i < 3; i++) {
        p = skip_space(p);
        size_t len = name_length(p);
        if (len == 0)
            return NULL;
        names[i] = copy_text(task, p, len);
        p = skip_space(p + len);
        if (*p != ',')
            return p;
        p++;
    }
    return NULL;
}

/* The body of a function, with the names of its parameters; or the text itself. */
static const char *read_function(struct wfw_task *task, const char *text, const char *names[3])
{
    const char *found[3] = {NULL, NULL, NULL};
    const char *p = skip_space(text);
    bool list = *p == '(';
    p = read_names(task, list ? p + 1 : p, found);
    if (!p || (list && *p++ != ')') || (!list && found[1]))
        return text;
    p = skip_space(p);
    if (p[0] != '=' || p[1] != '>')
        return text;
    memcpy(names, found, sizeof found);
    return skip_space(p + 2);
}

/* ---- one expression ---- */

/* `price` is short for `item.price`. */
static const char *of_member(struct wfw_task *task, const char *text)
{
    const char *name = skip_space(text);
    size_t len = name_length(name);
    if (len == 0 || *skip_space(name + len))
        return text;
    bool own = (len == 4 && memcmp(name, "item", 4) == 0) || (len == 5 && memcmp(name, "index", 5) == 0);
    char *longer = own ? NULL : host->alloc(task, len + 6);
    if (!longer)
        return text;
    snprintf(longer, len + 6, "item.%.*s", (int)len, name);
    return longer;
}

int expression_read(struct wfw_task *task, const struct wfw_value *v, const char *key, bool member,
                    struct expression *out)
{
    const char *text = NULL;
    uint32_t type = host->type(v);
    *out = (struct expression){.key = key, .vars = host->object(task)};
    if (type == WFW_STRING)
        host->get_string(v, "", &text, NULL);
    else if (type == WFW_BOOL || type == WFW_INT || type == WFW_REAL)
        text = host->text(task, v, NULL);
    if (!text || !*skip_space(text)) {
        fail_with(host, task, "config_invalid", "%s is %s: it must be an expression", key,
                  text ? "empty" : type_text(v));
        return -1;
    }
    out->text = read_function(task, text, out->names);
    if (member && out->text == text)
        out->text = of_member(task, text);
    return 0;
}

/* Bind one name, and give up the reference that the task holds when the value was made for this. */
static int bind(const struct expression *x, const char *name, const struct wfw_value *v)
{
    return !name || !v || host->set(x->vars, name, v) == WFW_OK ? 0 : -1;
}

static int bind_all(struct wfw_task *task, const struct expression *x, const struct binding *b, enum params params)
{
    const struct wfw_value *index = host->integer(task, (int64_t)b->index);
    const struct wfw_value *const of_item[] = {b->item, index, b->array}, *const of_acc[] = {b->acc, b->item, index};
    int rc = bind(x, "item", b->item) | bind(x, "index", index) | bind(x, "acc", b->acc);
    for (size_t i = 0; i < COUNT(x->names); i++)
        rc |= bind(x, x->names[i], params == PARAMS_ACC ? of_acc[i] : of_item[i]);
    host->release(task, index);
    return rc;
}

const struct wfw_value *expression_eval(struct wfw_task *task, const struct expression *x, const struct binding *b,
                                        enum params params)
{
    struct wfw_error error = {.size = sizeof error};
    if (bind_all(task, x, b, params) != 0) {
        fail_with(host, task, "type_error", "element %zu is nested too deeply", b->index);
        return NULL;
    }
    const struct wfw_value *v = host->eval(task, x->text, x->vars, &error);
    if (!v)
        fail_with(host, task, error.type, "%s \"%.200s\", element %zu: %.700s", x->key, x->text, b->index,
                  error.message);
    return v;
}
