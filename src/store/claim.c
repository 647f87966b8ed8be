/* SPDX-License-Identifier: Apache-2.0 */
/* Claims, leases, pokes, looking again, giving back. */
#include "config.h"

#include "store/core.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define CLAIM_MAX 100
#define POLL_MAX_US (30 * US_PER_S)
#define HEARTBEAT_US (30 * US_PER_S)
#define LOCKED_US (250 * US_PER_MS) /* pause before what was locked is given back again */
#define FAR_US (INT64_C(50) * 365 * 86400 * US_PER_S)

/* Columns of wfworker.claim() and wfworker.peek(). */
enum { C_ID, C_TOKEN, C_CRASHES, C_WORKFLOW, C_VERSION, C_EXECUTION, C_STATUS, C_ERROR, C_NODE, C_STATE, C_STARTED, C_RETRIES,
       C_NEXT_RETRY, C_COMPLETED, C_SNAPSHOT, C_DEFINITION, C_JOURNAL, C_NEXT_SEQ, C_STAMP, C_ACTIVE, C_SIGNALS };

/* ---- One row as a struct store_claim ---- */

/* Of an execution without a snapshot: the definition that its first event names. */
static const char *definition_of(const char *events, size_t len, json_t **keep)
{
    struct error e = ERROR_INIT;
    *keep = js_parse_own(events, len, &e);
    const char *id = NULL;
    for (size_t i = 0; !id && i < json_array_size(*keep); i++)
        id = js_str(json_array_get(*keep, i), "definition");
    return id;
}

struct texts {
    char **texts;
    size_t *lengths;
    size_t count;
};

struct row_memory {
    struct texts journal, signals;
    json_t *first;
};

static void read_texts(const PGresult *r, int row, int column, struct texts *t)
{
    size_t offset = 0, len, n = bin_text_array_count(r, row, column);
    const char *text;
    if (n == 0)
        return;
    t->texts = xcalloc(n, sizeof *t->texts);
    t->lengths = xcalloc(n, sizeof *t->lengths);
    while (t->count < n && bin_text_array_next(r, row, column, &offset, &text, &len)) {
        t->texts[t->count] = xstrndup(text, len);
        t->lengths[t->count++] = len;
    }
}

static void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->texts[i]);
    free(t->texts);
    free(t->lengths);
}

static void read_journal(const PGresult *r, int row, struct store_claim *c, struct row_memory *m)
{
    const struct texts *t = &m->journal;
    read_texts(r, row, C_JOURNAL, &m->journal);
    c->journal = (const char *const *)t->texts;
    c->journal_len = t->lengths;
    c->journal_count = t->count;
    if (!c->definition && t->count > 0)
        c->definition = definition_of(t->texts[0], t->lengths[0], &m->first);
}

static void read_signals(const PGresult *r, int row, struct store_claim *c, struct row_memory *m)
{
    read_texts(r, row, C_SIGNALS, &m->signals);
    c->signals = (const char *const *)m->signals.texts;
    c->signals_len = m->signals.lengths;
    c->signal_count = m->signals.count;
}

static void read_claim(const PGresult *r, int row, struct store_claim *c, struct row_memory *m)
{
    bin_get_uuid(r, row, C_ID, &c->id);
    bin_get_uuid(r, row, C_WORKFLOW, &c->workflow_id);
    c->token = bin_get_int(r, row, C_TOKEN, 0);
    c->crashes = (int)bin_get_int(r, row, C_CRASHES, 0);
    c->workflow_version = bin_get_int(r, row, C_VERSION, 0);
    c->execution_id = bin_get_text(r, row, C_EXECUTION, NULL);
    c->status = bin_get_text(r, row, C_STATUS, NULL);
    c->error_message = bin_get_text(r, row, C_ERROR, NULL);
    c->current_node_id = bin_get_text(r, row, C_NODE, NULL);
    c->execution_state = bin_get_text(r, row, C_STATE, &c->execution_state_len);
    c->started_at_us = bin_get_time(r, row, C_STARTED);
    c->retry_count = (int)bin_get_int(r, row, C_RETRIES, 0);
    c->next_retry_at_us = bin_get_time(r, row, C_NEXT_RETRY);
    c->completed_at_us = bin_get_time(r, row, C_COMPLETED);
    c->snapshot = bin_get_text(r, row, C_SNAPSHOT, &c->snapshot_len);
    c->definition = bin_get_text(r, row, C_DEFINITION, NULL);
    if (c->definition && !*c->definition)
        c->definition = NULL;
    c->next_seq = bin_get_int(r, row, C_NEXT_SEQ, 1);
    c->workflow_stamp = bin_get_text(r, row, C_STAMP, NULL);
    c->workflow_active = bin_get_bool(r, row, C_ACTIVE);
    read_journal(r, row, c, m);
    read_signals(r, row, c, m);
}

