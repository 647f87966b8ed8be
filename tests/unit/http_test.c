/* SPDX-License-Identifier: Apache-2.0 */
/* The http service against a scripted server on the same loop: what is sent, what comes back, every limit and every
 * error text, and many at once. */
#include "unit/test.h"

#include <curl/curlver.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit/http_server.h"
#include "worker/http.h"

/* gzip of 256 KiB of zero bytes */
static const char bomb_hex[] =
    "1f8b0800000000000203edc13101000000c2a0f54fed6d07a00000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000de0022ea0ee200000400";
/* gzip of {"zipped":true} */
static const char zipped_hex[] = "1f8b0800000000000203ab56aaca2c28484d51b22a292a4dad05008428bc080f000000";

static uv_loop_t loop;
static struct http_server server;
static uv_timer_t ticker; /* so that uv_run(UV_RUN_ONCE) never waits for long */

struct result {
    int calls, status;
    char type[32], error[512], url[512];
    struct buf body, headers; /* headers joined with '|' */
};

static void result_free(struct result *r)
{
    buf_free(&r->body);
    buf_free(&r->headers);
}
#define CLEANUP_RESULT CLEANUP(result_free)

static void keep(void *arg, const struct http_response *response)
{
    struct result *r = arg;
    r->calls++;
    r->status = response->status;
    snprintf(r->type, sizeof r->type, "%s", response->error_type ? response->error_type : "");
    snprintf(r->error, sizeof r->error, "%s", response->error ? response->error : "");
    snprintf(r->url, sizeof r->url, "%s", response->effective_url);
    buf_add(&r->body, response->body, response->body_len);
    for (const char *const *h = response->headers; h && *h; h++)
        buf_printf(&r->headers, "%s|", *h);
}

static void from_hex(struct buf *out, const char *hex)
{
    for (; hex[0] && hex[1]; hex += 2) {
        char two[3] = {hex[0], hex[1], 0};
        buf_addch(out, (char)strtoul(two, NULL, 16));
    }
}

static bool is(const struct http_server_request *r, const char *path)
{
    return strcmp(r->path, path) == 0;
}

static void big_answer(struct buf *out, size_t size)
{
    CLEANUP_FREE char *body = xmalloc(size);
    memset(body, 'x', size);
    http_server_answer(out, "200 OK", "", body, size);
}

static void gzip_answer(struct buf *out, const char *hex)
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    from_hex(&body, hex);
    http_server_answer(out, "200 OK", "Content-Encoding: gzip\r\n", body.data, body.len);
}

static void redirect(struct buf *out, const char *status, const char *to)
{
    CLEANUP_FREE char *location = xasprintf("Location: %s\r\n", to);
    http_server_answer(out, status, location, "moved", 5);
}

static void redirects(const struct http_server_request *r, struct buf *out)
{
    CLEANUP_FREE char *other = xasprintf("http://localhost:%d/ok", server.port);
    if (is(r, "/to-file"))
        redirect(out, "302 Found", "file:///etc/passwd");
    else if (is(r, "/to-metadata"))
        redirect(out, "302 Found", "http://169.254.169.254/latest/meta-data/");
    else if (is(r, "/to-origin"))
        redirect(out, "307 Temporary Redirect", other);
    else if (is(r, "/endless"))
        redirect(out, "302 Found", "/endless");
    else if (is(r, "/301"))
        redirect(out, "301 Moved Permanently", "/ok");
    else if (is(r, "/303"))
        redirect(out, "303 See Other", "ok?a=b");
    else if (is(r, "/308"))
        redirect(out, "308 Permanent Redirect", "/ok");
}

