/* SPDX-License-Identifier: Apache-2.0 */
/* What the data nodes share: the host table, expressions over elements, work in small pieces, values. */
#ifndef WFW_PLUGINS_DATA_DATA_H
#define WFW_PLUGINS_DATA_DATA_H

#include <stdbool.h>
#include <stdlib.h>

#include "common/util.h"

extern const struct wfw_host *data_host;
#define host data_host

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Largest result, bytes of its text: what wfworker takes as an output. */
#define RESULT_MAX ((size_t)16 * 1024 * 1024)

/* ---- values.c ---- */

/* "an object", "null", ... for error texts. */
const char *type_text(const struct wfw_value *v);
/* Add the size of v's text, about, to *size; false once that is over RESULT_MAX. */
bool add_size(size_t *size, const struct wfw_value *v);
/* A number as a value: without a point when it is whole. */
const struct wfw_value *number_value(struct wfw_task *task, double d);
/* Which of `names` (NULL-terminated) the config key holds; the first when it is absent, null or empty; -1: the task has
 * failed. */
int choice(struct wfw_task *task, const struct wfw_value *config, const char *key, const char *const *names);
/* The member of that name, whatever characters are in it; or NULL. */
const struct wfw_value *member_named(struct wfw_task *task, const struct wfw_value *object, const char *name);
/* An output object that begins with result, FLAG: true (flag may be NULL) and type. */
struct wfw_value *new_output(struct wfw_task *task, const struct wfw_value *result, const char *flag, const char *type);
/* false: v is nested too deeply, and the task has failed. */
bool push_element(struct wfw_task *task, struct wfw_value *array, const struct wfw_value *v, size_t index);
void fail_too_large(struct wfw_task *task);

/* ---- canon.c: equal values have equal texts ---- */

struct canon {
    struct wfw_task *task;
    char *text; /* "/" and the text, which is a valid key and a JSON pointer to it */
    size_t len, cap;
    bool failed; /* no memory */
};
/* The text of the values for a map made of an object: pointer for get(), pointer + 1 for set().  NULL: the task has
 * failed. */
const char *canon_pointer(struct canon *c, const struct wfw_value *const *values, size_t count);

/* ---- expression.c ---- */

/* The array that the config key names: a string is an expression, anything else is the array itself.  NULL: the task has
 * failed with the expression's error or a type_error. */
const struct wfw_value *array_source(struct wfw_task *task, const struct wfw_value *config, const char *key);

/* An expression over the elements of an array. */
struct expression {
    const char *key;  /* for error texts */
    const char *text; /* what is evaluated */
    const char *names[3]; /* of a function's parameters, or NULL */
    struct wfw_value *vars;
};
enum params { PARAMS_ITEM, /* item, index, the array */ PARAMS_ACC /* acc, item, index */ };

/* What is bound for one element; acc may be NULL. */
struct binding {
    const struct wfw_value *array, *item, *acc;
    size_t index;
};

/* From a string, number or boolean: an expression, or a function `x => ...` of the element.  A plain name stands for
 * that member of the element when `member` is true.  0, or -1: the task has failed. */
int expression_read(struct wfw_task *task, const struct wfw_value *v, const char *key, bool member,
                    struct expression *out);
/* NULL: the task has failed. */
const struct wfw_value *expression_eval(struct wfw_task *task, const struct expression *x, const struct binding *b,
                                        enum params params);

/* ---- work.c: loop handlers that go through many elements in small pieces, so that they never hold up the loop ---- */

struct work {
    struct wfw_task *task;
    bool (*step)(struct work *w); /* a few microseconds of it; false: it is over, and the task has an outcome */
};
void work_run(struct work *w);

/* Zeroed memory of the task; NULL: the task has failed. */
void *work_alloc(struct wfw_task *task, size_t count, size_t size);

/* ---- the node types ---- */

extern const struct wfw_node map_node, filter_node, reduce_node, merge_node, split_node, sort_node, aggregate_node,
    dedupe_node, set_variable_node, get_variable_node;

#define INPUT_ARRAY_PROPERTY                                                                                           \
    "\"input_array\":{\"format\":\"expression\",\"description\":\"the array: an expression, as input.items, or the "   \
    "array itself\"}"
#define ELEMENT_NOTE                                                                                                   \
    " Expressions see the element as `item` and its number from 0 as `index`; they may also be written as a function, "  \
    "`x => x.price`."
#define ERRORS_NOTE                                                                                                    \
    " Errors: type_error when input_array is missing, null or no array, the expression's own error with the number of "  \
    "the element, payload_too_large when the result is over 16 MiB; none is retried."

#endif
