/* SPDX-License-Identifier: Apache-2.0 */
/* A chained hash table.  Clients make ids, so that the hash mixes all their bytes. */
#include "base/idmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t bucket_of(const struct uuid *id, size_t bucket_count)
{
    uint64_t a, b;
    memcpy(&a, id->bytes, sizeof a);
    memcpy(&b, id->bytes + 8, sizeof b);
    uint64_t hash = (a ^ (b >> 29)) * UINT64_C(0x9e3779b97f4a7c15) ^ b * UINT64_C(0xc2b2ae3d27d4eb4f);
    return (size_t)(hash >> 20) & (bucket_count - 1);
}

static void grow(struct idmap *h)
{
    size_t count = h->bucket_count ? h->bucket_count * 2 : 64;
    struct idmap_item **buckets = xcalloc(count, sizeof(struct idmap_item *));
    for (struct idmap_item *item = h->first; item; item = item->next) {
        struct idmap_item **slot = &buckets[bucket_of(&item->id, count)];
        item->chain = *slot;
        *slot = item;
    }
    xfree(h->buckets);
    h->buckets = buckets;
    h->bucket_count = count;
}

void idmap_free(struct idmap *h)
{
    xfree(h->buckets);
    *h = (struct idmap){0};
}

void idmap_add(struct idmap *h, struct idmap_item *item)
{
    if (h->len >= h->bucket_count)
        grow(h);
    struct idmap_item **slot = &h->buckets[bucket_of(&item->id, h->bucket_count)];
    item->chain = *slot;
    *slot = item;
    item->next = NULL;
    item->prev = h->last;
    *(h->last ? &h->last->next : &h->first) = item;
    h->last = item;
    h->len++;
}

void idmap_remove(struct idmap *h, struct idmap_item *item)
{
    struct idmap_item **slot = &h->buckets[bucket_of(&item->id, h->bucket_count)];
    while (*slot != item)
        slot = &(*slot)->chain;
    *slot = item->chain;
    *(item->prev ? &item->prev->next : &h->first) = item->next;
    *(item->next ? &item->next->prev : &h->last) = item->prev;
    h->len--;
}

struct idmap_item *idmap_find(const struct idmap *h, const struct uuid *id)
{
    if (h->bucket_count == 0)
        return NULL;
    struct idmap_item *item = h->buckets[bucket_of(id, h->bucket_count)];
    while (item && !uuid_equal(&item->id, id))
        item = item->chain;
    return item;
}
