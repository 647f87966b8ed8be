/* SPDX-License-Identifier: Apache-2.0 */
/* The places of the items of a layout, whose order is known.
 *
 * Every item, every chain of bends and every border of a box is a variable.  They are put in one row, in which whoever stands
 * to the left of another in some layer comes before it; then each has to keep its distance from some of those before it.  The
 * leftmost and the rightmost places that do so are found in one pass each, and their mean does so, too. */
#include "exec/layout.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROUNDS 12
#define LAST_ROUNDS 60
#define SLACK 40
#define PADDING 2 /* from the border of a box to what is inside */
#define NOWHERE (LONG_MAX / 4)

struct pair {
    size_t a, b; /* places in the row, a before b */
    long distance;
};
struct row {
    struct layout *l;
    size_t count, item_vars;     /* variables; those below item_vars are of items */
    size_t *place;               /* of variables: their place in the row */
    size_t *var_at;              /* the other way round */
    size_t *first_item, *last_item; /* of variables of items: the items on top and at the bottom */
    long *left, *right, *at;     /* by variable */
    double *sum, *weight;
    struct pair *pairs, **by_b;  /* by_b: sorted by the place of b; pairs: by that of a */
    size_t pair_count, pair_cap;
    size_t *first_a, *first_b;   /* by place: where the pairs with that a, or b, begin */
    long *near;                  /* scratch */
};

/* ---- Variables ---- */

static bool goes_on(const struct layout *l, const struct link *k)
{
    const struct item *a = &l->items[k->from], *b = &l->items[k->to];
    return a->kind == ITEM_BEND && b->kind == ITEM_BEND && a->box == b->box;
}

/* A bend is the same variable as the one above it.  Items of a layer come after those of the layers above. */
static void make_vars(struct row *r)
{
    struct layout *l = r->l;
    for (size_t k = 0; k < l->layer_count; k++)
        for (size_t i = 0; i < l->layer_len[k]; i++) {
            size_t item = l->layers[k][i], in = l->in_first[item];
            const struct link *up = l->in_first[item + 1] == in + 1 ? &l->links[l->in[in]] : NULL;
            bool same = up && goes_on(l, up);
            size_t var = same ? l->items[up->from].var : r->count++;
            l->items[item].var = var;
            if (!same)
                r->first_item[var] = item;
            r->last_item[var] = item;
        }
    r->item_vars = r->count;
    for (size_t b = 0; b < l->box_count; b++) {
        l->boxes[b].left = r->count++;
        l->boxes[b].right = r->count++;
    }
}

/* ---- The row ---- */

/* Something in a box: a variable of items, or a box, at its mean middle. */
struct thing {
    double key;
    size_t parent, box, var; /* parent: 0 is the whole, else box + 1; box SIZE_MAX: a variable */
};

static int by_parent(const void *a, const void *b)
{
    const struct thing *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    if (x->key < y->key || x->key > y->key)
        return x->key < y->key ? -1 : 1;
    return x->var < y->var ? -1 : 1;
}

static struct thing *make_things(struct row *r, size_t *count)
{
    struct layout *l = r->l;
    struct thing *things = xcalloc(r->count + 1, sizeof *things);
    CLEANUP_FREE double *sum = xcalloc(r->count + 1, sizeof *sum), *weight = xcalloc(r->count + 1, sizeof *weight);
    for (size_t i = 0; i < l->item_count; i++) {
        double middle = (double)item_middle(&l->items[i]);
        sum[l->items[i].var] += middle;
        weight[l->items[i].var]++;
        for (size_t b = l->items[i].box; b != SIZE_MAX; b = l->boxes[b].parent) {
            sum[l->boxes[b].left] += middle;
            weight[l->boxes[b].left]++;
        }
    }
    *count = 0;
    for (size_t v = 0; v < r->item_vars; v++)
        things[(*count)++] = (struct thing){sum[v] / weight[v], l->items[r->first_item[v]].box + 1, SIZE_MAX, v};
    for (size_t b = 0; b < l->box_count; b++) {
        size_t v = l->boxes[b].left;
        things[(*count)++] = (struct thing){sum[v] / (weight[v] > 0 ? weight[v] : 1), l->boxes[b].parent + 1, b, v};
    }
    qsort(things, *count, sizeof *things, by_parent);
    return things;
}

