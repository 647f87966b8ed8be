/* SPDX-License-Identifier: Apache-2.0 */
/* The deterministic simulation: from a seed a graph and a history, run through the engine with the real handlers of the
 * control plugin, crashed and recovered on the way, and judged by an oracle that knows the rules and nothing of the
 * engine's inside.
 *
 *   graph.c     makes a graph from the seed, as the oracle sees it and as the definition that the engine loads
 *   world.c     the history: which events come, in which order, at what time
 *   handlers.c  the plugins' handlers, called in place
 *   faults.c    what goes wrong on purpose between the engine and the oracle
 *   recovery.c  journal, snapshots, crashes
 *   oracle.c    what follows from the edges: which nodes must run, and which must not
 *   rounds.c    the same for rows and cycles
 *   scopes.c    the same for passes: entering, ending, cancelling
 *   loose.c     what can still be said where the oracle cannot foretell every step
 *   asks.c      what attempts want of the world outside, and its answers
 *   judge.c     each step's effects against what the oracle expects
 *   main.c      seeds, faults, the trace of one seed */
#ifndef WF_TESTS_SIM_H
#define WF_TESTS_SIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/engine.h"

#define MAX_NODES 64
#define MAX_EDGES 192
#define MAX_REGIONS 48
#define MAX_CYCLES 8
#define MOST_PASSES 20 /* max_iterations of every node */
#define MAX_SIGNALS 512
#define MAX_ASKS 200
#define ARRIVALS 2048 /* a power of two */
#define SIM_T0 INT64_C(1795413600000000) /* 2026-11-23T06:00:00Z */

/* ---- randomness ---- */

struct rng {
    uint64_t s;
};
uint32_t below(struct rng *r, uint32_t n);
bool chance(struct rng *r, uint32_t percent);

/* ---- faults that are built in, to show that they are found ---- */
enum fault {
    FAULT_NONE,
    FAULT_ANY_FOR_ALL,   /* the engine is given `any` where `all` is meant */
    FAULT_ALL_FOR_ANY,
    FAULT_EDGE,          /* an edge is missing in what the engine is given */
    FAULT_JOURNAL,       /* a record of the journal is lost */
    FAULT_SNAPSHOT,      /* an attempt's number is wrong in a snapshot */
    FAULT_LATE,          /* a late result is given to another activation */
    FAULT_TWICE,         /* a result is applied once more */
    FAULT_RESULT,        /* a result is changed on its way */
    FAULT_PAUSE,         /* a pause is not told to the engine */
    FAULT_FINALLY,       /* finally is not drawn */
    FAULT_LIMIT,         /* one more pass side by side */
    FAULT_SEQUENTIAL,    /* a row runs side by side */
    FAULT_START,         /* a start is not told */
    FAULT_CANCEL,        /* nor a cancel */
    FAULT_SIGNAL,        /* a signal is given again under another name */
    FAULT_ATTEMPTS,      /* one attempt more than allowed */
    FAULT_INTERLEAVE,    /* a group is not drawn */
    FAULT_ASK,           /* an ask goes out twice */
    FAULT_UNDO,          /* what is to be undone is not */
    FAULT_COUNT
};
extern const char *const fault_names[FAULT_COUNT];

/* ---- graphs, as they are meant ---- */

enum kind {
    KIND_WORK,      /* whatever happens to it */
    KIND_CONDITION, /* names true or false */
    KIND_SWITCH,    /* names a, b or default */
    KIND_LOOP,      /* the plugin's handler, as the rest down to terminate */
    KIND_TRY,
    KIND_MARK, /* catch, finally */
    KIND_BREAK,
    KIND_CONTINUE,
    KIND_TERMINATE,
    KIND_SCOPE /* enters whatever it likes */
};
enum join { ALL, ANY, N_OF_M, EACH };

