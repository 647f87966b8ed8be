/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: noted when they are taken, renewed together, given up when that fails.  And pokes where no notifications arrive. */
#include "config.h"

#include "store/core.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define HEARTBEAT_US (30 * US_PER_S)

void lease_taken(struct store *s, const struct store_claim *c, int64_t sent_us)
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

struct lease_list *all_leases(struct store *s)
{
    struct lease_list *l = xcalloc(1, sizeof *l);
    l->min_us = INT64_MAX;
    l->ids = xcalloc(s->held.leased + 1, sizeof *l->ids);
    l->tokens = xcalloc(s->held.leased + 1, sizeof *l->tokens);
    held_each(&s->held, collect, l);
    return l;
}

void lease_list_free(struct lease_list *l)
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
