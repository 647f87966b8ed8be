/* SPDX-License-Identifier: Apache-2.0 */
/* What node types that wait share: lengths of time, a condition, the deadline and the branch `timeout`. */
#ifndef WFW_PLUGINS_COMMON_WAIT_H
#define WFW_PLUGINS_COMMON_WAIT_H

#include "common/util.h"

#define SHORTEST_POLL_S 0.01

extern const struct wfw_host *host; /* of the plugin that this is built into */

/* Seconds: a number, or the text of one; fallback when it is absent or null.  The node has failed when it returns -1. */
int read_seconds(struct wfw_task *task, const struct wfw_value *config, const char *pointer, double fallback, double least,
                 double *out);
void fail_seconds(struct wfw_task *task, const char *name, const struct wfw_value *v, double least); /* v is none */
int64_t seconds_to_ms(double seconds); /* rounded up: a wait is never shorter than asked for */

/* 1: the condition holds, 0: it does not, -1: the node has failed, with the expression's own error. */
int condition_holds(struct wfw_task *task, const char *expression);

/* When the wait gives up, by timeout_seconds: kept in the checkpoint from the first look on; 0 = never. */
int read_deadline(struct wfw_task *task, const struct wfw_call *call, int64_t *out);

/* Does an edge of the node have this label? */
int has_branch(const struct wfw_call *call, const char *branch);

/* The deadline came: branch `timeout` with this output when an edge has it, else the failure `timeout`. */
__attribute__((format(printf, 4, 5))) void end_by_timeout(struct wfw_task *task, const struct wfw_call *call,
                                                          struct wfw_value *output, const char *fmt, ...);

#endif