/* Box by box: its left border, what is inside, its right border. */
static void number_row(struct row *r)
{
    struct layout *l = r->l;
    size_t count, next_place = 0, depth = 0;
    CLEANUP_FREE struct thing *things = make_things(r, &count);
    CLEANUP_FREE size_t *next = xcalloc(l->box_count + 2, sizeof *next), *stack = xcalloc(l->box_count + 2, sizeof *stack);
    for (size_t i = count; i-- > 0;)
        next[things[i].parent] = i;
    stack[depth++] = 0;
    while (depth) {
        size_t parent = stack[depth - 1], i = next[parent];
        bool more = i < count && things[i].parent == parent;
        next[parent] = i + 1;
        if (!more) {
            depth--;
            if (parent)
                r->place[l->boxes[parent - 1].right] = next_place++;
            continue;
        }
        r->place[things[i].var] = next_place++;
        if (things[i].box != SIZE_MAX)
            stack[depth++] = things[i].box + 1;
    }
}

static int by_row(const void *a, const void *b, void *ctx)
{
    const struct row *r = ctx;
    size_t x = r->place[r->l->items[*(const size_t *)a].var], y = r->place[r->l->items[*(const size_t *)b].var];
    return x < y ? -1 : x > y;
}

/* ---- Distances ---- */

static void keep(struct row *r, size_t a, size_t b, long distance)
{
    xgrow((void **)&r->pairs, &r->pair_cap, r->pair_count + 1, sizeof *r->pairs);
    r->pairs[r->pair_count++] = (struct pair){a, b, distance};
}

/* Into the boxes from `outer` to `box`, from *at on. */
static void go_in(struct row *r, size_t box, size_t outer, size_t *at, long *distance)
{
    struct layout *l = r->l;
    if (box == outer)
        return;
    go_in(r, l->boxes[box].parent, outer, at, distance);
    if (*at != SIZE_MAX)
        keep(r, *at, l->boxes[box].left, *distance);
    *at = l->boxes[box].left;
    *distance = PADDING;
}

static void go_out(struct row *r, size_t box, size_t outer, size_t *at, long *distance)
{
    struct layout *l = r->l;
    *distance += PADDING - 1;
    for (; box != outer; box = l->boxes[box].parent) {
        keep(r, *at, l->boxes[box].right, *distance);
        *at = l->boxes[box].right;
        *distance = PADDING;
    }
}

static void measure_layer(struct row *r, size_t k)
{
    struct layout *l = r->l;
    size_t at = SIZE_MAX, box = SIZE_MAX;
    long distance = 0;
    for (size_t i = 0; i <= l->layer_len[k]; i++) {
        const struct item *it = i < l->layer_len[k] ? &l->items[l->layers[k][i]] : NULL;
        size_t outer = it ? it->box : SIZE_MAX;
        while (!layout_inside(l, box, outer))
            outer = l->boxes[outer].parent;
        if (box != outer) {
            go_out(r, box, outer, &at, &distance);
            distance = 1 + LAYOUT_GAP;
        } else {
            distance += i ? LAYOUT_GAP : 0;
        }
        if (!it)
            break;
        go_in(r, it->box, outer, &at, &distance);
        if (at != SIZE_MAX)
            keep(r, at, it->var, distance);
        at = it->var;
        box = it->box;
        distance = it->width;
    }
}

static int by_first(const void *a, const void *b, void *ctx)
{
    const struct row *r = ctx;
    size_t x = r->place[((const struct pair *)a)->a], y = r->place[((const struct pair *)b)->a];
    return x < y ? -1 : x > y;
}

static int by_second(const void *a, const void *b, void *ctx)
{
    const struct row *r = ctx;
    size_t x = r->place[(*(struct pair *const *)a)->b], y = r->place[(*(struct pair *const *)b)->b];
    return x < y ? -1 : x > y;
}

static void sort_pairs(struct row *r)
{
    if (r->pair_count > 0)
        qsort_r(r->pairs, r->pair_count, sizeof *r->pairs, by_first, r);
    r->by_b = xcalloc(r->pair_count + 1, sizeof(struct pair *));
    for (size_t i = 0; i < r->pair_count; i++)
        r->by_b[i] = &r->pairs[i];
    qsort_r(r->by_b, r->pair_count, sizeof(struct pair *), by_second, r);
    r->first_a = xcalloc(r->count + 2, sizeof *r->first_a);
    r->first_b = xcalloc(r->count + 2, sizeof *r->first_b);
    for (size_t i = 0; i < r->pair_count; i++) {
        r->first_a[r->place[r->pairs[i].a] + 1]++;
        r->first_b[r->place[r->pairs[i].b] + 1]++;
    }
    for (size_t p = 0; p < r->count; p++) {
        r->first_a[p + 1] += r->first_a[p];
        r->first_b[p + 1] += r->first_b[p];
        r->var_at[r->place[p]] = p;
    }
}

