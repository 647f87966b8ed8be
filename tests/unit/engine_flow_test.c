/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of the engine: tokens, joins, branches, failures, retries, timers, control from outside. */
#include "unit/engine_sim.h"
#include "unit/test.h"

static void test_linear(void **state)
{
    (void)state;
    check_trace("t:trigger a b; t>a a>b", "start; t; a; b", "t | a | b | END completed");
    check_trace("", "start", "END completed");
    check_trace("t:trigger", "start; t", "t | END completed");
}

static void test_parallel(void **state)
{
    (void)state;
    check_trace("t a b j; t>a t>b a>j b>j", "start; t; b; a; j", "t | a b |  | j | END completed");
    check_trace("t a b c; t>a t>b a>c", "start; t; a; b; c", "t | a b | c |  | END completed");
}

static void test_branches(void **state)
{
    (void)state;
    const char *g = "t c:condition a b j; t>c c>a=true c>b=false a>j b>j";
    check_trace(g, "start; t; c=true; a; j", "t | c | a | j | END completed");
    check_trace(g, "start; t; c=false; b; j", "t | c | b | j | END completed");
    check_trace(g, "start; t; c=other", "t | c | END completed");
    check_trace("c:condition a b; c>a c>b", "start; c=false; b", "c | b | END completed");
    check_trace("a x y z; a>x=error a>y=done a>z=free", "start; a; z", "a | z | END completed");
    check_trace("a x y; a>x=one a>y", "start; a=one; x; y", "a | x y |  | END completed");
    check_trace("a x y; a>x=one a>y", "start; a=two; y", "a | y | END completed");
}

static void test_switch(void **state)
{
    (void)state;
    const char *two = "s:switch a b; s>a s>b";
    check_trace(two, "start; s=gold; a", "s | a | END completed");
    check_trace(two, "start; s=default; b", "s | b | END completed");
    const char *named = "s:switch a b c; s>a=gold s>b=default s>c=true";
    check_trace(named, "start; s=gold; a", "s | a | END completed");
    check_trace(named, "start; s=silver; c", "s | c | END completed");
    check_trace(named, "start; s=default; b", "s | b | END completed");
}

static void test_join_any(void **state)
{
    (void)state;
    check_trace("t a b j{'join':'any'} e; t>a t>b a>j b>j j>e", "start; t; b; j; e", "t | a b | -a j | e | END completed");
    check_trace("t a b j{'join':'any','join_rest':'run'}; t>a t>b a>j b>j", "start; t; b; j; a",
                "t | a b | j |  | END completed");
    /* a2 has a second way on, so its branch is not pointless */
    check_trace("t a a2 b j{'join':'any'} z; t>a t>b a>a2 a2>j b>j a>z", "start; t; b; a; z; j",
                "t | a b | j | z |  | END completed");
    check_trace("t a a2 b j{'join':'any'}; t>a t>b a>a2 a2>j b>j", "start; t; b; a; j",
                "t | a b | -a j |  | END completed");
}

static void test_join_n(void **state)
{
    (void)state;
    const char *g = "t a b c j{'join':'n_of_m','join_n':2}; t>a t>b t>c a>j b>j c>j";
    check_trace(g, "start; t; c; a; j", "t | a b c |  | -b j | END completed");
    const char *choice = "t a b c j{'join':'n_of_m','join_n':2}; t>a t>b t>c a>j=yes b>j=yes c>j=yes";
    check_trace(choice, "start; t; a=no; b=no; c=no", "t | a b c |  |  | END completed");
    check_trace(choice, "start; t; a=yes; b=no; c=no",
                "t | a b c |  |  | END failed: Node j failed: the join needs 2 edges, but only 1 can still be taken");
    check_trace("t a b j{'join':'n_of_m','join_n':2} h; t>a t>b a>j=yes b>j=yes j>h=error", "start; t; a=yes; b=no; h",
                "t | a b |  | h | END completed");
}

static void test_error_edge(void **state)
{
    (void)state;
    const char *g = "t a b h; t>a a>b a>h=error";
    check_trace(g, "start; t; a!; h", "t | a | h | END completed");
    check_trace(g, "start; t; a; b", "t | a | b | END completed");
    check_trace(g, "start; t; a?; h", "t | a | h | END completed");
}