static void route(void *ctx, const struct http_server_request *r, struct buf *out, bool *close)
{
    (void)ctx;
    if (strncmp(r->path, "/ok", 3) == 0)
        http_server_answer(out, "200 OK", "X-One: 1\r\nx-two:  2 \r\nX-Empty:\r\nX-One: again\r\n", "fine", 4);
    else if (is(r, "/interim"))
        buf_addstr(out,
                   "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n");
    else if (is(r, "/404"))
        http_server_answer(out, "404 Not Found", "", "gone", 4);
    else if (is(r, "/big"))
        big_answer(out, 100001);
    else if (is(r, "/fits"))
        big_answer(out, 100000);
    else if (is(r, "/endless-body")) {
        buf_addstr(out, "HTTP/1.1 200 OK\r\n\r\n");
        for (int i = 0; i < 20000; i++)
            buf_addstr(out, "more and more ");
    } else if (is(r, "/many-headers")) {
        buf_addstr(out, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 5000; i++)
            buf_printf(out, "X-Header-%d: %060d\r\n", i, i);
        buf_addstr(out, "\r\n");
    } else if (is(r, "/bomb"))
        gzip_answer(out, bomb_hex);
    else if (is(r, "/zipped"))
        gzip_answer(out, zipped_hex);
    else if (is(r, "/not-zipped"))
        http_server_answer(out, "200 OK", "Content-Encoding: gzip\r\n", "plain", 5);
    else if (is(r, "/garbage")) {
        buf_addstr(out, "\x01\x02 garbage, no http at all\r\n\r\n");
        *close = true;
    } else if (is(r, "/half")) {
        buf_addstr(out, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        *close = true;
    } else if (is(r, "/hang-up"))
        *close = true;
    else if (is(r, "/answer-once") && r->number == 1)
        http_server_answer(out, "200 OK", "", "first", 5);
    else if (is(r, "/answer-once"))
        *close = true;
    redirects(r, out);
}

static void on_tick(uv_timer_t *t)
{
    (void)t;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, on_tick, 5, 5);
    http_server_start(&server, &loop, route, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(&server);
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop); /* EBUSY when a handle was forgotten */
}

static struct http_service *service(enum http_guard guard)
{
    struct error e = ERROR_INIT;
    struct http_options o = {.guard = guard, .max_response = 100000};
    struct http_service *s = http_service_new(&loop, &o, &e);
    assert_non_null(s);
    return s;
}

static char *url(const char *path)
{
    return xasprintf("http://127.0.0.1:%d%s", server.port, path);
}

static void wait_for(const int *calls, int n)
{
    for (int i = 0; i < 1000000 && *calls < n; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(*calls, n);
}

static void request(struct http_service *s, struct http_request r, const char *path, struct result *out)
{
    struct error e = ERROR_INIT;
    CLEANUP_FREE char *target = r.url ? xstrdup(r.url) : url(path);
    r.url = target;
    if (r.timeout_ms == 0)
        r.timeout_ms = 60000;
    if (!http_start(s, &r, keep, out, &e))
        fail_msg("%s", e.message);
    assert_int_equal(out->calls, 0);
    wait_for(&out->calls, 1);
}

/* A whole conversation: one request, its result. */
static struct result once(enum http_guard guard, struct http_request r, const char *path)
{
    struct result out = {0};
    struct http_service *s = service(guard);
    request(s, r, path, &out);
    struct http_counts c = http_service_counts(s);
    assert_int_equal(c.in_flight, 0);
    assert_int_equal(c.queued, 0);
    http_service_free(s);
    return out;
}

static void assert_error(const char *path, struct http_request r, const char *type, const char *text)
{
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, r, path);
    CLEANUP_FREE char *authority = xasprintf("127.0.0.1:%d", server.port);
    CLEANUP_FREE char *whole = strstr(text, "SERVER") ? xasprintf("%.*s%s%s", (int)(strstr(text, "SERVER") - text),
                                                                  text, authority, strstr(text, "SERVER") + 6)
                                                      : xstrdup(text);
    assert_string_equal(out.error, whole);
    assert_string_equal(out.type, type);
    assert_int_equal(out.status, 0);
    assert_int_equal(out.body.len, 0);
}

static bool sent(const char *text)
{
    return strstr(server.last.data, text) != NULL;
}

static void answers_come_whole(void **state)
{
    (void)state;
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/ok?x=1#y");
    CLEANUP_FREE char *effective = url("/ok?x=1");
    assert_int_equal(out.status, 200);
    assert_string_equal(out.type, "");
    assert_string_equal(out.body.data, "fine");
    assert_string_equal(out.headers.data, "X-One: 1|x-two:  2 |X-Empty:|X-One: again|Content-Length: 4|");
    assert_string_equal(out.url, effective);
    assert_true(strncmp(server.last.data, "GET /ok?x=1 HTTP/1.1\r\n", 22) == 0);
    assert_true(sent("\r\nUser-Agent: wfworker/"));
    assert_true(sent("\r\nAccept-Encoding: "));
    assert_false(sent("Content-"));
}

