/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: a list of what is due, and a clock that jumps from one to the next. */
#include "mock/inside.h"

#include "base/clock.h"
#include "base/mem.h"

#define FOREVER_MS (INT64_MAX / US_PER_MS / 4)

struct event *event_add(struct wfw_mock *m, int64_t after_ms, void (*fire)(void *arg), void *arg)
{
    int64_t ms = after_ms < 0 ? 0 : after_ms > FOREVER_MS ? FOREVER_MS : after_ms;
    struct event *ev = xcalloc(1, sizeof *ev), **at = &m->events;
    *ev = (struct event){.due_us = atomic_load(&m->now_us) + ms * US_PER_MS, .fire = fire, .arg = arg};
    while (*at && (*at)->due_us <= ev->due_us)
        at = &(*at)->next;
    ev->next = *at;
    *at = ev;
    return ev;
}

void event_remove(struct wfw_mock *m, struct event *ev)
{
    for (struct event **at = &m->events; *at; at = &(*at)->next)
        if (*at == ev) {
            *at = ev->next;
            free(ev);
            return;
        }
}

bool event_next(struct wfw_mock *m, int64_t until_us)
{
    struct event *ev = m->events;
    if (!ev || ev->due_us > until_us)
        return false;
    m->events = ev->next;
    if (ev->due_us > atomic_load(&m->now_us))
        atomic_store(&m->now_us, ev->due_us);
    ev->fire(ev->arg);
    free(ev);
    return true;
}

void *lent_timer_start(void *ctx, int64_t ms, void (*fire)(void *arg), void *arg)
{
    return event_add(ctx, ms, fire, arg);
}

void lent_timer_stop(void *ctx, void *timer)
{
    event_remove(ctx, timer);
}

int64_t lent_now(void *ctx)
{
    return atomic_load(&((struct wfw_mock *)ctx)->now_us);
}

int64_t wfw_mock_now(const struct wfw_mock *mock)
{
    return atomic_load(&mock->now_us) / US_PER_MS;
}

int wfw_mock_set_now(struct wfw_mock *mock, int64_t ms)
{
    for (struct wfw_mock_run *run = mock->runs; run; run = run->next)
        if (!run_over(run)) {
            set_error("the time cannot be set while a call is not over");
            return -1;
        }
    if (ms <= 0 || ms > FOREVER_MS) {
        set_error("%lld is not a time", (long long)ms);
        return -1;
    }
    atomic_store(&mock->now_us, ms * US_PER_MS);
    return 0;
}
