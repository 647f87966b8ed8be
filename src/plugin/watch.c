/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, descriptors and http transfers of loop handlers.  Everything here runs on the loop thread.
 *
 * A watch is in its task's list while its callback may still come; it holds a reference of the task until libuv has let
 * go of its handle. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/task_internal.h"
#include "plugin/watch_answer.h"

enum kind { WATCH_TIMER, WATCH_FD, WATCH_HTTP };

struct wfw_watch {
    enum kind kind;
    bool stopped;
    bool busy; /* in its callback: released afterwards */
    struct task *task;
    struct wfw_watch *next, **link; /* in the task's list */
    union {
        uv_timer_t timer; /* of http: only when it could not begin */
        uv_poll_t poll;
        uv_handle_t any;
    } handle;
    bool has_handle;
    void *transfer; /* of the service, while it runs */
    void *alarm;    /* the same of a timer that is not the loop's */
    char *refusal;  /* why a transfer could not begin */
    bool any_thread; /* of http: a large answer may be given beside the loop */
    union {
        wfw_timer_fn timer;
        wfw_fd_fn fd;
        wfw_http_fn http;
    } fn;
    void *arg;
};

static void release(struct wfw_watch *w)
{
    task_unref(w->task);
    free(w->refusal);
    free(w);
}

static void on_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void watch_stop(struct wfw_watch *w)
{
    if (!w || w->stopped)
        return;
    w->stopped = true;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    if (w->transfer)
        w->task->host->services.http_cancel(w->task->host->services.ctx, w->transfer);
    if (w->alarm)
        w->task->host->services.timer_stop(w->task->host->services.ctx, w->alarm);
    w->transfer = w->alarm = NULL;
    if (w->has_handle)
        uv_close(&w->handle.any, on_closed);
    else if (!w->busy)
        release(w);
}

void watch_stop_all(struct task *t)
{
    while (t->watches)
        watch_stop(t->watches);
}

static void enlist(struct wfw_watch *w)
{
    struct task *t = w->task;
    w->next = t->watches;
    w->link = &t->watches;
    if (w->next)
        w->next->link = &w->next;
    t->watches = w;
}

/* NULL when no watch may be made now.  Takes a reference of the task. */
static struct wfw_watch *watch_new(struct wfw_task *handle, enum kind kind, void *arg)
{
    struct task *t = handle_acquire(handle);
    if (!t)
        return NULL;
    if (!on_loop(t->host) || t->handler->node->exec != WFW_EXEC_LOOP || t->settled || task_decided(t)) {
        task_unref(t);
        return NULL;
    }
    struct wfw_watch *w = xcalloc(1, sizeof *w);
    *w = (struct wfw_watch){.kind = kind, .task = t, .arg = arg};
    return w;
}

/* Around a callback of the plugin. */
static bool begin(struct wfw_watch *w, struct loop_call *timed)
{
    loop_call_begin(w->task, timed);
    return !w->stopped && !w->task->settled && !task_decided(w->task);
}

static void end(struct task *t, const struct loop_call *timed)
{
    loop_call_end(t, timed);
    task_check_silent(t);
    task_unref(t);
}

/* ---- Timers ---- */

static void on_timer(uv_timer_t *timer)
{
    struct wfw_watch *w = timer->data;
    struct task *t = w->task;
    struct loop_call timed;
    task_ref(t);
    bool call = begin(w, &timed);
    const wfw_timer_fn fn = w->fn.timer;
    void *arg = w->arg;
    if (call)
        fn(arg, t->handle);
    watch_stop(w); /* libuv frees it only later: still there when the callback stopped it */
    end(t, &timed);
}

static void answered(struct wfw_watch *w);

static void on_alarm(void *arg)
{
    struct wfw_watch *w = arg;
    struct task *t = w->task;
    struct loop_call timed;
    task_ref(t);
    w->alarm = NULL;
    w->busy = true;
    if (begin(w, &timed))
        w->fn.timer(w->arg, t->handle);
    answered(w);
    end(t, &timed);
}

struct wfw_watch *watch_timer(struct wfw_task *task, int64_t ms, wfw_timer_fn fn, void *arg)
{
    if (!fn || ms < 0)
        return NULL;
    struct wfw_watch *w = watch_new(task, WATCH_TIMER, arg);
    if (!w)
        return NULL;
    w->fn.timer = fn;
    const struct task_services *s = &w->task->host->services;
    if (s->timer_start) {
        enlist(w);
        w->alarm = s->timer_start(s->ctx, ms, on_alarm, w);
        return w;
    }
    uv_loop_t *loop = s->loop;
    uv_timer_init(loop, &w->handle.timer);
    w->handle.timer.data = w;
    w->has_handle = true;
    uv_update_time(loop);
    uv_timer_start(&w->handle.timer, on_timer, (uint64_t)ms, 0);
    enlist(w);
    return w;
}

/* ---- Descriptors ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct wfw_watch *w = poll->data;
    struct task *t = w->task;
    struct loop_call timed;
    /* An error of the descriptor is for the plugin's next read or write to find. */
    uint32_t ready = status < 0 ? WFW_FD_READ | WFW_FD_WRITE
                           : (events & UV_READABLE ? WFW_FD_READ : 0U) | (events & UV_WRITABLE ? WFW_FD_WRITE : 0U);
    task_ref(t);
    if (begin(w, &timed))
        w->fn.fd(w->arg, t->handle, ready);
    end(t, &timed);
}

