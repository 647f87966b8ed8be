/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler is given: its config with the templates resolved, its input, its key; and expressions evaluated in its
 * view.  Names resolve in this order: the roots, names lent for one evaluation, the execution's data. */
#include "engine/state_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct view {
    const struct def *d;
    const struct engine_state *s;
    const struct act *a;
    const json_t *vars; /* lent names, or NULL */
    engine_secret_fn secret;
    void *secret_ctx;
    json_t *input, *execution, *workflow, *variables, *secrets, *envs; /* made when first asked for; owned */
    char *missing;                                             /* a secret that was asked for and is not there; owned */
};

static void view_clear(struct view *v)
{
    json_decref(v->input);
    json_decref(v->execution);
    json_decref(v->workflow);
    json_decref(v->variables);
    json_decref(v->secrets);
    json_decref(v->envs);
    xfree(v->missing);
}

static const json_t *execution_root(struct view *v)
{
    char started[CLOCK_TEXT];
    if (v->execution)
        return v->execution;
    clock_format_utc_ms(v->s->started_us, started);
    v->execution = json_object();
    js_set(v->execution, "id", json_string(v->s->execution_uuid));
    js_set(v->execution, "execution_id", json_string(v->s->execution_id));
    js_set(v->execution, "started_at", json_string(started));
    js_set(v->execution, "retry_count", json_integer(v->s->retry_count));
    return v->execution;
}

static const json_t *workflow_root(struct view *v)
{
    if (v->workflow)
        return v->workflow;
    v->workflow = json_object();
    js_set(v->workflow, "id", json_string(v->s->workflow_id));
    js_set(v->workflow, "version", json_integer(v->s->workflow_version));
    if (v->d->timezone)
        js_set(v->workflow, "timezone", js_string_lossy(v->d->timezone, strlen(v->d->timezone)));
    return v->workflow;
}

static const json_t *variables_root(struct view *v)
{
    if (!v->variables)
        v->variables = variables_view(v->d, v->s, v->a);
    return v->variables;
}

static const json_t *input_root(struct view *v)
{
    if (!v->input)
        v->input = scope_view(v->s, v->a->scope);
    return v->input;
}

/* Only what the config mentions is fetched, and only now. */
static const json_t *secret_root(struct view *v, json_t **root, const char *kind, char *const *names)
{
    if (*root)
        return *root;
    *root = json_object();
    for (size_t i = 0; names[i]; i++) {
        char *text = v->secret(v->secret_ctx, kind, names[i]);
        if (text) {
            js_set(*root, names[i], js_string_lossy(text, strlen(text)));
            explicit_bzero(text, strlen(text));
            xfree(text);
        } else if (!v->missing) {
            v->missing = xasprintf("%s.%s", kind, names[i]);
        }
    }
    return *root;
}

static const json_t *lookup(void *ctx, const char *name)
{
    struct view *v = ctx;
    const struct def_node *n = &v->d->nodes[v->a->node];
    if (strcmp(name, "input") == 0 || strcmp(name, "data") == 0)
        return input_root(v);
    if (strcmp(name, "vars") == 0)
        return variables_root(v);
    if (strcmp(name, "execution") == 0)
        return execution_root(v);
    if (strcmp(name, "workflow") == 0)
        return workflow_root(v);
    if (v->secret && n->secrets && strcmp(name, "secret") == 0)
        return secret_root(v, &v->secrets, "secret", n->secrets);
    if (v->secret && n->envs && strcmp(name, "env") == 0)
        return secret_root(v, &v->envs, "env", n->envs);
    const json_t *own = json_object_get(v->vars, name);
    if (!own)
        own = engine_variable(v->d, v->s, v->a->id, name, NULL);
    return own ? own : scope_data_get(v->s, v->a->scope, name);
}

/* ---- failures ---- */

static void __attribute__((format(printf, 3, 4))) fail(struct failure *f, const char *type, const char *fmt, ...)
{
    va_list ap;
    *f = (struct failure){.type = xstrdup(type)};
    va_start(ap, fmt);
    if (vasprintf(&f->message, fmt, ap) < 0)
        abort();
    va_end(ap);
}

static void fail_over(struct failure *f)
{
    fail(f, "cancelled", "the activation is over");
}

static void fail_unknown_type(struct failure *f, const struct def *d, const struct def_node *n)
{
    const char *detail = d->unknown_detail ? d->unknown_detail : "";
    fail(f, "node_type_unknown", "no plugin provides the node type \"%s\"%s%s", n->type, *detail ? "; " : "", detail);
}

static void fail_render(struct failure *f, const struct view *v, const struct expr_error *e)
{
    if (v->missing)
        fail(f, "unknown_name", "%s is not set (%s)", v->missing, e->message);
    else
        fail(f, e->type, "%s", e->message);
}

/* ---- the interface ---- */

json_t *engine_config(const struct def *d, const struct engine_state *s, uint64_t act, int64_t now_us,
                      engine_secret_fn secret, void *ctx, struct failure *f)
{
    struct expr_error e = {{0}, {0}, 0, 0};
    const struct act *a = act_find(s, act);
    if (!a) {
        fail_over(f);
        return NULL;
    }
    const struct def_node *n = &d->nodes[a->node];
    struct view v = {.d = d, .s = s, .a = a, .secret = secret, .secret_ctx = ctx};
    if (!n->known) {
        fail_unknown_type(f, d, n);
        return NULL;
    }
    if (!n->tmpl) {
        fail(f, n->config_error.type, "%s", n->config_error.message);
        return NULL;
    }
    json_t *config = tmpl_render(n->tmpl, &(struct expr_env){lookup, &v, now_us}, &e);
    if (!config)
        fail_render(f, &v, &e);
    view_clear(&v);
    return config;
}

const json_t *engine_input(struct engine_state *s, uint64_t act)
{
    const struct act *a = act_find(s, act);
    json_t *view = scope_view(s, a ? a->scope : s->root);
    json_decref(s->view);
    s->view = view;
    return view;
}

const json_t *engine_edges(const struct def *d, size_t node)
{
    return d->nodes[node].edges;
}

char *engine_path(const struct def *d, const struct engine_state *s, uint64_t act, uint32_t *pass)
{
    struct buf b = BUF_INIT;
    const struct act *a = act_find(s, act);
    buf_addstr(&b, "");
    if (a)
        scope_path(d, a->scope, &b, false);
    *pass = a ? a->pass : 0;
    return buf_steal(&b);
}

json_t *engine_eval(const struct def *d, const struct engine_state *s, uint64_t act, const char *expression,
                    const json_t *vars, int64_t now_us, struct failure *f)
{
    struct expr_error e = {{0}, {0}, 0, 0};
    const struct act *a = act_find(s, act);
    if (!a) {
        fail_over(f);
        return NULL;
    }
    struct view v = {.d = d, .s = s, .a = a, .vars = vars};
    const struct expr *x = expr_cache_get(d->exprs, expression, strlen(expression), &e);
    json_t *value = x ? expr_eval(x, &(struct expr_env){lookup, &v, now_us}, NULL, &e) : NULL;
    if (!value)
        fail(f, e.type, "%s", e.message);
    view_clear(&v);
    return value;
}

char *engine_key(const struct def *d, const struct engine_state *s, uint64_t act)
{
    const struct act *a = act_find(s, act);
    return a ? act_key(s, d, a) : xstrdup("");
}