static void test_execution_retry(void **state)
{
    (void)state;
    check_trace("t a b; t>a a>b", "start; t; a?; +999; a; b", "t | a | RETRY 1000 | a/2 | b | END completed");
    check_trace("t a; t>a", "start; t; a?; +1000; a?; +2000; a?; +4000; a?",
                "t | a | RETRY 1000 | a/2 | RETRY 2000 | a/3 | RETRY 4000 | a/4 | END failed: Node a failed: it is broken");
    check_trace("t a; t>a", "start; t; a!", "t | a | END failed: Node a failed: it is broken");
    check_trace("t a b; t>a t>b", "start; t; b?; +500; +500; a; b", "t | a b | -a RETRY 1000 | RETRY 499 | a/2 b/2 |  | END completed");
}

static void test_node_retry(void **state)
{
    (void)state;
    const char *g = "a{'retry':{'max_attempts':3,'initial_ms':100}}";
    check_trace(g, "start; a?; +100; a?; +200; a", "a |  | a/2 |  | a/3 | END completed");
    check_trace(g, "start; a?; +98; +1", "a |  |  | a/2");
    check_trace(g, "start; a?; +100; a?; +200; a?", "a |  | a/2 |  | a/3 | RETRY 1000");
    check_trace(g, "start; a!", "a | END failed: Node a failed: it is broken");
    check_trace("a{'retry':{'max_attempts':2,'retry_on':['odd']}}", "start; a!odd; +1000; a", "a |  | a/2 | END completed");
    check_trace("a{'retry':{'max_attempts':2,'never_on':['odd']}}", "start; a?odd", "a | RETRY 1000");
    check_trace("a{'retry':{'max_attempts':9,'budget_ms':150,'initial_ms':100}}", "start; a?; +100; a?",
                "a |  | a/2 | RETRY 1000");
}

static void test_timeout(void **state)
{
    (void)state;
    check_trace("a{'timeout_seconds':1.5}", "start; a%", "a | -a RETRY 1000");
    check_trace("a{'timeout_seconds':1.5} h; a>h=error", "start; a%; h", "a | -a h | END completed");
    check_trace("{'trigger_config':{'timeout_seconds':10},'nodes':[{'node_id':'a','node_type':'x'}]}", "start; +9998; +1",
                "a |  | -a END failed: Workflow execution timed out after 10 seconds");
    check_trace("a{'schedule_to_close_seconds':1}", "start; a@5000; +997; +1", "a |  |  | RETRY 1000");
}

static void test_park(void **state)
{
    (void)state;
    check_trace("t d e; t>d d>e", "start; t; d@2000; +1998; +1; d; e", "t | d |  |  | d~ | e | END completed");
    check_trace("t c d; t>c t>d", "start; t; c@30; d@10; +100; c; d", "t | c d |  |  | d~ c~ |  | END completed");
}

static void test_lost(void **state)
{
    (void)state;
    check_trace("a b; a>b", "start; a; lost; b", "a | b | b/2 | END completed");
    check_trace("a", "start; lost; lost; lost", "a | a/2 | a/3 | END failed: Node a failed: 3 workers were lost while the node ran");
    check_trace("a{'at_most_once':true}", "start; lost",
                "a | END failed: Node a failed: the worker was lost while the node ran, and the node may run at most once");
    check_trace("a", "start; a@1000; lost; +1000; a", "a |  |  | a~ | END completed");
}

static void test_control(void **state)
{
    (void)state;
    check_trace("a b; a>b", "start; pause; a; resume; b", "a |  |  | b | END completed");
    check_trace("a", "start; pause; a; resume", "a |  |  | END completed");
    check_trace("a", "start; pause; a?; resume; +1000; a", "a |  |  | RETRY 1000 | a/2 | END completed");
    check_trace("a b; a>b", "start; a@100; pause; +200; resume; a; b", "a |  |  |  | a~ | b | END completed");
    check_trace("a b; a>b", "start; terminate; a", "a | -a END failed: Execution terminated by user | ");
    check_trace("a", "start; refuse", "a | -a END failed: the database refused it");
    check_trace("a", "start; a?; resume; a", "a | RETRY 1000 | a/2 | END completed");
    check_trace("a b; a>b", "start; a<", "a | END completed");
    check_trace("a b; a>b", "start; a<failed", "a | END failed: the workflow was ended by a terminate node");
    check_trace("a", "start; a<break", "a | END failed: Node a failed: break outside a loop");
}

