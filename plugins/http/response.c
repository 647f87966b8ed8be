/* SPDX-License-Identifier: Apache-2.0 */
/* From an answer to the node's result or failure. */
#include "http/http.h"

#define MOST_HEADERS 256         /* lines; more say nothing to a workflow */
#define MOST_ERROR_BODY 8192     /* bytes of the body in the details of a failure */
#define LONGEST_RETRY_S 31536000 /* a year */

/* ---- Headers ---- */

/* A line's name and value without the blanks around it; 0 when it is none. */
static int split(const char *line, size_t *name_len, const char **value, size_t *value_len)
{
    const char *colon = strchr(line, ':');
    if (!colon)
        return 0;
    *name_len = (size_t)(colon - line);
    *value = colon + 1 + strspn(colon + 1, " \t");
    *value_len = strlen(*value);
    while (*value_len > 0 && strchr(" \t", (*value)[*value_len - 1]))
        (*value_len)--;
    return 1;
}

static const char *find_header(const struct wfw_http_response *response, const char *name, size_t *len)
{
    size_t name_len;
    const char *value;
    for (const char *const *h = response->headers; h && *h; h++)
        if (split(*h, &name_len, &value, len) && name_is(*h, name_len, name))
            return value;
    return NULL;
}

/* All values of the name that this line is the first to have, joined; NULL when an earlier line has it. */
static const char *joined(struct wfw_task *task, const char *const *lines, size_t at, size_t count)
{
    struct text out = {.task = task};
    size_t name_len = strcspn(lines[at], ":"), other_len, value_len;
    const char *value;
    for (size_t i = 0; i < count; i++) {
        if (!split(lines[i], &other_len, &value, &value_len) || other_len != name_len)
            continue;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)(name_len < sizeof name ? name_len : sizeof name - 1), lines[at]);
        if (!name_is(lines[i], other_len, name))
            continue;
        if (i < at)
            return NULL;
        if (i > at)
            text_add(&out, ", ", 2);
        text_add(&out, value, value_len);
    }
    return out.data ? text_utf8(task, out.data, out.len) : NULL;
}

/* Names as they came first; repeated headers are joined with ", ". */
static struct wfw_value *headers_object(struct wfw_task *task, const struct wfw_http_response *response)
{
    struct wfw_value *out = http_host->object(task);
    const char *const *lines = response->headers;
    size_t count = 0;
    while (lines && lines[count] && count < MOST_HEADERS)
        count++;
    for (size_t i = 0; i < count; i++) {
        const char *value = joined(task, lines, i, count);
        if (!value)
            continue;
        const char *name = text_utf8(task, lines[i], strcspn(lines[i], ":"));
        if (name)
            http_host->set(out, name, http_host->string(task, value, WFW_NTS));
    }
    return out;
}

static int says_json(const struct wfw_http_response *response)
{
    size_t len;
    const char *type = find_header(response, "Content-Type", &len);
    if (!type)
        return 0;
    len = strcspn(type, "; \t");
    return name_is(type, len, "application/json") || name_is(type, len, "text/json") ||
           (len > 5 && name_is(type + len - 5, 5, "+json"));
}

/* ---- Body ---- */

static void set_body(const struct request *r, struct wfw_value *out, const void *body, size_t len, int as_text)
{
    struct wfw_task *task = r->task;
    const char *text = as_text ? body : text_base64(task, body, len);
    http_host->set(out, "body", http_host->string(task, text, as_text ? len : WFW_NTS));
}

/* The answer as JSON, or null with the reason where JSON was promised. */
static void set_json(const struct request *r, const struct wfw_http_response *response, struct wfw_value *out,
                     int as_text)
{
    char why[256] = "the body is not UTF-8 text without NUL";
    const struct wfw_value *json = NULL;
    int wanted = r->format == FORMAT_AUTO || r->format == FORMAT_JSON;
    if (wanted && response->body_len == 0)
        snprintf(why, sizeof why, "the body is empty");
    else if (wanted && as_text)
        json = http_host->parse(r->task, response->body, response->body_len, why, sizeof why);
    http_host->set(out, "json", json ? json : http_host->null(r->task));
    int promised = r->format == FORMAT_JSON || (says_json(response) && response->body_len > 0);
    if (wanted && !json && promised)
        http_host->set(out, "json_error", http_host->string(r->task, why, WFW_NTS));
}

