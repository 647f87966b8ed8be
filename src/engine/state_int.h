/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's state from inside.
 *
 * A scope holds what one run of a region of the graph needs: edge states, node slots, pass numbers of its cycles.  The
 * execution itself is the outermost scope; a pass is one that a node entered.  What runs again beside it (each arrival at
 * a join `each`, a further way out of a cycle) is a scope over the same region that covers a part of it only, its area:
 * a node and what that dominates.  The areas of a pass belong to it and end with it.
 * An activation is one node that is to run, runs, or waits, in a scope. */
#ifndef WF_ENGINE_STATE_INT_H
#define WF_ENGINE_STATE_INT_H

#include "base/clock.h"
#include "engine/def_int.h"
#include "engine/engine.h"

enum phase { PHASE_NEW = 0, PHASE_RUNNING, PHASE_RETRY, PHASE_COMPLETED, PHASE_FAILED };

enum edge_state {
    EDGE_PENDING = 0,
    EDGE_TAKEN,
    EDGE_DEAD,
    EDGE_HELD,  /* leaves a cycle and is dead in this pass; decided when the cycle is over */
    EDGE_WANTED /* taken by a run of the area that it leaves; decided when all runs are over */
};

enum slot_state {
    SLOT_UNDECIDED = 0,
    SLOT_LIVE,     /* has an activation */
    SLOT_DONE,     /* ran and succeeded */
    SLOT_FAILED,   /* ran and failed; an error edge took it */
    SLOT_SKIPPED,  /* all in-edges dead, or not part of this run */
    SLOT_CANCELLED, /* a join that fired early made it pointless */
    SLOT_EACH       /* a join `each` that has begun to run */
};

struct slot {
    uint8_t state;          /* enum slot_state */
    bool aggregated;        /* of a node that splits: its parallel_result is set */
    bool mark;              /* scratch, false between steps */
    uint32_t left;          /* scratch of join.c, 0 between steps */
    uint32_t taken, dead;   /* in-edges that the join counts, decided so far */
    uint32_t again;         /* back edges that were taken into this pass */
    uint32_t stale;         /* of `taken`: those that an earlier pass of the cycle has used up */
    uint32_t runs;          /* activations so far */
};

struct cycle {
    uint32_t pass;     /* from 1 */
    uint32_t live;     /* activations inside */
    uint32_t entering; /* edges from outside that are still undecided */
    uint32_t again;    /* back edges taken in this pass: another pass will begin */
    bool over;
    bool exhausted;    /* more passes than max_iterations: no other will begin */
};

enum scope_kind { SCOPE_WHOLE = 0, SCOPE_PASS, SCOPE_EACH, SCOPE_AGAIN };

/* Why a scope ends before everything in it has run. */
enum scope_end { END_NONE = 0, END_FAILED, END_BREAK, END_CONTINUE, END_CANCELLED, END_TERMINATE };

/* The branches of a `sequential` node that wait for their turn. */
struct row {
    uint32_t node;
    uint32_t *edges;     /* taken, in edge order */
    uint32_t count, next;
};

struct scope {
    uint64_t id;           /* 0 = the execution */
    enum scope_kind kind;
    struct scope *parent;
    uint64_t owner;        /* PASS: the activation that entered; 0 = it has ended, and the pass runs on */
    uint32_t region;
    uint32_t head;         /* EACH, AGAIN: the node that the area begins with */
    uint32_t order;        /* EACH: the edge that arrived */
    uint64_t pass;         /* PASS */
    uint32_t turn;         /* PASS: how often the owner entered this region, from 1 */
    uint32_t run;          /* PASS: which run of its owner, from the second on; 0 = the first */
    uint32_t flags;        /* PASS: enum engine_enter_flag */
    enum scope_end ending;
    json_t *error;         /* FAILED: see error_record() */
    json_t *vars, *own;    /* names lent to the nodes inside; outputs that are not published yet; or NULL */
    json_t *publish;       /* what runs of areas publish when all are over: key -> [order, value]; or NULL */
    uint8_t *held;         /* PASS: which exits of the owner were taken; or NULL */
    uint8_t *edges;        /* enum edge_state by local number */
    struct slot *slots;    /* by local number */
    struct cycle *cycles;  /* from the region's first */
    struct row *rows;
    uint32_t row_count;
    uint32_t live;         /* activations in it, and scopes beneath it that no activation owns */
    size_t touched;        /* scratch: its place in the list of those to look at, from 1; 0: it is not there */
    struct act *first_act, *last_act;               /* in it itself, by number */
    struct scope *first_inner, *last_inner;         /* those whose parent it is, by number; */
    struct scope *prev_beside, *next_beside;        /* its place among those of its parent */
};

