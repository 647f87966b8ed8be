/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void arena_init(struct arena *a)
{
    *a = (struct arena){.values = a->first, .value_cap = ARENA_VALUES};
    pthread_mutex_init(&a->lock, NULL);
}

void arena_free(struct arena *a)
{
    for (size_t i = a->value_count; i > 0; i--)
        json_decref(a->values[i - 1]);
    for (size_t i = a->block_count; i > 0; i--)
        xfree(a->blocks[i - 1]);
    if (a->values != a->first)
        xfree(a->values);
    xfree(a->blocks);
    pthread_mutex_destroy(&a->lock);
}

void arena_adopt(struct arena *a, void *block)
{
    pthread_mutex_lock(&a->lock);
    xgrow((void **)&a->blocks, &a->block_cap, a->block_count + 1, sizeof *a->blocks);
    a->blocks[a->block_count++] = block;
    pthread_mutex_unlock(&a->lock);
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *block = xcalloc(1, size ? size : 1);
    arena_adopt(a, block);
    return block;
}

#define NEWEST 8

bool arena_drop(struct arena *a, const json_t *v)
{
    bool found = false;
    pthread_mutex_lock(&a->lock);
    size_t stop = a->value_count > NEWEST ? a->value_count - NEWEST : 0;
    for (size_t i = a->value_count; i > stop && !found; i--) {
        if (a->values[i - 1] != v)
            continue;
        a->values[i - 1] = a->values[--a->value_count];
        found = true;
    }
    pthread_mutex_unlock(&a->lock);
    return found;
}

static void grow_values(struct arena *a)
{
    void *values = a->values == a->first ? NULL : a->values;
    a->value_cap = values ? a->value_cap : 0;
    xgrow(&values, &a->value_cap, a->value_count + 1, sizeof *a->values);
    if (a->values == a->first)
        memcpy(values, a->first, sizeof a->first);
    a->values = values;
}

json_t *arena_keep(struct arena *a, json_t *v)
{
    if (!v)
        return NULL;
    pthread_mutex_lock(&a->lock);
    if (a->value_count == a->value_cap)
        grow_values(a);
    a->values[a->value_count++] = v;
    pthread_mutex_unlock(&a->lock);
    return v;
}
