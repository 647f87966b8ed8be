/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker pause: one execution. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/connect.h"
#include "store/sync.h"

const struct cli_option pause_options[] = {
    {NULL, 0, NULL, NULL},
};

int cmd_pause(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    int done = conn ? db_pause(conn, c->operands[0], &e) : -1;
    if (done < 0)
        return cli_failed(&e);
    printf("%s %s\n", c->operands[0], done ? "paused" : "was paused already");
    return EXIT_SUCCESS;
}
