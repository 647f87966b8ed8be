/* SPDX-License-Identifier: Apache-2.0 */
/* Http without a network: each request is looked up in the test's script, compared with what the entry demands, and
 * answered at its virtual time. */
#include "mock/inside.h"

#include <strings.h>

#include "base/json.h"
#include "base/mem.h"

#define MAX_SHOWN 300 /* bytes of a body in a complaint */

struct entry {
    struct entry *next;
    char *method, *url, *body, *reply, *error_type, *error, *effective_url;
    char **headers, **reply_headers; /* NULL-terminated, or NULL */
    size_t body_len, reply_len;
    uint32_t times, used;
    int status;
    int64_t delay_ms;
};

struct transfer {
    struct wfw_mock *mock;
    const struct entry *entry; /* NULL: unexpected, or too late, or too large: see error */
    http_done_fn done;
    void *arg;
    struct event *event;
    char *url, *error, *error_type;
};

/* ---- The script ---- */

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static char **copy_lines(const char *const *lines)
{
    size_t n = 0;
    while (lines && lines[n])
        n++;
    char **to = lines ? xcalloc(n + 1, sizeof *to) : NULL;
    for (size_t i = 0; i < n; i++)
        to[i] = xstrdup(lines[i]);
    return to;
}

static void free_lines(char **lines)
{
    for (size_t i = 0; lines && lines[i]; i++)
        free(lines[i]);
    free(lines);
}

static char *copy_bytes(const char *bytes, size_t *len)
{
    *len = bytes && *len == 0 ? strlen(bytes) : *len;
    char *to = bytes ? xmalloc(*len + 1) : NULL;
    if (to) {
        memcpy(to, bytes, *len);
        to[*len] = '\0';
    }
    return to;
}

static struct entry *entry_new(const struct wfw_mock_http *x)
{
    struct entry *en = xcalloc(1, sizeof *en);
    *en = (struct entry){.method = xstrdup(x->method ? x->method : "GET"),
                         .url = xstrdup(x->url),
                         .error_type = copy(x->error_type),
                         .error = copy(x->error ? x->error : x->error_type),
                         .effective_url = copy(x->effective_url),
                         .headers = copy_lines(x->headers),
                         .reply_headers = copy_lines(x->reply_headers),
                         .body_len = x->body_len,
                         .reply_len = x->reply_len,
                         .times = x->times ? x->times : 1,
                         .status = x->status ? x->status : 200,
                         .delay_ms = x->delay_ms};
    en->body = copy_bytes(x->body, &en->body_len);
    en->reply = copy_bytes(x->reply ? x->reply : "", &en->reply_len);
    return en;
}

static void entry_free(struct entry *en)
{
    free(en->method);
    free(en->url);
    free(en->body);
    free(en->reply);
    free(en->error_type);
    free(en->error);
    free(en->effective_url);
    free_lines(en->headers);
    free_lines(en->reply_headers);
    free(en);
}

int wfw_mock_http(struct wfw_mock *mock, const struct wfw_mock_http *entry)
{
    struct wfw_mock_http x;
    struct entry **at = &mock->script;
    memset(&x, 0, sizeof x);
    if (entry && entry->size >= 2 * sizeof(void *) && entry->size <= sizeof x)
        memcpy(&x, entry, entry->size);
    if (!x.url) {
        set_error("%s", x.size ? "an entry needs a url" : "struct wfw_mock_http without its size; set size = sizeof");
        return -1;
    }
    while (*at)
        at = &(*at)->next;
    *at = entry_new(&x);
    return 0;
}

void script_free(struct wfw_mock *m)
{
    for (struct entry *en = m->script, *next; en; en = next) {
        next = en->next;
        if (en->used < en->times)
            complain(m, "%s %s was to be requested %u times, and was %u times", en->method, en->url, en->times,
                     en->used);
        entry_free(en);
    }
    m->script = NULL;
}

json_t *script_save(struct wfw_mock *m)
{
    json_t *saved = json_array();
    js_push(saved, json_integer((json_int_t)json_array_size(m->requests)));
    for (const struct entry *en = m->script; en; en = en->next)
        js_push(saved, json_integer(en->used));
    return saved;
}

void script_restore(struct wfw_mock *m, const json_t *saved)
{
    size_t i = 1;
    for (struct entry *en = m->script; en; en = en->next, i++)
        en->used = (uint32_t)json_integer_value(json_array_get(saved, i));
    while (json_array_size(m->requests) > (size_t)json_integer_value(json_array_get(saved, 0)))
        json_array_remove(m->requests, json_array_size(m->requests) - 1);
}

/* ---- A request against an entry ---- */

static bool url_fits(const char *pattern, const char *url)
{
    size_t len = strlen(pattern);
    return len > 0 && pattern[len - 1] == '*' ? strncmp(pattern, url, len - 1) == 0 : strcmp(pattern, url) == 0;
}

/* Names in any case; the rest byte for byte, but for the spaces behind the colon. */
static bool line_fits(const char *wanted, const char *line)
{
    size_t name = strcspn(wanted, ":");
    if (strncasecmp(wanted, line, name) != 0 || line[name] != ':' || wanted[name] != ':')
        return wanted[name] != ':' && strncasecmp(wanted, line, name) == 0 && line[name] == ':';
    const char *a = wanted + name + 1, *b = line + name + 1;
    return strcmp(a + strspn(a, " "), b + strspn(b, " ")) == 0;
}

