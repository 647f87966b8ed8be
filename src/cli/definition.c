/* SPDX-License-Identifier: Apache-2.0 */
/* A definition from a file or from the database, with the plugins that it needs. */
#include "cli/definition.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/input.h"
#include "cli/plugins.h"
#include "store/sync.h"
#include "worker/handling.h"

/* rows: nodes that stand beside a graph without any, or NULL. */
static void load_with(struct definition *d, const struct cli *c, const struct catalog *catalog, const json_t *rows)
{
    const struct def_options o = {.catalog = catalog,
                                  .unlabelled_condition_order = c->settings->unlabelled_condition_order};
    d->def = def_load(d->graph, (json_t *)(uintptr_t)rows, d->trigger, &o, &d->diags);
}

static int load(struct definition *d, const struct cli *c, const json_t *rows, struct error *e)
{
    d->registry = plugins_open(c, c->settings->strict, e);
    if (!d->registry)
        return -1;
    d->catalog = handling_catalog(d->registry);
    load_with(d, c, &d->catalog, rows);
    return 0;
}

static int read_file(struct definition *d, const char *path, struct error *e)
{
    CLEANUP(input_workflow_free) struct input_workflow input;
    *d = (struct definition){0};
    if (input_workflow(path, &input, e) != 0)
        return -1;
    d->source = json_incref(input.file);
    d->graph = json_incref(input.graph);
    d->name = xstrdup(input.name);
    d->trigger = json_incref((json_t *)(uintptr_t)input.trigger);
    return 0;
}

int definition_of_file(struct definition *d, const struct cli *c, const char *path, struct error *e)
{
    return read_file(d, path, e) == 0 ? load(d, c, NULL, e) : -1;
}

int definition_beside(struct definition *d, const struct definition *first, const struct cli *c, const char *path, struct error *e)
{
    if (read_file(d, path, e) != 0)
        return -1;
    load_with(d, c, &first->catalog, NULL);
    return 0;
}

/* A part may be kept as text. */
static json_t *part(const json_t *source, const char *name, struct error *e)
{
    json_t *v = json_object_get(source, name);
    if (!json_is_string(v))
        return json_is_null(v) ? NULL : json_incref(v);
    json_t *parsed = js_parse(json_string_value(v), json_string_length(v), e);
    if (!parsed)
        err_prefix(e, "%s", name);
    return parsed;
}

/* Takes over source; NULL: *e is set. */
static int of_database(struct definition *d, const struct cli *c, json_t *source, struct error *e)
{
    d->source = source;
    if (!source)
        return -1;
    struct error bad = ERROR_INIT;
    d->graph = part(source, "graph_config", &bad);
    d->name = xstrdup(js_str(source, "name") ? js_str(source, "name") : "");
    d->trigger = part(source, "trigger_config", &bad);
    CLEANUP_JSON json_t *rows = part(source, "rows", &bad);
    if (!bad.message[0])
        return load(d, c, rows, e);
    *e = bad;
    return -1;
}

static bool is_file(const char *name)
{
    size_t len = strlen(name);
    return strcmp(name, "-") == 0 || strchr(name, '/') || (len > 5 && strcmp(name + len - 5, ".json") == 0) ||
           access(name, F_OK) == 0;
}

int definition_of_workflow(struct definition *d, const struct cli *c, const char *name, struct error *e)
{
    if (is_file(name))
        return definition_of_file(d, c, name, e);
    *d = (struct definition){0};
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, e);
    return of_database(d, c, conn ? db_workflow_get(conn, name, e) : NULL, e);
}

int definition_of_execution(struct definition *d, const struct cli *c, const char *name, struct error *e)
{
    if (is_file(name))
        return definition_of_file(d, c, name, e);
    *d = (struct definition){0};
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, e);
    return of_database(d, c, conn ? db_execution_definition(conn, name, e) : NULL, e);
}

void definition_close(struct definition *d)
{
    def_unref(d->def);
    diags_free(&d->diags);
    json_decref(d->source);
    json_decref(d->graph);
    json_decref(d->trigger);
    free(d->name);
    if (d->registry)
        registry_close(d->registry);
    *d = (struct definition){0};
}
