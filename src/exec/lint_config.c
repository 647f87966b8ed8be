/* SPDX-License-Identifier: Apache-2.0 */
/* The config of a node: templates and expressions, then the schema of its type, then keys that nobody reads.  A value
 * that holds a template is not checked against the schema: what it will be is not known yet. */
#include "exec/lint_inside.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "expr/expr.h"
#include "plugin/schema.h"

/* ---- Templates and expressions ---- */

struct place {
    struct linter *l;
    size_t node;
    bool bad; /* something does not compile */
};

/* Node types that lend their expressions names: item, index, acc. */
static bool lends_names(const char *type)
{
    static const char *const types[] = {"map", "filter", "reduce", "sort", "split", "aggregate", "dedupe"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static bool is_ours(const char *type)
{
    static const char *const types[] = {"condition", "switch", "loop", "for", "while", "repeat", "delay", "await"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return lends_names(type);
}

static void bad_text(struct place *p, const char *pointer, const struct expr_error *e)
{
    p->bad = true;
    lint_note(p->l, true, xstrdup(pointer), "node %s: %s", p->l->nodes[p->node].id, e->message);
}

static void check_template(struct place *p, json_t *text, const char *pointer)
{
    struct expr_error e;
    struct lint_reading r = {.l = p->l, .node = p->node, .pointer = pointer};
    struct tmpl *t = tmpl_compile(text, NULL, &e);
    if (t)
        tmpl_names(t, lint_name, &r);
    else
        bad_text(p, pointer, &e);
    tmpl_free(t);
}

/* Deeper than any value can be: reading it had its limit. */
static void check_templates(struct place *p, json_t *v, const char *pointer)
{
    const char *key;
    json_t *member;
    if (json_is_string(v))
        check_template(p, v, pointer);
    for (size_t i = 0; i < json_array_size(v); i++) {
        CLEANUP_FREE char *at = xasprintf("%s/%zu", pointer, i);
        check_templates(p, json_array_get(v, i), at);
    }
    json_object_foreach(v, key, member)
    {
        CLEANUP_FREE char *at = lint_member(pointer, key);
        check_templates(p, member, at);
    }
}

static void check_expression(struct place *p, const char *key, const char *text, const char *pointer)
{
    struct expr_error e;
    const char *type = p->l->nodes[p->node].type;
    struct lint_reading r = {.l = p->l, .node = p->node, .pointer = pointer, .bound = lends_names(type) || !is_ours(type),
                             .in_pass = strcmp(key, "condition_expression") == 0};
    struct expr *x = *text ? expr_compile_key(text, strlen(text), &e) : NULL;
    if (x)
        expr_names(x, lint_name, &r);
    else if (*text)
        bad_text(p, pointer, &e);
    expr_free(x);
}

static bool is_listed(const char *const *keys, const char *key)
{
    for (; keys && *keys; keys++)
        if (strcmp(*keys, key) == 0)
            return true;
    return false;
}

/* Loading says of a config only that it does not compile, as a warning; here is said where and what. */
static void forget_loaded(struct linter *l, const struct def_node_view *n)
{
    struct diags *d = l->diags;
    size_t kept = 0, len = strlen(n->pointer);
    for (size_t i = 0; i < d->len; i++) {
        struct diag *g = &d->items[i];
        if (strncmp(g->pointer, n->pointer, len) != 0 || strcmp(g->pointer + len, "/config") != 0 || !strstr(g->message, n->config_error)) {
            d->items[kept++] = *g;
            continue;
        }
        free(g->pointer);
        free(g->message);
    }
    d->len = kept;
}

static void check_texts(struct linter *l, size_t node, const struct node_type *type)
{
    const struct def_node_view *n = &l->nodes[node];
    struct place p = {.l = l, .node = node};
    json_t *config = (json_t *)(uintptr_t)n->config, *v;
    const char *language = js_str(config, "condition_type"), *key;
    bool is_path = language && strcmp(language, "jsonpath") == 0;
    if (n->config_error)
        forget_loaded(l, n);
    json_object_foreach(config, key, v)
    {
        CLEANUP_FREE char *at = lint_member(l->config[node], key);
        if (!json_is_string(v) || !type || !is_listed(type->expression_keys, key))
            check_templates(&p, v, at);
        else if (!is_path)
            check_expression(&p, key, json_string_value(v), at);
    }
    if (n->config_error && !p.bad)
        lint_note(l, true, xstrdup(l->config[node]), "node %s: %s", n->id, n->config_error);
}

/* ---- Schemas ---- */

/* The schema's text is "POINTER": what.  What is wrong is named in the text, too: pointers are for programs. */
static void note_schema(struct linter *l, size_t node, const struct error *e)
{
    const char *from = strchr(e->message, '"'), *to = from ? strstr(from, "\": ") : NULL;
    const char *config = l->config[node], *id = l->nodes[node].id;
    if (to)
        lint_note(l, true, xasprintf("%s%.*s", config, (int)(to - from - 1), from + 1), "node %s: %.*s%s%s", id,
                  (int)(to - from > 2 ? to - from - 2 : 0), from + 2, to - from > 2 ? " " : "", to + 3);
    else
        lint_note(l, true, xstrdup(config), "node %s: %s", id, e->message);
}

static bool check_property(struct linter *l, size_t node, const json_t *schema, const char *key, json_t *value)
{
    struct error e = ERROR_INIT;
    json_t *rule = json_object_get(json_object_get(schema, "properties"), key);
    if (!rule || lint_holds_template(value))
        return true;
    CLEANUP_JSON json_t *one = json_object(), *rules = json_object(), *properties = json_object();
    json_object_set(one, key, value);
    json_object_set(properties, key, rule);
    json_object_set(rules, "properties", properties);
    if (schema_check(rules, one, &e) == 0)
        return true;
    note_schema(l, node, &e);
    return false;
}

/* Every property by itself, so that all are told; then, when nothing is left open, the whole. */
static void check_schema(struct linter *l, size_t node, const json_t *schema)
{
    struct error e = ERROR_INIT;
    json_t *config = (json_t *)(uintptr_t)l->nodes[node].config, *value;
    const char *key;
    bool good = true;
    json_object_foreach(config, key, value) good = check_property(l, node, schema, key, value) && good;
    if (good && !lint_holds_template(config) && schema_check(schema, config, &e) != 0)
        note_schema(l, node, &e);
}

/* ---- What the node type's handler refuses by itself: x-needs and x-values of schemas ---- */

static bool is_given(const json_t *config, const char *key)
{
    const json_t *v = json_object_get(config, key);
    return v && !json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0);
}

/* An entry of x-needs is an array of keys, one of which is needed, or {"if": {KEY: VALUE}, "keys": [...]}. */
static bool applies(const json_t *need, const json_t *config)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(need, "if"), key, value)
    {
        if (!json_equal(json_object_get(config, key), value))
            return false;
    }
    return true;
}

