/* SPDX-License-Identifier: Apache-2.0 */
/* http_request: what each config key sends, what each answer becomes, every error text. */
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "unit/handler_host.h"

static struct handler_host host;

static int set_up(void **state)
{
    (void)state;
    handler_host_open(&host);
    host.reply = (struct handler_reply){.status = 204};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    handler_host_close(&host);
    return 0;
}

static const char *outcome(const char *config, const char *input)
{
    struct handler_run run = {.type = "http_request", .config = config, .input = input};
    return handler_outcome(&host, &run);
}

static void check_sent(const char *config, const char *input, const char *expected)
{
    int before = host.requests;
    const char *out = outcome(config, input);
    if (host.requests != before + 1)
        fail_msg("nothing was sent: %s", out);
    assert_string_equal(host.request.data, expected);
}

#define U "\"url\":\"http://h/p\""
#define KEY "Idempotency-Key: exec-1/n1\n"

static void methods_are_sent_in_upper_case(void **state)
{
    (void)state;
    check_sent("{" U "}", "{\"method\":\"POST\"}", "GET http://h/p\n\n");
    check_sent("{" U ",\"method\":\"\"}", NULL, "GET http://h/p\n\n");
    check_sent("{" U ",\"method\":null}", NULL, "GET http://h/p\n\n");
    check_sent("{" U ",\"method\":\"post\"}", NULL, "POST http://h/p\n" KEY "\n");
    check_sent("{" U ",\"method\":\"Delete\"}", NULL, "DELETE http://h/p\n" KEY "\n");
    check_sent("{" U ",\"method\":\"HEAD\"}", NULL, "HEAD http://h/p\n\n");
    check_sent("{" U ",\"method\":\"options\"}", NULL, "OPTIONS http://h/p\n\n");
}

static void the_data_stand_in_for_what_the_config_lacks(void **state)
{
    (void)state;
    static const char input[] = "{\"url\":\"http://in/\",\"headers\":{\"X-In\":\"1\"},\"body\":\"in\"}";
    check_sent("{}", input, "GET http://in/\nX-In: 1\n\nin");
    check_sent("{\"url\":\"\",\"headers\":null,\"body\":null}", input, "GET http://in/\nX-In: 1\n\nin");
    check_sent("{" U ",\"headers\":{},\"body\":\"\"}", input, "GET http://h/p\n\n");
    check_sent("{" U ",\"headers\":{\"X-Own\":\"2\"},\"body\":\"own\"}", input, "GET http://h/p\nX-Own: 2\n\nown");
}

static void headers_are_scalars(void **state)
{
    (void)state;
    check_sent("{" U ",\"headers\":{\"A\":\"x y\",\"B\":1,\"C\":true,\"D\":null,\"E\":\"\",\"F\":1.5}}", NULL,
               "GET http://h/p\nA: x y\nB: 1\nC: true\nE: \nF: 1.5\n\n");
}