static void failures_of_the_server_are_answers(void **state)
{
    (void)state;
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/404");
    assert_int_equal(out.status, 404);
    assert_string_equal(out.body.data, "gone");
    assert_string_equal(out.type, "");
}

static void interim_answers_leave_no_headers(void **state)
{
    (void)state;
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/interim");
    assert_int_equal(out.status, 200);
    assert_string_equal(out.headers.data, "X: y|Content-Length: 0|");
}

static void bodies_and_headers_are_sent_as_given(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "X-Mine: yes", "X-Empty:", "content-length: 1", "Transfer-Encoding: chunked", "User-Agent: me", NULL};
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "GET", "PROPFIND"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct http_request r = {.method = methods[i], .headers = headers, .body = "a\0b", .body_len = 3};
        CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, r, "/ok");
        CLEANUP_FREE char *first = xasprintf("%s /ok HTTP/1.1\r\n", methods[i]);
        assert_int_equal(out.status, 200);
        assert_true(strncmp(server.last.data, first, strlen(first)) == 0);
        assert_true(sent("\r\nX-Mine: yes\r\n"));
        assert_true(sent("\r\nX-Empty:\r\n"));
        assert_true(sent("\r\nUser-Agent: me\r\n"));
        assert_true(sent("\r\nContent-Length: 3\r\n"));
        assert_false(sent("content-length: 1"));
        assert_false(sent("Transfer-Encoding"));
        assert_false(sent("Content-Type"));
        assert_false(sent("Expect"));
        assert_memory_equal(server.last.data + server.last.len - 3, "a\0b", 3);
    }
}

static void methods_without_a_body(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        bool length;
    } cases[] = {{"POST", true}, {"PUT", true}, {"PATCH", true}, {"DELETE", false}, {"OPTIONS", false}, {"GET", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_RESULT struct result out =
            once(HTTP_GUARD_METADATA, (struct http_request){.method = cases[i].method}, "/ok");
        assert_int_equal(out.status, 200);
        assert_true(strncmp(server.last.data, cases[i].method, strlen(cases[i].method)) == 0);
        assert_int_equal(sent("\r\nContent-Length: 0\r\n"), cases[i].length);
    }
    CLEANUP_RESULT struct result head = once(HTTP_GUARD_METADATA, (struct http_request){.method = "HEAD"}, "/interim");
    assert_int_equal(head.status, 200);
    assert_true(strncmp(server.last.data, "HEAD ", 5) == 0);
}

static void malformed_requests_do_not_begin(void **state)
{
    (void)state;
    static const struct {
        const char *method, *header, *text;
    } cases[] = {
        {"GET /", NULL, "\"GET /\" is not an http method that can be sent"},
        {"", NULL, "\"\" is not an http method that can be sent"},
        {"CONNECT", NULL, "\"CONNECT\" is not an http method that can be sent"},
        {"GET", "no colon", "http header is not of the form \"Name: value\""},
        {"GET", "bad name: x", "http header is not of the form \"Name: value\""},
        {"GET", "X-A: b\r\nX-Smuggled: 1", "http header \"X-A\" holds a control character"},
    };
    struct http_service *s = service(HTTP_GUARD_METADATA);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const headers[] = {cases[i].header, NULL};
        struct error e = ERROR_INIT;
        struct http_request r = {.method = cases[i].method, .url = "http://127.0.0.1/", .headers = headers};
        assert_null(http_start(s, &r, keep, NULL, &e));
        assert_string_equal(e.message, cases[i].text);
    }
    http_service_free(s);
}

