/* SPDX-License-Identifier: Apache-2.0 */
/* Large values of one execution, which are kept apart from its state (store/payload.h).
 *
 * A value is known by its address: values do not change once they are made, and the table holds a reference to each.  So a
 * value that is written into the journal, into every snapshot and into other values is written out once.  What is large is
 * decided from the inside out: a part of at least max_inline bytes is a payload, and counts as its name in what holds it.
 *
 * Loop thread, or the one thread that has a table to itself. */
#ifndef WF_WORKER_PAYLOADS_H
#define WF_WORKER_PAYLOADS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/engine.h"
#include "plugin/heavy.h"
#include "store/payload.h"
#include "store/store.h"
#include "worker/ids.h"

struct payloads;

/* How js_write() treats them: `names` for journal and snapshot, `shown` for what people read, an object with the members
 * large_value (the id) and bytes. */
struct payload_refs {
    struct js_refs refs; /* must be first */
    struct payloads *of;
    bool shown;
};

struct payload {
    struct uuid id; /* first: payloads.ids */
    json_t *value;  /* a reference */
    size_t len;    /* of the text, with names in it; 0: not known */
    size_t full;   /* of the text with everything written out */
    size_t memory; /* bytes that the value takes in memory, about; without payloads in it */
    char *text;    /* owned; NULL once it is durable */
    bool putting;  /* somebody has the text */
};

struct payloads {
    struct payload *items;
    size_t len, cap;
    size_t *slots; /* hash table by address: number + 1 */
    size_t slot_count;
    struct ids ids;    /* by id */
    size_t max_inline; /* bytes */
    size_t bytes;      /* of all, each counted once */
    size_t memory;     /* of all values, bytes, about */
    size_t undurable, undurable_bytes;
    size_t added;      /* bytes of what was taken note of and is in no payload; reset by who wants to know */
    size_t nodes;      /* scratch: values in the one that is looked at */
    size_t referred;   /* bytes that the names written since payloads_count() stand for */
    struct payload_refs names, shown;
    char scratch[128];
};

void payloads_init(struct payloads *p, size_t max_inline);
void payloads_free(struct payloads *p);
/* The same, beside the loop when there is much to free; heavy may be NULL. */
void payloads_free_beside(struct heavy *heavy, struct payloads *p);

/* Take note of what is large in a value, or in the values of an event. */
void payloads_add(struct payloads *p, json_t *v);
void payloads_add_event(struct payloads *p, const struct engine_event *ev);
/* The same for the members of an object, which itself will be copied. */
void payloads_add_members(struct payloads *p, const json_t *object);

/* Bytes that are not in a text because names stand in it: reset before writing, asked behind. */
static inline void payloads_count(struct payloads *p)
{
    p->referred = 0;
}

/* Some that are not durable yet, a new array; borrowed texts.  They are when payloads_durable() is called with it. */
struct store_payload *payloads_pending(struct payloads *p, size_t *count);
void payloads_durable(struct payloads *p, const struct store_payload *list, size_t count);

/* Another table of the same values, for a thread that takes note of what is large; how many it has.  payloads_join() takes over
 * those that it found: what stands behind that number. */
size_t payloads_fork(const struct payloads *p, struct payloads *out);
void payloads_join(struct payloads *p, struct payloads *found, size_t known);

/* Forget those that nothing refers to any more, and that are not being made durable. */
void payloads_sweep(struct payloads *p);
/* Forget those that nothing refers to and that are not durable: nothing that is still to be saved may name one. */
void payloads_forget(struct payloads *p);
/* Forget the last so many: what was just taken note of goes nowhere. */
void payloads_undo(struct payloads *p, size_t count);

/* The payloads that snapshot and journal name and that are not here, a new array. */
struct uuid *payloads_wanted(const struct payloads *p, const struct store_claim *c, size_t *count);
/* They were read.  -1: one cannot be. */
int payloads_load(struct payloads *p, const struct store_payload *list, size_t count, struct error *e);
/* A js_resolve_fn; ctx = the payloads. */
json_t *payloads_resolve(void *ctx, const char *name, struct error *e);

#endif
