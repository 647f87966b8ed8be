/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration schemas of plugins, and values checked against them: {"schema", "value"}. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/schema.h"

const char fuzz_name[] = "schema";
const bool fuzz_json = true;
const unsigned fuzz_cases = 1500;

void fuzz_open(void)
{
}

static void check_value(const json_t *schema, const json_t *value)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *unknown = json_array();
    if (schema_check(schema, value, &e) != 0)
        fuzz_error("schema_check()", &e);
    schema_unknown_keys(schema, value, unknown);
    if (json_array_size(unknown) > 100)
        fuzz_fail("%zu unknown keys were noted", json_array_size(unknown));
    free(schema_expression_keys(schema));
}

/* Settings of a plugin are strings. */
static void check_conversion(const json_t *schema, const json_t *value)
{
    CLEANUP_JSON json_t *strings = json_object();
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)value, key, v) if (json_is_string(v)) json_object_set(strings, key, v);
    CLEANUP_JSON json_t *converted = schema_convert(schema, strings);
    if (!converted || json_object_size(converted) != json_object_size(strings))
        fuzz_fail("a conversion lost members");
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    json_t *schema = fuzz_member(v, "schema"), *value = fuzz_member(v, "value");
    if (!schema)
        return;
    if (schema_valid(schema, &e) != 0) {
        fuzz_error("schema_valid()", &e);
        return;
    }
    if (value)
        check_value(schema, value);
    check_conversion(schema, value);
}
