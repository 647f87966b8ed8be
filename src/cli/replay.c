/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker replay: an execution again, as a new one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/connect.h"
#include "cli/execution.h"
#include "cli/input.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option replay_options[] = {
    {"from", 'f', "NODE", "begin at this node: results of nodes that do not lie after it are kept"},
    {"data", 'd', "JSON|@FILE", "the trigger's data instead of the old ones; with --from, members that replace those of the data"},
    {"wait", 'w', NULL, "wait for the end; exit code 1 when the execution failed"},
    {"json", 0, NULL, "print {\"id\", \"execution_id\"}"},
    {NULL, 0, NULL, NULL},
};

static int wait_for(PGconn *conn, const json_t *made)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *row = execution_wait(conn, js_str(made, "execution_id"), &e);
    return row ? execution_print_end(row, stdout) : cli_failed(&e);
}

int cmd_replay(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *data = cli_has(c, "data") ? input_data(cli_value(c, "data"), &e) : NULL;
    if (cli_has(c, "data") && !data)
        return cli_failed(&e);
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    CLEANUP_JSON json_t *made = conn ? db_replay(conn, c->operands[0], cli_value(c, "from"), data, &e) : NULL;
    if (!made)
        return cli_failed(&e);
    if (cli_has(c, "json"))
        print_json(made);
    else
        printf("%s\n", js_str(made, "execution_id"));
    return cli_has(c, "wait") ? wait_for(conn, made) : EXIT_SUCCESS;
}
