/* SPDX-License-Identifier: Apache-2.0 */
/* Health, metrics and a status page over HTTP, on the worker's loop; only when the setting web_listen is set.
 *
 * GET /healthz (the loop turns), /readyz (the database is there), /metrics (Prometheus' text format), / (a page for
 * people).  No other method, no request body, a bounded number of connections. */
#ifndef WF_WEB_WEB_H
#define WF_WEB_WEB_H

#include "worker/worker.h"

/* To be given to worker_run() in worker_options.services.  Built without libmicrohttpd its open() fails, when web_listen
 * is set, with a text that says so. */
extern const struct worker_service web_service;

#endif
