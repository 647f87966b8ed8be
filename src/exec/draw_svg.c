/* SPDX-License-Identifier: Apache-2.0 */
/* The layout as an SVG image that needs nothing else: no script, no font, no style sheet. */
#include "exec/draw.h"

#include <string.h>

#include "base/mem.h"
#include "exec/layout.h"

#define CELL 8     /* width of a character */
#define BOX 30     /* height of a node */
#define LINE 18    /* height of a text */
#define BETWEEN 28 /* two layers */
#define MARGIN 20
#define FRAME 16   /* between the frames of scopes that begin together */
#define FOOT 8     /* and that end together */

struct picture {
    const struct drawing *g;
    struct layout l;
    struct buf *out;
    long *top; /* of layers */
};

static long height_of(const struct layout *l, size_t layer)
{
    return l->of_texts[layer] ? LINE : BOX;
}

static long middle(const struct item *it)
{
    return MARGIN + item_middle(it) * CELL + CELL / 2;
}

static void escaped(struct buf *b, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<')
            buf_addstr(b, "&lt;");
        else if (c == '>')
            buf_addstr(b, "&gt;");
        else if (c == '&')
            buf_addstr(b, "&amp;");
        else if (c == '"')
            buf_addstr(b, "&quot;");
        else
            buf_addch(b, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
}

static void put_text(struct picture *p, const struct item *it, long y, const char *colour)
{
    buf_printf(p->out, "<text x=\"%ld\" y=\"%ld\" fill=\"%s\">", middle(it), y, colour);
    escaped(p->out, it->text);
    buf_addstr(p->out, "</text>\n");
}

static void put_node(struct picture *p, const struct item *it, long y)
{
    static const char *const fills[] = {"#ffffff", "#d9f2e0", "#fbdcdc", "#dbe9fb", "#fdf0d0"};
    static const char *const strokes[] = {"#555555", "#2e8b57", "#c0392b", "#2c6fbb", "#b8860b"};
    static const char *const names[] = {"none", "success", "failed", "running", "waiting"};
    enum draw_state s = p->g->states ? p->g->states[it->node] : DRAW_NONE;
    struct def_node_view n;
    def_view_node(p->g->d, it->node, &n);
    buf_printf(p->out, "<g class=\"node %s\"><title>", names[s]);
    escaped(p->out, n.id);
    buf_addstr(p->out, ": ");
    escaped(p->out, n.type);
    buf_printf(p->out, "</title><rect x=\"%ld\" y=\"%ld\" width=\"%ld\" height=\"%d\" rx=\"6\" fill=\"%s\" stroke=\"%s\"%s/>\n",
               MARGIN + it->x * CELL, y, it->width * CELL, BOX, fills[s], strokes[s],
               n.reachable ? "" : " stroke-dasharray=\"4 3\"");
    put_text(p, it, y + BOX / 2 + 5, "#222222");
    buf_addstr(p->out, "</g>\n");
}

/* A line from the lower edge of one item to the upper edge of another; an arrow where that is a node.  It bends between the
 * frames that end above and those that begin below. */
static void put_link(struct picture *p, const struct link *k)
{
    const struct item *a = &p->l.items[k->from], *b = &p->l.items[k->to];
    long x1 = middle(a), y1 = p->top[a->layer] + (a->kind == ITEM_TEXT ? LINE : height_of(&p->l, a->layer));
    long x2 = middle(b), y2 = p->top[b->layer], end = y2 + (b->kind == ITEM_BEND ? height_of(&p->l, b->layer) : 0);
    long from = p->top[a->layer] + height_of(&p->l, a->layer) + (long)p->l.ends[a->layer] * FOOT;
    long to = y2 - (p->l.begins[b->layer] ? (long)p->l.begins[b->layer] * FRAME + FRAME / 2 : 0), half = (to - from) / 2;
    buf_printf(p->out, "<path d=\"M %ld %ld V %ld", x1, y1, from);
    if (x1 != x2)
        buf_printf(p->out, " C %ld %ld %ld %ld %ld %ld", x1, from + half, x2, to - half, x2, to);
    buf_printf(p->out, " V %ld\"%s/>\n", end, b->kind == ITEM_NODE ? " marker-end=\"url(#arrow)\"" : "");
}

static long place_layers(struct picture *p)
{
    long y = MARGIN;
    for (size_t k = 0; k < p->l.layer_count; k++) {
        p->top[k] = y + (long)p->l.begins[k] * FRAME;
        y = p->top[k] + height_of(&p->l, k) + (long)p->l.ends[k] * FOOT + (k + 1 < p->l.layer_count ? BETWEEN : 0);
    }
    return y + MARGIN;
}

static void put_head(struct picture *p)
{
    long width = p->l.width * CELL + 2 * MARGIN, height = place_layers(p);
    buf_printf(p->out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%ld\" height=\"%ld\" viewBox=\"0 0 %ld %ld\" "
               "font-family=\"monospace\" font-size=\"13\" text-anchor=\"middle\">\n<title>",
               width, height, width, height);
    escaped(p->out, p->g->title);
    buf_addstr(p->out, "</title>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" "
                       "markerHeight=\"8\" orient=\"auto\"><path d=\"M 0 0 L 8 4 L 0 8 Z\" fill=\"#777777\" stroke=\"none\"/>"
                       "</marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
}

/* A scope, the branch and its node in the upper left corner. */
static void put_frame(struct picture *p, const struct box *b)
{
    long x = MARGIN + b->x * CELL, y = p->top[b->first] - (long)b->above * FRAME - FRAME / 2;
    long bottom = p->top[b->last] + height_of(&p->l, b->last) + (long)b->below * FOOT;
    buf_printf(p->out,
               "<rect x=\"%ld\" y=\"%ld\" width=\"%ld\" height=\"%ld\" rx=\"8\" fill=\"#4a6fa5\" fill-opacity=\"0.06\" "
               "stroke=\"#8fa3bf\" stroke-dasharray=\"5 3\"/>\n<text x=\"%ld\" y=\"%ld\">",
               x, y, b->width * CELL, bottom - y, x + 8, y + 12);
    escaped(p->out, def_node_id(p->g->d, b->owner));
    buf_addstr(p->out, ": ");
    escaped(p->out, b->branch);
    buf_addstr(p->out, "</text>\n");
}

static void put_frames(struct picture *p)
{
    if (!p->l.box_count)
        return;
    buf_addstr(p->out, "<g class=\"scopes\" font-size=\"10\" text-anchor=\"start\" fill=\"#5c7290\">\n");
    for (size_t i = 0; i < p->l.box_count; i++)
        put_frame(p, &p->l.boxes[i]);
    buf_addstr(p->out, "</g>\n");
}

static void put_picture(struct picture *p)
{
    put_head(p);
    put_frames(p);
    buf_addstr(p->out, "<g fill=\"none\" stroke=\"#777777\">\n");
    for (size_t i = 0; i < p->l.link_count; i++)
        put_link(p, &p->l.links[i]);
    buf_addstr(p->out, "</g>\n");
    for (size_t i = 0; i < p->l.item_count; i++) {
        const struct item *it = &p->l.items[i];
        if (it->kind == ITEM_NODE)
            put_node(p, it, p->top[it->layer]);
        else if (it->kind == ITEM_TEXT)
            put_text(p, it, p->top[it->layer] + LINE - 5, "#555555");
    }
    buf_addstr(p->out, "</svg>\n");
}

int draw_svg(const struct drawing *g, struct buf *out, struct error *e)
{
    struct picture p = {.g = g, .out = out};
    int rc = layout_make(&p.l, g->d, NULL, e);
    p.top = xcalloc(p.l.layer_count + 1, sizeof *p.top);
    if (rc == 0)
        put_picture(&p);
    free(p.top);
    layout_free(&p.l);
    return rc;
}
