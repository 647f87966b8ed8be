/* SPDX-License-Identifier: Apache-2.0 */
/* The web service's pages and its address. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "web/address.h"
#include "web/pages.h"

static void assert_page(const char *path, const struct worker_stats *s, unsigned status, const char *type, const char *body)
{
    struct page page;
    page_make(path, s, &page);
    assert_int_equal(page.status, status);
    assert_string_equal(page.content_type, type);
    assert_string_equal(page.body.data, body);
    buf_free(&page.body);
}

static void health_and_readiness(void **state)
{
    const char *text = "text/plain; charset=utf-8";
    struct worker_stats s = {.store = {.queue_depth = -1}};
    (void)state;
    assert_page("/healthz", &s, 200, text, "ok\n");
    assert_page("/readyz", &s, 503, text, "database not connected\n");
    s.store.connected = true;
    assert_page("/readyz", &s, 200, text, "ok\n");
    s.stopping = true;
    assert_page("/readyz", &s, 503, text, "stopping\n");
    assert_page("/healthz", &s, 200, text, "ok\n");
    assert_page("/nothing", &s, 404, text, "not found\n");
}

static void the_status_page_is_complete(void **state)
{
    struct worker_stats s = {.counts = {.completed = 41}, .store = {.queue_depth = 12}, .plugins = 4, .plugins_failed = 1};
    struct page page;
    (void)state;
    page_make("/", &s, &page);
    assert_string_equal(page.content_type, "text/html; charset=utf-8");
    assert_non_null(strstr(page.body.data, "<tr><td>completed</td><td>41</td></tr>\n"));
    assert_non_null(strstr(page.body.data, "<tr><td>waiting in the queue</td><td>12</td></tr>\n"));
    assert_non_null(strstr(page.body.data, "<tr><td>plugins that do not load</td><td class=\"bad\">1</td></tr>\n"));
    assert_non_null(strstr(page.body.data, "<tr><td>connection</td><td class=\"bad\">down</td></tr>\n"));
    assert_non_null(strstr(page.body.data, "</html>\n"));
    assert_null(strstr(page.body.data, "http://")); /* nothing from elsewhere */
    assert_null(strstr(page.body.data, "https://"));
    assert_null(strstr(page.body.data, "<script"));
    buf_free(&page.body);
}

static void assert_address(const char *text, const char *host, int port)
{
    struct sockaddr_storage a;
    struct error e = ERROR_INIT;
    char back[INET6_ADDRSTRLEN];
    int rc = web_address(text, &a, &e);
    if (!host) {
        CLEANUP_FREE char *message = xasprintf("web_listen: \"%s\" is not HOST:PORT", text);
        assert_int_equal(rc, -1);
        assert_string_equal(e.message, message);
        assert_string_equal(e.hint, "HOST is an address such as 127.0.0.1 or [::1]; PORT is 1 to 65535.");
        return;
    }
    assert_int_equal(rc, 0);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a;
    bool six = a.ss_family == AF_INET6;
    inet_ntop(a.ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, back, sizeof(back));
    assert_string_equal(back, host);
    assert_int_equal(ntohs(six ? v6->sin6_port : v4->sin_port), port);
}

static void addresses(void **state)
{
    (void)state;
    assert_address("127.0.0.1:9090", "127.0.0.1", 9090);
    assert_address(":80", "127.0.0.1", 80);
    assert_address("localhost:1", "127.0.0.1", 1);
    assert_address("*:65535", "0.0.0.0", 65535);
    assert_address("[::1]:9090", "::1", 9090);
    assert_address("127.0.0.1", NULL, 0);
    assert_address("127.0.0.1:", NULL, 0);
    assert_address("127.0.0.1:0", NULL, 0);
    assert_address("127.0.0.1:65536", NULL, 0);
    assert_address("127.0.0.1:+80", NULL, 0);
    assert_address("127.0.0.1:80x", NULL, 0);
    assert_address("example.com:80", NULL, 0);
    assert_address("::1:80", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_and_readiness),
        cmocka_unit_test(the_status_page_is_complete),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
