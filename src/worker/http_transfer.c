/* SPDX-License-Identifier: Apache-2.0 */
/* One request: copied, checked, sent hop by hop, received within its limits.
 *
 * Redirects are followed here and not by libcurl: the scheme and the guard are looked at for each hop, the method
 * changes as browsers change it (libcurl would go on with a custom method but without its body), and credentials do not
 * travel to another origin. */
#include "worker/http_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/crashpoint.h"
#include "base/mem.h"

/* ---- The request ---- */

static bool is_token(const char *s, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr(others, s[i]))
            return false;
    return true;
}

static bool header_is(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

static bool header_in(const char *line, const char *const *names)
{
    for (; *names; names++)
        if (header_is(line, *names))
            return true;
    return false;
}

static const char *find_header(char *const *lines, const char *name)
{
    for (; *lines; lines++)
        if (header_is(*lines, name))
            return *lines;
    return NULL;
}

static int check_header(const char *line, struct error *e)
{
    const char *colon = strchr(line, ':');
    if (!colon || !is_token(line, (size_t)(colon - line)))
        return err_set(e, "http header is not of the form \"Name: value\"");
    for (const char *p = colon; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\t')
            return err_set(e, "http header \"%.*s\" holds a control character", (int)(colon - line), line);
    return 0;
}

/* The lengths are libcurl's affair: another value than the true one would smuggle a second request. */
static int copy_headers(struct http_transfer *t, const char *const *lines, struct error *e)
{
    static const char *const framing[] = {"Content-Length", "Transfer-Encoding", NULL};
    size_t count = 0;
    while (lines && lines[count])
        count++;
    t->headers = xcalloc(count + 1, sizeof *t->headers);
    for (size_t i = 0, n = 0; i < count; i++) {
        if (check_header(lines[i], e) != 0)
            return -1;
        if (!header_in(lines[i], framing))
            t->headers[n++] = xstrdup(lines[i]);
    }
    return 0;
}

struct http_transfer *transfer_new(struct http_service *s, const struct http_request *r, struct error *e)
{
    const char *method = r->method ? r->method : "GET";
    if (!is_token(method, strlen(method)) || strlen(method) > 32 || strcasecmp(method, "CONNECT") == 0) {
        err_set(e, "\"%.32s\" is not an http method that can be sent", method);
        return NULL;
    }
    struct http_transfer *t = xcalloc(1, sizeof *t);
    t->service = s;
    t->method = xstrdup(method);
    t->url = xstrdup(r->url ? r->url : "");
    t->max_response =
        r->max_response && r->max_response < s->options.max_response ? r->max_response : s->options.max_response;
    t->max_redirects = r->max_redirects;
    t->timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : 0;
    t->deadline_ms = t->timeout_ms ? (int64_t)uv_now(s->loop) + t->timeout_ms : 0;
    if (copy_headers(t, r->headers, e) != 0) {
        transfer_free(t);
        return NULL;
    }
    if (r->body_len) {
        t->body = xmalloc(r->body_len);
        memcpy(t->body, r->body, r->body_len);
        t->body_len = r->body_len;
    }
    return t;
}

static void drop_body(struct http_transfer *t)
{
    free(t->body);
    t->body = NULL;
    t->body_len = 0;
}

void transfer_free(struct http_transfer *t)
{
    if (!t)
        return;
    transfer_end_hop(t);
    for (char **h = t->headers; h && *h; h++)
        free(*h);
    free(t->headers);
    drop_body(t);
    free(t->method);
    free(t->url);
    free(t->host);
    free(t->origin);
    free(t->authority);
    buf_free(&t->response_headers);
    t->service->body_bytes -= t->response_body.len;
    buf_free(&t->response_body);
    free(t);
}

/* ---- The URL ---- */

static void cleanup_curlu(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void cleanup_curl_text(char **p)
{
    curl_free(*p);
}
#define CLEANUP_CURL_TEXT CLEANUP(cleanup_curl_text)

static bool is_address(const char *host)
{
    struct in_addr in;
    return host[0] == '[' || inet_pton(AF_INET, host, &in) == 1;
}

static void replace(char **where, char *text)
{
    free(*where);
    *where = text;
}

static const char *url_fault(CURLUcode code)
{
    switch ((int)code) {
    case CURLUE_BAD_PORT_NUMBER:
        return "its port is not a number from 0 to 65535";
    case CURLUE_NO_HOST:
        return "it names no host";
    default:
        return "it is not of the form http://host/path";
    }
}

int transfer_look_at_url(struct http_transfer *t, struct http_failure *f)
{
    CLEANUP(cleanup_curlu) CURLU *u = curl_url();
    CLEANUP_CURL_TEXT char *scheme = NULL, *host = NULL, *port = NULL;
    const char *what = t->hops ? "the redirect" : "the URL";
    CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, t->url, CURLU_NON_SUPPORT_SCHEME) : CURLUE_OUT_OF_MEMORY;
    if (code != CURLUE_OK)
        return http_fail(f, "invalid_url", "%s is not understood: %s", what, url_fault(code));
    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return http_fail(f, "invalid_url", "%s has the scheme \"%.64s\": only http and https can be called", what,
                         scheme ? scheme : "");
    curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (!host || !*host || !port)
        return http_fail(f, "invalid_url", "%s names no host", what);
    replace(&t->host, xasprintf("%.255s", host));
    replace(&t->authority, xasprintf("%.255s:%s", host, port));
    t->is_name = !is_address(host);
    if (http_guard_refuses_name(t->service->options.guard, host))
        return http_fail(f, "address_refused", "the host \"%s\" is refused by the address guard (http_guard = %s)",
                         t->host, http_guard_name(t->service->options.guard));
    if (!t->origin)
        t->origin = xasprintf("%s://%s", scheme, t->authority);
    return 0;
}

/* The URL without user, password and fragment. */
static char *public_url(const char *url)
{
    CLEANUP(cleanup_curlu) CURLU *u = curl_url();
    CLEANUP_CURL_TEXT char *text = NULL;
    if (!u || curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return xstrdup("");
    curl_url_set(u, CURLUPART_USER, NULL, 0);
    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    curl_url_get(u, CURLUPART_URL, &text, 0);
    return xstrdup(text ? text : "");
}

/* ---- Receiving ---- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_transfer *t = arg;
    size_t len = size * count;
    if (len > t->max_response - t->response_body.len) {
        t->too_large = true;
        return 0;
    }
    buf_add(&t->response_body, data, len);
    t->service->body_bytes += len;
    return len;
}

/* A line of the answer's head: status lines begin a new head (100, early hints), continuation lines are joined. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_transfer *t = arg;
    size_t total = size * count, len = total;
    struct buf *b = &t->response_headers;
    while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == '\n'))
        len--;
    if (b->len + len > HTTP_MAX_HEADER_BYTES)
        return 0;
    if ((t->header_count == 0 || t->headers_ended) && len > 5 && strncasecmp(data, "HTTP/", 5) == 0) {
        buf_clear(b);
        t->header_count = 0;
        t->headers_ended = false;
        return total;
    }
    if (len == 0) {
        t->headers_ended = true;
        return total;
    }
    if ((data[0] == ' ' || data[0] == '\t') && b->len > 0) {
        b->data[b->len - 1] = ' '; /* in place of the NUL that ended the line before */
        while (len > 0 && (*data == ' ' || *data == '\t')) {
            data++;
            len--;
        }
    } else if (!memchr(data, ':', len) || memchr(data, '\0', len)) {
        return total; /* no header; libcurl lets it pass */
    } else {
        t->header_count++;
    }
    buf_add(b, data, len);
    buf_addch(b, '\0');
    return total;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_transfer *t = arg;
    (void)purpose;
    http_resolved(t);
    if (http_guard_refuses(t->service->options.guard, &address->addr)) {
        const void *where = address->family == AF_INET6
                                ? (const void *)&((struct sockaddr_in6 *)(void *)&address->addr)->sin6_addr
                                : (const void *)&((struct sockaddr_in *)(void *)&address->addr)->sin_addr;
        if (!inet_ntop(address->family, where, t->refused, sizeof t->refused))
            snprintf(t->refused, sizeof t->refused, "?");
        return CURL_SOCKET_BAD;
    }
    t->tried = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

#if LIBCURL_VERSION_NUM >= 0x075000
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct http_transfer *t = arg;
    const struct http_options *o = &t->service->options;
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    http_resolved(t);
    CRASH_POINT("effect.sending");
    t->held_back = o->may_send && !o->may_send(o->may_send_ctx);
    return t->held_back ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}
#endif

/* ---- Sending ---- */

static bool method_is(const struct http_transfer *t, const char *method)
{
    return strcmp(t->method, method) == 0;
}

/* libcurl sends a request again when a kept connection turns out to be dead.  What must not happen twice unasked gets a
 * connection of its own. */
static bool repeatable(const struct http_transfer *t)
{
    static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(idempotent); i++)
        if (method_is(t, idempotent[i]))
            return true;
    return find_header(t->headers, "Idempotency-Key") != NULL;
}

