/* SPDX-License-Identifier: Apache-2.0 */
/* A workflow's definition: the graph as the engine sees it.  Immutable once loaded, reference-counted, shared by all
 * executions that are pinned to it.  Only the loop thread takes and drops references. */
#ifndef WF_ENGINE_DEFINITION_H
#define WF_ENGINE_DEFINITION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What may be repeated and what needs a durable start; the same order as in plugin.h, the safest is 0. */
enum effect { EFFECT_UNSAFE = 0, EFFECT_IDEMPOTENT, EFFECT_READS, EFFECT_PURE };

/* What the registry of node types knows about one. */
struct node_type {
    const char *name;           /* the canonical name, static for the life of the process */
    enum effect effect;
    int64_t default_timeout_ms; /* 0 = the setting node_timeout */
    const char *const *expression_keys; /* NULL-terminated: config keys whose text is an expression, not a template; or NULL */
    const json_t *config_schema;        /* borrowed; NULL = anything */
};

/* Which node types exist here.  find returns false for an unknown one. */
struct catalog {
    bool (*find)(void *ctx, const char *name, struct node_type *out);
    const char *(*nearest)(void *ctx, const char *name); /* the name of one that may have been meant, or NULL; may be NULL */
    void *ctx;
    const char *unknown_detail; /* for the error of an unknown type: searched directories, plugins that failed to load */
};

struct def_options {
    const struct catalog *catalog;   /* NULL: every type is known and unsafe */
    bool unlabelled_condition_order; /* the setting unlabelled_condition = order */
};

/* One thing found while loading.  An error makes execution impossible. */
struct diag {
    bool error;
    char *pointer; /* JSON pointer into the definition; owned */
    char *message; /* owned */
};
struct diags {
    struct diag *items;
    size_t len, cap;
};
void diags_free(struct diags *d);

struct def;

/* Load a definition.  `graph` is workflow.graph_config (any of the accepted forms, or NULL), `rows` an array of
 * workflownode rows {node_id, node_type, config} used when the graph holds no nodes (or NULL), `trigger_config` is
 * workflow.trigger_config (or NULL).  Never fails: a definition with errors is returned too, and an execution of it
 * fails with def_error(). */
struct def *def_load(json_t *graph, json_t *rows, json_t *trigger_config, const struct def_options *options,
                     struct diags *diags);
/* A definition that nothing can be made of: an execution of it fails with this message. */
struct def *def_broken(const char *message);
struct def *def_ref(struct def *d);
void def_unref(struct def *d);

/* The first error's text ("Node x not found in workflow", ...), or NULL. */
const char *def_error(const struct def *d);

/* A node that can be reached has a type that no plugin here provides. */
bool def_lacks_types(const struct def *d);

size_t def_node_count(const struct def *d);
const char *def_node_id(const struct def *d, size_t node);
const char *def_node_type(const struct def *d, size_t node);         /* canonical when known, else as written */
const struct node_type *def_node_info(const struct def *d, size_t node); /* NULL: no plugin has it */
int64_t def_node_timeout_ms(const struct def *d, size_t node);       /* node option, else the type's default, else 0 */

/* The node's handler has accepted its config, and will again: it has no templates, so it is always the same value.  A note
 * for the loop thread that starts handlers; def_note_accepted() does nothing for a config with templates. */
bool def_node_accepted(const struct def *d, size_t node);
void def_note_accepted(struct def *d, size_t node);

/* ---- The structure, for those who check or draw it (def_view.c); everything is borrowed ---- */

struct def_node_view {
    const char *id, *type;    /* type as def_node_type() */
    const char *pointer;      /* JSON pointer to the node in the definition */
    const json_t *config;     /* an object */
    const char *config_error; /* a template in it does not compile; NULL: all do */
    const char *join;         /* all, any, n_of_m, each */
    int64_t join_n;           /* of n_of_m */
    bool known;               /* a plugin has the type */
    bool reachable;           /* from the entry */
    size_t scope_owner;       /* the node in whose scope it runs; SIZE_MAX: the execution's own */
    const char *scope_branch; /* body, catch or finally; NULL: the execution's own */
    size_t cycle;             /* number of the cycle without a loop node that it is part of; SIZE_MAX: none */
};
struct def_edge_view {
    size_t from, to;
    size_t src;        /* the node in the scope of `to` that it comes from: `from`, or the owner of the scopes that it leaves */
    const char *label; /* as drawn or inferred; or NULL */
    bool back;         /* closes a cycle */
    bool silent;       /* only drawn: the reading of the structure put another one in its place, or it carries no token */
};
size_t def_entry(const struct def *d); /* SIZE_MAX: there are no nodes */
void def_view_node(const struct def *d, size_t node, struct def_node_view *out);
size_t def_edge_count(const struct def *d);
void def_view_edge(const struct def *d, size_t edge, struct def_edge_view *out);

#endif
