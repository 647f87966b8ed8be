/* SPDX-License-Identifier: Apache-2.0 */
/* An input made from another.  Changes of bytes find what a parser does wrong; changes of a JSON value stay readable and
 * reach what comes after the parser.  Everything follows from the generator's state, so that a case can be run again. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

uint32_t fuzz_below(struct fuzz_rng *r, uint32_t n)
{
    r->s += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = r->s;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return n ? (uint32_t)((z >> 32) % n) : 0;
}

/* ---- bytes ---- */

static const char *const tokens[] = {
    "\xef\xbf\xbd", "\xf0\x9f\x98\x80", "\xc3", "\xed\xa0\x80", "\xff", "\x01", "\x7f", "\r\n", "\n", "\t", "  ", "\"", "'", "\\u0000",
    "\\ud800", "\\", "{{", "}}", "${", "}", "[", "]", "(", ")", "{", "/", "//", "/*", "..", "...", "=>", "??", "?.", "&&", "||", "!",
    "-", "+", "*", "#", "%", "%41", "%00", "%s%n", ":", ";", ",", "@", "=", "==", "0", "-0", "1", "-1", "255", "65536", "2147483648",
    "-2147483649", "4294967296", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e308", "1e-320", "1e999", "NaN",
    "Infinity", "0x10", "null", "true", "false", "undefined", "{}", "[]", "L", "W", "MON#5", "*/0", "0-0", "59/59", "TZ=", "::1", "[::]",
};

static void insert(uint8_t *data, size_t *size, size_t at, const void *what, size_t len)
{
    if (len > FUZZ_MAX - *size)
        return;
    memmove(data + at + len, data + at, *size - at);
    memcpy(data + at, what, len);
    *size += len;
}

static void drop(uint8_t *data, size_t *size, size_t at, size_t len)
{
    memmove(data + at, data + at + len, *size - at - len);
    *size -= len;
}

/* A part, mostly a small one. */
static size_t part(struct fuzz_rng *r, size_t most)
{
    uint32_t reach = fuzz_below(r, 4) ? 16 : 4096;
    size_t n = (size_t)fuzz_below(r, reach) + 1;
    return n < most ? n : most;
}

static void splice(struct fuzz_rng *r, uint8_t *data, size_t *size, const struct fuzz_bytes *other)
{
    if (!other || other->size == 0)
        return;
    size_t from = fuzz_below(r, (uint32_t)other->size), at = fuzz_below(r, (uint32_t)*size + 1);
    insert(data, size, at, other->data + from, part(r, other->size - from));
}

static void repeat(struct fuzz_rng *r, uint8_t *data, size_t *size, size_t at)
{
    size_t len = part(r, *size - at), times = (size_t)fuzz_below(r, 64) + 1;
    uint8_t *copy = xmalloc(len);
    memcpy(copy, data + at, len);
    for (size_t i = 0; i < times; i++)
        insert(data, size, at, copy, len);
    free(copy);
}

static void change_bytes(struct fuzz_rng *r, uint8_t *data, size_t *size, const struct fuzz_bytes *other)
{
    size_t at = fuzz_below(r, (uint32_t)*size + 1);
    bool within = at < *size;
    const char *token = tokens[fuzz_below(r, ARRAY_LEN(tokens))];
    uint8_t byte = (uint8_t)fuzz_below(r, 256);
    switch (fuzz_below(r, 8)) {
    case 0:
        if (within)
            data[at] ^= (uint8_t)(1U << fuzz_below(r, 8));
        break;
    case 1:
        if (within)
            data[at] = byte;
        break;
    case 2:
        insert(data, size, at, &byte, 1);
        break;
    case 3:
        drop(data, size, at, part(r, *size - at));
        break;
    case 4:
        splice(r, data, size, other);
        break;
    case 5:
        if (within)
            repeat(r, data, size, at);
        break;
    default:
        insert(data, size, at, token, strlen(token));
        break;
    }
}

/* ---- JSON values ---- */

static json_t *odd_text(struct fuzz_rng *r)
{
    struct buf b = BUF_INIT;
    const char *token = tokens[fuzz_below(r, ARRAY_LEN(tokens))];
    uint32_t times = fuzz_below(r, 8) ? 1 : fuzz_below(r, 2000);
    buf_addstr(&b, "");
    for (uint32_t i = 0; i < times; i++)
        buf_addstr(&b, token);
    json_t *v = js_string_lossy(b.data ? b.data : "", b.len);
    buf_free(&b);
    return v;
}

static json_t *odd_number(struct fuzz_rng *r)
{
    static const json_int_t odd[] = {0,       1,         -1,        2,          3,         7,         64,        255,       256,       1000,
                                     1001,    65535,     100000,    INT32_MAX,  INT32_MIN, UINT32_MAX, (json_int_t)1 << 32, (json_int_t)1 << 53,
                                     INT64_MAX, INT64_MIN, INT64_MAX - 1, 1795413600000000};
    static const double real[] = {0.5, -0.0, 0.1, 1e308, -1e308, 5e-324, 1e21, 9007199254740993.0, 9.3e18};
    return fuzz_below(r, 4) ? json_integer(odd[fuzz_below(r, ARRAY_LEN(odd))]) : json_real(real[fuzz_below(r, ARRAY_LEN(real))]);
}

