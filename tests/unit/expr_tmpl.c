/* SPDX-License-Identifier: Apache-2.0 */
/* Templates, and expression keys. */
#include "unit/expr_check.h"

/* Render `value` with `data`; the result as JSON or the whole error. */
static char *rendered(const char *value, const char *data_text, const char *const *skip)
{
    struct expr_error e = {0};
    CLEANUP_JSON json_t *v = read_json(value), *data = read_json(data_text ? data_text : "{}");
    CLEANUP_JSON json_t *before = json_deep_copy(v);
    struct expr_env env = env_of(data);
    struct tmpl *t = tmpl_compile(v, skip, &e);
    CLEANUP_JSON json_t *out = t ? tmpl_render(t, &env, &e) : NULL;
    tmpl_free(t);
    assert_true(json_equal(v, before));
    if (!out)
        return error_text(&e);
    struct buf b = BUF_INIT;
    expr_write_json(&b, out);
    return buf_steal(&b);
}

static void check_templates(const struct row *rows, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        CLEANUP_FREE char *got = rendered(rows[i].text, rows[i].data, NULL);
        if (strcmp(got, rows[i].want) != 0) {
            print_error("%s\n  gave   %s\n  wanted %s\n", rows[i].text, got, rows[i].want);
            wrong++;
        }
    }
    if (wrong)
        fail_msg("%zu of %zu rows", wrong, n);
}

static void rule_14_templates_keep_types_and_join_texts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\"${a}\"", "{\"a\":{\"b\":[1,2.5,null]}}", "{\"b\":[1,2.5,null]}"},
        {"\"{{a}}\"", "{\"a\":9223372036854775807}", "9223372036854775807"},
        {"\"{{ a + 1 }}\"", "{\"a\":1}", "2"},
        {"\"x ${a} y {{b}} z\"", "{\"a\":1.0,\"b\":[1,{\"c\":\"d\"}]}", "\"x 1 y [1,{\\\"c\\\":\\\"d\\\"}] z\""},
        {"\"n=${a}\"", "{\"a\":null}", "\"n=null\""},
        {"\"${a}${b}\"", "{\"a\":\"x\",\"b\":\"y\"}", "\"xy\""},
        {"\"${a} \"", "{\"a\":1}", "\"1 \""},
        {"\"${1e21} ${-0} ${1e20} ${true}\"", NULL, "\"1e+21 0 100000000000000000000 true\""},
        {"\"no template: $ { } }} $x {\"", NULL, "\"no template: $ { } }} $x {\""},
        {"\"\"", NULL, "\"\""},
    };
    check_templates(rows, ARRAY_LEN(rows));
}

static void rule_14_literals_braces_and_nesting(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\"$${a}\"", NULL, "\"${a}\""},
        {"\"{{{{a}}\"", NULL, "\"{{a}}\""},
        {"\"$${a} ${1} {{{{ {{2}} \"", NULL, "\"${a} 1 {{ 2 \""},
        {"\"$$${a}\"", NULL, "\"$${a}\""},
        {"\"$5 ${1}$\"", NULL, "\"$5 1$\""},
        {"\"${'}'}\"", NULL, "\"}\""},
        {"\"{{'}}' + \\\"}\\\"}}\"", NULL, "\"}}}\""},
        {"\"${'${x}'}\"", NULL, "\"${x}\""},
        {"\"${{a: {b: [1, {c: 2}]}}.a.b[1].c}\"", NULL, "2"},
        {"\"{{ {a: {b: 1}} }}\"", NULL, "{\"a\":{\"b\":1}}"},
        {"\"{{{a: {b: 1}}}}\"", NULL, "{\"a\":{\"b\":1}}"},
        {"\"${items.map(i => ({n: i}))}\"", "{\"items\":[1]}", "[{\"n\":1}]"},
        /* a result is not scanned again */
        {"\"${a}\"", "{\"a\":\"${b}\",\"b\":1}", "\"${b}\""},
        {"\"x${a}\"", "{\"a\":\"{{b}}\",\"b\":1}", "\"x{{b}}\""},
    };
    check_templates(rows, ARRAY_LEN(rows));
}

