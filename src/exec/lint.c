/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a definition: node by node, then the graph as a whole, then what starts it. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/schedule.h"
#include "exec/lint_inside.h"

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
        l->config[i] = lint_config_pointer(l, &l->nodes[i]);
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

static void check_trigger(struct linter *l, const json_t *trigger)
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

/* The same rule as wfworker.limit_of(), which passes over what it does not understand. */
static void check_limit(struct linter *l, const char *base, const json_t *holder)
{
    const json_t *v = json_object_get(holder, "max_concurrent_executions");
    CLEANUP_FREE char *shown = v ? json_is_string(v) ? xstrdup(json_string_value(v)) : js_text(v) : NULL;
    if (!v || json_is_null(v))
        return;
    size_t digits = strspn(shown, "0123456789");
    if (digits > 0 && digits < 6 && !shown[digits] && *shown != '0' && strtoul(shown, NULL, 10) <= 10000)
        return;
    lint_note(l, true, lint_member(base, "max_concurrent_executions"), "max_concurrent_executions is %.40s: it must be a whole number from 1 to 10000",
              shown);
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
        lint_note(&l, false, xstrdup(""), "the workflow has no nodes: it completes at once");
    for (size_t i = 0; i < l.node_count; i++) {
        lint_config(&l, i);
        check_join(&l, i);
    }
    lint_flow(&l);
    lint_loops(&l);
    lint_cancel(&l);
    check_trigger(&l, trigger);
    check_limit(&l, "/trigger_config", trigger);
    check_limit(&l, "", graph);
    close_linter(&l);
}

size_t lint_errors(const struct diags *diags)
{
    size_t count = 0;
    for (size_t i = 0; i < diags->len; i++)
        count += diags->items[i].error;
    return count;
}
