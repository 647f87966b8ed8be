/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of what a handler is given: resolved configs, secrets, keys, expressions in the view of an activation. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

static char *asked; /* which secrets were fetched, in order */

static char *secret(void *ctx, const char *kind, const char *name)
{
    (void)ctx;
    char *all = xasprintf("%s%s.%s ", asked ? asked : "", kind, name);
    free(asked);
    asked = all;
    return strcmp(name, "MISSING") == 0 ? NULL : xasprintf("<%s>", name);
}

/* The config of node b, after a ended with the output {"of":"a"} and the data {"who":"me","n":3}. */
static void open_with(struct sim *sim, const char *config, const char *name)
{
    CLEANUP_FREE char *text = xasprintf("{'nodes':[{'node_id':'%s','node_type':'x'},{'node_id':'b','node_type':'x','config':%s}],"
                                        "'edges':[{'from':'%s','to':'b'}]}", name, config, name);
    sim_open(sim, text);
    sim->start.data = sim_json("{'who':'me','n':3}");
    CLEANUP_FREE char *script = xasprintf("start; %s", name);
    sim_run(sim, script);
}

static void close_with(struct sim *sim)
{
    json_decref(sim->start.data);
    sim_close(sim);
    free(asked);
    asked = NULL;
}

static void check_config(const char *config, const char *expected)
{
    struct sim sim;
    struct failure f = {0};
    open_with(&sim, config, "http-3");
    CLEANUP_JSON json_t *v = engine_config(sim.def, sim.state, sim_act(&sim, "b"), sim.now_us, secret, NULL, &f);
    CLEANUP_FREE char *text = v ? js_text(v) : xasprintf("%s: %s", f.type, f.message);
    assert_string_equal(text, expected);
    failure_clear(&f);
    close_with(&sim);
}

static void test_names(void **state)
{
    (void)state;
    check_config("{'a':'${who}','b':'${n}','c':'n is {{n + 1}}'}", "{\"a\":\"me\",\"b\":3,\"c\":\"n is 4\"}");
    check_config("{'a':'${input.n}${data.n}'}", "{\"a\":\"33\"}");
    check_config("{'a':'${input[\\'http-3_output\\'].of}'}", "{\"a\":\"http-3\"}");
    check_config("{'a':'${execution.execution_id} ${workflow.version} ${execution.id}'}",
                 "{\"a\":\"exec-0123456789ab 1 11111111-2222-3333-4444-555555555555\"}");
    check_config("{'a':'${vars}'}", "{\"a\":{}}");
}

static void test_secrets(void **state)
{
    (void)state;
    struct sim sim;
    struct failure f = {0};
    check_config("{'a':'Bearer ${secret.TOKEN}','b':'${env.HOME}'}", "{\"a\":\"Bearer <TOKEN>\",\"b\":\"<HOME>\"}");
    open_with(&sim, "{'a':'${secret.TOKEN}','b':'secret.OTHER'}", "a");
    assert_null(asked); /* nothing is fetched before it is needed */
    CLEANUP_JSON json_t *v = engine_config(sim.def, sim.state, sim_act(&sim, "b"), sim.now_us, secret, NULL, &f);
    assert_non_null(v);
    CLEANUP_BUF struct buf state_text = BUF_INIT;
    engine_state_write(sim.def, sim.state, &state_text);
    assert_null(strstr(state_text.data, "<TOKEN>"));
    assert_null(engine_config(sim.def, sim.state, sim_act(&sim, "b"), sim.now_us, NULL, NULL, &f));
    assert_string_equal(f.type, "unknown_name");
    assert_false(f.retryable);
    failure_clear(&f);
    close_with(&sim);
}

static void test_missing_secret(void **state)
{
    (void)state;
    struct sim sim;
    struct failure f = {0};
    open_with(&sim, "{'a':'${secret.MISSING}'}", "a");
    assert_null(engine_config(sim.def, sim.state, sim_act(&sim, "b"), sim.now_us, secret, NULL, &f));
    assert_string_equal(f.type, "unknown_name");
    assert_ptr_equal(strstr(f.message, "secret.MISSING is not set ("), f.message);
    failure_clear(&f);
    close_with(&sim);
}

