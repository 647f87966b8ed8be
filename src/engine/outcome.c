/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler said: success and the branch it names, a park, leaving. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- results ---- */

static struct result *result_of(struct engine_state *s, uint32_t node)
{
    if (s->result_at[node] != NO_INDEX)
        return &s->results[s->result_at[node]];
    void *results = s->results;
    xgrow(&results, &s->result_cap, s->result_count + 1, sizeof *s->results);
    s->results = results;
    s->result_at[node] = (uint32_t)s->result_count;
    s->results[s->result_count] = (struct result){.node = node};
    return &s->results[s->result_count++];
}

/* Keep what the projection shows; takes a reference of output. */
struct result *result_set(struct step *st, const struct act *a, json_t *output, const char *error)
{
    struct engine_state *s = st->s;
    struct result *r = result_of(s, a->node);
    json_decref(r->output);
    xfree(r->error);
    r->output = json_incref(output);
    r->error = error ? xstrdup(error) : NULL;
    r->failed = error != NULL;
    r->started_us = a->started_us ? a->started_us : st->now;
    r->completed_us = st->now;
    s->last_node = a->node;
    if (s->old_results)
        json_object_del(s->old_results, st->d->nodes[a->node].id);
    return r;
}

static void mark_completed(struct engine_state *s, uint32_t node)
{
    if (s->is_completed[node])
        return;
    void *completed = s->completed;
    xgrow(&completed, &s->completed_cap, s->completed_count + 1, sizeof *s->completed);
    s->completed = completed;
    s->completed[s->completed_count++] = node;
    s->is_completed[node] = true;
}

/* ---- branches ---- */

static bool has_label(const struct def *d, const struct def_node *n, const char *label)
{
    for (uint32_t i = 0; i < n->out_count; i++) {
        const struct def_edge *e = &d->edges[n->out[i]];
        if (e->label && strcmp(e->label, label) == 0)
            return true;
    }
    return false;
}

/* A switch names its case, or `default`; drawn with the two handles of a condition, a match takes `true`, none `false`. */
static const char *branch_edge(const struct def *d, const struct def_node *n, const char *branch)
{
    if (!branch || !*branch)
        return NULL;
    if (!n->is_switch || has_label(d, n, branch))
        return branch;
    return strcmp(branch, "default") == 0 ? "false" : "true";
}

/* Own edges by the branch; edges that leave regions of the node by what happened inside. */
static bool is_taken(const struct def_edge *e, uint32_t node, const char *branch, bool held)
{
    if (e->from != node)
        return held;
    return !e->label || (branch ? strcmp(e->label, branch) == 0 : !e->reserved);
}

static void take_branch(struct step *st, struct scope *scope, uint32_t node, const char *named, const uint8_t *held)
{
    const struct def_node *n = &st->d->nodes[node];
    const char *branch = branch_edge(st->d, n, named);
    uint32_t *row = n->options.sequential ? xcalloc(n->exit_count + (size_t)1, sizeof *row) : NULL, count = 0;
    for (uint32_t i = 0; i < n->exit_count; i++) {
        bool taken = is_taken(&st->d->edges[n->exits[i]], node, branch, held && held[i]);
        if (row && taken)
            row[count++] = n->exits[i];
        else
            edge_decide(st, scope, n->exits[i], taken);
    }
    if (row)
        row_begin(st, scope, node, row, count);
}

/* ---- outcomes ---- */

/* A new reference: readers rely on outputs being objects. */
static json_t *as_object(json_t *output)
{
    if (json_is_object(output))
        return json_incref(output);
    json_t *object = json_object();
    if (output)
        json_object_set(object, "result", output);
    return object;
}

void node_finished(struct step *st, struct act *a, json_t *output)
{
    const struct def_node *n = &st->d->nodes[a->node];
    json_t *object = as_object(output);
    act_drop_passes(st, a);
    result_set(st, a, object, NULL);
    scope_data_set(st, a->scope, n->output_key, object);
    mark_completed(st->s, a->node);
    emit_log_said(st, n->id, "info", n->says_completed);
}

void node_succeeded(struct step *st, struct act *a, json_t *output, const char *branch)
{
    struct scope *scope = a->scope;
    uint32_t node = a->node;
    CLEANUP_FREE uint8_t *held = a->passes ? STEAL(a->passes->held) : NULL;
    node_finished(st, a, output);
    act_over(st, a, SLOT_DONE);
    take_branch(st, scope, node, branch, held);
}

