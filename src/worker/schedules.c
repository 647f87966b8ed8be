/* SPDX-License-Identifier: Apache-2.0 */
/* Starts executions of schedules.  The database says what is due, cron says what that means, and the database starts it
 * if nobody else has: workers need not agree on who does it. */
#include "worker/schedules.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/schedule.h"
#include "store/schedule.h"
#include "worker/inside.h"

#define ROUND 100                       /* schedules at once */
#define SYNC_US (30 * US_PER_S)         /* changes are notified; this is for one that was not */
#define RETRY_US (2 * US_PER_S)         /* the database could not be asked */
#define MISS_US (250 * US_PER_MS)       /* another worker is at it, or the row is locked */
#define MISSES_BEFORE_SYNC 3

/* What a round starts; lives until the answer is there. */
struct schedule_batch {
    size_t count;
    struct store_schedule_run runs[ROUND];
    struct schedule_plan plans[ROUND];
    char *crons[ROUND], *errors[ROUND];
};

static void batch_free(struct schedule_batch *b)
{
    for (size_t i = 0; b && i < b->count; i++) {
        free(b->crons[i]);
        free(b->errors[i]);
    }
    free(b);
}

static void set_timer(struct worker *w, int64_t wait_us)
{
    int64_t sync_us = w->schedules.next_sync_us - clock_mono_us();
    if (w->schedules.again)
        wait_us = 0;
    timer_set(&w->timers, &w->schedules.timer, wait_us < sync_us ? wait_us : sync_us);
}

/* ---- What a schedule means now ---- */

static int plan(const struct store_schedule *s, int64_t now_us, struct schedule_plan *out, struct error *e)
{
    const struct schedule_text text = {.cron = s->cron, .timezone = s->timezone, .catch_up = s->catch_up, .overlap = s->overlap};
    struct schedule_meaning m;
    if (schedule_read(&text, &m, e) != 0)
        return -1;
    return schedule_plan(&m.cron, m.zone, m.catch_up, s->catch_up_seconds * US_PER_S, s->next_us, now_us, out, e);
}

/* One line that the database takes. */
static char *error_text(const struct error *e)
{
    CLEANUP_FREE char *text = xasprintf("%s%s%s", e->message, e->hint[0] ? "; " : "", e->hint);
    CLEANUP_JSON json_t *clean = js_string_lossy(text, strlen(text));
    return xstrdup(json_string_value(clean));
}

static struct schedule_batch *batch_new(const struct store_due *due, int64_t *next_us)
{
    struct schedule_batch *b = xcalloc(1, sizeof *b);
    for (size_t i = 0; i < due->count && i < ROUND; i++, b->count++) {
        const struct store_schedule *s = &due->schedules[i];
        struct error e = ERROR_INIT;
        struct schedule_plan *p = &b->plans[i];
        b->crons[i] = xstrdup(s->cron);
        if (plan(s, due->now_us, p, &e) != 0) {
            *p = (struct schedule_plan){0};
            b->errors[i] = error_text(&e);
        } else if (p->next_us != 0 && p->next_us < *next_us) {
            *next_us = p->next_us;
        }
        b->runs[i] = (struct store_schedule_run){.id = s->id, .cron = b->crons[i], .seen_us = s->next_us, .next_us = p->next_us,
                                                 .error = b->errors[i], .slots = p->slots, .slot_count = p->count};
    }
    return b;
}

/* ---- The round ---- */

static void say(const struct store_schedule_run *run, const struct store_schedule_done *d)
{
    char id[UUID_TEXT];
    uuid_format(&run->id, id);
    if (d->error)
        log_write(LOG_WARNING, "schedule cannot run", {.name = "schedule", .text = id}, LOG_STR("cron", run->cron), LOG_STR("error", d->error));
    else if (d->started || d->skipped)
        log_write(LOG_DEBUG, "schedule", {.name = "schedule", .text = id}, LOG_STR("cron", run->cron), LOG_INT("started", d->started),
                  LOG_INT("skipped", d->skipped));
}

static void on_done(void *arg, const struct store_schedule_done *done, size_t count)
{
    struct worker *w = arg;
    struct schedules *s = &w->schedules;
    struct schedule_batch *b = s->batch;
    for (size_t i = 0; i < count; i++)
        if (done[i].index < b->count)
            say(&b->runs[done[i].index], &done[i]);
    bool all = count == b->count;
    s->misses = all ? 0 : s->misses + 1;
    if (s->misses >= MISSES_BEFORE_SYNC)
        s->next_sync_us = 0;
    s->asked = false;
    s->batch = NULL;
    set_timer(w, all ? s->wait_us : MISS_US);
    batch_free(b);
}

static void on_due(void *arg, const struct store_due *due)
{
    struct worker *w = arg;
    struct schedules *s = &w->schedules;
    s->looked = true;
    if (!due || w->phase != WORKER_WORKING) {
        s->asked = false;
        s->next_sync_us = 0;
        timer_set(&w->timers, &s->timer, RETRY_US);
        return;
    }
    if (!due->notified && s->next_sync_us > clock_mono_us() + w->settings->poll_interval_ms * US_PER_MS)
        s->next_sync_us = clock_mono_us() + w->settings->poll_interval_ms * US_PER_MS;
    if (due->count == 0) {
        s->asked = false;
        set_timer(w, due->wait_us);
        return;
    }
    int64_t next_us = due->wait_us > INT64_MAX - due->now_us ? INT64_MAX : due->now_us + due->wait_us;
    s->batch = batch_new(due, &next_us);
    s->wait_us = due->count >= ROUND ? 0 : next_us == INT64_MAX ? INT64_MAX : next_us - due->now_us;
    store_schedules_run(w->store, s->batch->runs, s->batch->count, on_done, w);
}

static void on_timer(struct timer_item *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, schedules.timer);
    struct schedules *s = &w->schedules;
    int64_t now = clock_mono_us();
    if (w->phase != WORKER_WORKING || s->asked)
        return;
    bool sync = s->again || now >= s->next_sync_us;
    if (sync)
        s->next_sync_us = now + SYNC_US;
    s->asked = true;
    s->again = false;
    store_schedules_due(w->store, sync, ROUND, on_due, w);
}

void schedules_open(struct worker *w)
{
    w->schedules.timer.fire = on_timer;
}

void schedules_close(struct worker *w)
{
    timer_clear(&w->timers, &w->schedules.timer);
    batch_free(w->schedules.batch);
    w->schedules.batch = NULL;
}

void schedules_changed(struct worker *w)
{
    w->schedules.again = true;
    if (!w->schedules.asked)
        timer_set(&w->timers, &w->schedules.timer, 0);
}

bool schedules_quiet(const struct worker *w)
{
    return w->schedules.looked && !w->schedules.asked && !w->schedules.again;
}
