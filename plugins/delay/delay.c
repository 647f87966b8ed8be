/* SPDX-License-Identifier: Apache-2.0 */
/* delay, wait: park until a time, or until a condition holds.  A parked node holds no thread and no memory, and the
 * wait goes on while no worker runs. */
#include <math.h>
#include <stdlib.h>

#include "common/util.h"
#include "delay/instant.h"

#define LONGEST_S 3153600000.0 /* a hundred years */
#define SHORTEST_POLL_S 0.01

static const struct wfw_host *host;

static void done(struct wfw_task *task, const char *type)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "delay_type", host->string(task, type, WFW_NTS));
    host->set(out, "completed", host->boolean(task, 1));
    host->done(task, out, NULL);
}

/* Seconds: a number, or the text of one.  The node has failed when it returns -1. */
static int read_seconds(struct wfw_task *task, const struct wfw_value *config, const char *pointer, double fallback,
                        double least, double *out)
{
    const struct wfw_value *v = host->get(config, pointer);
    const char *text;
    char *end;
    *out = fallback;
    if (!v)
        return 0;
    int ok = host->get_real(v, "", out) == WFW_OK;
    if (!ok && host->get_string(v, "", &text, NULL) == WFW_OK && *text) {
        *out = strtod(text, &end);
        ok = *end == '\0' && strspn(text, "+-.0123456789eE") == strlen(text);
    }
    if (ok && *out >= least && *out <= LONGEST_S)
        return 0;
    const char *given = host->text(task, v, NULL);
    fail_with(host, task, "config_invalid", "%s is %.64s: it must be a number of seconds from %g to %.0f", pointer + 1,
              given ? given : "not readable", least, LONGEST_S);
    return -1;
}

static int64_t to_ms(double seconds)
{
    return (int64_t)ceil(seconds * 1000 - 1e-6);
}

static void park(struct wfw_task *task, int64_t until_ms, const struct wfw_value *checkpoint)
{
    struct wfw_park p = {.size = sizeof p, .until_ms = until_ms, .checkpoint = checkpoint};
    host->park(task, &p);
}

/* ---- seconds, until_time ---- */

static void wait_seconds(struct wfw_task *task, const struct wfw_call *call)
{
    double seconds;
    if (call->why == WFW_WHY_TIMER) {
        done(task, "seconds");
        return;
    }
    if (read_seconds(task, call->config, "/delay_seconds", 1, 0, &seconds) != 0)
        return;
    if (to_ms(seconds) <= 0)
        done(task, "seconds");
    else
        park(task, host->now_ms() + to_ms(seconds), NULL);
}

static void wait_until_time(struct wfw_task *task, const struct wfw_call *call)
{
    const char *text = text_member(host, call->config, "/target_time");
    int64_t until;
    if (call->why == WFW_WHY_TIMER)
        done(task, "until_time");
    else if (!text)
        fail_with(host, task, "config_invalid", "target_time is required for delay_type until_time");
    else if (instant_parse(text, &until) != 0)
        fail_with(host, task, "config_invalid",
                  "target_time \"%.64s\" is not a time: write it as 2026-11-23T06:00 or 2026-11-23T06:00:00+01:00",
                  text);
    else if (until <= host->now_ms())
        done(task, "until_time");
    else
        park(task, until, NULL);
}

/* ---- until_condition ---- */

static int is_true(const struct wfw_value *v)
{
    int flag = 0;
    double number = 0;
    uint32_t type = host->type(v);
    if (type == WFW_BOOL)
        host->get_bool(v, "", &flag);
    else if (type == WFW_INT || type == WFW_REAL)
        flag = host->get_real(v, "", &number) == WFW_OK && (number < 0 || number > 0);
    else
        flag = type == WFW_ARRAY || type == WFW_OBJECT || (type == WFW_STRING && host->length(v) > 0);
    return flag;
}

/* When the wait gives up: kept in the checkpoint from the first look on; 0 = never. */
static int deadline(struct wfw_task *task, const struct wfw_call *call, int64_t *out)
{
    double seconds;
    if (call->checkpoint && host->get_int(call->checkpoint, "/deadline_ms", out) == WFW_OK)
        return 0;
    if (read_seconds(task, call->config, "/timeout_seconds", 0, 0, &seconds) != 0)
        return -1;
    *out = seconds > 0 ? host->now_ms() + to_ms(seconds) : 0;
    return 0;
}

