/* SPDX-License-Identifier: Apache-2.0 */
/* From a claim to a run: the definition first, from the cache or from the store, then the large values, then all is read: on the
 * loop what is small, beside it what is large.  Meanwhile `loading` keeps the run, also one that was dropped. */
#include "worker/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/inside.h"

/* A definition that cannot be had now is asked for again after this. */
#define DEFINITION_RETRY_US (30 * US_PER_S)

static char *dup_or_null(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static void copy_texts(const char *const *from, const size_t *from_len, size_t count, const char *const **to, const size_t **to_len)
{
    char **texts = xcalloc(count + 1, sizeof(char *));
    size_t *lens = xcalloc(count + 1, sizeof(size_t));
    for (size_t i = 0; i < count; i++) {
        texts[i] = xstrndup(from[i], from_len[i]);
        lens[i] = from_len[i];
    }
    *to = (const char *const *)texts;
    *to_len = lens;
}

struct claim_copy *claim_copy_new(const struct store_claim *c)
{
    struct claim_copy *copy = xmalloc(sizeof(*copy));
    copy->claim = *c;
    copy->claim.execution_id = dup_or_null(c->execution_id);
    copy->claim.status = dup_or_null(c->status);
    copy->claim.error_message = dup_or_null(c->error_message);
    copy->claim.current_node_id = dup_or_null(c->current_node_id);
    copy->claim.execution_state = c->execution_state ? xstrndup(c->execution_state, c->execution_state_len) : NULL;
    copy->claim.snapshot = c->snapshot ? xstrndup(c->snapshot, c->snapshot_len) : NULL;
    copy->claim.definition = dup_or_null(c->definition);
    copy->claim.workflow_stamp = dup_or_null(c->workflow_stamp);
    copy_texts(c->journal, c->journal_len, c->journal_count, &copy->claim.journal, &copy->claim.journal_len);
    copy_texts(c->signals, c->signals_len, c->signal_count, &copy->claim.signals, &copy->claim.signals_len);
    return copy;
}

static void drop_const(const void *p)
{
    xfree((void *)(uintptr_t)p);
}

void claim_copy_free(struct claim_copy *c)
{
    if (!c)
        return;
    drop_const(c->claim.execution_id);
    drop_const(c->claim.status);
    drop_const(c->claim.error_message);
    drop_const(c->claim.current_node_id);
    drop_const(c->claim.execution_state);
    drop_const(c->claim.snapshot);
    drop_const(c->claim.definition);
    drop_const(c->claim.workflow_stamp);
    for (size_t i = 0; i < c->claim.journal_count; i++)
        drop_const(c->claim.journal[i]);
    drop_const(c->claim.journal);
    drop_const(c->claim.journal_len);
    for (size_t i = 0; i < c->claim.signal_count; i++)
        drop_const(c->claim.signals[i]);
    drop_const(c->claim.signals);
    drop_const(c->claim.signals_len);
    xfree(c);
}

static void claim_cleanup(struct claim_copy **c)
{
    claim_copy_free(*c);
}

/* ---- Reading ---- */

static void go_on(struct run *r, const struct store_claim *c, struct prepared *made, claim_then *then)
{
    if (!made->values_bad) {
        then(r, c, made);
        return;
    }
    run_error(r, "large values of the execution cannot be read", &made->why);
    run_release(r, clock_now_us() + DEFINITION_RETRY_US);
}

static void read_here(struct run *r, const struct store_claim *c, const struct store_payload *values, size_t count, claim_then *then)
{
    CLEANUP(prepared_clear) struct prepared made = {0};
    prepared_make(&made, r->def, c, run_needs_state(r, c), values, count, &r->payloads, false);
    go_on(r, c, &made, then);
}

/* On threads beside the loop.  They have the run's definition and a table of their own. */
struct read_job {
    struct heavy_job job; /* must be first */
    struct run *run;      /* `loading` keeps it, and its claim */
    bool with_state;
    struct store_payload *values; /* owned, texts and all */
    size_t count, bytes;
    struct payloads found; /* what is known, and what is read */
    size_t known;
    struct prepared made;
};

static void read_work(struct heavy_job *job)
{
    struct read_job *j = (struct read_job *)(void *)job;
    prepared_make(&j->made, j->run->def, &j->run->claim->claim, j->with_state, j->values, j->count, &j->found, true);
}

static void read_free(struct read_job *j)
{
    for (size_t i = 0; i < j->count; i++)
        free((void *)(uintptr_t)j->values[i].text);
    free(j->values);
    payloads_free(&j->found);
    prepared_clear(&j->made);
    free(j);
}

static void read_done(struct heavy_job *job)
{
    struct read_job *j = (struct read_job *)(void *)job;
    struct run *r = j->run;
    CLEANUP(claim_cleanup) struct claim_copy *copy = STEAL(r->claim);
    r->loading = false;
    if (r->dead) {
        run_unbusy(r);
    } else {
        turns_note(&r->w->turns, "claim", r->execution_id, j->bytes);
        payloads_join(&r->payloads, &j->found, j->known);
        payloads_free(&j->found);
        go_on(r, &copy->claim, &j->made, r->loaded);
    }
    read_free(j);
}

static void read_drop(struct heavy_job *job)
{
    read_free((struct read_job *)(void *)job); /* the run has its claim */
}

static struct store_payload *values_copy(const struct store_payload *values, size_t count)
{
    struct store_payload *copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct store_payload){.id = values[i].id, .text = xstrndup(values[i].text, values[i].len), .len = values[i].len};
    return copy;
}

