/* SPDX-License-Identifier: Apache-2.0 */
/* aggregate: elements in groups, and a row of figures for each group. */
#include <math.h>

#include "data/data.h"

#define MAX_KEYS 16
#define MAX_FIGURES 64

enum function { COUNT_OF, SUM, AVG, MIN, MAX, FIRST, LAST, LIST };
static const char *const functions[] = {"count", "sum", "avg", "min", "max", "first", "last", "list", NULL};

/* A member of the rows. */
struct column {
    const char *name;
    bool computed; /* has an expression */
    enum function function;
    struct expression expression;
};

/* What has been gathered for one figure of one group. */
struct figure {
    int64_t count, whole; /* elements; their sum while it is exact */
    bool inexact;
    double sum, lost; /* Neumaier's summation */
    const struct wfw_value *value;
    struct wfw_value *list;
};

struct group {
    struct wfw_value *row; /* holds the keys already */
    struct figure *figures;
};

struct aggregate {
    struct work work;
    struct binding at;
    size_t count;
    struct column keys[MAX_KEYS], figures[MAX_FIGURES];
    size_t key_count, figure_count;
    struct canon canon;
    struct wfw_value *index; /* text of the keys -> number of the group */
    struct group **groups;
    size_t group_count;
    struct wfw_value *result;
    size_t out, size;
};

/* ---- gathering ---- */

static bool type_mismatch(struct aggregate *a, const struct column *c, const struct wfw_value *v, const char *wanted)
{
    fail_with(host, a->work.task, "type_error", "%s of \"%.200s\", element %zu: it is %s, not %s", functions[c->function],
              c->expression.text, a->at.index, type_text(v), wanted);
    return false;
}

static bool add_to_sum(struct aggregate *a, const struct column *c, struct figure *f, const struct wfw_value *v)
{
    int64_t whole;
    double d;
    if (host->get_real(v, "", &d) != WFW_OK)
        return type_mismatch(a, c, v, "a number");
    if (host->get_int(v, "", &whole) != WFW_OK || __builtin_add_overflow(f->whole, whole, &f->whole))
        f->inexact = true;
    double sum = f->sum + d;
    f->lost += fabs(f->sum) >= fabs(d) ? (f->sum - sum) + d : (d - sum) + f->sum;
    f->sum = sum;
    return true;
}

static bool keep_extreme(struct aggregate *a, const struct column *c, struct figure *f, const struct wfw_value *v)
{
    const char *x, *y;
    double m = 0, n = 0;
    int order;
    bool text = host->get_string(v, "", &x, NULL) == WFW_OK, number = host->get_real(v, "", &m) == WFW_OK;
    if (!text && !number)
        return type_mismatch(a, c, v, "a number or a string");
    if (!f->value) {
        f->value = v;
        return true;
    }
    if (text && host->get_string(f->value, "", &y, NULL) == WFW_OK)
        order = strcmp(x, y);
    else if (number && host->get_real(f->value, "", &n) == WFW_OK)
        order = (m > n) - (m < n);
    else
        return type_mismatch(a, c, v, text ? "a number as those before it" : "a string as those before it");
    if (c->function == MIN ? order < 0 : order > 0)
        f->value = v;
    return true;
}

/* count, sum, avg, min and max pass over null. */
static bool add_to_figure(struct aggregate *a, const struct column *c, struct figure *f, const struct wfw_value *v)
{
    bool null = host->type(v) == WFW_NULL;
    if (null && c->function < FIRST)
        return true;
    f->count++;
    switch (c->function) {
    case SUM:
    case AVG:
        return add_to_sum(a, c, f, v);
    case MIN:
    case MAX:
        return keep_extreme(a, c, f, v);
    case FIRST:
        if (f->count == 1)
            f->value = v;
        return true;
    case LAST:
        f->value = v;
        return true;
    case LIST:
        if (add_size(&a->size, v))
            return push_element(a->work.task, f->list, v, a->at.index);
        fail_too_large(a->work.task);
        return false;
    default:
        return true;
    }
}

static bool add_to_group(struct aggregate *a, struct group *g)
{
    for (size_t i = 0; i < a->figure_count; i++) {
        const struct column *c = &a->figures[i];
        const struct wfw_value *v =
            c->computed ? expression_eval(a->work.task, &c->expression, &a->at, PARAMS_ITEM) : a->at.item;
        if (!v)
            return false;
        if (!c->computed && c->function == COUNT_OF)
            g->figures[i].count++; /* count without an expression counts elements */
        else if (!add_to_figure(a, c, &g->figures[i], v))
            return false;
    }
    return true;
}

