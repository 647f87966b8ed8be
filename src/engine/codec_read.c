/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a state back.  A snapshot is our own text, yet every number is checked: a damaged row must be an error that
 * names itself and not a crash. */
#include "engine/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct in {
    const struct def *d;
    struct engine_state *s;
    const char *wrong; /* the first member that makes no sense, or NULL */
};

static void wrong(struct in *in, const char *what)
{
    if (!in->wrong)
        in->wrong = what;
}

static int64_t get_int(struct in *in, const json_t *o, const char *name, int64_t min, int64_t max)
{
    const json_t *v = json_object_get(o, name);
    int64_t n = json_integer_value(v);
    if ((!v || json_is_integer(v)) && n >= min && n <= max)
        return n;
    wrong(in, name);
    return min;
}

static int64_t item_int(struct in *in, const json_t *array, size_t i, const char *name, int64_t max)
{
    const json_t *v = json_array_get(array, i);
    if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= max)
        return json_integer_value(v);
    wrong(in, name);
    return 0;
}

/* A time, or a length of time, and what comes of adding a few of them. */
#define SUM_MAX_US (4 * TIME_LAST_US)

static int64_t get_time(struct in *in, const json_t *o, const char *name)
{
    return get_int(in, o, name, -SUM_MAX_US, SUM_MAX_US);
}

static char *get_text(const json_t *o, const char *name)
{
    const char *text = js_str(o, name);
    return text ? xstrdup(text) : NULL;
}

/* Numbers of nodes are written from 1, so that none is 0. */
static uint32_t get_node(struct in *in, const json_t *o, const char *name)
{
    int64_t n = get_int(in, o, name, 0, (int64_t)in->d->node_count);
    return n ? (uint32_t)(n - 1) : NO_INDEX;
}

static void read_head(struct in *in, const json_t *o)
{
    struct engine_state *s = in->s;
    s->phase = (enum phase)get_int(in, o, "phase", 0, PHASE_FAILED);
    s->paused = get_int(in, o, "paused", 0, 1) != 0;
    s->definition = get_text(o, "definition");
    s->execution_uuid = get_text(o, "execution_uuid");
    s->execution_id = get_text(o, "execution_id");
    s->workflow_id = get_text(o, "workflow_id");
    s->workflow_version = get_int(in, o, "workflow_version", INT64_MIN, INT64_MAX);
    s->started_us = get_time(in, o, "started");
    s->deadline_us = get_time(in, o, "deadline");
    s->timeout_ms = get_time(in, o, "timeout");
    s->next_act = (uint64_t)get_int(in, o, "next_act", 0, INT64_MAX);
    s->next_timer = (uint64_t)get_int(in, o, "next_timer", 0, INT64_MAX);
    s->last_node = get_node(in, o, "last_node");
    s->last_log_us = get_time(in, o, "last_log");
    s->log_rows = (uint64_t)get_int(in, o, "log_rows", 0, INT64_MAX);
    s->retry_count = (int)get_int(in, o, "retry_count", INT32_MIN, INT32_MAX);
    s->retry_at_us = get_time(in, o, "retry_at");
    s->ended_us = get_time(in, o, "ended");
    s->error_message = get_text(o, "error_message");
    s->next_scope = (uint64_t)get_int(in, o, "next_scope", 0, INT64_MAX);
    s->end_failed = get_int(in, o, "end_failed", 0, 1) != 0;
    s->end_message = get_text(o, "end_message");
}

static void read_policy(struct in *in, const json_t *a)
{
    struct engine_policy *p = &in->s->policy;
    p->max_retries = (int)item_int(in, a, 0, "policy", INT32_MAX);
    p->retry_multiplier = json_number_value(json_array_get(a, 1));
    p->retry_initial_ms = item_int(in, a, 2, "policy", LENGTH_MAX_MS);
    p->retry_max_ms = item_int(in, a, 3, "policy", LENGTH_MAX_MS);
    p->node_timeout_ms = item_int(in, a, 4, "policy", LENGTH_MAX_MS);
    p->max_crashes = (int)item_int(in, a, 5, "policy", INT32_MAX);
}

