/* SPDX-License-Identifier: Apache-2.0 */
/* How long a turn of the loop takes: from its wake-up until it waits again.  While a turn lasts nothing else happens in this
 * worker, so the longest one is what an answer, a timer or a lease may come too late by.
 *
 * Loop thread. */
#ifndef WF_WORKER_TURNS_H
#define WF_WORKER_TURNS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define TURN_LONG_US INT64_C(500000)    /* a turn over this is told of and counted */
#define TURN_WINDOW_US INT64_C(60000000)

struct turns {
    uint64_t began_ns, idle_ns; /* at the end of the last turn: time, and how long the loop has waited so far */
    int64_t longest_us;         /* since the start */
    int64_t recent_us;          /* the longest of this window, */
    int64_t before_us;          /* and of the one before */
    int64_t window_us;          /* monotonic: when this window began */
    int64_t busy_us;            /* all turns together */
    uint64_t count, too_long;   /* all, and those over TURN_LONG_US */
    /* The largest thing that this turn had to do with, for the warning: what it was (a literal), of which execution, bytes. */
    const char *what;
    char who[64];
    size_t bytes;
};

/* Before the loop turns for the first time: it counts how long it waits from now on. */
void turns_begin(struct turns *t, uv_loop_t *loop);

/* Once a turn of the loop, at its end. */
void turns_mark(struct turns *t, uv_loop_t *loop);

/* This turn looked at so many bytes; `what` lives forever, `who` is copied when it is the largest. */
void turns_note_at(struct turns *t, const char *what, const char *who, size_t bytes);

static inline void turns_note(struct turns *t, const char *what, const char *who, size_t bytes)
{
    if (bytes > t->bytes)
        turns_note_at(t, what, who, bytes);
}

/* The longest turn of the last one to two minutes, microseconds. */
int64_t turns_recent_us(const struct turns *t);

#endif
