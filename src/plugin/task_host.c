/* SPDX-License-Identifier: Apache-2.0 */
/* What all tasks of a worker share: its services, the way to the loop's thread, the threads of the pool, and the end of
 * all that. */
#include "plugin/task.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/task_internal.h"

#define MAX_THREADS 4096

static pthread_mutex_t newest_lock = PTHREAD_MUTEX_INITIALIZER;
static struct task_host *newest; /* for now_ms(), which has no task */

int64_t host_now_us(void)
{
    pthread_mutex_lock(&newest_lock);
    int64_t now = newest && newest->services.now_us ? newest->services.now_us(newest->services.ctx) : clock_now_us();
    pthread_mutex_unlock(&newest_lock);
    return now;
}

void host_ref(struct task_host *h)
{
    atomic_fetch_add(&h->refs, 1);
}

void host_unref(struct task_host *h)
{
    if (atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    pthread_cond_destroy(&h->work);
    pthread_cond_destroy(&h->answered);
    pthread_mutex_destroy(&h->saying);
    pthread_mutex_destroy(&h->lock);
    xfree(h);
}

bool on_loop(const struct task_host *h)
{
    return pthread_equal(h->loop_thread, pthread_self()) != 0;
}

void host_post(struct task_host *h, struct job *job)
{
    pthread_mutex_lock(&h->lock);
    bool closing = h->closing;
    if (!closing) {
        job->next = NULL;
        *h->jobs_end = job;
        h->jobs_end = &job->next;
        uv_async_send(h->wake);
    }
    pthread_mutex_unlock(&h->lock);
    if (closing)
        job->drop(job);
}

static struct job *take_jobs(struct task_host *h)
{
    pthread_mutex_lock(&h->lock);
    struct job *jobs = h->jobs;
    h->jobs = NULL;
    h->jobs_end = &h->jobs;
    pthread_mutex_unlock(&h->lock);
    return jobs;
}

static void on_wake(uv_async_t *wake)
{
    struct task_host *h = wake->data;
    host_ref(h);
    for (struct job *job = take_jobs(h), *next; job; job = next) {
        next = job->next;
        job->run(job);
    }
    host_unref(h);
}

struct task_host *task_host_new(const struct task_services *services, size_t blocking_threads, struct error *e)
{
    struct task_host *h = xcalloc(1, sizeof *h);
    h->services = *services;
    h->loop_thread = pthread_self();
    h->refs = 1;
    h->jobs_end = &h->jobs;
    h->waiting_end = &h->waiting;
    h->max_threads = blocking_threads < 1 ? 1 : blocking_threads > MAX_THREADS ? MAX_THREADS : blocking_threads;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->work, NULL);
    pthread_cond_init(&h->answered, NULL);
    pthread_mutex_init(&h->saying, NULL);
    h->wake = xcalloc(1, sizeof *h->wake);
    int rc = uv_async_init(services->loop, h->wake, on_wake);
    if (rc != 0) {
        xfree(h->wake);
        host_unref(h);
        err_set(e, "no wake-up for the loop: %s", uv_strerror(rc));
        return NULL;
    }
    h->wake->data = h;
    pthread_mutex_lock(&newest_lock);
    newest = h;
    pthread_mutex_unlock(&newest_lock);
    return h;
}

static void free_wake(uv_handle_t *handle)
{
    xfree(handle);
}

size_t task_host_free(struct task_host *h)
{
    if (!h)
        return 0;
    while (h->remotes)
        remote_detach(h->remotes);
    for (struct task *t = h->zombies; t; t = t->next)
        task_stop_grace(t); /* before closing: from then on the threads free them */
    pthread_mutex_lock(&newest_lock);
    if (newest == h)
        newest = NULL;
    pthread_mutex_unlock(&newest_lock);
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    uv_async_t *wake = h->wake;
    h->wake = NULL;
    pthread_mutex_unlock(&h->lock);
    uv_close((uv_handle_t *)wake, free_wake);
    for (struct job *job = take_jobs(h), *next; job; job = next) {
        next = job->next;
        job->drop(job);
    }
    size_t left = pool_close(h);
    host_unref(h);
    return left;
}

size_t task_host_abandoned(const struct task_host *h)
{
    return h->abandoned;
}

size_t task_host_slow(const struct task_host *h)
{
    return h->slow;
}

size_t task_host_blocking_free(const struct task_host *h)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&h->lock;
    pthread_mutex_lock(lock);
    size_t busy = h->blocking, max = h->max_threads;
    pthread_mutex_unlock(lock);
    return busy < max ? max - busy : 0;
}
