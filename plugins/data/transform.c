/* SPDX-License-Identifier: Apache-2.0 */
/* map, filter, reduce: one expression for every element of an array. */
#include "data/data.h"

struct transform {
    struct work work;
    struct expression expression;
    struct binding at;
    size_t count, size;
    struct wfw_value *result; /* map, filter */
    bool filter;
};

/* NULL: the task has failed. */
static struct transform *transform_new(struct wfw_task *task, const struct wfw_call *call, const char *key,
                                       bool (*step)(struct work *))
{
    const struct wfw_value *text = member_named(task, call->config, key);
    if (!text || host->type(text) == WFW_NULL) {
        fail_with(host, task, "config_invalid", "%s is required for %s node", key, call->node_type);
        return NULL;
    }
    struct transform *t = work_alloc(task, 1, sizeof *t);
    if (!t || expression_read(task, text, key, false, &t->expression) != 0)
        return NULL;
    t->at.array = array_source(task, call->config, "input_array");
    if (!t->at.array)
        return NULL;
    t->count = host->length(t->at.array);
    t->work = (struct work){.task = task, .step = step};
    return t;
}

/* ---- map, filter ---- */

static bool keep_element(struct transform *t, const struct wfw_value *v)
{
    if (!add_size(&t->size, v)) {
        fail_too_large(t->work.task);
        return false;
    }
    return push_element(t->work.task, t->result, v, t->at.index);
}

static bool element_step(struct work *w)
{
    struct transform *t = (struct transform *)w;
    if (t->at.index == t->count) {
        host->done(w->task, new_output(w->task, t->result, t->filter ? "filtered" : "transformed", t->filter ? "filter" : "map"),
                   NULL);
        return false;
    }
    t->at.item = host->item(t->at.array, t->at.index, NULL);
    const struct wfw_value *v = expression_eval(w->task, &t->expression, &t->at, PARAMS_ITEM);
    if (!v)
        return false;
    bool keep = !t->filter || is_true(host, v);
    if (keep && !keep_element(t, t->filter ? t->at.item : v))
        return false;
    host->release(w->task, v);
    t->at.index++;
    return true;
}

static void run_elements(struct wfw_task *task, const struct wfw_call *call, const char *key, bool filter)
{
    struct transform *t = transform_new(task, call, key, element_step);
    if (!t)
        return;
    t->filter = filter;
    t->result = host->array(task);
    work_run(&t->work);
}

static void map_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    run_elements(task, call, "map_expression", false);
}

static void filter_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    run_elements(task, call, "filter_condition", true);
}

/* ---- reduce ---- */

static bool reduce_step(struct work *w)
{
    struct transform *t = (struct transform *)w;
    if (t->at.index == t->count) {
        host->done(w->task, new_output(w->task, t->at.acc, "reduced", "reduce"), NULL);
        return false;
    }
    t->at.item = host->item(t->at.array, t->at.index, NULL);
    const struct wfw_value *v = expression_eval(w->task, &t->expression, &t->at, PARAMS_ACC);
    if (!v)
        return false;
    if (t->at.index > 0)
        host->release(w->task, t->at.acc);
    t->at.acc = v;
    t->at.index++;
    return true;
}

/* Where acc begins: initial_value, text being an expression; without one the first element.  0, or -1: failed. */
static int begin_acc(struct wfw_task *task, struct transform *t, const struct wfw_value *config)
{
    const struct wfw_value *v = host->get(config, "/initial_value");
    struct wfw_error error = {.size = sizeof error};
    const char *text;
    if (v && host->get_string(v, "", &text, NULL) != WFW_OK) {
        t->at.acc = v;
        return 0;
    }
    if (v && *text) {
        t->at.acc = host->eval(task, text, NULL, &error);
        if (!t->at.acc)
            fail_with(host, task, error.type, "initial_value \"%.200s\": %.700s", text, error.message);
        return t->at.acc ? 0 : -1;
    }
    if (t->count == 0) {
        fail_with(host, task, "type_error", "input_array is empty and there is no initial_value");
        return -1;
    }
    t->at.acc = host->item(t->at.array, 0, NULL);
    t->at.index = 1;
    return 0;
}

static void reduce_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct transform *t = transform_new(task, call, "reduce_function", reduce_step);
    if (t && begin_acc(task, t, call->config) == 0)
        work_run(&t->work);
}

/* ---- what they are ---- */

#define EXPRESSION_TYPES "\"type\":[\"string\",\"boolean\",\"number\",\"null\"],\"format\":\"expression\""

const struct wfw_node map_node = {
    .size = sizeof map_node,
    .type = "map",
    .summary = "makes an array by an expression for each element",
    .description = "The result is an array of the same length: the value of map_expression for each element." ELEMENT_NOTE
        ERRORS_NOTE,
    .config_schema = "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
                     "\"map_expression\":{" EXPRESSION_TYPES ",\"description\":\"the new element\"}}"
                     ",\"x-needs\":[[\"input_array\"],[\"map_expression\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":\"array\"},"
                     "\"transformed\":{\"const\":true},\"type\":{\"const\":\"map\"}}}",
    .examples = "[{\"input_array\":\"input.orders\",\"map_expression\":\"{id: item.id, gross: item.net * 1.2}\"},"
                "{\"input_array\":[1,2,3],\"map_expression\":\"(n, i) => n * i\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = map_run,
};

const struct wfw_node filter_node = {
    .size = sizeof filter_node,
    .type = "filter",
    .summary = "keeps the elements for which a condition is true",
    .description = "The result is an array of the elements for which filter_condition is true, as in JavaScript, in "
                   "their order." ELEMENT_NOTE ERRORS_NOTE,
    .config_schema = "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
                     "\"filter_condition\":{" EXPRESSION_TYPES ",\"description\":\"is the element kept?\"}}"
                     ",\"x-needs\":[[\"input_array\"],[\"filter_condition\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":\"array\"},"
                     "\"filtered\":{\"const\":true},\"type\":{\"const\":\"filter\"}}}",
    .examples = "[{\"input_array\":\"input.orders\",\"filter_condition\":\"item.total > 100 and item.status == 'open'\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = filter_run,
};

const struct wfw_node reduce_node = {
    .size = sizeof reduce_node,
    .type = "reduce",
    .summary = "makes one value of all elements",
    .description =
        "Evaluates reduce_function for each element; it sees what has been gathered as `acc`, the element as `item`, its "
        "number from 0 as `index`, and may also be written as a function, `(sum, x) => sum + x`. The result is the last "
        "value. `acc` begins with initial_value; without one with the first element, and the work begins at the second; "
        "an empty array is then a type_error." ERRORS_NOTE,
    .config_schema =
        "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
        "\"reduce_function\":{" EXPRESSION_TYPES ",\"description\":\"the new value of acc\"},"
        "\"initial_value\":{\"format\":\"expression\",\"description\":\"where acc begins: the text of an expression, or "
        "any other value itself\"}},\"x-needs\":[[\"input_array\"],[\"reduce_function\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"description\":\"the last acc\"},"
                     "\"reduced\":{\"const\":true},\"type\":{\"const\":\"reduce\"}}}",
    .examples = "[{\"input_array\":\"input.orders\",\"reduce_function\":\"acc + item.total\",\"initial_value\":\"0\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = reduce_run,
};
