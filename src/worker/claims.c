/* SPDX-License-Identifier: Apache-2.0 */
/* From a claim to a run: the definition first, from the cache or from the store, then the state. */
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

/* ---- Definition ---- */

static void start(struct run *r, const struct store_claim *c)
{
    CRASH_POINT("claim.taken");
    if (run_recover(r, c) != 0)
        return;
    CRASH_POINT("claim.loaded");
    run_turn(r);
}

/* ---- Large values ---- */

static void on_payloads(void *arg, const struct store_payload *values, size_t count, const struct error *e)
{
    struct run *r = arg;
    struct error wrong = ERROR_INIT;
    CLEANUP(claim_cleanup) struct claim_copy *copy = STEAL(r->claim);
    r->loading = false;
    if (r->dead) {
        run_unbusy(r);
        return;
    }
    if (e || payloads_load(&r->payloads, values, count, &wrong) != 0) {
        run_error(r, "large values of the execution cannot be read", e ? e : &wrong);
        run_release(r, clock_now_us() + DEFINITION_RETRY_US);
        return;
    }
    r->loaded(r, &copy->claim);
}

static void with_payloads(struct run *r, const struct store_claim *c, struct claim_copy *copy,
                          void (*then)(struct run *r, const struct store_claim *c))
{
    size_t count;
    CLEANUP_FREE struct uuid *ids = payloads_wanted(&r->payloads, c, &count);
    if (count == 0) {
        then(r, c);
        claim_copy_free(copy);
        return;
    }
    r->loading = true;
    r->loaded = then;
    r->claim = copy ? copy : claim_copy_new(c);
    store_payloads_get(r->w->store, &r->item.id, ids, count, on_payloads, r);
}

void claim_with_payloads(struct run *r, const struct store_claim *c, void (*then)(struct run *r, const struct store_claim *c))
{
    with_payloads(r, c, NULL, then);
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
        start(r, &copy->claim);
        claim_copy_free(copy);
    }
}

/* Some of its node types are not here: somebody else may have all of them. */
static void hand_over(struct run *r, const struct store_claim *c)
{
    size_t count = 0, nodes = def_node_count(r->def);
    const char **types = xcalloc(nodes + 1, sizeof(*types));
    struct def_node_view node;
    for (size_t i = 0; i < nodes; i++) {
        def_view_node(r->def, i, &node);
        if (node.reachable)
            types[count++] = node.type;
    }
    r->claim = claim_copy_new(c);
    r->loading = true;
    store_hand_over(r->w->store, &r->item.id, r->token, types, count, !c->definition, on_handed_over, r);
    xfree(types);
}

static void begin(struct run *r, const struct store_claim *c)
{
    if (def_lacks_types(r->def))
        hand_over(r, c);
    else
        start(r, c);
}

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
    with_payloads(r, &copy->claim, copy, begin);
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
        claim_with_payloads(r, c, begin);
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
