/* SPDX-License-Identifier: Apache-2.0 */
/* The layout with characters, scopes as dotted frames.  Lines are drawn as directions on a grid, so that they join where they meet; between two
 * layers every item above has a row for its horizontal line, unless another one's does not get in its way. */
#include "exec/draw.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "exec/layout.h"

#define CELLS_MAX 20000000

enum { UP = 1, RIGHT = 2, DOWN = 4, LEFT = 8 };

struct cell {
    uint8_t lines;
    uint8_t frame;  /* the same, of the frame of a scope; lines are drawn over it */
    uint8_t state;  /* enum draw_state of what stands here */
    char text[5];   /* one character, or "" */
};
struct canvas {
    const struct drawing *g;
    struct layout l;
    struct cell *cells;
    long width, height;
};

const char **draw_marks(const struct drawing *g)
{
    static const char *const marks[] = {"", "✓", "✗", "▶", "◷"};
    const char **list = xcalloc(def_node_count(g->d) + 1, sizeof *list);
    for (size_t i = 0; g->states && i < def_node_count(g->d); i++)
        list[i] = marks[g->states[i]];
    return list;
}

static struct cell *cell(const struct canvas *c, long x, long y)
{
    return &c->cells[y * c->width + x];
}

static void vertical(const struct canvas *c, long x, long from, long to)
{
    for (long y = from; y <= to; y++) {
        cell(c, x, y)->lines |= y < to ? DOWN : 0;
        cell(c, x, y)->lines |= y > from ? UP : 0;
    }
}

static void horizontal(const struct canvas *c, long y, long from, long to)
{
    for (long x = from; x <= to; x++) {
        cell(c, x, y)->lines |= x < to ? RIGHT : 0;
        cell(c, x, y)->lines |= x > from ? LEFT : 0;
    }
}

