/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of scopes: what a node opens by entering, what ends there and how, and what is cancelled on the way.  Each
 * test is named after the number of the rule that it is about. */
#include "base/json.h"
#include "base/mem.h"
#include "engine/state_int.h"
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
    check_trace("L", "start; L>body/l; L>body*0",
                "L | L(done#1) | END failed: Node L failed: the node enters a branch that is none "
                "of body, catch and finally, or waits for a pass when none is open");
    check_trace("L a; L>a=body", "start; L>attempt",
                "L | END failed: Node L failed: the node enters a branch that is none of body, catch and finally, or "
                "waits for a "
                "pass when none is open");
}

/* Retried, a scope begins again as a whole; what stood beside it is kept. */
static void test_retry(void **state)
{
    (void)state;
    const char *g = "t L a b z; t>L t>b L>a=body a>L L>z=done";
    check_trace(g, "start; t; b; L>body/l; terminate; retry; L>body/l; a; L=done; z",
                "t | L b |  | L#1/a | -a END failed: Execution terminated by user | L/2 | L#1/a | L/2(done#1) | z | END completed");
    check_trace(g, "start; t; L>body/l; b!; retry; L>body/l; a; b; L=done; z",
                "t | L b | L#1/a | -a END failed: Node b failed: it is broken | L/2 b/2 | L#1/a | L/2(done#1) |  | z | END completed");
}

static void test_map(void **state)
{
    (void)state;
    const char *g = "L a z; L>a=body L>z=done";
    check_trace(g, "start; L>body*3/lo; L#2/a; L>body*0/lo; L#1/a; L#3/a; L>body*0/lo; L=done; z",
                "L | L#1/a L#2/a L#3/a | L(done#2) |  | L(done#1) |  | L(done#3) | z | END completed");
    /* ends while passes are open: they are cancelled first */
    check_trace(g, "start; L>body*3/l; L#2/a; L=done; z",
                "L | L#1/a L#2/a L#3/a | L(done#2) | -a -a z | END completed");
    /* or run on beside what follows */
    check_trace(g, "start; L>body*2/ld; L#2/a; L=done; z; L#1/a", "L | L#1/a L#2/a | L(done#2) | z |  | END completed");
}

static void test_5_nested_regions(void **state)
{
    (void)state;
    const char *g = "t L M a b z; t>L L>M=body M>a=body M>b=done b>L L>z=done a>L";
    check_trace(g, "start; t; L>body/l; M>body/l; a; M=done; b; L>body/l; M=done; b; L=done; z",
                "t | L | L#1/M | L#1/M#1/a | L#1/M(done#1) | L#1/b | L(done#1) | L#2/M | L#2/b | L(done#2) | z | END "
                "completed");
}

static void test_6_heads(void **state)
{
    (void)state;
    /* the drawn edge from the body to the catch carries no token */
    const char *g = "T a c z; T>a=body T>c=catch a>c T>z=done";
    check_trace(g, "start; T>body; a; T=done; z", "T | T/a | T(done#1) | z | END completed");
    check_trace(g, "start; T>body; a!; T>catch; c; T=done; z",
                "T | T/a | T(failed#1 a broken) | T/c | T(done#2) | z | END completed");
    /* what both branches reach is outside; each way there is a boundary edge */
    const char *shared = "T a c z; T>a=body T>c=catch a>z c>z";
    check_trace(shared, "start; T>body; a; T=done; z", "T | T/a | T(done#1) | z | END completed");
    check_trace(shared, "start; T>body; a!; T>catch; c; T=done; z",
                "T | T/a | T(failed#1 a broken) | T/c | T(done#2) | z | END completed");
}

static void test_7_side_entry(void **state)
{
    (void)state;
    check_diags("t L a b z; t>L L>a=body a>b t>b L>z=done",
                "error /nodes/3 the edge from node t to node b enters the body of node L from the side\n");
}

