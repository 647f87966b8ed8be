/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker terminate: the end of one execution, from outside. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/connect.h"
#include "store/sync.h"

const struct cli_option terminate_options[] = {
    {"reason", 'r', "TEXT", "the error message that the execution gets (default: Execution terminated by user)"},
    {NULL, 0, NULL, NULL},
};

int cmd_terminate(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_terminate(conn, c->operands[0], cli_value(c, "reason"), &e) < 0)
        return cli_failed(&e);
    printf("%s terminated\n", c->operands[0]);
    return EXIT_SUCCESS;
}
