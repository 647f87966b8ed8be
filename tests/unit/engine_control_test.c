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

/* ---- interleave ---- */

#define G "{'interleave':'g'}"
#define PAIR "s a" G " b" G " c; s>a s>b a>c b>c"

static void test_interleave(void **state)
{
    (void)state;
    check_trace(PAIR, "start; s; a; b; c", "s | a | b | c | END completed");
    /* the turn lasts while the node is parked, waits for its next attempt, or was lost */
    check_trace(PAIR, "start; s; a@500; +500; a; b; c", "s | a |  | a~ | b | c | END completed");
    check_trace(PAIR, "start; s; lost; a; b; c", "s | a | a/2 | b | c | END completed");
    check_trace("s a{'interleave':'g','retry':{'max_attempts':2}} b" G "; s>a s>b", "start; s; a?; +1000; a; b",
                "s | a |  | a/2 | b | END completed");
    /* another name is another group */
    check_trace("s a" G " b{'interleave':'h'}; s>a s>b", "start; s; b; a", "s | a b |  | END completed");
    check_diags("a{'interleave':7}", "warning /nodes/0/interleave node a: interleave must be a text that is not empty; it is ignored\n");
}

static void test_interleave_order(void **state)
{
    (void)state;
    check_trace("s a" G " b" G " c" G " x; s>a s>x x>c s>b", "start; s; x; a; b; c", "s | a x |  | b | c | END completed");
    check_trace("s a" G " b" G " c" G " x; s>a s>x x>b s>c", "start; s; x; a; c; b", "s | a x |  | c | b | END completed");
    /* who waits for its turn is cancelled like others */
    check_trace("s a" G " b" G " j{'join':'any'}; s>a s>b a>j b>j", "start; s; a; j", "s | a | j | END completed");
    /* an execution that is tried again goes on where it was */
    check_trace(PAIR, "start; s; a?; +1000; a; b; c", "s | a | RETRY 1000 | a/2 | b | c | END completed");
}

static void test_interleave_scopes(void **state)
{
    (void)state;
    check_trace("s L" G " a b" G "; s>L s>b L>a=body", "start; s; L>body/l; a; L; b",
                "s | L | L#1/a | L(done#1) | b | END completed");
    /* what runs inside is part of the turn, and one at a time as well */
    check_trace("s L" G " a" G " c" G " b" G "; s>L s>b L>a=body L>c=body", "start; s; L>body/l; a; c; L; b",
                "s | L | L#1/a | L#1/c | L(done#1) | b | END completed");
    /* passes of a map, too */
    check_trace("L a" G "; L>a=body", "start; L>body*3/l; a; L>body*0/l; a; L>body*0/l; a; L",
                "L | L#1/a | L(done#1) L#2/a |  | L(done#2) L#3/a |  | L(done#3) | END completed");
    /* while the execution fails, what waits outside does not keep a clean-up from running */
    check_trace("s T f" G " x b" G " z; s>T s>b s>z T>x=body T>f=finally",
                "start; s; T>body/c; b@5000; z!; T>finally/s; f; T",
                "s | T b z | T/x |  | -x T(cancelled#1) | T/f | T(done#2) | END failed: Node z failed: it is broken");
}

static void test_interleave_status(void **state)
{
    (void)state;
    struct sim sim;
    struct engine_columns c;
    sim_open(&sim, PAIR);
    sim_run(&sim, "start; s; a&x");
    engine_columns(sim.def, sim.state, &c);
    assert_string_equal(c.status, "waiting_for_signal"); /* b waits, but not to be started */
    assert_string_equal(c.current_node_id, "a");
    sim_close(&sim);
}

/* ---- cancel ---- */

static void test_cancel(void **state)
{
    (void)state;
    const char *g = "t a b{'retry':{'max_attempts':2}} c; t>a t>b a>c";
    check_trace(g, "start; t; a; c~b", "t | a b | c | -b END completed");
    check_trace(g, "start; t; b@5000; a; c~b", "t | a b |  | c | END completed");
    check_trace(g, "start; t; b&x; a; c~b", "t | a b |  | c | END completed");
    check_trace(g, "start; t; b?; a; c~b", "t | a b |  | c | END completed");
    /* over, not begun, and itself: nothing */
    check_trace(g, "start; t; b; a; c~b,t,c", "t | a b |  | c | END completed");
    /* its edges die */
    check_trace("t a b c j; t>a t>b a>c b>j c>j", "start; t; a; c~b; j", "t | a b | c | -b j | END completed");
    check_trace("t a" G " b" G " c; t>a t>b t>c", "start; t; c~b; a", "t | a c |  | END completed");
    check_trace(g, "start; t; a; c~b,nope; retry",
                "t | a b | c | -b END failed: Node c failed: there is no node \"nope\" that could be cancelled | b/2 c/2");
    /* withdrawn before it is lost: it does not come back */
    check_trace("t a b c z; t>a t>b a>c c>z", "start; t; a; c~b; lost; z", "t | a b | c | -b z | z/2 | END completed");
}

