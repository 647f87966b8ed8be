/* SPDX-License-Identifier: Apache-2.0 */
/* condition, if, switch: evaluate an expression over the execution's data and name the branch that is taken.
 *
 * condition_type javascript (the default) takes JavaScript's truth of the result; python and jsonpath take Python's,
 * where empty arrays and objects are false, as graphs written for them expect. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/util.h"

static const struct wfw_host *host;

/* As in Python, empty arrays and objects are false. */
static int is_true_in_python(const struct wfw_value *v)
{
    uint32_t type = host->type(v);
    return type == WFW_ARRAY || type == WFW_OBJECT ? host->length(v) > 0 : is_true(host, v);
}

/* ---- Dotted paths (condition_type jsonpath): a.b.0.c, a.b[0].c, with $. before it or not ---- */

/* The next step of the path, with its end; brackets are taken off.  0 when the path is not one. */
static size_t next_step(const char **path, const char **step)
{
    const char *p = *path;
    if (*p == '.')
        p++;
    char close = 0;
    if (*p == '[') {
        p++;
        close = ']';
        if (*p == '\'' || *p == '"')
            close = *p++;
    }
    char ends[] = {close ? close : '.', close ? '\0' : '[', '\0'};
    size_t len = strcspn(p, ends);
    *step = p;
    p += len;
    if (close && *p++ != close)
        return 0;
    if (close && close != ']' && *p++ != ']')
        return 0;
    *path = p;
    return len;
}

static const struct wfw_value *member_named(const struct wfw_value *object, const char *name, size_t len)
{
    const char *key;
    const struct wfw_value *v;
    for (size_t i = 0; (v = host->item(object, i, &key)); i++)
        if (strlen(key) == len && memcmp(key, name, len) == 0)
            return v;
    return NULL;
}

static const struct wfw_value *element(const struct wfw_value *array, const char *digits, size_t len)
{
    if (len > 9 || strspn(digits, "0123456789") < len)
        return NULL;
    return host->item(array, strtoul(digits, NULL, 10), NULL);
}

static const struct wfw_value *follow_path(const struct wfw_value *v, const char *path)
{
    if (*path == '$')
        path++;
    while (v && *path) {
        const char *step;
        size_t len = next_step(&path, &step);
        if (len == 0)
            return NULL;
        uint32_t type = host->type(v);
        v = type == WFW_OBJECT ? member_named(v, step, len) : type == WFW_ARRAY ? element(v, step, len) : NULL;
    }
    return v;
}

/* ---- condition, if ---- */

/* The text of an expression: a string, or a number or boolean that says the same as its text. */
static const char *expression_of(struct wfw_task *task, const struct wfw_value *config, const char *pointer)
{
    const struct wfw_value *v = member(host, config, pointer);
    switch (host->type(v)) {
    case WFW_STRING:
        return text_member(host, config, pointer);
    case WFW_BOOL:
    case WFW_INT:
    case WFW_REAL:
        return host->text(task, v, NULL);
    default:
        return NULL;
    }
}

static const char *condition_text(struct wfw_task *task, const struct wfw_value *config)
{
    const char *text = expression_of(task, config, "/condition");
    return text ? text : expression_of(task, config, "/expression");
}

/* NULL: the node has failed. */
static const struct wfw_value *evaluate(struct wfw_task *task, const char *text)
{
    struct wfw_error error = {.size = sizeof error};
    const struct wfw_value *v = host->eval(task, text, NULL, &error);
    if (!v)
        fail_with(host, task, error.type, "expression \"%.200s\": %.700s", text, error.message);
    return v;
}

static void choose(struct wfw_task *task, const char *text, int result)
{
    struct wfw_value *out = host->object(task);
    const char *branch = result ? "true" : "false";
    host->set(out, "condition_result", host->boolean(task, result));
    host->set(out, "branch", host->string(task, branch, WFW_NTS));
    host->set(out, "condition_expr", host->string(task, text, WFW_NTS));
    host->done(task, out, branch);
}

static void decide(struct wfw_task *task, const struct wfw_call *call, const char *text)
{
    const char *type = text_member(host, call->config, "/condition_type");
    if (type && strcmp(type, "jsonpath") == 0) {
        choose(task, text, is_true_in_python(follow_path(call->input, text)));
        return;
    }
    int python = type && strcmp(type, "python") == 0;
    if (type && !python && strcmp(type, "javascript") != 0) {
        fail_with(host, task, "config_invalid", "condition_type \"%.64s\" is not one of javascript, python, jsonpath",
                  type);
        return;
    }
    const struct wfw_value *v = evaluate(task, text);
    if (v)
        choose(task, text, python ? is_true_in_python(v) : is_true(host, v));
}

static void condition_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *text = condition_text(task, call->config);
    if (text)
        decide(task, call, text);
    else
        fail_with(host, task, "config_invalid", "condition expression is required for %s node", call->node_type);
}

/* ---- switch ---- */

/* The branch of a value: its case's key, or the name that the case gives; NULL when there is no such case. */
static const char *case_of(const struct wfw_value *cases, const char *value, size_t len)
{
    const char *key, *name;
    const struct wfw_value *v;
    for (size_t i = 0; (v = host->item(cases, i, &key)); i++) {
        if (strlen(key) != len || memcmp(key, value, len) != 0)
            continue;
        return host->get_string(v, "", &name, NULL) == WFW_OK && *name ? name : key;
    }
    return NULL;
}

