/* SPDX-License-Identifier: Apache-2.0 */
/* Values against schemas.  One function a keyword; `at` is the JSON pointer of the value that is being looked at. */
#include "plugin/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "plugin/schema_pattern.h"

#define MAX_UNKNOWN 100

struct place {
    const struct place *up;
    const char *key; /* NULL: the index */
    size_t index;
};

typedef int (*keyword_fn)(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                          struct error *e);

static int check(const json_t *schema, const json_t *v, const struct place *at, struct error *e);

static void add_place(struct buf *b, const struct place *at)
{
    if (!at)
        return;
    add_place(b, at->up);
    buf_addch(b, '/');
    if (!at->key) {
        buf_printf(b, "%zu", at->index);
        return;
    }
    for (const char *p = at->key; *p; p++)
        if (*p == '~' || *p == '/')
            buf_addstr(b, *p == '~' ? "~0" : "~1");
        else
            buf_addch(b, *p);
}

static char *place_text(const struct place *at)
{
    struct buf b = BUF_INIT;
    add_place(&b, at);
    return buf_steal(&b);
}

/* Always -1: "/a/0": what */
__attribute__((format(printf, 3, 4))) static int wrong(struct error *e, const struct place *at, const char *fmt, ...)
{
    if (!e)
        return -1;
    char text[sizeof e->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    CLEANUP_FREE char *where = place_text(at);
    return err_set(e, "\"%.200s\": %s", where, text);
}

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"object", "array", "string", "integer", "number", "boolean", "boolean", "null"};
    return names[json_typeof(v)];
}

static bool whole(const json_t *v)
{
    return json_is_integer(v) || (json_is_real(v) && floor(json_real_value(v)) == json_real_value(v));
}

static bool has_type(const json_t *v, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return whole(v);
    if (strcmp(type, "number") == 0)
        return json_is_number(v);
    return strcmp(type, type_name(v)) == 0;
}

static int check_type(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e)
{
    (void)schema;
    if (json_is_string(rule)) {
        if (has_type(v, json_string_value(rule)))
            return 0;
        return wrong(e, at, "must be of type %s, is %s", json_string_value(rule), type_name(v));
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (size_t i = 0; i < json_array_size(rule); i++) {
        const char *name = json_string_value(json_array_get(rule, i));
        if (has_type(v, name))
            return 0;
        buf_printf(&b, "%s%s", i ? " or " : "", name);
    }
    return wrong(e, at, "must be of type %s, is %s", b.data ? b.data : "none", type_name(v));
}

static bool same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return !(json_number_value(a) < json_number_value(b)) && !(json_number_value(a) > json_number_value(b));
    return json_equal(a, b);
}

static int check_enum(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e)
{
    (void)schema;
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (size_t i = 0; i < json_array_size(rule); i++) {
        if (same(json_array_get(rule, i), v))
            return 0;
        buf_addstr(&b, i ? ", " : "");
        js_write(&b, json_array_get(rule, i));
    }
    return wrong(e, at, "must be one of %s", b.data ? b.data : "nothing");
}

static int check_const(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e)
{
    (void)schema;
    if (same(rule, v))
        return 0;
    CLEANUP_FREE char *text = js_text(rule);
    return wrong(e, at, "must be %s", text);
}

static int check_required(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                          struct error *e)
{
    (void)schema;
    for (size_t i = 0; json_is_object(v) && i < json_array_size(rule); i++) {
        const char *key = json_string_value(json_array_get(rule, i));
        if (!json_object_get(v, key))
            return wrong(e, &(struct place){at, key, 0}, "is missing");
    }
    return 0;
}

static int check_properties(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                            struct error *e)
{
    (void)schema;
    const char *key;
    json_t *sub;
    json_object_foreach((json_t *)(uintptr_t)rule, key, sub)
    {
        const json_t *member = json_object_get(v, key);
        if (member && check(sub, member, &(struct place){at, key, 0}, e) != 0)
            return -1;
    }
    return 0;
}

static int check_additional(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                            struct error *e)
{
    const char *key;
    json_t *member;
    if (!json_is_object(rule))
        return 0;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        if (!json_object_get(json_object_get(schema, "properties"), key) &&
            check(rule, member, &(struct place){at, key, 0}, e) != 0)
            return -1;
    }
    return 0;
}

