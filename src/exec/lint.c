/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a definition: node by node, then the graph as a whole, then what starts it. */
#include "exec/lint_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/schedule.h"

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
static char *config_pointer(const struct linter *l, const struct def_node_view *n)
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

static void link_out(struct linter *l)
{
    for (size_t i = 0; i < l->edge_count; i++)
        l->first_out[l->edges[i].from + 1]++;
    for (size_t i = 0; i < l->node_count; i++)
        l->first_out[i + 1] += l->first_out[i];
    CLEANUP_FREE size_t *next = xcalloc(l->node_count + 1, sizeof *next);
    memcpy(next, l->first_out, l->node_count * sizeof *next);
    for (size_t i = 0; i < l->edge_count; i++)
        l->out[next[l->edges[i].from]++] = i;
}

static void open_linter(struct linter *l)
{
    l->node_count = def_node_count(l->d);
    l->edge_count = def_edge_count(l->d);
    l->nodes = xcalloc(l->node_count + 1, sizeof *l->nodes);
    l->edges = xcalloc(l->edge_count + 1, sizeof *l->edges);
    l->config = xcalloc(l->node_count + 1, sizeof *l->config);
    l->out = xcalloc(l->edge_count + 1, sizeof *l->out);
    l->first_out = xcalloc(l->node_count + 1, sizeof *l->first_out);
    l->reached = xcalloc(l->node_count + 1, sizeof *l->reached);
    l->queue = xcalloc(l->node_count + 1, sizeof *l->queue);
    l->ids = json_object();
    for (size_t i = 0; i < l->node_count; i++) {
        def_view_node(l->d, i, &l->nodes[i]);
        js_set(l->ids, l->nodes[i].id, json_integer((json_int_t)i));
        l->config[i] = config_pointer(l, &l->nodes[i]);
    }
    for (size_t i = 0; i < l->edge_count; i++)
        def_view_edge(l->d, i, &l->edges[i]);
    link_out(l);
    lint_collect_variables(l);
}

static void close_linter(struct linter *l)
{
    for (size_t i = 0; i < l->node_count; i++)
        free(l->config[i]);
    free(l->nodes);
    free(l->edges);
    free(l->config);
    free(l->out);
    free(l->first_out);
    free(l->reached);
    free(l->queue);
    json_decref(l->ids);
    json_decref(l->variables);
}

/* ---- What starts it ---- */

static const char *text_or(const json_t *trigger, const char *key, const char *fallback)
{
    const char *text = js_str(trigger, key);
    return text ? text : fallback;
}

/* Which of its members the error is about. */
static const char *blamed(const struct error *e, const char *cron)
{
    if (strncmp(e->message, "overlap", 7) == 0)
        return "overlap";
    if (strncmp(e->message, "catch_up", 8) == 0)
        return "catch_up";
    return strstr(e->message, "time zone") ? "timezone" : cron;
}

void lint_trigger(struct linter *l, const json_t *trigger)
{
    struct error e = ERROR_INIT;
    struct schedule_meaning m;
    int64_t next;
    const char *type = js_str(trigger, "type"), *key = json_object_get(trigger, "cron") ? "cron" : "cron_expression";
    if (!type || strcmp(type, "schedule") != 0)
        return;
    const struct schedule_text text = {.cron = text_or(trigger, key, ""), .timezone = js_str(trigger, "timezone"),
                                       .catch_up = text_or(trigger, "catch_up", "one"),
                                       .overlap = text_or(trigger, "overlap", "allow")};
    if (schedule_read(&text, &m, &e) == 0 && cron_next(&m.cron, m.zone, 0, &next, &e) == 0)
        return;
    lint_note(l, true, lint_member("/trigger_config", blamed(&e, js_str(trigger, key) ? key : "cron")), "%s%s%s", e.message,
              e.hint[0] ? "; " : "", e.hint);
}

/* ---- The whole ---- */

static void check_join(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    if (strcmp(n->join, "n_of_m") == 0 && !lint_join_can_fire(l->d, node, n->join_n))
        lint_note(l, true, xstrdup(n->pointer),
                  "node %s: its join waits for %lld edges, but so many are never taken together: the join can never fire", n->id,
                  (long long)n->join_n);
}

void lint(const struct def *d, const json_t *graph, const json_t *trigger, struct diags *diags)
{
    struct linter l = {.d = d, .graph = graph, .diags = diags};
    open_linter(&l);
    if (l.node_count == 0)
        lint_note(&l, true, xstrdup(""), "the workflow has no nodes");
    for (size_t i = 0; i < l.node_count; i++) {
        lint_config(&l, i);
        check_join(&l, i);
    }
    lint_flow(&l);
    lint_loops(&l);
    lint_trigger(&l, trigger);
    close_linter(&l);
}

size_t lint_errors(const struct diags *diags)
{
    size_t count = 0;
    for (size_t i = 0; i < diags->len; i++)
        count += diags->items[i].error;
    return count;
}