static inline struct slot *slot_of(const struct def *d, const struct scope *scope, uint32_t node)
{
    return &scope->slots[d->nodes[node].local];
}

static inline uint8_t *edge_of(const struct def *d, const struct scope *scope, uint32_t edge)
{
    return &scope->edges[d->edges[edge].local];
}

static inline struct cycle *cycle_of(const struct def *d, const struct scope *scope, uint32_t cycle)
{
    return &scope->cycles[cycle - d->regions[scope->region].cycle_first];
}

static inline bool is_shielded(const struct scope *scope)
{
    return scope->kind == SCOPE_PASS && (scope->flags & ENTER_SHIELD);
}

/* The passes of an activation in this scope, owner 0: those that run on without one; by number, which is the order of their making. */
static inline struct scope *pass_from(struct scope *scope, uint64_t owner)
{
    while (scope && (scope->kind != SCOPE_PASS || scope->owner != owner))
        scope = scope->next_beside;
    return scope;
}

static inline struct scope *first_pass(const struct scope *in, uint64_t owner)
{
    return pass_from(in->first_inner, owner);
}

static inline struct scope *next_pass(const struct scope *pass)
{
    return pass_from(pass->next_beside, pass->owner);
}

/* The pass, or the execution, that an area belongs to. */
static inline struct scope *scope_base(struct scope *scope)
{
    while (scope->kind == SCOPE_EACH || scope->kind == SCOPE_AGAIN)
        scope = scope->parent;
    return scope;
}

/* What an activation knows of the passes that it opened. */
struct passes {
    uint64_t last;             /* highest number so far */
    uint64_t begun;
    uint64_t ended_as[5];      /* by enum engine_scope_outcome */
    uint32_t *turns;           /* by region of the node: passes so far */
    uint32_t open, keep;
    bool cleanup;              /* wants to be called when it is cancelled */
    uint8_t *held;             /* which of its exits were taken inside */
    json_t *results;           /* the last `keep`: [pass, result], by pass */
    json_t *publish;           /* what ordered passes publish when the node ends: key -> [pass, value]; or NULL */
    json_t *ended;             /* passes that the handler is to be told of: [pass, outcome, error or null] */
    json_t *closing;           /* what the handler said while passes were open, done when they are over; or NULL */
};

enum act_state {
    ACT_QUEUED = 0, /* to be started as soon as the execution may start nodes */
    ACT_RUNNING,    /* a handler has it */
    ACT_PARKED,     /* waits until due_us */
    ACT_BACKOFF,    /* waits until due_us for its next attempt */
    ACT_ENTERED,    /* waits for its passes */
    ACT_HELD,       /* a join that waits until what it cancelled is over */
    ACT_TURN        /* waits until no other node of its group runs */
};

