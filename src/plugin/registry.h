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
#include "plugin/abi.h"

/* Where the handlers of a plugin run. */
enum isolate {
    ISOLATE_NEVER,    /* inside */
    ISOLATE_BLOCKING, /* the file is loaded here; handlers that block run in helper processes */
    ISOLATE_ALWAYS    /* this process never loads the file */
};
struct isolation;
struct remote;
struct settings_section;

/* Searched in this order: plugin_dirs, WFWORKER_PLUGIN_PATH, plugin_path, the compiled-in directory; in a directory by
 * file name.  The name of a plugin is its file's without ".so"; of two with one name the first is taken, the other one is
 * shadowed, also when the first does not load.  An entry that is a file names that one plugin: when it does not load,
 * registry_open() fails. */
struct registry_options {
    const char *const *plugin_dirs; /* --plugin-dir, in order; NULL-terminated, or NULL */
    const char *plugin_path;        /* the setting plugin_path: directories separated by ':', or NULL */
    bool use_environment;           /* honour WFWORKER_PLUGIN_PATH (never when AT_SECURE) */
    bool quiet;                     /* do not log plugins that fail: the caller lists them */
    bool strict;                    /* a plugin that failed, or a directory that is not there, is an error of registry_open() */
    /* The configuration of a plugin ([plugin NAME] section) as an object of strings; a new reference, or NULL.  The keys
     * enabled (no: the file is not touched), deny (capabilities, separated by commas), without (node types that are left to another
     * plugin) and isolate (never, blocking, always) are
     * read here, those about helper processes by `isolation`; the others go to the plugin. */
    json_t *(*plugin_config)(void *ctx, const char *name);
    /* The i-th section of the configuration (config/settings.h), for those whose plugin is not found: each is a warning, with `strict`
     * an error.  NULL: they are not looked at. */
    bool (*plugin_section)(void *ctx, size_t i, struct settings_section *section);
    void *ctx;
    /* Where handlers run when the key `isolate` of [plugin NAME] does not say; wfworker's own plugins run inside then, whatever
     * this says.  isolation: how, see remote.h; NULL: all run inside. */
    enum isolate isolate;
    const char *deny; /* capabilities that plugins of others than wfworker do not get when their section does not say; or NULL */
    const struct isolation *isolation;
    size_t helpers;             /* processes of a plugin at a time, when its section does not say; 0 = 10 */
    const char *helper_program; /* instead of this one; NULL = this one */
    const char *system_dir;   /* instead of the compiled-in directory; "" = none; NULL = compiled in */
    int64_t probe_timeout_ms; /* for loading one plugin in a child; 0 = 10 s */
    const struct wfw_host *host; /* what plugins get instead of the ordinary table: for a test; NULL */
};

enum plugin_state { PLUGIN_OK, PLUGIN_FAILED, PLUGIN_SHADOWED, PLUGIN_DISABLED };

struct plugin; /* a file that was found, loaded or not */

/* One node type that can be run here. */
struct handler {
    const struct plugin *plugin;
    const char *plugin_name;       /* for texts */
    const struct wfw_node *node;   /* size-checked copy; members beyond the plugin's minor are zero; caps without those that
                                    * the administrator denies */
    const struct wfw_node *own;    /* as the plugin has it, for wfw_call.node; NULL: `node` */
    uint32_t denied;               /* capabilities that the node type declares and the administrator denies */
    void *state;                   /* what the plugin's init made */
    json_t *config_schema;         /* parsed, or NULL; see schema.h */
    const char *const *expression_keys; /* from the schema: properties with "format": "expression"; NULL-terminated, or
                                         * NULL when there are none */
    struct remote *remote; /* where its calls go; NULL: it is called here */
    bool remote_check;     /* and what has to be asked there, before each call: the node type's own check */
};

struct registry;

/* Find and load.  Returns a registry even when plugins failed (they are listed with their reason); NULL and *e only with
 * `strict` or when nothing can be done at all. */
struct registry *registry_open(const struct registry_options *options, struct error *e);
/* A registry of the one plugin that `descriptor`, a part of this program, describes: checked, configured and initialised as one that
 * was found.  Of the options plugin_config, ctx and host are looked at.  NULL and *e when it is refused. */
struct registry *registry_open_linked(const struct wfw_plugin *descriptor, const struct registry_options *options, struct error *e);
void registry_close(struct registry *r); /* drain and exit of every plugin; files stay loaded */

/* The handler of a node type or alias; NULL when no loaded plugin has it. */
const struct handler *registry_find(const struct registry *r, const char *node_type);

/* For a name that registry_find() does not know: the type or alias that may have been meant, or NULL.  Borrowed. */
const char *registry_nearest(const struct registry *r, const char *node_type);

size_t registry_count(const struct registry *r);
size_t registry_failed(const struct registry *r);

/* Sections of the configuration that no plugin was found for, 20 at most: each with its text.  NULL behind the last one. */
size_t registry_doubts(const struct registry *r);
const struct error *registry_doubt(const struct registry *r, size_t i);

/* What `strict` wants: no plugin failed or has left out node types, and every section has its plugin. */
bool registry_sound(const struct registry *r);

/* Text for the error of an unknown node type: the searched directories, what failed to load and what was left out.  Borrowed. */
const char *registry_unknown_detail(const struct registry *r);

/* --list-plugins: a table.  0, or 1 when the registry is not sound or a plugin is shadowed (for --strict). */
int registry_print(const struct registry *r, FILE *out);

/* The same as {"version", "abi": {"major", "minor"}, "searched": [directories], "warnings": [text: of sections without
 * a plugin], "quarantines_hidden": directory or null, "plugins": [{"state", "name", "version", "abi", "isolate", "node_types", "file", "reason", "nodes", "summary", "vendor", "license", "url", "config_schema"}]}; what a
 * plugin does not say is null.  node_types has the aliases too; nodes = [{"type", "aliases", "summary", "description", "exec",
 * "effect", "capabilities", "config_schema", "output_schema", "examples", "quarantine": {"until", "crashes", "cause"} or null}].  A new reference. */
json_t *registry_json(const struct registry *r);

#endif