struct g_node {
    char id[8];
    const char *type;
    enum kind kind;
    int region; /* the innermost that it is in */
    enum join join;
    int join_n;
    bool rest_run, sequential, at_most_once;
    bool waits, stubborn; /* likes to wait for signals, to fail */
    int split;        /* parallel_wait_mode is set there: the join above is drawn on that node; -1 */
    uint32_t max_attempts;
    int64_t retry_ms; /* initial; doubled each time */
    int group;        /* interleave: 1, 2; 0 = none */
    int close_s;      /* schedule_to_close_seconds; 0 = none */
    bool jitter;
    int max_concurrency;
    int finally;      /* KIND_TRY: number of its region, or -1 */
    json_t *config;   /* owned */
};
struct g_edge {
    int from, to;
    const char *label; /* as it is meant; NULL: none */
    bool unlabelled;   /* drawn without it */
    bool back;         /* closes a cycle */
};
struct g_cycle { /* without a loop node: from `head` to `check`, all nodes between them in the region */
    int region, head, check;
};
struct g_region {
    int owner, parent; /* -1: the whole */
    const char *branch;
};
struct graph {
    struct g_node node[MAX_NODES];
    struct g_edge edge[MAX_EDGES];
    struct g_region region[MAX_REGIONS];
    struct g_cycle cycle[MAX_CYCLES];
    int cycles;
    int nodes, edges, regions;
    bool exact;      /* the oracle can say of every step what must follow */
    int timeout_s;   /* of the execution; 0 = none */
};
/* Makes one of at most `max_nodes` nodes or a few more. */
void graph_make(struct graph *g, struct rng *r, int max_nodes);
void graph_free(struct graph *g);
json_t *graph_json(const struct graph *g, enum fault fault); /* the definition, new */
void graph_print(const struct graph *g, struct buf *b);
/* Is region `inner` the same as `outer` or inside of it? */
bool graph_within(const struct graph *g, int inner, int outer);
/* The node that stands for edge e's source in the region of its target: itself, or the owner around it. */
int graph_source(const struct graph *g, int edge);
bool graph_home(const struct graph *g, int edge);  /* back to an owner around it: carries nothing */
bool graph_entry(const struct graph *g, int edge); /* from an owner into its region */
int graph_cycle(const struct graph *g, int node); /* number of the cycle that it is in, or -1 */
bool graph_cycles_known(const struct graph *g); /* every node of every cycle leads back to its head */
int number_in(const char *text, int end); /* that it begins with, less than `end`; or -1 */
int graph_region_of(const struct graph *g, int owner, const char *branch); /* or -1 */

/* ---- what the oracle thinks ---- */

enum fate { PENDING, TAKEN, DEAD };
enum stand { UNDECIDED, LIVE, DONE, FAILED, SKIPPED, CANCELLED };
enum ending { NOT, BY_FAILURE, BY_BREAK, BY_CONTINUE, BY_CANCEL, BY_END };

struct row {
    int node, count, next;
    int edges[16];
};
struct inst { /* a pass, or the execution itself (0) */
    bool over;
    enum ending ending;
    int region, parent, owner; /* owner: number of the activation; -1 */
    uint64_t pass;
    uint32_t turn, flags;
    char path[96];
    uint8_t edge[MAX_EDGES], held[MAX_EDGES], node[MAX_NODES];
    bool heard[MAX_EDGES]; /* the target knows of the edge's fate */
    struct turn {
        int pass; /* from 0 */
        bool again, over;
    } cycles[MAX_CYCLES];
    struct row rows[4];
    int row_count, live;       /* live: activations in it, and passes beneath it whose owner is gone */
    char failed_node[8], failed_type[24]; /* BY_FAILURE */
};

enum doing { QUEUED, RUNNING, PARKED, BACKOFF, ENTERED, GONE };