struct act {
    uint64_t id;
    struct scope *scope;
    struct act *prev_beside, *next_beside; /* in the same scope */
    uint32_t node, pass;
    enum act_state state;
    enum engine_why why;      /* of the next or present call */
    uint32_t attempt;         /* calls that were begun as an attempt, from 1 */
    uint32_t calls;           /* all of them */
    uint32_t failures;        /* attempts that failed since the node or its retry by the execution began */
    uint32_t crashes;         /* workers lost while it ran */
    int64_t first_us;         /* start of the first attempt; 0 = not started */
    int64_t started_us;       /* start of this attempt */
    int64_t due_us;           /* PARKED, BACKOFF; set by act_set_due() */
    uint64_t timer;           /* order in which timers were set */
    uint64_t turn;            /* order in which nodes of its group became ready; 0 = not yet, or no group */
    int64_t call_us, used_us; /* start of this call; time that the attempt ran before it parked */
    int64_t timeout_ms;       /* of this call; 0 = none */
    json_t *checkpoint;       /* or NULL */
    json_t *signals;          /* PARKED: the types of signals that end the wait, or NULL */
    struct await *awaits;     /* these types in the index of waiting.c */
    json_t *came;             /* the signal that ended it: [type, data]; or NULL */
    json_t *asks;             /* of the attempt, that have an answer to come or something to undo: [reply, undo, body, settles, yields,
                                 addressed],
                                 the first two "" when there is none; or NULL */
    uint64_t waits;           /* order in which activations began to wait for signals; 0 = it never did */
    struct passes *passes;    /* or NULL */
    json_t *after;            /* HELD: what it said, done when what it withdrew is over, see withdraw.c; or NULL */
    bool expired;             /* cancelling: its time is over, and it fails with that when it has wound up */
    bool completing;          /* is to end with what it has: told so when its passes are over */
    bool cancelling;          /* goes as soon as its passes are over */
    bool cancel_told;         /* its handler knows */
    bool grouped;             /* its node is one of those that take turns */
    bool restart;             /* when cancelled: is queued again, for the execution's next try */
};

/* What the projection shows of a node that ended. */
struct result {
    uint32_t node;
    bool failed;
    json_t *output;
    char *error; /* or NULL */
    int64_t started_us, completed_us;
};

/* A failure that no error edge took, on its way to the execution. */
struct pending_failure {
    bool set, retryable;
    uint32_t node; /* or NO_INDEX */
    int64_t retry_after_ms;
    char *message; /* as error_message will show it */
};

struct decided {
    struct scope *scope;
    uint32_t edge;
};

struct engine_state {
    enum phase phase;
    bool paused;
    char *execution_uuid, *execution_id, *workflow_id, *definition;
    int64_t workflow_version, started_us;
    int64_t deadline_us, timeout_ms; /* of the execution; 0 = none */
    struct engine_policy policy;

    struct scope *root;
    struct scope **scopes; /* all others by id, ascending */
    size_t scope_count, scope_cap;
    uint64_t next_scope;
    struct act **acts; /* by id, ascending */
    size_t act_count, act_cap;
    size_t queued, running, held;
    bool turns_changed;     /* something happened to an activation of a group since turns were looked at */
    uint64_t next_act, next_timer;

    json_t *data; /* what nodes see as input */
    json_t *vars;      /* of the workflow by name; or NULL */
    json_t *node_vars; /* by node id, then by name; or NULL */
    json_t *signals;   /* that no waiter has taken yet, oldest first: [id, type, data]; or NULL */
    json_t *signal_ids; /* when they are many: their ids, as keys; or NULL */
    size_t signals_idle; /* of the oldest so many nobody waits, and that is so until somebody begins to wait */
    struct result *results; /* in order of first completion */
    size_t result_count, result_cap;
    uint32_t *result_at;   /* by node: index in results, or NO_INDEX */
    bool *is_completed;    /* by node */
    uint32_t *completed; /* nodes by first completion */
    size_t completed_count, completed_cap;
    json_t *old_results, *old_completed; /* of a row that another program began; or NULL */

    uint32_t last_node; /* the last that finished, or the one that failed; NO_INDEX */
    int64_t last_log_us;
    uint64_t log_rows;      /* engine_count_log_row() */
    int retry_count;
    int64_t retry_at_us, ended_us;
    char *error_message;
    struct pending_failure failing;
    bool end_failed;        /* while the root is ending: how the execution ends, and */
    char *end_message;      /* what it says then, or NULL */

    struct dues *dues;      /* waiting.c */
    struct awaits *awaits;

    /* scratch of a step, empty between steps */
    struct decided *decided; /* edges whose fate is to be told to their targets */
    size_t decided_count, decided_next, decided_cap;
    struct scope **touched; /* scopes in which something ended */
    size_t touched_count, touched_next, touched_cap;
    json_t *view; /* the input that was asked for last, or NULL */
};

