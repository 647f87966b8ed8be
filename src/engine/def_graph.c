/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from nodes and edges: adjacency, what the entry reaches, the cycles with their back edges (depth-first in
 * edge order), how many edges a join waits for. */
#include "engine/def_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static bool reserved_label(const char *label)
{
    static const char *const reserved[] = {"error", "body", "done", "catch", "finally"};
    for (size_t i = 0; label && i < ARRAY_LEN(reserved); i++)
        if (strcmp(label, reserved[i]) == 0)
            return true;
    return false;
}

static void clear_links(struct def *d)
{
    free(d->edge_lists);
    for (size_t i = 0; i < d->node_count; i++) {
        d->nodes[i].out_count = d->nodes[i].in_count = 0;
        d->nodes[i].has_error_edge = false;
    }
}

void link_edges(struct def *d)
{
    clear_links(d);
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
    s->path[s->path_len++] = node;
    s->stack[s->stack_len++] = node;
}

/* Edges that lead on beside the node: neither out of its region nor into one of its own. */
static bool flows(uint32_t node, const struct def_edge *e)
{
    return !e->home && e->src == node;
}

static bool has_self_edge(const struct def *d, uint32_t node)
{
    const struct def_node *n = &d->nodes[node];
    for (uint32_t i = 0; i < n->exit_count; i++)
        if (flows(node, &d->edges[n->exits[i]]) && d->edges[n->exits[i]].to == node)
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
    if (!flows(node, e))
        return;
    e->back = to->on_path;
    if (!to->number)
        enter(s, e->to);
    else if (to->on_stack && to->number < v->low)
        v->low = to->number;
}

static void search_from(struct search *s, uint32_t root)
{
    if (s->v[root].number)
        return;
    enter(s, root);
    while (s->path_len) {
        uint32_t node = s->path[s->path_len - 1];
        if (s->v[node].next < s->d->nodes[node].exit_count)
            follow(s, node, s->d->nodes[node].exits[s->v[node].next++]);
        else
            leave(s, node);
    }
}

/* Each region by itself, from its heads in edge order; what is inside it counts as its owner. */
static void search_regions(struct def *d)
{
    if (d->entry == NO_INDEX)
        return;
    struct search s = {.d = d, .v = xcalloc(d->node_count, sizeof *s.v)};
    s.path = xcalloc(d->node_count, sizeof *s.path);
    s.stack = xcalloc(d->node_count, sizeof *s.stack);
    for (uint32_t r = 0; r < d->region_count; r++) {
        struct def_region *region = &d->regions[r];
        region->cycle_first = (uint32_t)d->cycle_count;
        if (r == 0)
            search_from(&s, d->entry);
        for (uint32_t i = 0; i < region->entry_count; i++)
            search_from(&s, d->edges[region->entries[i]].to);
        region->cycle_count = (uint32_t)d->cycle_count - region->cycle_first;
    }
    free(s.v);
    free(s.path);
    free(s.stack);
}

static void find_reachable(struct def *d)
{
    uint32_t *list = xcalloc(d->node_count + 1, sizeof *list), count = 0;
    if (d->entry != NO_INDEX) {
        d->nodes[d->entry].reachable = true;
        list[count++] = d->entry;
    }
    for (uint32_t at = 0; at < count; at++) {
        const struct def_node *n = &d->nodes[list[at]];
        for (uint32_t i = 0; i < n->out_count; i++) {
            const struct def_edge *e = &d->edges[n->out[i]];
            if (e->mute || d->nodes[e->to].reachable)
                continue;
            d->nodes[e->to].reachable = true;
            list[count++] = e->to;
        }
    }
    free(list);
}

/* ---- cycles ---- */

static void collect_cycles(struct def *d)
{
    d->cycles = xcalloc(d->cycle_count + 1, sizeof *d->cycles);
    for (uint32_t i = 0; i < d->node_count; i++) {
        if (d->nodes[i].cycle == NO_INDEX)
            continue;
        struct def_cycle *c = &d->cycles[d->nodes[i].cycle];
        list_add(&c->nodes, &c->node_count, i);
    }
    for (uint32_t i = 0; i < d->edge_count; i++) {
        struct def_edge *e = &d->edges[i];
        uint32_t from = d->nodes[e->src].cycle;
        if (from == NO_INDEX || e->mute || e->home || e->entry)
            continue;
        struct def_cycle *c = &d->cycles[from];
        e->leaves = d->nodes[e->to].cycle != from;
        if (e->back)
            list_add(&c->back, &c->back_count, i);
        if (e->leaves)
            list_add(&c->leaving, &c->leaving_count, i);
    }
}

