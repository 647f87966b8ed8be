/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: kept, first in first out, one waiter each, the oldest first, beside timers, pauses, failures and lost workers. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

#define PAIR "s a b c; s>a s>b a>c b>c"

static void test_after_and_before(void **state)
{
    (void)state;
    check_trace("a b; a>b", "start; a&x; *x:5; a; b", "a |  | !s1 a<x 5> | b | END completed");
    check_trace("a b; a>b", "start; *x:5; a&x; a; b", "a |  | !s1 a<x 5> | b | END completed");
    check_trace("a b; a>b", "start; a&x; *y; *x; a; b; ", "a |  |  | !s2 a<x null> | b | END completed");
}

static void test_first_in_first_out(void **state)
{
    (void)state;
    check_trace("a b; a>b", "start; *x:1; *x:2; a&x; a; b&x; b", "a |  |  | !s1 a<x 1> | b | !s2 b<x 2> | END completed");
    /* of several types the oldest that is there */
    check_trace("a", "start; *y:1; *x:2; a&x,y; a&x,y; a", "a |  |  | !s1 a<y 1> | !s2 a<x 2> | END completed");
    /* the same row twice is one signal */
    check_trace("a", "start; *x:1; *x:9#s1; a&x; a&x; +1", "a |  |  | !s1 a<x 1> |  | ");
}

static void test_two_waiters(void **state)
{
    (void)state;
    check_trace(PAIR, "start; s; a&x; b&x; *x:1; *x:2; b; a; c",
                "s | a b |  |  | !s1 a<x 1> | !s2 b<x 2> |  | c | END completed");
    check_trace(PAIR, "start; s; b&x; a&x; *x:1; *x:2; b; a; c",
                "s | a b |  |  | !s1 b<x 1> | !s2 a<x 2> |  | c | END completed");
    /* who refuses and parks again keeps its place */
    check_trace(PAIR, "start; s; a&x; b&x; *x:1; a&x; *x:2; a; *x:3; b; c",
                "s | a b |  |  | !s1 a<x 1> |  | !s2 a<x 2> |  | !s3 b<x 3> | c | END completed");
}

static void test_deadline(void **state)
{
    (void)state;
    check_trace("a b; a>b=timeout", "start; a&x@500; +500; a=timeout; *x; b", "a |  | a~ | b |  | END completed");
    check_trace("a", "start; a&x@500; *x; +500; a", "a |  | !s1 a<x null> |  | END completed");
    check_trace("a{'schedule_to_close_seconds':2}", "start; a&x; +2000", "a |  | RETRY 1000");
}

static void test_paused(void **state)
{
    (void)state;
    check_trace("a", "start; a&x; pause; *x; resume; a", "a |  |  |  | !s1 a<x null> | END completed");
    /* it came before the deadline was noticed */
    check_trace("a", "start; a&x@500; pause; *x; +900; resume; a", "a |  |  |  |  | !s1 a<x null> | END completed");
}

static void test_lost_and_retried(void **state)
{
    (void)state;
    check_trace("a", "start; a&x; *x:1; lost; a", "a |  | !s1 a<x 1> | a/2<x 1> | END completed");
    check_trace("a", "start; a&x; *x:1; a?; +1000; a", "a |  | !s1 a<x 1> | RETRY 1000 | a/2<x 1> | END completed");
    /* what waits, waits on while the execution waits for its next try; what comes is kept */
    check_trace(PAIR, "start; s; a&x; b?; *x:1; +1000; b; a; c",
                "s | a b |  | RETRY 1000 | RETRY 999 | !s1 a<x 1> b/2 |  | c | END completed");
}

static void status_of(const char *graph, const char *script, const char *status, const char *node)
{
    struct sim sim;
    struct engine_columns c;
    sim_open(&sim, graph);
    sim_run(&sim, script);
    engine_columns(sim.def, sim.state, &c);
    assert_string_equal(c.status, status);
    assert_string_equal(c.current_node_id, node);
    sim_close(&sim);
}

static void status_is(const char *script, const char *status, const char *node)
{
    status_of(PAIR, script, status, node);
}

/* What winds up while the execution fails may wait for a signal too. */
static void test_status_while_failing(void **state)
{
    (void)state;
    const char *graph = "s L x b; s>L s>b L>x=body";
    status_of(graph, "start; s; L>body/s; L/x&x; b!", "waiting_for_signal", "b");
    status_of(graph, "start; s; L>body/s; L/x&x; b!; *x", "running", "b");
}

static void test_status(void **state)
{
    (void)state;
    status_is("start; s; b&x", "running", "a");
    status_is("start; s; b&x; a", "waiting_for_signal", "b");
    status_is("start; s; b&x; a@500", "waiting_for_signal", "b");
    status_is("start; s; b&x; a; pause", "paused", "b");
    status_is("start; s; b&x; a; *x", "running", "b");
    status_is("start; s; b&x; a; terminate", "failed", "b"); /* where it stood */
}

static void test_data_and_logs(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "a b; a>b");
    sim_run(&sim, "start; a&x,y; *y:7; a&x; *x:8; a");
    const json_t *data = engine_input(sim.state, sim_act(&sim, "b"));
    assert_int_equal(json_integer_value(json_object_get(data, "signal_y")), 7);
    assert_int_equal(json_integer_value(json_object_get(data, "signal_x")), 8);
    assert_string_equal(sim_logs(&sim), "a info Executing node: a\n"
                              "a info Execution waiting for signal: y, x\n"
                              "a info Signal received and processed: y\n"
                              "a info Signal received and processed: x\n"
                              "a info Node a completed successfully\n"
                              "b info Executing node: b\n");
    sim_close(&sim);
}

