/* SPDX-License-Identifier: Apache-2.0 */
/* trigger, start, end, noop, condition, if, switch, delay, wait: every config key, every branch, every error text. */
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "unit/handler_host.h"

static struct handler_host host;

static int set_up(void **state)
{
    (void)state;
    handler_host_open(&host);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    handler_host_close(&host);
    return 0;
}

struct expected {
    const char *config, *outcome;
};

static void check(const char *type, const char *input, const struct expected *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct handler_run run = {.type = type, .config = cases[i].config, .input = input};
        assert_string_equal(handler_outcome(&host, &run), cases[i].outcome);
    }
}
#define CHECK(type, input, cases) check(type, input, cases, ARRAY_LEN(cases))

static void expression(const char *text, const char *value)
{
    js_set(host.evals, text, json_loads(value, JSON_DECODE_ANY, NULL));
}

static void trigger_hands_on_the_data(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{}", "{\"done\":{\"order\":7,\"name\":\"Zo\xc3\xab\",\"branch\":\"x\"}}"},
        {"{\"trigger_type\":\"schedule\",\"cron_expression\":\"* * * * *\",\"webhook_method\":null}",
         "{\"done\":{\"order\":7,\"name\":\"Zo\xc3\xab\",\"branch\":\"x\"}}"},
    };
    CHECK("trigger", "{\"order\":7,\"name\":\"Zo\xc3\xab\",\"branch\":\"x\"}", cases);
    static const struct expected empty[] = {{"{}", "{\"done\":{}}"}};
    CHECK("trigger", "{}", empty);
}

static void start_end_and_noop_give_nothing(void **state)
{
    (void)state;
    static const struct expected cases[] = {{"{}", "{\"done\":{}}"}, {"{\"left\":\"over\"}", "{\"done\":{}}"}};
    CHECK("start", "{\"a\":1}", cases);
    CHECK("end", "{\"a\":1}", cases);
    CHECK("noop", "{\"a\":1}", cases);
}

#define TRUE_OF(text)                                                                                                  \
    "{\"done\":{\"condition_result\":true,\"branch\":\"true\",\"condition_expr\":\"" text "\"},\"branch\":\"true\"}"
#define FALSE_OF(text)                                                                                                 \
    "{\"done\":{\"condition_result\":false,\"branch\":\"false\",\"condition_expr\":\"" text "\"},\"branch\":"          \
                                                                                            "\"false\"}"
#define FAIL_OF(type, message) "{\"fail\":\"" type "\",\"message\":\"" message "\",\"retryable\":false}"

static void condition_takes_the_truth_of_javascript(void **state)
{
    (void)state;
    expression("yes", "true"), expression("no", "false"), expression("null", "null"), expression("zero", "0");
    expression("zero.0", "0.0"), expression("minus", "-0.5"), expression("empty", "\"\""),
        expression("text", "\"false\"");
    expression("array", "[]"), expression("object", "{}"), expression("${value} > 10", "true"), expression("12", "12");
    static const struct expected cases[] = {
        {"{\"condition\":\"yes\"}", TRUE_OF("yes")},
        {"{\"expression\":\"no\"}", FALSE_OF("no")},
        {"{\"condition\":\"yes\",\"expression\":\"no\"}", TRUE_OF("yes")},
        {"{\"condition\":\"\",\"expression\":\"no\"}", FALSE_OF("no")},
        {"{\"condition\":null,\"expression\":\"text\",\"condition_type\":null}", TRUE_OF("text")},
        {"{\"expression\":\"${value} > 10\",\"condition_type\":\"javascript\"}", TRUE_OF("${value} > 10")},
        {"{\"expression\":\"null\"}", FALSE_OF("null")},
        {"{\"expression\":\"zero\"}", FALSE_OF("zero")},
        {"{\"expression\":\"zero.0\"}", FALSE_OF("zero.0")},
        {"{\"expression\":\"minus\"}", TRUE_OF("minus")},
        {"{\"expression\":\"empty\"}", FALSE_OF("empty")},
        {"{\"expression\":\"array\"}", TRUE_OF("array")},
        {"{\"expression\":\"object\"}", TRUE_OF("object")},
        {"{\"expression\":12}", TRUE_OF("12")},
    };
    CHECK("condition", "{}", cases);
    CHECK("if", "{}", cases);
}

