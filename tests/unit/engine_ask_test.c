/* SPDX-License-Identifier: Apache-2.0 */
/* Asks: given with the step that made them, undone when their attempt ends, and their answers. */
#include <stdlib.h>

#include "base/json.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

#define CHILD "{go,:child:1,stop,once}"
#define LOCK "{take,:lock:1,drop}"

static void test_asked_and_answered(void **state)
{
    (void)state;
    check_trace("a b; a>b", "start; a{note}; b", "a | [note a] b | END completed");
    check_trace("a", "start; a&:child:1" CHILD "; *:child:1=7; a", "a | [go a] | !s1 a<:child:1 7> | END completed");
    /* what settles is not undone, what does not is */
    check_trace("a", "start; a&:lock:1" LOCK "; *:lock:1; a", "a | [take a] | !s1 a<:lock:1 null> | [drop a] END completed");
    check_trace("a", "start; a" CHILD LOCK, "a | [go a] [take a] [stop a] [drop a] END completed");
    /* a failure forgets what it asked */
    check_trace("a b; a>b=error", "start; a!{note}; b", "a | b | END completed");
}

static void test_undone(void **state)
{
    (void)state;
    /* the deadline; the answer that comes then is nobody's */
    check_trace("a b; a>b=timeout", "start; a&:child:1@500" CHILD "; +500; a=timeout; *:child:1; b",
                "a | [go a] | a~ | [stop a] b | !s1 | END completed");
    check_trace("a b; a>b=error", "start; a&:child:1@500" CHILD "; +500; a!; b", "a | [go a] | a~ | [stop a] b | END completed");
    /* the branch that lost */
    check_trace("s a b c{'join':'any'}; s>a s>b a>c b>c", "start; s; a&:child:1" CHILD "; b; c",
                "s | a b | [go a] | [stop a] c | END completed");
    check_trace("s a b; s>a s>b", "start; s; a&:child:1" CHILD "; b!", "s | a b | [go a] | [stop a] END failed: Node b failed: it is broken");
    check_trace("a", "start; a&:child:1" CHILD "; terminate",
                "a | [go a] | [stop a] END failed: Execution terminated by user");
    check_trace("a b; a>b", "start; a{note,,drop}; b", "a | [note a] [drop a] b | END completed");
}

static void test_other_attempts(void **state)
{
    (void)state;
    /* another attempt begins anew: it asks again */
    check_trace("a{'retry':{'max_attempts':2,'initial_ms':100}}",
                "start; a&:child:1" CHILD "; *:child:1=7; a?; +100; a&:child:2{go,:child:2,stop,once}; *:child:2=8; a",
                "a | [go a] | !s1 a<:child:1 7> |  | a/2 | [go a] | !s2 a/2<:child:2 8> | END completed");
    /* but one that was lost has the answer already */
    check_trace("a", "start; a&:child:1" CHILD "; *:child:1=7; lost; a", "a | [go a] | !s1 a<:child:1 7> | a/2<:child:1 7> | END completed");
    /* and keeps what it holds */
    check_trace("a", "start; a&:lock:1" LOCK "; *:lock:1; lost; a",
                "a | [take a] | !s1 a<:lock:1 null> | a/2<:lock:1 null> | [drop a] END completed");
    /* the execution's next try does not disturb what waits */
    check_trace("s a b; s>a s>b", "start; s; a&:child:1" CHILD "; b?; +1000; *:child:1; a; b",
                "s | a b | [go a] | RETRY 1000 | b/2 | !s1 a<:child:1 null> |  | END completed");
    /* one that is begun again after its end does */
    check_trace("s a b; s>a s>b", "start; s; a&:child:1" CHILD "; b!; retry; *:child:1; a; b",
                "s | a b | [go a] | [stop a] END failed: Node b failed: it is broken | a/2 b/2 | !s1 |  | END completed");
}

/* The node's own retry tries a child again, the execution's does not: the child had its own. */
static void test_child_failed(void **state)
{
    (void)state;
    check_trace("a", "start; a&:child:1" CHILD "; *:child:1; a?child_failed",
                "a | [go a] | !s1 a<:child:1 null> | END failed: Node a failed: it is child_failed");
    check_trace("a{'retry':{'max_attempts':2,'initial_ms':100}}", "start; a&:child:1" CHILD "; *:child:1; a?child_failed; +100; a",
                "a | [go a] | !s1 a<:child:1 null> |  | a/2 | END completed");
}

