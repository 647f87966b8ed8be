/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap by time.  Each item knows its slot, so that clearing one costs a sift, not a search. */
#include "worker/timers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

static void place(struct timers *t, size_t slot, struct timer_item *item)
{
    t->heap[slot - 1] = item;
    item->slot = slot;
}

static void sift_up(struct timers *t, size_t slot)
{
    struct timer_item *item = t->heap[slot - 1];
    for (; slot > 1 && t->heap[slot / 2 - 1]->at_us > item->at_us; slot /= 2)
        place(t, slot, t->heap[slot / 2 - 1]);
    place(t, slot, item);
}

static void sift_down(struct timers *t, size_t slot)
{
    struct timer_item *item = t->heap[slot - 1];
    for (size_t child; (child = slot * 2) <= t->len; slot = child) {
        if (child < t->len && t->heap[child]->at_us < t->heap[child - 1]->at_us)
            child++;
        if (t->heap[child - 1]->at_us >= item->at_us)
            break;
        place(t, slot, t->heap[child - 1]);
    }
    place(t, slot, item);
}

static void take_out(struct timers *t, struct timer_item *item)
{
    size_t slot = item->slot;
    struct timer_item *last = t->heap[--t->len];
    item->slot = 0;
    if (last == item)
        return;
    place(t, slot, last);
    sift_up(t, slot);
    sift_down(t, last->slot);
}

static void on_timer(uv_timer_t *handle);

/* For the first item, but not before so many milliseconds. */
static void arm(struct timers *t, uint64_t least_ms)
{
    if (uv_is_closing((uv_handle_t *)&t->handle))
        return;
    if (t->len == 0) {
        uv_timer_stop(&t->handle);
        return;
    }
    int64_t wait_us = t->heap[0]->at_us - clock_mono_us();
    uv_update_time(t->handle.loop);
    uint64_t wait_ms = wait_us <= 0 ? 0 : (uint64_t)((wait_us + US_PER_MS - 1) / US_PER_MS);
    uv_timer_start(&t->handle, on_timer, wait_ms > least_ms ? wait_ms : least_ms, 0);
}

/* Only what was due when it began, and then a millisecond for others: libuv before 1.45 calls a timer of 0 ms that is started
 * in its own callback once more in the same turn.  So an item that sets itself again cannot keep the loop here. */
static void on_timer(uv_timer_t *handle)
{
    struct timers *t = handle->data;
    int64_t now = clock_mono_us();
    while (t->len > 0 && t->heap[0]->at_us <= now) {
        struct timer_item *item = t->heap[0];
        take_out(t, item);
        item->fire(item);
    }
    arm(t, 1);
}

void timers_init(struct timers *t, uv_loop_t *loop)
{
    *t = (struct timers){0};
    uv_timer_init(loop, &t->handle);
    t->handle.data = t;
}

void timers_close(struct timers *t, uv_close_cb closed)
{
    for (size_t i = 0; i < t->len; i++)
        t->heap[i]->slot = 0;
    xfree(t->heap);
    t->heap = NULL;
    t->len = t->cap = 0;
    uv_close((uv_handle_t *)&t->handle, closed);
}

void timer_set(struct timers *t, struct timer_item *item, int64_t delay_us)
{
    if (item->slot)
        take_out(t, item);
    /* One microsecond at least: on_timer() then cannot meet it in the same turn. */
    item->at_us = clock_mono_us() + (delay_us > 0 ? delay_us : 1);
    xgrow((void **)&t->heap, &t->cap, t->len + 1, sizeof(*t->heap));
    t->heap[t->len++] = item;
    item->slot = t->len;
    sift_up(t, item->slot);
    if (t->heap[0] == item)
        arm(t, 0);
}

void timer_clear(struct timers *t, struct timer_item *item)
{
    if (item->slot)
        take_out(t, item);
}
