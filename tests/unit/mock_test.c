/* SPDX-License-Identifier: Apache-2.0 */
/* The mock library as an author of plugins uses it: through its header and the shared library alone. */
#include "unit/test.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "unit/mock_plugin.h"

static struct wfw_mock *mock;

static int set_up(void **state)
{
    (void)state;
    mock = wfw_mock_open(&mock_plugin, "{\"limit\":7}");
    return mock ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return wfw_mock_close(mock);
}

#define WITH_MOCK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ---- Open ---- */

static void refused(const char *section, const char *text)
{
    assert_null(wfw_mock_open(&mock_plugin, section));
    assert_string_equal(wfw_mock_error(), text);
}

static void opening(void **state)
{
    (void)state;
    refused("{\"limit\":\"seven\"}", "plugin mocked: [plugin mocked]: \"/limit\": must be of type integer, is string");
    refused("{\"limits\":1}", "plugin mocked: [plugin mocked]: unknown key \"limits\"\nHINT:  did you mean \"limit\"?");
    refused("{\"deny\":\"everything\"}",
            "plugin mocked: [plugin mocked]: deny = \"everything\" is not a capability\n"
            "HINT:  Capabilities are http, secrets, env, fd, child, threads, lock, signal and request.");
    refused("{\"refuse\":\"not today\"}", "plugin mocked: its init failed: not today");
    refused("{\"limit\":[1]}", "section: \"limit\" is an array; the keys of a section are texts, numbers and booleans");
    refused("[]", "section: it is not an object");
    refused("{", "section: invalid JSON at line 1, column 1: string or '}' expected near end of file");
    assert_null(wfw_mock_open(NULL, NULL));
    assert_string_equal(wfw_mock_error(), "there is no descriptor");
    assert_int_equal(wfw_mock_close(NULL), 0);
}

static void a_file(void **state)
{
    const char *build = getenv("builddir");
    char path[4000];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/plugins/.libs/good.so", build ? build : ".");
    mock = wfw_mock_open_file(path, NULL);
    if (!mock)
        fail_msg("%s", wfw_mock_error());
    assert_int_equal(wfw_mock_close(mock), 0);
    snprintf(path, sizeof path, "%s/tests/plugins/.libs/plain.so", build ? build : ".");
    assert_null(wfw_mock_open_file(path, NULL));
    assert_non_null(strstr(wfw_mock_error(), "plain.so"));
    assert_null(wfw_mock_open_file(NULL, NULL));
    assert_string_equal(wfw_mock_error(), "there is no path");
}

static void closing_ends_the_plugin(void **state)
{
    (void)state;
    mock_plugin_drained = mock_plugin_ended = 0;
    mock = wfw_mock_open(&mock_plugin, NULL);
    assert_non_null(mock);
    assert_int_equal(wfw_mock_close(mock), 0);
    assert_int_equal(mock_plugin_drained, 1);
    assert_int_equal(mock_plugin_ended, 1);
}

/* ---- Calls ---- */

static void expect_call(const struct wfw_mock_call *call, const char *json)
{
    struct wfw_mock_run *run = wfw_mock_call(mock, call);
    assert_string_equal(wfw_mock_json(run), json);
    wfw_mock_free(run);
}

static void expect(const char *type, const char *config, const char *json)
{
    struct wfw_mock_call call = {.size = sizeof call, .node_type = type, .config = config};
    expect_call(&call, json);
}

static void expect_complaints(const char *text)
{
    assert_string_equal(wfw_mock_complaints(mock), text);
    wfw_mock_forgive(mock);
}

static void a_call(void **state)
{
    const struct wfw_mock_call inside = {
        .size = sizeof inside, .config = "{\"name\":\"Ada\"}", .flags = WFW_MOCK_INLINE};
    (void)state;
    expect("test.greet", "{\"name\":\"Ada\"}",
           "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Hello, Ada\",\"limit\":7}}");
    expect("test.hello", NULL, "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Hello, world\",\"limit\":7}}");
    struct wfw_mock_run *run = wfw_mock_call(mock, &inside);
    const struct wfw_mock_result *r = wfw_mock_result(run);
    assert_int_equal(r->outcome, WFW_MOCK_DONE);
    assert_string_equal(r->output, "{\"greeting\":\"Hello, Ada\",\"limit\":7}");
    assert_null(r->branch);
    assert_string_equal(wfw_mock_log(run), "info: greets Ada at attempt 1\n");
    assert_int_equal(wfw_mock_steps(run), 8); /* alloc object log string set integer set done */
    assert_int_equal(wfw_mock_faults(run), 6);
    assert_int_equal(wfw_mock_turns(run), 1);
    wfw_mock_free(run);
}

