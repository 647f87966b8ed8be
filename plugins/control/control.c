/* SPDX-License-Identifier: Apache-2.0 */
/* Control flow: loops and maps, try with catch and finally, break, continue, cancel, terminate and mutex.  All of them only
 * use what any plugin may: enter(), leave(), cancel_node(), and the call that follows when a pass is over. */
#include "control.h"

const struct wfw_host *host;

static int control_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg,
                        size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&loop_node,     &for_node,       &while_node,   &repeat_node,
                                               &try_node,      &catch_node,     &finally_node, &break_node,
                                               &continue_node, &terminate_node, &mutex_node,   &cancel_node,
                                               NULL};

static const struct wfw_plugin control = {
    .size = sizeof control,
    .name = "control",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "loops, maps, try, break, continue, cancel, terminate and critical sections",
    .nodes = nodes,
    .init = control_init,
};

WFW_PLUGIN(control)
