/* SPDX-License-Identifier: Apache-2.0 */
/* What a helper process says, and what it gets for an answer.  It may say anything: what does not fit is refused, and what a node
 * type may not have is not given, as inside. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/calls.h"
#include "helper/inside.h"

/* ---- Its own log ---- */

#define MAX_FIELDS 16
#define MAX_NAME 40
#define MAX_TEXT 8192 /* a line of 2,000 bytes, in which what is no UTF-8 takes three */

/* The log writes names as they are. */
static bool is_name(const json_t *v)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
    const char *name = json_string_value(v);
    return name && *name && strlen(name) <= MAX_NAME && name[strspn(name, letters)] == '\0';
}

static bool take_line(struct helper *h, const json_t *m)
{
    struct log_field f[MAX_FIELDS + 2] = {{0}};
    const json_t *fields = json_object_get(m, "fields");
    const char *message = js_str(m, "message");
    int64_t level = js_int(m, "level", LOG_INFO);
    size_t n = json_array_size(fields) / 2 < MAX_FIELDS ? json_array_size(fields) / 2 : MAX_FIELDS;
    bool named = false;
    if (!message || strlen(message) > MAX_TEXT || level < LOG_DEBUG || level > LOG_ERROR)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(fields, 2 * i), *value = json_array_get(fields, 2 * i + 1);
        if (!is_name(name) || json_string_length(value) > MAX_TEXT)
            return false;
        f[i] = (struct log_field){.name = json_string_value(name), .text = json_string_value(value),
                                  .number = json_integer_value(value)};
        if (strcmp(f[i].name, "plugin") == 0) {
            f[i].text = h->pool->name; /* whatever it says */
            named = true;
        }
    }
    if (!named)
        f[n] = (struct log_field){.name = "plugin", .text = h->pool->name};
    if (log_enabled((enum log_level)level) && output_may_log(&h->process.output))
        log_fields((enum log_level)level, message, f);
    return true;
}

/* ---- Start ---- */

static bool take_about(struct helper *h, const json_t *m)
{
    struct pool *p = h->pool;
    h->stage = PROBE_INIT;
    if (p->about && !json_equal(p->about, json_object_get(m, "about"))) {
        h->failed = true;
        err_set(&h->error, "the file %s is not the one any more that was there when wfworker started", p->path);
        helper_sentence(h, DEATH_GARBAGE); /* whatever it says from here on */
    }
    return true;
}

static bool take_failed(struct helper *h, const json_t *m)
{
    const char *message = js_str(m, "message");
    h->failed = true;
    err_set(&h->error, "%s", message ? message : "");
    return true;
}

static bool take_start(struct helper *h, const char *is, const json_t *m)
{
    if (strcmp(is, "entered") == 0)
        h->stage = PROBE_ENTRY;
    else if (strcmp(is, "about") == 0)
        return take_about(h, m);
    else if (strcmp(is, "failed") == 0)
        return take_failed(h, m);
    else if (strcmp(is, "ready") == 0)
        helper_ready(h);
    else
        return false;
    return true;
}

/* ---- Notes ---- */

static bool take_log(const struct task *t, const json_t *m)
{
    const struct task_services *s = &t->host->services;
    const char *text = js_str(m, "text");
    int64_t level = js_int(m, "level", -1);
    if (!text || strlen(text) > MAX_TEXT || level < LOG_DEBUG || level > LOG_ERROR)
        return false;
    if (s->log && !t->settled)
        s->log(s->ctx, t->owner, (int)level, text);
    else
        log_write((enum log_level)level, text, LOG_STR("plugin", t->handler->plugin_name), LOG_STR("node", t->call.node_id),
                  LOG_STR("execution", t->call.execution_id));
    return true;
}

static bool take_progress(const struct task *t, const json_t *m)
{
    const struct task_services *s = &t->host->services;
    json_t *value = json_object_get(m, "value");
    if (value && s->progress && !t->settled)
        s->progress(s->ctx, t->owner, value);
    return value != NULL;
}

/* ---- Questions ---- */

/* Takes over the answer.  Nobody waits for it any more in one that is over. */
static void reply(struct helper *h, json_t *answer)
{
    if (!h->dying && !beside_answer(h, answer) && channel_put_json(&h->process.channel, answer, NULL, 0) != 0)
        helper_sentence(h, DEATH_GARBAGE); /* nobody could take it over there */
    json_decref(answer);
    helper_flush(h);
}

