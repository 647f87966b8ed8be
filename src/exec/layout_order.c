/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the items in their layers: a few sweeps up and down, each item wishing to be where its neighbours in the layer
 * before are on average; a box is where its items are on average, in all layers alike, so that they stay together. */
#include "exec/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SWEEPS 8

struct order {
    struct layout *l;
    double *key, *box_key; /* of items, of boxes */
    bool *placed;          /* of layers: in an earlier sweep, or this one */
    size_t *rank;          /* of items: their place before sorting, to keep the order of equals */
};

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

/* The mean middle of its neighbours above (down) or below; its own when it has none. */
static double mean_of_neighbours(const struct layout *l, size_t item, bool down)
{
    const size_t *list = down ? l->in : l->out, *first = down ? l->in_first : l->out_first;
    double sum = 0;
    for (size_t i = first[item]; i < first[item + 1]; i++)
        sum += (double)item_middle(&l->items[down ? l->links[list[i]].from : l->links[list[i]].to]);
    size_t count = first[item + 1] - first[item];
    return count ? sum / (double)count : (double)item_middle(&l->items[item]);
}

/* Where the items of the boxes are; those of `layer` where they wish to be, and those that have no place yet do not count. */
static void find_box_keys(struct order *o, size_t layer)
{
    struct layout *l = o->l;
    CLEANUP_FREE double *count = xcalloc(l->box_count + 1, sizeof *count);
    memset(o->box_key, 0, l->box_count * sizeof *o->box_key);
    for (size_t i = 0; i < l->item_count; i++)
        for (size_t b = l->items[i].box; b != SIZE_MAX; b = l->boxes[b].parent) {
            if (l->items[i].layer != layer && !o->placed[l->items[i].layer])
                continue;
            o->box_key[b] += l->items[i].layer == layer ? o->key[i] : (double)item_middle(&l->items[i]);
            count[b]++;
        }
    for (size_t b = 0; b < l->box_count; b++)
        o->box_key[b] /= count[b] > 0 ? count[b] : 1;
}

/* The box right under `outer` that `box` is in or is; SIZE_MAX when it is outer itself. */
static size_t child_under(const struct layout *l, size_t box, size_t outer)
{
    while (box != outer && l->boxes[box].parent != outer)
        box = l->boxes[box].parent;
    return box == outer ? SIZE_MAX : box;
}

static int compare(double a, double b)
{
    return a < b ? -1 : a > b;
}

/* What decides is where they part: the innermost box that holds both. */
static int by_place(const void *a, const void *b, void *ctx)
{
    const struct order *o = ctx;
    const struct layout *l = o->l;
    size_t x = *(const size_t *)a, y = *(const size_t *)b, outer = l->items[x].box;
    while (outer != SIZE_MAX && !layout_inside(l, l->items[y].box, outer))
        outer = l->boxes[outer].parent;
    size_t p = child_under(l, l->items[x].box, outer), q = child_under(l, l->items[y].box, outer);
    int rc = compare(p == SIZE_MAX ? o->key[x] : o->box_key[p], q == SIZE_MAX ? o->key[y] : o->box_key[q]);
    if (rc == 0 && p != q)
        rc = p == SIZE_MAX ? -1 : q == SIZE_MAX ? 1 : p < q ? -1 : 1;
    return rc ? rc : o->rank[x] < o->rank[y] ? -1 : 1;
}

static void sort_layer(struct order *o, size_t k)
{
    struct layout *l = o->l;
    for (size_t i = 0; i < l->layer_len[k]; i++)
        o->rank[l->layers[k][i]] = i;
    qsort_r(l->layers[k], l->layer_len[k], sizeof **l->layers, by_place, o);
}

/* Side by side as wished, but none over another: the mean of the leftmost and the rightmost way. */
static void spread_layer(struct order *o, size_t k)
{
    struct layout *l = o->l;
    size_t len = l->layer_len[k];
    CLEANUP_FREE long *left = xcalloc(len + 1, sizeof *left), *right = xcalloc(len + 1, sizeof *right);
    for (size_t i = 0; i < len; i++)
        left[i] = right[i] = (long)(o->key[l->layers[k][i]] + 0.5) - l->items[l->layers[k][i]].width / 2;
    for (size_t i = 1; i < len; i++) {
        long least = left[i - 1] + l->items[l->layers[k][i - 1]].width + LAYOUT_GAP;
        left[i] = left[i] < least ? least : left[i];
    }
    for (size_t i = len; i-- > 1;) {
        long most = right[i] - l->items[l->layers[k][i - 1]].width - LAYOUT_GAP;
        right[i - 1] = right[i - 1] > most ? most : right[i - 1];
    }
    for (size_t i = 0; i < len; i++)
        l->items[l->layers[k][i]].x = (left[i] + right[i]) >> 1;
}

static void sweep(struct order *o, bool down)
{
    struct layout *l = o->l;
    for (size_t n = 0; n < l->layer_count; n++) {
        size_t k = down ? n : l->layer_count - 1 - n;
        for (size_t i = 0; i < l->layer_len[k]; i++)
            o->key[l->layers[k][i]] = mean_of_neighbours(l, l->layers[k][i], down);
        find_box_keys(o, k);
        sort_layer(o, k);
        spread_layer(o, k);
        o->placed[k] = true;
    }
}

void layout_order(struct layout *l)
{
    struct order o = {.l = l, .key = xcalloc(l->item_count + 1, sizeof *o.key),
                      .box_key = xcalloc(l->box_count + 1, sizeof *o.box_key), .rank = xcalloc(l->item_count + 1, sizeof *o.rank),
                      .placed = xcalloc(l->layer_count + 1, sizeof *o.placed)};
    group_links(l, false, &l->out, &l->out_first);
    group_links(l, true, &l->in, &l->in_first);
    for (int i = 0; i < SWEEPS; i++)
        sweep(&o, i % 2 == 0);
    free(o.key);
    free(o.box_key);
    free(o.rank);
    free(o.placed);
}
