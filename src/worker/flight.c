/* SPDX-License-Identifier: Apache-2.0 */
/* A chained hash table.  Row ids are random (version 4), their first bytes serve as the hash. */
#include "worker/flight.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t bucket_of(const struct uuid *id, size_t bucket_count)
{
    uint64_t hash, rest;
    memcpy(&hash, id->bytes, sizeof(hash));
    memcpy(&rest, id->bytes + 8, sizeof(rest));
    return (size_t)((hash ^ rest) & (bucket_count - 1));
}

static void grow(struct flight *h)
{
    size_t count = h->bucket_count ? h->bucket_count * 2 : 64;
    struct flight_item **buckets = xcalloc(count, sizeof(struct flight_item *));
    for (struct flight_item *item = h->first; item; item = item->next) {
        struct flight_item **slot = &buckets[bucket_of(&item->id, count)];
        item->chain = *slot;
        *slot = item;
    }
    free(h->buckets);
    h->buckets = buckets;
    h->bucket_count = count;
}

void flight_free(struct flight *h)
{
    free(h->buckets);
    *h = (struct flight){0};
}

void flight_add(struct flight *h, struct flight_item *item)
{
    if (h->len >= h->bucket_count)
        grow(h);
    struct flight_item **slot = &h->buckets[bucket_of(&item->id, h->bucket_count)];
    item->chain = *slot;
    *slot = item;
    item->next = NULL;
    item->prev = h->last;
    *(h->last ? &h->last->next : &h->first) = item;
    h->last = item;
    h->len++;
}

void flight_remove(struct flight *h, struct flight_item *item)
{
    struct flight_item **slot = &h->buckets[bucket_of(&item->id, h->bucket_count)];
    while (*slot != item)
        slot = &(*slot)->chain;
    *slot = item->chain;
    *(item->prev ? &item->prev->next : &h->first) = item->next;
    *(item->next ? &item->next->prev : &h->last) = item->prev;
    h->len--;
}

struct flight_item *flight_find(const struct flight *h, const struct uuid *id)
{
    if (h->bucket_count == 0)
        return NULL;
    struct flight_item *item = h->buckets[bucket_of(id, h->bucket_count)];
    while (item && !uuid_equal(&item->id, id))
        item = item->chain;
    return item;
}
