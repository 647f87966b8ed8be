/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker explain: why an execution does not run, from the queue, the registry of workers and the journal. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/execution.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "store/sync.h"

#define WAITS_MAX 100

const struct cli_option explain_options[] = {
    {"json", 0, NULL, "as JSON: {\"execution_id\", \"id\", \"status\", \"reasons\": [{\"reason\", \"text\"}]}"},
    {NULL, 0, NULL, NULL},
};

static void because(json_t *reasons, const char *reason, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void because(json_t *reasons, const char *reason, const char *fmt, ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&line, fmt, args);
    va_end(args);
    json_t *o = json_object();
    js_set(o, "reason", json_string(reason));
    js_set(o, "text", len >= 0 ? js_string_lossy(line, (size_t)len) : json_string(reason));
    js_push(reasons, o);
    if (len >= 0)
        free(line);
}

/* ---- The state, as a worker would read it ---- */

struct view {
    struct def *def;
    struct engine_state *state; /* NULL: it has not begun, or this program cannot read it */
};

static void view_free(struct view *v)
{
    engine_state_free(v->state);
    def_unref(v->def);
}

static json_t *part(const json_t *facts, const char *key)
{
    const char *text = js_str(facts, key);
    return text ? js_parse(text, strlen(text), NULL) : NULL;
}

static struct def *load_definition(const json_t *facts)
{
    CLEANUP_JSON json_t *graph = part(facts, "graph");
    CLEANUP_JSON json_t *rows = part(facts, "rows");
    CLEANUP_JSON json_t *trigger = part(facts, "trigger_config");
    struct diags diags = {0};
    struct def *d = def_load(graph, rows, trigger, &(struct def_options){.unlabelled_condition_order = true}, &diags);
    diags_free(&diags);
    return d;
}

static int apply_row(const struct view *v, const char *text)
{
    CLEANUP_JSON json_t *events = text ? js_parse_own(text, strlen(text), NULL) : NULL;
    struct error e = ERROR_INIT;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) if (engine_replay(v->def, v->state, event, &e) != 0) return -1;
    return events ? 0 : -1;
}

static void view_read(const json_t *facts, struct view *v)
{
    const char *snapshot = js_str(facts, "snapshot");
    const json_t *journal = json_object_get(facts, "journal");
    struct error e = ERROR_INIT;
    size_t i;
    json_t *row;
    if (!snapshot && json_array_size(journal) == 0)
        return;
    v->def = load_definition(facts);
    v->state = snapshot ? engine_state_read(v->def, snapshot, strlen(snapshot), &e) : engine_state_new();
    json_array_foreach(journal, i, row)
    {
        if (v->state && apply_row(v, json_string_value(row)) != 0) {
            engine_state_free(v->state);
            v->state = NULL;
        }
    }
}

/* ---- What nodes wait for, and what runs ---- */

/* The signals that a node waits for, and the executions; answers about locks are told with the locks. */
static void list_signals(const json_t *types, struct buf *b)
{
    size_t i, child = strlen(CHILD_SIGNAL);
    json_t *type;
    json_array_foreach(types, i, type)
    {
        const char *text = json_string_value(type), *or = b->len ? " or " : "";
        if (text && strncmp(text, CHILD_SIGNAL, child) == 0)
            buf_printf(b, "%sthe end of execution %s", or, text + child);
        else if (text && *text != ':')
            buf_printf(b, "%ssignal %s", or, text);
    }
}

static bool asks_people(const json_t *facts, const char *node)
{
    size_t i;
    json_t *request;
    json_array_foreach(json_object_get(facts, "approvals"), i, request) if (strcmp(js_str(request, "node"), node) == 0)
        return true;
    return false;
}

static void explain_wait(json_t *reasons, const json_t *facts, const struct view *v, const struct engine_wait *wait)
{
    char iso[CLOCK_TEXT];
    clock_format_naive(wait->due_us, iso);
    CLEANUP_FREE char *at = text_time(iso);
    CLEANUP_BUF struct buf what = BUF_INIT;
    const char *node = def_node_id(v->def, wait->node);
    list_signals(asks_people(facts, node) ? NULL : wait->signals, &what);
    if (wait->turn)
        because(reasons, "turn", "node %s waits for its turn: another node with the same name in interleave is not over", node);
    else if (wait->retry)
        because(reasons, "node_retry", "node %s failed and is tried again at %s UTC (attempt %u)", node, at, wait->attempts + 1);
    else if (what.len && wait->due_us)
        because(reasons, "waiting", "node %s waits for %s, until %s UTC", node, what.data, at);
    else if (what.len)
        because(reasons, "waiting", "node %s waits for %s", node, what.data);
    else if (wait->due_us)
        because(reasons, "waiting", "node %s waits until %s UTC", node, at);
}

static void explain_waits(json_t *reasons, const json_t *facts, const struct view *v)
{
    struct engine_wait wait;
    for (size_t i = 0; i < WAITS_MAX && engine_waiting(v->state, i, &wait); i++)
        explain_wait(reasons, facts, v, &wait);
}

