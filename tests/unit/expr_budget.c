/* SPDX-License-Identifier: Apache-2.0 */
/* The budgets: source, nesting, steps, memory, depth of values, regular expressions. */
#include "unit/expr_check.h"

#define STEPS "expression_too_costly: the expression takes more than 10000000 steps, line 1, column "
#define MEMORY "expression_too_costly: the expression needs more than 16 MiB of memory, line 1, column "
#define NESTING "expression_too_costly: the expression nests deeper than 256 levels, line 1, column "

/* head * n + middle + tail * n */
static char *sandwich(const char *head, size_t n, const char *middle, const char *tail)
{
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < n; i++)
        buf_addstr(&b, head);
    buf_addstr(&b, middle);
    for (size_t i = 0; i < n; i++)
        buf_addstr(&b, tail);
    return buf_steal(&b);
}

static void check(const char *head, size_t n, const char *middle, const char *tail, const char *want)
{
    CLEANUP_FREE char *text = sandwich(head, n, middle, tail);
    CLEANUP_FREE char *got = outcome(text, strlen(text), "{\"a\":{\"b\":1}}", false);
    assert_string_equal(got, want);
}

static void nesting_ends_at_256_levels(void **state)
{
    (void)state;
    check("(", 256, "1", ")", "1");
    check("(", 257, "1", ")", NESTING "257");
    check("[", 257, "1", "]", NESTING "257");
    check("{a:", 257, "1", "}", NESTING "769");
    check("!", 257, "1", "", NESTING "257");
    check("not ", 257, "1", "", NESTING "1025");
    check("2**", 257, "1", "", NESTING "770");
    check("a[", 257, "1", "]", NESTING "514");
    check("len(", 257, "1", ")", NESTING "1028");
}

static void chains_do_not_nest(void **state)
{
    (void)state;
    check("1+", 32000, "1", "", "32001");
    check("0?1:", 15000, "2", "", "2");
    check("1 if 0 else ", 5000, "3", "", "3");
    check("1 && ", 12000, "7", "", "7");
    check("", 10000, "a", "?.b?.c", "undefined");
}

static void source_ends_at_64_kib(void **state)
{
    (void)state;
    check(" ", 65535, "1", "", "1");
    check(" ", 65536, "1", "", "expression_too_costly: the expression is longer than 64 KiB, line 1, column 1");
}

static void steps_and_memory_end(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"range(3000).map(a => range(4000).map(b => a*b).length)", NULL, STEPS "34"},
        {"range(60).reduce((a, b) => [a, a], 1) == range(60).reduce((a, b) => [a, a], 1)", NULL, STEPS "39"},
        {"'x'.repeat(16777217)", NULL, MEMORY "5"},
        {"'x'.repeat(8000000).length", NULL, "8000000"},
        {"range(2000000)", NULL, MEMORY "1"},
        {"range(30).reduce((a, b) => a + a, 'x').length", NULL, MEMORY "30"},
        {"'x'.padStart(1e15)", NULL, MEMORY "5"},
        {"JSON.stringify(range(40).reduce((a, b) => [a, a], 1))", NULL, MEMORY "1"},
        {"range(40).reduce((a, b) => [a, a], 1).length", NULL, "2"},
        {"range(40).reduce((a, b) => [a, a], 1)", NULL,
         "expression_too_costly: the expression makes a result of more than 16 MiB, line 1, column 11"},
        {"range(600).reduce((a, b) => [a], 1)", NULL,
         "expression_too_costly: the expression makes values that nest deeper than 512 levels, line 1, column 30"},
        /* what is no longer used does not count */
        {"range(2000).reduce((a, b) => 'x'.repeat(1000000).length, 0)", NULL, STEPS "50"},
        {"range(100).reduce((a, b) => 'x'.repeat(1000000).length, 0)", NULL, "1000000"},
    };
    CHECK(rows);
}

static void regular_expressions_cannot_explode(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.test('^(a|aa)+$')", NULL, STEPS "62"},
    };
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_ends_at_256_levels),
        cmocka_unit_test(chains_do_not_nest),
        cmocka_unit_test(source_ends_at_64_kib),
        cmocka_unit_test(steps_and_memory_end),
        cmocka_unit_test(regular_expressions_cannot_explode),
    };
    return cmocka_run_group_tests_name("expr_budget", tests, NULL, NULL);
}