static void condition_of_type_python_takes_its_truth(void **state)
{
    (void)state;
    expression("array", "[]"), expression("object", "{}"), expression("full", "[0]"), expression("text", "\"x\"");
    static const struct expected cases[] = {
        {"{\"expression\":\"array\",\"condition_type\":\"python\"}", FALSE_OF("array")},
        {"{\"expression\":\"object\",\"condition_type\":\"python\"}", FALSE_OF("object")},
        {"{\"expression\":\"full\",\"condition_type\":\"python\"}", TRUE_OF("full")},
        {"{\"expression\":\"text\",\"condition_type\":\"python\"}", TRUE_OF("text")},
    };
    CHECK("condition", "{}", cases);
}

static void condition_of_type_jsonpath_follows_the_path(void **state)
{
    (void)state;
#define PATH(path, outcome)                                                                                            \
    {                                                                                                                  \
        "{\"expression\":\"" path "\",\"condition_type\":\"jsonpath\"}", outcome("" path "")                           \
    }
    static const struct expected cases[] = {
        PATH("a.b", TRUE_OF),
        PATH("$.a.b", TRUE_OF),
        PATH("$", TRUE_OF),
        PATH("a.list.1", TRUE_OF),
        PATH("a.list.0", FALSE_OF),
        PATH("a.list[1]", TRUE_OF),
        PATH("a.list[1].x", FALSE_OF),
        PATH("a.list[2].x", TRUE_OF),
        PATH("$['a']['b']", TRUE_OF),
        PATH("$['a b'].c", TRUE_OF),
        PATH("missing", FALSE_OF),
        PATH("a.b.c", FALSE_OF),
        PATH("a..b", FALSE_OF),
        PATH("a.list.-1", FALSE_OF),
        PATH("a.list[9]", FALSE_OF),
        PATH("a.none", FALSE_OF),
        PATH("a.empty", FALSE_OF),
        PATH("a['b", FALSE_OF),
        PATH("a[", FALSE_OF),
        PATH("a.list[99999999999]", FALSE_OF),
        PATH("a.", FALSE_OF),
        PATH("a['b'x]", FALSE_OF),
    };
    CHECK("condition", "{\"a\":{\"b\":1,\"list\":[0,1,{\"x\":true}],\"none\":null,\"empty\":[]},\"a b\":{\"c\":\"x\"}}",
          cases);
}

static void condition_says_what_is_wrong(void **state)
{
    (void)state;
    expression("x >", "{\"error\":\"unexpected end at line 1, column 4\"}");
    static const struct expected cases[] = {
        {"{}", FAIL_OF("config_invalid", "condition expression is required for condition node")},
        {"{\"condition\":\"\",\"expression\":null}",
         FAIL_OF("config_invalid", "condition expression is required for condition node")},
        {"{\"expression\":\"x >\"}",
         FAIL_OF("expression_error", "expression \\\"x >\\\": unexpected end at line 1, column 4")},
        {"{\"expression\":\"x\",\"condition_type\":\"lua\"}",
         FAIL_OF("config_invalid", "condition_type \\\"lua\\\" is not one of javascript, python, jsonpath")},
    };
    CHECK("condition", "{}", cases);
    static const struct expected of_if[] = {
        {"{}", FAIL_OF("config_invalid", "condition expression is required for if node")}};
    CHECK("if", "{}", of_if);
}

#define CASE_OF(result, branch, text, value)                                                                           \
    "{\"done\":{\"condition_result\":" result ",\"branch\":\"" branch "\",\"condition_expr\":\"" text                  \
    "\",\"value\":" value "},\"branch\":\"" branch "\"}"

