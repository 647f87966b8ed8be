/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the registry share: the list of files, what is known of each, and the names of node types. */
#ifndef WF_PLUGIN_INTERNAL_H
#define WF_PLUGIN_INTERNAL_H

#include "plugin/descriptor.h"
#include "plugin/registry.h"

struct plugin {
    char *name; /* the file's name without ".so" */
    char *path; /* absolute */
    bool named; /* asked for as a file */
    enum plugin_state state;
    struct error reason;     /* failed, shadowed, disabled */
    char *warning;           /* of one that is ok, or NULL */
    struct wfw_abi abi;      /* size 0: not known */
    struct descriptor about; /* node_count 0: not known */
    json_t *config;          /* what init got, or NULL */
    uint32_t denied;         /* capabilities */
    char *without;           /* names of node types that are left to others, or NULL */
    void *data;              /* what init made, when it is loaded here */
    enum isolate isolate;
    struct remote *remote;   /* its helper processes, or NULL */
    struct handler *handlers;
};

struct type_name {
    const char *name; /* type or alias */
    const struct handler *handler;
};

struct registry {
    struct plugin **plugins;
    size_t count, cap;
    char **searched; /* absolute where they exist */
    size_t searched_count, searched_cap;
    struct type_name *types; /* sorted by name once registry_open() is through */
    size_t type_count, type_cap;
    char *unknown_detail;
    json_t *(*plugin_config)(void *ctx, const char *name);
    void *ctx;
    int64_t probe_timeout_ms;
    const struct wfw_host *host; /* NULL: host_table() */
    uint32_t denied;      /* to those of others than wfworker, when their section does not say */
    enum isolate isolate; /* of those whose section does not say */
    const struct isolation *isolation;
    size_t helpers;
    const char *helper_program;
    struct error *doubts; /* about sections */
    size_t doubt_count, doubt_cap;
};

/* sections.c: sections of the configuration whose plugin was not found. */
void sections_check(struct registry *r, const struct registry_options *o);
int sections_judge(const struct registry *r, bool strict, bool quiet, struct error *e); /* as judge() of registry.c */

/* search.c: fill plugins (state OK for those to load, else SHADOWED) and searched.  0, or -1 and *e with `strict`. */
int search_plugins(struct registry *r, const struct registry_options *options, struct error *e);

/* load.c: bring one plugin to its final state and enter its node types. */
void load_plugin(struct registry *r, struct plugin *p);
/* The same for one that is a part of this program: p has no file. */
void load_linked(struct registry *r, struct plugin *p, const struct wfw_plugin *descriptor);
void plugin_free(struct plugin *p);
const char *isolate_name(enum isolate i);

/* Call its init.  0, or -1 and *e: "its init failed: ..." */
int plugin_init(const struct wfw_plugin *about, const struct wfw_host *host, json_t *config, void **state, struct error *e);

/* host.c: the table that plugins get. */
const struct wfw_host *host_table(void);

/* The reason with its detail and hint as lines "message", "DETAIL:  ...", "HINT:  ...". */
char *reason_text(const struct error *e, const char *line_prefix);

#endif
