/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from nodes and edges: adjacency, what the entry reaches, the cycles with their back edges (depth-first in
 * edge order), how many edges a join waits for. */
#include "engine/def_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool reserved_label(const char *label)
{
    static const char *const reserved[] = {"error", "body", "done", "catch", "finally"};
    for (size_t i = 0; label && i < ARRAY_LEN(reserved); i++)
        if (strcmp(label, reserved[i]) == 0)
            return true;
    return false;
}

static void link_edges(struct def *d)
{
    for (size_t i = 0; i < d->edge_count; i++) {
        struct def_edge *e = &d->edges[i];
        d->nodes[e->from].out_count++;
        d->nodes[e->to].in_count++;
        e->reserved = reserved_label(e->label);
        e->error = e->label && strcmp(e->label, "error") == 0;
        d->nodes[e->from].has_error_edge |= e->error;
    }
    d->edge_lists = xcalloc(2 * d->edge_count + 1, sizeof *d->edge_lists);
    uint32_t *next = d->edge_lists;
    for (size_t i = 0; i < d->node_count; i++) {
        d->nodes[i].out = next;
        next += d->nodes[i].out_count;
        d->nodes[i].in = next;
        next += d->nodes[i].in_count;
        d->nodes[i].out_count = d->nodes[i].in_count = 0;
    }
    for (uint32_t i = 0; i < d->edge_count; i++) {
        struct def_node *from = &d->nodes[d->edges[i].from], *to = &d->nodes[d->edges[i].to];
        d->edge_lists[(from->out - d->edge_lists) + from->out_count++] = i;
        d->edge_lists[(to->in - d->edge_lists) + to->in_count++] = i;
    }
}

/* ---- depth-first search: reach, back edges, strongly connected components (Tarjan), without recursion ---- */

struct visit {
    uint32_t number, low; /* 0 = not seen */
    uint32_t next;        /* position in the node's out-edges */
    bool on_path, on_stack;
};
struct search {
    struct def *d;
    struct visit *v;
    uint32_t *path, *stack, counter;
    size_t path_len, stack_len;
};

static void enter(struct search *s, uint32_t node)
{
    struct visit *v = &s->v[node];
    v->number = v->low = ++s->counter;
    v->on_path = v->on_stack = true;
    s->d->nodes[node].reachable = true;
    s->path[s->path_len++] = node;
    s->stack[s->stack_len++] = node;
}

static bool has_self_edge(const struct def *d, uint32_t node)
{
    for (uint32_t i = 0; i < d->nodes[node].out_count; i++)
        if (d->edges[d->nodes[node].out[i]].to == node)
            return true;
    return false;
}

/* The nodes above `node` on the stack are one component; more than one node, or an edge to itself, makes it a cycle. */
static void close_component(struct search *s, uint32_t node)
{
    struct def *d = s->d;
    size_t from = s->stack_len;
    while (s->stack[--from] != node)
        ;
    size_t count = s->stack_len - from;
    for (size_t i = from; i < s->stack_len; i++)
        s->v[s->stack[i]].on_stack = false;
    s->stack_len = from;
    if (count == 1 && !has_self_edge(d, node))
        return;
    for (size_t i = from; i < from + count; i++)
        d->nodes[s->stack[i]].cycle = (uint32_t)d->cycle_count;
    d->cycle_count++;
}

static void leave(struct search *s, uint32_t node)
{
    s->v[node].on_path = false;
    s->path_len--;
    if (s->v[node].low == s->v[node].number)
        close_component(s, node);
    if (s->path_len) {
        struct visit *parent = &s->v[s->path[s->path_len - 1]];
        if (s->v[node].low < parent->low)
            parent->low = s->v[node].low;
    }
}

static void follow(struct search *s, uint32_t node, uint32_t edge)
{
    struct def_edge *e = &s->d->edges[edge];
    struct visit *v = &s->v[node], *to = &s->v[e->to];
    e->back = to->on_path;
    if (!to->number)
        enter(s, e->to);
    else if (to->on_stack && to->number < v->low)
        v->low = to->number;
}

static void search_from_entry(struct def *d)
{
    if (d->entry == NO_INDEX)
        return;
    struct search s = {.d = d, .v = xcalloc(d->node_count, sizeof *s.v)};
    s.path = xcalloc(d->node_count, sizeof *s.path);
    s.stack = xcalloc(d->node_count, sizeof *s.stack);
    enter(&s, d->entry);
    while (s.path_len) {
        uint32_t node = s.path[s.path_len - 1];
        if (s.v[node].next < d->nodes[node].out_count)
            follow(&s, node, d->nodes[node].out[s.v[node].next++]);
        else
            leave(&s, node);
    }
    free(s.v);
    free(s.path);
    free(s.stack);
}

/* ---- cycles ---- */

static void append(uint32_t **list, uint32_t *count, uint32_t value)
{
    if ((*count & (*count - 1)) == 0) /* full at every power of two */
        *list = xreallocarray(*list, *count ? *count * (size_t)2 : 1, sizeof **list);
    (*list)[(*count)++] = value;
}

static void collect_cycles(struct def *d)
{
    d->cycles = xcalloc(d->cycle_count + 1, sizeof *d->cycles);
    for (uint32_t i = 0; i < d->node_count; i++) {
        if (d->nodes[i].cycle == NO_INDEX)
            continue;
        struct def_cycle *c = &d->cycles[d->nodes[i].cycle];
        append(&c->nodes, &c->node_count, i);
    }
    for (uint32_t i = 0; i < d->edge_count; i++) {
        struct def_edge *e = &d->edges[i];
        uint32_t from = d->nodes[e->from].cycle;
        if (from == NO_INDEX)
            continue;
        struct def_cycle *c = &d->cycles[from];
        e->leaves = d->nodes[e->to].cycle != from;
        if (e->back)
            append(&c->back, &c->back_count, i);
        if (e->leaves)
            append(&c->leaving, &c->leaving_count, i);
    }
}

/* ---- joins and ways on ---- */

static void count_edges(struct def *d)
{
    for (uint32_t i = 0; i < d->node_count; i++) {
        struct def_node *n = &d->nodes[i];
        for (uint32_t k = 0; k < n->in_count; k++) {
            const struct def_edge *e = &d->edges[n->in[k]];
            if (!e->back && (d->nodes[e->from].reachable || !n->reachable))
                n->join_in++;
        }
        for (uint32_t k = 0; k < n->out_count; k++)
            n->ways += !d->edges[n->out[k]].error && !d->edges[n->out[k]].back;
    }
}

void load_graph(struct def_load *l)
{
    struct def *d = l->d;
    link_edges(d);
    load_infer_labels(l);
    search_from_entry(d);
    collect_cycles(d);
    count_edges(d);
    load_check(l);
}
