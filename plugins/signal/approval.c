/* SPDX-License-Identifier: Apache-2.0 */
/* human_approval: asks a person and goes along the branch that the answer names.  The request is a row that
 * `wfworker approvals` lists, a row of the log and the status waiting_for_signal; the answer is a signal. */
#include "signal/signal.h"

#define LABEL_MAX 300

/* ---- Options ---- */

static const char *const usual[] = {"approve", "reject"};

static const char *option(const struct wfw_value *options, size_t i)
{
    const char *text = NULL;
    if (!options)
        return i < sizeof usual / sizeof usual[0] ? usual[i] : NULL;
    const struct wfw_value *v = host->item(options, i, NULL);
    return v && host->get_string(v, "", &text, NULL) == WFW_OK ? text : NULL;
}

static int is_option(const struct wfw_value *options, const char *choice)
{
    const char *text;
    for (size_t i = 0; (text = option(options, i)) != NULL; i++)
        if (strcmp(text, choice) == 0)
            return 1;
    return 0;
}

static void list_options(const struct wfw_value *options, char *out, size_t size)
{
    const char *text;
    size_t at = 0;
    *out = '\0';
    for (size_t i = 0; (text = option(options, i)) != NULL && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%.100s", i ? ", " : "", text);
}

/* -1: the node has failed.  *options NULL: the usual ones. */
static int read_options(struct wfw_task *task, const struct wfw_value *config, const struct wfw_value **options)
{
    const struct wfw_value *v = member(host, config, "/approval_options");
    const char *given = text_member(host, config, "/default_option");
    size_t count = v ? host->length(v) : 0, texts = 0;
    *options = v && host->type(v) == WFW_ARRAY && count == 0 ? NULL : v;
    while (*options && option(*options, texts) && *option(*options, texts))
        texts++;
    if (*options && (host->type(*options) != WFW_ARRAY || texts != count)) {
        fail_with(host, task, "config_invalid", "approval_options must be a list of texts that are not empty");
        return -1;
    }
    if (given && !is_option(*options, given)) {
        char list[LABEL_MAX];
        list_options(*options, list, sizeof list);
        fail_with(host, task, "config_invalid", "default_option \"%.100s\" is none of approval_options: %s", given, list);
        return -1;
    }
    return 0;
}

/* ---- Waiting ---- */

static const char *message_of(const struct wfw_call *call)
{
    const char *text = text_member(host, call->config, "/approval_message");
    return text ? text : "Please approve this action";
}

/* What people are shown. */
static struct wfw_value *about(struct wfw_task *task, const struct wfw_call *call, const struct wfw_value *options, int64_t deadline)
{
    const char *fallback = text_member(host, call->config, "/default_option"), *text;
    struct wfw_value *r = host->object(task), *list = host->array(task);
    for (size_t i = 0; (text = option(options, i)) != NULL; i++)
        host->push(list, host->string(task, text, WFW_NTS));
    host->set(r, "message", host->string(task, message_of(call), WFW_NTS));
    host->set(r, "options", list);
    if (fallback)
        host->set(r, "default_option", host->string(task, fallback, WFW_NTS));
    if (deadline)
        host->set(r, "deadline_ms", host->integer(task, deadline));
    return r;
}

static void own_signal(const struct wfw_call *call, char out[LABEL_MAX])
{
    snprintf(out, LABEL_MAX, "human_approval:%s", call->node_id);
}

/* `request` is the id of the one that is open. */
static void wait_for_answer(struct wfw_task *task, const struct wfw_call *call, const char *request, int64_t deadline)
{
    char own[LABEL_MAX];
    struct wfw_value *checkpoint = host->object(task);
    host->set(checkpoint, "deadline_ms", host->integer(task, deadline));
    if (*request)
        host->set(checkpoint, "request", host->string(task, request, WFW_NTS));
    own_signal(call, own);
    const char *const types[] = {own, NULL};
    struct wfw_park p = {.size = sizeof p, .until_ms = deadline, .signal = "human_approval", .signal_types = types,
                         .checkpoint = checkpoint, .flags = buffer_flags(call->config)};
    host->park(task, &p);
}

static void ask(struct wfw_task *task, const struct wfw_call *call, const struct wfw_value *options)
{
    char list[LABEL_MAX], own[LABEL_MAX], id[WFW_ID_SIZE];
    int64_t deadline;
    if (read_deadline(task, call, &deadline) != 0)
        return;
    list_options(options, list, sizeof list);
    host->log(task, WFW_LOG_INFO, "Approval requested: %s (answer with signal human_approval:%s: %s)", message_of(call),
              call->node_id, list);
    own_signal(call, own);
    struct wfw_request r = {.size = sizeof r, .signal = own, .about = about(task, call, options, deadline)};
    if (host->request(task, &r, id) == WFW_OK)
        wait_for_answer(task, call, id, deadline);
    else
        fail_with(host, task, "handler_error", "the request for approval cannot be made");
}

static const char *request_of(const struct wfw_call *call)
{
    const char *id = text_member(host, call->checkpoint, "/request");
    return id ? id : "";
}

static void end_with(struct wfw_task *task, const struct wfw_call *call, const char *choice, const char *status,
                     const struct wfw_value *response)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "status", host->string(task, status, WFW_NTS));
    host->set(out, "message", host->string(task, message_of(call), WFW_NTS));
    if (choice)
        host->set(out, "choice", host->string(task, choice, WFW_NTS));
    if (response)
        host->set(out, "response", response);
    if (choice || response)
        host->request_over(task, request_of(call), choice, response);
    if (choice)
        host->done(task, out, choice);
    else
        end_by_timeout(task, call, out, "nobody answered the request for approval in time");
}