static void bodies_of_any_type_are_sent(void **state)
{
    (void)state;
    static const struct {
        const char *body, *sent;
    } cases[] = {
        {"{\"k\":[1,2]}", "{\"k\":[1,2]}"},
        {"[1,\"a\"]", "[1,\"a\"]"},
        {"7", "7"},
        {"0.1", "0.1"},
        {"true", "true"},
        {"{}", "{}"},
        {"\"as it is\"", "as it is"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_FREE char *config = xasprintf("{" U ",\"method\":\"POST\",\"body\":%s}", cases[i].body);
        CLEANUP_FREE char *sent =
            xasprintf("POST http://h/p\nContent-Type: application/json\n" KEY "\n%s", cases[i].sent);
        check_sent(config, NULL, sent);
    }
}

static void content_type_is_json_unless_a_header_says_otherwise(void **state)
{
    (void)state;
    check_sent("{" U ",\"method\":\"PUT\",\"headers\":{\"content-TYPE\":\"text/csv\"},\"body\":\"a;b\"}", NULL,
               "PUT http://h/p\ncontent-TYPE: text/csv\n" KEY "\na;b");
    check_sent("{" U ",\"method\":\"PATCH\",\"body\":\"{}\"}", NULL,
               "PATCH http://h/p\nContent-Type: application/json\n" KEY "\n{}");
    check_sent("{" U ",\"method\":\"DELETE\",\"body\":\"x\"}", NULL, "DELETE http://h/p\n" KEY "\nx");
    check_sent("{" U ",\"method\":\"DELETE\",\"body\":{\"a\":1}}", NULL,
               "DELETE http://h/p\nContent-Type: application/json\n" KEY "\n{\"a\":1}");
    check_sent("{" U ",\"method\":\"POST\"}", NULL, "POST http://h/p\n" KEY "\n");
}

static void the_idempotency_key_can_be_set_and_switched_off(void **state)
{
    (void)state;
    check_sent("{" U ",\"method\":\"POST\",\"idempotency_key\":false}", NULL, "POST http://h/p\n\n");
    check_sent("{" U ",\"method\":\"POST\",\"idempotency_key\":true}", NULL, "POST http://h/p\n" KEY "\n");
    check_sent("{" U ",\"method\":\"POST\",\"idempotency_key\":\"mine\"}", NULL,
               "POST http://h/p\nIdempotency-Key: mine\n\n");
    check_sent("{" U ",\"method\":\"POST\",\"headers\":{\"idempotency-key\":\"h\"}}", NULL,
               "POST http://h/p\nidempotency-key: h\n\n");
    check_sent("{" U ",\"idempotency_key\":\"mine\"}", NULL, "GET http://h/p\n\n");
}

static void query_parameters_are_encoded(void **state)
{
    (void)state;
    check_sent("{" U ",\"query\":{\"a b\":\"c&d=\xc3\xab\",\"n\":1.5,\"t\":true,\"none\":null,\"l\":[1,\"x/y\",null]}}",
               NULL, "GET http://h/p?a%20b=c%26d%3D%C3%AB&n=1.5&t=true&l=1&l=x%2Fy\n\n");
    check_sent("{\"url\":\"http://h/p?x=1#f\",\"params\":{\"y\":\"2\"}}", NULL, "GET http://h/p?x=1&y=2#f\n\n");
    check_sent("{\"url\":\"http://h/p?\",\"query\":\"?a=1&b=2\"}", NULL, "GET http://h/p?a=1&b=2\n\n");
    check_sent("{" U ",\"query\":{},\"params\":{\"y\":\"2\"}}", NULL, "GET http://h/p\n\n");
    check_sent("{\"url\":\"http://h/a b/\xc3\xab%20?q=x y\"}", NULL, "GET http://h/a%20b/%C3%AB%20?q=x%20y\n\n");
}

static void authentication_becomes_a_header(void **state)
{
    (void)state;
    check_sent("{" U ",\"auth\":{\"type\":\"basic\",\"username\":\"Aladdin\",\"password\":\"open sesame\"}}", NULL,
               "GET http://h/p\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n\n");
    check_sent("{" U ",\"auth\":{\"type\":\"basic\",\"username\":\"u\"}}", NULL,
               "GET http://h/p\nAuthorization: Basic dTo=\n\n");
    check_sent("{" U ",\"auth\":{\"type\":\"basic\",\"password\":\"pw\"}}", NULL,
               "GET http://h/p\nAuthorization: Basic OnB3\n\n");
    check_sent("{" U ",\"auth\":{\"type\":\"bearer\",\"token\":\"t0k\"}}", NULL,
               "GET http://h/p\nAuthorization: Bearer t0k\n\n");
    check_sent("{" U ",\"auth\":{\"type\":\"api_key\",\"value\":\"k\"}}", NULL, "GET http://h/p\nX-API-Key: k\n\n");
    check_sent("{" U ",\"auth\":{\"type\":\"api_key\",\"name\":\"X-Mine\",\"value\":\"k\",\"in\":\"header\"}}", NULL,
               "GET http://h/p\nX-Mine: k\n\n");
    check_sent("{" U ",\"headers\":{\"authorization\":\"own\"},\"auth\":{\"type\":\"bearer\",\"token\":\"t\"}}", NULL,
               "GET http://h/p\nauthorization: own\n\n");
    check_sent("{" U ",\"auth\":{\"type\":\"none\"}}", NULL, "GET http://h/p\n\n");
    check_sent("{" U ",\"auth\":null}", NULL, "GET http://h/p\n\n");
}

static void limits_are_passed_on(void **state)
{
    (void)state;
    outcome("{" U "}", NULL);
    assert_int_equal(host.limits.timeout_ms, 30000);
    assert_int_equal(host.limits.max_redirects, 10);
    assert_int_equal(host.limits.max_response, 0);
    outcome("{" U ",\"timeout\":\"2.5\",\"max_redirects\":3,\"max_response_bytes\":1000}", NULL);
    assert_int_equal(host.limits.timeout_ms, 2500);
    assert_int_equal(host.limits.max_redirects, 3);
    assert_int_equal(host.limits.max_response, 1000);
    outcome("{" U ",\"follow_redirects\":false,\"max_redirects\":3}", NULL);
    assert_int_equal(host.limits.max_redirects, 0);
}

static void wrong_configs_fail_before_anything_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{}", "url is required for http_request node"},
        {"{\"url\":\"\"}", "url is required for http_request node"},
        {"{" U ",\"method\":\"GET /\"}", "method \"GET /\" is not an http method"},
        {"{" U ",\"headers\":{\"A\":[1]}}", "header \"A\" must be a string, number or boolean"},
        {"{" U ",\"headers\":{\"a b\":\"1\"}}", "header name \"a b\" is not valid"},
        {"{" U ",\"headers\":{\"\":\"1\"}}", "header name \"\" is not valid"},
        {"{" U ",\"headers\":{\"A\":\"secret\\r\\nB: c\"}}", "header \"A\" holds a control character"},
        {"{" U ",\"query\":{\"a\":{\"b\":1}}}",
         "query parameter \"a\" must be a string, number, boolean, or an array of them"},
        {"{" U ",\"auth\":{\"username\":\"u\"}}", "auth must be an object with a type: basic, bearer, api_key or none"},
        {"{" U ",\"auth\":{\"type\":\"digest\"}}", "auth type \"digest\" is not one of basic, bearer, api_key, none"},
        {"{" U ",\"auth\":{\"type\":\"basic\"}}", "auth of type basic needs username and password"},
        {"{" U ",\"auth\":{\"type\":\"basic\",\"username\":\"a:b\",\"password\":\"c\"}}",
         "auth of type basic: a user name cannot hold a colon"},
        {"{" U ",\"auth\":{\"type\":\"bearer\"}}", "auth of type bearer needs token"},
        {"{" U ",\"auth\":{\"type\":\"bearer\",\"token\":\"a\\nb\"}}",
         "header \"Authorization\" holds a control character"},
        {"{" U ",\"auth\":{\"type\":\"api_key\"}}", "auth of type api_key needs value"},
        {"{" U ",\"auth\":{\"type\":\"api_key\",\"value\":\"v\",\"in\":\"cookie\"}}",
         "auth of type api_key: in is header or query"},
        {"{" U ",\"timeout\":0}", "timeout must be a number from 0.001 to 86400"},
        {"{" U ",\"timeout\":\"soon\"}", "timeout must be a number from 0.001 to 86400"},
        {"{" U ",\"max_redirects\":51}", "max_redirects must be a number from 0 to 50"},
        {"{" U ",\"max_response_bytes\":0}", "max_response_bytes must be a number from 1 to 1000000000000"},
        {"{" U ",\"response_format\":\"xml\"}", "response_format \"xml\" is not one of auto, text, json, base64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_JSON json_t *got = json_loads(outcome(cases[i].config, NULL), 0, NULL);
        assert_string_equal(js_str(got, "message"), cases[i].message);
        assert_string_equal(js_str(got, "fail"), "config_invalid");
        assert_false(js_bool(got, "retryable", true));
    }
    assert_int_equal(host.requests, 0);
}