static void write_text(const struct canvas *c, long x, long y, const char *text, enum draw_state state)
{
    for (; *text && x < c->width; x++) {
        struct cell *at = cell(c, x, y);
        size_t n = 1;
        while (n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n++;
        memcpy(at->text, text, n);
        at->text[n] = '\0';
        at->state = (uint8_t)state;
        text += n;
    }
}

/* ---- Rows between two layers ---- */

/* The lines that leave one item, and the row that their horizontal part has. */
struct fan {
    size_t item;
    long from, left, right; /* columns */
    size_t first, count;    /* links, sorted by item */
    size_t track;
    bool flat, placed;      /* flat: straight down, needs no row */
};
struct gap {
    const struct canvas *c;
    struct fan *fans;
    size_t fan_count, tracks;
    size_t *links; /* of this gap, grouped by item */
    size_t link_count;
};

static long to_column(const struct gap *p, size_t i)
{
    const struct layout *l = &p->c->l;
    return item_middle(&l->items[l->links[p->links[i]].to]);
}

static void make_fan(struct gap *p, size_t item)
{
    const struct layout *l = &p->c->l;
    struct fan f = {.item = item, .from = item_middle(&l->items[item]), .first = p->link_count, .flat = true};
    f.left = f.right = f.from;
    for (size_t i = l->out_first[item]; i < l->out_first[item + 1]; i++) {
        p->links[p->link_count++] = l->out[i];
        long to = to_column(p, p->link_count - 1);
        f.flat &= to == f.from;
        f.left = to < f.left ? to : f.left;
        f.right = to > f.right ? to : f.right;
    }
    f.count = p->link_count - f.first;
    if (f.count)
        p->fans[p->fan_count++] = f;
}

/* b must leave its column before a arrives there. */
static bool before(const struct gap *p, const struct fan *b, const struct fan *a)
{
    for (size_t i = a->first; i < a->first + a->count; i++)
        if (to_column(p, i) == b->from && a->from != b->from && !b->flat)
            return true;
    return false;
}

static bool same_targets(const struct gap *p, const struct fan *a, const struct fan *b)
{
    if (a->count != 1 || b->count != 1)
        return false;
    return to_column(p, a->first) == to_column(p, b->first);
}

static bool fits(const struct gap *p, const struct fan *f, size_t track)
{
    for (size_t i = 0; i < p->fan_count; i++) {
        const struct fan *o = &p->fans[i];
        if (!o->placed || o->flat || o == f)
            continue;
        if (o->track == track && o->left <= f->right + 1 && f->left <= o->right + 1 && !same_targets(p, o, f))
            return false;
        if (track <= o->track && before(p, o, f) && !same_targets(p, o, f))
            return false;
    }
    return true;
}

static void place(struct gap *p, struct fan *f)
{
    f->placed = true;
    f->track = 0;
    while (!fits(p, f, f->track))
        f->track++;
    if (f->track + 1 > p->tracks)
        p->tracks = f->track + 1;
}

/* The next one for which nobody else has to be placed first; in a circle the first. */
static struct fan *next_fan(const struct gap *p)
{
    struct fan *any = NULL;
    for (size_t i = 0; i < p->fan_count; i++) {
        struct fan *f = &p->fans[i];
        bool free_now = !f->placed;
        for (size_t j = 0; free_now && j < p->fan_count; j++)
            free_now = j == i || p->fans[j].placed || !before(p, &p->fans[j], f);
        if (free_now)
            return f;
        if (!any && !f->placed)
            any = f;
    }
    return any;
}

static void make_gap(struct gap *p, size_t layer)
{
    const struct layout *l = &p->c->l;
    p->fans = xcalloc(l->layer_len[layer] + 1, sizeof *p->fans);
    size_t links = 0;
    for (size_t i = 0; i < l->layer_len[layer]; i++)
        links += l->out_first[l->layers[layer][i] + 1] - l->out_first[l->layers[layer][i]];
    p->links = xcalloc(links + 1, sizeof *p->links);
    for (size_t i = 0; i < l->layer_len[layer]; i++)
        make_fan(p, l->layers[layer][i]);
    for (size_t i = 0; i < p->fan_count; i++)
        p->fans[i].placed = p->fans[i].flat;
    for (struct fan *f = next_fan(p); f; f = next_fan(p))
        place(p, f);
}

static void free_gap(struct gap *p)
{
    free(p->fans);
    free(p->links);
}

/* From the row below the upper layer to the row above the lower one; the first rows are those where frames end. */
static void draw_gap(const struct gap *p, long top, long frames, long bottom)
{
    for (size_t i = 0; i < p->fan_count; i++) {
        const struct fan *f = &p->fans[i];
        long row = top + frames + 1 + (long)f->track;
        if (f->flat) {
            vertical(p->c, f->from, top, bottom);
            continue;
        }
        vertical(p->c, f->from, top, row);
        horizontal(p->c, row, f->left, f->right);
        for (size_t k = f->first; k < f->first + f->count; k++)
            vertical(p->c, to_column(p, k), row, bottom);
    }
}

/* ---- Items ---- */

static long height_of(const struct layout *l, size_t layer)
{
    return l->of_texts[layer] ? 1 : 3;
}

static void draw_box(const struct canvas *c, const struct item *it, long y)
{
    long right = it->x + it->width - 1;
    horizontal(c, y, it->x, right);
    horizontal(c, y + 2, it->x, right);
    vertical(c, it->x, y, y + 2);
    vertical(c, right, y, y + 2);
    write_text(c, it->x + 2, y + 1, it->text, c->g->states ? c->g->states[it->node] : DRAW_NONE);
}

static void draw_layer(const struct canvas *c, size_t layer, long y)
{
    const struct layout *l = &c->l;
    for (size_t i = 0; i < l->layer_len[layer]; i++) {
        size_t n = l->layers[layer][i];
        const struct item *it = &l->items[n];
        if (it->kind == ITEM_NODE)
            draw_box(c, it, y);
        else if (it->kind == ITEM_TEXT)
            write_text(c, it->x, y, it->text, DRAW_NONE);
        else
            vertical(c, item_middle(it), y - (layer > 0), y + height_of(l, layer));
        if (it->kind == ITEM_NODE && y > 0 && l->in_first[n + 1] > l->in_first[n])
            write_text(c, item_middle(it), y - 1, "▼", DRAW_NONE);
    }
}

/* ---- Frames ---- */

/* Frames end below their last layer, the inner ones first, and begin above the arrows of their first one. */
static void draw_frame(const struct canvas *c, const struct box *b, const long *top)
{
    long left = b->x, right = b->x + b->width - 1, high = top[b->first] - 1 - (long)b->above,
         low = top[b->last] + height_of(&c->l, b->last) - 1 + (long)b->below;
    for (long x = left; x <= right; x++) {
        cell(c, x, high)->frame |= (uint8_t)((x > left ? LEFT : 0) | (x < right ? RIGHT : 0));
        cell(c, x, low)->frame |= (uint8_t)((x > left ? LEFT : 0) | (x < right ? RIGHT : 0));
    }
    for (long y = high; y <= low; y++) {
        cell(c, left, y)->frame |= (uint8_t)((y > high ? UP : 0) | (y < low ? DOWN : 0));
        cell(c, right, y)->frame |= (uint8_t)((y > high ? UP : 0) | (y < low ? DOWN : 0));
    }
}

static const char *frame_text(uint8_t lines)
{
    static const char *const of[] = {" ", "┆", "┄", "╰", "┆", "┆", "╭", "┆", "┄", "╯", "┄", "┄", "╮", "┆", "┄", "┆"};
    return of[lines & 15];
}

/* ---- Output ---- */

static const char *line_text(uint8_t lines)
{
    static const char *const of[] = {" ", "│", "─", "└", "│", "│", "┌", "├", "─", "┘", "─", "┴", "┐", "┤", "┬", "┼"};
    return of[lines & 15];
}

static const char *colour_of(const struct canvas *c, uint8_t state)
{
    static const char *const colours[] = {"", "\033[32m", "\033[31m", "\033[34m", "\033[33m"};
    return c->g->colour ? colours[state] : "";
}

static void put_row(const struct canvas *c, long y, struct buf *out)
{
    long end = c->width;
    uint8_t state = DRAW_NONE;
    while (end > 0 && !cell(c, end - 1, y)->text[0] && !cell(c, end - 1, y)->lines && !cell(c, end - 1, y)->frame)
        end--;
    for (long x = 0; x < end; x++) {
        const struct cell *at = cell(c, x, y);
        if (at->state != state && c->g->colour)
            buf_printf(out, "%s%s", state ? "\033[0m" : "", colour_of(c, at->state));
        state = at->state;
        buf_addstr(out, at->text[0] ? at->text : at->lines ? line_text(at->lines) : frame_text(at->frame));
    }
    if (state && c->g->colour)
        buf_addstr(out, "\033[0m");
    buf_addch(out, '\n');
}

static int draw(struct canvas *c, struct gap *gaps, long *top, struct buf *out, struct error *e)
{
    const struct layout *l = &c->l;
    c->width = l->width + 1;
    c->height = l->layer_count && l->begins[0] ? 1 : 0; /* frames leave room for arrows, also where none comes */
    for (size_t k = 0; k < l->layer_count; k++) {
        top[k] = c->height + (long)l->begins[k];
        gaps[k].c = c;
        make_gap(&gaps[k], k);
        c->height = top[k] + height_of(l, k) + (long)l->ends[k] + 1 + (long)gaps[k].tracks;
    }
    if (c->height > 0 && c->width > CELLS_MAX / c->height) {
        err_set(e, "the workflow is too large to be drawn as text: %ld columns and %ld rows", c->width, c->height);
        return err_hint(e, "use --format dot or --format svg");
    }
    c->cells = xcalloc((size_t)(c->width * (c->height + 1)), sizeof *c->cells);
    for (size_t k = 0; k + 1 < l->layer_count; k++)
        draw_gap(&gaps[k], top[k] + height_of(l, k) - 1, (long)l->ends[k], top[k + 1] - (l->of_texts[k + 1] ? 0 : 1));
    for (size_t b = 0; b < l->box_count; b++)
        draw_frame(c, &l->boxes[b], top);
    for (size_t k = 0; k < l->layer_count; k++)
        draw_layer(c, k, top[k]);
    size_t end = l->layer_count - 1;
    long last = l->layer_count ? top[end] + height_of(l, end) + (long)l->ends[end] : 0;
    for (long y = 0; y < last; y++)
        put_row(c, y, out);
    return 0;
}

int draw_text(const struct drawing *g, struct buf *out, struct error *e)
{
    struct canvas c = {.g = g};
    CLEANUP_FREE const char **marks = draw_marks(g);
    int rc = layout_make(&c.l, g->d, marks, e);
    struct gap *gaps = xcalloc(c.l.layer_count + 1, sizeof *gaps);
    long *top = xcalloc(c.l.layer_count + 1, sizeof *top);
    if (rc == 0)
        rc = draw(&c, gaps, top, out, e);
    for (size_t k = 0; k < c.l.layer_count; k++)
        free_gap(&gaps[k]);
    free(gaps);
    free(top);
    free(c.cells);
    layout_free(&c.l);
    return rc;
}