static void configurations(void **state)
{
    (void)state;
    expect("test.greet", "{\"name\":5}",
           "{\"outcome\":\"fail\",\"type\":\"config_invalid\",\"message\":\"invalid configuration: \\\"/name\\\": must "
           "be of type "
           "string, is integer\",\"retryable\":false}");
    expect("test.greet", "{\"name\":\"nobody\"}",
           "{\"outcome\":\"fail\",\"type\":\"config_invalid\",\"message\":\"invalid configuration: nobody cannot be "
           "greeted\","
           "\"retryable\":false}");
    expect("test.greet", "{\"nam\":\"Ada\"}",
           "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Hello, world\",\"limit\":7}}");
    expect_complaints("the configuration has \"/nam\", which the schema of node type test.greet does not know\n");
}

static void calls_that_cannot_be_made(void **state)
{
    const struct wfw_mock_call no_size = {.node_type = "test.greet"};
    (void)state;
    expect("test.gret", NULL,
           "{\"outcome\":\"invalid\",\"message\":\"the plugin has no node type \\\"test.gret\\\"; did you mean "
           "\\\"test.greet\\\"?\"}");
    expect("test.greet", "{",
           "{\"outcome\":\"invalid\",\"message\":\"config: invalid JSON at line 1, column 1: string or '}' expected "
           "near end of file\"}");
    expect_call(&no_size,
                "{\"outcome\":\"invalid\",\"message\":\"struct wfw_mock_call without its size; set size = sizeof\"}");
    assert_int_equal(wfw_mock_forgive(mock), 3);
}

static void the_whole_call(void **state)
{
    const struct wfw_mock_call call = {.size = sizeof call,
                                       .node_type = "test.tell",
                                       .node_id = "n",
                                       .execution_id = "e",
                                       .workflow_id = "w",
                                       .key = "k",
                                       .config = "{\"c\":1}",
                                       .input = "[1]",
                                       .checkpoint = "2",
                                       .event = "null",
                                       .signal = "paid",
                                       .scope = "{}",
                                       .edges = "[]",
                                       .attempt = 3,
                                       .why = 200,
                                       .scope_outcome = 300,
                                       .scope_pass = 9,
                                       .deadline_ms = 60000};
    (void)state;
    expect_call(
        &call,
        "{\"outcome\":\"done\",\"output\":{\"node_type\":\"test.tell\",\"node_id\":\"n\",\"execution_id\":\"e\","
        "\"workflow_id\":\"w\",\"key\":\"k\",\"signal\":\"paid\",\"config\":{\"c\":1},\"input\":[1],\"checkpoint\":2,"
        "\"event\":null,\"scope\":{},\"edges\":[],\"attempt\":3,\"why\":200,\"scope_outcome\":300,\"scope_pass\":9,"
        "\"deadline_ms\":60000},\"branch\":\"told\"}");
    expect("test.tell", NULL,
           "{\"outcome\":\"done\",\"output\":{\"node_type\":\"test.tell\",\"node_id\":\"node-1\",\"execution_id\":"
           "\"execution-1\","
           "\"workflow_id\":\"workflow-1\",\"key\":\"execution-1/"
           "node-1\",\"config\":{},\"input\":{},\"attempt\":1,\"why\":0,"
           "\"scope_outcome\":0,\"scope_pass\":0,\"deadline_ms\":0},\"branch\":\"told\"}");
}

/* ---- Outcomes ---- */

