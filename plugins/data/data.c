/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin of the data nodes: arrays and objects made of others, and variables.  All of them are loop handlers: what
 * takes long lets the loop run in between (work.c). */
#include "data/data.h"

const struct wfw_host *data_host;

static int data_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    if (!WFW_HAS(struct wfw_host, h, get_variable)) {
        snprintf(msg, msglen, "this wfworker is too old for it");
        return WFW_E_INVAL;
    }
    data_host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {
    &map_node,       &filter_node, &reduce_node,       &merge_node,        &split_node, &sort_node,
    &aggregate_node, &dedupe_node, &set_variable_node, &get_variable_node, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "data",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "arrays and objects made of others: map, filter, reduce, merge, split, sort, aggregate, dedupe; variables",
    .nodes = nodes,
    .init = data_init,
};

WFW_PLUGIN(plugin)
