/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share.
 *
 * exec.c      life of the executions: open, turn the loop, result, close
 * child.c     executions that others start
 * acts.c      activations: start handlers, keep what they said until its turn
 * services.c  what handlers may ask
 * trace.c     what ran, in order */
#ifndef WF_EXEC_INSIDE_H
#define WF_EXEC_INSIDE_H

#include "base/uuid.h"
#include "exec/exec.h"
#include "exec/trace.h"
#include "worker/handling.h"
#include "worker/http.h"
#include "worker/kept.h"
#include "worker/timers.h"

/* One activation that a handler works on, or whose outcome waits for its turn. */
struct exec_act {
    struct exec *x;
    struct exec_act *next; /* in order of start */
    uint64_t id;
    size_t node;
    enum engine_why why;
    uint32_t attempt;
    int64_t started_us, timeout_ms;
    json_t *checkpoint, *event; /* owned, or NULL */
    struct told told;
    struct mask mask;      /* secrets that it was given, which are not shown */
    struct task *task;     /* NULL: it said something, or never began */
    struct kept said;      /* that, one event */
    struct timer_item timeout;
};

struct exec_lock;

/* How one stands to the one that started it. */
struct exec_link {
    struct exec *parent; /* NULL: the first one has none */
    char *node, *reply;  /* of the parent's ask; owned */
    unsigned depth;
    bool waits;          /* the parent is to be told of the end */
    bool abandoned;      /* it goes on when the parent does not */
    bool told;           /* its end was noticed */
};

struct exec {
    const struct exec_options *o;
    const struct settings *settings;
    const struct def *def;
    struct engine_state *state;
    char uuid[UUID_TEXT], execution_id[UUID_TEXT + 8], *workflow_id;
    struct exec_link link;
    struct engine_effects fx;
    struct trace trace;
    json_t *told;           /* answers and signals whose turn has not come: [type, data]; or NULL */
    struct exec *root, *next; /* the first one, and all in the order in which they were started */

    /* What they share is the first one's. */
    uv_loop_t loop;
    struct timers timers;
    struct timer_item wake; /* real time: engine_next_due() */
    struct http_service *http;
    struct task_host *tasks;
    struct exec_act *first, **last;
    size_t to_hear;            /* of the first execution: what all were told and have not heard yet */
    struct exec *newest;       /* of the first execution: the end of the list */
    struct exec_lock *locks;   /* of the first execution: those that were asked for */
    _Atomic int64_t now_us; /* handlers on other threads read it */
    int64_t start_us;
    size_t signals_sent;
    unsigned idle_wakes;    /* in a row, nothing else having happened */
    bool over;
};

/* exec.c */
int64_t exec_now(struct exec *x);
/* One more, named and ready to be started; workflow_id is copied, data borrowed until it is. */
struct exec *exec_new(struct exec *root, const struct def *def, const char *workflow_id, const char *uuid);
int exec_start(struct exec *x, json_t *data, struct error *e);
json_t *exec_columns(struct exec *x); /* what its row would hold, new */
void exec_turn(struct exec *x); /* apply what was said, start what is ready, let time pass */
/* Feed one event; its effects are carried out. */
void exec_apply(struct exec *x, const struct engine_event *ev, size_t node);

/* acts.c */
void exec_begin(struct exec *x, struct engine_effect *fx); /* takes over the effect's values */
/* An engine_secret_fn; ctx = the activation, which remembers the secrets that its handler must not repeat. */
char *exec_secret(void *ctx, const char *kind, const char *name);
void exec_stop(struct exec *x, uint64_t id);
void exec_stop_all(struct exec *root);
/* Apply what was said by the activation whose turn it is; false: nobody's. */
bool exec_apply_next(struct exec *x);

/* asks.c */
void exec_ask(struct exec *x, const char *kind, const json_t *body); /* what an ENGINE_ASK wants */
void exec_tell(struct exec *x, const char *type, json_t *data);      /* a signal or answer, soon; takes over data */
bool exec_hear_next(struct exec *root);                              /* apply the next of these; false: there is none */
void exec_asks_free(struct exec *root);

/* child.c */
void exec_child_start(struct exec *x, const json_t *body);
void exec_child_end(struct exec *x, const json_t *body);
void exec_ended(struct exec *x); /* once: who waits for it is told, and its own children end with it */
json_t *exec_children(struct exec *root); /* an array that tells of all, or NULL: there are none */

/* services.c */
struct task_services exec_services(struct exec *x);

#endif