static void read_slot(struct in *in, const json_t *v, struct slot *slot)
{
    if (json_is_integer(v))
        return;
    slot->state = (uint8_t)item_int(in, v, 0, "slots", SLOT_EACH);
    slot->aggregated = item_int(in, v, 1, "slots", 1) != 0;
    slot->taken = (uint32_t)item_int(in, v, 2, "slots", UINT32_MAX);
    slot->dead = (uint32_t)item_int(in, v, 3, "slots", UINT32_MAX);
    slot->again = (uint32_t)item_int(in, v, 4, "slots", UINT32_MAX);
    slot->runs = (uint32_t)item_int(in, v, 5, "slots", UINT32_MAX);
    slot->stale = json_array_size(v) > 6 ? (uint32_t)item_int(in, v, 6, "slots", UINT32_MAX) : 0;
}

static void read_cycle(struct in *in, const json_t *v, struct cycle *c)
{
    c->pass = (uint32_t)item_int(in, v, 0, "cycles", UINT32_MAX);
    c->live = (uint32_t)item_int(in, v, 1, "cycles", UINT32_MAX);
    c->entering = (uint32_t)item_int(in, v, 2, "cycles", UINT32_MAX);
    c->again = (uint32_t)item_int(in, v, 3, "cycles", UINT32_MAX);
    c->over = item_int(in, v, 4, "cycles", 1) != 0;
    c->exhausted = item_int(in, v, 5, "cycles", 1) != 0;
}

static void read_bits(struct in *in, const json_t *o, const char *name, uint8_t *bits, size_t count, int max)
{
    const char *text = js_str(o, name);
    if (!text)
        return;
    if (strlen(text) != count || !bits) {
        wrong(in, name);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '0' + max)
            wrong(in, name);
        bits[i] = (uint8_t)(text[i] - '0');
    }
}

static void read_row(struct in *in, const json_t *v, struct row *row)
{
    size_t n = json_array_size(v);
    if (n < 3) {
        wrong(in, "rows");
        return;
    }
    row->count = (uint32_t)n - 2;
    row->edges = xcalloc(row->count, sizeof *row->edges);
    row->node = (uint32_t)item_int(in, v, 0, "rows", (int64_t)in->d->node_count - 1);
    row->next = (uint32_t)item_int(in, v, 1, "rows", (int64_t)row->count - 1);
    for (uint32_t i = 0; i < row->count; i++)
        row->edges[i] = (uint32_t)item_int(in, v, i + (size_t)2, "rows", (int64_t)in->d->edge_count - 1);
}

static void read_tokens(struct in *in, const json_t *o, struct scope *scope)
{
    const struct def *d = in->d;
    const struct def_region *r = &d->regions[scope->region];
    const json_t *slots = json_object_get(o, "slots"), *cycles = json_object_get(o, "cycles"), *rows = json_object_get(o, "rows");
    if (!js_str(o, "edges") || json_array_size(slots) != r->node_count || json_array_size(cycles) != r->cycle_count) {
        wrong(in, "scope");
        return;
    }
    read_bits(in, o, "edges", scope->edges, r->edge_count, EDGE_WANTED);
    for (size_t i = 0; i < r->node_count; i++)
        read_slot(in, json_array_get(slots, i), &scope->slots[i]);
    for (size_t i = 0; i < r->cycle_count; i++)
        read_cycle(in, json_array_get(cycles, i), &scope->cycles[i]);
    scope->row_count = (uint32_t)json_array_size(rows);
    scope->rows = scope->row_count ? xcalloc(scope->row_count, sizeof *scope->rows) : NULL;
    for (uint32_t i = 0; i < scope->row_count; i++)
        read_row(in, json_array_get(rows, i), &scope->rows[i]);
}

static json_t *read_object(struct in *in, const json_t *o, const char *name)
{
    json_t *v = json_object_get(o, name);
    if (v && !json_is_object(v))
        wrong(in, name);
    return json_incref(v);
}

/* How the execution's timeout was once written, while its clean-ups ran. */
#define OLD_END_TIMEOUT (END_TERMINATE + 1)

