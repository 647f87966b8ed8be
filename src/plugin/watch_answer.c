/* SPDX-License-Identifier: Apache-2.0 */
/* The callback sees the same answer as on the loop; the task stays, because the job holds it, but may be over: then what the
 * callback asks of the host says so. */
#include "plugin/watch_answer.h"

#include <stdlib.h>

#include "base/mem.h"

static void work(struct heavy_job *job)
{
    struct large_answer *l = (struct large_answer *)(void *)job;
    if (!task_decided(l->task))
        l->fn(l->arg, l->task->handle, &l->response);
    free(STEAL(l->body));
}

static void finish(struct heavy_job *job)
{
    struct large_answer *l = (struct large_answer *)(void *)job;
    l->over(l);
    task_unref(l->task);
    for (const char *const *h = l->response.headers; h && *h; h++)
        free((void *)(uintptr_t)*h);
    free((void *)(uintptr_t)l->response.headers);
    free((void *)(uintptr_t)l->response.effective_url);
    free(l->body);
    free(l);
}

static const char *const *copy_lines(const char *const *lines)
{
    size_t count = 0;
    while (lines && lines[count])
        count++;
    char **copy = xcalloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(lines[i]);
    return (const char *const *)copy;
}

struct large_answer *large_answer_new(struct task *t, const struct wfw_http_response *response, struct buf *body)
{
    struct large_answer *l = xcalloc(1, sizeof(*l));
    l->job = (struct heavy_job){.work = work, .done = finish, .drop = finish};
    l->task = t;
    task_ref(t);
    l->response = *response;
    l->response.headers = copy_lines(response->headers);
    l->response.effective_url = response->effective_url ? xstrdup(response->effective_url) : NULL;
    l->response.body = l->body = buf_steal(body);
    return l;
}
