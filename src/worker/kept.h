/* SPDX-License-Identifier: Apache-2.0 */
/* Events that were applied and are not durable yet, with their text for the journal.
 *
 * They are kept as events too: when the row's status was changed from outside meanwhile, the state is built again from
 * what is durable, the change is applied, and then these. */
#ifndef WF_WORKER_KEPT_H
#define WF_WORKER_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "engine/engine.h"

struct kept_event {
    struct engine_event ev; /* everything in it is owned; `start` is always NULL */
    json_t *data;           /* what the execution started with; or NULL */
    int64_t at_us;
    size_t node;            /* of the activation; SIZE_MAX: none */
    size_t text_len;        /* of its record in the journal */
};

struct kept {
    struct kept_event *items;
    size_t len, cap;
    struct buf text;      /* the records one behind the other, each followed by a comma */
    struct js_written written; /* values of `items` that the text has */
    const struct js_refs *refs; /* for values that the texts name instead of holding them; or NULL */
};

void kept_add(struct kept *k, const struct engine_event *ev, int64_t at_us, size_t node);
void kept_drop(struct kept *k, size_t count); /* the oldest ones: they are durable */
void kept_free(struct kept *k);               /* usable with CLEANUP(kept_free) */

/* The first `count` as the journal's row: a JSON array. */
void kept_journal(const struct kept *k, size_t count, struct buf *out);

#endif
