/* SPDX-License-Identifier: Apache-2.0 */
/* The parser, upper half: operators from the loosest to the tightest, and the entry points.
 *
 * Recursive descent; each bracket, prefix operator and right side of ** counts one level of nesting.  Chains of one level
 * become one node, and the else side of a condition is followed in a loop. */
#include "expr/parse.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void items_free(struct items *l)
{
    free(l->v);
}

void items_add(struct items *l, struct item it)
{
    xgrow((void **)&l->v, &l->room, l->n + 1, sizeof *l->v);
    l->v[l->n++] = it;
}

struct node *node_new(struct parser *p, enum node_type type, uint32_t pos)
{
    struct node *n = expr_arena_alloc(&p->x->arena, sizeof *n);
    n->type = type;
    n->pos = pos;
    return n;
}

bool parse_enter(struct parser *p)
{
    if (++p->depth <= EX_MAX_NESTING)
        return true;
    lex_fail(&p->lx, p->lx.tok.pos, "the expression nests deeper than 256 levels");
    p->lx.error_type = "expression_too_costly";
    return false;
}

bool parse_accept(struct parser *p, enum tok t)
{
    return p->lx.tok.type == t && lex_next(&p->lx);
}

bool parse_expect(struct parser *p, enum tok t, const char *what, const char *open)
{
    char found[80];
    if (p->lx.failed)
        return false;
    if (p->lx.tok.type == t)
        return lex_next(&p->lx);
    if (p->lx.tok.type == T_END && open)
        return lex_fail(&p->lx, p->lx.tok.pos, "%s is not closed: expected %s", open, what);
    if (p->lx.tok.type == T_ARROW) {
        parse_unexpected(p);
        return false;
    }
    if (p->lx.tok.type == T_COMMA && t == T_RPAREN)
        return lex_fail(&p->lx, p->lx.tok.pos, "the comma operator is not supported");
    if (lex_is(&p->lx, "for"))
        return lex_fail(&p->lx, p->lx.tok.pos, "comprehensions are not supported (write items.filter(x => ...).map(x => ...))");
    lex_show(&p->lx, found);
    return lex_fail(&p->lx, p->lx.tok.pos, "expected %s instead of %s", what, found);
}

/* The current token cannot begin or continue anything here: say so as helpfully as possible. */
struct node *parse_unexpected(struct parser *p)
{
    char found[80];
    uint32_t pos = p->lx.tok.pos;
    if (p->lx.failed)
        return NULL;
    if (p->lx.tok.type == T_ARROW)
        return fail_at(p, pos, "an arrow function can only be an argument of a call");
    if (p->lx.tok.type == T_COMMA)
        return fail_at(p, pos, "the comma operator is not supported");
    if (lex_is(&p->lx, "is"))
        return fail_at(p, pos, "\"is\" is not supported (write == or ===)");
    if (lex_is(&p->lx, "for"))
        return fail_at(p, pos, "comprehensions are not supported (write items.filter(x => ...).map(x => ...))");
    if (lex_is(&p->lx, "instanceof"))
        return fail_at(p, pos, "\"instanceof\" is not supported (write typeof x, or isArray(x) and the like)");
    if (lex_is(&p->lx, "not"))
        return fail_at(p, pos, "\"not\" needs parentheses here: (not x)");
    if (p->lx.tok.type == T_END)
        return fail_at(p, pos, "unexpected end of the text");
    lex_show(&p->lx, found);
    lex_fail(&p->lx, pos, "unexpected %s", found);
    return NULL;
}

typedef struct node *parse_fn(struct parser *p);

/* operand (op operand)*, where which() gives T_END for what is no operator of this level. */
static struct node *parse_chain(struct parser *p, enum node_type type, parse_fn *operand, enum tok (*which)(const struct lexer *))
{
    uint32_t start = p->lx.tok.pos;
    struct node *first = operand(p);
    enum tok op;
    if (!first || (op = which(&p->lx)) == T_END)
        return first;
    __attribute__((cleanup(items_free))) struct items list = {0};
    items_add(&list, (struct item){.node = first, .pos = start});
    do {
        uint32_t pos = p->lx.tok.pos;
        if (!lex_next(&p->lx))
            return NULL;
        struct node *next = operand(p);
        if (!next)
            return NULL;
        items_add(&list, (struct item){.node = next, .op = op, .pos = pos});
    } while ((op = which(&p->lx)) != T_END);
    struct node *n = node_new(p, type, start);
    n->items = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    n->n = list.n;
    return n;
}

