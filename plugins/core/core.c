/* SPDX-License-Identifier: Apache-2.0 */
/* The node types that every graph needs: trigger, start, end, noop.  They do no work; the engine gives them their
 * place. */
#include <stdbool.h>

#include "common/util.h"

static const struct wfw_host *host;

static bool is_output_of(const char *key, const char *node)
{
    size_t len = strlen(node);
    return strncmp(key, node, len) == 0 && strcmp(key + len, "_output") == 0;
}

/* All members but the result of `node`. */
static const struct wfw_value *without_output(struct wfw_task *task, const struct wfw_value *object, const char *node)
{
    struct wfw_value *out;
    const struct wfw_value *v;
    const char *key;
    size_t i = 0;
    while ((v = host->item(object, i, &key)) && !is_output_of(key, node))
        i++;
    if (!v)
        return object;
    out = host->object(task);
    for (i = 0; (v = host->item(object, i, &key)); i++)
        if (!is_output_of(key, node))
            host->set(out, key, v);
    return out;
}

/* The trigger's result is the data that the execution began with: what has been gathered when it runs.  In a cycle its
 * own result is among that, which would hold the one before it, and so on. */
static void trigger_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    host->done(task, call->input ? without_output(task, call->input, call->node_id) : host->object(task), NULL);
}

static void nothing_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    host->done(task, host->object(task), NULL);
}

static const struct wfw_node trigger = {
    .size = sizeof trigger,
    .type = "trigger",
    .summary = "where an execution begins",
    .description =
        "Hands on the data that the execution was started with. Its config describes how executions are started "
        "(by hand, by a webhook, by a schedule); the node itself does not read it.",
    .config_schema = "{\"type\":\"object\",\"properties\":{"
                     "\"trigger_type\":{\"type\":[\"string\",\"null\"],\"default\":\"manual\","
                     "\"description\":\"manual, webhook or schedule: how executions are started\"},"
                     "\"cron_expression\":{\"type\":[\"string\",\"null\"],\"description\":\"when, for a schedule\"},"
                     "\"webhook_method\":{\"type\":[\"string\",\"null\"],\"default\":\"POST\","
                     "\"description\":\"POST, GET, PUT or PATCH, for a webhook\"}}}",
    .output_schema = "{\"type\":\"object\",\"description\":\"the trigger data\"}",
    .examples =
        "[{\"trigger_type\":\"manual\"},{\"trigger_type\":\"schedule\",\"cron_expression\":\"0 6 * * MON-FRI\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = trigger_run,
};

#define DOES_NOTHING(name, says, tells)                                                                                \
    {                                                                                                                  \
        .size = sizeof(struct wfw_node), .type = name, .summary = says, .description = tells,                          \
        .config_schema = "{\"type\":\"object\",\"properties\":{}}",                                                    \
        .output_schema = "{\"type\":\"object\",\"properties\":{},\"description\":\"always empty\"}",                     \
        .examples = "[{}]", .exec = WFW_EXEC_LOOP, .effect = WFW_EFFECT_PURE, .run = nothing_run                       \
    }

static const struct wfw_node start =
    DOES_NOTHING("start", "a first node without a meaning of its own",
                 "Does nothing and succeeds with an empty result. Graphs use it to mark their beginning.");

static const struct wfw_node end =
    DOES_NOTHING("end", "a last node without a meaning of its own",
                 "Does nothing and succeeds with an empty result. It does not end the execution: other branches run on, and "
                 "the execution is over when nothing is left to run.");

static const struct wfw_node noop =
    DOES_NOTHING("noop", "does nothing",
                 "Does nothing and succeeds with an empty result: a place where edges meet or part.");

static int core_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&trigger, &start, &end, &noop, NULL};

static const struct wfw_plugin core = {
    .size = sizeof core,
    .name = "core",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "the node types that every graph needs",
    .nodes = nodes,
    .init = core_init,
};

WFW_PLUGIN(core)
