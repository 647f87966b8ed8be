/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker workflow add and workflow list. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/input.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option workflow_add_options[] = {
    {"name", 0, "NAME", "the workflow's name; otherwise the one in the file, otherwise the file's name without .json"},
    {"owner", 0, "EMAIL", "the user who owns it; otherwise the user wfworker, who is made when needed"},
    {NULL, 0, NULL, NULL},
};

const struct cli_option workflow_list_options[] = {
    {"json", 0, NULL, "as a JSON array"},
    {NULL, 0, NULL, NULL},
};

int cmd_workflow_add(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP(input_workflow_free) struct input_workflow w = {0};
    char id[37];
    if (input_workflow(c->operands[0], &w, &e) != 0)
        return cli_failed(&e);
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    const char *name = cli_value(c, "name");
    if (!name)
        name = w.name;
    if (!conn || db_workflow_add(conn, name, cli_value(c, "owner"), w.graph, w.trigger, id, &e) != 0)
        return cli_failed(&e);
    CLEANUP_FREE char *clean = text_clean(name, 0);
    printf("workflow %s: %s\n", clean, id);
    return EXIT_SUCCESS;
}

static const char *flag(const json_t *row, const char *key)
{
    return js_bool(row, key, false) ? "yes" : "no";
}

static void print_workflows(const json_t *rows)
{
    struct table t;
    size_t i;
    json_t *row;
    table_begin(&t, (const char *const[]){"NAME", "ACTIVE", "VERSION", "OWNER", "UPDATED (UTC)", "ID", NULL});
    json_array_foreach(rows, i, row)
    {
        CLEANUP_FREE char *version = xasprintf("%lld", (long long)js_int(row, "version", 0));
        CLEANUP_FREE char *updated = text_time(js_str(row, "updated_at"));
        table_add(&t, js_str(row, "name"), 60);
        table_add(&t, flag(row, "is_active"), 0);
        table_add(&t, version, 0);
        table_add(&t, js_str(row, "owner"), 40);
        table_add(&t, updated, 0);
        table_add(&t, js_str(row, "id"), 0);
    }
    table_print(&t, stdout);
}

int cmd_workflow_list(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    return cli_print_rows(c, conn ? db_workflow_list(conn, &e) : NULL, print_workflows, &e);
}
