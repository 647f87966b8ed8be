/* SPDX-License-Identifier: Apache-2.0 */
/* What the node types of this plugin share: the deadline of a wait. */
#ifndef WFW_PLUGINS_SIGNAL_SIGNAL_H
#define WFW_PLUGINS_SIGNAL_SIGNAL_H

#include "common/util.h"

#define MAX_TYPES 100

extern const struct wfw_host *host;
extern const struct wfw_node human_approval, await;

/* Seconds: a number, or the text of one.  The node has failed when it returns -1. */
int read_seconds(struct wfw_task *task, const struct wfw_value *config, const char *pointer, double fallback, double least,
                 double *out);
int64_t seconds_to_ms(double seconds);

/* When the wait gives up, by timeout_seconds: kept in the checkpoint from the first look on; 0 = never. */
int read_deadline(struct wfw_task *task, const struct wfw_call *call, int64_t *out);

/* The deadline came: branch `timeout` when an edge has it, else the failure `timeout` with this text. */
void end_by_timeout(struct wfw_task *task, const struct wfw_call *call, struct wfw_value *output, const char *text);

#endif
