/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for large documents: a queue to them, a list back, and the loop's wake-up. */
#include "plugin/heavy.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define THREADS 2

struct list {
    struct heavy_job *first, **end;
};

/* What is marked (lock) is guarded by it, the rest belongs to the loop thread. */
struct heavy {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list queue, over;  /* (lock) */
    size_t idle;              /* (lock) threads that wait for work */
    bool closing;             /* (lock) */
    struct heavy_stats stats; /* (lock) */
    pthread_t threads[THREADS];
    size_t thread_count;
    uv_async_t *wake;
};

static void list_init(struct list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static void list_add(struct list *l, struct heavy_job *job)
{
    job->next = NULL;
    *l->end = job;
    l->end = &job->next;
}

static struct heavy_job *list_take(struct list *l)
{
    struct heavy_job *job = l->first;
    l->first = job->next;
    if (!l->first)
        l->end = &l->first;
    return job;
}

static struct heavy_job *list_take_all(struct list *l)
{
    struct heavy_job *all = l->first;
    list_init(l);
    return all;
}

/* ---- Threads ---- */

static void serve(struct heavy *h, struct heavy_job *job)
{
    int64_t began = clock_mono_us();
    job->work(job);
    int64_t took = clock_mono_us() - began;
    pthread_mutex_lock(&h->lock);
    h->stats.busy_us += took;
    if (took > h->stats.longest_us)
        h->stats.longest_us = took;
    list_add(&h->over, job);
    uv_async_send(h->wake);
}

static void *heavy_main(void *arg)
{
    struct heavy *h = arg;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        h->idle++;
        while (!h->queue.first && !h->closing)
            pthread_cond_wait(&h->work, &h->lock);
        h->idle--;
        if (h->closing)
            break;
        struct heavy_job *job = list_take(&h->queue);
        pthread_mutex_unlock(&h->lock);
        serve(h, job); /* returns with the lock */
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Signals are for the loop. */
static int new_thread(struct heavy *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&h->threads[h->thread_count], NULL, heavy_main, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    h->thread_count += rc == 0;
    return rc;
}

/* ---- The loop's side ---- */

static void on_wake(uv_async_t *wake)
{
    struct heavy *h = wake->data;
    pthread_mutex_lock(&h->lock);
    struct heavy_job *over = list_take_all(&h->over);
    pthread_mutex_unlock(&h->lock);
    for (struct heavy_job *next; over; over = next) {
        next = over->next;
        pthread_mutex_lock(&h->lock);
        h->stats.jobs++;
        h->stats.waiting--;
        pthread_mutex_unlock(&h->lock);
        over->done(over);
    }
}

struct heavy *heavy_new(uv_loop_t *loop, struct error *e)
{
    struct heavy *h = xcalloc(1, sizeof(*h));
    list_init(&h->queue);
    list_init(&h->over);
    h->wake = xcalloc(1, sizeof(*h->wake));
    int rc = uv_async_init(loop, h->wake, on_wake);
    if (rc != 0) {
        err_set(e, "no wake-up for the loop: %s", uv_strerror(rc));
        free(h->wake);
        free(h);
        return NULL;
    }
    h->wake->data = h;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->work, NULL);
    return h;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void drop_all(struct heavy_job *jobs)
{
    for (struct heavy_job *next; jobs; jobs = next) {
        next = jobs->next;
        jobs->drop(jobs);
    }
}

void heavy_free(struct heavy *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    pthread_cond_broadcast(&h->work);
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < h->thread_count; i++)
        pthread_join(h->threads[i], NULL);
    drop_all(list_take_all(&h->over));
    drop_all(list_take_all(&h->queue));
    uv_close((uv_handle_t *)h->wake, free_handle);
    pthread_cond_destroy(&h->work);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* Without any thread the loop does it itself, later. */
static void do_here(struct heavy *h, int rc)
{
    log_write(LOG_WARNING, "no thread for a large document", LOG_STR("error", strerror(rc)));
    pthread_mutex_lock(&h->lock);
    struct heavy_job *job = list_take(&h->queue);
    pthread_mutex_unlock(&h->lock);
    serve(h, job);
    pthread_mutex_unlock(&h->lock);
}

void heavy_submit(struct heavy *h, struct heavy_job *job)
{
    pthread_mutex_lock(&h->lock);
    list_add(&h->queue, job);
    h->stats.waiting++;
    bool more = h->idle == 0 && h->thread_count < THREADS;
    pthread_cond_signal(&h->work);
    pthread_mutex_unlock(&h->lock);
    int rc = more ? new_thread(h) : 0;
    if (rc != 0 && h->thread_count == 0)
        do_here(h, rc);
}

struct heavy_stats heavy_stats(const struct heavy *h)
{
    struct heavy_stats s = {0};
    if (!h)
        return s;
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&h->lock;
    pthread_mutex_lock(lock);
    s = h->stats;
    pthread_mutex_unlock(lock);
    return s;
}