static void input_of_the_wrong_type_is_refused(void **state)
{
    (void)state;
    assert_string_equal(outcome("{}", "{\"url\":7}"),
                        "{\"fail\":\"config_invalid\",\"message\":\"url must be a string\",\"retryable\":false}");
    assert_string_equal(outcome("{" U "}", "{\"headers\":[]}"),
                        "{\"fail\":\"config_invalid\",\"message\":\"headers must be an object\",\"retryable\":false}");
}

static const char *const json_headers[] = {"Server: s", "Content-Type: application/json; charset=utf-8", NULL};

static void the_result_has_the_shape_that_graphs_know(void **state)
{
    (void)state;
    host.reply = (struct handler_reply){.status = 200, .headers = json_headers, .body = "{\"ok\": true, \"n\": 0.1}"};
    assert_string_equal(
        outcome("{" U ",\"method\":\"post\"}", NULL),
        "{\"done\":{\"status_code\":200,\"headers\":{\"Server\":\"s\","
        "\"Content-Type\":\"application/json; charset=utf-8\"},\"body\":\"{\\\"ok\\\": true, \\\"n\\\": 0.1}\","
        "\"json\":{\"ok\":true,\"n\":0.1},\"url\":\"http://h/p\",\"method\":\"POST\","
        "\"body_encoding\":\"utf-8\"}}");
}

