/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/lend.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/output.h"

/* A message that came while an answer was waited for. */
struct kept {
    struct kept *next;
    json_t *message;
    void *tail;
    size_t tail_len;
};

struct transfer {
    struct transfer *next;
    int64_t id;
    http_done_fn done;
    void *arg;
};

static struct {
    struct channel channel;
    pthread_mutex_t writing;
    struct kept *kept, **kept_end;
    void *tail; /* of the message that was given out last, when it had been kept */
    struct transfer *transfers;
    int64_t last_transfer;
    uv_async_t later;
    struct call_clock clock;
    int64_t began_us; /* by the monotonic clock, when the call came */
} me = {.channel = {.fd = -1}, .writing = PTHREAD_MUTEX_INITIALIZER};

/* ---- Messages ---- */

/* wfworker is gone, and with it everybody who could want something of this process. */
__attribute__((noreturn)) static void left_alone(void)
{
    _exit(0);
}

void lend_send(const char *text, size_t len, const void *tail, size_t tail_len)
{
    pthread_mutex_lock(&me.writing);
    int rc = channel_put(&me.channel, text, len, tail, tail_len);
    while (rc == 0 && (rc = channel_flush(&me.channel)) == 0)
        channel_wait(&me.channel, POLLOUT, -1);
    pthread_mutex_unlock(&me.writing);
    if (rc < 0)
        left_alone();
}

void lend_send_json(json_t *message)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    js_write(&b, message);
    json_decref(message);
    lend_send(b.data, b.len, NULL, 0);
}

/* wfworker takes no longer ones. */
static json_t *line_text(const char *text)
{
    size_t len = strlen(text);
    return js_string_lossy(text, len < OUTPUT_LINE ? len : OUTPUT_LINE);
}

static void send_line(enum log_level level, const char *message, const struct log_field *f)
{
    json_t *line = json_object(), *fields = json_array();
    js_set(line, "is", json_string("line"));
    js_set(line, "level", json_integer(level));
    js_set(line, "message", line_text(message));
    for (; f->name; f++) {
        js_push(fields, js_string_lossy(f->name, strlen(f->name)));
        js_push(fields, f->text ? line_text(f->text) : json_integer(f->number));
    }
    js_set(line, "fields", fields);
    lend_send_json(line);
}

void lend_open(int fd)
{
    channel_init(&me.channel, fd);
    me.kept_end = &me.kept;
    log_divert(send_line);
}

/* The next that the socket gives. */
static json_t *receive(bool wait, const void **tail, size_t *tail_len)
{
    struct frame f;
    int rc;
    while ((rc = channel_take(&me.channel, &f, NULL)) == 0) {
        long n = channel_fill(&me.channel, FRAME_MAX);
        if (n < 0)
            left_alone();
        if (n == 0 && !wait)
            return NULL;
        if (n == 0)
            channel_wait(&me.channel, POLLIN, -1);
    }
    json_t *message = rc == 1 ? js_parse_own(f.text, f.text_len, NULL) : NULL;
    if (!message)
        left_alone();
    *tail = f.tail;
    *tail_len = f.tail_len;
    return message;
}

static json_t *take_kept(const void **tail, size_t *tail_len)
{
    struct kept *k = me.kept;
    json_t *message = k->message;
    me.kept = k->next;
    if (!me.kept)
        me.kept_end = &me.kept;
    *tail = me.tail = k->tail;
    *tail_len = k->tail_len;
    xfree(k);
    return message;
}

json_t *lend_receive(bool wait, const void **tail, size_t *tail_len)
{
    xfree(STEAL(me.tail));
    return me.kept ? take_kept(tail, tail_len) : receive(wait, tail, tail_len);
}

static void keep(json_t *message, const void *tail, size_t tail_len)
{
    struct kept *k = xcalloc(1, sizeof *k);
    *k = (struct kept){.message = message, .tail = tail_len ? memcpy(xmalloc(tail_len), tail, tail_len) : NULL,
                       .tail_len = tail_len};
    *me.kept_end = k;
    me.kept_end = &k->next;
}

/* Send a question, wait for its answer: a new reference.  Takes over the question. */
static json_t *ask(json_t *question)
{
    const void *tail;
    size_t tail_len;
    json_t *answer;
    js_set(question, "is", json_string("ask"));
    lend_send_json(question);
    for (;;) {
        answer = receive(true, &tail, &tail_len);
        const char *is = js_str(answer, "is");
        if (is && strcmp(is, "answer") == 0)
            break;
        keep(answer, tail, tail_len);
    }
    uv_async_send(&me.later);
    return answer;
}

static json_t *question(const char *what, const char *text)
{
    json_t *q = json_object();
    js_set(q, "what", json_string(what));
    js_set(q, "text", js_string_lossy(text, strlen(text)));
    return q;
}

/* ---- The services ---- */

static void take_error(const json_t *answer, struct error *e)
{
    const char *message = js_str(answer, "error"), *detail = js_str(answer, "detail");
    err_set(e, "%s", message ? message : "no answer");
    if (detail)
        err_detail(e, "%s", detail);
}

static json_t *eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    json_t *q = question("eval", expression);
    (void)ctx, (void)owner;
    if (vars)
        js_set(q, "vars", json_incref((json_t *)(uintptr_t)vars));
    CLEANUP_JSON json_t *answer = ask(q);
    json_t *value = json_object_get(answer, "value");
    if (!value)
        take_error(answer, e);
    return json_incref(value);
}

