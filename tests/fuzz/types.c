/* SPDX-License-Identifier: Apache-2.0 */
/* Node types for targets that load definitions. */
#include "fuzz/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

static const char *const expressions[] = {"condition", "expression", "array_expression", NULL};

struct type {
    const char *name, *schema;
    enum effect effect;
    bool expressions;
};
static const struct type types[] = {
    {"trigger", NULL, EFFECT_PURE, false},
    {"start", NULL, EFFECT_PURE, false},
    {"end", NULL, EFFECT_PURE, false},
    {"noop", NULL, EFFECT_PURE, false},
    {"condition",
     "{\"type\":\"object\",\"properties\":{\"condition\":{\"type\":[\"string\",\"boolean\"],\"format\":\"expression\"}},"
     "\"x-needs\":[[\"condition\",\"expression\"]]}",
     EFFECT_PURE, true},
    {"switch",
     "{\"type\":\"object\",\"properties\":{\"expression\":{\"type\":\"string\",\"format\":\"expression\"},\"cases\":{\"type\":[\"array\","
     "\"object\"]}},\"required\":[\"expression\"]}",
     EFFECT_PURE, true},
    {"loop",
     "{\"type\":\"object\",\"properties\":{\"loop_type\":{\"enum\":[\"for\",\"while\",\"for_each\"]},\"array_expression\":{\"type\":"
     "\"string\",\"format\":\"expression\"},\"condition\":{\"type\":\"string\",\"format\":\"expression\"},\"max_iterations\":{\"type\":"
     "\"integer\",\"minimum\":1,\"maximum\":100000},\"max_concurrency\":{\"type\":\"integer\",\"minimum\":1}},"
     "\"x-values\":{\"loop_type\":[\"for\",\"while\",\"for_each\"]},\"x-needs\":[{\"if\":{\"loop_type\":\"while\"},\"keys\":[\"condition\"]}]}",
     EFFECT_PURE, true},
    {"for", NULL, EFFECT_PURE, true},
    {"while", NULL, EFFECT_PURE, true},
    {"repeat", NULL, EFFECT_PURE, false},
    {"try", "{\"type\":\"object\",\"properties\":{\"retries\":{\"type\":\"integer\",\"minimum\":0}}}", EFFECT_PURE, false},
    {"catch", NULL, EFFECT_PURE, false},
    {"finally", NULL, EFFECT_PURE, false},
    {"break", NULL, EFFECT_PURE, false},
    {"continue", NULL, EFFECT_PURE, false},
    {"terminate", "{\"type\":\"object\",\"properties\":{\"status\":{\"enum\":[\"failed\",\"completed\"]},\"message\":{\"type\":\"string\"}}}",
     EFFECT_PURE, false},
    {"mutex", NULL, EFFECT_PURE, false},
    {"cancel", "{\"type\":\"object\",\"properties\":{\"nodes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},\"required\":[\"nodes\"]}",
     EFFECT_PURE, false},
    {"set_variable", "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1}},\"required\":[\"name\"]}",
     EFFECT_PURE, false},
    {"get_variable", NULL, EFFECT_PURE, false},
    {"delay", "{\"type\":\"object\",\"properties\":{\"duration\":{\"type\":[\"number\",\"string\"],\"minimum\":0}}}", EFFECT_PURE, false},
    {"http_request",
     "{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{\"url\":{\"type\":\"string\",\"pattern\":\"^https?://|[$][{]\"},\"method\":"
     "{\"enum\":[\"GET\",\"POST\",\"PUT\",\"PATCH\",\"DELETE\"]},\"headers\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
     "\"string\"}}},\"additionalProperties\":false}",
     EFFECT_UNSAFE, false},
    {"human_approval", NULL, EFFECT_IDEMPOTENT, false},
    {"await", NULL, EFFECT_READS, false},
    {"sub_workflow", NULL, EFFECT_IDEMPOTENT, false},
    {"map", NULL, EFFECT_PURE, true},
    {"merge", NULL, EFFECT_PURE, false},
};
static json_t *schemas[ARRAY_LEN(types)];

void fuzz_types_open(void)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].schema && !schemas[i]) {
            struct error e = ERROR_INIT;
            schemas[i] = js_parse(types[i].schema, strlen(types[i].schema), &e);
            if (!schemas[i])
                fuzz_fail("the schema of %s: %s", types[i].name, e.message);
        }
}

static bool find(void *ctx, const char *name, struct node_type *out)
{
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].name, name) == 0) {
            *out = (struct node_type){.name = types[i].name, .effect = types[i].effect, .config_schema = schemas[i],
                                      .default_timeout_ms = i % 3 ? 0 : 30000,
                                      .expression_keys = types[i].expressions ? expressions : NULL};
            return true;
        }
    return false;
}

const struct catalog fuzz_types = {.find = find, .unknown_detail = "none of the target's types"};