static bool has_line(const struct http_request *r, const char *wanted)
{
    for (const char *const *line = r->headers; line && *line; line++)
        if (line_fits(wanted, *line))
            return true;
    return false;
}

static bool body_fits(const struct entry *en, const struct http_request *r)
{
    if (r->body_len == en->body_len && (en->body_len == 0 || memcmp(r->body, en->body, en->body_len) == 0))
        return true;
    CLEANUP_JSON json_t *wanted = js_parse(en->body, en->body_len, NULL);
    CLEANUP_JSON json_t *got = wanted && r->body ? js_parse(r->body, r->body_len, NULL) : NULL;
    return wanted && got && json_equal(wanted, got);
}

static void compare(struct wfw_mock *m, const struct entry *en, const struct http_request *r)
{
    for (char *const *wanted = en->headers; wanted && *wanted; wanted++)
        if (!has_line(r, *wanted))
            complain(m, "%s %s was requested without the header \"%s\"", r->method, r->url, *wanted);
    if (!en->body || body_fits(en, r))
        return;
    CLEANUP_JSON json_t *got =
        js_string_lossy(r->body ? r->body : "", r->body_len < MAX_SHOWN ? r->body_len : MAX_SHOWN);
    complain(m, "%s %s was requested with the body \"%s\" instead of \"%.*s\"", r->method, r->url,
             json_string_value(got), MAX_SHOWN, en->body);
}

static json_t *request_json(const struct http_request *r)
{
    json_t *o = json_object(), *lines = json_array();
    js_set(o, "method", js_string_lossy(r->method, strlen(r->method)));
    js_set(o, "url", js_string_lossy(r->url, strlen(r->url)));
    for (const char *const *line = r->headers; line && *line; line++)
        js_push(lines, js_string_lossy(*line, strlen(*line)));
    js_set(o, "headers", lines);
    js_set(o, "body", js_string_lossy(r->body ? r->body : "", r->body_len));
    if (r->timeout_ms)
        js_set(o, "timeout_ms", json_integer(r->timeout_ms));
    if (r->max_response)
        js_set(o, "max_response", json_integer((json_int_t)r->max_response));
    if (r->max_redirects)
        js_set(o, "max_redirects", json_integer(r->max_redirects));
    return o;
}

/* ---- Transfers ---- */

static void transfer_free(struct transfer *t)
{
    free(t->url);
    free(t->error);
    free(t->error_type);
    free(t);
}

static void on_due(void *arg)
{
    struct transfer *t = arg;
    const struct entry *en = t->entry;
    struct http_response r = {.effective_url = t->url, .body = "", .headers = (const char *const[]){NULL}};
    if (t->error_type || (en && en->error_type)) {
        r.error_type = t->error_type ? t->error_type : en->error_type;
        r.error = t->error ? t->error : en->error;
    } else if (en) {
        r.status = en->status;
        r.body = en->reply;
        r.body_len = en->reply_len;
        r.headers = en->reply_headers ? (const char *const *)en->reply_headers : r.headers;
        r.effective_url = en->effective_url ? en->effective_url : t->url;
    }
    t->done(t->arg, &r);
    transfer_free(t);
}

static void fail(struct transfer *t, const char *type, char *text)
{
    t->error_type = xstrdup(type);
    t->error = text;
}

/* host:port of a url, as errors name it. */
static char *authority(const char *url)
{
    const char *from = strstr(url, "://");
    from = from ? from + 3 : url;
    return xstrndup(from, strcspn(from, "/?#"));
}

/* When it is answered; what cannot be answered in time or size is an error, as wfworker's. */
static int64_t plan(struct transfer *t, const struct http_request *r)
{
    CLEANUP_FREE char *where = authority(r->url);
    int64_t after = t->entry->delay_ms;
    if (r->timeout_ms > 0 && after >= r->timeout_ms) {
        fail(t, "timeout", xasprintf("no complete answer from %s within %g s", where, (double)r->timeout_ms / 1000));
        return r->timeout_ms;
    }
    if (!t->entry->error_type && r->max_response > 0 && t->entry->reply_len > r->max_response)
        fail(t, "too_large", xasprintf("the answer of %s is larger than %zu bytes", where, r->max_response));
    return after;
}

static struct entry *find(struct wfw_mock *m, const struct http_request *r)
{
    struct entry *en = m->script;
    while (en && (en->used >= en->times || strcmp(en->method, r->method) != 0 || !url_fits(en->url, r->url)))
        en = en->next;
    return en;
}

void *script_start(void *ctx, const struct http_request *r, http_done_fn done, void *arg, struct error *e)
{
    struct wfw_mock *m = ctx;
    struct entry *en = find(m, r);
    struct transfer *t = xcalloc(1, sizeof *t);
    int64_t after = 0;
    (void)e;
    *t = (struct transfer){.mock = m, .entry = en, .done = done, .arg = arg, .url = xstrdup(r->url)};
    js_push(m->requests, request_json(r));
    if (en) {
        en->used++;
        compare(m, en, r);
        after = plan(t, r);
    } else {
        complain(m, "%s %s was requested, which the test does not expect", r->method, r->url);
        fail(t, "network_error", xasprintf("the test does not expect %s %s", r->method, r->url));
    }
    t->event = event_add(m, after, on_due, t);
    return t;
}

void script_cancel(void *ctx, void *transfer)
{
    struct transfer *t = transfer;
    event_remove(ctx, t->event);
    transfer_free(t);
}
