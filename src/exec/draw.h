/* SPDX-License-Identifier: Apache-2.0 */
/* Drawings of a definition: as text, for graphviz, as an SVG image. */
#ifndef WF_EXEC_DRAW_H
#define WF_EXEC_DRAW_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/definition.h"

enum draw_state { DRAW_NONE = 0, DRAW_SUCCESS, DRAW_FAILED, DRAW_RUNNING, DRAW_WAITING };

struct drawing {
    const struct def *d;
    const char *title;
    const enum draw_state *states; /* one for each node, or NULL: no execution */
    bool colour;                   /* draw_text: escape sequences of a terminal */
};

/* -1 and *e when it would be too large. */
int draw_text(const struct drawing *g, struct buf *out, struct error *e);
void draw_dot(const struct drawing *g, struct buf *out);
int draw_svg(const struct drawing *g, struct buf *out, struct error *e); /* -1 and *e likewise */

/* draw_text.c: the marks of the nodes' states, an array to free(). */
const char **draw_marks(const struct drawing *g);

#endif