static void test_8_9_loops_without_labels(void **state)
{
    (void)state;
    const char *g = "t L:for a z; t>L L>a a>L L>z";
    check_diags(g, "warning /nodes/1 node L: its edge to a has no branch and is read as body\n"
                   "warning /nodes/1 node L: its edge to z has no branch and is read as done\n");
    check_trace(g, "start; t; L>body/l; a; L=done; z", "t | L | L#1/a | L(done#1) | z | END completed");
    check_diags("t L:while a b; t>L L>a a>b",
                "warning /nodes/1 node L: its edge to a has no branch and is read as body\n");
    /* the inner loop's way back to the outer one is what follows it */
    check_diags("t L:for M:for a z; t>L L>M M>a a>M M>L L>z",
                "warning /nodes/1 node L: its edge to M has no branch and is read as body\n"
                "warning /nodes/1 node L: its edge to z has no branch and is read as done\n"
                "warning /nodes/2 node M: its edge to a has no branch and is read as body\n"
                "warning /nodes/2 node M: its edge to L has no branch and is read as done\n");
    /* with a body the others follow */
    check_trace("L:loop a z; L>a=body L>z", "start; L>body/l; a; L=done; z",
                "L | L#1/a | L(done#1) | z | END completed");
}

static void test_10_11_chains(void **state)
{
    (void)state;
    const char *g = "T:try a c:catch b f:finally z; T>a a>c c>b b>f f>z";
    check_diags(g, "warning /nodes/0 node T: its edge to a has no branch and is read as body\n"
                   "warning /nodes/2 node c: read as the catch of node T\n"
                   "warning /nodes/4 node f: read as the finally of node T\n");
    check_trace(g, "start; T>body/c; a; T>finally/s; f; T=done; z",
                "T | T/a | T(done#1) | T/f | T(done#2) | z | END completed");
    check_trace(g, "start; T>body/c; a!; T>catch:c/c; c; b; T>finally/s; f; T=done; z",
                "T | T/a | T(failed#1 a broken) | T/c | T/b | T(done#2) | T/f | T(done#3) | z | END completed");
    check_trace("T:try a c:catch; T>a T>c", "start; T>body; a; T=done", "T | T/a | T(done#1) | END completed");
    check_diags("T:try U:try a c:catch d:catch e:catch; T>U U>a a>c c>d d>e",
                "warning /nodes/0 node T: its edge to U has no branch and is read as body\n"
                "warning /nodes/1 node U: its edge to a has no branch and is read as body\n"
                "warning /nodes/3 node c: read as the catch of node U\n"
                "warning /nodes/4 node d: read as the catch of node T\n"
                "warning /nodes/5 node e: read as the catch of node T\n");
    check_diags("T:try U:try a b:condition c:catch d:catch; T>c=catch T>U=body U>a=body U>d=catch a>b", "");
}

static void test_12_outside(void **state)
{
    (void)state;
    check_diags("a c:catch; a>c", "warning /nodes/1 node c: a catch outside of a try does nothing\n");
    check_trace("a", "start; a<continue", "a | END failed: Node a failed: continue outside a loop");
    check_trace("L a; L>a=body", "start; L>body/l; a<break:M; L!",
                "L | L#1/a | L(failed#1 a no_enclosing_loop) | END failed: Node L failed: it is broken");
}

static void test_17_join_rest(void **state)
{
    (void)state;
    /* a scope node that loses takes its passes with it */
    const char *g = "t L a b j{'join':'any'}; t>L t>b L>a=body L>j=done b>j";
    check_trace(g, "start; t; L>body*2/l; b; j", "t | L b | L#1/a L#2/a | -a -a j | END completed");
    /* its clean-up runs first */
    const char *c = "t T a f b j{'join':'any'}; t>T t>b T>a=body T>f=finally T>j=done b>j";
    check_trace(c, "start; t; T>body/c; b; T>finally/s; f; T=done; j",
                "t | T b | T/a | -a T(cancelled#1) | T/f | T(done#2) | j | END completed");
    /* a join inside a pass cancels there only */
    const char *m = "L a b j{'join':'any'}; L>a=body L>b=body a>j b>j";
    /* a drawn way back to the loop leads nowhere else */
    check_trace("L a b j{'join':'any'}; L>a=body L>b=body a>j b>j a>L", "start; L>body/l; b; j; L=done",
                "L | L#1/a L#1/b | -a L#1/j | L(done#1) | END completed");
    check_trace(m, "start; L>body*2/l; L#1/b; L#2/a; L#1/j",
                "L | L#1/a L#1/b L#2/a L#2/b | -a L#1/j | -b L#2/j | L(done#1)");
}

