/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of one node in a handler: the host's side of plugin.h.
 *
 * The loop thread starts and cancels tasks; outcomes may come from any thread and are always delivered on the loop
 * thread, never from inside task_start().  A `struct wfw_task *` that a plugin keeps too long answers WFW_E_STALE. */
#ifndef WF_PLUGIN_TASK_H
#define WF_PLUGIN_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "plugin/heavy.h"
#include "plugin/registry.h"

enum outcome_type { OUTCOME_DONE, OUTCOME_FAIL, OUTCOME_PARK, OUTCOME_ENTER, OUTCOME_LEAVE };

/* What a handler said; everything borrowed for the time of the callback (take references of JSON values). */
struct outcome {
    enum outcome_type type;
    json_t *output;          /* DONE (never NULL; an object unless the handler gave something else), LEAVE; ENTER: vars */
    const char *branch;      /* DONE, ENTER; LEAVE: label; or NULL */
    const char *error_type, *message; /* FAIL */
    bool retryable;
    int64_t retry_after_ms;
    json_t *details;
    int64_t until_us;        /* PARK, ENTER: absolute; 0 = none */
    const char *signal, *child;
    json_t *signals;         /* PARK, ENTER: an array of further types, or NULL */
    json_t *checkpoint;      /* PARK, ENTER */
    uint32_t leave;          /* enum wfw_leave */
    uint64_t pass;           /* ENTER */
    json_t *passes;          /* ENTER: an array of objects, or NULL: one pass */
    const char *to;          /* ENTER: node id, or NULL */
    uint32_t flags, keep;    /* ENTER */
    const char *error_node;  /* FAIL: node id, or NULL */
    json_t *variables;       /* DONE: an array of [name, scope, value], or NULL */
    json_t *asks;            /* all but FAIL: see the engine's asks, or NULL */
    json_t *cancels;         /* DONE: an array of [node id, flags], or NULL */
    bool fresh;              /* PARK: signals that came before are of no use */
};

struct http_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
    const void *body;
    size_t body_len;
    size_t max_response;        /* bytes; 0 = the setting http_max_response */
    int64_t timeout_ms;         /* 0 = none but the task's own */
    unsigned max_redirects;
};
struct http_response {
    int status;                  /* 0 when there was no answer */
    const char *error_type;      /* NULL when there was an answer; else network_error, tls_error, timeout, too_large,
                                    address_refused, invalid_url, too_many_redirects */
    const char *error;           /* text for people */
    const char *const *headers;  /* of the last answer: "Name: value", NULL-terminated */
    const void *body;
    size_t body_len;
    const char *effective_url;
    struct buf *buffer;          /* what the body is in, which may be taken away (buf_steal()); NULL: it stays borrowed */
};
typedef void (*http_done_fn)(void *arg, const struct http_response *response);

/* What the worker lends to handlers.  All are called on the loop thread, except now_us, which is called from any; owner
 * is what task_start() got, or NULL when that task is over.  Members may be NULL: then there is none. */
struct task_services {
    uv_loop_t *loop;
    void *ctx;
    struct heavy *heavy; /* for large answers; NULL: they are dealt with on the loop */
    /* Begin a transfer; done is called once, later, unless http_cancel was called.  NULL and *e when it cannot begin. */
    void *(*http_start)(void *ctx, const struct http_request *request, http_done_fn done, void *arg, struct error *e);
    void (*http_cancel)(void *ctx, void *transfer);
    /* Time of a test's own: fire is called once, later, after ms, unless timer_stop was called.  NULL: the loop's timers. */
    void *(*timer_start)(void *ctx, int64_t ms, void (*fire)(void *arg), void *arg);
    void (*timer_stop)(void *ctx, void *timer);
    int64_t (*now_us)(void *ctx);                   /* the wall clock; virtual in tests and exec */
    /* NULL: the message, and in `detail` the failure's type ("" = expression_error) */
    json_t *(*eval)(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e);
    /* a new string, or NULL; what the owner says afterwards must not hold it */
    char *(*secret)(void *ctx, void *owner, const char *name);
    char *(*env)(void *ctx, const char *name);      /* allow-listed names only; a new string, or NULL */
    void (*progress)(void *ctx, void *owner, json_t *value);
    void (*log)(void *ctx, void *owner, int level, const char *text); /* enum log_level */
    /* A variable as the task's node sees it, a new reference; NULL: there is none.  scope NULL: the nearest. */
    json_t *(*variable)(void *ctx, void *owner, const char *name, const char *scope);
    bool virtual_time; /* now_us does not go on by itself */
    bool alone; /* the loop serves one handler only, which may hold it up */
    void (*thread)(bool begins); /* on each thread for blocking handlers, when it begins and before it ends; or NULL */
    void (*over)(void *ctx); /* a task is settled, and its run() has returned; for those that run inside */
    /* Called with an outcome before the handler's call that gave it returns, on whatever thread that is; on_outcome follows on the
     * loop.  log and progress are called in the same way then, owner NULL, and never after `said`.  NULL: all are posted to the loop. */
    void (*said)(void *ctx, const struct outcome *outcome);
};

