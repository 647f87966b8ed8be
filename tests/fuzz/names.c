/* SPDX-License-Identifier: Apache-2.0 */
/* The names that expressions of targets may use: something of every kind. */
#include "fuzz/names.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

static const char text[] =
    "{\"a\":1,\"b\":-2.5,\"s\":\"text\",\"u\":\"h\\u00e4\\ud83d\\ude00\",\"t\":true,\"f\":false,\"n\":null,\"e\":\"\",\"z\":0,"
    "\"big\":9007199254740993,\"max\":9223372036854775807,\"list\":[3,1,2],\"empty\":[],\"mixed\":[1,\"1\",null,[2],{\"k\":3}],"
    "\"o\":{\"k\":\"v\",\"deep\":{\"list\":[{\"id\":1},{\"id\":2}]},\"odd key\":1},\"date\":\"2026-11-23T06:00:00Z\","
    "\"items\":[{\"id\":1,\"name\":\"x\",\"price\":2.5},{\"id\":2,\"name\":\"y\",\"price\":10}],\"input\":{\"x\":5,\"y\":\"six\"},"
    "\"item\":{\"id\":7},\"index\":0,\"error\":{\"type\":\"timeout\",\"message\":\"m\"}}";

static json_t *names;

static const json_t *lookup(void *ctx, const char *name)
{
    (void)ctx;
    return json_object_get(names, name);
}

const struct expr_env *fuzz_names(void)
{
    static const struct expr_env env = {.lookup = lookup, .now_us = INT64_C(1795413600123456)};
    if (!names)
        names = js_parse(text, sizeof text - 1, NULL);
    if (!names)
        fuzz_fail("the names are no JSON");
    return &env;
}

void fuzz_expr_error(const char *what, const struct expr_error *e)
{
    static const char *const types[] = {"expression_error", "expression_too_costly", "unknown_name", "type_error", "not_a_number",
                                        "template_error"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || strcmp(types[i], e->type) == 0;
    if (!known)
        fuzz_fail("%s: an error of the type \"%s\": %s", what, e->type, e->message);
    fuzz_text(what, e->message);
    if (e->line < 0 || e->column < 0 || (e->line == 0) != (e->column == 0))
        fuzz_fail("%s: line %d, column %d", what, e->line, e->column);
}
