/* SPDX-License-Identifier: Apache-2.0 */
/* human_approval, await: nodes that wait for signals.  A node that waits holds no thread and no memory, and waits on while
 * no worker runs. */
#include "signal/signal.h"

#include <math.h>
#include <stdlib.h>

#define LONGEST_S 3153600000.0 /* a hundred years */

const struct wfw_host *host;

int64_t seconds_to_ms(double seconds)
{
    return (int64_t)ceil(seconds * 1000 - 1e-6);
}

int read_seconds(struct wfw_task *task, const struct wfw_value *config, const char *pointer, double fallback, double least,
                 double *out)
{
    const struct wfw_value *v = member(host, config, pointer);
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

int read_deadline(struct wfw_task *task, const struct wfw_call *call, int64_t *out)
{
    double seconds;
    if (call->checkpoint && host->get_int(call->checkpoint, "/deadline_ms", out) == WFW_OK)
        return 0;
    if (read_seconds(task, call->config, "/timeout_seconds", 0, 0, &seconds) != 0)
        return -1;
    *out = seconds > 0 ? host->now_ms() + seconds_to_ms(seconds) : 0;
    return 0;
}

static int has_edge(const struct wfw_value *edges, const char *branch)
{
    const struct wfw_value *edge;
    for (size_t i = 0; (edge = host->item(edges, i, NULL)) != NULL; i++) {
        const char *label = text_member(host, edge, "/branch");
        if (label && strcmp(label, branch) == 0)
            return 1;
    }
    return 0;
}

void end_by_timeout(struct wfw_task *task, const struct wfw_call *call, struct wfw_value *output, const char *text)
{
    if (has_edge(call->edges, "timeout"))
        host->done(task, output, "timeout");
    else
        fail_with(host, task, "timeout", "%s", text);
}

/* ---- What the plugin is ---- */

static int signal_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&human_approval, &await, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "signal",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "waiting for people and other programs: human_approval, await",
    .nodes = nodes,
    .init = signal_init,
};

WFW_PLUGIN(plugin)
