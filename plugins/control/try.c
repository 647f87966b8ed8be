/* SPDX-License-Identifier: Apache-2.0 */
/* try: the body, then on a failure the first catch that takes it, and finally always.  What it is at stands in the
 * checkpoint: {"phase": ..., "error": the one that is open, or null, "caught": ...}. */
#include "control.h"

#include "common/wait.h"

/* ---- errors ---- */

/* Is the type in the comma-separated list?  An empty list takes all. */
static int takes(const char *list, const char *type)
{
    size_t len = strlen(type);
    int any = 0;
    for (const char *p = list; *p;) {
        p += strspn(p, ", \t\n");
        size_t n = strcspn(p, ", \t\n");
        any |= n > 0;
        if (n == len && memcmp(p, type, n) == 0)
            return 1;
        p += n;
    }
    return !any;
}

/* {node_id, type, message, details}, as nodes see it. */
static struct wfw_value *shown(struct wfw_task *task, const struct wfw_value *error)
{
    static const char *const keys[] = {"node_id", "type", "message", "details"};
    struct wfw_value *out = host->object(task);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char pointer[16];
        snprintf(pointer, sizeof pointer, "/%s", keys[i]);
        const struct wfw_value *v = host->get(error, pointer);
        host->set(out, keys[i], v ? v : host->null(task));
    }
    return out;
}

void rethrow(struct wfw_task *task, const struct wfw_value *error)
{
    int retryable = 0;
    host->get_bool(error, "/retryable", &retryable);
    struct wfw_error e = {.size = sizeof e,
                          .type = text_member(host, error, "/type"),
                          .message = text_member(host, error, "/message"),
                          .node_id = text_member(host, error, "/node_id"),
                          .details = member(host, error, "/details"),
                          .retryable = retryable};
    host->fail(task, &e);
}

/* ---- the parts ---- */

static void enter(struct wfw_task *task, const char *branch, const char *to, uint32_t flags,
                  const struct wfw_value *open, const struct wfw_value *caught, const struct wfw_value *bound)
{
    struct wfw_value *checkpoint = host->object(task), *vars = host->object(task);
    host->set(checkpoint, "phase", host->string(task, branch, WFW_NTS));
    host->set(checkpoint, "error", open ? open : host->null(task));
    host->set(checkpoint, "caught", caught ? caught : host->null(task));
    if (strcmp(branch, "body") != 0)
        host->set(vars, "error", bound ? shown(task, bound) : host->null(task));
    struct wfw_enter e = {
        .size = sizeof e, .branch = branch, .to = to, .vars = vars, .checkpoint = checkpoint, .flags = flags};
    host->enter(task, &e);
}

static void finish(struct wfw_task *task, const struct wfw_value *open, const struct wfw_value *caught)
{
    if (open) {
        rethrow(task, open);
        return;
    }
    struct wfw_value *out = host->object(task);
    host->set(out, "caught", caught ? shown(task, caught) : host->null(task));
    host->done(task, out, "done");
}

static void go_finally(struct wfw_task *task, const struct wfw_call *call, const struct wfw_value *open,
                       const struct wfw_value *caught)
{
    if (has_branch(call, "finally"))
        enter(task, "finally", NULL, WFW_ENTER_SHIELD, open, caught, open);
    else
        finish(task, open, caught);
}

/* The node that the first matching catch edge leads to, or NULL. */
static const char *catcher(const struct wfw_call *call, const char *type)
{
    const char *own = text_member(host, call->config, "/error_type");
    const struct wfw_value *edge;
    for (size_t i = 0; (edge = host->item(call->edges, i, NULL)); i++) {
        const char *label = text_member(host, edge, "/branch"), *list = text_member(host, edge, "/config/error_type");
        if (label && strcmp(label, "catch") == 0 && takes(list ? list : own ? own : "", type))
            return text_member(host, edge, "/to");
    }
    return NULL;
}

