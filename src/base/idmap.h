/* SPDX-License-Identifier: Apache-2.0 */
/* Things by uuid, also in the order in which they were added.  What is in the map belongs to the caller. */
#ifndef WF_BASE_IDMAP_H
#define WF_BASE_IDMAP_H

#include <stddef.h>

#include "base/uuid.h"

/* Embedded at the front of what is held. */
struct idmap_item {
    struct uuid id;
    struct idmap_item *chain;   /* same bucket */
    struct idmap_item *prev, *next; /* all, in order of arrival */
};

struct idmap {
    struct idmap_item **buckets;
    size_t bucket_count, len;
    struct idmap_item *first, *last;
};

void idmap_free(struct idmap *h); /* the table, not the items */
void idmap_add(struct idmap *h, struct idmap_item *item); /* its id must not be there yet */
void idmap_remove(struct idmap *h, struct idmap_item *item);
struct idmap_item *idmap_find(const struct idmap *h, const struct uuid *id);

#endif