/* One step's context. */
struct step {
    const struct def *d;
    struct engine_state *s;
    int64_t now;
    struct engine_effects *fx; /* NULL: nobody wants them */
};

/* Times from outside (a row may say 'infinity', a record may be damaged) stay where sums with them cannot overflow: the years 1 to
 * 9999.  So do lengths of time. */
#define TIME_FIRST_US (INT64_C(-62135596800) * 1000000)
#define TIME_LAST_US (INT64_C(253402300799) * 1000000)
#define LENGTH_MAX_MS (TIME_LAST_US / 1000)
static inline int64_t bounded(int64_t n, int64_t min, int64_t max)
{
    return n < min ? min : n > max ? max : n;
}
static inline int64_t time_bounded(int64_t us)
{
    return bounded(us, TIME_FIRST_US, TIME_LAST_US);
}

/* state.c */
void state_size(struct engine_state *s, const struct def *d); /* what is kept by node */
void state_free_scopes(struct engine_state *s);
struct act *act_find(const struct engine_state *s, uint64_t id);
struct act *act_new(struct step *st, struct scope *scope, uint32_t node);
void act_remove(struct engine_state *s, struct act *a);
void act_set_state(struct engine_state *s, struct act *a, enum act_state state);
/* data[key] = value, taking over the reference; data that others hold a reference of are copied first. */
void state_data_set(struct engine_state *s, const char *key, json_t *value);
void state_data_del(struct engine_state *s, const char *key);
void act_enter(struct act *a); /* among those of its scope, at the end */
void act_free(struct engine_state *s, struct act *a);
bool act_may_go_on(const struct engine_state *s, const struct act *a);
bool act_waits(const struct act *a); /* for due_us */
void act_set_checkpoint(struct act *a, json_t *checkpoint); /* takes a reference; NULL forgets */

/* waiting.c: who may wait for what.  All of them in time that does not grow with the number of activations. */
void act_set_due(struct engine_state *s, struct act *a, int64_t at_us); /* 0 = no time */
int64_t first_due(const struct engine_state *s); /* of those that act_waits(); INT64_MAX: none */
size_t acts_due(const struct engine_state *s, int64_t now_us, uint64_t **ids); /* whose time has come; *ids to be freed */
void act_await(struct engine_state *s, struct act *a); /* a->signals and a->waits are set */
void act_await_no_more(struct engine_state *s, struct act *a); /* forgets a->signals */
struct await *first_waiter(const struct engine_state *s, const char *type); /* of those that began to wait; NULL */
struct await *next_waiter(const struct await *w);
struct act *waiter_act(const struct await *w);
bool people_wait(const struct engine_state *s); /* for a signal that is no answer */
void waiting_free(struct engine_state *s);

/* scope.c: making scopes, and the data in them. */
struct scope *scope_new(const struct def *d, uint32_t region);
void scope_free(struct scope *scope);
struct scope *scope_add(struct engine_state *s, const struct def *d, enum scope_kind kind, struct scope *parent,
                        uint32_t region);
struct scope *scope_find(const struct engine_state *s, uint64_t id); /* 0 = the root; NULL */
void scope_remove(struct engine_state *s, struct scope *scope);
void scope_enter(struct scope *scope); /* among those of its parent, at the end */
void scope_touch(struct engine_state *s, struct scope *scope);
void rows_clear(struct scope *scope);
void scope_data_set(struct step *st, struct scope *scope, const char *key, json_t *value); /* takes over value */
const json_t *scope_data_get(const struct engine_state *s, const struct scope *scope, const char *key);
const json_t *scope_var(const struct scope *scope, const char *name, bool loops_only);
struct scope *scope_loop(struct scope *scope); /* the innermost pass of a loop around, or NULL */
json_t *scope_view(const struct engine_state *s, const struct scope *scope); /* all data as a node sees it, new */
void publish_later(json_t **publish, const char *key, json_int_t order, json_t *value);
void publish_now(struct step *st, struct scope *scope, json_t **publish);
void scope_publish(struct step *st, struct scope *from, struct scope *to);
void count_entering(const struct def *d, struct scope *scope);

