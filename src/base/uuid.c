/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t bytes)
{
    unsigned char *p = out;
    while (bytes) {
        ssize_t n = getrandom(p, bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            perror("wfworker: getrandom");
            abort(); /* identifiers that are not random could collide */
        }
        p += n;
        bytes -= (size_t)n;
    }
}

struct uuid uuid_random(void)
{
    static _Thread_local unsigned char pool[256 * 16];
    static _Thread_local size_t left;
    if (!left) {
        random_bytes(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= 16;
    struct uuid u;
    memcpy(u.bytes, pool + left, 16);
    u.bytes[6] = (unsigned char)((u.bytes[6] & 0x0f) | 0x40);
    u.bytes[8] = (unsigned char)((u.bytes[8] & 0x3f) | 0x80);
    return u;
}

struct uuid uuid_by_time(int64_t now_us)
{
    struct uuid u = uuid_random();
    uint64_t ms = (uint64_t)(now_us / 1000), fraction = (uint64_t)(now_us % 1000) * 4096 / 1000;
    for (int i = 0; i < 6; i++)
        u.bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    u.bytes[6] = (unsigned char)(0x70 | fraction >> 8);
    u.bytes[7] = (unsigned char)fraction;
    u.bytes[9] &= 0x7f; /* room for the steps */
    return u;
}

void uuid_step(struct uuid *u)
{
    for (int i = 15; i > 8 && ++u->bytes[i] == 0; i--)
        ;
}

void uuid_format(const struct uuid *u, char out[UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[u->bytes[i] >> 4];
        *p++ = hex[u->bytes[i] & 15];
    }
    *p = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int uuid_parse(const char *text, struct uuid *out)
{
    const char *p = text;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
            return -1;
        int hi = hex_value(*p);
        int lo = hi < 0 ? -1 : hex_value(p[1]);
        if (lo < 0)
            return -1;
        out->bytes[i] = (unsigned char)(hi << 4 | lo);
        p += 2;
    }
    return *p ? -1 : 0;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, 16) == 0;
}

int uuid_compare(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, 16);
}
