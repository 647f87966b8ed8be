/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a state as JSON.  Nodes and edges go by number: the definition that an execution is pinned to never changes.
 * What is at its default is left out. */
#include "engine/codec.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/put.h"

static void write_ints(struct buf *b, const int64_t *v, size_t count)
{
    buf_addch(b, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_addch(b, ',');
        buf_addint(b, v[i]);
    }
    buf_addch(b, ']');
}

static int64_t node_number(uint32_t node)
{
    return node == NO_INDEX ? 0 : (int64_t)node + 1;
}

static void write_policy(struct buf *b, const struct engine_policy *p)
{
    buf_printf(b, ",\"policy\":[%d,", p->max_retries);
    js_write_real(b, p->retry_multiplier);
    buf_printf(b, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%d]", p->retry_initial_ms, p->retry_max_ms, p->node_timeout_ms,
               p->max_crashes);
}

static void write_slots(const struct scope *scope, const struct def_region *r, struct buf *b)
{
    buf_addstr(b, ",\"slots\":[");
    for (size_t i = 0; i < r->node_count; i++) {
        const struct slot *s = &scope->slots[i];
        if (i)
            buf_addch(b, ',');
        if (!s->state && !s->aggregated && !s->runs && !s->taken && !s->dead && !s->again && !s->stale)
            buf_addch(b, '0');
        else
            write_ints(b, (const int64_t[]){s->state, s->aggregated, s->taken, s->dead, s->again, s->runs, s->stale},
                       s->stale ? 7 : 6);
    }
    buf_addstr(b, "],\"cycles\":[");
    for (size_t i = 0; i < r->cycle_count; i++) {
        const struct cycle *c = &scope->cycles[i];
        buf_printf(b, "%s[%u,%u,%u,%u,%d,%d]", i ? "," : "", c->pass, c->live, c->entering, c->again, c->over,
                   c->exhausted);
    }
    buf_addch(b, ']');
}

static void write_rows(const struct scope *scope, struct buf *b)
{
    if (!scope->row_count)
        return;
    buf_addstr(b, ",\"rows\":[");
    for (uint32_t i = 0; i < scope->row_count; i++) {
        const struct row *row = &scope->rows[i];
        buf_printf(b, "%s[%u,%u", i ? "," : "", row->node, row->next);
        for (uint32_t k = 0; k < row->count; k++)
            buf_printf(b, ",%u", row->edges[k]);
        buf_addch(b, ']');
    }
    buf_addch(b, ']');
}

static void write_held(struct buf *b, const uint8_t *bits, size_t count)
{
    bool any = false;
    for (size_t i = 0; bits && i < count; i++)
        any |= bits[i] != 0;
    if (!any)
        return;
    put_key(b, "held");
    buf_addch(b, '"');
    for (size_t i = 0; i < count; i++)
        buf_addch(b, (char)('0' + bits[i]));
    buf_addch(b, '"');
}

/* Edges as one digit each, slots and cycles as short arrays; a slot that nothing has reached is 0. */
static void write_scope(const struct def *d, const struct scope *scope, struct buf *b)
{
    const struct def_region *r = &d->regions[scope->region];
    buf_addstr(b, "{\"id\":");
    buf_addint(b, (int64_t)scope->id);
    put_int(b, "kind", scope->kind);
    put_int(b, "parent", scope->parent ? (int64_t)scope->parent->id : 0);
    put_int(b, "owner", (int64_t)scope->owner);
    put_int(b, "region", scope->region);
    put_int(b, "head", node_number(scope->head));
    put_int(b, "order", scope->order);
    put_int(b, "pass", (int64_t)scope->pass);
    put_int(b, "turn", scope->turn);
    put_int(b, "run", scope->run);
    put_int(b, "flags", scope->flags);
    put_int(b, "ending", scope->ending);
    put_int(b, "live", scope->live);
    put_json(b, "error", scope->error);
    put_json(b, "vars", scope->vars);
    put_json(b, "own", scope->own);
    put_json(b, "publish", scope->publish);
    if (r->owner != NO_INDEX)
        write_held(b, scope->held, d->nodes[r->owner].exit_count);
    buf_addstr(b, ",\"edges\":\"");
    for (size_t i = 0; i < r->edge_count; i++)
        buf_addch(b, (char)('0' + scope->edges[i]));
    buf_addch(b, '"');
    write_slots(scope, r, b);
    write_rows(scope, b);
    buf_addch(b, '}');
}

static void write_scopes(const struct def *d, const struct engine_state *s, struct buf *b)
{
    buf_addstr(b, ",\"scope\":");
    write_scope(d, s->root, b);
    if (!s->scope_count)
        return;
    buf_addstr(b, ",\"scopes\":[");
    for (size_t i = 0; i < s->scope_count; i++) {
        if (i)
            buf_addch(b, ',');
        write_scope(d, s->scopes[i], b);
    }
    buf_addch(b, ']');
}

static void write_passes(const struct def *d, const struct act *a, struct buf *b)
{
    const struct passes *p = a->passes;
    if (!p)
        return;
    buf_printf(b, ",\"passes\":{\"last\":%" PRIu64, p->last);
    put_int(b, "begun", (int64_t)p->begun);
    put_int(b, "open", p->open);
    put_int(b, "keep", p->keep);
    put_int(b, "cleanup", p->cleanup);
    buf_addstr(b, ",\"ended_as\":[");
    for (size_t i = 0; i < ARRAY_LEN(p->ended_as); i++)
        buf_printf(b, "%s%" PRIu64, i ? "," : "", p->ended_as[i]);
    buf_addch(b, ']');
    buf_addstr(b, ",\"turns\":[");
    for (uint32_t i = 0; i < d->nodes[a->node].region_count; i++)
        buf_printf(b, "%s%u", i ? "," : "", p->turns[i]);
    buf_addch(b, ']');
    write_held(b, p->held, d->nodes[a->node].exit_count);
    put_json(b, "results", p->results);
    put_json(b, "publish", p->publish);
    put_json(b, "ended", p->ended);
    put_json(b, "closing", p->closing);
    buf_addch(b, '}');
}

