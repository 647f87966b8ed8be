/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of what is stored: the projection with its twelve keys, the columns, the log, the snapshot, the journal, and
 * executions that another program began. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

static void check_projection(struct sim *sim, const char *expected)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    engine_projection(sim->def, sim->state, &b);
    assert_string_equal(b.data, expected);
}

static void done(struct sim *sim, const char *node, json_t *output)
{
    assert_int_equal(sim_step(sim, &(struct engine_event){.type = ENGINE_DONE, .act = sim_act(sim, node), .output = output}), 0);
    json_decref(output);
}

#define HEAD                                                                                                           \
    "{\"execution_id\":\"exec-0123456789ab\",\"workflow_id\":\"99999999-8888-7777-6666-555555555555\","                \
    "\"workflow_version\":1,"

static void test_linear(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "t:trigger http-3 e:end; t>http-3 http-3>e");
    sim.start.data = json_pack("{s:i, s:s}", "order", 7, "name", "Zo\xc3\xab");
    sim_run(&sim, "start");
    check_projection(&sim, HEAD "\"status\":\"running\",\"current_node_id\":\"t\",\"completed_node_ids\":[],\"node_results\":{},"
                                "\"execution_data\":{\"order\":7,\"name\":\"Zo\xc3\xab\"},"
                                "\"started_at\":\"2026-11-23T05:59:59.999999\",\"error_message\":null,\"retry_count\":0,"
                                "\"next_retry_at\":null}");
    sim.now_us += 2 * US_PER_MS;
    done(&sim, "t", json_object());
    sim.now_us += 5 * US_PER_MS + 7;
    done(&sim, "http-3", json_pack("[i,f]", 1, 0.1));
    done(&sim, "e", NULL);
    check_projection(
        &sim, HEAD
        "\"status\":\"completed\",\"current_node_id\":\"e\",\"completed_node_ids\":[\"t\",\"http-3\",\"e\"],\"node_results\":{"
        "\"t\":{\"node_id\":\"t\",\"status\":\"success\",\"output\":{},\"error\":null,\"started_at\":\"2026-11-23T06:00:00\","
        "\"completed_at\":\"2026-11-23T06:00:00.003000\",\"duration_ms\":3},"
        "\"http-3\":{\"node_id\":\"http-3\",\"status\":\"success\",\"output\":{\"result\":[1,0.1]},\"error\":null,"
        "\"started_at\":\"2026-11-23T06:00:00.003000\",\"completed_at\":\"2026-11-23T06:00:00.008007\",\"duration_ms\":5},"
        "\"e\":{\"node_id\":\"e\",\"status\":\"success\",\"output\":{},\"error\":null,\"started_at\":\"2026-11-23T06:00:00.008007\","
        "\"completed_at\":\"2026-11-23T06:00:00.008007\",\"duration_ms\":0}},"
        "\"execution_data\":{\"order\":7,\"name\":\"Zo\xc3\xab\",\"t_output\":{},\"http-3_output\":{\"result\":[1,0.1]},\"e_output\":{}},"
        "\"started_at\":\"2026-11-23T05:59:59.999999\",\"error_message\":null,\"retry_count\":0,\"next_retry_at\":null}");
    assert_string_equal(sim.logs.data, "t info Executing node: t\nt info Node t completed successfully\n"
                                       "http-3 info Executing node: http-3\nhttp-3 info Node http-3 completed successfully\n"
                                       "e info Executing node: e\ne info Node e completed successfully\n"
                                       "end info Workflow execution completed\n");
    json_decref(sim.start.data);
    sim_close(&sim);
}

static void check_columns(struct sim *sim, const char *expected)
{
    struct engine_columns c;
    engine_columns(sim->def, sim->state, &c);
    CLEANUP_FREE char *text =
        xasprintf("%s %s %s %d %" PRId64 " %" PRId64, c.status, c.current_node_id ? c.current_node_id : "-",
                  c.error_message ? c.error_message : "-", c.retry_count,
                  c.next_retry_at_us ? (c.next_retry_at_us - SIM_T0) / US_PER_MS : 0,
                  c.completed_at_us ? (c.completed_at_us - SIM_T0) / US_PER_MS : 0);
    assert_string_equal(text, expected);
}

