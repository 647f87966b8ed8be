/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's turns.  What a turn took is the time since the last one ended without the time for which the loop waited in
 * between, which libuv counts. */
#include "worker/turns.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

void turns_begin(struct turns *t, uv_loop_t *loop)
{
    *t = (struct turns){.began_ns = uv_hrtime(), .window_us = (int64_t)(uv_hrtime() / 1000)};
    uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
}

void turns_note_at(struct turns *t, const char *what, const char *who, size_t bytes)
{
    t->what = what;
    t->bytes = bytes;
    snprintf(t->who, sizeof t->who, "%s", who ? who : "");
}

static void say(const struct turns *t, int64_t took_us)
{
    log_write(LOG_INFO, "the loop was held up", LOG_INT("ms", took_us / US_PER_MS),
              {.name = t->what ? "what" : NULL, .text = t->what}, {.name = t->what ? "execution" : NULL, .text = t->who},
              {.name = t->what ? "bytes" : NULL, .number = (int64_t)t->bytes});
}

static void count(struct turns *t, int64_t took_us)
{
    t->count++;
    t->busy_us += took_us;
    if (took_us > t->longest_us)
        t->longest_us = took_us;
    if (took_us > t->recent_us)
        t->recent_us = took_us;
    if (took_us <= TURN_LONG_US)
        return;
    t->too_long++;
    say(t, took_us);
}

void turns_mark(struct turns *t, uv_loop_t *loop)
{
    uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(loop);
    uint64_t passed = now - t->began_ns, waited = idle - t->idle_ns;
    int64_t now_us = (int64_t)(now / 1000);
    t->began_ns = now;
    t->idle_ns = idle;
    if (now_us - t->window_us >= TURN_WINDOW_US) {
        t->before_us = now_us - t->window_us < 2 * TURN_WINDOW_US ? t->recent_us : 0;
        t->recent_us = 0;
        t->window_us = now_us;
    }
    count(t, passed > waited ? (int64_t)((passed - waited) / 1000) : 0);
    t->bytes = 0;
    t->what = NULL;
}

int64_t turns_recent_us(const struct turns *t)
{
    return t->recent_us > t->before_us ? t->recent_us : t->before_us;
}