static void outcomes(void **state)
{
    (void)state;
    expect("test.outcomes", "{}",
           "{\"outcome\":\"done\",\"output\":{},\"variables\":[{\"name\":\"count\",\"scope\":\"loop\",\"value\":{}}],"
           "\"cancels\":[{\"node\":\"node-4\",\"complete\":true}],\"asks\":[{\"ask\":\"request_over\","
           "\"id\":\"6f0b521c-845e-4d0a-9b1e-7d3325c048a6\",\"choice\":\"yes\",\"answer\":{}}]}");
    expect("test.outcomes", "{\"do\":\"fail\"}",
           "{\"outcome\":\"fail\",\"type\":\"no_paper\",\"message\":\"the printer has no paper\",\"retryable\":true,"
           "\"retry_after_ms\":60000,\"details\":{\"do\":\"fail\"},\"node\":\"node-9\"}");
    expect("test.outcomes", "{\"do\":\"enter\"}",
           "{\"outcome\":\"enter\",\"branch\":\"body\",\"vars\":{\"do\":\"enter\"},\"pass\":3,\"to\":\"node-2\","
           "\"flags\":[\"loop\",\"ordered\"],\"keep\":1,\"until_ms\":1767225600010,\"checkpoint\":{}}");
    expect("test.outcomes", "{\"do\":\"leave\"}",
           "{\"outcome\":\"leave\",\"leave\":\"terminate\",\"label\":\"failed\",\"output\":{}}");
}

/* Ids are the same each time that the same call is made. */
static void parks(void **state)
{
    const struct wfw_mock_call call = {
        .size = sizeof call, .node_type = "test.outcomes", .config = "{\"do\":\"park\"}"};
    (void)state;
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    const struct wfw_mock_result *r = wfw_mock_result(run);
    assert_int_equal(r->outcome, WFW_MOCK_PARK);
    assert_int_equal(r->until_ms, 1767225602500);
    assert_string_equal(r->signals, "[\"paid\",\"cancelled\"]");
    assert_string_equal(r->checkpoint, "{\"do\":\"park\"}");
    assert_int_equal(r->flags, 1);
    char text[2000];
    snprintf(text, sizeof text,
             "[{\"ask\":\"lock\",\"id\":\"%s\",\"key\":\"printer\",\"limit\":2},{\"ask\":\"child\",\"id\":\"%s\","
             "\"workflow\":\"other\",\"data\":{},\"detach\":true,\"abandon\":false},",
             r->answer, r->child);
    assert_memory_equal(r->asks, text, strlen(text));
    char *once = strdup(wfw_mock_json(run));
    wfw_mock_free(run);
    expect_call(&call, once);
    free(once);
}

/* ---- What is lent ---- */

static void lending(void **state)
{
    (void)state;
    expect("test.lent", NULL, "{\"outcome\":\"done\",\"output\":{\"now\":1767225600000}}");
    assert_int_equal(wfw_mock_secret(mock, "token", "hush"), 0);
    assert_int_equal(wfw_mock_env(mock, "REGION", "eu"), 0);
    assert_int_equal(wfw_mock_variable(mock, "n", "workflow", "[1]"), 0);
    assert_int_equal(wfw_mock_variable(mock, "n", "loop", "2"), 0);
    assert_int_equal(wfw_mock_set_now(mock, 1000), 0);
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.lent"};
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    const char *output = "{\"secret\":\"hush\",\"env\":\"eu\",\"nearest\":2,\"workflow\":[1],\"now\":1000}";
    assert_string_equal(wfw_mock_result(run)->output, output);
    char *list = malloc(strlen(output) + 3);
    snprintf(list, strlen(output) + 3, "[%s]", output);
    assert_string_equal(wfw_mock_progress(run), list);
    free(list);
    wfw_mock_free(run);
    assert_int_equal(wfw_mock_secret(mock, "token", NULL), 0);
    assert_int_equal(wfw_mock_secret(mock, NULL, "x"), -1);
    assert_string_equal(wfw_mock_error(), "there is no name");
    assert_int_equal(wfw_mock_variable(mock, "n", "global", "1"), -1);
    assert_string_equal(wfw_mock_error(), "a variable needs a name and the scope workflow, loop or node");
    assert_int_equal(wfw_mock_variable(mock, "n", "loop", "nil"), -1);
    assert_int_equal(wfw_mock_set_now(mock, 0), -1);
    assert_string_equal(wfw_mock_error(), "0 is not a time");
}

