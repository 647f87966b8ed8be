/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, and what the commands that list something have in common. */
#include "cli/connect.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/table.h"
#include "store/sync.h"

PGconn *cli_connect(const struct cli *c, struct error *e)
{
    PGconn *conn = db_connect(c->settings->db, e);
    if (!conn || db_schema_require(conn, e) == 0)
        return conn;
    PQfinish(conn);
    return NULL;
}

int cli_print_rows(const struct cli *c, json_t *rows, void (*print)(const json_t *rows), const struct error *e)
{
    CLEANUP_JSON json_t *own = rows;
    if (!own)
        return cli_failed(e);
    if (cli_has(c, "json"))
        print_json(own);
    else
        print(own);
    return EXIT_SUCCESS;
}
