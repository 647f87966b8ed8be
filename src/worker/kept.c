/* SPDX-License-Identifier: Apache-2.0 */
/* Deep copies of engine events.  JSON values are immutable once made, so a reference is a copy. */
#include "worker/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static char *dup_or_null(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static void drop_const(const char *s)
{
    free((void *)(uintptr_t)s);
}

static const struct failure *copy_failure(const struct failure *f)
{
    if (!f)
        return NULL;
    struct failure *copy = xcalloc(1, sizeof(*copy));
    copy->type = dup_or_null(f->type);
    copy->message = dup_or_null(f->message);
    copy->retryable = f->retryable;
    copy->retry_after_ms = f->retry_after_ms;
    copy->details = json_incref(f->details);
    copy->node = dup_or_null(f->node);
    return copy;
}

static void drop_failure(const struct failure *f)
{
    if (!f)
        return;
    struct failure *own = (struct failure *)(uintptr_t)f;
    free(own->type);
    free(own->message);
    json_decref(own->details);
    free(own->node);
    free(own);
}

static struct engine_event copy_event(const struct engine_event *ev)
{
    struct engine_event copy = *ev;
    copy.output = json_incref(ev->output);
    copy.branch = dup_or_null(ev->branch);
    copy.failure = copy_failure(ev->failure);
    copy.park.signal = dup_or_null(ev->park.signal);
    copy.park.signals = json_incref(ev->park.signals);
    copy.park.child = dup_or_null(ev->park.child);
    copy.park.checkpoint = json_incref(ev->park.checkpoint);
    copy.variables = json_incref(ev->variables);
    copy.asks = json_incref(ev->asks);
    copy.cancels = json_incref(ev->cancels);
    copy.enter.passes = json_incref(ev->enter.passes);
    copy.enter.to = dup_or_null(ev->enter.to);
    copy.start = NULL;
    copy.message = dup_or_null(ev->message);
    copy.signal = dup_or_null(ev->signal);
    copy.signal_id = dup_or_null(ev->signal_id);
    return copy;
}

static void drop_event(struct kept_event *k)
{
    json_decref(k->ev.output);
    drop_const(k->ev.branch);
    drop_failure(k->ev.failure);
    drop_const(k->ev.park.signal);
    json_decref(k->ev.park.signals);
    drop_const(k->ev.park.child);
    json_decref(k->ev.park.checkpoint);
    json_decref(k->ev.variables);
    json_decref(k->ev.asks);
    json_decref(k->ev.cancels);
    json_decref(k->ev.enter.passes);
    drop_const(k->ev.enter.to);
    drop_const(k->ev.message);
    drop_const(k->ev.signal);
    drop_const(k->ev.signal_id);
    free(k->text);
}

void kept_add(struct kept *k, const struct engine_event *ev, int64_t at_us, size_t node)
{
    struct buf text = BUF_INIT;
    engine_event_write(ev, at_us, &text);
    xgrow((void **)&k->items, &k->cap, k->len + 1, sizeof(*k->items));
    struct kept_event *item = &k->items[k->len++];
    *item = (struct kept_event){.ev = copy_event(ev), .at_us = at_us, .node = node, .text_len = text.len};
    item->text = buf_steal(&text);
    k->bytes += item->text_len;
}

void kept_drop(struct kept *k, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        k->bytes -= k->items[i].text_len;
        drop_event(&k->items[i]);
    }
    k->len -= count;
    if (k->len > 0)
        memmove(k->items, k->items + count, k->len * sizeof(*k->items));
}

void kept_free(struct kept *k)
{
    kept_drop(k, k->len);
    free(k->items);
    *k = (struct kept){0};
}

void kept_journal(const struct kept *k, size_t count, struct buf *out)
{
    buf_reserve(out, k->bytes + count + 2);
    buf_addch(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_addch(out, ',');
        buf_add(out, k->items[i].text, k->items[i].text_len);
    }
    buf_addch(out, ']');
}