static json_t *odd_deep(struct fuzz_rng *r)
{
    json_t *v = json_array();
    for (uint32_t depth = fuzz_below(r, 600); depth; depth--) {
        json_t *around = depth % 2 ? json_array() : json_object();
        if (depth % 2)
            js_push(around, v);
        else
            js_set(around, "a", v);
        v = around;
    }
    return v;
}

static json_t *odd_value(struct fuzz_rng *r)
{
    switch (fuzz_below(r, 9)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(fuzz_below(r, 2));
    case 2:
        return json_array();
    case 3:
        return json_object();
    case 4:
        return fuzz_below(r, 8) ? odd_number(r) : odd_deep(r);
    case 5:
    case 6:
        return odd_text(r);
    default:
        return odd_number(r);
    }
}

/* How many places a value has for others: members of its objects and arrays, at any depth. */
static size_t places(const json_t *v)
{
    size_t n = 0, i;
    const char *key;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item) n += 1 + places(item);
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, item) n += 1 + places(item);
    }
    return n;
}

struct place {
    json_t *parent;
    const char *key; /* of an object, or */
    size_t index;    /* of an array */
    json_t *value;
};

/* The n-th of them, from 0. */
static bool place_at(json_t *v, size_t *n, struct place *out)
{
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            *out = (struct place){.parent = v, .index = i, .value = item};
            if ((*n)-- == 0 || place_at(item, n, out))
                return true;
        }
    } else if (json_is_object(v)) {
        json_object_foreach(v, key, item)
        {
            *out = (struct place){.parent = v, .key = key, .value = item};
            if ((*n)-- == 0 || place_at(item, n, out))
                return true;
        }
    }
    return false;
}

static bool any_place(struct fuzz_rng *r, json_t *v, struct place *out)
{
    size_t count = places(v), n = fuzz_below(r, (uint32_t)count);
    return count && place_at(v, &n, out);
}

static void put(const struct place *p, json_t *v)
{
    if (p->key)
        json_object_set_new(p->parent, p->key, v);
    else
        json_array_set_new(p->parent, p->index, v);
}

static void take_out(const struct place *p)
{
    if (p->key)
        json_object_del(p->parent, p->key);
    else
        json_array_remove(p->parent, p->index);
}

static json_t *text_changed(struct fuzz_rng *r, const json_t *v)
{
    uint8_t *room = xmalloc(FUZZ_MAX);
    size_t size = json_string_length(v) < FUZZ_MAX ? json_string_length(v) : FUZZ_MAX;
    memcpy(room, json_string_value(v), size);
    change_bytes(r, room, &size, NULL);
    json_t *changed = js_string_lossy((const char *)room, size);
    free(room);
    return changed;
}

static json_t *number_changed(struct fuzz_rng *r, const json_t *v)
{
    uint64_t n = (uint64_t)json_integer_value(v);
    uint64_t by = fuzz_below(r, 2) ? 1 : UINT64_C(1) << fuzz_below(r, 64);
    return json_integer((json_int_t)(fuzz_below(r, 2) ? n + by : n - by));
}

/* The place stands twice, or under another name. */
static void again(struct fuzz_rng *r, json_t *root, const struct place *p)
{
    struct place other;
    json_t *copy = json_deep_copy(p->value);
    if (!p->key)
        json_array_insert_new(p->parent, fuzz_below(r, (uint32_t)json_array_size(p->parent) + 1), copy);
    else if (any_place(r, root, &other) && other.key)
        json_object_set_new(p->parent, other.key, copy);
    else
        json_object_set_new(p->parent, "x", copy);
}

static void change_value(struct fuzz_rng *r, json_t *root, json_t *other)
{
    struct place p, q;
    if (!any_place(r, root, &p))
        return;
    switch (fuzz_below(r, 8)) {
    case 0:
        take_out(&p);
        break;
    case 1:
        again(r, root, &p);
        break;
    case 2:
    case 3:
        if (any_place(r, other ? other : root, &q))
            put(&p, json_deep_copy(q.value));
        break;
    case 4:
        if (any_place(r, root, &q))
            put(&p, json_deep_copy(q.value));
        break;
    case 5:
    case 6:
        put(&p, json_is_string(p.value)    ? text_changed(r, p.value)
                : json_is_integer(p.value) ? number_changed(r, p.value)
                                           : odd_value(r));
        break;
    default:
        put(&p, odd_value(r));
        break;
    }
}

static bool mutate_value(struct fuzz_rng *r, uint8_t *data, size_t *size, const struct fuzz_bytes *other)
{
    CLEANUP_JSON json_t *v = js_parse((const char *)data, *size, NULL);
    CLEANUP_JSON json_t *part_of = other ? js_parse((const char *)other->data, other->size, NULL) : NULL;
    if (!v)
        return false;
    for (uint32_t n = 1 + fuzz_below(r, 4); n; n--)
        change_value(r, v, part_of);
    CLEANUP_FREE char *text = js_text(v);
    size_t len = text ? strlen(text) : FUZZ_MAX + 1;
    if (len > FUZZ_MAX)
        return false;
    memcpy(data, text, len);
    *size = len;
    return true;
}

void fuzz_mutate(struct fuzz_rng *r, uint8_t *data, size_t *size, const struct fuzz_bytes *other, bool json)
{
    if (json && fuzz_below(r, 10) && mutate_value(r, data, size, other))
        return;
    for (uint32_t n = 1 + fuzz_below(r, 4); n; n--)
        change_bytes(r, data, size, other);
}
