/* SPDX-License-Identifier: Apache-2.0 */
/* Events as records of the journal, and their replay. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/put.h"

static const char *const names[] = {
    [ENGINE_START] = "start",       [ENGINE_DONE] = "done",       [ENGINE_FAIL] = "fail",
    [ENGINE_PARK] = "park",         [ENGINE_ENTER] = "enter",     [ENGINE_LEAVE] = "leave",
    [ENGINE_TIMEOUT] = "timeout",   [ENGINE_PROGRESS] = "progress", [ENGINE_WAKE] = "wake",
    [ENGINE_LOST] = "lost",         [ENGINE_PAUSE] = "pause",     [ENGINE_RESUME] = "resume",
    [ENGINE_TERMINATE] = "terminate", [ENGINE_RETRY] = "retry",       [ENGINE_SIGNAL] = "signal",
};

/* ---- writing ---- */

static void write_start(const struct engine_start *s, struct buf *b)
{
    const struct engine_policy *p = &s->policy;
    put_text(b, "definition", s->definition);
    put_text(b, "execution_uuid", s->execution_uuid);
    put_text(b, "execution_id", s->execution_id);
    put_text(b, "workflow_id", s->workflow_id);
    put_int(b, "workflow_version", s->workflow_version);
    put_int(b, "started_at", s->started_at_us);
    put_json(b, "data", s->data);
    put_int(b, "retry_count", s->retry_count);
    put_text(b, "current_node_id", s->current_node_id);
    put_json(b, "node_results", s->node_results);
    put_json(b, "completed_node_ids", s->completed_node_ids);
    put_json(b, "variables", s->variables);
    put_json(b, "workflow_timeout", s->workflow_timeout);
    put_int(b, "max_retries", p->max_retries);
    buf_addstr(b, ",\"retry_multiplier\":");
    js_write_real(b, p->retry_multiplier);
    put_int(b, "retry_initial_ms", p->retry_initial_ms);
    put_int(b, "retry_max_ms", p->retry_max_ms);
    put_int(b, "node_timeout_ms", p->node_timeout_ms);
    put_int(b, "max_crashes", p->max_crashes);
}

static void write_failure(const struct failure *f, struct buf *b)
{
    put_text(b, "type", f->type);
    put_text(b, "message", f->message);
    put_int(b, "retryable", f->retryable);
    put_int(b, "retry_after_ms", f->retry_after_ms);
    put_json(b, "details", f->details);
    put_text(b, "node", f->node);
}

static void write_park(const struct engine_park *p, struct buf *b)
{
    put_int(b, "until", p->until_us);
    put_text(b, "signal", p->signal);
    put_json(b, "signals", p->signals);
    put_text(b, "child", p->child);
    put_json(b, "checkpoint", p->checkpoint);
    put_int(b, "fresh", p->fresh);
}

static void write_enter(const struct engine_enter *e, struct buf *b)
{
    put_int(b, "pass", (int64_t)e->pass);
    put_json(b, "passes", e->passes);
    put_text(b, "to", e->to);
    put_int(b, "flags", e->flags);
    put_int(b, "keep", e->keep);
}

void engine_event_write(const struct engine_event *ev, int64_t now_us, struct buf *out)
{
    buf_addstr(out, "{\"at\":");
    buf_addint(out, now_us);
    put_text(out, "ev", names[ev->type]);
    put_int(out, "act", (int64_t)ev->act);
    put_json(out, "output", ev->output);
    put_text(out, "branch", ev->branch);
    if (ev->type == ENGINE_START)
        write_start(ev->start, out);
    if (ev->type == ENGINE_FAIL)
        write_failure(ev->failure, out);
    if (ev->type == ENGINE_PARK || ev->type == ENGINE_ENTER)
        write_park(&ev->park, out);
    if (ev->type == ENGINE_ENTER)
        write_enter(&ev->enter, out);
    if (ev->type == ENGINE_SIGNAL) {
        put_text(out, "signal", ev->signal);
        put_text(out, "id", ev->signal_id);
    }
    if (ev->type == ENGINE_LEAVE)
        put_int(out, "leave", ev->leave);
    if (ev->type != ENGINE_START)
        put_json(out, "variables", ev->variables);
    put_json(out, "cancels", ev->cancels);
    put_json(out, "asks", ev->asks);
    put_text(out, "reason", ev->message);
    put_int(out, "refused", ev->refused);
    buf_addch(out, '}');
}

/* ---- reading ---- */

/* Records are our own, but a damaged one must not make the engine count beyond its numbers. */
static int64_t get_count(const json_t *r, const char *key)
{
    return bounded(js_int(r, key, 0), 0, INT32_MAX);
}

static int64_t get_ms(const json_t *r, const char *key)
{
    return bounded(js_int(r, key, 0), 0, LENGTH_MAX_MS);
}

