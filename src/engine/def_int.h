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

enum join_mode { JOIN_ALL = 0, JOIN_ANY, JOIN_N_OF_M, JOIN_EACH };
enum aggregation { AGGREGATE_MERGE = 0, AGGREGATE_ARRAY, AGGREGATE_FIRST, AGGREGATE_LAST };
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
    bool join_given, join_rest_given;
    /* of a node that splits: how the nodes join where its branches meet */
    bool parallel;       /* any of the three is given */
    enum join_mode parallel_mode;
    int64_t parallel_n;  /* INT64_MIN = not given */
    enum aggregation aggregation;
    bool sequential;     /* its branches run one after the other */
    bool at_most_once;
    int64_t timeout_ms;        /* of one attempt; 0 = not given */
    int64_t close_ms;          /* schedule_to_close_seconds: of all attempts; 0 = none */
    int64_t max_iterations;    /* passes of a cycle that comes back to this node */
    struct retry_policy retry;
    char *interleave;   /* name of the group whose nodes run one at a time; or NULL */
};

struct def_edge {
    uint32_t from, to;
    uint32_t src;   /* the node beside the target that it comes from: from, or the owner of the regions that it leaves */
    uint32_t local; /* its number among the edges of the target's region */
    char *label;   /* NULL = none; also one that was inferred */
    bool back;     /* closes a cycle: not waited for by the join of its target */
    bool leaves;   /* from inside a cycle to outside of it, in the same region */
    bool mute;     /* only a way to draw something: it carries no token */
    bool home;     /* leads back to the owner of a region that it comes from: carries no token either */
    bool entry;    /* from an owner into its region: taken by entering */
    bool inferred; /* the label `finally` was */
    bool reserved; /* label is one that is never taken without being named */
    bool error;    /* label is `error` */
};

struct def_node {
    char *id, *type;
    char *pointer;    /* JSON pointer to it in the definition */
    char *output_key; /* "<id>_output" */
    char *says_executing, *says_completed; /* what the log says when it begins and when it is done */
    struct node_type info;
    bool known, reachable, is_switch, has_error_edge;
    json_t *config;   /* always an object */
    struct tmpl *tmpl;             /* NULL: config_error says why */
    struct expr_error config_error;
    bool accepted;                 /* see def_node_accepted() */
    char **secrets, **envs;        /* names that the config mentions, NULL-terminated, or NULL */
    struct node_options options;
    const uint32_t *out, *in;      /* edge numbers, in edge order; in: without those that carry no token */
    uint32_t out_count, in_count;
    uint32_t *exits;               /* edges that are decided when it ends: its own that do not enter a region of it, and those
                                    * that leave its regions; in edge order */
    uint32_t exit_count;
    uint32_t region, local;        /* the innermost region that it is in, its number there */
    uint32_t *regions;             /* that it owns */
    uint32_t region_count;
    uint32_t dom_in, dom_out;      /* interval in the tree of dominators of its region; 0 = not reached */
    uint32_t split;                /* branches of this node meet here, or NO_INDEX */
    bool entry_edges;              /* it has edges that enter */
    json_t *edges;                 /* what its handler sees of them */
    uint32_t join_in;              /* in-edges that the join waits for: no back edges, none from unreachable nodes */
    uint32_t cycle;                /* number of the cycle it is part of, or NO_INDEX */
    uint32_t ways;                 /* exits that lead on: neither `error` nor back edges, nor home */
    uint32_t group;                /* number of the group that it is interleaved with, or NO_INDEX */
};

/* Nodes that can reach each other (a strongly connected component), with the edges that matter to it. */
struct def_cycle {
    uint32_t *nodes, *back, *leaving; /* back edges; edges from inside to outside */
    uint32_t node_count, back_count, leaving_count;
};

/* The nodes that run as a scope of their owner.  Region 0 is the whole without its inner regions, and has no owner. */
struct def_region {
    uint32_t owner, parent;
    const char *branch;        /* label of the edges that enter it */
    uint32_t *nodes, *edges;   /* in it, by local number */
    uint32_t node_count, edge_count;
    uint32_t *entries;         /* edges that enter it */
    uint32_t entry_count;
    uint32_t cycle_first, cycle_count;
    bool has_each;             /* a node in it joins by `each` */
};

struct def {
    size_t refs;
    struct def_node *nodes;
    size_t node_count, node_cap;
    struct def_edge *edges;
    size_t edge_count, edge_cap;
    struct def_cycle *cycles;
    size_t cycle_count;
    struct def_region *regions;
    size_t region_count;
    uint32_t group_count; /* names that `interleave` gives */
    uint32_t *edge_lists; /* what the nodes' out and in point into */
    uint32_t entry;       /* NO_INDEX without nodes */
    json_t *index;        /* id -> number */
    int64_t timeout_ms;   /* of an execution; 0 = none */
    char *timezone;       /* its clock, or NULL: UTC */
    bool lacks_types;     /* a node that can be reached has a type that is not here */
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

/* def_structure.c: labels of loops and tries that were drawn without. */
void load_infer_structure(struct def_load *l);

/* def_region.c: which nodes are in which region, and what follows for edges. */
void load_regions(struct def_load *l);
/* Is `region` the same as `outer` or inside it? */
bool region_within(const struct def *d, uint32_t region, uint32_t outer);
void list_add(uint32_t **list, uint32_t *count, uint32_t value); /* capacity: the next power of two */

/* def_dom.c: dominators of a graph in which node i has the successors to[first[i]] .. to[first[i + 1] - 1].  Fills the
 * interval of each node in the tree of dominators: d dominates n when [in[n], out[n]] lies within [in[d], out[d]]; 0 for
 * those that no root reaches. */
struct flow {
    uint32_t count, *first, *to;
};
void dominators(const struct flow *f, const uint32_t *roots, size_t root_count, uint32_t *in, uint32_t *out);
bool def_dominates(const struct def *d, uint32_t dominator, uint32_t node);

/* def_split.c: where the branches of a split meet. */
void load_splits(struct def_load *l);

/* def_graph.c: number the edges at each node, again after edges were added. */
void link_edges(struct def *d);

/* def_load.c */
uint32_t load_edge(struct def_load *l, uint32_t from, uint32_t to, const char *label);

/* def_check.c: what is wrong or doubtful about it. */
void load_infer_labels(struct def_load *l);
void load_check(struct def_load *l);

#endif
