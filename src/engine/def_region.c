/* SPDX-License-Identifier: Apache-2.0 */
/* Regions: the nodes behind the edges of a branch that a node may enter as a scope.  Worked out from the outside in;
 * afterwards every node is in exactly one region, every edge is decided in the region of its target, and a region with
 * all that is inside it counts as one with its owner. */
#include "engine/def_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_BRANCHES 4 /* outside, body, catch, finally */

static const char *const region_labels[MAX_BRANCHES] = {NULL, "body", "catch", "finally"};

void list_add(uint32_t **list, uint32_t *count, uint32_t value)
{
    if ((*count & (*count - 1)) == 0) /* full at every power of two */
        *list = xreallocarray(*list, *count ? *count * (size_t)2 : 1, sizeof **list);
    (*list)[(*count)++] = value;
}

bool region_within(const struct def *d, uint32_t region, uint32_t outer)
{
    while (region != outer && region != 0)
        region = d->regions[region].parent;
    return region == outer;
}

/* 1 .. for a label that makes a region, 0 for everything else. */
static unsigned branch_of(const struct def_edge *e)
{
    for (unsigned i = 1; e->label && i < MAX_BRANCHES; i++)
        if (strcmp(e->label, region_labels[i]) == 0)
            return i;
    return 0;
}

struct work {
    struct def_load *l;
    struct def *d;
    uint8_t *reach; /* by node: bit i = reached by branch i of the present owner */
    uint8_t *head;  /* by node: the branch whose edge leads to it, 0 = none */
    uint32_t *list; /* scratch */
};

static uint32_t new_region(struct def *d, uint32_t owner, uint32_t parent, const char *branch)
{
    d->regions = xreallocarray(d->regions, d->region_count + 1, sizeof *d->regions);
    d->regions[d->region_count] = (struct def_region){.owner = owner, .parent = parent, .branch = branch};
    if (owner != NO_INDEX)
        list_add(&d->nodes[owner].regions, &d->nodes[owner].region_count, (uint32_t)d->region_count);
    return (uint32_t)d->region_count++;
}

/* ---- one owner ---- */

static void mark_heads(struct work *w, uint32_t owner, uint32_t region)
{
    struct def *d = w->d;
    const struct def_node *n = &d->nodes[owner];
    for (uint32_t i = 0; i < n->out_count; i++) {
        struct def_edge *e = &d->edges[n->out[i]];
        unsigned branch = e->mute ? 0 : branch_of(e);
        if (!branch || e->to == owner || d->nodes[e->to].region != region)
            continue;
        if (w->head[e->to] && w->head[e->to] != branch)
            load_note(w->l, true, xstrdup(n->pointer), "node %s: its %s and its %s both begin with node %s", n->id,
                      region_labels[w->head[e->to]], region_labels[branch], d->nodes[e->to].id);
        w->head[e->to] = (uint8_t)branch;
    }
}

static void reach_from(struct work *w, uint32_t owner, unsigned branch, uint32_t region)
{
    struct def *d = w->d;
    uint32_t count = 0;
    uint8_t bit = (uint8_t)(1u << branch);
    const struct def_node *n = &d->nodes[owner];
    for (uint32_t at = NO_INDEX; at == NO_INDEX || at < count; at++) {
        if (at != NO_INDEX)
            n = &d->nodes[w->list[at]];
        for (uint32_t i = 0; i < n->out_count; i++) {
            const struct def_edge *e = &d->edges[n->out[i]];
            if (e->mute || e->to == owner || d->nodes[e->to].region != region || (w->reach[e->to] & bit))
                continue;
            if (at == NO_INDEX ? branch_of(e) != branch : w->head[e->to] && w->head[e->to] != branch)
                continue;
            w->reach[e->to] |= bit;
            w->list[count++] = e->to;
        }
    }
}

/* An edge into a region that does not come from its owner. */
static void check_side(struct work *w, uint32_t owner, uint32_t edge)
{
    struct def *d = w->d;
    struct def_edge *e = &d->edges[edge];
    if (!d->nodes[e->from].reachable || (w->reach[e->from] && w->head[e->to])) {
        e->mute = true;
        return;
    }
    load_note(w->l, true, xstrdup(d->nodes[e->to].pointer),
              "the edge from node %s to node %s enters the %s of node %s from the side", d->nodes[e->from].id,
              d->nodes[e->to].id, region_labels[w->head[e->to] ? w->head[e->to] : 1], d->nodes[owner].id);
    e->mute = true;
}

static void check_sides(struct work *w, uint32_t owner, size_t first_region)
{
    struct def *d = w->d;
    for (uint32_t i = 0; i < d->edge_count; i++) {
        const struct def_edge *e = &d->edges[i];
        uint32_t to = d->nodes[e->to].region;
        if (!e->mute && to >= first_region && e->from != owner && d->nodes[e->from].region != to)
            check_side(w, owner, i);
    }
}

