/* SPDX-License-Identifier: Apache-2.0 */
/* The language of graphviz: `wfworker graph FILE --format dot | dot -Tpng`. */
#include "exec/draw.h"

#include <string.h>

#include "exec/layout.h"

static void quoted(struct buf *b, const char *text)
{
    buf_addch(b, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buf_addch(b, '\\');
        buf_addch(b, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    buf_addch(b, '"');
}

static void put_node(const struct drawing *g, size_t i, struct buf *b)
{
    static const char *const fills[] = {"#ffffff", "#d9f2e0", "#fbdcdc", "#dbe9fb", "#fdf0d0"};
    struct def_node_view n;
    def_view_node(g->d, i, &n);
    buf_addstr(b, "    ");
    quoted(b, n.id);
    buf_addstr(b, " [tooltip=");
    quoted(b, n.type);
    if (g->states)
        buf_printf(b, ", fillcolor=\"%s\"", fills[g->states[i]]);
    buf_addstr(b, n.reachable ? "];\n" : ", style=\"rounded,dashed\"];\n");
}

static void put_edge(const struct drawing *g, size_t i, struct buf *b)
{
    struct def_edge_view e;
    def_view_edge(g->d, i, &e);
    if (e.silent)
        return;
    buf_addstr(b, "    ");
    quoted(b, def_node_id(g->d, e.from));
    buf_addstr(b, " -> ");
    quoted(b, def_node_id(g->d, e.to));
    if (e.label) {
        buf_addstr(b, " [label=");
        quoted(b, e.label);
        buf_addstr(b, e.back ? ", constraint=false]" : "]");
    } else if (e.back) {
        buf_addstr(b, " [constraint=false]");
    }
    buf_addstr(b, ";\n");
}

void draw_dot(const struct drawing *g, struct buf *out)
{
    buf_addstr(out, "digraph ");
    quoted(out, g->title);
    buf_addstr(out, " {\n    node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\"];\n");
    for (size_t i = 0; i < def_node_count(g->d); i++)
        put_node(g, i, out);
    for (size_t i = 0; i < def_edge_count(g->d); i++)
        put_edge(g, i, out);
    buf_addstr(out, "}\n");
}
