/* SPDX-License-Identifier: Apache-2.0 */
/* Control flow: node types that run the nodes behind their `body` edges.
 *
 * acme.repeat_until   runs its body again and again until an expression holds, with a pause between the rounds
 * acme.parallel_first runs what is behind each of its body edges side by side until one succeeds, and cancels the rest
 * acme.stop           ends the innermost loop around it when an expression holds
 *
 * A handler of this kind keeps nothing in memory: it enters a pass and is called again when the pass is over, which may
 * be days later and in another process.  What it has to know then is in the checkpoint and in call->scope. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

static const struct wfw_host *host;

static int start(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static void fail(struct wfw_task *task, const char *type, const char *message)
{
    const struct wfw_error error = {.size = sizeof error, .type = type, .message = message};
    host->fail(task, &error);
}

static int64_t number(const struct wfw_value *value, const char *pointer, int64_t otherwise)
{
    int64_t n = otherwise;
    host->get_int(value, pointer, &n);
    return n;
}

/* The failure of a pass becomes that of this node, as it came. */
static void hand_on(struct wfw_task *task, const struct wfw_value *event)
{
    struct wfw_error error = {.size = sizeof error, .details = host->get(event, "/details")};
    host->get_string(event, "/type", &error.type, NULL);
    host->get_string(event, "/message", &error.message, NULL);
    host->get_string(event, "/node_id", &error.node_id, NULL);
    int retryable = 0;
    host->get_bool(event, "/retryable", &retryable);
    error.retryable = retryable;
    host->fail(task, &error);
}

/* 1, 0, or -1: it cannot be evaluated, and the task has failed. */
static int holds(struct wfw_task *task, const struct wfw_call *call, const char *pointer, const struct wfw_value *vars)
{
    const char *expression = "";
    struct wfw_error error = {.size = sizeof error};
    int truth = 0;
    host->get_string(call->config, pointer, &expression, NULL);
    const struct wfw_value *v = host->eval(task, expression, vars, &error);
    if (v && host->get_bool(v, "", &truth) == WFW_OK)
        return truth;
    if (v)
        fail(task, "type_error", "the condition is neither true nor false");
    else
        host->fail(task, &error); /* eval() has filled it */
    return -1;
}

/* ---- acme.repeat_until ---- */

static void finish_rounds(struct wfw_task *task, int64_t rounds)
{
    struct wfw_value *out = host->object(task);
    if (host->set(out, "rounds", host->integer(task, rounds)) == WFW_OK)
        host->done(task, out, "done");
    else
        fail(task, "out_of_memory", "there is no memory for the output");
}

static void begin_round(struct wfw_task *task, int64_t round)
{
    struct wfw_value *vars = host->object(task);
    const struct wfw_enter enter = {.size = sizeof enter, .branch = "body", .vars = vars, .flags = WFW_ENTER_LOOP};
    if (host->set(vars, "round", host->integer(task, round)) == WFW_OK)
        host->enter(task, &enter);
    else
        fail(task, "out_of_memory", "there is no memory for another round");
}

static void wait_a_while(struct wfw_task *task, int64_t ms, int64_t rounds)
{
    struct wfw_value *checkpoint = host->object(task);
    const struct wfw_park park = {.size = sizeof park, .after_ms = ms, .checkpoint = checkpoint};
    if (host->set(checkpoint, "rounds", host->integer(task, rounds)) == WFW_OK)
        host->park(task, &park);
    else
        fail(task, "out_of_memory", "there is no memory for the checkpoint");
}

static void after_round(struct wfw_task *task, const struct wfw_call *call)
{
    int64_t rounds = number(call->scope, "/passes", 0), most = number(call->config, "/max_rounds", 100);
    int64_t pause_ms = number(call->config, "/pause_ms", 0);
    struct wfw_value *vars = host->object(task);
    if (host->set(vars, "round", host->integer(task, rounds)) != WFW_OK) {
        fail(task, "out_of_memory", "there is no memory for the variables");
        return;
    }
    int over = holds(task, call, "/until", vars);
    if (over < 0)
        return;
    if (over)
        finish_rounds(task, rounds);
    else if (rounds >= most)
        fail(task, "max_rounds_exceeded", "the condition does not hold after the last round (max_rounds)");
    else if (pause_ms > 0)
        wait_a_while(task, pause_ms, rounds);
    else
        begin_round(task, rounds + 1);
}

static void repeat_until(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    if (call->why == WFW_WHY_TIMER) /* the pause is over */
        begin_round(task, number(call->checkpoint, "/rounds", 0) + 1);
    else if (call->why != WFW_WHY_SCOPE)
        begin_round(task, 1);
    else if (call->scope_outcome == WFW_SCOPE_FAILED)
        hand_on(task, call->event);
    else if (call->scope_outcome == WFW_SCOPE_BREAK)
        finish_rounds(task, number(call->scope, "/passes", 0));
    else
        after_round(task, call);
}

/* ---- acme.parallel_first ---- */

