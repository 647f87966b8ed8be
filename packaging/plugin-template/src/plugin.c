/* SPDX-License-Identifier: @LICENSE@ */
/* The plugin as wfworker sees it: its name, its node types, and how it begins. */
#include "nodes.h"

#include <stddef.h>

const struct wfw_host *host;

static int start(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config, (void)state, (void)msg, (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {
@EACH_NODE@    &@NODE_IDENT@_node,
    NULL,
};

const struct wfw_plugin @IDENT@_plugin = {
    .size = sizeof(struct wfw_plugin),
    .name = "@NAME@",
    .version = PACKAGE_VERSION,
    .license = "@LICENSE@",
    .vendor = "@VENDOR@",
    .summary = "@SUMMARY@",
    /* Keys of the section [plugin @NAME@] of wfworker's configuration; there are none yet. */
    .config_schema = "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
    .nodes = nodes,
    .init = start,
};

WFW_PLUGIN(@IDENT@_plugin)