static void write_act(const struct def *d, const struct act *a, struct buf *b)
{
    buf_addstr(b, "{\"id\":");
    buf_addint(b, (int64_t)a->id);
    put_int(b, "scope", (int64_t)a->scope->id);
    put_int(b, "node", a->node);
    put_int(b, "pass", a->pass);
    put_int(b, "state", a->state);
    put_int(b, "why", a->why);
    put_int(b, "attempt", a->attempt);
    put_int(b, "calls", a->calls);
    put_int(b, "failures", a->failures);
    put_int(b, "crashes", a->crashes);
    put_int(b, "first", a->first_us);
    put_int(b, "started", a->started_us);
    put_int(b, "call", a->call_us);
    put_int(b, "used", a->used_us);
    put_int(b, "due", a->due_us);
    put_int(b, "timer", (int64_t)a->timer);
    put_int(b, "turn", (int64_t)a->turn);
    put_int(b, "timeout", a->timeout_ms);
    put_json(b, "checkpoint", a->checkpoint);
    put_json(b, "signals", a->signals);
    put_json(b, "came", a->came);
    put_json(b, "asks", a->asks);
    put_int(b, "waits", (int64_t)a->waits);
    put_json(b, "after", a->after);
    put_int(b, "completing", a->completing);
    put_int(b, "expired", a->expired);
    put_int(b, "cancelling", a->cancelling);
    put_int(b, "cancel_told", a->cancel_told);
    put_int(b, "restart", a->restart);
    write_passes(d, a, b);
    buf_addch(b, '}');
}

/* An output that stands in the data too is written there only. */
static void write_result(const struct def *d, const struct engine_state *s, const struct result *r, struct buf *b)
{
    bool shared = json_object_get(s->data, d->nodes[r->node].output_key) == r->output;
    buf_printf(b, "{\"node\":%u", r->node);
    put_int(b, "failed", r->failed);
    if (!shared)
        put_json(b, "output", r->output);
    put_text(b, "error", r->error);
    put_int(b, "started", r->started_us);
    put_int(b, "completed", r->completed_us);
    buf_addch(b, '}');
}

static void write_failing(const struct pending_failure *p, struct buf *b)
{
    if (!p->set)
        return;
    buf_printf(b, ",\"failing\":{\"retryable\":%d", p->retryable);
    put_int(b, "node", node_number(p->node));
    put_int(b, "after", p->retry_after_ms);
    put_text(b, "message", p->message);
    buf_addch(b, '}');
}

static void write_head(const struct def *d, const struct engine_state *s, struct buf *b)
{
    buf_printf(b, "{\"version\":%d", STATE_VERSION);
    put_text(b, "definition", s->definition);
    put_int(b, "nodes", (int64_t)d->node_count);
    put_int(b, "edges", (int64_t)d->edge_count);
    put_int(b, "phase", s->phase);
    put_int(b, "paused", s->paused);
    put_text(b, "execution_uuid", s->execution_uuid);
    put_text(b, "execution_id", s->execution_id);
    put_text(b, "workflow_id", s->workflow_id);
    put_int(b, "workflow_version", s->workflow_version);
    put_int(b, "started", s->started_us);
    put_int(b, "deadline", s->deadline_us);
    put_int(b, "timeout", s->timeout_ms);
    put_int(b, "next_act", (int64_t)s->next_act);
    put_int(b, "next_timer", (int64_t)s->next_timer);
    put_int(b, "last_node", node_number(s->last_node));
    put_int(b, "last_log", s->last_log_us);
    put_int(b, "log_rows", (int64_t)s->log_rows);
    put_int(b, "retry_count", s->retry_count);
    put_int(b, "retry_at", s->retry_at_us);
    put_int(b, "ended", s->ended_us);
    put_text(b, "error_message", s->error_message);
    put_int(b, "next_scope", (int64_t)s->next_scope);
    put_int(b, "end_failed", s->end_failed);
    put_text(b, "end_message", s->end_message);
}

void engine_state_write(const struct def *d, const struct engine_state *s, struct buf *b)
{
    write_head(d, s, b);
    if (s->phase != PHASE_NEW) {
        write_policy(b, &s->policy);
        write_scopes(d, s, b);
        put_json(b, "data", s->data);
        put_json(b, "vars", s->vars);
        put_json(b, "node_vars", s->node_vars);
        put_json(b, "signals", s->signals);
    }
    buf_addstr(b, ",\"acts\":[");
    for (size_t i = 0; i < s->act_count; i++) {
        if (i)
            buf_addch(b, ',');
        write_act(d, s->acts[i], b);
    }
    buf_addstr(b, "],\"results\":[");
    for (size_t i = 0; i < s->result_count; i++) {
        if (i)
            buf_addch(b, ',');
        write_result(d, s, &s->results[i], b);
    }
    buf_addstr(b, "],\"completed\":[");
    for (size_t i = 0; i < s->completed_count; i++)
        buf_printf(b, "%s%u", i ? "," : "", s->completed[i]);
    buf_addch(b, ']');
    put_json(b, "old_results", s->old_results);
    put_json(b, "old_completed", s->old_completed);
    write_failing(&s->failing, b);
    buf_addch(b, '}');
}
