/* SPDX-License-Identifier: Apache-2.0 */
/* The running worker's questions about schedules; sql/0005_schedules.sql answers them. */
#include "config.h"

#include "store/schedule.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/core.h"

struct due_call {
    store_due_fn done;
    void *arg;
};

static void failed(const struct job *j, enum job_end end, const char *doing)
{
    struct error e = ERROR_INIT;
    if (end != JOB_FAILED)
        return;
    job_error(j, end, doing, &e);
    log_error(LOG_WARNING, "schedules", &e);
}

static const char *text_or(const PGresult *r, int row, int column, const char *fallback)
{
    const char *text = bin_get_text(r, row, column, NULL);
    return text ? text : fallback;
}

static void read_due(const struct store *s, const PGresult *r, struct store_schedule *list, struct store_due *out)
{
    *out = (struct store_due){.schedules = list, .now_us = bin_get_time(r, 0, 6), .wait_us = bin_get_int(r, 0, 7, INT64_MAX),
                              .notified = bin_get_bool(r, 0, 8) && s->stats.listening};
    for (int row = 1; row < PQntuples(r); row++) {
        struct store_schedule *v = &list[out->count];
        *v = (struct store_schedule){.cron = text_or(r, row, 1, ""), .timezone = bin_get_text(r, row, 2, NULL),
                                     .catch_up = text_or(r, row, 3, ""), .overlap = text_or(r, row, 4, ""),
                                     .catch_up_seconds = bin_get_int(r, row, 5, 0), .next_us = bin_get_time(r, row, 6)};
        out->count += bin_get_uuid(r, row, 0, &v->id);
    }
}

static void due_done(struct store *s, struct job *j, enum job_end end)
{
    struct due_call *d = j->arg;
    struct store_due due;
    failed(j, end, "looking for due schedules");
    if (!s->closed && end == JOB_OK && PQntuples(j->result) > 0) {
        CLEANUP_FREE struct store_schedule *list = xcalloc((size_t)PQntuples(j->result), sizeof *list);
        read_due(s, j->result, list, &due);
        d->done(d->arg, &due);
    } else if (!s->closed) {
        d->done(d->arg, NULL);
    }
    free(d);
}

void store_schedules_due(struct store *s, bool sync, size_t limit, store_due_fn done, void *arg)
{
    struct due_call *d = xcalloc(1, sizeof *d);
    struct job *j = job_new("SELECT * FROM wfworker.due_schedules($1, $2)", due_done);
    JOB_POINTS(j, "schedules.look");
    *d = (struct due_call){done, arg};
    bin_bool(&j->call, sync);
    bin_int4(&j->call, (int32_t)limit);
    j->arg = d;
    store_enqueue(s, j);
}

/* ---- Starting ---- */

struct run_call {
    store_schedules_done_fn done;
    void *arg;
};

static void run_done(struct store *s, struct job *j, enum job_end end)
{
    struct run_call *c = j->arg;
    size_t count = end == JOB_OK ? (size_t)PQntuples(j->result) : 0;
    CLEANUP_FREE struct store_schedule_done *list = xcalloc(count + 1, sizeof *list);
    failed(j, end, "starting executions of schedules");
    for (size_t i = 0; i < count; i++)
        list[i] = (struct store_schedule_done){.index = (size_t)bin_get_int(j->result, (int)i, 0, 0),
                                               .started = bin_get_int(j->result, (int)i, 1, 0),
                                               .skipped = bin_get_int(j->result, (int)i, 2, 0),
                                               .error = bin_get_text(j->result, (int)i, 3, NULL)};
    if (!s->closed)
        c->done(c->arg, list, count);
    free(c);
}

static void add_text(struct bin_call *call, int array, const char *text)
{
    bin_add_text(call, array, text, text ? strlen(text) : 0);
}

void store_schedules_run(struct store *s, const struct store_schedule_run *runs, size_t count, store_schedules_done_fn done,
                         void *arg)
{
    struct run_call *c = xcalloc(1, sizeof *c);
    struct job *j = job_new("SELECT * FROM wfworker.run_schedules($1, $2, $3, $4, $5, $6, $7)", run_done);
    JOB_POINTS(j, "schedules.start");
    struct bin_call *b = &j->call;
    int id = bin_array(b, OID_UUID), seen = bin_array(b, OID_TIMESTAMP), cron = bin_array(b, OID_TEXT);
    int next = bin_array(b, OID_TIMESTAMP), error = bin_array(b, OID_TEXT);
    int slot_of = bin_array(b, OID_INT4), slot = bin_array(b, OID_TIMESTAMP);
    for (size_t i = 0; i < count; i++) {
        bin_add_uuid(b, id, &runs[i].id);
        bin_add_time(b, seen, runs[i].seen_us);
        add_text(b, cron, runs[i].cron);
        bin_add_time(b, next, runs[i].next_us);
        add_text(b, error, runs[i].error);
        for (size_t k = 0; k < runs[i].slot_count; k++) {
            bin_add_int4(b, slot_of, (int32_t)i + 1);
            bin_add_time(b, slot, runs[i].slots[k]);
        }
    }
    *c = (struct run_call){done, arg};
    j->arg = c;
    store_enqueue(s, j);
}
