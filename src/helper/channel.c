/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

#define HEADER_BYTES 16
/* A buffer that grew beyond this is given back when it is empty. */
#define KEEP_BYTES ((size_t)256 * 1024)

void channel_init(struct channel *c, int fd)
{
    *c = (struct channel){.fd = fd, .most = FRAME_MAX, .in = BUF_INIT};
}

static void drop_first(struct channel *c)
{
    struct part *p = c->first;
    c->first = p->next;
    if (!c->first)
        c->last = NULL;
    c->written = 0;
    buf_free(&p->bytes);
    xfree(p);
}

void channel_close(struct channel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
    while (c->first)
        drop_first(c);
    c->taken = c->pending = 0;
}

/* ---- Writing ---- */

size_t frame_begin(struct buf *b)
{
    static const char none[HEADER_BYTES];
    size_t begin = b->len;
    buf_add(b, none, HEADER_BYTES);
    return begin;
}

int frame_end(struct buf *b, size_t begin, size_t tail_len)
{
    size_t text = b->len - begin - HEADER_BYTES;
    if (text > FRAME_MAX || tail_len > FRAME_MAX - text) {
        b->len = begin;
        return -1;
    }
    const uint32_t header[4] = {FRAME_MARK, (uint32_t)text, (uint32_t)tail_len, 0};
    memcpy(b->data + begin, header, HEADER_BYTES);
    return 0;
}

static struct part *add_part(struct channel *c)
{
    struct part *p = xcalloc(1, sizeof *p);
    if (c->last)
        c->last->next = p;
    else
        c->first = p;
    return c->last = p;
}

struct buf *channel_begin(struct channel *c)
{
    struct part *p = c->last && !c->last->awaited && c->last->bytes.len < KEEP_BYTES ? c->last : add_part(c);
    c->frame = frame_begin(&p->bytes);
    return &p->bytes;
}

int channel_end(struct channel *c, const void *tail, size_t tail_len)
{
    struct buf *b = &c->last->bytes;
    if (frame_end(b, c->frame, tail_len) != 0)
        return -1;
    buf_add(b, tail, tail_len);
    c->pending += b->len - c->frame;
    return 0;
}

int channel_put(struct channel *c, const char *text, size_t len, const void *tail, size_t tail_len)
{
    buf_add(channel_begin(c), text, len);
    return channel_end(c, tail, tail_len);
}

int channel_put_json(struct channel *c, const json_t *v, const void *tail, size_t tail_len)
{
    js_write(channel_begin(c), v);
    return channel_end(c, tail, tail_len);
}

int channel_put_owned(struct channel *c, const json_t *v, struct buf *tail)
{
    struct buf *b = channel_begin(c);
    js_write(b, v);
    if (frame_end(b, c->frame, tail->len) != 0)
        return -1;
    c->pending += b->len - c->frame;
    channel_fulfil(c, add_part(c), tail);
    return 0;
}

struct part *channel_await(struct channel *c)
{
    struct part *p = add_part(c);
    p->awaited = true;
    return p;
}

void channel_fulfil(struct channel *c, struct part *place, struct buf *frame)
{
    place->awaited = false;
    place->bytes = *frame;
    c->pending += frame->len;
    *frame = (struct buf)BUF_INIT;
}

/* The first is written.  The only one is kept for what comes next, unless it grew. */
static void next_part(struct channel *c)
{
    if (c->first != c->last || c->first->bytes.cap > KEEP_BYTES) {
        drop_first(c);
        return;
    }
    buf_clear(&c->first->bytes);
    c->written = 0;
}

static ssize_t send_some(const struct channel *c, size_t most)
{
    ssize_t n;
    size_t left = c->first->bytes.len - c->written;
    do
        n = send(c->fd, c->first->bytes.data + c->written, left < most ? left : most, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n;
}

int channel_flush(struct channel *c)
{
    size_t most = FLUSH_BYTES;
    while (c->fd >= 0 && c->pending > 0 && !c->first->awaited) {
        if (c->written == c->first->bytes.len) {
            next_part(c);
            continue;
        }
        ssize_t n = most ? send_some(c, most) : 0;
        if (n <= 0)
            return n == 0 || errno == EAGAIN ? 0 : -1;
        c->written += (size_t)n;
        c->pending -= (size_t)n;
        most -= (size_t)n;
    }
    if (c->first && c->pending == 0 && c->written == c->first->bytes.len && !c->first->awaited)
        next_part(c);
    return c->fd >= 0 ? 1 : -1;
}

size_t channel_pending(const struct channel *c)
{
    return c->pending;
}

/* ---- Reading ---- */

#define BLOCK ((size_t)64 * 1024)

static void compact(struct buf *b, size_t *done)
{
    if (*done < b->len && (*done < KEEP_BYTES || *done < b->len / 2))
        return;
    memmove(b->data, b->data + *done, b->len - *done);
    b->len -= *done;
    *done = 0;
    if (b->len == 0 && b->cap > KEEP_BYTES)
        buf_free(b);
}

long channel_fill(struct channel *c, size_t most)
{
    if (c->in.len)
        compact(&c->in, &c->taken);
    size_t before = c->in.len;
    while (c->fd >= 0 && c->in.len - before < most) {
        buf_reserve(&c->in, BLOCK);
        ssize_t n = recv(c->fd, c->in.data + c->in.len, BLOCK, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0)
            return c->in.len > before ? (long)(c->in.len - before) : -1;
        c->in.len += (size_t)n;
        if ((size_t)n < BLOCK)
            break;
    }
    return (long)(c->in.len - before);
}

int channel_take(struct channel *c, struct frame *f, struct error *e)
{
    uint32_t header[4];
    size_t there = c->in.len - c->taken;
    if (there < HEADER_BYTES)
        return 0;
    memcpy(header, c->in.data + c->taken, HEADER_BYTES);
    if (header[0] != FRAME_MARK || header[3] != 0)
        return err_set(e, "what came over the channel is no message");
    if (header[1] > c->most || header[2] > c->most - header[1])
        return err_set(e, "a message of %llu bytes came over the channel", (unsigned long long)header[1] + header[2]);
    if (there - HEADER_BYTES < (size_t)header[1] + header[2])
        return 0;
    f->text = c->in.data + c->taken + HEADER_BYTES;
    f->text_len = header[1];
    f->tail = f->text + header[1];
    f->tail_len = header[2];
    c->taken += HEADER_BYTES + (size_t)header[1] + header[2];
    return 1;
}

void channel_detach(struct channel *c, struct buf *b)
{
    struct buf rest = BUF_INIT;
    buf_add(&rest, c->in.data + c->taken, c->in.len - c->taken);
    *b = c->in;
    c->in = rest;
    c->taken = 0;
}

int channel_wait(const struct channel *c, int events, int64_t timeout_ms)
{
    struct pollfd p = {.fd = c->fd, .events = (short)events};
    int n = poll(&p, 1, timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    return n < 0 && errno == EINTR ? 0 : n;
}
