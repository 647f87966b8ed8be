/* SPDX-License-Identifier: Apache-2.0 */
/* The executions that this worker holds or has saves under way for, by id. */
#ifndef WF_STORE_HELD_H
#define WF_STORE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/idmap.h"

struct held {
    struct idmap_item item; /* its id */
    int64_t token;
    int64_t lease_until_us; /* monotonic: certain to be ours until then */
    unsigned saves;         /* queued and in flight */
    unsigned missed;        /* renewals in a row that did not find it */
    bool leased;
    bool in_flight;         /* a save of it is at the server, or waits to be tried again */
    bool release;           /* give it back when its saves are through */
    int64_t release_due_us;
};

struct held_map {
    struct idmap map;
    size_t leased; /* entries that are leased */
};

/* All zeros is an empty map. */
void held_free(struct held_map *m);
struct held *held_get(const struct held_map *m, const struct uuid *id);
struct held *held_put(struct held_map *m, const struct uuid *id); /* the entry, made when needed */
void held_lease(struct held_map *m, struct held *h, bool leased);
void held_drop(struct held_map *m, struct held *h); /* frees the entry when nothing needs it any more */

/* Call fn for every entry; fn may not change the map. */
void held_each(const struct held_map *m, void (*fn)(struct held *h, void *arg), void *arg);

#endif
