/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in which layer: rows by the longest way from the entry, with what follows a scope below all that is inside. */
#include "exec/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define TEXT_MAX 60
#define ITEMS_MAX 300000

struct maker {
    struct layout *l;
    const struct def *d;
    size_t *rank;    /* of nodes: row of nodes, from 0 */
    size_t *row;     /* layer of the nodes of a rank */
    size_t *item_of; /* node -> item */
    size_t ranks;
    bool *back;      /* of edges: closes a cycle */
    size_t *box_of;  /* of nodes, or SIZE_MAX */
    size_t *lowest;  /* of nodes: the rank of the lowest node in their scopes */
    bool *texts;     /* there are texts below that rank */
};

static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* One line, at most TEXT_MAX characters. */
static void add_clean(struct buf *b, const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c & 0xc0) != 0x80 && ++n > TEXT_MAX)
            break;
        buf_addch(b, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    if (*s)
        buf_addstr(b, "…");
}

static size_t add_item(struct layout *l, enum item_kind kind, size_t layer, size_t box, char *text)
{
    xgrow((void **)&l->items, &l->item_cap, l->item_count + 1, sizeof *l->items);
    long width = text ? (long)width_of(text) + (kind == ITEM_NODE ? 4 : 0) : 1;
    l->items[l->item_count] =
        (struct item){.kind = kind, .layer = layer, .node = SIZE_MAX, .box = box, .text = text, .width = width | 1};
    return l->item_count++;
}

static void add_link(struct layout *l, size_t from, size_t to)
{
    xgrow((void **)&l->links, &l->link_cap, l->link_count + 1, sizeof *l->links);
    l->links[l->link_count++] = (struct link){from, to};
}

/* ---- Edges that close a cycle: depth-first from the entry, in edge order ---- */

struct search {
    size_t *path, *next; /* nodes from the entry to here; of each node: the place in its out-edges */
    size_t len;
    char *state;         /* 0 not seen, 1 on the path, 2 left */
    size_t *out, *first; /* edges by the node they leave */
};

static bool drawable(const struct def_edge_view *e)
{
    return !e->silent;
}

static void group_edges(const struct def *d, struct search *s)
{
    struct def_edge_view e;
    size_t edges = def_edge_count(d), nodes = def_node_count(d);
    s->out = xcalloc(edges + 1, sizeof *s->out);
    s->first = xcalloc(nodes + 3, sizeof *s->first);
    for (size_t i = 0; i < edges; i++) {
        def_view_edge(d, i, &e);
        s->first[e.from + 2]++;
    }
    for (size_t i = 0; i < nodes; i++)
        s->first[i + 2] += s->first[i + 1];
    for (size_t i = 0; i < edges; i++) {
        def_view_edge(d, i, &e);
        s->out[s->first[e.from + 1]++] = i;
    }
}

static void step(struct maker *m, struct search *s)
{
    struct def_edge_view e;
    size_t node = s->path[s->len - 1];
    if (s->next[node] >= s->first[node + 1]) {
        s->state[node] = 2;
        s->len--;
        return;
    }
    size_t edge = s->out[s->next[node]++];
    def_view_edge(m->d, edge, &e);
    if (!drawable(&e))
        return;
    m->back[edge] = s->state[e.to] == 1;
    if (s->state[e.to])
        return;
    s->state[e.to] = 1;
    s->next[e.to] = s->first[e.to];
    s->path[s->len++] = e.to;
}

static void find_back_edges(struct maker *m)
{
    size_t nodes = def_node_count(m->d), entry = def_entry(m->d);
    m->back = xcalloc(def_edge_count(m->d) + 1, sizeof *m->back);
    if (entry == SIZE_MAX)
        return;
    struct search s = {.path = xcalloc(nodes, sizeof *s.path), .next = xcalloc(nodes, sizeof *s.next), .state = xcalloc(nodes, 1)};
    group_edges(m->d, &s);
    s.path[s.len++] = entry;
    s.state[entry] = 1;
    s.next[entry] = s.first[entry];
    while (s.len)
        step(m, &s);
    free(s.path);
    free(s.next);
    free(s.state);
    free(s.out);
    free(s.first);
}

/* ---- Boxes ---- */

bool layout_inside(const struct layout *l, size_t box, size_t outer)
{
    while (box != SIZE_MAX && box != outer)
        box = l->boxes[box].parent;
    return box == outer;
}