static void row_memory_free(struct row_memory *m)
{
    texts_free(&m->journal);
    texts_free(&m->signals);
    json_decref(m->first);
}

/* ---- Claim ---- */

bool claim_wanted(const struct store *s, int64_t now)
{
    return s->room > 0 && !s->claiming && !s->claim_lost && !s->closing && !s->fatal && (s->hint || now >= s->next_poll_us);
}

void claim_due_in(struct store *s, int64_t us)
{
    int64_t at = clock_mono_us() + us;
    if (us < FAR_US && at < s->next_poll_us)
        s->next_poll_us = at;
}

static void lease(struct store *s, const struct store_claim *c, int64_t sent_us)
{
    struct held *h = held_put(&s->held, &c->id);
    if (h->leased) /* our own lease ran out unnoticed */
        s->cb.lease_lost(s->cb.ctx, &c->id);
    int64_t until = sent_us + s->lease_us;
    if (s->held.leased == 0 || until < s->holds_until_us)
        s->holds_until_us = until;
    held_lease(&s->held, h, true);
    h->token = c->token;
    h->lease_until_us = until;
    h->missed = 0;
    h->release = false;
    if (s->next_renew_us > sent_us + s->lease_us / 3)
        s->next_renew_us = sent_us + s->lease_us / 3;
}

static int64_t poll_pause(struct store *s)
{
    if (!s->stats.listening || !s->triggers)
        return s->poll_us;
    int64_t pause = s->poll_backoff_us;
    s->poll_backoff_us = pause * 2 < POLL_MAX_US ? pause * 2 : POLL_MAX_US;
    uint16_t r;
    random_bytes(&r, sizeof r);
    return pause - pause / 10 * r / 65536;
}

/* Nothing was there: sleep, after one more look when only now the database knows that we do. */
static void nothing_claimed(struct store *s, int64_t next_due_us, bool idle_noted)
{
    s->next_poll_us = clock_mono_us() + poll_pause(s);
    claim_due_in(s, next_due_us < 0 ? 0 : next_due_us);
    if (idle_noted && !s->idle_set) {
        s->idle_set = true;
        s->hint = true;
    }
}

static void deliver(struct store *s, const struct job *j, int count)
{
    struct store_claim *claims = xcalloc((size_t)count, sizeof *claims);
    struct row_memory *memory = xcalloc((size_t)count, sizeof *memory);
    for (int i = 0; i < count; i++) {
        read_claim(j->result, i, &claims[i], &memory[i]);
        lease(s, &claims[i], j->sent_us);
    }
    s->idle_set = false;
    s->hint = true; /* more may have come */
    s->poll_backoff_us = s->poll_us;
    s->room = (size_t)count < s->room ? s->room - (size_t)count : 0;
    s->stats.claimed += (size_t)count;
    s->cb.claimed(s->cb.ctx, claims, (size_t)count);
    for (int i = 0; i < count; i++)
        row_memory_free(&memory[i]);
    free(memory);
    free(claims);
}

static void claim_failed(struct store *s, const struct job *j, enum job_end end)
{
    struct error e = ERROR_INIT;
    enum pg_cause cause = job_cause(j);
    s->hint = end != JOB_FAILED;
    s->claim_lost = s->claim_lost || end == JOB_LOST;
    if (end != JOB_FAILED)
        return;
    s->claim_alone = true;
    s->next_poll_us = clock_mono_us() + s->poll_us;
    job_error(j, end, "claiming", &e);
    if (cause == CAUSE_PERMISSION || cause == CAUSE_SCHEMA)
        store_fail(s, &e);
    else if (cause != CAUSE_READ_ONLY)
        log_error(LOG_WARNING, "claiming failed, trying again", &e);
}

