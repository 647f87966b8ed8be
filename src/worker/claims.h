/* SPDX-License-Identifier: Apache-2.0 */
/* A claim that outlives the callback that brought it: while its definition is loaded. */
#ifndef WF_WORKER_CLAIMS_H
#define WF_WORKER_CLAIMS_H

#include "store/store.h"

struct claim_copy {
    struct store_claim claim; /* everything in it is owned */
};

struct claim_copy *claim_copy_new(const struct store_claim *c);
void claim_copy_free(struct claim_copy *c);

#endif
