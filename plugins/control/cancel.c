/* SPDX-License-Identifier: Apache-2.0 */
/* cancel: withdraws what runs or waits of other nodes. */
#include "control.h"

static int ask(struct wfw_task *task, const struct wfw_value *id, uint32_t flags)
{
    const char *text;
    if (host->get_string(id, "", &text, NULL) == WFW_OK && *text && host->cancel_node(task, text, flags) == WFW_OK)
        return 0;
    fail_with(host, task, "config_invalid", "/nodes: there must be ids of nodes, texts that are not empty");
    return -1;
}

static void cancel_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const struct wfw_value *nodes = member(host, call->config, "/nodes"), *id;
    int complete = 0;
    host->get_bool(call->config, "/complete", &complete);
    uint32_t flags = complete ? WFW_CANCEL_COMPLETE : 0;
    if (!nodes || (host->type(nodes) == WFW_ARRAY && host->length(nodes) == 0)) {
        fail_with(host, task, "config_invalid", "/nodes: cancel needs the ids of the nodes that are to be cancelled");
        return;
    }
    if (host->type(nodes) != WFW_ARRAY && ask(task, nodes, flags) != 0)
        return;
    for (size_t i = 0; host->type(nodes) == WFW_ARRAY && (id = host->item(nodes, i, NULL)); i++)
        if (ask(task, id, flags) != 0)
            return;
    host->done(task, host->object(task), NULL);
}

const struct wfw_node cancel_node = {
    .size = sizeof cancel_node,
    .type = "cancel",
    .summary = "withdraws other nodes",
    .description =
        "Whatever runs of the named nodes, or waits for a time, a signal, its next attempt or its turn, is cancelled; edges out of "
        "them die. Nodes in the same pass as this one and around it can be named. A loop or a try goes with all that runs in it, "
        "after the finally regions inside have run; then the nodes behind this one begin. With complete, a loop is not withdrawn but "
        "ends as by break: the passes that are open are cancelled, what is done counts, and its done edges are taken. A node that "
        "is over or has not begun is left as it is. Fails with config_invalid for an id that no node has.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"nodes\":{\"type\":[\"array\",\"string\"],\"items\":{\"type\":\"string\"},\"description\":\"ids of nodes, or one id\"},"
        "\"complete\":{\"type\":[\"boolean\",\"null\"],\"default\":false,\"description\":\"loops end with what is done\"}},"
        "\"required\":[\"nodes\"]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"cancelled\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
                     "\"description\":\"the ids of those that there was something to cancel of\"}}}",
    .examples = "[{\"nodes\":\"reminder\"},{\"nodes\":[\"collect-offers\"],\"complete\":true}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = cancel_run,
};