static struct scope *read_scope(struct in *in, const json_t *o)
{
    const struct def *d = in->d;
    uint32_t region = (uint32_t)get_int(in, o, "region", 0, (int64_t)d->region_count - 1);
    struct scope *scope = scope_new(d, region);
    scope->id = (uint64_t)get_int(in, o, "id", 0, INT64_MAX);
    scope->kind = (enum scope_kind)get_int(in, o, "kind", 0, SCOPE_AGAIN);
    scope->owner = (uint64_t)get_int(in, o, "owner", 0, INT64_MAX);
    scope->head = get_node(in, o, "head");
    scope->order = (uint32_t)get_int(in, o, "order", 0, UINT32_MAX);
    scope->pass = (uint64_t)get_int(in, o, "pass", 0, INT64_MAX);
    scope->turn = (uint32_t)get_int(in, o, "turn", 0, UINT32_MAX);
    scope->run = (uint32_t)get_int(in, o, "run", 0, UINT32_MAX);
    scope->flags = (uint32_t)get_int(in, o, "flags", 0, UINT32_MAX);
    scope->ending = (enum scope_end)get_int(in, o, "ending", 0, scope->kind == SCOPE_WHOLE ? OLD_END_TIMEOUT : END_TERMINATE);
    scope->live = (uint32_t)get_int(in, o, "live", 0, UINT32_MAX);
    scope->error = read_object(in, o, "error");
    scope->vars = read_object(in, o, "vars");
    scope->own = read_object(in, o, "own");
    scope->publish = read_object(in, o, "publish");
    uint32_t owner = d->regions[region].owner;
    read_bits(in, o, "held", scope->held, owner == NO_INDEX ? 0 : d->nodes[owner].exit_count, 1);
    read_tokens(in, o, scope);
    return scope;
}

/* Parents stand before their children: their numbers are smaller. */
static void read_inner_scope(struct in *in, const json_t *o)
{
    struct engine_state *s = in->s;
    struct scope *scope = read_scope(in, o);
    scope->parent = scope_find(s, (uint64_t)get_int(in, o, "parent", 0, INT64_MAX));
    bool area = scope->kind == SCOPE_EACH || scope->kind == SCOPE_AGAIN;
    uint64_t last = s->scope_count ? s->scopes[s->scope_count - 1]->id : 0;
    bool fits = scope->parent && scope->id > last && scope->kind != SCOPE_WHOLE;
    if (fits && area)
        fits = scope->region == scope->parent->region && scope->head != NO_INDEX &&
               in->d->nodes[scope->head].region == scope->region;
    else if (fits)
        fits = scope->region != 0 && in->d->regions[scope->region].parent == scope->parent->region;
    if (!fits) {
        wrong(in, "scopes");
        scope_free(scope);
        return;
    }
    void *scopes = s->scopes;
    xgrow(&scopes, &s->scope_cap, s->scope_count + 1, sizeof *s->scopes);
    s->scopes = scopes;
    s->scopes[s->scope_count++] = scope;
    scope_enter(scope);
}

static void read_scopes(struct in *in, const json_t *o)
{
    size_t i;
    json_t *v;
    in->s->root = read_scope(in, json_object_get(o, "scope"));
    if (in->s->root->region != 0 || in->s->root->id != 0 || in->s->root->kind != SCOPE_WHOLE)
        wrong(in, "scope");
    json_array_foreach(json_object_get(o, "scopes"), i, v) if (!in->wrong)
        read_inner_scope(in, v);
}

static json_t *read_array(struct in *in, const json_t *o, const char *name)
{
    json_t *v = json_object_get(o, name);
    if (!json_is_array(v)) {
        wrong(in, name);
        return json_array();
    }
    return json_incref(v);
}

