/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker migrate: wfworker's tables in the database, made or brought up to date. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "store/sync.h"

const struct cli_option migrate_options[] = {
    {"dry-run", 0, NULL, "print the SQL that would be run, and change nothing"},
    {NULL, 0, NULL, NULL},
};

int cmd_migrate(struct cli *c)
{
    struct error e = ERROR_INIT;
    PGconn *conn = db_connect(c->settings->db, &e);
    if (!conn)
        return cli_failed(&e);
    int rc = db_migrate(conn, cli_has(c, "dry-run"), stdout, &e);
    PQfinish(conn);
    return rc == 0 ? EXIT_SUCCESS : cli_failed(&e);
}
