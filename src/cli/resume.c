/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker resume: one execution. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/connect.h"
#include "store/sync.h"

const struct cli_option resume_options[] = {
    {NULL, 0, NULL, NULL},
};

int cmd_resume(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    int done = conn ? db_resume(conn, c->operands[0], &e) : -1;
    if (done < 0)
        return cli_failed(&e);
    printf("%s %s\n", c->operands[0], done ? "resumed" : "is running already");
    return EXIT_SUCCESS;
}
