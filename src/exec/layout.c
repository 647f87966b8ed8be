/* SPDX-License-Identifier: Apache-2.0 */
/* Layers by the longest way from the entry; order by the mean position of neighbours, a few sweeps up and down; places
 * likewise, the mean of the leftmost and the rightmost arrangement that keep the distances. */
#include "exec/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define SWEEPS 8
#define GAP 3
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

static size_t add_item(struct layout *l, enum item_kind kind, size_t layer, size_t node, char *text)
{
    xgrow((void **)&l->items, &l->item_cap, l->item_count + 1, sizeof *l->items);
    long width = text ? (long)width_of(text) + (kind == ITEM_NODE ? 4 : 0) : 1;
    l->items[l->item_count] = (struct item){.kind = kind, .layer = layer, .node = node, .text = text, .width = width | 1};
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

/* ---- Rows ---- */

/* A line, or a text that says where it goes? */
static bool drawn(const struct maker *m, size_t edge, const struct def_edge_view *e)
{
    struct def_node_view n;
    def_view_node(m->d, e->from, &n);
    return n.reachable && !m->back[edge];
}

/* Longest way: edges that do not go back have no cycles, so it settles after as many rounds as there are rows. */
static void rank_nodes(struct maker *m)
{
    struct def_edge_view e;
    bool more = true;
    for (size_t round = 0; more && round <= def_node_count(m->d); round++) {
        more = false;
        for (size_t i = 0; i < def_edge_count(m->d); i++) {
            def_view_edge(m->d, i, &e);
            if (!drawable(&e) || !drawn(m, i, &e) || m->rank[e.to] > m->rank[e.from])
                continue;
            m->rank[e.to] = m->rank[e.from] + 1;
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
        m->item_of[i] = add_item(m->l, ITEM_NODE, m->row[m->rank[i]], i, buf_steal(&b));
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

static void make_edge(struct maker *m, size_t edge, const struct def_edge_view *e)
{
    size_t at = m->item_of[e->from], layer = m->row[m->rank[e->from]] + 1;
    bool line = drawn(m, edge, e);
    if (e->label || !line) {
        size_t text = add_item(m->l, ITEM_TEXT, layer++, SIZE_MAX, edge_text(m, edge, e));
        add_link(m->l, at, text);
        at = text;
    }
    for (size_t end = m->row[m->rank[e->to]]; line && layer < end && m->l->item_count < ITEMS_MAX; layer++) {
        size_t bend = add_item(m->l, ITEM_BEND, layer, SIZE_MAX, NULL);
        add_link(m->l, at, bend);
        at = bend;
    }
    if (line)
        add_link(m->l, at, m->item_of[e->to]);
}

static void make_edges(struct maker *m)
{
    struct def_edge_view e;
    struct def_node_view n;
    for (size_t i = 0; i < def_edge_count(m->d); i++) {
        def_view_edge(m->d, i, &e);
        def_view_node(m->d, e.from, &n);
        if (n.reachable && drawable(&e))
            make_edge(m, i, &e);
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

/* ---- Order and places ---- */

/* The links, by one of their ends. */
static void group_links(const struct layout *l, bool by_to, size_t **list, size_t **first)
{
    *first = xcalloc(l->item_count + 2, sizeof **first);
    *list = xcalloc(l->link_count + 1, sizeof **list);
    for (size_t i = 0; i < l->link_count; i++)
        (*first)[(by_to ? l->links[i].to : l->links[i].from) + 2]++;
    for (size_t i = 0; i < l->item_count; i++)
        (*first)[i + 2] += (*first)[i + 1];
    for (size_t i = 0; i < l->link_count; i++)
        (*list)[(*first)[(by_to ? l->links[i].to : l->links[i].from) + 1]++] = i;
}

/* An item's wish: the mean middle of its neighbours above (down) or below; its own place when it has none. */
static double wish_of(const struct layout *l, size_t item, bool down)
{
    const size_t *list = down ? l->in : l->out, *first = down ? l->in_first : l->out_first;
    double sum = 0;
    for (size_t i = first[item]; i < first[item + 1]; i++)
        sum += (double)item_middle(&l->items[down ? l->links[list[i]].from : l->links[list[i]].to]);
    size_t count = first[item + 1] - first[item];
    return count ? sum / (double)count : (double)item_middle(&l->items[item]);
}

static void make_wishes(struct layout *l, size_t k, bool down)
{
    for (size_t i = 0; i < l->layer_len[k]; i++)
        l->items[l->layers[k][i]].wish = wish_of(l, l->layers[k][i], down);
}

/* Insertion keeps the order of equals; rows are short. */
static void sort_layer(struct layout *l, size_t k)
{
    size_t *row = l->layers[k];
    for (size_t i = 1; i < l->layer_len[k]; i++) {
        size_t item = row[i], j = i;
        for (; j > 0 && l->items[row[j - 1]].wish > l->items[item].wish + 0.01; j--)
            row[j] = row[j - 1];
        row[j] = item;
    }
}

static void place_layer(struct layout *l, size_t k)
{
    size_t len = l->layer_len[k];
    CLEANUP_FREE long *left = xcalloc(len + 1, sizeof *left), *right = xcalloc(len + 1, sizeof *right);
    for (size_t i = 0; i < len; i++) {
        const struct item *it = &l->items[l->layers[k][i]];
        left[i] = right[i] = (long)(it->wish + 0.5) - it->width / 2;
    }
    for (size_t i = 1; i < len; i++) {
        long least = left[i - 1] + l->items[l->layers[k][i - 1]].width + GAP;
        if (left[i] < least)
            left[i] = least;
    }
    for (size_t i = len; i-- > 1;) {
        long most = right[i] - l->items[l->layers[k][i - 1]].width - GAP;
        if (right[i - 1] > most)
            right[i - 1] = most;
    }
    for (size_t i = 0; i < len; i++)
        l->items[l->layers[k][i]].x = (left[i] + right[i]) >> 1;
}

static void sweep(struct layout *l, bool down, bool sort)
{
    for (size_t n = 0; n < l->layer_count; n++) {
        size_t k = down ? n : l->layer_count - 1 - n;
        make_wishes(l, k, down);
        if (sort)
            sort_layer(l, k);
        place_layer(l, k);
    }
}

static void move_to_origin(struct layout *l)
{
    long least = 0;
    for (size_t i = 0; i < l->item_count; i++)
        if (i == 0 || l->items[i].x < least)
            least = l->items[i].x;
    for (size_t i = 0; i < l->item_count; i++) {
        l->items[i].x -= least;
        if (l->items[i].x + l->items[i].width > l->width)
            l->width = l->items[i].x + l->items[i].width;
    }
}

static void arrange(struct layout *l)
{
    group_links(l, false, &l->out, &l->out_first);
    group_links(l, true, &l->in, &l->in_first);
    fill_layers(l);
    for (int i = 0; i < SWEEPS; i++)
        sweep(l, i % 2 == 0, i < SWEEPS / 2);
    sweep(l, true, false);
    move_to_origin(l);
}

int layout_make(struct layout *l, const struct def *d, const char *const *marks, struct error *e)
{
    struct maker m = {.l = l, .d = d, .rank = xcalloc(def_node_count(d) + 1, sizeof *m.rank),
                      .item_of = xcalloc(def_node_count(d) + 1, sizeof *m.item_of)};
    *l = (struct layout){0};
    find_back_edges(&m);
    rank_nodes(&m);
    rank_unreached(&m);
    number_layers(&m);
    make_nodes(&m, marks);
    make_edges(&m);
    bool fits = l->item_count < ITEMS_MAX;
    if (fits)
        arrange(l);
    free(m.rank);
    free(m.item_of);
    free(m.row);
    free(m.back);
    free(m.texts);
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
