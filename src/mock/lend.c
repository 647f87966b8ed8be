/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler may ask for besides http, given by the test. */
#include "mock/inside.h"

#include "base/json.h"
#include "base/mem.h"

/* ---- What the test gives ---- */

static int put_text(json_t *in, const char *name, const char *value)
{
    json_t *v = name && value ? json_string(value) : NULL;
    if (!name || (value && !v)) {
        set_error("%s", name ? "the value is not UTF-8" : "there is no name");
        return -1;
    }
    if (v)
        js_set(in, name, v);
    else
        json_object_del(in, name);
    return 0;
}

static json_t *read_json(const char *text)
{
    struct error e = ERROR_INIT;
    json_t *v = js_parse(text, strlen(text), &e);
    if (!v)
        set_error("%s", e.message);
    return v;
}

static int put_json(json_t *in, const char *name, const char *json)
{
    json_t *v = json ? read_json(json) : NULL;
    if (json && !v)
        return -1;
    if (v)
        js_set(in, name, v);
    else
        json_object_del(in, name);
    return 0;
}

int wfw_mock_secret(struct wfw_mock *mock, const char *name, const char *value)
{
    return put_text(mock->secrets, name, value);
}

int wfw_mock_env(struct wfw_mock *mock, const char *name, const char *value)
{
    return put_text(mock->env, name, value);
}

int wfw_mock_variable(struct wfw_mock *mock, const char *name, const char *scope, const char *json)
{
    if (!name || !scope ||
        (strcmp(scope, "workflow") != 0 && strcmp(scope, "loop") != 0 && strcmp(scope, "node") != 0)) {
        set_error("a variable needs a name and the scope workflow, loop or node");
        return -1;
    }
    CLEANUP_FREE char *key = xasprintf("%s %s", scope, name);
    return put_json(mock->variables, key, json);
}

int wfw_mock_name(struct wfw_mock *mock, const char *name, const char *json)
{
    if (!name) {
        set_error("there is no name");
        return -1;
    }
    return put_json(mock->names, name, json);
}

int wfw_mock_eval(struct wfw_mock *mock, const char *expression, const char *json, const char *error_type,
                  const char *message)
{
    json_t *v = json ? read_json(json) : NULL, *entry = json_object();
    if (!expression || (json && !v)) {
        json_decref(entry);
        if (!expression)
            set_error("there is no expression");
        return -1;
    }
    if (v)
        js_set(entry, "value", v);
    js_set(entry, "type", json_string(error_type ? error_type : ""));
    js_set(entry, "message", json_string(message ? message : "denied by the test"));
    js_set(mock->evals, expression, entry);
    return 0;
}

/* ---- What the handler gets ---- */

char *lent_secret(void *ctx, void *owner, const char *name)
{
    (void)owner;
    const char *value = js_str(((const struct wfw_mock *)ctx)->secrets, name);
    return value ? xstrdup(value) : NULL;
}

char *lent_env(void *ctx, const char *name)
{
    const char *value = js_str(((const struct wfw_mock *)ctx)->env, name);
    return value ? xstrdup(value) : NULL;
}

void lent_progress(void *ctx, void *owner, json_t *value)
{
    (void)ctx;
    js_push(((struct wfw_mock_run *)owner)->progress, json_incref(value));
}

json_t *lent_variable(void *ctx, void *owner, const char *name, const char *scope)
{
    static const char *const nearest[] = {"node", "loop", "workflow"};
    const struct wfw_mock *m = ctx;
    json_t *found = NULL;
    (void)owner;
    for (size_t i = 0; i < ARRAY_LEN(nearest) && !found; i++) {
        CLEANUP_FREE char *key = xasprintf("%s %s", nearest[i], name);
        if (!scope || strcmp(scope, nearest[i]) == 0)
            found = json_object_get(m->variables, key);
    }
    return json_incref(found);
}

struct seen {
    const json_t *vars, *names, *input;
};

static const json_t *lookup(void *ctx, const char *name)
{
    const struct seen *s = ctx;
    const json_t *found = json_object_get(s->vars, name);
    if (!found)
        found = json_object_get(s->names, name);
    if (!found && strcmp(name, "input") == 0)
        found = s->input;
    return found ? found : json_object_get(s->input, name);
}

static json_t *refuse(struct error *e, const char *type, const char *message)
{
    err_set(e, "%s", message);
    err_detail(e, "%s", type);
    return NULL;
}

json_t *lent_eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    struct wfw_mock *m = ctx;
    const struct wfw_mock_run *run = owner;
    const json_t *entry = json_object_get(m->evals, expression);
    if (json_object_get(entry, "value"))
        return json_incref(json_object_get(entry, "value"));
    if (entry)
        return refuse(e, js_str(entry, "type"), js_str(entry, "message"));
    struct expr_error why = {{0}, {0}, 0, 0};
    struct seen seen = {vars, m->names, run->input};
    const struct expr *x = expr_cache_get(m->exprs, expression, strlen(expression), &why);
    json_t *v = x ? expr_eval(x, &(struct expr_env){lookup, &seen, lent_now(m)}, NULL, &why) : NULL;
    return v ? v : refuse(e, why.type, why.message);
}
