/* SPDX-License-Identifier: Apache-2.0 */
/* Durable points.  One save of an execution is under way at most; what happens meanwhile goes into the next one.
 *
 * A save is due when the execution is over or has nothing left to do, when something unsafe wants to start, after a
 * result that must not be got twice, and when much or for long nothing was saved.  So an execution of a trigger and pure
 * nodes is one save.
 *
 * What people see of an execution, its row, is written when it ends, parks or changes its status, and else not more often than
 * every SHOW_US, beginning with the claim: between two effects that follow each other at once nobody could read it.  The journal and the log's rows are
 * always written.  A row that is behind is written at the latest that much later, and before the execution is given back. */
#include "worker/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "base/mem.h"

/* More than that is not written out in execution_state, bytes. */
#define SHOWN_MAX_BYTES ((size_t)64 << 20)
#define SNAPSHOT_ROWS 50
#define KEPT_MAX_EVENTS 500
#define PROJECTION_BYTES 2048 /* most are shorter */
#define KEPT_MAX_BYTES ((size_t)256 * 1024)
#define PAYLOAD_MAX_BYTES ((size_t)16 << 20)
/* What is due sooner than this stays in memory: giving it back and claiming it again would take about as long. */
#define STAY_US (200 * US_PER_MS)
#define FLUSH_US US_PER_S
#define SHOW_US (300 * US_PER_MS)
#define REFUSED_AGAIN_US (3600 * US_PER_S)

static void on_saved(void *arg, enum save_result result, const char *status, const struct error *e);
static void refused(struct run *r, const struct error *e);

/* ---- Large values ---- */

static void on_put(void *arg, const struct error *e)
{
    struct run *r = arg;
    CLEANUP_FREE struct store_payload *list = STEAL(r->putting);
    r->saving = false;
    if (r->dead) {
        run_unbusy(r);
    } else if (e) {
        refused(r, e);
    } else {
        payloads_durable(&r->payloads, list, r->putting_count);
        run_weigh(r);
        run_turn(r);
    }
}

/* Before what names them. */
static bool put_payloads(struct run *r)
{
    if (r->refusal) /* what was refused is not sent again: only the end is saved */
        payloads_forget(&r->payloads);
    r->putting = payloads_pending(&r->payloads, &r->putting_count);
    if (!r->putting)
        return false;
    r->saving = true;
    store_payloads_put(r->w->store, &r->item.id, r->putting, r->putting_count, on_put, r);
    return true;
}

/* ---- The row ---- */

struct whole_job {
    struct heavy_job job; /* must be first */
    struct run *run;      /* `saving` keeps it, and nothing changes its state any more */
    struct buf text;
};

static void whole_work(struct heavy_job *job)
{
    struct whole_job *j = (struct whole_job *)(void *)job;
    engine_projection(j->run->def, j->run->state, &j->text);
}

static void save(struct run *r, enum save_then then, int64_t due_us);

static void whole_done(struct heavy_job *job)
{
    struct whole_job *j = (struct whole_job *)(void *)job;
    struct run *r = j->run;
    r->saving = false;
    r->whole = j->text;
    xfree(j);
    if (r->dead)
        run_unbusy(r);
    else
        save(r, SAVE_END, 0);
}

static void whole_drop(struct heavy_job *job)
{
    struct whole_job *j = (struct whole_job *)(void *)job;
    buf_free(&j->text);
    xfree(j);
}

/* The end of an execution with large values: writing them out is not for the loop. */
static bool write_whole(struct run *r, size_t bytes)
{
    if (!r->w->heavy || bytes <= HEAVY_BYTES)
        return false;
    struct whole_job *j = xcalloc(1, sizeof(*j));
    j->job = (struct heavy_job){.work = whole_work, .done = whole_done, .drop = whole_drop};
    j->run = r;
    r->saving = true;
    heavy_submit(r->w->heavy, &j->job);
    return true;
}

/* What readers see: while it runs, large values stand there by name, so that each is written once and not with every save.  At the
 * end everything is written out, if it is not more than a column should hold.  -1: that is done beside the loop, and the save comes
 * again. */
static int write_projection(struct run *r, bool ended, struct buf *out)
{
    struct payloads *p = &r->payloads;
    if (r->whole.data) {
        *out = r->whole;
        r->whole = (struct buf)BUF_INIT;
        return 0;
    }
    struct js_written written = r->kept.written; /* by the journal's records, which say the same */
    buf_reserve(out, PROJECTION_BYTES);
    out->refs = &p->shown.refs;
    out->written = p->len == 0 ? &written : NULL;
    payloads_count(p);
    engine_projection(r->def, r->state, out);
    out->written = NULL;
    if (!ended || p->referred == 0 || out->len + p->referred > SHOWN_MAX_BYTES)
        return 0;
    if (write_whole(r, p->referred))
        return -1;
    buf_clear(out);
    out->refs = NULL;
    engine_projection(r->def, r->state, out);
    return 0;
}

