/* SPDX-License-Identifier: Apache-2.0 */
/* The existing editor saves no labels.  Which edges of a loop are its body, and which nodes are the body, the catch and
 * the finally of a try, is worked out from the shape of the graph, and said in a note of the definition. */
#include "engine/def_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum kind { KIND_OTHER, KIND_LOOP, KIND_TRY, KIND_CATCH, KIND_FINALLY };

static enum kind kind_of(const struct def_node *n)
{
    static const struct {
        const char *type;
        enum kind kind;
    } kinds[] = {{"loop", KIND_LOOP}, {"for", KIND_LOOP},    {"while", KIND_LOOP},     {"repeat", KIND_LOOP},
                 {"try", KIND_TRY},   {"catch", KIND_CATCH}, {"finally", KIND_FINALLY}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(n->type, kinds[i].type) == 0)
            return kinds[i].kind;
    return KIND_OTHER;
}

static bool labelled(const struct def_edge *e, const char *label)
{
    return e->label && strcmp(e->label, label) == 0;
}

static bool has_branch(const struct def *d, const struct def_node *n, const char *label)
{
    for (uint32_t i = 0; i < n->out_count; i++)
        if (labelled(&d->edges[n->out[i]], label))
            return true;
    return false;
}

static void set_label(struct def_load *l, uint32_t edge, const char *label)
{
    struct def_edge *e = &l->d->edges[edge];
    const struct def_node *n = &l->d->nodes[e->from];
    e->label = xstrdup(label);
    load_note(l, false, xstrdup(n->pointer), "node %s: its edge to %s has no branch and is read as %s", n->id,
              l->d->nodes[e->to].id, label);
}

/* What is left without a label beside a body is what follows. */
static void rest_is_done(struct def_load *l, const struct def_node *n)
{
    for (uint32_t i = 0; i < n->out_count; i++)
        if (!l->d->edges[n->out[i]].label)
            l->d->edges[n->out[i]].label = xstrdup("done");
}

/* ---- loops ---- */

struct dom_tree {
    uint32_t *in, *out;
};

static void find_dominators(const struct def *d, struct dom_tree *t)
{
    struct flow f = {.count = (uint32_t)d->node_count};
    uint32_t at = 0;
    f.first = xcalloc(d->node_count + 1, sizeof *f.first);
    f.to = xcalloc(d->edge_count + 1, sizeof *f.to);
    t->in = xcalloc(d->node_count + 1, sizeof *t->in);
    t->out = xcalloc(d->node_count + 1, sizeof *t->out);
    for (uint32_t i = 0; i < d->node_count; i++) {
        f.first[i] = at;
        for (uint32_t k = 0; k < d->nodes[i].out_count; k++)
            f.to[at++] = d->edges[d->nodes[i].out[k]].to;
    }
    f.first[d->node_count] = at;
    dominators(&f, &d->entry, d->entry == NO_INDEX ? 0 : 1, t->in, t->out);
    free(f.first);
    free(f.to);
}

/* Is there a way from `from` to the loop that does not lead through what every way to the loop leads through? */
static bool comes_again(const struct def *d, const struct dom_tree *t, uint32_t loop, uint32_t from)
{
    uint32_t *list = xcalloc(d->node_count + 1, sizeof *list), count = 0;
    bool *seen = xcalloc(d->node_count + 1, sizeof *seen), found = from == loop;
    list[count++] = from;
    seen[from] = true;
    for (uint32_t at = 0; at < count && !found; at++) {
        uint32_t node = list[at];
        if (t->in[node] && t->in[node] <= t->in[loop] && t->out[loop] <= t->out[node])
            continue; /* a dominator of the loop */
        for (uint32_t i = 0; i < d->nodes[node].out_count && !found; i++) {
            uint32_t to = d->edges[d->nodes[node].out[i]].to;
            found = to == loop;
            if (!seen[to]) {
                seen[to] = true;
                list[count++] = to;
            }
        }
    }
    free(list);
    free(seen);
    return found;
}

