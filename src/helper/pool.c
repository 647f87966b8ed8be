/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and processes, on wfworker's loop, which never waits for a helper. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/calls.h"
#include "helper/helper.h"
#include "helper/inside.h"
#include "plugin/image.h"

/* A cancelled handler has this long to return, one that has given its outcome this long. */
#define CANCEL_MS 1000
#define LINGER_MS 10000
/* Idle processes beyond one end after this. */
#define IDLE_MS 60000
/* Descriptors more than after its first call, from which a process is replaced. */
#define LEAK_DESCRIPTORS 32

static void launch_more(struct pool *p);

/* ---- The end of a process ---- */

static void on_kill(uv_timer_t *timer)
{
    struct helper *h = timer->data;
    if (h->call && h->call->cancelled)
        log_write(LOG_WARNING, "a cancelled handler does not return; its helper process was ended",
                  LOG_STR("plugin", h->pool->name), LOG_STR("node_type", h->call->task->handler->node->type),
                  LOG_STR("node", h->call->task->call.node_id), LOG_STR("execution", h->call->task->call.execution_id));
    else if (h->call && h->call->said)
        log_write(LOG_WARNING, "a handler that gave its outcome does not return; its helper process was ended",
                  LOG_STR("plugin", h->pool->name), LOG_STR("node_type", h->call->task->handler->node->type),
                  LOG_STR("node", h->call->task->call.node_id), LOG_STR("execution", h->call->task->call.execution_id));
    process_kill(&h->process);
}

void helper_kill_after(struct helper *h, int64_t ms)
{
    if (h->timer)
        uv_timer_start(h->timer, on_kill, ms > 0 ? (uint64_t)ms : 0, 0);
}

void helper_sentence(struct helper *h, enum death_sentence why)
{
    if (h->sentence == DEATH_OWN)
        h->sentence = why;
    if (h->poll)
        uv_poll_stop(h->poll);
    h->polled = 0;
    process_kill(&h->process);
}

static void on_child(uv_signal_t *handle, int number)
{
    struct pool *p = handle->data;
    (void)number;
    for (struct helper *h = p->helpers, *next; h; h = next) {
        next = h->next;
        if (!process_look(&h->process))
            continue;
        if (!h->process.ending.over) {
            process_kill(&h->process);
            continue;
        }
        helper_hear_out(h);
    }
}

/* ---- Calls ---- */

void away_free(struct pool *p, struct away *a)
{
    keep_away_undecided(p, a);
    a->task->away = NULL;
    task_unref(a->task);
    xfree(a);
}

static void enqueue(struct pool *p, struct away *a)
{
    *p->last = a;
    p->last = &a->next;
    p->counts.waiting++;
}

void pool_dequeue(struct pool *p, struct away *a)
{
    struct away **at = &p->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (p->last == &a->next)
        p->last = at;
    a->next = NULL;
    p->counts.waiting--;
}