static void body_over(struct wfw_task *task, const struct wfw_call *call)
{
    const char *type = text_member(host, call->event, "/type");
    const char *to = call->scope_outcome == WFW_SCOPE_FAILED ? catcher(call, type ? type : "") : NULL;
    if (to)
        enter(task, "catch", to, WFW_ENTER_CLEANUP, NULL, call->event, call->event);
    else
        go_finally(task, call, call->scope_outcome == WFW_SCOPE_FAILED ? call->event : NULL, NULL);
}

static void try_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *phase = call->why == WFW_WHY_SCOPE ? text_member(host, call->checkpoint, "/phase") : NULL;
    const struct wfw_value *caught = member(host, call->checkpoint, "/caught");
    const struct wfw_value *failed = call->scope_outcome == WFW_SCOPE_FAILED ? call->event : NULL;
    if (!phase)
        enter(task, "body", NULL, WFW_ENTER_CLEANUP, NULL, NULL, NULL);
    else if (strcmp(phase, "body") == 0)
        body_over(task, call);
    else if (strcmp(phase, "catch") == 0)
        go_finally(task, call, failed, caught);
    else
        finish(task, failed ? failed : member(host, call->checkpoint, "/error"), caught);
}

/* ---- catch and finally: where their branches begin ---- */

static void mark_run(struct wfw_task *task, const struct wfw_call *call, const char *key)
{
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/%s", key);
    if (text_member(host, call->config, pointer))
        host->log(task, WFW_LOG_WARNING,
                  "%s of node %s holds program text, which is not run; draw nodes behind it instead", key,
                  call->node_id);
    host->done(task, host->object(task), NULL);
}

static void catch_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    mark_run(task, call, "error_handler");
}

static void finally_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    mark_run(task, call, "finally_code");
}

/* ---- what they are ---- */

#define ERROR_TYPE                                                                                                     \
    "\"error_type\":{\"type\":[\"string\",\"null\"],\"description\":\"types of errors that are caught, separated by "  \
    "commas; "                                                                                                         \
    "empty: all\"}"
#define NOTHING "{\"type\":\"object\",\"properties\":{},\"description\":\"always empty\"}"

const struct wfw_node try_node = {
    .size = sizeof try_node,
    .type = "try",
    .summary = "catches failures",
    .description = "Runs the nodes behind its body edges. When one of them fails, the first catch edge whose "
                   "error_type matches is "
                   "entered, with error = {node_id, type, message, details}. The nodes behind finally run always: "
                   "after success, failure, "
                   "cancelling and the execution's timeout. Then the done edges are taken, or the error that is still "
                   "open goes on.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{" ERROR_TYPE ",\"try_scope\":{\"description\":\"a name for people\"}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"caught\":{\"type\":[\"object\",\"null\"],"
                     "\"description\":\"the error that was caught: node_id, type, message, details\"}}}",
    .examples = "[{},{\"error_type\":\"timeout,network_error\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = try_run,
};

const struct wfw_node catch_node = {
    .size = sizeof catch_node,
    .type = "catch",
    .summary = "where the handling of an error begins",
    .description = "The nodes behind it run when the body of its try failed with an error of a type in error_type. "
                   "They see error.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{" ERROR_TYPE
        ",\"error_handler\":{\"type\":[\"string\",\"null\"],\"description\":\"program text; it is not run\"}}}",
    .output_schema = NOTHING,
    .examples = "[{},{\"error_type\":\"timeout\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = catch_run,
};

const struct wfw_node finally_node = {
    .size = sizeof finally_node,
    .type = "finally",
    .summary = "where a try winds up",
    .description = "The nodes behind it run whenever its try is left, however that happens. They see error: the one "
                   "that is open, or null.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"finally_code\":{\"type\":[\"string\",\"null\"],\"description\":\"program text; it is not run\"}}}",
    .output_schema = NOTHING,
    .examples = "[{}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = finally_run,
};
