/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled expressions that are used again and again: a few of the newest, found by their text. */
#include <string.h>

#include "base/mem.h"
#include "expr/expr.h"

#define MAX_ENTRIES 32
#define MAX_TEXT ((size_t)64 * 1024) /* of all entries together, unless there is only one */

struct entry {
    char *text;
    size_t len;
    uint64_t used; /* when, counted in look-ups */
    struct expr *x;
};

struct expr_cache {
    struct entry entries[MAX_ENTRIES];
    size_t count, text_len;
    uint64_t clock;
};

struct expr_cache *expr_cache_new(void)
{
    return xcalloc(1, sizeof(struct expr_cache));
}

static void drop(struct expr_cache *c, size_t i)
{
    free(c->entries[i].text);
    expr_free(c->entries[i].x);
    c->text_len -= c->entries[i].len;
    c->entries[i] = c->entries[--c->count];
}

void expr_cache_free(struct expr_cache *c)
{
    while (c && c->count > 0)
        drop(c, c->count - 1);
    free(c);
}

static struct entry *find(struct expr_cache *c, const char *text, size_t len)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->entries[i].len == len && memcmp(c->entries[i].text, text, len) == 0)
            return &c->entries[i];
    return NULL;
}

static size_t oldest(const struct expr_cache *c)
{
    size_t at = 0;
    for (size_t i = 1; i < c->count; i++)
        if (c->entries[i].used < c->entries[at].used)
            at = i;
    return at;
}

const struct expr *expr_cache_get(struct expr_cache *c, const char *text, size_t len, struct expr_error *e)
{
    struct entry *found = find(c, text, len);
    if (!found) {
        struct expr *x = expr_compile_key(text, len, e);
        if (!x)
            return NULL;
        while (c->count > 0 && (c->count == MAX_ENTRIES || c->text_len + len > MAX_TEXT))
            drop(c, oldest(c));
        found = &c->entries[c->count++];
        *found = (struct entry){.text = xstrndup(text, len), .len = len, .x = x};
        c->text_len += len;
    }
    found->used = ++c->clock;
    return found->x;
}
