/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: when to look for work, and what was found. */
#include "config.h"

#include "store/core.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/claim_row.h"

#define CLAIM_MAX 100
#define ROUNDS_MAX 16 /* looks one after the other at many lanes that all wait for something */
#define POLL_MAX_US (30 * US_PER_S)
#define FAR_US (INT64_C(50) * 365 * 86400 * US_PER_S)

/* One at a time; while there is a backlog one on each connection: what the one took is worked on while the server works on the
 * other.  Where memory is short (room_bytes) a second one could take more than there is room for. */
static bool claim_possible(const struct store *s)
{
    size_t most = s->backlog && s->room_bytes == CLAIM_BYTES ? STORE_CONNECTIONS : 1;
    return s->room > s->claims_for && s->claims < most && !s->claim_lost && !s->returning && !s->closing && !s->fatal;
}

bool claim_wanted(const struct store *s, int64_t now)
{
    bool freed = s->blocked && s->held.leased < s->blocked_at; /* a place under a limit, perhaps */
    return claim_possible(s) && (s->hint || freed || now >= s->next_poll_us);
}

void claim_due_in(struct store *s, int64_t us)
{
    int64_t at = clock_mono_us() + us;
    if (us < FAR_US && at < s->next_poll_us)
        s->next_poll_us = at;
}

static int64_t poll_pause(struct store *s)
{
    if (!s->stats.listening || !s->triggers || s->blocked)
        return s->poll_us;
    int64_t pause = s->poll_backoff_us;
    s->poll_backoff_us = pause * 2 < POLL_MAX_US ? pause * 2 : POLL_MAX_US;
    uint16_t r;
    random_bytes(&r, sizeof r);
    return pause - pause / 10 * r / 65536;
}

/* Nothing was there: sleep, after one more look when only now the database knows that we do, and after more looks when there
 * are more lanes than one claim visits. */
static void nothing_claimed(struct store *s, int64_t next_due_us, bool idle_noted, bool more_lanes)
{
    s->rounds = more_lanes ? s->rounds + 1 : 0;
    s->hint = s->hint || (more_lanes && s->rounds % ROUNDS_MAX != 0);
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
        claim_row_read(j->result, i, &claims[i], &memory[i]);
        lease_taken(s, &claims[i], j->sent_us);
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
    s->backlog = false;
    free(STEAL(s->memo)); /* whatever was wrong, it is not kept */
    s->next_poll_us = clock_mono_us() + s->poll_us;
    job_error(j, end, "claiming", &e);
    if (cause == CAUSE_PERMISSION || cause == CAUSE_SCHEMA)
        store_fail(s, &e);
    else if (cause != CAUSE_READ_ONLY)
        log_error(LOG_WARNING, "claiming failed, trying again", &e);
}

enum { PLACES_FULL = 1, MORE_LANES = 2 }; /* in the last row of a claim */

static char *dup_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void claim_done(struct store *s, struct job *j, enum job_end end)
{
    s->claims--;
    s->claims_for -= j->most;
    if (end != JOB_OK) {
        claim_failed(s, j, end);
        return;
    }
    s->stats.claims++;
    s->claim_alone = false;
    int rows = PQntuples(j->result) - 1; /* the last one is about all */
    if (rows < 0)
        return;
    int64_t flags = bin_get_int(j->result, rows, C_CRASHES, 0);
    free(s->memo);
    s->memo = dup_or_null(bin_get_text(j->result, rows, C_STATE, NULL));
    s->blocked = flags & PLACES_FULL;
    s->backlog = (size_t)rows >= j->most;
    if (rows > 0)
        deliver(s, j, rows);
    else
        nothing_claimed(s, bin_get_int(j->result, rows, C_TOKEN, INT64_MAX), j->idle_noted, flags & MORE_LANES);
    s->blocked_at = s->held.leased;
}

struct job *claim_job(struct store *s)
{
    struct job *j = job_new("SELECT * FROM wfworker.claim($1, $2, $3, $4, $5, $6, $7)", claim_done);
    JOB_POINTS(j, "claim");
    size_t room = s->room - s->claims_for;
    j->most = room < CLAIM_MAX ? room : CLAIM_MAX;
    s->claims++;
    s->claims_for += j->most;
    s->hint = s->backlog;
    bin_int8(&j->call, s->worker);
    bin_int4(&j->call, (int32_t)j->most);
    bin_int8(&j->call, s->lease_us / US_PER_MS);
    j->idle_noted = s->stats.listening;
    bin_bool(&j->call, j->idle_noted);
    bin_int8(&j->call, (int64_t)s->room_bytes);
    bin_int4(&j->call, s->per_owner);
    bin_text(&j->call, s->memo);
    return j;
}

void store_set_room(struct store *s, size_t room)
{
    if (s->closing)
        return;
    s->room = room;
    store_kick(s);
}

void store_set_room_bytes(struct store *s, size_t bytes)
{
    s->room_bytes = bytes < CLAIM_BYTES ? bytes : CLAIM_BYTES;
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
