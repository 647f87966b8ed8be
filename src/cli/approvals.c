/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker approvals, wfworker answer: what human_approval nodes ask of people. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/input.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option approvals_options[] = {
    {"json", 0, NULL, "as a JSON array"},
    {NULL, 0, NULL, NULL},
};

const struct cli_option answer_options[] = {
    {"data", 'd', "JSON|@FILE", "more about the answer, any JSON; @- reads standard input"},
    {"by", 0, "NAME", "who answers (default: the database's user)"},
    {NULL, 0, NULL, NULL},
};

static void add_options(const json_t *options, struct buf *out)
{
    size_t i;
    json_t *option;
    json_array_foreach(options, i, option) buf_printf(out, "%s%s", i ? ", " : "", json_string_value(option));
    if (out->len == 0)
        buf_addstr(out, "-");
}

static void print_rows(const json_t *rows)
{
    struct table t;
    size_t i;
    json_t *row;
    table_begin(&t, (const char *const[]){"EXECUTION", "NODE", "WORKFLOW", "ASKED (UTC)", "DEADLINE (UTC)", "OPTIONS", "MESSAGE", NULL});
    json_array_foreach(rows, i, row)
    {
        CLEANUP_BUF struct buf options = BUF_INIT;
        CLEANUP_FREE char *asked = text_time(js_str(row, "asked_at"));
        CLEANUP_FREE char *deadline = text_time(js_str(row, "deadline"));
        add_options(json_object_get(row, "options"), &options);
        table_add(&t, js_str(row, "execution_id"), 0);
        table_add(&t, js_str(row, "node"), 40);
        table_add(&t, js_str(row, "workflow_name"), 40);
        table_add(&t, asked, 0);
        table_add(&t, deadline, 0);
        table_add(&t, options.data, 60);
        table_add(&t, js_str(row, "message"), 80);
    }
    table_print(&t, stdout);
}

int cmd_approvals(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    return cli_print_rows(c, conn ? db_approvals(conn, &e) : NULL, print_rows, &e);
}

int cmd_answer(struct cli *c)
{
    struct error e = ERROR_INIT;
    const char *text = cli_value(c, "data"), *execution = c->operands[0], *node = c->operands[1], *choice = c->operands[2];
    CLEANUP_JSON json_t *data = text ? input_value(text, &e) : NULL;
    if (text && !data)
        return cli_failed(&e);
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_answer(conn, execution, node, choice, data, cli_value(c, "by"), &e) != 0)
        return cli_failed(&e);
    printf("%s: node %s is answered with %s\n", execution, node, choice);
    return EXIT_SUCCESS;
}
