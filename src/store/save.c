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

#define BATCH_MAX 256
#define BATCH_BYTES ((size_t)8 << 20)
#define BUSY 5 /* wfworker.save(): locked by somebody else */
#define BUSY_FIRST_US (20 * US_PER_MS)
#define BUSY_MAX_US US_PER_S
#define PAUSE_FIRST_US (100 * US_PER_MS)
#define PAUSE_MAX_US (5 * US_PER_S)
#define FAR_US (INT64_C(50) * 365 * 86400 * US_PER_S)

struct pending {
    struct pending *next;
    struct store_save save; /* its texts are in `memory` */
    store_save_fn done;
    void *arg;
    size_t bytes;
    size_t batch_max;       /* after a refusal */
    int64_t not_before_us, busy_us;
    struct save_log *logs;
    struct uuid *used;
    struct save_ask *asks;
    char memory[];
};

struct batch {
    size_t count;
    struct pending *items[BATCH_MAX];
};

/* ---- Copying ---- */

struct cursor {
    char *at;
    size_t size;
};

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static const char *put(struct cursor *c, const char *s, size_t len)
{
    if (!s)
        return NULL;
    char *copy = c->at;
    memcpy(copy, s, len);
    copy[len] = '\0';
    c->at += len + 1;
    return copy;
}

static const char *put_text(struct cursor *c, const char *s)
{
    return s ? put(c, s, strlen(s)) : NULL;
}

static size_t needed(const struct store_save *v)
{
    size_t n = text_size(v->expected_status) + text_size(v->definition) + text_size(v->status) +
               text_size(v->current_node_id) + text_size(v->error_message);
    n += v->journal ? v->journal_len + 1 : 0;
    n += v->snapshot ? v->snapshot_len + 1 : 0;
    n += v->projection ? v->projection_len + 1 : 0;
    for (size_t i = 0; i < v->log_count; i++)
        n += text_size(v->logs[i].node_id) + text_size(v->logs[i].level) + text_size(v->logs[i].message);
    for (size_t i = 0; i < v->ask_count; i++)
        n += text_size(v->asks[i].kind) + v->asks[i].body_len + 1;
    return n;
}

static void copy_used(struct pending *p, const struct store_save *v)
{
    p->save.used = NULL;
    p->save.used_count = 0;
    p->used = v->used_count ? xcalloc(v->used_count, sizeof *p->used) : NULL;
    for (size_t i = 0; i < v->used_count; i++)
        if (uuid_parse(v->used[i], &p->used[p->save.used_count]) == 0)
            p->save.used_count++;
}

static void copy_asks(struct pending *p, const struct store_save *v, struct cursor *c)
{
    p->asks = v->ask_count ? xcalloc(v->ask_count, sizeof *p->asks) : NULL;
    p->save.asks = p->asks;
    for (size_t i = 0; i < v->ask_count; i++)
        p->asks[i] = (struct save_ask){.kind = put_text(c, v->asks[i].kind),
                                       .body = put(c, v->asks[i].body, v->asks[i].body_len),
                                       .body_len = v->asks[i].body_len};
}

static struct pending *copy(const struct store_save *v)
{
    size_t size = needed(v);
    struct pending *p = xmalloc(sizeof *p + size);
    struct cursor c = {.at = p->memory};
    memset(p, 0, sizeof *p);
    p->save = *v;
    p->bytes = size;
    p->batch_max = BATCH_MAX;
    p->save.expected_status = put_text(&c, v->expected_status);
    p->save.definition = put_text(&c, v->definition);
    p->save.status = put_text(&c, v->status);
    p->save.current_node_id = put_text(&c, v->current_node_id);
    p->save.error_message = put_text(&c, v->error_message);
    p->save.journal = put(&c, v->journal, v->journal_len);
    p->save.snapshot = put(&c, v->snapshot, v->snapshot_len);
    p->save.projection = put(&c, v->projection, v->projection_len);
    p->logs = v->log_count ? xcalloc(v->log_count, sizeof *p->logs) : NULL;
    p->save.logs = p->logs;
    for (size_t i = 0; i < v->log_count; i++) {
        p->logs[i].node_id = put_text(&c, v->logs[i].node_id);
        p->logs[i].level = put_text(&c, v->logs[i].level);
        p->logs[i].message = put_text(&c, v->logs[i].message);
        p->logs[i].at_us = v->logs[i].at_us;
    }
    copy_used(p, v);
    copy_asks(p, v, &c);
    return p;
}

