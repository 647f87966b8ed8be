/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task, for the parts of its implementation.
 *
 *   task_start --> run() on the loop or on a thread of the pool --> decided: an outcome was given (any thread)
 *              --> settled: delivered or cancelled (loop) --> retired once run() has returned: the handle is stale
 *              --> freed when the last reference (watch, job, host function that is running) is gone.
 *
 * What is marked (lock) is guarded by host->lock, what is marked (loop) belongs to the loop thread. */
#ifndef WF_PLUGIN_TASK_INTERNAL_H
#define WF_PLUGIN_TASK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/uuid.h"
#include "plugin/arena.h"
#include "plugin/remote.h"
#include "plugin/task.h"

struct job;
typedef void (*job_fn)(struct job *job);

/* Something to do on the loop thread.  Every kind of job embeds one and frees itself. */
struct job {
    struct job *next;
    struct task *task; /* a reference, or NULL */
    job_fn run;
    job_fn drop; /* instead of run when the host is closing */
};

/* What the thread of the loop had used at a time. */
struct loop_look {
    int64_t at_us, cpu_us, sleeps;
};

struct task_host {
    struct task_services services;
    pthread_t loop_thread;
    _Atomic int refs; /* the owner, tasks, threads */

    pthread_mutex_t lock;
    struct job *jobs, **jobs_end; /* (lock) */
    bool closing;                 /* (lock) */
    uv_async_t *wake;             /* (lock) NULL once closing */
    pthread_cond_t answered;      /* a job that somebody waits for is done */
    pthread_mutex_t saying;       /* before `lock`: what is said at once (services.said) keeps its order with the outcome */

    pthread_cond_t work;                 /* for the pool */
    struct task *waiting, **waiting_end; /* (lock) blocking tasks without a thread yet */
    size_t threads, max_threads, idle;   /* (lock) */
    size_t blocking;                     /* (lock) blocking tasks that wait or run */

    struct task *zombies; /* (loop) cancelled while their handler runs */
    size_t abandoned;     /* (loop) */
    size_t slow;          /* (loop) calls of loop handlers that took too long */
    int64_t slow_logged_us;
    struct loop_look look; /* (loop) the last one, see slow.c */
    struct remote *remotes; /* (loop) those that have calls of this host */
};

struct task {
    _Atomic int refs;
    struct task_host *host;
    struct wfw_task *handle;
    const struct handler *handler;
    struct arena arena;
    struct wfw_call call;
    outcome_fn on_outcome;
    void *owner; /* (loop) NULL once settled */

    bool decided;           /* (lock) an outcome was given, or cancelled */
    struct outcome outcome; /* (lock) set once, with decided */
    json_t *variables;      /* (lock) set so far, kept by the arena; not changed once decided */
    json_t *asks;           /* (lock) the same */
    unsigned ask_ids;       /* (lock) how many were named */
    uint64_t activation;    /* see task_call */
    uint32_t number;
    json_t *cancels;        /* (lock) likewise: nodes to be withdrawn */
    void *data;             /* (lock) the plugin's, which free_data frees with the task */
    wfw_free_fn free_data;  /* (lock) or NULL */
    _Atomic bool cancelled;
    int cancel_fd; /* (lock) -1 = not made */

    json_t *input;  /* (loop) a reference: what the handler sees as call.input, or NULL */
    bool running;   /* (loop) run() is to be called or has not returned */
    bool accepted;  /* (loop) see task_accepted() */
    bool at_once;   /* (loop) in task_start(), and the caller wants an outcome of the loop's at hand instead of posted */
    bool at_hand;   /* (loop) the outcome is there, for task_deliver() */
    bool settled;   /* (loop) */
    bool off_loop;  /* (lock) the outcome was given on another thread */
    bool answering; /* (loop) a callback of the handler runs on another thread */
    bool abandoned; /* (loop) */
    struct wfw_watch *watches; /* (loop) */
    uv_timer_t *grace;         /* (loop) */
    struct task *next;         /* in waiting, or in zombies */
    void *away;                /* (loop) the call of handler->remote, while it is open */
    char texts[];              /* what `call` points at */
};

/* handles.c: from what a plugin holds to the task, with a reference; NULL when it is stale.  Any thread. */
struct wfw_task *handle_new(struct task *t);
struct task *handle_acquire(struct wfw_task *handle);
void handle_retire(struct wfw_task *handle);

/* task_host.c */
void host_ref(struct task_host *h);
void host_unref(struct task_host *h);
bool on_loop(const struct task_host *h);
void host_post(struct task_host *h, struct job *job); /* any thread; drops it when closing */
int64_t host_now_us(void);                            /* any thread; of the newest host, else the real clock */

