/* SPDX-License-Identifier: Apache-2.0 */
/* What the node types of this plugin share. */
#ifndef WFW_PLUGINS_SIGNAL_SIGNAL_H
#define WFW_PLUGINS_SIGNAL_SIGNAL_H

#include "common/wait.h"

#define MAX_TYPES 100

extern const struct wfw_node human_approval, await, send_signal;

/* enum wfw_park_flag by the setting `buffer`: keep (the default) or drop. */
uint32_t buffer_flags(const struct wfw_value *config);

#define BUFFER_SCHEMA                                                                                                  \
    "\"buffer\":{\"type\":[\"string\",\"null\"],\"enum\":[\"keep\",\"drop\",null],\"default\":\"keep\","                     \
    "\"description\":\"what becomes of signals that came before the wait began: keep: the oldest counts; drop: they are "  \
    "used up for nothing\"}"

#endif