static char *ask_text(const struct task *t, const char *what, const char *text)
{
    const struct task_services *s = &t->host->services;
    bool secret = strcmp(what, "secret") == 0;
    if (!(t->handler->node->caps & (secret ? WFW_CAP_SECRETS : WFW_CAP_ENV)))
        return NULL;
    if (secret)
        return s->secret ? s->secret(s->ctx, t->owner, text) : NULL;
    return s->env ? s->env(s->ctx, text) : NULL;
}

static json_t *ask_here(const struct task *t, const char *what, const json_t *m, struct error *e)
{
    const struct task_services *s = &t->host->services;
    const char *text = js_str(m, "text");
    if (t->settled)
        err_set(e, "the task is over");
    else if (strcmp(what, "eval") == 0 && s->eval)
        return s->eval(s->ctx, t->owner, text, json_object_get(m, "vars"), e);
    else if (strcmp(what, "variable") == 0 && s->variable)
        return s->variable(s->ctx, t->owner, text, js_str(m, "scope"));
    else if (strcmp(what, "secret") == 0 || strcmp(what, "env") == 0) {
        CLEANUP_FREE char *value = ask_text(t, what, text);
        return value ? js_string_lossy(value, strlen(value)) : NULL;
    } else
        err_set(e, "this wfworker cannot answer that");
    return NULL;
}

static bool take_question(struct helper *h, const json_t *m)
{
    struct error e = ERROR_INIT;
    const char *what = js_str(m, "what");
    const json_t *vars = json_object_get(m, "vars");
    if (!what || !js_str(m, "text") || (vars && !json_is_object(vars)))
        return false;
    json_t *answer = json_object(), *value = ask_here(h->call->task, what, m, &e);
    js_set(answer, "is", json_string("answer"));
    if (value)
        js_set(answer, "value", value);
    else
        js_set(answer, "error", js_string_lossy(e.message, strlen(e.message)));
    if (!value && e.detail[0])
        js_set(answer, "detail", js_string_lossy(e.detail, strlen(e.detail)));
    reply(h, answer);
    return true;
}

/* ---- http ---- */

static void forget(struct transfer *x)
{
    struct transfer **at = &x->call->transfers;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    free(x);
}

static void set_text(json_t *m, const char *key, const char *text)
{
    if (text)
        js_set(m, key, js_string_lossy(text, strlen(text)));
}

static void send_body(struct helper *h, const json_t *m, const struct http_response *r)
{
    struct channel *c = &h->process.channel;
    bool large = r->buffer && r->body_len > HEAVY_BYTES;
    if ((large ? channel_put_owned(c, m, r->buffer) : channel_put_json(c, m, r->body, r->body_len)) != 0)
        helper_sentence(h, DEATH_GARBAGE); /* nobody could take it over there */
}

static void on_http(void *arg, const struct http_response *r)
{
    struct transfer *x = arg;
    struct helper *h = x->call->helper;
    json_t *m = json_object(), *headers = json_array();
    js_set(m, "is", json_string("http"));
    js_set(m, "id", json_integer(x->id));
    js_set(m, "status", json_integer(r->status));
    set_text(m, "error_type", r->error_type);
    set_text(m, "error", r->error);
    set_text(m, "url", r->effective_url);
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        js_push(headers, js_string_lossy(r->headers[i], strlen(r->headers[i])));
    js_set(m, "headers", r->headers ? headers : json_null());
    if (!r->headers)
        json_decref(headers);
    js_set(m, "body", json_boolean(r->body != NULL));
    forget(x);
    send_body(h, m, r);
    json_decref(m);
    helper_flush(h);
}

static void refuse(struct transfer *x, const char *why)
{
    const struct http_response r = {.error = why, .error_type = "network_error"};
    on_http(x, &r);
}

static const char **header_lines(const json_t *headers)
{
    size_t i;
    json_t *line;
    if (!json_is_array(headers))
        return NULL;
    const char **lines = xcalloc(json_array_size(headers) + 1, sizeof(*lines));
    json_array_foreach(headers, i, line) lines[i] = json_is_string(line) ? json_string_value(line) : "";
    return lines;
}

static bool take_http(struct helper *h, const json_t *m, const void *tail, size_t tail_len)
{
    struct task *t = h->call->task;
    const struct task_services *s = &t->host->services;
    struct error e = ERROR_INIT;
    CLEANUP_FREE const char **headers = header_lines(json_object_get(m, "headers"));
    int64_t most = js_int(m, "max_response", 0), redirects = js_int(m, "redirects", 0), timeout = js_int(m, "timeout", 0);
    const struct http_request r = {.method = js_str(m, "method"), .url = js_str(m, "url"), .headers = headers,
                                   .body = tail_len ? tail : NULL, .body_len = tail_len, .max_response = (size_t)most,
                                   .timeout_ms = timeout, .max_redirects = (unsigned)redirects};
    if (!r.method || !r.url || most < 0 || redirects < 0 || redirects > UINT32_MAX || timeout < 0)
        return false;
    if (!(t->handler->node->caps & WFW_CAP_HTTP))
        return false;
    if (t->settled)
        return true;
    struct transfer *x = xcalloc(1, sizeof *x);
    *x = (struct transfer){.next = h->call->transfers, .call = h->call, .id = js_int(m, "id", 0)};
    h->call->transfers = x;
    x->transfer = s->http_start ? s->http_start(s->ctx, &r, on_http, x, &e) : NULL;
    if (!x->transfer)
        refuse(x, s->http_start ? e.message : "this wfworker has no http service");
    return true;
}

