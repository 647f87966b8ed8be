/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker show and logs: one execution. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/execution.h"
#include "cli/table.h"
#include "store/sync.h"

#define FOLLOW_MS 250

const struct cli_option show_options[] = {
    {"json", 0, NULL, "the row as JSON, execution_state in it"},
    {NULL, 0, NULL, NULL},
};
const struct cli_option logs_options[] = {
    {"follow", 'f', NULL, "go on until the execution has ended"},
    {"json", 0, NULL, "one JSON object a line"},
    {NULL, 0, NULL, NULL},
};

int cmd_show(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    CLEANUP_JSON json_t *row = conn ? db_execution_show(conn, c->operands[0], &e) : NULL;
    if (!row)
        return cli_failed(&e);
    db_execution_relatives(conn, row);
    if (cli_has(c, "json"))
        print_json(row);
    else
        execution_print(row, stdout);
    return EXIT_SUCCESS;
}

/* Where the log was read up to. */
struct place {
    int64_t at_us;
    char *id;
};

static void print_log(const json_t *log, bool json)
{
    if (!json) {
        execution_print_log(log, stdout);
        return;
    }
    CLEANUP_FREE char *text = js_text(log);
    puts(text);
}

static int print_more(const struct cli *c, PGconn *conn, struct place *p, struct error *e)
{
    CLEANUP_JSON json_t *logs = db_execution_logs(conn, c->operands[0], p->at_us, p->id, e);
    size_t i;
    json_t *log;
    if (!logs)
        return -1;
    json_array_foreach(logs, i, log)
    {
        print_log(log, cli_has(c, "json"));
        const char *id = js_str(log, "id");
        p->at_us = js_int(log, "at_us", p->at_us);
        free(p->id);
        p->id = id ? xstrdup(id) : NULL;
    }
    return 0;
}

/* The status is asked for before the rows, so that those written with the last status are not missed. */
static int print_logs(const struct cli *c, PGconn *conn, struct place *p, struct error *e)
{
    for (bool ended = false; !ended;) {
        CLEANUP_JSON json_t *row = db_execution_show(conn, c->operands[0], e);
        ended = row && (!cli_has(c, "follow") || execution_ended(row));
        if (!row || print_more(c, conn, p, e) != 0)
            return -1;
        struct timespec t = {0, FOLLOW_MS * 1000000L};
        if (!ended)
            nanosleep(&t, NULL);
    }
    return 0;
}

int cmd_logs(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct place p = {0};
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    int rc = conn ? print_logs(c, conn, &p, &e) : -1;
    free(p.id);
    return rc == 0 ? EXIT_SUCCESS : cli_failed(&e);
}