static void test_scopes(void **state)
{
    (void)state;
    /* held as long as the passes are open, given back however they end */
    check_trace("m a b; m>a=body m>b=done", "start; m&:lock:1" LOCK "; *:lock:1; m>body; a; m=done; b",
                "m | [take m] | !s1 m<:lock:1 null> | m/a | m(done#1) | [drop m] b | END completed");
    check_trace("m a b; m>a=body m>b=error", "start; m&:lock:1" LOCK "; *:lock:1; m>body; a!; m!; b",
                "m | [take m] | !s1 m<:lock:1 null> | m/a | m(failed#1 a broken) | [drop m] b | END completed");
    check_trace("s m a c{'join':'any'} b; s>m s>b m>a=body m>c=done b>c",
                "start; s; m&:lock:1" LOCK "; *:lock:1; m>body; b; c",
                "s | m b | [take m] | !s1 m<:lock:1 null> | m/a | -a [drop m] c | END completed");
}

static void test_paused(void **state)
{
    (void)state;
    check_trace("a", "start; a&:child:1" CHILD "; pause; *:child:1; resume; a",
                "a | [go a] |  |  | !s1 a<:child:1 null> | END completed");
    /* nobody's answers go as well */
    check_trace("a", "start; *:lock:9; a", "a | !s1 | END completed");
    check_trace("a", "start; pause; *:lock:9; resume; a", "a |  |  | !s1 | END completed");
}

static void test_what_people_see(void **state)
{
    (void)state;
    struct sim sim;
    struct engine_columns c;
    sim_open(&sim, "a b; a>b");
    sim_run(&sim, "start; a&:child:1" CHILD);
    engine_columns(sim.def, sim.state, &c);
    assert_string_equal(c.status, "running");
    sim_run(&sim, "*:child:1=7; a&:lock:1,x" LOCK);
    engine_columns(sim.def, sim.state, &c);
    assert_string_equal(c.status, "waiting_for_signal");
    sim_run(&sim, "*:lock:1; a");
    const json_t *data = engine_input(sim.state, sim_act(&sim, "b"));
    assert_null(json_object_get(data, "signal_:child:1"));
    assert_string_equal(sim_logs(&sim), "a info Executing node: a\n"
                              "a info Execution waiting for signal: x\n"
                              "a info Node a completed successfully\n"
                              "b info Executing node: b\n");
    sim_close(&sim);
}

#define SHARED "{lock,:answer:1,unlock,yields}"

/* What others wait for is not kept while the execution waits for its next try. */
static void test_yields(void **state)
{
    (void)state;
    /* who still waits for it */
    check_trace("s a b; s>a s>b", "start; s; a&:answer:1" SHARED "; b?; +1000; a&:answer:2{lock,:answer:2,unlock,yields}; *:answer:1; *:answer:2; a; b",
                "s | a b | [lock a] | [unlock a] RETRY 1000 | a/2 b/2 | [lock a] | !s1 | !s2 a/2<2 null> | [unlock a] | END completed");
    /* who has it */
    check_trace("s m x b; s>m s>b m>x=body", "start; s; m&:answer:1" SHARED "; *:answer:1; m>body; b?; +1000; m; b",
                "s | m b | [lock m] | !s1 m<1 null> | m/x | -x [unlock m] RETRY 1000 | m/2 b/2 |  | END completed");
    /* the end for good */
    check_trace("s m x b; s>m s>b m>x=body", "start; s; m&:answer:1" SHARED "; *:answer:1; m>body; b!",
                "s | m b | [lock m] | !s1 m<1 null> | m/x | -x [unlock m] END failed: Node b failed: it is broken");
    /* a lost worker is no failure */
    check_trace("m x; m>x=body", "start; m&:answer:1" SHARED "; *:answer:1; m>body; lost; x; m",
                "m | [lock m] | !s1 m<1 null> | m/x | m/x/2 | m(done#1) | [unlock m] END completed");
}

#define REQUEST(id) "{request,,close,addressed,@" id "}"

/* An answer that names a request is for nobody else, the others are for who waits longest. */
static void test_addressed(void **state)
{
    (void)state;
    check_trace("s a b; s>a s>b", "start; s; a&x" REQUEST("r1") "; b&x" REQUEST("r2") "; *x:@r2; b; *x:3; a",
                "s | a b | [request a] | [request b] | !s1 b<x {\"request\":\"r2\"}> | [close b] | !s2 a<x 3> | [close a] END completed");
    /* one that is closed: nobody takes its answer */
    check_trace("s a b; s>a s>b", "start; s; a&x" REQUEST("r1") "; b&x@500" REQUEST("r2") "; +500; b; *x:@r2; *x:@r1; a",
                "s | a b | [request a] | [request b] | b~ | [close b] |  | !s2 a<x {\"request\":\"r1\"}> | [close a] END completed");
    /* who asked nobody does not care */
    check_trace("a", "start; a&x; *x:@r9; a", "a |  | !s1 a<x {\"request\":\"r9\"}> | END completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked_and_answered), cmocka_unit_test(test_undone), cmocka_unit_test(test_other_attempts),
        cmocka_unit_test(test_scopes),             cmocka_unit_test(test_paused), cmocka_unit_test(test_what_people_see),
        cmocka_unit_test(test_yields), cmocka_unit_test(test_addressed),
        cmocka_unit_test(test_child_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
