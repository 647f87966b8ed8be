/* SPDX-License-Identifier: Apache-2.0 */
/* See http_server.h.  Requests are read up to their Content-Length; pipelining is not needed. */
#include "unit/http_server.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "unit/test.h"

#include "base/mem.h"

struct connection {
    uv_tcp_t tcp;
    struct http_server *server;
    struct buf in, out;
    bool close;
};

static void on_closed(uv_handle_t *h)
{
    struct connection *c = h->data;
    c->server->open--;
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

static void close_connection(struct connection *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
    struct connection *c = w->data;
    free(w);
    if (status != 0 || c->close)
        close_connection(c);
}

static void answer(struct connection *c)
{
    struct http_server *s = c->server;
    char method[16] = "", path[512] = "";
    if (sscanf(c->in.data, "%15s %511s", method, path) != 2)
        fail_msg("no request: %s", c->in.data);
    s->requests++;
    buf_clear(&s->last);
    buf_add(&s->last, c->in.data, c->in.len);
    struct http_server_request r = {.method = method, .path = path, .text = s->last.data, .number = s->requests};
    buf_clear(&c->out);
    s->route(s->ctx, &r, &c->out, &c->close);
    buf_clear(&c->in);
    if (c->out.len == 0) {
        if (c->close)
            close_connection(c);
        return;
    }
    uv_write_t *w = xcalloc(1, sizeof *w);
    w->data = c;
    uv_buf_t b = uv_buf_init(c->out.data, (unsigned)c->out.len);
    uv_write(w, (uv_stream_t *)&c->tcp, &b, 1, on_written);
}

static bool complete(const struct buf *in)
{
    const char *head_end = in->len ? strstr(in->data, "\r\n\r\n") : NULL;
    if (!head_end)
        return false;
    const char *length = strcasestr(in->data, "\r\ncontent-length:");
    size_t body = length && length < head_end ? strtoul(length + 17, NULL, 10) : 0;
    return in->len >= (size_t)(head_end + 4 - in->data) + body;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct connection *c = h->data;
    buf_reserve(&c->in, 65536);
    *out = uv_buf_init(c->in.data + c->in.len, 65536);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    (void)b;
    struct connection *c = stream->data;
    if (n < 0) {
        close_connection(c);
        return;
    }
    c->in.len += (size_t)n;
    c->in.data[c->in.len] = '\0';
    if (complete(&c->in))
        answer(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *s = listener->data;
    assert_int_equal(status, 0);
    struct connection *c = xcalloc(1, sizeof *c);
    c->server = s;
    uv_tcp_init(s->loop, &c->tcp);
    c->tcp.data = c;
    s->connections++;
    if (++s->open > s->most_open)
        s->most_open = s->open;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&c->tcp), 0);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

void http_server_start(struct http_server *s, uv_loop_t *loop, http_server_route route, void *ctx)
{
    struct sockaddr_in address;
    int len = sizeof address;
    *s = (struct http_server){.loop = loop, .route = route, .ctx = ctx};
    uv_tcp_init(loop, &s->listener);
    s->listener.data = s;
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_bind(&s->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 4096, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
}

static void close_if_ours(uv_handle_t *h, void *arg)
{
    struct http_server *s = arg;
    if (h->type == UV_TCP && h != (uv_handle_t *)&s->listener && h->data && ((struct connection *)h->data)->server == s)
        close_connection(h->data);
}

void http_server_stop(struct http_server *s)
{
    uv_close((uv_handle_t *)&s->listener, NULL);
    uv_walk(s->loop, close_if_ours, s);
    buf_free(&s->last);
}

void http_server_answer(struct buf *out, const char *status, const char *headers, const void *body, size_t len)
{
    buf_printf(out, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, len);
    buf_add(out, body, len);
}