/* The text that the keys of `cases` are compared with: strings as they are, whole numbers without a point. */
static const char *text_of(struct wfw_task *task, const struct wfw_value *v, char whole[24], size_t *len)
{
    const char *text;
    int64_t number;
    if (host->get_string(v, "", &text, len) == WFW_OK)
        return text;
    if (host->get_int(v, "", &number) != WFW_OK)
        return host->text(task, v, len);
    *len = (size_t)snprintf(whole, 24, "%" PRId64, number);
    return whole;
}

static void choose_case(struct wfw_task *task, const struct wfw_value *cases, const char *text,
                        const struct wfw_value *v)
{
    size_t len = 0;
    char whole[24];
    const char *value = text_of(task, v, whole, &len);
    const char *found = value && host->type(cases) == WFW_OBJECT ? case_of(cases, value, len) : NULL;
    const char *branch = found ? found : "default";
    struct wfw_value *out = host->object(task);
    host->set(out, "condition_result", host->boolean(task, found != NULL));
    host->set(out, "branch", host->string(task, branch, WFW_NTS));
    host->set(out, "condition_expr", host->string(task, text, WFW_NTS));
    host->set(out, "value", v);
    host->done(task, out, branch);
}

static void switch_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_value *cases = member(host, call->config, "/cases");
    const char *text = expression_of(task, call->config, "/switch_expression");
    if (!text && host->length(cases) > 0)
        text = condition_text(task, call->config);
    if (!text) {
        condition_run(state, task, call); /* a switch that is configured like a condition */
        return;
    }
    const struct wfw_value *v = evaluate(task, text);
    if (v)
        choose_case(task, cases, text, v);
}

/* ---- What the plugin is ---- */

#define CONDITION_PROPERTIES                                                                                           \
    "\"condition\":{\"type\":[\"string\",\"boolean\",\"number\",\"null\"],\"format\":\"expression\","                  \
    "\"description\":\"the expression; comes before `expression`\"},"                                                  \
    "\"expression\":{\"type\":[\"string\",\"boolean\",\"number\",\"null\"],\"format\":\"expression\","                 \
    "\"description\":\"the expression\"},"                                                                             \
    "\"condition_type\":{\"type\":[\"string\",\"null\"],\"default\":\"javascript\","                                   \
    "\"description\":\"javascript, python (empty arrays and objects are false) or jsonpath (a dotted path into the "   \
    "data, true when there is something)\",\"x-values\":[\"javascript\",\"python\",\"jsonpath\"]}"

#define CONDITION_OUTPUT                                                                                               \
    "\"condition_result\":{\"type\":\"boolean\"},"                                                                     \
    "\"branch\":{\"type\":\"string\",\"description\":\"the edge that is taken\"},"                                     \
    "\"condition_expr\":{\"type\":\"string\",\"description\":\"the expression as it stands in the config\"}"

static const char *const condition_aliases[] = {"if", NULL};

static const struct wfw_node condition = {
    .size = sizeof condition,
    .type = "condition",
    .aliases = condition_aliases,
    .summary = "takes the branch true or false",
    .description =
        "Evaluates an expression over the execution's data and takes the edges labelled with its truth. Fails with "
        "config_invalid without an expression or with an unknown condition_type, and with the expression's own error "
        "(expression_error when it does not compile, unknown_name, type_error, ...); none is retried.",
    .config_schema = "{\"type\":\"object\",\"properties\":{" CONDITION_PROPERTIES "},\"x-needs\":[[\"condition\",\"expression\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{" CONDITION_OUTPUT "}}",
    .examples = "[{\"expression\":\"order.total > 100 && status === 'open'\"},{\"expression\":\"${value} > 10\"},"
                "{\"condition\":\"customer.address.city\",\"condition_type\":\"jsonpath\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = condition_run,
};

static const struct wfw_node switch_node = {
    .size = sizeof switch_node,
    .type = "switch",
    .summary = "takes the branch of the case that matches",
    .description =
        "Evaluates switch_expression and compares its text with the keys of `cases`. The branch is the key that "
        "matches, or the name that the case gives as a string; without a match it is `default`. Without "
        "switch_expression and cases it is a condition. Fails as condition does.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"switch_expression\":{\"type\":[\"string\",\"boolean\",\"number\",\"null\"],\"format\":\"expression\","
        "\"description\":\"what is compared\"},"
        "\"cases\":{\"type\":[\"object\",\"null\"],\"description\":\"value: name of the branch, or anything "
        "else when the branch is named as the value\"}," CONDITION_PROPERTIES
        "},\"x-needs\":[[\"switch_expression\",\"condition\",\"expression\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{" CONDITION_OUTPUT
                     ",\"value\":{\"description\":\"what the expression gave; not in a condition\"}}}",
    .examples = "[{\"switch_expression\":\"order.status\",\"cases\":{\"open\":\"\",\"paid\":\"ship\"}}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = switch_run,
};

static int condition_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg,
                          size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&condition, &switch_node, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "condition",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "choosing a branch: condition, if, switch",
    .nodes = nodes,
    .init = condition_init,
};

WFW_PLUGIN(plugin)
