/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a node: they stand on the node, else in `data` (the React-Flow spelling), else in its config.  A value that
 * makes no sense is noted and left out. */
#include "engine/def_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define MOST_MULTIPLIER 1e6
#define MAX_MS (INT64_C(366) * 100 * 86400 * 1000) /* a hundred years */

struct reader {
    struct def_load *l;
    struct def_node *n;
    const json_t *node, *data;
};

static const json_t *given(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return v && !json_is_null(v) ? v : NULL;
}

static const json_t *option(const struct reader *r, const char *key)
{
    const json_t *v = given(r->node, key);
    if (!v)
        v = given(r->data, key);
    return v ? v : given(r->n->config, key);
}

static void bad(const struct reader *r, const char *key, const char *expected)
{
    const char *in = given(r->node, key) ? NULL : given(r->data, key) ? "data" : "config";
    CLEANUP_FREE char *base = in ? load_pointer(r->n->pointer, in) : xstrdup(r->n->pointer);
    load_note(r->l, false, load_pointer(base, key), "node %s: %s must be %s; it is ignored", r->n->id, key, expected);
}

int64_t load_seconds_ms(const json_t *v)
{
    double s = json_number_value(v);
    if (!json_is_number(v) || !(s > 0))
        return -1;
    double ms = ceil(s * 1000 - 1e-6);
    return ms < (double)MAX_MS ? (int64_t)ms : MAX_MS;
}

static int64_t seconds(const struct reader *r, const char *key)
{
    const json_t *v = option(r, key);
    int64_t ms = v ? load_seconds_ms(v) : 0;
    if (ms >= 0)
        return ms;
    bad(r, key, "a number of seconds above 0");
    return 0;
}

static int64_t whole(const struct reader *r, const char *key, int64_t fallback)
{
    const json_t *v = option(r, key);
    if (!v)
        return fallback;
    if (json_is_integer(v))
        return json_integer_value(v);
    double x = json_number_value(v);
    if (json_is_real(v) && x == floor(x) && fabs(x) < 1e15)
        return (int64_t)x;
    bad(r, key, "a whole number");
    return fallback;
}

static bool flag(const struct reader *r, const char *key)
{
    const json_t *v = option(r, key);
    if (v && !json_is_boolean(v))
        bad(r, key, "true or false");
    return json_is_true(v);
}

/* Index of the option's text in the NULL-terminated names; 0 when it is not given or not one of them. */
static int choice(const struct reader *r, const char *key, const char *const names[], const char *expected)
{
    const json_t *v = option(r, key);
    for (int i = 0; v && names[i]; i++)
        if (json_is_string(v) && strcmp(json_string_value(v), names[i]) == 0)
            return i;
    if (v)
        bad(r, key, expected);
    return 0;
}

/* A text that is not empty, a new one; or NULL. */
static char *name(const struct reader *r, const char *key)
{
    const json_t *v = option(r, key);
    if (json_is_string(v) && json_string_length(v) > 0)
        return xstrdup(json_string_value(v));
    if (v)
        bad(r, key, "a text that is not empty");
    return NULL;
}

/* ---- retry ---- */

static int64_t retry_ms(const struct reader *r, const json_t *retry, const char *key, int64_t fallback)
{
    const json_t *v = json_object_get(retry, key);
    double ms = json_number_value(v);
    if (!v || json_is_null(v))
        return fallback;
    if (json_is_number(v) && ms >= 0)
        return ms < (double)MAX_MS ? (int64_t)ms : MAX_MS;
    bad(r, "retry", "an object whose times are milliseconds, 0 or more");
    return fallback;
}

static char **type_list(const struct reader *r, const json_t *v)
{
    if (!v || json_is_null(v))
        return NULL;
    size_t n = json_is_string(v) ? 1 : json_array_size(v), used = 0;
    char **list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_string(v) ? v : json_array_get(v, i);
        if (json_is_string(item))
            list[used++] = xstrdup(json_string_value(item));
        else
            bad(r, "retry", "an object whose retry_on and never_on are arrays of error types");
    }
    if (used)
        return list;
    free(list);
    return NULL;
}

