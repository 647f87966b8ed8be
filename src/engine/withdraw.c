/* SPDX-License-Identifier: Apache-2.0 */
/* A node that withdraws others: what lives of them in its own scope, or in one around it, goes without a result, and nothing is
 * taken behind it; scopes wind up first.  The node itself goes on when all of that is over. */
#include "engine/state_int.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- what is meant ---- */

/* The pass, or the execution, around the activation in which the node runs; NULL: it runs elsewhere. */
static const struct scope *instance_of(const struct def *d, struct scope *scope, uint32_t node)
{
    for (; scope; scope = scope->parent)
        if (scope->region == d->nodes[node].region)
            return scope_base(scope);
    return NULL;
}

/* What winds up because its own time is over would fail then: withdrawn, it does not. */
static bool is_meant(const struct act *b, const struct act *a, uint32_t node, const struct scope *instance)
{
    bool goes = (b->cancelling && !b->expired) || b->completing || b->after;
    return b != a && b->node == node && !goes && scope_base(b->scope) == instance;
}

/* A pass that runs on although its node has ended. */
static bool is_left_over(const struct def *d, struct scope *scope, uint32_t node, const struct scope *instance)
{
    return scope->kind == SCOPE_PASS && scope->owner == 0 && scope->ending == END_NONE &&
           d->regions[scope->region].owner == node && scope_base(scope->parent) == instance;
}

static bool is_around(const struct act *a, uint64_t owner)
{
    for (const struct scope *scope = a->scope; scope; scope = scope->parent)
        if (scope->kind == SCOPE_PASS && scope->owner == owner)
            return true;
    return false;
}

static bool stands_in(const struct act *a, const struct scope *pass)
{
    const struct scope *scope = a->scope;
    while (scope && scope != pass)
        scope = scope->parent;
    return scope != NULL;
}

/* Activations and passes that one node id stands for; true when there are any. */
static bool collect(const struct step *st, const struct act *a, uint32_t node, bool complete, json_t *acts, json_t *scopes,
                    bool *around)
{
    const struct engine_state *s = st->s;
    const struct scope *instance = instance_of(st->d, a->scope, node);
    size_t before = json_array_size(acts) + json_array_size(scopes);
    for (size_t i = 0; instance && i < s->act_count; i++) {
        const struct act *b = s->acts[i];
        if (!is_meant(b, a, node, instance))
            continue;
        *around |= is_around(a, b->id);
        js_push(acts, json_pack("[I, b]", (json_int_t)b->id, complete && act_can_complete(st, b)));
    }
    for (size_t i = 0; instance && i < s->scope_count; i++) {
        if (!is_left_over(st->d, s->scopes[i], node, instance))
            continue;
        *around |= stands_in(a, s->scopes[i]);
        js_push(scopes, json_integer((json_int_t)s->scopes[i]->id));
    }
    return json_array_size(acts) + json_array_size(scopes) > before;
}

/* ---- doing it ---- */

static void withdraw_all(struct step *st, const json_t *acts, const json_t *scopes)
{
    size_t i;
    json_t *v;
    json_array_foreach(acts, i, v)
    {
        struct act *b = act_find(st->s, (uint64_t)json_integer_value(json_array_get(v, 0)));
        if (b && json_is_true(json_array_get(v, 1)))
            act_complete(st, b);
        else if (b)
            act_cancel(st, b);
    }
    json_array_foreach(scopes, i, v)
    {
        struct scope *scope = scope_find(st->s, (uint64_t)json_integer_value(v));
        if (scope)
            scope_end(st, scope, END_CANCELLED, NULL);
    }
}

static bool winds_up(const struct engine_state *s, const json_t *acts, const json_t *scopes)
{
    size_t i;
    json_t *v;
    json_array_foreach(acts, i, v)
    {
        const struct act *b = act_find(s, (uint64_t)json_integer_value(json_array_get(v, 0)));
        if (b && (b->cancelling || (b->completing && b->passes)))
            return true;
    }
    json_array_foreach(scopes, i, v) if (scope_find(s, (uint64_t)json_integer_value(v)))
        return true;
    return false;
}

/* It waits for them; around it stands none of them. */
static void go_on_later(struct step *st, struct act *a, json_t *output, const char *branch, json_t *acts, json_t *scopes)
{
    a->after = json_pack("{s:O, s:s?, s:O, s:O}", "done", output, "branch", branch, "acts", acts, "scopes", scopes);
    act_set_state(st->s, a, ACT_HELD);
}

bool withdrawers_settle(struct step *st)
{
    const struct engine_state *s = st->s;
    for (size_t i = 0; s->held && i < s->act_count; i++) {
        struct act *a = s->acts[i];
        if (a->state != ACT_HELD || !a->after || winds_up(s, json_object_get(a->after, "acts"), json_object_get(a->after, "scopes")))
            continue;
        CLEANUP_JSON json_t *after = STEAL(a->after);
        node_succeeded(st, a, json_object_get(after, "done"), js_str(after, "branch"));
        return true;
    }
    return false;
}

/* ---- the outcome ---- */

static json_t *told(const json_t *output, const json_t *ids)
{
    json_t *own = json_is_object(output) ? json_copy((json_t *)(uintptr_t)output) : json_object();
    js_set(own, "cancelled", json_incref((json_t *)(uintptr_t)ids));
    return own;
}

static bool named_before(const json_t *cancels, size_t at)
{
    const char *id = json_string_value(json_array_get(json_array_get(cancels, at), 0));
    for (size_t i = 0; i < at; i++)
        if (strcmp(json_string_value(json_array_get(json_array_get(cancels, i), 0)), id) == 0)
            return true;
    return false;
}

/* -1: one is no node of the workflow, and the activation has failed. */
static int check_ids(struct step *st, struct act *a, const json_t *cancels)
{
    size_t i;
    json_t *v;
    json_array_foreach(cancels, i, v)
    {
        const char *id = json_string_value(json_array_get(v, 0));
        if (id && def_find(st->d, id) != NO_INDEX)
            continue;
        CLEANUP_FREE char *text = xasprintf("there is no node \"%.100s\" that could be cancelled", id ? id : "");
        node_fail_text(st, a, "config_invalid", text);
        return -1;
    }
    return 0;
}

void node_withdraws(struct step *st, struct act *a, json_t *output, const char *branch, const json_t *cancels)
{
    CLEANUP_JSON json_t *acts = json_array(), *scopes = json_array(), *ids = json_array();
    bool around = false;
    size_t i;
    json_t *v;
    if (check_ids(st, a, cancels) != 0)
        return;
    json_array_foreach(cancels, i, v)
    {
        const char *id = json_string_value(json_array_get(v, 0));
        bool complete = (json_integer_value(json_array_get(v, 1)) & CANCEL_COMPLETE) != 0;
        if (!named_before(cancels, i) && collect(st, a, def_find(st->d, id), complete, acts, scopes, &around))
            js_push(ids, json_string(id));
    }
    CLEANUP_JSON json_t *own = told(output, ids);
    if (around) { /* it goes with them */
        node_succeeded(st, a, own, branch);
        withdraw_all(st, acts, scopes);
        return;
    }
    withdraw_all(st, acts, scopes);
    if (winds_up(st->s, acts, scopes))
        go_on_later(st, a, own, branch, acts, scopes);
    else
        node_succeeded(st, a, own, branch);
}
