/* SPDX-License-Identifier: Apache-2.0 */
/* merge: several values become one. */
#include "data/data.h"

enum strategy { DEEP, SHALLOW, ARRAY };
static const char *const strategies[] = {"deep", "shallow", "array", NULL};

/* ---- sources ---- */

/* A key of the data, or the id of a node whose output it is; NULL when it is neither. */
static const struct wfw_value *source_named(struct wfw_task *task, const struct wfw_value *input, const char *name)
{
    const struct wfw_value *v = member_named(task, input, name);
    size_t size = strlen(name) + sizeof "_output";
    char *longer = v ? NULL : host->alloc(task, size);
    if (!longer)
        return v;
    snprintf(longer, size, "%s_output", name);
    return member_named(task, input, longer);
}

/* NULL: the task has failed. */
static const struct wfw_value *source_value(struct wfw_task *task, const struct wfw_call *call,
                                            const struct wfw_value *source, size_t index)
{
    struct wfw_error error = {.size = sizeof error};
    const char *text;
    if (host->get_string(source, "", &text, NULL) != WFW_OK)
        return source;
    const struct wfw_value *v = source_named(task, call->input, text);
    if (!v)
        v = host->eval(task, text, NULL, &error);
    if (!v)
        fail_with(host, task, error.type, "input_sources[%zu] \"%.200s\": %.700s", index, text, error.message);
    return v;
}

/* An array of the values, without nulls; NULL: the task has failed. */
static const struct wfw_value *all_sources(struct wfw_task *task, const struct wfw_call *call,
                                           const struct wfw_value *sources, size_t *count)
{
    struct wfw_value *all = host->array(task);
    const struct wfw_value *source;
    for (*count = 0; (source = host->item(sources, *count, NULL)); ++*count) {
        const struct wfw_value *v = source_value(task, call, source, *count);
        if (!v)
            return NULL;
        if (host->type(v) != WFW_NULL && host->push(all, v) != WFW_OK) {
            fail_with(host, task, "type_error", "input_sources[%zu] is nested too deeply", *count);
            return NULL;
        }
    }
    return all;
}

/* ---- the three ways ---- */

static struct wfw_value *copy_of(struct wfw_task *task, const struct wfw_value *object)
{
    struct wfw_value *copy = host->object(task);
    const struct wfw_value *v;
    const char *key;
    for (size_t i = 0; (v = host->item(object, i, &key)); i++)
        host->set(copy, key, v);
    return copy;
}

static struct wfw_value *merge_two(struct wfw_task *task, const struct wfw_value *a, const struct wfw_value *b, bool deep);

/* The depth is bounded by that of the values. */
static const struct wfw_value *merge_member(struct wfw_task *task, const struct wfw_value *old,
                                            const struct wfw_value *new, bool deep)
{
    if (!deep || host->type(old) != WFW_OBJECT || host->type(new) != WFW_OBJECT)
        return new;
    return merge_two(task, old, new, true);
}

static struct wfw_value *merge_two(struct wfw_task *task, const struct wfw_value *a, const struct wfw_value *b, bool deep)
{
    struct wfw_value *out = copy_of(task, a);
    size_t count = host->length(b);
    for (size_t i = 0; i < count; i++) {
        const char *key;
        const struct wfw_value *v = host->item(b, i, &key), *old = member_named(task, a, key);
        host->set(out, key, merge_member(task, old, v, deep));
    }
    return out;
}

static const struct wfw_value *merge_objects(struct wfw_task *task, const struct wfw_value *all, bool deep)
{
    const struct wfw_value *out = host->object(task), *v;
    for (size_t i = 0; (v = host->item(all, i, NULL)); i++) {
        if (host->type(v) != WFW_OBJECT) {
            fail_with(host, task, "type_error", "merge_strategy %s needs objects, and one of input_sources is %s",
                      deep ? "deep" : "shallow", type_text(v));
            return NULL;
        }
        out = merge_two(task, out, v, deep);
    }
    return out;
}

static const struct wfw_value *merge_arrays(struct wfw_task *task, const struct wfw_value *all)
{
    struct wfw_value *out = host->array(task);
    const struct wfw_value *v, *element;
    for (size_t i = 0; (v = host->item(all, i, NULL)); i++) {
        if (host->type(v) != WFW_ARRAY)
            host->push(out, v);
        for (size_t k = 0; host->type(v) == WFW_ARRAY && (element = host->item(v, k, NULL)); k++)
            host->push(out, element);
    }
    return out;
}

static void merge_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const struct wfw_value *sources = member(host, call->config, "/input_sources");
    int strategy = choice(task, call->config, "merge_strategy", strategies);
    size_t count = 0, size = 0;
    if (strategy < 0)
        return;
    if (!sources)
        host->log(task, WFW_LOG_WARNING, "The node has no input_sources: its result is empty");
    const struct wfw_value *all = all_sources(task, call, sources, &count);
    const struct wfw_value *result = !all               ? NULL
                                     : strategy == ARRAY ? merge_arrays(task, all)
                                                         : merge_objects(task, all, strategy == DEEP);
    if (!result)
        return;
    if (!add_size(&size, result)) {
        fail_too_large(task);
        return;
    }
    struct wfw_value *out = new_output(task, result, "merged", "merge");
    host->set(out, "sources", host->integer(task, (int64_t)count));
    host->done(task, out, NULL);
}

const struct wfw_node merge_node = {
    .size = sizeof merge_node,
    .type = "merge",
    .summary = "makes one object or array of several values",
    .description =
        "Each of input_sources is the id of a node (its output), a key of the data, an expression, or a value that is no "
        "string; sources that are null are left out. deep: objects are merged member by member on every level, and what "
        "comes later wins, arrays as a whole; shallow: the same on the first level only; array: arrays are put one "
        "behind the other, and other values become elements. Errors: config_invalid for an unknown strategy, "
        "type_error when deep or shallow meets a source that is no object, the expression's own error, "
        "payload_too_large when the result is over 16 MiB; none is retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"merge_strategy\":{\"type\":[\"string\",\"null\"],\"default\":\"deep\","
        "\"description\":\"deep, shallow or array\",\"x-values\":[\"deep\",\"shallow\",\"array\"]},"
        "\"input_sources\":{\"type\":[\"array\",\"null\"],\"description\":\"what is merged, the last one wins\"}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":[\"object\",\"array\"]},"
                     "\"merged\":{\"const\":true},\"type\":{\"const\":\"merge\"},"
                     "\"sources\":{\"type\":\"integer\",\"description\":\"how many there were\"}}}",
    .examples = "[{\"input_sources\":[\"defaults\",\"fetch_user\"],\"merge_strategy\":\"deep\"},"
                "{\"input_sources\":[\"page1_output.json\",\"page2_output.json\"],\"merge_strategy\":\"array\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = merge_run,
};
