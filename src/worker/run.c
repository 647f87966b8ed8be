/* SPDX-License-Identifier: Apache-2.0 */
/* One execution in flight: events in, effects out, and what to do when nothing more happens by itself.
 *
 * Everything that happens to a run ends in run_turn(), which starts what may start and asks for a durable point when one
 * is due.  The engine is never called from inside an effect. */
#include "worker/inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/signal_row.h"

static void on_wake(struct timer_item *t);
static void on_flush(struct timer_item *t);
static void on_retry(struct timer_item *t);

struct run *run_new(struct worker *w, const struct store_claim *c)
{
    struct run *r = xcalloc(1, sizeof(*r));
    r->item.id = c->id;
    r->w = w;
    r->token = c->token;
    r->execution_id = xstrdup(c->execution_id ? c->execution_id : "");
    uuid_format(&c->workflow_id, r->workflow_id);
    r->started_us = c->started_at_us;
    r->shown_us = clock_mono_us();
    payloads_init(&r->payloads, w->settings->max_inline);
    r->kept.refs = &r->payloads.names.refs;
    r->wake.fire = on_wake;
    r->flush.fire = on_flush;
    r->retry.fire = on_retry;
    idmap_add(&w->held, &r->item);
    run_weigh(r);
    return r;
}

static void run_free(struct run *r)
{
    run_weigh_nothing(r);
    run_used_drop(r, r->used_count);
    xfree(r->used);
    run_asks_clear(r);
    xfree(r->asks);
    run_logs_clear(r);
    xfree(r->logs);
    kept_free(&r->kept);
    xfree(r->acts);
    xfree(r->putting);
    engine_state_free(r->state);
    payloads_free_beside(r->w->heavy, &r->payloads);
    def_unref(r->def);
    claim_copy_free(r->claim);
    xfree(r->definition_id);
    xfree(r->execution_id);
    xfree(r->status);
    xfree(r->new_status);
    xfree(r->refusal);
    buf_free(&r->whole);
    xfree(r);
}

void run_destroy(struct run *r, struct idmap *h)
{
    acts_clear(r);
    idmap_remove(h, &r->item);
    run_free(r);
}

void run_drop(struct run *r)
{
    struct worker *w = r->w;
    if (r->dead)
        return;
    r->dead = true;
    acts_clear(r);
    timer_clear(&w->timers, &r->wake);
    timer_clear(&w->timers, &r->flush);
    timer_clear(&w->timers, &r->retry);
    idmap_remove(&w->held, &r->item);
    if (r->saving || r->peeking || r->loading)
        idmap_add(&w->dropped, &r->item);
    else
        run_free(r);
    worker_check_drained(w);
}

void run_release(struct run *r, int64_t due_us)
{
    store_release(r->w->store, &r->item.id, r->token, due_us);
    run_drop(r);
}

void run_unbusy(struct run *r)
{
    if (r->dead && !r->saving && !r->peeking && !r->loading)
        run_destroy(r, &r->w->dropped);
}

int64_t run_now(struct run *r)
{
    int64_t now = clock_now_us();
    if (now > r->now_us)
        r->now_us = now;
    return r->now_us;
}

void run_error(const struct run *r, const char *what, const struct error *e)
{
    r->w->counts.errors++;
    log_write(LOG_ERROR, what, LOG_STR("execution", r->execution_id), LOG_STR("workflow", r->workflow_id),
              LOG_STR("error", e->message), LOG_STR("detail", e->detail), LOG_STR("hint", e->hint));
}

/* ---- Log rows ---- */

static bool log_wanted(enum execution_log filter, const char *node, const char *level)
{
    bool info = strcmp(level, "info") == 0;
    if (filter == EXECUTION_LOG_FULL)
        return true;
    if (filter == EXECUTION_LOG_ERRORS)
        return strcmp(level, "error") == 0;
    return !info || strcmp(node, "start") == 0 || strcmp(node, "end") == 0;
}

static void log_add(struct run *r, const char *node, const char *level, const char *text, char *own, int64_t at_us)
{
    xgrow((void **)&r->logs, &r->log_cap, r->log_count + 1, sizeof(*r->logs));
    r->logs[r->log_count++] = (struct save_log){.node_id = node, .level = level, .message = text, .own = own, .at_us = at_us};
    engine_count_log_row(r->state);
}

/* An execution that goes on for ever does not fill the table: how it ends, and in between what went wrong. */
static bool log_has_room(struct run *r, const char *level, int64_t at_us)
{
    uint64_t rows = engine_log_rows(r->state), max = (uint64_t)r->w->settings->max_log_rows;
    if (rows < max || engine_ended(r->state))
        return true;
    if (rows == max) {
        char *text = xasprintf("This execution has written %" PRIu64 " log rows (max_log_rows): further ones are left out, except "
                               "warnings and failures, a tenth as many, and its end", max);
        log_add(r, "system", "warning", text, text, at_us);
        r->last_log_us = at_us + 1;
        return strcmp(level, "info") != 0;
    }
    return rows <= max + max / 10 && strcmp(level, "info") != 0;
}