static void infer_loop(struct def_load *l, const struct dom_tree *t, uint32_t loop)
{
    const struct def *d = l->d;
    const struct def_node *n = &d->nodes[loop];
    bool any = false;
    for (uint32_t i = 0; i < n->out_count; i++) {
        const struct def_edge *e = &d->edges[n->out[i]];
        any |= !e->label && comes_again(d, t, loop, e->to);
    }
    for (uint32_t i = 0; i < n->out_count; i++)
        if (!d->edges[n->out[i]].label)
            set_label(l, n->out[i], !any || comes_again(d, t, loop, d->edges[n->out[i]].to) ? "body" : "done");
}

/* ---- tries ---- */

static void infer_try(struct def_load *l, const struct def_node *n)
{
    const struct def *d = l->d;
    for (uint32_t i = 0; i < n->out_count; i++) {
        if (d->edges[n->out[i]].label)
            continue;
        enum kind kind = kind_of(&d->nodes[d->edges[n->out[i]].to]);
        if (kind == KIND_FINALLY)
            l->d->edges[n->out[i]].inferred = true;
        set_label(l, n->out[i], kind == KIND_CATCH ? "catch" : kind == KIND_FINALLY ? "finally" : "body");
    }
}

/* The tries that are open on the way to a node, innermost last. */
#define MAX_OPEN 32
struct open {
    uint32_t count, tries[MAX_OPEN];
    bool caught[MAX_OPEN], finally[MAX_OPEN];
};
struct place {
    uint32_t node;
    struct open open;
};
struct chain {
    struct def_load *l;
    bool *seen;
    struct place *stack;
    size_t depth, cap;
};

static void visit_later(struct chain *c, uint32_t node, const struct open *open)
{
    if (c->seen[node])
        return;
    void *stack = c->stack;
    xgrow(&stack, &c->cap, c->depth + 1, sizeof *c->stack);
    c->stack = stack;
    c->stack[c->depth++] = (struct place){node, *open};
}

/* The try whose labelled edge leads to the node, or NO_INDEX. */
static uint32_t direct_owner(const struct def *d, uint32_t node, const char *label, bool *inferred)
{
    const struct def_node *n = &d->nodes[node];
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct def_edge *e = &d->edges[n->in[i]];
        if (labelled(e, label) && kind_of(&d->nodes[e->from]) == KIND_TRY) {
            *inferred = e->inferred;
            return e->from;
        }
    }
    return NO_INDEX;
}

/* The node becomes the head of a branch of the try; the edges that were drawn to it carry nothing. */
static void attach(struct chain *c, uint32_t owner, uint32_t node, const char *label)
{
    struct def *d = c->l->d;
    const struct def_node *n = &d->nodes[node];
    for (uint32_t i = 0; i < n->in_count; i++)
        d->edges[n->in[i]].mute = true;
    load_edge(c->l, owner, node, label);
    load_note(c->l, false, xstrdup(n->pointer), "node %s: read as the %s of node %s", n->id, label, d->nodes[owner].id);
}

static void outside(struct chain *c, uint32_t node)
{
    const struct def_node *n = &c->l->d->nodes[node];
    load_note(c->l, false, xstrdup(n->pointer), "node %s: a %s outside of a try does nothing", n->id, n->type);
}

static uint32_t index_of(const struct open *open, uint32_t owner)
{
    for (uint32_t i = open->count; i-- > 0;)
        if (open->tries[i] == owner)
            return i;
    return NO_INDEX;
}

static void visit_catch(struct chain *c, uint32_t node, struct open *open)
{
    bool inferred;
    uint32_t owner = direct_owner(c->l->d, node, "catch", &inferred), at = NO_INDEX;
    if (owner != NO_INDEX) {
        at = index_of(open, owner);
    } else {
        for (uint32_t i = open->count; i-- > 0 && at == NO_INDEX;)
            at = open->caught[i] ? NO_INDEX : i;
        if (at == NO_INDEX && open->count == 1)
            at = 0;
        if (at == NO_INDEX && open->count > 1) {
            const struct def_node *n = &c->l->d->nodes[node];
            load_note(c->l, true, xstrdup(n->pointer),
                      "node %s: more than one try is open here and each has a catch; label the edges of the tries",
                      n->id);
        } else if (at == NO_INDEX) {
            outside(c, node);
        } else {
            attach(c, open->tries[at], node, "catch");
        }
    }
    if (at == NO_INDEX)
        return;
    open->count = at + 1;
    open->caught[at] = true;
}