/* What people are asked. */
static void explain_approvals(json_t *reasons, const json_t *facts)
{
    size_t i, k;
    json_t *request, *option;
    json_array_foreach(json_object_get(facts, "approvals"), i, request)
    {
        CLEANUP_BUF struct buf choices = BUF_INIT;
        const char *message = js_str(request, "message");
        json_array_foreach(json_object_get(request, "options"), k, option)
            buf_printf(&choices, "%s%s", k ? "|" : "", json_string_value(option));
        because(reasons, "approval", "node %s asks for approval: %s; \"wfworker answer %s %s %s\" answers it", js_str(request, "node"),
                message ? message : "", js_str(facts, "execution_id"), js_str(request, "node"), choices.len ? choices.data : "CHOICE");
    }
}

/* The executions whose end it waits for. */
static void explain_children(json_t *reasons, const json_t *facts)
{
    size_t i, told = 0;
    json_t *child;
    json_array_foreach(json_object_get(facts, "children"), i, child)
    {
        if (!js_bool(child, "awaited", false) || told++ >= WAITS_MAX)
            continue;
        const char *name = js_str(child, "workflow_name");
        because(reasons, "child", "%s of workflow %s, for which node %s waits, is %s", js_str(child, "execution_id"),
                name ? name : "?", js_str(child, "node"), js_str(child, "status"));
    }
}

/* The locks it waits for, and who has them. */
static void explain_locks(json_t *reasons, const json_t *facts)
{
    size_t i, k;
    json_t *lock, *holder;
    json_array_foreach(json_object_get(facts, "locks"), i, lock)
    {
        CLEANUP_BUF struct buf by = BUF_INIT;
        const json_t *holders = json_object_get(lock, "holders");
        json_array_foreach(holders, k, holder) buf_printf(&by, "%s%s", k ? ", " : "", json_string_value(holder));
        because(reasons, "lock", "node %s waits for the lock \"%s\", at place %lld; it is held by %s", js_str(lock, "node"),
                js_str(lock, "key"), (long long)js_int(lock, "place", 0), by.len ? by.data : "nobody");
    }
}

static void explain_running(json_t *reasons, const struct view *v)
{
    struct engine_effects fx = {0};
    engine_running_effects(v->def, v->state, &fx);
    for (size_t i = 0; i < fx.len && i < WAITS_MAX; i++)
        because(reasons, "node_running", "node %s runs", def_node_id(v->def, fx.items[i].node));
    engine_effects_free(&fx);
}

static bool has_type(const json_t *worker, const char *type)
{
    size_t i;
    json_t *v;
    if (!json_is_array(worker))
        return true; /* it did not say */
    json_array_foreach(worker, i, v) if (json_string_value(v) && strcmp(json_string_value(v), type) == 0) return true;
    return false;
}

static bool provided(const json_t *facts, const char *type)
{
    const json_t *workers = json_object_get(facts, "node_types");
    size_t i;
    json_t *worker;
    json_array_foreach(workers, i, worker) if (has_type(worker, type)) return true;
    return json_array_size(workers) == 0;
}

static void explain_types(json_t *reasons, const json_t *facts, const struct view *v)
{
    for (size_t i = 0; v->def && i < def_node_count(v->def); i++)
        if (!provided(facts, def_node_type(v->def, i)))
            because(reasons, "node_type_missing", "no worker that is alive has the node type %s of node %s",
                    def_node_type(v->def, i), def_node_id(v->def, i));
}

/* ---- The row and the queue ---- */

static bool flag(const json_t *facts, const char *key)
{
    return js_bool(facts, key, false);
}

static char *ago(const json_t *facts, const char *key)
{
    struct buf b = BUF_INIT;
    int64_t us = js_int(facts, key, 0);
    text_duration(us < 0 ? -us : us, &b);
    return buf_steal(&b);
}

/* What can be done about an execution that failed for good. */
static char *way_on(const json_t *facts, const struct view *v)
{
    const char *id = js_str(facts, "execution_id");
    if (flag(facts, "history_gone"))
        return xasprintf("a part of its history is gone, so that it cannot be retried; \"wfworker replay %s --from NODE\" runs it again "
                         "from a node, as a new one", id);
    if (flag(facts, "never_ran"))
        return xasprintf("\"wfworker retry %s\" begins it anew, with the definition as it is now", id);
    if (v->state && !engine_can_retry(v->state))
        return xasprintf("nothing of it can begin again; \"wfworker replay %s\" runs it again, as a new one", id);
    return xasprintf("\"wfworker retry %s\" begins what failed again", id);
}

static void explain_ended(json_t *reasons, const json_t *facts, const struct view *v)
{
    const char *error = js_str(facts, "error_message");
    CLEANUP_FREE char *at = text_time(js_str(facts, "completed_at"));
    if (strcmp(js_str(facts, "status"), "completed") == 0) {
        because(reasons, "completed", "it completed at %s UTC", at);
        return;
    }
    CLEANUP_FREE char *on = way_on(facts, v);
    because(reasons, "failed", "it failed at %s UTC: %s; %s", at, error ? error : "no reason is known", on);
}

