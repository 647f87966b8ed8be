/* SPDX-License-Identifier: Apache-2.0 */
/* loop, for, while, repeat: the body once for each item, one pass at a time or several side by side (a map).
 *
 * The plan is made at the start and stands in the checkpoint, which is not written again: {"kind", "total", "items"}.
 * Where the loop is, the host knows: how many passes were begun and how they ended. */
#include <stdlib.h>

#include "control.h"

#define MOST 1000000000

enum kind { KIND_FOR, KIND_WHILE, KIND_REPEAT, KIND_UNKNOWN };

struct options {
    const char *variable;                                      /* the name of the item */
    int64_t concurrency, need, tolerate, max_iterations, keep; /* need -1: all */
    int run_rest;
};

/* What the host knows, as numbers. */
struct progress {
    int64_t begun, open, succeeded, failed, left, cancelled;
};

struct loop {
    struct wfw_task *task;
    const struct wfw_call *call;
    struct options o;
    struct progress p;
    enum kind kind;
    int64_t total; /* -1: while */
    const struct wfw_value *items;
    const struct wfw_value *checkpoint; /* to be saved with the next enter; or NULL */
};

/* ---- configuration ---- */

static enum kind kind_named(const char *name)
{
    if (strcmp(name, "for") == 0)
        return KIND_FOR;
    if (strcmp(name, "while") == 0)
        return KIND_WHILE;
    return strcmp(name, "repeat") == 0 ? KIND_REPEAT : KIND_UNKNOWN;
}

static enum kind kind_of(const struct wfw_call *call)
{
    enum kind kind = kind_named(call->node_type);
    const char *type = text_member(host, call->config, "/loop_type");
    if (kind != KIND_UNKNOWN)
        return kind;
    if (type)
        return kind_named(type);
    if (member(host, call->config, "/array_expression"))
        return KIND_FOR;
    if (member(host, call->config, "/condition_expression"))
        return KIND_WHILE;
    return member(host, call->config, "/repeat_count") ? KIND_REPEAT : KIND_UNKNOWN;
}

static int64_t number(const struct wfw_call *call, const char *pointer, int64_t least, int64_t fallback)
{
    int64_t n = fallback;
    if (host->get_int(call->config, pointer, &n) != WFW_OK || n < least)
        return fallback;
    return n < MOST ? n : MOST;
}

static void read_options(struct loop *l)
{
    const char *variable = text_member(host, l->call->config, "/loop_variable");
    const char *rest = text_member(host, l->call->config, "/join_rest");
    l->o = (struct options){.variable = variable ? variable : "item",
                            .concurrency = number(l->call, "/max_concurrency", 1, 1),
                            .need = number(l->call, "/need", 0, -1),
                            .tolerate = number(l->call, "/tolerate", 0, 0),
                            .max_iterations = number(l->call, "/max_iterations", 1, 10000),
                            .keep = number(l->call, "/keep", 0, 100),
                            .run_rest = rest && strcmp(rest, "run") == 0};
}

static void read_progress(struct loop *l)
{
    const struct wfw_value *s = l->call->scope;
    int64_t done = 0, continued = 0;
    host->get_int(s, "/passes", &l->p.begun);
    host->get_int(s, "/open", &l->p.open);
    host->get_int(s, "/done", &done);
    host->get_int(s, "/continued", &continued);
    host->get_int(s, "/left", &l->p.left);
    host->get_int(s, "/failed", &l->p.failed);
    host->get_int(s, "/cancelled", &l->p.cancelled);
    l->p.succeeded = done + continued + l->p.left;
}

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
    struct wfw_value *vars = host->object(l->task), *number = host->integer(l->task, index);
    const struct wfw_value *item = l->items ? host->item(l->items, (size_t)index, NULL) : number;
    host->set(vars, l->o.variable, item);
    host->set(vars, "item", item);
    host->set(vars, "index", number);
    return vars;
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
    struct wfw_enter e = {.size = sizeof e,
                          .branch = "body",
                          .passes = passes,
                          .checkpoint = l->checkpoint,
                          .flags = flags,
                          .keep = (uint32_t)l->o.keep};
    host->enter(l->task, &e);
}

static void go_on(struct loop *l)
{
    int64_t rest = l->total - l->p.begun, room = l->o.concurrency - l->p.open;
    open_passes(l, rest < room ? rest : room, 0);
}

/* 1 true, 0 false, -1 failed. */
static int condition_holds(struct loop *l)
{
    const char *expression = text_member(host, l->call->config, "/condition_expression");
    struct wfw_error e = {.size = sizeof e};
    if (!expression) {
        const struct wfw_value *v = member(host, l->call->config, "/condition_expression");
        int flag = 0;
        if (v && host->get_bool(v, "", &flag) == WFW_OK)
            return flag;
        fail_with(host, l->task, "config_invalid", "/condition_expression: while needs an expression");
        return -1;
    }
    struct wfw_value *vars = host->object(l->task), *index = host->integer(l->task, l->p.begun);
    host->set(vars, l->o.variable, index);
    host->set(vars, "item", index);
    host->set(vars, "index", index);
    size_t room = strlen(expression) + 8;
    char *truth = host->alloc(l->task, room);
    if (!truth)
        return -1;
    snprintf(truth, room, "!!(%s)", expression);
    const struct wfw_value *v = host->evaluate(l->task, truth, vars, &e);
    if (!v) { /* said of the expression as it stands there */
        struct wfw_error own = {.size = sizeof own};
        const struct wfw_value *bare = host->evaluate(l->task, expression, vars, &own);
        fail_with(host, l->task, bare ? e.type : own.type, "/condition_expression: %s", bare ? e.message : own.message);
        return -1;
    }
    int flag = 0;
    host->get_bool(v, "", &flag);
    return flag;
}