static int check_items(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e)
{
    (void)schema;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (check(rule, json_array_get(v, i), &(struct place){at, NULL, i}, e) != 0)
            return -1;
    return 0;
}

/* Sizes: fine for values of another type. */
static int check_least(const json_t *rule, bool applies, size_t size, const char *unit, const struct place *at,
                       struct error *e)
{
    if (!applies || (json_int_t)size >= json_integer_value(rule))
        return 0;
    return wrong(e, at, "has %zu %s, at least %lld needed", size, unit, (long long)json_integer_value(rule));
}

static int check_most(const json_t *rule, bool applies, size_t size, const char *unit, const struct place *at,
                      struct error *e)
{
    if (!applies || (json_int_t)size <= json_integer_value(rule))
        return 0;
    return wrong(e, at, "has %zu %s, at most %lld allowed", size, unit, (long long)json_integer_value(rule));
}

static size_t characters(const json_t *v)
{
    size_t n = 0;
    const char *s = json_string_value(v);
    for (size_t i = 0; i < json_string_length(v); i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

#define SIZE_RULE(name, direction, applies, size, unit)                                                                \
    static int name(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e) \
    {                                                                                                                  \
        (void)schema;                                                                                                  \
        return direction(rule, applies(v), size(v), unit, at, e);                                                      \
    }
SIZE_RULE(check_min_items, check_least, json_is_array, json_array_size, "elements")
SIZE_RULE(check_max_items, check_most, json_is_array, json_array_size, "elements")
SIZE_RULE(check_min_properties, check_least, json_is_object, json_object_size, "members")
SIZE_RULE(check_max_properties, check_most, json_is_object, json_object_size, "members")
SIZE_RULE(check_min_length, check_least, json_is_string, characters, "characters")
SIZE_RULE(check_max_length, check_most, json_is_string, characters, "characters")

/* The value of `v` less, equal or greater than the rule: -1, 0, 1; both exact when both are integers. */
static int order(const json_t *v, const json_t *rule)
{
    if (json_is_integer(v) && json_is_integer(rule))
        return (json_integer_value(v) > json_integer_value(rule)) - (json_integer_value(v) < json_integer_value(rule));
    double a = json_number_value(v), b = json_number_value(rule);
    return (a > b) - (a < b);
}

#define BOUND_RULE(name, bad, words)                                                                                   \
    static int name(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e) \
    {                                                                                                                  \
        (void)schema;                                                                                                  \
        if (!json_is_number(v) || !(order(v, rule) bad 0))                                                             \
            return 0;                                                                                                  \
        CLEANUP_FREE char *text = js_text(rule);                                                                       \
        return wrong(e, at, "must be " words " %s", text);                                                             \
    }
BOUND_RULE(check_minimum, <, "at least")
BOUND_RULE(check_maximum, >, "at most")
BOUND_RULE(check_exclusive_minimum, <=, "greater than")
BOUND_RULE(check_exclusive_maximum, >=, "less than")

static int check_pattern(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                         struct error *e)
{
    (void)schema;
    if (!json_is_string(v) ||
        pattern_matches(json_string_value(rule), json_string_value(v), json_string_length(v)))
        return 0;
    return wrong(e, at, "does not match the pattern %s", json_string_value(rule));
}

static int check_all_of(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                        struct error *e)
{
    (void)schema;
    for (size_t i = 0; i < json_array_size(rule); i++)
        if (check(json_array_get(rule, i), v, at, e) != 0)
            return -1;
    return 0;
}

static int check_any_of(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                        struct error *e)
{
    (void)schema;
    CLEANUP_BUF struct buf why = BUF_INIT;
    for (size_t i = 0; i < json_array_size(rule); i++) {
        struct error one = ERROR_INIT;
        if (check(json_array_get(rule, i), v, at, &one) == 0)
            return 0;
        buf_printf(&why, "%s%s", i ? "; " : "", one.message);
    }
    return wrong(e, at, "fits none of the alternatives (%s)", why.data ? why.data : "there are none");
}

static int check_one_of(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at,
                        struct error *e)
{
    size_t fits = 0;
    for (size_t i = 0; i < json_array_size(rule); i++)
        fits += check(json_array_get(rule, i), v, at, NULL) == 0;
    if (fits == 0)
        return check_any_of(rule, schema, v, at, e);
    return fits == 1 ? 0 : wrong(e, at, "fits %zu of the alternatives, must fit one", fits);
}

static int check_not(const json_t *rule, const json_t *schema, const json_t *v, const struct place *at, struct error *e)
{
    (void)schema;
    return check(rule, v, at, NULL) == 0 ? wrong(e, at, "is what the schema excludes") : 0;
}

static const struct {
    const char *name;
    keyword_fn fn;
} keywords[] = {
    {"type", check_type},
    {"enum", check_enum},
    {"const", check_const},
    {"required", check_required},
    {"properties", check_properties},
    {"additionalProperties", check_additional},
    {"minProperties", check_min_properties},
    {"maxProperties", check_max_properties},
    {"items", check_items},
    {"minItems", check_min_items},
    {"maxItems", check_max_items},
    {"minLength", check_min_length},
    {"maxLength", check_max_length},
    {"pattern", check_pattern},
    {"minimum", check_minimum},
    {"maximum", check_maximum},
    {"exclusiveMinimum", check_exclusive_minimum},
    {"exclusiveMaximum", check_exclusive_maximum},
    {"allOf", check_all_of},
    {"anyOf", check_any_of},
    {"oneOf", check_one_of},
    {"not", check_not},
};

static int check(const json_t *schema, const json_t *v, const struct place *at, struct error *e)
{
    if (json_is_false(schema))
        return wrong(e, at, "is not allowed");
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const json_t *rule = json_object_get(schema, keywords[i].name);
        if (rule && keywords[i].fn(rule, schema, v, at, e) != 0)
            return -1;
    }
    return 0;
}

int schema_check(const json_t *schema, const json_t *value, struct error *e)
{
    return schema ? check(schema, value, NULL, e) : 0;
}

static void unknown(const json_t *schema, const json_t *v, const struct place *at, json_t *pointers)
{
    const json_t *properties = json_object_get(schema, "properties"), *more = json_object_get(schema, "additionalProperties");
    const json_t *items = json_object_get(schema, "items");
    const char *key;
    json_t *member;
    for (size_t i = 0; items && i < json_array_size(v); i++)
        unknown(items, json_array_get(v, i), &(struct place){at, NULL, i}, pointers);
    if (!properties)
        return;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        const json_t *sub = json_object_get(properties, key);
        const struct place here = {at, key, 0};
        if (sub) {
            unknown(sub, member, &here, pointers);
        } else if ((!more || json_is_false(more)) && json_array_size(pointers) < MAX_UNKNOWN) {
            CLEANUP_FREE char *text = place_text(&here);
            js_push(pointers, js_string_lossy(text, strlen(text)));
        }
    }
}

