/* SPDX-License-Identifier: Apache-2.0 */
/* What node types that wait share. */
#include "common/wait.h"

#include <math.h>
#include <stdlib.h>

#define LONGEST_S 3153600000.0 /* a hundred years */

int64_t seconds_to_ms(double seconds)
{
    return (int64_t)ceil(seconds * 1000 - 1e-6);
}

void fail_seconds(struct wfw_task *task, const char *name, const struct wfw_value *v, double least)
{
    const char *given = host->text(task, v, NULL);
    fail_with(host, task, "config_invalid", "%s is %.64s: it must be a number of seconds from %g to %.0f", name,
              given ? given : "not readable", least, LONGEST_S);
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
    fail_seconds(task, pointer + 1, v, least);
    return -1;
}

/* As JavaScript has it. */
int condition_holds(struct wfw_task *task, const char *expression)
{
    struct wfw_error error = {.size = sizeof error};
    const struct wfw_value *v = host->eval(task, expression, NULL, &error);
    if (v)
        return is_true(host, v);
    fail_with(host, task, error.type, "expression \"%.200s\": %.700s", expression, error.message);
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

int has_branch(const struct wfw_call *call, const char *branch)
{
    const struct wfw_value *edge;
    for (size_t i = 0; (edge = host->item(call->edges, i, NULL)) != NULL; i++) {
        const char *label = text_member(host, edge, "/branch");
        if (label && strcmp(label, branch) == 0)
            return 1;
    }
    return 0;
}

void end_by_timeout(struct wfw_task *task, const struct wfw_call *call, struct wfw_value *output, const char *fmt, ...)
{
    char text[UTIL_MESSAGE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (has_branch(call, "timeout"))
        host->done(task, output, "timeout");
    else
        fail_with(host, task, "timeout", "%s", text);
}