void run_log(struct run *r, const char *node, const char *level, const char *text, char *own, int64_t at_us)
{
    CLEANUP_FREE char *mine = own;
    /* Readers sort by time alone: no two rows of one execution have the same. */
    if (at_us <= r->last_log_us)
        at_us = r->last_log_us + 1;
    r->last_log_us = at_us;
    log_write(LOG_DEBUG, text, LOG_STR("execution", r->execution_id), LOG_STR("node", node));
    worker_event(r->w, &(struct worker_event){.type = WORKER_LOG, .execution_id = r->execution_id, .node_id = node,
                                              .level = level, .text = text, .at_us = at_us});
    if (!log_wanted(r->w->settings->execution_log, node, level) || !log_has_room(r, level, at_us))
        return;
    log_add(r, node, level, text, STEAL(mine), r->last_log_us);
}

void run_logs_clear(struct run *r)
{
    for (size_t i = 0; i < r->log_count; i++)
        xfree(r->logs[i].own);
    r->log_count = 0;
}

/* ---- Signals ---- */

static void used_add(struct run *r, char *id)
{
    xgrow((void **)&r->used, &r->used_cap, r->used_count + 1, sizeof(*r->used));
    r->used[r->used_count++] = id;
    CRASH_POINT("signal.used");
}

void run_used_drop(struct run *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        xfree(r->used[i]);
    r->used_count -= count;
    if (r->used_count > 0)
        memmove(r->used, r->used + count, r->used_count * sizeof(*r->used));
}

/* ---- Asks ---- */

static void ask_add(struct run *r, struct engine_effect *f)
{
    struct buf body = BUF_INIT;
    js_write(&body, f->body);
    xgrow((void **)&r->asks, &r->ask_cap, r->ask_count + 1, sizeof(*r->asks));
    size_t len = body.len;
    r->asks[r->ask_count++] = (struct save_ask){.kind = STEAL(f->ask), .body = buf_steal(&body), .body_len = len};
    r->durable = true;
    CRASH_POINT("ask.made");
}

void run_asks_clear(struct run *r)
{
    for (size_t i = 0; i < r->ask_count; i++) {
        xfree((void *)(uintptr_t)r->asks[i].kind);
        xfree((void *)(uintptr_t)r->asks[i].body);
    }
    r->ask_count = 0;
}

/* ---- Signals that came ---- */

static bool is_known(const struct run *r, const char *id)
{
    for (size_t i = 0; i < r->used_count; i++)
        if (strcmp(r->used[i], id) == 0)
            return true;
    return engine_has_signal(r->state, id);
}

/* Nobody will ever be able to: it is used up, and the log says so. */
static void drop_signal(struct run *r, const char *id, const struct error *e)
{
    if (!*id) {
        run_error(r, "a signal cannot be read, it stays unprocessed", e);
        return;
    }
    if (is_known(r, id))
        return;
    char *said = xasprintf("A signal cannot be read and is dropped: %s", e->message);
    run_log(r, "system", "error", said, said, run_now(r));
    used_add(r, xstrdup(id));
    r->behind = true; /* so that it is saved soon */
}

static void feed_signal(struct run *r, const char *text, size_t len, json_t *read)
{
    struct error e = ERROR_INIT;
    CLEANUP(signal_row_clear) struct signal_row s;
    if (signal_row_read(text, len, read, &s, &e) != 0)
        drop_signal(r, s.id, &e);
    else if (!is_known(r, s.id))
        run_apply(r, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = s.type, .signal_id = s.id, .output = s.data});
    if (run_outgrows(r, run_size(r)))
        run_end_too_large(r);
}

/* So many are read at a time, of each kind. */
#define SIGNALS_READ 10000

static void tell_crowd(struct run *r, size_t count)
{
    if (count < SIGNALS_READ || r->crowd_told || engine_ended(r->state))
        return;
    r->crowd_told = true;
    char *text = xasprintf("%d signals wait that no node takes: later ones are seen when these are used", SIGNALS_READ);
    run_log(r, "system", "warning", text, text, run_now(r));
    r->behind = true;
}

void run_signals(struct run *r, const struct store_claim *c, const struct prepared *made)
{
    for (size_t i = 0; i < c->signal_count && !engine_ended(r->state); i++)
        feed_signal(r, c->signals[i], c->signals_len[i], made->signals ? made->signals[i] : NULL);
    tell_crowd(r, c->signal_count);
}

/* ---- Events ---- */

void run_effects(struct run *r, struct engine_effects *fx)
{
    for (size_t i = 0; i < fx->len; i++) {
        struct engine_effect *f = &fx->items[i];
        if (f->type == ENGINE_RUN)
            acts_add(r, f);
        else if (f->type == ENGINE_CANCEL)
            acts_cancel(r, f->act);
        else if (f->type == ENGINE_LOG)
            run_log(r, f->log_node, f->log_level, f->log_text, STEAL(f->log_own), f->at_us);
        else if (f->type == ENGINE_CONSUMED)
            used_add(r, STEAL(f->signal));
        else if (f->type == ENGINE_ASK)
            ask_add(r, f);
    }
    engine_effects_clear(fx);
}

