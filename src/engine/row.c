/* SPDX-License-Identifier: Apache-2.0 */
/* `sequential`: the branches of a node run one after the other.  The next begins when no token is live among the nodes
 * that only the earlier ones reach. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void count_in_cycle(struct step *st, struct scope *scope, uint32_t node, bool begins)
{
    uint32_t cycle = st->d->nodes[node].cycle;
    if (cycle != NO_INDEX)
        cycle_of(st->d, scope, cycle)->live += begins ? 1 : (uint32_t)-1;
}

void row_begin(struct step *st, struct scope *scope, uint32_t node, uint32_t *edges, uint32_t count)
{
    if (count > 0)
        edge_decide(st, scope, edges[0], true);
    if (count < 2) {
        xfree(edges);
        return;
    }
    scope->rows = xreallocarray(scope->rows, scope->row_count + (size_t)1, sizeof *scope->rows);
    scope->rows[scope->row_count++] = (struct row){.node = node, .edges = edges, .count = count, .next = 1};
    count_in_cycle(st, scope, node, true);
    scope_touch(st->s, scope);
}

/* What these edges lead to, without going back. */
static void reach(const struct def *d, const struct scope *scope, const uint32_t *edges, uint32_t count, bool *seen)
{
    uint32_t *list = xcalloc(d->node_count + 1, sizeof *list), n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct def_edge *e = &d->edges[edges[i]];
        if (!e->back && d->nodes[e->to].region == scope->region && !seen[e->to]) {
            seen[e->to] = true;
            list[n++] = e->to;
        }
    }
    for (uint32_t at = 0; at < n; at++) {
        const struct def_node *m = &d->nodes[list[at]];
        for (uint32_t i = 0; i < m->exit_count; i++) {
            const struct def_edge *e = &d->edges[m->exits[i]];
            if (e->back || e->home || d->nodes[e->to].region != scope->region || seen[e->to])
                continue;
            seen[e->to] = true;
            list[n++] = e->to;
        }
    }
    xfree(list);
}

/* A token of this scope, or of an area of it, stands at a node that only the earlier branches reach. */
static bool earlier_live(struct step *st, const struct scope *scope, const struct row *row)
{
    const struct engine_state *s = st->s;
    const struct def *d = st->d;
    CLEANUP_FREE bool *early = xcalloc(d->node_count + 1, sizeof(bool));
    CLEANUP_FREE bool *late = xcalloc(d->node_count + 1, sizeof(bool));
    reach(d, scope, row->edges, row->next, early);
    reach(d, scope, row->edges + row->next, row->count - row->next, late);
    for (size_t i = 0; i < s->act_count; i++) {
        const struct scope *at = s->acts[i]->scope;
        while (at != scope && at && (at->kind == SCOPE_EACH || at->kind == SCOPE_AGAIN))
            at = at->parent;
        uint32_t node = s->acts[i]->node;
        if (at == scope && early[node] && !late[node])
            return true;
    }
    return false;
}

static void row_remove(struct step *st, struct scope *scope, uint32_t at)
{
    count_in_cycle(st, scope, scope->rows[at].node, false);
    xfree(scope->rows[at].edges);
    memmove(&scope->rows[at], &scope->rows[at + 1], (scope->row_count - at - 1) * sizeof *scope->rows);
    if (--scope->row_count == 0)
        rows_clear(scope);
}

bool rows_settle(struct step *st, struct scope *scope)
{
    for (uint32_t i = 0; i < scope->row_count; i++) {
        struct row *row = &scope->rows[i];
        if (earlier_live(st, scope, row))
            continue;
        uint32_t edge = row->edges[row->next++];
        if (row->next == row->count)
            row_remove(st, scope, i);
        scope_touch(st->s, scope);
        edge_decide(st, scope, edge, true);
        return true;
    }
    return false;
}