static void urls_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *url, *text;
    } cases[] = {
        {"file:///etc/passwd", "the URL has the scheme \"file\": only http and https can be called"},
        {"ftp://127.0.0.1/x", "the URL has the scheme \"ftp\": only http and https can be called"},
        {"gopher://127.0.0.1/x", "the URL has the scheme \"gopher\": only http and https can be called"},
        {"", "the URL is not understood: it is not of the form http://host/path"},
        {"127.0.0.1/x", "the URL is not understood: it is not of the form http://host/path"},
        {"http://a b/", "the URL is not understood: it is not of the form http://host/path"},
        {"http://127.0.0.1:99999/", "the URL is not understood: its port is not a number from 0 to 65535"},
        {"http://:80/", "the URL is not understood: it names no host"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_error("", (struct http_request){.url = cases[i].url}, "invalid_url", cases[i].text);
}

static void sizes_are_limited_while_receiving(void **state)
{
    (void)state;
    CLEANUP_RESULT struct result fits = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/fits");
    assert_int_equal(fits.body.len, 100000);
    assert_error("/big", (struct http_request){0}, "too_large", "the answer of SERVER is larger than 100000 bytes");
    assert_error("/big", (struct http_request){.max_response = 1 << 30}, "too_large",
                 "the answer of SERVER is larger than 100000 bytes");
    assert_error("/fits", (struct http_request){.max_response = 99999}, "too_large",
                 "the answer of SERVER is larger than 99999 bytes");
    assert_error("/endless-body", (struct http_request){0}, "too_large",
                 "the answer of SERVER is larger than 100000 bytes");
    assert_error("/many-headers", (struct http_request){0}, "too_large",
                 "the headers of the answer of SERVER are larger than 262144 bytes");
}

static void the_limit_counts_decompressed_bytes(void **state)
{
    (void)state;
    CLEANUP_RESULT struct result zipped = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/zipped");
    assert_string_equal(zipped.body.data, "{\"zipped\":true}");
    assert_error("/bomb", (struct http_request){0}, "too_large", "the answer of SERVER is larger than 100000 bytes");
    assert_error("/not-zipped", (struct http_request){0}, "network_error",
                 "the answer of SERVER cannot be decompressed");
}

static void network_errors_are_told(void **state)
{
    (void)state;
    assert_error("/garbage", (struct http_request){0}, "network_error", "what SERVER answers is not HTTP");
    assert_error("/half", (struct http_request){0}, "network_error",
                 "SERVER closed the connection before the end of its answer");
    assert_error("/hang-up", (struct http_request){0}, "network_error",
                 "SERVER closed the connection without an answer");
    assert_error("", (struct http_request){.url = "http://127.0.0.1:1/"}, "network_error",
                 "cannot connect to 127.0.0.1:1: Connection refused");
    assert_error("", (struct http_request){.url = "http://user:secret@127.0.0.1:1/"}, "network_error",
                 "cannot connect to 127.0.0.1:1: Connection refused");
    assert_error("", (struct http_request){.url = "http://name.invalid/"}, "network_error",
                 "cannot find the address of \"name.invalid\"");
    assert_error("/never", (struct http_request){.timeout_ms = 50}, "timeout",
                 "no complete answer from SERVER within 0.05 s");
}

static void plain_http_on_the_tls_port(void **state)
{
    (void)state;
    CLEANUP_FREE char *target = xasprintf("https://127.0.0.1:%d/ok", server.port);
    CLEANUP_RESULT struct result out =
        once(HTTP_GUARD_METADATA, (struct http_request){.url = target, .timeout_ms = 200}, NULL);
    assert_int_equal(out.status, 0);
    assert_true(strcmp(out.type, "network_error") == 0 || strcmp(out.type, "timeout") == 0);
    assert_int_equal(server.requests, 0);
}

static void redirects_change_the_method_as_browsers_do(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *expected;
        bool body;
    } cases[] = {
        {"POST", "/301", "GET /ok HTTP", false},     {"PUT", "/301", "PUT /ok HTTP", true},
        {"POST", "/303", "GET /ok?a=b HTTP", false}, {"DELETE", "/303", "GET /ok?a=b HTTP", false},
        {"POST", "/308", "POST /ok HTTP", true},     {"GET", "/301", "GET /ok HTTP", true},
    };
    static const char *const headers[] = {"Content-Type: text/x", "Authorization: Bearer t", "X-Mine: 1", NULL};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request r = {
            .method = cases[i].method, .headers = headers, .body = "data", .body_len = 4, .max_redirects = 1};
        CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, r, cases[i].path);
        assert_int_equal(out.status, 200);
        assert_string_equal(out.body.data, "fine");
        assert_true(strncmp(server.last.data, cases[i].expected, strlen(cases[i].expected)) == 0);
        assert_int_equal(sent("\r\n\r\ndata"), cases[i].body);
        assert_int_equal(sent("Content-Type: text/x"), cases[i].body);
        assert_true(sent("Authorization: Bearer t"));
        assert_true(sent("X-Mine: 1"));
        assert_non_null(strstr(out.url, "/ok"));
    }
}