static void test_failures(void **state)
{
    (void)state;
    struct sim sim;
    struct failure f = {0};
    open_with(&sim, "{'h':{'x':'${nobody}'}}", "a");
    assert_null(engine_config(sim.def, sim.state, sim_act(&sim, "b"), sim.now_us, secret, NULL, &f));
    assert_string_equal(f.type, "unknown_name");
    assert_non_null(strstr(f.message, "/h/x"));
    assert_non_null(strstr(f.message, "nobody"));
    failure_clear(&f);
    assert_null(engine_config(sim.def, sim.state, 77, sim.now_us, secret, NULL, &f));
    assert_string_equal(f.type, "cancelled");
    failure_clear(&f);
    close_with(&sim);
    open_with(&sim, "{'h':'${1 +}'}", "a");
    assert_int_equal(sim.diags.len, 1);
    assert_string_equal(sim.diags.items[0].pointer, "/nodes/1/config");
    assert_null(engine_config(sim.def, sim.state, sim_act(&sim, "b"), sim.now_us, secret, NULL, &f));
    assert_string_equal(f.type, "expression_error");
    failure_clear(&f);
    close_with(&sim);
}

static void check_eval(const char *expression, const char *expected)
{
    struct sim sim;
    struct failure f = {0};
    open_with(&sim, "{}", "a");
    CLEANUP_JSON json_t *vars = sim_json("{'item':5,'who':'lent'}");
    CLEANUP_JSON json_t *v = engine_eval(sim.def, sim.state, sim_act(&sim, "b"), expression, vars, sim.now_us, &f);
    CLEANUP_FREE char *text = v ? js_text(v) : xstrdup(f.type);
    assert_string_equal(text, expected);
    failure_clear(&f);
    close_with(&sim);
}

static void test_eval(void **state)
{
    (void)state;
    check_eval("item + n", "8");
    check_eval("who", "\"lent\"");
    check_eval("input.who", "\"me\"");
    check_eval("a_output.of === 'a'", "true");
    check_eval("${n} > 2", "true");
    check_eval("nobody", "unknown_name");
    check_eval("1 +", "expression_error");
}

static void check_key(const char *graph, const char *script, const char *node, const char *expected)
{
    struct sim sim;
    sim_open(&sim, graph);
    sim_run(&sim, script);
    CLEANUP_FREE char *key = engine_key(sim.def, sim.state, sim_act(&sim, node));
    assert_string_equal(key, expected);
    sim_close(&sim);
}

static void test_key(void **state)
{
    (void)state;
    check_key("a-1", "start", "a-1", "11111111-2222-3333-4444-555555555555/a-1");
    check_key("a#2", "start; a#2?; +1000", "a#2", "11111111-2222-3333-4444-555555555555/a%232");
    check_key("a; a>a=again", "start; a=again; a=again", "a", "11111111-2222-3333-4444-555555555555/a#3");
}

static void test_input(void **state)
{
    (void)state;
    struct sim sim;
    open_with(&sim, "{}", "a");
    CLEANUP_FREE char *text = js_text(engine_input(sim.state, sim_act(&sim, "b")));
    assert_string_equal(text, "{\"who\":\"me\",\"n\":3,\"a_output\":{\"of\":\"a\"}}");
    close_with(&sim);
}

/* A handler that hands on its input (a trigger) keeps what it saw; the data get on without it. */
static void test_output_is_the_input(void **state)
{
    (void)state;
    struct sim sim;
    open_with(&sim, "{}", "a");
    uint64_t act = sim_act(&sim, "b");
    json_t *input = json_incref((json_t *)(uintptr_t)engine_input(sim.state, act));
    assert_int_equal(sim_step(&sim, &(struct engine_event){.type = ENGINE_DONE, .act = act, .output = input}), 0);
    CLEANUP_FREE char *before = js_text(input), *after = js_text(engine_input(sim.state, act));
    assert_string_equal(before, "{\"who\":\"me\",\"n\":3,\"a_output\":{\"of\":\"a\"}}");
    assert_string_equal(after, "{\"who\":\"me\",\"n\":3,\"a_output\":{\"of\":\"a\"},"
                               "\"b_output\":{\"who\":\"me\",\"n\":3,\"a_output\":{\"of\":\"a\"}}}");
    json_decref(input);
    close_with(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_secrets), cmocka_unit_test(test_missing_secret),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_eval), cmocka_unit_test(test_key), cmocka_unit_test(test_input),
        cmocka_unit_test(test_output_is_the_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
