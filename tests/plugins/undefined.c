/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that was linked without a library that it needs. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

int acme_frobnicate(int);

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)task;
    (void)acme_frobnicate((int)call->attempt);
}

static const struct wfw_node node = {.size = sizeof node, .type = "test.undefined", .run = run};
static const struct wfw_node *const nodes[] = {&node, NULL};
static const struct wfw_plugin plugin = {.size = sizeof plugin, .name = "undefined", .version = "1", .nodes = nodes};

WFW_PLUGIN(plugin)