/* What follows a finally that was not labelled is what follows the try. */
static void follow_finally(struct chain *c, uint32_t owner, uint32_t node)
{
    struct def *d = c->l->d;
    for (uint32_t i = 0; i < d->nodes[node].out_count; i++) {
        uint32_t edge = d->nodes[node].out[i], to = d->edges[edge].to;
        if (d->edges[edge].error || d->edges[edge].mute)
            continue;
        d->edges[edge].mute = true;
        if (to != owner)
            load_edge(c->l, owner, to, "done");
    }
}

static void visit_finally(struct chain *c, uint32_t node, struct open *open)
{
    bool inferred = true;
    uint32_t owner = direct_owner(c->l->d, node, "finally", &inferred), at = NO_INDEX;
    if (owner != NO_INDEX) {
        at = index_of(open, owner);
    } else {
        for (uint32_t i = open->count; i-- > 0 && at == NO_INDEX;)
            at = open->finally[i] ? NO_INDEX : i;
        if (at == NO_INDEX) {
            outside(c, node);
            return;
        }
        owner = open->tries[at];
        attach(c, owner, node, "finally");
    }
    if (inferred)
        follow_finally(c, owner, node);
    if (at != NO_INDEX)
        open->count = at;
}

static void visit(struct chain *c, struct place *p)
{
    struct def *d = c->l->d;
    uint32_t node = p->node;
    enum kind kind = kind_of(&d->nodes[node]);
    if (kind == KIND_CATCH)
        visit_catch(c, node, &p->open);
    else if (kind == KIND_FINALLY)
        visit_finally(c, node, &p->open);
    else if (kind == KIND_TRY && p->open.count < MAX_OPEN) {
        p->open.caught[p->open.count] = has_branch(d, &d->nodes[node], "catch");
        p->open.finally[p->open.count] = has_branch(d, &d->nodes[node], "finally");
        p->open.tries[p->open.count++] = node;
    }
    struct open outer = p->open;
    outer.count -= kind == KIND_TRY && outer.count && outer.tries[outer.count - 1] == node;
    for (uint32_t i = d->nodes[node].out_count; i-- > 0;) {
        const struct def_edge *e = &d->edges[d->nodes[node].out[i]];
        visit_later(c, e->to, labelled(e, "done") || e->error ? &outer : &p->open);
    }
}

static void infer_chains(struct def_load *l)
{
    struct chain c = {.l = l, .seen = xcalloc(l->d->node_count + 1, sizeof *c.seen)};
    visit_later(&c, l->d->entry, &(struct open){.count = 0});
    while (c.depth) {
        struct place p = c.stack[--c.depth];
        if (c.seen[p.node])
            continue;
        c.seen[p.node] = true;
        visit(&c, &p);
    }
    free(c.seen);
    free(c.stack);
}

/* ---- all of it ---- */

static void infer_owner(struct def_load *l, struct dom_tree *t, uint32_t node)
{
    const struct def_node *n = &l->d->nodes[node];
    enum kind kind = kind_of(n);
    if (has_branch(l->d, n, "body")) {
        rest_is_done(l, n);
    } else if (kind == KIND_LOOP) {
        if (!t->in)
            find_dominators(l->d, t);
        infer_loop(l, t, node);
    } else if (kind == KIND_TRY) {
        infer_try(l, n);
    }
}

void load_infer_structure(struct def_load *l)
{
    struct def *d = l->d;
    struct dom_tree t = {0};
    bool tries = false;
    if (d->entry == NO_INDEX)
        return;
    for (uint32_t i = 0; i < d->node_count; i++) {
        infer_owner(l, &t, i);
        tries |= kind_of(&d->nodes[i]) >= KIND_TRY;
    }
    if (tries)
        infer_chains(l);
    free(t.in);
    free(t.out);
    link_edges(d);
}
