/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a pool share: the helper processes of one plugin and the calls that go to them.
 *
 *   start --> waiting (the queue) --> given to a helper --> said: its outcome came --> over: "free" came
 * A call whose helper dies before it said something fails with the cause; one that was cancelled goes silently. */
#ifndef WF_HELPER_INSIDE_H
#define WF_HELPER_INSIDE_H

#include <uv.h>

#include "helper/calls.h"
#include "helper/process.h"
#include "plugin/remote.h"
#include "plugin/task_internal.h"
#include "sandbox/death.h"
#include "sandbox/limits.h"
#include "sandbox/quarantine.h"

enum helper_state {
    HELPER_LOADING, /* it has not said "ready" */
    HELPER_IDLE,
    HELPER_BUSY,
    HELPER_LEAVING /* told to end */
};

struct pool;
struct away;
struct beside;

/* A message as it was read. */
struct heard {
    json_t *message; /* NULL: it is none */
    const void *tail;
    size_t tail_len;
    bool large;             /* more than HEAVY_BYTES */
    bool outcome;           /* it is one, and sound: */
    struct outcome said;    /* in `message` */
    uint32_t needs;         /* capabilities without which it could not have been given */
};

/* A transfer of http that a helper asked for. */
struct transfer {
    struct transfer *next;
    struct away *call;
    int64_t id;     /* its name over there */
    void *transfer; /* the service's */
};

/* A call that left. */
struct away {
    struct away *next;     /* in the queue */
    struct task *task;     /* a reference */
    struct helper *helper; /* NULL: it waits */
    bool said, cancelled;
    unsigned returned; /* how often its helper ended before it took it */
    bool trial;        /* it decides whether its node type's quarantine is over */
    struct transfer *transfers;
};

struct helper {
    struct pool *pool;
    struct helper *next;
    struct process process;
    enum helper_state state;
    enum probe_stage stage; /* while LOADING */
    struct away *call;
    enum death_sentence sentence; /* why it was killed */
    bool dying;                   /* it has ended: what it said is still to be heard, */
    size_t heard_late;            /* of which so many bytes were read since */
    struct beside *beside;        /* a large message of it, or for it, that is under way; or NULL */
    bool failed;                  /* it said so itself: `error` */
    struct error error;
    int64_t idle_since_us;
    int64_t cpu_before_ms; /* processor time when the call began */
    uint64_t calls;
    uint32_t given;       /* calls that were sent to it, see death_note.taken */
    uint32_t descriptors; /* open after the first call */
    struct death_note *note;
    uv_poll_t *poll, *drain; /* NULL: no loop yet, or at its end */
    uv_timer_t *timer;       /* of the call, after it was cancelled or said its outcome; or of the end */
    int polled;              /* events of poll */
};

struct pool {
    struct remote remote; /* must be first */
    char *name, *path, *program;
    uint32_t denied;
    size_t max;
    int64_t start_timeout_ms;
    struct limits limits;
    json_t *config, *about; /* about: what the first one told, NULL: not asked */
    struct helper *helpers;
    struct away *first, **last;
    struct remote_stats counts;
    unsigned failures; /* ends in a row that nobody wanted */
    int64_t retry_at_us;
    struct error no_start; /* why the last one could not be started, until a call was told */
    uv_timer_t *timer;
    uv_signal_t *child;
    struct quarantine **quarantines; /* of node types that were called */
    size_t quarantine_count, quarantine_cap;
};

/* launch.c: see struct isolation. */
struct remote *helpers_open(const struct remote_options *o, struct error *e);
json_t *helpers_describe(struct remote *r, struct error *e);
void helpers_configure(struct remote *r, json_t *config);
int helpers_init(struct remote *r, json_t **about, struct error *e);
void helpers_close(struct remote *r);

/* launch.c: start a process and send it what it loads.  NULL and *e. */
struct helper *helper_launch(struct pool *p, struct error *e);
void helper_send_init(struct helper *h);
void helper_free(struct helper *h); /* out of the list; its process must be over */

/* One that was told to end, which the plugin's drain() and exit() may take, or closed its channel, is ended after this. */
#define END_MS 2000

#define READ_BYTES ((size_t)256 * 1024) /* what is read of one helper before the loop goes on with others */

/* ending.c (loop) */
void helper_conclude(struct helper *h); /* its process is over, what it said was heard: frees it */
void pool_failed(
    struct pool *p); /* one ended, or could not be had, that nobody wanted to end: the next may come later */

/* hear.c (loop) */
void helper_watch(struct helper *h); /* with the pool's loop */
void helper_unwatch(struct helper *h);
void handle_stop(void *handle);         /* close and free a handle of libuv; NULL is fine */
void helper_flush(struct helper *h);    /* write, and go on writing */
void helper_hear_out(struct helper *h); /* its process is over: helper_conclude() once all that it said was heard */
void helper_go_on(struct helper *h);    /* nothing is beside any more; may conclude */
void helper_heard(struct helper *h, const struct heard *heard); /* the same, and this was read there */

/* beside.c (loop): on a thread, when it is large and there are threads; else false. */
bool beside_read(struct helper *h, const struct frame *f); /* takes over the frame's buffer */
bool beside_call(struct helper *h, struct task *t, const struct call_clock *clock);
bool beside_answer(struct helper *h, json_t *answer); /* takes a reference */
void beside_forget(struct helper *h);

/* pool.c (loop) */
void pool_feed(struct pool *p); /* give waiting calls to processes, make processes */
void helper_kill_after(struct helper *h, int64_t ms);
void helper_sentence(struct helper *h, enum death_sentence why);
void helper_ready(struct helper *h);
void helper_said(struct helper *h);                       /* the call has its outcome: run() has to return soon */
void helper_over(struct helper *h, uint32_t descriptors); /* "free" */
void away_free(struct pool *p, struct away *a);
void pool_dequeue(struct pool *p, struct away *a);

/* keep_away.c (loop): quarantine. */
bool keep_away(struct pool *p, const struct away *a); /* it must not begin before a sweep */
void keep_away_sweep(struct pool *p); /* calls that wait are refused, or let try; not from inside task_start() */
void keep_away_crashed(struct pool *p, struct away *a, const struct death_words *w);
void keep_away_came_back(struct pool *p, struct away *a);
void keep_away_undecided(struct pool *p, struct away *a);
void keep_away_free(struct pool *p);

/* talk.c: read a message; any thread.  The tail is borrowed of the frame. */
void heard_make(struct heard *heard, const struct frame *f);
void heard_clear(struct heard *heard);

/* talk.c (loop): what a helper says.  False: it is no message. */
bool talk_take(struct helper *h, const struct heard *heard);
void talk_stop_transfers(struct away *a);

#endif
