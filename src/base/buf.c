/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void buf_free(struct buf *b)
{
    xfree(b->data);
    *b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_steal(struct buf *b)
{
    char *p = b->data ? b->data : xstrdup("");
    *b = (struct buf)BUF_INIT;
    return p;
}

void buf_grow(struct buf *b, size_t more)
{
    if (more >= SIZE_MAX - b->len - 1)
        abort();
    size_t need = b->len + more + 1, cap = b->cap ? b->cap : 64;
    if (need <= b->cap)
        return;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    b->data = xreallocarray(b->data, cap, 1);
    b->cap = cap;
}

static const char two_digits[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051"
                                 "525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

void buf_addint(struct buf *b, int64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    while (rest >= 100) {
        at -= 2;
        memcpy(digits + at, &two_digits[rest % 100 * 2], 2);
        rest /= 100;
    }
    if (rest >= 10)
        digits[--at] = (char)('0' + rest % 10), rest /= 10;
    digits[--at] = (char)('0' + rest);
    if (v < 0)
        digits[--at] = '-';
    buf_add(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    buf_reserve(b, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}