static void check_need(struct linter *l, size_t node, const json_t *need)
{
    const json_t *config = l->nodes[node].config, *keys = json_is_array(need) ? need : json_object_get(need, "keys");
    size_t n = json_array_size(keys);
    CLEANUP_BUF struct buf names = BUF_INIT;
    if (!applies(need, config))
        return;
    for (size_t i = 0; i < n; i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        if (!key || is_given(config, key))
            return;
        buf_printf(&names, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " and ", key);
    }
    if (n == 1)
        lint_note(l, true, lint_member(l->config[node], names.data), "node %s: %s is missing", l->nodes[node].id, names.data);
    else if (n > 1)
        lint_note(l, true, xstrdup(l->config[node]), "node %s: one of %s is needed", l->nodes[node].id, names.data);
}

static void check_values(struct linter *l, size_t node, const char *key, const json_t *rule)
{
    const json_t *config = l->nodes[node].config, *values = json_object_get(rule, "x-values"), *v = json_object_get(config, key);
    CLEANUP_BUF struct buf names = BUF_INIT;
    if (!values || !json_is_string(v) || !is_given(config, key) || lint_holds_template(v))
        return;
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (json_equal(json_array_get(values, i), v))
            return;
        buf_printf(&names, "%s%s", i ? ", " : "", json_string_value(json_array_get(values, i)));
    }
    lint_note(l, true, lint_member(l->config[node], key), "node %s: %s \"%.64s\" is not one of %s", l->nodes[node].id, key,
              json_string_value(v), names.data ? names.data : "none");
}

