/* SPDX-License-Identifier: Apache-2.0 */
/* The http service's queue and its place in the loop: libcurl says which descriptors and which timeout it waits for,
 * libuv waits.  Requests begin in the loop's next round, never inside http_start(), so that a callback never comes
 * before its caller knows the transfer. */
#include "config.h"

#include "worker/http_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/mem.h"

#define RESERVED_DESCRIPTORS 128 /* database, plugins, logs */
#define LEAST_IN_FLIGHT 8
#define MOST_IN_FLIGHT 16384
#define HELD_BACK_MS 100

struct watched {
    uv_poll_t poll;
    struct http_service *service;
    curl_socket_t fd;
};

static void check_finished(struct http_service *s);

/* ---- libcurl asks, libuv waits ---- */

static void act(struct http_service *s, curl_socket_t fd, int flags)
{
    int still_running;
    curl_multi_socket_action(s->multi, fd, flags, &still_running);
    check_finished(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *w = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(w->service, w->fd, flags);
}

static void on_curl_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_wanted(CURLM *multi, long ms, void *arg)
{
    struct http_service *s = arg;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&s->curl_timer);
    else
        uv_timer_start(&s->curl_timer, on_curl_timer, (uint64_t)ms, 0);
    return 0;
}

static void handle_gone(struct http_service *s)
{
    if (--s->open_handles > 0 || !s->closing)
        return;
    free((char *)(uintptr_t)s->options.user_agent);
    free(s);
}

static void watched_closed(uv_handle_t *h)
{
    struct watched *w = h->data;
    struct http_service *s = w->service;
    free(w);
    handle_gone(s);
}

static struct watched *watch(struct http_service *s, curl_socket_t fd)
{
    struct watched *w = xcalloc(1, sizeof *w);
    int rc = uv_poll_init_socket(s->loop, &w->poll, fd);
    if (rc != 0) {
        log_write(LOG_WARNING, "http: cannot watch a socket", LOG_STR("error", uv_strerror(rc)));
        free(w);
        return NULL; /* the transfer ends with its timeout */
    }
    w->poll.data = w;
    w->service = s;
    w->fd = fd;
    s->open_handles++;
    curl_multi_assign(s->multi, fd, w);
    return w;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *watched)
{
    struct http_service *s = arg;
    struct watched *w = watched;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            curl_multi_assign(s->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, watched_closed);
        }
        return 0;
    }
    if (!w && !(w = watch(s, fd)))
        return 0;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&w->poll, events, on_poll);
    return 0;
}

/* ---- The queue ---- */

/* How many this process may have open now; 0 = not known. */
static size_t open_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return 0;
    return r.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)r.rlim_cur;
}

static void on_pump(uv_timer_t *timer);

static void pump_soon(struct http_service *s)
{
    if (s->queued && !s->closing)
        uv_timer_start(&s->pump_timer, on_pump, 0, 0);
}

void http_resolved(struct http_transfer *t)
{
    if (!t->resolving)
        return;
    t->resolving = false;
    t->service->resolving--;
    if (!TAILQ_EMPTY(&t->service->name_queue))
        pump_soon(t->service);
}

static struct transfer_list *queue_of(struct http_transfer *t)
{
    return t->is_name ? &t->service->name_queue : &t->service->literal_queue;
}

static void leave_queue(struct http_transfer *t)
{
    struct http_service *s = t->service;
    TAILQ_REMOVE(queue_of(t), t, link);
    if (--s->queued == 0)
        uv_timer_stop(&s->expiry_timer); /* an idle service must not keep the loop alive */
}

static void unlink_transfer(struct http_transfer *t)
{
    struct http_service *s = t->service;
    if (t->state == TRANSFER_QUEUED) {
        leave_queue(t);
        return;
    }
    http_resolved(t);
    if (t->easy)
        curl_multi_remove_handle(s->multi, t->easy);
    TAILQ_REMOVE(&s->running, t, link);
    s->in_flight--;
    pump_soon(s);
}

/* After this the transfer is gone. */
static void finish(struct http_transfer *t, const struct http_failure *f)
{
    unlink_transfer(t);
    transfer_deliver(t, f);
}

static int add_to_multi(struct http_transfer *t, struct http_failure *f)
{
    if (transfer_begin_hop(t, f) != 0)
        return -1;
    if (t->is_name && !t->resolving) {
        t->resolving = true;
        t->service->resolving++;
    }
    CURLMcode code = curl_multi_add_handle(t->service->multi, t->easy);
    return code == CURLM_OK ? 0 : http_fail(f, "network_error", "libcurl cannot begin: %s", curl_multi_strerror(code));
}

