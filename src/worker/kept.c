/* SPDX-License-Identifier: Apache-2.0 */
/* Deep copies of engine events.  JSON values are immutable once made, so a reference is a copy. */
#include "worker/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What the records of a short execution take. */
#define FIRST_BYTES 1024

static char *dup_or_null(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static void drop_const(const char *s)
{
    xfree((void *)(uintptr_t)s);
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
    xfree(own->type);
    xfree(own->message);
    json_decref(own->details);
    xfree(own->node);
    xfree(own);
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
    json_decref(k->data);
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
}

void kept_add(struct kept *k, const struct engine_event *ev, int64_t at_us, size_t node)
{
    k->text.refs = k->refs;
    k->text.written = &k->written;
    size_t before = k->text.len;
    if (before == 0)
        buf_reserve(&k->text, FIRST_BYTES);
    engine_event_write(ev, at_us, &k->text);
    buf_addch(&k->text, ',');
    json_t *data = ev->start ? json_incref(ev->start->data) : NULL;
    if (ev->start)
        js_written_only(&k->written, data); /* the others are not kept here */
    xgrow((void **)&k->items, &k->cap, k->len + 1, sizeof(*k->items));
    k->items[k->len++] = (struct kept_event){.ev = copy_event(ev), .data = data, .at_us = at_us, .node = node,
                                             .text_len = k->text.len - before};
}

void kept_drop(struct kept *k, size_t count)
{
    size_t bytes = 0;
    js_written_clear(&k->written);
    for (size_t i = 0; i < count; i++) {
        bytes += k->items[i].text_len;
        drop_event(&k->items[i]);
    }
    if (bytes > 0)
        memmove(k->text.data, k->text.data + bytes, (k->text.len -= bytes) + 1);
    k->len -= count;
    if (k->len > 0)
        memmove(k->items, k->items + count, k->len * sizeof(*k->items));
}

void kept_free(struct kept *k)
{
    kept_drop(k, k->len);
    xfree(k->items);
    buf_free(&k->text);
    *k = (struct kept){.refs = k->refs};
}

void kept_journal(const struct kept *k, size_t count, struct buf *out)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += k->items[i].text_len;
    buf_reserve(out, bytes + 2);
    buf_addch(out, '[');
    buf_add(out, k->text.data, bytes > 0 ? bytes - 1 : 0);
    buf_addch(out, ']');
}