static void check_needs(struct linter *l, size_t node, const json_t *schema)
{
    const json_t *needs = json_object_get(schema, "x-needs");
    const char *key;
    json_t *rule;
    for (size_t i = 0; i < json_array_size(needs); i++)
        check_need(l, node, json_array_get(needs, i));
    json_object_foreach(json_object_get(schema, "properties"), key, rule) check_values(l, node, key, rule);
}

#define NODE_OPTIONS                                                                                                       \
    "join", "join_n", "join_rest", "parallel", "parallel_wait_mode", "parallel_wait_n", "parallel_aggregation",           \
        "sequential", "retry", "timeout_seconds", "schedule_to_close_seconds", "max_concurrency", "need", "tolerate",     \
        "max_iterations", "keep", "at_most_once", "interleave"

/* Options of the node itself may stand in its config, and drawing tools put names of their own there. */
static bool known_anyway(const char *key)
{
    static const char *const names[] = {NODE_OPTIONS, "label", "node_type", "nodeType", "type", "description", "config"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

/* A key of that object of the schema in which the one at the pointer stands, or of the node's options. */
static const char *key_meant(const json_t *schema, const char *pointer)
{
    static const char *const options[] = {NODE_OPTIONS};
    struct nearest near = {.word = strrchr(pointer, '/') + 1};
    const char *key;
    json_t *rule;
    if (near.word != pointer + 1)
        return NULL;
    json_object_foreach(json_object_get(schema, "properties"), key, rule) nearest_offer(&near, key);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        nearest_offer(&near, options[i]);
    return nearest_meant(&near);
}

static void check_unknown(struct linter *l, size_t node, const json_t *schema)
{
    CLEANUP_JSON json_t *unknown = json_array();
    const struct def_node_view *n = &l->nodes[node];
    size_t i;
    json_t *pointer;
    schema_unknown_keys(schema, n->config, unknown);
    json_array_foreach(unknown, i, pointer)
    {
        const char *at = json_string_value(pointer);
        const char *meant = key_meant(schema, at);
        if (!known_anyway(at + 1))
            lint_note(l, false, xasprintf("%s%s", l->config[node], at),
                      "node %s: node type %s has no configuration key \"%s\"%s%s%s", n->id, n->type, at + 1,
                      meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
    }
}

/* ---- Program text ---- */

static void check_program(struct linter *l, size_t node, const char *type, const char *key)
{
    const struct def_node_view *n = &l->nodes[node];
    const char *text = js_str(n->config, key);
    if (strcmp(n->type, type) == 0 && text && *text)
        lint_note(l, false, lint_member(l->config[node], key),
                  "node %s: %s holds program text, which is not run; draw nodes behind it instead", n->id, key);
}

void lint_config(struct linter *l, size_t node)
{
    const struct node_type *type = def_node_info(l->d, node);
    check_texts(l, node, type);
    if (type && type->config_schema) {
        check_schema(l, node, type->config_schema);
        check_needs(l, node, type->config_schema);
        check_unknown(l, node, type->config_schema);
    }
    check_program(l, node, "catch", "error_handler");
    check_program(l, node, "finally", "finally_code");
    lint_get_variable(l, node);
}
