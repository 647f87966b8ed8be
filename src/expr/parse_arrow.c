/* SPDX-License-Identifier: Apache-2.0 */
/* Arrow functions: `x => ...`, `(a, b) => ...`, `([k, v]) => ...`, `({id, name}) => ...`.
 *
 * A function is never kept, so each one is active at most once at a time: its parameters have fixed slots. */
#include <string.h>

#include "base/mem.h"
#include "expr/parse.h"

bool __attribute__((noinline)) parse_is_arrow(const struct parser *p)
{
    if (p->lx.tok.type != T_NAME && p->lx.tok.type != T_LPAREN)
        return false;
    struct lexer ahead = p->lx;
    if (ahead.tok.type == T_NAME)
        return lex_next(&ahead) && ahead.tok.type == T_ARROW;
    size_t open = 0;
    do {
        enum tok t = ahead.tok.type;
        open += t == T_LPAREN || t == T_LBRACKET || t == T_LBRACE;
        open -= t == T_RPAREN || t == T_RBRACKET || t == T_RBRACE;
        bool part = t == T_NAME || t == T_COMMA || t == T_COLON || t == T_LPAREN || t == T_RPAREN || t == T_LBRACKET ||
                    t == T_RBRACKET || t == T_LBRACE || t == T_RBRACE;
        if (!part || !lex_next(&ahead))
            return false;
    } while (open);
    return ahead.tok.type == T_ARROW;
}

static uint32_t bind_name(struct parser *p, const char *name, size_t len)
{
    uint32_t slot = p->slots++;
    if (p->slots > p->x->slots)
        p->x->slots = p->slots;
    xgrow((void **)&p->scope, &p->scope_room, p->nscope + 1, sizeof *p->scope);
    p->scope[p->nscope++] = (struct binding){name, len, slot};
    return slot;
}

struct unpacks {
    struct unpack *v;
    size_t n, room;
};

static void unpacks_free(struct unpacks *l)
{
    free(l->v);
}

static bool expect_name(struct parser *p, const char **name, size_t *len)
{
    char found[80];
    if (p->lx.tok.type != T_NAME) {
        lex_show(&p->lx, found);
        return lex_fail(&p->lx, p->lx.tok.pos, "expected the name of a parameter instead of %s", found);
    }
    *name = p->lx.text + p->lx.tok.pos;
    *len = p->lx.tok.end - p->lx.tok.pos;
    return lex_next(&p->lx);
}

/* Behind the opening bracket of a pattern. */
static bool parse_pattern(struct parser *p, uint32_t from, enum tok close, struct unpacks *list)
{
    for (uint32_t index = 0; p->lx.tok.type != close; index++) {
        const char *name;
        size_t len;
        struct unpack u = {.from = from, .index = index, .pos = p->lx.tok.pos};
        if (!expect_name(p, &name, &len))
            return false;
        if (close == T_RBRACE) {
            u.key = expr_arena_str(&p->x->arena, name, len);
            if (p->lx.tok.type == T_COLON && (!lex_next(&p->lx) || !expect_name(p, &name, &len)))
                return false;
        }
        u.to = bind_name(p, name, len);
        xgrow((void **)&list->v, &list->room, list->n + 1, sizeof u);
        list->v[list->n++] = u;
        if (p->lx.tok.type != close && !parse_expect(p, T_COMMA, close == T_RBRACE ? "\"}\" or \",\"" : "\"]\" or \",\"", NULL))
            return false;
    }
    return lex_next(&p->lx);
}

/* Parameters take the first slots, then what patterns take out of them. */
static bool parse_parameters(struct parser *p, struct node *n, struct unpacks *list)
{
    struct lexer *start = xmalloc(sizeof *start);
    *start = p->lx;
    /* first count the parameters, so that their slots stand side by side */
    size_t depth = 0, count = 0;
    bool any = false;
    do {
        enum tok t = p->lx.tok.type;
        depth += t == T_LPAREN || t == T_LBRACKET || t == T_LBRACE;
        depth -= t == T_RPAREN || t == T_RBRACKET || t == T_RBRACE;
        if (depth == 1 && t == T_COMMA)
            any = false;
        else if (depth && t != T_LPAREN && !any) {
            any = true;
            count++;
        }
    } while (lex_next(&p->lx) && depth);
    p->lx = *start;
    free(start);
    n->first_slot = p->slots;
    n->params = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        bind_name(p, "", 0);
    uint32_t at = n->first_slot;
    size_t scope = p->nscope - count;
    if (!lex_next(&p->lx))
        return false;
    while (p->lx.tok.type != T_RPAREN) {
        enum tok t = p->lx.tok.type;
        struct binding *b = &p->scope[scope];
        if (at == n->first_slot + count)
            return parse_unexpected(p) != NULL;
        if (t == T_LBRACKET || t == T_LBRACE) {
            if (!lex_next(&p->lx) || !parse_pattern(p, at, t == T_LBRACE ? T_RBRACE : T_RBRACKET, list))
                return false;
        } else if (!expect_name(p, &b->name, &b->len)) {
            return false;
        }
        at++;
        scope++;
        if (p->lx.tok.type != T_RPAREN && !parse_expect(p, T_COMMA, "\")\" or \",\"", NULL))
            return false;
    }
    return lex_next(&p->lx);
}

static bool parse_head(struct parser *p, struct node *n)
{
    __attribute__((cleanup(unpacks_free))) struct unpacks list = {0};
    const char *name;
    size_t len;
    if (p->lx.tok.type == T_LPAREN) {
        if (!parse_parameters(p, n, &list))
            return false;
    } else {
        n->params = 1;
        n->first_slot = p->slots;
        if (!expect_name(p, &name, &len))
            return false;
        bind_name(p, name, len);
    }
    n->unpacks = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    n->nunpacks = list.n;
    return lex_next(&p->lx); /* the arrow */
}

struct node *parse_arrow(struct parser *p)
{
    size_t scope = p->nscope;
    uint32_t slots = p->slots;
    struct node *n = node_new(p, N_ARROW, p->lx.tok.pos);
    if (!parse_head(p, n))
        return NULL;
    if (p->lx.tok.type == T_LBRACE)
        return fail_at(p, p->lx.tok.pos, "the body of an arrow function is an expression; an object needs parentheses: x => ({...})");
    n->body = parse_expression(p);
    p->nscope = scope;
    p->slots = slots;
    return n->body ? n : NULL;
}