static char *ask_string(const char *what, const char *name)
{
    CLEANUP_JSON json_t *answer = ask(question(what, name));
    const char *text = js_str(answer, "value");
    return text ? xstrdup(text) : NULL;
}

static char *secret(void *ctx, void *owner, const char *name)
{
    (void)ctx, (void)owner;
    return ask_string("secret", name);
}

static char *env(void *ctx, const char *name)
{
    (void)ctx;
    return ask_string("env", name);
}

static json_t *variable(void *ctx, void *owner, const char *name, const char *scope)
{
    json_t *q = question("variable", name);
    (void)ctx, (void)owner;
    if (scope)
        js_set(q, "scope", json_string(scope));
    CLEANUP_JSON json_t *answer = ask(q);
    return json_incref(json_object_get(answer, "value"));
}

static void progress(void *ctx, void *owner, json_t *value)
{
    json_t *m = json_object();
    (void)ctx, (void)owner;
    js_set(m, "is", json_string("progress"));
    js_set(m, "value", json_incref(value));
    lend_send_json(m);
}

static void add_log(void *ctx, void *owner, int level, const char *text)
{
    json_t *m = json_object();
    (void)ctx, (void)owner;
    js_set(m, "is", json_string("log"));
    js_set(m, "level", json_integer(level));
    js_set(m, "text", json_string(text));
    lend_send_json(m);
}

void lend_clock(const struct call_clock *c)
{
    me.clock = *c;
    me.began_us = clock_mono_us();
}

static int64_t now(void *ctx)
{
    (void)ctx;
    return me.clock.now_us ? me.clock.now_us + (me.clock.stands ? 0 : clock_mono_us() - me.began_us) : clock_now_us();
}

/* ---- http ---- */

static json_t *request_json(const struct http_request *r, int64_t id)
{
    json_t *m = json_object(), *headers = json_array();
    js_set(m, "is", json_string("http"));
    js_set(m, "id", json_integer(id));
    js_set(m, "method", js_string_lossy(r->method, strlen(r->method)));
    js_set(m, "url", js_string_lossy(r->url, strlen(r->url)));
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        js_push(headers, js_string_lossy(r->headers[i], strlen(r->headers[i])));
    js_set(m, "headers", r->headers ? headers : json_null());
    if (!r->headers)
        json_decref(headers);
    js_set(m, "max_response", json_integer(r->max_response > INT64_MAX ? INT64_MAX : (json_int_t)r->max_response));
    js_set(m, "timeout", json_integer(r->timeout_ms));
    js_set(m, "redirects", json_integer(r->max_redirects));
    return m;
}

static void *http_begin(void *ctx, const struct http_request *r, http_done_fn done, void *arg, struct error *e)
{
    struct transfer *t = xcalloc(1, sizeof *t);
    CLEANUP_JSON json_t *m = request_json(r, ++me.last_transfer);
    CLEANUP_FREE char *text = js_text(m);
    (void)ctx, (void)e;
    *t = (struct transfer){.next = me.transfers, .id = me.last_transfer, .done = done, .arg = arg};
    me.transfers = t;
    lend_send(text, strlen(text), r->body, r->body_len);
    return t;
}

static struct transfer *take_transfer(int64_t id)
{
    struct transfer **at = &me.transfers;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct transfer *t = *at;
    if (t)
        *at = t->next;
    return t;
}

static void http_end(void *ctx, void *transfer)
{
    struct transfer *t = transfer;
    json_t *m = json_object();
    (void)ctx;
    js_set(m, "is", json_string("http_cancel"));
    js_set(m, "id", json_integer(t->id));
    lend_send_json(m);
    free(take_transfer(t->id));
}

static const char **header_lines(const json_t *headers)
{
    size_t i;
    json_t *line;
    if (!json_is_array(headers))
        return NULL;
    const char **lines = xcalloc(json_array_size(headers) + 1, sizeof(*lines));
    json_array_foreach(headers, i, line) lines[i] = json_string_value(line);
    return lines;
}

void lend_answered(const json_t *m, const void *tail, size_t tail_len)
{
    struct transfer *t = take_transfer(js_int(m, "id", 0));
    if (!t)
        return; /* it was cancelled meanwhile */
    CLEANUP_FREE const char **headers = header_lines(json_object_get(m, "headers"));
    CLEANUP_BUF struct buf body = BUF_INIT;
    buf_add(&body, tail, tail_len);
    const struct http_response r = {.status = (int)js_int(m, "status", 0), .error_type = js_str(m, "error_type"),
                                    .error = js_str(m, "error"), .headers = headers,
                                    .body = js_bool(m, "body", false) ? body.data : NULL, .body_len = tail_len,
                                    .effective_url = js_str(m, "url"), .buffer = &body};
    t->done(t->arg, &r);
    free(t);
}

/* ---- The whole ---- */

static void (*call_more)(void);

static void on_later(uv_async_t *handle)
{
    (void)handle;
    call_more();
}

struct task_services lend_services(uv_loop_t *loop, void (*more)(void))
{
    call_more = more;
    uv_async_init(loop, &me.later, on_later);
    return (struct task_services){.loop = loop, .http_start = http_begin, .http_cancel = http_end, .now_us = now, .eval = eval,
                                  .secret = secret, .env = env, .progress = progress, .log = add_log, .variable = variable,
                                  .alone = true};
}