static void expressions(void **state)
{
    struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.lent", .input = "{\"total\":40}"};
    (void)state;
    assert_int_equal(wfw_mock_name(mock, "fetch", "{\"n\":1}"), 0);
    call.config = "{\"expression\":\"total + input.total + fetch.n + own\",\"own\":5}";
    expect_call(&call, "{\"outcome\":\"done\",\"output\":{\"now\":1767225600000,\"value\":86}}");
    call.config = "{\"expression\":\"nowhere\"}";
    expect_call(&call, "{\"outcome\":\"done\",\"output\":{\"now\":1767225600000,\"error_type\":\"unknown_name\","
                       "\"error\":\"unknown name \\\"nowhere\\\", line 1, column 1\"}}");
    assert_int_equal(wfw_mock_eval(mock, "nowhere", "\"here\"", NULL, NULL), 0);
    expect_call(&call, "{\"outcome\":\"done\",\"output\":{\"now\":1767225600000,\"value\":\"here\"}}");
    assert_int_equal(wfw_mock_eval(mock, "nowhere", NULL, "type_error", "no number"), 0);
    expect_call(&call, "{\"outcome\":\"done\",\"output\":{\"now\":1767225600000,\"error_type\":\"type_error\","
                       "\"error\":\"no number\"}}");
}

/* ---- Requests and time ---- */

static void add(const char *url, int status, const char *reply, int64_t delay_ms)
{
    const struct wfw_mock_http x = {
        .size = sizeof x, .method = "POST", .url = url, .status = status, .reply = reply, .delay_ms = delay_ms};
    assert_int_equal(wfw_mock_http(mock, &x), 0);
}

static void requests(void **state)
{
    static const char *const lines[] = {"content-type: application/json", NULL};
    const struct wfw_mock_http first = {.size = sizeof first,
                                        .method = "POST",
                                        .url = "http://fetch/",
                                        .headers = lines,
                                        .body = "{ \"a\" : 1 }",
                                        .status = 503};
    (void)state;
    assert_int_equal(wfw_mock_http(mock, &first), 0);
    add("http://*", 200, "fetched", 300);
    expect("test.fetch", NULL, "{\"outcome\":\"done\",\"output\":{\"body\":\"fetched\",\"tries\":2}}");
    assert_int_equal(wfw_mock_now(mock), 1767225600000 + 1300);
    assert_string_equal(
        wfw_mock_requests(mock),
        "[{\"method\":\"POST\",\"url\":\"http://fetch/\",\"headers\":[\"Content-Type: application/json\"],"
        "\"body\":\"{\\\"a\\\":1}\",\"timeout_ms\":5000,\"max_response\":20},{\"method\":\"POST\",\"url\":"
        "\"http://fetch/\",\"headers\":[\"Content-Type: application/json\"],\"body\":\"{\\\"a\\\":1}\","
        "\"timeout_ms\":5000,\"max_response\":20}]");
}

static void answers_that_do_not_come(void **state)
{
    const struct wfw_mock_http broken = {.size = sizeof broken,
                                         .method = "POST",
                                         .url = "http://fetch/",
                                         .error_type = "tls_error",
                                         .error = "no trust",
                                         .times = 3};
    (void)state;
    assert_int_equal(wfw_mock_http(mock, &broken), 0);
    expect("test.fetch", NULL,
           "{\"outcome\":\"fail\",\"type\":\"tls_error\",\"message\":\"no trust\",\"retryable\":true}");
    for (int i = 0; i < 3; i++)
        add("http://late:81/x", 200, "late", 7000);
    expect("test.fetch", "{\"url\":\"http://late:81/x\"}",
           "{\"outcome\":\"fail\",\"type\":\"timeout\",\"message\":\"no complete answer from late:81 within 5 "
           "s\",\"retryable\":true}");
    for (int i = 0; i < 3; i++)
        add("http://large/", 200, "more than twenty bytes", 0);
    expect("test.fetch", "{\"url\":\"http://large/\"}",
           "{\"outcome\":\"fail\",\"type\":\"too_large\",\"message\":\"the answer of large is larger than 20 "
           "bytes\",\"retryable\":true}");
}