/* Outcomes of nodes that bring something. */
static bool is_growing(enum engine_event_type type)
{
    return type == ENGINE_DONE || type == ENGINE_PARK || type == ENGINE_ENTER || type == ENGINE_LEAVE || type == ENGINE_PROGRESS;
}

static int apply_too_large(struct run *r, uint64_t act, int64_t at_us, size_t node)
{
    struct failure f = run_too_large(r, node);
    r->w->counts.nodes_failed++;
    int rc = run_apply_at(r, &(struct engine_event){.type = ENGINE_FAIL, .act = act, .failure = &f}, at_us, node);
    failure_clear(&f);
    return rc;
}

int run_apply_at(struct run *r, const struct engine_event *ev, int64_t at_us, size_t node)
{
    struct engine_effects *fx = &r->w->fx;
    struct error e = ERROR_INIT;
    bool was_retry = engine_status(r->state) == STATUS_RETRY;
    const struct run_size *joined = r->before_joined;
    struct run_size before = joined ? *joined : run_size(r);
    r->before_joined = NULL;
    payloads_add_event(&r->payloads, ev);
    if (is_growing(ev->type) && run_outgrows(r, before))
        return apply_too_large(r, ev->act, at_us, node);
    if (engine_step(r->def, r->state, ev, at_us, fx, &e) != 0) {
        engine_effects_clear(fx);
        log_write(LOG_DEBUG, "event not applied", LOG_STR("execution", r->execution_id), LOG_STR("why", e.message));
        return -1;
    }
    kept_add(&r->kept, ev, at_us, node);
    run_effects(r, fx);
    run_weigh(r);
    if (!was_retry && engine_status(r->state) == STATUS_RETRY)
        r->w->counts.retried++;
    return 0;
}

int run_apply(struct run *r, const struct engine_event *ev)
{
    return run_apply_at(r, ev, run_now(r), SIZE_MAX);
}

void run_terminate(struct run *r, const char *message)
{
    run_apply(r, &(struct engine_event){.type = ENGINE_TERMINATE, .message = message, .refused = true});
}

/* ---- What comes next ---- */

/* When something is due while the run stays in memory, a timer of the loop wakes it. */
static void arm_wake(struct run *r)
{
    int64_t due = engine_ended(r->state) ? INT64_MAX : engine_next_due(r->state);
    if (due == INT64_MAX) {
        timer_clear(&r->w->timers, &r->wake);
        return;
    }
    int64_t wait = due - clock_now_us();
    timer_set(&r->w->timers, &r->wake, wait < US_PER_S * 3600 ? wait : US_PER_S * 3600);
}

void run_turn(struct run *r)
{
    if (r->dead || r->loading || r->peeking)
        return;
    if (r->poked && !r->saving) { /* while something else was under way: look before anything starts */
        run_peek(r);
        return;
    }
    while (acts_start_ready(r))
        ;
    arm_wake(r);
    if (!r->saving)
        run_save_if_due(r);
}

static void on_wake(struct timer_item *t)
{
    struct run *r = CONTAINER_OF(t, struct run, wake);
    if (r->loading || r->peeking || r->leaving)
        return; /* run_turn() comes again when the answer is there */
    if (!engine_ended(r->state) && engine_next_due(r->state) <= run_now(r))
        run_apply(r, &(struct engine_event){.type = ENGINE_WAKE});
    run_turn(r);
}

/* People watch the row: what happened is shown after a while, also when nothing must be durable. */
static void on_flush(struct timer_item *t)
{
    struct run *r = CONTAINER_OF(t, struct run, flush);
    r->durable = r->durable || r->kept.len > 0;
    run_turn(r);
}

static void on_retry(struct timer_item *t)
{
    run_turn(CONTAINER_OF(t, struct run, retry));
}

/* ---- The row was changed from outside ---- */

static void looked(struct run *r, const struct store_claim *c, struct prepared *made)
{
    if (run_rebuild(r, c, made) == 0)
        run_turn(r);
}

static void on_peek(void *arg, const struct store_claim *c)
{
    struct run *r = arg;
    r->peeking = false;
    if (r->dead) {
        run_unbusy(r);
        return;
    }
    if (!c) {
        r->w->counts.lost++;
        log_write(LOG_INFO, "execution is gone or held by another worker", LOG_STR("execution", r->execution_id));
        run_drop(r);
        return;
    }
    CRASH_POINT("change.seen");
    claim_prepare(r, c, looked);
}

void run_peek(struct run *r)
{
    r->poked = false;
    r->peeking = true;
    store_peek(r->w->store, &r->item.id, r->token, on_peek, r);
}