/* Every command takes a millisecond. */
static void test_retry_then_success(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "t h n; t>h h>n");
    sim_run(&sim, "start; t; h?");
    check_columns(&sim, "failed h Node h failed: it is broken 1 1002 0");
    sim_run(&sim, "+1000");
    check_columns(&sim, "running h Node h failed: it is broken 1 0 0");
    sim_run(&sim, "h; n");
    check_columns(&sim, "completed n - 1 0 1005");
    assert_string_equal(sim.logs.data,
                        "t info Executing node: t\nt info Node t completed successfully\nh info Executing node: h\n"
                        "h error Node h failed: it is broken\n"
                        "h warning Workflow execution failed, retry 1/3 scheduled: Node h failed: it is broken\n"
                        "h info Executing node: h\nh info Node h completed successfully\nn info Executing node: n\n"
                        "n info Node n completed successfully\nend info Workflow execution completed\n");
    sim_close(&sim);
}

static void test_final_failure(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "h");
    sim.policy.max_retries = 1;
    sim_run(&sim, "start; h?; +1000; h%");
    check_columns(&sim, "failed h Node h timed out after 300 seconds 1 0 1003");
    check_projection(
        &sim, HEAD
        "\"status\":\"failed\",\"current_node_id\":\"h\",\"completed_node_ids\":[],\"node_results\":{\"h\":{\"node_id\":\"h\","
        "\"status\":\"failed\",\"output\":{\"error\":{\"node_id\":\"h\",\"type\":\"timeout\",\"message\":\"timed out after 300 seconds\","
        "\"details\":null}},\"error\":\"timed out after 300 seconds\",\"started_at\":\"2026-11-23T06:00:01.002000\","
        "\"completed_at\":\"2026-11-23T06:00:01.003000\",\"duration_ms\":1}},\"execution_data\":{},"
        "\"started_at\":\"2026-11-23T05:59:59.999999\",\"error_message\":\"Node h timed out after 300 seconds\",\"retry_count\":1,"
        "\"next_retry_at\":null}");
    assert_string_equal(sim.logs.data,
                        "h info Executing node: h\nh error Node h failed: it is broken\n"
                        "h warning Workflow execution failed, retry 1/1 scheduled: Node h failed: it is broken\n"
                        "h info Executing node: h\nh error Node h timed out after 300 seconds\n"
                        "h error Workflow execution failed permanently: Node h timed out after 300 seconds\n");
    sim_close(&sim);
}

static void test_error_edge(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "a h; a>h=error");
    sim_run(&sim, "start; a!odd; h");
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct error e = ERROR_INIT;
    engine_projection(sim.def, sim.state, &b);
    CLEANUP_JSON json_t *p = js_parse(b.data, b.len, &e);
    CLEANUP_FREE char *ids = js_text(json_object_get(p, "completed_node_ids"));
    CLEANUP_FREE char *data = js_text(json_object_get(json_object_get(p, "execution_data"), "a_output"));
    assert_string_equal(ids, "[\"h\"]");
    assert_string_equal(data, "{\"error\":{\"node_id\":\"a\",\"type\":\"odd\",\"message\":\"it is odd\",\"details\":null}}");
    assert_string_equal(js_str(p, "status"), "completed");
    sim_close(&sim);
}

static void test_paused_and_waiting(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "a b; a>b");
    sim_run(&sim, "start; pause; a");
    check_columns(&sim, "paused b - 0 0 0");
    sim_run(&sim, "resume; b@1000");
    check_columns(&sim, "running b - 0 0 0");
    assert_int_equal(engine_next_due(sim.state), SIM_T0 + 1004 * US_PER_MS);
    sim_close(&sim);
}

static void test_long_log(void **state)
{
    (void)state;
    struct sim sim;
    sim_open(&sim, "a");
    sim_run(&sim, "start");
    char *message = xmalloc(12001), type[] = "odd";
    for (size_t i = 0; i < 12000; i += 2)
        memcpy(message + i, "\xc3\xab", 2);
    message[12000] = '\0';
    struct failure f = {.type = type, .message = message};
    assert_int_equal(sim_step(&sim, &(struct engine_event){.type = ENGINE_FAIL, .act = 1, .failure = &f}), 0);
    assert_int_equal(strlen(sim.fx.items[0].log_text), strlen("Node a failed: ") + 2 * (5000 - strlen("Node a failed: ")));
    free(message);
    sim_close(&sim);
}

/* ---- rows that another program began ---- */

static void open_adopted(struct sim *sim, const char *graph, const char *current, const char *completed, const char *results)
{
    sim_open(sim, graph);
    sim->start.current_node_id = current;
    sim->start.completed_node_ids = sim_json(completed);
    sim->start.node_results = sim_json(results);
}

static void close_adopted(struct sim *sim)
{
    json_decref(sim->start.completed_node_ids);
    json_decref(sim->start.node_results);
    sim_close(sim);
}