static void requests_that_are_not_expected(void **state)
{
    static const char *const lines[] = {"Authorization", "Accept: text/plain", NULL};
    const struct wfw_mock_http other = {
        .size = sizeof other, .method = "POST", .url = "http://fetch/", .headers = lines, .body = "{}", .reply = "ok"};
    const struct wfw_mock_http unused = {.size = sizeof unused, .url = "http://unused/", .times = 2},
                               no_url = {.size = sizeof no_url};
    (void)state;
    assert_int_equal(wfw_mock_http(mock, &no_url), -1);
    assert_string_equal(wfw_mock_error(), "an entry needs a url");
    expect("test.fetch", NULL,
           "{\"outcome\":\"fail\",\"type\":\"network_error\",\"message\":\"the test does not expect POST "
           "http://fetch/\",\"retryable\":true}");
    assert_int_equal(wfw_mock_forgive(mock), 3);
    assert_int_equal(wfw_mock_http(mock, &other), 0);
    expect("test.fetch", NULL, "{\"outcome\":\"done\",\"output\":{\"body\":\"ok\",\"tries\":1}}");
    expect_complaints("POST http://fetch/ was requested without the header \"Authorization\"\n"
                      "POST http://fetch/ was requested without the header \"Accept: text/plain\"\n"
                      "POST http://fetch/ was requested with the body \"{\"a\":1}\" instead of \"{}\"\n");
    assert_int_equal(wfw_mock_http(mock, &unused), 0);
    assert_int_equal(wfw_mock_close(mock), 1);
    assert_int_equal(set_up(NULL), 0);
}

static void step_by_step(void **state)
{
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.fetch"};
    (void)state;
    add("http://fetch/", 500, "", 200);
    add("http://fetch/", 200, "ok", 200);
    struct wfw_mock_run *run = wfw_mock_start(mock, &call);
    assert_string_equal(wfw_mock_json(run), "{\"outcome\":\"none\"}");
    wfw_mock_advance(mock, 199);
    assert_int_equal(wfw_mock_turns(run), 1);
    wfw_mock_advance(mock, 1);
    assert_int_equal(wfw_mock_turns(run), 2);
    wfw_mock_advance(mock, 1199);
    assert_int_equal(wfw_mock_turns(run), 3);
    assert_int_equal(wfw_mock_result(run)->outcome, WFW_MOCK_NONE);
    assert_int_equal(wfw_mock_set_now(mock, 5), -1);
    assert_string_equal(wfw_mock_error(), "the time cannot be set while a call is not over");
    wfw_mock_advance(mock, 1);
    assert_string_equal(wfw_mock_json(run), "{\"outcome\":\"done\",\"output\":{\"body\":\"ok\",\"tries\":2}}");
    assert_int_equal(wfw_mock_now(mock), 1767225600000 + 1400);
    wfw_mock_free(run);
}

/* ---- The end from outside ---- */

static void cancelling(void **state)
{
    struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.fetch"};
    (void)state;
    add("http://fetch/", 200, "ok", 200);
    struct wfw_mock_run *run = wfw_mock_start(mock, &call);
    wfw_mock_cancel(run);
    assert_int_equal(wfw_mock_finish(run), WFW_MOCK_CANCELLED);
    assert_string_equal(wfw_mock_json(run), "{\"outcome\":\"cancelled\"}");
    assert_string_equal(wfw_mock_log(run), "warning: the transfer is given up\n");
    wfw_mock_free(run);
    call.node_type = "test.bad";
    call.config = "{\"do\":\"wait\"}";
    run = wfw_mock_start(mock, &call);
    while (wfw_mock_steps(run) == 0)
        usleep(100);
    wfw_mock_cancel(run);
    assert_int_equal(wfw_mock_finish(run), WFW_MOCK_CANCELLED);
    wfw_mock_free(run);
    run = wfw_mock_start(mock, &call); /* freed while it waits */
    wfw_mock_free(run);
}

static void deadlines(void **state)
{
    struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.fetch", .deadline_ms = 1100};
    (void)state;
    add("http://fetch/", 500, "", 200);
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    assert_int_equal(wfw_mock_result(run)->outcome, WFW_MOCK_TIMEOUT);
    assert_string_equal(wfw_mock_json(run), "{\"outcome\":\"timeout\"}");
    assert_int_equal(wfw_mock_now(mock), 1767225600000 + 1100);
    wfw_mock_free(run);
    call.node_type = "test.bad";
    call.config = "{\"do\":\"wait\"}";
    run = wfw_mock_start(mock, &call);
    wfw_mock_advance(mock, 1100);
    assert_int_equal(wfw_mock_finish(run), WFW_MOCK_TIMEOUT);
    wfw_mock_free(run);
}

