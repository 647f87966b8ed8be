/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of free blocks by size, one set for each thread that asked for it.
 *
 * The size of a block that is given back is what malloc_usable_size() says: with the C library that is 24, 40, 56 and so on,
 * also for what was asked for with another size or not through the pool.  Tools that watch over memory answer what was asked for.
 * There is a list for each of these sizes up to 264, and four for each power of two above that, so that a block is at most a
 * quarter larger than what was asked for. */
#include "base/pool.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

#define STEP ((size_t)16)
#define FIRST ((size_t)24) /* the smallest block of the C library */
#define EXACT 16           /* up to 264 bytes */
#define EXACT_BITS 8       /* the larger ones are 8 bytes and quarters of powers of two from 2^8 on */
#define CLASSES (EXACT + 4 * 4)
#define OVER (FIRST - STEP)
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
    if (class < EXACT)
        return FIRST + class * STEP;
    size_t octave = (class - EXACT) / 4, quarters = (class - EXACT) % 4 + 1;
    return OVER + ((size_t)4 + quarters) * ((size_t)1 << (EXACT_BITS - 2 + octave));
}

/* How many quarters beyond 2^8 there are in n, which is at least that. */
static size_t quarters_in(size_t n)
{
    size_t bits = 8 * sizeof n - 1 - (size_t)__builtin_clzl(n);
    return 4 * (bits - EXACT_BITS) + (n >> (bits - 2)) % 4;
}

/* The smallest blocks that hold so much. */
static size_t class_for(size_t size)
{
    if (size <= FIRST)
        return 0;
    return size <= FIRST + (EXACT - 1) * STEP ? (size - FIRST + STEP - 1) / STEP : EXACT + quarters_in(size - OVER - 1);
}

/* The largest blocks that one of this size, at least the first, can stand for. */
static size_t class_of(size_t usable)
{
    size_t class = (usable - FIRST) / STEP;
    return class < EXACT ? class : EXACT - 1 + quarters_in(usable - OVER);
}

void *pool_alloc(size_t size)
{
    size_t class = pool.begun ? class_for(size) : CLASSES;
    if (class >= CLASSES)
        return mem_checked(malloc(size ? size : 1));
    struct block *b = pool.free[class];
    if (!b)
        return mem_checked(malloc(class_size(class)));
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
    size_t class = class_of(malloc_usable_size(p));
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
        void *p = mem_checked(malloc(class_size(class) - STEP + 1));
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
