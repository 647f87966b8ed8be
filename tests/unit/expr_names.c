/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/expr_check.h"

#include "base/buf.h"
#include "expr/names.h"

/* "root.member@column ..."; calls as "root()@column". */
static void on_name(void *ctx, const struct expr_name *name)
{
    struct buf *b = ctx;
    buf_printf(b, "%s%s%s%s%s@%d", b->len ? " " : "", name->root, name->call ? "()" : "", name->member ? "." : "",
               name->member ? name->member : "", name->column);
    if (name->line != 1)
        buf_printf(b, ":%d", name->line);
}

static void check(const char *text, const char *expected)
{
    struct expr_error e;
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct expr *x = expr_compile_key(text, strlen(text), &e);
    if (!x)
        fail_msg("%s: %s", text, e.message);
    buf_addstr(&out, "");
    expr_names(x, on_name, &out);
    expr_free(x);
    if (strcmp(out.data, expected) != 0)
        fail_msg("%s: got %s, expected %s", text, out.data, expected);
}

static void names_of_expressions(void **state)
{
    (void)state;
    check("1 + 2 * -3", "");
    check("a", "a@1");
    check("input.x.y + data['z'][0]", "input.x@1 data.z@13");
    check("input[key] + input[0]", "input@1 key@7 input@14");
    check("a ? [b, ...c] : {d: e, [f]: g, ...h, i}", "a@1 b@6 c@12 e@21 g@29 f@25 h@35 i@38");
    check("a && (b || not c) == (d in e) ** 2", "a@1 b@7 c@16 d@23 e@28");
    check("list.map((x, [y]) => x + y + z).slice(m, n)[p:q]", "list@1 z@30 m@39 n@42 p@45 q@47");
    check("now() + round(input.list, s)", "now()@1 round()@9 input.list@15 s@27");
    check("'total ${price} for {{ name }}'\n== \"${x}\"", "price@10 name@24 x@7:2");
}

static void names_of_templates(void **state)
{
    struct expr_error e;
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_JSON json_t *v = read_json("{\"a\": \"x ${a.b} {{c}}\", \"b\": [1, \"${d}\", \"$${no}\"], \"e\": \"left ${f}\"}");
    (void)state;
    struct tmpl *t = tmpl_compile(v, (const char *const[]){"e", NULL}, &e);
    assert_non_null(t);
    tmpl_names(t, on_name, &out);
    assert_string_equal(out.data, "a.b@5 c@12 d@3");
    tmpl_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_expressions),
        cmocka_unit_test(names_of_templates),
    };
    return cmocka_run_group_tests_name("expr_names", tests, NULL, NULL);
}
