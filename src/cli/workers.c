/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker workers: the registry. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option workers_options[] = {
    {"json", 0, NULL, "as a JSON array, with host, process and node types of each"},
    {NULL, 0, NULL, NULL},
};

/* A worker of an older release did not say everything. */
static bool known(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    return v && !json_is_null(v);
}

static void print_workers(const json_t *rows)
{
    struct table t;
    size_t i;
    json_t *row;
    table_begin(&t, (const char *const[]){"WORKER", "VERSION", "ABI", "SCHEMA", "STATE", "IN FLIGHT", "WAKES BY", "TYPES", "SEEN",
                                                "STARTED (UTC)", NULL});
    json_array_foreach(rows, i, row)
    {
        CLEANUP_FREE char *held = xasprintf("%lld", (long long)js_int(row, "held", 0));
        CLEANUP_FREE char *schema = xasprintf("%lld", (long long)js_int(row, "schema_version", 0));
        CLEANUP_FREE char *types = xasprintf("%zu", json_array_size(json_object_get(row, "node_types")));
        CLEANUP_FREE char *started = text_time(js_str(row, "started_at"));
        CLEANUP_BUF struct buf seen = BUF_INIT;
        int64_t us = js_int(row, "seen_us", 0);
        text_duration(us > 0 ? us : 0, &seen);
        buf_addstr(&seen, " ago");
        table_add(&t, js_str(row, "name"), 60);
        table_add(&t, js_str(row, "version"), 20);
        table_add(&t, known(row, "abi") ? js_str(row, "abi") : "-", 20);
        table_add(&t, known(row, "schema_version") ? schema : "-", 0);
        table_add(&t, js_str(row, "state"), 0);
        table_add(&t, held, 0);
        table_add(&t, !known(row, "listening") ? "-" : js_bool(row, "listening", false) ? "listening" : "polling", 0);
        table_add(&t, known(row, "node_types") ? types : "-", 0);
        table_add(&t, seen.data, 0);
        table_add(&t, started, 0);
    }
    table_print(&t, stdout);
}

int cmd_workers(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    return cli_print_rows(c, conn ? db_workers(conn, &e) : NULL, print_workers, &e);
}