static void test_20_fail_fast(void **state)
{
    (void)state;
    check_trace("L a b c; L>a=body L>b=body a>c", "start; L>body/l; b!; a; L=done",
                "L | L#1/a L#1/b | -a L(failed#1 b broken) |  | END completed");
    /* the execution waits for clean-ups before it fails */
    const char *g = "t T a f b; t>T t>b T>a=body T>f=finally";
    check_trace(g, "start; t; T>body/c; b!; T>finally/s; f; T=done",
                "t | T b | T/a | -a T(cancelled#1) | T/f | T(done#2) | END failed: Node b failed: it is broken");
    check_trace(g, "start; t; T>body/c; b?; T=done; +1000; T>body; b",
                "t | T b | T/a | -a T(cancelled#1) | RETRY 1000 | T/2 b/2 | T/a | ");
}

static void test_21_each(void **state)
{
    (void)state;
    const char *g = "t a b j{'join':'each'} k z; t>a t>b a>j b>j j>k k>z=out t>z";
    check_trace("t a b j{'join':'each'} k; t>a t>b a>j b>j j>k", "start; t; b; a; j.1; j.2; k.1; k.2",
                "t | a b | j | j | k | k |  | END completed");
    check_trace(g, "start; t; a; j.1; k=out; b; j.2; k.2", "t | a b | j | k |  | j | k | z");
    check_trace("t a b j{'join':'each'} k z; t>a=yes t>b=yes a>j b>j j>k k>z=error t>z", "start; t=no; z",
                "t | z | END completed");
    check_diags("a j{'join':'each'} b; a>j j>b b>j=back",
                "error /nodes/1/join node j: join each cannot stand in a cycle that is drawn without a loop node\n");
}

static void test_22_24_56_splits(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "t{'parallel_wait_mode':'n_of_m','parallel_wait_n':2,'parallel_aggregation':'array'} a b c j; t>a "
                   "t>b t>c a>j b>j c>j");
    sim_run(&sim, "start; t; c; a; j");
    assert_string_equal(sim.trace.data, "t | a b c |  | -b j | END completed");
    CLEANUP_FREE char *text = js_text(json_object_get(engine_input(sim.state, 0), "t_parallel_result"));
    assert_string_equal(text, "[{\"of\":\"a\"},{\"of\":\"c\"}]");
    sim_close(&sim);
    check_trace("t{'parallel_wait_mode':'any','join_rest':'run'} a b j; t>a t>b a>j b>j", "start; t; b; j; a",
                "t | a b | j |  | END completed");
    check_diags("t{'parallel_wait_mode':'n_of_m','parallel_wait_n':3} a b j; t>a t>b a>j b>j",
                "error /nodes/0/parallel_wait_n node t: parallel_wait_n is 3, but 2 edges can arrive at node j: its "
                "join can never fire\n");
}

static void test_23_sequential(void **state)
{
    (void)state;
    const char *g = "t{'sequential':true} a a2 b c j; t>a a>a2 t>b t>c a2>j b>j c>j";
    check_trace(g, "start; t; a; a2; b; c; j", "t | a | a2 | b | c | j | END completed");
    check_trace(g, "start; t; a!", "t | a | END failed: Node a failed: it is broken");
    check_trace("L s{'sequential':true} a b; L>s=body s>a s>b", "start; L>body/l; s; a; b; L=done",
                "L | L#1/s | L#1/a | L#1/b | L(done#1) | END completed");
}

