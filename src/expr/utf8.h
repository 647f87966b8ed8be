/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, for strings that are known to be valid: stepping, counting and writing code points. */
#ifndef WF_EXPR_UTF8_H
#define WF_EXPR_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence that begins with c. */
static inline size_t utf8_size(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* The code point at s, which must be valid UTF-8. */
static inline uint32_t utf8_at(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return s[0];
    if (s[0] < 0xe0)
        return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    if (s[0] < 0xf0)
        return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 | (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
}

/* Code points in len bytes. */
static inline size_t utf8_count(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

/* Byte offset of code point number `index`; len when there are not that many. */
size_t utf8_offset(const char *s, size_t len, size_t index);

/* Write cp (at most 0x10ffff, no surrogate); the number of bytes. */
size_t utf8_put(char out[4], uint32_t cp);

/* True when all of it is valid; else *bad is the offset of the first byte that is not. */
bool utf8_valid(const char *s, size_t len, size_t *bad);

/* White space as JavaScript sees it. */
bool utf8_is_space(uint32_t cp);

#endif
