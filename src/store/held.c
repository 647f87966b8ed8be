/* SPDX-License-Identifier: Apache-2.0 */
/* An entry lives as long as something needs it: a lease, a save, a release. */
#include "store/held.h"

#include <stdlib.h>

#include "base/mem.h"

/* The item stands at the front. */
static struct held *held_of(struct idmap_item *item)
{
    return (struct held *)item;
}

void held_free(struct held_map *m)
{
    for (struct idmap_item *item = m->map.first, *next; item; item = next) {
        next = item->next;
        free(held_of(item));
    }
    idmap_free(&m->map);
    m->leased = 0;
}

struct held *held_get(const struct held_map *m, const struct uuid *id)
{
    struct idmap_item *item = idmap_find(&m->map, id);
    return item ? held_of(item) : NULL;
}

struct held *held_put(struct held_map *m, const struct uuid *id)
{
    struct held *h = held_get(m, id);
    if (h)
        return h;
    h = xcalloc(1, sizeof *h);
    h->item.id = *id;
    idmap_add(&m->map, &h->item);
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
    idmap_remove(&m->map, &h->item);
    free(h);
}

void held_each(const struct held_map *m, void (*fn)(struct held *h, void *arg), void *arg)
{
    for (struct idmap_item *item = m->map.first; item; item = item->next)
        fn(held_of(item), arg);
}