static void templates_are_found_in_values_only(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"${a}\":\"${a}\",\"x\":[\"${a}\",{\"y\":\"{{a}}\"},3]}", "{\"a\":1}", "{\"${a}\":1,\"x\":[1,{\"y\":1},3]}"},
        {"{\"a\":\"${b}\",\"b\":2,\"c\":\"${a}\"}", "{\"a\":\"A\",\"b\":\"B\"}", "{\"a\":\"B\",\"b\":2,\"c\":\"A\"}"},
        {"[1,null,true,2.5]", NULL, "[1,null,true,2.5]"},
    };
    check_templates(rows, ARRAY_LEN(rows));
}

static void errors_name_the_path(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"headers\":{\"X-A\":\"b ${nope}\"}}", NULL, "unknown_name: /headers/X-A: unknown name \"nope\", line 1, column 5"},
        {"[0,{\"a/b~c\":\"${x.y}\"}]", "{\"x\":{}}", "template_error: /1/a~1b~0c: the template's value is undefined, line 1, column 3"},
        {"\"a ${x.y}\"", "{\"x\":{}}", "template_error: the template's value is undefined, line 1, column 3"},
        {"{\"a\":\"${1 +}\"}", NULL, "expression_error: /a: unexpected \"}\", line 1, column 6"},
        {"{\"a\":\"x\\n ${1 + 2\"}", NULL, "expression_error: /a: \"${\" is not closed: expected \"}\", line 2, column 9"},
        {"{\"a\":\"{{ 1 }\"}", NULL, "expression_error: /a: \"{{\" is not closed: expected \"}}\", line 1, column 7"},
        {"{\"a\":\"{{ 1 \"}", NULL, "expression_error: /a: \"{{\" is not closed: expected \"}}\", line 1, column 6"},
        {"{\"a\":\"${}\"}", NULL, "expression_error: /a: unexpected \"}\", line 1, column 3"},
        {"{\"a\":\"${x => x}\"}", NULL, "type_error: /a: the result is a function, which is no value, line 1, column 3"},
        {"{\"a\":\"${1/0}\"}", NULL, "not_a_number: /a: the result is Infinity, line 1, column 3"},
        {"{\"a\":\"n ${0/0}\"}", NULL, "not_a_number: /a: the template's value is NaN, line 1, column 3"},
        {"{\"a\":\"n ${[0/0]}\"}", NULL, "not_a_number: /a: the template's value holds NaN, line 1, column 3"},
    };
    check_templates(rows, ARRAY_LEN(rows));
}

static void top_level_keys_can_be_skipped(void **state)
{
    (void)state;
    const char *const skip[] = {"condition", "list", NULL};
    CLEANUP_FREE char *got = rendered(
        "{\"condition\":\"${a}\",\"b\":{\"condition\":\"${a}\"},\"list\":[\"${a}\"]}", "{\"a\":1}", skip);
    assert_string_equal(got, "{\"condition\":\"${a}\",\"b\":{\"condition\":1},\"list\":[1]}");
}

/* More texts than it keeps, some longer than all of them may be together. */
static void compiled_expressions_are_kept(void **state)
{
    (void)state;
    struct expr_error e;
    struct expr_cache *c = expr_cache_new();
    const struct expr *first = expr_cache_get(c, "1 + 1", 5, &e);
    assert_ptr_equal(expr_cache_get(c, "1 + 1", 5, &e), first);
    assert_null(expr_cache_get(c, "1 +", 3, &e));
    assert_string_equal(e.type, "expression_error");
    CLEANUP_FREE char *long_text = xasprintf("%40000s", "7");
    for (int i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i % 100);
        CLEANUP_JSON json_t *v = expr_eval(expr_cache_get(c, text, strlen(text), &e), &(struct expr_env){0}, NULL, &e);
        assert_int_equal(json_integer_value(v), i % 100);
        long_text[i] = '1'; /* another text each time */
        long_text[i + 1] = '+';
        if (i % 50 == 0)
            assert_non_null(expr_cache_get(c, long_text, strlen(long_text), &e));
        long_text[i] = long_text[i + 1] = ' ';
    }
    expr_cache_free(c);
    expr_cache_free(NULL);
}