/* ---- Saving ---- */

static bool must_show(const struct run *r, enum save_then then, const struct engine_columns *c)
{
    return then != SAVE_KEEP || strcmp(c->status, r->status) != 0 || r->leaving || clock_mono_us() - r->shown_us >= SHOW_US;
}

/* Only the row is to be written: nothing has happened that a second try could do twice. */
static bool only_shows(const struct run *r, enum save_then then)
{
    return then == SAVE_KEEP && r->kept.len == 0 && r->log_count == 0 && r->used_count == 0 && r->ask_count == 0;
}

static void save(struct run *r, enum save_then then, int64_t due_us)
{
    if (put_payloads(r))
        return; /* and once more, then */
    CLEANUP_BUF struct buf journal = BUF_INIT, snapshot = BUF_INIT, projection = BUF_INIT;
    snapshot.refs = &r->payloads.names.refs;
    struct engine_columns c;
    bool with_journal = !only_shows(r, then);
    bool with_snapshot = then == SAVE_PARK || (then == SAVE_KEEP && r->rows_since_snapshot + 1 >= SNAPSHOT_ROWS);
    engine_columns(r->def, r->state, &c);
    r->shows = must_show(r, then, &c);
    if (with_journal)
        kept_journal(&r->kept, r->kept.len, &journal);
    if (r->shows && write_projection(r, then == SAVE_END, &projection) != 0)
        return;
    turns_note(&r->w->turns, "save", r->execution_id, journal.len + projection.len);
    if (with_snapshot)
        engine_state_write(r->def, r->state, &snapshot);
    if (with_snapshot)
        run_measured(r, snapshot.len);
    r->kept_in_save = r->kept.len;
    r->used_in_save = r->used_count;
    r->then = then;
    r->saving = true;
    r->durable = false;
    r->rows_since_snapshot = with_snapshot ? 0 : r->rows_since_snapshot + with_journal;
    xfree(r->new_status);
    r->new_status = xstrdup(c.status);
    acts_saving(r);
    timer_clear(&r->w->timers, &r->flush);
    if (then != SAVE_KEEP) /* whoever claims it next wakes it */
        timer_clear(&r->w->timers, &r->wake);
    struct store_save s = {.id = r->item.id, .token = r->token, .expected_status = r->status,
                           .seq = with_journal ? r->seq++ : r->seq - 1,
                           .journal = journal.data, .journal_len = journal.len, .snapshot = snapshot.data,
                           .snapshot_len = snapshot.len, .definition = engine_definition_id(r->state),
                           .projection = projection.data, .projection_len = projection.len, .status = c.status,
                           .current_node_id = c.current_node_id, .error_message = c.error_message,
                           .retry_count = c.retry_count, .next_retry_at_us = c.next_retry_at_us,
                           .completed_at_us = c.completed_at_us, .logs = r->logs, .log_count = r->log_count,
                           .used = (const char *const *)r->used, .used_count = r->used_count,
                           .asks = r->asks, .ask_count = r->ask_count,
                           .then = then, .due_us = due_us};
    store_save(r->w->store, &s, on_saved, r);
    run_logs_clear(r);
    run_asks_clear(r);
}

/* A full worker gives its places back even for a moment: what goes round and round in short waits must not keep others out. */
static bool may_stay(const struct run *r, int64_t due)
{
    return due != INT64_MAX && due - clock_now_us() <= STAY_US && !r->leaving &&
           r->w->held.len < (size_t)r->w->settings->max_in_flight;
}

/* The row is behind for long enough. */
static bool overdue(const struct run *r)
{
    return r->behind && clock_mono_us() - r->shown_us >= SHOW_US;
}

/* Nothing runs: wait for what is due, in memory when that is soon. */
static void park(struct run *r)
{
    int64_t due = engine_next_due(r->state);
    if (may_stay(r, due)) {
        if ((r->durable && r->kept.len > 0) || overdue(r))
            save(r, SAVE_KEEP, 0);
        return;
    }
    if (r->kept.len == 0 && !r->behind)
        run_release(r, due);
    else
        save(r, SAVE_PARK, due);
}

/* The worker ends and no handler works on it any more. */
static void leave(struct run *r)
{
    if ((r->durable && r->kept.len > 0) || r->behind)
        save(r, SAVE_KEEP, 0);
    else
        run_release(r, 0);
}

