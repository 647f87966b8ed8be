/* SPDX-License-Identifier: Apache-2.0 */
/* Passes: what a node opens by entering one of its branches, and how it is told when one is over.  Nothing here knows
 * what kind of node that is: loops, maps and tries are what their handlers make of it. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define KEEP_MAX 100000

void passes_free(struct passes *p)
{
    if (!p)
        return;
    xfree(p->held);
    xfree(p->turns);
    json_decref(p->results);
    json_decref(p->publish);
    json_decref(p->ended);
    json_decref(p->closing);
    xfree(p);
}

static struct passes *passes_of(struct step *st, struct act *a)
{
    if (a->passes)
        return a->passes;
    a->passes = xcalloc(1, sizeof *a->passes);
    a->passes->held = xcalloc(st->d->nodes[a->node].exit_count + (size_t)1, 1);
    a->passes->turns = xcalloc(st->d->nodes[a->node].region_count + (size_t)1, sizeof *a->passes->turns);
    a->passes->ended = json_array();
    a->passes->results = json_array();
    return a->passes;
}

void act_drop_passes(struct step *st, struct act *a)
{
    if (!a->passes)
        return;
    publish_now(st, a->scope, &a->passes->publish);
    passes_free(a->passes);
    a->passes = NULL;
    a->why = WHY_START;
    act_set_checkpoint(a, NULL);
}

/* ---- entering ---- */

static uint32_t region_of(const struct def *d, uint32_t node, const char *branch)
{
    const struct def_node *n = &d->nodes[node];
    for (uint32_t i = 0; i < n->region_count; i++)
        if (strcmp(d->regions[n->regions[i]].branch, branch) == 0)
            return n->regions[i];
    return NO_INDEX;
}

static void ended(struct act *a, uint64_t pass, enum engine_scope_outcome outcome, json_t *error)
{
    json_t *entry = json_array();
    js_push(entry, json_integer((json_int_t)pass));
    js_push(entry, json_integer(outcome));
    js_push(entry, error ? json_incref(error) : json_null());
    js_push(a->passes->ended, entry);
}

static void take_entries(struct step *st, struct scope *scope, const char *to)
{
    const struct def_region *r = &st->d->regions[scope->region];
    for (uint32_t i = 0; i < r->entry_count; i++) {
        uint32_t edge = r->entries[i];
        edge_decide(st, scope, edge, !to || strcmp(st->d->nodes[st->d->edges[edge].to].id, to) == 0);
    }
}

static uint32_t next_turn(const struct def *d, struct act *a, uint32_t region)
{
    const struct def_node *n = &d->nodes[a->node];
    for (uint32_t i = 0; i < n->region_count; i++)
        if (n->regions[i] == region)
            return ++a->passes->turns[i];
    return 1;
}

static void open_pass(struct step *st, struct act *a, uint32_t region, const struct engine_event *ev, json_t *vars)
{
    struct passes *p = a->passes;
    p->last++;
    p->begun++;
    if (region == NO_INDEX) { /* nothing is drawn there */
        p->ended_as[PASS_DONE]++;
        ended(a, p->last, PASS_DONE, NULL);
        return;
    }
    struct scope *scope = scope_add(st->s, st->d, SCOPE_PASS, a->scope, region);
    scope->owner = a->id;
    scope->pass = p->last;
    scope->turn = next_turn(st->d, a, region);
    scope->run = a->pass > 1 ? a->pass : 0;
    scope->flags = ev->enter.flags;
    scope->vars = json_object_size(vars) ? json_incref(vars) : NULL;
    p->open++;
    count_entering(st->d, scope);
    scope_touch(st->s, scope);
    take_entries(st, scope, ev->enter.to);
}

static bool expects(const struct engine_park *park)
{
    return park->until_us > 0 || park->signal || json_array_size(park->signals) > 0;
}

