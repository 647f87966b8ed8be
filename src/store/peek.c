/* SPDX-License-Identifier: Apache-2.0 */
/* Looking again at what this worker holds. */
#include "config.h"

#include "store/core.h"

#include "base/mem.h"
#include "store/claim_row.h"

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
        claim_row_read(j->result, 0, &claim, &memory);
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
