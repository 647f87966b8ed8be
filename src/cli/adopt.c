/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker adopt: executions that were running before wfworker was installed. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/connect.h"
#include "store/sync.h"

const struct cli_option adopt_options[] = {
    {"all", 0, NULL, "all of them"},
    {NULL, 0, NULL, NULL},
};

static int adopt_all(PGconn *conn)
{
    struct error e = ERROR_INIT;
    long long count = db_adopt_all(conn, &e);
    if (count < 0)
        return cli_failed(&e);
    printf("%lld adopted\n", count);
    return EXIT_SUCCESS;
}

static int adopt_one(PGconn *conn, const char *execution)
{
    struct error e = ERROR_INIT;
    int done = db_adopt(conn, execution, &e);
    if (done < 0)
        return cli_failed(&e);
    printf("%s %s\n", execution, done ? "adopted" : "was not left alone");
    return EXIT_SUCCESS;
}

int cmd_adopt(struct cli *c)
{
    struct error e = ERROR_INIT;
    if (cli_has(c, "all") == (c->operand_count > 0)) {
        err_set(&e, "adopt takes an execution, or --all");
        err_print(&e);
        return EXIT_USAGE;
    }
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn)
        return cli_failed(&e);
    return c->operand_count ? adopt_one(conn, c->operands[0]) : adopt_all(conn);
}
