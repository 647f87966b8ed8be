/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the node.  In this order: the process died of something; it wrote too much; it said what is wrong; its output
 * cannot be used; its exit code; its result. */
#include "exec/exec.h"

#include <stdlib.h>

#define EXIT_TRY_AGAIN 75 /* EX_TEMPFAIL of sysexits.h */

static const struct wfw_value *details_of(struct wfw_task *task, const struct ending *e)
{
    struct wfw_value *details = host->object(task);
    const struct wfw_value *code = e->exit_code >= 0 ? host->integer(task, e->exit_code) : NULL;
    if (code)
        host->set(details, "exit_code", code);
    if (*e->last)
        host->set(details, "stderr", host->string(task, e->last, WFW_NTS));
    return details;
}

/* Another attempt is harmless unless what the program does must not be repeated. */
static int may_repeat(const struct exec_type *t)
{
    return t->node.effect != WFW_EFFECT_UNSAFE;
}

static void give_report(struct wfw_task *task, const struct exec_type *t, const struct ending *e)
{
    struct wfw_error error = {.size = sizeof error, .retryable = may_repeat(t)};
    error.type = text_member(host, e->report, "/type");
    error.message = text_member(host, e->report, "/message");
    error.details = member(host, e->report, "/details");
    host->fail(task, &error);
}

static void give_too_much(struct wfw_task *task, const struct exec_type *t)
{
    char message[UTIL_MESSAGE];
    struct wfw_value *details = host->object(task);
    snprintf(message, sizeof message, "the program of node type %s wrote more in one call than it may, limit_output = %s",
             t->node.type, t->output_text);
    host->set(details, "limit", host->string(task, "limit_output", WFW_NTS));
    host->set(details, "limit_value", host->string(task, t->output_text, WFW_NTS));
    host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error), .type = "limit_exceeded", .message = message,
                                         .retryable = may_repeat(t), .details = details});
}

static void give_error(struct wfw_task *task, const struct lines *l, const struct ending *e)
{
    const struct wfw_value *said = host->get(l->message, "/error");
    struct wfw_error error = {.size = sizeof error};
    int retryable = 0;
    double seconds = 0;
    host->get_bool(said, "/retryable", &retryable);
    host->get_real(said, "/retry_after", &seconds);
    error.type = text_member(host, said, "/type");
    error.message = text_member(host, said, "/message");
    error.details = member(host, said, "/details");
    if (!error.message)
        error.message = host->get_string(said, "", &error.message, NULL) == WFW_OK ? error.message : "the program failed";
    if (!error.type)
        error.type = "exec_failed";
    if (!error.details || host->type(error.details) != WFW_OBJECT)
        error.details = details_of(task, e);
    error.retryable = retryable;
    error.retry_after_ms = seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1000) : 0;
    host->fail(task, &error);
}

static void give_exit(struct wfw_task *task, const struct exec_type *t, const struct ending *e)
{
    char message[UTIL_MESSAGE];
    int again = e->exit_code == EXIT_TRY_AGAIN;
    snprintf(message, sizeof message, "the program of node type %s ended with exit code %d%s%s", t->node.type, e->exit_code,
             *e->last ? ": " : "", e->last);
    host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error), .type = again ? "temporary_failure" : "exec_failed",
                                         .message = message, .retryable = again, .details = details_of(task, e)});
}

static void give_invalid(struct wfw_task *task, const struct exec_type *t, const struct ending *e, const char *what)
{
    char message[UTIL_MESSAGE];
    snprintf(message, sizeof message, "the program of node type %s cannot be understood: %s", t->node.type, what);
    host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error), .type = "invalid_output", .message = message,
                                         .details = details_of(task, e)});
}

/* An output is an object; another result stands in one as `result`. */
static void give_result(struct wfw_task *task, const struct lines *l)
{
    const struct wfw_value *result = host->get(l->message, "/result");
    const char *branch = text_member(host, l->message, "/branch");
    if (host->type(result) != WFW_OBJECT) {
        struct wfw_value *around = host->object(task);
        host->set(around, "result", result);
        result = around;
    }
    host->done(task, result, branch);
}

/* {"park": {"after": seconds, "until_ms": ..., "signal": "type", "checkpoint": ...}} */
static void give_park(struct wfw_task *task, const struct exec_type *t, const struct lines *l, const struct ending *e)
{
    const struct wfw_value *said = host->get(l->message, "/park");
    struct wfw_park park = {.size = sizeof park};
    double seconds = 0;
    host->get_real(said, "/after", &seconds);
    host->get_int(said, "/until_ms", &park.until_ms);
    park.after_ms = seconds > 0 && seconds < 1e10 ? (int64_t)(seconds * 1000 + 0.5) : 0;
    if (seconds > 0 && park.after_ms == 0)
        park.after_ms = 1;
    park.signal = text_member(host, said, "/signal");
    park.checkpoint = host->get(said, "/checkpoint");
    if (host->park(task, &park) == WFW_E_INVAL)
        give_invalid(task, t, e, "park needs after, until_ms or signal");
}

void outcome_give(struct wfw_task *task, const struct exec_type *t, const struct lines *l, const struct ending *e)
{
    if (e->too_much)
        give_too_much(task, t);
    else if (e->report)
        give_report(task, t, e);
    else if (l->said == SAID_ERROR)
        give_error(task, l, e);
    else if (e->exit_code != 0)
        give_exit(task, t, e);
    else if (*l->wrong)
        give_invalid(task, t, e, l->wrong);
    else if (l->said == SAID_NOTHING)
        give_invalid(task, t, e, "it ended with exit code 0 and without a result");
    else if (l->said == SAID_PARK)
        give_park(task, t, l, e);
    else
        give_result(task, l);
}
