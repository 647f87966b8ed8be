/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of tasks: a slot of a table and a number that is never used twice, packed into a pointer that nobody follows.
 * The table is the one of the process, because a plugin's call brings nothing but the handle. */
#include <stdint.h>

#include "base/mem.h"
#include "plugin/task_internal.h"

#if UINTPTR_MAX > UINT32_MAX
#define SLOT_BITS 22
#else
#define SLOT_BITS 14
#endif
#define SLOT_MASK (((uintptr_t)1 << SLOT_BITS) - 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot {
    struct task *task;
    uintptr_t number; /* of the handle that is valid now */
    size_t next_free; /* slot + 1, 0 = none */
} *slots;
static size_t count, cap, first_free;
static uintptr_t numbers;

struct wfw_task *handle_new(struct task *t)
{
    pthread_mutex_lock(&lock);
    size_t i = first_free;
    if (i) {
        first_free = slots[i - 1].next_free;
    } else {
        if (count + 1 >= SLOT_MASK)
            abort(); /* millions of tasks: the cap on executions in flight comes long before */
        xgrow((void **)&slots, &cap, count + 1, sizeof *slots);
        i = ++count;
    }
    numbers = (numbers + 1) & (UINTPTR_MAX >> SLOT_BITS);
    slots[i - 1] = (struct slot){.task = t, .number = numbers};
    uintptr_t handle = (numbers << SLOT_BITS) | i;
    pthread_mutex_unlock(&lock);
    return (struct wfw_task *)handle;
}

static struct slot *slot_of(const struct wfw_task *handle)
{
    uintptr_t h = (uintptr_t)handle;
    size_t i = h & SLOT_MASK;
    if (i == 0 || i > count)
        return NULL;
    struct slot *s = &slots[i - 1];
    return s->task && s->number == h >> SLOT_BITS ? s : NULL;
}

struct task *handle_acquire(struct wfw_task *handle)
{
    pthread_mutex_lock(&lock);
    const struct slot *s = slot_of(handle);
    struct task *t = s ? s->task : NULL;
    if (t)
        task_ref(t);
    pthread_mutex_unlock(&lock);
    return t;
}

void handle_retire(struct wfw_task *handle)
{
    pthread_mutex_lock(&lock);
    struct slot *s = slot_of(handle);
    if (s) {
        s->task = NULL;
        s->next_free = first_free;
        first_free = (size_t)(s - slots) + 1;
    }
    pthread_mutex_unlock(&lock);
}
