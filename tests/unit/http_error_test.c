/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of transfers that failed, for every kind of failure that libcurl tells of: stable types, whole texts, and never
 * the URL. */
#include "unit/test.h"

#include <stdio.h>

#include "worker/http_internal.h"

static void every_failure_has_a_type_and_a_text(void **state)
{
    static const struct {
        CURLcode code;
        const char *type, *text;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, "network_error", "cannot find the address of \"api.example\""},
        {CURLE_GOT_NOTHING, "network_error", "api.example:80 closed the connection without an answer"},
        {CURLE_PARTIAL_FILE, "network_error", "api.example:80 closed the connection before the end of its answer"},
        {CURLE_WEIRD_SERVER_REPLY, "network_error", "what api.example:80 answers is not HTTP"},
        {CURLE_UNSUPPORTED_PROTOCOL, "network_error", "what api.example:80 answers is not HTTP"},
        {CURLE_BAD_CONTENT_ENCODING, "network_error", "the answer of api.example:80 cannot be decompressed"},
        {CURLE_PEER_FAILED_VERIFICATION, "tls_error", "the certificate of api.example:80 is not trusted: as libcurl says"},
        {CURLE_SSL_ISSUER_ERROR, "tls_error", "the certificate of api.example:80 is not trusted: as libcurl says"},
        {CURLE_SSL_CACERT_BADFILE, "tls_error", "the certificate of api.example:80 is not trusted: as libcurl says"},
        {CURLE_SSL_CERTPROBLEM, "tls_error", "the certificate of api.example:80 is not trusted: as libcurl says"},
        {CURLE_SSL_CRL_BADFILE, "tls_error", "the certificate of api.example:80 is not trusted: as libcurl says"},
        {CURLE_SSL_CONNECT_ERROR, "network_error", "no TLS connection to api.example:80: as libcurl says"},
        {CURLE_URL_MALFORMAT, "invalid_url", "libcurl does not understand the URL"},
        {CURLE_OUT_OF_MEMORY, "network_error", "talking to api.example:80 failed: as libcurl says"},
    };
    struct http_transfer t = {.host = (char *)(uintptr_t)"api.example", .authority = (char *)(uintptr_t)"api.example:80"};
    (void)state;
    snprintf(t.curl_text, sizeof t.curl_text, "as libcurl says");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_failure f = {0};
        http_explain(&t, cases[i].code, &f);
        assert_string_equal(f.type, cases[i].type);
        assert_string_equal(f.text, cases[i].text);
    }
}

static void without_a_text_of_its_own_libcurls_name_of_the_code_is_said(void **state)
{
    struct http_transfer t = {.authority = (char *)(uintptr_t)"h"};
    struct http_failure f = {0};
    char expected[200];
    (void)state;
    http_explain(&t, CURLE_OUT_OF_MEMORY, &f);
    snprintf(expected, sizeof expected, "talking to h failed: %s", curl_easy_strerror(CURLE_OUT_OF_MEMORY));
    assert_string_equal(f.text, expected);
}

static void what_is_no_utf8_is_mended(void **state)
{
    struct http_failure f = {0};
    (void)state;
    assert_int_equal(http_fail(&f, "odd", "from \xff here"), -1);
    assert_string_equal(f.type, "odd");
    assert_non_null(strstr(f.text, "from "));
    assert_null(strchr(f.text, '\xff'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_a_type_and_a_text),
        cmocka_unit_test(without_a_text_of_its_own_libcurls_name_of_the_code_is_said),
        cmocka_unit_test(what_is_no_utf8_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