struct told { /* a pass that is over, which its owner has not heard of yet */
    uint64_t pass;
    enum engine_scope_outcome outcome;
    char node[8], type[24]; /* the failure */
};
struct life { /* one activation */
    uint64_t id; /* 0: not seen yet */
    int inst, node;
    enum doing doing;
    uint32_t attempt, failures, crashes;
    int64_t due_us;
    uint64_t timer, waits;
    json_t *signals;          /* waits for one of these; or NULL */
    bool call_again;          /* QUEUED: to be called about a pass */
    bool lost_call;           /* because the worker was lost that had the last call */
    bool about_pass;          /* the last call was */
    bool in_call;             /* a handler has it */
    enum engine_why why;      /* of the last call */
    bool cancelling, cancel_told, restart, cancel_due;
    char *path;               /* where the engine says it runs; owned */
    uint32_t run;             /* of the node in its scope, from 1; as the engine says */
    uint64_t loose_last;      /* passes so far, as loose.c counts */
    uint32_t loose_turns[MAX_REGIONS];
    int closing;              /* 0, or 1 done, 2 fail, 3 out of time */
    char closing_branch[16], closing_type[24];
    bool closing_retryable, closing_named;
    char closing_node[8];
    /* passes */
    bool passes, cleanup;
    uint32_t open, turns[MAX_REGIONS];
    uint64_t last, begun, ended_as[5];
    uint8_t *held;
    struct told told[64];
    int told_count;
    int bodies, finallys;     /* of a try: entered so far in this attempt */
};
struct kept {
    char id[16], type[24];
};

/* What an attempt wanted of the world outside. */
struct ask {
    uint64_t act;
    char undo;             /* what is done with it when the attempt ends: 's' stopped, 'u' given back, 0 nothing */
    bool replies, settles; /* an answer comes; with which it is over */
    int made, undone;
    bool sent, known;      /* the answer came; it was used */
};

struct oracle {
    bool exact;          /* every step is foretold */
    struct inst *inst;
    int insts, inst_cap;
    struct life *life;
    int lives, life_cap;
    struct { int inst, edge; } *queue;
    int queued, queue_next, queue_cap;
    struct kept kept[MAX_SIGNALS];
    int kept_count;
    bool paused, failing, ended, nothing_more;
    bool may_not_retry;  /* what failed never ran, or the like */
    bool at_once;        /* a terminate in a clean-up: what is left does not count */
    uint64_t next_timer;
    int64_t deadline_us; /* of the execution; 0 = none */
    /* by node: the number in the last result, or -1; the order of first completion */
    int64_t result[MAX_NODES];
    bool failed[MAX_NODES], ran[MAX_NODES];
    int completed[MAX_NODES], completed_count;
    uint64_t last_act;   /* the highest number seen */
    int64_t last_log_us;
    struct ask ask[MAX_ASKS];
    int asks;
    bool withdrew;       /* nodes withdrew others: what completed is not known */
    int given;           /* the activation that the last signal was given to, or -1 */
    struct arrival {
        uint64_t key;
        int takes, starts;
    } arrivals[ARRIVALS];
    int errors[MAX_NODES]; /* failures that the log tells of */
};

/* ---- one history ---- */

struct limits {
    int nodes, events;
};
struct numbers { /* of what happened, over all seeds */
    uint64_t histories, events, recoveries, crashes, starts, exact, completed, failed, waiting, bytes_most;
};
struct task; /* handlers.c */

struct world {
    uint64_t seed;
    struct rng rng;
    struct limits limits;
    enum fault fault;
    bool trace, dump, bad;
    char why[600];
    struct graph g;
    struct def *def;
    struct engine_state *state;
    struct engine_effects fx;
    struct engine_start start;
    int64_t now_us;
    struct oracle o;
    /* journal */
    struct buf *journal;
    size_t journal_len, journal_cap;
    struct snapshot {
        struct buf text;
        size_t at;
    } snapshot[6];
    int snapshots;
    int recover_percent;
    /* temper of the history */
    uint32_t fails, parks, losses, pauses, signals, asks, odd; /* odd: what no step foretells */
    int64_t outputs;
    unsigned signals_sent;
    bool used[MAX_SIGNALS];
    bool fault_done;
    struct numbers *numbers;
};