static void test_26_54_exits(void **state)
{
    (void)state;
    /* each way out runs what follows once more */
    const char *g = "t a c e f; t>a a>c c>a=both c>e=both e>f";
    check_trace(g, "start; t; a; c=both; e; a; f; c=both; e; f.2; a; c=stop",
                "t | a | c | e a | f | c |  | e a | f |  | c | END completed");
    struct sim sim;
    sim_open(&sim, "a e; a>a=both a>e=both");
    sim_run(&sim, "start; a=both; a=both; a=stop; e.1");
    assert_string_equal(sim.trace.data, "a | e a | e a |  | ");
    uint32_t pass;
    struct engine_effects fx = {0};
    engine_running_effects(sim.def, sim.state, &fx);
    CLEANUP_FREE char *path = engine_path(sim.def, sim.state, fx.items[0].act, &pass);
    CLEANUP_FREE char *key = engine_key(sim.def, sim.state, fx.items[0].act);
    assert_string_equal(path, "");
    assert_int_equal(pass, 2);
    assert_string_equal(key, "11111111-2222-3333-4444-555555555555/e#2");
    engine_effects_free(&fx);
    sim_close(&sim);
}

/* The passes of a loop that runs again are others, and so are their keys. */
static void test_runs_of_loops(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "a L x; a>L L>x=body L>a=again");
    sim_run(&sim, "start; a; L>body/l; x; L=again; a; L>body/l");
    assert_string_equal(sim.trace.data, "a | L | L#1/x | L(done#1) | a | L | L(2)#1/x");
    uint32_t pass;
    struct engine_effects fx = {0};
    engine_running_effects(sim.def, sim.state, &fx);
    assert_int_equal(fx.len, 1);
    CLEANUP_FREE char *path = engine_path(sim.def, sim.state, fx.items[0].act, &pass);
    CLEANUP_FREE char *key = engine_key(sim.def, sim.state, fx.items[0].act);
    assert_string_equal(path, "L(2)#1");
    assert_int_equal(pass, 1);
    assert_string_equal(key, "11111111-2222-3333-4444-555555555555/L(2)#1/x");
    engine_effects_free(&fx);
    sim_close(&sim);
}

static void test_30_continue(void **state)
{
    (void)state;
    const char *g = "L a b c; L>a=body L>b=body a>c";
    check_trace(g, "start; L>body/l; a<continue; L>body/l; a; b; c; L=done",
                "L | L#1/a L#1/b | -b L(continue#1) | L#2/a L#2/b | L#2/c |  | L(done#2) | END completed");
}

static void test_31_boundary(void **state)
{
    (void)state;
    const char *g = "L a z y; L>a=body a>z=out L>y=done L>z=done";
    check_trace(g, "start; L>body/l; a=out; L>body/l; a=in; L=done; z; y",
                "L | L#1/a | L(done#1) | L#2/a | L(done#2) | y z |  | END completed");
    const char *only = "L a z y; L>a=body a>z=out L>y=done y>z=out";
    check_trace(only, "start; L>body/l; a=in; L=done; y=no", "L | L#1/a | L(done#1) | y | END completed");
    check_trace(only, "start; L>body/l; a=out; L=done; y=no; z", "L | L#1/a | L(done#1) | y | z | END completed");
    check_trace(only, "start; L=done; y=no", "L | y | END completed");
}

static char *data_of(struct sim *sim, const char *key)
{
    return js_text(json_object_get(engine_input(sim->state, 0), key));
}

static void test_32_publishing(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "L a b; L>a=body a>b");
    sim_run(&sim, "start; L>body*2/lo; L#2/a");
    CLEANUP_FREE char *during = js_text(json_object_get(engine_input(sim.state, sim_act(&sim, "L#2/b")), "a_output"));
    assert_string_equal(during, "{\"of\":\"L#2/a\"}");
    assert_null(json_object_get(engine_input(sim.state, sim_act(&sim, "L#1/a")), "a_output"));
    assert_null(json_object_get(engine_input(sim.state, 0), "a_output"));
    sim_run(&sim, "L#2/b; L>body*0; L#1/a; L#1/b; L=done");
    CLEANUP_FREE char *after = data_of(&sim, "a_output");
    assert_string_equal(after, "{\"of\":\"L#2/a\"}"); /* the last in item order, not in time */
    assert_null(json_object_get(engine_input(sim.state, 0), "n"));
    sim_close(&sim);
}

