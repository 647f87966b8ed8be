/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: making and finding them, and the data that nodes inside see and leave behind. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- making ---- */

struct scope *scope_new(const struct def *d, uint32_t region)
{
    const struct def_region *r = &d->regions[region];
    struct scope *scope = xcalloc(1, sizeof *scope);
    scope->region = region;
    scope->head = NO_INDEX;
    scope->edges = xcalloc(r->edge_count + (size_t)1, 1);
    scope->slots = xcalloc(r->node_count + (size_t)1, sizeof *scope->slots);
    if (r->cycle_count)
        scope->cycles = xcalloc(r->cycle_count, sizeof *scope->cycles);
    for (size_t i = 0; i < r->cycle_count; i++)
        scope->cycles[i].pass = 1;
    if (r->owner != NO_INDEX && d->nodes[r->owner].exit_count)
        scope->held = xcalloc(d->nodes[r->owner].exit_count, 1);
    return scope;
}

void rows_clear(struct scope *scope)
{
    for (uint32_t i = 0; i < scope->row_count; i++)
        xfree(scope->rows[i].edges);
    xfree(scope->rows);
    scope->rows = NULL;
    scope->row_count = 0;
}

void scope_free(struct scope *scope)
{
    if (!scope)
        return;
    rows_clear(scope);
    json_decref(scope->error);
    json_decref(scope->vars);
    json_decref(scope->own);
    json_decref(scope->publish);
    xfree(scope->held);
    xfree(scope->edges);
    xfree(scope->slots);
    xfree(scope->cycles);
    xfree(scope);
}

struct scope *scope_add(struct engine_state *s, const struct def *d, enum scope_kind kind, struct scope *parent,
                        uint32_t region)
{
    struct scope *scope = scope_new(d, region);
    void *scopes = s->scopes;
    xgrow(&scopes, &s->scope_cap, s->scope_count + 1, sizeof *s->scopes);
    s->scopes = scopes;
    s->scopes[s->scope_count++] = scope;
    scope->id = ++s->next_scope;
    scope->kind = kind;
    scope->parent = parent;
    scope_enter(scope);
    return scope;
}

void scope_enter(struct scope *scope)
{
    struct scope *parent = scope->parent;
    scope->prev_beside = parent->last_inner;
    *(parent->last_inner ? &parent->last_inner->next_beside : &parent->first_inner) = scope;
    parent->last_inner = scope;
}

static void scope_leave(struct scope *scope)
{
    struct scope *parent = scope->parent;
    *(scope->prev_beside ? &scope->prev_beside->next_beside : &parent->first_inner) = scope->next_beside;
    *(scope->next_beside ? &scope->next_beside->prev_beside : &parent->last_inner) = scope->prev_beside;
}

