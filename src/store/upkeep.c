/* SPDX-License-Identifier: Apache-2.0 */
/* What the store does from time to time, and single questions: the sweep, partitions, pinned definitions, the outlook. */
#include "config.h"

#include "store/core.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SWEEP_US (45 * US_PER_S)
#define FAILED_US (3600 * US_PER_S)
#define UPKEEP_US (3600 * US_PER_S)

static void warn(const struct job *j, enum job_end end, const char *doing)
{
    struct error e = ERROR_INIT;
    if (end != JOB_FAILED)
        return;
    job_error(j, end, doing, &e);
    log_error(LOG_WARNING, "house-keeping failed", &e);
}

/* ---- The sweep ---- */

static void sweep_done(struct store *s, struct job *j, enum job_end end)
{
    s->sweeping = false;
    warn(j, end, "looking for new executions");
    if (end == JOB_OK) {
        s->stats.queue_depth = bin_get_int(j->result, 0, 0, -1);
        time_said(bin_get_int(j->result, 0, 1, clock_now_us()), j->sent_us, clock_mono_us());
        s->hint = s->hint || s->stats.queue_depth > 0;
    } else if (end == JOB_LOST) {
        s->next_sweep_us = s->next_failed_us = 0;
    }
}

void sweep_start(struct store *s, bool failed)
{
    struct job *j = job_new("SELECT wfworker.sweep_all($1, $2), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
                            "  FROM wfworker.sweep_asks($1), wfworker.sweep_locks(), wfworker.sweep_approvals($1)", sweep_done);
    JOB_POINTS(j, "sweep");
    bin_bool(&j->call, failed);
    bin_bool(&j->call, !s->triggers);
    s->next_asks_us = 0;
    s->sweeping = true;
    store_enqueue(s, j);
}

/* ---- Asks: what stands in the outbox is carried out ---- */

#define ASKS_AT_ONCE 200
#define ASKS_SOONEST_US (5 * US_PER_MS)

static void delivered(struct store *s, struct job *j, enum job_end end)
{
    s->delivering = false;
    warn(j, end, "carrying out what executions asked for");
    int64_t more = end == JOB_OK ? bin_get_int(j->result, 0, 0, INT64_MAX) : end == JOB_FAILED ? US_PER_S : 0;
    if (more == INT64_MAX)
        return;
    int64_t at = clock_mono_us() + (more < ASKS_SOONEST_US ? ASKS_SOONEST_US : more);
    if (at < s->next_asks_us)
        s->next_asks_us = at;
}

void asks_wanted(struct store *s)
{
    s->asks_wanted = true;
    store_kick(s);
}

/* Others that listen are told of what comes from elsewhere. */
static void deliver_start(struct store *s, int64_t now)
{
    if (s->delivering || (!s->asks_wanted && now < s->next_asks_us))
        return;
    struct job *j = job_new("SELECT wfworker.deliver($1)", delivered);
    JOB_POINTS(j, "asks");
    bin_int4(&j->call, ASKS_AT_ONCE);
    s->delivering = true;
    s->asks_wanted = false;
    s->next_asks_us = now + (s->stats.listening ? SWEEP_US : s->poll_us);
    store_enqueue(s, j);
}

/* ---- Partitions, retention, workers that are gone ---- */

static void upkeep_done(struct store *s, struct job *j, enum job_end end)
{
    warn(j, end, "making and dropping partitions of the journal");
    if (end == JOB_LOST)
        s->next_upkeep_us = 0;
}

static void announced(struct store *s, struct job *j, enum job_end end)
{
    warn(j, end, "entering this worker in the registry");
    s->announcing = false;
    if (end == JOB_LOST)
        s->announce_wanted = true;
}

static void announce(struct store *s)
{
    struct job *j = job_new("SELECT wfworker.announce($1, $2, $3, $4), wfworker.describe($1, $5, $6, $7, $8, $9, $10)",
                            announced);
    JOB_POINTS(j, "announce");
    bin_int8(&j->call, s->worker);
    bin_text(&j->call, s->worker_name);
    bin_text(&j->call, s->version);
    bin_text(&j->call, s->node_types);
    bin_text(&j->call, s->host);
    bin_int4(&j->call, s->pid);
    bin_text(&j->call, s->abi);
    bin_int4(&j->call, db_schema_newest());
    bin_bool(&j->call, s->stats.listening);
    bin_bool(&j->call, s->stopping);
    s->announce_wanted = false;
    s->announcing = true;
    store_enqueue(s, j);
}

void store_stopping(struct store *s)
{
    s->stopping = s->announce_wanted = true;
    store_kick(s);
}

