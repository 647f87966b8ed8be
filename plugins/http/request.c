/* SPDX-License-Identifier: Apache-2.0 */
/* From the node's config to a request.  url, headers and body fall back to the same key of the execution's data. */
#include "http/http.h"

#include <ctype.h>
#include <stdlib.h>

#define LONGEST_TIMEOUT_S 86400.0
#define DEFAULT_TIMEOUT_S 30.0
#define DEFAULT_REDIRECTS 10
#define MOST_REDIRECTS 50

#define INVALID(r, ...) (fail_with(http_host, (r)->task, "config_invalid", __VA_ARGS__), -1)

static const struct wfw_value *own_or_input(const struct wfw_call *call, const char *pointer)
{
    const struct wfw_value *v = member(http_host, call->config, pointer);
    return v ? v : member(http_host, call->input, pointer);
}

/* The text of a string, number or boolean; NULL for others. */
static const char *scalar(struct request *r, const struct wfw_value *v, size_t *len)
{
    const char *text = NULL;
    switch (http_host->type(v)) {
    case WFW_STRING:
        http_host->get_string(v, "", &text, len);
        return text;
    case WFW_BOOL:
    case WFW_INT:
    case WFW_REAL:
        return http_host->text(r->task, v, len);
    default:
        return NULL;
    }
}

static int number_of(const struct wfw_value *v, double *out)
{
    const char *text;
    char *end;
    if (http_host->get_real(v, "", out) == WFW_OK)
        return 0;
    if (http_host->get_string(v, "", &text, NULL) != WFW_OK || !*text ||
        strspn(text, "+-.0123456789eE") != strlen(text))
        return -1;
    *out = strtod(text, &end);
    return *end ? -1 : 0;
}

static int read_number(struct request *r, const struct wfw_value *config, const char *pointer, double least,
                       double most, double *out)
{
    const struct wfw_value *v = member(http_host, config, pointer);
    if (!v || (number_of(v, out) == 0 && *out >= least && *out <= most))
        return 0;
    return INVALID(r, "%s must be a number from %g to %.0f", pointer + 1, least, most);
}

/* ---- Method and headers ---- */

static int is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("!#$%&'*+-.^_`|~", s[i]))
            return 0;
    return len > 0;
}

static int method_is(const struct request *r, const char *method)
{
    return strcmp(r->method, method) == 0;
}

static int read_method(struct request *r, const struct wfw_call *call)
{
    const struct wfw_value *v = member(http_host, call->config, "/method");
    const char *given = text_member(http_host, call->config, "/method");
    r->method = "GET";
    if (!given)
        return !v || http_host->type(v) == WFW_STRING ? 0 : INVALID(r, "method must be a string");
    size_t len = strlen(given);
    if (!is_token(given, len) || len > 32)
        return INVALID(r, "method \"%.64s\" is not an http method", given);
    char *upper = http_host->alloc(r->task, len + 1);
    for (size_t i = 0; upper && i < len; i++)
        upper[i] = (char)toupper((unsigned char)given[i]);
    r->method = upper ? upper : "GET";
    return 0;
}

static int has_header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (name_is(r->headers[i], strcspn(r->headers[i], ":"), name))
            return 1;
    return 0;
}

static int add_header(struct request *r, const char *name, const char *value)
{
    if (r->header_count + 2 > r->header_room) {
        size_t room = (r->header_count + 8) * 2;
        const char **more = http_host->alloc(r->task, room * sizeof *more);
        if (!more)
            return INVALID(r, "too many headers");
        if (r->header_count)
            memcpy(more, r->headers, r->header_count * sizeof *more);
        r->headers = more;
        r->header_room = room;
    }
    struct text line = {.task = r->task};
    text_str(&line, name);
    text_str(&line, ": ");
    text_str(&line, value);
    r->headers[r->header_count++] = line.data;
    r->headers[r->header_count] = NULL;
    return line.data ? 0 : INVALID(r, "header \"%.64s\" is too large", name);
}

/* Names are checked before values are shown to nobody: a value may be a secret. */
static int add_checked(struct request *r, const char *name, const char *value)
{
    if (!is_token(name, strlen(name)))
        return INVALID(r, "header name \"%.64s\" is not valid", name);
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\t')
            return INVALID(r, "header \"%.64s\" holds a control character", name);
    return add_header(r, name, value);
}

static int read_headers(struct request *r, const struct wfw_call *call)
{
    const struct wfw_value *headers = own_or_input(call, "/headers"), *v;
    const char *name;
    if (!headers)
        return 0;
    if (http_host->type(headers) != WFW_OBJECT)
        return INVALID(r, "headers must be an object");
    for (size_t i = 0; (v = http_host->item(headers, i, &name)); i++) {
        const char *value = scalar(r, v, NULL);
        if (http_host->type(v) == WFW_NULL)
            continue;
        if (!value)
            return INVALID(r, "header \"%.64s\" must be a string, number or boolean", name);
        if (add_checked(r, name, value) != 0)
            return -1;
    }
    return 0;
}

