/* SPDX-License-Identifier: Apache-2.0 */
/* Saves: copied, batched, sent when a connection is free.
 *
 * What came in while both connections were busy is the next batch: one when idle, hundreds under load.  Two saves of one
 * execution are never under way together, so that they are applied in order.  A batch that the database refuses is tried
 * again in halves until the culprit stands alone.  When a connection is lost in the middle, its batch is sent again: the
 * database knows by token and journal number what it has done already. */
#include "config.h"

#include "store/core.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/pending.h"

#define BATCH_BYTES ((size_t)8 << 20)
/* wfworker.save(): */
#define BUSY 5 /* locked by somebody else */
#define LAST_ROW (-1)
#define BUSY_FIRST_US (20 * US_PER_MS)
#define BUSY_MAX_US US_PER_S
#define PAUSE_FIRST_US (100 * US_PER_MS)
#define PAUSE_MAX_US (5 * US_PER_S)

void store_save(struct store *s, const struct store_save *save, store_save_fn done, void *arg)
{
    struct pending *p = pending_new(save);
    p->done = done;
    p->arg = arg;
    held_put(&s->held, &save->id)->saves++;
    if (s->saves_last)
        s->saves_last->next = p;
    else
        s->saves_first = p;
    s->saves_last = p;
    s->stats.saves_waiting++;
    s->stats.saves_bytes += p->bytes;
    CRASH_POINT("save.queued");
    store_kick(s);
}

/* ---- Batches ---- */

static int by_id(const void *a, const void *b)
{
    const struct pending *const *x = a, *const *y = b;
    return uuid_compare(&(*x)->save.id, &(*y)->save.id);
}

static void unlink_after(struct store *s, struct pending *before, struct pending *p)
{
    if (before)
        before->next = p->next;
    else
        s->saves_first = p->next;
    if (s->saves_last == p)
        s->saves_last = before;
    p->next = NULL;
}

/* The oldest ones whose execution has no other save under way, sorted by id. */
static struct batch *take(struct store *s)
{
    struct batch *b = xcalloc(1, sizeof *b);
    struct pending *before = NULL;
    size_t bytes = 0, max = BATCH_MAX, looked = 0;
    for (struct pending *p = s->saves_first, *next; p && b->count < max && looked < 4 * (size_t)BATCH_MAX; p = next, looked++) {
        struct held *h = held_get(&s->held, &p->save.id);
        next = p->next;
        if (h->in_flight) {
            before = p;
            continue;
        }
        if (b->count > 0 && (bytes + p->bytes > BATCH_BYTES || p->batch_max <= b->count))
            break;
        max = p->batch_max < max ? p->batch_max : max;
        bytes += p->bytes;
        unlink_after(s, before, p);
        h->in_flight = true;
        b->items[b->count++] = p;
    }
    qsort(b->items, b->count, sizeof b->items[0], by_id);
    return b;
}

static void save_done(struct store *s, struct job *j, enum job_end end);

#ifdef WITH_CRASH_POINTS
/* Faults put in on purpose, which the chaos suite must find. */
#define LOSE_EACH 5

static void complete(struct store *s, struct pending *p, enum save_result result, const char *status, const struct error *e,
                     int64_t sent_us);

/* lose-save: some saves are never sent, and the engine hears that they are durable. */
static void lose_some(struct store *s, struct batch *b)
{
    static unsigned seen;
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i]->save.then == SAVE_KEEP && ++seen % LOSE_EACH == 0)
            complete(s, b->items[i], SAVE_OK, NULL, NULL, clock_mono_us());
        else
            b->items[kept++] = b->items[i];
    b->count = kept;
}

/* ack-early: the engine hears that a save is durable before it is even sent. */
static void tell_early(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        store_save_fn done = STEAL(b->items[i]->done);
        if (done)
            done(b->items[i]->arg, SAVE_OK, NULL, NULL);
    }
}

static void spoil(struct store *s, struct batch *b)
{
    if (FAULT("lose-save"))
        lose_some(s, b);
    if (FAULT("ack-early"))
        tell_early(b);
}

