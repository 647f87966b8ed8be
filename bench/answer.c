/* SPDX-License-Identifier: Apache-2.0 */
/* An http server that answers every request after a time, with next to no processor time of its own: what the
 * benchmark's GETs talk to.
 *
 *     bench/answer MILLISECONDS
 *
 * It listens on 127.0.0.1, prints the port, and ends when its standard input is closed. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/mem.h"

#define REQUEST_MAX 16384
#define BACKLOG 4096

struct client {
    uv_tcp_t socket;
    uv_timer_t timer;
    uv_write_t write;
    char request[REQUEST_MAX + 1];
    size_t len;
    int open; /* handles */
};

static uint64_t wait_ms;
static char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";

static void closed(uv_handle_t *h)
{
    struct client *c = h->data;
    if (--c->open == 0)
        free(c);
}

static void drop(struct client *c)
{
    if (uv_is_closing((uv_handle_t *)&c->socket))
        return;
    uv_close((uv_handle_t *)&c->socket, closed);
    uv_close((uv_handle_t *)&c->timer, closed);
}

static void written(uv_write_t *w, int status)
{
    if (status < 0)
        drop(w->handle->data);
}

static void due(uv_timer_t *t)
{
    struct client *c = t->data;
    uv_buf_t out = uv_buf_init(answer, sizeof answer - 1);
    if (uv_write(&c->write, (uv_stream_t *)&c->socket, &out, 1, written) != 0)
        drop(c);
}

static void room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct client *c = h->data;
    (void)suggested;
    *out = uv_buf_init(c->request + c->len, (unsigned)(REQUEST_MAX - c->len));
}

/* One request after the other on a connection, without bodies, as the client under test sends them. */
static void arrived(uv_stream_t *s, ssize_t n, const uv_buf_t *in)
{
    struct client *c = s->data;
    (void)in;
    if (n < 0 || c->len + (size_t)n >= REQUEST_MAX) {
        drop(c);
        return;
    }
    c->len += (size_t)n;
    c->request[c->len] = '\0';
    if (strstr(c->request, "\r\n\r\n")) {
        c->len = 0;
        uv_timer_start(&c->timer, due, wait_ms, 0);
    }
}

static void connected(uv_stream_t *server, int status)
{
    if (status < 0)
        return;
    struct client *c = xcalloc(1, sizeof *c);
    uv_tcp_init(server->loop, &c->socket);
    uv_timer_init(server->loop, &c->timer);
    c->socket.data = c->timer.data = c;
    c->open = 2;
    if (uv_accept(server, (uv_stream_t *)&c->socket) != 0 ||
        uv_read_start((uv_stream_t *)&c->socket, room, arrived) != 0)
        drop(c);
}

static void parent_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    static char nothing[256];
    (void)h;
    (void)suggested;
    *out = uv_buf_init(nothing, sizeof nothing);
}

static void parent_said(uv_stream_t *s, ssize_t n, const uv_buf_t *in)
{
    (void)in;
    if (n < 0)
        uv_stop(s->loop);
}

static void fail_on(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "answer: %s: %s\n", what, uv_strerror(rc));
    exit(1);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    int size = sizeof address;
    uv_tcp_t server;
    uv_pipe_t parent;
    wait_ms = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
    if (argc != 2 || wait_ms > 600000) {
        fprintf(stderr, "usage: answer MILLISECONDS\n");
        return 2;
    }
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &server);
    fail_on(uv_tcp_bind(&server, (const struct sockaddr *)&address, 0), "bind");
    fail_on(uv_listen((uv_stream_t *)&server, BACKLOG, connected), "listen");
    fail_on(uv_tcp_getsockname(&server, (struct sockaddr *)&address, &size), "getsockname");
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    uv_pipe_init(loop, &parent, 0);
    fail_on(uv_pipe_open(&parent, 0), "standard input");
    uv_read_start((uv_stream_t *)&parent, parent_room, parent_said);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