void upkeep_start(struct store *s, int64_t now)
{
    if (s->announce_wanted && !s->announcing) /* one at a time: the last word counts */
        announce(s);
    if (now >= s->next_upkeep_us) {
        s->announce_wanted = true;
        struct job *j = job_new("SELECT wfworker.upkeep($1)", upkeep_done);
        JOB_POINTS(j, "upkeep");
        bin_int4(&j->call, s->retention_days);
        store_enqueue(s, j);
        s->next_upkeep_us = now + UPKEEP_US;
    }
    deliver_start(s, now);
    bool polling = !s->triggers && claim_wanted(s, now) && now >= s->next_poll_us;
    if (!s->sweeping && (now >= s->next_sweep_us || polling)) {
        bool failed = now >= s->next_failed_us;
        sweep_start(s, failed);
        s->next_sweep_us = now + SWEEP_US;
        if (failed)
            s->next_failed_us = now + FAILED_US;
    }
    if (!s->stats.listening && s->held.leased > 0 && now >= s->next_poked_us) {
        store_enqueue(s, poked_job(s));
        s->next_poked_us = now + s->poll_us;
    }
}

int64_t upkeep_next_us(const struct store *s)
{
    int64_t at = s->next_upkeep_us < s->next_sweep_us ? s->next_upkeep_us : s->next_sweep_us;
    if (!s->stats.listening && s->held.leased > 0 && s->next_poked_us < at)
        at = s->next_poked_us;
    if (!s->delivering && s->next_asks_us < at)
        at = s->next_asks_us;
    return at;
}

/* ---- Definitions ---- */

struct definition_call {
    store_definition_fn done;
    void *arg;
    struct uuid workflow;
    char *id; /* load */
};

static void definition_done(struct store *s, struct job *j, enum job_end end);

static void ask_definition(struct store *s, struct definition_call *d)
{
    struct job *j = job_new(d->id ? "SELECT id, graph, rows, trigger_config FROM wfworker.definition WHERE id = $1"
                                  : "SELECT id, graph, rows, trigger_config FROM wfworker.pin($1)", definition_done);
    if (d->id) {
        JOB_POINTS(j, "definition.load");
        bin_text(&j->call, d->id);
    } else {
        JOB_POINTS(j, "definition.pin");
        bin_uuid(&j->call, &d->workflow);
    }
    j->arg = d;
    store_enqueue(s, j);
}

static void definition_free(struct definition_call *d)
{
    free(d->id);
    free(d);
}

static void definition_done(struct store *s, struct job *j, enum job_end end)
{
    struct definition_call *d = j->arg;
    struct error e = ERROR_INIT;
    if (store_again(s, j, end))
        return;
    const char *id = end == JOB_OK ? bin_get_text(j->result, 0, 0, NULL) : NULL;
    if (id) {
        struct store_definition v = {.id = id, .graph = bin_get_text(j->result, 0, 1, NULL),
                                     .rows = bin_get_text(j->result, 0, 2, NULL),
                                     .trigger_config = bin_get_text(j->result, 0, 3, NULL)};
        d->done(d->arg, &v, NULL);
    } else if (!s->closed) {
        char text[UUID_TEXT];
        uuid_format(&d->workflow, text);
        if (end != JOB_OK)
            job_error(j, end, "loading the definition", &e);
        else if (d->id)
            err_set(&e, "the pinned definition %s is gone", d->id);
        else
            err_set(&e, "the workflow %s is gone", text);
        d->done(d->arg, NULL, &e);
    }
    definition_free(d);
}

void store_definition_pin(struct store *s, const struct uuid *workflow_id, store_definition_fn done, void *arg)
{
    struct definition_call *d = xcalloc(1, sizeof *d);
    d->done = done;
    d->arg = arg;
    d->workflow = *workflow_id;
    ask_definition(s, d);
}

void store_definition_load(struct store *s, const char *id, store_definition_fn done, void *arg)
{
    struct definition_call *d = xcalloc(1, sizeof *d);
    d->done = done;
    d->arg = arg;
    d->id = xstrdup(id);
    ask_definition(s, d);
}

/* ---- The outlook ---- */

struct idle_call {
    store_idle_fn done;
    void *arg;
};

static void idle_done(struct store *s, struct job *j, enum job_end end)
{
    struct idle_call *i = j->arg;
    int64_t us = end == JOB_OK ? bin_get_int(j->result, 0, 1, INT64_MAX) : INT64_MAX;
    size_t held = end == JOB_OK ? (size_t)bin_get_int(j->result, 0, 0, 0) : 0;
    warn(j, end, "asking for the outlook");
    if (!s->closed)
        i->done(i->arg, end == JOB_OK, held, us == INT64_MAX ? us : us <= 0 ? 0 : us / US_PER_MS + 1);
    free(i);
}

void store_idle(struct store *s, store_idle_fn done, void *arg)
{
    struct idle_call *i = xcalloc(1, sizeof *i);
    i->done = done;
    i->arg = arg;
    if (!s->sweeping)
        sweep_start(s, true);
    struct job *j = job_new("SELECT held, next_us FROM wfworker.outlook()", idle_done);
    j->arg = i;
    store_enqueue(s, j);
}
