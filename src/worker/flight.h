/* SPDX-License-Identifier: Apache-2.0 */
/* The executions that this worker holds, by the row's id. */
#ifndef WF_WORKER_FLIGHT_H
#define WF_WORKER_FLIGHT_H

#include <stddef.h>

#include "base/uuid.h"

/* Embedded at the front of what is held. */
struct flight_item {
    struct uuid id;
    struct flight_item *chain;   /* same bucket */
    struct flight_item *prev, *next; /* all, in order of arrival */
};

struct flight {
    struct flight_item **buckets;
    size_t bucket_count, len;
    struct flight_item *first, *last;
};

void flight_free(struct flight *h); /* the table, not the items */
void flight_add(struct flight *h, struct flight_item *item); /* its id must not be there yet */
void flight_remove(struct flight *h, struct flight_item *item);
struct flight_item *flight_find(const struct flight *h, const struct uuid *id);

#endif
