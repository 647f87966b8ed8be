/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map by uuid.  Ids are random (and clients make them), so the hash mixes all 16 bytes. */
#include "config.h"

#include "store/held.h"

#include <string.h>

#include "base/mem.h"

static size_t slot(const struct held_map *m, const struct uuid *id)
{
    uint64_t a, b;
    memcpy(&a, id->bytes, 8);
    memcpy(&b, id->bytes + 8, 8);
    uint64_t h = (a ^ (b >> 29)) * UINT64_C(0x9e3779b97f4a7c15) ^ b * UINT64_C(0xc2b2ae3d27d4eb4f);
    return (size_t)(h >> 20) & (m->size - 1);
}

void held_init(struct held_map *m)
{
    m->size = 256;
    m->count = m->leased = 0;
    m->buckets = xcalloc(m->size, sizeof(struct held *));
}

void held_free(struct held_map *m)
{
    for (size_t i = 0; i < m->size; i++)
        for (struct held *h = m->buckets[i], *next; h; h = next) {
            next = h->next;
            free(h);
        }
    free(m->buckets);
    m->buckets = NULL;
    m->size = m->count = m->leased = 0;
}

static void grow(struct held_map *m)
{
    struct held_map bigger = {.size = m->size * 2, .count = m->count, .leased = m->leased};
    bigger.buckets = xcalloc(bigger.size, sizeof(struct held *));
    for (size_t i = 0; i < m->size; i++)
        for (struct held *h = m->buckets[i], *next; h; h = next) {
            next = h->next;
            size_t at = slot(&bigger, &h->id);
            h->next = bigger.buckets[at];
            bigger.buckets[at] = h;
        }
    free(m->buckets);
    *m = bigger;
}

struct held *held_get(const struct held_map *m, const struct uuid *id)
{
    struct held *h = m->buckets[slot(m, id)];
    while (h && !uuid_equal(&h->id, id))
        h = h->next;
    return h;
}

struct held *held_put(struct held_map *m, const struct uuid *id)
{
    struct held *h = held_get(m, id);
    if (h)
        return h;
    if (m->count >= m->size)
        grow(m);
    h = xcalloc(1, sizeof *h);
    h->id = *id;
    size_t at = slot(m, id);
    h->next = m->buckets[at];
    m->buckets[at] = h;
    m->count++;
    return h;
}

void held_lease(struct held_map *m, struct held *h, bool leased)
{
    if (h->leased == leased)
        return;
    h->leased = leased;
    if (leased)
        m->leased++;
    else
        m->leased--;
}

void held_drop(struct held_map *m, struct held *h)
{
    if (h->leased || h->saves > 0 || h->release)
        return;
    struct held **p = &m->buckets[slot(m, &h->id)];
    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
    m->count--;
    free(h);
}

void held_each(const struct held_map *m, void (*fn)(struct held *h, void *arg), void *arg)
{
    for (size_t i = 0; i < m->size; i++)
        for (struct held *h = m->buckets[i]; h; h = h->next)
            fn(h, arg);
}