static void split_off(struct work *w, uint32_t owner)
{
    struct def *d = w->d;
    uint32_t region = d->nodes[owner].region;
    size_t first = d->region_count;
    memset(w->reach, 0, d->node_count);
    memset(w->head, 0, d->node_count);
    mark_heads(w, owner, region);
    for (unsigned b = 0; b < MAX_BRANCHES; b++)
        reach_from(w, owner, b, region);
    for (unsigned b = 1; b < MAX_BRANCHES; b++) {
        uint32_t number = NO_INDEX;
        for (uint32_t i = 0; i < d->node_count; i++) {
            if (w->reach[i] != 1u << b)
                continue;
            if (number == NO_INDEX)
                number = new_region(d, owner, region, region_labels[b]);
            d->nodes[i].region = number;
        }
    }
    if (d->region_count > first)
        check_sides(w, owner, first);
}

/* ---- all of them ---- */

/* Nodes of a region that have a branch to enter, in the order in which a depth-first search finds them: an outer one
 * comes before those inside it. */
static uint32_t find_owners(struct work *w, uint32_t region, uint32_t *owners)
{
    struct def *d = w->d;
    const struct def_region *r = &d->regions[region];
    bool *seen = xcalloc(d->node_count + 1, sizeof *seen);
    uint32_t *stack = xcalloc(d->edge_count + d->node_count + 1, sizeof *stack), depth = 0, count = 0;
    if (r->owner == NO_INDEX) {
        stack[depth++] = d->entry;
    } else {
        const struct def_node *n = &d->nodes[r->owner];
        for (uint32_t i = n->out_count; i-- > 0;)
            if (!d->edges[n->out[i]].mute && d->nodes[d->edges[n->out[i]].to].region == region)
                stack[depth++] = d->edges[n->out[i]].to;
    }
    while (depth) {
        uint32_t node = stack[--depth];
        const struct def_node *n = &d->nodes[node];
        if (seen[node])
            continue;
        seen[node] = true;
        bool owner = false;
        for (uint32_t i = n->out_count; i-- > 0;) {
            const struct def_edge *e = &d->edges[n->out[i]];
            owner |= !e->mute && branch_of(e) != 0;
            if (!e->mute && !seen[e->to] && d->nodes[e->to].region == region)
                stack[depth++] = e->to;
        }
        if (owner)
            owners[count++] = node;
    }
    free(seen);
    free(stack);
    return count;
}

static void find_regions(struct def_load *l)
{
    struct def *d = l->d;
    struct work w = {.l = l, .d = d};
    w.reach = xcalloc(d->node_count + 1, 1);
    w.head = xcalloc(d->node_count + 1, 1);
    w.list = xcalloc(d->node_count + 1, sizeof *w.list);
    uint32_t *owners = xcalloc(d->node_count + 1, sizeof *owners);
    new_region(d, NO_INDEX, 0, NULL);
    for (uint32_t r = 0; d->entry != NO_INDEX && r < d->region_count; r++) {
        uint32_t count = find_owners(&w, r, owners);
        for (uint32_t i = 0; i < count; i++)
            if (d->nodes[owners[i]].region == r)
                split_off(&w, owners[i]);
    }
    free(w.reach);
    free(w.head);
    free(w.list);
    free(owners);
}

/* ---- what follows for edges ---- */

/* Up from the source, region by region, to the node beside the target: each of them has the edge among its exits. */
static void place_edge(struct def *d, uint32_t number)
{
    struct def_edge *e = &d->edges[number];
    uint32_t target = d->nodes[e->to].region, node = e->from;
    bool region_edge = branch_of(e) != 0;
    if (region_edge && e->from == e->to) {
        e->home = true;
        return;
    }
    if (target != d->nodes[node].region && d->regions[target].owner == node) {
        if (!region_edge || strcmp(e->label, d->regions[target].branch) != 0) {
            e->mute = true; /* of another branch */
            return;
        }
        e->entry = true;
        d->nodes[node].entry_edges = true;
        list_add(&d->regions[target].entries, &d->regions[target].entry_count, number);
        return;
    }
    if (!region_within(d, d->nodes[node].region, target)) {
        e->mute = true; /* from the side: an error, or its source is never reached */
        return;
    }
    for (;; node = d->regions[d->nodes[node].region].owner) {
        list_add(&d->nodes[node].exits, &d->nodes[node].exit_count, number);
        if (d->nodes[node].region == target)
            break;
        if (d->regions[d->nodes[node].region].owner == e->to) {
            e->home = true;
            return;
        }
    }
    e->src = node;
}

static void number_locally(struct def *d)
{
    for (uint32_t i = 0; i < d->node_count; i++) {
        struct def_region *r = &d->regions[d->nodes[i].region];
        d->nodes[i].local = r->node_count;
        list_add(&r->nodes, &r->node_count, i);
    }
    for (uint32_t i = 0; i < d->edge_count; i++) {
        struct def_region *r = &d->regions[d->nodes[d->edges[i].to].region];
        d->edges[i].local = r->edge_count;
        list_add(&r->edges, &r->edge_count, i);
    }
}

void load_regions(struct def_load *l)
{
    struct def *d = l->d;
    find_regions(l);
    for (uint32_t i = 0; i < d->edge_count; i++)
        if (!d->edges[i].mute)
            place_edge(d, i);
    number_locally(d);
}
