/* SPDX-License-Identifier: Apache-2.0 */
/* sort: a stable merge sort that can be left and taken up again, so that a long array does not hold up the loop. */
#include "data/data.h"

static const char *const orders[] = {"asc", "desc", NULL};

#define MAX_KEYS 16
#define MERGE_PIECE 64 /* elements that one step puts into their place */

enum rank { RANK_BOOL, RANK_NUMBER, RANK_STRING, RANK_NULL };

/* What an element is compared by, read once. */
struct key {
    enum rank rank;
    bool exact; /* whole */
    int64_t whole;
    double number;
    const char *text;
};

struct column {
    struct expression expression;
    bool descending;
    enum rank rank; /* of all that are not null; RANK_NULL: none so far */
};

struct sort {
    struct work work;
    struct binding at;
    size_t count;
    struct column columns[MAX_KEYS];
    size_t column_count;
    struct key *keys;         /* column_count for each element */
    size_t *order, *other;    /* numbers of elements; other is where runs are merged to */
    size_t width, left, i, j; /* runs of that width; the two that begin at left are being merged, up to i and j */
    struct wfw_value *result;
    size_t out;
};

/* ---- comparing ---- */

static int compare_keys(const struct key *a, const struct key *b)
{
    if (a->rank == RANK_STRING)
        return strcmp(a->text, b->text); /* UTF-8 sorts as its code points do */
    if (a->exact && b->exact)
        return (a->whole > b->whole) - (a->whole < b->whole);
    return (a->number > b->number) - (a->number < b->number);
}

/* Null comes last, also in descending order. */
static int compare(const struct sort *s, size_t a, size_t b)
{
    for (size_t c = 0; c < s->column_count; c++) {
        const struct key *x = &s->keys[a * s->column_count + c], *y = &s->keys[b * s->column_count + c];
        int order = x->rank == RANK_NULL || y->rank == RANK_NULL ? (x->rank == RANK_NULL) - (y->rank == RANK_NULL)
                    : s->columns[c].descending                   ? compare_keys(y, x)
                                                                 : compare_keys(x, y);
        if (order)
            return order;
    }
    return 0;
}

/* ---- the three parts of the work ---- */

