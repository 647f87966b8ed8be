/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker submit: one execution of a workflow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/connect.h"
#include "cli/execution.h"
#include "cli/input.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option submit_options[] = {
    {"data", 'd', "JSON|@FILE", "the trigger's data, a JSON object; @- reads standard input (default {})"},
    {"wait", 'w', NULL, "wait for the end; exit code 1 when the execution failed"},
    {"json", 0, NULL, "print {\"id\", \"execution_id\"}, with --wait the whole execution as show --json does"},
    {NULL, 0, NULL, NULL},
};

static int wait_for_end(PGconn *conn, const char *execution, bool json)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *row = execution_wait(conn, execution, &e);
    if (!row)
        return cli_failed(&e);
    if (!json)
        return execution_print_end(row, stdout);
    print_json(row);
    const char *status = js_str(row, "status");
    return status && strcmp(status, "completed") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cmd_submit(struct cli *c)
{
    struct error e = ERROR_INIT;
    bool json = cli_has(c, "json"), wait = cli_has(c, "wait");
    CLEANUP_JSON json_t *data = input_data(cli_value(c, "data"), &e);
    if (!data)
        return cli_failed(&e);
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    CLEANUP_JSON json_t *made = conn ? db_submit(conn, c->operands[0], data, &e) : NULL;
    if (!made)
        return cli_failed(&e);
    if (json && !wait)
        print_json(made);
    else if (!json)
        printf("%s\n", js_str(made, "execution_id"));
    return wait ? wait_for_end(conn, js_str(made, "execution_id"), json) : EXIT_SUCCESS;
}
