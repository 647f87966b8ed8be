/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"

#define HEADER_BYTES 16
/* A buffer that grew beyond this is given back when it is empty. */
#define KEEP_BYTES ((size_t)256 * 1024)

void channel_init(struct channel *c, int fd)
{
    *c = (struct channel){.fd = fd, .most = FRAME_MAX, .in = BUF_INIT, .out = BUF_INIT};
}

void channel_close(struct channel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
    buf_free(&c->out);
    c->taken = c->written = 0;
}

/* ---- Writing ---- */

static void put_header(char *at, size_t text, size_t tail)
{
    const uint32_t header[4] = {FRAME_MARK, (uint32_t)text, (uint32_t)tail, 0};
    memcpy(at, header, HEADER_BYTES);
}

struct buf *channel_begin(struct channel *c)
{
    static const char none[HEADER_BYTES];
    c->frame = c->out.len;
    buf_add(&c->out, none, HEADER_BYTES);
    return &c->out;
}

int channel_end(struct channel *c, const void *tail, size_t tail_len)
{
    size_t text = c->out.len - c->frame - HEADER_BYTES;
    if (text > FRAME_MAX || tail_len > FRAME_MAX - text) {
        c->out.len = c->frame;
        return -1;
    }
    put_header(c->out.data + c->frame, text, tail_len);
    buf_add(&c->out, tail, tail_len);
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

int channel_flush(struct channel *c)
{
    while (c->fd >= 0 && c->written < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->written, c->out.len - c->written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->written += (size_t)n;
    }
    if (c->out.len)
        compact(&c->out, &c->written);
    return c->fd >= 0 ? 1 : -1;
}

size_t channel_pending(const struct channel *c)
{
    return c->out.len - c->written;
}

/* ---- Reading ---- */

#define BLOCK ((size_t)64 * 1024)

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

int channel_wait(const struct channel *c, int events, int64_t timeout_ms)
{
    struct pollfd p = {.fd = c->fd, .events = (short)events};
    int n = poll(&p, 1, timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    return n < 0 && errno == EINTR ? 0 : n;
}
