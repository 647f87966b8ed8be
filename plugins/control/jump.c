/* SPDX-License-Identifier: Apache-2.0 */
/* break, continue, terminate: leave what is around. */
#include "control.h"

static struct wfw_value *told(struct wfw_task *task, const char *flow, const char *message)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "control_flow", host->string(task, flow, WFW_NTS));
    host->set(out, "message", host->string(task, message, WFW_NTS));
    return out;
}

static void break_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    host->leave(task, WFW_LEAVE_BREAK, text_member(host, call->config, "/loop_label"),
                told(task, "break", "the loop is left"));
}

static void continue_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    host->leave(task, WFW_LEAVE_CONTINUE, text_member(host, call->config, "/loop_label"),
                told(task, "continue", "the pass is over"));
}

/* The members of the configured output, and the message. */
static void terminate_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *status = text_member(host, call->config, "/status"),
               *message = text_member(host, call->config, "/message");
    const struct wfw_value *output = member(host, call->config, "/output"), *v;
    struct wfw_value *out = host->object(task);
    const char *key;
    for (size_t i = 0; output && (v = host->item(output, i, &key)); i++)
        host->set(out, key, v);
    if (message)
        host->set(out, "message", host->string(task, message, WFW_NTS));
    host->leave(task, WFW_LEAVE_TERMINATE, status && strcmp(status, "failed") == 0 ? "failed" : NULL, out);
}

#define LEAVES(name, says, tells, how)                                                                                 \
    {                                                                                                                  \
        .size = sizeof(struct wfw_node), .type = name, .summary = says, .description = tells,                          \
        .config_schema = "{\"type\":\"object\",\"properties\":{\"loop_label\":{\"type\":[\"string\",\"null\"],"            \
                         "\"description\":\"node id of the loop that is meant; without: the nearest one\"}}}",           \
        .output_schema = "{\"type\":\"object\",\"properties\":{\"control_flow\":{\"type\":\"string\"},"                  \
                         "\"message\":{\"type\":\"string\"}}}",                                                        \
        .examples = "[{},{\"loop_label\":\"each-order\"}]", .exec = WFW_EXEC_LOOP, .effect = WFW_EFFECT_PURE,          \
        .run = how                                                                                                     \
    }

const struct wfw_node break_node =
    LEAVES("break", "leaves a loop",
           "Ends the pass and the whole loop; the loop has succeeded with the passes so far. What else runs in the pass, "
           "and in a map the other passes, is cancelled; the finally of a try that is left runs first. Outside a "
           "loop, or with a name that is none: no_enclosing_loop.",
           break_run);

const struct wfw_node continue_node =
    LEAVES("continue", "goes on with the next pass of a loop",
           "Ends the pass at once; it has succeeded. What else runs in the pass is cancelled; the finally of a try that is "
           "left runs first. Outside a loop, or with a name that is none: no_enclosing_loop.",
           continue_run);

const struct wfw_node terminate_node = {
    .size = sizeof terminate_node,
    .type = "terminate",
    .summary = "ends the execution",
    .description =
        "Ends the whole execution with a status. What runs is cancelled; the finally of every try that is open runs "
        "first. In a finally it ends at once.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"status\":{\"type\":[\"string\",\"null\"],\"enum\":[\"completed\",\"failed\",null],\"default\":\"completed\","
        "\"description\":\"how the execution ends\"},"
        "\"output\":{\"type\":[\"object\",\"null\"],\"description\":\"the result of this node\"},"
        "\"message\":{\"type\":[\"string\",\"null\"],\"description\":\"the execution's error message when it "
        "fails\"}}}",
    .output_schema = "{\"type\":\"object\",\"description\":\"the configured output, and the message\"}",
    .examples = "[{},{\"status\":\"failed\",\"message\":\"nothing in stock\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = terminate_run,
};
