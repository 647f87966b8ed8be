/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that remember how they were written.
 *
 * A real of jansson is a double: 1.50 comes out as 1.5, 1e2 as 100.0, and an integer of twenty-three digits not at all.  What
 * only passes through must come out as it came in, so a number from a text is a json_real_t with its text behind it.  For
 * jansson and everybody who computes it is a real like any other; js_write() writes the text.
 *
 * Ours are told from jansson's own reals by a mark in the padding that json_t has between its type and its reference count.
 * jansson's allocations begin with zeros there (js_alloc() is its allocator from before main() on), so that a mark is never
 * found by chance.  Where json_t has no padding (32 bits) numbers are plain doubles, which the tests of this file's promise skip. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/pool.h"

#define MARK UINT32_C(0x6e756d21)
#define MARK_AT sizeof(uint32_t)
#define HAS_ROOM (offsetof(json_t, refcount) >= 2 * sizeof(uint32_t) && sizeof(json_type) == sizeof(uint32_t))

struct number {
    json_t json;  /* these two are jansson's json_real_t */
    double value;
    uint32_t len;
    char text[];
};

static void *js_alloc(size_t size)
{
    void *p = pool_alloc(size < sizeof(json_t) ? sizeof(json_t) : size);
    memset(p, 0, sizeof(json_t));
    return p;
}

__attribute__((constructor)) static void allocate_with_zeros(void)
{
    json_set_alloc_funcs(js_alloc, pool_free);
}

json_t *js_number(double value, const char *text, size_t len)
{
    if (!HAS_ROOM || len > UINT32_MAX)
        return json_real(value);
    struct number *n = pool_alloc(sizeof *n + len + 1);
    const uint32_t mark = MARK;
    memset(&n->json, 0, sizeof n->json);
    n->json.type = JSON_REAL;
    n->json.refcount = 1;
    n->value = value;
    n->len = (uint32_t)len;
    memcpy(n->text, text, len);
    n->text[len] = '\0';
    memcpy((char *)&n->json + MARK_AT, &mark, sizeof mark);
    return &n->json;
}

const char *js_number_text(const json_t *v)
{
    uint32_t mark;
    if (!HAS_ROOM || !json_is_real(v))
        return NULL;
    memcpy(&mark, (const char *)v + MARK_AT, sizeof mark);
    return mark == MARK ? ((const struct number *)(const void *)v)->text : NULL;
}