static void pending_free(struct pending *p)
{
    free(p->logs);
    free(p->used);
    free(p->asks);
    free(p);
}

void store_save(struct store *s, const struct store_save *save, store_save_fn done, void *arg)
{
    struct pending *p = copy(save);
    p->done = done;
    p->arg = arg;
    held_put(&s->held, &save->id)->saves++;
    if (s->saves_last)
        s->saves_last->next = p;
    else
        s->saves_first = p;
    s->saves_last = p;
    s->stats.saves_waiting++;
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

/* The parameters of wfworker.save(), in order. */
enum { P_LEASE, P_ID, P_TOKEN, P_EXPECTED, P_SEQ, P_JOURNAL, P_SNAPSHOT, P_DEFINITION, P_PROJECTION, P_STATUS, P_NODE, P_ERROR,
       P_RETRIES, P_NEXT_RETRY, P_COMPLETED, P_THEN, P_DUE, P_LOG_OF, P_LOG_NODE, P_LOG_LEVEL, P_LOG_MESSAGE, P_LOG_AT, P_COUNT,
       /* and of wfworker.save_all() */ P_USED_OF = P_COUNT, P_USED, P_ASK_OF, P_ASK_KIND, P_ASK_BODY };

static const Oid param_types[P_COUNT] = {
    [P_ID] = OID_UUID,        [P_TOKEN] = OID_INT8,       [P_EXPECTED] = OID_TEXT,   [P_SEQ] = OID_INT8,
    [P_JOURNAL] = OID_TEXT,   [P_SNAPSHOT] = OID_TEXT,    [P_DEFINITION] = OID_TEXT, [P_PROJECTION] = OID_TEXT,
    [P_STATUS] = OID_TEXT,    [P_NODE] = OID_TEXT,        [P_ERROR] = OID_TEXT,      [P_RETRIES] = OID_INT4,
    [P_NEXT_RETRY] = OID_TIMESTAMP, [P_COMPLETED] = OID_TIMESTAMP, [P_THEN] = OID_INT4, [P_DUE] = OID_INT8,
    [P_LOG_OF] = OID_INT4,    [P_LOG_NODE] = OID_TEXT,    [P_LOG_LEVEL] = OID_TEXT,  [P_LOG_MESSAGE] = OID_TEXT,
    [P_LOG_AT] = OID_TIMESTAMP,
};

static void add_text(struct bin_call *c, int array, const char *s)
{
    bin_add_text(c, array, s, s ? strlen(s) : 0);
}

static void add_logs(struct bin_call *c, int32_t n, const struct store_save *v)
{
    for (size_t i = 0; i < v->log_count; i++) {
        const struct save_log *l = &v->logs[i];
        bin_add_int4(c, P_LOG_OF, n);
        add_text(c, P_LOG_NODE, l->node_id ? l->node_id : "");
        add_text(c, P_LOG_LEVEL, l->level ? l->level : "info");
        add_text(c, P_LOG_MESSAGE, l->message ? l->message : "");
        bin_add_time(c, P_LOG_AT, l->at_us ? l->at_us : clock_now_us());
    }
}

static void add_save(struct bin_call *c, int32_t n, const struct store_save *v, const struct uuid *used, int64_t now_us)
{
    int64_t in = v->due_us - now_us;
    bin_add_uuid(c, P_ID, &v->id);
    bin_add_int8(c, P_TOKEN, v->token);
    add_text(c, P_EXPECTED, v->expected_status);
    bin_add_int8(c, P_SEQ, v->seq);
    bin_add_text(c, P_JOURNAL, v->journal, v->journal_len);
    bin_add_text(c, P_SNAPSHOT, v->snapshot, v->snapshot_len);
    add_text(c, P_DEFINITION, v->definition);
    bin_add_text(c, P_PROJECTION, v->projection, v->projection_len);
    add_text(c, P_STATUS, v->status);
    add_text(c, P_NODE, v->current_node_id);
    add_text(c, P_ERROR, v->error_message);
    bin_add_int4(c, P_RETRIES, v->retry_count);
    bin_add_time(c, P_NEXT_RETRY, v->next_retry_at_us);
    bin_add_time(c, P_COMPLETED, v->completed_at_us);
    bin_add_int4(c, P_THEN, (int32_t)v->then);
    if (v->due_us == INT64_MAX)
        bin_add_null(c, P_DUE);
    else
        bin_add_int8(c, P_DUE, in < 0 ? 0 : in < FAR_US ? in : FAR_US);
    add_logs(c, n, v);
    for (size_t i = 0; i < v->used_count; i++) {
        bin_add_int4(c, P_USED_OF, n);
        bin_add_uuid(c, P_USED, &used[i]);
    }
    for (size_t i = 0; i < v->ask_count; i++) {
        bin_add_int4(c, P_ASK_OF, n);
        add_text(c, P_ASK_KIND, v->asks[i].kind);
        bin_add_text(c, P_ASK_BODY, v->asks[i].body, v->asks[i].body_len);
    }
}

/* Signals were used, something is asked for, or the end may concern others. */
static bool touches_others(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct store_save *v = &b->items[i]->save;
        if (v->used_count > 0 || v->ask_count > 0 || v->then == SAVE_END)
            return true;
    }
    return false;
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

#define PARAMS "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22"

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
    bool all = touches_others(b);
    struct job *j = job_new(all ? "SELECT * FROM wfworker.save_all(" PARAMS ", $23, $24, $25, $26, $27)"
                                : "SELECT * FROM wfworker.save(" PARAMS ")", save_done);
    int64_t now = clock_now_us();
    bin_int8(&j->call, s->lease_us / US_PER_MS);
    for (int i = P_ID; i < P_COUNT; i++)
        bin_array(&j->call, param_types[i]);
    if (all) {
        bin_array(&j->call, OID_INT4);
        bin_array(&j->call, OID_UUID);
        bin_array(&j->call, OID_INT4);
        bin_array(&j->call, OID_TEXT);
        bin_array(&j->call, OID_TEXT);
    }
    for (size_t i = 0; i < b->count; i++)
        add_save(&j->call, (int32_t)i + 1, &b->items[i]->save, b->items[i]->used, now);
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
        h->lease_until_us = sent_us + s->lease_us;
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

static void applied(struct store *s, const struct job *j, struct batch *b)
{
    bool seen[BATCH_MAX] = {false};
    s->save_backoff_us = 0;
    for (int row = 0; row < PQntuples(j->result); row++) {
        int64_t n = bin_get_int(j->result, row, 0, -1), result = bin_get_int(j->result, row, 1, BUSY);
        if (n < 0)
            asks_wanted(s);
        if (n < 0 || (size_t)n >= b->count || seen[n])
            continue;
        seen[n] = true;
        if (result >= SAVE_OK && result <= SAVE_GONE)
            complete(s, b->items[n], (enum save_result)result, bin_get_text(j->result, row, 2, NULL), NULL, j->sent_us);
        else
            set_aside(s, b->items[n]);
    }
    for (size_t i = 0; i < b->count; i++)
        if (!seen[i])
            set_aside(s, b->items[i]);
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