static void read_passes(struct in *in, const json_t *o, struct act *a)
{
    if (!o)
        return;
    struct passes *p = a->passes = xcalloc(1, sizeof *p);
    uint32_t exits = in->d->nodes[a->node].exit_count;
    p->held = xcalloc(exits + (size_t)1, 1);
    p->last = (uint64_t)get_int(in, o, "last", 0, INT64_MAX);
    p->begun = (uint64_t)get_int(in, o, "begun", 0, INT64_MAX);
    p->open = (uint32_t)get_int(in, o, "open", 0, UINT32_MAX);
    p->keep = (uint32_t)get_int(in, o, "keep", 0, UINT32_MAX);
    p->cleanup = get_int(in, o, "cleanup", 0, 1) != 0;
    for (size_t i = 0; i < ARRAY_LEN(p->ended_as); i++)
        p->ended_as[i] = (uint64_t)item_int(in, json_object_get(o, "ended_as"), i, "ended_as", INT64_MAX);
    uint32_t regions = in->d->nodes[a->node].region_count;
    p->turns = xcalloc(regions + (size_t)1, sizeof *p->turns);
    for (uint32_t i = 0; i < regions; i++)
        p->turns[i] = (uint32_t)item_int(in, json_object_get(o, "turns"), i, "turns", UINT32_MAX);
    read_bits(in, o, "held", p->held, exits, 1);
    p->results = read_array(in, o, "results");
    p->ended = read_array(in, o, "ended");
    p->publish = read_object(in, o, "publish");
    p->closing = read_object(in, o, "closing");
}

/* An array of strings, or NULL. */
static json_t *read_strings(struct in *in, const json_t *o, const char *name)
{
    json_t *v = json_object_get(o, name), *text;
    size_t i;
    if (v && !json_is_array(v))
        wrong(in, name);
    json_array_foreach(v, i, text) if (!json_is_string(text))
        wrong(in, name);
    return json_incref(v);
}

/* Signals that are kept: [id, type, data]. */
static void read_signals(struct in *in, const json_t *o)
{
    json_t *v = json_object_get(o, "signals"), *signal;
    size_t i;
    if (v && !json_is_array(v))
        wrong(in, "signals");
    json_array_foreach(v, i, signal) if (json_array_size(signal) != 3 || !json_is_string(json_array_get(signal, 0)) ||
                                         !json_is_string(json_array_get(signal, 1)))
        wrong(in, "signals");
    in->s->signals = json_incref(v);
    if (!in->wrong)
        signals_index(in->s);
}

/* Open asks: [reply, undo, body, settles, yields, addressed]. */
static json_t *read_asks(struct in *in, const json_t *o)
{
    json_t *v = json_object_get(o, "asks"), *ask;
    size_t i;
    if (v && !json_is_array(v))
        wrong(in, "asks");
    json_array_foreach(v, i, ask) if (json_array_size(ask) != 6 || !json_is_string(json_array_get(ask, 0)) ||
                                      !json_is_string(json_array_get(ask, 1)) || !json_is_object(json_array_get(ask, 2)))
        wrong(in, "asks");
    return json_incref(v);
}

