/* SPDX-License-Identifier: Apache-2.0 */
/* await: the first of signals, a time, a condition, a deadline; the branch says which it was. */
#include "signal/signal.h"

#include "delay/instant.h"

struct wait {
    const char *types[MAX_TYPES + 1]; /* NULL-terminated */
    size_t type_count;
    int64_t until, deadline;          /* ms; 0 = not */
    const char *condition;            /* or NULL */
    double poll;
};

/* ---- Config; the node has failed when these return -1 ---- */

static int add_type(struct wfw_task *task, struct wait *w, const struct wfw_value *v)
{
    const char *text;
    if (host->get_string(v, "", &text, NULL) != WFW_OK || !*text) {
        fail_with(host, task, "config_invalid", "the types of signals must be texts that are not empty");
        return -1;
    }
    if (w->type_count == MAX_TYPES) {
        fail_with(host, task, "config_invalid", "more than %d types of signals", MAX_TYPES);
        return -1;
    }
    w->types[w->type_count++] = text;
    return 0;
}

static int read_types(struct wfw_task *task, const struct wfw_value *config, struct wait *w)
{
    const struct wfw_value *list = member(host, config, "/signals"), *type;
    if (text_member(host, config, "/signal_type") && add_type(task, w, host->get(config, "/signal_type")) != 0)
        return -1;
    if (list && host->type(list) != WFW_ARRAY) {
        fail_with(host, task, "config_invalid", "signals must be a list of texts");
        return -1;
    }
    for (size_t i = 0; list && (type = host->item(list, i, NULL)) != NULL; i++)
        if (add_type(task, w, type) != 0)
            return -1;
    return 0;
}

static int read_until(struct wfw_task *task, const struct wfw_value *config, struct wait *w)
{
    const char *text = text_member(host, config, "/until");
    return text ? instant_read(task, "until", text, &w->until) : 0;
}

static int read_wait(struct wfw_task *task, const struct wfw_call *call, struct wait *w)
{
    w->condition = text_member(host, call->config, "/condition");
    if (read_types(task, call->config, w) != 0 || read_until(task, call->config, w) != 0 ||
        read_seconds(task, call->config, "/poll_seconds", 1, SHORTEST_POLL_S, &w->poll) != 0 ||
        read_deadline(task, call, &w->deadline) != 0)
        return -1;
    if (w->type_count > 0 || w->until || w->condition)
        return 0;
    fail_with(host, task, "config_invalid", "there is nothing to wait for: one of signal_type, signals, until and condition is needed");
    return -1;
}

/* ---- Ends ---- */

static struct wfw_value *output(struct wfw_task *task, const char *event)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "event", host->string(task, event, WFW_NTS));
    return out;
}

static void signal_came(struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_value *out = output(task, "signal");
    host->set(out, "signal", host->string(task, call->signal, WFW_NTS));
    host->set(out, "data", call->event ? call->event : host->null(task));
    host->done(task, out, call->signal);
}

/* ---- Waiting ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a && (!b || a < b) ? a : b;
}

static void park(struct wfw_task *task, const struct wfw_call *call, const struct wait *w, int64_t now)
{
    struct wfw_value *checkpoint = host->object(task);
    host->set(checkpoint, "deadline_ms", host->integer(task, w->deadline));
    int64_t until = earlier(w->until, w->deadline);
    if (w->condition)
        until = earlier(until, now + seconds_to_ms(w->poll));
    struct wfw_park p = {.size = sizeof p, .until_ms = until, .signal_types = w->types, .checkpoint = checkpoint,
                         .flags = buffer_flags(call->config)};
    host->park(task, &p);
}

static void look(struct wfw_task *task, const struct wfw_call *call, const struct wait *w)
{
    int64_t now = host->now_ms();
    int holds = w->condition ? condition_holds(task, w->condition) : 0;
    if (holds < 0)
        return;
    if (holds)
        host->done(task, output(task, "condition"), "condition");
    else if (w->until && now >= w->until && earlier(w->deadline, w->until) == w->until)
        host->done(task, output(task, "until"), "until");
    else if (w->deadline && now >= w->deadline)
        end_by_timeout(task, call, output(task, "timeout"), "nothing that the node waits for came in time");
    else
        park(task, call, w, now);
}

static void await_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wait w = {.type_count = 0};
    (void)state;
    if (call->why == WFW_WHY_SIGNAL)
        signal_came(task, call);
    else if (read_wait(task, call, &w) == 0)
        look(task, call, &w);
}

const struct wfw_node await = {
    .size = sizeof await,
    .type = "await",
    .summary = "waits for the first of signals, a time and a condition",
    .description =
        "Goes along the branch that says what came: the type of the signal, until, or condition. Of signals that are there "
        "already the oldest counts; each is used by one node only. After timeout_seconds: branch timeout when an edge has "
        "it, else the node fails with timeout. Fails with config_invalid when there is nothing to wait for or the config "
        "makes no sense, and with the error of the condition (expression_error when it does not compile, unknown_name, ...); "
        "none is retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"signal_type\":{\"type\":[\"string\",\"null\"],\"description\":\"type of the signal to wait for\"},"
        "\"signals\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"},"
        "\"description\":\"further types, 100 at most; the first that comes is meant\"},"
        "\"until\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"ISO 8601, for example 2026-11-23T06:00+01:00; without a zone that of the workflow (timezone in trigger_config), else UTC\"},"
        "\"condition\":{\"type\":[\"string\",\"null\"],\"format\":\"expression\",\"description\":\"what must become true\"},"
        "\"poll_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":1,"
        "\"description\":\"how often to look at the condition, 0.01 at least\"},"
        BUFFER_SCHEMA ","
        "\"timeout_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":0,"
        "\"description\":\"how long to wait; 0: without end\"}}"
        ",\"x-needs\":[[\"signal_type\",\"signals\",\"until\",\"condition\"]]}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"event\":{\"type\":\"string\",\"description\":\"signal, until, condition or timeout\"},"
        "\"signal\":{\"type\":\"string\",\"description\":\"type of the signal\"},"
        "\"data\":{\"description\":\"the signal's data\"}}}",
    .examples = "[{\"signal_type\":\"paid\",\"timeout_seconds\":86400},"
                "{\"signals\":[\"paid\",\"cancelled\"],\"until\":\"2026-12-24T18:00:00Z\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = await_run,
};