static void check_adopted(const char *graph, const char *current, const char *completed, const char *script, const char *expected)
{
    struct sim sim;
    open_adopted(&sim, graph, current, completed, "{}");
    sim_run(&sim, script);
    assert_string_equal(sim.trace.data, expected);
    close_adopted(&sim);
}

static void test_adopted(void **state)
{
    (void)state;
    check_adopted("a b c; a>b b>c", "b", "['a']", "start; b; c", "b | c | END completed");
    check_adopted("a b j; a>b a>j b>j", "b", "['a']", "start; b; j", "b | j | END completed");
    check_adopted("a b c j; a>b a>c b>j c>j", "j", "['a','b','c']", "start; j", "j | END completed");
    check_adopted("a b; a>b b>a=again", "b", "['a']", "start; b=again; a; b=stop", "b | a | b | END completed");
    check_adopted("a", "ghost", "[]", "start", "END failed: Node ghost not found in workflow");
}

static void test_adopted_results(void **state)
{
    (void)state;
    struct sim sim;
    open_adopted(&sim, "a b; a>b", "b", "['a','gone']",
                 "{'a':{'node_id':'a','status':'success','output':{'x':1},'error':null,'started_at':'2026-01-01T00:00:00',"
                 "'completed_at':'2026-01-01T00:00:01','duration_ms':1000},'b':{'node_id':'b','status':'failed'}}");
    sim_run(&sim, "start; b");
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct error e = ERROR_INIT;
    engine_projection(sim.def, sim.state, &b);
    CLEANUP_JSON json_t *p = js_parse(b.data, b.len, &e);
    CLEANUP_FREE char *ids = js_text(json_object_get(p, "completed_node_ids"));
    CLEANUP_FREE char *a = js_text(json_object_get(json_object_get(p, "node_results"), "a"));
    assert_string_equal(ids, "[\"a\",\"gone\",\"b\"]");
    assert_string_equal(a, "{\"node_id\":\"a\",\"status\":\"success\",\"output\":{\"x\":1},\"error\":null,\"started_at\":"
                           "\"2026-01-01T00:00:00\",\"completed_at\":\"2026-01-01T00:00:01\",\"duration_ms\":1000}");
    assert_string_equal(js_str(json_object_get(json_object_get(p, "node_results"), "b"), "status"), "success");
    assert_int_equal(json_object_size(json_object_get(p, "node_results")), 2);
    close_adopted(&sim);
}

static void check_deadline(const char *timeout, int64_t expected_ms)
{
    struct sim sim;
    sim_open(&sim, "a");
    sim.start.workflow_timeout = sim_json(timeout);
    sim_run(&sim, "start");
    assert_int_equal(engine_next_due(sim.state), expected_ms ? SIM_T0 - 1 + expected_ms * US_PER_MS : INT64_MAX);
    json_decref(sim.start.workflow_timeout);
    sim_close(&sim);
}

static void test_workflow_timeout(void **state)
{
    (void)state;
    check_deadline("60", 60000);
    check_deadline("'2026-11-23T06:01:00.999999'", 61000);
    check_deadline("'no time'", 0);
    check_deadline("-1", 0);
}

/* ---- snapshot and journal ---- */

static void check_read(struct sim *sim, const char *text, const char *expected)
{
    struct error e = ERROR_INIT;
    assert_null(engine_state_read(sim->def, text, strlen(text), &e));
    assert_string_equal(e.message, expected);
}

static void test_damaged_snapshot(void **state)
{
    (void)state;
    struct sim sim;
    CLEANUP_BUF struct buf b = BUF_INIT;
    sim_open(&sim, "a b; a>b");
    sim_run(&sim, "start");
    check_read(&sim, "{", "reading an execution's snapshot: invalid JSON at line 1, column 1: string or '}' expected near end of file");
    check_read(&sim, "{\"version\":99}", "an execution's snapshot has version 99, but this program reads version 2");
    check_read(&sim, "{\"version\":2}", "an execution's snapshot belongs to another definition");
    check_read(&sim, "{\"version\":2,\"nodes\":2,\"edges\":1,\"phase\":1}", "an execution's snapshot is damaged at \"policy\"");
    engine_state_write(sim.def, sim.state, &b);
    /* whatever single character is lost, reading it must not crash */
    for (size_t i = 0; i < b.len; i++) {
        CLEANUP_FREE char *text = xstrdup(b.data);
        memmove(text + i, text + i + 1, b.len - i);
        struct error e = ERROR_INIT;
        engine_state_free(engine_state_read(sim.def, text, b.len - 1, &e));
    }
    sim_close(&sim);
}

