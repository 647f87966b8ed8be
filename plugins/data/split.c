/* SPDX-License-Identifier: Apache-2.0 */
/* split: an array becomes several, by a key, by size, or by conditions. */
#include "data/data.h"

enum strategy { BY_KEY, BY_SIZE, BY_CONDITION };
static const char *const strategies[] = {"by_key", "by_size", "by_condition", NULL};

#define MAX_CONDITIONS 100

struct condition {
    const char *name;
    struct expression expression;
    struct wfw_value *part;
};

struct split {
    struct work work;
    enum strategy strategy;
    struct binding at;
    size_t count;
    struct expression key;  /* by_key */
    struct wfw_value *parts; /* what the result becomes: an object of arrays, or an array of arrays */
    struct wfw_value *index; /* by_key: name -> number of the part */
    struct canon canon;
    struct wfw_value **groups; /* by_key: the arrays; by_size: the one that is being filled */
    const char **names;
    size_t group_count;
    size_t size; /* by_size */
    struct condition *conditions;
    size_t condition_count;
};

static bool finish(struct split *s)
{
    for (size_t i = 0; i < s->group_count; i++)
        host->set(s->parts, s->names[i], s->groups[i]);
    for (size_t i = 0; i < s->condition_count; i++)
        host->set(s->parts, s->conditions[i].name, s->conditions[i].part);
    struct wfw_value *out = new_output(s->work.task, s->parts, "split", "split");
    host->set(out, "count", host->integer(s->work.task, (int64_t)host->length(s->parts)));
    host->done(s->work.task, out, NULL);
    return false;
}

/* ---- by_key ---- */

/* The text under which the parts stand: strings as they are, other values as JSON. */
static const char *part_name(struct wfw_task *task, const struct wfw_value *v)
{
    const char *text;
    int64_t whole;
    if (host->get_string(v, "", &text, NULL) == WFW_OK)
        return text;
    if (host->get_int(v, "", &whole) == WFW_OK)
        v = host->integer(task, whole);
    return host->text(task, v, NULL);
}

static struct wfw_value *part_of(struct split *s, const char *name)
{
    int64_t at;
    const struct wfw_value *known = member_named(s->work.task, s->index, name);
    if (known && host->get_int(known, "", &at) == WFW_OK)
        return s->groups[at];
    size_t i = s->group_count++;
    host->set(s->index, name, host->integer(s->work.task, (int64_t)i));
    s->names[i] = name;
    return s->groups[i] = host->array(s->work.task);
}

static bool key_step(struct split *s)
{
    const struct wfw_value *v = expression_eval(s->work.task, &s->key, &s->at, PARAMS_ITEM);
    const char *name = v ? part_name(s->work.task, v) : NULL;
    return name && push_element(s->work.task, part_of(s, name), s->at.item, s->at.index);
}

/* ---- by_size ---- */

static bool size_step(struct split *s)
{
    if (s->at.index % s->size == 0)
        s->groups[0] = host->array(s->work.task);
    bool full = (s->at.index + 1) % s->size == 0 || s->at.index + 1 == s->count;
    return push_element(s->work.task, s->groups[0], s->at.item, s->at.index) &&
           (!full || push_element(s->work.task, s->parts, s->groups[0], s->at.index));
}

/* ---- by_condition ---- */

/* The first condition that is true takes the element; the last part has none. */
static bool condition_step(struct split *s)
{
    size_t i = 0;
    for (; i + 1 < s->condition_count; i++) {
        const struct wfw_value *v = expression_eval(s->work.task, &s->conditions[i].expression, &s->at, PARAMS_ITEM);
        if (!v)
            return false;
        if (is_true(host, v))
            break;
    }
    return push_element(s->work.task, s->conditions[i].part, s->at.item, s->at.index);
}

static bool split_step(struct work *w)
{
    struct split *s = (struct split *)w;
    if (s->at.index == s->count)
        return finish(s);
    s->at.item = host->item(s->at.array, s->at.index, NULL);
    bool ok = s->strategy == BY_KEY ? key_step(s) : s->strategy == BY_SIZE ? size_step(s) : condition_step(s);
    s->at.index++;
    return ok;
}

/* ---- reading the config ---- */

/* A member of split_config; NULL: the task has failed. */
static const struct wfw_value *needed(struct wfw_task *task, const struct wfw_value *config, const char *key)
{
    const struct wfw_value *v = member_named(task, config, key);
    if (v && host->type(v) != WFW_NULL)
        return v;
    fail_with(host, task, "config_invalid", "split_config.%s is required for split_strategy by_%s", key,
              strcmp(key, "conditions") == 0 ? "condition" : key);
    return NULL;
}

static int read_key(struct wfw_task *task, struct split *s, const struct wfw_value *config)
{
    const struct wfw_value *v = needed(task, config, "key");
    s->parts = host->object(task);
    s->index = host->object(task);
    s->groups = v ? work_alloc(task, s->count + 1, sizeof *s->groups) : NULL;
    s->names = s->groups ? work_alloc(task, s->count + 1, sizeof *s->names) : NULL;
    return s->names ? expression_read(task, v, "split_config.key", true, &s->key) : -1;
}

