/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker retry: a failed execution begins again at what failed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/connect.h"
#include "cli/execution.h"
#include "store/sync.h"

const struct cli_option retry_options[] = {
    {"wait", 'w', NULL, "wait for the end; exit code 1 when the execution failed"},
    {NULL, 0, NULL, NULL},
};

int cmd_retry(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_retry(conn, c->operands[0], &e) < 0)
        return cli_failed(&e);
    if (!cli_has(c, "wait")) {
        printf("%s retried\n", c->operands[0]);
        return EXIT_SUCCESS;
    }
    CLEANUP_JSON json_t *row = execution_wait(conn, c->operands[0], &e);
    return row ? execution_print_end(row, stdout) : cli_failed(&e);
}
