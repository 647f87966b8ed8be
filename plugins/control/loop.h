/* SPDX-License-Identifier: Apache-2.0 */
/* A loop while its handler looks at it.
 *
 * The plan stands in the checkpoint, which is written anew only when items come in: {"total", "items", "first", "closed"}.
 * Where the loop is, the host knows: how many passes were begun and how they ended. */
#ifndef WFW_PLUGINS_CONTROL_LOOP_H
#define WFW_PLUGINS_CONTROL_LOOP_H

#include "control.h"

#define LOOP_MOST 1000000000

enum loop_kind { LOOP_FOR, LOOP_WHILE, LOOP_REPEAT, LOOP_UNKNOWN };

struct loop_options {
    const char *variable;                                      /* the name of the item */
    int64_t concurrency, need, tolerate, max_iterations, keep; /* need -1: all */
    int run_rest;
    const char *accept;       /* type of the signals that bring items; or NULL */
    const char *accept_close; /* of the one that says that no more come */
    const char *stop_when;    /* expression, or NULL */
};

/* What the host knows, as numbers. */
struct loop_progress {
    int64_t begun, open, succeeded, failed, left, cancelled;
};

struct loop {
    struct wfw_task *task;
    const struct wfw_call *call;
    struct loop_options o;
    struct loop_progress p;
    enum loop_kind kind;
    int64_t total; /* so far; -1: while */
    const struct wfw_value *items;
    int64_t first; /* index of the first of `items`: those before have begun */
    int closed;    /* no more items come */
    const struct wfw_value *checkpoint; /* to be saved with the next enter; or NULL */
};

/* loop_plan.c; what returns -1 has ended the task with a failure. */
void loop_open(struct loop *l, struct wfw_task *task, const struct wfw_call *call); /* options, and what the host knows */
int loop_plan(struct loop *l);   /* at the start */
void loop_recall(struct loop *l); /* afterwards */
int loop_take_signal(struct loop *l); /* items that came, or the close */

#endif