static void claim_done(struct store *s, struct job *j, enum job_end end)
{
    s->claiming = false;
    if (end != JOB_OK) {
        claim_failed(s, j, end);
        return;
    }
    s->stats.claims++;
    s->claim_alone = false;
    int rows = PQntuples(j->result);
    int64_t next_due = INT64_MAX;
    struct uuid id;
    if (rows > 0 && !bin_get_uuid(j->result, rows - 1, C_ID, &id))
        next_due = bin_get_int(j->result, --rows, C_TOKEN, INT64_MAX);
    if (rows > 0)
        deliver(s, j, rows);
    else
        nothing_claimed(s, next_due, j->idle_noted);
}

struct job *claim_job(struct store *s)
{
    struct job *j = job_new("SELECT * FROM wfworker.claim($1, $2, $3, $4)", claim_done);
    JOB_POINTS(j, "claim");
    s->claiming = true;
    s->hint = false;
    bin_int8(&j->call, s->worker);
    bin_int4(&j->call, s->room < CLAIM_MAX ? (int32_t)s->room : CLAIM_MAX);
    bin_int8(&j->call, s->lease_us / US_PER_MS);
    j->idle_noted = s->stats.listening;
    bin_bool(&j->call, j->idle_noted);
    return j;
}

void store_set_room(struct store *s, size_t room)
{
    if (s->closing)
        return;
    s->room = room;
    store_kick(s);
}

void claim_notified(struct store *s, const char *payload)
{
    struct uuid id;
    if (uuid_parse(payload, &id) == 0) {
        const struct held *h = held_get(&s->held, &id);
        if (h && h->leased && !s->closing)
            s->cb.poked(s->cb.ctx, &id);
        return;
    }
    if (strcmp(payload, "asks") == 0) {
        asks_wanted(s);
        return;
    }
    if (strcmp(payload, "schedules") == 0) {
        if (s->cb.schedules && !s->closing)
            s->cb.schedules(s->cb.ctx);
        return;
    }
    s->hint = true;
    store_kick(s);
}

/* ---- Leases ---- */

struct lease_list {
    struct uuid *ids;
    int64_t *tokens;
    size_t count, cap;
    int64_t min_us;
};

static void collect(struct held *h, void *arg)
{
    struct lease_list *l = arg;
    if (!h->leased)
        return;
    if (h->lease_until_us < l->min_us)
        l->min_us = h->lease_until_us;
    if (!l->ids)
        return;
    l->ids[l->count] = h->item.id;
    l->tokens[l->count++] = h->token;
}

static int64_t leases_hold_until(const struct store *s)
{
    struct lease_list l = {.min_us = INT64_MAX};
    held_each(&s->held, collect, &l);
    return l.min_us;
}

bool store_lease_holds(const struct store *s, int64_t ms)
{
    int64_t until = clock_mono_us() + ms * US_PER_MS;
    return s->held.leased > 0 && (until < s->holds_until_us || until < leases_hold_until(s));
}

static struct lease_list *all_leases(struct store *s)
{
    struct lease_list *l = xcalloc(1, sizeof *l);
    l->min_us = INT64_MAX;
    l->ids = xcalloc(s->held.leased + 1, sizeof *l->ids);
    l->tokens = xcalloc(s->held.leased + 1, sizeof *l->tokens);
    held_each(&s->held, collect, l);
    return l;
}

static void lease_list_free(struct lease_list *l)
{
    free(l->ids);
    free(l->tokens);
    free(l);
}

static void add_leases(struct job *j, const struct lease_list *l)
{
    int ids = bin_array(&j->call, OID_UUID), tokens = bin_array(&j->call, OID_INT8);
    for (size_t i = 0; i < l->count; i++) {
        bin_add_uuid(&j->call, ids, &l->ids[i]);
        bin_add_int8(&j->call, tokens, l->tokens[i]);
    }
}

/* A row that was not renewed is locked by somebody, or not ours any more: the second time it is given up, so that it does
 * not hold up the rest (store_lease_holds speaks for all of them). */
static void not_renewed(struct store *s, const struct uuid *id, int64_t token)
{
    struct held *h = held_get(&s->held, id);
    if (!h || !h->leased || h->token != token || h->saves > 0)
        return;
    int64_t now = clock_mono_us();
    if (++h->missed < 2 && h->lease_until_us > now + US_PER_S) {
        s->next_renew_us = now + US_PER_S;
        return;
    }
    held_lease(&s->held, h, false);
    held_drop(&s->held, h);
    s->cb.lease_lost(s->cb.ctx, id);
}