static size_t position(const struct engine_state *s, uint64_t id)
{
    size_t low = 0, high = s->scope_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->scopes[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct scope *scope_find(const struct engine_state *s, uint64_t id)
{
    if (id == 0)
        return s->root;
    size_t at = position(s, id);
    return at < s->scope_count && s->scopes[at]->id == id ? s->scopes[at] : NULL;
}

void scope_remove(struct engine_state *s, struct scope *scope)
{
    size_t at = position(s, scope->id);
    memmove(&s->scopes[at], &s->scopes[at + 1], (s->scope_count - at - 1) * sizeof(struct scope *));
    s->scope_count--;
    if (scope->touched)
        s->touched[scope->touched - 1] = NULL;
    scope_leave(scope);
    scope_free(scope);
}

void scope_touch(struct engine_state *s, struct scope *scope)
{
    if (scope->touched)
        return;
    void *touched = s->touched;
    xgrow(&touched, &s->touched_cap, s->touched_count + 1, sizeof *s->touched);
    s->touched = touched;
    s->touched[s->touched_count++] = scope;
    scope->touched = s->touched_count;
}

/* Edges into a cycle that are still to be decided. */
void count_entering(const struct def *d, struct scope *scope)
{
    const struct def_region *r = &d->regions[scope->region];
    for (uint32_t i = 0; r->cycle_count && i < r->edge_count; i++) {
        const struct def_edge *e = &d->edges[r->edges[i]];
        uint32_t to = d->nodes[e->to].cycle;
        if (to != NO_INDEX && !e->mute && !e->home && to != d->nodes[e->src].cycle && d->nodes[e->src].reachable &&
            scope->edges[i] == EDGE_PENDING)
            cycle_of(d, scope, to)->entering++;
    }
}

/* ---- data ---- */

/* Objects are shared with those who were given them: changed on a copy. */
static void set_on_copy(json_t **object, const char *key, json_t *value)
{
    if (!*object) {
        *object = json_object();
    } else if ((*object)->refcount > 1) {
        json_t *own = json_copy(*object);
        json_decref(*object);
        *object = own;
    }
    js_set(*object, key, value);
}

/* A result that equals what stands in the data is one with it; also when the two were read back one by one. */
static void share_result(struct step *st, const char *key, json_t *value)
{
    struct engine_state *s = st->s;
    size_t len = strlen(key), tail = strlen("_output");
    if (len <= tail || strcmp(key + len - tail, "_output") != 0)
        return;
    CLEANUP_FREE char *id = xstrndup(key, len - tail);
    uint32_t node = def_find(st->d, id), at = node == NO_INDEX ? NO_INDEX : s->result_at[node];
    if (at == NO_INDEX || s->results[at].output == value || !json_equal(s->results[at].output, value))
        return;
    json_decref(s->results[at].output);
    s->results[at].output = json_incref(value);
}

void scope_data_set(struct step *st, struct scope *scope, const char *key, json_t *value)
{
    while (scope->kind == SCOPE_AGAIN)
        scope = scope->parent;
    if (scope->kind == SCOPE_WHOLE) {
        share_result(st, key, value);
        state_data_set(st->s, key, value);
    } else {
        set_on_copy(&scope->own, key, value);
    }
}

const json_t *scope_data_get(const struct engine_state *s, const struct scope *scope, const char *key)
{
    for (; scope; scope = scope->parent) {
        const json_t *v = json_object_get(scope->own, key);
        if (v)
            return v;
    }
    return json_object_get(s->data, key);
}

const json_t *scope_var(const struct scope *scope, const char *name, bool loops_only)
{
    for (; scope; scope = scope->parent) {
        const json_t *v = loops_only && !(scope->flags & ENTER_LOOP) ? NULL : json_object_get(scope->vars, name);
        if (v)
            return v;
    }
    return NULL;
}

struct scope *scope_loop(struct scope *scope)
{
    while (scope && !(scope->kind == SCOPE_PASS && (scope->flags & ENTER_LOOP)))
        scope = scope->parent;
    return scope;
}

static void add_outputs(json_t *view, const struct scope *scope)
{
    if (!scope)
        return;
    add_outputs(view, scope->parent);
    json_object_update(view, scope->own);
}

static void add_vars(json_t *view, const struct scope *scope)
{
    if (!scope)
        return;
    add_vars(view, scope->parent);
    json_object_update(view, scope->vars);
}

json_t *scope_view(const struct engine_state *s, const struct scope *scope)
{
    if (scope->kind == SCOPE_WHOLE && !s->vars)
        return json_incref(s->data);
    json_t *view = json_copy(s->data);
    add_outputs(view, scope);
    json_object_update(view, s->vars);
    add_vars(view, scope);
    return view;
}

/* ---- publishing ---- */

/* Of several values for a key, the one of the highest order counts. */
void publish_later(json_t **publish, const char *key, json_int_t order, json_t *value)
{
    if (!*publish)
        *publish = json_object();
    const json_t *old = json_object_get(*publish, key);
    if (!old || json_integer_value(json_array_get(old, 0)) <= order) {
        json_t *entry = json_array();
        js_push(entry, json_integer(order));
        js_push(entry, json_incref(value));
        js_set(*publish, key, entry);
    }
}

void publish_now(struct step *st, struct scope *scope, json_t **publish)
{
    json_t *all = *publish, *entry;
    const char *key;
    *publish = NULL;
    json_object_foreach(all, key, entry) scope_data_set(st, scope, key, json_incref(json_array_get(entry, 1)));
    json_decref(all);
}

void scope_publish(struct step *st, struct scope *from, struct scope *to)
{
    const char *key;
    json_t *value;
    json_object_foreach(from->own, key, value) scope_data_set(st, to, key, json_incref(value));
}