static bool read_beside(struct run *r, const struct store_claim *c, struct claim_copy *copy, const struct store_payload *values,
                        size_t count, claim_then *then)
{
    bool with_state = run_needs_state(r, c);
    size_t bytes = prepared_bytes(c, with_state);
    for (size_t i = 0; i < count; i++)
        bytes += values[i].len;
    if (bytes <= HEAVY_BYTES || !r->w->heavy)
        return false;
    struct read_job *j = xcalloc(1, sizeof(*j));
    j->job = (struct heavy_job){.work = read_work, .done = read_done, .drop = read_drop};
    j->run = r;
    j->with_state = with_state;
    j->values = values_copy(values, count);
    j->count = count;
    j->bytes = bytes;
    j->known = payloads_fork(&r->payloads, &j->found);
    r->loading = true;
    r->loaded = then;
    r->claim = copy ? copy : claim_copy_new(c);
    heavy_submit(r->w->heavy, &j->job);
    return true;
}

/* copy is taken over; NULL: the claim is borrowed. */
static void read_claim(struct run *r, const struct store_claim *c, struct claim_copy *copy, const struct store_payload *values,
                       size_t count, claim_then *then)
{
    if (read_beside(r, c, copy, values, count, then))
        return;
    read_here(r, c, values, count, then);
    claim_copy_free(copy);
}

/* ---- Large values ---- */

static void on_payloads(void *arg, const struct store_payload *values, size_t count, const struct error *e)
{
    struct run *r = arg;
    r->loading = false;
    if (r->dead) {
        run_unbusy(r);
    } else if (e) {
        run_error(r, "large values of the execution cannot be read", e);
        run_release(r, clock_now_us() + DEFINITION_RETRY_US);
    } else {
        struct claim_copy *copy = STEAL(r->claim);
        read_claim(r, &copy->claim, copy, values, count, r->loaded);
    }
}

static void with_payloads(struct run *r, const struct store_claim *c, struct claim_copy *copy, claim_then *then)
{
    size_t count = 0;
    CLEANUP_FREE struct uuid *ids = run_needs_state(r, c) ? payloads_wanted(&r->payloads, c, &count) : NULL;
    if (count == 0) {
        read_claim(r, c, copy, NULL, 0, then);
        return;
    }
    r->loading = true;
    r->loaded = then;
    r->claim = copy ? copy : claim_copy_new(c);
    store_payloads_get(r->w->store, &r->item.id, ids, count, on_payloads, r);
}

void claim_prepare(struct run *r, const struct store_claim *c, claim_then *then)
{
    with_payloads(r, c, NULL, then);
}