static void next_while(struct loop *l)
{
    int holds = condition_holds(l);
    if (holds < 0)
        return;
    if (!holds)
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

static void next(struct loop *l)
{
    int64_t lost = l->p.failed + l->p.cancelled;
    if (l->call->why == WFW_WHY_SCOPE && l->call->scope_outcome == WFW_SCOPE_FAILED && l->p.failed > l->o.tolerate &&
        !l->p.left)
        fail_pass(l);
    else if (l->p.left && l->p.open)
        open_passes(l, 0, 0);
    else if (l->p.left)
        finish(l);
    else if (l->o.need >= 0 && l->p.succeeded >= l->o.need)
        enough(l);
    else if (l->p.failed > l->o.tolerate && !l->p.left)
        open_passes(l, 0, 0); /* it failed while this was not said yet: the call about it is still to come */
    else if (l->o.need >= 0 && l->total >= 0 && l->total - lost < l->o.need)
        fail_with(host, l->task, "join_unsatisfiable", "%lld passes must succeed, but only %lld still can",
                  (long long)l->o.need, (long long)(l->total - lost));
    else if (l->total < 0)
        next_while(l);
    else if (l->p.begun < l->total && l->p.open < l->o.concurrency)
        go_on(l);
    else if (l->p.open)
        open_passes(l, 0, 0);
    else
        finish(l);
}

/* ---- the start ---- */

/* -1: failed. */
static int find_items(struct loop *l)
{
    const struct wfw_value *source = member(host, l->call->config, "/array_expression");
    const char *expression = text_member(host, l->call->config, "/array_expression");
    struct wfw_error e = {.size = sizeof e};
    if (expression) {
        source = host->evaluate(l->task, expression, NULL, &e);
        if (!source) {
            fail_with(host, l->task, e.type, "/array_expression: %s", e.message);
            return -1;
        }
    }
    if (!source || host->type(source) != WFW_ARRAY) {
        fail_with(host, l->task, "type_error", "/array_expression: %s",
                  source ? "the value is no array" : "there is no array");
        return -1;
    }
    l->items = source;
    l->total = (int64_t)host->length(source);
    return 0;
}

static int find_count(struct loop *l)
{
    int64_t n = 0;
    const char *text = text_member(host, l->call->config, "/repeat_count");
    char *end = NULL;
    if (text)
        n = strtoll(text, &end, 10);
    if ((text && *end) || (!text && host->get_int(l->call->config, "/repeat_count", &n) != WFW_OK) || n < 0 ||
        n > MOST) {
        fail_with(host, l->task, "config_invalid", "/repeat_count: repeat needs a number of passes, 0 or more");
        return -1;
    }
    l->total = n;
    return 0;
}

static int make_plan(struct loop *l)
{
    l->total = -1;
    if (l->kind == KIND_UNKNOWN) {
        fail_with(host, l->task, "config_invalid",
                  "the loop needs loop_type for, while or repeat, or one of array_expression, condition_expression and "
                  "repeat_count");
        return -1;
    }
    if ((l->kind == KIND_FOR && find_items(l) != 0) || (l->kind == KIND_REPEAT && find_count(l) != 0))
        return -1;
    if (l->total <= l->o.max_iterations)
        return 0;
    fail_with(host, l->task, "max_iterations_exceeded",
              "%lld passes are more than max_iterations allows, which is %lld", (long long)l->total,
              (long long)l->o.max_iterations);
    return -1;
}

static void keep_plan(struct loop *l)
{
    struct wfw_value *plan = host->object(l->task);
    host->set(plan, "total", host->integer(l->task, l->total));
    if (l->items)
        host->set(plan, "items", l->items);
    l->checkpoint = plan;
}

static void read_plan(struct loop *l)
{
    l->total = -1;
    host->get_int(l->call->checkpoint, "/total", &l->total);
    l->items = host->get(l->call->checkpoint, "/items");
}

static void loop_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct loop l = {.task = task, .call = call, .kind = kind_of(call)};
    read_options(&l);
    if (call->why == WFW_WHY_SCOPE) {
        read_plan(&l);
        read_progress(&l);
    } else if (make_plan(&l) == 0) {
        keep_plan(&l);
    } else {
        return;
    }
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
    "ones\"}"
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
#define SCHEMA "{\"type\":\"object\",\"properties\":{" LOOP_TYPE "," ARRAY "," CONDITION "," COUNT "," COMMON "}}"
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

#define LOOP_NODE(variable, name, text, about, example)                                                                \
    const struct wfw_node variable = {                                                                                 \
        .size = sizeof variable,                                                                                       \
        .type = name,                                                                                                  \
        .summary = text,                                                                                               \
        .description = about ABOUT,                                                                                    \
        .config_schema = SCHEMA,                                                                                       \
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
    "[{\"loop_type\":\"for\",\"array_expression\":\"input.orders\",\"loop_variable\":\"order\"},{\"repeat_count\":3}]");
LOOP_NODE(
    for_node, "for", "runs nodes once for each item of an array",
    "Runs the nodes behind its body edges once for each item of an array, one after the other or side by side.",
    "[{\"array_expression\":\"input.orders\",\"loop_variable\":\"order\",\"max_concurrency\":10,\"tolerate\":2}]");
LOOP_NODE(while_node, "while", "runs nodes while a condition holds",
          "Tests a condition, and runs the nodes behind its body edges as long as it holds.",
          "[{\"condition_expression\":\"vars.left > 0\"}]");
LOOP_NODE(repeat_node, "repeat", "runs nodes a number of times",
          "Runs the nodes behind its body edges a number of times.", "[{\"repeat_count\":3}]");