/* ---- joins and ways on ---- */

static void count_edges(struct def *d)
{
    for (uint32_t i = 0; i < d->node_count; i++) {
        struct def_node *n = &d->nodes[i];
        d->regions[n->region].has_each |= n->options.join == JOIN_EACH;
        for (uint32_t k = 0; k < n->in_count; k++) {
            const struct def_edge *e = &d->edges[n->in[k]];
            if (!e->back && (d->nodes[e->src].reachable || !n->reachable))
                n->join_in++;
        }
        for (uint32_t k = 0; k < n->exit_count; k++) {
            const struct def_edge *e = &d->edges[n->exits[k]];
            n->ways += !e->error && !e->back && !e->home;
        }
    }
}

/* In-edges are those that carry tokens; the list keeps its place. */
static void drop_silent_edges(struct def *d)
{
    for (uint32_t i = 0; i < d->node_count; i++) {
        struct def_node *n = &d->nodes[i];
        uint32_t *in = d->edge_lists + (n->in - d->edge_lists), count = 0;
        for (uint32_t k = 0; k < n->in_count; k++)
            if (!d->edges[in[k]].mute && !d->edges[in[k]].home)
                in[count++] = in[k];
        n->in_count = count;
    }
}

/* All regions at once: no edge of the flow leads from one to another. */
static void find_dominators(struct def *d)
{
    struct flow f = {.count = (uint32_t)d->node_count};
    uint32_t at = 0, *roots = xcalloc(d->edge_count + 1, sizeof *roots), root_count = 0;
    uint32_t *in = xcalloc(d->node_count + 1, sizeof *in), *out = xcalloc(d->node_count + 1, sizeof *out);
    f.first = xcalloc(d->node_count + 1, sizeof *f.first);
    f.to = xcalloc(d->edge_count + 1, sizeof *f.to);
    for (uint32_t i = 0; i < d->node_count; i++) {
        f.first[i] = at;
        for (uint32_t k = 0; k < d->nodes[i].exit_count; k++)
            if (flows(i, &d->edges[d->nodes[i].exits[k]]))
                f.to[at++] = d->edges[d->nodes[i].exits[k]].to;
    }
    f.first[d->node_count] = at;
    if (d->entry != NO_INDEX)
        roots[root_count++] = d->entry;
    for (uint32_t i = 0; i < d->edge_count; i++)
        if (d->edges[i].entry)
            roots[root_count++] = d->edges[i].to;
    dominators(&f, roots, root_count, in, out);
    for (uint32_t i = 0; i < d->node_count; i++) {
        d->nodes[i].dom_in = in[i];
        d->nodes[i].dom_out = out[i];
    }
    free(roots);
    free(in);
    free(out);
    free(f.first);
    free(f.to);
}

static bool has_labels(const struct def *d, const struct def_node *n)
{
    for (uint32_t k = 0; k < n->out_count; k++)
        if (d->edges[n->out[k]].label)
            return true;
    return false;
}

/* The drawn edges as a handler sees them; it needs them only where a branch may be chosen. */
static void describe_edges(struct def *d)
{
    for (uint32_t i = 0; i < d->node_count; i++) {
        struct def_node *n = &d->nodes[i];
        if (!n->entry_edges && !has_labels(d, n))
            continue;
        n->edges = json_array();
        for (uint32_t k = 0; k < n->out_count; k++) {
            const struct def_edge *e = &d->edges[n->out[k]];
            const struct def_node *to = &d->nodes[e->to];
            json_t *edge = json_object();
            if (e->mute)
                json_decref(edge);
            else
                js_push(n->edges, edge);
            if (e->mute)
                continue;
            js_set(edge, "branch", e->label ? json_string(e->label) : json_null());
            js_set(edge, "to", json_string(to->id));
            js_set(edge, "node_type", json_string(to->type));
            js_set(edge, "config", json_incref(to->config));
        }
    }
}

void load_graph(struct def_load *l)
{
    struct def *d = l->d;
    link_edges(d);
    load_infer_labels(l);
    load_infer_structure(l);
    find_reachable(d);
    load_regions(l);
    drop_silent_edges(d);
    search_regions(d);
    collect_cycles(d);
    find_dominators(d);
    load_splits(l);
    count_edges(d);
    describe_edges(d);
    load_check(l);
}
