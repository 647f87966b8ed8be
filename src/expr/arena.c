/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of a compiled expression: blocks that are freed all at once. */
#include <string.h>

#include "base/mem.h"
#include "expr/ast.h"
#include "expr/utf8.h"

#define BLOCK 2032

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

void *expr_arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->blocks;
    size = (size + 15) & ~(size_t)15;
    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        b = xmalloc(sizeof *b + room);
        *b = (struct arena_block){.next = a->blocks, .size = room};
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += size;
    memset(p, 0, size);
    return p;
}

void *expr_arena_copy(struct arena *a, const void *p, size_t size)
{
    void *to = expr_arena_alloc(a, size);
    if (size)
        memcpy(to, p, size);
    return to;
}

struct str *expr_arena_str(struct arena *a, const char *s, size_t len)
{
    struct str *str = expr_arena_alloc(a, sizeof *str + len + 1);
    *str = (struct str){.refs = 0, .counted = true, .len = len, .chars = utf8_count(s, len), .room = len};
    if (len)
        memcpy(str->data, s, len);
    return str;
}

void expr_arena_free(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}
