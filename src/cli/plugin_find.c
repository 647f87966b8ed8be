/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

#define MOST_DIRS 1000

bool plugin_is_file(const char *operand)
{
    size_t len = strlen(operand);
    return strchr(operand, '/') || (len > 3 && strcmp(operand + len - 3, ".so") == 0 && access(operand, F_OK) == 0);
}

static json_t *section_of(void *ctx, const char *name)
{
    const struct found_plugin *f = ctx;
    json_t *section = settings_plugin(f->source, name);
    const char *meant = f->section_of ? f->section_of : f->name;
    if (!f->section || (meant && strcmp(meant, name) != 0))
        return section;
    if (!section)
        section = json_object();
    json_object_update(section, f->section);
    return section;
}

static struct registry *open_all(struct found_plugin *f, const struct cli *c, struct error *e)
{
    const char *const *given = c->settings->plugin_dirs;
    size_t n = 0, out = 0;
    while (given && given[n] && n < MOST_DIRS)
        n++;
    CLEANUP_FREE const char **dirs = xcalloc(n + 2, sizeof *dirs);
    if (f->file)
        dirs[out++] = f->file;
    for (size_t i = 0; i < n; i++)
        dirs[out++] = given[i];
    struct registry_options options = plugins_options(c, false);
    options.plugin_dirs = dirs;
    options.plugin_config = section_of;
    options.plugin_section = NULL; /* it is one plugin that is asked for */
    options.ctx = f;
    return registry_open(&options, e);
}

/* acme-hello.so without ".so". */
static int take_file(struct found_plugin *f, const char *operand, struct error *e)
{
    f->file = realpath(operand, NULL);
    if (!f->file)
        return err_set(e, "%s: %s", operand, strerror(errno));
    const char *base = strrchr(f->file, '/') + 1;
    size_t len = strlen(base);
    if (len > 3 && strcmp(base + len - 3, ".so") == 0) {
        f->name = xstrndup(base, len - 3);
        return 0;
    }
    err_set(e, "%s is not the file of a plugin: its name does not end in .so", operand);
    return err_hint(e, "name the file after the plugin, such as acme-hello.so; libtool puts it into .libs");
}

static const json_t *by_file(const json_t *plugins, const char *file)
{
    size_t i;
    json_t *p;
    json_array_foreach(plugins, i, p) if (strcmp(js_str(p, "file"), file) == 0)
        return p;
    return NULL;
}

static const json_t *by_name(const json_t *plugins, const char *name)
{
    size_t i;
    json_t *p;
    json_array_foreach(plugins, i, p) if (strcmp(js_str(p, "name"), name) == 0) /* shadowed ones come later */
        return p;
    return NULL;
}

static bool has_alias(const json_t *node, const char *type)
{
    const json_t *aliases = json_object_get(node, "aliases");
    size_t i;
    json_t *one;
    json_array_foreach(aliases, i, one) if (strcmp(json_string_value(one), type) == 0)
        return true;
    return false;
}

const json_t *plugin_node(const json_t *plugin, const char *type)
{
    const json_t *nodes = json_object_get(plugin, "nodes");
    size_t i;
    json_t *one;
    json_array_foreach(nodes, i, one) if (strcmp(js_str(one, "type"), type) == 0 || has_alias(one, type))
        return one;
    return NULL;
}

static void by_type(struct found_plugin *f, const json_t *plugins, const char *type)
{
    size_t i;
    json_t *p;
    json_array_foreach(plugins, i, p)
    {
        const json_t *node = strcmp(js_str(p, "state"), "ok") == 0 ? plugin_node(p, type) : NULL;
        if (node) {
            f->plugin = p;
            f->node = node;
            return;
        }
    }
}

static int not_found(const struct found_plugin *f, const char *operand, struct error *e)
{
    err_set(e, "there is no plugin and no node type \"%.80s\"", operand);
    err_detail(e, "%s", registry_unknown_detail(f->registry));
    const char *near = registry_nearest(f->registry, operand);
    return near ? err_hint(e, "did you mean \"%s\"?", near)
                : err_hint(e, "wfworker --list-plugins shows what there is; a file is named with a slash, such as ./%.60s.so", operand);
}

int plugin_find(struct found_plugin *f, const struct cli *c, const char *operand, struct error *e)
{
    f->source = c->source;
    if (plugin_is_file(operand) && take_file(f, operand, e) != 0)
        return -1;
    f->registry = open_all(f, c, e);
    if (!f->registry)
        return -1;
    f->all = registry_json(f->registry);
    const json_t *plugins = json_object_get(f->all, "plugins");
    if (f->file)
        f->plugin = by_file(plugins, f->file);
    else
        f->plugin = by_name(plugins, operand);
    if (!f->plugin && !f->file)
        by_type(f, plugins, operand);
    return f->plugin ? 0 : not_found(f, operand, e);
}

void plugin_found_close(struct found_plugin *f)
{
    registry_close(f->registry);
    json_decref(f->all);
    json_decref(f->section);
    free(f->name);
    free(f->file);
}
