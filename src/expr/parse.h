/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the parser share. */
#ifndef WF_EXPR_PARSE_H
#define WF_EXPR_PARSE_H

#include "expr/ast.h"
#include "expr/lib.h"

struct binding {
    const char *name;
    size_t len;
    uint32_t slot;
};

struct parser {
    struct lexer lx;
    struct expr *x;
    struct binding *scope; /* parameters in sight, innermost last */
    size_t nscope, scope_room;
    uint32_t slots; /* in use */
    unsigned depth;
};

struct items {
    struct item *v;
    size_t n, room;
};
void items_free(struct items *l);
void items_add(struct items *l, struct item it);

/* All return NULL after lex_fail(). */
struct node *parse_expression(struct parser *p);
struct node *parse_prefix(struct parser *p); /* unary operators, ** and what binds tighter */
struct node *parse_path(struct parser *p);   /* primaries with what follows them */
bool parse_arguments(struct parser *p, struct items *out); /* from behind the "(" to behind the ")" */
struct node *parse_arrow(struct parser *p);
bool parse_is_arrow(const struct parser *p); /* does an arrow function begin here? */
struct node *parse_text(struct parser *p);   /* a string with template parts */
struct node *parse_hole(struct parser *p, size_t from, bool twice, size_t *end);

struct node *node_new(struct parser *p, enum node_type type, uint32_t pos);
bool parse_enter(struct parser *p); /* one level deeper; parse_leave() goes back */
static inline void parse_leave(struct parser *p)
{
    p->depth--;
}
static inline struct node *fail_at(struct parser *p, uint32_t pos, const char *text)
{
    lex_fail(&p->lx, pos, "%s", text);
    return NULL;
}
bool parse_accept(struct parser *p, enum tok t);                           /* when it is t: go on */
bool parse_expect(struct parser *p, enum tok t, const char *what, const char *open); /* must be t */
struct node *parse_unexpected(struct parser *p);

#endif
