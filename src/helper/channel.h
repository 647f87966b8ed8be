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
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define FRAME_MARK 0x57465731u /* "WFW1" */
/* Bytes of a frame at most, text and tail together. */
#define FRAME_MAX ((size_t)1 << 30)

struct channel {
    int fd;              /* -1: closed */
    struct buf in, out;  /* read and not taken; to be written from `written` on */
    size_t taken, written;
    size_t most;         /* bytes of a frame that is read; FRAME_MAX unless it is set after channel_init() */
    size_t frame;        /* where the frame begins that is being written */
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

/* A frame whose text is written in place: between the two nothing else may be done with the channel. */
struct buf *channel_begin(struct channel *c);
int channel_end(struct channel *c, const void *tail, size_t tail_len);

/* Write what can be written without waiting.  1: all is written, 0: some is left, -1: nobody reads any more. */
int channel_flush(struct channel *c);

size_t channel_pending(const struct channel *c); /* bytes to be written */

/* Read what is there, `most` bytes at most.  The bytes; 0: nothing is there now; -1: the end. */
long channel_fill(struct channel *c, size_t most);

/* Take the next whole frame.  1; 0: there is none yet; -1 and *e: what came is no frame. */
int channel_take(struct channel *c, struct frame *f, struct error *e);

/* Wait until it can be read (or written, with `out`), or timeout_ms is over (-1: for ever).  1, 0, or -1. */
int channel_wait(const struct channel *c, int events, int64_t timeout_ms);

#endif
