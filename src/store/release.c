/* SPDX-License-Identifier: Apache-2.0 */
/* Giving back: single executions, all at the end, and what a claim took whose answer was lost. */
#include "config.h"

#include "store/core.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define LOCKED_US (250 * US_PER_MS) /* pause before what was locked is given back again */
#define FAR_US (INT64_C(50) * 365 * 86400 * US_PER_S)

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

/* ---- To a worker that has what it needs ---- */

struct handing {
    struct uuid id;
    int64_t token;
    store_handed_fn done;
    void *arg;
};

/* When it failed, the lease runs out, as if nothing had been asked: the worker drops it. */
static void hand_over_done(struct store *s, struct job *j, enum job_end end)
{
    struct handing *h = j->arg;
    if (store_again(s, j, end))
        return;
    bool handed = end != JOB_OK || bin_get_bool(j->result, 0, 0);
    struct held *held = held_get(&s->held, &h->id);
    if (end == JOB_FAILED) {
        struct error e = ERROR_INIT;
        job_error(j, end, "handing over", &e);
        log_error(LOG_WARNING, "handing an execution over failed, its lease runs out", &e);
    }
    if (handed && held && held->leased && held->token == h->token) {
        held_lease(&s->held, held, false);
        held_drop(&s->held, held);
    }
    if (!s->closed)
        h->done(h->arg, handed);
    free(h);
}

void store_hand_over(struct store *s, const struct uuid *id, int64_t token, const char *const *needs, size_t count, bool present,
                     store_handed_fn done, void *arg)
{
    struct handing *h = xcalloc(1, sizeof *h);
    *h = (struct handing){.id = *id, .token = token, .done = done, .arg = arg};
    struct job *j = job_new("SELECT wfworker.hand_over($1, $2, $3, $4, $5)", hand_over_done);
    JOB_POINTS(j, "hand_over");
    bin_int8(&j->call, s->worker);
    bin_uuid(&j->call, id);
    bin_int8(&j->call, token);
    int list = bin_array(&j->call, OID_TEXT);
    for (size_t i = 0; i < count; i++)
        bin_add_text(&j->call, list, needs[i], strlen(needs[i]));
    bin_bool(&j->call, present);
    j->arg = h;
    store_enqueue(s, j);
}

/* ---- Claims whose answer was lost ---- */

static void lost_claims_done(struct store *s, struct job *j, enum job_end end)
{
    (void)j;
    s->returning = false;
    s->claim_lost = end == JOB_LOST;
}

/* The answer of a claim was lost with its connection: whatever it took is given back before the next one, and not while
 * another one is on its way, of which is not known either what it takes. */
void release_lost_claims(struct store *s)
{
    if (!s->claim_lost || s->claims > 0 || s->returning)
        return;
    s->claim_lost = false;
    s->returning = true;
    struct job *j = job_new("SELECT wfworker.release_others($1, $2, $3)", lost_claims_done);
    JOB_POINTS(j, "claim.back");
    struct lease_list *l = all_leases(s);
    bin_int8(&j->call, s->worker);
    int ids = bin_array(&j->call, OID_UUID);
    for (size_t i = 0; i < l->count; i++)
        bin_add_uuid(&j->call, ids, &l->ids[i]);
    bin_int8(&j->call, s->lease_us / US_PER_MS);
    lease_list_free(l);
    store_enqueue(s, j);
}
