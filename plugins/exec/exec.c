/* SPDX-License-Identifier: Apache-2.0 */
/* exec: any program as a node type.  The configuration says which: a section [exec TYPE] with its command.  It gets one line of
 * JSON and says in lines of JSON what becomes of the node; doc/exec.md has the whole of it. */
#include "exec/exec.h"

#include <stdlib.h>

#include "exec/check.h"

const struct wfw_host *host;

static void set_text(struct wfw_task *task, struct wfw_value *object, const char *key, const char *text)
{
    host->set(object, key, text ? host->string(task, text, WFW_NTS) : host->null(task));
}

static void set_value(struct wfw_task *task, struct wfw_value *object, const char *key, const struct wfw_value *v)
{
    host->set(object, key, v ? v : host->null(task));
}

static const char *why(uint32_t reason)
{
    return reason == WFW_WHY_TIMER ? "timer" : reason == WFW_WHY_SIGNAL ? "signal" : "start";
}

/* The line that the program reads; NULL: the task has failed. */
static const char *request(struct wfw_task *task, const struct wfw_call *call, size_t *len)
{
    struct wfw_value *line = host->object(task);
    const char *text;
    host->set(line, "version", host->integer(task, 1));
    set_text(task, line, "node", call->node_id);
    set_text(task, line, "type", call->node_type);
    set_text(task, line, "execution", call->execution_id);
    set_text(task, line, "workflow", call->workflow_id);
    host->set(line, "attempt", host->integer(task, call->attempt));
    set_text(task, line, "key", call->key);
    set_text(task, line, "why", why(call->why));
    host->set(line, "deadline_ms", host->integer(task, call->deadline_ms));
    set_value(task, line, "config", call->config);
    set_value(task, line, "input", call->input);
    set_value(task, line, "checkpoint", call->checkpoint);
    set_text(task, line, "signal", call->signal);
    set_value(task, line, "event", call->event);
    text = host->text(task, line, len);
    char *whole = text ? host->alloc(task, *len + 2) : NULL;
    if (!whole) {
        fail_with(host, task, "type_error", "the input is nested too deeply for a line of JSON, or too large");
        return NULL;
    }
    memcpy(whole, text, *len);
    whole[(*len)++] = '\n';
    return whole;
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const struct exec_type *t = call->node->data;
    struct lines lines = {.task = task, .type = t->node.type};
    struct ending ending = {.exit_code = -1};
    size_t len;
    const char *text = request(task, call, &len);
    (void)state;
    if (text && process_run(task, t, text, len, &lines, &ending) == 0)
        outcome_give(task, t, &lines, &ending);
    lines_free(&lines);
}

const struct wfw_node exec_node = {
    .size = sizeof exec_node,
    .summary = "runs a program",
    .description = "A program that the configuration of wfworker names in a section [exec TYPE].",
    .exec = WFW_EXEC_BLOCKING,
    .effect = WFW_EFFECT_UNSAFE,
    .run = run,
};

static const struct wfw_node *const *declare(const struct wfw_host *h, const struct wfw_value *config, char *msg, size_t msglen)
{
    host = h;
    return process_find_sandbox(msg, msglen) == WFW_OK ? types_read(config, msg, msglen) : NULL;
}

static void leave(void *state)
{
    (void)state;
    types_free();
}

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "exec",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "programs as nodes",
    .config_schema = "{\"type\":\"object\",\"properties\":{\"types\":{\"type\":\"object\",\"description\":\"the sections [exec "
                     "TYPE]\",\"additionalProperties\":{\"type\":\"object\"}}}}",
    .declare = declare,
    .exit = leave,
};

WFW_PLUGIN(plugin)