/* skip-fence: whoever holds it by now, the task is made ours again in the transaction of the save. */
static void unfenced(struct store *s, struct job *j, enum job_end end)
{
    (void)s, (void)j, (void)end;
}

struct job *unfence_job(struct store *s, const struct job *save)
{
    const struct batch *b = save->arg;
    struct job *j = job_new("INSERT INTO wfworker.task AS t (execution_id, due_at, token, worker)"
                            " SELECT u.id, now(), u.token, $3 FROM unnest($1, $2) u (id, token)"
                            " ON CONFLICT (execution_id) DO UPDATE SET token = excluded.token, worker = excluded.worker, seq = NULL",
                            unfenced);
    int ids = bin_array(&j->call, OID_UUID), tokens = bin_array(&j->call, OID_INT8);
    bin_int8(&j->call, s->worker);
    for (size_t i = 0; i < b->count; i++) {
        bin_add_uuid(&j->call, ids, &b->items[i]->save.id);
        bin_add_int8(&j->call, tokens, b->items[i]->save.token);
    }
    j->joined = true;
    return j;
}
#endif

struct job *save_job(struct store *s)
{
    if (!s->saves_first)
        return NULL;
    struct batch *b = take(s);
#ifdef WITH_CRASH_POINTS
    spoil(s, b);
#endif
    if (b->count == 0) {
        free(b);
        return NULL;
    }
    struct job *j = job_new(save_sql, save_done);
    save_call(&j->call, b, s->lease_us);
    JOB_POINTS(j, "save");
    j->arg = b;
    s->saves_in_flight += b->count;
    s->stats.batches++;
    return j;
}

/* ---- Results ---- */

/* Back to the front, in the order in which they came (each execution has at most one here). */
static void put_back(struct store *s, struct pending *p)
{
    held_get(&s->held, &p->save.id)->in_flight = false;
    p->next = s->saves_first;
    s->saves_first = p;
    if (!s->saves_last)
        s->saves_last = p;
}

static void put_all_back(struct store *s, const struct batch *b, size_t batch_max)
{
    for (size_t i = b->count; i-- > 0;) {
        if (b->items[i]->batch_max > batch_max)
            b->items[i]->batch_max = batch_max;
        put_back(s, b->items[i]);
    }
}

static void settle_lease(struct store *s, struct held *h, const struct pending *p, enum save_result result, int64_t sent_us)
{
    if (h->token != p->save.token || !h->leased)
        return;
    if (result == SAVE_OK && p->save.then == SAVE_KEEP) {
        int64_t at_least = sent_us + s->lease_us / 2; /* it is made longer only when less is left */
        if (h->lease_until_us < at_least)
            h->lease_until_us = at_least;
        h->missed = 0;
    } else if (result == SAVE_OK || result == SAVE_FENCED || result == SAVE_GONE) {
        held_lease(&s->held, h, false);
    }
}

static void complete(struct store *s, struct pending *p, enum save_result result, const char *status, const struct error *e,
                     int64_t sent_us)
{
    struct held *h = held_get(&s->held, &p->save.id);
    h->saves--;
    h->in_flight = false;
    settle_lease(s, h, p, result, sent_us);
    if (result == SAVE_OK && p->save.then == SAVE_PARK && p->save.due_us != INT64_MAX) {
        int64_t in = p->save.due_us - clock_now_us();
        claim_due_in(s, in < 0 ? 0 : in);
    }
    if (h->release && h->saves == 0 && h->leased)
        release_held(s, h, h->release_due_us);
    else {
        h->release = h->release && h->leased;
        held_drop(&s->held, h);
    }
    s->stats.saves_waiting--;
    s->stats.saves_bytes -= p->bytes;
    s->stats.saves += result == SAVE_OK;
    s->stats.fenced += result == SAVE_FENCED;
    s->stats.conflicts += result == SAVE_CONFLICT;
    s->stats.refused += result == SAVE_REFUSED;
    if (p->done)
        p->done(p->arg, result, status, e);
    CRASH_POINT("save.told");
    pending_free(p);
}