static void stop(struct transfer *x)
{
    const struct task_services *s = &x->call->task->host->services;
    if (x->transfer)
        s->http_cancel(s->ctx, x->transfer);
    forget(x);
}

static bool take_http_cancel(struct helper *h, const json_t *m)
{
    int64_t id = js_int(m, "id", 0);
    struct transfer *x = h->call->transfers;
    while (x && x->id != id)
        x = x->next;
    if (x)
        stop(x);
    return true;
}

void talk_stop_transfers(struct away *a)
{
    while (a->transfers)
        stop(a->transfers);
}

/* ---- The end of a call ---- */

static bool take_outcome(struct helper *h, const struct heard *x)
{
    struct away *a = h->call;
    struct task *t = a->task;
    if (a->said || !x->outcome || (x->needs & ~t->handler->node->caps))
        return false;
    arena_keep(&t->arena, json_incref(x->message));
    a->said = true;
    talk_stop_transfers(a);
    helper_said(h);
    if (!t->settled)
        remote_outcome(t, &x->said, x->large);
    return true;
}

static bool take_over(struct helper *h, const json_t *m)
{
    int64_t open = js_int(m, "descriptors", 0);
    if (!h->call->said && !h->call->cancelled)
        return false;
    helper_over(h, open < 0 || open > UINT32_MAX ? 0 : (uint32_t)open);
    return true;
}

static bool take_of_call(struct helper *h, const char *is, const struct heard *x)
{
    const json_t *m = x->message;
    if (strcmp(is, "log") == 0)
        return take_log(h->call->task, m);
    if (strcmp(is, "progress") == 0)
        return take_progress(h->call->task, m);
    if (strcmp(is, "ask") == 0)
        return take_question(h, m);
    if (strcmp(is, "http") == 0)
        return take_http(h, m, x->tail, x->tail_len);
    if (strcmp(is, "http_cancel") == 0)
        return take_http_cancel(h, m);
    if (strcmp(is, "outcome") == 0)
        return take_outcome(h, x);
    return strcmp(is, "free") == 0 && take_over(h, m);
}

bool talk_take(struct helper *h, const struct heard *x)
{
    const char *is = js_str(x->message, "is");
    if (!is)
        return false;
    if (strcmp(is, "line") == 0)
        return take_line(h, x->message);
    if (h->state == HELPER_LOADING)
        return take_start(h, is, x->message);
    return h->state == HELPER_BUSY && take_of_call(h, is, x);
}

/* ---- Reading, on any thread ---- */

/* Each ask needs what its host function needs: the process may have made it without that. */
static uint32_t needs_of(const json_t *asks)
{
    static const struct {
        const char *kind;
        uint32_t cap;
    } needs[] = {{"child_start", WFW_CAP_CHILD}, {"lock", WFW_CAP_LOCK}, {"send", WFW_CAP_SIGNAL},
                 {"request", WFW_CAP_REQUEST}};
    uint32_t caps = 0;
    size_t i;
    json_t *ask;
    json_array_foreach(asks, i, ask)
    {
        const char *kind = js_str(ask, "kind");
        for (size_t k = 0; k < ARRAY_LEN(needs); k++)
            if (kind && strcmp(kind, needs[k].kind) == 0)
                caps |= needs[k].cap;
    }
    return caps;
}

void heard_make(struct heard *heard, const struct frame *f)
{
    json_t *m = js_parse_own(f->text, f->text_len, NULL);
    const char *is = js_str(m, "is");
    *heard = (struct heard){.message = m, .tail = f->tail, .tail_len = f->tail_len, .large = f->text_len > HEAVY_BYTES};
    if (!is || strcmp(is, "outcome") != 0)
        return;
    heard->outcome = outcome_read(m, &heard->said, NULL) == 0;
    heard->needs = needs_of(heard->said.asks);
}

void heard_clear(struct heard *heard)
{
    json_decref(heard->message);
    heard->message = NULL;
}