/* A timeout whose clean-ups were running when a worker of the first versions wrote the snapshot. */
static void test_old_timeout(void **state)
{
    (void)state;
    struct sim sim;
    struct error e = ERROR_INIT;
    CLEANUP_BUF struct buf b = BUF_INIT;
    sim_open(&sim, "{'trigger_config':{'timeout_seconds':10},'nodes':[{'node_id':'T'},{'node_id':'a'},{'node_id':'f'}],"
                   "'edges':[{'from':'T','to':'a','branch':'body'},{'from':'T','to':'f','branch':'finally'}]}");
    sim_run(&sim, "start; T>body/c; +9998; T>finally/s");
    engine_state_write(sim.def, sim.state, &b);
    CLEANUP_JSON json_t *old = js_parse(b.data, b.len, &e);
    js_set(old, "end_message", json_incref(json_object_get(json_object_get(old, "failing"), "message")));
    js_set(old, "end_failed", json_integer(1));
    js_set(json_object_get(old, "scope"), "ending", json_integer(6));
    json_object_del(old, "failing");
    buf_clear(&b);
    js_write(&b, old);
    struct engine_state *s = engine_state_read(sim.def, b.data, b.len, &e);
    assert_non_null(s);
    for (size_t i = 0; i < 2; i++) { /* the finally's node, then its try */
        uint64_t act = sim_act(&sim, i == 0 ? "f" : "T");
        assert_int_equal(engine_step(sim.def, s, &(struct engine_event){.type = ENGINE_DONE, .act = act}, sim.now_us, NULL, &e), 0);
    }
    struct engine_columns c;
    engine_columns(sim.def, s, &c);
    assert_string_equal(c.status, "failed");
    assert_string_equal(c.error_message, "Workflow execution timed out after 10 seconds");
    engine_state_free(s);
    sim_close(&sim);
}

static void test_journal(void **state)
{
    (void)state;
    struct sim sim;
    struct error e = ERROR_INIT;
    sim_open(&sim, "a");
    sim_run(&sim, "start; a=yes");
    assert_string_equal(sim.journal[1].data, "{\"at\":1795413600001000,\"ev\":\"done\",\"act\":1,\"output\":{\"of\":\"a\"},\"branch\":\"yes\"}");
    CLEANUP_JSON json_t *odd = json_pack("{s:s}", "ev", "dance");
    assert_int_equal(engine_replay(sim.def, sim.state, odd, &e), -1);
    assert_string_equal(e.message, "the journal holds an event that this program does not know: dance");
    CLEANUP_JSON json_t *start = json_loads(sim.journal[0].data, 0, NULL);
    assert_string_equal(js_str(start, "definition"), "def-1");
    assert_string_equal(js_str(start, "ev"), "start");
    assert_string_equal(engine_definition_id(sim.state), "def-1");
    sim_close(&sim);
}

static void test_wrong_events(void **state)
{
    (void)state;
    struct sim sim;
    struct error e = ERROR_INIT;
    sim_open(&sim, "a");
    struct engine_event wake = {.type = ENGINE_WAKE}, done9 = {.type = ENGINE_DONE, .act = 9},
                        start = {.type = ENGINE_START, .start = &sim.start};
    assert_int_equal(engine_step(sim.def, sim.state, &wake, 0, NULL, &e), -1);
    assert_string_equal(e.message, "an execution must be started before anything else can happen to it");
    sim_run(&sim, "start");
    assert_int_equal(engine_step(sim.def, sim.state, &start, 0, NULL, &e), -1);
    assert_string_equal(e.message, "execution exec-0123456789ab was started already");
    assert_int_equal(engine_step(sim.def, sim.state, &done9, 0, NULL, &e), -1);
    assert_string_equal(e.message, "execution exec-0123456789ab has no activation 9");
    sim_run(&sim, "a; a; a%");
    assert_string_equal(sim.trace.data, "a | END completed |  | ");
    sim_close(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),          cmocka_unit_test(test_retry_then_success),
        cmocka_unit_test(test_final_failure),   cmocka_unit_test(test_error_edge),
        cmocka_unit_test(test_paused_and_waiting), cmocka_unit_test(test_long_log),
        cmocka_unit_test(test_adopted),         cmocka_unit_test(test_adopted_results),
        cmocka_unit_test(test_workflow_timeout), cmocka_unit_test(test_damaged_snapshot), cmocka_unit_test(test_old_timeout),
        cmocka_unit_test(test_journal),         cmocka_unit_test(test_wrong_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