static struct group *new_group(struct aggregate *a, const struct wfw_value *const *values)
{
    struct wfw_task *task = a->work.task;
    struct group *g = work_alloc(task, 1, sizeof *g);
    struct figure *figures = g ? work_alloc(task, a->figure_count, sizeof *figures) : NULL;
    if (!figures)
        return NULL;
    *g = (struct group){.row = host->object(task), .figures = figures};
    for (size_t i = 0; i < a->key_count; i++)
        host->set(g->row, a->keys[i].name, values[i]);
    for (size_t i = 0; i < a->figure_count; i++)
        figures[i].list = a->figures[i].function == LIST ? host->array(task) : NULL;
    return a->groups[a->group_count++] = g;
}

static struct group *group_named(struct aggregate *a, const char *pointer, const struct wfw_value *const *values)
{
    int64_t number;
    const struct wfw_value *known = host->get(a->index, pointer);
    if (known && host->get_int(known, "", &number) == WFW_OK)
        return a->groups[number];
    host->set(a->index, pointer + 1, host->integer(a->work.task, (int64_t)a->group_count));
    return new_group(a, values);
}

/* The group of the element; NULL: the task has failed. */
static struct group *group_of(struct aggregate *a)
{
    const struct wfw_value *values[MAX_KEYS];
    for (size_t i = 0; i < a->key_count; i++) {
        values[i] = expression_eval(a->work.task, &a->keys[i].expression, &a->at, PARAMS_ITEM);
        if (!values[i])
            return NULL;
    }
    const char *pointer = canon_pointer(&a->canon, values, a->key_count);
    struct group *g = pointer ? group_named(a, pointer, values) : NULL;
    for (size_t i = 0; g && i < a->key_count; i++)
        host->release(a->work.task, values[i]);
    return g;
}

/* ---- the rows ---- */

static const struct wfw_value *figure_value(struct wfw_task *task, const struct column *c, const struct figure *f)
{
    double sum = f->sum + f->lost;
    switch (c->function) {
    case COUNT_OF:
        return host->integer(task, f->count);
    case SUM:
        return f->inexact ? number_value(task, sum) : host->integer(task, f->whole);
    case AVG:
        return f->count ? number_value(task, sum / (double)f->count) : host->null(task);
    case LIST:
        return f->list;
    default:
        return f->value ? f->value : host->null(task);
    }
}

static bool row_step(struct work *w)
{
    struct aggregate *a = (struct aggregate *)w;
    if (a->out == a->group_count) {
        host->done(w->task, new_output(w->task, a->result, NULL, "aggregate"), NULL);
        return false;
    }
    struct group *g = a->groups[a->out++];
    for (size_t i = 0; i < a->figure_count; i++) {
        const struct wfw_value *v = figure_value(w->task, &a->figures[i], &g->figures[i]);
        if (!v) {
            fail_with(host, w->task, "not_a_number", "%s of \"%.200s\" is not a finite number",
                      functions[a->figures[i].function], a->figures[i].expression.text);
            return false;
        }
        host->set(g->row, a->figures[i].name, v);
    }
    return push_element(w->task, a->result, g->row, a->out);
}

static bool element_step(struct work *w)
{
    struct aggregate *a = (struct aggregate *)w;
    if (a->at.index == a->count) {
        w->step = row_step;
        return true;
    }
    a->at.item = host->item(a->at.array, a->at.index, NULL);
    struct group *g = a->key_count ? group_of(a) : a->groups[0];
    if (!g || !add_to_group(a, g))
        return false;
    a->at.index++;
    return true;
}

/* ---- reading the config ---- */

/* `total` and `item.total` make a member "total"; others "key". */
static const char *name_of(const char *text)
{
    const char *name = strrchr(text, '.') ? strrchr(text, '.') + 1 : text;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$");
    size_t all = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.");
    return len > 0 && !name[len] && !text[all] && strcmp(name, "item") != 0 ? name : "key";
}

static int add_key(struct wfw_task *task, struct aggregate *a, const char *name, const struct wfw_value *v)
{
    struct column *c = &a->keys[a->key_count];
    if (expression_read(task, v, "group_by", true, &c->expression) != 0)
        return -1;
    c->name = name ? name : name_of(c->expression.text);
    for (size_t i = 0; i < a->key_count; i++) {
        if (strcmp(a->keys[i].name, c->name) != 0)
            continue;
        fail_with(host, task, "config_invalid", "group_by has two keys named %.64s: give names, {\"name\": \"expression\"}",
                  c->name);
        return -1;
    }
    a->key_count++;
    return 0;
}

static int read_keys(struct wfw_task *task, struct aggregate *a, const struct wfw_value *by)
{
    const struct wfw_value *v;
    const char *name;
    uint32_t type = by ? host->type(by) : (uint32_t)WFW_ARRAY;
    if (type != WFW_ARRAY && type != WFW_OBJECT)
        return add_key(task, a, NULL, by);
    if (by && host->length(by) > MAX_KEYS) {
        fail_with(host, task, "config_invalid", "group_by has more than %d keys", MAX_KEYS);
        return -1;
    }
    for (size_t i = 0; by && (v = host->item(by, i, &name)); i++)
        if (add_key(task, a, name, v) != 0)
            return -1;
    return 0;
}

