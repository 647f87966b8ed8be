/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this plugin share. */
#ifndef WFW_PLUGINS_CONTROL_H
#define WFW_PLUGINS_CONTROL_H

#include "common/util.h"

extern const struct wfw_host *host;

extern const struct wfw_node loop_node, for_node, while_node, repeat_node;                          /* loop.c */
extern const struct wfw_node try_node, catch_node, finally_node;                                    /* try.c */
extern const struct wfw_node mutex_node;                                                           /* mutex.c */
extern const struct wfw_node break_node, continue_node, terminate_node;                             /* jump.c */
extern const struct wfw_node cancel_node;                                                           /* cancel.c */

void rethrow(struct wfw_task *task, const struct wfw_value *error); /* try.c: the node fails with that, as the node that it names */

#endif