static void what_waits_for_itself(void **state)
{
    (void)state;
    expect("test.later", NULL, "{\"outcome\":\"done\",\"output\":{},\"branch\":\"later\"}");
    expect("test.fd", NULL, "{\"outcome\":\"done\",\"output\":{},\"branch\":\"read\"}");
}

static void what_hangs(void **state)
{
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.bad", .config = "{\"do\":\"wait\"}"};
    (void)state;
    assert_int_equal(setenv("WFW_MOCK_PATIENCE", "1", 1), 0);
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    assert_string_equal(wfw_mock_json(run), "{\"outcome\":\"hangs\"}");
    expect_complaints("the handler of node type test.bad hangs: it does not return\n");
    assert_int_equal(unsetenv("WFW_MOCK_PATIENCE"), 0);
    wfw_mock_cancel(run); /* now it returns */
    assert_int_equal(wfw_mock_finish(run), WFW_MOCK_HANGS);
    wfw_mock_free(run);
}

/* ---- Misuse, in words ---- */

static void misuse(void **state)
{
    (void)state;
    expect("test.bad", "{\"do\":\"twice\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"first\"}");
    expect_complaints("a handler gave a second outcome; it is ignored\n");
    expect("test.bad", "{\"do\":\"park for nothing\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints("a handler parks without anything to wait for (struct wfw_park)\n");
    expect("test.bad", "{\"do\":\"no size\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints("a handler passed a structure without its size; set size = sizeof (struct wfw_park)\n");
    expect("test.bad", "{\"do\":\"no value\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints("host->set(\"x\") has no value: what should have made it answered NULL\n");
    expect("test.bad", "{\"do\":\"set late\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints(
        "host->set(\"x\") is refused: what was put into another value, shown, or given to an outcome cannot be "
        "changed any more\n");
    expect("test.bad", "{\"do\":\"timer\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints("host->timer() is for loop handlers: node type test.bad is a blocking one\n");
    expect("test.bad", "{\"do\":\"secret\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints("a handler uses a capability that its node type does not declare (secrets)\n");
}

static void misuse_on_the_loop(void **state)
{
    (void)state;
    expect("test.bad_loop", "{\"do\":\"negative timer\"}", "{\"outcome\":\"done\",\"output\":{}}");
    expect_complaints("host->timer() refuses its arguments\n");
    expect("test.bad_loop", "{\"do\":\"no capability\"}", "{\"outcome\":\"done\",\"output\":{}}");
    expect_complaints("host->http() refuses its arguments\n");
    expect("test.bad", "{\"do\":\"stale\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"last\"}");
    expect_complaints("host->string() was called with a task that is over\n");
    expect("test.bad_loop", "{\"do\":\"unwatch late\"}", "{\"outcome\":\"done\",\"output\":{}}");
    expect_complaints("host->unwatch() was called with a watch that is over: all of them end with the outcome\n");
}

static void complaints_are_counted(void **state)
{
    (void)state;
    mock = wfw_mock_open(&mock_plugin, NULL);
    expect("test.bad", "{\"do\":\"twice\"}", "{\"outcome\":\"done\",\"output\":{},\"branch\":\"first\"}");
    assert_int_equal(wfw_mock_close(mock), 1);
}

/* ---- One thing after the other is taken away ---- */

static void disturbed(void **state)
{
    struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.greet", .fault_at = 1};
    const char *none =
        "{\"outcome\":\"fail\",\"type\":\"out_of_memory\",\"message\":\"there is no memory for a greeting\","
        "\"retryable\":true}";
    (void)state;
    for (call.fault_at = 1; call.fault_at <= 6; call.fault_at++)
        expect_call(&call, none);
    expect_call(&call, "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Hello, world\",\"limit\":7}}");
    call.fault_at = 0;
    for (call.cancel_at = 1; call.cancel_at <= 8; call.cancel_at++)
        expect_call(&call, "{\"outcome\":\"cancelled\"}");
    expect_call(&call, "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Hello, world\",\"limit\":7}}");
    call.flags = WFW_MOCK_INLINE;
    for (call.cancel_at = 1; call.cancel_at <= 8; call.cancel_at++)
        expect_call(&call, "{\"outcome\":\"cancelled\"}");
}

static void exhaust_passes(const char *type, uint32_t flags, const char *config)
{
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = type, .config = config, .flags = flags};
    if (wfw_mock_exhaust(mock, &call, 0) < 0)
        fail_msg("%s: %s", type, wfw_mock_error());
}

static void exhausted(void **state)
{
    (void)state;
    exhaust_passes("test.greet", WFW_MOCK_EXACT, NULL);
    exhaust_passes("test.greet", WFW_MOCK_EXACT | WFW_MOCK_INLINE, NULL);
    exhaust_passes("test.outcomes", 0, "{\"do\":\"enter\"}");
    exhaust_passes("test.bad_loop", 0,
                   NULL); /* its outcome is there in the first turn, and cancelled before it is told */
    add("http://fetch/", 500, "", 200);
    add("http://fetch/", 200, "ok", 200);
    exhaust_passes("test.fetch", WFW_MOCK_EXACT, NULL);
    struct wfw_mock_run *run =
        wfw_mock_call(mock, &(struct wfw_mock_call){.size = sizeof(struct wfw_mock_call), .node_type = "test.fetch"});
    assert_int_equal(wfw_mock_result(run)->outcome, WFW_MOCK_FAIL); /* the script is as the last of the calls left it */
    wfw_mock_free(run);
    wfw_mock_forgive(mock);
}

static void exhaust_finds(const char *what, uint32_t flags, const char *text)
{
    char config[200];
    snprintf(config, sizeof config, "{\"do\":\"%s\"}", what);
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = "test.bad", .config = config, .flags = flags};
    assert_int_equal(wfw_mock_exhaust(mock, &call, 0), -1);
    assert_memory_equal(wfw_mock_error(), text, strlen(text));
    wfw_mock_forgive(mock);
}

/* Beneath a sanitizer or valgrind the C library does not know what is in use; they look themselves. */
static int memory_is_told(void)
{
#ifdef HAVE_MALLINFO2
    size_t before = mallinfo2().uordblks;
    void *volatile block = malloc(4096);
    size_t after = mallinfo2().uordblks;
    free(block);
    return after > before;
#else
    return 0;
#endif
}

static void exhausting_finds(void **state)
{
    (void)state;
    exhaust_finds("twice", 0, "undisturbed: a handler gave a second outcome; it is ignored");
    exhaust_finds(
        "silent when denied", 0,
        "with host->alloc() denied (fault_at = 1): the handler of node type test.bad ended without an outcome");
    exhaust_finds(
        "half", WFW_MOCK_EXACT,
        "with host->object() denied (fault_at = 1): it did not fail, and its outcome is {\"outcome\":\"done\","
        "\"output\":{},\"branch\":\"last\"}");
    if (memory_is_told())
        exhaust_finds("memory", 0, "undisturbed: it keeps about ");
    exhaust_finds("descriptor", 0, "undisturbed: it leaves descriptors open: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(opening),
                                       cmocka_unit_test(a_file),
                                       cmocka_unit_test(closing_ends_the_plugin),
                                       WITH_MOCK(a_call),
                                       WITH_MOCK(configurations),
                                       WITH_MOCK(calls_that_cannot_be_made),
                                       WITH_MOCK(the_whole_call),
                                       WITH_MOCK(outcomes),
                                       WITH_MOCK(parks),
                                       WITH_MOCK(lending),
                                       WITH_MOCK(expressions),
                                       WITH_MOCK(requests),
                                       WITH_MOCK(answers_that_do_not_come),
                                       WITH_MOCK(requests_that_are_not_expected),
                                       WITH_MOCK(step_by_step),
                                       WITH_MOCK(cancelling),
                                       WITH_MOCK(deadlines),
                                       WITH_MOCK(what_waits_for_itself),
                                       WITH_MOCK(what_hangs),
                                       WITH_MOCK(misuse),
                                       WITH_MOCK(misuse_on_the_loop),
                                       cmocka_unit_test(complaints_are_counted),
                                       WITH_MOCK(disturbed),
                                       WITH_MOCK(exhausted),
                                       WITH_MOCK(exhausting_finds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
