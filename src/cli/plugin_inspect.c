/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker plugin inspect: what a plugin says about itself, and what it needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/plugin_doc.h"
#include "cli/plugin_find.h"
#include "cli/table.h"
#include "plugin/examine.h"

const struct cli_option plugin_inspect_options[] = {
    {"json", 0, NULL, "as JSON: an element of the list of plugins, or of its nodes"},
    {"schema", 0, NULL, "the JSON Schema of the configuration: of a node type, or of the plugin and all its node types"},
    {"markdown", 0, NULL, "as Markdown"},
    {"man", 0, NULL, "as a manual page"},
    {"deps", 0, NULL, "the shared libraries that it is loaded with, and where they are; with --json as an array"},
    {NULL, 0, NULL, NULL},
};

/* {"plugin": schema, "nodes": {type: schema}}, or the schema of one node type; null where there is none. */
static json_t *schemas(const struct found_plugin *f)
{
    json_t *out = json_object(), *nodes = json_object(), *one;
    size_t i;
    if (f->node) {
        json_decref(out);
        json_decref(nodes);
        return json_incref(json_object_get(f->node, "config_schema"));
    }
    json_array_foreach(json_object_get(f->plugin, "nodes"), i, one)
        js_set(nodes, js_str(one, "type"), json_incref(json_object_get(one, "config_schema")));
    js_set(out, "plugin", json_incref(json_object_get(f->plugin, "config_schema")));
    js_set(out, "nodes", nodes);
    return out;
}

static void print_libraries(const json_t *libraries)
{
    static const char *const heads[] = {"LIBRARY", "FILE", NULL};
    struct table t;
    size_t i;
    json_t *one;
    table_begin(&t, heads);
    json_array_foreach(libraries, i, one)
    {
        table_add(&t, js_str(one, "library"), 0);
        table_add(&t, js_str(one, "file") ? js_str(one, "file") : "not found", 0);
    }
    table_print(&t, stdout);
}

static int show_libraries(const char *file, bool json, struct error *e)
{
    json_t *libraries = NULL, *missing = NULL;
    int rc = examine_libraries(file, &libraries, &missing, e);
    if (rc == 0 && json)
        print_json(libraries);
    else if (rc == 0)
        print_libraries(libraries);
    json_decref(libraries);
    json_decref(missing);
    return rc;
}

static void show(const struct cli *c, const struct found_plugin *f)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_JSON json_t *schema = cli_has(c, "schema") ? schemas(f) : NULL;
    if (schema) {
        print_json(schema);
        return;
    }
    if (cli_has(c, "json")) {
        print_json(f->node ? f->node : f->plugin);
        return;
    }
    if (cli_has(c, "markdown"))
        doc_markdown(f->plugin, f->node, &out);
    else if (cli_has(c, "man"))
        doc_man(f->plugin, f->node, &out);
    else
        doc_text(f->plugin, f->node, &out);
    fputs(out.data, stdout);
}

/* Its libraries are also to be seen when it does not load for want of them. */
static int inspect(struct cli *c, struct found_plugin *f, struct error *e)
{
    if (cli_has(c, "deps") && plugin_is_file(c->operands[0]))
        return show_libraries(c->operands[0], cli_has(c, "json"), e);
    if (plugin_find(f, c, c->operands[0], e) != 0)
        return -1;
    if (cli_has(c, "deps"))
        return show_libraries(js_str(f->plugin, "file"), cli_has(c, "json"), e);
    show(c, f);
    return strcmp(js_str(f->plugin, "state"), "ok") == 0 ? 0 : -1;
}

int cmd_plugin_inspect(struct cli *c)
{
    static const char *const forms[] = {"schema", "markdown", "man", "deps"};
    struct error e = ERROR_INIT;
    struct found_plugin f = {0};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        n += cli_has(c, forms[i]);
    if (n + (cli_has(c, "json") && !cli_has(c, "deps")) > 1) {
        err_set(&e, "--json, --schema, --markdown, --man and --deps exclude each other");
        err_print(&e);
        return EXIT_USAGE;
    }
    int rc = inspect(c, &f, &e);
    plugin_found_close(&f);
    return rc == 0 ? EXIT_SUCCESS : cli_failed(&e);
}
