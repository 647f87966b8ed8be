/* SPDX-License-Identifier: Apache-2.0 */
/* Saves that wait for their turn, and the call that sends a batch of them. */
#ifndef WF_STORE_PENDING_H
#define WF_STORE_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/bin.h"
#include "store/store.h"

#define BATCH_MAX 256

/* A copy of a save: its texts are in `memory`, cut to what the columns take. */
struct pending {
    struct pending *next;
    struct store_save save;
    store_save_fn done;
    void *arg;
    size_t bytes;           /* of all its texts */
    size_t batch_max;       /* after a refusal */
    int64_t not_before_us, busy_us;
    struct save_log *logs;
    struct uuid *used;
    struct save_ask *asks;
    char memory[];
};

struct batch {
    size_t count, bytes;
    struct pending *items[BATCH_MAX]; /* sorted by id: locks are taken in that order, and the log rows of one stand together */
};

struct pending *pending_new(const struct store_save *v);
void pending_free(struct pending *p);

/* The parameters of wfworker.save(). */
extern const char save_sql[];
void save_call(struct bin_call *c, const struct batch *b, int64_t lease_us);

#endif
