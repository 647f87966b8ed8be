/* SPDX-License-Identifier: Apache-2.0 */
/* Large messages: parsing and writing of them takes long, so it happens on threads beside the loop (plugin/heavy.h).  One at a time
 * for each helper, and until it is over nothing else is taken of what that one says; so what it says keeps its order, and what
 * may be under way for it is bounded. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "helper/inside.h"
#include "plugin/values.h"

struct beside {
    struct heavy_job job;  /* must be first */
    struct helper *helper; /* NULL: it is gone */
    struct heavy *heavy;
    struct heard heard;    /* of what is read */
    struct frame frame;    /* in `bytes` */
    struct buf bytes;      /* what is read, or is being written */
    struct part *place;    /* of what is written */
    struct task *task;     /* a call: a reference; or */
    struct call_clock clock;
    json_t *answer;        /* an answer */
    bool too_large;
};

static struct heavy *heavy_of(const struct helper *h)
{
    return h->pool->remote.host ? h->pool->remote.host->services.heavy : NULL;
}

static void finish(struct beside *b)
{
    if (b->task)
        task_unref(b->task);
    json_decref(b->answer);
    heard_clear(&b->heard);
    buf_free(&b->bytes);
    xfree(b);
}

/* True when the helper is still there, which can have another one now. */
static bool leave(struct beside *b)
{
    if (!b->helper)
        return false;
    b->helper->beside = NULL;
    return true;
}

static void drop(struct heavy_job *job)
{
    struct beside *b = (struct beside *)(void *)job;
    leave(b);
    finish(b);
}

void beside_forget(struct helper *h)
{
    if (h->beside)
        h->beside->helper = NULL;
    h->beside = NULL;
}

static struct beside *submit(struct helper *h, const struct beside *what)
{
    struct beside *b = xmalloc(sizeof *b);
    *b = *what;
    b->job.drop = drop;
    b->helper = h;
    b->heavy = heavy_of(h);
    h->beside = b;
    heavy_submit(b->heavy, &b->job);
    return b;
}

/* ---- Reading ---- */

/* Freeing a large document takes as long as reading it. */
static void free_work(struct heavy_job *job)
{
    struct beside *b = (struct beside *)(void *)job;
    heard_clear(&b->heard);
    buf_free(&b->bytes);
}

static void free_done(struct heavy_job *job)
{
    finish((struct beside *)(void *)job);
}

static void read_work(struct heavy_job *job)
{
    struct beside *b = (struct beside *)(void *)job;
    heard_make(&b->heard, &b->frame);
}

static void read_done(struct heavy_job *job)
{
    struct beside *b = (struct beside *)(void *)job;
    struct helper *h = b->helper;
    if (leave(b)) {
        b->helper = NULL;
        helper_heard(h, &b->heard);
    }
    b->job = (struct heavy_job){.work = free_work, .done = free_done, .drop = free_done};
    heavy_submit(b->heavy, &b->job);
}

bool beside_read(struct helper *h, const struct frame *f)
{
    if (f->text_len <= HEAVY_BYTES || !heavy_of(h))
        return false;
    struct beside b = {.job = {.work = read_work, .done = read_done}, .frame = *f};
    channel_detach(&h->process.channel, &b.bytes);
    submit(h, &b);
    return true;
}

/* ---- Writing ---- */

static void write_work(struct heavy_job *job)
{
    struct beside *b = (struct beside *)(void *)job;
    size_t begin = frame_begin(&b->bytes);
    if (b->task)
        call_write(&b->bytes, b->task, b->task->accepted, &b->clock);
    else
        js_write(&b->bytes, b->answer);
    b->too_large = frame_end(&b->bytes, begin, 0) != 0;
}

static void write_done(struct heavy_job *job)
{
    struct beside *b = (struct beside *)(void *)job;
    struct helper *h = b->helper;
    if (leave(b)) {
        channel_fulfil(&h->process.channel, b->place, &b->bytes);
        if (b->too_large)
            helper_sentence(h, DEATH_GARBAGE); /* nobody could take it over there */
        helper_go_on(h);
    }
    finish(b);
}

static bool large_call(const struct wfw_call *c)
{
    size_t left = HEAVY_BYTES;
    return js_exceeds(value_json(c->input), &left) || js_exceeds(value_json(c->config), &left) ||
           js_exceeds(value_json(c->event), &left) || js_exceeds(value_json(c->checkpoint), &left) ||
           js_exceeds(value_json(c->scope), &left) || js_exceeds(value_json(c->edges), &left);
}

bool beside_call(struct helper *h, struct task *t, const struct call_clock *clock)
{
    if (!heavy_of(h) || !large_call(&t->call))
        return false;
    task_ref(t);
    submit(h, &(struct beside){.job = {.work = write_work, .done = write_done}, .task = t, .clock = *clock,
                               .place = channel_await(&h->process.channel)});
    return true;
}

bool beside_answer(struct helper *h, json_t *answer)
{
    size_t left = HEAVY_BYTES;
    if (!heavy_of(h) || !js_exceeds(answer, &left))
        return false;
    submit(h, &(struct beside){.job = {.work = write_work, .done = write_done}, .answer = json_incref(answer),
                               .place = channel_await(&h->process.channel)});
    return true;
}