static void test_33_47_variables(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "L a b z; L>a=body a>b L>z=done");
    sim_run(&sim, "start; L>body*2/l; L#1/a$loop:x:1; L#2/a$y:2");
    uint64_t one = sim_act(&sim, "L#1/b"), two = sim_act(&sim, "L#2/b");
    assert_int_equal(json_integer_value(engine_variable(sim.def, sim.state, one, "x", NULL)), 1);
    assert_null(engine_variable(sim.def, sim.state, two, "x", NULL));
    assert_int_equal(json_integer_value(engine_variable(sim.def, sim.state, one, "y", NULL)), 2);
    assert_int_equal(json_integer_value(engine_variable(sim.def, sim.state, two, "n", NULL)), 1);
    assert_null(engine_variable(sim.def, sim.state, one, "x", "workflow"));
    struct failure f = {0};
    CLEANUP_JSON json_t *v =
        engine_eval(sim.def, sim.state, one, "n + x + input.x + vars.y + input.y", NULL, sim.now_us, &f);
    assert_int_equal(json_number_value(v), 0 + 1 + 1 + 2 + 2);
    sim_run(&sim, "L#1/b; L>body*0; L#2/b; L=done; z$node:k:5");
    sim_close(&sim);
}

static void test_37_break(void **state)
{
    (void)state;
    /* the other passes of a map go at once, clean-ups first, then the loop hears of it */
    const char *g = "L T a f; L>T=body T>a=body T>f=finally";
    check_trace(g,
                "start; L>body*2/lo; L#1/T>body/c; L#2/T>body/c; L#1/T/a<break; L#2/T>finally/s; L#1/T>finally/s; "
                "L#1/T/f; L#1/T=done; "
                "L>body*0; L#2/T/f; L#2/T=done; L=done",
                "L | L#1/T L#2/T | L#1/T/a | L#2/T/a | -a L#1/T(cancelled#1) L#2/T(cancelled#1) | L#2/T/f | L#1/T/f | "
                "L#1/T(done#2) | "
                "L(break#1) |  | L#2/T(done#2) | L(cancelled#2) | END completed");
    /* by name: the inner loop goes, its done is not taken */
    const char *n = "L M a y z; L>M=body M>a=body M>y=done L>z=done";
    check_trace(n, "start; L>body/l; M>body/l; a<break:L; L=done; z",
                "L | L#1/M | L#1/M#1/a | L(break#1) | z | END completed");
    check_trace(n, "start; L>body/l; M>body/l; a<continue:L; L=done; z",
                "L | L#1/M | L#1/M#1/a | L(continue#1) | z | END completed");
}

static void test_40_terminate(void **state)
{
    (void)state;
    const char *g = "t T a f b; t>T t>b T>a=body T>f=finally";
    check_trace(
        g, "start; t; T>body/c; b<failed; T>finally/s; f; T=done",
        "t | T b | T/a | -a T(cancelled#1) | T/f | T(done#2) | END failed: the workflow was ended by a terminate node");
    /* a failure on the way out is dropped; a second terminate ends at once, as the first said */
    check_trace(g, "start; t; T>body/c; b<; T>finally/s; f!; T!",
                "t | T b | T/a | -a T(cancelled#1) | T/f | T(failed#2 f broken) | END completed");
    check_trace(g, "start; t; T>body/c; b<; T>finally/s; f<failed",
                "t | T b | T/a | -a T(cancelled#1) | T/f | END completed");
    check_trace("T a f; T>a=body T>f=finally", "start; T>body/c; a<failed; T=done",
                "T | T/a | T(cancelled#1) | END failed: the workflow was ended by a terminate node");
    /* from outside: nothing runs any more */
    check_trace(g, "start; t; T>body/c; terminate", "t | T b | T/a | -b -a END failed: Execution terminated by user");
}