static void constant_values_are_given_back_themselves(void **state)
{
    (void)state;
    struct expr_error e;
    CLEANUP_JSON json_t *v = read_json("{\"a\":[\"x\"]}");
    struct expr_env env = env_of(NULL);
    struct tmpl *t = tmpl_compile(v, NULL, &e);
    assert_non_null(t);
    assert_true(tmpl_is_constant(t));
    CLEANUP_JSON json_t *out = tmpl_render(t, &env, &e);
    assert_ptr_equal(out, v);
    tmpl_free(t);
    CLEANUP_JSON json_t *w = read_json("[\"$${a}\"]");
    t = tmpl_compile(w, NULL, &e);
    assert_false(tmpl_is_constant(t));
    tmpl_free(t);
    tmpl_free(NULL);
}

static void long_texts_around_short_templates_are_fine(void **state)
{
    (void)state;
    struct expr_error e = {0};
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (int i = 0; i < 30000; i++)
        buf_addstr(&b, "text ");
    buf_addstr(&b, "${a}");
    for (int i = 0; i < 30000; i++)
        buf_addstr(&b, " text");
    CLEANUP_JSON json_t *v = json_string(b.data), *data = read_json("{\"a\":7}");
    struct expr_env env = env_of(data);
    struct tmpl *t = tmpl_compile(v, NULL, &e);
    assert_string_equal(e.message, "");
    CLEANUP_JSON json_t *out = tmpl_render(t, &env, &e);
    assert_int_equal(json_string_length(out), 300001);
    assert_int_equal(json_string_value(out)[150000], '7');
    tmpl_free(t);
    buf_clear(&b);
    buf_addstr(&b, "${'");
    for (int i = 0; i < 70000; i++)
        buf_addch(&b, 'x');
    buf_addstr(&b, "'}");
    CLEANUP_JSON json_t *w = json_string(b.data);
    assert_null(tmpl_compile(w, NULL, &e));
    assert_string_equal(e.message, "the expression is longer than 64 KiB, line 1, column 3");
    assert_string_equal(e.type, "expression_too_costly");
}

static void detail_45_keys_that_are_expressions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"${value} > 10", "{\"value\":11}", "true"},
        {"${a + 1} * 2", "{\"a\":1}", "4"},
        {"{{a + 1}} * 2", "{\"a\":1}", "4"},
        {"${a} == 'x'", "{\"a\":\"x\"}", "true"},
        {"'${a}' == 'x'", "{\"a\":\"x\"}", "true"},
        {"\"${n}\" === '5'", "{\"n\":5}", "true"},
        {"'a${b}c{{d}}e' + 1", "{\"b\":1,\"d\":[2]}", "\"a1c[2]e1\""},
        {"'$${b}{{{{'", NULL, "\"${b}{{\""},
        {"\"${o[\"k\"]}!\"", "{\"o\":{\"k\":\"v\"}}", "\"v!\""},
        {"'${'}'}'", NULL, "\"}\""},
        {"'${nope}'", NULL, "unknown_name: unknown name \"nope\", line 1, column 4"},
        {"'${o.x}'", "{\"o\":{}}", "template_error: the template's value is undefined, line 1, column 2"},
        {"${input.items}", "{\"input\":{\"items\":[1,2]}}", "[1,2]"},
        {"${x", "{\"x\":1}", "expression_error: \"${\" is not closed: expected \"}\", line 1, column 4"},
        {"'${x'", "{\"x\":1}", "expression_error: the string is not closed, line 1, column 6"},
        {"{a: ${x}}", "{\"x\":1}", "{\"a\":1}"},
        {"$x + 1", "{\"$x\":1}", "2"},
        {"a.b", "{\"a\":{\"b\":1}}", "1"},
    };
    CHECK_KEYS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_14_templates_keep_types_and_join_texts),
        cmocka_unit_test(rule_14_literals_braces_and_nesting),
        cmocka_unit_test(templates_are_found_in_values_only),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(top_level_keys_can_be_skipped),
        cmocka_unit_test(compiled_expressions_are_kept),
        cmocka_unit_test(constant_values_are_given_back_themselves),
        cmocka_unit_test(long_texts_around_short_templates_are_fine),
        cmocka_unit_test(detail_45_keys_that_are_expressions),
    };
    return cmocka_run_group_tests_name("expr_tmpl", tests, NULL, NULL);
}
