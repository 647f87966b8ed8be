/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, descriptors and transfers of a handler under test: the ordinary ones, known one by one, so that a watch that
 * is over is noticed before it is touched. */
#include "mock/inside.h"

#include "base/mem.h"
#include "plugin/task_internal.h"

static struct wfw_mock_run *before_callback(const struct hook *h)
{
    return set_current(h->run);
}

static void after_callback(const struct hook *h, struct wfw_mock_run *before)
{
    set_current(before);
    atomic_fetch_add(&h->run->turns, 1);
}

static void on_timer(void *arg, struct wfw_task *task)
{
    struct hook *h = arg;
    struct wfw_mock_run *before = before_callback(h);
    h->fn.timer(h->arg, task);
    h->watch = NULL;
    after_callback(h, before);
}

static void on_fd(void *arg, struct wfw_task *task, uint32_t events)
{
    struct hook *h = arg;
    struct wfw_mock_run *before = before_callback(h);
    h->fn.fd(h->arg, task, events);
    after_callback(h, before);
}

static void on_http(void *arg, struct wfw_task *task, const struct wfw_http_response *response)
{
    struct hook *h = arg;
    struct wfw_mock_run *before = before_callback(h);
    h->fn.http(h->arg, task, response);
    h->watch = NULL;
    after_callback(h, before);
}

/* May this handler watch anything here?  What is wrong is said. */
static struct hook *hook_new(struct wfw_task *task, const char *name, void *arg)
{
    struct wfw_mock_run *run = run_of(task);
    if (!run)
        return NULL;
    bool blocks = run_blocks(run), elsewhere = !on_loop(run->mock->tasks);
    if (blocks || elsewhere)
        complain(run->mock,
                 blocks ? "host->%s() is for loop handlers: node type %s is a blocking one"
                        : "host->%s() was called beside the loop's thread by node type %s",
                 name, run->real->node->type);
    if (blocks || elsewhere)
        return NULL;
    struct hook *h = xcalloc(1, sizeof *h);
    *h = (struct hook){.next = run->hooks, .run = run, .arg = arg};
    run->hooks = h;
    return h;
}

/* It stays in the list: its memory is the argument of a callback that may still come. */
static struct wfw_watch *hooked(struct hook *h, struct wfw_watch *w, const char *name)
{
    h->watch = w;
    struct task *t = w ? NULL : handle_acquire(h->run->handle);
    if (t && !task_decided(t))
        complain(h->run->mock, "host->%s() refuses its arguments", name);
    if (t)
        task_unref(t);
    return w;
}

struct wfw_watch *table_timer(struct wfw_task *task, int64_t ms, wfw_timer_fn fn, void *arg)
{
    struct hook *h = step(task, "timer", true) ? NULL : hook_new(task, "timer", arg);
    if (!h)
        return NULL;
    h->fn.timer = fn;
    return hooked(h, watch_timer(task, ms, fn ? on_timer : NULL, h), "timer");
}

struct wfw_watch *table_fd(struct wfw_task *task, int fd, uint32_t events, wfw_fd_fn fn, void *arg)
{
    struct hook *h = step(task, "fd", true) ? NULL : hook_new(task, "fd", arg);
    if (!h)
        return NULL;
    h->fn.fd = fn;
    h->is_fd = true;
    return hooked(h, watch_fd(task, fd, events, fn ? on_fd : NULL, h), "fd");
}

struct wfw_watch *table_http(struct wfw_task *task, const struct wfw_http_request *request, wfw_http_fn fn, void *arg)
{
    struct hook *h = step(task, "http", true) ? NULL : hook_new(task, "http", arg);
    if (!h)
        return NULL;
    h->fn.http = fn;
    return hooked(h, watch_http(task, request, fn ? on_http : NULL, h), "http");
}

static struct hook *hook_of(const struct wfw_watch *watch)
{
    struct hook *found = NULL;
    for (const struct wfw_mock *m = newest_mock(); m && !found; m = m->next)
        for (const struct wfw_mock_run *run = m->runs; run && !found; run = run->next)
            for (struct hook *h = run->hooks; h && !found; h = h->next)
                if (h->watch == watch)
                    found = h;
    return found;
}

/* With an outcome, and with the end of cancel(), all watches of a task are over. */
static bool watches_ended(const struct wfw_mock_run *run)
{
    struct task *t = handle_acquire(run->handle);
    bool ended = !t || (task_decided(t) && !run->cancelling);
    if (t)
        task_unref(t);
    return ended;
}

void table_unwatch(struct wfw_watch *watch)
{
    if (!watch)
        return;
    struct hook *h = hook_of(watch);
    if (!h || watches_ended(h->run)) {
        complain(h ? h->run->mock : NULL, "host->unwatch() was called with a watch that is over%s",
                 h ? ": all of them end with the outcome" : "");
        return;
    }
    h->watch = NULL;
    watch_stop(watch);
}

bool run_watches(const struct wfw_mock_run *run, bool fds_only)
{
    for (const struct hook *h = run->hooks; h; h = h->next)
        if (h->watch && (h->is_fd || !fds_only))
            return true;
    return false;
}
