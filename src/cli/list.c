/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker list: executions, the newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/table.h"
#include "store/sync.h"

#define DEFAULT_LIMIT 50
#define LARGEST_LIMIT 100000

const struct cli_option list_options[] = {
    {"status", 's', "pending|running|paused|waiting_for_signal|completed|failed", "only those with this status"},
    {"limit", 'n', "N", "at most this many (default 50)"},
    {"json", 0, NULL, "as a JSON array"},
    {NULL, 0, NULL, NULL},
};

/* Since the start for one that is not over. */
static char *taken(const json_t *row)
{
    const char *from = js_str(row, "started_at"), *to = js_str(row, "completed_at");
    char now[CLOCK_TEXT];
    const char *status = js_str(row, "status");
    if (!to && status && strcmp(status, "running") == 0) {
        clock_format_naive(clock_now_us(), now);
        to = now;
    }
    return text_between(from, to);
}

static void print_rows(const json_t *rows)
{
    struct table t;
    size_t i;
    json_t *row;
    table_begin(&t, (const char *const[]){"EXECUTION", "STATUS", "WORKFLOW", "STARTED (UTC)", "TAKEN", "NODE", "ERROR", NULL});
    json_array_foreach(rows, i, row)
    {
        CLEANUP_FREE char *started = text_time(js_str(row, "started_at"));
        CLEANUP_FREE char *span = taken(row);
        table_add(&t, js_str(row, "execution_id"), 0);
        table_add(&t, js_str(row, "status"), 0);
        table_add(&t, js_str(row, "workflow_name"), 40);
        table_add(&t, started, 0);
        table_add(&t, span, 0);
        table_add(&t, js_str(row, "current_node_id"), 30);
        table_add(&t, js_str(row, "error_message"), 80);
    }
    table_print(&t, stdout);
}

static int read_limit(const struct cli *c, struct error *e)
{
    const char *text = cli_value(c, "limit");
    if (!text)
        return DEFAULT_LIMIT;
    char *end;
    long n = strtol(text, &end, 10);
    if (*text && *end == '\0' && n >= 1 && n <= LARGEST_LIMIT)
        return (int)n;
    err_set(e, "invalid value \"%.40s\" for option --limit", text);
    return err_detail(e, "it must be a whole number from 1 to %d", LARGEST_LIMIT);
}

static int check_status(const char *status, struct error *e)
{
    static const char *const known[] = {"pending", "running", "paused", "waiting_for_signal", "completed", "failed"};
    for (size_t i = 0; status && i < ARRAY_LEN(known); i++)
        if (strcmp(status, known[i]) == 0)
            return 0;
    if (!status)
        return 0;
    err_set(e, "invalid value \"%.40s\" for option --status", status);
    return err_detail(e, "it must be one of: pending, running, paused, waiting_for_signal, completed, failed");
}

int cmd_list(struct cli *c)
{
    struct error e = ERROR_INIT;
    int limit = read_limit(c, &e);
    if (limit < 0 || check_status(cli_value(c, "status"), &e) != 0) {
        err_print(&e);
        return EXIT_USAGE;
    }
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    return cli_print_rows(c, conn ? db_execution_list(conn, cli_value(c, "status"), limit, &e) : NULL, print_rows, &e);
}