static bool keep_is_due(const struct run *r)
{
    if (overdue(r) || r->payloads.undurable_bytes >= PAYLOAD_MAX_BYTES)
        return true;
    return r->kept.len > 0 && (r->durable || acts_wait_for_save(r) || r->kept.len >= KEPT_MAX_EVENTS ||
                               r->kept.text.len >= KEPT_MAX_BYTES);
}

void run_save_if_due(struct run *r)
{
    if (engine_ended(r->state)) {
        acts_clear(r);
        save(r, SAVE_END, 0);
    } else if (engine_running(r->state) == 0) {
        park(r);
    } else if (r->leaving && acts_started(r) == 0) {
        leave(r);
    } else if (keep_is_due(r)) {
        save(r, SAVE_KEEP, 0);
    } else if ((r->behind || r->kept.len > 0) && !timer_is_set(&r->flush)) {
        timer_set(&r->w->timers, &r->flush, r->behind ? r->shown_us + SHOW_US - clock_mono_us() : FLUSH_US);
    }
}

/* ---- What the database said ---- */

/* At most so many lines a second about executions that ended; the statistics count them all. */
#define ENDED_LINES 20

static bool may_say(struct worker *w)
{
    int64_t second = clock_mono_us() / US_PER_S;
    if (second != w->said_second) {
        w->said_second = second;
        w->said_lines = 0;
    }
    return w->said_lines++ < ENDED_LINES;
}

static void count_end(struct run *r)
{
    struct worker *w = r->w;
    struct engine_columns c;
    engine_columns(r->def, r->state, &c);
    bool failed = strcmp(c.status, "failed") == 0;
    w->counts.processed++;
    w->counts.completed += !failed;
    w->counts.failed += failed;
    int64_t taken = (c.completed_at_us ? c.completed_at_us : clock_now_us()) - r->started_us;
    if (failed || may_say(w))
        log_write(failed ? LOG_WARNING : LOG_INFO, failed ? "execution failed" : "execution completed",
                  LOG_STR("execution", r->execution_id), LOG_STR("workflow", r->workflow_id),
                  LOG_INT("ms", taken > 0 ? taken / US_PER_MS : 0),
                  {.name = failed ? "error" : NULL, .text = c.error_message ? c.error_message : ""});
    worker_event(w, &(struct worker_event){.type = WORKER_ENDED, .execution_id = r->execution_id, .status = c.status,
                                           .text = c.error_message, .at_us = c.completed_at_us});
}

static void saved(struct run *r)
{
    xfree(r->status);
    r->status = STEAL(r->new_status);
    kept_drop(&r->kept, r->kept_in_save);
    r->kept_in_save = 0;
    run_used_drop(r, r->used_in_save);
    r->used_in_save = 0;
    payloads_sweep(&r->payloads);
    run_weigh(r);
    acts_saved(r);
    r->behind = !r->shows;
    if (r->shows)
        r->shown_us = clock_mono_us();
    if (r->then == SAVE_END) {
        CRASH_POINT("end.durable");
        count_end(r);
        run_drop(r);
    } else if (r->then == SAVE_PARK) {
        CRASH_POINT("park.durable");
        r->w->counts.parked++;
        run_drop(r);
    } else {
        run_turn(r);
    }
}

/* The database refuses this content: the execution fails with its words, so that the others go on.  If even that is
 * refused, it is put aside. */
static void refused(struct run *r, const struct error *e)
{
    if (r->refusal) {
        run_error(r, "the database refuses to save this execution, put aside for an hour", e);
        run_release(r, clock_now_us() + REFUSED_AGAIN_US);
        return;
    }
    run_error(r, "the database refuses to save this execution", e);
    r->refusal = xasprintf("Worker error: the database refuses the execution's data: %s", e->message);
    r->must_rebuild = true;
    run_peek(r);
}

static void lost(struct run *r, const char *why)
{
    r->w->counts.lost++;
    log_write(LOG_WARNING, "execution dropped", LOG_STR("execution", r->execution_id), LOG_STR("why", why));
    run_drop(r);
}

static void on_saved(void *arg, enum save_result result, const char *status, const struct error *e)
{
    struct run *r = arg;
    (void)status; /* the row is looked at anyway */
    r->saving = false;
    if (r->dead) {
        if (result == SAVE_OK && r->then == SAVE_END)
            count_end(r);
        run_unbusy(r);
        return;
    }
    switch (result) {
    case SAVE_OK:
        saved(r);
        break;
    case SAVE_FENCED:
        lost(r, "another worker holds it");
        break;
    case SAVE_GONE:
        lost(r, "its row vanished");
        break;
    case SAVE_CONFLICT:
        r->must_rebuild = true;
        run_peek(r);
        break;
    case SAVE_REFUSED:
        refused(r, e);
        break;
    }
}
