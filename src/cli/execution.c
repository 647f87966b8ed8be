/* SPDX-License-Identifier: Apache-2.0 */
/* An execution as text. */
#include "cli/execution.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/table.h"

bool execution_ended(const json_t *row)
{
    const char *status = js_str(row, "status");
    if (!status)
        return false;
    if (strcmp(status, "completed") == 0 || strcmp(status, "cancelled") == 0)
        return true;
    return strcmp(status, "failed") == 0 && (js_str(row, "completed_at") || !js_str(row, "next_retry_at"));
}

static void field(FILE *out, const char *name, const char *value)
{
    if (!value || !*value || strcmp(value, "-") == 0)
        return;
    CLEANUP_FREE char *clean = text_clean(value, 2000);
    fprintf(out, "%-10s %s\n", name, clean);
}

static void print_parent(const json_t *parent, FILE *out)
{
    const char *id = js_str(parent, "execution_id"), *node = js_str(parent, "node");
    CLEANUP_FREE char *text = parent && node ? xasprintf("%s, node %s", id ? id : js_str(parent, "id"), node) : NULL;
    field(out, "Parent", text);
}

static void print_head(const json_t *row, FILE *out)
{
    const char *status = js_str(row, "status"), *name = js_str(row, "workflow_name");
    const char *from = js_str(row, "started_at"), *to = js_str(row, "completed_at");
    CLEANUP_FREE char *execution = xasprintf("%s (%s)", js_str(row, "execution_id"), js_str(row, "id"));
    CLEANUP_FREE char *workflow = xasprintf("%s (%s)", name ? name : "?", js_str(row, "workflow_id"));
    CLEANUP_FREE char *started = text_time(from);
    CLEANUP_FREE char *ended = text_time(to);
    CLEANUP_FREE char *taken = text_between(from, to);
    CLEANUP_FREE char *end = to ? xasprintf("%s UTC, after %s", ended, taken) : xstrdup("");
    CLEANUP_FREE char *begin = xasprintf("%s UTC", started);
    CLEANUP_FREE char *retry = text_time(js_str(row, "next_retry_at"));
    CLEANUP_FREE char *next = strcmp(retry, "-") == 0 ? NULL : xasprintf(", the next one at %s UTC", retry);
    CLEANUP_FREE char *retries = xasprintf("%lld%s", (long long)js_int(row, "retry_count", 0), next ? next : "");
    const char *colour = text_colour(out, status ? status : "");
    field(out, "Execution", execution);
    field(out, "Workflow", workflow);
    fprintf(out, "%-10s %s%s%s\n", "Status", colour, status ? status : "?", *colour ? text_plain(out) : "");
    field(out, "Started", begin);
    field(out, "Ended", end);
    if (js_int(row, "retry_count", 0) > 0 || next)
        field(out, "Retries", retries);
    field(out, "Node", to ? NULL : js_str(row, "current_node_id"));
    field(out, "Error", js_str(row, "error_message"));
    print_parent(json_object_get(row, "parent"), out);
}

static void print_children(const json_t *children, FILE *out)
{
    size_t i;
    json_t *child;
    struct table t;
    if (json_array_size(children) == 0)
        return;
    table_begin(&t, (const char *const[]){"CHILD", "NODE", "WORKFLOW", "STATUS", NULL});
    json_array_foreach(children, i, child)
    {
        table_add(&t, js_str(child, "execution_id"), 0);
        table_add(&t, js_str(child, "node"), 40);
        table_add(&t, js_str(child, "workflow_name"), 40);
        table_add(&t, js_str(child, "status"), 20);
    }
    fputc('\n', out);
    table_print(&t, out);
}

/* execution_state may be json, or text in older rows. */
static json_t *state_of(const json_t *row)
{
    json_t *state = json_object_get(row, "execution_state");
    if (json_is_string(state))
        return js_parse(json_string_value(state), json_string_length(state), NULL);
    return json_incref(state);
}

static int by_start(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    const char *x = js_str(*left, "started_at"), *y = js_str(*right, "started_at");
    return strcmp(x ? x : "", y ? y : "");
}

