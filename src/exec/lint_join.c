/* SPDX-License-Identifier: Apache-2.0 */
/* Can n of a node's in-edges be taken together?
 *
 * A condition or switch takes edges of one branch only.  An edge that lies behind one branch of it and cannot be reached
 * without it excludes those behind the other branches.  For each such node the in-edges are counted by the branch that they
 * need; the largest of these sets and those that need none are what can arrive.  Graphs with cycles are given the benefit of
 * the doubt: other passes may take other branches. */
#include "exec/lint.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Larger graphs are not looked at: the work grows with branches times edges. */
#define MAX_EDGES 5000

struct graph {
    const struct def *d;
    size_t node_count, edge_count;
    struct def_edge_view *edges;
    bool *reach;    /* scratch: nodes */
    size_t *queue;
};

static bool names_a_branch(const char *type)
{
    return strcmp(type, "condition") == 0 || strcmp(type, "if") == 0 || strcmp(type, "switch") == 0;
}

static bool same_branch(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Is the edge cut when `branch` of `node` is never taken? */
static bool cut(const struct def_edge_view *e, size_t node, const char *branch)
{
    return e->from == node && same_branch(e->label, branch);
}

static bool from_reachable(const struct graph *g, size_t edge)
{
    struct def_node_view n;
    def_view_node(g->d, g->edges[edge].from, &n);
    return n.reachable;
}

static void reach_without(struct graph *g, size_t node, const char *branch)
{
    size_t len = 0, entry = def_entry(g->d);
    memset(g->reach, 0, g->node_count * sizeof *g->reach);
    g->reach[entry] = true;
    g->queue[len++] = entry;
    for (size_t at = 0; at < len; at++)
        for (size_t i = 0; i < g->edge_count; i++) {
            const struct def_edge_view *e = &g->edges[i];
            if (e->from != g->queue[at] || g->reach[e->to] || cut(e, node, branch))
                continue;
            g->reach[e->to] = true;
            g->queue[len++] = e->to;
        }
}

/* In-edges of `join` that need `branch` of `node`. */
static size_t needing(struct graph *g, size_t join, size_t node, const char *branch)
{
    size_t count = 0;
    reach_without(g, node, branch);
    for (size_t i = 0; i < g->edge_count; i++)
        if (g->edges[i].to == join && from_reachable(g, i))
            count += cut(&g->edges[i], node, branch) || !g->reach[g->edges[i].from];
    return count;
}

/* Labelled out-edges with a label that no edge before has. */
static bool first_of_branch(const struct graph *g, size_t edge)
{
    for (size_t i = 0; i < edge; i++)
        if (g->edges[i].from == g->edges[edge].from && same_branch(g->edges[i].label, g->edges[edge].label))
            return false;
    return true;
}

/* The most that can arrive as far as the branches of `node` decide it. */
static size_t most_through(struct graph *g, size_t join, size_t node, size_t in_edges)
{
    size_t bound = 0, largest = 0;
    for (size_t i = 0; i < g->edge_count; i++) {
        if (g->edges[i].from != node || !g->edges[i].label || !first_of_branch(g, i))
            continue;
        size_t count = needing(g, join, node, g->edges[i].label);
        bound += count;
        if (count > largest)
            largest = count;
    }
    return in_edges - bound + largest;
}

static size_t most_together(struct graph *g, size_t join, size_t in_edges)
{
    size_t most = in_edges;
    for (size_t node = 0; node < g->node_count; node++) {
        struct def_node_view n;
        def_view_node(g->d, node, &n);
        if (!n.reachable || !names_a_branch(n.type))
            continue;
        size_t here = most_through(g, join, node, in_edges);
        if (here < most)
            most = here;
    }
    return most;
}

bool lint_join_can_fire(const struct def *d, size_t node, int64_t n)
{
    struct graph g = {.d = d, .node_count = def_node_count(d), .edge_count = def_edge_count(d)};
    size_t in_edges = 0;
    bool cycle = false;
    if (g.edge_count > MAX_EDGES || def_entry(d) == SIZE_MAX)
        return true;
    g.edges = xcalloc(g.edge_count + 1, sizeof *g.edges);
    for (size_t i = 0; i < g.edge_count; i++) {
        def_view_edge(d, i, &g.edges[i]);
        in_edges += g.edges[i].to == node && from_reachable(&g, i);
        cycle |= g.edges[i].back;
    }
    g.reach = xcalloc(g.node_count + 1, sizeof *g.reach);
    g.queue = xcalloc(g.node_count + 1, sizeof *g.queue);
    bool can = cycle || n > (int64_t)in_edges || n < 1 || (int64_t)most_together(&g, node, in_edges) >= n;
    free(g.edges);
    free(g.reach);
    free(g.queue);
    return can;
}
