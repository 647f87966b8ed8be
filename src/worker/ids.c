/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, at most half full; nothing is ever taken out of it.  Ids are random, or were chosen by whoever writes into the
 * database as the worker does, so that their first bytes are as good as a hash of them. */
#include "worker/ids.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_SLOTS 16

static const struct uuid *id_at(struct ids_array a, size_t n)
{
    return (const struct uuid *)(const void *)((const unsigned char *)a.first + n * a.stride);
}

/* Where the id is, or would be. */
static size_t slot_of(const struct ids *x, struct ids_array a, const struct uuid *id)
{
    uint64_t h;
    memcpy(&h, id->bytes, sizeof h);
    size_t mask = x->slot_count - 1, at = (size_t)((h * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & mask;
    while (x->slots[at] && !uuid_equal(id_at(a, x->slots[at] - 1), id))
        at = (at + 1) & mask;
    return at;
}

size_t ids_find(const struct ids *x, struct ids_array a, const struct uuid *id)
{
    if (x->len == 0)
        return SIZE_MAX;
    size_t number = x->slots[slot_of(x, a, id)];
    return number ? number - 1 : SIZE_MAX;
}

static void put(struct ids *x, struct ids_array a, size_t n)
{
    size_t at = slot_of(x, a, id_at(a, n));
    if (!x->slots[at])
        x->slots[at] = n + 1;
}

void ids_again(struct ids *x, struct ids_array a, size_t count)
{
    size_t want = x->slot_count ? x->slot_count : FIRST_SLOTS;
    while (want < count * 2 + 2)
        want *= 2;
    if (want != x->slot_count)
        x->slots = xreallocarray(x->slots, want, sizeof *x->slots);
    x->slot_count = want;
    memset(x->slots, 0, want * sizeof *x->slots);
    for (size_t n = 0; n < count; n++)
        put(x, a, n);
    x->len = count;
}

void ids_add(struct ids *x, struct ids_array a)
{
    if (x->slot_count < (x->len + 1) * 2 + 2)
        ids_again(x, a, x->len + 1);
    else
        put(x, a, x->len++);
}

void ids_free(struct ids *x)
{
    xfree(x->slots);
    *x = (struct ids){0};
}