static void secrets_do_not_reach_the_result(void **state)
{
    (void)state;
    static const char config[] = "{\"url\":\"http://user:pw@h/p?a=@1\",\"auth\":{\"type\":\"api_key\",\"in\":\"query\","
                                 "\"name\":\"key\",\"value\":\"s3cret\"}}";
    CLEANUP_JSON json_t *got = json_loads(outcome(config, NULL), 0, NULL);
    assert_string_equal(host.request.data, "GET http://user:pw@h/p?a=@1&key=s3cret\n\n");
    assert_string_equal(js_str(json_object_get(got, "done"), "url"), "http://h/p?a=@1");
}

/* The members of the result that tell how the body was taken. */
static void check_body(const char *format, const struct handler_reply *reply, const char *expected)
{
    CLEANUP_FREE char *config = xasprintf("{" U ",\"response_format\":\"%s\"}", format);
    host.reply = *reply;
    CLEANUP_JSON json_t *got = json_loads(outcome(config, NULL), 0, NULL);
    json_t *done = json_object_get(got, "done");
    CLEANUP_JSON json_t *part = json_object();
    static const char *const keys[] = {"body", "json", "body_encoding", "json_error"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_object_get(done, keys[i]))
            json_object_set(part, keys[i], json_object_get(done, keys[i]));
    CLEANUP_FREE char *text = js_text(part);
    assert_string_equal(text, expected);
}

static void bodies_are_text_json_or_base64(void **state)
{
    (void)state;
    static const char *const plain[] = {"Content-Type: text/html", NULL};
    static const char *const problem[] = {"content-type:application/problem+json", NULL};
    const struct handler_reply text = {.status = 200, .headers = plain, .body = "<p>"};
    const struct handler_reply number = {.status = 200, .headers = plain, .body = " 12 "};
    const struct handler_reply nan = {.status = 200, .headers = problem, .body = "NaN"};
    const struct handler_reply nul = {.status = 200, .headers = json_headers, .body = "{\"a\":\"\\u0000\"}"};
    const struct handler_reply bytes = {.status = 200, .headers = plain, .body = "a\0b", .body_len = 3};
    const struct handler_reply latin = {.status = 200, .headers = json_headers, .body = "\"\xeb\""};
    const struct handler_reply empty = {.status = 204, .headers = json_headers};
    check_body("auto", &text, "{\"body\":\"<p>\",\"json\":null,\"body_encoding\":\"utf-8\"}");
    check_body("auto", &number, "{\"body\":\" 12 \",\"json\":12,\"body_encoding\":\"utf-8\"}");
    check_body("text", &number, "{\"body\":\" 12 \",\"json\":null,\"body_encoding\":\"utf-8\"}");
    check_body("base64", &number, "{\"body\":\"IDEyIA==\",\"json\":null,\"body_encoding\":\"base64\"}");
    check_body("auto", &bytes, "{\"body\":\"YQBi\",\"json\":null,\"body_encoding\":\"base64\"}");
    check_body("text", &bytes, "{\"body\":\"YQBi\",\"json\":null,\"body_encoding\":\"base64\"}");
    check_body("auto", &latin,
               "{\"body\":\"Iusi\",\"json\":null,\"body_encoding\":\"base64\","
               "\"json_error\":\"the body is not UTF-8 text without NUL\"}");
    check_body("auto", &empty, "{\"body\":\"\",\"json\":null,\"body_encoding\":\"utf-8\"}");
    check_body("json", &empty,
               "{\"body\":\"\",\"json\":null,\"body_encoding\":\"utf-8\",\"json_error\":\"the body is empty\"}");
    check_body("auto", &nan,
               "{\"body\":\"NaN\",\"json\":null,\"body_encoding\":\"utf-8\",\"json_error\":\"invalid JSON at line 1, "
               "column 3: invalid token near 'NaN'\"}");
    check_body("json", &text,
               "{\"body\":\"<p>\",\"json\":null,\"body_encoding\":\"utf-8\",\"json_error\":\"invalid JSON at line 1, "
               "column 1: invalid token near '<'\"}");
    check_body("auto", &nul,
               "{\"body\":\"{\\\"a\\\":\\\"\\\\u0000\\\"}\",\"json\":null,\"body_encoding\":\"utf-8\",\"json_error\":"
               "\"invalid JSON at line 1, column 13: \\\\u0000 is not allowed without JSON_ALLOW_NUL near "
               "'\\\"\\\\u0000\\\"'\"}");
}

