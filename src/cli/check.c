/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker check: whether a worker could work here, one line a question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/plugins.h"
#include "cli/table.h"
#include "store/sync.h"

const struct cli_option check_options[] = {
    {"db-only", 0, NULL, "only connect to the database and ask for its version"},
    {NULL, 0, NULL, NULL},
};

static void print_line(void *ctx, int ok, const char *what, const char *text)
{
    (void)ctx;
    const char *colour = text_colour(stdout, ok > 0 ? "completed" : ok < 0 ? "failed" : "warning");
    CLEANUP_FREE char *clean = text_clean(text, 0);
    printf("%s%s%s %-11s %s\n", colour, ok > 0 ? "✓" : ok < 0 ? "✗" : "!", *colour ? text_plain(stdout) : "", what, clean);
}

static void print_plugin(const json_t *plugin, const char *reason, int ok)
{
    const char *file = js_str(plugin, "file");
    CLEANUP_FREE char *text = xasprintf("%s: %s", file ? file : js_str(plugin, "name"), reason);
    print_line(NULL, ok, "plugin", text);
}

static void print_doubts(const struct registry *r, bool strict)
{
    for (size_t i = 0; i < registry_doubts(r); i++) {
        const struct error *doubt = registry_doubt(r, i);
        CLEANUP_FREE char *text = xasprintf("%s; %s", doubt->message, doubt->hint);
        print_line(NULL, strict ? -1 : 0, "section", text);
    }
}

/* -1 when the plugins stop a worker from starting. */
static int check_plugins(const struct cli *c)
{
    struct error e = ERROR_INIT;
    struct registry *r = plugins_open(c, false, &e);
    if (!r) {
        print_line(NULL, -1, "plugins", e.message);
        return -1;
    }
    CLEANUP_JSON json_t *all = registry_json(r);
    CLEANUP_BUF struct buf names = BUF_INIT;
    size_t i;
    bool sound = registry_sound(r);
    json_t *plugin;
    json_array_foreach(json_object_get(all, "plugins"), i, plugin)
    {
        const char *state = js_str(plugin, "state"), *reason = js_str(plugin, "reason");
        bool ok = state && strcmp(state, "ok") == 0, failed = state && strcmp(state, "failed") == 0;
        if (ok)
            buf_printf(&names, "%s%s", names.len ? ", " : "", js_str(plugin, "name"));
        if (failed)
            print_plugin(plugin, reason ? reason : "not loaded", c->settings->strict ? -1 : 0);
        else if (ok && reason)
            print_plugin(plugin, reason, 0);
    }
    print_doubts(r, c->settings->strict);
    CLEANUP_FREE char *text = xasprintf("%s", names.len ? names.data : "none is loaded: no node type can be run");
    print_line(NULL, names.len ? 1 : -1, "plugins", text);
    registry_close(r);
    return names.len == 0 || (!sound && c->settings->strict) ? -1 : 0;
}

int cmd_check(struct cli *c)
{
    bool db_only = cli_has(c, "db-only");
    CLEANUP_FREE char *address = xasprintf("%s, from %s", c->settings->db_display, c->settings->db_origin);
    print_line(NULL, 1, "address", address);
    int rc = db_check(c->settings->db, c->settings->listen_dsn, db_only, print_line, NULL);
    if (!db_only && check_plugins(c) != 0)
        rc = -1;
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
