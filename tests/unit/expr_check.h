/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of (expression, data, result): the result is compact JSON, "undefined", or a whole error as "type: message". */
#ifndef WF_TESTS_UNIT_EXPR_CHECK_H
#define WF_TESTS_UNIT_EXPR_CHECK_H

#include "unit/test.h"

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "unit/expr_env.h"

struct row {
    const char *text, *data, *want;
};

static inline json_t *read_json(const char *text)
{
    struct error e = ERROR_INIT;
    json_t *v = js_parse(text, strlen(text), &e);
    if (!v)
        fail_msg("%s: %s", text, e.message);
    return v;
}

static inline char *error_text(const struct expr_error *e)
{
    return xasprintf("%s: %s", e->type, e->message);
}

static inline char *outcome(const char *text, size_t len, const char *data_text, bool key)
{
    struct expr_error e = {0};
    bool undefined = false;
    CLEANUP_JSON json_t *data = read_json(data_text ? data_text : "{}");
    struct expr_env env = env_of(data);
    struct expr *x = key ? expr_compile_key(text, len, &e) : expr_compile(text, len, &e);
    CLEANUP_JSON json_t *v = x ? expr_eval(x, &env, &undefined, &e) : NULL;
    expr_free(x);
    if (!v)
        return error_text(&e);
    struct buf b = BUF_INIT;
    if (undefined)
        buf_addstr(&b, "undefined");
    else
        expr_write_json(&b, v);
    return buf_steal(&b);
}

static inline void check_rows(const struct row *rows, size_t n, bool key)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        CLEANUP_FREE char *got = outcome(rows[i].text, strlen(rows[i].text), rows[i].data, key);
        if (strcmp(got, rows[i].want) != 0) {
            print_error("%s\n  gave   %s\n  wanted %s\n", rows[i].text, got, rows[i].want);
            wrong++;
        }
    }
    if (wrong)
        fail_msg("%zu of %zu rows", wrong, n);
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof *(rows), false)
#define CHECK_KEYS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows), true)

#endif
