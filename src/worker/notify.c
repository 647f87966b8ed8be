/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager; nothing when built without it or not started by it. */
#include "config.h"

#include "base/clock.h"
#include "worker/inside.h"

#ifdef WITH_SYSTEMD
#include <systemd/sd-daemon.h>

/* Twice per interval: a loop that hangs is noticed, one busy turn is not. */
static int64_t watchdog_us(void)
{
    uint64_t interval = 0;
    return sd_watchdog_enabled(0, &interval) > 0 ? (int64_t)(interval / 2) : 0;
}

static void on_watchdog(struct timer_item *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, watchdog);
    sd_notify(0, "WATCHDOG=1");
    timer_set(&w->timers, t, watchdog_us());
}

void notify_begin(struct worker *w)
{
    sd_notify(0, "STATUS=waiting for the database");
    w->watchdog.fire = on_watchdog;
    if (watchdog_us() > 0)
        timer_set(&w->timers, &w->watchdog, watchdog_us());
}

void notify_ready(void)
{
    sd_notify(0, "READY=1");
}

void notify_status(const char *text)
{
    sd_notifyf(0, "STATUS=%s", text);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

#else

void notify_begin(struct worker *w)
{
    (void)w;
}

void notify_ready(void)
{
}

void notify_status(const char *text)
{
    (void)text;
}

void notify_stopping(void)
{
}
#endif