/* ---- URL and query ---- */

/* Spaces and what is not ASCII are encoded behind the host; what is encoded already stays. */
static const char *encode_path(struct request *r, const char *url)
{
    struct text out = {.task = r->task};
    const char *scheme_end = strstr(url, "://");
    const char *p = scheme_end ? scheme_end + 3 + strcspn(scheme_end + 3, "/?#") : url;
    text_add(&out, url, (size_t)(p - url));
    for (; *p; p++) {
        if (*p == ' ' || (unsigned char)*p >= 0x7f)
            text_percent(&out, p, 1);
        else
            text_add(&out, p, 1);
    }
    return out.data;
}

static void add_pair(struct text *query, const char *name, const char *value, size_t len)
{
    if (query->len)
        text_str(query, "&");
    text_percent(query, name, strlen(name));
    text_str(query, "=");
    text_percent(query, value, len);
}

static int add_values(struct request *r, struct text *query, const char *name, const struct wfw_value *v)
{
    int many = http_host->type(v) == WFW_ARRAY;
    size_t count = many ? http_host->length(v) : 1;
    for (size_t i = 0; i < count; i++) {
        const struct wfw_value *one = many ? http_host->item(v, i, NULL) : v;
        size_t len = 0;
        const char *text = scalar(r, one, &len);
        if (http_host->type(one) == WFW_NULL)
            continue;
        if (!text)
            return INVALID(r, "query parameter \"%.64s\" must be a string, number, boolean, or an array of them", name);
        add_pair(query, name, text, len);
    }
    return 0;
}

static int read_query(struct request *r, const struct wfw_value *config, struct text *query)
{
    const struct wfw_value *params = member(http_host, config, "/query"), *v;
    const char *name, *raw;
    if (!params)
        params = member(http_host, config, "/params");
    if (!params)
        return 0;
    if (http_host->get_string(params, "", &raw, NULL) == WFW_OK) {
        text_str(query, *raw == '?' ? raw + 1 : raw);
        return 0;
    }
    if (http_host->type(params) != WFW_OBJECT)
        return INVALID(r, "query must be an object or a string");
    for (size_t i = 0; (v = http_host->item(params, i, &name)); i++)
        if (add_values(r, query, name, v) != 0)
            return -1;
    return 0;
}

static const char *with_query(struct request *r, const char *url, const struct text *query)
{
    struct text out = {.task = r->task};
    size_t len = strcspn(url, "#");
    if (!query->len)
        return url;
    text_add(&out, url, len);
    if (!memchr(url, '?', len))
        text_str(&out, "?");
    else if (url[len - 1] != '?' && url[len - 1] != '&')
        text_str(&out, "&");
    text_add(&out, query->data, query->len);
    text_str(&out, url + len);
    return out.data ? out.data : url;
}

/* User and password never reach a result. */
static const char *without_user(struct request *r, const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    if (!at)
        return url;
    struct text out = {.task = r->task};
    text_add(&out, url, (size_t)(host - url));
    text_str(&out, at + 1);
    return out.data;
}

static int read_url(struct request *r, const struct wfw_call *call)
{
    const struct wfw_value *v = member(http_host, call->config, "/url");
    const char *url = text_member(http_host, call->config, "/url");
    if (!url && (!v || http_host->type(v) == WFW_STRING)) {
        v = member(http_host, call->input, "/url");
        url = text_member(http_host, call->input, "/url");
    }
    if (!url)
        return v && http_host->type(v) != WFW_STRING ? INVALID(r, "url must be a string")
                                                     : INVALID(r, "url is required for http_request node");
    struct text query = {.task = r->task};
    if (read_query(r, call->config, &query) != 0)
        return -1;
    r->url = encode_path(r, with_query(r, url, &query));
    r->shown_url = r->url ? without_user(r, r->url) : NULL;
    return r->url && r->shown_url ? 0 : INVALID(r, "url is too large");
}

/* ---- Authentication ---- */

static int basic_auth(struct request *r, const struct wfw_value *auth)
{
    const char *user = text_member(http_host, auth, "/username"), *password = text_member(http_host, auth, "/password");
    struct text pair = {.task = r->task}, value = {.task = r->task};
    if (!user && !password)
        return INVALID(r, "auth of type basic needs username and password");
    if (user && strchr(user, ':'))
        return INVALID(r, "auth of type basic: a user name cannot hold a colon");
    text_str(&pair, user ? user : "");
    text_str(&pair, ":");
    text_str(&pair, password ? password : "");
    text_str(&value, "Basic ");
    text_str(&value, text_base64(r->task, pair.data, pair.len));
    return add_checked(r, "Authorization", value.data);
}

static int bearer_auth(struct request *r, const struct wfw_value *auth)
{
    const char *token = text_member(http_host, auth, "/token");
    struct text value = {.task = r->task};
    if (!token)
        return INVALID(r, "auth of type bearer needs token");
    text_str(&value, "Bearer ");
    text_str(&value, token);
    return add_checked(r, "Authorization", value.data);
}

