/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins of this process: found, probed in a child, loaded, never unloaded.  Main thread, before other threads. */
#ifndef WF_PLUGIN_REGISTRY_H
#define WF_PLUGIN_REGISTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "wfworker/plugin.h"

struct registry_options {
    const char *const *plugin_dirs; /* --plugin-dir, in order; NULL-terminated, or NULL */
    const char *plugin_path;        /* the setting plugin_path: directories separated by ':', or NULL */
    bool use_environment;           /* honour WFWORKER_PLUGIN_PATH (never when AT_SECURE) */
    bool strict;                    /* a plugin that is not ok is an error of registry_open() */
    /* The configuration of a plugin ([plugin NAME] section) as an object of strings; a new reference, or NULL. */
    json_t *(*plugin_config)(void *ctx, const char *name);
    void *ctx;
};

enum plugin_state { PLUGIN_OK, PLUGIN_FAILED, PLUGIN_SHADOWED, PLUGIN_DISABLED };

struct plugin; /* a file that was found, loaded or not */

/* One node type that can be run here. */
struct handler {
    const struct plugin *plugin;
    const struct wfw_node *node;   /* size-checked copy; members beyond the plugin's minor are zero */
    void *state;                   /* what the plugin's init made */
    json_t *config_schema;         /* parsed, or NULL */
    const char *const *expression_keys; /* from the schema: properties with "format": "expression"; NULL-terminated */
};

struct registry;

/* Find and load.  Returns a registry even when plugins failed (they are listed with their reason); NULL and *e only with
 * `strict` or when nothing can be done at all. */
struct registry *registry_open(const struct registry_options *options, struct error *e);
void registry_close(struct registry *r); /* drain and exit of every plugin; files stay loaded */

/* The handler of a node type or alias; NULL when no loaded plugin has it. */
const struct handler *registry_find(const struct registry *r, const char *node_type);

size_t registry_count(const struct registry *r);
size_t registry_failed(const struct registry *r);

/* Text for the error of an unknown node type: the searched directories and what failed to load.  Borrowed. */
const char *registry_unknown_detail(const struct registry *r);

/* --list-plugins: a table, or the JSON of names.md.  0 when all are ok. */
int registry_print(const struct registry *r, FILE *out);
json_t *registry_json(const struct registry *r);

#endif
