/* SPDX-License-Identifier: Apache-2.0 */
/* Any number of one-shot timers behind one libuv timer: a heap of items that live inside their owners.
 *
 * An execution in flight has one or two of them; as libuv handles each would need an asynchronous close. */
#ifndef WF_WORKER_TIMERS_H
#define WF_WORKER_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Zeroed = not set.  The owner clears it before it goes away. */
struct timer_item {
    void (*fire)(struct timer_item *t); /* may set and clear timers, its own too */
    int64_t at_us;                      /* monotonic */
    size_t slot;                        /* place in the heap, from 1; 0 = not set */
};

struct timers {
    uv_timer_t handle;
    struct timer_item **heap;
    size_t len, cap;
};

void timers_init(struct timers *t, uv_loop_t *loop);
void timers_close(struct timers *t, uv_close_cb closed); /* forgets all items */

/* Fire once, delay_us from now (0 or less: in the next turn of the loop); replaces what was set. */
void timer_set(struct timers *t, struct timer_item *item, int64_t delay_us);
void timer_clear(struct timers *t, struct timer_item *item);
static inline bool timer_is_set(const struct timer_item *item)
{
    return item->slot != 0;
}

/* The structure that a member is part of. */
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