static void an_answer_nested_too_deeply_is_text(void **state)
{
    (void)state;
    char deep[2001];
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    deep[2000] = '\0';
    host.reply = (struct handler_reply){.status = 200, .headers = json_headers, .body = deep};
    CLEANUP_JSON json_t *got = json_loads(outcome("{" U "}", NULL), 0, NULL);
    json_t *done = json_object_get(got, "done");
    assert_string_equal(js_str(done, "body"), deep);
    assert_true(json_is_null(json_object_get(done, "json")));
    assert_string_equal(js_str(done, "json_error"), "JSON is nested deeper than 512 levels");
}

static void repeated_headers_are_joined(void **state)
{
    (void)state;
    static const char *const headers[] = {"Set-Cookie: a=1", "X: 1", "set-cookie:  b=2 ", "Latin: \xeb",
                                          "Empty:",          "X: 2", "no colon",          NULL};
    host.reply = (struct handler_reply){.status = 200, .headers = headers};
    CLEANUP_JSON json_t *got = json_loads(outcome("{" U "}", NULL), 0, NULL);
    CLEANUP_FREE char *text = js_text(json_object_get(json_object_get(got, "done"), "headers"));
    assert_string_equal(text, "{\"Set-Cookie\":\"a=1, b=2\",\"X\":\"1, 2\",\"Latin\":\"\xc3\xab\",\"Empty\":\"\"}");
}

static void statuses_from_400_on_are_failures(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *message;
        bool retryable;
    } cases[] = {
        {400, "HTTP 400: Bad Request", false},
        {401, "HTTP 401: Unauthorized", false},
        {404, "HTTP 404: Not Found", false},
        {408, "HTTP 408: Request Timeout", true},
        {409, "HTTP 409: Conflict", false},
        {425, "HTTP 425: Too Early", true},
        {429, "HTTP 429: Too Many Requests", true},
        {499, "HTTP 499: Client Error", false},
        {500, "HTTP 500: Internal Server Error", true},
        {501, "HTTP 501: Not Implemented", true},
        {503, "HTTP 503: Service Unavailable", true},
        {599, "HTTP 599: Server Error", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        host.reply = (struct handler_reply){.status = cases[i].status, .headers = json_headers, .body = "{}"};
        CLEANUP_FREE char *expected =
            xasprintf("{\"fail\":\"http_status\",\"message\":\"%s\",\"retryable\":%s,\"details\":{\"status_code\":%d,"
                      "\"headers\":{"
                      "\"Server\":\"s\",\"Content-Type\":\"application/json; "
                      "charset=utf-8\"},\"body\":\"{}\",\"body_encoding\":\"utf-8\","
                      "\"body_truncated\":false}}",
                      cases[i].message, cases[i].retryable ? "true" : "false", cases[i].status);
        assert_string_equal(outcome("{" U "}", NULL), expected);
    }
    static const int good[] = {200, 204, 301, 304, 399};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        host.reply = (struct handler_reply){.status = good[i]};
        CLEANUP_JSON json_t *got = json_loads(outcome("{" U "}", NULL), 0, NULL);
        assert_int_equal(js_int(json_object_get(got, "done"), "status_code", 0), good[i]);
    }
}

