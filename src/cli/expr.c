/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker expr: evaluates one expression. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/input.h"
#include "expr/expr.h"

const struct cli_option expr_options[] = {
    {"data", 'd', "JSON|@FILE", "the data that the expression sees, a JSON object; @- reads standard input (default {})"},
    {NULL, 0, NULL, NULL},
};

struct names {
    json_t *data, *nothing;
};

/* input and data are the whole; the other roots are what the data say they are, or empty. */
static const json_t *lookup(void *ctx, const char *name)
{
    static const char *const roots[] = {"vars", "execution", "workflow"};
    const struct names *n = ctx;
    if (strcmp(name, "input") == 0 || strcmp(name, "data") == 0)
        return n->data;
    const json_t *value = json_object_get(n->data, name);
    for (size_t i = 0; !value && i < ARRAY_LEN(roots); i++)
        if (strcmp(name, roots[i]) == 0)
            return n->nothing;
    return value;
}

static int failed(const struct expr_error *x)
{
    struct error e = ERROR_INIT;
    err_set(&e, "%s", x->message);
    if (strcmp(x->type, "expression_error") != 0)
        err_detail(&e, "error type %s", x->type);
    return cli_failed(&e);
}

int cmd_expr(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct expr_error x = {0};
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_JSON json_t *data = input_data(cli_value(c, "data"), &e);
    if (!data)
        return cli_failed(&e);
    CLEANUP_JSON json_t *nothing = json_object();
    struct names names = {data, nothing};
    struct expr_env env = {.lookup = lookup, .ctx = &names, .now_us = clock_now_us()};
    struct expr *compiled = expr_compile(c->operands[0], strlen(c->operands[0]), &x);
    CLEANUP_JSON json_t *value = compiled ? expr_eval(compiled, &env, NULL, &x) : NULL;
    expr_free(compiled);
    if (!value)
        return failed(&x);
    expr_write_json(&out, value);
    puts(out.data);
    return EXIT_SUCCESS;
}