static size_t depth_of(const struct def *d, size_t node)
{
    struct def_node_view n;
    size_t depth = 0;
    for (def_view_node(d, node, &n); n.scope_owner != SIZE_MAX; def_view_node(d, n.scope_owner, &n))
        depth++;
    return depth;
}

static size_t find_box(const struct layout *l, const struct def_node_view *n)
{
    for (size_t i = 0; i < l->box_count; i++)
        if (l->boxes[i].owner == n->scope_owner && strcmp(l->boxes[i].branch, n->scope_branch) == 0)
            return i;
    return SIZE_MAX;
}

/* Level by level, so that outer boxes come first. */
static bool make_boxes_at(struct maker *m, size_t depth)
{
    struct layout *l = m->l;
    struct def_node_view n;
    bool deeper = false;
    for (size_t i = 0; i < def_node_count(m->d); i++) {
        def_view_node(m->d, i, &n);
        if (!n.reachable || n.scope_owner == SIZE_MAX || m->lowest[i] < depth)
            continue;
        deeper |= m->lowest[i] > depth;
        if (m->lowest[i] > depth)
            continue;
        m->box_of[i] = find_box(l, &n);
        if (m->box_of[i] != SIZE_MAX)
            continue;
        l->boxes[l->box_count] = (struct box){
            .owner = n.scope_owner, .branch = n.scope_branch, .parent = m->box_of[n.scope_owner], .first = SIZE_MAX};
        m->box_of[i] = l->box_count++;
    }
    return deeper;
}

static void make_boxes(struct maker *m)
{
    size_t nodes = def_node_count(m->d), depth = 1;
    m->box_of = xcalloc(nodes + 1, sizeof *m->box_of);
    m->lowest = xcalloc(nodes + 1, sizeof *m->lowest);
    m->l->boxes = xcalloc(nodes + 1, sizeof *m->l->boxes);
    for (size_t i = 0; i < nodes; i++) {
        m->box_of[i] = SIZE_MAX;
        m->lowest[i] = depth_of(m->d, i);
    }
    while (make_boxes_at(m, depth))
        depth++;
}

static void stretch(struct layout *l, size_t box, size_t layer)
{
    for (; box != SIZE_MAX; box = l->boxes[box].parent) {
        struct box *b = &l->boxes[box];
        b->first = layer < b->first ? layer : b->first;
        b->last = layer > b->last ? layer : b->last;
    }
}

/* How many borders are above each other, and below. */
static void count_borders(struct layout *l)
{
    l->begins = xcalloc(l->layer_count + 1, sizeof *l->begins);
    l->ends = xcalloc(l->layer_count + 1, sizeof *l->ends);
    for (size_t i = l->box_count; i-- > 0;) {
        struct box *b = &l->boxes[i], *p = b->parent == SIZE_MAX ? NULL : &l->boxes[b->parent];
        b->above++;
        b->below++;
        if (p && p->first == b->first && p->above < b->above)
            p->above = b->above;
        if (p && p->last == b->last && p->below < b->below)
            p->below = b->below;
        if (l->begins[b->first] < b->above)
            l->begins[b->first] = b->above;
        if (l->ends[b->last] < b->below)
            l->ends[b->last] = b->below;
    }
}

/* ---- Rows ---- */

/* A line, or a text that says where it goes? */
static bool drawn(const struct maker *m, size_t edge, const struct def_edge_view *e)
{
    struct def_node_view n;
    def_view_node(m->d, e->from, &n);
    return n.reachable && !m->back[edge];
}

static void find_lowest(struct maker *m)
{
    struct def_node_view n;
    for (size_t i = 0; i < def_node_count(m->d); i++)
        m->lowest[i] = m->rank[i];
    for (size_t i = 0; i < def_node_count(m->d); i++)
        for (def_view_node(m->d, i, &n); n.scope_owner != SIZE_MAX; def_view_node(m->d, n.scope_owner, &n))
            if (m->lowest[n.scope_owner] < m->rank[i])
                m->lowest[n.scope_owner] = m->rank[i];
}

/* Does the edge lead from its node into a scope of it? */
static bool enters(const struct maker *m, const struct def_edge_view *e)
{
    size_t box = m->box_of[e->to], outer = m->box_of[e->from];
    while (box != SIZE_MAX && box != outer && m->l->boxes[box].owner != e->from)
        box = m->l->boxes[box].parent;
    return box != SIZE_MAX && m->l->boxes[box].owner == e->from;
}

