/* SPDX-License-Identifier: @LICENSE@ */
/* What the sources of this plugin share: the host's functions, and the node types. */
#ifndef @IDENT_UPPER@_NODES_H
#define @IDENT_UPPER@_NODES_H

#define WFW_ABI_MINOR 0 /* the oldest minor that has all that is used here: the plugin loads in every later one */
#include <wfworker/plugin.h>

extern const struct wfw_host *host; /* set before any handler runs */

@EACH_NODE@extern const struct wfw_node @NODE_IDENT@_node; /* @TYPE@ */

extern const struct wfw_plugin @IDENT@_plugin;

#endif