static void renewed(struct store *s, struct job *j, struct lease_list *l)
{
    unsigned char *seen = xcalloc(l->count + 1, 1); /* 1 renewed, 2 poked too */
    for (int row = 0; row < PQntuples(j->result); row++) {
        int64_t n = bin_get_int(j->result, row, 0, 0);
        if (n >= 1 && (size_t)n <= l->count)
            seen[n - 1] = bin_get_bool(j->result, row, 1) ? 2 : 1;
    }
    for (size_t i = 0; i < l->count; i++) {
        struct held *h = held_get(&s->held, &l->ids[i]);
        if (!seen[i]) {
            not_renewed(s, &l->ids[i], l->tokens[i]);
        } else if (h && h->leased && h->token == l->tokens[i]) {
            h->missed = 0;
            h->lease_until_us = j->sent_us + s->lease_us;
            if (seen[i] == 2)
                s->cb.poked(s->cb.ctx, &l->ids[i]);
        }
    }
    free(seen);
    s->holds_until_us = leases_hold_until(s);
}

static void renew_done(struct store *s, struct job *j, enum job_end end)
{
    struct lease_list *l = j->arg;
    s->renewing = false;
    if (end == JOB_OK && !s->closed)
        renewed(s, j, l);
    else
        s->next_renew_us = clock_mono_us() + (end == JOB_FAILED ? US_PER_S : 0);
    if (end == JOB_FAILED) {
        struct error e = ERROR_INIT;
        job_error(j, end, "renewing the leases", &e);
        log_error(LOG_WARNING, "renewing the leases failed, trying again", &e);
    }
    lease_list_free(l);
}

struct job *renew_job(struct store *s)
{
    struct job *j = job_new("SELECT * FROM wfworker.renew($1, $2, $3, $4, $5, $6)", renew_done);
    JOB_POINTS(j, "renew");
    struct lease_list *l = all_leases(s);
    bin_int8(&j->call, s->worker);
    bin_text(&j->call, s->worker_name);
    bin_text(&j->call, s->version);
    bin_int8(&j->call, s->lease_us / US_PER_MS);
    add_leases(j, l);
    j->arg = l;
    s->renewing = true;
    s->next_renew_us = clock_mono_us() + (s->lease_us / 3 < HEARTBEAT_US && l->count > 0 ? s->lease_us / 3 : HEARTBEAT_US);
    return j;
}

/* ---- Pokes without notifications ---- */

static void poked_done(struct store *s, struct job *j, enum job_end end)
{
    struct uuid id;
    for (int row = 0; end == JOB_OK && row < PQntuples(j->result); row++) {
        const struct held *h = bin_get_uuid(j->result, row, 0, &id) ? held_get(&s->held, &id) : NULL;
        if (h && h->leased && !s->closing)
            s->cb.poked(s->cb.ctx, &id);
    }
}

struct job *poked_job(struct store *s)
{
    struct job *j = job_new("SELECT execution_id FROM wfworker.task WHERE worker = $1 AND poked", poked_done);
    bin_int8(&j->call, s->worker);
    return j;
}

/* ---- Looking again ---- */

struct peek {
    struct peek *next;
    struct uuid id;
    int64_t token;
    store_peek_fn done;
    void *arg;
};

static void add_peek(struct store *s, struct peek *p)
{
    struct peek **end = &s->peeks;
    while (*end)
        end = &(*end)->next;
    p->next = NULL;
    *end = p;
    store_kick(s);
}

static void peek_done(struct store *s, struct job *j, enum job_end end)
{
    struct peek *p = j->arg;
    if (store_again(s, j, end))
        return;
    if (end == JOB_OK && PQntuples(j->result) == 1) {
        struct store_claim claim = {0};
        struct row_memory memory = {0};
        read_claim(j->result, 0, &claim, &memory);
        p->done(p->arg, &claim);
        row_memory_free(&memory);
    } else if (!s->closed) {
        struct held *h = held_get(&s->held, &p->id);
        if (h && h->token == p->token) {
            held_lease(&s->held, h, false);
            held_drop(&s->held, h);
        }
        p->done(p->arg, NULL);
    }
    free(p);
}