/* ---- Places ---- */

/* Where the neighbours are: above, below, or both. */
static void wish(struct row *r, bool above, bool below)
{
    struct layout *l = r->l;
    memset(r->sum, 0, r->item_vars * sizeof *r->sum);
    memset(r->weight, 0, r->item_vars * sizeof *r->weight);
    for (size_t i = 0; i < l->link_count; i++) {
        const struct item *a = &l->items[l->links[i].from], *b = &l->items[l->links[i].to];
        if (a->var == b->var)
            continue;
        if (above) {
            r->sum[b->var] += (double)(r->at[a->var] + a->width / 2 - b->width / 2);
            r->weight[b->var]++;
        }
        if (below) {
            r->sum[a->var] += (double)(r->at[b->var] + b->width / 2 - a->width / 2);
            r->weight[a->var]++;
        }
    }
    for (size_t v = 0; v < r->item_vars; v++)
        r->left[v] = r->right[v] = r->weight[v] > 0 ? (long)(r->sum[v] / r->weight[v] + 10000000.5) - 10000000 : r->at[v];
    for (size_t v = r->item_vars; v < r->count; v++) {
        r->left[v] = -NOWHERE;
        r->right[v] = NOWHERE;
    }
}

static void settle(struct row *r)
{
    for (size_t i = 0; i < r->pair_count; i++) {
        const struct pair *p = r->by_b[i];
        if (r->left[p->b] < r->left[p->a] + p->distance)
            r->left[p->b] = r->left[p->a] + p->distance;
    }
    for (size_t i = r->pair_count; i-- > 0;) {
        const struct pair *p = &r->pairs[i];
        if (r->right[p->a] > r->right[p->b] - p->distance)
            r->right[p->a] = r->right[p->b] - p->distance;
    }
    for (size_t v = 0; v < r->item_vars; v++)
        r->at[v] = (r->left[v] + r->right[v]) >> 1;
}

/* ---- Straight lines: everything moves, as far as it is free to, to the median of its neighbours ---- */

static long lowest(const struct row *r, size_t place)
{
    long at = -NOWHERE;
    for (size_t i = r->first_b[place]; i < r->first_b[place + 1]; i++) {
        long least = r->at[r->by_b[i]->a] + r->by_b[i]->distance;
        at = least > at ? least : at;
    }
    return at;
}

static long highest(const struct row *r, size_t place)
{
    long at = NOWHERE;
    for (size_t i = r->first_a[place]; i < r->first_a[place + 1]; i++) {
        long most = r->at[r->pairs[i].b] - r->pairs[i].distance;
        at = most < at ? most : at;
    }
    return at;
}

static void close_borders(struct row *r)
{
    for (size_t p = 0; p < r->count; p++)
        if (r->var_at[p] >= r->item_vars)
            r->at[r->var_at[p]] = lowest(r, p);
    for (size_t p = r->count; p-- > 0;)
        if (r->var_at[p] >= r->item_vars && (r->var_at[p] - r->item_vars) % 2 == 0)
            r->at[r->var_at[p]] = highest(r, p);
}

static int by_value(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return x < y ? -1 : x > y;
}

static long clamp(long at, long low, long high)
{
    return at < low ? low : at > high ? high : at;
}

/* Where lines to its neighbours are straight; its own place when that is as good as any. */
static long median(struct row *r, size_t var)
{
    const struct layout *l = r->l;
    size_t top = r->first_item[var], bottom = r->last_item[var], count = 0;
    long half = l->items[top].width / 2;
    for (size_t i = l->in_first[top]; i < l->in_first[top + 1]; i++) {
        const struct item *it = &l->items[l->links[l->in[i]].from];
        r->near[count++] = r->at[it->var] + it->width / 2 - half;
    }
    for (size_t i = l->out_first[bottom]; i < l->out_first[bottom + 1]; i++) {
        const struct item *it = &l->items[l->links[l->out[i]].to];
        r->near[count++] = r->at[it->var] + it->width / 2 - half;
    }
    if (count == 0)
        return r->at[var];
    if (l->items[top].kind == ITEM_TEXT)
        return r->near[count - 1]; /* above what it leads to */
    qsort(r->near, count, sizeof *r->near, by_value);
    long low = r->near[(count - 1) / 2], high = r->near[count / 2], at = clamp(r->at[var], low, high);
    bool between = count == 2 && l->in_first[top + 1] == l->in_first[top] + 1; /* one of the two lines can be straight */
    return !between ? at : at - low < high - at ? low : high;
}

