/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back of calls that left this process. */
#include "plugin/remote.h"

#include <string.h>

#include "base/mem.h"
#include "plugin/task_internal.h"

void remote_attach(struct task_host *h, struct remote *r)
{
    if (r->host == h)
        return;
    if (r->host)
        remote_detach(r);
    r->host = h;
    r->next = h->remotes;
    h->remotes = r;
}

void remote_detach(struct remote *r)
{
    struct remote **at = &r->host->remotes;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->isolation->detach(r);
    r->host = NULL;
}

void remote_outcome(struct task *t, const struct outcome *o, bool large)
{
    struct task_host *h = t->host;
    pthread_mutex_lock(&h->lock);
    bool late = t->decided;
    if (!late) {
        t->decided = true;
        t->off_loop = large;
        t->outcome = *o;
    }
    pthread_mutex_unlock(&h->lock);
    if (!late && !t->settled)
        task_hand_over(t);
}

static char *keep_text(struct task *t, const char *text)
{
    char *copy = xstrdup(text);
    arena_adopt(&t->arena, copy);
    return copy;
}

void remote_fail(struct task *t, const char *type, const char *message, bool retryable, int64_t retry_after_ms,
                 json_t *details)
{
    const struct outcome o = {.type = OUTCOME_FAIL,
                              .error_type = keep_text(t, type),
                              .message = keep_text(t, message),
                              .retryable = retryable,
                              .retry_after_ms = retry_after_ms,
                              .details = arena_keep(&t->arena, details)};
    remote_outcome(t, &o, false);
}
