/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of plugins that hold up the loop.  A call that took long because the machine had no processor for us is not the
 * plugin's fault: it counts only what the thread computed, or, when it went to sleep in between, the whole time.
 *
 * What the thread has used only the kernel knows.  Asking it before every call would cost more than most calls, so an answer
 * serves all calls that begin within a millisecond of it; what the thread may have computed in between is in the loop's favour. */
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/task_internal.h"

#define SLOW_US (10 * US_PER_MS)
#define LOOK_US US_PER_MS

static void look(struct loop_look *l, int64_t now)
{
    struct rusage u;
    *l = (struct loop_look){.at_us = now};
    if (getrusage(RUSAGE_THREAD, &u) != 0)
        return;
    l->cpu_us = (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
    l->sleeps = u.ru_nvcsw;
}

void loop_call_begin(struct task *t, struct loop_call *c)
{
    struct task_host *h = t->host;
    c->began_us = clock_mono_us();
    if (h->look.at_us == 0 || c->began_us - h->look.at_us > LOOK_US)
        look(&h->look, c->began_us);
    c->before = h->look;
}

/* Took a call so long because of what it did? */
static bool is_slow(const struct loop_call *c, int64_t now)
{
    struct loop_look after;
    if (now - c->began_us <= SLOW_US)
        return false;
    look(&after, now);
    int64_t others_us = c->began_us - c->before.at_us;
    return after.sleeps != c->before.sleeps || after.cpu_us - c->before.cpu_us - others_us > SLOW_US;
}

void loop_call_end(struct task *t, const struct loop_call *c)
{
    struct task_host *h = t->host;
    int64_t now = clock_mono_us();
    if (h->services.alone || !is_slow(c, now))
        return;
    h->slow++;
    if (h->slow_logged_us && now - h->slow_logged_us < US_PER_S)
        return;
    h->slow_logged_us = now;
    log_write(LOG_WARNING, SLOW_MESSAGE,
              LOG_STR("plugin", t->handler->plugin_name), LOG_STR("node_type", t->handler->node->type),
              LOG_INT("ms", (now - c->began_us) / US_PER_MS), LOG_INT("times", (int64_t)h->slow));
}