/* Results in the order in which they were completed, then those that are not among the completed ones. */
static size_t ordered_results(const json_t *state, const json_t **list, size_t room)
{
    json_t *results = json_object_get(state, "node_results");
    const json_t *completed = json_object_get(state, "completed_node_ids");
    size_t n = 0, i;
    json_t *id, *result;
    const char *key;
    json_array_foreach(completed, i, id)
    {
        result = json_string_value(id) ? json_object_get(results, json_string_value(id)) : NULL;
        if (result && n < room)
            list[n++] = result;
    }
    size_t done = n;
    json_object_foreach(results, key, result)
    {
        bool listed = false;
        for (size_t j = 0; j < done && !listed; j++)
            listed = list[j] == result;
        if (!listed && n < room)
            list[n++] = result;
    }
    qsort(list + done, n - done, sizeof *list, by_start);
    return n;
}

static void add_result(struct table *t, const json_t *result)
{
    const char *error = js_str(result, "error"), *status = js_str(result, "status");
    const json_t *output = json_object_get(result, "output");
    bool empty = !output || json_is_null(output) || (json_is_object(output) && json_object_size(output) == 0);
    CLEANUP_FREE char *text = empty ? NULL : js_text(output);
    CLEANUP_FREE char *started = text_time(js_str(result, "started_at"));
    CLEANUP_BUF struct buf taken = BUF_INIT;
    text_duration(js_int(result, "duration_ms", 0) * US_PER_MS, &taken);
    table_add(t, js_str(result, "node_id"), 40);
    table_add(t, status, 20);
    table_add(t, strlen(started) > 11 ? started + 11 : started, 0);
    table_add(t, taken.data, 0);
    table_add(t, error && *error ? error : text, error && *error ? 200 : 100);
}

static void print_results(const json_t *state, FILE *out)
{
    size_t room = json_object_size(json_object_get(state, "node_results"));
    if (room == 0)
        return;
    CLEANUP_FREE const json_t **list = xcalloc(room, sizeof *list);
    size_t n = ordered_results(state, list, room);
    struct table t;
    table_begin(&t, (const char *const[]){"NODE", "STATUS", "STARTED", "TAKEN", "OUTPUT OR ERROR", NULL});
    for (size_t i = 0; i < n; i++)
        add_result(&t, list[i]);
    fputc('\n', out);
    table_print(&t, out);
}

void execution_print(const json_t *row, FILE *out)
{
    print_head(row, out);
    CLEANUP_JSON json_t *state = state_of(row);
    print_results(state, out);
    print_children(json_object_get(row, "children"), out);
}

void execution_print_log(const json_t *log, FILE *out)
{
    const char *time = js_str(log, "timestamp"), *level = js_str(log, "level"), *node = js_str(log, "node_id");
    int64_t us;
    char at[CLOCK_TEXT] = "-";
    if (time && clock_parse(time, &us, NULL) == 0)
        clock_format_utc_ms(us, at);
    CLEANUP_FREE char *message = text_clean(js_str(log, "message") ? js_str(log, "message") : "", 0);
    CLEANUP_FREE char *clean = text_clean(node ? node : "", 60);
    const char *colour = text_colour(out, level ? level : "");
    fprintf(out, "%s %s%-7s%s %-12s %s\n", at, colour, level ? level : "", *colour ? text_plain(out) : "", clean, message);
}

int execution_print_end(const json_t *row, FILE *out)
{
    const char *status = js_str(row, "status"), *error = js_str(row, "error_message");
    CLEANUP_FREE char *taken = text_between(js_str(row, "started_at"), js_str(row, "completed_at"));
    CLEANUP_FREE char *clean = text_clean(error ? error : "", 2000);
    bool completed = status && strcmp(status, "completed") == 0;
    fprintf(out, "%s %s after %s%s%s\n", js_str(row, "execution_id"), status ? status : "?", taken, *clean ? ": " : "", clean);
    return completed ? EXIT_SUCCESS : EXIT_FAILURE;
}