static void test_kept(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "a");
    sim_run(&sim, "start; *x:1");
    assert_true(engine_has_signal(sim.state, "s1"));
    assert_false(engine_has_signal(sim.state, "s2"));
    sim_run(&sim, "a&x");
    assert_false(engine_has_signal(sim.state, "s1"));
    sim_close(&sim);
}

static void feed(struct sim *sim, const struct engine_event *ev)
{
    struct error e = ERROR_INIT;
    engine_effects_clear(&sim->fx);
    assert_int_equal(engine_step(sim->def, sim->state, ev, sim->now_us, &sim->fx, &e), 0);
}

/* Ten thousand that nobody waits for, and a thousand that wait: no step looks at each of them for each of those. */
static void test_many(void **state)
{
    (void)state;
    enum { KEPT = 10000, PASSES = 1000 };
    struct sim sim;
    sim_open(&sim, "L:for a; L>a=body a>L");
    sim_run(&sim, "start");
    CLEANUP_JSON json_t *passes = json_array();
    for (int i = 0; i < PASSES; i++)
        js_push(passes, json_object());
    for (int i = 0; i < KEPT; i++)
        feed(&sim, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = "other"});
    uint64_t loop = sim_act(&sim, "L");
    feed(&sim, &(struct engine_event){.type = ENGINE_ENTER, .act = loop, .branch = "body",
                                      .enter = {.passes = passes, .flags = ENTER_LOOP}});
    assert_int_equal(engine_running(sim.state), PASSES);
    for (uint64_t act = loop + 1; act <= loop + PASSES; act++)
        feed(&sim, &(struct engine_event){.type = ENGINE_PARK, .act = act, .park = {.signal = "x"}});
    assert_int_equal(engine_running(sim.state), 0);
    for (int i = 0; i < PASSES; i++) {
        feed(&sim, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = "x"});
        assert_int_equal(sim.fx.items[1].act, loop + 1 + (uint64_t)i); /* after the row of the log */
    }
    assert_int_equal(engine_running(sim.state), PASSES);
    sim_close(&sim);
}

static void keep(struct sim *sim, size_t n)
{
    CLEANUP_FREE char *id = xasprintf("id-%zu", n);
    feed(sim, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = n % 2 ? "odd" : "even", .signal_id = id});
}

static bool is_kept(const struct sim *sim, size_t n)
{
    CLEANUP_FREE char *id = xasprintf("id-%zu", n);
    return engine_has_signal(sim->state, id);
}

/* A hundred that wait, each row twice: each is one signal, the oldest of its type is given first, also after a snapshot. */
static void test_many_kept(void **state)
{
    (void)state;
    enum { KEPT = 100 };
    struct sim sim;
    sim_open(&sim, "a");
    sim_run(&sim, "start");
    for (size_t twice = 0; twice < 2; twice++)
        for (size_t n = 0; n < KEPT; n++)
            keep(&sim, n);
    for (size_t n = 0; n < KEPT; n++) {
        struct error e = ERROR_INIT;
        CLEANUP_BUF struct buf text = BUF_INIT;
        assert_true(is_kept(&sim, n));
        engine_state_write(sim.def, sim.state, &text);
        engine_state_free(sim.state);
        sim.state = engine_state_read(sim.def, text.data, text.len, &e);
        assert_non_null(sim.state);
    }
    const struct engine_event park = {.type = ENGINE_PARK, .act = sim_act(&sim, "a"), .park = {.signal = "odd"}};
    for (size_t n = 1; n < KEPT; n += 2) {
        feed(&sim, &park);
        assert_false(is_kept(&sim, n));
        assert_true(n + 2 >= KEPT || is_kept(&sim, n + 2));
    }
    assert_true(is_kept(&sim, 0));
    feed(&sim, &park);
    assert_int_equal(engine_running(sim.state), 0);
    keep(&sim, 1); /* it was given: the row comes once more, with its number */
    assert_int_equal(engine_running(sim.state), 1);
    sim_close(&sim);
}

/* A record of the journal that somebody changed by hand: what is no type is waited for by nobody. */
static void test_no_types(void **state)
{
    (void)state;
    struct sim sim;
    struct error e = ERROR_INIT;
    struct engine_wait wait;
    sim_open(&sim, "a");
    sim_run(&sim, "start");
    CLEANUP_JSON json_t *record = sim_json("{'ev':'park','at':1,'act':1,'signals':[1,null,'x',{}]}");
    assert_int_equal(engine_replay(sim.def, sim.state, record, &e), 0);
    assert_true(engine_waiting(sim.state, 0, &wait));
    assert_int_equal(json_array_size(wait.signals), 1);
    feed(&sim, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = "y"});
    assert_int_equal(engine_running(sim.state), 0);
    feed(&sim, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = "x"});
    assert_int_equal(engine_running(sim.state), 1);
    sim_close(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_and_before), cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_two_waiters),      cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_paused),           cmocka_unit_test(test_lost_and_retried),
        cmocka_unit_test(test_status), cmocka_unit_test(test_status_while_failing),         cmocka_unit_test(test_data_and_logs),
        cmocka_unit_test(test_kept), cmocka_unit_test(test_many), cmocka_unit_test(test_many_kept), cmocka_unit_test(test_no_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
