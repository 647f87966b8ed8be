/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: one pure function.
 *
 *     engine_step(definition, state, event, now) -> state', effects
 *
 * No I/O, no clock, no randomness: the same history always gives the same state, byte for byte.  The worker feeds
 * events, carries out effects, and keeps (snapshot + journal of events) so that any worker can go on: recovery is
 * engine_state_read(snapshot) and engine_step() for every journalled event, the effects of which are dropped.
 *
 * A state belongs to the loop thread. */
#ifndef WF_ENGINE_ENGINE_H
#define WF_ENGINE_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/definition.h"
#include "expr/expr.h"

/* ---- Execution policy: settings that the engine needs, recorded in the state at START ---- */
struct engine_policy {
    int max_retries;           /* WORKFLOW_MAX_RETRIES; 0 = none */
    double retry_multiplier;   /* WORKFLOW_RETRY_BACKOFF_MULTIPLIER; >= 1 */
    int64_t retry_initial_ms;  /* 1000 */
    int64_t retry_max_ms;      /* 3600000 */
    int64_t node_timeout_ms;   /* WORKFLOW_NODE_TIMEOUT_SECONDS; default for a node's attempt; 0 = none */
    int max_crashes;           /* lost workers in the same node before it fails with `crashed`: 3 */
};

/* ---- Failure of a node ---- */
struct failure {
    char *type;             /* stable snake_case name; owned */
    char *message;          /* owned, UTF-8 */
    bool retryable;
    int64_t retry_after_ms; /* 0 = not given */
    json_t *details;        /* owned reference, or NULL */
    char *node;             /* id of the node whose failure it is when another hands it on, or NULL; owned */
};
void failure_clear(struct failure *f);

/* ---- Events ---- */
enum engine_event_type {
    ENGINE_START,     /* the first event of an execution: `start` */
    ENGINE_DONE,      /* an activation succeeded: act, output, branch */
    ENGINE_FAIL,      /* an attempt failed: act, failure */
    ENGINE_PARK,      /* an activation waits: act, park */
    ENGINE_ENTER,     /* an activation enters a scope: act, branch, output = vars, park.checkpoint; park.until_us and its signals:
                         it is also called for these while passes are open */
    ENGINE_LEAVE,     /* an activation leaves: act, leave, branch = label, output; ENGINE_END: branch "failed" or else
                         completed, output.message = why */
    ENGINE_TIMEOUT,   /* an attempt ran out of time: act */
    ENGINE_PROGRESS,  /* act, output = what to keep for the next attempt */
    ENGINE_WAKE,      /* time has passed: whatever is due at `now` happens (timers, retries, deadlines) */
    ENGINE_LOST,      /* the worker that ran the execution is gone: every running attempt was lost */
    ENGINE_PAUSE,     /* status was set to paused from outside: what runs goes on, nothing new starts or ends */
    ENGINE_RESUME,    /* status was set to running from outside; a retry that is to come begins at once */
    ENGINE_TERMINATE, /* status was set to failed from outside, or the execution was refused: message = reason or NULL;
                         message given by the worker itself: the execution fails with it for good */
    ENGINE_RETRY,     /* status of an execution that failed for good was set to running from outside: what failed, and what
                         was cancelled for it, begins again, with retries and time limit as at the start.  Nothing
                         happens when nothing can be begun again (it completed, a terminate node ended it, its definition
                         has errors, a join can never fire): it stays as it ended */
    ENGINE_SIGNAL,    /* a signal came, or the answer to an ask: signal, signal_id, output = its data (NULL: null).  Kept until
                         a waiter takes it;
                         one that is kept already (the same id, not empty) changes nothing */
};

struct engine_start {
    const char *execution_uuid; /* the row's id */
    const char *execution_id;   /* exec-... */
    const char *workflow_id;
    int64_t workflow_version;
    int64_t started_at_us;
    json_t *data;               /* trigger data; borrowed, an object or NULL */
    int retry_count;            /* as found in the row */
    /* A row that another program began (current_node_id set): what it finished is kept, and the run starts there. */
    const char *current_node_id; /* or NULL */
    json_t *node_results;        /* borrowed, or NULL */
    json_t *completed_node_ids;  /* borrowed, or NULL */
    json_t *variables;           /* workflow variables by name; borrowed, or NULL */
    json_t *workflow_timeout;    /* execution_state.workflow_timeout: seconds or a point in time; borrowed, or NULL */
    const char *definition;      /* the pinned definition's id, kept in the journal and the snapshot */
    struct engine_policy policy;
};

