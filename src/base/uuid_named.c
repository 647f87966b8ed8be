/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs of names (RFC 9562, version 5: SHA-1 of a namespace and the name), the same on every machine. */
#include "base/uuid.h"

#include <string.h>

#define BLOCK 64

struct sha1 {
    uint32_t h[5];
    unsigned char block[BLOCK];
    size_t used;
    uint64_t bytes;
};

static uint32_t rotated(uint32_t x, unsigned by)
{
    return (x << by) | (x >> (32 - by));
}

static uint32_t mixed(unsigned i, uint32_t b, uint32_t c, uint32_t d)
{
    if (i < 20)
        return ((b & c) | (~b & d)) + 0x5a827999u;
    if (i < 40)
        return (b ^ c ^ d) + 0x6ed9eba1u;
    if (i < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    return (b ^ c ^ d) + 0xca62c1d6u;
}

static void take_block(struct sha1 *s)
{
    uint32_t w[80], v[5];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 | (uint32_t)s->block[4 * i + 2] << 8 |
               s->block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(v, s->h, sizeof v);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t next = rotated(v[0], 5) + mixed(i, v[1], v[2], v[3]) + v[4] + w[i];
        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotated(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (unsigned i = 0; i < 5; i++)
        s->h[i] += v[i];
    s->used = 0;
}

static void add(struct sha1 *s, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        s->block[s->used++] = p[i];
        if (s->used == BLOCK)
            take_block(s);
    }
    s->bytes += len;
}

static void finish(struct sha1 *s)
{
    const unsigned char one = 0x80, zero = 0;
    uint64_t bits = s->bytes * 8;
    unsigned char length[8];
    for (unsigned i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    add(s, &one, 1);
    while (s->used != BLOCK - 8)
        add(s, &zero, 1);
    add(s, length, sizeof length);
}

struct uuid uuid_named(const struct uuid *space, const char *name)
{
    struct sha1 s = {.h = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u}};
    struct uuid u;
    add(&s, space->bytes, sizeof space->bytes);
    add(&s, name, strlen(name));
    finish(&s);
    for (unsigned i = 0; i < sizeof u.bytes; i++)
        u.bytes[i] = (unsigned char)(s.h[i / 4] >> (24 - 8 * (i % 4)));
    u.bytes[6] = (unsigned char)((u.bytes[6] & 0x0f) | 0x50);
    u.bytes[8] = (unsigned char)((u.bytes[8] & 0x3f) | 0x80);
    return u;
}
