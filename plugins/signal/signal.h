/* SPDX-License-Identifier: Apache-2.0 */
/* What the node types of this plugin share. */
#ifndef WFW_PLUGINS_SIGNAL_SIGNAL_H
#define WFW_PLUGINS_SIGNAL_SIGNAL_H

#include "common/wait.h"

#define MAX_TYPES 100

extern const struct wfw_node human_approval, await, send_signal;

#endif
