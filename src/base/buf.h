/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer.  buf.data is always NUL-terminated once something was added; the NUL is not counted. */
#ifndef WF_BASE_BUF_H
#define WF_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data; /* owned; NULL while nothing was added */
    size_t len; /* bytes used, without the terminating NUL */
    size_t cap;
    const struct js_refs *refs; /* js_write() asks it about values that are kept elsewhere (base/json.h); NULL: none are */
    struct js_written *written; /* js_write() copies what it has written before (base/json.h); NULL: it does not */
};

#define BUF_INIT {NULL, 0, 0, NULL, NULL}

void buf_free(struct buf *b);         /* frees and resets; usable with CLEANUP(buf_free) */
void buf_clear(struct buf *b);        /* empty, keeps the memory */
char *buf_steal(struct buf *b);       /* the text, never NULL, now the caller's; the buffer is empty again */
void buf_grow(struct buf *b, size_t more);    /* what buf_reserve() does when there is no room yet */
void buf_addint(struct buf *b, int64_t v); /* in decimal; many times faster than buf_printf() */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_reserve(struct buf *b, size_t more) /* room for `more` bytes and the NUL */
{
    if (b->cap - b->len <= more) /* cap 0: len 0 */
        buf_grow(b, more);
}

static inline void buf_add(struct buf *b, const void *data, size_t len)
{
    buf_reserve(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

static inline void buf_addstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static inline void buf_addch(struct buf *b, char c)
{
    buf_reserve(b, 1);
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

#define CLEANUP_BUF __attribute__((cleanup(buf_free)))

#endif