struct engine_park {
    int64_t until_us;        /* since the epoch; 0 = no timer */
    const char *signal;      /* signal type, or NULL */
    json_t *signals;         /* borrowed: an array of signal types, the first of which that comes is meant; or NULL */
    const char *child;       /* id of a child that an ask started: its answer ends the wait; or NULL */
    json_t *checkpoint;      /* borrowed, or NULL; given back when the handler is called again */
    bool fresh;              /* signals of these types that came before the wait began are used up for nothing */
};

/* How passes behave; the same as enum wfw_enter_flag. */
enum engine_enter_flag { ENTER_LOOP = 1, ENTER_CLEANUP = 2, ENTER_SHIELD = 4, ENTER_ORDERED = 8, ENTER_DETACH = 16, ENTER_AGAIN = 32 };

/* How a node is withdrawn; the same as enum wfw_cancel_flag. */
enum engine_cancel_flag { CANCEL_COMPLETE = 1 };

struct engine_enter {
    uint64_t pass;   /* number of the first, from 1; 0 = the next */
    json_t *passes;  /* borrowed: an array of objects, the vars of each; NULL: one pass with the event's output */
    const char *to;  /* enter along edges to this node only, or NULL */
    uint32_t flags, keep;
};

enum engine_leave { ENGINE_BREAK, ENGINE_CONTINUE, ENGINE_END };

/* An ask: something that an attempt wants done outside of its execution, exactly once and only if its step is durable.  An
 * object {"kind", "body", "reply"?, "undo"?, "undo_body"?, "settles"?}:
 *   kind     what: a name that whoever carries it out knows (sql: wfworker.ask_KIND())
 *   body     an object, small
 *   reply    the reserved signal type of the answer (it begins with ':'), kept for this attempt only
 *   undo     the kind of the ask that the engine gives when the attempt ends in whatever way, with undo_body (or the same body)
 *   settles  true: with the answer the ask is over, and nothing is left to undo
 *   yields   true: undone, and the attempt begins anew, also when the execution fails and is to be tried again later
 *   addressed  true: of signals whose data have a member `request`, the attempt takes only the one that names undo_body.id */

/* Signals whose types begin with this are answers to asks: nobody else can send them.  They make no data, no rows of the log
 * and no status; one that no attempt expects (any more) is used up. */
#define RESERVED_SIGNAL ':'
#define CHILD_SIGNAL ":child:" /* and the child's id */
#define ANSWER_SIGNAL ":answer:" /* and the ask's id */
/* The failure of a child that was waited for: it had retries of its own, so the execution is not tried again for it. */
#define CHILD_FAILED "child_failed"

struct engine_event {
    enum engine_event_type type;
    uint64_t act;                    /* the activation, from the effect ENGINE_RUN */
    json_t *output;                  /* borrowed */
    const char *branch;              /* or NULL */
    const struct failure *failure;   /* FAIL */
    struct engine_park park;         /* PARK; ENTER: checkpoint, NULL keeps the last */
    struct engine_enter enter;       /* ENTER */
    enum engine_leave leave;         /* LEAVE */
    json_t *variables;               /* DONE: an array of [name, scope, value], borrowed, or NULL */
    json_t *cancels;                 /* DONE: an array of [node id, enum engine_cancel_flag], borrowed, or NULL: what lives of these nodes
                                        in the same scope or one around it is withdrawn; the output gets the member
                                        `cancelled`, the ids of those that lived */
    json_t *asks;                    /* DONE, PARK, ENTER, LEAVE: what the attempt wants of the world outside, an array of
                                        asks (see below), borrowed, or NULL */
    const struct engine_start *start;/* START */
    const char *message;             /* TERMINATE */
    const char *signal, *signal_id;  /* SIGNAL: its type, and the id of its row (or NULL) */
    bool refused;                    /* TERMINATE by the worker itself: a row of the log says so (one from outside is
                                        logged by who did it) */
};

