/* SPDX-License-Identifier: Apache-2.0 */
/* What only the engine sees of a definition: nodes and edges by number, and what is worked out from them once, when the
 * definition is loaded.  Nodes are numbered in the order of the definition, edges likewise ("edge order"). */
#ifndef WF_ENGINE_DEF_INT_H
#define WF_ENGINE_DEF_INT_H

#include "engine/definition.h"
#include "expr/expr.h"

#define NO_INDEX UINT32_MAX
#define DEF_MAX_NODES 100000
#define DEF_MAX_EDGES 1000000

enum join_mode { JOIN_ALL = 0, JOIN_ANY, JOIN_N_OF_M };
enum jitter { JITTER_NONE = 0, JITTER_FULL };

/* A node's policy for its own attempts. */
struct retry_policy {
    uint32_t max_attempts; /* the first one counts; 1 = no retry */
    int64_t initial_ms, max_ms;
    double multiplier;
    enum jitter jitter;
    int64_t budget_ms;      /* from the first start to the start of the last retry; 0 = no limit */
    char **on, **never;     /* error types, NULL-terminated, or NULL */
};

/* What stands beside a node's type and config. */
struct node_options {
    enum join_mode join;
    int64_t join_n;     /* n_of_m; INT64_MIN = not given */
    bool join_rest_run; /* what is still running in the branches that lost runs on */
    bool at_most_once;
    int64_t timeout_ms;        /* of one attempt; 0 = not given */
    int64_t close_ms;          /* schedule_to_close_seconds: of all attempts; 0 = none */
    int64_t max_iterations;    /* passes of a cycle that comes back to this node */
    struct retry_policy retry;
};

struct def_edge {
    uint32_t from, to;
    char *label;   /* NULL = none; "true" and "false" when inferred for a condition drawn without labels */
    bool back;     /* closes a cycle: not waited for by the join of its target */
    bool leaves;   /* from inside a cycle to outside of it */
    bool reserved; /* label is one that is never taken without being named */
    bool error;    /* label is `error` */
};

struct def_node {
    char *id, *type;
    char *pointer;    /* JSON pointer to it in the definition */
    char *output_key; /* "<id>_output" */
    struct node_type info;
    bool known, reachable, is_switch, has_error_edge;
    json_t *config;   /* always an object */
    struct tmpl *tmpl;             /* NULL: config_error says why */
    struct expr_error config_error;
    char **secrets, **envs;        /* names that the config mentions, NULL-terminated, or NULL */
    struct node_options options;
    const uint32_t *out, *in;      /* edge numbers, in edge order */
    uint32_t out_count, in_count;
    uint32_t join_in;              /* in-edges that the join waits for: no back edges, none from unreachable nodes */
    uint32_t cycle;                /* number of the cycle it is part of, or NO_INDEX */
    uint32_t ways;                 /* out-edges that are neither `error` nor back edges */
};

/* Nodes that can reach each other (a strongly connected component), with the edges that matter to it. */
struct def_cycle {
    uint32_t *nodes, *back, *leaving; /* back edges; edges from inside to outside */
    uint32_t node_count, back_count, leaving_count;
};

struct def {
    size_t refs;
    struct def_node *nodes;
    size_t node_count, node_cap;
    struct def_edge *edges;
    size_t edge_count, edge_cap;
    struct def_cycle *cycles;
    size_t cycle_count;
    uint32_t *edge_lists; /* what the nodes' out and in point into */
    uint32_t entry;       /* NO_INDEX without nodes */
    json_t *index;        /* id -> number */
    int64_t timeout_ms;   /* of an execution; 0 = none */
    char *error;          /* the first error, or NULL */
    char *unknown_detail; /* from the catalog, or NULL */
    struct expr_cache *exprs; /* what handlers had evaluated */
};

/* Number of the node called id, or NO_INDEX. */
uint32_t def_find(const struct def *d, const char *id);

/* ---- between the files that load ---- */
struct def_load {
    struct def *d;
    const struct def_options *options;
    struct diags *diags; /* may be NULL */
};

/* Note something; pointer is taken over, the text is formatted.  The first error becomes the definition's. */
void load_note(struct def_load *l, bool error, char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
char *load_pointer(const char *base, const char *key); /* base + "/" + escaped key */

/* def_options.c: read the options of a node that stand on it, in `data` or in its config. */
void load_node_options(struct def_load *l, struct def_node *n, const json_t *node, const json_t *data);
/* Seconds (a number above 0) as milliseconds; -1 when v is something else. */
int64_t load_seconds_ms(const json_t *v);
void node_options_free(struct node_options *o);

/* def_config.c: compile a node's config, find the secrets that it names. */
void load_node_config(struct def_node *n);
void strings_free(char **strings);

/* def_graph.c: everything that follows from nodes and edges. */
void load_graph(struct def_load *l);

/* def_check.c: what is wrong or doubtful about it. */
void load_infer_labels(struct def_load *l);
void load_check(struct def_load *l);

#endif