static void succeed(const struct request *r, const struct wfw_http_response *response)
{
    struct wfw_task *task = r->task;
    struct wfw_value *out = http_host->object(task);
    int as_text = r->format != FORMAT_BASE64 && text_is_storable(response->body, response->body_len);
    http_host->set(out, "status_code", http_host->integer(task, response->status));
    http_host->set(out, "headers", headers_object(task, response));
    set_body(r, out, response->body, response->body_len, as_text);
    set_json(r, response, out, as_text);
    http_host->set(out, "url", http_host->string(task, r->shown_url, WFW_NTS));
    http_host->set(out, "method", http_host->string(task, r->method, WFW_NTS));
    http_host->set(out, "body_encoding", http_host->string(task, as_text ? "utf-8" : "base64", WFW_NTS));
    http_host->done(task, out, NULL);
}

/* ---- Failures ---- */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request-URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a Teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {510, "Not Extended"},
        {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return status < 500 ? "Client Error" : "Server Error";
}

/* Retry-After, in seconds or as a date; 0 when it says nothing useful. */
static int64_t retry_after_ms(const struct request *r, const struct wfw_http_response *response)
{
    size_t len;
    int64_t at, seconds = 0;
    const char *value = find_header(response, "Retry-After", &len);
    if (!value || len == 0)
        return 0;
    if (strspn(value, "0123456789") >= len) {
        for (size_t i = 0; i < len && seconds <= LONGEST_RETRY_S; i++)
            seconds = seconds * 10 + (value[i] - '0');
        return (seconds < LONGEST_RETRY_S ? seconds : LONGEST_RETRY_S) * 1000;
    }
    const char *text = text_utf8(r->task, value, len);
    if (!text || text_http_date(text, &at) != 0)
        return 0;
    int64_t ms = at - http_host->now_ms();
    return ms <= 0 ? 0 : ms < LONGEST_RETRY_S * INT64_C(1000) ? ms : LONGEST_RETRY_S * INT64_C(1000);
}

static struct wfw_value *failure_details(const struct request *r, const struct wfw_http_response *response)
{
    struct wfw_task *task = r->task;
    struct wfw_value *out = http_host->object(task);
    int as_text = text_is_storable(response->body, response->body_len);
    size_t len = as_text                                ? text_cut(response->body, response->body_len, MOST_ERROR_BODY)
                 : response->body_len < MOST_ERROR_BODY ? response->body_len
                                                        : MOST_ERROR_BODY;
    http_host->set(out, "status_code", http_host->integer(task, response->status));
    http_host->set(out, "headers", headers_object(task, response));
    set_body(r, out, response->body, len, as_text);
    http_host->set(out, "body_encoding", http_host->string(task, as_text ? "utf-8" : "base64", WFW_NTS));
    http_host->set(out, "body_truncated", http_host->boolean(task, len < response->body_len));
    return out;
}

static void refuse(const struct request *r, const struct wfw_http_response *response)
{
    int status = response->status;
    char message[96];
    snprintf(message, sizeof message, "HTTP %d: %s", status, reason(status));
    struct wfw_error error = {.size = sizeof error, .type = "http_status", .message = message};
    error.retryable = status == 408 || status == 425 || status == 429 || status >= 500;
    error.retry_after_ms = error.retryable ? retry_after_ms(r, response) : 0;
    error.details = failure_details(r, response);
    http_host->fail(r->task, &error);
}

static void no_answer(const struct request *r, const struct wfw_http_response *response)
{
    const char *type = response->error_type ? response->error_type : "network_error";
    const char *text = response->error ? response->error : "no answer";
    int transient = strcmp(type, "network_error") == 0 || strcmp(type, "timeout") == 0;
    int network = transient || strcmp(type, "tls_error") == 0;
    char message[UTIL_MESSAGE];
    snprintf(message, sizeof message, "%s%s", network ? "Network error: " : "", text);
    struct wfw_error error = {.size = sizeof error, .message = message, .retryable = transient};
    error.type = strcmp(type, "too_large") == 0 ? "payload_too_large" : type;
    http_host->fail(r->task, &error);
}

void response_finish(const struct request *r, const struct wfw_http_response *response)
{
    if (response->error || response->error_type || response->status == 0)
        no_answer(r, response);
    else if (response->status >= 400)
        refuse(r, response);
    else
        succeed(r, response);
}
