/* SPDX-License-Identifier: Apache-2.0 */
/* What a loaded plugin says about itself, copied with its sizes checked: members that the plugin's header did not have
 * yet are zero, members that this wfworker does not know must be zero. */
#ifndef WF_PLUGIN_DESCRIPTOR_H
#define WF_PLUGIN_DESCRIPTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "plugin/abi.h"

/* Texts are the plugin's own: it is never unloaded.  Or those of `about`. */
struct descriptor {
    struct wfw_plugin plugin;
    json_t *config_schema; /* of the plugin, or NULL */
    struct wfw_node *nodes;
    const struct wfw_node **own; /* the same as the plugin has them */
    json_t **schemas; /* of the nodes' configuration, or NULL each */
    size_t node_count;
    json_t *about;        /* what it was read from in another process (about.h), or NULL */
    const char **aliases; /* of that, owned */
    char *left_out;       /* what declare() said of node types that it had to leave out, or NULL */
};

/* `name` is the file's name without ".so".  0, or -1 and *e (then *d is empty). */
int descriptor_read(const struct wfw_plugin *from, const char *name, struct descriptor *d, struct error *e);
/* Call declare(), when there is one, with the checked configuration, and add its node types.  0, or -1 and *e. */
int descriptor_declare(struct descriptor *d, const struct wfw_host *host, const json_t *config, struct error *e);
void descriptor_free(struct descriptor *d);

/* May it be the name of a node type? */
bool node_type_valid(const char *type);

/* own.c: is it the name of one of wfworker's own plugins?  Nobody else's can have it. */
bool is_own_plugin(const char *name);

/* Names of capabilities, and back (0 = no such name). */
uint32_t capability_parse(const char *name, size_t len);
/* A list of them, with commas or blanks between.  0, or -1 and *e: WHAT = "x" is not a capability. */
int capability_list(const char *text, const char *what, uint32_t *out, struct error *e);
const char *capability_name(uint32_t one);

#endif