static void test_40_timeout(void **state)
{
    (void)state;
    check_trace(
        "{'trigger_config':{'timeout_seconds':10},'nodes':[{'node_id':'T','node_type':'x'},{'node_id':'a'},{'node_id':'"
        "f'}],"
        "'edges':[{'from':'T','to':'a','branch':'body'},{'from':'T','to':'f','branch':'finally'}]}",
        "start; T>body/c; +9998; T>finally/s; f; T=done",
        "T | T/a | -a T(cancelled#1) | T/f | T(done#2) | END failed: Workflow execution timed out after 10 seconds");
    /* retried, the scope begins again as a whole, what ran begins again, what waits goes on waiting; the limit begins anew, and
     * the clean-up has the time that it needs */
    check_trace(
        "{'trigger_config':{'timeout_seconds':10},'nodes':[{'node_id':'t','node_type':'x'},{'node_id':'T'},{'node_id':'a'},"
        "{'node_id':'f'},{'node_id':'b'},{'node_id':'w'}],'edges':[{'from':'t','to':'T'},{'from':'t','to':'b'},{'from':'t','to':'w'},"
        "{'from':'T','to':'a','branch':'body'},{'from':'T','to':'f','branch':'finally'}]}",
        "start; t; T>body/c; w@15000; +9998; T>finally/s; +5000; f; T=done; retry; T>body/c; a; T>finally/s; f; b; T=done; w",
        "t | T b w | T/a |  | -b -a T(cancelled#1) | T/f |  | T(done#2) | END failed: Workflow execution timed out after 10 seconds | "
        "w~ T/2 b/2 | T/a | T/2(done#1) | T/f | T/2(done#2) |  |  | END completed");
}

static void test_55_shield(void **state)
{
    (void)state;
    /* a finally that has begun runs to its end, and break in it ends it only, when its try was cancelled */
    const char *g = "t T a f b j{'join':'any'} e; t>T t>b T>a=body T>f=finally T>j=done b>j j>e";
    check_trace(g, "start; t; T>body/c; a; T>finally/s; b; f; T=done; j",
                "t | T b | T/a | T(done#1) | T/f |  | T(done#2) | j | e");
    check_trace("L T a f; L>T=body T>a=body T>f=finally",
                "start; L>body/l; T>body/c; a<break; T>finally/s; f<continue; T=done; L=done",
                "L | L#1/T | L#1/T/a | L#1/T(cancelled#1) | L#1/T/f | L#1/T(continue#2) | L(break#1) | END completed");
    /* not cancelled: it leaves the loop */
    check_trace("L T a f; L>T=body T>a=body T>f=finally", "start; L>body/l; T>body/c; a; T>finally/s; f<break; L=done",
                "L | L#1/T | L#1/T/a | L#1/T(done#1) | L#1/T/f | L(break#1) | END completed");
}

static void test_lost_and_paused(void **state)
{
    (void)state;
    const char *g = "L a; L>a=body";
    check_trace(g, "start; L>body/l; a; lost; L>body/l; lost; a; L=done",
                "L | L#1/a | L(done#1) | L(done#1) | L#2/a | L#2/a/2 | L(done#2) | END completed");
    check_trace(g, "start; L>body/l; pause; a; resume; L=done", "L | L#1/a |  |  | L(done#1) | END completed");
    check_trace("L{'retry':{'max_attempts':2,'initial_ms':100}} a; L>a=body",
                "start; L>body*2/l; L#1/a!; L!; L?; +100; L>body/l; a; L=done",
                "L | L#1/a L#2/a | L(failed#1 a broken) | -a END failed: Node L failed: it is broken |  |  |  |  | ");
    check_trace("L{'retry':{'max_attempts':2,'initial_ms':100}} a; L>a=body",
                "start; L>body/l; a!; L?; +100; L>body/l; a; L=done",
                "L | L#1/a | L(failed#1 a broken) |  | L/2 | L#1/a | L/2(done#1) | END completed");
    check_trace("L{'schedule_to_close_seconds':1} a; L>a=body", "start; L>body/l; +1000", "L | L#1/a | -a RETRY 1000");
}

