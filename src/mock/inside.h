/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share.  The room is the library libwfworker-mock: src/plugin with a test in the worker's
 * place.
 *
 * mock.c     open, close, complaints
 * run.c      one call: start, finish, cancel
 * table.c    the host's functions as a plugin under test sees them: counted, denied, misused
 * watches.c  those for timers, descriptors and http
 * time.c     virtual time
 * lend.c     secrets, variables, expressions
 * script.c   requests and their answers
 * result.c   what came of a call
 * exhaust.c  every way that a call can go wrong
 * left.c     what it left behind
 *
 * Unless a line says otherwise everything belongs to the thread of the test, which is the loop's. */
#ifndef WF_MOCK_INSIDE_H
#define WF_MOCK_INSIDE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "expr/expr.h"
#include "plugin/internal.h"
#include "plugin/task.h"
/* The rest of the library is hidden. */
#pragma GCC visibility push(default)
#include "wfworker/mock.h"
#pragma GCC visibility pop

/* What is due at a virtual time. */
struct event {
    struct event *next; /* by due_us, then as they were made */
    int64_t due_us;
    void (*fire)(void *arg); /* once; the event is gone then */
    void *arg;
};

struct entry; /* of the script, see script.c */

struct wfw_mock {
    struct wfw_mock *next; /* (the room's lock) the newest first */
    uv_loop_t loop;
    uv_async_t wake; /* a thread wants its run to be cancelled */
    uv_timer_t patience;
    bool impatient; /* a minute is over */
    struct task_host *tasks;
    struct registry *registry;
    char *first_type;
    json_t *section;
    _Atomic int64_t now_us;
    struct event *events;
    struct entry *script;
    json_t *requests, *secrets, *env, *variables, *names, *evals;
    struct expr_cache *exprs;
    struct wfw_mock_run *runs; /* (the room's lock) */
    struct buf complaints;     /* (the room's lock) */
    int complaint_count;       /* (the room's lock) all that are in there */
    char *shown;               /* what was handed out last */
    struct buf log;            /* (the room's lock) of the plugin itself */
};

/* A watch of a loop handler. */
struct hook {
    struct hook *next;
    struct wfw_mock_run *run;
    struct wfw_watch *watch; /* NULL: over */
    bool is_fd;
    union {
        wfw_timer_fn timer;
        wfw_fd_fn fd;
        wfw_http_fn http;
    } fn;
    void *arg;
};

struct wfw_mock_run {
    struct wfw_mock *mock;
    struct wfw_mock_run *next; /* in mock->runs */
    const struct handler *real;
    struct handler handler; /* the same with a node whose functions are ours */
    struct wfw_node node;
    struct task *task;       /* until it is settled */
    struct task *held;       /* a reference for who cancels inside of task_start() */
    struct wfw_task *handle; /* (the room's lock) NULL: run() was not called yet */
    json_t *input;
    struct event *deadline;
    struct hook *hooks;
    struct buf log; /* (the room's lock) */
    json_t *progress;
    uint32_t flags, cancel_at, fault_at;
    _Atomic uint32_t steps, faults, turns;
    const char *cancelled_before; /* (the room's lock) the host's function, or NULL: between two turns */
    const char *denied;           /* (the room's lock) the host's function */
    bool cancel_asked;            /* (the room's lock) by a thread, which waits */
    bool cancelled;               /* (the room's lock) */
    bool began, returned;         /* (the room's lock) run() */
    bool starting;                /* in task_start() */
    bool cancelling;              /* in cancel() of the plugin */
    bool timed_out, ended;        /* ended: there will be no other outcome */
    json_t *outcome;
    char *text;
    struct wfw_mock_result result;
    json_t *texts; /* what result points at */
};

/* mock.c */
void room_lock(void);
void room_unlock(void);
void room_wait(void);                                 /* with the lock */
void room_wake(void);                                 /* those who wait; with the lock */
struct wfw_mock *newest_mock(void);                   /* any thread; NULL: none is open */
struct wfw_mock_run *run_of(struct wfw_task *handle); /* any thread; NULL: none has it */
/* Any thread; m NULL: the newest.  The text needs no newline. */
void complain(struct wfw_mock *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void set_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* run.c */
bool run_blocks(const struct wfw_mock_run *run); /* its handler is of the blocking class */
void run_cancel(struct wfw_mock_run *run);
bool run_over(struct wfw_mock_run *run);
void mock_turned(struct wfw_mock *m); /* after something happened on the loop: whose turn to be cancelled is it? */

/* table.c */
const struct wfw_host *mock_table(void);
struct wfw_mock_run *set_current(struct wfw_mock_run *run); /* whose handler this thread is in; what it was before */
struct wfw_mock_run *current_run(void);
/* A call of the host begins.  deniable: it may be told no.  True: it is. */
bool step(struct wfw_task *task, const char *name, bool deniable);

/* watches.c */
struct wfw_watch *table_timer(struct wfw_task *task, int64_t ms, wfw_timer_fn fn, void *arg);
struct wfw_watch *table_fd(struct wfw_task *task, int fd, uint32_t events, wfw_fd_fn fn, void *arg);
struct wfw_watch *table_http(struct wfw_task *task, const struct wfw_http_request *request, wfw_http_fn fn, void *arg);
void table_unwatch(struct wfw_watch *watch);
bool run_watches(const struct wfw_mock_run *run, bool fds_only);

/* time.c */
struct event *event_add(struct wfw_mock *m, int64_t after_ms, void (*fire)(void *arg), void *arg);
void event_remove(struct wfw_mock *m, struct event *ev);
bool event_next(struct wfw_mock *m, int64_t until_us); /* the next one that is due by then; false: there is none */
void *lent_timer_start(void *ctx, int64_t ms, void (*fire)(void *arg), void *arg);
void lent_timer_stop(void *ctx, void *timer);
int64_t lent_now(void *ctx); /* any thread */

/* lend.c */
json_t *lent_eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e);
char *lent_secret(void *ctx, void *owner, const char *name);
char *lent_env(void *ctx, const char *name);
void lent_progress(void *ctx, void *owner, json_t *value);
json_t *lent_variable(void *ctx, void *owner, const char *name, const char *scope);

/* script.c */
void *script_start(void *ctx, const struct http_request *request, http_done_fn done, void *arg, struct error *e);
void script_cancel(void *ctx, void *transfer);
void script_free(struct wfw_mock *m);    /* complains about what nobody asked for */
json_t *script_save(struct wfw_mock *m); /* how often each was used, and the number of requests; new */
void script_restore(struct wfw_mock *m, const json_t *saved);

/* result.c */
void result_set(struct wfw_mock_run *run, json_t *outcome); /* takes over; the first one counts */
void result_free(struct wfw_mock_run *run);

/* left.c: what is there now, to be compared with what is there later. */
json_t *open_descriptors(void);                                 /* {"7": "/path"}, new */
char *new_descriptors(const json_t *before, const json_t *now); /* in words; NULL: none; new */
bool memory_in_use(size_t *bytes);                              /* false: this system does not say */

#endif