/* pass.c: passes that a node enters. */
bool node_may_enter(const struct act *a, const struct engine_event *ev);
void node_entering(struct step *st, struct act *a, const struct engine_event *ev);
void node_entering_late(struct step *st, struct act *a, const struct engine_event *ev); /* it is to end: nothing is opened */
void pass_over(struct step *st, struct scope *scope);
void passes_free(struct passes *p);
void act_drop_passes(struct step *st, struct act *a); /* before another attempt, or at the end */
bool act_closes(struct step *st, struct act *a, json_t *closing); /* passes are open: it is done later; takes over closing */
void act_close_now(struct step *st, struct act *a);
void act_tell(struct step *st, struct act *a); /* of the next pass that is over, if there is one */
void act_told(struct act *a);
json_t *act_summary(const struct act *a);

/* withdraw.c: what a node asks to be cancelled. */
void node_withdraws(struct step *st, struct act *a, json_t *output, const char *branch, const json_t *cancels);
bool withdrawers_settle(struct step *st); /* true when one went on */

/* scope_end.c: cancelling, and ending a scope early. */
void act_cancel(struct step *st, struct act *a);
void act_cancel_settle(struct step *st, struct act *a);
void act_cancel_unheard(struct step *st, struct act *a);
bool act_expires(struct step *st, struct act *a); /* it winds up before it fails; false: there is nothing to wind up */
void act_cancelled(struct step *st, struct act *a);
void act_complete(struct step *st, struct act *a); /* ends with what it has */
void act_complete_settle(struct step *st, struct act *a);
bool act_can_complete(const struct step *st, const struct act *a);
void scope_end(struct step *st, struct scope *scope, enum scope_end how, json_t *error);
void root_stop(struct step *st); /* the execution failed: what is beneath the root ends */
bool root_rewind(struct step *st); /* what was under way is queued; false: it cannot begin again */
bool cancel_under_way(const struct engine_state *s, const struct scope *scope); /* NULL: anywhere */
void cancel_areas(struct step *st, struct scope *scope, uint32_t node);

/* area.c: what runs more than once beside itself. */
bool in_area(const struct def *d, const struct scope *scope, uint32_t node);
void each_arrive(struct step *st, struct scope *scope, uint32_t edge);
bool eachs_settle(struct step *st, struct scope *scope); /* true when something was decided */
void each_release(struct step *st, struct scope *scope, uint32_t node, bool dead);
void run_again(struct step *st, struct scope *scope, uint32_t edge);
void area_over(struct step *st, struct scope *scope);

/* row.c: `sequential` */
void row_begin(struct step *st, struct scope *scope, uint32_t node, uint32_t *edges, uint32_t count); /* takes edges */
bool rows_settle(struct step *st, struct scope *scope);

