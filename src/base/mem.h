/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: allocation that cannot fail, and cleanup attributes.
 *
 * Everything that comes from outside is bounded before it is stored, so running out of memory is not an error that a
 * caller could handle: the process says so and aborts; its leases run out and another worker goes on. */
#ifndef WF_BASE_MEM_H
#define WF_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#include "base/pool.h"

/* What these give is a block of malloc().  On a thread that keeps blocks (base/pool.h) xfree() keeps it for the next one; free() is
 * always right, too, and what is freed often uses xfree(). */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed; count * size is checked */
void *xreallocarray(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
void *mem_checked(void *p) __attribute__((returns_nonnull)); /* p; NULL ends the process */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

static inline void xfree(void *p)
{
    if (p)
        pool_free(p);
}

/* Grow the array *items (of `size`-byte elements, *capacity of them) so that it holds at least `need`. */
void xgrow(void **items, size_t *capacity, size_t need, size_t size);

/* CLEANUP_FREE char *text = ...;   freed when the variable goes out of scope */
static inline void cleanup_free(void *p)
{
    xfree(*(void **)p);
}
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Take the value out of a variable that would be cleaned up: return STEAL(text); */
#define STEAL(p)                                                                                                       \
    ({                                                                                                                 \
        __typeof__(p) steal_ = (p);                                                                                    \
        (p) = NULL;                                                                                                    \
        steal_;                                                                                                        \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