static const char *choice_of(const struct wfw_value *answer)
{
    static const char *const keys[] = {"/choice", "/decision", "/response"};
    const char *text = NULL;
    if (answer && host->type(answer) == WFW_STRING)
        return host->get_string(answer, "", &text, NULL) == WFW_OK ? text : NULL;
    for (size_t i = 0; !text && i < sizeof keys / sizeof keys[0]; i++)
        text = text_member(host, answer, keys[i]);
    return text;
}

/* The answer is used up, also when it is refused. */
static void answered(struct wfw_task *task, const struct wfw_call *call, const struct wfw_value *options)
{
    const char *choice = choice_of(call->event);
    char list[LABEL_MAX];
    int64_t deadline;
    if (choice && is_option(options, choice)) {
        end_with(task, call, choice, "answered", call->event);
        return;
    }
    if (read_deadline(task, call, &deadline) != 0)
        return;
    list_options(options, list, sizeof list);
    if (choice)
        host->log(task, WFW_LOG_WARNING, "The answer \"%.100s\" is refused, still waiting: it is none of %s", choice, list);
    else
        host->log(task, WFW_LOG_WARNING, "An answer without a choice is refused, still waiting: it must be one of %s", list);
    wait_for_answer(task, call, request_of(call), deadline);
}

static void approval_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_value *options;
    (void)state;
    if (read_options(task, call->config, &options) != 0)
        return;
    if (call->why == WFW_WHY_SIGNAL)
        answered(task, call, options);
    else if (call->why == WFW_WHY_TIMER)
        end_with(task, call, text_member(host, call->config, "/default_option"), "timeout", NULL);
    else
        ask(task, call, options);
}

const struct wfw_node human_approval = {
    .size = sizeof human_approval,
    .type = "human_approval",
    .summary = "asks a person and goes along the branch that the answer names",
    .description =
        "The execution has the status waiting_for_signal until the signal human_approval:NODE_ID or human_approval comes (of "
        "several nodes that wait the one that waits longest gets the latter). The answer is the signal's data: a text, or "
        "an object with choice, decision or response. It is the branch that is taken; an answer that is none of "
        "approval_options is refused with a row of the log, and the node still waits. After timeout_seconds: "
        "default_option, else branch timeout when an edge has it, else the node fails with timeout. Without "
        "timeout_seconds it waits without end. Fails with config_invalid for options that are no texts and a default that is "
        "no option; none is retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"approval_message\":{\"type\":[\"string\",\"null\"],\"default\":\"Please approve this action\","
        "\"description\":\"what the person reads\"},"
        "\"approval_options\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"},"
        "\"default\":[\"approve\",\"reject\"],\"description\":\"the possible answers, which are the branches\"},"
        BUFFER_SCHEMA ","
        "\"default_option\":{\"type\":[\"string\",\"null\"],\"description\":\"the answer when nobody answered in time\"},"
        "\"timeout_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":0,"
        "\"description\":\"how long to wait; 0: without end\"}}}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"status\":{\"type\":\"string\",\"description\":\"answered or timeout\"},"
        "\"message\":{\"type\":\"string\"},"
        "\"choice\":{\"type\":\"string\",\"description\":\"the branch; not there for branch timeout\"},"
        "\"response\":{\"description\":\"the signal's data\"}}}",
    .examples = "[{\"approval_message\":\"Pay invoice ${input.number}?\",\"approval_options\":[\"pay\",\"refuse\"],"
                "\"timeout_seconds\":86400,\"default_option\":\"refuse\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .caps = WFW_CAP_REQUEST,
    .run = approval_run,
};
