/* SPDX-License-Identifier: Apache-2.0 */
/* The orderly end: no more claims, running nodes get the grace period, what is left is cancelled, everything is given
 * back, then the store and the services close.  And --until-idle, which decides when that begins. */
#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "worker/inside.h"

/* After the grace period: for the last saves, and for closing the store. */
#define LAST_SAVES_US (5 * US_PER_S)
#define STORE_CLOSE_MS 5000
#define IDLE_LOOK_US (100 * US_PER_MS)
#define IDLE_LOOK_MAX_US (500 * US_PER_MS)

static void each_run(struct worker *w, void (*fn)(struct run *r))
{
    for (struct idmap_item *item = w->held.first, *next; item; item = next) {
        next = item->next;
        fn(RUN_OF(item));
    }
}

/* ---- Closing ---- */

static void on_store_closed(void *arg)
{
    struct worker *w = arg;
    w->store = NULL;
    w->phase = WORKER_OVER;
    CRASH_POINT("stop.closed");
    uv_stop(&w->loop);
}

static void close_all(struct worker *w)
{
    w->phase = WORKER_CLOSING;
    CRASH_POINT("stop.drained");
    timer_clear(&w->timers, &w->grace);
    timer_clear(&w->timers, &w->closing);
    store_stats(w->store, &w->last_store);
    store_close(w->store, STORE_CLOSE_MS, on_store_closed, w);
}

void worker_check_drained(struct worker *w)
{
    if (w->phase == WORKER_DRAINING && !w->sweeping && w->held.len == 0)
        close_all(w);
}

static void drop(struct run *r)
{
    run_drop(r);
}

static void on_closing(struct timer_item *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, closing);
    log_write(LOG_WARNING, "database does not answer, executions left to their leases",
              LOG_INT("count", (int64_t)w->held.len));
    each_run(w, drop);
    worker_check_drained(w);
}

/* ---- Draining ---- */

static void leave(struct run *r)
{
    r->leaving = true;
    acts_withdraw(r);
    if (r->loading)
        run_release(r, 0);
    else
        run_turn(r);
}

/* The attempts that were cancelled are recorded as lost: whoever goes on treats them as such. */
static void cancel(struct run *r)
{
    if (acts_started(r) == 0)
        return;
    acts_clear(r);
    run_apply(r, &(struct engine_event){.type = ENGINE_LOST});
    r->durable = true;
    run_turn(r);
}

static void sweep(struct worker *w, void (*fn)(struct run *r))
{
    w->sweeping = true;
    each_run(w, fn);
    w->sweeping = false;
    worker_check_drained(w);
}

static void on_grace(struct timer_item *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, grace);
    log_write(LOG_WARNING, "grace period is over, running nodes are cancelled", LOG_INT("nodes", (int64_t)w->running));
    timer_set(&w->timers, &w->closing, LAST_SAVES_US);
    sweep(w, cancel);
}

void worker_drain(struct worker *w, const char *why)
{
    if (w->phase != WORKER_WORKING)
        return;
    w->phase = WORKER_DRAINING;
    notify_stopping();
    CRASH_POINT("stop.begun");
    if (worker_worked(w))
        log_write(LOG_INFO, "stopping", LOG_STR("why", why), LOG_INT("held", (int64_t)w->held.len),
                  LOG_INT("running_nodes", (int64_t)w->running), LOG_INT("grace_ms", w->settings->shutdown_grace_ms));
    timer_clear(&w->timers, &w->idle);
    store_set_room(w->store, 0);
    store_stopping(w->store);
    w->grace.fire = on_grace;
    w->closing.fire = on_closing;
    timer_set(&w->timers, &w->grace, w->settings->shutdown_grace_ms * US_PER_MS);
    sweep(w, leave);
}

/* ---- --until-idle ---- */

static void look_again(struct worker *w, int64_t after_us)
{
    timer_set(&w->timers, &w->idle, after_us);
}

static void on_idle_answer(void *arg, bool known, size_t held, int64_t next_due_ms)
{
    struct worker *w = arg;
    w->idle_asked = false;
    if (w->phase != WORKER_WORKING)
        return;
    if (known && held == 0 && w->held.len == 0 && schedules_quiet(w) && next_due_ms > w->options->idle_wait_ms) {
        worker_drain(w, "nothing left to do");
        return;
    }
    int64_t wait = known && next_due_ms < IDLE_LOOK_MAX_US / US_PER_MS ? next_due_ms * US_PER_MS : IDLE_LOOK_MAX_US;
    look_again(w, wait > IDLE_LOOK_US ? wait : IDLE_LOOK_US);
}

static void not_reached(struct worker *w)
{
    struct error e = ERROR_INIT;
    err_set(&e, "the database was not reached within %lld seconds", (long long)(w->options->idle_wait_ms / 1000));
    err_hint(&e, "The lines above say why.  `wfworker check` tests the connection.");
    worker_fatal(w, &e);
}

static void on_idle(struct timer_item *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, idle);
    if (!w->ready && clock_mono_us() - w->started_mono_us > w->options->idle_wait_ms * US_PER_MS) {
        not_reached(w);
    } else if (!w->ready || w->held.len > 0) {
        look_again(w, IDLE_LOOK_US);
    } else if (!w->idle_asked) {
        w->idle_asked = true;
        store_idle(w->store, on_idle_answer, w);
    }
}

void worker_watch_idle(struct worker *w)
{
    w->idle.fire = on_idle;
    if (w->options->until_idle)
        look_again(w, IDLE_LOOK_US);
}
