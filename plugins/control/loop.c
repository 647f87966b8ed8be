/* SPDX-License-Identifier: Apache-2.0 */
/* loop, for, while, repeat: the body once for each item, one pass at a time or several side by side (a map). */
#include <stdio.h>

#include "loop.h"

/* ---- the end ---- */

static void finish(struct loop *l)
{
    struct wfw_task *task = l->task;
    const struct wfw_value *results = member(host, l->call->scope, "/results");
    struct wfw_value *out = host->object(task);
    host->set(out, "count", host->integer(task, l->p.begun));
    host->set(out, "succeeded", host->integer(task, l->p.succeeded));
    host->set(out, "failed", host->integer(task, l->p.failed));
    host->set(out, "results", results ? results : host->array(task));
    host->done(task, out, "done");
}

/* The failure beyond what is tolerated is the loop's own; it says which node it was. */
static void fail_pass(struct loop *l)
{
    const struct wfw_value *error = l->call->event;
    const char *type = text_member(host, error, "/type"), *text = text_member(host, error, "/message");
    const char *node = text_member(host, error, "/node_id");
    static const char *const keys[] = {"node_id", "type", "message", "details"};
    char message[UTIL_MESSAGE];
    int retryable = 0;
    struct wfw_value *details = host->object(l->task);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char pointer[16];
        snprintf(pointer, sizeof pointer, "/%s", keys[i]);
        const struct wfw_value *v = host->get(error, pointer);
        host->set(details, keys[i], v ? v : host->null(l->task));
    }
    host->get_bool(error, "/retryable", &retryable);
    snprintf(message, sizeof message, "pass %llu: node %s failed: %s", (unsigned long long)l->call->scope_pass,
             node ? node : "?", text ? text : "");
    struct wfw_error e = {
        .size = sizeof e, .type = type, .message = message, .retryable = retryable, .details = details};
    host->fail(l->task, &e);
}

/* ---- passes ---- */

static const struct wfw_value *vars_of(struct loop *l, int64_t index)
{
    struct wfw_value *vars = host->object(l->task);
    const struct wfw_value *number = host->integer(l->task, index);
    const struct wfw_value *item = l->items ? host->item(l->items, (size_t)(index - l->first), NULL) : number;
    host->set(vars, l->o.variable, item);
    host->set(vars, "item", item);
    host->set(vars, "index", number);
    return vars;
}

/* More items are taken only when none waits for its turn: they are kept where they are, and not a second time here. */
static int takes_items(const struct loop *l, int64_t count)
{
    return !l->closed && !l->p.left && l->total <= l->p.begun + count;
}

static void open_passes(struct loop *l, int64_t count, uint32_t flags)
{
    struct wfw_value *passes = host->array(l->task);
    for (int64_t i = 0; i < count; i++)
        host->push(passes, vars_of(l, l->p.begun + i));
    flags |= WFW_ENTER_LOOP;
    if (l->o.concurrency > 1)
        flags |= WFW_ENTER_ORDERED;
    if (l->o.run_rest)
        flags |= WFW_ENTER_DETACH;
    const char *const signals[] = {l->o.accept, l->o.accept_close, NULL};
    struct wfw_enter e = {.size = sizeof e,
                          .branch = "body",
                          .passes = passes,
                          .checkpoint = l->checkpoint,
                          .flags = flags,
                          .keep = (uint32_t)l->o.keep,
                          .signal_types = takes_items(l, count) ? signals : NULL};
    host->enter(l->task, &e);
}

static void go_on(struct loop *l)
{
    int64_t rest = l->total - l->p.begun, room = l->o.concurrency - l->p.open;
    open_passes(l, rest < room ? rest : room, 0);
}

/* 1 true, 0 false, -1 failed. */
static int holds(struct loop *l, const char *pointer, const char *expression, const struct wfw_value *vars)
{
    struct wfw_error e = {.size = sizeof e};
    size_t room = strlen(expression) + 8;
    char *truth = host->alloc(l->task, room);
    if (!truth)
        return -1;
    snprintf(truth, room, "!!(%s)", expression);
    const struct wfw_value *v = host->eval(l->task, truth, vars, &e);
    if (!v) { /* said of the expression as it stands there */
        struct wfw_error own = {.size = sizeof own};
        const struct wfw_value *bare = host->eval(l->task, expression, vars, &own);
        fail_with(host, l->task, bare ? e.type : own.type, "%s: %s", pointer, bare ? e.message : own.message);
        return -1;
    }
    int flag = 0;
    host->get_bool(v, "", &flag);
    return flag;
}

static int condition_holds(struct loop *l)
{
    const char *expression = text_member(host, l->call->config, "/condition_expression");
    if (!expression) {
        const struct wfw_value *v = member(host, l->call->config, "/condition_expression");
        int flag = 0;
        if (v && host->get_bool(v, "", &flag) == WFW_OK)
            return flag;
        fail_with(host, l->task, "config_invalid", "/condition_expression: while needs an expression");
        return -1;
    }
    struct wfw_value *vars = host->object(l->task);
    const struct wfw_value *index = host->integer(l->task, l->p.begun);
    host->set(vars, l->o.variable, index);
    host->set(vars, "item", index);
    host->set(vars, "index", index);
    return holds(l, "/condition_expression", expression, vars);
}

