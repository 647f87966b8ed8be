/* SPDX-License-Identifier: Apache-2.0 */
/* set_variable, get_variable: names that live beside the outputs of nodes. */
#include "data/data.h"

#define NAME_MAX_LEN 256

static const char *const set_scopes[] = {"workflow", "loop", "node", NULL};
static const char *const get_scopes[] = {"nearest", "workflow", "loop", "node", NULL};

/* NULL: the task has failed. */
static const char *variable_name(struct wfw_task *task, const struct wfw_call *call)
{
    const char *name = text_member(host, call->config, "/variable_name");
    if (name && strlen(name) <= NAME_MAX_LEN)
        return name;
    if (name)
        fail_with(host, task, "config_invalid", "variable_name \"%.32s...\" is longer than %d bytes", name, NAME_MAX_LEN);
    else
        fail_with(host, task, "config_invalid", "variable_name is required for %s node", call->node_type);
    return NULL;
}

static void give(struct wfw_task *task, const char *name, const struct wfw_value *value, const char *scope)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "variable_name", host->string(task, name, WFW_NTS));
    host->set(out, "value", value);
    host->set(out, "scope", host->string(task, scope, WFW_NTS));
    host->done(task, out, NULL);
}

static void set_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *name = variable_name(task, call);
    int scope = name ? choice(task, call->config, "variable_scope", set_scopes) : -1;
    const struct wfw_value *value = host->get(call->config, "/variable_value");
    if (scope < 0)
        return;
    if (!value)
        value = host->null(task);
    if (host->set_variable(task, name, value, set_scopes[scope]) == WFW_OK)
        give(task, name, value, set_scopes[scope]);
    else
        fail_with(host, task, "handler_error", "variable \"%.256s\" cannot be set", name);
}

static void get_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *name = variable_name(task, call);
    int scope = name ? choice(task, call->config, "variable_scope", get_scopes) : -1;
    if (scope < 0)
        return;
    const struct wfw_value *value = host->get_variable(task, name, scope ? get_scopes[scope] : NULL);
    if (!value)
        value = host->get(call->config, "/default_value");
    if (value)
        give(task, name, value, get_scopes[scope]);
    else
        fail_with(host, task, "unknown_name", "variable \"%.256s\" is not set%s%s, and there is no default_value", name,
                  scope ? " in scope " : "", scope ? get_scopes[scope] : "");
}

#define OUTPUT                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"variable_name\":{\"type\":\"string\"},\"value\":{},"                       \
    "\"scope\":{\"type\":\"string\"}}}"

const struct wfw_node set_variable_node = {
    .size = sizeof set_variable_node,
    .type = "set_variable",
    .summary = "gives a name to a value",
    .description =
        "Expressions see the variable under its name and as vars.NAME. Scope workflow: one for the execution; loop: of "
        "the pass of the nearest loop, gone with it; node: seen by later runs of this node only. Errors: config_invalid "
        "without a name or with an unknown scope; not retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"variable_name\":{\"type\":\"string\",\"description\":\"the name, at most 256 bytes\"},"
        "\"variable_value\":{\"description\":\"any value; null without it\"},"
        "\"variable_scope\":{\"type\":[\"string\",\"null\"],\"default\":\"workflow\","
        "\"description\":\"workflow, loop or node\",\"x-values\":[\"workflow\",\"loop\",\"node\"]}},\"x-needs\":[[\"variable_name\"]]}",
    .output_schema = OUTPUT,
    .examples = "[{\"variable_name\":\"total\",\"variable_value\":\"${(vars.total ?? 0) + item.price}\"},"
                "{\"variable_name\":\"seen\",\"variable_value\":[],\"variable_scope\":\"loop\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = set_run,
};

const struct wfw_node get_variable_node = {
    .size = sizeof get_variable_node,
    .type = "get_variable",
    .summary = "reads a variable",
    .description =
        "Without a scope, the nearest variable of that name: of this node, of the loops from the innermost outwards, of "
        "the workflow. When there is none the result is default_value, also when that is null. Errors: unknown_name when "
        "there is neither, config_invalid without a name or with an unknown scope; not retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"variable_name\":{\"type\":\"string\",\"description\":\"the name\"},"
        "\"variable_scope\":{\"type\":[\"string\",\"null\"],\"default\":\"nearest\","
        "\"description\":\"nearest, workflow, loop or node\",\"x-values\":[\"nearest\",\"workflow\",\"loop\",\"node\"]},"
        "\"default_value\":{\"description\":\"what it is when it was not set\"}},\"x-needs\":[[\"variable_name\"]]}",
    .output_schema = OUTPUT,
    .examples = "[{\"variable_name\":\"total\",\"default_value\":0}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = get_run,
};
