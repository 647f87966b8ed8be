/* SPDX-License-Identifier: Apache-2.0 */
/* The language of graphviz: `wfworker graph FILE --format dot | dot -Tpng`. */
#include "exec/draw.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

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

static void indent(struct buf *b, size_t depth)
{
    for (size_t i = 0; i < depth && i < 20; i++)
        buf_addstr(b, "    ");
}

static void put_node(const struct drawing *g, size_t i, size_t depth, struct buf *b)
{
    static const char *const fills[] = {"#ffffff", "#d9f2e0", "#fbdcdc", "#dbe9fb", "#fdf0d0"};
    struct def_node_view n;
    def_view_node(g->d, i, &n);
    indent(b, depth);
    quoted(b, n.id);
    buf_addstr(b, " [tooltip=");
    quoted(b, n.type);
    if (g->states)
        buf_printf(b, ", fillcolor=\"%s\"", fills[g->states[i]]);
    buf_addstr(b, n.reachable ? "];\n" : ", style=\"rounded,dashed\"];\n");
}

/* Nodes by the scope that they are in: lists, of which the first is that of the whole. */
struct scopes {
    const struct drawing *g;
    size_t *first, *next; /* of each node as an owner (the last: nobody): the first node in its scopes; the one after it */
    size_t clusters;
};

static void put_scope(struct scopes *s, size_t owner, const char *branch, size_t depth, struct buf *b);

/* The node, and behind it its scopes. */
static void put_scopes_of(struct scopes *s, size_t node, size_t depth, struct buf *b)
{
    static const char *const branches[] = {"body", "catch", "finally"};
    put_node(s->g, node, depth, b);
    for (size_t i = 0; i < ARRAY_LEN(branches) && s->first[node] != SIZE_MAX; i++)
        put_scope(s, node, branches[i], depth, b);
}

static bool is_in(const struct scopes *s, size_t node, const char *branch)
{
    struct def_node_view n;
    def_view_node(s->g->d, node, &n);
    return !branch || (n.scope_branch && strcmp(n.scope_branch, branch) == 0);
}

static void put_scope(struct scopes *s, size_t owner, const char *branch, size_t depth, struct buf *b)
{
    size_t node = s->first[owner];
    while (node != SIZE_MAX && !is_in(s, node, branch))
        node = s->next[node];
    if (node == SIZE_MAX)
        return;
    if (branch) {
        indent(b, depth);
        buf_printf(b, "subgraph cluster_%zu {\n", s->clusters++);
        indent(b, depth + 1);
        CLEANUP_FREE char *label = xasprintf("%s: %s", def_node_id(s->g->d, owner), branch);
        buf_addstr(b, "style=\"rounded,dashed\"; color=\"#8fa3bf\"; fontcolor=\"#5c7290\"; labeljust=l; label=");
        quoted(b, label);
        buf_addstr(b, ";\n");
    }
    for (; node != SIZE_MAX; node = s->next[node])
        if (is_in(s, node, branch))
            put_scopes_of(s, node, depth + (branch != NULL), b);
    if (branch) {
        indent(b, depth);
        buf_addstr(b, "}\n");
    }
}

static void put_nodes(const struct drawing *g, struct buf *b)
{
    size_t count = def_node_count(g->d);
    struct def_node_view n;
    struct scopes s = {.g = g, .first = xcalloc(count + 1, sizeof *s.first), .next = xcalloc(count + 1, sizeof *s.next)};
    memset(s.first, 0xff, (count + 1) * sizeof *s.first); /* SIZE_MAX */
    for (size_t i = count; i-- > 0;) {
        def_view_node(g->d, i, &n);
        size_t owner = n.scope_owner == SIZE_MAX ? count : n.scope_owner;
        s.next[i] = s.first[owner];
        s.first[owner] = i;
    }
    put_scope(&s, count, NULL, 1, b);
    free(s.first);
    free(s.next);
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
    put_nodes(g, out);
    for (size_t i = 0; i < def_edge_count(g->d); i++)
        put_edge(g, i, out);
    buf_addstr(out, "}\n");
}
