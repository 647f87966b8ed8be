/* SPDX-License-Identifier: Apache-2.0 */
/* Large values: one statement to write, one to read.  Writing the same row twice changes nothing, so that a statement whose
 * answer was lost is simply sent again. */
#include "config.h"

#include "store/payload.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/core.h"

#define PUT_AGAIN_US (250 * US_PER_MS)

struct put_call {
    store_put_fn done;
    void *arg;
};

struct get_call {
    store_get_fn done;
    void *arg;
};

/* Only content that is refused is the execution's matter.  A server that has become read-only will not be for long, and rights
 * that are missing are the worker's. */
static bool put_again(struct store *s, struct job *j, enum job_end end)
{
    enum pg_cause cause = job_cause(j);
    struct error e = ERROR_INIT;
    if (store_again(s, j, end))
        return true;
    if (s->closed || end != JOB_FAILED || cause == CAUSE_DATA)
        return false;
    job_error(j, end, "saving a large value", &e);
    if (cause == CAUSE_PERMISSION || cause == CAUSE_SCHEMA)
        store_fail(s, &e);
    store_repeat(s, j, PUT_AGAIN_US);
    return true;
}

static void put_done(struct store *s, struct job *j, enum job_end end)
{
    struct put_call *c = j->arg;
    struct error e = ERROR_INIT;
    if (put_again(s, j, end))
        return;
    if (end != JOB_OK)
        job_error(j, end, "saving a large value", &e);
    if (!s->closed)
        c->done(c->arg, end == JOB_OK ? NULL : &e);
    free(c);
}

void store_payloads_put(struct store *s, const struct uuid *execution, const struct store_payload *values, size_t count,
                        store_put_fn done, void *arg)
{
    struct job *j = job_new("SELECT wfworker.put_payloads($1, $2, $3)", put_done);
    struct put_call *c = xcalloc(1, sizeof *c);
    *c = (struct put_call){.done = done, .arg = arg};
    bin_uuid(&j->call, execution);
    int ids = bin_array(&j->call, OID_UUID), texts = bin_array(&j->call, OID_TEXT);
    for (size_t i = 0; i < count; i++) {
        bin_add_uuid(&j->call, ids, &values[i].id);
        bin_add_text(&j->call, texts, values[i].text, values[i].len);
    }
    j->arg = c;
    store_enqueue(s, j);
}

static struct store_payload *read_rows(const PGresult *r, size_t *count)
{
    struct store_payload *list = xcalloc((size_t)PQntuples(r) + 1, sizeof *list);
    for (int row = 0; row < PQntuples(r); row++) {
        struct store_payload *v = &list[*count];
        v->text = bin_get_text(r, row, 1, &v->len);
        *count += v->text && bin_get_uuid(r, row, 0, &v->id);
    }
    return list;
}

static void get_done(struct store *s, struct job *j, enum job_end end)
{
    struct get_call *c = j->arg;
    struct error e = ERROR_INIT;
    size_t count = 0;
    if (store_again(s, j, end))
        return;
    if (end != JOB_OK)
        job_error(j, end, "reading large values", &e);
    CLEANUP_FREE struct store_payload *list = end == JOB_OK ? read_rows(j->result, &count) : NULL;
    if (!s->closed)
        c->done(c->arg, list, count, end == JOB_OK ? NULL : &e);
    free(c);
}

void store_payloads_get(struct store *s, const struct uuid *execution, const struct uuid *ids, size_t count, store_get_fn done,
                        void *arg)
{
    struct job *j = job_new("SELECT * FROM wfworker.payloads($1, $2)", get_done);
    struct get_call *c = xcalloc(1, sizeof *c);
    *c = (struct get_call){.done = done, .arg = arg};
    bin_uuid(&j->call, execution);
    int list = bin_array(&j->call, OID_UUID);
    for (size_t i = 0; i < count; i++)
        bin_add_uuid(&j->call, list, &ids[i]);
    j->arg = c;
    store_enqueue(s, j);
}