/* ---- Effects, in the order in which they are to be carried out ---- */
enum engine_effect_type {
    ENGINE_RUN,    /* call the handler of `node` for activation `act` */
    ENGINE_CANCEL, /* cancel activation `act`; whatever it still says must not be fed (it may be run again under the same
                      number).  Also given after ENGINE_TIMEOUT. */
    ENGINE_LOG,    /* a row of executionlog: node (or SIZE_MAX: name), level, text, at_us */
    ENGINE_CONSUMED, /* the signal with the id `signal` was given to its waiter: must be durable with this step, and never
                        be fed again */
    ENGINE_ASK,    /* `ask` with `body`: must be durable with this step, and then be carried out exactly once.  Those of one
                      execution in order */
    ENGINE_ENDED,  /* the execution is over (engine_columns() says how) */
};

/* How a pass ended. */
enum engine_scope_outcome { PASS_DONE = 0, PASS_FAILED, PASS_BREAK, PASS_CONTINUE, PASS_CANCELLED };

enum engine_why { WHY_START = 0, WHY_TIMER, WHY_SIGNAL, WHY_CHILD, WHY_SCOPE, WHY_ANSWER };

struct engine_effect {
    enum engine_effect_type type;
    uint64_t act;
    size_t node;             /* RUN, CANCEL */
    uint32_t attempt;        /* RUN: from 1 */
    uint32_t call;           /* RUN: which call of the activation it is, from 1 */
    enum engine_why why;     /* RUN */
    json_t *checkpoint;      /* RUN: owned reference, or NULL */
    json_t *event;           /* RUN: signal data, child's result, error of a pass; owned reference, or NULL */
    char *signal;            /* RUN, WHY_SIGNAL: its type.  CONSUMED: its id; owned, or NULL */
    enum engine_scope_outcome scope_outcome; /* RUN, SCOPE: how the pass ended, */
    uint64_t scope_pass;     /* its number, */
    json_t *scope;           /* and all passes so far, see wfw_call.scope; owned reference, or NULL (of a node that opened none) */
    char *ask;               /* ASK: its kind; owned */
    json_t *body;            /* ASK: owned reference */
    int64_t timeout_ms;      /* RUN: time of this attempt, 0 = none */
    const char *log_node;    /* LOG: lives as long as the definition */
    const char *log_level;   /* LOG: "info", "warning", "error"; static */
    const char *log_text;    /* LOG: at most 5000 characters */
    char *log_own;           /* LOG: the same as log_text, owned; NULL: that lives as long as the definition */
    int64_t at_us;           /* LOG: strictly increasing within an execution */
};
struct engine_effects {
    struct engine_effect *items;
    size_t len, cap;
};
void engine_effects_clear(struct engine_effects *fx); /* frees the contents, keeps the array */
void engine_effects_free(struct engine_effects *fx);

/* ---- State ---- */
struct engine_state;

struct engine_state *engine_state_new(void); /* before START */
void engine_state_free(struct engine_state *s);

/* Feed one event.  Events for an activation that is over (late results) change nothing and return 0 with no effects.
 * -1 only for an event that makes no sense (START twice, an unknown activation): the state is unchanged. */
int engine_step(const struct def *d, struct engine_state *s, const struct engine_event *ev, int64_t now_us,
                struct engine_effects *fx, struct error *e);

enum engine_status { STATUS_NEW, STATUS_RUNNING, STATUS_PAUSED, STATUS_WAITING_SIGNAL, STATUS_RETRY, STATUS_COMPLETED, STATUS_FAILED };
enum engine_status engine_status(const struct engine_state *s);

/* Over for good: completed, or failed with no retry to come. */
bool engine_ended(const struct engine_state *s);

/* It failed, and ENGINE_RETRY would begin something of it again; true also of one that is not over. */
bool engine_can_retry(const struct engine_state *s);

/* What one execution may have at a time; beyond it, the node that opens passes fails with `too_many_passes`, and the execution ends when
 * it is activations. */
#define ENGINE_MAX_PASSES 100000
#define ENGINE_MAX_ACTS 200000

/* Rows that the execution's log was given.  Who writes them counts them: the snapshot keeps the number, the journal does not. */
uint64_t engine_log_rows(const struct engine_state *s);
void engine_count_log_row(struct engine_state *s);

/* How many activations a handler is working on (RUN given, no outcome yet). */
size_t engine_running(const struct engine_state *s);

/* When ENGINE_WAKE is due next (timer, retry, deadline), or INT64_MAX.  While paused only the execution's deadline
 * counts. */
int64_t engine_next_due(const struct engine_state *s);

