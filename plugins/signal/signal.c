/* SPDX-License-Identifier: Apache-2.0 */
/* human_approval, await, send_signal: nodes that wait for signals, and the one that sends them.  A node that waits holds no thread and no memory, and waits on while
 * no worker runs. */
#include "signal/signal.h"

const struct wfw_host *host;

uint32_t buffer_flags(const struct wfw_value *config)
{
    const char *text = text_member(host, config, "/buffer");
    return text && strcmp(text, "drop") == 0 ? WFW_PARK_FRESH : 0;
}

/* ---- What the plugin is ---- */

static int signal_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&human_approval, &await, &send_signal, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "signal",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "signals between executions, people and other programs: human_approval, await, send_signal",
    .nodes = nodes,
    .init = signal_init,
};

WFW_PLUGIN(plugin)
