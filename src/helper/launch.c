/* SPDX-License-Identifier: Apache-2.0 */
/* Helper processes before there is a loop and after it: the first one of a plugin, which is the probe of its file, and the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/helper.h"
#include "helper/inside.h"

/* The most that one message of a helper may have: what is larger is no outcome that could be kept. */
#define MESSAGE_MOST ((size_t)128 << 20)
#define LEAVE_MS 1000 /* for the end of one that said that it cannot go on */

/* ---- One process ---- */

static enum log_level lowest_level(void)
{
    enum log_level level = LOG_DEBUG;
    while (level < LOG_ERROR && !log_enabled(level))
        level++;
    return level;
}

/* The limits as they are in memory: the other side is the same program. */
static json_t *limits_json(const struct limits *l)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)l;
    char text[2 * sizeof *l + 1];
    for (size_t i = 0; i < sizeof *l; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * sizeof *l] = '\0';
    return json_string(text);
}

static void send_load(struct helper *h)
{
    const struct pool *p = h->pool;
    CLEANUP_JSON json_t *m = json_object();
    js_set(m, "is", json_string("load"));
    js_set(m, "path", js_string_lossy(p->path, strlen(p->path)));
    js_set(m, "name", js_string_lossy(p->name, strlen(p->name)));
    js_set(m, "denied", json_integer(p->denied));
    js_set(m, "level", json_integer(lowest_level()));
    js_set(m, "limits", limits_json(&p->limits));
    channel_put_json(&h->process.channel, m, NULL, 0);
}

void helper_send_init(struct helper *h)
{
    CLEANUP_JSON json_t *m = json_object();
    js_set(m, "is", json_string("init"));
    js_set(m, "config", h->pool->config ? json_incref(h->pool->config) : json_object());
    channel_put_json(&h->process.channel, m, NULL, 0);
}

struct helper *helper_launch(struct pool *p, struct error *e)
{
    struct helper *h = xcalloc(1, sizeof *h);
    int fd = -1;
    h->pool = p;
    h->note = death_note_new(&fd, e);
    int rc = h->note ? process_start(&h->process, p->program, p->name, fd, e) : -1;
    if (fd >= 0)
        close(fd);
    if (rc != 0) {
        death_note_free(h->note);
        free(h);
        return NULL;
    }
    h->process.channel.most = MESSAGE_MOST;
    h->next = p->helpers;
    p->helpers = h;
    p->counts.helpers++;
    p->counts.started++;
    send_load(h);
    return h;
}

void helper_free(struct helper *h)
{
    struct helper **at = &h->pool->helpers;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    h->pool->counts.helpers--;
    beside_forget(h);
    process_free(&h->process);
    death_note_free(h->note);
    free(h);
}

/* ---- Without a loop ---- */

static int take_error(const json_t *m, struct error *e)
{
    const char *message = js_str(m, "message"), *detail = js_str(m, "detail"), *hint = js_str(m, "hint");
    err_set(e, "%s", message ? message : "");
    if (detail && *detail)
        err_detail(e, "%s", detail);
    if (hint && *hint)
        err_hint(e, "%s", hint);
    return -1;
}

/* Why the message did not come. */
static int no_message(struct helper *h, bool late, struct error *e)
{
    int64_t timeout = h->pool->start_timeout_ms;
    process_end(&h->process, late ? 0 : LEAVE_MS);
    if (late)
        return probe_late(timeout, h->stage, e);
    return probe_died(h->process.ending.status, h->stage, e);
}

/* Listen until the message `what` comes: a new reference; or NULL and *e. */
static json_t *await(struct helper *h, const char *what, struct error *e)
{
    int64_t end = clock_mono_us() + h->pool->start_timeout_ms * US_PER_MS;
    bool late = false;
    channel_flush(&h->process.channel); /* a new socket takes as much as this */
    for (;;) {
        int64_t left = (end - clock_mono_us()) / US_PER_MS;
        CLEANUP_JSON json_t *m = process_listen(&h->process, left > 0 ? left : 0, &late);
        const char *is = js_str(m, "is");
        if (!m || !is) {
            no_message(h, late, e);
            return NULL;
        }
        if (strcmp(is, what) == 0)
            return STEAL(m);
        if (strcmp(is, "failed") == 0) {
            take_error(m, e);
            return NULL;
        }
        if (strcmp(is, "entered") == 0)
            h->stage = PROBE_ENTRY;
        else
            talk_take(h, &(struct heard){.message = m});
    }
}

json_t *helpers_describe(struct remote *r, struct error *e)
{
    struct pool *p = (struct pool *)r;
    struct helper *h = helper_launch(p, e);
    CLEANUP_JSON json_t *m = h ? await(h, "about", e) : NULL;
    if (!m)
        return NULL;
    h->stage = PROBE_INIT;
    p->about = json_incref(json_object_get(m, "about"));
    return json_incref(p->about);
}

void helpers_configure(struct remote *r, json_t *config)
{
    struct pool *p = (struct pool *)r;
    json_decref(p->config);
    p->config = json_incref(config);
}

int helpers_init(struct remote *r, json_t **about, struct error *e)
{
    struct pool *p = (struct pool *)r;
    struct helper *h = p->helpers;
    helper_send_init(h);
    CLEANUP_JSON json_t *m = await(h, "ready", e);
    if (!m)
        return -1;
    *about = json_incref(json_object_get(m, "about"));
    h->state = HELPER_IDLE;
    h->idle_since_us = clock_mono_us();
    return 0;
}

/* ---- Making and ending of a pool ---- */

static int read_helpers(const json_t *section, size_t *helpers, struct error *e)
{
    const char *text = js_str(section, "helpers");
    if (!text)
        return 0;
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n < 1 || n > 1024)
        return err_set(e, "helpers = \"%.80s\" is no number from 1 to 1024", text);
    *helpers = n;
    return 0;
}

struct remote *helpers_open(const struct remote_options *o, struct error *e)
{
    struct limits limits;
    size_t max = o->helpers;
    limits_defaults(&limits);
    if (read_helpers(o->section, &max, e) != 0 || limits_read(o->section, &limits, e) != 0)
        return NULL;
    struct pool *p = xcalloc(1, sizeof *p);
    p->remote.isolation = &helper_isolation;
    p->name = xstrdup(o->name);
    p->path = xstrdup(o->path);
    p->program = o->program ? xstrdup(o->program) : NULL;
    p->denied = o->denied;
    p->max = max;
    p->limits = limits;
    p->start_timeout_ms = o->start_timeout_ms;
    p->last = &p->first;
    return &p->remote;
}

/* All are told first, so that they end side by side. */
void helpers_close(struct remote *r)
{
    struct pool *p = (struct pool *)r;
    for (struct helper *h = p->helpers; h; h = h->next) {
        channel_put(&h->process.channel, "{\"is\":\"end\"}", 12, NULL, 0);
        if (h->process.pid > 0)
            channel_flush(&h->process.channel);
    }
    int64_t end = clock_mono_us() + END_MS * US_PER_MS;
    while (p->helpers) {
        struct helper *h = p->helpers;
        int64_t left = (end - clock_mono_us()) / US_PER_MS;
        process_end(&h->process, left > 0 ? left : 0);
        helper_free(h);
    }
    keep_away_free(p);
    json_decref(p->config);
    json_decref(p->about);
    free(p->name);
    free(p->path);
    free(p->program);
    free(p);
}