/* Who is being cancelled waits for nothing but its passes. */
bool node_may_enter(const struct act *a, const struct engine_event *ev)
{
    static const char *const branches[] = {"body", "catch", "finally"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(branches); i++)
        known |= ev->branch && strcmp(ev->branch, branches[i]) == 0;
    bool waits = ev->enter.passes && json_array_size(ev->enter.passes) == 0;
    bool something = (a->passes && (a->passes->open || json_array_size(a->passes->ended))) ||
                     (expects(&ev->park) && !a->cancelling);
    return known && (!waits || something);
}

/* What else it is to be called for. */
static void expect(struct step *st, struct act *a, const struct engine_park *park)
{
    int64_t close = a->due_us;
    if (park->until_us > 0 && (!close || park->until_us < close))
        act_set_due(st->s, a, park->until_us);
    if (!a->timer && expects(park))
        a->timer = ++st->s->next_timer;
    act_await_signals(st, a, park);
}

static void note_entering(struct step *st, struct act *a, const struct engine_event *ev)
{
    struct passes *p = passes_of(st, a);
    p->keep = ev->enter.keep < KEEP_MAX ? ev->enter.keep : KEEP_MAX;
    p->cleanup = (ev->enter.flags & ENTER_CLEANUP) != 0;
    if (ev->park.checkpoint)
        act_set_checkpoint(a, ev->park.checkpoint);
    a->used_us = 0;
    act_expects_nothing(st, a);
    a->timer = a->due_us ? ++st->s->next_timer : 0;
    act_set_state(st->s, a, ACT_ENTERED);
}

void node_entering_late(struct step *st, struct act *a, const struct engine_event *ev)
{
    note_entering(st, a, ev);
    json_array_clear(a->passes->ended);
    act_complete_settle(st, a);
}

/* More than one execution may have open; a nested one beside those of all others. */
static bool too_many(struct step *st, struct act *a, const struct engine_event *ev)
{
    size_t open = st->s->scope_count, more = ev->enter.passes ? json_array_size(ev->enter.passes) : 1;
    if (open + more <= ENGINE_MAX_PASSES || more == 0)
        return false;
    CLEANUP_FREE char *text = xasprintf("the node opens %zu passes, %zu are open in this execution, and there may be %d at a time: "
                                        "lower max_concurrency", more, open, ENGINE_MAX_PASSES);
    node_fail_text(st, a, "too_many_passes", text);
    return true;
}

void node_entering(struct step *st, struct act *a, const struct engine_event *ev)
{
    size_t i;
    json_t *vars;
    if (!node_may_enter(a, ev)) {
        node_fail_text(
            st, a, "config_invalid",
            "the node enters a branch that is none of body, catch and finally, or waits for a pass when none is open");
        return;
    }
    if (!a->cancelling && too_many(st, a, ev))
        return;
    note_entering(st, a, ev);
    struct passes *p = a->passes;
    if (ev->enter.pass > p->last)
        p->last = ev->enter.pass - 1;
    if (!a->cancelling)
        expect(st, a, &ev->park);
    uint32_t region = region_of(st->d, a->node, ev->branch);
    if (!ev->enter.passes)
        open_pass(st, a, region, ev, ev->output);
    json_array_foreach(ev->enter.passes, i, vars) open_pass(st, a, region, ev, vars);
    if (ev->enter.flags & ENTER_AGAIN)
        ended(a, 0, PASS_DONE, NULL);
    act_tell(st, a);
}

/* ---- telling ---- */

void act_tell(struct step *st, struct act *a)
{
    if (a->state != ACT_ENTERED || json_array_size(a->passes->ended) == 0)
        return;
    a->why = WHY_SCOPE;
    act_set_state(st->s, a, ACT_QUEUED);
}

/* The handler has answered the call about the first of them. */
void act_told(struct act *a)
{
    if (a->passes && a->why == WHY_SCOPE)
        json_array_remove(a->passes->ended, 0);
}

/* That of the pass which is over, when it is kept. */
static void set_result(json_t *summary, const struct passes *p)
{
    json_int_t told = json_integer_value(json_array_get(json_array_get(p->ended, 0), 0));
    for (size_t i = json_array_size(p->results); i-- > 0;) {
        const json_t *entry = json_array_get(p->results, i);
        if (json_integer_value(json_array_get(entry, 0)) == told)
            js_set(summary, "result", json_incref(json_array_get(entry, 1)));
    }
}