static void look_again(struct wfw_task *task, double poll, int64_t until, const char *text)
{
    int64_t now = host->now_ms(), next = now + to_ms(poll);
    if (until && now >= until) {
        fail_with(host, task, "timeout", "the condition \"%.200s\" did not become true in time", text);
        return;
    }
    struct wfw_value *checkpoint = host->object(task);
    host->set(checkpoint, "deadline_ms", host->integer(task, until));
    park(task, until && until < next ? until : next, checkpoint);
}

static void wait_until_condition(struct wfw_task *task, const struct wfw_call *call)
{
    const char *text = text_member(host, call->config, "/condition_expression");
    char why[UTIL_MESSAGE / 2] = "";
    double poll;
    int64_t until;
    if (!text) {
        fail_with(host, task, "config_invalid", "condition_expression is required for delay_type until_condition");
        return;
    }
    if (read_seconds(task, call->config, "/poll_seconds", 1, SHORTEST_POLL_S, &poll) != 0 ||
        deadline(task, call, &until) != 0)
        return;
    const struct wfw_value *v = host->eval(task, text, NULL, why, sizeof why);
    if (!v)
        fail_with(host, task, "expression_error", "expression \"%.200s\": %s", text, why);
    else if (is_true(v))
        done(task, "until_condition");
    else
        look_again(task, poll, until, text);
}

/* ---- What the plugin is ---- */

static void delay_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *type = text_member(host, call->config, "/delay_type");
    if (!type || strcmp(type, "seconds") == 0)
        wait_seconds(task, call);
    else if (strcmp(type, "until_time") == 0)
        wait_until_time(task, call);
    else if (strcmp(type, "until_condition") == 0)
        wait_until_condition(task, call);
    else
        fail_with(host, task, "config_invalid",
                  "delay_type \"%.64s\" is not one of seconds, until_time, until_condition", type);
}

static const char *const aliases[] = {"wait", NULL};

static const struct wfw_node delay = {
    .size = sizeof delay,
    .type = "delay",
    .aliases = aliases,
    .summary = "waits for a while, until a time, or until a condition holds",
    .description = "Waits without a thread and without memory, also across restarts. seconds: for delay_seconds. "
                   "until_time: until "
                   "target_time, at once when that is over. until_condition: looks at condition_expression every "
                   "poll_seconds. Fails with "
                   "config_invalid for a config that makes no sense (a null delay_seconds too), with expression_error, "
                   "and with timeout when "
                   "the condition did not become true within timeout_seconds; none is retried.",
    .config_schema = "{\"type\":\"object\",\"properties\":{"
                     "\"delay_type\":{\"type\":[\"string\",\"null\"],\"default\":\"seconds\","
                     "\"description\":\"seconds, until_time or until_condition\"},"
                     "\"delay_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":1,\"description\":\"how "
                     "long, in seconds\"},"
                     "\"target_time\":{\"type\":[\"string\",\"null\"],"
                     "\"description\":\"ISO 8601, for example 2026-11-23T06:00+01:00; without a zone UTC\"},"
                     "\"condition_expression\":{\"type\":[\"string\",\"null\"],\"format\":\"expression\","
                     "\"description\":\"what must become true\"},"
                     "\"poll_seconds\":{\"type\":[\"number\",\"string\"],\"default\":1,"
                     "\"description\":\"how often to look at the condition, 0.01 at least\"},"
                     "\"timeout_seconds\":{\"type\":[\"number\",\"string\"],\"default\":0,"
                     "\"description\":\"how long to wait for the condition; 0: without end\"}}}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"delay_type\":{\"type\":\"string\"},\"completed\":{\"type\":\"boolean\",\"description\":\"always true\"}}}",
    .examples =
        "[{\"delay_type\":\"seconds\",\"delay_seconds\":90},"
        "{\"delay_type\":\"until_time\",\"target_time\":\"2026-11-23T06:00:00Z\"},"
        "{\"delay_type\":\"until_condition\",\"condition_expression\":\"signal_paid != null\",\"poll_seconds\":5,"
        "\"timeout_seconds\":3600}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = delay_run,
};

static int delay_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&delay, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "delay",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "waiting: delay, wait",
    .nodes = nodes,
    .init = delay_init,
};

WFW_PLUGIN(plugin)
