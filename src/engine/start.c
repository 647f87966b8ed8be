/* SPDX-License-Identifier: Apache-2.0 */
/* The first event: a new execution, or one that another program began and left at a node. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static char *copy(const char *s)
{
    return xstrdup(s ? s : "");
}

/* The row's own workflow_timeout, which says a point in time or a number of seconds, else the workflow's. */
static void set_deadline(struct step *st, const json_t *own)
{
    struct engine_state *s = st->s;
    int64_t ms = load_seconds_ms(own), at;
    if (json_is_string(own) && clock_parse(json_string_value(own), &at, NULL) == 0 && at > s->started_us)
        ms = (at - s->started_us) / US_PER_MS;
    s->timeout_ms = ms > 0 ? ms : st->d->timeout_ms;
    s->deadline_us = s->timeout_ms > 0 ? s->started_us + s->timeout_ms * US_PER_MS : 0;
}

static void take_identity(struct step *st, const struct engine_start *start)
{
    struct engine_state *s = st->s;
    s->execution_uuid = copy(start->execution_uuid);
    s->execution_id = copy(start->execution_id);
    s->workflow_id = copy(start->workflow_id);
    s->definition = copy(start->definition);
    s->workflow_version = start->workflow_version;
    s->started_us = time_bounded(start->started_at_us);
    s->retry_count = start->retry_count;
    s->policy = start->policy;
    s->data = json_is_object(start->data) ? json_incref(start->data) : json_object(); /* changed on a copy while it is shared */
    if (json_is_object(start->variables) && json_object_size(start->variables) > 0)
        s->vars = json_copy(start->variables);
    set_deadline(st, start->workflow_timeout);
}

/* ---- a row that another program began ---- */

static bool was_completed(const struct step *st, uint32_t node)
{
    return st->s->is_completed[node];
}

/* Completed nodes are those it lists, and those with a result that says success. */
static void take_old_results(struct step *st, const struct engine_start *start)
{
    struct engine_state *s = st->s;
    const char *id;
    json_t *v;
    size_t i;
    s->old_results = json_object();
    s->old_completed = json_array();
    json_array_foreach(start->completed_node_ids, i, v)
    {
        if (!json_is_string(v))
            continue;
        uint32_t node = def_find(st->d, json_string_value(v));
        if (node != NO_INDEX && was_completed(st, node))
            continue;
        json_array_append(s->old_completed, v);
        if (node != NO_INDEX)
            s->is_completed[node] = true;
    }
    json_object_foreach(start->node_results, id, v)
    {
        const char *status = js_str(v, "status");
        uint32_t node = def_find(st->d, id);
        if (json_is_object(v))
            json_object_set(s->old_results, id, v);
        if (node == NO_INDEX || !status || strcmp(status, "success") != 0 || was_completed(st, node))
            continue;
        js_push(s->old_completed, json_string(id));
        s->is_completed[node] = true;
    }
}

/* Mark what can still run: what the node reaches without going back. */
static void mark_ahead(const struct step *st, uint32_t from)
{
    const struct def *d = st->d;
    struct scope *root = st->s->root;
    uint32_t *list = xcalloc(d->node_count, sizeof *list), count = 0;
    list[count++] = from;
    slot_of(d, root, from)->mark = true;
    for (uint32_t at = 0; at < count; at++) {
        const struct def_node *n = &d->nodes[list[at]];
        for (uint32_t k = 0; k < n->exit_count; k++) {
            const struct def_edge *e = &d->edges[n->exits[k]];
            if (e->back || e->home || slot_of(d, root, e->to)->mark)
                continue;
            slot_of(d, root, e->to)->mark = true;
            list[count++] = e->to;
        }
    }
    xfree(list);
}

/* The node itself, or the one whose scope it is in, outside of all scopes. */
static uint32_t outermost(const struct def *d, uint32_t node)
{
    while (d->nodes[node].region != 0)
        node = d->regions[d->nodes[node].region].owner;
    return node;
}

