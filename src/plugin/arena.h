/* SPDX-License-Identifier: Apache-2.0 */
/* What is freed together with a task: memory and references of JSON values.  Adding is safe from any thread. */
#ifndef WF_PLUGIN_ARENA_H
#define WF_PLUGIN_ARENA_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define ARENA_VALUES 8

struct arena {
    pthread_mutex_t lock;
    void **blocks;
    size_t block_count, block_cap;
    json_t **values; /* `first`, or allocated when there are more */
    size_t value_count, value_cap;
    json_t *first[ARENA_VALUES];
};

void arena_init(struct arena *a); /* it must stay where it is */
void arena_free(struct arena *a); /* frees what is in it, not itself */

void *arena_alloc(struct arena *a, size_t size); /* zeroed */
void arena_adopt(struct arena *a, void *block);  /* a block of malloc() */
json_t *arena_keep(struct arena *a, json_t *v);  /* takes over the reference; returns v; NULL is passed through */
bool arena_drop(struct arena *a, const json_t *v); /* forget v if it is among the newest: the reference is the caller's */

#endif