json_t *act_summary(const struct act *a)
{
    static const char *const names[] = {"done", "failed", "left", "continued", "cancelled"};
    const struct passes *p = a->passes;
    json_t *summary = json_object(), *results = json_array(), *entry;
    size_t i;
    js_set(summary, "open", json_integer(p->open));
    js_set(summary, "passes", json_integer((json_int_t)p->begun));
    for (i = 0; i < ARRAY_LEN(names); i++)
        js_set(summary, names[i], json_integer((json_int_t)p->ended_as[i]));
    json_array_foreach(p->results, i, entry) js_push(results, json_incref(json_array_get(entry, 1)));
    js_set(summary, "results", results);
    if (a->why == WHY_SCOPE)
        set_result(summary, p);
    return summary;
}

/* ---- the end of a pass ---- */

static bool leads_on(const struct def *d, const struct scope *scope, uint32_t node)
{
    const struct def_node *n = &d->nodes[node];
    for (uint32_t i = 0; i < n->exit_count; i++) {
        const struct def_edge *e = &d->edges[n->exits[i]];
        if (!e->home && d->nodes[e->to].region == scope->region && *edge_of(d, scope, n->exits[i]) == EDGE_TAKEN)
            return true;
    }
    return false;
}

/* The output of the only last node that ran, else an object of those by node. */
static json_t *pass_result(const struct step *st, const struct scope *scope)
{
    const struct def *d = st->d;
    const struct def_region *r = &d->regions[scope->region];
    json_t *all = json_object();
    for (uint32_t i = 0; i < r->node_count; i++) {
        const struct def_node *n = &d->nodes[r->nodes[i]];
        const json_t *output = scope_data_get(st->s, scope, n->output_key);
        if (scope->slots[i].state == SLOT_DONE && output && !leads_on(d, scope, r->nodes[i]))
            json_object_set(all, n->id, (json_t *)(uintptr_t)output);
    }
    if (json_object_size(all) != 1)
        return all;
    json_t *only = json_incref(json_object_iter_value(json_object_iter(all)));
    json_decref(all);
    return only;
}

static json_t *failed_result(const json_t *error)
{
    json_t *own = json_copy((json_t *)(uintptr_t)error), *result = json_object();
    json_object_del(own, "retryable");
    js_set(result, "error", own);
    return result;
}

/* Sorted by pass: one that ended later may have begun earlier. */
static void keep_result(struct passes *p, uint64_t pass, json_t *result)
{
    json_t *entry = json_array();
    size_t at = json_array_size(p->results);
    js_push(entry, json_integer((json_int_t)pass));
    js_push(entry, result);
    while (at > 0 && json_integer_value(json_array_get(json_array_get(p->results, at - 1), 0)) > (json_int_t)pass)
        at--;
    json_array_insert_new(p->results, at, entry);
    while (json_array_size(p->results) > p->keep)
        json_array_remove(p->results, 0);
}

static enum engine_scope_outcome outcome_of(const struct scope *scope)
{
    switch (scope->ending) {
    case END_NONE:
        return PASS_DONE;
    case END_FAILED:
        return PASS_FAILED;
    case END_BREAK:
        return PASS_BREAK;
    case END_CONTINUE:
        return PASS_CONTINUE;
    case END_CANCELLED:
    case END_TERMINATE:
        break;
    }
    return PASS_CANCELLED;
}

static void note_pass(struct step *st, struct act *a, const struct scope *scope, enum engine_scope_outcome outcome)
{
    struct passes *p = a->passes;
    bool counts = outcome == PASS_DONE || outcome == PASS_BREAK || outcome == PASS_CONTINUE;
    uint32_t exits = st->d->nodes[a->node].exit_count;
    p->open--;
    p->ended_as[outcome]++;
    for (uint32_t i = 0; counts && i < exits; i++)
        p->held[i] |= scope->held[i];
    if (p->keep && counts)
        keep_result(p, scope->pass, pass_result(st, scope));
    else if (p->keep && outcome == PASS_FAILED)
        keep_result(p, scope->pass, failed_result(scope->error));
}

