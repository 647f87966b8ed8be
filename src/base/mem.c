/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *mem_checked(void *p)
{
    if (!p) {
        static const char text[] = "wfworker: out of memory\n";
        fwrite(text, 1, sizeof text - 1, stderr);
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return pool_alloc(size);
}

/* What is large comes from the system as zeros. */
void *xcalloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return mem_checked(NULL);
    if (bytes > POOL_LARGEST)
        return mem_checked(calloc(1, bytes));
    return memset(pool_alloc(bytes), 0, bytes);
}

void *xreallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return mem_checked(NULL);
    return p ? mem_checked(realloc(p, bytes ? bytes : 1)) : pool_alloc(bytes);
}

char *xstrdup(const char *s)
{
    size_t len = strlen(s) + 1;
    return memcpy(pool_alloc(len), s, len);
}

char *xstrndup(const char *s, size_t n)
{
    char *p = pool_alloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *xasprintf(const char *fmt, ...)
{
    char *p = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&p, fmt, ap);
    va_end(ap);
    return mem_checked(n < 0 ? NULL : p);
}

void xgrow(void **items, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return;
    size_t cap = *capacity ? *capacity : 8;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    *items = xreallocarray(*items, cap, size);
    *capacity = cap;
}