static void switch_takes_the_case_of_the_value(void **state)
{
    (void)state;
    expression("s", "\"open\""), expression("n", "3"), expression("b", "true"), expression("u", "null");
    expression("r", "2.0"), expression("o", "{\"a\":1}"), expression("e", "\"\"");
    static const struct expected cases[] = {
        {"{\"switch_expression\":\"s\",\"cases\":{\"open\":\"\",\"paid\":\"ship\"}}",
         CASE_OF("true", "open", "s", "\"open\"")},
        {"{\"switch_expression\":\"s\",\"cases\":{\"open\":\"go\"}}", CASE_OF("true", "go", "s", "\"open\"")},
        {"{\"switch_expression\":\"s\",\"cases\":{\"open\":{\"x\":1}}}", CASE_OF("true", "open", "s", "\"open\"")},
        {"{\"switch_expression\":\"s\",\"cases\":{\"Open\":\"go\",\"ope\":\"\",\"opens\":\"\"}}",
         CASE_OF("false", "default", "s", "\"open\"")},
        {"{\"switch_expression\":\"s\",\"cases\":null}", CASE_OF("false", "default", "s", "\"open\"")},
        {"{\"switch_expression\":\"s\"}", CASE_OF("false", "default", "s", "\"open\"")},
        {"{\"switch_expression\":\"n\",\"cases\":{\"3\":null}}", CASE_OF("true", "3", "n", "3")},
        {"{\"switch_expression\":\"r\",\"cases\":{\"2\":null}}", CASE_OF("true", "2", "r", "2.0")},
        {"{\"switch_expression\":\"b\",\"cases\":{\"true\":1}}", CASE_OF("true", "true", "b", "true")},
        {"{\"switch_expression\":\"u\",\"cases\":{\"null\":1}}", CASE_OF("true", "null", "u", "null")},
        {"{\"switch_expression\":\"o\",\"cases\":{\"{\\\"a\\\":1}\":\"obj\"}}",
         CASE_OF("true", "obj", "o", "{\"a\":1}")},
        {"{\"switch_expression\":\"e\",\"cases\":{\"\":\"nothing\"}}", CASE_OF("true", "nothing", "e", "\"\"")},
        {"{\"expression\":\"s\",\"cases\":{\"open\":\"go\"}}", CASE_OF("true", "go", "s", "\"open\"")},
        {"{\"condition\":\"n\",\"cases\":{\"3\":\"go\"}}", CASE_OF("true", "go", "n", "3")},
        {"{\"expression\":\"s\"}", TRUE_OF("s")},
        {"{\"expression\":\"u\",\"cases\":{}}", FALSE_OF("u")},
        {"{\"cases\":{\"a\":1}}", FAIL_OF("config_invalid", "condition expression is required for switch node")},
        {"{\"switch_expression\":\"?\",\"cases\":{}}",
         FAIL_OF("expression_error", "expression \\\"?\\\": not in the script")},
    };
    CHECK("switch", "{}", cases);
}

#define DELAYED(type) "{\"done\":{\"delay_type\":\"" type "\",\"completed\":true}}"
#define SECONDS_TEXT "it must be a number of seconds from 0 to 3153600000"

static void delay_parks_for_seconds(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{}", "{\"park_until_ms\":1795413601000}"},
        {"{\"delay_type\":\"seconds\",\"delay_seconds\":90}", "{\"park_until_ms\":1795413690000}"},
        {"{\"delay_type\":\"\",\"delay_seconds\":0.25}", "{\"park_until_ms\":1795413600250}"},
        {"{\"delay_type\":null,\"delay_seconds\":\"2\"}", "{\"park_until_ms\":1795413602000}"},
        {"{\"delay_seconds\":\"1e1\"}", "{\"park_until_ms\":1795413610000}"},
        {"{\"delay_seconds\":0.0001}", "{\"park_until_ms\":1795413600001}"},
        {"{\"delay_seconds\":0}", DELAYED("seconds")},
        {"{\"delay_seconds\":\"0\"}", DELAYED("seconds")},
        {"{\"delay_seconds\":null}", FAIL_OF("config_invalid", "delay_seconds is null: " SECONDS_TEXT)},
        {"{\"delay_seconds\":-1}", FAIL_OF("config_invalid", "delay_seconds is -1: " SECONDS_TEXT)},
        {"{\"delay_seconds\":1e300}", FAIL_OF("config_invalid", "delay_seconds is 1e300: " SECONDS_TEXT)},
        {"{\"delay_seconds\":\"soon\"}", FAIL_OF("config_invalid", "delay_seconds is \\\"soon\\\": " SECONDS_TEXT)},
        {"{\"delay_seconds\":\"\"}", FAIL_OF("config_invalid", "delay_seconds is \\\"\\\": " SECONDS_TEXT)},
        {"{\"delay_seconds\":\"nan\"}", FAIL_OF("config_invalid", "delay_seconds is \\\"nan\\\": " SECONDS_TEXT)},
        {"{\"delay_seconds\":\"0x10\"}", FAIL_OF("config_invalid", "delay_seconds is \\\"0x10\\\": " SECONDS_TEXT)},
        {"{\"delay_type\":\"hours\"}",
         FAIL_OF("config_invalid", "delay_type \\\"hours\\\" is not one of seconds, until_time, until_condition")},
    };
    CHECK("delay", "{}", cases);
    CHECK("wait", "{}", cases);
    struct handler_run woken = {.type = "delay", .config = "{\"delay_seconds\":90}", .why = WFW_WHY_TIMER};
    assert_string_equal(handler_outcome(&host, &woken), DELAYED("seconds"));
}