static void start(struct run *r, const struct store_claim *c, struct prepared *made)
{
    CRASH_POINT("claim.taken");
    if (run_recover(r, c, made) != 0)
        return;
    CRASH_POINT("claim.loaded");
    run_turn(r);
}

/* ---- Node types ---- */

static void on_handed_over(void *arg, bool handed)
{
    struct run *r = arg;
    r->loading = false;
    if (r->dead) {
        run_unbusy(r);
    } else if (handed) {
        log_write(LOG_DEBUG, "execution left to a worker that has its node types", LOG_STR("execution", r->execution_id));
        run_drop(r);
    } else { /* nobody has them: it fails where it needs them */
        struct claim_copy *copy = STEAL(r->claim);
        with_payloads(r, &copy->claim, copy, start);
    }
}

/* Some of its node types are not here: somebody else may have all of them. */
static void hand_over(struct run *r, const struct store_claim *c, struct claim_copy *copy)
{
    size_t count = 0, nodes = def_node_count(r->def);
    const char **types = xcalloc(nodes + 1, sizeof(*types));
    struct def_node_view node;
    for (size_t i = 0; i < nodes; i++) {
        def_view_node(r->def, i, &node);
        if (node.reachable)
            types[count++] = node.type;
    }
    r->claim = copy ? copy : claim_copy_new(c);
    r->loading = true;
    store_hand_over(r->w->store, &r->item.id, r->token, types, count, !c->definition, on_handed_over, r);
    xfree(types);
}

/* copy is taken over; NULL: the claim is borrowed. */
static void begin(struct run *r, const struct store_claim *c, struct claim_copy *copy)
{
    if (def_lacks_types(r->def))
        hand_over(r, c, copy);
    else
        with_payloads(r, c, copy, start);
}

/* ---- Definition ---- */

/* id says that the content is there but cannot be read: asking again would not help, the execution fails. */
static struct def *unreadable(const char *id, const struct error *e)
{
    CLEANUP_FREE char *text = xasprintf("workflow definition cannot be read: %s", e->message);
    return id ? def_broken(text) : NULL;
}

static void on_definition(void *arg, struct def *d, const char *id, const struct error *e)
{
    struct run *r = arg;
    bool waited = r->loading;
    r->loading = false;
    if (r->dead) {
        run_unbusy(r);
        return;
    }
    struct def *def = d ? def_ref(d) : unreadable(id, e);
    if (!def) {
        run_error(r, "definition not available", e);
        run_release(r, clock_now_us() + DEFINITION_RETRY_US);
        return;
    }
    r->def = def;
    r->definition_id = xstrdup(id);
    if (!waited)
        return; /* claim_one() goes on */
    struct claim_copy *copy = STEAL(r->claim);
    begin(r, &copy->claim, copy);
}

/* Bytes of what is read of it. */
static size_t claim_bytes(const struct store_claim *c)
{
    size_t bytes = c->execution_state_len + c->snapshot_len;
    for (size_t i = 0; i < c->journal_count; i++)
        bytes += c->journal_len[i];
    return bytes;
}

static void claim_one(struct worker *w, const struct store_claim *c)
{
    struct idmap_item *old = idmap_find(&w->held, &c->id);
    if (old) { /* its lease ran out unnoticed and it came back: what this worker did since then does not count */
        w->counts.lost++;
        run_drop(RUN_OF(old));
    }
    struct run *r = run_new(w, c);
    if (w->phase != WORKER_WORKING) {
        run_release(r, 0);
        return;
    }
    struct uuid id = c->id;
    turns_note(&w->turns, "claim", r->execution_id, claim_bytes(c));
    defs_get(w->defs, &c->workflow_id, c->workflow_stamp, c->definition, on_definition, r);
    if (!idmap_find(&w->held, &id))
        return;
    if (r->def) {
        begin(r, c, NULL);
        return;
    }
    r->loading = true;
    r->claim = claim_copy_new(c);
}

void on_claimed(void *ctx, const struct store_claim *claims, size_t count)
{
    struct worker *w = ctx;
    w->room = SIZE_MAX; /* the store has used up some of it: say it again, whatever it is then */
    for (size_t i = 0; i < count; i++)
        claim_one(w, &claims[i]);
}