static void read_act(struct in *in, const json_t *o)
{
    struct engine_state *s = in->s;
    struct act *a = xcalloc(1, sizeof *a);
    void *acts = s->acts;
    xgrow(&acts, &s->act_cap, s->act_count + 1, sizeof *s->acts);
    s->acts = acts;
    s->acts[s->act_count++] = a;
    a->id = (uint64_t)get_int(in, o, "id", 1, INT64_MAX);
    a->scope = scope_find(s, (uint64_t)get_int(in, o, "scope", 0, INT64_MAX));
    a->node = (uint32_t)get_int(in, o, "node", 0, (int64_t)in->d->node_count - 1);
    if (a->scope)
        act_enter(a);
    if (!a->scope || in->d->nodes[a->node].region != a->scope->region)
        wrong(in, "scope");
    a->pass = (uint32_t)get_int(in, o, "pass", 1, UINT32_MAX);
    a->state = (enum act_state)get_int(in, o, "state", 0, ACT_TURN);
    a->why = (enum engine_why)get_int(in, o, "why", 0, WHY_ANSWER);
    a->attempt = (uint32_t)get_int(in, o, "attempt", 0, UINT32_MAX);
    a->calls = (uint32_t)get_int(in, o, "calls", 0, UINT32_MAX);
    a->failures = (uint32_t)get_int(in, o, "failures", 0, UINT32_MAX);
    a->crashes = (uint32_t)get_int(in, o, "crashes", 0, UINT32_MAX);
    a->first_us = get_time(in, o, "first");
    a->started_us = get_time(in, o, "started");
    a->call_us = get_time(in, o, "call");
    a->used_us = get_time(in, o, "used");
    act_set_due(s, a, get_time(in, o, "due"));
    a->timer = (uint64_t)get_int(in, o, "timer", 0, INT64_MAX);
    a->turn = (uint64_t)get_int(in, o, "turn", 0, INT64_MAX);
    a->timeout_ms = get_time(in, o, "timeout");
    a->checkpoint = json_incref(json_object_get(o, "checkpoint"));
    a->signals = read_strings(in, o, "signals");
    a->came = json_incref(json_object_get(o, "came"));
    a->asks = read_asks(in, o);
    a->waits = (uint64_t)get_int(in, o, "waits", 0, INT64_MAX);
    if (a->came && !json_is_string(json_array_get(a->came, 0)))
        wrong(in, "came");
    a->after = read_object(in, o, "after");
    a->completing = get_int(in, o, "completing", 0, 1) != 0;
    a->expired = get_int(in, o, "expired", 0, 1) != 0;
    a->cancelling = get_int(in, o, "cancelling", 0, 1) != 0;
    a->cancel_told = get_int(in, o, "cancel_told", 0, 1) != 0;
    a->restart = get_int(in, o, "restart", 0, 1) != 0;
    read_passes(in, json_object_get(o, "passes"), a);
    if (!a->passes && (a->state == ACT_ENTERED || a->cancelling))
        wrong(in, "passes");
    a->grouped = in->d->nodes[a->node].group != NO_INDEX;
    s->turns_changed |= a->grouped;
    s->held += a->state == ACT_HELD;
    s->queued += a->state == ACT_QUEUED;
    s->running += a->state == ACT_RUNNING;
    if (s->act_count > 1 && s->acts[s->act_count - 2]->id >= a->id)
        wrong(in, "id");
    act_await(s, a);
}

static void read_result(struct in *in, const json_t *o)
{
    struct engine_state *s = in->s;
    void *results = s->results;
    xgrow(&results, &s->result_cap, s->result_count + 1, sizeof *s->results);
    s->results = results;
    struct result *r = &s->results[s->result_count++];
    *r = (struct result){.node = (uint32_t)get_int(in, o, "node", 0, (int64_t)in->d->node_count - 1)};
    if (in->d->node_count)
        s->result_at[r->node] = (uint32_t)s->result_count - 1;
    r->failed = get_int(in, o, "failed", 0, 1) != 0;
    r->error = get_text(o, "error");
    r->started_us = get_time(in, o, "started");
    r->completed_us = get_time(in, o, "completed");
    const json_t *output = json_object_get(o, "output");
    if (!output && in->d->node_count)
        output = json_object_get(s->data, in->d->nodes[r->node].output_key);
    if (!json_is_object(output))
        wrong(in, "output");
    r->output = json_is_object(output) ? json_incref((json_t *)(uintptr_t)output) : json_object();
}

static void read_completed(struct in *in, const json_t *a)
{
    struct engine_state *s = in->s;
    s->completed_count = s->completed_cap = json_array_size(a);
    s->completed = s->completed_cap ? xcalloc(s->completed_cap, sizeof *s->completed) : NULL;
    for (size_t i = 0; i < s->completed_count; i++) {
        s->completed[i] = (uint32_t)item_int(in, a, i, "completed", (int64_t)in->d->node_count - 1);
        s->is_completed[s->completed[i]] = true;
    }
}

static void read_failing(struct in *in, const json_t *o)
{
    struct pending_failure *p = &in->s->failing;
    if (!o)
        return;
    p->set = true;
    p->retryable = get_int(in, o, "retryable", 0, 1) != 0;
    p->node = get_node(in, o, "node");
    p->retry_after_ms = get_time(in, o, "after");
    p->message = get_text(o, "message");
    if (!p->message)
        p->message = xstrdup("");
}