/* A loop of many passes: the state stays small, a pass costs the same at the end as at the beginning. */
static void test_many_passes(void **state)
{
    (void)state;
    struct sim sim;
    size_t early = 0, late = 0;
    sim_open(&sim, "L a; L>a=body a>L");
    sim.start.policy = sim.policy;
    sim_step(&sim, &(struct engine_event){.type = ENGINE_START, .start = &sim.start});
    for (int i = 1; i <= 10000; i++) {
        CLEANUP_JSON json_t *vars = json_pack("{s:i}", "index", i),
                            *output = json_pack("{s:s}", "text", "an output of a node");
        size_t before = sim.journal_len;
        sim_step(&sim, &(struct engine_event){.type = ENGINE_ENTER,
                                              .act = sim_act(&sim, "L"),
                                              .branch = "body",
                                              .output = vars,
                                              .enter = {.flags = ENTER_LOOP, .keep = 100}});
        sim_step(&sim, &(struct engine_event){.type = ENGINE_DONE, .act = sim_act(&sim, "a"), .output = output});
        size_t bytes = 0;
        for (size_t k = before; k < sim.journal_len; k++)
            bytes += sim.journal[k].len;
        early = i == 1000 ? bytes : early;
        late = bytes;
        buf_clear(&sim.trace);
        buf_clear(&sim.logs);
    }
    CLEANUP_BUF struct buf text = BUF_INIT;
    engine_state_write(sim.def, sim.state, &text);
    assert_true(text.len < 20000);
    assert_true(late <= early + 8);
    assert_int_equal(sim.state->scope_count, 0);
    sim_close(&sim);
}

/* A clean-up runs also when the time of its own node is over, and is not cut short by that. */
static void test_40_own_time(void **state)
{
    (void)state;
    const char *graph = "T{'schedule_to_close_seconds':1} b f z; T>b=body T>f=finally T>z=error";
    check_trace(graph, "start; T>body/c; +1000; T>finally/s; f; T; z",
                "T | T/b | -b T(cancelled#1) | T/f | T(done#2) | z | END completed");
    check_trace(graph, "start; T>body/c; b; T>finally/s; +1000; +1000; f; T; z",
                "T | T/b | T(done#1) | T/f |  |  | T(done#2) | z | END completed");
    check_trace(graph, "start; T>body/c; +1000; T>finally/s; lost; f; T; z",
                "T | T/b | -b T(cancelled#1) | T/f | T/f/2 | T(done#2) | z | END completed");
    /* the execution ends in between: it may begin again */
    check_trace(graph, "start; T>body/c; +1000; T>finally/s; terminate; retry",
                "T | T/b | -b T(cancelled#1) | T/f | -f END failed: Execution terminated by user | T/2");
}

/* A node that crashes while it is cancelled goes when its passes are over, not before. */
static void test_crashed_while_cancelled(void **state)
{
    (void)state;
    check_trace("s b L x; s>b s>L L>x=body", "start; s; L>body*2/ls; L#1/x; lost; lost; lost; L",
                "s | b L | L#1/x L#2/x | L(done#1) | b/2 L(done#1) L#2/x/2 | b/3 L(done#1) L#2/x/3 | L(failed#2 x crashed) | "
                "END failed: Node b failed: 3 workers were lost while the node ran");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crashed_while_cancelled),
        cmocka_unit_test(test_40_own_time),
        cmocka_unit_test(test_enter),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_5_nested_regions),
        cmocka_unit_test(test_6_heads),
        cmocka_unit_test(test_7_side_entry),
        cmocka_unit_test(test_8_9_loops_without_labels),
        cmocka_unit_test(test_10_11_chains),
        cmocka_unit_test(test_12_outside),
        cmocka_unit_test(test_17_join_rest),
        cmocka_unit_test(test_20_fail_fast),
        cmocka_unit_test(test_21_each),
        cmocka_unit_test(test_22_24_56_splits),
        cmocka_unit_test(test_23_sequential),
        cmocka_unit_test(test_26_54_exits),
        cmocka_unit_test(test_runs_of_loops), cmocka_unit_test(test_30_continue),
        cmocka_unit_test(test_31_boundary),
        cmocka_unit_test(test_32_publishing),
        cmocka_unit_test(test_33_47_variables),
        cmocka_unit_test(test_37_break),
        cmocka_unit_test(test_40_terminate),
        cmocka_unit_test(test_40_timeout),
        cmocka_unit_test(test_55_shield),
        cmocka_unit_test(test_lost_and_paused),
        cmocka_unit_test(test_many_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
