/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of every graph, also of those with cycles, joins `each` and an execution's timeout, of which the oracle does
 * not foretell every step: in each pass a node never starts more often than edges to it were taken. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Passes of loops count by number, others together: which of them a node that is being cancelled may still enter is not
 * looked at here. */
static struct arrival *at(struct world *w, const char *path, size_t len, int node)
{
    uint64_t h = UINT64_C(14695981039346656037);
    bool skip = false, loop = false;
    for (size_t i = 0; i < len; i++) {
        if (i == 0 || path[i - 1] == '/') {
            int owner = number_in(path + i + 1, w->g.nodes);
            loop = owner >= 0 && w->g.node[owner].kind == KIND_LOOP;
        }
        skip = path[i] == '#' || path[i] == '(' ? !loop : path[i] != '/' && skip;
        if (!skip)
            h = (h ^ (unsigned char)path[i]) * UINT64_C(1099511628211);
    }
    h = (h ^ (uint64_t)node) * UINT64_C(1099511628211);
    h ^= h >> 29;
    h += h == 0;
    for (size_t i = 0; i < ARRIVALS; i++) {
        struct arrival *a = &w->o.arrivals[(h + i) % ARRIVALS];
        if (a->key == 0)
            a->key = h;
        if (a->key == h)
            return a;
    }
    return NULL;
}

static void take(struct world *w, const char *path, size_t len, int node)
{
    struct arrival *a = at(w, path, len, node);
    if (a)
        a->takes++;
}

void loose_open(struct world *w)
{
    take(w, "", 0, 0);
}

/* The path without its last `levels` parts. */
static size_t shorter(const char *path, int levels)
{
    size_t len = strlen(path);
    for (; levels > 0 && len > 0; levels--)
        while (len > 0 && path[--len] != '/')
            ;
    return len;
}

static int levels_up(const struct graph *g, int from, int to)
{
    int n = 0;
    for (int r = g->node[from].region; r != g->node[to].region && r > 0; r = g->region[r].parent)
        n++;
    return n;
}

/* Edges that this outcome may take; the error edges of a failure that may still be tried again count at once. */
static void ended(struct world *w, const struct life *l, const char *branch, bool failed)
{
    const struct graph *g = &w->g;
    for (int e = 0; e < g->edges; e++) {
        const char *label = g->edge[e].label;
        bool error = label && strcmp(label, "error") == 0;
        if (g->edge[e].from != l->node || graph_entry(g, e) || graph_home(g, e))
            continue;
        if (failed ? error : !label || !branch || !error || strcmp(label, branch) == 0)
            take(w, l->path, shorter(l->path, levels_up(g, l->node, g->edge[e].to)), g->edge[e].to);
    }
}

static void entered(struct world *w, struct life *l, const struct engine_event *ev)
{
    size_t count = ev->enter.passes ? json_array_size(ev->enter.passes) : 1;
    int region = graph_region_of(&w->g, l->node, ev->branch);
    char path[160];
    if (ev->enter.pass > l->loose_last)
        l->loose_last = ev->enter.pass - 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t pass = ++l->loose_last;
        uint32_t turn = region < 0 ? 0 : ++l->loose_turns[region];
        int n = snprintf(path, sizeof path, "%s%s%s", l->path, l->path[0] ? "/" : "", w->g.node[l->node].id);
        if (l->run > 1)
            n += snprintf(path + n, sizeof path - (size_t)n, "(%u)", l->run);
        if (ev->enter.flags & ENTER_LOOP)
            n += snprintf(path + n, sizeof path - (size_t)n, "#%llu", (unsigned long long)pass);
        else if (turn > 1)
            n += snprintf(path + n, sizeof path - (size_t)n, "#%u", turn);
        for (int e = 0; e < w->g.edges; e++)
            if (w->g.edge[e].from == l->node && w->g.node[w->g.edge[e].to].region == region)
                take(w, path, (size_t)n, w->g.edge[e].to);
    }
}

void loose_event(struct world *w, const struct engine_event *ev)
{
    int i = ev->act ? find_life(&w->o, ev->act) : -1;
    struct life *l = i < 0 ? NULL : &w->o.life[i];
    if (!l || !l->in_call || !l->path)
        return;
    if (ev->type == ENGINE_DONE)
        ended(w, l, ev->branch, false);
    else if (ev->type == ENGINE_ENTER)
        entered(w, l, ev);
}

/* Where it failed, the log does not say: it counts for every pass. */
void loose_failed(struct world *w, const char *id)
{
    for (int e = 0; e < w->g.edges; e++)
        if (strcmp(w->g.node[w->g.edge[e].from].id, id) == 0 && w->g.edge[e].label &&
            strcmp(w->g.edge[e].label, "error") == 0)
            w->o.errors[w->g.edge[e].to]++;
}

void loose_start(struct world *w, const struct life *l)
{
    struct arrival *a = at(w, l->path, strlen(l->path), l->node);
    if (a && ++a->starts > a->takes + w->o.errors[l->node])
        violation(w, "%s starts in '%s' for the %d. time, but only %d edges to it were taken", w->g.node[l->node].id,
                  l->path, a->starts, a->takes);
}
