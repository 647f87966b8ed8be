/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of free blocks by size, one set for each thread that asked for it.
 *
 * The size of a block that is given back is what malloc_usable_size() says: with the C library that is 24, 40, 56 and so on,
 * also for what was asked for with another size or not through the pool.  Tools that watch over memory answer what was asked for. */
#include "base/pool.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

#define STEP ((size_t)16)
#define FIRST ((size_t)24) /* the smallest block of the C library */
#define CLASSES 16         /* up to 264 bytes */
#define KEPT_MAX ((size_t)4 << 20)

struct block {
    struct block *next;
};

struct pool {
    struct block *free[CLASSES];
    size_t bytes; /* kept */
    unsigned begun;
};

static __thread struct pool pool;

static size_t class_size(size_t class)
{
    return FIRST + class * STEP;
}

void *pool_alloc(size_t size)
{
    size_t class = size <= FIRST ? 0 : (size - FIRST + STEP - 1) / STEP;
    if (!pool.begun || class >= CLASSES)
        return xmalloc(size);
    struct block *b = pool.free[class];
    if (!b)
        return xmalloc(class_size(class));
    pool.free[class] = b->next;
    pool.bytes -= class_size(class);
    return b;
}

void pool_free(void *p)
{
    if (!pool.begun || !p) {
        free(p);
        return;
    }
    size_t class = (malloc_usable_size(p) - FIRST) / STEP; /* a block is never smaller than the first */
    if (class >= CLASSES || pool.bytes + class_size(class) > KEPT_MAX) {
        free(p);
        return;
    }
    struct block *b = p;
    b->next = pool.free[class];
    pool.free[class] = b;
    pool.bytes += class_size(class);
}

/* Another C library, or a tool that watches over memory, has other sizes. */
static bool sizes_as_expected(void)
{
    size_t usual = 0;
    for (size_t class = 0; class < CLASSES; class++) {
        void *p = xmalloc(class_size(class) - STEP + 1);
        usual += malloc_usable_size(p) >= class_size(class);
        free(p);
    }
    return usual == CLASSES;
}

bool pool_begin(void)
{
    if (!pool.begun && !sizes_as_expected())
        return false;
    pool.begun++;
    return true;
}

void pool_end(void)
{
    if (!pool.begun || --pool.begun)
        return;
    for (size_t class = 0; class < CLASSES; class++)
        for (struct block *b = pool.free[class], *next; b; b = next) {
            next = b->next;
            free(b);
        }
    pool = (struct pool){0};
}