static void the_body_of_a_failure_is_cut(void **state)
{
    (void)state;
    char body[9001];
    memset(body, 'x', 9000);
    body[9000] = '\0';
    memcpy(body + 8191, "\xc3\xab", 2); /* a character across the border */
    host.reply = (struct handler_reply){.status = 500, .body = body};
    CLEANUP_JSON json_t *got = json_loads(outcome("{" U "}", NULL), 0, NULL);
    json_t *details = json_object_get(got, "details");
    assert_int_equal(json_string_length(json_object_get(details, "body")), 8191);
    assert_true(js_bool(details, "body_truncated", false));
    host.reply = (struct handler_reply){.status = 500, .body = "\xff\0\xff", .body_len = 3};
    CLEANUP_JSON json_t *binary = json_loads(outcome("{" U "}", NULL), 0, NULL);
    assert_string_equal(js_str(json_object_get(binary, "details"), "body"), "/wD/");
    assert_string_equal(js_str(json_object_get(binary, "details"), "body_encoding"), "base64");
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *line;
        int64_t ms;
    } cases[] = {
        {503, "Retry-After: 120", 120000},
        {429, "retry-after:7 ", 7000},
        {503, "Retry-After: 0", 0},
        {503, "Retry-After: Mon, 23 Nov 2026 06:00:30 GMT", 30000},
        {503, "Retry-After: Mon, 23 Nov 2026 05:59:59 GMT", 0},
        {503, "Retry-After: Tue, 24 Nov 2026 06:00:00 GMT", 86400000},
        {503, "Retry-After: soon", 0},
        {503, "Retry-After: -5", 0},
        {503, "Retry-After: Mon, 23 Foo 2026 06:00:30 GMT", 0},
        {503, "Retry-After: Mon, 23 Nov 2026 06:00:30 CET", 0},
        {503, "Retry-After: 99999999999999999999999", INT64_C(31536000000)},
        {503, "Retry-After:", 0},
        {404, "Retry-After: 5", 0},
        {301, "Retry-After: 5", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const headers[] = {cases[i].line, NULL};
        host.reply = (struct handler_reply){.status = cases[i].status, .headers = headers};
        CLEANUP_JSON json_t *got = json_loads(outcome("{" U "}", NULL), 0, NULL);
        assert_int_equal(js_int(got, "retry_after_ms", 0), cases[i].ms);
    }
}

static void what_got_no_answer_fails_by_its_type(void **state)
{
    (void)state;
    static const struct {
        const char *type, *expected;
    } cases[] = {
        {"network_error", "{\"fail\":\"network_error\",\"message\":\"Network error: why\",\"retryable\":true}"},
        {"timeout", "{\"fail\":\"timeout\",\"message\":\"Network error: why\",\"retryable\":true}"},
        {"tls_error", "{\"fail\":\"tls_error\",\"message\":\"Network error: why\",\"retryable\":false}"},
        {"too_large", "{\"fail\":\"payload_too_large\",\"message\":\"why\",\"retryable\":false}"},
        {"address_refused", "{\"fail\":\"address_refused\",\"message\":\"why\",\"retryable\":false}"},
        {"invalid_url", "{\"fail\":\"invalid_url\",\"message\":\"why\",\"retryable\":false}"},
        {"too_many_redirects", "{\"fail\":\"too_many_redirects\",\"message\":\"why\",\"retryable\":false}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        host.reply = (struct handler_reply){.error_type = cases[i].type, .error = "why"};
        assert_string_equal(outcome("{" U "}", NULL), cases[i].expected);
    }
}

static void a_cancelled_request_is_stopped(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *config = json_loads("{" U "}", 0, NULL), *input = json_object();
    struct task_call call = {.node_type = "http_request",
                             .node_id = "n",
                             .execution_id = "e",
                             .workflow_id = "w",
                             .key = "k",
                             .config = config,
                             .input = input,
                             .attempt = 1};
    struct task *t = task_start(host.tasks, registry_find(host.registry, "http_request"), &call, NULL, NULL);
    assert_int_equal(host.requests, 1);
    task_cancel(t, 0);
    uv_run(&host.loop, UV_RUN_NOWAIT); /* an answer would call a NULL function */
    assert_null(host.outcome);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(methods_are_sent_in_upper_case),
        TEST(the_data_stand_in_for_what_the_config_lacks),
        TEST(headers_are_scalars),
        TEST(bodies_of_any_type_are_sent),
        TEST(content_type_is_json_unless_a_header_says_otherwise),
        TEST(the_idempotency_key_can_be_set_and_switched_off),
        TEST(query_parameters_are_encoded),
        TEST(authentication_becomes_a_header),
        TEST(limits_are_passed_on),
        TEST(wrong_configs_fail_before_anything_is_sent),
        TEST(input_of_the_wrong_type_is_refused),
        TEST(the_result_has_the_shape_that_graphs_know),
        TEST(secrets_do_not_reach_the_result),
        TEST(bodies_are_text_json_or_base64),
        TEST(an_answer_nested_too_deeply_is_text),
        TEST(repeated_headers_are_joined),
        TEST(statuses_from_400_on_are_failures),
        TEST(the_body_of_a_failure_is_cut),
        TEST(retry_after_is_honoured),
        TEST(what_got_no_answer_fails_by_its_type),
        TEST(a_cancelled_request_is_stopped),
    };
    return cmocka_run_group_tests_name("handlers_http", tests, NULL, NULL);
}