static void begin(struct http_transfer *t)
{
    struct http_service *s = t->service;
    struct http_failure f;
    leave_queue(t);
    t->state = TRANSFER_RUNNING;
    TAILQ_INSERT_TAIL(&s->running, t, link);
    s->in_flight++;
    if (transfer_look_at_url(t, &f) != 0 || add_to_multi(t, &f) != 0)
        finish(t, &f);
}

static void say_limit(struct http_service *s)
{
    if (s->limit_said || !s->limited)
        return;
    s->limit_said = true;
    log_write(LOG_WARNING, "http: more requests than files that may be open, the others wait for their turn",
              LOG_INT("at_a_time", (int64_t)s->limit), LOG_INT("open_files", (int64_t)open_files()));
}

static struct http_transfer *next_to_begin(struct http_service *s)
{
    if (s->in_flight >= s->limit) {
        say_limit(s);
        return NULL;
    }
    if (s->resolving < HTTP_MAX_RESOLVING && !TAILQ_EMPTY(&s->name_queue))
        return TAILQ_FIRST(&s->name_queue);
    return TAILQ_FIRST(&s->literal_queue);
}

/* What callbacks add meanwhile is left for the next round. */
static void on_pump(uv_timer_t *timer)
{
    struct http_service *s = timer->data;
    for (size_t left = s->queued; left > 0; left--) {
        struct http_transfer *t = next_to_begin(s);
        if (!t)
            return;
        begin(t);
    }
}

/* ---- Timeouts while waiting in the queue ---- */

static void on_expiry(uv_timer_t *timer);

static void expire_at(struct http_service *s, int64_t deadline_ms)
{
    int64_t now = (int64_t)uv_now(s->loop);
    uint64_t in = deadline_ms > now ? (uint64_t)(deadline_ms - now) : 0;
    if (!uv_is_active((uv_handle_t *)&s->expiry_timer) || uv_timer_get_due_in(&s->expiry_timer) > in)
        uv_timer_start(&s->expiry_timer, on_expiry, in, 0);
}

static void collect_expired(struct transfer_list *queue, struct transfer_list *expired, int64_t now, int64_t *next)
{
    struct http_transfer *t = TAILQ_FIRST(queue), *after;
    for (; t; t = after) {
        after = TAILQ_NEXT(t, link);
        if (t->deadline_ms && t->deadline_ms <= now) {
            TAILQ_REMOVE(queue, t, link);
            TAILQ_INSERT_TAIL(expired, t, link);
        } else if (t->deadline_ms && (*next == 0 || t->deadline_ms < *next)) {
            *next = t->deadline_ms;
        }
    }
}

static void on_expiry(uv_timer_t *timer)
{
    struct http_service *s = timer->data;
    struct transfer_list expired = TAILQ_HEAD_INITIALIZER(expired);
    struct http_transfer *t;
    int64_t next = 0;
    collect_expired(&s->literal_queue, &expired, (int64_t)uv_now(s->loop), &next);
    collect_expired(&s->name_queue, &expired, (int64_t)uv_now(s->loop), &next);
    if (next)
        expire_at(s, next);
    while ((t = TAILQ_FIRST(&expired))) {
        struct http_failure f;
        http_fail(&f, "timeout", "the request waited %g s for its turn", (double)t->timeout_ms / 1000);
        /* back into its queue, where a callback that cancels expects it */
        TAILQ_REMOVE(&expired, t, link);
        TAILQ_INSERT_HEAD(queue_of(t), t, link);
        finish(t, &f);
    }
}

/* ---- The end of a hop ---- */

/* Back into the queue: it is tried again when a moment has passed. */
static void hold_back(struct http_transfer *t)
{
    struct http_service *s = t->service;
    curl_multi_remove_handle(s->multi, t->easy);
    transfer_end_hop(t);
    TAILQ_REMOVE(&s->running, t, link);
    s->in_flight--;
    t->state = TRANSFER_QUEUED;
    TAILQ_INSERT_TAIL(queue_of(t), t, link);
    s->queued++;
    uv_timer_start(&s->pump_timer, on_pump, HELD_BACK_MS, 0);
    if (t->deadline_ms)
        expire_at(s, t->deadline_ms);
}

static void hop_finished(struct http_transfer *t, CURLcode code)
{
    struct http_failure f;
    if (t->held_back && code == CURLE_ABORTED_BY_CALLBACK) {
        hold_back(t);
        return;
    }
    if (code != CURLE_OK) {
        http_explain(t, code, &f);
        finish(t, &f);
        return;
    }
    int redirect = transfer_redirect(t, &f);
    if (redirect == 0) {
        finish(t, NULL);
        return;
    }
    curl_multi_remove_handle(t->service->multi, t->easy);
    transfer_end_hop(t);
    if (redirect < 0 || add_to_multi(t, &f) != 0)
        finish(t, &f);
}

