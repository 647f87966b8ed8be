/* SPDX-License-Identifier: Apache-2.0 */
/* sub_workflow: starts another execution, and waits for its end when it is told to.  What waits holds no thread and no memory:
 * one worker with room for one execution is enough for any depth. */
#include "common/wait.h"

#define DEADLINE_S 3600

const struct wfw_host *host;

/* ---- Config ---- */

struct plan {
    const char *workflow; /* as it is given; never "self" */
    const struct wfw_value *data;
    int wait, abandon;
    double seconds; /* 0: without end */
};

static int read_flag(struct wfw_task *task, const struct wfw_value *config, const char *pointer, int *out)
{
    const struct wfw_value *v = member(host, config, pointer);
    const char *text;
    if (!v || host->get_bool(v, "", out) == WFW_OK)
        return 0;
    if (host->get_string(v, "", &text, NULL) == WFW_OK && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        *out = *text == 't';
        return 0;
    }
    fail_with(host, task, "config_invalid", "%s must be true or false", pointer + 1);
    return -1;
}

static int read_close(struct wfw_task *task, const struct wfw_value *config, struct plan *p)
{
    const char *close = text_member(host, config, "/parent_close");
    p->abandon = close ? strcmp(close, "abandon") == 0 : !p->wait;
    if (!close || p->abandon || strcmp(close, "cancel") == 0)
        return 0;
    fail_with(host, task, "config_invalid", "parent_close must be cancel or abandon, not \"%.60s\"", close);
    return -1;
}

static const char *workflow_of(const struct wfw_call *call)
{
    const char *id = text_member(host, call->config, "/workflow_id");
    if (!id)
        id = text_member(host, call->config, "/sub_workflow_id");
    return id && strcmp(id, "self") == 0 ? call->workflow_id : id;
}

static int read_plan(struct wfw_task *task, const struct wfw_call *call, struct plan *p)
{
    const struct wfw_value *given = member(host, call->config, "/input_data");
    *p = (struct plan){.workflow = workflow_of(call), .data = given ? given : call->input};
    if (!p->workflow) {
        fail_with(host, task, "config_invalid", "workflow_id is missing: which workflow is to run?");
        return -1;
    }
    if (host->type(p->data) != WFW_OBJECT) {
        fail_with(host, task, "config_invalid", "input_data must be an object: it becomes the data of the other execution");
        return -1;
    }
    if (read_flag(task, call->config, "/wait_for_completion", &p->wait) != 0 || read_close(task, call->config, p) != 0)
        return -1;
    return read_seconds(task, call->config, "/timeout_seconds", DEADLINE_S, 0, &p->seconds);
}

/* ---- Start ---- */

static void park(struct wfw_task *task, const char *id, int64_t deadline, const struct wfw_value *checkpoint)
{
    struct wfw_park p = {.size = sizeof p, .until_ms = deadline, .child = id, .checkpoint = checkpoint};
    host->park(task, &p);
}

static void start(struct wfw_task *task, const struct wfw_call *call)
{
    struct plan p;
    char id[WFW_ID_SIZE];
    if (read_plan(task, call, &p) != 0)
        return;
    struct wfw_child c = {.size = sizeof c, .workflow = p.workflow, .data = p.data,
                          .flags = (p.wait ? 0 : WFW_CHILD_DETACH) | (p.abandon ? WFW_CHILD_ABANDON : 0)};
    if (host->start_child(task, &c, id) != WFW_OK) {
        fail_with(host, task, "handler_error", "the node may not start other executions");
        return;
    }
    int64_t deadline = p.wait && p.seconds > 0 ? host->now_ms() + seconds_to_ms(p.seconds) : 0;
    struct wfw_value *checkpoint = host->object(task);
    host->set(checkpoint, "id", host->string(task, id, WFW_NTS));
    park(task, id, deadline, checkpoint);
}

/* ---- Answers ---- */

static struct wfw_value *output(struct wfw_task *task, const struct wfw_call *call, const char *status)
{
    const struct wfw_value *from = call->event;
    const char *workflow = text_member(host, from, "/workflow_id");
    const char *uuid = text_member(host, from ? from : call->checkpoint, "/id");
    const char *id = text_member(host, from, "/execution_id");
    struct wfw_value *out = host->object(task);
    if (!workflow)
        workflow = workflow_of(call);
    if (workflow)
        host->set(out, "sub_workflow_id", host->string(task, workflow, WFW_NTS));
    if (id)
        host->set(out, "sub_execution_id", host->string(task, id, WFW_NTS));
    if (uuid)
        host->set(out, "sub_execution_uuid", host->string(task, uuid, WFW_NTS));
    host->set(out, "status", host->string(task, status, WFW_NTS));
    return out;
}

/* The child's data, or what `output` makes of them; NULL: the node has failed. */
static const struct wfw_value *mapped(struct wfw_task *task, const struct wfw_call *call, const struct wfw_value *data)
{
    struct wfw_error error = {.size = sizeof error};
    const char *expression = text_member(host, call->config, "/output");
    if (!expression)
        return data;
    struct wfw_value *vars = host->object(task);
    host->set(vars, "result", data);
    const struct wfw_value *v = host->eval(task, expression, vars, &error);
    if (!v)
        fail_with(host, task, error.type, "output \"%.200s\": %.700s", expression, error.message);
    return v;
}

