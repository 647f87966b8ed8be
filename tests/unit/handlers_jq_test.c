/* SPDX-License-Identifier: Apache-2.0 */
/* jq: results, errors of every kind, and programs that must not do what they try. */
#include "unit/test.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "unit/handler_host.h"

static struct handler_host host;

static int set_up(void **state)
{
    (void)state;
    setenv("WFW_JQ_SECRET", "hush", 1);
    handler_host_open(&host);
    host.real_expressions = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    handler_host_close(&host);
    return 0;
}

struct expected {
    const char *filter, *more, *outcome; /* more: further keys of the config, with a comma before them */
};

static void check(const char *input, const struct expected *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP_JSON json_t *filter = json_string(cases[i].filter);
        CLEANUP_FREE char *text = js_text(filter);
        CLEANUP_FREE char *config = xasprintf("{\"filter\":%s%s}", text, cases[i].more ? cases[i].more : "");
        struct handler_run run = {.type = "jq", .config = config, .input = input};
        assert_string_equal(handler_outcome(&host, &run), cases[i].outcome);
    }
}
#define CHECK(input, cases) check(input, cases, ARRAY_LEN(cases))
#define DONE(result, count) "{\"done\":{\"result\":" result ",\"type\":\"jq\",\"count\":" count "}}"
#define FAIL_OF(type, message) "{\"fail\":\"" type "\",\"message\":\"" message "\",\"retryable\":false}"

static void results(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {".n", NULL, DONE("[1,2,3]", "1")},
        {".n[]", NULL, DONE("1", "3")},
        {".n[]", ",\"results\":\"all\"", DONE("[1,2,3]", "3")},
        {"empty", NULL, DONE("null", "0")},
        {"empty", ",\"results\":\"all\"", DONE("[]", "0")},
        {"map(. * $k) | add", ",\"input\":\"n\",\"args\":{\"k\":2}", DONE("12", "1")},
        {"def twice: . * 2; map(twice)", ",\"input\":[1.5,2]", DONE("[3,4]", "1")},
        {".a.b", ",\"input\":{\"a\":{\"b\":\"\xc3\xa9\xf0\x9f\x98\x80\"}}", DONE("\"\xc3\xa9\xf0\x9f\x98\x80\"", "1")},
        {". # all of it", ",\"input\":null", DONE("null", "1")},
    };
    CHECK("{\"n\":[1,2,3]}", cases);
}

static void errors(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"", NULL, FAIL_OF("config_invalid", "filter is required for jq node")},
        {".", ",\"results\":\"last\"", FAIL_OF("config_invalid", "results \\\"last\\\" is not one of first, all")},
        {".", ",\"input\":\"gone\"",
         FAIL_OF("unknown_name", "input \\\"gone\\\": unknown name \\\"gone\\\", line 1, column 1")},
        {".n[", NULL, FAIL_OF("expression_error", "filter: syntax error, unexpected $end, line 1")},
        {".\n| nothing", NULL, FAIL_OF("expression_error", "filter: nothing/0 is not defined, line 2")},
        {"$x", NULL, FAIL_OF("expression_error", "filter: $x is not defined, line 1")},
        {".n.x", NULL, FAIL_OF("jq_error", "filter: Cannot index array with string \\\"x\\\"")},
        {"error(\"one\\ntwo\")", NULL, FAIL_OF("jq_error", "filter: one two")},
        {"error({code: 5})", NULL, FAIL_OF("jq_error", "filter: {\\\"code\\\":5}")},
        {"1, error(\"late\")", ",\"results\":\"all\"", FAIL_OF("jq_error", "filter: late")},
    };
    CHECK("{\"n\":[1,2,3]}", cases);
}

static void a_program_sees_neither_files_nor_environment(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"[env, $ENV]", NULL, DONE("[{},{}]", "1")},
        {"import \"a\" as a; .", NULL, FAIL_OF("expression_error", "filter: syntax error, unexpected import, line 1")},
        {"include \"a\" {search: \"/tmp\"}; .", NULL,
         FAIL_OF("expression_error", "filter: syntax error, unexpected include, line 1")},
        {"[inputs]", NULL, DONE("[]", "1")},
        {"debug | stderr | .n", NULL, DONE("[1,2,3]", "1")},
    };
    CHECK("{\"n\":[1,2,3]}", cases);
}

static void results_are_limited(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"[range(3000000)] | map(\"xxxxxxxx\")", NULL,
         FAIL_OF("payload_too_large", "the result is larger than 16777216 bytes")},
        {"range(infinite) | \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", ",\"results\":\"all\"",
         FAIL_OF("payload_too_large", "the result is larger than 16777216 bytes")},
    };
    CHECK("{}", cases);
}

static void never(void *owner, struct task *t, const struct outcome *o)
{
    (void)owner, (void)t, (void)o;
    fail_msg("a cancelled task gave an outcome");
}

/* A program without end is stopped with its node, and gives its thread back. */
static void an_endless_program_is_stopped(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *config = json_pack("{s:s}", "filter", "def f: f; f"), *input = json_object();
    struct task_call call = {.node_type = "jq", .node_id = "n", .execution_id = "e", .workflow_id = "w", .key = "k",
                             .config = config, .input = input, .attempt = 1};
    struct task *t = task_start(host.tasks, registry_find(host.registry, "jq"), &call, never, NULL);
    for (int i = 0; i < 30; i++) { /* it runs by then, or has not begun: both must end well */
        uv_run(&host.loop, UV_RUN_NOWAIT);
        uv_sleep(10);
    }
    task_cancel(t, 60000);
    for (int i = 0; i < 6000 && task_host_blocking_free(host.tasks) == 0; i++) {
        uv_run(&host.loop, UV_RUN_NOWAIT);
        uv_sleep(10);
    }
    assert_int_equal(task_host_blocking_free(host.tasks), 1);
    assert_int_equal(task_host_abandoned(host.tasks), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(results),
        TEST(errors),
        TEST(a_program_sees_neither_files_nor_environment),
        TEST(results_are_limited),
        TEST(an_endless_program_is_stopped),
    };
    return cmocka_run_group_tests_name("handlers_jq", tests, NULL, NULL);
}
