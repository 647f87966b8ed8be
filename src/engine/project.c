/* SPDX-License-Identifier: Apache-2.0 */
/* The projection: what the backend's readers see of an execution.  Exactly the twelve keys, in their order, times
 * without a zone. */
#include "engine/state_int.h"

#include <string.h>

#include "base/json.h"

/* The column says failed while a retry is to come, as readers expect. */
static const char *status_text(const struct engine_state *s)
{
    switch (engine_status(s)) {
    case STATUS_COMPLETED:
        return "completed";
    case STATUS_RETRY:
    case STATUS_FAILED:
        return "failed";
    case STATUS_PAUSED:
        return "paused";
    case STATUS_WAITING_SIGNAL:
        return "waiting_for_signal";
    case STATUS_NEW:
    case STATUS_RUNNING:
        break;
    }
    return "running";
}

/* The first node that runs; else the first that waits; else the one that finished or failed last. */
static uint32_t current_node(const struct engine_state *s)
{
    if (s->phase != PHASE_RUNNING || s->failing.set || s->act_count == 0)
        return s->failing.set && s->failing.node != NO_INDEX ? s->failing.node : s->last_node;
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->state == ACT_RUNNING)
            return s->acts[i]->node;
    for (size_t i = 0; i < s->act_count; i++)
        if (signals_awaited(s->acts[i]))
            return s->acts[i]->node;
    return s->acts[0]->node;
}

void engine_columns(const struct def *d, const struct engine_state *s, struct engine_columns *out)
{
    uint32_t node = current_node(s);
    *out = (struct engine_columns){.status = status_text(s),
                                   .current_node_id = node == NO_INDEX ? NULL : d->nodes[node].id,
                                   .error_message = s->error_message,
                                   .retry_count = s->retry_count,
                                   .next_retry_at_us = s->phase == PHASE_RETRY ? s->retry_at_us : 0,
                                   .completed_at_us = s->ended_us};
}

/* A member with the comma before it. */
#define put_string(b, name, v) put_string_member(b, JS_MEMBER(name), v)
#define put_time(b, name, v) put_time_member(b, JS_MEMBER(name), v)

static void write_string(struct buf *b, const char *v)
{
    if (v)
        js_write_string(b, v, strlen(v));
    else
        buf_addstr(b, "null");
}

static void put_string_member(struct buf *b, const char *name, size_t len, const char *v)
{
    buf_add(b, name, len);
    write_string(b, v);
}

static void put_time_member(struct buf *b, const char *name, size_t len, int64_t us)
{
    char text[CLOCK_TEXT];
    clock_format_naive(us, text);
    put_string_member(b, name, len, text);
}

static void write_completed(const struct def *d, const struct engine_state *s, struct buf *b)
{
    const char *comma = "";
    size_t i;
    json_t *v;
    buf_addstr(b, ",\"completed_node_ids\":[");
    json_array_foreach(s->old_completed, i, v)
    {
        buf_addstr(b, comma);
        js_write(b, v);
        comma = ",";
    }
    for (i = 0; i < s->completed_count; i++) {
        const char *id = d->nodes[s->completed[i]].id;
        buf_addstr(b, comma);
        js_write_string(b, id, strlen(id));
        comma = ",";
    }
    buf_addch(b, ']');
}

static void write_result(const struct def *d, const struct result *r, struct buf *b)
{
    const char *id = d->nodes[r->node].id;
    int64_t ms = (r->completed_us - r->started_us) / US_PER_MS;
    js_write_string(b, id, strlen(id));
    buf_addstr(b, ":{\"node_id\":");
    write_string(b, id);
    buf_addstr(b, r->failed ? ",\"status\":\"failed\",\"output\":" : ",\"status\":\"success\",\"output\":");
    js_write(b, r->output);
    put_string(b, "error", r->error);
    put_time(b, "started_at", r->started_us);
    put_time(b, "completed_at", r->completed_us);
    buf_add(b, JS_MEMBER("duration_ms"));
    buf_addint(b, ms < 0 ? 0 : ms);
    buf_addch(b, '}');
}

static void write_results(const struct def *d, const struct engine_state *s, struct buf *b)
{
    const char *comma = "", *id;
    json_t *v;
    buf_addstr(b, ",\"node_results\":{");
    json_object_foreach(s->old_results, id, v)
    {
        buf_addstr(b, comma);
        js_write_string(b, id, strlen(id));
        buf_addch(b, ':');
        js_write(b, v);
        comma = ",";
    }
    for (size_t i = 0; i < s->result_count; i++) {
        buf_addstr(b, comma);
        write_result(d, &s->results[i], b);
        comma = ",";
    }
    buf_addch(b, '}');
}

void engine_projection(const struct def *d, const struct engine_state *s, struct buf *out)
{
    struct engine_columns c;
    engine_columns(d, s, &c);
    buf_addstr(out, "{\"execution_id\":");
    write_string(out, s->execution_id);
    put_string(out, "workflow_id", s->workflow_id);
    buf_add(out, JS_MEMBER("workflow_version"));
    buf_addint(out, s->workflow_version);
    put_string(out, "status", c.status);
    put_string(out, "current_node_id", c.current_node_id);
    write_completed(d, s, out);
    write_results(d, s, out);
    buf_add(out, JS_MEMBER("execution_data"));
    js_write(out, s->data);
    put_time(out, "started_at", s->started_us);
    put_string(out, "error_message", c.error_message);
    buf_add(out, JS_MEMBER("retry_count"));
    buf_addint(out, c.retry_count);
    if (c.next_retry_at_us)
        put_time(out, "next_retry_at", c.next_retry_at_us);
    else
        put_string(out, "next_retry_at", NULL);
    buf_addch(out, '}');
}
