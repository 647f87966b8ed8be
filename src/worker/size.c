/* SPDX-License-Identifier: Apache-2.0 */
/* How large an execution is, and what all of them take.
 *
 * Of an execution three numbers are known without looking: how long the text of its state was when it was written last, what
 * came since then, and its payloads, each once.  Their sum is never too small; it is too large when values were replaced.  So
 * the state is measured only when the sum says that it may be too large, and then again not before a sixteenth more came, or
 * when much came since it was measured: what it costs is a part of what the values themselves cost. */
#include "worker/inside.h"

#include "base/mem.h"

/* A run with nothing in it: itself, activations, log rows, what the engine keeps by node. */
#define RUN_BYTES ((size_t)8192)
/* Memory for a byte of text: small values, mostly. */
#define INLINE_FACTOR 8
#define LOOK_SHARE 16
#define LOOK_BYTES ((size_t)1 << 20)

struct run_size run_size(const struct run *r)
{
    return (struct run_size){.added = r->payloads.added, .bytes = r->payloads.bytes, .count = r->payloads.len};
}

static size_t all_bytes(const struct run *r)
{
    return r->base_bytes + r->payloads.added + r->payloads.bytes;
}

void run_measured(struct run *r, size_t text_len)
{
    r->base_bytes = text_len;
    r->payloads.added = 0;
    run_weigh(r);
}

static void look(struct run *r)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    text.refs = &r->payloads.names.refs;
    engine_state_write(r->def, r->state, &text);
    payloads_sweep(&r->payloads);
    run_measured(r, text.len);
}

static bool may_be_too_large(const struct run *r, size_t max)
{
    size_t all = all_bytes(r);
    return all > max && (r->full || all - r->looked_bytes > max / LOOK_SHARE || all < r->looked_bytes);
}

bool run_outgrows(struct run *r, struct run_size before)
{
    struct payloads *p = &r->payloads;
    size_t max = r->w->settings->max_state;
    bool asked = may_be_too_large(r, max);
    if (!asked && p->added <= LOOK_BYTES + 4 * r->base_bytes)
        return false;
    size_t added = p->added - before.added, apart = p->bytes - before.bytes, fresh = p->len - before.count;
    look(r);
    p->added = added;
    if (!asked)
        return false;
    r->looked_bytes = all_bytes(r) - added - apart;
    r->full = all_bytes(r) > max;
    if (!r->full)
        return false;
    r->refused_bytes = added + apart;
    p->added -= added;
    payloads_undo(p, fresh); /* also when whoever made it has it for a while */
    run_weigh(r);
    return true;
}

struct failure run_too_large(const struct run *r, size_t node)
{
    return (struct failure){
        .type = xstrdup("state_too_large"),
        .message = xasprintf("what node \"%s\" gave back (%zu bytes) does not fit into the execution's state, which has "
                             "%zu bytes and may have %zu (max_state): keep large data elsewhere and pass on where they "
                             "are, or raise max_state",
                             def_node_id(r->def, node), r->refused_bytes, r->looked_bytes, r->w->settings->max_state)};
}

void run_end_too_large(struct run *r)
{
    CLEANUP_FREE char *text =
        xasprintf("state_too_large: trigger data and signals make the execution's state %zu bytes large, and it may have %zu "
                  "(max_state): keep large data elsewhere and pass on where they are, or raise max_state",
                  all_bytes(r), r->w->settings->max_state);
    run_terminate(r, text);
}

/* ---- All of them ---- */

void run_weigh(struct run *r)
{
    const struct payloads *p = &r->payloads;
    size_t now = RUN_BYTES + (r->base_bytes + p->added) * INLINE_FACTOR + p->memory + p->undurable_bytes;
    r->w->memory = r->w->memory - r->weight + now;
    r->weight = now;
}

void run_weigh_nothing(struct run *r)
{
    r->w->memory -= r->weight;
    r->weight = 0;
}

size_t worker_memory(const struct worker *w)
{
    struct store_stats s = {0};
    if (w->store)
        store_stats(w->store, &s);
    return w->memory + s.saves_bytes + (w->http ? http_service_counts(w->http).bytes : 0);
}

size_t worker_room_bytes(const struct worker *w)
{
    size_t used = worker_memory(w), max = w->settings->max_memory;
    return used < max ? (max - used) / INLINE_FACTOR : 0;
}