static int api_key_auth(struct request *r, const struct wfw_value *auth)
{
    const char *name = text_member(http_host, auth, "/name"), *value = text_member(http_host, auth, "/value");
    const char *in = text_member(http_host, auth, "/in");
    if (!value)
        return INVALID(r, "auth of type api_key needs value");
    if (!in || strcmp(in, "header") == 0)
        return has_header(r, name ? name : "X-API-Key") ? 0 : add_checked(r, name ? name : "X-API-Key", value);
    if (strcmp(in, "query") != 0)
        return INVALID(r, "auth of type api_key: in is header or query");
    struct text query = {.task = r->task};
    add_pair(&query, name ? name : "api_key", value, strlen(value));
    r->url = with_query(r, r->url, &query);
    return 0;
}

/* A header that the config sets itself wins. */
static int read_auth(struct request *r, const struct wfw_value *config)
{
    const struct wfw_value *auth = member(http_host, config, "/auth");
    const char *type = text_member(http_host, auth, "/type");
    if (!auth || (type && strcmp(type, "none") == 0))
        return 0;
    if (http_host->type(auth) != WFW_OBJECT || !type)
        return INVALID(r, "auth must be an object with a type: basic, bearer, api_key or none");
    if (strcmp(type, "api_key") == 0)
        return api_key_auth(r, auth);
    if (strcmp(type, "basic") != 0 && strcmp(type, "bearer") != 0)
        return INVALID(r, "auth type \"%.32s\" is not one of basic, bearer, api_key, none", type);
    if (has_header(r, "Authorization"))
        return 0;
    return strcmp(type, "basic") == 0 ? basic_auth(r, auth) : bearer_auth(r, auth);
}

/* ---- Body ---- */

/* A string is sent as it is, everything else as JSON. */
static int read_body(struct request *r, const struct wfw_call *call)
{
    const struct wfw_value *v = own_or_input(call, "/body");
    if (!v)
        return 0;
    const char *text = NULL;
    int is_text = http_host->get_string(v, "", &text, &r->body_len) == WFW_OK;
    if (!is_text)
        text = http_host->text(r->task, v, &r->body_len);
    r->body = text;
    int usual = method_is(r, "POST") || method_is(r, "PUT") || method_is(r, "PATCH");
    if ((usual || !is_text) && !has_header(r, "Content-Type"))
        return add_header(r, "Content-Type", "application/json");
    return 0;
}

/* ---- The rest ---- */

static int add_idempotency_key(struct request *r, const struct wfw_call *call)
{
    const struct wfw_value *v = member(http_host, call->config, "/idempotency_key");
    const char *key = text_member(http_host, call->config, "/idempotency_key");
    int wanted = 1;
    if (v && http_host->type(v) == WFW_BOOL)
        http_host->get_bool(v, "", &wanted);
    else if (v && !key)
        return INVALID(r, "idempotency_key must be true, false or the key's text");
    if (!wanted || method_is(r, "GET") || method_is(r, "HEAD") || method_is(r, "OPTIONS") ||
        has_header(r, "Idempotency-Key"))
        return 0;
    key = key ? key : call->key;
    return key ? add_checked(r, "Idempotency-Key", key) : 0;
}

static int read_format(struct request *r, const struct wfw_value *config)
{
    static const char *const names[] = {"auto", "text", "json", "base64"};
    const char *format = text_member(http_host, config, "/response_format");
    for (int i = 0; i < 4; i++) {
        if (!format || strcmp(format, names[i]) == 0) {
            r->format = (enum response_format)i;
            return 0;
        }
    }
    return INVALID(r, "response_format \"%.32s\" is not one of auto, text, json, base64", format);
}

static int read_limits(struct request *r, const struct wfw_value *config)
{
    double redirects = DEFAULT_REDIRECTS, most = 0;
    int follow = 1;
    r->timeout_s = DEFAULT_TIMEOUT_S;
    if (read_number(r, config, "/timeout", 0.001, LONGEST_TIMEOUT_S, &r->timeout_s) != 0 ||
        read_number(r, config, "/max_redirects", 0, MOST_REDIRECTS, &redirects) != 0 ||
        read_number(r, config, "/max_response_bytes", 1, 1e12, &most) != 0)
        return -1;
    if (http_host->get_bool(config, "/follow_redirects", &follow) == WFW_E_TYPE &&
        member(http_host, config, "/follow_redirects"))
        return INVALID(r, "follow_redirects must be true or false");
    r->max_redirects = follow ? (uint32_t)redirects : 0;
    r->max_response = (uint64_t)most;
    return 0;
}

int request_read(struct request *r, const struct wfw_call *call)
{
    if (read_method(r, call) != 0 || read_url(r, call) != 0 || read_headers(r, call) != 0)
        return -1;
    if (read_auth(r, call->config) != 0 || read_body(r, call) != 0 || add_idempotency_key(r, call) != 0)
        return -1;
    return read_format(r, call->config) != 0 || read_limits(r, call->config) != 0 ? -1 : 0;
}