/* Longest way: edges that do not go back have no cycles, so it settles after as many rounds as there are rows. */
static void rank_nodes(struct maker *m)
{
    struct def_edge_view e;
    bool more = true;
    for (size_t round = 0; more && round <= def_node_count(m->d); round++) {
        more = false;
        find_lowest(m);
        for (size_t i = 0; i < def_edge_count(m->d); i++) {
            def_view_edge(m->d, i, &e);
            size_t from = enters(m, &e) ? m->rank[e.from] : m->lowest[e.from];
            if (!drawable(&e) || !drawn(m, i, &e) || m->rank[e.to] > from)
                continue;
            m->rank[e.to] = from + 1;
            more = true;
        }
    }
    for (size_t i = 0; i < def_node_count(m->d); i++)
        if (m->rank[i] + 1 > m->ranks)
            m->ranks = m->rank[i] + 1;
}

/* What is never reached has a row of its own. */
static void rank_unreached(struct maker *m)
{
    struct def_node_view n;
    bool any = false;
    for (size_t i = 0; i < def_node_count(m->d); i++) {
        def_view_node(m->d, i, &n);
        if (n.reachable)
            continue;
        m->rank[i] = m->ranks;
        any = true;
    }
    m->ranks += any;
}

static void number_layers(struct maker *m)
{
    struct def_edge_view e;
    m->texts = xcalloc(m->ranks + 1, sizeof *m->texts);
    m->row = xcalloc(m->ranks + 1, sizeof *m->row);
    for (size_t i = 0; i < def_edge_count(m->d); i++) {
        def_view_edge(m->d, i, &e);
        struct def_node_view n;
        def_view_node(m->d, e.from, &n);
        if (n.reachable && drawable(&e) && (e.label || !drawn(m, i, &e)))
            m->texts[m->rank[e.from]] = true;
    }
    size_t layer = 0;
    for (size_t r = 0; r < m->ranks; r++) {
        m->row[r] = layer++;
        layer += m->texts[r];
    }
    m->l->layer_count = layer;
}

/* ---- Items ---- */

static void make_nodes(struct maker *m, const char *const *marks)
{
    for (size_t i = 0; i < def_node_count(m->d); i++) {
        struct def_node_view n;
        struct buf b = BUF_INIT;
        def_view_node(m->d, i, &n);
        if (marks && marks[i] && *marks[i])
            buf_printf(&b, "%s ", marks[i]);
        add_clean(&b, n.id);
        if (strcmp(n.id, n.type) != 0) {
            buf_addstr(&b, " (");
            add_clean(&b, n.type);
            buf_addch(&b, ')');
        }
        m->item_of[i] = add_item(m->l, ITEM_NODE, m->row[m->rank[i]], m->box_of[i], buf_steal(&b));
        m->l->items[m->item_of[i]].node = i;
        stretch(m->l, m->box_of[i], m->row[m->rank[i]]);
    }
}

static char *edge_text(const struct maker *m, size_t edge, const struct def_edge_view *e)
{
    struct buf b = BUF_INIT;
    if (e->label)
        add_clean(&b, e->label);
    if (!drawn(m, edge, e)) {
        buf_addstr(&b, e->label ? " ↺ " : "↺ ");
        add_clean(&b, def_node_id(m->d, e->to));
    }
    return buf_steal(&b);
}

/* The box that an edge is in where it passes a layer: it leaves boxes where they end and enters them where they begin. */
static size_t box_on_way(const struct maker *m, const struct def_edge_view *e, size_t layer)
{
    const struct layout *l = m->l;
    size_t from = m->box_of[e->from], to = m->box_of[e->to];
    for (; to != SIZE_MAX && !layout_inside(l, from, to); to = l->boxes[to].parent)
        if (l->boxes[to].first <= layer)
            return to;
    while (from != to && l->boxes[from].last < layer)
        from = l->boxes[from].parent;
    return from;
}

static size_t make_text(struct maker *m, size_t edge, const struct def_edge_view *e, size_t layer)
{
    size_t box = m->box_of[e->from], text = add_item(m->l, ITEM_TEXT, layer, box, edge_text(m, edge, e));
    add_link(m->l, m->item_of[e->from], text);
    return text;
}