static void redirects_are_limited_and_guarded(void **state)
{
    (void)state;
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/endless");
    assert_int_equal(out.status, 302);
    assert_string_equal(out.body.data, "moved");
    assert_error("/endless", (struct http_request){.max_redirects = 3}, "too_many_redirects",
                 "more than 3 redirects, the last one from SERVER");
    assert_int_equal(server.requests, 1 + 4);
    assert_error("/to-file", (struct http_request){.max_redirects = 3}, "invalid_url",
                 "the redirect has the scheme \"file\": only http and https can be called");
    assert_error(
        "/to-metadata", (struct http_request){.max_redirects = 3}, "address_refused",
        "the address 169.254.169.254 of \"169.254.169.254\" is refused by the address guard (http_guard = metadata)");
}

static void credentials_do_not_travel_to_another_origin(void **state)
{
    (void)state;
    static const char *const headers[] = {"Authorization: Bearer t", "cookie: c", "x-api-key: k", "X-Mine: 1", NULL};
    struct http_request r = {.method = "POST", .headers = headers, .body = "d", .body_len = 1, .max_redirects = 1};
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, r, "/to-origin");
    assert_int_equal(out.status, 200);
    assert_true(sent("Host: localhost:"));
    assert_false(sent("Authorization"));
    assert_false(sent("cookie"));
    assert_false(sent("x-api-key"));
    assert_true(sent("X-Mine: 1"));
}

static void the_guard_looks_at_the_address(void **state)
{
    (void)state;
    static const struct {
        enum http_guard guard;
        const char *url, *text;
    } cases[] = {
        {HTTP_GUARD_PRIVATE, "http://127.0.0.1:1/",
         "the address 127.0.0.1 of \"127.0.0.1\" is refused by the address guard (http_guard = private)"},
        {HTTP_GUARD_PRIVATE, "http://0x7f.1:1/",
         "the address 127.0.0.1 of \"127.0.0.1\" is refused by the address guard (http_guard = private)"},
        {HTTP_GUARD_PRIVATE, "http://[::ffff:127.0.0.1]:1/",
         "the address ::ffff:127.0.0.1 of \"[::ffff:127.0.0.1]\" is refused by the address guard (http_guard = "
         "private)"},
        {HTTP_GUARD_METADATA, "http://169.254.169.254/",
         "the address 169.254.169.254 of \"169.254.169.254\" is refused by the address guard (http_guard = metadata)"},
        {HTTP_GUARD_METADATA, "http://2852039166/",
         "the address 169.254.169.254 of \"169.254.169.254\" is refused by the address guard (http_guard = metadata)"},
        {HTTP_GUARD_METADATA, "http://metadata.google.internal/",
         "the host \"metadata.google.internal\" is refused by the address guard (http_guard = metadata)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_RESULT struct result out = once(cases[i].guard, (struct http_request){.url = cases[i].url}, NULL);
        assert_string_equal(out.error, cases[i].text);
        assert_string_equal(out.type, "address_refused");
    }
    CLEANUP_FREE char *by_name = xasprintf("http://localhost:%d/ok", server.port);
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_PRIVATE, (struct http_request){.url = by_name}, NULL);
    assert_string_equal(out.type, "address_refused");
    assert_int_equal(server.connections, 0);
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    CLEANUP_RESULT struct result out = once(HTTP_GUARD_METADATA, (struct http_request){0}, "/ok");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(out.status, 200);
}

static void connections_are_used_again(void **state)
{
    (void)state;
    struct http_service *s = service(HTTP_GUARD_METADATA);
    static const char *const key[] = {"Idempotency-Key: k", NULL};
    for (int i = 0; i < 20; i++) {
        CLEANUP_RESULT struct result out = {0};
        request(s, (struct http_request){.method = i % 2 ? "POST" : "GET", .headers = key}, "/ok", &out);
        assert_int_equal(out.status, 200);
    }
    assert_int_equal(server.connections, 1);
    http_service_free(s);
}