static void explain_workers(json_t *reasons, const json_t *facts)
{
    if (js_int(facts, "workers", 0) == 0)
        because(reasons, "no_worker", "no worker is alive; \"wfworker run\" starts one");
}

static void explain_held(json_t *reasons, const json_t *facts)
{
    const char *worker = js_str(facts, "worker_name");
    CLEANUP_FREE char *until = text_time(js_str(facts, "due_at"));
    CLEANUP_FREE char *seen = ago(facts, "worker_seen_us");
    if (flag(facts, "held"))
        because(reasons, "held", "worker %s holds it until %s UTC unless it renews that; it was last seen %s ago",
                worker ? worker : "(not in the registry)", until, worker ? seen : "an unknown time");
    else
        because(reasons, "lease_expired", "worker %s was lost with it at %s UTC; the next worker that has room takes it over",
                worker ? worker : "(not in the registry)", until);
}

static void explain_due(json_t *reasons, const json_t *facts)
{
    CLEANUP_FREE char *at = text_time(js_str(facts, "due_at"));
    if (json_is_null(json_object_get(facts, "due_us")))
        because(reasons, "no_timer", "no worker looks at it before something comes for it or its row is changed");
    else if (js_int(facts, "due_us", 0) > 0)
        because(reasons, "due_later", "a worker looks at it again at %s UTC", at);
    else if (js_int(facts, "workers", 0) > 0)
        because(reasons, "queued", "it is due since %s UTC and waits for a worker that has room; about %lld executions come before it, "
                "%lld workers are alive", at, (long long)js_int(facts, "ahead", 0), (long long)js_int(facts, "workers", 0));
}

static void explain_queue(json_t *reasons, const json_t *facts, const struct view *v)
{
    if (flag(facts, "held") || flag(facts, "expired"))
        explain_held(reasons, facts);
    if (v->state && flag(facts, "held"))
        explain_running(reasons, v);
    if (v->state)
        explain_waits(reasons, facts, v);
    explain_approvals(reasons, facts);
    explain_locks(reasons, facts);
    explain_children(reasons, facts);
    if (!flag(facts, "held") && !flag(facts, "expired"))
        explain_due(reasons, facts);
    if (v->state)
        explain_types(reasons, facts, v);
}

static void explain_not_queued(json_t *reasons, const json_t *facts)
{
    if (flag(facts, "old"))
        because(reasons, "not_adopted", "it was running before wfworker was installed and is left alone; \"wfworker adopt %s\" "
                "takes it over", js_str(facts, "execution_id"));
    else if (flag(facts, "triggers"))
        because(reasons, "not_queued", "it is not in the queue; workers look for such executions every minute");
    else
        because(reasons, "no_triggers", "the table has no triggers of wfworker, so workers find it when they look for new executions; "
                "\"wfworker migrate\" as the table's owner makes them");
}

static void explain_retry(json_t *reasons, const json_t *facts)
{
    const char *error = js_str(facts, "error_message");
    CLEANUP_FREE char *at = text_time(js_str(facts, "next_retry_at"));
    because(reasons, "retry", "it failed and begins again at %s UTC (retry %lld): %s", at,
            (long long)js_int(facts, "retry_count", 0), error ? error : "no reason is known");
}

static json_t *explain(const json_t *facts)
{
    CLEANUP(view_free) struct view v = {0};
    json_t *reasons = json_array();
    const char *status = js_str(facts, "status");
    view_read(facts, &v);
    if (execution_ended(facts)) {
        explain_ended(reasons, facts, &v);
        return reasons;
    }
    if (strcmp(status, "failed") == 0)
        explain_retry(reasons, facts);
    if (strcmp(status, "paused") == 0)
        because(reasons, "paused", "it is paused; \"wfworker resume %s\" lets it go on", js_str(facts, "execution_id"));
    if (flag(facts, "task"))
        explain_queue(reasons, facts, &v);
    else if (strcmp(status, "paused") != 0)
        explain_not_queued(reasons, facts);
    explain_workers(reasons, facts);
    return reasons;
}

static void print_reasons(const json_t *facts, const json_t *reasons)
{
    size_t i;
    json_t *reason;
    printf("%s is %s\n", js_str(facts, "execution_id"), js_str(facts, "status"));
    json_array_foreach(reasons, i, reason)
    {
        CLEANUP_FREE char *clean = text_clean(js_str(reason, "text"), 0);
        printf("- %s\n", clean);
    }
}

int cmd_explain(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    CLEANUP_JSON json_t *facts = conn ? db_execution_facts(conn, c->operands[0], &e) : NULL;
    if (!facts)
        return cli_failed(&e);
    CLEANUP_JSON json_t *reasons = explain(facts);
    if (!cli_has(c, "json")) {
        print_reasons(facts, reasons);
        return EXIT_SUCCESS;
    }
    CLEANUP_JSON json_t *out = json_object();
    js_set(out, "execution_id", json_incref(json_object_get(facts, "execution_id")));
    js_set(out, "id", json_incref(json_object_get(facts, "id")));
    js_set(out, "status", json_incref(json_object_get(facts, "status")));
    js_set(out, "reasons", json_incref(reasons));
    print_json(out);
    return EXIT_SUCCESS;
}