static int64_t get_time(const json_t *r, const char *key)
{
    return time_bounded(js_int(r, key, 0));
}

static uint64_t get_number(const json_t *r, const char *key)
{
    return (uint64_t)bounded(js_int(r, key, 0), 0, INT64_MAX / 2);
}

/* 1 to 1000, as the setting; what is no number is 1. */
static double get_multiplier(const json_t *r, const char *key)
{
    double v = json_number_value(json_object_get(r, key));
    return v >= 1 ? (v < 1000 ? v : 1000) : 1;
}

static void read_start(const json_t *r, struct engine_start *s)
{
    *s = (struct engine_start){.definition = js_str(r, "definition"),
                               .execution_uuid = js_str(r, "execution_uuid"),
                               .execution_id = js_str(r, "execution_id"),
                               .workflow_id = js_str(r, "workflow_id"),
                               .workflow_version = js_int(r, "workflow_version", 0),
                               .started_at_us = get_time(r, "started_at"),
                               .data = json_object_get(r, "data"),
                               .retry_count = (int)bounded(js_int(r, "retry_count", 0), INT32_MIN, INT32_MAX),
                               .current_node_id = js_str(r, "current_node_id"),
                               .node_results = json_object_get(r, "node_results"),
                               .completed_node_ids = json_object_get(r, "completed_node_ids"),
                               .variables = json_object_get(r, "variables"),
                               .workflow_timeout = json_object_get(r, "workflow_timeout")};
    s->policy = (struct engine_policy){.max_retries = (int)get_count(r, "max_retries"),
                                       .retry_multiplier = get_multiplier(r, "retry_multiplier"),
                                       .retry_initial_ms = get_ms(r, "retry_initial_ms"),
                                       .retry_max_ms = get_ms(r, "retry_max_ms"),
                                       .node_timeout_ms = get_ms(r, "node_timeout_ms"),
                                       .max_crashes = (int)get_count(r, "max_crashes")};
}

static char *text_or(const json_t *r, const char *key, const char *fallback)
{
    const char *text = js_str(r, key);
    return xstrdup(text ? text : fallback);
}

static void read_failure(const json_t *r, struct failure *f)
{
    *f = (struct failure){.type = text_or(r, "type", "error"),
                          .message = text_or(r, "message", ""),
                          .retryable = js_int(r, "retryable", 0) != 0,
                          .retry_after_ms = get_ms(r, "retry_after_ms"),
                          .details = json_incref(json_object_get(r, "details")),
                          .node = js_str(r, "node") ? xstrdup(js_str(r, "node")) : NULL};
}

static void read_event(const json_t *r, struct engine_event *ev)
{
    ev->act = get_number(r, "act");
    ev->output = json_object_get(r, "output");
    ev->branch = js_str(r, "branch");
    ev->leave = (enum engine_leave)bounded(js_int(r, "leave", 0), 0, ENGINE_END);
    ev->variables = json_object_get(r, "variables");
    ev->cancels = json_object_get(r, "cancels");
    ev->asks = json_object_get(r, "asks");
    ev->message = js_str(r, "reason");
    ev->refused = js_int(r, "refused", 0) != 0;
    ev->signal = js_str(r, "signal");
    ev->signal_id = js_str(r, "id");
    ev->park = (struct engine_park){.until_us = get_time(r, "until"),
                                    .signal = js_str(r, "signal"),
                                    .signals = json_object_get(r, "signals"),
                                    .child = js_str(r, "child"),
                                    .checkpoint = json_object_get(r, "checkpoint"),
                                    .fresh = js_int(r, "fresh", 0) != 0};
    ev->enter = (struct engine_enter){.pass = get_number(r, "pass"),
                                      .passes = json_object_get(r, "passes"),
                                      .to = js_str(r, "to"),
                                      .flags = (uint32_t)get_count(r, "flags"),
                                      .keep = (uint32_t)get_count(r, "keep")};
}

int engine_replay(const struct def *d, struct engine_state *s, const json_t *record, struct error *e)
{
    const char *name = js_str(record, "ev");
    struct engine_event ev = {.type = ENGINE_TERMINATE};
    struct engine_start start;
    struct failure failure = {0};
    size_t type = 0;
    while (name && type < ARRAY_LEN(names) && strcmp(names[type], name) != 0)
        type++;
    if (!name || type == ARRAY_LEN(names))
        return err_set(e, "the journal holds an event that this program does not know: %s", name ? name : "(none)");
    ev.type = (enum engine_event_type)type;
    read_event(record, &ev);
    if (ev.type == ENGINE_START) {
        read_start(record, &start);
        ev.start = &start;
    }
    if (ev.type == ENGINE_FAIL) {
        read_failure(record, &failure);
        ev.failure = &failure;
    }
    int rc = engine_step(d, s, &ev, get_time(record, "at"), NULL, e);
    failure_clear(&failure);
    return rc;
}
