/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration schemas: what fits, what does not, and in which words. */
#include "unit/test.h"

#include <stdlib.h>

#include "base/json.h"
#include "plugin/schema.h"

static json_t *read_json(const char *text)
{
    struct error e = ERROR_INIT;
    json_t *v = js_parse(text, strlen(text), &e);
    if (!v)
        fail_msg("%s: %s", text, e.message);
    return v;
}

/* expected "" = it fits */
static void expect(const char *schema, const char *value, const char *expected)
{
    CLEANUP_JSON json_t *s = read_json(schema);
    CLEANUP_JSON json_t *v = read_json(value);
    struct error e = ERROR_INIT;
    assert_int_equal(schema_valid(s, &e), 0);
    assert_int_equal(schema_check(s, v, &e), *expected ? -1 : 0);
    assert_string_equal(e.message, expected);
}

static void types(void **state)
{
    (void)state;
    expect("{\"type\":\"integer\"}", "5", "");
    expect("{\"type\":\"integer\"}", "5.0", "");
    expect("{\"type\":\"integer\"}", "5.5", "\"\": must be of type integer, is number");
    expect("{\"type\":\"number\"}", "5", "");
    expect("{\"type\":\"boolean\"}", "false", "");
    expect("{\"type\":\"null\"}", "null", "");
    expect("{\"type\":[\"string\",\"null\"]}", "null", "");
    expect("{\"type\":[\"string\",\"null\"]}", "[]", "\"\": must be of type string or null, is array");
    expect("{\"properties\":{\"a/b\":{\"type\":\"object\"}}}", "{\"a/b\":true}",
           "\"/a~1b\": must be of type object, is boolean");
    expect("true", "1", "");
    expect("{\"properties\":{\"x\":false}}", "{\"x\":1}", "\"/x\": is not allowed");
}

static void objects_and_arrays(void **state)
{
    (void)state;
    expect("{\"required\":[\"url\"]}", "{}", "\"/url\": is missing");
    expect("{\"required\":[\"url\"]}", "{\"url\":null}", "");
    expect("{\"items\":{\"items\":{\"type\":\"string\"}}}", "[[\"a\"],[\"b\",3]]",
           "\"/1/1\": must be of type string, is integer");
    expect("{\"additionalProperties\":{\"type\":\"string\"},\"properties\":{\"n\":{\"type\":\"integer\"}}}",
           "{\"n\":1,\"x\":\"y\",\"z\":2}", "\"/z\": must be of type string, is integer");
    expect("{\"properties\":{\"n\":{}},\"additionalProperties\":false}", "{\"m\":1}", "");
    expect("{\"minItems\":2}", "[1]", "\"\": has 1 elements, at least 2 needed");
    expect("{\"maxItems\":2}", "[1,2,3]", "\"\": has 3 elements, at most 2 allowed");
    expect("{\"minProperties\":1}", "{}", "\"\": has 0 members, at least 1 needed");
    expect("{\"maxProperties\":0}", "{\"a\":1}", "\"\": has 1 members, at most 0 allowed");
    expect("{\"minItems\":2}", "{}", "");
}

static void strings_and_numbers(void **state)
{
    (void)state;
    expect("{\"minLength\":2,\"maxLength\":2}", "\"\\u00e4\\u00f6\"", "");
    expect("{\"minLength\":3}", "\"ab\"", "\"\": has 2 characters, at least 3 needed");
    expect("{\"maxLength\":1}", "\"ab\"", "\"\": has 2 characters, at most 1 allowed");
    expect("{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", "");
    expect("{\"pattern\":\"^[a-z]+$\"}", "\"aBc\"", "\"\": does not match the pattern ^[a-z]+$");
    expect("{\"pattern\":\"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"",
           "\"\": does not match the pattern ^(a+)+$");
    expect("{\"minimum\":1}", "0.5", "\"\": must be at least 1");
    expect("{\"minimum\":1,\"maximum\":1}", "1", "");
    expect("{\"maximum\":0.1}", "0.2", "\"\": must be at most 0.1");
    expect("{\"exclusiveMinimum\":1}", "1", "\"\": must be greater than 1");
    expect("{\"exclusiveMaximum\":1}", "1", "\"\": must be less than 1");
    expect("{\"maximum\":9223372036854775806}", "9223372036854775807", "\"\": must be at most 9223372036854775806");
    expect("{\"minimum\":5}", "\"4\"", "");
}

static void choices(void **state)
{
    (void)state;
    expect("{\"enum\":[\"GET\",\"POST\",1]}", "1.0", "");
    expect("{\"enum\":[\"GET\",\"POST\"]}", "\"PUT\"", "\"\": must be one of \"GET\", \"POST\"");
    expect("{\"const\":{\"a\":1}}", "{\"a\":2}", "\"\": must be {\"a\":1}");
    expect("{\"allOf\":[{\"type\":\"object\"},{\"required\":[\"a\"]}]}", "{}", "\"/a\": is missing");
    expect("{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{\"b\":1}", "");
    expect("{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}",
           "\"\": fits none of the alternatives (\"/a\": is missing; \"/b\": is missing)");
    expect("{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":3}]}", "2", "");
    expect("{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":3}]}", "4", "\"\": fits 2 of the alternatives, must fit one");
    expect("{\"not\":{\"type\":\"string\"}}", "\"x\"", "\"\": is what the schema excludes");
}

