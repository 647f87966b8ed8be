/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of plugins that hold up the loop.  A call that took long because the machine had no processor for us is not the
 * plugin's fault: it counts only what the thread computed, or, when it went to sleep in between, the whole time. */
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/task_internal.h"

#define SLOW_US (10 * US_PER_MS)

static void usage(int64_t *cpu_us, int64_t *sleeps)
{
    struct rusage u;
    *cpu_us = *sleeps = 0;
    if (getrusage(RUSAGE_THREAD, &u) != 0)
        return;
    *cpu_us = (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
    *sleeps = u.ru_nvcsw;
}

void loop_call_begin(struct loop_call *c)
{
    usage(&c->cpu_us, &c->sleeps);
    c->began_us = clock_mono_us();
}

void loop_call_end(struct task *t, const struct loop_call *c)
{
    struct task_host *h = t->host;
    int64_t now = clock_mono_us(), took = now - c->began_us, cpu_us, sleeps;
    if (took <= SLOW_US)
        return;
    usage(&cpu_us, &sleeps);
    if (sleeps == c->sleeps && cpu_us - c->cpu_us <= SLOW_US)
        return;
    h->slow++;
    if (h->slow_logged_us && now - h->slow_logged_us < US_PER_S)
        return;
    h->slow_logged_us = now;
    log_write(LOG_WARNING, "a loop handler held up the loop; it should be a blocking one",
              LOG_STR("plugin", t->handler->plugin_name), LOG_STR("node_type", t->handler->node->type),
              LOG_INT("ms", took / US_PER_MS), LOG_INT("times", (int64_t)h->slow));
}