/* After the saves of the execution, since those change what is there. */
void peeks_start(struct store *s)
{
    for (struct peek **at = &s->peeks; *at;) {
        struct peek *p = *at;
        const struct held *h = held_get(&s->held, &p->id);
        if (h && h->saves > 0) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        struct job *j = job_new("SELECT * FROM wfworker.peek($1, $2)", peek_done);
        JOB_POINTS(j, "peek");
        bin_uuid(&j->call, &p->id);
        bin_int8(&j->call, p->token);
        j->arg = p;
        store_enqueue(s, j);
    }
}

void peeks_drop(struct store *s)
{
    while (s->peeks) {
        struct peek *p = s->peeks;
        s->peeks = p->next;
        free(p);
    }
}

void store_peek(struct store *s, const struct uuid *id, int64_t token, store_peek_fn done, void *arg)
{
    struct peek *p = xcalloc(1, sizeof *p);
    p->id = *id;
    p->token = token;
    p->done = done;
    p->arg = arg;
    add_peek(s, p);
}

/* ---- Giving back ---- */

static const char release_sql[] = "SELECT wfworker.release($1, $2, $3)";

static void release_done(struct store *s, struct job *j, enum job_end end)
{
    if (end == JOB_OK && !s->closed && bin_get_int(j->result, 0, 0, 0) > 0)
        store_repeat(s, j, LOCKED_US);
    else if (!store_again(s, j, end) && end == JOB_FAILED) {
        struct error e = ERROR_INIT;
        job_error(j, end, "giving back", &e);
        log_error(LOG_WARNING, "giving back failed, the leases run out", &e);
    }
}

static struct job *release_new(void)
{
    struct job *j = job_new(release_sql, release_done);
    JOB_POINTS(j, "release");
    bin_array(&j->call, OID_UUID);
    bin_array(&j->call, OID_INT8);
    bin_array(&j->call, OID_INT8);
    return j;
}

static void release_add(struct job *j, const struct held *h, int64_t due_us)
{
    int64_t in = due_us - clock_now_us();
    bin_add_uuid(&j->call, 0, &h->item.id);
    bin_add_int8(&j->call, 1, h->token);
    if (due_us == INT64_MAX)
        bin_add_null(&j->call, 2);
    else
        bin_add_int8(&j->call, 2, in < 0 ? 0 : in < FAR_US ? in : FAR_US);
}

void release_held(struct store *s, struct held *h, int64_t due_us)
{
    struct job *j = s->queue_last;
    if (!j || j->call.sql != release_sql || j->not_before_us) {
        j = release_new();
        store_enqueue(s, j);
    }
    release_add(j, h, due_us);
    h->release = false;
    held_lease(&s->held, h, false);
    held_drop(&s->held, h);
}

void store_release(struct store *s, const struct uuid *id, int64_t token, int64_t due_us)
{
    struct held *h = held_get(&s->held, id);
    if (!h || !h->leased || h->token != token)
        return;
    if (h->saves == 0) {
        release_held(s, h, due_us);
        return;
    }
    h->release = true; /* after its saves */
    h->release_due_us = due_us;
}

static void add_release(struct held *h, void *arg)
{
    if (h->leased)
        release_add(arg, h, 0);
}

static void left_done(struct store *s, struct job *j, enum job_end end)
{
    (void)j;
    (void)end;
    s->left = true;
}

void release_all(struct store *s)
{
    if (s->held.leased > 0) {
        struct job *j = release_new();
        held_each(&s->held, add_release, j);
        store_enqueue(s, j);
    }
    struct job *gone = job_new("DELETE FROM wfworker.worker WHERE id = $1", left_done);
    JOB_POINTS(gone, "leave");
    bin_int8(&gone->call, s->worker);
    store_enqueue(s, gone);
}

static void lost_claims_done(struct store *s, struct job *j, enum job_end end)
{
    (void)j;
    s->claiming = false;
    s->claim_lost = end == JOB_LOST;
}

/* The answer of a claim was lost with its connection: whatever it took is given back before the next one. */
void release_lost_claims(struct store *s)
{
    if (!s->claim_lost || s->claiming)
        return;
    s->claim_lost = false;
    s->claiming = true;
    struct job *j = job_new("SELECT wfworker.release_others($1, $2)", lost_claims_done);
    JOB_POINTS(j, "claim.back");
    struct lease_list *l = all_leases(s);
    bin_int8(&j->call, s->worker);
    int ids = bin_array(&j->call, OID_UUID);
    for (size_t i = 0; i < l->count; i++)
        bin_add_uuid(&j->call, ids, &l->ids[i]);
    lease_list_free(l);
    store_enqueue(s, j);
}
