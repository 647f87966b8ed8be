/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of a helper process on wfworker's loop: what it says is read piece by piece, and to its end before what it ended with is
 * looked at; what is said to it is written as far as it takes it. */
#include "base/json.h"
#include "base/mem.h"
#include "helper/inside.h"

/* While so much is to be written to one helper nothing more is read of it. */
#define PENDING_MOST ((size_t)64 << 20)

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- Handles ---- */

static void free_handle(uv_handle_t *handle)
{
    xfree(handle);
}

void handle_stop(void *handle)
{
    if (handle)
        uv_close(handle, free_handle);
}

static void on_drain(uv_poll_t *poll, int status, int events)
{
    struct helper *h = poll->data;
    (void)status, (void)events;
    if (!output_drain(&h->process.output, READ_BYTES)) {
        uv_poll_stop(poll);
        return;
    }
    if (h->pool->limits.output && h->process.output.bytes > h->pool->limits.output && h->call)
        helper_sentence(h, DEATH_OUTPUT);
}

static uv_poll_t *new_poll(uv_loop_t *loop, int fd, struct helper *h)
{
    uv_poll_t *poll = xcalloc(1, sizeof *poll);
    poll->data = h;
    uv_poll_init(loop, poll, fd);
    return poll;
}

void helper_watch(struct helper *h)
{
    uv_loop_t *loop = h->pool->remote.host->services.loop;
    h->poll = new_poll(loop, h->process.channel.fd, h);
    h->drain = new_poll(loop, h->process.output.fd, h);
    h->timer = xcalloc(1, sizeof(*h->timer));
    uv_timer_init(loop, h->timer);
    h->timer->data = h;
    uv_poll_start(h->drain, UV_READABLE, on_drain);
    helper_flush(h);
}

void helper_unwatch(struct helper *h)
{
    handle_stop(STEAL(h->poll));
    handle_stop(STEAL(h->drain));
    handle_stop(STEAL(h->timer));
    h->polled = 0;
}

/* Who asks reads the answers first; one that is over may say all. */
static bool may_say_more(const struct helper *h)
{
    return !h->beside && h->sentence == DEATH_OWN && (h->dying || channel_pending(&h->process.channel) < PENDING_MOST);
}

void helper_flush(struct helper *h)
{
    int rc = channel_flush(&h->process.channel);
    int events = (may_say_more(h) ? UV_READABLE : 0) | (rc == 0 ? UV_WRITABLE : 0);
    if (h->poll && h->polled != events && h->sentence == DEATH_OWN)
        uv_poll_start(h->poll, events, on_poll);
    h->polled = events;
}

/* ---- Reading ---- */

static bool take(struct helper *h, const struct frame *f)
{
    struct heard heard;
    heard_make(&heard, f);
    bool good = talk_take(h, &heard);
    heard_clear(&heard);
    return good;
}

/* Of what was read, all that is whole. */
static void take_frames(struct helper *h)
{
    struct frame f;
    int rc = 0;
    while (may_say_more(h) && (rc = channel_take(&h->process.channel, &f, NULL)) == 1)
        if (!beside_read(h, &f) && !take(h, &f))
            helper_sentence(h, DEATH_GARBAGE);
    if (rc < 0)
        helper_sentence(h, DEATH_GARBAGE);
}

static void read_channel(struct helper *h)
{
    if (!may_say_more(h))
        return;
    long n = channel_fill(&h->process.channel, READ_BYTES);
    take_frames(h);
    if (n < 0 && h->poll) {
        uv_poll_stop(h->poll);
        h->polled = UV_READABLE;
        helper_kill_after(h, END_MS); /* it ends just now */
    } else if (h->beside || !h->polled) {
        helper_flush(h); /* nothing is read meanwhile; or go on, see on_poll() */
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct helper *h = poll->data;
    if (status < 0)
        h->polled = 0; /* libuv has stopped it */
    if (h->dying) {
        helper_hear_out(h);
        return;
    }
    if (events & UV_WRITABLE) {
        helper_flush(h);
        events |= UV_READABLE; /* what was left lying */
    }
    if ((events & UV_READABLE) || status < 0)
        read_channel(h);
}

/* Of one that is over: may it have said more?  Others that have its channel, too, cannot go on for ever. */
static bool says_more(struct helper *h)
{
    if (!may_say_more(h))
        return h->beside != NULL;
    long n = channel_fill(&h->process.channel, READ_BYTES);
    take_frames(h);
    h->heard_late += n > 0 ? (size_t)n : 0;
    return h->beside || (n > 0 && h->heard_late <= h->process.channel.most);
}

void helper_hear_out(struct helper *h)
{
    h->dying = true;
    if (says_more(h))
        helper_flush(h);
    else
        helper_conclude(h);
}

void helper_go_on(struct helper *h)
{
    struct pool *p = h->pool;
    if (h->dying) {
        helper_hear_out(h);
        return;
    }
    take_frames(h);
    helper_flush(h);
    if (h->state == HELPER_IDLE)
        pool_feed(p);
}

void helper_heard(struct helper *h, const struct heard *heard)
{
    if (!talk_take(h, heard))
        helper_sentence(h, DEATH_GARBAGE);
    helper_go_on(h);
}