/* Borders leave room on both sides. */
static long new_place(struct row *r, size_t place)
{
    size_t var = r->var_at[place];
    long low = lowest(r, place), high = highest(r, place);
    if (var < r->item_vars)
        return clamp(median(r, var), low, high);
    if (low == -NOWHERE || high == NOWHERE)
        return low == -NOWHERE ? high - SLACK : low + SLACK;
    return low + (high - low) / 2;
}

static bool straighten(struct row *r, bool backwards)
{
    bool moved = false;
    for (size_t i = 0; i < r->count; i++) {
        size_t place = backwards ? r->count - 1 - i : i, var = r->var_at[place];
        long at = new_place(r, place);
        moved |= at != r->at[var];
        r->at[var] = at;
    }
    return moved;
}

static void place_items(struct row *r)
{
    struct layout *l = r->l;
    for (size_t i = 0; i < l->item_count; i++)
        r->at[l->items[i].var] = l->items[i].x;
    for (int i = 0; i < ROUNDS; i++) {
        wish(r, i % 3 != 1, i % 3 != 0);
        settle(r);
    }
    close_borders(r);
    for (int i = 0; i < LAST_ROUNDS; i++)
        if (!straighten(r, i % 2))
            break;
    for (size_t i = 0; i < l->item_count; i++)
        l->items[i].x = r->at[l->items[i].var];
}

static void widen(struct box *b, long left, long right)
{
    if (!b->width || left < b->x) {
        b->width += b->width ? b->x - left : right - left;
        b->x = left;
    }
    if (right > b->x + b->width)
        b->width = right - b->x;
}

/* Close around what is inside. */
static void place_boxes(struct layout *l)
{
    for (size_t i = 0; i < l->item_count; i++)
        if (l->items[i].box != SIZE_MAX)
            widen(&l->boxes[l->items[i].box], l->items[i].x - PADDING, l->items[i].x + l->items[i].width + PADDING);
    for (size_t b = l->box_count; b-- > 0;)
        if (l->boxes[b].parent != SIZE_MAX)
            widen(&l->boxes[l->boxes[b].parent], l->boxes[b].x - PADDING, l->boxes[b].x + l->boxes[b].width + PADDING);
}

static void move_to_origin(struct layout *l)
{
    long least = LONG_MAX;
    for (size_t i = 0; i < l->item_count; i++)
        least = l->items[i].x < least ? l->items[i].x : least;
    for (size_t b = 0; b < l->box_count; b++)
        least = l->boxes[b].x < least ? l->boxes[b].x : least;
    for (size_t i = 0; i < l->item_count; i++) {
        l->items[i].x -= least;
        if (l->items[i].x + l->items[i].width > l->width)
            l->width = l->items[i].x + l->items[i].width;
    }
    for (size_t b = 0; b < l->box_count; b++) {
        l->boxes[b].x -= least;
        if (l->boxes[b].x + l->boxes[b].width > l->width)
            l->width = l->boxes[b].x + l->boxes[b].width;
    }
}

void layout_place(struct layout *l)
{
    size_t most = l->item_count + 2 * l->box_count + 1;
    struct row r = {.l = l, .place = xcalloc(most, sizeof *r.place), .first_item = xcalloc(most, sizeof *r.first_item),
                    .last_item = xcalloc(most, sizeof *r.last_item), .var_at = xcalloc(most, sizeof *r.var_at),
                    .near = xcalloc(l->link_count + 1, sizeof *r.near),
                    .left = xcalloc(most, sizeof *r.left), .right = xcalloc(most, sizeof *r.right),
                    .at = xcalloc(most, sizeof *r.at), .sum = xcalloc(most, sizeof *r.sum),
                    .weight = xcalloc(most, sizeof *r.weight)};
    make_vars(&r);
    number_row(&r);
    for (size_t k = 0; k < l->layer_count; k++) {
        qsort_r(l->layers[k], l->layer_len[k], sizeof **l->layers, by_row, &r);
        measure_layer(&r, k);
    }
    sort_pairs(&r);
    place_items(&r);
    place_boxes(l);
    move_to_origin(l);
    free(r.place);
    free(r.first_item);
    free(r.last_item);
    free(r.var_at);
    free(r.near);
    free(r.first_a);
    free(r.first_b);
    free(r.left);
    free(r.right);
    free(r.at);
    free(r.sum);
    free(r.weight);
    free(r.pairs);
    free(r.by_b);
}