/* To be tried again later, without keeping the others: somebody holds the execution's row, or the save fails alone. */
static void set_aside(struct store *s, struct pending *p)
{
    p->busy_us = p->busy_us == 0 ? BUSY_FIRST_US : p->busy_us * 2 < BUSY_MAX_US ? p->busy_us * 2 : BUSY_MAX_US;
    p->not_before_us = clock_mono_us() + p->busy_us;
    p->next = s->later;
    s->later = p;
}

void saves_wake(struct store *s, int64_t now)
{
    for (struct pending **at = &s->later; *at;) {
        struct pending *p = *at;
        if (p->not_before_us > now) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        put_back(s, p);
    }
}

int64_t saves_next_us(const struct store *s)
{
    int64_t at = INT64_MAX;
    for (const struct pending *p = s->later; p; p = p->next)
        if (p->not_before_us < at)
            at = p->not_before_us;
    return at;
}

/* Rows come for those that were not applied; the last one says that the others are. */
static void applied(struct store *s, const struct job *j, struct batch *b)
{
    bool seen[BATCH_MAX] = {false}, whole = false;
    s->save_backoff_us = 0;
    for (int row = 0; row < PQntuples(j->result); row++) {
        int64_t n = bin_get_int(j->result, row, 0, INT64_MAX), result = bin_get_int(j->result, row, 1, BUSY);
        if (n == LAST_ROW) {
            whole = true;
            if (result > 0)
                asks_wanted(s);
        }
        if (n < 0 || n >= (int64_t)b->count || seen[n])
            continue;
        seen[n] = true;
        if (result >= SAVE_OK && result <= SAVE_GONE)
            complete(s, b->items[n], (enum save_result)result, bin_get_text(j->result, row, 2, NULL), NULL, j->sent_us);
        else
            set_aside(s, b->items[n]);
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!seen[i] && whole)
            complete(s, b->items[i], SAVE_OK, NULL, NULL, j->sent_us);
        else if (!seen[i])
            set_aside(s, b->items[i]);
    }
}

static void pause_saves(struct store *s, const struct error *e, int64_t most_us)
{
    if (s->save_backoff_us == 0)
        log_error(LOG_WARNING, "saving failed, trying again", e);
    s->save_backoff_us = s->save_backoff_us == 0 ? PAUSE_FIRST_US : s->save_backoff_us * 2;
    if (s->save_backoff_us > most_us)
        s->save_backoff_us = most_us;
    s->hold_saves_us = clock_mono_us() + s->save_backoff_us;
}

static void refused(struct store *s, const struct job *j, struct batch *b)
{
    struct error e = ERROR_INIT;
    enum pg_cause cause = job_cause(j);
    job_error(j, JOB_FAILED, "saving", &e);
    if (cause == CAUSE_DATA && b->count == 1) {
        complete(s, b->items[0], SAVE_REFUSED, NULL, &e, j->sent_us);
        return;
    }
    bool fatal = cause == CAUSE_PERMISSION || cause == CAUSE_SCHEMA;
    if (b->count > 1 || fatal)
        put_all_back(s, b, b->count > 1 ? b->count / 2 : 1);
    else
        set_aside(s, b->items[0]); /* at the front it would keep all the others from their turn, for ever */
    if (fatal)
        store_fail(s, &e);
    else if (cause != CAUSE_DATA)
        pause_saves(s, &e, b->count > 1 ? PAUSE_MAX_US : PAUSE_FIRST_US);
}

static void save_done(struct store *s, struct job *j, enum job_end end)
{
    struct batch *b = j->arg;
    s->saves_in_flight -= b->count;
    if (end == JOB_OK)
        applied(s, j, b);
    else if (end == JOB_FAILED)
        refused(s, j, b);
    else
        put_all_back(s, b, BATCH_MAX);
    free(b);
}

void saves_drop(struct store *s)
{
    for (int i = 0; i < 2; i++) {
        struct pending *p = i == 0 ? s->saves_first : s->later;
        for (struct pending *next; p; p = next) {
            next = p->next;
            pending_free(p);
        }
    }
    s->saves_first = s->saves_last = s->later = NULL;
}