static enum tok product_op(const struct lexer *lx)
{
    enum tok t = lx->tok.type;
    return t == T_STAR || t == T_SLASH || t == T_PERCENT ? t : T_END;
}

static enum tok sum_op(const struct lexer *lx)
{
    enum tok t = lx->tok.type;
    return t == T_PLUS || t == T_MINUS ? t : T_END;
}

static enum tok and_op(const struct lexer *lx)
{
    return lx->tok.type == T_AND || lex_is(lx, "and") ? T_AND : T_END;
}

static enum tok or_op(const struct lexer *lx)
{
    return lx->tok.type == T_OR || lex_is(lx, "or") ? T_OR : lx->tok.type == T_NULLISH ? T_NULLISH : T_END;
}

static struct node *parse_product(struct parser *p)
{
    return parse_chain(p, N_CHAIN, parse_prefix, product_op);
}

static struct node *parse_sum(struct parser *p)
{
    return parse_chain(p, N_CHAIN, parse_product, sum_op);
}

/* "not" followed by "in"?  A copy of the lexer looks ahead. */
static __attribute__((noinline)) bool next_is_in(const struct parser *p)
{
    struct lexer ahead = p->lx;
    return lex_next(&ahead) && lex_is(&ahead, "in");
}

static enum tok compare_op(const struct parser *p)
{
    enum tok t = p->lx.tok.type;
    if (t >= T_EQ && t <= T_GE)
        return t;
    if (lex_is(&p->lx, "in"))
        return T_IN;
    return lex_is(&p->lx, "not") && next_is_in(p) ? T_NOT_IN : T_END;
}

static struct node *parse_compare(struct parser *p)
{
    struct node *a = parse_sum(p);
    enum tok op;
    if (!a || (op = compare_op(p)) == T_END)
        return a;
    struct node *n = node_new(p, N_COMPARE, p->lx.tok.pos);
    if ((op == T_NOT_IN && !lex_next(&p->lx)) || !lex_next(&p->lx))
        return NULL;
    n->op = op;
    n->a = a;
    n->b = parse_sum(p);
    if (n->b && compare_op(p) != T_END)
        return fail_at(p, p->lx.tok.pos, "comparisons cannot be chained (write a < b and b < c, or use parentheses)");
    return n->b ? n : NULL;
}

static struct node *parse_not(struct parser *p)
{
    if (!lex_is(&p->lx, "not"))
        return parse_compare(p);
    struct node *n = node_new(p, N_PREFIX, p->lx.tok.pos);
    n->op = T_NOT;
    if (!parse_enter(p) || !lex_next(&p->lx))
        return NULL;
    n->a = parse_not(p);
    parse_leave(p);
    return n->a ? n : NULL;
}

static struct node *parse_and(struct parser *p)
{
    return parse_chain(p, N_LOGIC, parse_not, and_op);
}

static struct node *parse_or(struct parser *p)
{
    return parse_chain(p, N_LOGIC, parse_and, or_op);
}

/* c ? x : ...  the current token is the "?"; the rest behind ":" is the caller's. */
static bool parse_question(struct parser *p, struct node *n, struct node *head)
{
    n->a = head;
    if (!parse_enter(p) || !lex_next(&p->lx) || !(n->b = parse_expression(p)))
        return false;
    parse_leave(p);
    return parse_expect(p, T_COLON, "\":\"", NULL);
}

/* x if c else ...  likewise. */
static bool parse_if(struct parser *p, struct node *n, struct node *head)
{
    char found[80];
    n->b = head;
    if (!lex_next(&p->lx) || !(n->a = parse_or(p)))
        return false;
    if (lex_is(&p->lx, "else"))
        return lex_next(&p->lx);
    lex_show(&p->lx, found);
    return lex_fail(&p->lx, p->lx.tok.pos, "expected \"else\" instead of %s (it is: x if condition else y)", found);
}

