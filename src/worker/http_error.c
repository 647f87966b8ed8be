/* SPDX-License-Identifier: Apache-2.0 */
/* From libcurl's result codes to our stable types and texts.  Own texts wherever libcurl's hold times that change from
 * run to run, or could hold the URL (and with it somebody's password). */
#include "worker/http_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

int http_fail(struct http_failure *f, const char *type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    utf8_mend(f->text);
    f->type = type;
    return -1;
}

static const char *os_error(const struct http_transfer *t, const char *otherwise)
{
    long number = 0;
    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
    return number > 0 ? strerror((int)number) : otherwise;
}

static void explain_timeout(const struct http_transfer *t, struct http_failure *f)
{
    curl_off_t connected = 0;
    curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connected);
    int64_t ms = t->timeout_ms;
    if (connected == 0 && (ms == 0 || ms > HTTP_CONNECT_TIMEOUT_MS))
        ms = HTTP_CONNECT_TIMEOUT_MS;
    http_fail(f, "timeout",
              connected == 0 ? "no connection to %s within %g s" : "no complete answer from %s within %g s",
              t->authority, (double)ms / 1000);
}

static void explain_connect(const struct http_transfer *t, struct http_failure *f)
{
    if (*t->refused && !t->tried)
        http_fail(f, "address_refused", "the address %s of \"%s\" is refused by the address guard (http_guard = %s)",
                  t->refused, t->host, http_guard_name(t->service->options.guard));
    else
        http_fail(f, "network_error", "cannot connect to %s: %s", t->authority, os_error(t, "no address answered"));
}

static void explain_write(const struct http_transfer *t, struct http_failure *f)
{
    if (t->too_large)
        http_fail(f, "too_large", "the answer of %s is larger than %zu bytes", t->authority, t->max_response);
    else
        http_fail(f, "too_large", "the headers of the answer of %s are larger than %zu bytes", t->authority,
                  HTTP_MAX_HEADER_BYTES);
}

void http_explain(const struct http_transfer *t, CURLcode code, struct http_failure *f)
{
    const char *text = *t->curl_text ? t->curl_text : curl_easy_strerror(code);
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        explain_timeout(t, f);
        return;
    case CURLE_COULDNT_CONNECT:
        explain_connect(t, f);
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
        http_fail(f, "network_error", "cannot find the address of \"%s\"", t->host);
        return;
    case CURLE_WRITE_ERROR:
        explain_write(t, f);
        return;
    case CURLE_GOT_NOTHING:
        http_fail(f, "network_error", "%s closed the connection without an answer", t->authority);
        return;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        http_fail(f, "network_error", "the connection to %s broke: %s", t->authority,
                  os_error(t, curl_easy_strerror(code)));
        return;
    case CURLE_PARTIAL_FILE:
        http_fail(f, "network_error", "%s closed the connection before the end of its answer", t->authority);
        return;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* schemes were checked before: HTTP/0.9 */
        http_fail(f, "network_error", "what %s answers is not HTTP", t->authority);
        return;
    case CURLE_BAD_CONTENT_ENCODING:
        http_fail(f, "network_error", "the answer of %s cannot be decompressed", t->authority);
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CRL_BADFILE:
        http_fail(f, "tls_error", "the certificate of %s is not trusted: %s", t->authority, text);
        return;
    case CURLE_SSL_CONNECT_ERROR:
        http_fail(f, "network_error", "no TLS connection to %s: %s", t->authority, text);
        return;
    case CURLE_URL_MALFORMAT:
        http_fail(f, "invalid_url", "libcurl does not understand the URL");
        return;
    default:
        http_fail(f, "network_error", "talking to %s failed: %s", t->authority, text);
    }
}
