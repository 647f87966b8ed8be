/* SPDX-License-Identifier: Apache-2.0 */
/* What the texts of a claim say: the state that snapshot and journal make, what the row of a new execution starts with, signals.
 * Reading them takes long when they are large, and needs nothing of the loop: the definition, and a table of large values that
 * nobody else uses meanwhile. */
#ifndef WF_WORKER_PREPARE_H
#define WF_WORKER_PREPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/engine.h"
#include "store/store.h"
#include "worker/payloads.h"

/* What a start takes from execution_state; each owned, and NULL when it is not there or of another type. */
struct prepared_row {
    json_t *data, *results, *variables; /* objects */
    json_t *completed;                  /* an array */
    json_t *timeout;                    /* any value */
};

struct prepared {
    bool with_state;            /* it was asked for; else only the signals are here */
    bool values_bad;            /* the large values could not be read: *why says it, and nothing else is here */
    struct engine_state *state; /* whoever wants it takes it; NULL: *why */
    struct prepared_row row;    /* of a claim that is fresh */
    bool row_bad;               /* and it cannot be read: *why */
    json_t **signals;           /* of the claim, in its order; NULL: not read here; or NULL altogether */
    size_t signal_count;
    struct error why;
};

/* No worker has saved anything of it yet. */
bool claim_is_fresh(const struct store_claim *c);

/* Bytes that prepared_make() would read. */
size_t prepared_bytes(const struct store_claim *c, bool with_state);

/* Everything is found out at once; out must be zero.  values: large values that were read for it, those in the table are known.
 * The table gets what is large.  beside: not on the loop, so that signals are read as well. */
void prepared_make(struct prepared *out, const struct def *d, const struct store_claim *c, bool with_state,
                   const struct store_payload *values, size_t count, struct payloads *p, bool beside);
void prepared_clear(struct prepared *made);

#endif
