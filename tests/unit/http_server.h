/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted http server on the test's own loop, at 127.0.0.1: it counts connections, keeps every request, and answers
 * with exactly the bytes that a route gives. */
#ifndef WF_TESTS_UNIT_HTTP_SERVER_H
#define WF_TESTS_UNIT_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/buf.h"

struct http_server_request {
    const char *method, *path;
    const char *text; /* the whole request, head and body */
    size_t number;    /* from 1 */
};

/* Add the raw answer to `out`.  Nothing added: no answer is ever given.  *close: close the connection after it. */
typedef void (*http_server_route)(void *ctx, const struct http_server_request *request, struct buf *out, bool *close);

struct http_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    int port;
    http_server_route route;
    void *ctx;
    size_t connections, open, most_open, requests;
    struct buf last; /* the last request's text */
};

void http_server_start(struct http_server *s, uv_loop_t *loop, http_server_route route, void *ctx);
void http_server_stop(struct http_server *s); /* connections too; the loop must run on until all is closed */

/* "HTTP/1.1 STATUS\r\n" + headers (each with \r\n) + Content-Length + body. */
void http_server_answer(struct buf *out, const char *status, const char *headers, const void *body, size_t len);

#endif
