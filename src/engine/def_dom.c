/* SPDX-License-Identifier: Apache-2.0 */
/* Dominators: a node dominates another when every way from a root to that one leads through it.  The iterative
 * algorithm of Cooper, Harvey and Kennedy, and an interval for each node in the resulting tree. */
#include "engine/def_int.h"

#include <stdlib.h>

#include "base/mem.h"

struct dom {
    const struct flow *f;
    uint32_t *order;             /* nodes by reverse postorder, from 1; order[0] is the virtual root */
    uint32_t *number;            /* place in order; 0 = not reached */
    uint32_t *idom;              /* by place */
    uint32_t *pred_first, *pred; /* predecessors by node, as places */
    bool *is_root;
    uint32_t reached;
};

struct frame {
    uint32_t node, next;
};

/* Depth-first; nodes are put at the end of `post` when they are left. */
static void walk(struct dom *m, uint32_t from, struct frame *stack, uint32_t *post, uint32_t *count)
{
    size_t depth = 0;
    if (m->number[from])
        return;
    m->number[from] = 1;
    stack[depth++] = (struct frame){from, m->f->first[from]};
    while (depth) {
        struct frame *top = &stack[depth - 1];
        if (top->next == m->f->first[top->node + 1]) {
            post[(*count)++] = top->node;
            depth--;
            continue;
        }
        uint32_t to = m->f->to[top->next++];
        if (m->number[to])
            continue;
        m->number[to] = 1;
        stack[depth++] = (struct frame){to, m->f->first[to]};
    }
}

static void number_nodes(struct dom *m, const uint32_t *roots, size_t root_count)
{
    struct frame *stack = xcalloc(m->f->count + 1, sizeof *stack);
    uint32_t *post = xcalloc(m->f->count + 1, sizeof *post), count = 0;
    for (size_t i = 0; i < root_count; i++) {
        m->is_root[roots[i]] = true;
        walk(m, roots[i], stack, post, &count);
    }
    for (uint32_t i = 0; i < count; i++) {
        m->order[count - i] = post[i];
        m->number[post[i]] = count - i;
    }
    m->reached = count;
    free(stack);
    free(post);
}

static void link_predecessors(struct dom *m)
{
    const struct flow *f = m->f;
    m->pred_first = xcalloc(f->count + 2, sizeof *m->pred_first);
    m->pred = xcalloc(f->first[f->count] + 1, sizeof *m->pred);
    for (uint32_t i = 0; i < f->first[f->count]; i++)
        m->pred_first[f->to[i] + 2]++;
    for (uint32_t i = 2; i <= f->count + 1; i++)
        m->pred_first[i] += m->pred_first[i - 1];
    for (uint32_t n = 0; n < f->count; n++)
        for (uint32_t k = f->first[n]; k < f->first[n + 1]; k++)
            m->pred[m->pred_first[f->to[k] + 1]++] = m->number[n];
}

static uint32_t meet(const struct dom *m, uint32_t a, uint32_t b)
{
    while (a != b) {
        while (a > b)
            a = m->idom[a];
        while (b > a)
            b = m->idom[b];
    }
    return a;
}

/* The common dominator of what leads to this place; places before it in the first round are known already. */
static uint32_t nearest(const struct dom *m, uint32_t place, const bool *known)
{
    uint32_t node = m->order[place], best = NO_INDEX;
    if (m->is_root[node])
        return 0;
    for (uint32_t k = m->pred_first[node]; k < m->pred_first[node + 1]; k++) {
        uint32_t p = m->pred[k];
        if (p && known[p])
            best = best == NO_INDEX ? p : meet(m, p, best);
    }
    return best == NO_INDEX ? 0 : best;
}

static void solve(struct dom *m)
{
    bool *known = xcalloc(m->reached + 1, sizeof *known), changed = true;
    while (changed) {
        changed = false;
        for (uint32_t place = 1; place <= m->reached; place++) {
            uint32_t best = nearest(m, place, known);
            changed |= !known[place] || m->idom[place] != best;
            m->idom[place] = best;
            known[place] = true;
        }
    }
    free(known);
}

/* A node's dominator has a smaller place, so sizes add up from the end, and begins follow from the front. */
static void intervals(const struct dom *m, uint32_t *in, uint32_t *out)
{
    uint32_t *size = xcalloc(m->reached + 1, sizeof *size), *next = xcalloc(m->reached + 1, sizeof *next);
    for (uint32_t place = m->reached; place > 0; place--)
        size[m->idom[place]] += ++size[place];
    next[0] = 1;
    for (uint32_t place = 1; place <= m->reached; place++) {
        uint32_t node = m->order[place], *from = &next[m->idom[place]];
        in[node] = *from;
        out[node] = *from + size[place] - 1;
        next[place] = *from + 1;
        *from += size[place];
    }
    free(size);
    free(next);
}

void dominators(const struct flow *f, const uint32_t *roots, size_t root_count, uint32_t *in, uint32_t *out)
{
    struct dom m = {.f = f,
                    .order = xcalloc(f->count + 1, sizeof(uint32_t)),
                    .number = xcalloc(f->count + 1, sizeof(uint32_t)),
                    .idom = xcalloc(f->count + 1, sizeof(uint32_t)),
                    .is_root = xcalloc(f->count + 1, sizeof(bool))};
    number_nodes(&m, roots, root_count);
    link_predecessors(&m);
    solve(&m);
    intervals(&m, in, out);
    free(m.order);
    free(m.number);
    free(m.idom);
    free(m.is_root);
    free(m.pred_first);
    free(m.pred);
}

bool def_dominates(const struct def *d, uint32_t dominator, uint32_t node)
{
    const struct def_node *a = &d->nodes[dominator], *b = &d->nodes[node];
    return a->region == b->region && a->dom_in && b->dom_in && a->dom_in <= b->dom_in && b->dom_out <= a->dom_out;
}