void schema_unknown_keys(const json_t *schema, const json_t *value, json_t *pointers)
{
    if (schema)
        unknown(schema, value, NULL, pointers);
}

const char **schema_expression_keys(const json_t *schema)
{
    json_t *properties = json_object_get(schema, "properties");
    const char **keys = NULL, *key;
    size_t n = 0, cap = 0;
    json_t *sub;
    json_object_foreach(properties, key, sub)
    {
        const char *format = js_str(sub, "format");
        if (!format || strcmp(format, "expression") != 0)
            continue;
        xgrow((void **)&keys, &cap, n + 2, sizeof *keys);
        keys[n++] = key;
        keys[n] = NULL;
    }
    return keys;
}

static json_t *convert_text(const json_t *text, const char *type)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};
    const char *s = json_string_value(text);
    if (type && strcmp(type, "boolean") == 0)
        for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
            if (strcmp(s, yes[i]) == 0)
                return json_true();
            if (strcmp(s, no[i]) == 0)
                return json_false();
        }
    if (type && (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)) {
        json_t *v = js_parse(s, strlen(s), NULL);
        if (json_is_number(v))
            return v;
        json_decref(v);
    }
    return json_copy((json_t *)(uintptr_t)text);
}

json_t *schema_convert(const json_t *schema, const json_t *strings)
{
    json_t *out = json_object();
    const char *key;
    json_t *text;
    json_object_foreach((json_t *)(uintptr_t)strings, key, text)
    {
        const char *type = js_str(json_object_get(json_object_get(schema, "properties"), key), "type");
        js_set(out, key, json_is_string(text) ? convert_text(text, type) : json_incref(text));
    }
    return out;
}
