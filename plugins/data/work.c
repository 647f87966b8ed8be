/* SPDX-License-Identifier: Apache-2.0 */
/* Work in small pieces.  Expressions are evaluated on the loop, and a thread would have to ask there for each element; so
 * the node runs on the loop too, and lets others run after a few milliseconds. */
#include <time.h>

#include "data/data.h"

#define SLICE_NS INT64_C(3000000)

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void go_on(void *arg, struct wfw_task *task)
{
    (void)task;
    work_run(arg);
}

void work_run(struct work *w)
{
    int64_t end = now_ns() + SLICE_NS;
    while (w->step(w)) {
        if (now_ns() < end)
            continue;
        /* 1 ms, not 0: the loop looks at its descriptors in between, and by then the time has passed */
        if (!host->timer(w->task, 1, go_on, w))
            fail_with(host, w->task, "handler_error", "no timer to go on with");
        return;
    }
}

void *work_alloc(struct wfw_task *task, size_t count, size_t size)
{
    void *memory = count <= SIZE_MAX / size ? host->alloc(task, count * size) : NULL;
    if (!memory)
        fail_with(host, task, "payload_too_large", "%zu elements are too many", count);
    return memory;
}
