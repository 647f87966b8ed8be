/* SPDX-License-Identifier: Apache-2.0 */
/* The http service: one for all plugins, on curl's multi-socket interface in the worker's loop.
 *
 * Only http and https, also after redirects.  TLS is always verified.  Connections are kept and used again, but a
 * request that is neither idempotent by its method nor carries an Idempotency-Key gets a fresh one, so that it is never
 * sent a second time behind the caller's back.  The address guard looks at the address that is actually connected to,
 * for every hop; therefore no proxy is used, not even one that the environment names (a proxy would resolve the name
 * itself). The answer's body is decompressed and its size limited while it is received, after decompression. What
 * exceeds the descriptor limit waits in a queue; its time counts for the request's timeout.
 *
 * Loop thread only. */
#ifndef WF_WORKER_HTTP_H
#define WF_WORKER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/error.h"
#include "config/settings.h"
#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0
#endif
#include "plugin/task.h"

struct http_options {
    enum http_guard guard;
    size_t max_response;    /* bytes of a body, the most that any request may ask for; 0 = 16 MiB */
    size_t max_in_flight;   /* transfers at once; 0, or more than that: what the descriptor limit allows */
    const char *user_agent; /* NULL: wfworker/VERSION; copied */
    /* Asked right before a request goes out over its connection, however long ago it was begun: while it says no, the
     * request waits.  NULL: always.  (Not asked where libcurl is older than 7.80.) */
    bool (*may_send)(void *ctx);
    void *may_send_ctx;
};

struct http_service;
struct http_transfer;

/* Raises the soft descriptor limit to the hard one.  NULL and *e when libcurl cannot be set up. */
struct http_service *http_service_new(uv_loop_t *loop, const struct http_options *options, struct error *e);

/* Ends every transfer without a callback.  The loop must run once more to let go of its handles.  Not from a callback.
 */
void http_service_free(struct http_service *s);

/* Begin.  Everything in `request` is copied.  `done` is called once, later, from the loop, unless http_cancel() came
 * first; what it is given is borrowed for that time, and the transfer is gone afterwards.  It may start and cancel
 * others. NULL and *e when the request itself is malformed (method or header); a bad URL is told through `done`.
 * max_redirects 0: redirects are not followed, the answer 3xx is given. */
struct http_transfer *http_start(struct http_service *s, const struct http_request *request, http_done_fn done,
                                 void *arg, struct error *e);
void http_cancel(struct http_transfer *t);

/* For the status page and the metrics. */
struct http_counts {
    size_t in_flight, queued, limit;
    size_t bytes; /* of answers that are coming in */
};
struct http_counts http_service_counts(const struct http_service *s);

#endif