static void expect_invalid(const char *schema, const char *expected)
{
    CLEANUP_JSON json_t *s = read_json(schema);
    struct error e = ERROR_INIT;
    assert_int_equal(schema_valid(s, &e), -1);
    assert_string_equal(e.message, expected);
}

static void wrong_schemas(void **state)
{
    (void)state;
    expect_invalid("3", "\"\": is not a schema (an object, true or false)");
    expect_invalid("{\"$ref\":\"#\"}", "\"/$ref\": is not a keyword that wfworker checks");
    expect_invalid("{\"type\":\"text\"}", "\"/type\": is not the name of a type or an array of names");
    expect_invalid("{\"type\":[]}", "\"/type\": is not the name of a type or an array of names");
    expect_invalid("{\"properties\":{\"a\":{\"items\":[]}}}",
                   "\"/properties/a/items\": is not a schema (an object, true or false)");
    expect_invalid("{\"properties\":[]}", "\"/properties\": is not an object");
    expect_invalid("{\"pattern\":3}", "\"/pattern\": is not a string");
    expect_invalid("{\"required\":[1]}", "\"/required\": is not an array of strings");
    expect_invalid("{\"enum\":[]}", "\"/enum\": is not an array of values");
    expect_invalid("{\"minLength\":-1}", "\"/minLength\": is not a whole number from 0");
    expect_invalid("{\"maximum\":\"3\"}", "\"/maximum\": is not a number");
    expect_invalid("{\"anyOf\":{}}", "\"/anyOf\": is not an array of schemas");
    expect_invalid("{\"oneOf\":[{},{\"not\":1}]}", "\"/oneOf/1/not\": is not a schema (an object, true or false)");
    expect_invalid("{\"pattern\":\"a(\"}",
                   "\"/pattern\": the pattern is wrong at character 3: missing closing parenthesis");
    CLEANUP_JSON json_t *notes = read_json("{\"title\":1,\"x-order\":[2],\"format\":\"uri\",\"default\":{}}");
    assert_int_equal(schema_valid(notes, NULL), 0);
}

static void unknown_keys(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *s = read_json("{\"properties\":{\"a\":{\"items\":{\"properties\":{\"b\":{}}}},"
                                       "\"free\":{\"properties\":{\"x\":{}},\"additionalProperties\":{}},\"any\":{}}}");
    CLEANUP_JSON json_t *v = read_json("{\"a\":[{\"b\":1},{\"c\":2}],\"free\":{\"q\":1},\"any\":{\"r\":1},\"d/e\":3}");
    CLEANUP_JSON json_t *found = json_array();
    schema_unknown_keys(s, v, found);
    char *text = js_text(found);
    assert_string_equal(text, "[\"/a/1/c\",\"/d~1e\"]");
    free(text);
}

static void expressions_are_named(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *s = read_json("{\"properties\":{\"a\":{\"format\":\"expression\"},\"b\":{\"format\":\"uri\"},"
                                       "\"c\":{\"format\":\"expression\"}}}");
    CLEANUP_JSON json_t *none = read_json("{\"properties\":{\"a\":{}}}");
    const char **keys = schema_expression_keys(s);
    assert_string_equal(keys[0], "a");
    assert_string_equal(keys[1], "c");
    assert_null(keys[2]);
    free(keys);
    assert_null(schema_expression_keys(none));
    assert_null(schema_expression_keys(NULL));
}

static void texts_become_what_the_schema_says(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *s = read_json("{\"properties\":{\"n\":{\"type\":\"integer\"},\"r\":{\"type\":\"number\"},"
                                       "\"on\":{\"type\":\"boolean\"},\"off\":{\"type\":\"boolean\"},"
                                       "\"odd\":{\"type\":\"integer\"},\"s\":{\"type\":\"string\"}}}");
    CLEANUP_JSON json_t *v = read_json("{\"n\":\"12\",\"r\":\"0.5\",\"on\":\"yes\",\"off\":\"off\",\"odd\":\"12x\",\"s\":\"3\","
                                       "\"other\":\"4\"}");
    CLEANUP_JSON json_t *out = schema_convert(s, v);
    char *text = js_text(out);
    assert_string_equal(
        text, "{\"n\":12,\"r\":0.5,\"on\":true,\"off\":false,\"odd\":\"12x\",\"s\":\"3\",\"other\":\"4\"}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(objects_and_arrays),
        cmocka_unit_test(strings_and_numbers),
        cmocka_unit_test(choices),
        cmocka_unit_test(wrong_schemas),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(expressions_are_named),
        cmocka_unit_test(texts_become_what_the_schema_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