static void test_retry_of_what_failed(void **state)
{
    (void)state;
    check_trace("a b; a>b", "start; a; b!; retry; b", "a | b | END failed: Node b failed: it is broken | b/2 | END completed");
    check_trace("t a b j; t>a t>b a>j b>j", "start; t; a; b!; retry; b; j",
                "t | a b |  | END failed: Node b failed: it is broken | b/2 | j | END completed");
    check_trace("t a b j; t>a t>b a>j b>j", "start; t; a!; retry; a; b; j",
                "t | a b | -b END failed: Node a failed: it is broken | a/2 b/2 |  | j | END completed");
    check_trace("t a b; t>a t>b", "start; t; b@100; a!; retry; a; +200; b",
                "t | a b |  | END failed: Node a failed: it is broken | a/2 |  | b~ | END completed");
    check_trace("t a b; t>a t>b", "start; t; b@100; a!; +200; retry; a; b",
                "t | a b |  | END failed: Node a failed: it is broken |  | b~ a/2 |  | END completed");
    check_trace("a b; a>b", "start; a; terminate; retry; b",
                "a | b | -b END failed: Execution terminated by user | b/2 | END completed");
    check_trace("a", "start; pause; a!; resume; retry; a", "a |  |  | END failed: Node a failed: it is broken | a/2 | END completed");
    /* all retries again */
    check_trace("a", "start; a?; +1000; a?; +2000; a?; +4000; a?; retry; a?; +1000; a",
                "a | RETRY 1000 | a/2 | RETRY 2000 | a/3 | RETRY 4000 | a/4 | END failed: Node a failed: it is broken | a/5 | "
                "RETRY 1000 | a/6 | END completed");
}

static void test_nothing_to_retry(void **state)
{
    (void)state;
    check_trace("a", "start; a; retry", "a | END completed | ");
    check_trace("a", "start; retry; a", "a |  | END completed");
    check_trace("t a b; t>a t>b", "start; t; a<failed; retry",
                "t | a b | -b END failed: the workflow was ended by a terminate node | ");
    check_trace("t a b j{'join':'n_of_m','join_n':2}; t>a t>b a>j=yes b>j=yes", "start; t; a=yes; b=no; retry",
                "t | a b |  | END failed: Node j failed: the join needs 2 edges, but only 1 can still be taken | ");
}

static void test_cycles(void **state)
{
    (void)state;
    const char *g = "t a c:condition e; t>a a>c c>a=again c>e=out";
    check_trace(g, "start; t; a; c=again; a; c=out; e", "t | a | c | a | c | e | END completed");
    check_trace("a; a>a=again", "start; a=again; a=again; a=stop", "a | a | a | END completed");
    check_trace("t a{'max_iterations':2} c; t>a a>c c>a=again", "start; t; a; c=again; a; c=again",
                "t | a | c | a | c | END failed: Node a failed: more than 2 passes of the cycle that comes back to this node");
    check_trace("t a{'max_iterations':2} c h; t>a a>c c>a=again a>h=error", "start; t; a; c=again; a; c=again; h",
                "t | a | c | a | c | h | END completed");
    check_trace("a{'max_iterations':2}; a>a=error", "start; a!; a!",
                "a | a | END failed: Node a failed: more than 2 passes of the cycle that comes back to this node");
    /* a join that can never fire ends a cycle too */
    check_trace("s a{'join':'n_of_m','join_n':3,'max_iterations':3}; s>a s>a=n s>a=o a>a=error", "start; s=x",
                "s | END failed: Node a failed: more than 3 passes of the cycle that comes back to this node");
    /* a branch that goes round has lost in any of its passes */
    check_trace("s x h c e j{'join':'any'}; s>x s>h h>c c>h=no c>e=yes e>j x>j", "start; s; h; c=no; x; j",
                "s | x h | c | h | -h j | END completed");
    /* the way out dies only when the cycle is over */
    check_trace("t a c e j; t>a a>c c>a=again c>e=out e>j t>j", "start; t; a; c=again; a; c=stop; j",
                "t | a | c | a | c | j | END completed");
    /* the entry may stand in the cycle */
    check_trace("a b; a>b b>a=again", "start; a; b=again; a; b=stop", "a | b | a | b | END completed");
    /* a new pass waits for what is still live inside */
    check_trace("a b c; a>b a>c b>a=again c>a=again", "start; a; b=again; c=again; a", "a | b c |  | a | b c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),      cmocka_unit_test(test_parallel),        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_switch),      cmocka_unit_test(test_join_any),        cmocka_unit_test(test_join_n),
        cmocka_unit_test(test_error_edge),  cmocka_unit_test(test_execution_retry), cmocka_unit_test(test_node_retry),
        cmocka_unit_test(test_timeout),     cmocka_unit_test(test_park),            cmocka_unit_test(test_lost),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_retry_of_what_failed), cmocka_unit_test(test_nothing_to_retry),     cmocka_unit_test(test_cycles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
