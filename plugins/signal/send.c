/* SPDX-License-Identifier: Apache-2.0 */
/* send_signal: a signal for this execution or another one.  The host sends it exactly once and says what became of it. */
#include "signal/signal.h"

#define TYPE_MAX 100 /* characters */

static int read_type(struct wfw_task *task, const struct wfw_value *config, const char **type)
{
    size_t n = 0;
    *type = text_member(host, config, "/signal_type");
    for (const char *p = *type; p && *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    if (*type && n <= TYPE_MAX && **type != ':')
        return 0;
    fail_with(host, task, "config_invalid", "signal_type must be a text of 1 to %d characters that does not begin with a colon",
              TYPE_MAX);
    return -1;
}

static void send(struct wfw_task *task, const struct wfw_call *call, const char *type)
{
    struct wfw_send s = {.size = sizeof s, .execution = text_member(host, call->config, "/execution"), .type = type,
                         .data = member(host, call->config, "/data")};
    char id[WFW_ID_SIZE];
    struct wfw_park p = {.size = sizeof p, .answer = id};
    if (host->send_signal(task, &s, id) == WFW_OK)
        host->park(task, &p);
    else
        fail_with(host, task, "handler_error", "the signal cannot be sent");
}

static void sent(struct wfw_task *task, const struct wfw_call *call, const char *type)
{
    const struct wfw_value *error = member(host, call->event, "/error"), *id = member(host, call->event, "/signal_id");
    if (error) {
        struct wfw_error e = {.size = sizeof e, .type = text_member(host, error, "/type"),
                              .message = text_member(host, error, "/message")};
        host->fail(task, &e);
        return;
    }
    const char *execution = text_member(host, call->config, "/execution");
    struct wfw_value *out = host->object(task);
    host->set(out, "status", host->string(task, "sent", WFW_NTS));
    host->set(out, "signal_type", host->string(task, type, WFW_NTS));
    host->set(out, "execution", host->string(task, execution ? execution : call->execution_id, WFW_NTS));
    host->set(out, "signal_id", id ? id : host->null(task));
    host->done(task, out, NULL);
}

static void send_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *type;
    (void)state;
    if (read_type(task, call->config, &type) != 0)
        return;
    if (call->why == WFW_WHY_ANSWER)
        sent(task, call, type);
    else
        send(task, call, type);
}

const struct wfw_node send_signal = {
    .size = sizeof send_signal,
    .type = "send_signal",
    .summary = "sends a signal to this execution or another one",
    .description =
        "The signal is kept there until a node waits for one of its type. It is sent exactly once, also when a worker is lost. "
        "Fails with config_invalid for a type that is not possible, execution_unknown when there is no such execution of "
        "the same owner, execution_ended when it is completed; none is retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"signal_type\":{\"type\":\"string\",\"description\":\"type of the signal, 100 characters at most\"},"
        "\"data\":{\"description\":\"any value\"},"
        "\"execution\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"id or execution_id of the execution that gets it; without it: this one\"}},"
        "\"required\":[\"signal_type\"]}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"status\":{\"type\":\"string\",\"description\":\"sent\"},"
        "\"signal_type\":{\"type\":\"string\"},"
        "\"execution\":{\"type\":\"string\"},"
        "\"signal_id\":{\"type\":[\"string\",\"null\"],\"description\":\"id of the signal's row; null without a database\"}}}",
    .examples = "[{\"signal_type\":\"paid\",\"execution\":\"${input.order_execution}\",\"data\":{\"amount\":12}}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .caps = WFW_CAP_SIGNAL,
    .run = send_run,
};
