/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's state from inside.
 *
 * A scope holds what one run of a part of the graph needs: edge states, node slots, pass numbers of its cycles.  The
 * execution itself is the outermost scope.  An activation is one node that is to run, runs, or waits, in a scope. */
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
    EDGE_HELD /* leaves a cycle and is dead in this pass; decided when the cycle is over */
};

enum slot_state {
    SLOT_UNDECIDED = 0,
    SLOT_LIVE,     /* has an activation */
    SLOT_DONE,     /* ran and succeeded */
    SLOT_FAILED,   /* ran and failed; an error edge took it */
    SLOT_SKIPPED,  /* all in-edges dead, or not part of this run */
    SLOT_CANCELLED /* a join that fired early made it pointless */
};

struct slot {
    uint8_t state;          /* enum slot_state */
    bool completed;         /* stands in completed_node_ids */
    bool mark;              /* scratch, false between steps */
    uint32_t left;          /* scratch of join.c, 0 between steps */
    uint32_t taken, dead;   /* in-edges that the join counts, decided so far */
    uint32_t again;         /* back edges that were taken into this pass */
    uint32_t result;        /* index in the results, or NO_INDEX */
};

struct cycle {
    uint32_t pass;     /* from 1 */
    uint32_t live;     /* activations inside */
    uint32_t entering; /* edges from outside that are still undecided */
    uint32_t again;    /* back edges taken in this pass: another pass will begin */
    bool over;
    bool exhausted;    /* more passes than max_iterations: no other will begin */
};

struct scope {
    uint8_t *edges;        /* enum edge_state by edge number */
    struct slot *slots;    /* by node number */
    struct cycle *cycles;  /* by number of the cycle */
};

enum act_state {
    ACT_QUEUED = 0, /* to be started as soon as the execution may start nodes */
    ACT_RUNNING,    /* a handler has it */
    ACT_PARKED,     /* waits until due_us */
    ACT_BACKOFF     /* waits until due_us for its next attempt */
};

struct act {
    uint64_t id;
    struct scope *scope;
    uint32_t node, pass;
    enum act_state state;
    enum engine_why why;      /* of the next or present call */
    uint32_t attempt;         /* calls that were begun as an attempt, from 1 */
    uint32_t failures;        /* attempts that failed since the node or its retry by the execution began */
    uint32_t crashes;         /* workers lost while it ran */
    int64_t first_us;         /* start of the first attempt; 0 = not started */
    int64_t started_us;       /* start of this attempt */
    int64_t due_us;           /* PARKED, BACKOFF */
    uint64_t timer;           /* order in which timers were set */
    int64_t call_us, used_us; /* start of this call; time that the attempt ran before it parked */
    int64_t timeout_ms;       /* of this call; 0 = none */
    json_t *checkpoint;       /* or NULL */
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
    struct act **acts; /* by id, ascending */
    size_t act_count, act_cap;
    size_t queued, running;
    uint64_t next_act, next_timer;

    json_t *data; /* what nodes see as input */
    json_t *vars;      /* of the workflow by name; or NULL */
    json_t *node_vars; /* by node id, then by name; or NULL */
    struct result *results; /* in order of first completion */
    size_t result_count, result_cap;
    uint32_t *completed; /* nodes by first completion */
    size_t completed_count, completed_cap;
    json_t *old_results, *old_completed; /* of a row that another program began; or NULL */

    uint32_t last_node; /* the last that finished, or the one that failed; NO_INDEX */
    int64_t last_log_us;
    int retry_count;
    int64_t retry_at_us, ended_us;
    char *error_message;
    struct pending_failure failing;

    /* scratch of a step, empty between steps */
    struct decided *decided; /* edges whose fate is to be told to their targets */
    size_t decided_count, decided_next, decided_cap;
    bool cycles_touched;
};

/* One step's context. */
struct step {
    const struct def *d;
    struct engine_state *s;
    int64_t now;
    struct engine_effects *fx; /* NULL: nobody wants them */
};

/* state.c */
struct scope *scope_new(const struct def *d);
void scope_free(struct scope *scope);
struct act *act_find(const struct engine_state *s, uint64_t id);
struct act *act_new(struct step *st, struct scope *scope, uint32_t node);
void act_remove(struct engine_state *s, struct act *a);
void act_set_state(struct engine_state *s, struct act *a, enum act_state state);
/* data[key] = value, taking over the reference; data that others hold a reference of are copied first. */
void state_data_set(struct engine_state *s, const char *key, json_t *value);
void act_free(struct act *a);
void act_set_checkpoint(struct act *a, json_t *checkpoint); /* takes a reference; NULL forgets */

/* effects.c */
void emit_log(struct step *st, const char *node, const char *level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void emit_run(struct engine_effects *fx, const struct act *a);
void emit_cancel(struct step *st, const struct act *a);
void emit_ended(struct step *st);

/* start.c */
int step_start(struct step *st, const struct engine_start *start, struct error *e);

/* settle.c: tell targets about decided edges, start what may start, end what is over. */
void edge_decide(struct step *st, struct scope *scope, uint32_t edge, bool taken);
void edge_release(struct step *st, struct scope *scope, uint32_t edge); /* one that was held dies now */
void act_begin(struct step *st, struct act *a);    /* a new attempt */
void act_continue(struct step *st, struct act *a); /* the attempt goes on after its park */
void act_over(struct step *st, struct act *a, enum slot_state state);
size_t act_ids(const struct engine_state *s, enum act_state state, uint64_t **ids);
void node_entered(struct step *st, struct scope *scope, uint32_t node);
void edges_die(struct step *st, struct scope *scope, uint32_t node);
void settle(struct step *st);
void end_execution(struct step *st, enum phase phase);
int64_t act_close_us(const struct def *d, const struct act *a); /* when schedule_to_close_seconds is over; 0 = never */
int64_t act_full_timeout_ms(const struct step *st, const struct act *a);

/* join.c: something is new at an undecided node. */
void join_arrive(struct step *st, struct scope *scope, uint32_t node);

/* cycle.c */
void cycles_continue(struct step *st, struct scope *scope);
bool node_iterated_out(const struct step *st, const struct scope *scope, uint32_t node);

/* outcome.c */
void node_succeeded(struct step *st, struct act *a, json_t *output, const char *branch);
void node_parked(struct step *st, struct act *a, const struct engine_park *park);
void node_left(struct step *st, struct act *a, const struct engine_event *ev);
struct result *result_set(struct step *st, const struct act *a, json_t *output, const char *error);

/* fail.c */
void node_failed(struct step *st, struct act *a, const struct failure *f);
void node_timed_out(struct step *st, struct act *a);
void node_fail_text(struct step *st, struct act *a, const char *type, const char *message);
void execution_fail(struct step *st);
void execution_abort(struct step *st, const char *message, bool log);
void execution_retry(struct step *st);

/* variable.c */
void variables_set(struct step *st, const struct act *a, const json_t *variables);

/* retry.c: the delay before the next attempt, or -1 when there is none. */
int64_t retry_delay_ms(const struct step *st, const struct act *a, const struct failure *f);
int64_t execution_retry_delay_ms(const struct engine_state *s);
bool text_in(char *const *list, const char *text);
char *act_key(const struct engine_state *s, const struct def *d, const struct act *a);

/* control.c */
void step_wake(struct step *st);
void step_lost(struct step *st);
void step_pause(struct step *st);
void step_resume(struct step *st);
void step_terminate(struct step *st, const struct engine_event *ev);

#endif