static int read_size(struct wfw_task *task, struct split *s, const struct wfw_value *config)
{
    const struct wfw_value *v = needed(task, config, "size");
    int64_t size = 0;
    if (!v)
        return -1;
    if (host->get_int(v, "", &size) != WFW_OK || size < 1) {
        fail_with(host, task, "config_invalid", "split_config.size is %.64s: it must be a whole number from 1",
                  host->text(task, v, NULL));
        return -1;
    }
    s->size = (size_t)size;
    s->parts = host->array(task);
    s->groups = work_alloc(task, 1, sizeof *s->groups);
    return s->groups ? 0 : -1;
}

static int add_condition(struct wfw_task *task, struct split *s, const char *name, const struct wfw_value *v,
                         const char *key)
{
    struct condition *c = &s->conditions[s->condition_count++];
    *c = (struct condition){.name = name, .part = host->array(task)};
    return v ? expression_read(task, v, key, false, &c->expression) : 0;
}

/* `condition` makes the parts true and false; `conditions` those it names, and default. */
static int read_conditions(struct wfw_task *task, struct split *s, const struct wfw_value *config)
{
    const struct wfw_value *one = member(host, config, "/condition"), *v;
    const struct wfw_value *many = one ? NULL : needed(task, config, "conditions");
    size_t count = one ? 1 : host->length(many);
    const char *name;
    if (!one && !many)
        return -1;
    if (many && (host->type(many) != WFW_OBJECT || count == 0 || count > MAX_CONDITIONS || host->get(many, "/default"))) {
        fail_with(host, task, "config_invalid",
                  "split_config.conditions must be an object of 1 to %d expressions, without the name default",
                  MAX_CONDITIONS);
        return -1;
    }
    s->parts = host->object(task);
    s->conditions = work_alloc(task, count + 1, sizeof *s->conditions);
    if (!s->conditions)
        return -1;
    if (one)
        return add_condition(task, s, "true", one, "split_config.condition") | add_condition(task, s, "false", NULL, "");
    for (size_t i = 0; (v = host->item(many, i, &name)); i++)
        if (add_condition(task, s, name, v, "split_config.conditions") != 0)
            return -1;
    return add_condition(task, s, "default", NULL, "");
}

static void split_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    static int (*const read[])(struct wfw_task *, struct split *, const struct wfw_value *) = {read_key, read_size,
                                                                                               read_conditions};
    const struct wfw_value *config = member(host, call->config, "/split_config");
    bool inside = !host->get(call->config, "/input_array") && config && host->get(config, "/input_array");
    int strategy = choice(task, call->config, "split_strategy", strategies);
    struct split *s = strategy < 0 ? NULL : work_alloc(task, 1, sizeof *s);
    if (!s)
        return;
    s->at.array = array_source(task, inside ? config : call->config, "input_array");
    if (!s->at.array)
        return;
    s->work = (struct work){.task = task, .step = split_step};
    s->strategy = (enum strategy)strategy;
    s->count = host->length(s->at.array);
    if (read[strategy](task, s, config) == 0)
        work_run(&s->work);
}

const struct wfw_node split_node = {
    .size = sizeof split_node,
    .type = "split",
    .summary = "makes several arrays of one",
    .description =
        "by_key: the result is an object with an array for each value of split_config.key, an expression or the name of "
        "a member; by_size: an array of arrays of split_config.size elements, the last one shorter; by_condition: an "
        "object with the arrays `true` and `false` for split_config.condition, or an array for each name in "
        "split_config.conditions and `default` for the elements for which none of them is true." ELEMENT_NOTE
        " input_array may stand in split_config too. Errors: config_invalid for an unknown strategy or what is missing in "
        "split_config." ERRORS_NOTE,
    .config_schema =
        "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
        "\"split_strategy\":{\"type\":[\"string\",\"null\"],\"default\":\"by_key\","
        "\"description\":\"by_key, by_size or by_condition\",\"x-values\":[\"by_key\",\"by_size\",\"by_condition\"]},"
        "\"split_config\":{\"type\":[\"object\",\"null\"],\"description\":\"how; texts are expressions\","
        "\"properties\":{\"input_array\":{\"description\":\"the array, when it does not stand beside split_config\"},"
        "\"key\":{\"description\":\"by_key: an expression or the name of a member\"},"
        "\"size\":{\"description\":\"by_size: elements of each part, from 1\"},"
        "\"condition\":{\"description\":\"by_condition: an expression\"},"
        "\"conditions\":{\"description\":\"by_condition: names and expressions, the first that is true wins\"}}}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":[\"object\",\"array\"]},"
                     "\"split\":{\"const\":true},\"type\":{\"const\":\"split\"},"
                     "\"count\":{\"type\":\"integer\",\"description\":\"how many parts\"}}}",
    .examples =
        "[{\"input_array\":\"input.orders\",\"split_strategy\":\"by_key\",\"split_config\":{\"key\":\"country\"}},"
        "{\"input_array\":\"input.orders\",\"split_strategy\":\"by_size\",\"split_config\":{\"size\":100}},"
        "{\"input_array\":\"input.orders\",\"split_strategy\":\"by_condition\","
        "\"split_config\":{\"condition\":\"item.total > 100\"}}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = split_run,
};