static void publish_pass(struct step *st, struct scope *scope, struct act *a)
{
    const char *key;
    json_t *value;
    publish_now(st, scope, &scope->publish);
    if (!a || !(scope->flags & ENTER_ORDERED)) {
        scope_publish(st, scope, scope->parent);
        return;
    }
    json_object_foreach(scope->own, key, value) publish_later(&a->passes->publish, key, (json_int_t)scope->pass, value);
}

/* Its node has ended: nobody is told. */
static void detached_over(struct step *st, struct scope *scope)
{
    const struct def_node *n = &st->d->nodes[st->d->regions[scope->region].owner];
    if (scope->ending == END_FAILED)
        emit_log(st, n->id, "warning", "Node %s: a pass that ran on failed: %s", n->id,
                 js_str(scope->error, "message"));
    scope->parent->live--;
    scope_touch(st->s, scope->parent);
    scope_remove(st->s, scope);
}

void pass_over(struct step *st, struct scope *scope)
{
    struct act *a = act_find(st->s, scope->owner);
    publish_pass(st, scope, a);
    if (!a) {
        detached_over(st, scope);
        return;
    }
    enum engine_scope_outcome outcome = outcome_of(scope);
    note_pass(st, a, scope, outcome);
    bool shielded = (scope->flags & ENTER_SHIELD) != 0;
    if (!a->passes->closing && !a->completing && (!a->cancelling || shielded)) {
        ended(a, scope->pass, outcome, scope->error);
        a->cancel_told |= a->cancelling;
        act_tell(st, a);
    }
    scope_remove(st->s, scope);
    if (a->passes->closing && a->passes->open == 0)
        act_close_now(st, a);
    else if (a->cancelling)
        act_cancel_settle(st, a);
    else if (a->completing)
        act_complete_settle(st, a);
}

/* ---- a node that ends while passes are open ---- */

static void detach(struct act *a)
{
    for (struct scope *pass = first_pass(a->scope, a->id), *next; pass; pass = next) {
        next = next_pass(pass);
        if (!(pass->flags & ENTER_DETACH))
            continue;
        pass->owner = 0;
        pass->parent->live++;
        a->passes->open--;
    }
}

static void cancel_passes(struct step *st, struct act *a)
{
    uint64_t id = a->id;
    for (struct scope *pass = first_pass(a->scope, id); pass; pass = next_pass(pass))
        scope_end(st, pass, END_CANCELLED, NULL);
}

bool act_closes(struct step *st, struct act *a, json_t *closing)
{
    if (a->passes && a->passes->open && json_object_get(closing, "done"))
        detach(a);
    if (!a->passes || a->passes->open == 0) {
        json_decref(closing);
        return false;
    }
    json_array_clear(a->passes->ended);
    a->passes->closing = closing;
    act_set_state(st->s, a, ACT_ENTERED);
    cancel_passes(st, a);
    return true;
}

void act_close_now(struct step *st, struct act *a)
{
    CLEANUP_JSON json_t *closing = STEAL(a->passes->closing);
    json_t *fail = json_object_get(closing, "fail"), *cancels = json_object_get(closing, "cancels");
    struct failure f = {0};
    if (a->cancelling) {
        act_cancelled(st, a);
    } else if (fail) {
        failure_read(fail, &f);
        node_failed(st, a, &f);
        failure_clear(&f);
    } else if (json_object_get(closing, "timeout")) {
        node_timed_out(st, a);
    } else {
        const struct engine_event ev = {.type = ENGINE_DONE,
                                        .output = json_object_get(closing, "done"),
                                        .branch = js_str(closing, "branch"),
                                        .variables = json_object_get(closing, "variables"),
                                        .cancels = json_is_array(cancels) ? cancels : NULL};
        node_done(st, a, &ev);
    }
}