static void read_retry(const struct reader *r, struct retry_policy *p)
{
    const json_t *retry = option(r, "retry");
    *p = (struct retry_policy){.max_attempts = 1, .initial_ms = 1000, .max_ms = 3600000, .multiplier = 2};
    if (!retry)
        return;
    if (!json_is_object(retry)) {
        bad(r, "retry", "an object");
        return;
    }
    const json_t *attempts = json_object_get(retry, "max_attempts");
    int64_t n = json_is_integer(attempts) ? json_integer_value(attempts) : 3;
    if ((attempts && !json_is_integer(attempts)) || n < 1)
        bad(r, "retry", "an object whose max_attempts is a whole number from 1");
    p->max_attempts = n < 1 ? 1 : n > 1000000 ? 1000000 : (uint32_t)n;
    p->initial_ms = retry_ms(r, retry, "initial_ms", 1000);
    p->max_ms = retry_ms(r, retry, "max_ms", 3600000);
    p->budget_ms = retry_ms(r, retry, "budget_ms", 0);
    const json_t *multiplier = json_object_get(retry, "multiplier");
    if (json_is_number(multiplier) && json_number_value(multiplier) >= 1 && json_number_value(multiplier) <= MOST_MULTIPLIER)
        p->multiplier = json_number_value(multiplier);
    else if (multiplier)
        bad(r, "retry", "an object whose multiplier is a number from 1");
    const char *jitter = js_str(retry, "jitter");
    p->jitter = jitter && strcmp(jitter, "full") == 0 ? JITTER_FULL : JITTER_NONE;
    if (jitter && strcmp(jitter, "full") != 0 && strcmp(jitter, "none") != 0)
        bad(r, "retry", "an object whose jitter is none or full");
    p->on = type_list(r, json_object_get(retry, "retry_on"));
    p->never = type_list(r, json_object_get(retry, "never_on"));
}

/* ---- splits ---- */

static void read_parallel(const struct reader *r, struct node_options *o)
{
    static const char *const modes[] = {"all", "any", "n_of_m", NULL};
    static const char *const aggregations[] = {"merge", "array", "first", "last", NULL};
    o->parallel_mode = (enum join_mode)choice(r, "parallel_wait_mode", modes, "all, any or n_of_m");
    o->parallel_n = whole(r, "parallel_wait_n", INT64_MIN);
    o->aggregation = (enum aggregation)choice(r, "parallel_aggregation", aggregations, "merge, array, first or last");
    o->parallel = option(r, "parallel_wait_mode") || option(r, "parallel_wait_n") || option(r, "parallel_aggregation");
    o->sequential = flag(r, "sequential");
}

/* Options that a handler reads: it sees its config only, so they are put there when they stand on the node. */
static void options_to_config(struct reader *r)
{
    static const char *const keys[] = {"max_concurrency", "need", "tolerate", "max_iterations", "keep", "join_rest"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const json_t *v = given(r->node, keys[i]);
        if (!v)
            v = given(r->data, keys[i]);
        if (!v || v == json_object_get(r->n->config, keys[i]))
            continue;
        json_t *config = json_copy(r->n->config);
        json_object_set(config, keys[i], (json_t *)(uintptr_t)v);
        json_decref(r->n->config);
        r->n->config = config;
    }
}

/* ---- all of them ---- */

/* In the config of a node that waits for something outside, timeout_seconds is the wait's deadline. */
static bool config_timeout_is_deadline(const char *type)
{
    static const char *const types[] = {"human_approval", "await", "sub_workflow", "sub-workflow", "mutex"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

void load_node_options(struct def_load *l, struct def_node *n, const json_t *node, const json_t *data)
{
    struct reader r = {.l = l, .n = n, .node = node, .data = data};
    struct node_options *o = &n->options;
    static const char *const joins[] = {"all", "any", "n_of_m", "each", NULL}, *const rests[] = {"cancel", "run", NULL};
    o->join = (enum join_mode)choice(&r, "join", joins, "all, any, n_of_m or each");
    o->join_given = option(&r, "join") != NULL;
    o->join_rest_given = option(&r, "join_rest") != NULL;
    read_parallel(&r, o);
    o->join_n = whole(&r, "join_n", INT64_MIN);
    o->join_rest_run = choice(&r, "join_rest", rests, "cancel or run") == 1;
    o->at_most_once = flag(&r, "at_most_once");
    if (!config_timeout_is_deadline(n->type) || given(node, "timeout_seconds") || given(data, "timeout_seconds"))
        o->timeout_ms = seconds(&r, "timeout_seconds");
    o->close_ms = seconds(&r, "schedule_to_close_seconds");
    o->max_iterations = whole(&r, "max_iterations", 10000);
    if (o->max_iterations < 1) {
        bad(&r, "max_iterations", "a whole number from 1");
        o->max_iterations = 10000;
    }
    read_retry(&r, &o->retry);
    o->interleave = name(&r, "interleave");
    options_to_config(&r);
}

void node_options_free(struct node_options *o)
{
    strings_free(o->retry.on);
    strings_free(o->retry.never);
    free(o->interleave);
}