static int add_line(struct http_transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->sent_headers, line);
    if (!more)
        return -1;
    t->sent_headers = more;
    return 0;
}

/* libcurl reads "Name:" as "leave it out" and "Name;" as an empty value; its own additions are switched off. */
static int add_headers(struct http_transfer *t)
{
    int rc = 0;
    for (char *const *h = t->headers; *h; h++) {
        const char *colon = strchr(*h, ':');
        if (colon[1 + strspn(colon + 1, " \t")]) {
            rc |= add_line(t, *h);
        } else {
            CLEANUP_FREE char *empty = xasprintf("%.*s;", (int)(colon - *h), *h);
            rc |= add_line(t, empty);
        }
    }
    if (!find_header(t->headers, "Content-Type"))
        rc |= add_line(t, "Content-Type:");
    if (!find_header(t->headers, "Expect"))
        rc |= add_line(t, "Expect:");
    return rc;
}

#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        if (curl_easy_setopt(t->easy, (option), (value)) != CURLE_OK)                                                  \
            return -1;                                                                                                 \
    } while (0)

static int set_method(struct http_transfer *t)
{
    if (method_is(t, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
        return 0;
    }
    bool wants_length = method_is(t, "POST") || method_is(t, "PUT") || method_is(t, "PATCH");
    if (t->body_len || wants_length) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
        SET(CURLOPT_POSTFIELDS, t->body_len ? t->body : "");
    }
    if (!method_is(t, t->body_len || wants_length ? "POST" : "GET"))
        SET(CURLOPT_CUSTOMREQUEST, t->method);
    return 0;
}

