/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between wfworker and a helper process, over a stream socket.
 *
 * A frame is a header of 16 bytes (FRAME_MARK, the bytes of the text, the bytes of the tail, 0; each 32 bits in the order of the
 * machine), a JSON object, and a tail of any bytes (bodies of http).  Reading and writing may stop anywhere within one.
 * What a channel reads comes from a process that may do anything: every size is bounded, and what is no frame is an error.
 * One thread at a time. */
#ifndef WF_HELPER_CHANNEL_H
#define WF_HELPER_CHANNEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define FRAME_MARK 0x57465731u /* "WFW1" */
/* Bytes of a frame at most, text and tail together. */
#define FRAME_MAX ((size_t)1 << 30)

/* What is written by one flush, so that whoever serves others comes back to them. */
#define FLUSH_BYTES ((size_t)256 * 1024)

/* A piece of what is to be written. */
struct part {
    struct part *next;
    struct buf bytes;
    bool awaited; /* it is still being made: it and what is behind it stays */
};

struct channel {
    int fd;                     /* -1: closed */
    struct buf in;              /* read and not taken: from `taken` on */
    size_t taken;
    size_t most;                /* bytes of a frame that is read; FRAME_MAX unless it is set after channel_init() */
    struct part *first, *last;  /* to be written, the first from `written` on */
    size_t written, pending;    /* pending: bytes of all */
    size_t frame;               /* where in the last the frame begins that is being written */
};

struct frame {
    const char *text; /* JSON, not NUL-terminated; borrowed until the next channel_fill() */
    size_t text_len;
    const void *tail;
    size_t tail_len;
};

void channel_init(struct channel *c, int fd); /* takes over the descriptor */
void channel_close(struct channel *c);        /* also frees the buffers; may be called again */

/* Add a frame to what is to be written.  0, or -1 when it is larger than FRAME_MAX. */
int channel_put(struct channel *c, const char *text, size_t len, const void *tail, size_t tail_len);
int channel_put_json(struct channel *c, const json_t *v, const void *tail, size_t tail_len);

/* The same with a tail that is taken over, not copied: the buffer is empty afterwards. */
int channel_put_owned(struct channel *c, const json_t *v, struct buf *tail);

/* A frame whose text is written in place: between the two nothing else may be done with the channel. */
struct buf *channel_begin(struct channel *c);
int channel_end(struct channel *c, const void *tail, size_t tail_len);

/* A frame without a tail that is made elsewhere, by frame_begin() and frame_end(), while the channel goes on: its place is kept, and what is
 * put in later comes behind it.  channel_fulfil() takes over the buffer.  The place lives until then, or until channel_close(). */
struct part *channel_await(struct channel *c);
void channel_fulfil(struct channel *c, struct part *place, struct buf *frame);

/* Begin a frame at the end of the buffer: where it begins.  After its text: 0, or -1 when it is larger than FRAME_MAX and gone again. */
size_t frame_begin(struct buf *b);
int frame_end(struct buf *b, size_t begin, size_t tail_len);

/* Write what can be written without waiting, at most FLUSH_BYTES.  1: all is written that is there, 0: some is left, -1: nobody
 * reads any more. */
int channel_flush(struct channel *c);

size_t channel_pending(const struct channel *c); /* bytes to be written */

/* Read what is there, `most` bytes at most.  The bytes; 0: nothing is there now; -1: the end. */
long channel_fill(struct channel *c, size_t most);

/* Take the next whole frame.  1; 0: there is none yet; -1 and *e: what came is no frame. */
int channel_take(struct channel *c, struct frame *f, struct error *e);

/* Take over the buffer that the frame, which was taken last, is in; what came behind it stays.  Only that is copied. */
void channel_detach(struct channel *c, struct buf *b);

/* Wait until it can be read (or written, with `out`), or timeout_ms is over (-1: for ever).  1, 0, or -1. */
int channel_wait(const struct channel *c, int events, int64_t timeout_ms);

#endif
