/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of scopes: what a node opens by entering, what ends there and how, and what is cancelled on the way.  Each
 * test is named after the number of the rule that it is about. */
#include "base/json.h"
#include "base/mem.h"
#include "engine/def_int.h"
#include "unit/engine_sim.h"
#include "unit/test.h"


static void test_enter(void **state)
{
    (void)state;
    const char *g = "t L a b z; t>L L>a=body a>b b>L L>z=done";
    check_trace(g, "start; t; L>body/l; a; b; L>body/l; a; b; L=done; z",
                "t | L | L#1/a | L#1/b | L(done#1) | L#2/a | L#2/b | L(done#2) | z | END completed");
    /* nothing is drawn: over at once */
    check_trace("L", "start; L>body*2/l; L=done", "L | L(done#1) | END completed");
    check_trace("L", "start; L>body/l; L>body*0", "L | L(done#1) | END failed: Node L failed: the node enters a branch that is none "
                                                  "of body, catch and finally, or waits for a pass when none is open");
    check_trace("L a; L>a=body", "start; L>attempt",
                "L | END failed: Node L failed: the node enters a branch that is none of body, catch and finally, or waits for a "
                "pass when none is open");
}

static void test_map(void **state)
{
    (void)state;
    const char *g = "L a z; L>a=body L>z=done";
    check_trace(g, "start; L>body*3/lo; L#2/a; L>body*0/lo; L#1/a; L#3/a; L>body*0/lo; L=done; z",
                "L | L#1/a L#2/a L#3/a | L(done#2) |  | L(done#1) |  | L(done#3) | z | END completed");
    /* ends while passes are open: they are cancelled first */
    check_trace(g, "start; L>body*3/l; L#2/a; L=done; z", "L | L#1/a L#2/a L#3/a | L(done#2) | -a -a z | END completed");
    /* or run on beside what follows */
    check_trace(g, "start; L>body*2/ld; L#2/a; L=done; z; L#1/a", "L | L#1/a L#2/a | L(done#2) | z |  | END completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enter),
        cmocka_unit_test(test_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