static bool has_text(const struct maker *m, size_t edge, const struct def_edge_view *e)
{
    return e->label || !drawn(m, edge, e);
}

static void make_edge(struct maker *m, size_t edge, const struct def_edge_view *e, size_t text)
{
    size_t at = text == SIZE_MAX ? m->item_of[e->from] : text, layer = m->row[m->rank[e->from]] + 1 + (text != SIZE_MAX);
    bool line = drawn(m, edge, e);
    for (size_t end = m->row[m->rank[e->to]]; line && layer < end && m->l->item_count < ITEMS_MAX; layer++) {
        size_t bend = add_item(m->l, ITEM_BEND, layer, box_on_way(m, e, layer), NULL);
        add_link(m->l, at, bend);
        at = bend;
    }
    if (line)
        add_link(m->l, at, m->item_of[e->to]);
}

/* First all texts: they stretch their boxes, and bends have to know where boxes end. */
static void make_edges(struct maker *m)
{
    struct def_edge_view e;
    struct def_node_view n;
    CLEANUP_FREE size_t *texts = xcalloc(def_edge_count(m->d) + 1, sizeof *texts);
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < def_edge_count(m->d); i++) {
            def_view_edge(m->d, i, &e);
            def_view_node(m->d, e.from, &n);
            if (!n.reachable || !drawable(&e))
                continue;
            if (turn)
                make_edge(m, i, &e, texts[i]);
            else
                texts[i] = has_text(m, i, &e) ? make_text(m, i, &e, m->row[m->rank[e.from]] + 1) : SIZE_MAX;
            if (!turn && texts[i] != SIZE_MAX)
                stretch(m->l, m->box_of[e.from], m->row[m->rank[e.from]] + 1);
        }
}

static void fill_layers(struct layout *l)
{
    l->layers = xcalloc(l->layer_count + 1, sizeof *l->layers);
    l->layer_len = xcalloc(l->layer_count + 1, sizeof *l->layer_len);
    l->of_texts = xcalloc(l->layer_count + 1, sizeof *l->of_texts);
    for (size_t i = 0; i < l->item_count; i++)
        l->layer_len[l->items[i].layer]++;
    for (size_t k = 0; k < l->layer_count; k++) {
        l->layers[k] = xcalloc(l->layer_len[k] + 1, sizeof **l->layers);
        l->layer_len[k] = 0;
        l->of_texts[k] = true;
    }
    for (size_t i = 0; i < l->item_count; i++) {
        size_t k = l->items[i].layer;
        l->layers[k][l->layer_len[k]++] = i;
        l->of_texts[k] &= l->items[i].kind != ITEM_NODE;
    }
}

int layout_make(struct layout *l, const struct def *d, const char *const *marks, struct error *e)
{
    struct maker m = {.l = l, .d = d, .rank = xcalloc(def_node_count(d) + 1, sizeof *m.rank),
                      .item_of = xcalloc(def_node_count(d) + 1, sizeof *m.item_of)};
    *l = (struct layout){0};
    find_back_edges(&m);
    make_boxes(&m);
    rank_nodes(&m);
    rank_unreached(&m);
    number_layers(&m);
    make_nodes(&m, marks);
    make_edges(&m);
    bool fits = l->item_count < ITEMS_MAX;
    if (fits) {
        fill_layers(l);
        count_borders(l);
        layout_order(l);
        layout_place(l);
    }
    free(m.rank);
    free(m.item_of);
    free(m.row);
    free(m.back);
    free(m.texts);
    free(m.box_of);
    free(m.lowest);
    if (fits)
        return 0;
    l->layer_count = 0;
    err_set(e, "the workflow is too large to be laid out: more than %d nodes, branches and bends", ITEMS_MAX);
    return err_hint(e, "use --format dot");
}

void layout_free(struct layout *l)
{
    for (size_t i = 0; i < l->item_count; i++)
        free(l->items[i].text);
    for (size_t k = 0; k < l->layer_count; k++)
        free(l->layers[k]);
    free(l->items);
    free(l->boxes);
    free(l->begins);
    free(l->ends);
    free(l->links);
    free(l->out);
    free(l->out_first);
    free(l->in);
    free(l->in_first);
    free(l->layers);
    free(l->layer_len);
    free(l->of_texts);
    *l = (struct layout){0};
}