struct wfw_watch *watch_fd(struct wfw_task *task, int fd, uint32_t events, wfw_fd_fn fn, void *arg)
{
    if (!fn || fd < 0 || events < WFW_FD_READ || events > (WFW_FD_READ | WFW_FD_WRITE))
        return NULL;
    struct wfw_watch *w = watch_new(task, WATCH_FD, arg);
    if (!w)
        return NULL;
    if (!task_may(w->task, WFW_CAP_FD) || uv_poll_init(w->task->host->services.loop, &w->handle.poll, fd) != 0) {
        release(w);
        return NULL;
    }
    w->fn.fd = fn;
    w->handle.poll.data = w;
    w->has_handle = true;
    uv_poll_start(&w->handle.poll, (events & WFW_FD_READ ? UV_READABLE : 0) | (events & WFW_FD_WRITE ? UV_WRITABLE : 0),
                  on_poll);
    enlist(w);
    return w;
}

/* ---- HTTP ---- */

static void answered(struct wfw_watch *w)
{
    w->busy = false;
    if (!w->stopped)
        watch_stop(w);
    else if (!w->has_handle)
        release(w); /* its callback stopped it */
}

static void answer(struct wfw_watch *w, const struct wfw_http_response *response)
{
    struct task *t = w->task;
    struct loop_call timed;
    task_ref(t);
    w->transfer = NULL;
    w->busy = true;
    if (begin(w, &timed))
        w->fn.http(w->arg, t->handle, response);
    answered(w);
    end(t, &timed);
}

/* The callback of a large answer has returned on its thread, or never will be called. */
static void on_large_over(struct large_answer *l)
{
    struct wfw_watch *w = l->owner;
    struct task *t = w->task;
    task_ref(t);
    t->answering = false;
    answered(w);
    task_check_silent(t);
    task_unref(t);
}

static bool answer_beside(struct wfw_watch *w, const struct http_response *r, const struct wfw_http_response *response)
{
    struct task *t = w->task;
    if (!w->any_thread || !t->host->services.heavy || !r->buffer || r->body_len <= HEAVY_BYTES)
        return false;
    if (w->stopped || t->settled || task_decided(t))
        return false;
    struct large_answer *l = large_answer_new(t, response, r->buffer);
    l->fn = w->fn.http;
    l->arg = w->arg;
    l->over = on_large_over;
    l->owner = w;
    w->transfer = NULL;
    w->busy = true;
    t->answering = true;
    heavy_submit(t->host->services.heavy, &l->job);
    return true;
}

static void on_http(void *arg, const struct http_response *r)
{
    const struct wfw_http_response response = {.size = sizeof response,
                                               .status = r->status,
                                               .error = r->error_type || r->error ? (r->error ? r->error : r->error_type) : NULL,
                                               .error_type = r->error_type,
                                               .headers = r->headers,
                                               .body = r->body,
                                               .body_len = r->body_len,
                                               .effective_url = r->effective_url};
    if (!answer_beside(arg, r, &response))
        answer(arg, &response);
}

static void on_refused(uv_timer_t *timer)
{
    struct wfw_watch *w = timer->data;
    CLEANUP_FREE char *text = xstrdup(w->refusal);
    const struct wfw_http_response response = {.size = sizeof response, .error = text, .error_type = "network_error"};
    answer(w, &response);
}

/* What cannot begin fails later, from the loop, like everything else: handlers need one way only. */
static void refuse(struct wfw_watch *w, const char *why)
{
    uv_loop_t *loop = w->task->host->services.loop;
    w->refusal = xstrdup(why);
    uv_timer_init(loop, &w->handle.timer);
    w->handle.timer.data = w;
    w->has_handle = true;
    uv_timer_start(&w->handle.timer, on_refused, 0, 0);
}

struct wfw_watch *watch_http(struct wfw_task *task, const struct wfw_http_request *request, wfw_http_fn fn, void *arg)
{
    struct wfw_http_request x;
    struct error e = ERROR_INIT;
    struct wfw_watch *w = fn ? watch_new(task, WATCH_HTTP, arg) : NULL;
    if (!w)
        return NULL;
    struct task *t = w->task;
    const struct task_services *s = &t->host->services;
    if (!take_struct(t, &x, sizeof x, request, "struct wfw_http_request") || !x.url || !task_may(t, WFW_CAP_HTTP) ||
        (x.body_len && !x.body) || x.timeout_ms < 0) {
        release(w);
        return NULL;
    }
    if (x.flags & ~(uint32_t)WFW_HTTP_ANY_THREAD) {
        task_complain(t, "a handler makes a request with a flag that this wfworker does not know", "struct wfw_http_request");
        release(w);
        return NULL;
    }
    const struct http_request r = {.method = x.method ? x.method : "GET",
                                   .url = x.url,
                                   .headers = x.headers,
                                   .body = x.body,
                                   .body_len = x.body_len,
                                   .max_response = x.max_response > SIZE_MAX ? SIZE_MAX : (size_t)x.max_response,
                                   .timeout_ms = x.timeout_ms,
                                   .max_redirects = x.max_redirects};
    w->fn.http = fn;
    w->any_thread = (x.flags & WFW_HTTP_ANY_THREAD) != 0;
    enlist(w);
    w->transfer = s->http_start ? s->http_start(s->ctx, &r, on_http, w, &e) : NULL;
    if (!w->transfer)
        refuse(w, s->http_start ? e.message : "this wfworker has no http service");
    return w;
}