static void cancelled_are(const char *graph, const char *script, const char *node, const char *ids)
{
    struct sim sim;
    CLEANUP_BUF struct buf b = BUF_INIT;
    sim_open(&sim, graph);
    sim_run(&sim, script);
    engine_projection(sim.def, sim.state, &b);
    CLEANUP_JSON json_t *state = js_parse(b.data, b.len, NULL);
    CLEANUP_JSON json_t *want = sim_json(ids);
    const json_t *output = json_object_get(json_object_get(json_object_get(state, "node_results"), node), "output");
    assert_true(json_equal(json_object_get(output, "cancelled"), want));
    assert_non_null(js_str(output, "of"));
    sim_close(&sim);
}

static void test_cancel_tells(void **state)
{
    (void)state;
    cancelled_are("t a b c; t>a t>b t>c", "start; t; a; c~a,b", "c", "['b']");
    cancelled_are("t a b c; t>a t>b t>c", "start; t; a; c~a", "c", "[]");
    cancelled_are("t a b c; t>a t>b t>c", "start; t; c~b,a,b; ", "c", "['b','a']");
}

#define TRIED "t L T x f c z; t>L t>c L>T=body T>x=body T>f=finally c>z"

static void test_40_cancel_scopes(void **state)
{
    (void)state;
    /* what winds up runs first, then who cancelled goes on */
    check_trace(TRIED, "start; t; L>body/l; T>body/c; c~L; T>finally/s; f; T; z",
                "t | L c | L#1/T | L#1/T/x | -x L#1/T(cancelled#1) | L#1/T/f | L#1/T(done#2) | z | END completed");
    /* a clean-up that runs is not stopped */
    check_trace(TRIED, "start; t; L>body/l; T>body/c; x; T>finally/s; c~L; f; T; z",
                "t | L c | L#1/T | L#1/T/x | L#1/T(done#1) | L#1/T/f |  | L#1/T(done#2) | z | END completed");
    /* from inside a pass that runs on although its loop has ended */
    check_trace("t L x z; t>L L>x=body L>z=done", "start; t; L>body*3/ld; L#1/x; L=done; L#2/x~L; z",
                "t | L | L#1/x L#2/x L#3/x | L(done#1) | z | -x | END completed");
    /* from inside: it goes with what it cancels */
    check_trace("t L a c d z; t>L L>a=body L>c=body c>d L>z=done", "start; t; L>body/l; c~L", "t | L | L#1/a L#1/c | -a END completed");
    /* only in the same pass or around it */
    check_trace("L a c; L>a=body L>c=body", "start; L>body*2/l; L#1/c~a; L>body*0/l; L#2/a; L#2/c; L",
                "L | L#1/a L#1/c L#2/a L#2/c | -a L(done#1) |  |  | L(done#2) | END completed");
    check_trace("t a L c; t>a t>L L>c=body", "start; t; L>body/l; c~a; L", "t | a L | L#1/c | -a L(done#1) | END completed");
    /* what runs inside another scope is not reached */
    check_trace("t L a c; t>L t>c L>a=body", "start; t; L>body/l; c~a; a; L", "t | L c | L#1/a |  | L(done#1) | END completed");
    /* passes that outlived their node */
    check_trace("L a z c; L>a=body L>z=done z>c", "start; L>body*2/ld; L#1/a; L=done; z; c~L",
                "L | L#1/a L#2/a | L(done#1) | z | c | -a END completed");
    /* paused in between */
    check_trace(TRIED, "start; t; L>body/l; T>body/c; c~L; pause; T>finally/s; resume; f; T; z",
                "t | L c | L#1/T | L#1/T/x | -x L#1/T(cancelled#1) |  |  | L#1/T/f | L#1/T(done#2) | z | END completed");
    /* the execution fails in between: it cannot be begun again where somebody was cancelled */
    check_trace("t L T x f c z y; t>L t>c t>y L>T=body T>x=body T>f=finally c>z",
                "start; t; L>body/l; T>body/c; c~L; y!; T>finally/s; f; T",
                "t | L c y | L#1/T | L#1/T/x | -x L#1/T(cancelled#1) |  | L#1/T/f | L#1/T(done#2) | END failed: Node y failed: it is broken");
}