void node_done(struct step *st, struct act *a, const struct engine_event *ev)
{
    variables_set(st, a, ev->variables);
    if (ev->cancels)
        node_withdraws(st, a, ev->output, ev->branch, ev->cancels);
    else
        node_succeeded(st, a, ev->output, ev->branch);
}

void node_parked(struct step *st, struct act *a, const struct engine_park *park)
{
    int64_t close = act_close_us(st->d, a);
    bool signals = park->signal || park->child || json_array_size(park->signals) > 0;
    if (park->until_us <= 0 && !signals) {
        node_fail_text(st, a, "config_invalid", "the node waits for nothing");
        return;
    }
    a->used_us += st->now > a->call_us ? st->now - a->call_us : 0;
    act_set_due(st->s, a, park->until_us > 0 && (!close || park->until_us < close) ? park->until_us : close);
    a->timer = ++st->s->next_timer;
    act_set_checkpoint(a, park->checkpoint);
    act_set_state(st->s, a, ACT_PARKED);
    act_await_signals(st, a, park);
}

/* ---- leaving ---- */

/* The pass of the loop that is meant; or that of a clean-up which is under way, and ends there. */
static struct scope *loop_meant(const struct step *st, const struct act *a, const char *label)
{
    for (struct scope *scope = a->scope; scope; scope = scope->parent) {
        if (scope->kind != SCOPE_PASS)
            continue;
        const struct act *owner = act_find(st->s, scope->owner);
        const char *id = st->d->nodes[st->d->regions[scope->region].owner].id;
        if ((scope->flags & ENTER_LOOP) && (!label || strcmp(id, label) == 0))
            return scope;
        if (is_shielded(scope) && owner && owner->cancelling)
            return scope;
    }
    return NULL;
}

static void fail_no_loop(struct step *st, struct act *a, const struct engine_event *ev)
{
    const char *what = ev->leave == ENGINE_BREAK ? "break" : "continue";
    CLEANUP_FREE char *text = ev->branch ? xasprintf("%s names %s, which is no loop around it", what, ev->branch)
                                         : xasprintf("%s outside a loop", what);
    node_fail_text(st, a, "no_enclosing_loop", text);
}

static void leave_loop(struct step *st, struct act *a, const struct engine_event *ev)
{
    struct scope *target = loop_meant(st, a, ev->branch);
    if (!target) {
        fail_no_loop(st, a, ev);
        return;
    }
    bool all = ev->leave == ENGINE_BREAK && (target->flags & ENTER_LOOP) && target->owner;
    uint64_t owner = target->owner;
    for (struct scope *scope = a->scope; scope != target; scope = scope->parent)
        scope->flags &= ~(uint32_t)ENTER_SHIELD;
    node_finished(st, a, ev->output);
    act_over(st, a, SLOT_DONE);
    scope_end(st, target, ev->leave == ENGINE_BREAK ? END_BREAK : END_CONTINUE, NULL);
    for (struct scope *pass = all ? first_pass(target->parent, owner) : NULL; pass; pass = next_pass(pass))
        if (pass != target)
            scope_end(st, pass, END_CANCELLED, NULL);
}

static bool in_cleanup(const struct scope *scope)
{
    for (; scope; scope = scope->parent)
        if (is_shielded(scope))
            return true;
    return false;
}

/* The clean-ups of what is left run first; a second one inside of them ends everything as the first said. */
static void terminate(struct step *st, struct act *a, const struct engine_event *ev)
{
    struct engine_state *s = st->s;
    const char *message = js_str(ev->output, "message");
    bool at_once = in_cleanup(a->scope), first = s->root->ending == END_NONE;
    CLEANUP_JSON json_t *output = json_incref(ev->output);
    if (first) {
        s->end_failed = ev->branch && strcmp(ev->branch, "failed") == 0;
        xfree(s->end_message);
        s->end_message = xstrdup(message && *message ? message : "the workflow was ended by a terminate node");
    }
    node_finished(st, a, output);
    act_over(st, a, SLOT_DONE);
    if (at_once)
        finish_ending(st);
    else
        scope_end(st, s->root, END_TERMINATE, NULL);
}

void node_left(struct step *st, struct act *a, const struct engine_event *ev)
{
    if (ev->leave == ENGINE_END)
        terminate(st, a, ev);
    else
        leave_loop(st, a, ev);
}
