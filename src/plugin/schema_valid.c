/* SPDX-License-Identifier: Apache-2.0 */
/* Is a schema itself one of the subset?  Asked once, when a plugin is loaded. */
#include "plugin/schema.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/schema_pattern.h"

enum form { ANYTHING, TYPES, LIST, NAMES, SCHEMA, SCHEMAS, SCHEMA_LIST, SIZE, NUMBER, PATTERN };

static const struct {
    const char *name;
    enum form form;
} forms[] = {
    {"type", TYPES},
    {"enum", LIST},
    {"const", ANYTHING},
    {"required", NAMES},
    {"properties", SCHEMAS},
    {"additionalProperties", SCHEMA},
    {"minProperties", SIZE},
    {"maxProperties", SIZE},
    {"items", SCHEMA},
    {"minItems", SIZE},
    {"maxItems", SIZE},
    {"minLength", SIZE},
    {"maxLength", SIZE},
    {"pattern", PATTERN},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"exclusiveMinimum", NUMBER},
    {"exclusiveMaximum", NUMBER},
    {"allOf", SCHEMA_LIST},
    {"anyOf", SCHEMA_LIST},
    {"oneOf", SCHEMA_LIST},
    {"not", SCHEMA},
    {"title", ANYTHING},
    {"description", ANYTHING},
    {"default", ANYTHING},
    {"examples", ANYTHING},
    {"format", ANYTHING},
    {"deprecated", ANYTHING},
    {"readOnly", ANYTHING},
    {"writeOnly", ANYTHING},
    {"$schema", ANYTHING},
    {"$id", ANYTHING},
    {"$comment", ANYTHING},
};

static int valid(const json_t *schema, const char *at, struct error *e);

static bool is_type(const json_t *v)
{
    static const char *const names[] = {"object", "array", "string", "integer", "number", "boolean", "null"};
    for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(names); i++)
        if (strcmp(json_string_value(v), names[i]) == 0)
            return true;
    return false;
}

static int types_valid(const json_t *v, const char *at, struct error *e)
{
    bool good = is_type(v) || json_array_size(v) > 0;
    for (size_t i = 0; i < json_array_size(v); i++)
        good = good && is_type(json_array_get(v, i));
    return good ? 0 : err_set(e, "\"%s\": is not the name of a type or an array of names", at);
}

static int names_valid(const json_t *v, const char *at, struct error *e)
{
    bool good = json_is_array(v);
    for (size_t i = 0; i < json_array_size(v); i++)
        good = good && json_is_string(json_array_get(v, i));
    return good ? 0 : err_set(e, "\"%s\": is not an array of strings", at);
}

static int members_valid(const json_t *v, const char *at, struct error *e)
{
    const char *key;
    json_t *sub;
    if (!json_is_object(v))
        return err_set(e, "\"%s\": is not an object", at);
    json_object_foreach((json_t *)(uintptr_t)v, key, sub)
    {
        CLEANUP_FREE char *below = xasprintf("%.400s/%.100s", at, key);
        if (valid(sub, below, e) != 0)
            return -1;
    }
    return 0;
}

static int list_valid(const json_t *v, const char *at, struct error *e)
{
    if (json_array_size(v) == 0)
        return err_set(e, "\"%s\": is not an array of schemas", at);
    for (size_t i = 0; i < json_array_size(v); i++) {
        CLEANUP_FREE char *below = xasprintf("%.400s/%zu", at, i);
        if (valid(json_array_get(v, i), below, e) != 0)
            return -1;
    }
    return 0;
}

static int pattern_here(const json_t *v, const char *at, struct error *e)
{
    if (!json_is_string(v))
        return err_set(e, "\"%s\": is not a string", at);
    return pattern_valid(json_string_value(v), e) == 0 ? 0 : err_prefix(e, "\"%s\"", at);
}

static int form_valid(enum form form, const json_t *v, const char *at, struct error *e)
{
    switch (form) {
    case TYPES:
        return types_valid(v, at, e);
    case LIST:
        return json_array_size(v) > 0 ? 0 : err_set(e, "\"%s\": is not an array of values", at);
    case NAMES:
        return names_valid(v, at, e);
    case SCHEMA:
        return valid(v, at, e);
    case SCHEMAS:
        return members_valid(v, at, e);
    case SCHEMA_LIST:
        return list_valid(v, at, e);
    case SIZE:
        return json_is_integer(v) && json_integer_value(v) >= 0 ? 0 : err_set(e, "\"%s\": is not a whole number from 0", at);
    case NUMBER:
        return json_is_number(v) ? 0 : err_set(e, "\"%s\": is not a number", at);
    case PATTERN:
        return pattern_here(v, at, e);
    case ANYTHING:
        break;
    }
    return 0;
}

static int keyword_valid(const char *key, const json_t *v, const char *at, struct error *e)
{
    if (strncmp(key, "x-", 2) == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(key, forms[i].name) == 0)
            return form_valid(forms[i].form, v, at, e);
    return err_set(e, "\"%s\": is not a keyword that wfworker checks", at);
}

static int valid(const json_t *schema, const char *at, struct error *e)
{
    const char *key;
    json_t *v;
    if (json_is_boolean(schema))
        return 0;
    if (!json_is_object(schema))
        return err_set(e, "\"%s\": is not a schema (an object, true or false)", at);
    json_object_foreach((json_t *)(uintptr_t)schema, key, v)
    {
        CLEANUP_FREE char *below = xasprintf("%.400s/%.100s", at, key);
        if (keyword_valid(key, v, below, e) != 0)
            return -1;
    }
    return 0;
}

int schema_valid(const json_t *schema, struct error *e)
{
    return valid(schema, "", e);
}