static int64_t cpu_ms(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The limit is one of the process: what it has used, and what this call may. */
static void limit_cpu(struct helper *h)
{
    const int64_t most = h->pool->limits.cpu_ms;
    struct rlimit limit;
    if (most <= 0 || h->process.pid <= 0 || prlimit(h->process.pid, RLIMIT_CPU, NULL, &limit) != 0)
        return;
    h->cpu_before_ms = cpu_ms(h->process.pid);
    limit.rlim_cur = (rlim_t)((h->cpu_before_ms + most + 999) / 1000);
    if (limit.rlim_cur <=
        limit.rlim_max) /* the hard one stays: nobody without privileges could raise it for the next call */
        prlimit(h->process.pid, RLIMIT_CPU, &limit, NULL);
}

static void give(struct helper *h, struct away *a)
{
    struct pool *p = h->pool;
    struct task *t = a->task;
    const struct task_services *s = &t->host->services;
    const struct call_clock clock = {.now_us = host_now_us(), .stands = s->virtual_time};
    pool_dequeue(p, a);
    h->state = HELPER_BUSY;
    h->given++;
    h->call = a;
    a->helper = h;
    p->counts.busy++;
    output_call(&h->process.output, t->call.node_id, t->call.execution_id);
    limit_cpu(h);
    if (!beside_call(h, t, &clock)) {
        call_write(channel_begin(&h->process.channel), t, t->accepted, &clock);
        if (channel_end(&h->process.channel, NULL, 0) != 0)
            helper_sentence(h, DEATH_GARBAGE);
    }
    helper_flush(h);
}

static struct helper *find_idle(const struct pool *p)
{
    struct helper *best = NULL;
    for (struct helper *h = p->helpers; h; h = h->next)
        if (h->state == HELPER_IDLE && h->sentence == DEATH_OWN && !h->dying && !h->beside &&
            (!best || h->idle_since_us > best->idle_since_us))
            best = h;
    return best;
}

static size_t count_loading(const struct pool *p)
{
    size_t n = 0;
    for (const struct helper *h = p->helpers; h; h = h->next)
        n += h->state == HELPER_LOADING;
    return n;
}

/* What waits longest is told why there is no process; the others wait for the next try. */
static void tell_no_start(struct pool *p)
{
    struct away *a = p->first;
    struct error e = p->no_start;
    p->no_start = (struct error)ERROR_INIT;
    if (!a)
        return;
    pool_dequeue(p, a);
    CLEANUP_FREE char *message = xasprintf("plugin %s does not start in a helper process: %s", p->name, e.message);
    log_write(LOG_WARNING, "a helper process does not start", LOG_STR("plugin", p->name), LOG_STR("reason", e.message));
    if (!a->task->settled)
        remote_fail(a->task, "crashed", message, true, 0, NULL);
    away_free(p, a);
}

static void end_idle(struct pool *p)
{
    int64_t now = clock_mono_us();
    const struct helper *kept = find_idle(p);
    for (struct helper *h = p->helpers; h; h = h->next) {
        if (h->state != HELPER_IDLE || h == kept || now - h->idle_since_us < IDLE_MS * US_PER_MS)
            continue;
        h->state = HELPER_LEAVING;
        channel_put(&h->process.channel, "{\"is\":\"end\"}", 12, NULL, 0);
        helper_flush(h);
        helper_kill_after(h, END_MS);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct pool *p = timer->data;
    if (p->no_start.message[0])
        tell_no_start(p);
    keep_away_sweep(p);
    end_idle(p);
    pool_feed(p);
}

/* Something is to be done in ms. */
static void look_in(struct pool *p, int64_t ms)
{
    if (!uv_is_active((uv_handle_t *)p->timer) || uv_timer_get_due_in(p->timer) > (uint64_t)ms)
        uv_timer_start(p->timer, on_timer, (uint64_t)ms, 0);
}

static void launch_more(struct pool *p)
{
    struct error e = ERROR_INIT;
    int64_t wait = p->retry_at_us - clock_mono_us();
    size_t loading = count_loading(p);
    while (loading < p->counts.waiting && p->counts.helpers < p->max && wait <= 0) {
        struct wfw_abi abi;
        struct helper *h = image_check(p->path, &abi, &e) == 0 ? helper_launch(p, &e) : NULL;
        if (!h) {
            pool_failed(p);
            err_prefix(&e, "cannot be had");
            p->no_start = e;
            break;
        }
        helper_send_init(h);
        helper_watch(h);
        loading++;
        if (p->failures)
            break; /* one at a time while it keeps failing */
    }
    if (p->no_start.message[0])
        look_in(p, 0);
    else if (wait > 0 && p->counts.waiting > 0)
        look_in(p, wait / US_PER_MS + 1);
}

/* The one that waits longest and may begin. */
static struct away *next_call(struct pool *p)
{
    struct away *a = p->first;
    while (a && keep_away(p, a))
        a = a->next;
    return a;
}

void pool_feed(struct pool *p)
{
    struct helper *h;
    struct away *a;
    if (!p->remote.host)
        return;
    while ((a = next_call(p)) && (h = find_idle(p)))
        give(h, a);
    launch_more(p);
}

void helper_ready(struct helper *h)
{
    h->state = HELPER_IDLE;
    h->idle_since_us = clock_mono_us();
    pool_feed(h->pool);
}

void helper_said(struct helper *h)
{
    keep_away_came_back(h->pool, h->call);
    helper_kill_after(h, LINGER_MS);
}

/* A process that keeps descriptors open comes to its limit some day. */
static bool leaks(struct helper *h, uint32_t open)
{
    if (h->calls++ == 0)
        h->descriptors = open;
    if (open <= h->descriptors + LEAK_DESCRIPTORS && open <= h->pool->limits.descriptors / 4 * 3)
        return false;
    CLEANUP_FREE char *text =
        xasprintf("the handler of node type \"%s\" leaks descriptors (%u open); its helper process is replaced",
                  h->call->task->handler->node->type, open);
    log_write(LOG_WARNING, text, LOG_STR("plugin", h->pool->name));
    return true;
}

void helper_over(struct helper *h, uint32_t descriptors)
{
    struct pool *p = h->pool;
    bool leaky = leaks(h, descriptors);
    struct away *a = STEAL(h->call);
    talk_stop_transfers(a);
    uv_timer_stop(h->timer);
    output_drain(&h->process.output, READ_BYTES);
    output_call(&h->process.output, NULL, NULL);
    away_free(p, a);
    p->counts.busy--;
    p->failures = 0;
    p->retry_at_us = 0;
    h->state = leaky ? HELPER_LEAVING : HELPER_IDLE;
    h->idle_since_us = clock_mono_us();
    if (leaky) {
        channel_put(&h->process.channel, "{\"is\":\"end\"}", 12, NULL, 0);
        helper_flush(h);
        helper_kill_after(h, END_MS);
    }
    if (p->counts.helpers > 1)
        look_in(p, IDLE_MS);
    pool_feed(p);
}

/* ---- The interface ---- */

static void attach(struct pool *p)
{
    uv_loop_t *loop = p->remote.host->services.loop;
    if (p->timer)
        return;
    p->timer = xcalloc(1, sizeof(*p->timer));
    uv_timer_init(loop, p->timer);
    p->timer->data = p;
    uv_unref((uv_handle_t *)p->timer);
    p->child = xcalloc(1, sizeof(*p->child));
    uv_signal_init(loop, p->child);
    p->child->data = p;
    uv_signal_start(p->child, on_child, SIGCHLD);
    uv_unref((uv_handle_t *)p->child);
    for (struct helper *h = p->helpers; h; h = h->next)
        helper_watch(h);
    for (struct helper *h = p->helpers, *next; h; h = next) {
        next = h->next;
        if (process_look(&h->process) && h->process.ending.over)
            helper_hear_out(h); /* while nobody watched */
    }
}

static void start(struct remote *r, struct task *t, const struct task_call *call)
{
    struct pool *p = (struct pool *)r;
    struct away *a = xcalloc(1, sizeof *a);
    (void)call;
    a->task = t;
    task_ref(t);
    t->away = a;
    attach(p);
    enqueue(p, a);
    if (keep_away(p, a))
        look_in(p, 0);
    else
        pool_feed(p);
}

static bool withdraw(struct remote *r, struct task *t)
{
    struct away *a = t->away;
    if (a->helper)
        return false;
    pool_dequeue((struct pool *)r, a);
    away_free((struct pool *)r, a);
    return true;
}

static void cancel(struct remote *r, struct task *t, int64_t grace_ms)
{
    struct away *a = t->away;
    if (withdraw(r, t))
        return;
    struct helper *h = a->helper;
    a->cancelled = true;
    talk_stop_transfers(a);
    channel_put(&h->process.channel, "{\"is\":\"cancel\"}", 15, NULL, 0);
    helper_flush(h);
    helper_kill_after(h, grace_ms < CANCEL_MS ? grace_ms : CANCEL_MS);
}

static void detach(struct remote *r)
{
    struct pool *p = (struct pool *)r;
    while (p->first) {
        struct away *a = p->first;
        pool_dequeue(p, a);
        away_free(p, a);
    }
    for (struct helper *h = p->helpers, *next; h; h = next) {
        next = h->next;
        helper_unwatch(h);
        beside_forget(h);
        if (h->call) {
            process_end(&h->process, 0);
            p->counts.busy--;
            talk_stop_transfers(h->call);
            output_call(&h->process.output, NULL, NULL);
            away_free(p, STEAL(h->call));
        }
        if (h->state != HELPER_IDLE || h->dying) {
            process_end(&h->process, 0);
            helper_free(h);
        }
    }
    handle_stop(STEAL(p->timer));
    handle_stop(STEAL(p->child));
}

static void stats(const struct remote *r, struct remote_stats *out)
{
    *out = ((const struct pool *)r)->counts;
}

const struct isolation helper_isolation = {.open = helpers_open,
                                           .describe = helpers_describe,
                                           .configure = helpers_configure,
                                           .init = helpers_init,
                                           .close = helpers_close,
                                           .start = start,
                                           .withdraw = withdraw,
                                           .cancel = cancel,
                                           .detach = detach,
                                           .stats = stats};
