/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: what nodes set, and which of them a node sees. */
#include "engine/state_int.h"

#include <string.h>

#include "base/json.h"

/* Objects may be shared with readers: set on a copy. */
static void set_shared(json_t **object, const char *name, const json_t *value)
{
    json_t *own = *object ? json_copy(*object) : json_object();
    js_set(own, name, json_incref((json_t *)(uintptr_t)value));
    json_decref(*object);
    *object = own;
}

static void set_node_variable(struct engine_state *s, const char *node, const char *name, const json_t *value)
{
    json_t *own = json_incref(json_object_get(s->node_vars, node));
    set_shared(&own, name, value);
    set_shared(&s->node_vars, node, own);
    json_decref(own);
}

static void set_one(struct step *st, const struct act *a, const char *name, const char *scope, const json_t *value)
{
    struct scope *loop = strcmp(scope, "loop") == 0 ? scope_loop(a->scope) : NULL;
    if (strcmp(scope, "node") == 0)
        set_node_variable(st->s, st->d->nodes[a->node].id, name, value);
    else
        set_shared(loop ? &loop->vars : &st->s->vars, name, value);
}

void variables_set(struct step *st, const struct act *a, const json_t *variables)
{
    size_t i;
    json_t *v;
    json_array_foreach(variables, i, v)
    {
        const char *name = json_string_value(json_array_get(v, 0)), *scope = json_string_value(json_array_get(v, 1));
        if (name && scope && json_array_get(v, 2))
            set_one(st, a, name, scope, json_array_get(v, 2));
    }
}

const json_t *engine_variable(const struct def *d, const struct engine_state *s, uint64_t act, const char *name,
                              const char *scope)
{
    const struct act *a = act_find(s, act);
    const json_t *value = NULL;
    if (!a)
        return NULL;
    if (!scope || strcmp(scope, "node") == 0)
        value = json_object_get(json_object_get(s->node_vars, d->nodes[a->node].id), name);
    if (!value && (!scope || strcmp(scope, "loop") == 0))
        value = scope_var(a->scope, name, scope != NULL);
    if (!value && (!scope || strcmp(scope, "workflow") == 0 || !scope_loop(a->scope)) &&
        (!scope || strcmp(scope, "node") != 0))
        value = json_object_get(s->vars, name);
    return value;
}

static void add_loop_variables(json_t *all, const struct scope *scope)
{
    if (!scope)
        return;
    add_loop_variables(all, scope->parent);
    json_object_update(all, scope->vars);
}

json_t *variables_view(const struct def *d, const struct engine_state *s, const struct act *a)
{
    json_t *all = s->vars ? json_copy(s->vars) : json_object();
    add_loop_variables(all, a->scope);
    json_object_update(all, json_object_get(s->node_vars, d->nodes[a->node].id));
    return all;
}
