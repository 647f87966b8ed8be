/* SPDX-License-Identifier: Apache-2.0 */
/* What all checks of a definition use: notes, pointers, ways in the graph. */
#include "exec/lint_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

void lint_note(struct linter *l, bool error, char *pointer, const char *fmt, ...)
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

char *lint_member(const char *base, const char *key)
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
char *lint_config_pointer(const struct linter *l, const struct def_node_view *n)
{
    const json_t *node = value_at(l->graph, n->pointer), *data = json_object_get(node, "data");
    if (!node || json_object_get(node, "config"))
        return lint_member(n->pointer, "config");
    if (!json_is_object(data))
        return xstrdup(n->pointer);
    CLEANUP_FREE char *at = lint_member(n->pointer, "data");
    return json_object_get(data, "config") ? lint_member(at, "config") : STEAL(at);
}

static bool is_one_of(const json_t *v, const char *key, const char *other, const char *text)
{
    const char *s = js_str(v, key);
    if (!s || !*s)
        s = js_str(v, other);
    return s && strcmp(s, text) == 0;
}

static bool is_drawn_as(const json_t *edge, const struct linter *l, const struct def_edge_view *e)
{
    return is_one_of(edge, "from", "source", l->nodes[e->from].id) && is_one_of(edge, "to", "target", l->nodes[e->to].id) &&
           (!e->label || is_one_of(edge, "branch", "condition", e->label) || is_one_of(edge, "sourceHandle", "", e->label));
}

char *lint_edge_pointer(const struct linter *l, const struct def_edge_view *e)
{
    const json_t *edges = json_object_get(l->graph, "edges"), *edge;
    for (size_t i = 0; (edge = json_array_get(edges, i)) != NULL; i++)
        if (is_drawn_as(edge, l, e))
            return xasprintf("/edges/%zu", i);
    return xstrdup(l->nodes[e->from].pointer);
}

/* ---- The graph ---- */

const bool *lint_reach(struct linter *l, size_t from, size_t without)
{
    size_t len = 0, root = from == SIZE_MAX ? def_entry(l->d) : from;
    memset(l->reached, 0, l->node_count * sizeof *l->reached);
    if (root == without || root == SIZE_MAX)
        return l->reached;
    l->reached[root] = true;
    l->queue[len++] = root;
    for (size_t at = 0; at < len; at++)
        for (size_t i = l->first_out[l->queue[at]]; i < l->first_out[l->queue[at] + 1]; i++) {
            const struct def_edge_view *e = &l->edges[l->out[i]];
            if (e->silent || e->to == without || l->reached[e->to])
                continue;
            l->reached[e->to] = true;
            l->queue[len++] = e->to;
        }
    return l->reached;
}

bool lint_is_loop(const struct def_node_view *n)
{
    static const char *const types[] = {"loop", "for", "while", "repeat"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(n->type, types[i]) == 0)
            return true;
    return false;
}

bool lint_within(const struct linter *l, size_t node, size_t owner)
{
    size_t at = l->nodes[node].scope_owner;
    while (at != SIZE_MAX && at != owner)
        at = l->nodes[at].scope_owner;
    return at == owner;
}

size_t lint_node(const struct linter *l, const char *id)
{
    const json_t *at = json_object_get(l->ids, id);
    return at ? (size_t)json_integer_value(at) : SIZE_MAX;
}

/* ---- Configs ---- */

bool lint_holds_template(const json_t *v)
{
    if (json_is_string(v))
        return strstr(json_string_value(v), "${") || strstr(json_string_value(v), "{{");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (lint_holds_template(json_array_get(v, i)))
            return true;
    json_t *object = (json_t *)(uintptr_t)v;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        if (lint_holds_template(json_object_iter_value(it)))
            return true;
    return false;
}

const char *lint_loop_variable(const struct def_node_view *loop)
{
    const json_t *v = json_object_get(loop->config, "loop_variable");
    if (lint_holds_template(v))
        return NULL;
    return json_is_string(v) && json_string_length(v) ? json_string_value(v) : "item";
}
