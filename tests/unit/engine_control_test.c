/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles with more ways in, nodes that are withdrawn, groups that run one at a time, signals for nodes with open passes,
 * signals that are not kept. */
#include "base/json.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

/* ---- 27: what a later pass of a cycle runs ---- */

static void test_27_stale_edges(void **state)
{
    (void)state;
    const char *all = "t a b c o; t>a t>b a>b=on a>o=off b>c c>a=again";
    /* the second way in was used up in the first pass: alone it does not make b run again */
    check_trace(all, "start; t; a=on; b; c=again; a=off; o", "t | a | b | c | a | o | END completed");
    /* but it counts */
    check_trace(all, "start; t; a=on; b; c=again; a=on; b; c=no", "t | a | b | c | a | b | c | END completed");
    check_trace("t a b{'join':'n_of_m','join_n':2} c o; t>a t>b a>b=on a>o=off b>c c>a=again",
                "start; t; a=on; b; c=again; a=on; b; c=no", "t | a | b | c | a | b | c | END completed");
    /* any: the first that is new */
    check_trace("t a b{'join':'any','join_rest':'run'} c o; t>a t>b a>b=on a>o=off b>c c>a=again",
                "start; t; a=on; b; c=again; a=on; b; c=no", "t | a b |  | c | a | b | c | END completed");
    check_trace("t a b{'join':'any','join_rest':'run'} c o; t>a t>b a>b=on a>o=off b>c c>a=again",
                "start; t; a=on; b; c=again; a=off; o", "t | a b |  | c | a | o | END completed");
}

static void test_27_what_is_not_used_yet(void **state)
{
    (void)state;
    /* b waits for s through two passes: the edge from t still makes it run, whether s comes or not */
    const char *g = "t a s b c{'join':'any','join_rest':'run'}; t>a t>s t>b s>b=y a>b=on a>c b>c c>a=again";
    check_trace(g, "start; t; a=on; c=again; a=off; c=no; s=y; b", "t | a s | c | a | c |  | b | END completed");
    check_trace(g, "start; t; a=on; c=again; a=off; c=no; s=n; b", "t | a s | c | a | c |  | b | END completed");
    /* an edge that is decided in a later pass is new there */
    check_trace(g, "start; t; a=on; c=again; s=y; a=off; c=no; b", "t | a s | c | a |  | b c |  | END completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_27_stale_edges),
        cmocka_unit_test(test_27_what_is_not_used_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