#define MAP "t L a c z; t>L t>c L>a=body L>z=done"

static void test_complete(void **state)
{
    (void)state;
    check_trace(MAP, "start; t; L>body*3/l; L#2/a; L>body*0/l; c~!L; L=done; z",
                "t | L c | L#1/a L#2/a L#3/a | L(done#2) |  | -a -a L(break#0) | z | END completed");
    /* its handler is at work: what it enters then is not opened */
    check_trace(MAP, "start; t; L>body*3/l; L#2/a; c~!L; L>body*1/l; L=done; z",
                "t | L c | L#1/a L#2/a L#3/a | L(done#2) | -a -a | L(break#0) | z | END completed");
    check_trace(MAP, "start; t; c~!L; L>body*3/l; L=done; z", "t | L c |  | L(break#0) | z | END completed");
    check_trace(MAP, "start; t; c~!L; L=done; z", "t | L c |  | z | END completed");
    /* clean-ups first */
    check_trace("t L T x f c z; t>L t>c L>T=body T>x=body T>f=finally L>z=done",
                "start; t; L>body/l; T>body/c; c~!L; T>finally/s; f; T; L=done; z",
                "t | L c | L#1/T | L#1/T/x | -x L#1/T(cancelled#1) | L#1/T/f | L#1/T(done#2) | L(break#0) | z | END completed");
    /* who does not understand it goes on */
    check_trace(MAP, "start; t; L>body*2/l; c~!L; L>body*1/l; a; L=done; z",
                "t | L c | L#1/a L#2/a | -a -a L(break#0) | L#3/a | L(done#3) | z | END completed");
    /* what has no passes is withdrawn; what winds up is left alone */
    check_trace("t a c z; t>a t>c a>z", "start; t; c~!a", "t | a c | -a END completed");
    check_trace("t T x f c; t>T t>c T>x=body T>f=finally", "start; t; T>body/c; x; T>finally/s; c~!T; f; T",
                "t | T c | T/x | T(done#1) | T/f |  | T(done#2) | END completed");
    cancelled_are(MAP, "start; t; L>body/l; c~!L", "c", "['L']");
}

/* ---- signals and times for nodes with open passes ---- */

static void test_entered_signals(void **state)
{
    (void)state;
    const char *g = "L a z; L>a=body L>z=done";
    check_trace(g, "start; L>body/l&x; *x:5; L>body/l&x; L#1/a; L>body*0/l&x; L#2/a; L=done; z",
                "L | L#1/a | !s1 L<x 5> | L#2/a | L(done#1) |  | L(done#2) | z | END completed");
    /* what comes while the handler works is kept; none need be open */
    check_trace(g, "start; L>body/l&x; a; *x:1; L>body*0/l&x; L>body*0/l&x; *x:2; L=done; z",
                "L | L#1/a | L(done#1) |  | !s1 L<x 1> |  | !s2 L<x 2> | z | END completed");
    check_trace(g, "start; L>body*0/l&x; *x; L>body/l; a; L=done; z", "L |  | !s1 L<x null> | L#1/a | L(done#1) | z | END completed");
    check_trace(g, "start; L>body/l@500; +500; L>body*0/l; a; L=done; z", "L | L#1/a | L~ |  | L(done#1) | z | END completed");
    /* of a pass and a signal at once the pass is told first, and nothing is lost */
    check_trace(g, "start; L>body/l&x; *x:1; a; L>body*0/l&x; L=done; z",
                "L | L#1/a | !s1 L<x 1> |  | L(done#1) | z | END completed");
    /* lost, cancelled, paused */
    check_trace(g, "start; L>body/l&x; *x:1; lost; L>body*0/l; a; L=done; z",
                "L | L#1/a | !s1 L<x 1> | L<x 1> L#1/a/2 |  | L(done#1) | z | END completed");
    check_trace("t " "L a c; t>L t>c L>a=body", "start; t; L>body/l&x@100; c~L", "t | L c | L#1/a | -a END completed");
    check_trace("t L a c; t>L t>c L>a=body", "start; t; L>body*0/l&x@100; c~!L; *x; +100; L", "t | L c |  | L(break#0) |  |  | END completed");
    check_trace(g, "start; L>body/l&x; pause; *x; resume; L>body*0/l; a; L=done; z",
                "L | L#1/a |  |  | !s1 L<x null> |  | L(done#1) | z | END completed");
    /* schedule_to_close_seconds is not put off */
    check_trace("L{'schedule_to_close_seconds':1} a; L>a=body", "start; L>body/l@500; +500; L>body*0/l@5000; +500",
                "L | L#1/a | L~ |  | -a RETRY 1000");
}