/* What lies in scopes that begin again, or behind them, has not run yet. */
static void forget_ahead(struct step *st)
{
    struct engine_state *s = st->s;
    for (uint32_t i = 0; i < st->d->node_count; i++) {
        const struct def_node *n = &st->d->nodes[i];
        if (!n->reachable || !slot_of(st->d, s->root, outermost(st->d, i))->mark)
            continue;
        s->is_completed[i] = false;
        json_object_del(s->old_results, n->id);
        state_data_del(s, n->output_key);
        for (size_t k = json_array_size(s->old_completed); k-- > 0;)
            if (strcmp(json_string_value(json_array_get(s->old_completed, k)), n->id) == 0)
                json_array_remove(s->old_completed, k);
    }
}

/* Did the other program go along this edge?  It followed the output's `branch`. */
static bool went_along(const struct step *st, const struct def_edge *e)
{
    if (!was_completed(st, e->from))
        return false;
    const json_t *result = json_object_get(st->s->old_results, st->d->nodes[e->from].id);
    const char *branch = js_str(json_object_get(result, "output"), "branch");
    return !e->label || (branch ? strcmp(branch, e->label) == 0 : !e->reserved);
}

/* Edges from what lies behind are decided: taken where it went along, else dead.  Those ahead are pending. */
static void decide_behind(struct step *st, uint32_t current)
{
    const struct def *d = st->d;
    const struct def_region *r = &d->regions[0];
    struct scope *scope = st->s->root;
    for (uint32_t i = 0; i < r->edge_count; i++) {
        const struct def_edge *e = &d->edges[r->edges[i]];
        if (e->back || e->mute || e->home || slot_of(d, scope, e->src)->mark)
            continue;
        if (went_along(st, e)) {
            scope->edges[i] = EDGE_TAKEN;
            slot_of(d, scope, e->to)->taken++;
        } else if (e->leaves && d->nodes[e->src].cycle == d->nodes[current].cycle) {
            scope->edges[i] = EDGE_HELD; /* a later pass may take it */
        } else {
            scope->edges[i] = EDGE_DEAD;
            slot_of(d, scope, e->to)->dead += d->nodes[e->src].reachable;
        }
    }
    for (uint32_t i = 0; i < r->node_count; i++) {
        struct slot *slot = &scope->slots[i];
        if (!slot->mark)
            slot->state = st->s->is_completed[r->nodes[i]] ? SLOT_DONE : SLOT_SKIPPED;
        slot->mark = false;
    }
}

static int resume_at(struct step *st, const struct engine_start *start, uint32_t *entry)
{
    uint32_t current = def_find(st->d, start->current_node_id);
    take_old_results(st, start);
    if (current == NO_INDEX) {
        CLEANUP_FREE char *text = xasprintf("Node %s not found in workflow", start->current_node_id);
        execution_abort(st, text, true);
        return -1;
    }
    uint32_t whole = outermost(st->d, current); /* the whole scope begins again */
    mark_ahead(st, whole);
    if (whole != current)
        forget_ahead(st);
    current = whole;
    decide_behind(st, current);
    *entry = current;
    return 0;
}

/* ---- the event ---- */

static void begin(struct step *st, const struct engine_start *start)
{
    const struct def *d = st->d;
    uint32_t entry = d->entry;
    if (d->error) {
        execution_abort(st, d->error, true);
        return;
    }
    if (start->current_node_id && *start->current_node_id && resume_at(st, start, &entry) != 0)
        return;
    count_entering(d, st->s->root);
    if (entry != NO_INDEX)
        act_new(st, st->s->root, entry);
    step_wake(st); /* the row may be older than its timeout */
}

int step_start(struct step *st, const struct engine_start *start, struct error *e)
{
    struct engine_state *s = st->s;
    if (s->phase != PHASE_NEW)
        return err_set(e, "execution %s was started already", s->execution_id);
    if (!start)
        return err_set(e, "the start of an execution must say which one it is");
    take_identity(st, start);
    s->root = scope_new(st->d, 0);
    state_size(s, st->d);
    s->phase = PHASE_RUNNING;
    begin(st, start);
    return 0;
}
