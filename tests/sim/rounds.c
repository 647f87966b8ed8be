/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle's rows, whose branches run one after the other, and cycles, which go round: what begins when what came before
 * is over. */
#include "sim/sim.h"

#include "base/mem.h"

/* ---- rows ---- */

static void reach(const struct world *w, int region, const int *edges, int count, bool *seen)
{
    int list[MAX_NODES], n = 0;
    for (int i = 0; i < count; i++) {
        int to = w->g.edge[edges[i]].to;
        if (w->g.node[to].region == region && !seen[to]) {
            seen[to] = true;
            list[n++] = to;
        }
    }
    for (int at = 0; at < n; at++)
        for (int e = 0; e < w->g.edges; e++) {
            int to = w->g.edge[e].to;
            if (graph_home(&w->g, e) || w->g.edge[e].back || w->g.node[to].region != region ||
                graph_source(&w->g, e) != list[at] || seen[to])
                continue;
            seen[to] = true;
            list[n++] = to;
        }
}

static bool earlier_branches_live(const struct world *w, int inst, const struct row *row)
{
    bool early[MAX_NODES] = {false}, late[MAX_NODES] = {false};
    int region = w->o.inst[inst].region;
    reach(w, region, row->edges, row->next, early);
    reach(w, region, row->edges + row->next, row->count - row->next, late);
    for (int i = 0; i < w->o.lives; i++) {
        const struct life *l = &w->o.life[i];
        if (l->doing != GONE && l->inst == inst && early[l->node] && !late[l->node])
            return true;
    }
    return false;
}

bool row_next(struct world *w, int inst)
{
    struct inst *i = &w->o.inst[inst];
    for (int k = 0; k < i->row_count; k++) {
        struct row *row = &i->rows[k];
        if (earlier_branches_live(w, inst, row))
            continue;
        int edge = row->edges[row->next++];
        if (row->next == row->count)
            *row = i->rows[--i->row_count];
        decide(w, inst, edge, true);
        return true;
    }
    return false;
}

void begin_row(struct world *w, int inst, struct row *row)
{
    struct inst *i = &w->o.inst[inst];
    if (row->count > 0)
        decide(w, inst, row->edges[0], true);
    row->next = 1;
    if (row->count < 2)
        return;
    if (i->row_count == (int)ARRAY_LEN(i->rows))
        w->o.exact = false;
    else
        i->rows[i->row_count++] = *row;
}

/* ---- cycles without a loop node ---- */

bool leaves_cycle(const struct graph *g, int e)
{
    int c = g->cycles ? graph_cycle(g, graph_source(g, e)) : -1;
    return c >= 0 && g->node[g->edge[e].to].region == g->cycle[c].region && graph_cycle(g, g->edge[e].to) != c;
}

static bool cycle_live(const struct world *w, int inst, int c)
{
    const struct inst *i = &w->o.inst[inst];
    for (int k = 0; k < w->o.lives; k++) {
        const struct life *l = &w->o.life[k];
        if (l->inst == inst && l->doing != GONE && graph_cycle(&w->g, l->node) == c)
            return true;
    }
    for (int k = 0; k < i->row_count; k++)
        if (graph_cycle(&w->g, i->rows[k].node) == c)
            return true;
    return false;
}

static bool enters_cycle(const struct graph *g, int e, int c)
{
    return g->edge[e].to == g->cycle[c].head && !g->edge[e].back && !graph_home(g, e);
}

static void next_pass(struct world *w, int inst, int c)
{
    struct inst *i = &w->o.inst[inst];
    const struct graph *g = &w->g;
    i->cycles[c].again = false;
    if (++i->cycles[c].pass >= MOST_PASSES) {
        w->o.exact = false;
        return;
    }
    for (int v = g->cycle[c].head; v <= g->cycle[c].check; v++)
        if (graph_cycle(g, v) == c)
            i->node[v] = UNDECIDED;
    for (int e = 0; e < g->edges; e++)
        if (graph_cycle(g, g->edge[e].to) == c && !enters_cycle(g, e, c) && !graph_home(g, e)) {
            i->edge[e] = PENDING;
            i->heard[e] = false;
        }
    fire(w, inst, g->cycle[c].head);
}

static void cycle_over(struct world *w, int inst, int c)
{
    struct inst *i = &w->o.inst[inst];
    i->cycles[c].over = true;
    for (int e = 0; e < w->g.edges; e++)
        if (leaves_cycle(&w->g, e) && graph_cycle(&w->g, graph_source(&w->g, e)) == c && i->edge[e] == PENDING) {
            i->edge[e] = DEAD;
            tell(&w->o, inst, e);
        }
}

bool cycle_next(struct world *w, int inst)
{
    const struct inst *i = &w->o.inst[inst];
    for (int c = 0; c < w->g.cycles; c++) {
        bool entered = true;
        if (w->g.cycle[c].region != i->region || i->cycles[c].over || cycle_live(w, inst, c))
            continue;
        for (int e = 0; e < w->g.edges; e++)
            entered &= !enters_cycle(&w->g, e, c) || i->heard[e];
        if (!i->cycles[c].again && !entered)
            continue;
        if (i->cycles[c].again)
            next_pass(w, inst, c);
        else
            cycle_over(w, inst, c);
        return true;
    }
    return false;
}
