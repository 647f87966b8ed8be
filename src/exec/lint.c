/* SPDX-License-Identifier: Apache-2.0 */
/* Node by node: expressions, schema, unknown keys; then joins.  A value that holds a template is not checked against the
 * schema: what it will be is not known yet. */
#include "exec/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "expr/expr.h"
#include "plugin/schema.h"

struct linter {
    const struct def *d;
    const json_t *graph;
    struct diags *diags;
    struct def_node_view n;
    char *pointer; /* to the config of n */
};

static void __attribute__((format(printf, 4, 5))) note(struct linter *l, bool error, char *pointer, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    xgrow((void **)&l->diags->items, &l->diags->cap, l->diags->len + 1, sizeof(struct diag));
    l->diags->items[l->diags->len++] = (struct diag){.error = error, .pointer = pointer, .message = text};
}

/* ---- Pointers ---- */

static char *member(const char *base, const char *key)
{
    struct buf b = BUF_INIT;
    buf_addstr(&b, base);
    buf_addch(&b, '/');
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            buf_addstr(&b, *key == '~' ? "~0" : "~1");
        else
            buf_addch(&b, *key);
    return buf_steal(&b);
}

static const json_t *step_into(const json_t *v, const char *key)
{
    return json_is_array(v) ? json_array_get(v, (size_t)strtoull(key, NULL, 10)) : json_object_get(v, key);
}

static const json_t *value_at(const json_t *v, const char *pointer)
{
    CLEANUP_BUF struct buf key = BUF_INIT;
    while (v && *pointer == '/') {
        buf_clear(&key);
        buf_addstr(&key, "");
        for (pointer++; *pointer && *pointer != '/'; pointer++) {
            bool escaped = pointer[0] == '~' && (pointer[1] == '0' || pointer[1] == '1');
            buf_addch(&key, !escaped ? *pointer : *++pointer == '0' ? '~' : '/');
        }
        v = step_into(v, key.data ? key.data : "");
    }
    return v;
}

/* Where the config stands: `config`, `data/config`, `data`, or the node itself. */
static char *config_pointer(const struct linter *l)
{
    const json_t *node = value_at(l->graph, l->n.pointer), *data = json_object_get(node, "data");
    if (!node || json_object_get(node, "config"))
        return member(l->n.pointer, "config");
    if (!json_is_object(data))
        return xstrdup(l->n.pointer);
    CLEANUP_FREE char *at = member(l->n.pointer, "data");
    return json_object_get(data, "config") ? member(at, "config") : STEAL(at);
}

/* ---- Expressions ---- */

/* Loading found that a template does not compile, and calls it doubtful; the node will fail. */
static void raise_config_error(struct linter *l)
{
    for (size_t i = 0; i < l->diags->len; i++) {
        struct diag *g = &l->diags->items[i];
        if (l->n.config_error && strstr(g->message, l->n.config_error) &&
            strncmp(g->pointer, l->n.pointer, strlen(l->n.pointer)) == 0)
            g->error = true;
    }
}

static bool holds_template(const json_t *v)
{
    if (json_is_string(v))
        return strstr(json_string_value(v), "${") || strstr(json_string_value(v), "{{");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (holds_template(json_array_get(v, i)))
            return true;
    json_t *object = (json_t *)(uintptr_t)v;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        if (holds_template(json_object_iter_value(it)))
            return true;
    return false;
}

static void check_expressions(struct linter *l, const struct node_type *type)
{
    const char *language = js_str(l->n.config, "condition_type");
    if (language && strcmp(language, "jsonpath") == 0)
        return; /* a path, not an expression */
    for (size_t i = 0; type->expression_keys && type->expression_keys[i]; i++) {
        const char *text = js_str(l->n.config, type->expression_keys[i]);
        struct expr_error e;
        struct expr *x = text && *text ? expr_compile_key(text, strlen(text), &e) : NULL;
        if (text && *text && !x)
            note(l, true, member(l->pointer, type->expression_keys[i]), "node %s: %s", l->n.id, e.message);
        expr_free(x);
    }
}

/* ---- Schemas ---- */

/* The schema's text is "POINTER": what. */
static void note_schema(struct linter *l, const struct error *e)
{
    const char *from = strchr(e->message, '"'), *to = from ? strstr(from, "\": ") : NULL;
    if (!to) {
        note(l, true, xstrdup(l->pointer), "node %s: %s", l->n.id, e->message);
        return;
    }
    note(l, true, xasprintf("%s%.*s", l->pointer, (int)(to - from - 1), from + 1), "node %s: %s", l->n.id, to + 3);
}

static bool check_property(struct linter *l, const json_t *schema, const char *key, json_t *value)
{
    struct error e = ERROR_INIT;
    json_t *rule = json_object_get(json_object_get(schema, "properties"), key);
    if (!rule || holds_template(value))
        return true;
    CLEANUP_JSON json_t *one = json_object(), *rules = json_object(), *properties = json_object();
    json_object_set(one, key, value);
    json_object_set(properties, key, rule);
    json_object_set(rules, "properties", properties);
    if (schema_check(rules, one, &e) == 0)
        return true;
    note_schema(l, &e);
    return false;
}