/* effects.c */
/* `node` must live as long as the definition. */
void emit_log(struct step *st, const char *node, const char *level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void emit_log_said(struct step *st, const char *node, const char *level, const char *text); /* text likewise */
void emit_run(struct engine_effects *fx, const struct act *a);
void emit_cancel(struct step *st, const struct act *a);
void emit_consumed(struct step *st, const char *id);
void emit_ended(struct step *st);
void emit_ask(struct step *st, const char *kind, json_t *body);

/* start.c */
int step_start(struct step *st, const struct engine_start *start, struct error *e);

/* settle.c: tell targets about decided edges, start what may start, end what is over. */
void edge_decide(struct step *st, struct scope *scope, uint32_t edge, bool taken);
void edge_release(struct step *st, struct scope *scope, uint32_t edge); /* one that was held dies now */
void act_begin(struct step *st, struct act *a);    /* a new attempt */
void act_continue(struct step *st, struct act *a, enum engine_why why); /* the attempt goes on */
void act_over(struct step *st, struct act *a, enum slot_state state);
size_t act_ids(const struct engine_state *s, enum act_state state, uint64_t **ids);
void node_entered(struct step *st, struct scope *scope, uint32_t node);
bool act_iterated_out(struct step *st, struct act *a); /* it failed for that */
void edges_die(struct step *st, struct scope *scope, uint32_t node);
void settle(struct step *st);
void finish_ending(struct step *st);
void end_execution(struct step *st, enum phase phase);
void end_failed(struct step *st); /* the activations of the execution itself stay, for ENGINE_RETRY */
int64_t act_close_us(const struct def *d, const struct act *a); /* when schedule_to_close_seconds is over; 0 = never */
int64_t act_full_timeout_ms(const struct step *st, const struct act *a);

/* turn.c: `interleave` */
void turns_settle(struct step *st); /* who may begin is queued, who may not waits for its turn */

/* join.c */
void aggregate(struct step *st, struct scope *scope, uint32_t node);
/* something is new at an undecided node. */
void join_arrive(struct step *st, struct scope *scope, uint32_t node);

/* cycle.c */
bool cycles_continue(struct step *st, struct scope *scope); /* true when something was decided */
bool node_iterated_out(const struct step *st, const struct scope *scope, uint32_t node);

/* outcome.c */
void node_finished(struct step *st, struct act *a, json_t *output); /* its result is there */
void node_succeeded(struct step *st, struct act *a, json_t *output, const char *branch);
void node_done(struct step *st, struct act *a, const struct engine_event *ev); /* with all that it asked for */
void node_parked(struct step *st, struct act *a, const struct engine_park *park);
void node_left(struct step *st, struct act *a, const struct engine_event *ev);
struct result *result_set(struct step *st, const struct act *a, json_t *output, const char *error);

/* signal.c */
bool signal_is_reserved(const char *type);
void step_signal(struct step *st, const struct engine_event *ev);
void signals_deliver(struct step *st); /* to those that wait, oldest first */
void signals_index(struct engine_state *s); /* they were read from a snapshot */
void act_await_signals(struct step *st, struct act *a, const struct engine_park *park); /* just parked, or entered */
void act_expects_nothing(struct step *st, struct act *a); /* no signal, and no time but schedule_to_close_seconds */
bool signals_awaited(const struct act *a);
bool people_awaited(const struct act *a); /* signals that somebody may send, not only answers */

/* ask.c */
void asks_made(struct step *st, struct act *a, const json_t *asks);
void asks_over(struct step *st, struct act *a); /* the attempt ends: what it asked for is undone, another one begins anew */
void ask_answered(struct act *a, const char *reply);
bool ask_expects(const struct engine_state *s, const char *reply);
bool asks_yield(const struct act *a); /* something that others wait for while the execution does not run */
bool ask_takes(const struct act *a, const json_t *data); /* a signal with these data is not meant for somebody else's ask */

/* fail.c */
json_t *failure_record(const struct def_node *n, const struct failure *f); /* {node_id, type, message, details, retryable} */
json_t *failure_write(const struct failure *f);
void failure_read(const json_t *v, struct failure *f);
void node_failed(struct step *st, struct act *a, const struct failure *f);
void node_timed_out(struct step *st, struct act *a);
void node_fail_text(struct step *st, struct act *a, const char *type, const char *message);
void execution_fail(struct step *st);
/* The end at once and for good; after execution_stop() somebody may begin it again. */
void execution_abort(struct step *st, const char *message, bool log);
void execution_stop(struct step *st, const char *message, bool log);
void execution_timed_out(struct step *st, const char *message); /* clean-ups run before the end */
void execution_retry(struct step *st);

/* variable.c */
json_t *variables_view(const struct def *d, const struct engine_state *s, const struct act *a); /* all it sees, new */
void variables_set(struct step *st, const struct act *a, const json_t *variables);

/* retry.c: the delay before the next attempt, or -1 when there is none. */
int64_t retry_delay_ms(const struct step *st, const struct act *a, const struct failure *f);
int64_t execution_retry_delay_ms(const struct engine_state *s);
bool text_in(char *const *list, const char *text);
void scope_path(const struct def *d, const struct scope *scope, struct buf *b, bool encoded);
char *act_key(const struct engine_state *s, const struct def *d, const struct act *a);

/* control.c */
void step_wake(struct step *st);
void step_lost(struct step *st);
void step_pause(struct step *st);
void step_resume(struct step *st);
void step_retry(struct step *st);
void step_terminate(struct step *st, const struct engine_event *ev);

#endif
