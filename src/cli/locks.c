/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker locks: who holds the locks of mutex nodes, and who waits for them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option locks_options[] = {
    {"json", 0, NULL, "as a JSON array"},
    {NULL, 0, NULL, NULL},
};

static void print_rows(const json_t *rows)
{
    struct table t;
    size_t i;
    json_t *row;
    table_begin(&t, (const char *const[]){"LOCK", "PLACE", "SINCE (UTC)", "EXECUTION", "NODE", NULL});
    json_array_foreach(rows, i, row)
    {
        char place[32];
        CLEANUP_FREE char *since = text_time(js_str(row, "since"));
        snprintf(place, sizeof place, "%lld", (long long)js_int(row, "place", 0));
        table_add(&t, js_str(row, "key"), 60);
        table_add(&t, js_bool(row, "held", false) ? "holds it" : place, 0);
        table_add(&t, since, 0);
        table_add(&t, js_str(row, "execution_id"), 0);
        table_add(&t, js_str(row, "node"), 40);
    }
    table_print(&t, stdout);
}

int cmd_locks(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    return cli_print_rows(c, conn ? db_locks(conn, &e) : NULL, print_rows, &e);
}
