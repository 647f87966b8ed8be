/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd without threads: its epoll descriptor and its timer in the worker's loop. */
#include "config.h"

#include "web/web.h"

#include <string.h>

#include "base/error.h"
#include "config/settings.h"

#ifdef WITH_WEB
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "web/address.h"
#include "web/pages.h"

#define CONNECTIONS 256
#define TIMEOUT_S 3 /* libmicrohttpd may overlook the end of a request that comes in half: so long it holds a connection */
#define CONNECTION_MEMORY ((size_t)16 * 1024)

struct web {
    struct worker *worker;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    int open_handles;
};

/* ---- Requests ---- */

static void add_headers(struct MHD_Response *answer, const char *content_type)
{
    MHD_add_response_header(answer, "Content-Type", content_type);
    MHD_add_response_header(answer, "Cache-Control", "no-store");
    MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(answer, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
}

static enum MHD_Result give(struct MHD_Connection *connection, struct page *page)
{
    size_t len = page->body.len;
    struct MHD_Response *answer = MHD_create_response_from_buffer(len, buf_steal(&page->body), MHD_RESPMEM_MUST_FREE);
    if (!answer)
        return MHD_NO;
    add_headers(answer, page->content_type);
    if (page->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(answer, "Allow", "GET, HEAD");
    enum MHD_Result rc = MHD_queue_response(connection, page->status, answer);
    MHD_destroy_response(answer);
    return rc;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_len, void **seen)
{
    static int begun;
    struct web *web = ctx;
    struct page page;
    struct worker_stats s;
    (void)version;
    (void)body;
    if (!*seen) { /* the headers only: the answer comes with the next call */
        *seen = &begun;
        return MHD_YES;
    }
    if (*body_len > 0) { /* nobody here reads a body */
        *body_len = 0;
        return MHD_YES;
    }
    worker_stats_get(web->worker, &s);
    page_make(url, &s, &page);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        buf_clear(&page.body);
        buf_addstr(&page.body, "only GET and HEAD\n");
        page.status = MHD_HTTP_METHOD_NOT_ALLOWED;
        page.content_type = "text/plain; charset=utf-8";
    }
    return give(connection, &page);
}

/* ---- In the loop ---- */

static void on_timer(uv_timer_t *timer);

static void turn(struct web *web)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    MHD_run(web->daemon);
    if (MHD_get_timeout(web->daemon, &wait_ms) == MHD_YES)
        uv_timer_start(&web->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&web->timer);
}

static void on_timer(uv_timer_t *timer)
{
    turn(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    turn(poll->data);
}

static void on_closed(uv_handle_t *handle)
{
    struct web *web = handle->data;
    if (--web->open_handles == 0)
        free(web);
}

static void web_close(void *state)
{
    struct web *web = state;
    uv_poll_stop(&web->poll);
    uv_timer_stop(&web->timer);
    MHD_stop_daemon(web->daemon);
    uv_close((uv_handle_t *)&web->poll, on_closed);
    uv_close((uv_handle_t *)&web->timer, on_closed);
}

static struct MHD_Daemon *start(struct web *web, const struct sockaddr_storage *address)
{
    unsigned flags = MHD_USE_EPOLL | (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0U);
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, web, MHD_OPTION_SOCK_ADDR, address,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
                            MHD_OPTION_END);
}

static void join_loop(struct web *web, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(loop, &web->poll, info->epoll_fd);
    uv_timer_init(loop, &web->timer);
    web->poll.data = web->timer.data = web;
    web->open_handles = 2;
    uv_poll_start(&web->poll, UV_READABLE, on_ready);
}

static int web_open(struct worker *w, uv_loop_t *loop, const struct settings *settings, void **state, struct error *e)
{
    struct sockaddr_storage address;
    if (!settings->web_listen)
        return 0;
    if (web_address(settings->web_listen, &address, e) != 0)
        return -1;
    struct web *web = xcalloc(1, sizeof(*web));
    web->worker = w;
    errno = 0;
    web->daemon = start(web, &address);
    if (!web->daemon) {
        err_set(e, "web_listen: cannot listen on %s: %s", settings->web_listen, errno ? strerror(errno) : "unknown error");
        free(web);
        return -1;
    }
    join_loop(web, loop);
    *state = web;
    log_write(LOG_INFO, "web service", LOG_STR("address", settings->web_listen));
    return 0;
}

#else

static int web_open(struct worker *w, uv_loop_t *loop, const struct settings *settings, void **state, struct error *e)
{
    (void)w;
    (void)loop;
    (void)state;
    if (!settings->web_listen)
        return 0;
    err_set(e, "web_listen is set, but this wfworker was built without its web part");
    return err_hint(e, "Install libmicrohttpd and configure with --enable-web, or leave web_listen out.");
}

static void web_close(void *state)
{
    (void)state;
}
#endif

const struct worker_service web_service = {.name = "web", .open = web_open, .close = web_close};
