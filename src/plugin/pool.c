/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for blocking handlers.
 *
 * Not libuv's pool: that one also resolves names and reads files, which a handler that never returns would stop, and
 * it is joined when the process ends.  These threads are made when they are needed, and detached: one that is held by an
 * abandoned handler keeps nobody from ending. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "plugin/task_internal.h"

#define CLOSE_WAIT_MS 200

static void run_returned(struct job *job)
{
    task_returned(job->task);
    task_unref(job->task);
    free(job);
}

static void drop_returned(struct job *job)
{
    handle_retire(job->task->handle);
    task_unref(job->task); /* the job's */
    task_unref(job->task); /* the loop's, which looks no more */
    free(job);
}

static void serve(struct task *t)
{
    const struct handler *handler = t->handler;
    struct job *job = xcalloc(1, sizeof *job);
    *job = (struct job){.task = t, .run = run_returned, .drop = drop_returned};
    task_ref(t);
    handler->node->run(handler->state, t->handle, &t->call);
    pthread_mutex_lock(&t->host->lock);
    t->host->blocking--;
    pthread_mutex_unlock(&t->host->lock);
    host_post(t->host, job);
}

static struct task *take(struct task_host *h)
{
    struct task *t = h->waiting;
    h->waiting = t->next;
    if (!h->waiting)
        h->waiting_end = &h->waiting;
    t->next = NULL;
    return t;
}

static void *pool_main(void *arg)
{
    struct task_host *h = arg;
    if (h->services.thread)
        h->services.thread(true);
    pthread_mutex_lock(&h->lock);
    for (;;) {
        h->idle++;
        while (!h->waiting && !h->closing)
            pthread_cond_wait(&h->work, &h->lock);
        h->idle--;
        if (!h->waiting)
            break;
        struct task *t = take(h);
        pthread_mutex_unlock(&h->lock);
        serve(t);
        pthread_mutex_lock(&h->lock);
    }
    h->threads--;
    pthread_cond_broadcast(&h->answered);
    pthread_mutex_unlock(&h->lock);
    if (h->services.thread)
        h->services.thread(false);
    host_unref(h);
    return NULL;
}

/* Signals are for the loop, but not those of a thread's own faults: who watches for them wants to see them. */
static int new_thread(struct task_host *h)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    host_ref(h);
    int rc = pthread_create(&thread, NULL, pool_main, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        host_unref(h);
        return rc;
    }
    pthread_detach(thread);
    h->threads++;
    return 0;
}

void pool_add(struct task *t)
{
    struct task_host *h = t->host;
    int rc = 0;
    pthread_mutex_lock(&h->lock);
    t->next = NULL;
    *h->waiting_end = t;
    h->waiting_end = &t->next;
    h->blocking++;
    if (h->blocking > h->threads && h->threads < h->max_threads)
        rc = new_thread(h);
    bool none = h->threads == 0;
    pthread_cond_signal(&h->work);
    pthread_mutex_unlock(&h->lock);
    if (rc == 0)
        return;
    log_write(LOG_WARNING, "no thread for a blocking handler", LOG_STR("error", strerror(rc)));
    if (none && pool_remove(t)) {
        task_fail(t, "handler_error", "no thread could be made to run the handler");
        task_returned(t);
    }
}

bool pool_remove(struct task *t)
{
    struct task_host *h = t->host;
    bool found = false;
    pthread_mutex_lock(&h->lock);
    for (struct task **at = &h->waiting; *at && !found; at = &(*at)->next) {
        if (*at != t)
            continue;
        found = true;
        *at = t->next;
        if (!t->next)
            h->waiting_end = at;
        h->blocking--;
        break;
    }
    pthread_mutex_unlock(&h->lock);
    return found;
}

/* Idle threads end at once, and a handler that has given its outcome returns soon; the others are not waited for. */
size_t pool_close(struct task_host *h)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += CLOSE_WAIT_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&h->lock);
    pthread_cond_broadcast(&h->work);
    while (h->threads > 0 && rc == 0)
        rc = pthread_cond_timedwait(&h->answered, &h->lock, &until);
    while (h->threads > h->blocking)
        pthread_cond_wait(&h->answered, &h->lock);
    size_t left = h->threads;
    pthread_mutex_unlock(&h->lock);
    return left;
}
