/* SPDX-License-Identifier: Apache-2.0 */
/* The address guard as two tables of ranges.  A name can resolve to anything and an address can be written in many
 * ways, so the answer that counts is that for the address of the socket; names are refused only to say it earlier. */
#include "worker/http_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct range4 {
    uint32_t net;
    int bits;
    enum http_guard from; /* refused from this guard on */
};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct range4 ranges4[] = {
    {V4(169, 254, 0, 0), 16, HTTP_GUARD_METADATA},     /* link-local; AWS, Google, Azure, Oracle, DigitalOcean ... */
    {V4(100, 100, 100, 200), 32, HTTP_GUARD_METADATA}, /* Alibaba */
    {V4(168, 63, 129, 16), 32, HTTP_GUARD_METADATA},   /* Azure's host */
    {V4(192, 0, 0, 192), 32, HTTP_GUARD_METADATA},     /* Oracle, classic */
    {V4(0, 0, 0, 0), 8, HTTP_GUARD_PRIVATE},           /* this network; Linux takes it as loopback */
    {V4(10, 0, 0, 0), 8, HTTP_GUARD_PRIVATE},
    {V4(100, 64, 0, 0), 10, HTTP_GUARD_PRIVATE}, /* carrier-grade NAT */
    {V4(127, 0, 0, 0), 8, HTTP_GUARD_PRIVATE},
    {V4(172, 16, 0, 0), 12, HTTP_GUARD_PRIVATE},
    {V4(192, 0, 0, 0), 24, HTTP_GUARD_PRIVATE}, /* protocol assignments */
    {V4(192, 168, 0, 0), 16, HTTP_GUARD_PRIVATE},
    {V4(198, 18, 0, 0), 15, HTTP_GUARD_PRIVATE}, /* benchmarking */
    {V4(224, 0, 0, 0), 3, HTTP_GUARD_PRIVATE},   /* multicast, reserved, broadcast */
};

struct range6 {
    unsigned char net[16];
    int bits;
    enum http_guard from;
};

static const struct range6 ranges6[] = {
    {{0xfe, 0x80}, 10, HTTP_GUARD_METADATA},                                                        /* link-local */
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, HTTP_GUARD_METADATA}, /* AWS */
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, HTTP_GUARD_METADATA}, /* Google */
    {{0}, 128, HTTP_GUARD_PRIVATE},                                                                 /* unspecified */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, HTTP_GUARD_PRIVATE},                    /* loopback */
    {{0xfc}, 7, HTTP_GUARD_PRIVATE},                                                                /* unique-local */
    {{0xfe, 0xc0}, 10, HTTP_GUARD_PRIVATE},                                                         /* site-local */
    {{0xff}, 8, HTTP_GUARD_PRIVATE},                                                                /* multicast */
};

/* Where an IPv6 address of that form holds an IPv4 one; `invert` for Teredo. */
static const struct {
    unsigned char net[16];
    int bits, at;
    bool invert;
} embedded[] = {
    {{0}, 96, 12, false},                                        /* ::a.b.c.d */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, false}, /* ::ffff:a.b.c.d */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, false},       /* ::ffff:0:a.b.c.d, translated */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12, false},                   /* NAT64 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, 12, false},       /* NAT64, local prefix of 96 bits */
    {{0x20, 0x02}, 16, 2, false},                                /* 6to4 */
    {{0x20, 0x01, 0x00, 0x00}, 32, 12, true},                    /* Teredo */
};

static bool refuses4(enum http_guard guard, uint32_t address)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges4); i++) {
        uint32_t mask = UINT32_MAX << (32 - ranges4[i].bits);
        if (guard >= ranges4[i].from && (address & mask) == ranges4[i].net)
            return true;
    }
    return false;
}

static bool in_prefix(const unsigned char *address, const unsigned char *net, int bits)
{
    size_t whole = (size_t)bits / 8;
    if (memcmp(address, net, whole) != 0)
        return false;
    int rest = bits % 8;
    unsigned char mask = (unsigned char)(0xff << (8 - rest));
    return rest == 0 || (address[whole] & mask) == (net[whole] & mask);
}

static uint32_t ipv4_at(const unsigned char *p)
{
    return V4(p[0], p[1], p[2], p[3]);
}

/* The local NAT64 prefix may have 48, 56, 64 or 96 bits; octet 8 is left out of the address (RFC 6052). */
static bool refuses_nat64_local(enum http_guard guard, const unsigned char *a)
{
    static const unsigned char net[] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
    return in_prefix(a, net, 48) && (refuses4(guard, V4(a[6], a[7], a[9], a[10])) ||
                                     refuses4(guard, V4(a[7], a[9], a[10], a[11])) || refuses4(guard, ipv4_at(a + 9)));
}

static bool refuses6(enum http_guard guard, const unsigned char *a)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges6); i++)
        if (guard >= ranges6[i].from && in_prefix(a, ranges6[i].net, ranges6[i].bits))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(embedded); i++) {
        if (!in_prefix(a, embedded[i].net, embedded[i].bits))
            continue;
        uint32_t v4 = ipv4_at(a + embedded[i].at);
        if (refuses4(guard, embedded[i].invert ? ~v4 : v4))
            return true;
    }
    static const unsigned char isatap[] = {0x5e, 0xfe};
    if ((a[8] & 0xfd) == 0 && a[9] == 0 && memcmp(a + 10, isatap, 2) == 0 && refuses4(guard, ipv4_at(a + 12)))
        return true;
    return refuses_nat64_local(guard, a);
}

bool http_guard_refuses(enum http_guard guard, const struct sockaddr *address)
{
    if (guard == HTTP_GUARD_OFF)
        return false;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return refuses4(guard, ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return refuses6(guard, in6.sin6_addr.s6_addr);
    }
    return true; /* nothing else is ever meant */
}

bool http_guard_refuses_name(enum http_guard guard, const char *host)
{
    static const char *const names[] = {
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
    };
    size_t len = strlen(host);
    if (guard == HTTP_GUARD_OFF || len == 0)
        return false;
    if (host[len - 1] == '.')
        len--;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == len && strncasecmp(host, names[i], len) == 0)
            return true;
    return false;
}

const char *http_guard_name(enum http_guard guard)
{
    return guard == HTTP_GUARD_OFF ? "off" : guard == HTTP_GUARD_METADATA ? "metadata" : "private";
}