static bool output_step(struct work *w)
{
    struct sort *s = (struct sort *)w;
    if (s->out < s->count) {
        host->push(s->result, host->item(s->at.array, s->order[s->out++], NULL));
        return true;
    }
    host->done(w->task, new_output(w->task, s->result, NULL, "sort"), NULL);
    return false;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Begin with the two runs at `left`; at the end of the array, with runs of twice the width. */
static void begin_runs(struct sort *s, size_t left)
{
    if (left >= s->count) {
        size_t *merged = s->other;
        s->other = s->order;
        s->order = merged;
        s->width *= 2;
        left = 0;
    }
    s->left = s->i = left;
    s->j = smaller(left + s->width, s->count);
    s->out = left;
}

static bool merge_step(struct work *w)
{
    struct sort *s = (struct sort *)w;
    if (s->width >= s->count) {
        s->out = 0;
        w->step = output_step;
        return true;
    }
    size_t middle = smaller(s->left + s->width, s->count), right = smaller(middle + s->width, s->count);
    for (int n = 0; n < MERGE_PIECE && s->out < right; n++) {
        bool first = s->j >= right || (s->i < middle && compare(s, s->order[s->i], s->order[s->j]) <= 0);
        s->other[s->out++] = s->order[first ? s->i++ : s->j++];
    }
    if (s->out == right)
        begin_runs(s, right);
    return true;
}

static int read_key(struct sort *s, struct column *column, const struct wfw_value *v, struct key *key)
{
    int flag = 0;
    *key = (struct key){.rank = RANK_NULL};
    if (host->type(v) == WFW_NULL)
        return 0;
    if (host->get_string(v, "", &key->text, NULL) == WFW_OK) {
        key->rank = RANK_STRING;
    } else if (host->get_real(v, "", &key->number) == WFW_OK) {
        key->rank = RANK_NUMBER;
        key->exact = host->get_int(v, "", &key->whole) == WFW_OK;
    } else if (host->get_bool(v, "", &flag) == WFW_OK) {
        key->rank = RANK_BOOL;
        key->number = flag;
    } else {
        fail_with(host, s->work.task, "type_error", "sort_by \"%.200s\", element %zu: it is %s, which has no order",
                  column->expression.text, s->at.index, type_text(v));
        return -1;
    }
    if (column->rank == RANK_NULL)
        column->rank = key->rank;
    if (column->rank == key->rank)
        return 0;
    fail_with(host, s->work.task, "type_error",
              "sort_by \"%.200s\", element %zu: it is %s, while those before it are of another type",
              column->expression.text, s->at.index, type_text(v));
    return -1;
}

static bool key_step(struct work *w)
{
    struct sort *s = (struct sort *)w;
    size_t n = s->at.index;
    if (n == s->count) {
        s->width = 1;
        begin_runs(s, 0);
        w->step = merge_step;
        return true;
    }
    s->at.item = host->item(s->at.array, n, NULL);
    for (size_t c = 0; c < s->column_count; c++) {
        const struct wfw_value *v = expression_eval(w->task, &s->columns[c].expression, &s->at, PARAMS_ITEM);
        if (!v || read_key(s, &s->columns[c], v, &s->keys[n * s->column_count + c]) != 0)
            return false;
    }
    s->order[n] = n;
    s->at.index++;
    return true;
}

/* ---- reading the config ---- */

static int add_column(struct wfw_task *task, struct sort *s, const struct wfw_value *v, const char *key, bool descending)
{
    struct column *c = &s->columns[s->column_count++];
    c->rank = RANK_NULL;
    c->descending = descending;
    return expression_read(task, v, key, true, &c->expression);
}

/* An element of the array sort_by: an expression, or {"by": expression, "order": ...}. */
static int read_column(struct wfw_task *task, struct sort *s, const struct wfw_value *v, bool descending)
{
    if (host->type(v) != WFW_OBJECT)
        return add_column(task, s, v, "sort_by", descending);
    const struct wfw_value *by = member(host, v, "/by");
    int order = host->get(v, "/order") ? choice(task, v, "order", orders) : descending;
    if (order < 0)
        return -1;
    if (by)
        return add_column(task, s, by, "sort_by", order == 1);
    fail_with(host, task, "config_invalid", "sort_by[%zu].by is required", s->column_count);
    return -1;
}

static int read_columns(struct wfw_task *task, struct sort *s, const struct wfw_value *config)
{
    const struct wfw_value *by = member(host, config, "/sort_by"), *v;
    int order = choice(task, config, "order", orders);
    if (order < 0)
        return -1;
    if (!by || host->type(by) == WFW_OBJECT)
        return by ? read_column(task, s, by, order == 1)
                  : add_column(task, s, host->string(task, "item", WFW_NTS), "sort_by", order == 1);
    if (host->type(by) != WFW_ARRAY)
        return add_column(task, s, by, "sort_by", order == 1);
    if (host->length(by) == 0 || host->length(by) > MAX_KEYS) {
        fail_with(host, task, "config_invalid", "sort_by must have 1 to %d keys", MAX_KEYS);
        return -1;
    }
    for (size_t i = 0; (v = host->item(by, i, NULL)); i++)
        if (read_column(task, s, v, order == 1) != 0)
            return -1;
    return 0;
}

static void sort_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct sort *s = work_alloc(task, 1, sizeof *s);
    if (!s || read_columns(task, s, call->config) != 0)
        return;
    s->at.array = array_source(task, call->config, "input_array");
    if (!s->at.array)
        return;
    s->count = host->length(s->at.array);
    s->work = (struct work){.task = task, .step = key_step};
    s->result = host->array(task);
    s->keys = work_alloc(task, (s->count + 1) * s->column_count, sizeof *s->keys);
    s->order = s->keys ? work_alloc(task, s->count + 1, sizeof *s->order) : NULL;
    s->other = s->order ? work_alloc(task, s->count + 1, sizeof *s->other) : NULL;
    if (s->other)
        work_run(&s->work);
}

const struct wfw_node sort_node = {
    .size = sizeof sort_node,
    .type = "sort",
    .summary = "puts the elements in order",
    .description =
        "The result is the array ordered by sort_by: an expression or the name of a member, an array of them where later "
        "ones decide between equals, or {\"by\": ..., \"order\": ...}; without it by the elements themselves. Numbers are "
        "ordered by value, strings by code point, false before true, null last in both orders; equal elements keep their "
        "order. A key that is an array or object, or of another type than the others, is a type_error." ELEMENT_NOTE
            ERRORS_NOTE,
    .config_schema = "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
                     "\"sort_by\":{\"format\":\"expression\",\"description\":\"what is compared\"},"
                     "\"order\":{\"type\":[\"string\",\"null\"],\"default\":\"asc\",\"description\":\"asc or desc\",\"x-values\":[\"asc\",\"desc\"]}}"
                     ",\"x-needs\":[[\"input_array\"]]}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":\"array\"},\"type\":{\"const\":\"sort\"}}}",
    .examples = "[{\"input_array\":\"input.orders\",\"sort_by\":\"total\",\"order\":\"desc\"},"
                "{\"input_array\":\"input.people\",\"sort_by\":[\"surname\",{\"by\":\"item.born\",\"order\":\"desc\"}]}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = sort_run,
};