#define TIME(text) "{\"delay_type\":\"until_time\",\"target_time\":\"" text "\"}"
#define NO_TIME(text)                                                                                                  \
    FAIL_OF("config_invalid",                                                                                          \
            "target_time \\\"" text "\\\" is not a time: write it as 2026-11-23T06:00 or 2026-11-23T06:00:00+01:00")

static void delay_parks_until_a_time(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {TIME("2026-11-23T06:01"), "{\"park_until_ms\":1795413660000}"},
        {TIME("2026-11-23T06:00:00.001Z"), "{\"park_until_ms\":1795413600001}"},
        {TIME("2026-11-23 06:00:00.0000001"), "{\"park_until_ms\":1795413600001}"},
        {TIME("2026-11-23T08:00+01:00"), "{\"park_until_ms\":1795417200000}"},
        {TIME("2026-11-23T02:00-0500"), "{\"park_until_ms\":1795417200000}"},
        {TIME("2026-11-23T08:00+01"), "{\"park_until_ms\":1795417200000}"},
        {TIME("2026-11-24"), "{\"park_until_ms\":1795478400000}"},
        {TIME("2028-02-29T00:00Z"), "{\"park_until_ms\":1835395200000}"},
        {TIME("2026-11-23T06:00"), DELAYED("until_time")},
        {TIME("1969-07-20T20:17:40Z"), DELAYED("until_time")},
        {TIME("2026-11-23T07:00+01:00"), DELAYED("until_time")},
        {TIME("tomorrow"), NO_TIME("tomorrow")},
        {TIME("2026-02-29T00:00"), NO_TIME("2026-02-29T00:00")},
        {TIME("2026-13-01"), NO_TIME("2026-13-01")},
        {TIME("2026-11-23T24:00"), NO_TIME("2026-11-23T24:00")},
        {TIME("2026-11-23T06:00 "), NO_TIME("2026-11-23T06:00 ")},
        {TIME("2026-11-23T06"), NO_TIME("2026-11-23T06")},
        {TIME("2026-11-23T06:00:00."), NO_TIME("2026-11-23T06:00:00.")},
        {TIME(""), FAIL_OF("config_invalid", "target_time is required for delay_type until_time")},
        {"{\"delay_type\":\"until_time\"}",
         FAIL_OF("config_invalid", "target_time is required for delay_type until_time")},
    };
    CHECK("delay", "{}", cases);
    struct handler_run woken = {.type = "wait", .config = TIME("2030-01-01"), .why = WFW_WHY_TIMER};
    assert_string_equal(handler_outcome(&host, &woken), DELAYED("until_time"));
}

#define UNTIL(more) "{\"delay_type\":\"until_condition\",\"condition_expression\":\"ready\"" more "}"

