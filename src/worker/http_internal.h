/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the http service share: http.c is the queue and the loop, http_transfer.c one request with its
 * redirects, http_error.c the texts. */
#ifndef WF_WORKER_HTTP_INTERNAL_H
#define WF_WORKER_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "worker/http.h"
#include "worker/http_guard.h"

#define HTTP_DEFAULT_MAX_RESPONSE ((size_t)16 << 20)
#define HTTP_MAX_HEADER_BYTES ((size_t)256 << 10)
#define HTTP_MAX_RESOLVING 256 /* every name that is being looked up holds a thread of libcurl's */
#define HTTP_CONNECT_TIMEOUT_MS 30000

TAILQ_HEAD(transfer_list, http_transfer);

enum transfer_state { TRANSFER_QUEUED, TRANSFER_RUNNING };

struct http_service {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t curl_timer;   /* when libcurl wants to be called */
    uv_timer_t pump_timer;   /* start what is queued, in the loop's next round */
    uv_timer_t expiry_timer; /* the earliest timeout of what is queued */
    int open_handles;
    bool closing;
    struct http_options options; /* user_agent owned */
    size_t limit, in_flight, queued, resolving;
    size_t body_bytes; /* received, of transfers that are not over */
    bool limited;             /* by the descriptors that the process may have, not by what was asked for */
    bool limit_said;
    struct transfer_list literal_queue; /* the host is an address */
    struct transfer_list name_queue;    /* it has to be looked up */
    struct transfer_list running;
};

struct http_transfer {
    TAILQ_ENTRY(http_transfer) link;
    struct http_service *service;
    enum transfer_state state;
    http_done_fn done;
    void *arg;

    /* the request, owned */
    char *method, *url;
    char **headers; /* NULL-terminated */
    void *body;
    size_t body_len, max_response;
    int64_t timeout_ms, deadline_ms; /* deadline on the loop's clock, 0 = none */
    unsigned max_redirects, hops;

    /* the hop under way */
    CURL *easy;
    struct curl_slist *sent_headers;
    char curl_text[CURL_ERROR_SIZE];
    char *host;      /* as in the URL, [] around IPv6 */
    char *origin;    /* scheme://host:port */
    char *authority; /* host:port, for texts */
    bool is_name, resolving;
    bool tried;                     /* at least one address passed the guard */
    char refused[INET6_ADDRSTRLEN]; /* an address that did not, or "" */
    bool too_large, headers_ended;
    bool held_back;                 /* it must not be sent now */

    /* the answer */
    struct buf response_headers; /* lines with NUL after each */
    size_t header_count;
    struct buf response_body;
};

/* Why a transfer ended without an answer. */
struct http_failure {
    const char *type;
    char text[512];
};

/* http_transfer.c */
struct http_transfer *transfer_new(struct http_service *s, const struct http_request *r, struct error *e);
void transfer_free(struct http_transfer *t);
int transfer_look_at_url(struct http_transfer *t, struct http_failure *f); /* scheme, host, name guard; -1 and *f */
int transfer_begin_hop(struct http_transfer *t, struct http_failure *f);   /* make the easy handle */
void transfer_end_hop(struct http_transfer *t);                            /* free it */
/* 1: a redirect, t->url is the next hop; 0: the answer is final; -1 and *f. */
int transfer_redirect(struct http_transfer *t, struct http_failure *f);
/* Give the answer, or *f when it is not NULL, to the caller; frees the transfer. */
void transfer_deliver(struct http_transfer *t, const struct http_failure *f);

/* http_error.c */
int http_fail(struct http_failure *f, const char *type, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void http_explain(const struct http_transfer *t, CURLcode code, struct http_failure *f);

/* http.c: the hop needs no lookup any more */
void http_resolved(struct http_transfer *t);

#endif