/* The i-th activation that waits, from 0; false when there are no more. */
struct engine_wait {
    size_t node;
    uint32_t attempts; /* begun so far */
    int64_t due_us;        /* 0: no time */
    bool retry;            /* for its next attempt, */
    bool turn;             /* or for its turn among the nodes that it is interleaved with; else it is parked, or has entered */
    const json_t *signals; /* types of signals that end the wait, those of answers among them; borrowed, or NULL */
};
bool engine_waiting(const struct engine_state *s, size_t i, struct engine_wait *out);

/* The running activations, for a worker that took the execution over: fills fx with an ENGINE_RUN for each. */
void engine_running_effects(const struct def *d, const struct engine_state *s, struct engine_effects *fx);

/* Is the signal with this id kept for a waiter? */
bool engine_has_signal(const struct engine_state *s, const char *id);

const char *engine_definition_id(const struct engine_state *s);

/* ---- What a handler is given ---- */

/* The config of the activation's node with its templates resolved, a new reference.  `secret` resolves ${secret.NAME}
 * and ${env.NAME}: it returns a new string, or NULL when there is none; a NULL function makes both unknown names.
 * NULL on error: *f is filled (types unknown_name, template_error, type_error, ..., never retryable): feed it as
 * ENGINE_FAIL.  A node type that no plugin has is reported here too (node_type_unknown), before any handler is looked up:
 * as an event in the journal it stays true when a worker with other plugins goes on. */
typedef char *(*engine_secret_fn)(void *ctx, const char *kind, const char *name);
json_t *engine_config(const struct def *d, const struct engine_state *s, uint64_t act, int64_t now_us,
                      engine_secret_fn secret, void *ctx, struct failure *f);

/* The execution's data as the activation sees it; borrowed until the next call with this state, do not change.  A thread
 * must be given a json_copy(). */
const json_t *engine_input(struct engine_state *s, uint64_t act);

/* The drawn edges of a node that has labelled ones or may enter a scope, see wfw_call.edges; borrowed, or NULL. */
const json_t *engine_edges(const struct def *d, size_t node);

/* Where the activation runs: "" in the execution itself, else like "loop1#3/try2"; a new string.  pass: how often the
 * node ran there, from 1. */
char *engine_path(const struct def *d, const struct engine_state *s, uint64_t act, uint32_t *pass);

/* Evaluate an expression in the view of an activation, with extra names (may be NULL) first. */
json_t *engine_eval(const struct def *d, const struct engine_state *s, uint64_t act, const char *expression,
                    const json_t *vars, int64_t now_us, struct failure *f);

/* A variable as the activation sees it, borrowed, or NULL.  scope: "workflow", "loop", "node"; NULL: the nearest. */
const json_t *engine_variable(const struct def *d, const struct engine_state *s, uint64_t act, const char *name,
                              const char *scope);

/* The idempotency key of the activation: the same for all attempts.  A new string. */
char *engine_key(const struct def *d, const struct engine_state *s, uint64_t act);

/* ---- What is stored ---- */

/* The whole state, and back.  read returns NULL and *e for text that this version cannot read. */
void engine_state_write(const struct def *d, const struct engine_state *s, struct buf *out);
struct engine_state *engine_state_read(const struct def *d, const char *text, size_t len, struct error *e);
struct engine_state *engine_state_from(const struct def *d, const json_t *snapshot, struct error *e); /* its values are shared */

/* One event as one JSON object for the journal ({"at": us, "ev": "done", ...}), and replay of one.  The start record
 * names the definition: {"ev":"start","definition":"..."}. */
void engine_event_write(const struct engine_event *ev, int64_t now_us, struct buf *out);
int engine_replay(const struct def *d, struct engine_state *s, const json_t *record, struct error *e);

/* ---- The projection that the backend's readers see ---- */
struct engine_columns {
    const char *status;          /* running, paused, waiting_for_signal, completed, failed; static */
    const char *current_node_id; /* or NULL; borrowed */
    const char *error_message;   /* or NULL; borrowed */
    int retry_count;
    int64_t next_retry_at_us;    /* 0 = null */
    int64_t completed_at_us;     /* 0 = null */
};
void engine_columns(const struct def *d, const struct engine_state *s, struct engine_columns *out);

/* execution_state: exactly the twelve keys, in their order. */
void engine_projection(const struct def *d, const struct engine_state *s, struct buf *out);

#endif
