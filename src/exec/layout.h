/* SPDX-License-Identifier: Apache-2.0 */
/* A layered layout of a definition: the entry on top, every node below those that lead to it, what follows a scope below
 * the scope.
 *
 * A layer is a row of items: nodes; texts, which are the branches of edges and stand between two rows of nodes; and bends,
 * where an edge passes a row.  Every scope is a box around its items, which stand beside each other in each layer and have
 * nothing else between them.  Widths and positions are columns of one character.  Edges that close a cycle are no lines:
 * they end in a text that names where they go.  Nodes that are never reached stand last, without their edges. */
#ifndef WF_EXEC_LAYOUT_H
#define WF_EXEC_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/definition.h"

enum item_kind { ITEM_NODE, ITEM_TEXT, ITEM_BEND };

struct item {
    enum item_kind kind;
    size_t layer, node; /* node: of ITEM_NODE */
    size_t box;         /* the innermost that it is in, or SIZE_MAX */
    char *text;         /* of nodes and texts; owned, one line */
    long width, x;      /* x: the left edge, 0 or more */
    size_t var;         /* scratch */
};
struct box {
    size_t owner;        /* the node whose scope it is */
    const char *branch;  /* of the definition */
    size_t parent;       /* the box around it, or SIZE_MAX */
    size_t first, last;  /* layers */
    size_t above, below; /* boxes inside, at most, that begin in the same layer, or end there; this one counted */
    long x, width;       /* with its border */
    size_t left, right;  /* scratch */
};
struct link {
    size_t from, to; /* items, to in the layer after from's */
};
struct layout {
    struct item *items;
    size_t item_count, item_cap;
    struct box *boxes;   /* outer ones before those inside */
    size_t box_count;
    struct link *links;
    size_t link_count, link_cap;
    size_t *out, *out_first; /* links by the item above: out[out_first[i]] .. out[out_first[i + 1] - 1] */
    size_t *in, *in_first;   /* by the item below */
    size_t **layers;     /* items from left to right */
    size_t *layer_len;
    size_t *begins, *ends; /* of layers: borders above and below, at most */
    bool *of_texts;      /* the layer holds texts and bends only */
    size_t layer_count;
    long width;
};

/* marks: one for each node, put in front of its text; NULL or "" = none.  0, or -1 and *e when there would be too many
 * items; free it in both cases. */
int layout_make(struct layout *l, const struct def *d, const char *const *marks, struct error *e);
void layout_free(struct layout *l);
static inline long item_middle(const struct item *i)
{
    return i->x + i->width / 2;
}

/* The order of the items in their layers, with places that are good enough to go on from; then the places. */
void layout_order(struct layout *l);
void layout_place(struct layout *l);
#define LAYOUT_GAP 3 /* at least, between items */

/* Is `box` the same as `outer` (SIZE_MAX: the whole), or inside it? */
bool layout_inside(const struct layout *l, size_t box, size_t outer);

#endif
