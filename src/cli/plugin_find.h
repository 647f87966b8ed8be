/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin that an author's command is about: a file, the name of an installed plugin, or a node type. */
#ifndef WF_CLI_PLUGIN_FIND_H
#define WF_CLI_PLUGIN_FIND_H

#include <jansson.h>

#include "cli/plugins.h"

struct found_plugin {
    struct registry *registry;
    json_t *all;           /* registry_json() */
    const json_t *plugin;  /* its element of "plugins" */
    const json_t *node;    /* the element of "nodes" that was named, or NULL: a plugin was named */
    char *name, *file;     /* of an operand that is a file, else NULL */
    json_t *section;       /* beside the keys of [plugin NAME]: of `plugin run --section`; owned, or NULL */
    const char *section_of; /* the plugin that gets it; NULL: the file, else every one */
    struct settings_source *source;
};

/* Is it a file rather than a name?  It has a slash, or ends in ".so" and is there. */
bool plugin_is_file(const char *operand);

/* Zeroed but for section and section_of.  A file comes before everything that is installed.  0, or -1 and *e; close it in
 * both cases. */
int plugin_find(struct found_plugin *f, const struct cli *c, const char *operand, struct error *e);
/* The element of the plugin's nodes that has this type or alias, or NULL. */
const json_t *plugin_node(const json_t *plugin, const char *type);

void plugin_found_close(struct found_plugin *f);

#endif
