/* SPDX-License-Identifier: Apache-2.0 */
/* --list-plugins: what was found, as a table for people and as JSON for programs. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "config.h"
#include "plugin/internal.h"

#define COLUMNS 5

static const char *const states[] = {
    [PLUGIN_OK] = "ok", [PLUGIN_FAILED] = "failed", [PLUGIN_SHADOWED] = "shadowed", [PLUGIN_DISABLED] = "disabled"};

struct row {
    char *cell[COLUMNS]; /* state, name, version, abi, node types */
    const struct plugin *plugin;
};

static char *join_types(const struct plugin *p)
{
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < p->about.node_count; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", p->about.nodes[i].type);
    if (p->about.node_count == 0)
        buf_addch(&b, '-');
    return buf_steal(&b);
}

static void fill_row(struct row *row, const struct plugin *p)
{
    row->plugin = p;
    row->cell[0] = xstrdup(states[p->state]);
    row->cell[1] = xstrdup(p->name);
    row->cell[2] = xstrdup(p->about.plugin.version ? p->about.plugin.version : "-");
    row->cell[3] = p->abi.size ? xasprintf("%u.%u", p->abi.major, p->abi.minor) : xstrdup("-");
    row->cell[4] = join_types(p);
}

static void print_row(FILE *out, const struct row *row, const size_t width[COLUMNS])
{
    for (size_t c = 0; c < COLUMNS; c++)
        fprintf(out, "%-*s  ", (int)width[c], row->cell[c]);
    fprintf(out, "%s\n", row->plugin ? row->plugin->path : "FILE");
    if (!row->plugin)
        return;
    CLEANUP_FREE char *reason = reason_text(&row->plugin->reason, "          ");
    if (*reason)
        fprintf(out, "          %s\n", reason);
    if (row->plugin->warning)
        fprintf(out, "          WARNING:  %s\n", row->plugin->warning);
}

static void print_table(const struct registry *r, FILE *out)
{
    static const char *const heads[COLUMNS] = {"STATE", "NAME", "VERSION", "ABI", "NODE TYPES"};
    struct row *rows = xcalloc(r->count + 1, sizeof *rows);
    size_t width[COLUMNS] = {0};
    for (size_t c = 0; c < COLUMNS; c++)
        rows[0].cell[c] = xstrdup(heads[c]);
    for (size_t i = 0; i < r->count; i++)
        fill_row(&rows[i + 1], r->plugins[i]);
    for (size_t i = 0; i <= r->count; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            if (strlen(rows[i].cell[c]) > width[c])
                width[c] = strlen(rows[i].cell[c]);
    for (size_t i = 0; i <= r->count; i++) {
        print_row(out, &rows[i], width);
        for (size_t c = 0; c < COLUMNS; c++)
            free(rows[i].cell[c]);
    }
    free(rows);
}

int registry_print(const struct registry *r, FILE *out)
{
    int rc = 0;
    if (r->count)
        print_table(r, out);
    else
        fprintf(out, "no plugins found\n");
    for (size_t i = 0; i < r->searched_count; i++)
        fprintf(out, "%s%s%s", i ? ":" : "searched ", r->searched[i], i + 1 == r->searched_count ? "\n" : "");
    for (size_t i = 0; i < r->count; i++)
        if (r->plugins[i]->state == PLUGIN_FAILED || r->plugins[i]->state == PLUGIN_SHADOWED)
            rc = 1;
    return rc;
}

/* Texts of plugins and names of files need not be UTF-8. */
static json_t *text_or_null(const char *text)
{
    return text && *text ? js_string_lossy(text, strlen(text)) : json_null();
}

static json_t *plugin_json(const struct plugin *p)
{
    json_t *v = json_object(), *types = json_array();
    CLEANUP_FREE char *abi = p->abi.size ? xasprintf("%u.%u", p->abi.major, p->abi.minor) : NULL;
    CLEANUP_FREE char *reason = reason_text(&p->reason, "");
    for (size_t i = 0; i < p->about.node_count; i++)
        js_push(types, text_or_null(p->about.nodes[i].type));
    js_set(v, "state", text_or_null(states[p->state]));
    js_set(v, "name", text_or_null(p->name));
    js_set(v, "version", text_or_null(p->about.plugin.version));
    js_set(v, "abi", text_or_null(abi));
    js_set(v, "node_types", types);
    js_set(v, "file", text_or_null(p->path));
    js_set(v, "reason", text_or_null(*reason ? reason : p->warning));
    return v;
}

json_t *registry_json(const struct registry *r)
{
    json_t *v = json_object(), *abi = json_object(), *searched = json_array(), *plugins = json_array();
    js_set(abi, "major", json_integer(WFW_ABI_MAJOR));
    js_set(abi, "minor", json_integer(WFW_ABI_MINOR_MAX));
    for (size_t i = 0; i < r->searched_count; i++)
        js_push(searched, text_or_null(r->searched[i]));
    for (size_t i = 0; i < r->count; i++)
        js_push(plugins, plugin_json(r->plugins[i]));
    js_set(v, "version", json_string(PACKAGE_VERSION));
    js_set(v, "abi", abi);
    js_set(v, "searched", searched);
    js_set(v, "plugins", plugins);
    return v;
}