/* The first violation counts. */
void violation(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* --trace */
bool run_seed(struct world *w); /* world.c: true when nothing was violated */
void dump(const struct world *w); /* recovery.c: --dump */

/* Feed one event: journal, engine, oracle, recovery.  event_id: the number in the output, or -1. */
void feed(struct world *w, struct engine_event *ev);

/* ---- handlers.c ---- */
struct answer {
    struct engine_event ev;
    struct failure failure;
    json_t *owned; /* an array: keeps what ev points to */
};
void handlers_open(void);
/* What the plugin's handler of the node answers to this call. */
void handler_call(struct world *w, const struct engine_effect *f, struct answer *a);
void answer_clear(struct answer *a);

/* ---- faults.c ---- */
void step(struct world *w, const struct engine_event *ev); /* the engine's, and the journal's */
void misdirect(struct world *w, const struct engine_event *ev); /* somebody else's result: of the first that runs */

/* ---- recovery.c ---- */
void journal_clear(struct world *w);
void journal_add(struct world *w, const struct engine_event *ev);
void snapshot_maybe(struct world *w);
void recovery_check(struct world *w, bool go_on); /* rebuild and compare; go_on: with what was rebuilt */

/* ---- oracle.c ---- */
void oracle_clear(struct oracle *o);
void oracle_open(struct world *w);
void oracle_event(struct world *w, const struct engine_event *ev); /* before the effects are known: what must follow */
int new_inst(struct oracle *o, const struct graph *g, int region, int parent);
void decide(struct world *w, int inst, int edge, bool taken);
void all_die(struct world *w, int inst, int node);
void fire(struct world *w, int inst, int node);
void finish(struct world *w, int life, const char *branch);
void fail_life(struct world *w, int life, const char *type, bool retryable, bool engines_own, const char *node);
void settle_oracle(struct world *w);
int find_life(const struct oracle *o, uint64_t id);
int new_life(struct oracle *o, int inst, int node);
void gone(struct oracle *o, struct life *l);
void tell(struct oracle *o, int inst, int edge); /* its target, that it is decided */

/* ---- rounds.c ---- */
void begin_row(struct world *w, int inst, struct row *row);
bool row_next(struct world *w, int inst);   /* the next branch of a row */
bool cycle_next(struct world *w, int inst); /* the next pass of a cycle, or its end */
bool leaves_cycle(const struct graph *g, int e);

/* ---- scopes.c ---- */
void enter(struct world *w, int life, const struct engine_event *ev);
void check_counts(struct world *w, const struct life *l);
void leave(struct world *w, int life, const struct engine_event *ev);
void cancel_life(struct world *w, int life);
void end_inst(struct world *w, int inst, enum ending how);
bool insts_settle(struct world *w);
void told_answered(struct life *l);
void answer_of_cancelled(struct world *w, int life, const struct engine_event *ev);
bool close_later(struct world *w, int life, int how); /* passes are open: ends when they are over */
void over(struct world *w, struct life *l); /* its passes are: what they must have done by then */
void drop_passes(struct life *l);
bool any_cancelling(const struct oracle *o, int inst); /* -1: anywhere */

/* ---- loose.c: what holds of every graph ---- */
void loose_open(struct world *w);
void loose_event(struct world *w, const struct engine_event *ev);
void loose_start(struct world *w, const struct life *l);
void loose_failed(struct world *w, const char *node); /* the log says so */

/* ---- asks.c ---- */
json_t *ask_make(struct world *w, uint64_t act, char undo, bool replies, bool settles, char reply[24]); /* an array, new */
bool ask_answer(struct world *w);  /* one answer that has not come yet; false: there is none */
void ask_judge(struct world *w, const struct engine_effect *f);
void ask_used(struct world *w, const char *type); /* its answer was used */
void asks_check(struct world *w);  /* after a step */

/* ---- judge.c ---- */
void judge_step(struct world *w, const struct engine_event *ev);
void judge_end(struct world *w);

#endif