static void a_post_is_never_sent_twice(void **state)
{
    (void)state;
    struct http_service *s = service(HTTP_GUARD_METADATA);
    CLEANUP_RESULT struct result first = {0}, second = {0};
    request(s, (struct http_request){0}, "/answer-once", &first);
    assert_string_equal(first.body.data, "first");
    request(s, (struct http_request){.method = "POST", .body = "x", .body_len = 1}, "/answer-once", &second);
    assert_string_equal(second.type, "network_error");
    assert_int_equal(server.requests, 2);
    http_service_free(s);
}

static void a_cancelled_transfer_says_nothing(void **state)
{
    (void)state;
    struct http_service *s = service(HTTP_GUARD_METADATA);
    struct error e = ERROR_INIT;
    struct result never = {0};
    CLEANUP_FREE char *target = url("/never");
    struct http_request r = {.url = target};
    http_cancel(http_start(s, &r, keep, &never, &e)); /* still in the queue */
    struct http_transfer *t = http_start(s, &r, keep, &never, &e);
    for (int i = 0; i < 1000 && server.requests == 0; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(server.requests, 1);
    assert_int_equal(http_service_counts(s).in_flight, 1);
    http_cancel(t);
    assert_int_equal(http_service_counts(s).in_flight, 0);
    CLEANUP_RESULT struct result after = {0};
    request(s, (struct http_request){0}, "/ok", &after);
    assert_int_equal(after.status, 200);
    assert_int_equal(never.calls, 0);
    http_start(s, &r, keep, &never, &e); /* freed with the service */
    http_service_free(s);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(never.calls, 0);
}

struct chain {
    struct http_service *service;
    struct http_transfer *other;
    struct http_request request;
    int calls, wrong;
};

static void count_wrong(void *arg, const struct http_response *r)
{
    (void)r;
    ((struct chain *)arg)->wrong++;
}

static void chain_next(void *arg, const struct http_response *response)
{
    struct chain *c = arg;
    assert_int_equal(response->status, 200);
    c->calls++;
    if (c->other)
        http_cancel(c->other);
    c->other = NULL;
    if (c->calls < 5)
        http_start(c->service, &c->request, chain_next, c, NULL);
}

static void callbacks_may_start_and_cancel_others(void **state)
{
    (void)state;
    CLEANUP_FREE char *ok = url("/ok"), *never = url("/never");
    struct chain c = {.service = service(HTTP_GUARD_METADATA), .request = {.url = ok}};
    struct http_request hanging = {.url = never};
    c.other = http_start(c.service, &hanging, count_wrong, &c, NULL);
    http_start(c.service, &c.request, chain_next, &c, NULL);
    wait_for(&c.calls, 5);
    assert_int_equal(c.wrong, 0);
    http_service_free(c.service);
}

struct many {
    int calls, good;
};

static void count(void *arg, const struct http_response *response)
{
    struct many *m = arg;
    m->calls++;
    m->good += response->status == 200 && response->body_len == 4;
}

static void what_exceeds_the_limit_waits(void **state)
{
    (void)state;
    struct http_options o = {.guard = HTTP_GUARD_METADATA, .max_in_flight = 4};
    struct http_service *s = http_service_new(&loop, &o, NULL);
    CLEANUP_FREE char *target = url("/ok");
    struct http_request r = {.url = target, .timeout_ms = 60000};
    struct many m = {0};
    for (int i = 0; i < 200; i++)
        assert_non_null(http_start(s, &r, count, &m, NULL));
    assert_int_equal(http_service_counts(s).queued, 200);
    wait_for(&m.calls, 200);
    assert_int_equal(m.good, 200);
    assert_in_range(server.most_open, 1, 4);
    http_service_free(s);
}

/* Refuses the first so many times it is asked, and watches that nothing was sent meanwhile. */
struct permission {
    int asked, refusals;
    size_t sent_before;
};

static bool permit(void *ctx)
{
    struct permission *p = ctx;
    if (++p->asked <= p->refusals) {
        p->sent_before = server.requests;
        return false;
    }
    return true;
}

static void what_must_not_be_sent_now_waits(void **state)
{
    (void)state;
    struct permission p = {.refusals = 3};
    struct http_options o = {.guard = HTTP_GUARD_METADATA, .may_send = permit, .may_send_ctx = &p};
    struct http_service *s = http_service_new(&loop, &o, NULL);
    CLEANUP_RESULT struct result out = {0}, late = {0};
    request(s, (struct http_request){.method = "POST", .body = "x", .body_len = 1}, "/ok", &out);
#if LIBCURL_VERSION_NUM >= 0x075000
    assert_int_equal(p.asked, 4);
#endif
    assert_int_equal(out.status, 200);
    assert_int_equal(p.sent_before, 0);
    assert_int_equal(server.requests, 1);
    p = (struct permission){.refusals = INT_MAX};
    request(s, (struct http_request){.timeout_ms = 30}, "/ok", &late);
#if LIBCURL_VERSION_NUM >= 0x075000
    assert_string_equal(late.type, "timeout");
    assert_int_equal(server.requests, 1);
#endif
    http_service_free(s);
}

static void time_in_the_queue_counts(void **state)
{
    (void)state;
    struct http_options o = {.guard = HTTP_GUARD_METADATA, .max_in_flight = 1};
    struct http_service *s = http_service_new(&loop, &o, NULL);
    CLEANUP_FREE char *never = url("/never");
    struct result hanging = {0};
    CLEANUP_RESULT struct result waiting = {0};
    struct http_transfer *t = http_start(s, &(struct http_request){.url = never}, keep, &hanging, NULL);
    request(s, (struct http_request){.timeout_ms = 30}, "/ok", &waiting);
    assert_string_equal(waiting.type, "timeout");
    assert_string_equal(waiting.error, "the request waited 0.03 s for its turn");
    http_cancel(t);
    http_service_free(s);
}

static void a_thousand_at_once(void **state)
{
    (void)state;
    struct http_service *s = service(HTTP_GUARD_METADATA);
    CLEANUP_FREE char *target = url("/ok");
    struct http_request r = {.url = target, .timeout_ms = 120000};
    struct many m = {0};
    for (int i = 0; i < 1000; i++)
        assert_non_null(http_start(s, &r, count, &m, NULL));
    wait_for(&m.calls, 1000);
    assert_int_equal(m.good, 1000);
    assert_int_equal(server.requests, 1000);
    http_service_free(s);
}

static void the_descriptor_limit_is_respected(void **state)
{
    (void)state;
    struct rlimit before, low = {.rlim_cur = 192, .rlim_max = 0};
    getrlimit(RLIMIT_NOFILE, &before);
    low.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct http_service *s = service(HTTP_GUARD_METADATA);
    struct rlimit raised;
    getrlimit(RLIMIT_NOFILE, &raised);
    assert_true(raised.rlim_cur == before.rlim_max);
    size_t expected = before.rlim_max / 2 > 16384 + 128 ? 16384 : ((size_t)before.rlim_max - 128) / 2;
    assert_int_equal(http_service_counts(s).limit, expected);
    http_service_free(s);
    setrlimit(RLIMIT_NOFILE, &before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_come_whole),
        TEST(failures_of_the_server_are_answers),
        TEST(interim_answers_leave_no_headers),
        TEST(bodies_and_headers_are_sent_as_given),
        TEST(methods_without_a_body),
        TEST(malformed_requests_do_not_begin),
        TEST(urls_are_checked),
        TEST(sizes_are_limited_while_receiving),
        TEST(the_limit_counts_decompressed_bytes),
        TEST(network_errors_are_told),
        TEST(plain_http_on_the_tls_port),
        TEST(redirects_change_the_method_as_browsers_do),
        TEST(redirects_are_limited_and_guarded),
        TEST(credentials_do_not_travel_to_another_origin),
        TEST(the_guard_looks_at_the_address),
        TEST(a_proxy_of_the_environment_is_not_used),
        TEST(connections_are_used_again),
        TEST(a_post_is_never_sent_twice),
        TEST(a_cancelled_transfer_says_nothing),
        TEST(callbacks_may_start_and_cancel_others),
        TEST(what_exceeds_the_limit_waits),
        TEST(what_must_not_be_sent_now_waits),
        TEST(time_in_the_queue_counts),
        TEST(a_thousand_at_once),
        TEST(the_descriptor_limit_is_respected),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