static int set_limits(struct http_transfer *t)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    SET(CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* also none from the environment: the guard must see the address */
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
#if LIBCURL_VERSION_NUM >= 0x075000
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, t);
#endif
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_TIMEOUT_MS);
    if (t->deadline_ms) {
        int64_t left = t->deadline_ms - (int64_t)uv_now(t->service->loop);
        SET(CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left : 1));
    }
    return 0;
}

static int set_up(struct http_transfer *t)
{
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_URL, t->url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, t->curl_text);
    SET(CURLOPT_USERAGENT, t->service->options.user_agent);
    SET(CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl can decompress */
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_FRESH_CONNECT, repeatable(t) ? 0L : 1L);
    if (set_limits(t) != 0 || set_method(t) != 0 || add_headers(t) != 0)
        return -1;
    SET(CURLOPT_HTTPHEADER, t->sent_headers);
    return 0;
}

int transfer_begin_hop(struct http_transfer *t, struct http_failure *f)
{
    t->curl_text[0] = t->refused[0] = '\0';
    t->tried = t->too_large = t->headers_ended = t->held_back = false;
    t->header_count = 0;
    buf_clear(&t->response_headers);
    t->service->body_bytes -= t->response_body.len;
    buf_clear(&t->response_body);
    t->easy = curl_easy_init();
    if (!t->easy || set_up(t) != 0)
        return http_fail(f, "network_error", "libcurl cannot set up the request");
    return 0;
}