static void completed(struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_value *data = member(host, call->event, "/data");
    const struct wfw_value *result = mapped(task, call, data ? data : host->object(task));
    if (!result)
        return;
    struct wfw_value *out = output(task, call, "completed");
    host->set(out, "result", result);
    host->set(out, "error", host->null(task));
    host->done(task, out, NULL);
}

static const char *or_unknown(const char *text)
{
    return text ? text : "(unknown)";
}

static void failed(struct wfw_task *task, const struct wfw_call *call)
{
    char message[UTIL_MESSAGE];
    const char *text = text_member(host, call->event, "/error/message");
    snprintf(message, sizeof message, "execution %s failed: %.900s", or_unknown(text_member(host, call->event, "/execution_id")),
             text ? text : "it says nothing more");
    struct wfw_error e = {.size = sizeof e, .type = "child_failed", .message = message, .retryable = 1,
                          .details = output(task, call, "failed")};
    host->fail(task, &e);
}

static void refused(struct wfw_task *task, const struct wfw_call *call)
{
    const char *type = text_member(host, call->event, "/error/type");
    fail_with(host, task, type ? type : "ask_refused", "%s", or_unknown(text_member(host, call->event, "/error/message")));
}

static void answered(struct wfw_task *task, const struct wfw_call *call)
{
    const char *status = text_member(host, call->event, "/status");
    if (status && strcmp(status, "started") == 0)
        host->done(task, output(task, call, status), NULL);
    else if (status && strcmp(status, "completed") == 0)
        completed(task, call);
    else if (status && strcmp(status, "failed") == 0)
        failed(task, call);
    else if (status && strcmp(status, "deleted") == 0)
        fail_with(host, task, "child_deleted", "execution %s was deleted before it was over",
                  or_unknown(text_member(host, call->event, "/execution_id")));
    else
        refused(task, call);
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    if (call->why == WFW_WHY_CHILD)
        answered(task, call);
    else if (call->why == WFW_WHY_TIMER)
        end_by_timeout(task, call, output(task, call, "timeout"), "the other execution was not over in time");
    else
        start(task, call);
}

/* ---- What the plugin is ---- */

static const char *const aliases[] = {"sub-workflow", NULL};

static const struct wfw_node sub_workflow = {
    .size = sizeof sub_workflow,
    .type = "sub_workflow",
    .aliases = aliases,
    .summary = "runs another workflow, and waits for it or not",
    .description =
        "Starts an execution of another workflow of the same owner (or of this one: recursion), exactly once. Without "
        "wait_for_completion the node is done as soon as the other execution is started, and that one goes its own way. With it "
        "the node waits, without a thread and without memory, and its result is the other execution's data. The other execution "
        "gets input_data, or without it all data of this one. When it fails, the node fails with child_failed, which the "
        "node's own retry tries again with a new execution; the retries of the workflow do not, since the other execution has had its "
        "own. Other errors, none of which is retried: child_deleted, workflow_unknown, workflow_inactive, workflow_foreign (of "
        "another owner), depth_exceeded (more than 32 executions that start each other), too_many_children (100000 of one "
        "execution), config_invalid, and those of the "
        "expression output. After timeout_seconds: branch timeout when an edge has it, else the node fails with timeout. "
        "When the node ends before the other execution (timeout, a branch that lost), or this execution fails or is terminated, "
        "the other one is terminated, unless parent_close is abandon.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"workflow_id\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"id of the workflow, its name among those of the owner, or self\"},"
        "\"sub_workflow_id\":{\"type\":[\"string\",\"null\"],\"description\":\"the same, when workflow_id is not there\"},"
        "\"input_data\":{\"description\":\"an object: the other execution's data; without it all data of this one\"},"
        "\"wait_for_completion\":{\"type\":[\"boolean\",\"string\",\"null\"],\"default\":false,"
        "\"description\":\"wait for the end of the other execution\"},"
        "\"timeout_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":3600,"
        "\"description\":\"how long to wait; 0: without end\"},"
        "\"output\":{\"type\":[\"string\",\"null\"],\"format\":\"expression\","
        "\"description\":\"makes the result of the other execution's data, which are result in it\"},"
        "\"parent_close\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"what happens to the other execution when the node does not wait for it any more: cancel or abandon; "
        "without waiting, when this execution fails. Default cancel when waiting, else abandon\"}}"
        ",\"x-needs\":[[\"workflow_id\",\"sub_workflow_id\"]]}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"sub_workflow_id\":{\"type\":\"string\"},"
        "\"sub_execution_id\":{\"type\":\"string\",\"description\":\"exec-...\"},"
        "\"sub_execution_uuid\":{\"type\":\"string\"},"
        "\"status\":{\"type\":\"string\",\"description\":\"started, completed, or timeout on that branch\"},"
        "\"result\":{\"description\":\"when waiting: the other execution's data, or what output makes of them\"},"
        "\"error\":{\"type\":\"null\",\"description\":\"when waiting\"}}}",
    .examples = "[{\"workflow_id\":\"invoice\",\"input_data\":{\"order\":\"${input.order}\"},\"wait_for_completion\":true,"
                "\"output\":\"result.total_output.sum\"},"
                "{\"workflow_id\":\"self\",\"input_data\":{\"n\":\"${input.n - 1}\"},\"wait_for_completion\":true}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .caps = WFW_CAP_CHILD,
    .run = run,
};

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&sub_workflow, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "child",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "other executions: sub_workflow",
    .nodes = nodes,
    .init = init,
};

WFW_PLUGIN(plugin)