/* task.c */
void task_ref(struct task *t);
void task_unref(struct task *t);
void task_stop_grace(struct task *t);                 /* (loop) nobody waits for its handler's return any more */
void task_check_silent(struct task *t);               /* (loop) no outcome and nothing left that could bring one? */
void task_returned(struct task *t);                   /* (loop) run() has returned */
bool task_decided(struct task *t);                    /* any thread */
bool task_says_at_once(const struct task *t);         /* any thread: services.said, see there */
void task_hand_over(struct task *t);                  /* (loop) its outcome to its owner, who then forgets it */

/* outcome.c: WFW_OK, or WFW_E_STALE.  Takes over nothing; what it holds is kept by the task's arena. */
int task_decide(struct task *t, const struct outcome *outcome);
int task_fail(struct task *t, const char *type, const char *message);
int outcome_done(struct wfw_task *task, const struct wfw_value *output, const char *branch);
int outcome_fail(struct wfw_task *task, const struct wfw_error *error);
int outcome_park(struct wfw_task *task, const struct wfw_park *park);
int outcome_enter(struct wfw_task *task, const struct wfw_enter *enter);
int outcome_leave(struct wfw_task *task, uint32_t leave, const char *label, const struct wfw_value *output);

/* Copy a structure that a plugin filled, as far as it knows it: false when its size is wrong or its unknown tail is not
 * zero. */
bool take_struct(const struct task *t, void *to, size_t known, const void *from, const char *what);
bool task_may(const struct task *t, uint32_t capability);

/* slow.c (loop): around each call of the plugin; warns when it took too long. */
#define SLOW_MESSAGE "a loop handler held up the loop; it should be a blocking one"
struct loop_call {
    int64_t began_us;
    struct loop_look before;
};
void loop_call_begin(struct task *t, struct loop_call *c);
void loop_call_end(struct task *t, const struct loop_call *c);

/* watch.c */
struct wfw_watch *watch_timer(struct wfw_task *task, int64_t ms, wfw_timer_fn fn, void *arg);
struct wfw_watch *watch_fd(struct wfw_task *task, int fd, uint32_t events, wfw_fd_fn fn, void *arg);
struct wfw_watch *watch_http(struct wfw_task *task, const struct wfw_http_request *request, wfw_http_fn fn, void *arg);
void watch_stop(struct wfw_watch *watch);
void watch_stop_all(struct task *t); /* (loop) */

/* pool.c */
void pool_add(struct task *t);    /* (loop) */
bool pool_remove(struct task *t); /* (loop) true when it had not begun */
size_t pool_close(struct task_host *h); /* how many threads still run a handler */

/* services.c: what struct wfw_host offers besides values, outcomes and watches. */
void service_log(struct wfw_task *task, uint32_t level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void *service_alloc(struct wfw_task *task, size_t size);
int64_t service_now_ms(void);
const struct wfw_value *service_eval(struct wfw_task *task, const char *expression, const struct wfw_value *vars,
                                     struct wfw_error *error);
int service_set_data(struct wfw_task *task, void *data, wfw_free_fn free_data);
void *service_data(struct wfw_task *task);
void service_release(struct wfw_task *task, const struct wfw_value *value);
int service_progress(struct wfw_task *task, const struct wfw_value *value);
int service_cancelled(struct wfw_task *task);
int service_cancel_fd(struct wfw_task *task);
const char *service_secret(struct wfw_task *task, const char *name);
const char *service_env(struct wfw_task *task, const char *name);
int service_set_variable(struct wfw_task *task, const char *name, const struct wfw_value *value, const char *scope);
const struct wfw_value *service_get_variable(struct wfw_task *task, const char *name, const char *scope);
int service_cancel_node(struct wfw_task *task, const char *node_id, uint32_t flags);

int task_complain(const struct task *t, const char *message, const char *what); /* about an argument: WFW_E_INVAL */

/* remote.c (loop) */
void remote_attach(struct task_host *h, struct remote *r);
void remote_detach(struct remote *r);

/* ask.c */
int task_ask(struct task *t, json_t *ask); /* takes over the ask, see engine.h; WFW_OK or WFW_E_STALE */
void task_ask_id(struct task *t, char id[UUID_TEXT]); /* the next of this call: the same when the call is made again */
int service_start_child(struct wfw_task *task, const struct wfw_child *child, char *id);
int service_lock(struct wfw_task *task, const struct wfw_lock *lock, char *id);
int service_send_signal(struct wfw_task *task, const struct wfw_send *send, char *id);
int service_request(struct wfw_task *task, const struct wfw_request *request, char *id);
int service_request_over(struct wfw_task *task, const char *id, const char *choice, const struct wfw_value *answer);

#endif