static void summary_is(const char *script, const char *text)
{
    struct sim sim;
    sim_open(&sim, "L a z; L>a=body L>z=done");
    sim_run(&sim, script);
    CLEANUP_JSON json_t *want = sim_json(text);
    const json_t *got = NULL;
    for (size_t i = 0; i < sim.fx.len; i++)
        got = sim.fx.items[i].scope ? sim.fx.items[i].scope : got;
    assert_true(json_equal(got, want));
    sim_close(&sim);
}

static void test_summary(void **state)
{
    (void)state;
    summary_is("start; L>body*2/l&x; *x", "{'open':2,'passes':2,'done':0,'failed':0,'left':0,'continued':0,'cancelled':0,'results':[]}");
    summary_is("start; L>body*2/l&x; L#2/a; L>body*0/l&x; *x",
               "{'open':1,'passes':2,'done':1,'failed':0,'left':0,'continued':0,'cancelled':0,'results':[{'of':'L#2/a'}]}");
    summary_is("start; L>body*2/l; L#2/a; L>body*0/l; L#1/a", "{'open':0,'passes':2,'done':2,'failed':0,'left':0,'continued':0,"
               "'cancelled':0,'results':[{'of':'L#1/a'},{'of':'L#2/a'}],'result':{'of':'L#1/a'}}");
}

/* ---- signals that are not kept ---- */

static void test_fresh_signals(void **state)
{
    (void)state;
    check_trace("a", "start; *x:1; *y:2; *x:3; a&!x; *x:4; a&y; a", "a |  |  |  | !s1 !s3 | !s4 a<x 4> | !s2 a<y 2> | END completed");
    /* the wait began with the first park */
    check_trace("a", "start; a&!x@100; +100; *x:1; a&!x; a", "a |  | a~ |  | !s1 a<x 1> | END completed");
    struct sim sim;
    sim_open(&sim, "a");
    sim_run(&sim, "start; *x; a&!x");
    assert_string_equal(sim_logs(&sim), "a info Executing node: a\na info Execution waiting for signal: x\n"
                                        "a info Signal dropped, it came before the wait: x\n");
    assert_false(engine_has_signal(sim.state, "s1"));
    sim_close(&sim);
}

/* Its own time is over, and its clean-up runs: withdrawn now, it goes without a failure. */
static void test_expired(void **state)
{
    (void)state;
    const char *graph = "s T{'schedule_to_close_seconds':1} b f c z; s>T s>c T>b=body T>f=finally c>z";
    check_trace(graph, "start; s; T>body/c; +1000; T>finally/s; c~T; f; T; z",
                "s | T c | T/b | -b T(cancelled#1) | T/f |  | T(done#2) | z | END completed");
}

/* What ends when its passes have, and withdraws nothing, does not say that it did. */
static void test_closing_output(void **state)
{
    (void)state;
    struct sim sim;
    CLEANUP_BUF struct buf b = BUF_INIT;
    sim_open(&sim, "L:for a z; L>a=body L>z=done");
    sim_run(&sim, "start; L>body*2/l; L#1/a; L=done");
    engine_projection(sim.def, sim.state, &b);
    assert_non_null(strstr(b.data, "\"L\":{\"node_id\":\"L\",\"status\":\"success\""));
    assert_null(strstr(b.data, "cancelled"));
    sim_close(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expired), cmocka_unit_test(test_closing_output),
        cmocka_unit_test(test_27_stale_edges),    cmocka_unit_test(test_27_what_is_not_used_yet),
        cmocka_unit_test(test_interleave),        cmocka_unit_test(test_interleave_order),
        cmocka_unit_test(test_interleave_scopes), cmocka_unit_test(test_interleave_status),
        cmocka_unit_test(test_cancel),            cmocka_unit_test(test_cancel_tells),
        cmocka_unit_test(test_40_cancel_scopes),  cmocka_unit_test(test_complete),
        cmocka_unit_test(test_entered_signals),   cmocka_unit_test(test_summary),
        cmocka_unit_test(test_fresh_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
