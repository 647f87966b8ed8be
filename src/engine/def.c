/* SPDX-License-Identifier: Apache-2.0 */
/* A loaded definition as the other rooms see it: references and accessors. */
#include "engine/def_int.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

void diags_free(struct diags *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->len; i++) {
        free(d->items[i].pointer);
        free(d->items[i].message);
    }
    free(d->items);
    *d = (struct diags){0};
}

void strings_free(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

static void node_clear(struct def_node *n)
{
    free(n->id);
    free(n->type);
    free(n->pointer);
    free(n->output_key);
    free(n->says_executing);
    free(n->says_completed);
    json_decref(n->config);
    tmpl_free(n->tmpl);
    strings_free(n->secrets);
    strings_free(n->envs);
    node_options_free(&n->options);
    free(n->exits);
    free(n->regions);
    json_decref(n->edges);
}

static void def_destroy(struct def *d)
{
    for (size_t i = 0; i < d->node_count; i++)
        node_clear(&d->nodes[i]);
    for (size_t i = 0; i < d->edge_count; i++)
        free(d->edges[i].label);
    for (size_t i = 0; i < d->cycle_count; i++) {
        free(d->cycles[i].nodes);
        free(d->cycles[i].back);
        free(d->cycles[i].leaving);
    }
    for (size_t i = 0; i < d->region_count; i++) {
        free(d->regions[i].nodes);
        free(d->regions[i].edges);
        free(d->regions[i].entries);
    }
    free(d->regions);
    free(d->nodes);
    free(d->edges);
    free(d->cycles);
    free(d->edge_lists);
    json_decref(d->index);
    free(d->timezone);
    free(d->error);
    free(d->unknown_detail);
    expr_cache_free(d->exprs);
    free(d);
}

struct def *def_ref(struct def *d)
{
    d->refs++;
    return d;
}

void def_unref(struct def *d)
{
    if (d && --d->refs == 0)
        def_destroy(d);
}

const char *def_error(const struct def *d)
{
    return d->error;
}

bool def_lacks_types(const struct def *d)
{
    return d->lacks_types;
}

size_t def_node_count(const struct def *d)
{
    return d->node_count;
}

const char *def_node_id(const struct def *d, size_t node)
{
    return d->nodes[node].id;
}

const char *def_node_type(const struct def *d, size_t node)
{
    return d->nodes[node].type;
}

const struct node_type *def_node_info(const struct def *d, size_t node)
{
    return d->nodes[node].known ? &d->nodes[node].info : NULL;
}

int64_t def_node_timeout_ms(const struct def *d, size_t node)
{
    const struct def_node *n = &d->nodes[node];
    return n->options.timeout_ms ? n->options.timeout_ms : n->known ? n->info.default_timeout_ms : 0;
}

uint32_t def_find(const struct def *d, const char *id)
{
    const json_t *v = json_object_get(d->index, id);
    return v ? (uint32_t)json_integer_value(v) : NO_INDEX;
}