void transfer_end_hop(struct http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    t->easy = NULL;
    curl_slist_free_all(t->sent_headers);
    t->sent_headers = NULL;
}

/* ---- Redirects ---- */

static void drop_headers(struct http_transfer *t, const char *const *names)
{
    size_t n = 0;
    for (size_t i = 0; t->headers[i]; i++) {
        if (header_in(t->headers[i], names))
            free(t->headers[i]);
        else
            t->headers[n++] = t->headers[i];
    }
    t->headers[n] = NULL;
}

/* As browsers do: 303 asks for the result with GET, 301 and 302 did so for POST, 307 and 308 repeat the request. */
static void change_method(struct http_transfer *t, long status)
{
    static const char *const of_body[] = {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location",
                                          NULL};
    bool to_get = status == 303 ? !method_is(t, "HEAD") : (status == 301 || status == 302) && method_is(t, "POST");
    if (!to_get)
        return;
    replace(&t->method, xstrdup("GET"));
    drop_body(t);
    drop_headers(t, of_body);
}

/* Look at the next hop; credentials do not travel to another origin. */
static int enter_hop(struct http_transfer *t, struct http_failure *f)
{
    static const char *const credentials[] = {
        "Authorization", "Cookie", "Proxy-Authorization", "Host", "X-API-Key", "X-Auth-Token", "Api-Key", NULL};
    CLEANUP_FREE char *before = STEAL(t->origin);
    if (transfer_look_at_url(t, f) != 0)
        return -1;
    if (strcasecmp(before, t->origin) != 0)
        drop_headers(t, credentials);
    return 0;
}

int transfer_redirect(struct http_transfer *t, struct http_failure *f)
{
    long status = 0;
    char *to = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
    if (status < 100 || status > 999)
        return http_fail(f, "network_error", "%s gave an answer without a valid status", t->authority);
    bool redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!redirect || !to || t->max_redirects == 0)
        return 0;
    if (t->hops >= t->max_redirects)
        return http_fail(f, "too_many_redirects", "more than %u redirects, the last one from %s", t->max_redirects,
                         t->authority);
    t->hops++;
    replace(&t->url, xstrdup(to));
    change_method(t, status);
    return enter_hop(t, f) == 0 ? 1 : -1;
}

/* ---- The end ---- */

static const char **header_lines(const struct http_transfer *t)
{
    const char **lines = xcalloc(t->header_count + 1, sizeof *lines);
    const char *p = t->response_headers.data;
    for (size_t i = 0; i < t->header_count; i++, p += strlen(p) + 1)
        lines[i] = p;
    return lines;
}

void transfer_deliver(struct http_transfer *t, const struct http_failure *f)
{
    CLEANUP_FREE char *url = public_url(t->url);
    CLEANUP_FREE const char **lines = f ? NULL : header_lines(t);
    struct http_response r = {.effective_url = url, .body = ""};
    if (f) {
        r.error_type = f->type;
        r.error = f->text;
    } else {
        long status = 0;
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        r.status = (int)status;
        r.headers = lines;
        if (t->response_body.len) {
            r.body = t->response_body.data;
            r.body_len = t->response_body.len;
            r.buffer = &t->response_body;
        }
    }
    t->done(t->arg, &r);
    transfer_free(t);
}