struct node *parse_expression(struct parser *p)
{
    struct node *result = NULL, **where = &result;
    for (;;) {
        struct node *head = parse_or(p);
        if (!head)
            return NULL;
        bool question = p->lx.tok.type == T_QUESTION;
        if (!question && !lex_is(&p->lx, "if")) {
            *where = head;
            return p->lx.failed ? NULL : result;
        }
        struct node *n = node_new(p, N_COND, p->lx.tok.pos);
        if (!(question ? parse_question(p, n, head) : parse_if(p, n, head)))
            return NULL;
        *where = n;
        where = &n->c;
    }
}

/* ---- entry points ---- */

static void parser_free(struct parser *p)
{
    free(p->scope);
}

static struct node *parse_whole(struct parser *p)
{
    static const char *const statements[] = {"var",    "let",   "const", "return", "if",     "for",   "while", "function", "def",
                                             "class",  "import", "throw", "try",    "del",    "switch", "do",   "raise"};
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        if (lex_is(&p->lx, statements[i])) {
            lex_fail(&p->lx, p->lx.tok.pos, "statements are not supported: \"%s\"", statements[i]);
            return NULL;
        }
    }
    if (p->lx.tok.type == T_END)
        return fail_at(p, p->lx.tok.pos, "the expression is empty");
    return parse_is_arrow(p) ? parse_arrow(p) : parse_expression(p);
}

static bool parse_close(struct parser *p, enum tok closer, bool twice, size_t *end)
{
    if (p->lx.failed)
        return false;
    if (p->lx.tok.type != closer && p->lx.tok.type == T_END)
        return lex_fail(&p->lx, p->lx.tok.pos, "\"%s\" is not closed: expected \"%s\"", twice ? "{{" : "${", twice ? "}}" : "}");
    if (p->lx.tok.type != closer) {
        parse_unexpected(p);
        return false;
    }
    *end = p->lx.tok.end;
    if (twice && (*end >= p->lx.len || p->lx.text[*end] != '}'))
        return lex_fail(&p->lx, *end, "\"{{\" is not closed: expected \"}}\"");
    *end += twice;
    return true;
}

static struct node *parse_done(struct parser *p, struct node *n, struct expr_error *e)
{
    if (p->lx.failed || !n) {
        ex_error_at(p->x, e, p->lx.error_pos, p->lx.error_type, p->lx.error);
        n = NULL;
    }
    parser_free(p);
    return n;
}

static bool short_enough(struct parser *p, size_t from, size_t to)
{
    if (to - from <= EX_MAX_SOURCE)
        return true;
    lex_fail(&p->lx, from, "the expression is longer than 64 KiB");
    p->lx.error_type = "expression_too_costly";
    return false;
}

struct node *ex_parse(struct expr *x, struct expr_error *e, size_t from, enum tok closer, bool twice, size_t *end)
{
    struct parser p = {.x = x, .lx = {.text = x->source, .len = x->source_len}};
    struct node *n = NULL;
    p.lx.tok.end = (uint32_t)from;
    if (closer == T_RBRACE && x->source_len - from > EX_MAX_SOURCE + 2)
        p.lx.len = from + EX_MAX_SOURCE + 2; /* the text around it may be long */
    if ((closer == T_RBRACE || short_enough(&p, from, x->source_len)) && lex_next(&p.lx) && (n = parse_whole(&p)) &&
        !parse_close(&p, closer, twice, end))
        n = NULL;
    if (!n && p.lx.len < x->source_len && p.lx.error_pos >= p.lx.len) {
        p.lx.failed = false;
        short_enough(&p, from, from + EX_MAX_SOURCE + 1);
    }
    return parse_done(&p, n, e);
}

struct node *ex_parse_key(struct expr *x, struct expr_error *e)
{
    struct parser p = {.x = x, .lx = {.text = x->source, .len = x->source_len, .key = true}};
    struct node *n = NULL;
    size_t end;
    if (short_enough(&p, 0, x->source_len) && lex_next(&p.lx) && (n = parse_whole(&p)) && !parse_close(&p, T_END, false, &end))
        n = NULL;
    return parse_done(&p, n, e);
}