/* Every property by itself, so that all are told; then, when nothing is left open, the whole. */
static void check_schema(struct linter *l, const struct node_type *type)
{
    struct error e = ERROR_INIT;
    json_t *config = (json_t *)(uintptr_t)l->n.config, *value;
    const char *key;
    bool good = true;
    json_object_foreach(config, key, value) good = check_property(l, type->config_schema, key, value) && good;
    if (good && !holds_template(config) && schema_check(type->config_schema, config, &e) != 0)
        note_schema(l, &e);
}

/* Options of the node itself may stand in its config, and drawing tools put names of their own there. */
static bool known_anyway(const char *key)
{
    static const char *const names[] = {
        "join", "join_n", "join_rest", "parallel", "parallel_wait_mode", "parallel_wait_n", "parallel_aggregation",
        "sequential", "retry", "timeout_seconds", "schedule_to_close_seconds", "max_concurrency", "need", "tolerate",
        "max_iterations", "keep", "at_most_once", "label", "node_type", "nodeType", "type", "description", "config"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

static void check_unknown(struct linter *l, const struct node_type *type)
{
    CLEANUP_JSON json_t *unknown = json_array();
    size_t i;
    json_t *pointer;
    schema_unknown_keys(type->config_schema, l->n.config, unknown);
    json_array_foreach(unknown, i, pointer)
    {
        const char *at = json_string_value(pointer);
        if (!known_anyway(at + 1))
            note(l, false, xasprintf("%s%s", l->pointer, at), "node %s: node type %s has no configuration key \"%s\"", l->n.id,
                 l->n.type, at + 1);
    }
}

/* ---- The whole ---- */

static void check_node(struct linter *l, size_t node)
{
    const struct node_type *type = def_node_info(l->d, node);
    def_view_node(l->d, node, &l->n);
    l->pointer = config_pointer(l);
    raise_config_error(l);
    if (type && type->config_schema) {
        check_expressions(l, type);
        check_schema(l, type);
        check_unknown(l, type);
    }
    if (strcmp(l->n.join, "n_of_m") == 0 && !lint_join_can_fire(l->d, node, l->n.join_n))
        note(l, true, xstrdup(l->n.pointer),
             "node %s: its join waits for %lld edges, but so many are never taken together: the join can never fire", l->n.id,
             (long long)l->n.join_n);
    free(l->pointer);
}

void lint(const struct def *d, const json_t *graph, struct diags *diags)
{
    struct linter l = {.d = d, .graph = graph, .diags = diags};
    if (def_node_count(d) == 0)
        note(&l, true, xstrdup(""), "the workflow has no nodes");
    for (size_t i = 0; i < def_node_count(d); i++)
        check_node(&l, i);
}

size_t lint_errors(const struct diags *diags)
{
    size_t count = 0;
    for (size_t i = 0; i < diags->len; i++)
        count += diags->items[i].error;
    return count;
}

bool lint_goes_home(const struct def *d, const struct def_edge_view *e)
{
    struct def_node_view n;
    for (size_t node = e->from; node != SIZE_MAX; node = n.scope_owner) {
        def_view_node(d, node, &n);
        if (n.scope_owner == e->to)
            return true;
    }
    return false;
}

static json_t *scope_of(const struct def *d, const struct def_node_view *n)
{
    if (n->scope_owner == SIZE_MAX)
        return json_null();
    json_t *scope = json_object();
    js_set(scope, "owner", json_string(def_node_id(d, n->scope_owner)));
    js_set(scope, "branch", n->scope_branch ? json_string(n->scope_branch) : json_null());
    return scope;
}

json_t *lint_structure(const struct def *d)
{
    json_t *out = json_object(), *nodes = json_array(), *edges = json_array();
    struct def_node_view n;
    struct def_edge_view e;
    js_set(out, "entry", def_entry(d) == SIZE_MAX ? json_null() : json_string(def_node_id(d, def_entry(d))));
    for (size_t i = 0; i < def_node_count(d); i++) {
        json_t *v = json_object();
        def_view_node(d, i, &n);
        js_set(v, "id", json_string(n.id));
        js_set(v, "type", json_string(n.type));
        js_set(v, "reachable", json_boolean(n.reachable));
        js_set(v, "join", json_string(n.join));
        js_set(v, "scope", scope_of(d, &n));
        js_push(nodes, v);
    }
    for (size_t i = 0; i < def_edge_count(d); i++) {
        json_t *v = json_object();
        def_view_edge(d, i, &e);
        js_set(v, "from", json_string(def_node_id(d, e.from)));
        js_set(v, "to", json_string(def_node_id(d, e.to)));
        js_set(v, "branch", e.label ? json_string(e.label) : json_null());
        js_set(v, "back", json_boolean(e.back || lint_goes_home(d, &e)));
        js_set(v, "silent", json_boolean(e.silent));
        js_push(edges, v);
    }
    js_set(out, "nodes", nodes);
    js_set(out, "edges", edges);
    return out;
}
