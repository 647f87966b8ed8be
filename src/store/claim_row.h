/* SPDX-License-Identifier: Apache-2.0 */
/* A row of wfworker.claim() or wfworker.peek() as a struct store_claim. */
#ifndef WF_STORE_CLAIM_ROW_H
#define WF_STORE_CLAIM_ROW_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stddef.h>

#include "store/store.h"

/* The columns. */
enum { C_ID, C_TOKEN, C_CRASHES, C_WORKFLOW, C_VERSION, C_EXECUTION, C_STATUS, C_ERROR, C_NODE, C_STATE, C_STARTED, C_RETRIES,
       C_NEXT_RETRY, C_COMPLETED, C_SNAPSHOT, C_DEFINITION, C_JOURNAL, C_NEXT_SEQ, C_STAMP, C_ACTIVE, C_SIGNALS };

struct row_texts {
    char **texts;
    size_t *lengths;
    size_t count;
};

/* What a claim refers to beside the result itself. */
struct row_memory {
    struct row_texts journal, signals;
    json_t *first;
};

/* Everything in *c is borrowed from the result and from *m, which must be zero before and is freed afterwards. */
void claim_row_read(const PGresult *r, int row, struct store_claim *c, struct row_memory *m);
void row_memory_free(struct row_memory *m);

#endif