/* A pass is over: was it the last that is wanted? */
static int stops(struct loop *l)
{
    const struct wfw_value *results = member(host, l->call->scope, "/results"), *last = member(host, l->call->scope, "/result");
    if (!l->o.stop_when || l->call->why != WFW_WHY_SCOPE || l->call->scope_pass == 0)
        return 0;
    struct wfw_value *vars = host->object(l->task);
    host->set(vars, "count", host->integer(l->task, l->p.begun));
    host->set(vars, "succeeded", host->integer(l->task, l->p.succeeded));
    host->set(vars, "failed", host->integer(l->task, l->p.failed));
    host->set(vars, "results", results ? results : host->array(l->task));
    host->set(vars, "last", last ? last : host->null(l->task));
    return holds(l, "/stop_when", l->o.stop_when, vars);
}

static void fail_need(struct loop *l, int64_t possible)
{
    fail_with(host, l->task, "join_unsatisfiable", "%lld passes must succeed, but only %lld still can",
              (long long)l->o.need, (long long)possible);
}

static void next_while(struct loop *l)
{
    int holds = condition_holds(l);
    if (holds < 0)
        return;
    if (!holds && l->p.succeeded < l->o.need)
        fail_need(l, l->p.succeeded);
    else if (!holds)
        finish(l);
    else if (l->p.begun >= l->o.max_iterations)
        fail_with(host, l->task, "max_iterations_exceeded",
                  "the condition still holds after %lld passes (max_iterations)", (long long)l->o.max_iterations);
    else
        open_passes(l, 1, 0);
}

/* Enough have succeeded.  What has not begun begins now when the rest is to run on. */
static void enough(struct loop *l)
{
    int64_t rest = l->total - l->p.begun;
    if (l->o.run_rest && l->total >= 0 && rest > 0)
        open_passes(l, rest, WFW_ENTER_AGAIN);
    else
        finish(l);
}

/* -1: this call is answered; 0: there may be more passes. */
static int next_ends(struct loop *l)
{
    int64_t lost = l->p.failed + l->p.cancelled;
    int told = l->call->why == WFW_WHY_SCOPE, stop;
    if (told && l->call->scope_outcome == WFW_SCOPE_FAILED && l->p.failed > l->o.tolerate && !l->p.left)
        fail_pass(l);
    else if (l->p.left && l->p.open)
        open_passes(l, 0, 0);
    else if (l->p.left || (told && l->call->scope_outcome == WFW_SCOPE_BREAK)) /* from inside; from outside */
        finish(l);
    else if (l->o.need >= 0 && l->p.succeeded >= l->o.need)
        enough(l);
    else if (l->p.failed > l->o.tolerate && !l->p.left)
        open_passes(l, 0, 0); /* it failed while this was not said yet: the call about it is still to come */
    else if ((stop = stops(l)) > 0)
        enough(l);
    else if (stop == 0 && l->o.need >= 0 && l->total >= 0 && l->closed && l->total - lost < l->o.need)
        fail_need(l, l->total - lost);
    else if (stop == 0)
        return 0;
    return -1;
}

static void next(struct loop *l)
{
    if (next_ends(l) != 0)
        return;
    if (l->total < 0)
        next_while(l);
    else if (l->p.begun < l->total && l->p.open < l->o.concurrency)
        go_on(l);
    else if (l->p.open || !l->closed)
        open_passes(l, 0, 0);
    else
        finish(l);
}

static void loop_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct loop l;
    loop_open(&l, task, call);
    if (call->why == WFW_WHY_START) {
        if (loop_plan(&l) != 0)
            return;
    } else {
        loop_recall(&l);
    }
    if (call->why == WFW_WHY_SIGNAL && loop_take_signal(&l) != 0)
        return;
    if (l.total < 0)
        l.o.concurrency = 1;
    next(&l);
}

/* ---- what they are ---- */

#define COMMON                                                                                                         \
    "\"loop_variable\":{\"type\":[\"string\",\"null\"],\"default\":\"item\",\"description\":\"the name of the item "   \
    "inside the body, "                                                                                                \
    "besides item and index\"},"                                                                                       \
    "\"max_concurrency\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"default\":1,\"description\":\"passes side "  \
    "by side; more than "                                                                                              \
    "1 makes a map of the loop\"},"                                                                                    \
    "\"need\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"description\":\"go on when so many passes have "        \
    "succeeded\"},"                                                                                                    \
    "\"tolerate\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"default\":0,\"description\":\"passes that may "     \
    "fail\"},"                                                                                                         \
    "\"join_rest\":{\"type\":[\"string\",\"null\"],\"enum\":[\"cancel\",\"run\",null],\"default\":\"cancel\","         \
    "\"description\":\"what "                                                                                          \
    "becomes of the passes that were not needed\"},"                                                                   \
    "\"max_iterations\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"default\":10000,\"description\":\"more "      \
    "passes are an error\"},"                                                                                          \
    "\"keep\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"default\":100,\"description\":\"how many results are "  \
    "kept, the last "                                                                                                  \
    "ones\"},"                                                                                                          \
    "\"stop_when\":{\"format\":\"expression\",\"description\":\"looked at after each pass, sees count, succeeded, failed, "     \
    "results and last; once it holds the loop is done, and the rest is as join_rest says\"}"