static void check(struct in *in)
{
    const struct engine_state *s = in->s;
    for (size_t i = 0; i < s->scope_count; i++)
        if (s->scopes[i]->kind == SCOPE_PASS && s->scopes[i]->owner) {
            const struct act *a = act_find(s, s->scopes[i]->owner);
            if (!a || !a->passes || a->scope != s->scopes[i]->parent || a->node != in->d->regions[s->scopes[i]->region].owner)
                wrong(in, "owner");
        }
    if (s->phase != PHASE_NEW && (!s->execution_uuid || !s->execution_id || !s->workflow_id || !s->definition))
        wrong(in, "execution_uuid");
}

static void take_old_timeout(struct engine_state *s)
{
    if ((int)s->root->ending != OLD_END_TIMEOUT)
        return;
    free(s->failing.message);
    s->failing = (struct pending_failure){.set = true, .node = NO_INDEX, .message = s->end_message ? STEAL(s->end_message) : xstrdup("")};
    s->root->ending = END_NONE;
    s->deadline_us = 0;
    s->end_failed = false;
}

/* What names nodes by their numbers; without any, there is nothing that a number could mean. */
static void read_of_nodes(struct in *in, const json_t *o)
{
    json_t *acts = json_object_get(o, "acts"), *results = json_object_get(o, "results"), *completed = json_object_get(o, "completed"), *v;
    size_t i;
    if (in->d->node_count == 0) {
        if (json_array_size(acts) || json_array_size(results) || json_array_size(completed))
            wrong(in, "nodes");
        return;
    }
    json_array_foreach(acts, i, v) read_act(in, v);
    json_array_foreach(results, i, v) read_result(in, v);
    read_completed(in, completed);
}

static void read_all(struct in *in, const json_t *o)
{
    struct engine_state *s = in->s;
    size_t i;
    json_t *v;
    read_head(in, o);
    if (s->phase == PHASE_NEW)
        return; /* nothing has happened: whatever else a damaged text says does not belong to anything */
    read_policy(in, json_object_get(o, "policy"));
    state_size(s, in->d);
    read_scopes(in, o);
    s->data = json_incref(json_object_get(o, "data"));
    if (!json_is_object(s->data))
        wrong(in, "data");
    s->vars = json_incref(json_object_get(o, "vars"));
    s->node_vars = json_incref(json_object_get(o, "node_vars"));
    read_signals(in, o);
    read_of_nodes(in, o);
    s->old_results = json_incref(json_object_get(o, "old_results"));
    s->old_completed = json_incref(json_object_get(o, "old_completed"));
    json_array_foreach(s->old_completed, i, v)
    {
        uint32_t node = json_is_string(v) && s->is_completed ? def_find(in->d, json_string_value(v)) : NO_INDEX;
        if (node != NO_INDEX)
            s->is_completed[node] = true;
    }
    read_failing(in, json_object_get(o, "failing"));
    take_old_timeout(s);
    check(in);
}

struct engine_state *engine_state_from(const struct def *d, const json_t *o, struct error *e)
{
    struct in in = {.d = d};
    int64_t version = js_int(o, "version", 0);
    if (version != STATE_VERSION) {
        err_set(e, "an execution's snapshot has version %lld, but this program reads version %d", (long long)version,
                STATE_VERSION);
        return NULL;
    }
    if (js_int(o, "nodes", 0) != (int64_t)d->node_count || js_int(o, "edges", 0) != (int64_t)d->edge_count) {
        err_set(e, "an execution's snapshot belongs to another definition");
        return NULL;
    }
    in.s = engine_state_new();
    read_all(&in, o);
    if (!in.wrong)
        return in.s;
    err_set(e, "an execution's snapshot is damaged at \"%s\"", in.wrong);
    engine_state_free(in.s);
    return NULL;
}

struct engine_state *engine_state_read(const struct def *d, const char *text, size_t len, struct error *e)
{
    CLEANUP_JSON json_t *o = js_parse_own(text, len, e);
    if (o)
        return engine_state_from(d, o, e);
    err_prefix(e, "reading an execution's snapshot");
    return NULL;
}