static void check_finished(struct http_service *s)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        void *t = NULL;
        CURLcode code = m->data.result; /* the message is gone with its handle */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        hop_finished(t, code);
    }
}

/* ---- The service ---- */

/* As many as descriptors allow; two for each, because libcurl tries IPv4 and IPv6 side by side. */
static size_t descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        struct rlimit more = {.rlim_cur = r.rlim_max, .rlim_max = r.rlim_max};
        setrlimit(RLIMIT_NOFILE, &more);
    }
    size_t files = open_files();
    if (files / 2 > MOST_IN_FLIGHT + RESERVED_DESCRIPTORS)
        return MOST_IN_FLIGHT;
    size_t limit = files > RESERVED_DESCRIPTORS ? (files - RESERVED_DESCRIPTORS) / 2 : 0;
    return limit < LEAST_IN_FLIGHT ? LEAST_IN_FLIGHT : limit;
}

static void init_timer(struct http_service *s, uv_timer_t *timer)
{
    uv_timer_init(s->loop, timer);
    timer->data = s;
    s->open_handles++;
}

static CURLM *make_multi(struct http_service *s)
{
    CURLM *m = curl_multi_init();
    if (!m)
        return NULL;
    curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
    curl_multi_setopt(m, CURLMOPT_TIMERDATA, s);
    curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)s->limit);
    curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)s->limit);
    return m;
}

struct http_service *http_service_new(uv_loop_t *loop, const struct http_options *options, struct error *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(e, "libcurl cannot be initialised");
        return NULL;
    }
    struct http_service *s = xcalloc(1, sizeof *s);
    s->loop = loop;
    s->options = *options;
    s->limit = descriptor_limit();
    s->limited = s->limit < MOST_IN_FLIGHT;
    if (options->max_in_flight && options->max_in_flight < s->limit) {
        s->limit = options->max_in_flight;
        s->limited = false;
    }
    if (!s->options.max_response)
        s->options.max_response = HTTP_DEFAULT_MAX_RESPONSE;
    s->multi = make_multi(s);
    if (!s->multi) {
        free(s);
        curl_global_cleanup();
        err_set(e, "libcurl cannot make a multi handle");
        return NULL;
    }
    s->options.user_agent = xstrdup(options->user_agent ? options->user_agent : "wfworker/" PACKAGE_VERSION);
    TAILQ_INIT(&s->literal_queue);
    TAILQ_INIT(&s->name_queue);
    TAILQ_INIT(&s->running);
    init_timer(s, &s->curl_timer);
    init_timer(s, &s->pump_timer);
    init_timer(s, &s->expiry_timer);
    return s;
}

static void timer_closed(uv_handle_t *h)
{
    handle_gone(h->data);
}

static void cancel_all(struct transfer_list *list)
{
    for (struct http_transfer *t; (t = TAILQ_FIRST(list));)
        http_cancel(t);
}

void http_service_free(struct http_service *s)
{
    if (!s)
        return;
    s->closing = true;
    cancel_all(&s->literal_queue);
    cancel_all(&s->name_queue);
    cancel_all(&s->running);
    curl_multi_cleanup(s->multi);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&s->curl_timer, timer_closed);
    uv_close((uv_handle_t *)&s->pump_timer, timer_closed);
    uv_close((uv_handle_t *)&s->expiry_timer, timer_closed);
}

struct http_transfer *http_start(struct http_service *s, const struct http_request *request, http_done_fn done,
                                 void *arg, struct error *e)
{
    if (s->closing) {
        err_set(e, "the http service is being closed");
        return NULL;
    }
    struct http_transfer *t = transfer_new(s, request, e);
    if (!t)
        return NULL;
    struct http_failure ignored; /* told when it begins */
    transfer_look_at_url(t, &ignored);
    t->done = done;
    t->arg = arg;
    t->state = TRANSFER_QUEUED;
    TAILQ_INSERT_TAIL(queue_of(t), t, link);
    s->queued++;
    pump_soon(s);
    if (t->deadline_ms)
        expire_at(s, t->deadline_ms);
    return t;
}

void http_cancel(struct http_transfer *t)
{
    unlink_transfer(t);
    transfer_free(t);
}

struct http_counts http_service_counts(const struct http_service *s)
{
    return (struct http_counts){.in_flight = s->in_flight, .queued = s->queued, .limit = s->limit, .bytes = s->body_bytes};
}