static int function_named(const char *name, size_t len)
{
    for (int i = 0; functions[i]; i++)
        if (strlen(functions[i]) == len && memcmp(functions[i], name, len) == 0)
            return i;
    return -1;
}

/* "count", or "sum(expression)". */
static int read_figure(struct wfw_task *task, struct column *c, const char *text)
{
    size_t len = strcspn(text, "("), all = strlen(text);
    int function = function_named(text, len);
    if (function < 0 || (text[len] && text[all - 1] != ')')) {
        fail_with(host, task, "config_invalid",
                  "aggregations.%.64s \"%.200s\": it must be count, sum, avg, min, max, first, last or list, as in "
                  "\"sum(item.price)\"", c->name, text);
        return -1;
    }
    c->function = (enum function)function;
    c->computed = text[len] && all - len > 2;
    if (!c->computed && c->function >= SUM && c->function <= MAX) {
        fail_with(host, task, "config_invalid", "aggregations.%.64s \"%.200s\": %s of what? Write \"%s(item.price)\"",
                  c->name, text, functions[function], functions[function]);
        return -1;
    }
    const struct wfw_value *inner = c->computed ? host->string(task, text + len + 1, all - len - 2) : NULL;
    return inner ? expression_read(task, inner, "aggregations", true, &c->expression) : 0;
}

static int add_figure(struct wfw_task *task, struct aggregate *a, const char *name, const struct wfw_value *v)
{
    struct column *c = &a->figures[a->figure_count++];
    const char *text;
    *c = (struct column){.name = name};
    for (size_t i = 0; i < a->key_count; i++) {
        if (strcmp(a->keys[i].name, name) != 0)
            continue;
        fail_with(host, task, "config_invalid", "aggregations.%.64s has the name of a key of group_by", name);
        return -1;
    }
    if (host->get_string(v, "", &text, NULL) == WFW_OK)
        return read_figure(task, c, text);
    fail_with(host, task, "config_invalid", "aggregations.%.64s is %s, not a string", name, type_text(v));
    return -1;
}

/* Without aggregations the groups are counted. */
static int read_figures(struct wfw_task *task, struct aggregate *a, const struct wfw_value *figures)
{
    const struct wfw_value *v;
    const char *name;
    if (!figures)
        return add_figure(task, a, "count", host->string(task, "count", WFW_NTS));
    if (host->length(figures) == 0 || host->length(figures) > MAX_FIGURES) {
        fail_with(host, task, "config_invalid", "aggregations must have 1 to %d members", MAX_FIGURES);
        return -1;
    }
    for (size_t i = 0; (v = host->item(figures, i, &name)); i++)
        if (add_figure(task, a, name, v) != 0)
            return -1;
    return 0;
}

static void aggregate_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct aggregate *a = work_alloc(task, 1, sizeof *a);
    if (!a || read_keys(task, a, member(host, call->config, "/group_by")) != 0 ||
        read_figures(task, a, member(host, call->config, "/aggregations")) != 0)
        return;
    a->at.array = array_source(task, call->config, "input_array");
    if (!a->at.array)
        return;
    a->count = host->length(a->at.array);
    a->work = (struct work){.task = task, .step = element_step};
    a->canon.task = task;
    a->index = host->object(task);
    a->result = host->array(task);
    a->groups = work_alloc(task, a->count + 1, sizeof(struct group *));
    if (a->groups && (a->key_count || new_group(a, NULL)))
        work_run(&a->work);
}

const struct wfw_node aggregate_node = {
    .size = sizeof aggregate_node,
    .type = "aggregate",
    .summary = "groups the elements and computes figures for each group",
    .description =
        "The result is an array with an object for each group, in the order in which the groups first appear. group_by is an "
        "expression or the name of a member, an array of them, or an object of names and expressions; without it all "
        "elements are one group, even when there are none. aggregations names the figures: count, count(x), sum(x), "
        "avg(x), min(x), max(x), first(x), last(x), list(x), where x is an expression or the name of a member; first, last "
        "and list take the element itself without one. count(x), sum, avg, min and max pass over null; of nothing, sum is "
        "0 and avg, min, max, first and last are null. Without aggregations the elements are counted." ELEMENT_NOTE
            ERRORS_NOTE,
    .config_schema =
        "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
        "\"group_by\":{\"format\":\"expression\",\"description\":\"what the elements of a group have in common\"},"
        "\"aggregations\":{\"type\":[\"object\",\"null\"],\"default\":{\"count\":\"count\"},"
        "\"description\":\"names of figures and what they are\"}},\"x-needs\":[[\"input_array\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
                     "\"description\":\"the keys of group_by and the figures\"}},\"type\":{\"const\":\"aggregate\"}}}",
    .examples = "[{\"input_array\":\"input.orders\",\"group_by\":\"country\",\"aggregations\":{\"orders\":\"count\","
                "\"revenue\":\"sum(item.price * item.quantity)\",\"largest\":\"max(total)\"}}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = aggregate_run,
};
