/* SPDX-License-Identifier: Apache-2.0 */
/* Work that is too long for the loop: reading, checking and writing of large documents, on two threads of its own.
 *
 * Not libuv's pool, in which names are resolved, and not that of blocking handlers, which they may hold for long.  Threads are
 * made when there is work.  What a job reads must not change until it is done: JSON values that are shared never do, and
 * their reference counts are atomic. */
#ifndef WF_PLUGIN_HEAVY_H
#define WF_PLUGIN_HEAVY_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

/* Documents of more bytes than this are worth a thread. */
#define HEAVY_BYTES ((size_t)64 * 1024)

struct heavy;

/* Every kind of job embeds one.  work() is called on a thread, then done() on the loop, which frees it; drop() on the loop
 * instead of done() when the service ends before, whether or not work() was called. */
struct heavy_job {
    struct heavy_job *next;
    void (*work)(struct heavy_job *job);
    void (*done)(struct heavy_job *job);
    void (*drop)(struct heavy_job *job);
};

/* NULL and *e when the loop has no wake-up for it.  Loop thread, as all that follows. */
struct heavy *heavy_new(uv_loop_t *loop, struct error *e);

/* Waits for jobs that a thread is at, drops all others.  The loop must run once more.  NULL is fine. */
void heavy_free(struct heavy *h);

/* In the order in which they come; done() is never called from inside. */
void heavy_submit(struct heavy *h, struct heavy_job *job);

struct heavy_stats {
    uint64_t jobs;      /* done so far */
    size_t waiting;     /* under way */
    int64_t busy_us;    /* all of them together, on their threads */
    int64_t longest_us;
};
struct heavy_stats heavy_stats(const struct heavy *h); /* NULL: zeros */

#endif
