/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and outcomes as messages: every member goes over whole, byte for byte. */
#ifndef WF_HELPER_CALLS_H
#define WF_HELPER_CALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "plugin/task.h"

struct task;

/* The clock that goes with a call. */
struct call_clock {
    int64_t now_us;  /* when it was sent */
    bool stands;     /* it does not go on by itself */
};

/* {"is":"call",...} of a task that task_start() made here.  accepted: the handler's own check is not wanted. */
void call_write(struct buf *b, const struct task *t, bool accepted, const struct call_clock *clock);

/* Back: *call points into the message.  0, or -1 when it is none. */
int call_read(const json_t *message, struct task_call *call, struct call_clock *clock);

/* {"is":"outcome",...} */
void outcome_write(struct buf *b, const struct outcome *o);

/* Back, of a process that may say anything: *o points into the message, which has only what an outcome of its type may have, as
 * the host functions make it.  0, or -1 and *e. */
int outcome_read(const json_t *message, struct outcome *o, struct error *e);

#endif
