/* SPDX-License-Identifier: Apache-2.0 */
/* In a helper process: what wfworker lends to handlers, asked for over the channel.
 *
 * A question stops the thread of the helper's loop until the answer is there: wfworker answers at once, and nobody else
 * uses this process.  What comes before the answer is kept for later. */
#ifndef WF_HELPER_LEND_H
#define WF_HELPER_LEND_H

#include <stdbool.h>

#include "helper/calls.h"
#include "helper/channel.h"
#include "plugin/task.h"

/* The channel of this process; before everything else.  From here on log lines go over it. */
void lend_open(int fd);

/* Send a message; any thread.  Ends the process when nobody reads any more. */
void lend_send(const char *text, size_t len, const void *tail, size_t tail_len);
void lend_send_json(json_t *message); /* takes over the reference */

/* The next message for the main thread, a new reference, and its tail, which lives until the next call.  NULL: there is none
 * yet; `wait`: until there is one.  Ends the process when wfworker is gone. */
json_t *lend_receive(bool wait, const void **tail, size_t *tail_len);

/* The services of a task host on this loop.  `more` is called later, on the loop, when a question left messages behind. */
struct task_services lend_services(uv_loop_t *loop, void (*more)(void));

void lend_clock(const struct call_clock *c); /* of the call that begins */

/* {"is":"http"}: an answer to a transfer. */
void lend_answered(const json_t *message, const void *tail, size_t tail_len);

#endif