#define ACCEPT                                                                                                         \
    "\"accept_items\":{\"type\":[\"string\",\"null\"],\"description\":\"type of signals that bring items while the loop "    \
    "runs: the data is an item, or has several as items; close: true in it, or the signal TYPE:close, says that no more "   \
    "come, and the loop waits for that\"}"
#define ARRAY                                                                                                          \
    "\"array_expression\":{\"format\":\"expression\",\"description\":\"what is gone through: an expression whose "     \
    "value is an array, "                                                                                              \
    "or an array\"}"
#define CONDITION                                                                                                      \
    "\"condition_expression\":{\"format\":\"expression\",\"description\":\"tested before each pass; index is the "     \
    "number of finished "                                                                                              \
    "passes\"}"
#define COUNT "\"repeat_count\":{\"type\":[\"integer\",\"string\",\"null\"],\"description\":\"how many passes\"}"
#define LOOP_TYPE                                                                                                      \
    "\"loop_type\":{\"type\":[\"string\",\"null\"],\"enum\":[\"for\",\"while\",\"repeat\",null],\"description\":"      \
    "\"what kind of loop; without: by "                                                                                \
    "which of the three settings is there\"}"
/* The editor keeps the settings of all kinds, whatever the kind. */
#define SCHEMA(needs)                                                                                                  \
    "{\"type\":\"object\",\"properties\":{" LOOP_TYPE "," ARRAY "," ACCEPT "," CONDITION "," COUNT "," COMMON              \
    "},\"x-needs\":[" needs "]}"
#define OUTPUT                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"count\":{\"type\":\"integer\",\"description\":\"passes that were "         \
    "begun\"},"                                                                                                        \
    "\"succeeded\":{\"type\":\"integer\"},\"failed\":{\"type\":\"integer\"},\"results\":{\"type\":\"array\","          \
    "\"description\":\"of the last "                                                                                   \
    "passes: the output of the last node, or outputs by node\"}}}"
#define ABOUT                                                                                                          \
    " Then its done edges are taken. Outputs of nodes in the body are published when a pass ends; in a map when the "  \
    "loop ends, in "                                                                                                   \
    "the order of the items."

#define LOOP_NODE(variable, name, text, about, needs, example)                                                                \
    const struct wfw_node variable = {                                                                                 \
        .size = sizeof variable,                                                                                       \
        .type = name,                                                                                                  \
        .summary = text,                                                                                               \
        .description = about ABOUT,                                                                                    \
        .config_schema = SCHEMA(needs),                                                                                 \
        .output_schema = OUTPUT,                                                                                       \
        .examples = example,                                                                                           \
        .exec = WFW_EXEC_LOOP,                                                                                         \
        .effect = WFW_EFFECT_PURE,                                                                                     \
        .run = loop_run,                                                                                               \
    }

LOOP_NODE(
    loop_node, "loop", "runs nodes again and again",
    "Runs the nodes behind its body edges once for each item of an array, while a condition holds, or a number of "
    "times.",
    "[\"loop_type\",\"array_expression\",\"condition_expression\",\"repeat_count\",\"accept_items\"],"
    "{\"if\":{\"loop_type\":\"for\"},\"keys\":[\"array_expression\",\"accept_items\"]},"
    "{\"if\":{\"loop_type\":\"while\"},\"keys\":[\"condition_expression\"]},"
    "{\"if\":{\"loop_type\":\"repeat\"},\"keys\":[\"repeat_count\"]}",
    "[{\"loop_type\":\"for\",\"array_expression\":\"input.orders\",\"loop_variable\":\"order\"},{\"repeat_count\":3}]");
LOOP_NODE(
    for_node, "for", "runs nodes once for each item of an array",
    "Runs the nodes behind its body edges once for each item of an array, one after the other or side by side.",
    "[\"array_expression\",\"accept_items\"]",
    "[{\"array_expression\":\"input.orders\",\"loop_variable\":\"order\",\"max_concurrency\":10,\"tolerate\":2}]");
LOOP_NODE(while_node, "while", "runs nodes while a condition holds",
          "Tests a condition, and runs the nodes behind its body edges as long as it holds.",
          "[\"condition_expression\"]",
          "[{\"condition_expression\":\"vars.left > 0\"}]");
LOOP_NODE(repeat_node, "repeat", "runs nodes a number of times",
          "Runs the nodes behind its body edges a number of times.",
          "[\"repeat_count\"]", "[{\"repeat_count\":3}]");
