/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: `key = value` lines, # comments, [plugin NAME] and [exec TYPE] sections. */
#ifndef WF_CONFIG_FILE_H
#define WF_CONFIG_FILE_H

#include <stddef.h>

#include "base/error.h"

struct config_entry {
    char *section; /* the plugin's name; NULL: a setting */
    char *part;    /* of [exec TYPE]: the node type (section is "exec" then); NULL: none */
    char *key, *value;
    size_t line;
};

struct config_section {
    char *plugin, *part; /* as in struct config_entry */
    size_t line;
};

struct config_file {
    char *path;
    struct config_section *sections; /* also those without entries; one that is opened again stands here again */
    size_t section_count, section_capacity;
    struct config_entry *entries;
    size_t count, capacity;
};

/* From text; -1 and *e, which names file and line. */
int config_file_parse(struct config_file *f, const char *text, const char *path, struct error *e);
void config_file_free(struct config_file *f);

/* The entry of a setting; NULL: not in the file. */
const struct config_entry *config_file_find(const struct config_file *f, const char *key);

#endif