/* The node behind the `index`th body edge; NULL: there are no more. */
static const char *competitor(const struct wfw_call *call, size_t index)
{
    for (size_t i = 0; i < host->length(call->edges); i++) {
        const struct wfw_value *edge = host->item(call->edges, i, NULL);
        const char *branch = "", *to = NULL;
        host->get_string(edge, "/branch", &branch, NULL);
        if (strcmp(branch, "body") == 0 && index-- == 0 && host->get_string(edge, "/to", &to, NULL) == WFW_OK)
            return to;
    }
    return NULL;
}

/* One pass for each edge: with WFW_ENTER_AGAIN the node is called again at once, to enter the next. */
static void enter_next(struct wfw_task *task, const struct wfw_call *call, size_t index)
{
    const char *to = competitor(call, index);
    struct wfw_enter enter = {.size = sizeof enter,
                              .branch = "body",
                              .to = to,
                              .keep = 1,
                              .flags = competitor(call, index + 1) ? WFW_ENTER_AGAIN : 0};
    if (to)
        host->enter(task, &enter);
    else
        fail(task, "nothing_to_run", "the node has no edges of the branch \"body\"");
}

static void wait_for_others(struct wfw_task *task)
{
    const struct wfw_enter enter = {.size = sizeof enter, .branch = "body", .passes = host->array(task), .keep = 1};
    if (enter.passes)
        host->enter(task, &enter);
    else
        fail(task, "out_of_memory", "there is no memory to wait");
}

static void win(struct wfw_task *task, const struct wfw_call *call)
{
    const char *winner = competitor(call, (size_t)call->scope_pass - 1);
    const struct wfw_value *result = host->get(call->scope, "/result");
    struct wfw_value *out = host->object(task);
    /* Passes that are open when the node ends are cancelled: WFW_ENTER_DETACH was not said. */
    if (host->set(out, "winner", host->string(task, winner ? winner : "", WFW_NTS)) != WFW_OK ||
        (result && host->set(out, "result", result) != WFW_OK))
        fail(task, "out_of_memory", "there is no memory for the output");
    else
        host->done(task, out, "done");
}

static void parallel_first(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    if (call->why != WFW_WHY_SCOPE)
        enter_next(task, call, 0);
    else if (call->scope_pass == 0) /* called again at once */
        enter_next(task, call, (size_t)number(call->scope, "/passes", 0));
    else if (call->scope_outcome == WFW_SCOPE_DONE)
        win(task, call);
    else if (number(call->scope, "/open", 0) > 0)
        wait_for_others(task);
    else if (call->scope_outcome == WFW_SCOPE_FAILED)
        hand_on(task, call->event);
    else
        fail(task, "nobody_won", "no branch came to its end");
}

/* ---- acme.stop ---- */

static void stop(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    int wanted = holds(task, call, "/when", NULL);
    if (wanted > 0)
        host->leave(task, WFW_LEAVE_BREAK, NULL, NULL);
    else if (wanted == 0)
        host->done(task, NULL, NULL);
}

/* ---- What it is made of ---- */

/* What the nodes inside do has an effect class of its own; control flow itself only decides. */
static const struct wfw_node repeat_node = {
    .size = sizeof repeat_node,
    .type = "acme.repeat_until",
    .summary = "Runs its body until an expression holds",
    .description = "Branches: body (the first round is always run), done.  The expression sees `round`.",
    .config_schema =
        "{\"type\":\"object\",\"required\":[\"until\"],\"additionalProperties\":false,\"properties\":{"
        "\"until\":{\"type\":\"string\",\"format\":\"expression\",\"description\":\"looked at after each round\"},"
        "\"pause_ms\":{\"type\":\"integer\",\"minimum\":0,\"default\":0,\"description\":\"between two rounds\"},"
        "\"max_rounds\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000,\"default\":100,\"description\":"
        "\"then the node fails\"}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"rounds\":{\"type\":\"integer\"}}}",
    .examples = "[{\"until\":\"check.status == 'ready'\",\"pause_ms\":60000,\"max_rounds\":1440}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = repeat_until,
};
static const struct wfw_node first_node = {
    .size = sizeof first_node,
    .type = "acme.parallel_first",
    .summary = "Runs its branches side by side until one succeeds",
    .description =
        "One pass for each edge of the branch body; a branch that fails is out of the race.  Branches: body, done.",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"winner\":{\"type\":\"string\"},\"result\":{}}}",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = parallel_first,
};
static const struct wfw_node stop_node = {
    .size = sizeof stop_node,
    .type = "acme.stop",
    .summary = "Ends the innermost loop when an expression holds",
    .config_schema =
        "{\"type\":\"object\",\"required\":[\"when\"],\"additionalProperties\":false,\"properties\":{"
        "\"when\":{\"type\":\"string\",\"format\":\"expression\",\"description\":\"whether the loop ends\"}}}",
    .examples = "[{\"when\":\"total > 100\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = stop,
};
static const struct wfw_node *const nodes[] = {&repeat_node, &first_node, &stop_node, NULL};
static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "acme-flow",
    .version = "1.0.0",
    .license = "Apache-2.0",
    .vendor = "acme",
    .summary = "Control flow",
    .nodes = nodes,
    .init = start,
};
WFW_PLUGIN(plugin)
