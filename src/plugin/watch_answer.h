/* SPDX-License-Identifier: Apache-2.0 */
/* A large http answer on its way through a handler's callback on another thread. */
#ifndef WF_PLUGIN_WATCH_ANSWER_H
#define WF_PLUGIN_WATCH_ANSWER_H

#include "plugin/heavy.h"
#include "plugin/task_internal.h"

struct large_answer {
    struct heavy_job job; /* must be first */
    struct task *task;    /* a reference */
    wfw_http_fn fn;
    void *arg;
    struct wfw_http_response response; /* what it points at is owned */
    char *body;
    void (*over)(struct large_answer *l); /* on the loop, before it is freed: fn has returned or will not be called */
    void *owner;
};

/* Takes the body out of the buffer, copies the rest. */
struct large_answer *large_answer_new(struct task *t, const struct wfw_http_response *response, struct buf *body);

#endif
