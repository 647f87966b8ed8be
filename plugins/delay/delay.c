/* SPDX-License-Identifier: Apache-2.0 */
/* delay, wait: park until a time, or until a condition holds.  A parked node holds no thread and no memory, and the
 * wait goes on while no worker runs. */
#include "common/wait.h"
#include "delay/instant.h"

const struct wfw_host *host;

static struct wfw_value *output(struct wfw_task *task, const char *type, int completed)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "delay_type", host->string(task, type, WFW_NTS));
    host->set(out, "completed", host->boolean(task, completed));
    return out;
}

static void done(struct wfw_task *task, const char *type)
{
    host->done(task, output(task, type, 1), NULL);
}

/* Without a branch every label would be taken, `timeout` too. */
static void came_true(struct wfw_task *task, const struct wfw_call *call)
{
    host->done(task, output(task, "until_condition", 1), has_branch(call, "timeout") ? "condition" : NULL);
}

static void park_until(struct wfw_task *task, int64_t until_ms, const struct wfw_value *checkpoint)
{
    struct wfw_park p = {.size = sizeof p, .until_ms = until_ms, .checkpoint = checkpoint};
    host->park(task, &p);
}

/* now_ms() cuts what is beneath a millisecond: a time made from it would come a little too early. */
static void park_for(struct wfw_task *task, int64_t ms)
{
    struct wfw_park p = {.size = sizeof p, .after_ms = ms};
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
    const struct wfw_value *given = host->get(call->config, "/delay_seconds");
    if (given && host->type(given) == WFW_NULL) {
        fail_seconds(task, "delay_seconds", given, 0);
        return;
    }
    if (read_seconds(task, call->config, "/delay_seconds", 1, 0, &seconds) != 0)
        return;
    if (seconds_to_ms(seconds) <= 0)
        done(task, "seconds");
    else
        park_for(task, seconds_to_ms(seconds));
}

static void wait_until_time(struct wfw_task *task, const struct wfw_call *call)
{
    const char *text = text_member(host, call->config, "/target_time");
    int64_t until;
    if (call->why == WFW_WHY_TIMER)
        done(task, "until_time");
    else if (!text)
        fail_with(host, task, "config_invalid", "target_time is required for delay_type until_time");
    else if (instant_read(task, "target_time", text, &until) != 0)
        return;
    else if (until <= host->now_ms())
        done(task, "until_time");
    else
        park_until(task, until, NULL);
}

/* ---- until_condition ---- */

static void look_again(struct wfw_task *task, const struct wfw_call *call, double poll, int64_t until, const char *text)
{
    int64_t now = host->now_ms(), next = now + seconds_to_ms(poll);
    if (until && now >= until) {
        end_by_timeout(task, call, output(task, "until_condition", 0),
                       "the condition \"%.200s\" did not become true in time", text);
        return;
    }
    struct wfw_value *checkpoint = host->object(task);
    host->set(checkpoint, "deadline_ms", host->integer(task, until));
    park_until(task, until && until < next ? until : next, checkpoint);
}

static void wait_until_condition(struct wfw_task *task, const struct wfw_call *call)
{
    const char *text = text_member(host, call->config, "/condition_expression");
    double poll;
    int64_t until;
    if (!text) {
        fail_with(host, task, "config_invalid", "condition_expression is required for delay_type until_condition");
        return;
    }
    if (read_seconds(task, call->config, "/poll_seconds", 1, SHORTEST_POLL_S, &poll) != 0 ||
        read_deadline(task, call, &until) != 0)
        return;
    int holds = condition_holds(task, text);
    if (holds > 0)
        came_true(task, call);
    else if (holds == 0)
        look_again(task, call, poll, until, text);
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
                   "config_invalid for a config that makes no sense (a null delay_seconds too), and with the error of the "
                   "condition (expression_error when it does not compile, unknown_name, ...). When the condition did "
                   "not become true within timeout_seconds: branch timeout when an edge has it (and branch condition when "
                   "it did become true), else the node fails with timeout; no failure is retried.",
    .config_schema = "{\"type\":\"object\",\"properties\":{"
                     "\"delay_type\":{\"type\":[\"string\",\"null\"],\"default\":\"seconds\","
                     "\"description\":\"seconds, until_time or until_condition\",\"x-values\":[\"seconds\",\"until_time\",\"until_condition\"]},"
                     "\"delay_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":1,\"description\":\"how "
                     "long, in seconds\"},"
                     "\"target_time\":{\"type\":[\"string\",\"null\"],"
                     "\"description\":\"ISO 8601, for example 2026-11-23T06:00+01:00; without a zone that of the workflow (timezone in trigger_config), else UTC\"},"
                     "\"condition_expression\":{\"type\":[\"string\",\"null\"],\"format\":\"expression\","
                     "\"description\":\"what must become true\"},"
                     "\"poll_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":1,"
                     "\"description\":\"how often to look at the condition, 0.01 at least\"},"
                     "\"timeout_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":0,"
                     "\"description\":\"how long to wait for the condition; 0: without end\"}},\"x-needs\":["
                     "{\"if\":{\"delay_type\":\"until_time\"},\"keys\":[\"target_time\"]},"
                     "{\"if\":{\"delay_type\":\"until_condition\"},\"keys\":[\"condition_expression\"]}]}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"delay_type\":{\"type\":\"string\"},\"completed\":{\"type\":\"boolean\",\"description\":\"false "
        "only on branch timeout\"}}}",
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