static void delay_looks_at_its_condition_again(void **state)
{
    (void)state;
    expression("ready", "false");
    struct handler_run run = {.type = "delay", .config = UNTIL(",\"poll_seconds\":5,\"timeout_seconds\":12")};
    assert_string_equal(handler_outcome(&host, &run),
                        "{\"park_until_ms\":1795413605000,\"checkpoint\":{\"deadline_ms\":1795413612000}}");
    run.why = WFW_WHY_TIMER;
    run.checkpoint = "{\"deadline_ms\":1795413612000}";
    host.now_ms += 10000;
    assert_string_equal(handler_outcome(&host, &run),
                        "{\"park_until_ms\":1795413612000,\"checkpoint\":{\"deadline_ms\":1795413612000}}");
    host.now_ms += 2000;
    assert_string_equal(handler_outcome(&host, &run),
                        FAIL_OF("timeout", "the condition \\\"ready\\\" did not become true in time"));
    expression("ready", "[1]");
    assert_string_equal(handler_outcome(&host, &run), DELAYED("until_condition"));
}

static void delay_without_timeout_looks_for_ever(void **state)
{
    (void)state;
    expression("ready", "0");
    struct handler_run run = {.type = "delay", .config = UNTIL("")};
    assert_string_equal(handler_outcome(&host, &run),
                        "{\"park_until_ms\":1795413601000,\"checkpoint\":{\"deadline_ms\":0}}");
    run.why = WFW_WHY_TIMER;
    run.checkpoint = "{\"deadline_ms\":0}";
    host.now_ms += 1000000000;
    assert_string_equal(handler_outcome(&host, &run),
                        "{\"park_until_ms\":1796413601000,\"checkpoint\":{\"deadline_ms\":0}}");
}

static void delay_until_condition_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{\"delay_type\":\"until_condition\"}",
         FAIL_OF("config_invalid", "condition_expression is required for delay_type until_condition")},
        {UNTIL(""), FAIL_OF("expression_error", "expression \\\"ready\\\": not in the script")},
        {UNTIL(",\"poll_seconds\":0"),
         FAIL_OF("config_invalid", "poll_seconds is 0: it must be a number of seconds from 0.01 to 3153600000")},
        {UNTIL(",\"timeout_seconds\":\"x\""), FAIL_OF("config_invalid", "timeout_seconds is \\\"x\\\": " SECONDS_TEXT)},
    };
    CHECK("delay", "{}", cases);
}

static void expression_keys_are_declared(void **state)
{
    (void)state;
    static const struct {
        const char *type, *keys;
    } cases[] = {{"condition", "condition expression "},
                 {"switch", "switch_expression condition expression "},
                 {"delay", "condition_expression "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_BUF struct buf keys = BUF_INIT;
        const struct handler *h = registry_find(host.registry, cases[i].type);
        for (const char *const *k = h->expression_keys; k && *k; k++)
            buf_printf(&keys, "%s ", *k);
        assert_string_equal(keys.data, cases[i].keys);
    }
}

static void documentation_is_json(void **state)
{
    (void)state;
    static const char *const types[] = {"trigger",   "start",  "end",   "noop",
                                        "condition", "switch", "delay", "http_request"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct wfw_node *n = registry_find(host.registry, types[i])->node;
        CLEANUP_JSON json_t *output = json_loads(n->output_schema, 0, NULL),
                            *examples = json_loads(n->examples, 0, NULL);
        assert_true(json_is_object(output));
        assert_true(json_array_size(examples) > 0);
        assert_true(n->summary[0] && n->description[0]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trigger_hands_on_the_data),
        TEST(start_end_and_noop_give_nothing),
        TEST(condition_takes_the_truth_of_javascript),
        TEST(condition_of_type_python_takes_its_truth),
        TEST(condition_of_type_jsonpath_follows_the_path),
        TEST(condition_says_what_is_wrong),
        TEST(switch_takes_the_case_of_the_value),
        TEST(delay_parks_for_seconds),
        TEST(delay_parks_until_a_time),
        TEST(delay_looks_at_its_condition_again),
        TEST(delay_without_timeout_looks_for_ever),
        TEST(delay_until_condition_says_what_is_wrong),
        TEST(expression_keys_are_declared),
        TEST(documentation_is_json),
    };
    return cmocka_run_group_tests_name("handlers_flow", tests, NULL, NULL);
}