struct task_call {
    const char *node_type, *node_id, *execution_id, *workflow_id, *key;
    const char *signal;      /* the type of the one that came, or NULL; copied */
    json_t *config, *input, *checkpoint, *event; /* borrowed; references are taken; must not be changed */
    uint32_t attempt, why, scope_outcome;
    int64_t timeout_ms; /* 0 = none */
    uint64_t activation; /* its number in the execution, and */
    uint32_t number;     /* which call of it this is: together never the same again */
    uint64_t scope_pass;
    json_t *scope, *edges; /* borrowed, or NULL */
    bool accepted;  /* this very config was accepted before: it is not looked at again */
    bool at_once;   /* an outcome that is there when task_start() returns is left for task_deliver() */
};

/* The pool and its queue.  Threads are made when they are needed, at most blocking_threads (1 .. 4096); further blocking
 * tasks wait for one in the order in which they were started. */
struct task_host;
struct task_host *task_host_new(const struct task_services *services, size_t blocking_threads, struct error *e);

/* After all tasks are over or cancelled.  The loop must run once more, so that its handles are closed.  Does not wait for
 * handlers that do not return: their number is the result, and unless it is 0 the registry and the program must stay as
 * they are (no registry_close(), end with _exit()). */
size_t task_host_free(struct task_host *h);

struct task;
typedef void (*outcome_fn)(void *owner, struct task *t, const struct outcome *outcome);

/* Start an attempt.  on_outcome is called exactly once, on the loop thread, unless task_cancel() came first; afterwards
 * the task is gone.  Never NULL: a configuration that schema or check() refuse is an outcome, too (config_invalid, not
 * retryable), as is a handler that ends without one (handler_error, not retryable).  The caller keeps the time:
 * timeout_ms only tells the handler; when it is over, task_cancel(). */
struct task *task_start(struct task_host *h, const struct handler *handler, const struct task_call *call,
                        outcome_fn on_outcome, void *owner);

/* Of a task that was started with `at_once`: the outcome is there already; it has to be delivered now (on_outcome is called
 * from inside), or task_cancel() be called. */
bool task_at_hand(const struct task *t);
void task_deliver(struct task *t);

/* The outcome came from another thread than the loop's: it may be large.  While it is held, what on_outcome got stays as it
 * is; any thread may let go of it. */
bool task_off_loop(const struct task *t);
void task_hold(struct task *t);
void task_let_go(struct task *t);

bool task_accepted(const struct task *t); /* its config was found good, now or before */

/* Ask the handler to stop and forget it: no outcome will be delivered.  A blocking handler that does not return keeps
 * its thread; after grace_ms that is logged and counted. */
void task_cancel(struct task *t, int64_t grace_ms);

/* A blocking task that has no thread yet is gone, as if it had never been started.  False: its handler has begun, or is none that
 * blocks, and nothing was changed. */
bool task_withdraw(struct task *t);

size_t task_host_abandoned(const struct task_host *h); /* threads held by cancelled handlers that did not return */
size_t task_host_blocking_free(const struct task_host *h);
size_t task_host_slow(const struct task_host *h); /* calls of loop handlers that took more than 10 ms, so far */

#endif
