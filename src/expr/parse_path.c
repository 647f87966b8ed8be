/* SPDX-License-Identifier: Apache-2.0 */
/* The parser, lower half: prefix operators, literals, names, calls, member accesses and arrow functions.
 *
 * Names of functions and methods are resolved here, so that a misspelt one is found when the definition is loaded. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "expr/parse.h"
#include "expr/utf8.h"

static const char *tok_text(const struct parser *p, size_t *len)
{
    *len = p->lx.tok.end - p->lx.tok.pos;
    return p->lx.text + p->lx.tok.pos;
}

/* ---- prefix operators and ** ---- */

static struct node *parse_power(struct parser *p, bool prefixed)
{
    struct node *a = parse_path(p);
    if (!a || p->lx.tok.type != T_POWER)
        return a;
    if (prefixed)
        return fail_at(p, p->lx.tok.pos, "an operator before the left side of ** needs parentheses: (-2) ** 2 or -(2 ** 2)");
    struct node *n = node_new(p, N_POWER, p->lx.tok.pos);
    if (!parse_enter(p) || !lex_next(&p->lx))
        return NULL;
    n->a = a;
    n->b = parse_prefix(p);
    parse_leave(p);
    return n->b ? n : NULL;
}

static struct node *parse_operand(struct parser *p, bool prefixed)
{
    enum tok op = p->lx.tok.type;
    if (lex_is(&p->lx, "typeof"))
        op = T_TYPEOF;
    if (op != T_MINUS && op != T_PLUS && op != T_NOT && op != T_TYPEOF)
        return parse_power(p, prefixed);
    struct node *n = node_new(p, N_PREFIX, p->lx.tok.pos);
    n->op = op;
    if (!parse_enter(p) || !lex_next(&p->lx))
        return NULL;
    n->a = parse_operand(p, true);
    parse_leave(p);
    return n->a ? n : NULL;
}

struct node *parse_prefix(struct parser *p)
{
    return parse_operand(p, false);
}

/* ---- literals ---- */

static struct node *constant(struct parser *p, uint32_t pos, struct val v)
{
    struct node *n = node_new(p, N_CONST, pos);
    n->value = v;
    return n;
}

static struct str *string_value(struct parser *p)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!lex_unescape(&p->lx, p->lx.tok.pos + 1, p->lx.tok.end - 1, &b))
        return NULL;
    return expr_arena_str(&p->x->arena, b.data ? b.data : "", b.len);
}

static struct node *parse_string(struct parser *p)
{
    if (p->lx.tok.holes)
        return parse_text(p);
    uint32_t pos = p->lx.tok.pos;
    struct str *s = string_value(p);
    return s && lex_next(&p->lx) ? constant(p, pos, val_str(s)) : NULL;
}

struct node *parse_hole(struct parser *p, size_t from, bool twice, size_t *end)
{
    struct lexer *saved = xmalloc(sizeof *saved);
    *saved = p->lx;
    p->lx.tok = (struct token){.end = (uint32_t)from};
    struct node *n = parse_enter(p) && lex_next(&p->lx) ? parse_expression(p) : NULL;
    if (n && p->lx.tok.type != T_RBRACE) /* what is behind it is text, no token */
        parse_expect(p, T_RBRACE, twice ? "\"}}\"" : "\"}\"", twice ? "\"{{\"" : "\"${\"");
    *end = p->lx.tok.end + (twice ? 1u : 0u);
    if (n && twice && !p->lx.failed && p->lx.text[p->lx.tok.end] != '}')
        lex_fail(&p->lx, p->lx.tok.end, "\"{{\" is not closed: expected \"}}\"");
    parse_leave(p);
    bool ok = n && !p->lx.failed;
    if (ok)
        p->lx = *saved;
    free(saved);
    return ok ? n : NULL;
}

static bool text_part(struct parser *p, struct items *list, size_t from, size_t to)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!lex_unescape(&p->lx, from, to, &b))
        return false;
    if (b.len)
        items_add(list, (struct item){.node = constant(p, (uint32_t)from, val_str(expr_arena_str(&p->x->arena, b.data, b.len)))});
    return true;
}

static bool text_hole(struct parser *p, struct items *list, size_t from, bool twice, size_t *end)
{
    struct node *n = parse_hole(p, from + 2, twice, end);
    if (n)
        items_add(list, (struct item){.node = n, .pos = (uint32_t)from});
    return n != NULL;
}

struct node *parse_text(struct parser *p)
{
    __attribute__((cleanup(items_free))) struct items list = {0};
    size_t i = p->lx.tok.pos + 1, to = p->lx.tok.end - 1, run = i;
    const char *s = p->lx.text;
    struct node *n = node_new(p, N_TEXT, p->lx.tok.pos);
    while (i < to) {
        bool dollar = strncmp(s + i, "$${", 3) == 0, braces = strncmp(s + i, "{{{{", 4) == 0;
        bool hole = strncmp(s + i, "${", 2) == 0, twice = strncmp(s + i, "{{", 2) == 0;
        if (!dollar && !hole && !twice) {
            i += s[i] == '\\' ? 2 : 1;
            continue;
        }
        size_t keep = dollar ? i + 1 : i + 2; /* a literal: its first or last two characters stay */
        if (!text_part(p, &list, run, i))
            return NULL;
        if (dollar || braces) {
            run = keep;
            i += dollar ? 3 : 4;
        } else if (text_hole(p, &list, i, twice, &i)) {
            run = i;
        } else {
            return NULL;
        }
    }
    if (!text_part(p, &list, run, to))
        return NULL;
    n->items = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    n->n = list.n;
    return lex_next(&p->lx) ? n : NULL;
}

static bool parse_element(struct parser *p, struct items *list)
{
    struct item it = {.pos = p->lx.tok.pos, .spread = p->lx.tok.type == T_SPREAD};
    if (it.spread && !lex_next(&p->lx))
        return false;
    it.node = parse_expression(p);
    if (it.node)
        items_add(list, it);
    return it.node != NULL;
}

static struct node *parse_array(struct parser *p)
{
    __attribute__((cleanup(items_free))) struct items list = {0};
    struct node *n = node_new(p, N_ARRAY, p->lx.tok.pos);
    if (!parse_enter(p) || !lex_next(&p->lx))
        return NULL;
    while (p->lx.tok.type != T_RBRACKET) {
        if (p->lx.tok.type == T_COMMA)
            return fail_at(p, p->lx.tok.pos, "an array cannot have holes (write null or undefined)");
        if (p->lx.tok.type == T_END)
            break;
        if (!parse_element(p, &list))
            return NULL;
        if (!parse_accept(p, T_COMMA))
            break;
    }
    parse_leave(p);
    if (!parse_expect(p, T_RBRACKET, "\"]\"", "\"[\""))
        return NULL;
    n->items = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    n->n = list.n;
    return n;
}

static struct node *name_node(struct parser *p, const char *s, size_t len, uint32_t pos)
{
    for (size_t i = p->nscope; i-- > 0;) {
        if (p->scope[i].len == len && memcmp(p->scope[i].name, s, len) == 0) {
            struct node *n = node_new(p, N_SLOT, pos);
            n->slot = p->scope[i].slot;
            return n;
        }
    }
    struct node *n = node_new(p, N_NAME, pos);
    n->name = expr_arena_str(&p->x->arena, s, len);
    return n;
}

/* The key of a member: a name, a string, a number, or [expression]. */
static bool member_key(struct parser *p, struct item *it)
{
    size_t len;
    const char *s = tok_text(p, &len);
    char number[EX_NUMBER_TEXT];
    switch (p->lx.tok.type) {
    case T_NAME:
        it->name = expr_arena_str(&p->x->arena, s, len);
        break;
    case T_STRING:
        if (p->lx.tok.holes)
            return (it->key = parse_text(p)) != NULL;
        if (!(it->name = string_value(p)))
            return false;
        break;
    case T_NUMBER:
        len = ex_number_text(p->lx.tok.number, number);
        it->name = expr_arena_str(&p->x->arena, number, len);
        break;
    case T_LBRACKET:
        return parse_enter(p) && lex_next(&p->lx) && (it->key = parse_expression(p)) &&
               (parse_leave(p), parse_expect(p, T_RBRACKET, "\"]\"", "\"[\""));
    default:
        parse_unexpected(p);
        return false;
    }
    return lex_next(&p->lx);
}

static bool is_word(const char *s, size_t len)
{
    static const char *const words[] = {"and", "or",  "not",  "in",     "if",   "else",   "is",     "for",    "lambda",     "new",
                                        "var", "let", "const", "return", "while", "function", "def", "class", "instanceof", "delete",
                                        "void", "import", "yield", "async"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == len && memcmp(words[i], s, len) == 0)
            return true;
    return false;
}

static bool parse_member(struct parser *p, struct items *list)
{
    struct item it = {.pos = p->lx.tok.pos};
    size_t len;
    const char *s = tok_text(p, &len);
    bool name = p->lx.tok.type == T_NAME;
    if (p->lx.tok.type == T_SPREAD)
        return parse_element(p, list);
    if (!member_key(p, &it))
        return false;
    if (parse_accept(p, T_COLON))
        it.node = parse_expression(p);
    else if (name && !p->lx.failed && (p->lx.tok.type == T_COMMA || p->lx.tok.type == T_RBRACE) && !is_word(s, len))
        it.node = name_node(p, s, len, it.pos);
    else
        parse_expect(p, T_COLON, "\":\"", "\"{\"");
    if (it.node && !p->lx.failed)
        items_add(list, it);
    return it.node != NULL && !p->lx.failed;
}

static struct node *parse_object(struct parser *p)
{
    __attribute__((cleanup(items_free))) struct items list = {0};
    struct node *n = node_new(p, N_OBJECT, p->lx.tok.pos);
    if (!parse_enter(p) || !lex_next(&p->lx))
        return NULL;
    while (p->lx.tok.type != T_RBRACE && p->lx.tok.type != T_END) {
        if (!parse_member(p, &list))
            return NULL;
        if (!parse_accept(p, T_COMMA))
            break;
    }
    parse_leave(p);
    if (!parse_expect(p, T_RBRACE, "\"}\"", "\"{\""))
        return NULL;
    n->items = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    n->n = list.n;
    return n;
}

/* ---- calls of functions ---- */

/* In an argument: a function of the library by its name alone (`map(String)`), or NULL. */
static __attribute__((noinline)) struct node *parse_function_name(struct parser *p)
{
    struct lexer ahead = p->lx;
    size_t from = p->lx.tok.pos;
    if (ahead.tok.type != T_NAME || !lex_next(&ahead))
        return NULL;
    if (ahead.tok.type == T_DOT && (!lex_next(&ahead) || ahead.tok.type != T_NAME || !lex_next(&ahead)))
        return NULL;
    if (ahead.tok.type != T_COMMA && ahead.tok.type != T_RPAREN)
        return NULL;
    size_t len = ahead.last_end - from;
    const struct builtin *fn = lib_function(p->lx.text + from, len);
    bool dotted = memchr(p->lx.text + from, '.', len) != NULL;
    struct node *as_name = fn ? name_node(p, p->lx.text + from, len, (uint32_t)from) : NULL;
    if (!fn || (!dotted && as_name->type == N_SLOT))
        return NULL;
    struct node *n = node_new(p, N_BUILTIN, (uint32_t)from);
    n->fn = fn;
    n->fn_name = dotted ? NULL : as_name->name;
    p->lx = ahead;
    return n;
}

bool parse_arguments(struct parser *p, struct items *list)
{
    if (!parse_enter(p) || !lex_next(&p->lx))
        return false;
    while (p->lx.tok.type != T_RPAREN) {
        struct item it = {.pos = p->lx.tok.pos, .spread = p->lx.tok.type == T_SPREAD};
        if (it.spread && !lex_next(&p->lx))
            return false;
        if (p->lx.tok.type == T_END)
            break;
        it.node = !it.spread && parse_is_arrow(p) ? parse_arrow(p) : NULL;
        if (!it.node && !p->lx.failed && (it.spread || !(it.node = parse_function_name(p))))
            it.node = parse_expression(p);
        if (!it.node)
            return false;
        items_add(list, it);
        if (p->lx.tok.type != T_COMMA)
            break;
        if (!lex_next(&p->lx))
            return false;
    }
    parse_leave(p);
    return parse_expect(p, T_RPAREN, "\")\" or \",\"", "\"(\"");
}

static struct node *function_call(struct parser *p, const char *name, size_t len, uint32_t pos)
{
    __attribute__((cleanup(items_free))) struct items list = {0};
    const struct builtin *fn = lib_function(name, len);
    if (!fn) {
        const char *hint = lib_function_hint(name, len);
        lex_fail(&p->lx, pos, "there is no function \"%.*s\"%s%s%s", (int)(len > 60 ? 60 : len), name, hint ? " (" : "",
                 hint ? hint : "", hint ? ")" : "");
        return NULL;
    }
    if (!parse_arguments(p, &list))
        return NULL;
    struct node *n = node_new(p, N_CALL, pos);
    n->fn = fn;
    n->items = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    n->n = list.n;
    bool spread = false;
    for (size_t i = 0; i < list.n; i++)
        spread |= list.v[i].spread;
    if (!spread && (n->n < fn->min || (fn->max != ARGS_ANY && n->n > fn->max))) {
        lex_fail(&p->lx, pos, "%s() takes %s%d argument%s, not %zu", fn->name, fn->min == fn->max ? "" : n->n < fn->min ? "at least " : "at most ",
                 n->n < fn->min ? fn->min : fn->max, (n->n < fn->min ? fn->min : fn->max) == 1 ? "" : "s", n->n);
        return NULL;
    }
    return n;
}

/* Math.floor(...) or Math.PI: the current token is the dot behind the namespace.  NULL without an error: neither. */
static __attribute__((noinline)) struct node *parse_namespace(struct parser *p, uint32_t from)
{
    struct lexer ahead = p->lx;
    double number;
    if (!lex_next(&ahead) || ahead.tok.type != T_NAME)
        return NULL;
    size_t len = ahead.tok.end - from;
    CLEANUP_FREE char *name = xstrndup(p->lx.text + from, len);
    if (!lex_next(&ahead))
        return NULL;
    if (ahead.tok.type == T_LPAREN) {
        p->lx = ahead;
        return function_call(p, name, len, from);
    }
    if (!lib_constant(name, len, &number))
        return NULL;
    p->lx = ahead;
    return constant(p, from, val_num(number));
}

static bool keyword_value(const char *s, size_t len, struct val *v)
{
    static const struct {
        const char *word;
        enum val_type type;
        double number;
    } words[] = {{"null", V_NULL, 0},  {"None", V_NULL, 0},  {"undefined", V_UNDEF, 0}, {"true", V_BOOL, 1}, {"True", V_BOOL, 1},
                 {"false", V_BOOL, 0}, {"False", V_BOOL, 0}, {"NaN", V_NUM, __builtin_nan("")}, {"Infinity", V_NUM, __builtin_inf()}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].word) != len || memcmp(words[i].word, s, len) != 0)
            continue;
        *v = words[i].type == V_BOOL ? val_bool(words[i].number > 0) : val_num(words[i].number);
        v->type = words[i].type;
        return true;
    }
    return false;
}

static struct node *refused_word(struct parser *p, const char *s, size_t len, uint32_t pos)
{
    if (len == 6 && memcmp(s, "lambda", 6) == 0)
        return fail_at(p, pos, "\"lambda\" is not supported (write x => ...)");
    if (len == 8 && memcmp(s, "function", 8) == 0)
        return fail_at(p, pos, "\"function\" is not supported (write x => ...)");
    if (len == 3 && memcmp(s, "new", 3) == 0)
        return fail_at(p, pos, "\"new\" is not supported (dates: Date.parse(text), now())");
    return parse_unexpected(p);
}

static struct node *parse_name(struct parser *p)
{
    size_t len;
    const char *s = tok_text(p, &len);
    uint32_t pos = p->lx.tok.pos;
    struct val v;
    if (is_word(s, len))
        return refused_word(p, s, len, pos);
    if (!lex_next(&p->lx))
        return NULL;
    if (keyword_value(s, len, &v))
        return constant(p, pos, v);
    struct node *n = name_node(p, s, len, pos);
    if (p->lx.tok.type == T_LPAREN) {
        if (n->type != N_SLOT)
            return function_call(p, s, len, pos);
        lex_fail(&p->lx, pos, "the parameter \"%.*s\" is no function", (int)(len > 60 ? 60 : len), s);
        return NULL;
    }
    if (p->lx.tok.type == T_DOT && n->type != N_SLOT && lib_namespace(s, len)) {
        struct node *of = parse_namespace(p, pos);
        return of || p->lx.failed ? of : n;
    }
    if (p->lx.tok.type == T_STRING)
        return fail_at(p, pos, "strings have no prefixes (write '...' + x)");
    return n;
}

static struct node *parse_paren(struct parser *p)
{
    if (!parse_enter(p) || !lex_next(&p->lx))
        return NULL;
    struct node *n = parse_expression(p);
    parse_leave(p);
    return n && parse_expect(p, T_RPAREN, "\")\"", "\"(\"") ? n : NULL;
}

static bool hole_in_braces(const struct parser *p)
{
    return p->lx.key && p->lx.tok.end < p->lx.len && p->lx.text[p->lx.tok.end] == '{';
}

static struct node *parse_bare_hole(struct parser *p, bool twice)
{
    size_t end;
    struct node *n = parse_hole(p, p->lx.tok.pos + 2, twice, &end);
    if (!n)
        return NULL;
    p->lx.tok.end = (uint32_t)end;
    return lex_next(&p->lx) ? n : NULL;
}

static struct node *parse_primary(struct parser *p)
{
    switch (p->lx.tok.type) {
    case T_NUMBER: {
        struct node *n = constant(p, p->lx.tok.pos, val_num(p->lx.tok.number));
        return lex_next(&p->lx) ? n : NULL;
    }
    case T_STRING:
        return parse_string(p);
    case T_NAME:
        return parse_name(p);
    case T_LPAREN:
        return parse_paren(p);
    case T_LBRACKET:
        return parse_array(p);
    case T_LBRACE:
        return hole_in_braces(p) ? parse_bare_hole(p, true) : parse_object(p);
    case T_HOLE:
        return parse_bare_hole(p, false);
    case T_SLASH:
        return fail_at(p, p->lx.tok.pos, "regular expression literals are not supported (write text.match('pattern'))");
    default:
        return parse_unexpected(p);
    }
}

/* ---- what follows a primary ---- */

struct steps {
    struct step *v;
    size_t n, room;
};

static void steps_free(struct steps *l)
{
    free(l->v);
}

static bool finish_method(struct parser *p, struct step *s)
{
    __attribute__((cleanup(items_free))) struct items list = {0};
    struct method m;
    s->type = S_METHOD;
    if (!lib_method(s->name->data, s->name->len, &m)) {
        const char *hint = lib_method_hint(s->name->data, s->name->len);
        return lex_fail(&p->lx, s->pos, "there is no method \"%.60s\"%s%s%s", s->name->data, hint ? " (" : "", hint ? hint : "",
                        hint ? ")" : "");
    }
    s->method = expr_arena_copy(&p->x->arena, &m, sizeof m);
    if (!parse_arguments(p, &list))
        return false;
    s->args = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof *list.v);
    s->nargs = list.n;
    return true;
}

static bool parse_dot(struct parser *p, struct step *s)
{
    char found[80];
    size_t len;
    if (p->lx.tok.type != T_NAME) {
        lex_show(&p->lx, found);
        return lex_fail(&p->lx, p->lx.tok.pos, "expected a name after \".\" instead of %s", found);
    }
    const char *name = tok_text(p, &len);
    s->type = S_MEMBER;
    s->pos = p->lx.tok.pos;
    s->name = expr_arena_str(&p->x->arena, name, len);
    if (!lex_next(&p->lx))
        return false;
    return p->lx.tok.type != T_LPAREN || finish_method(p, s);
}

static bool parse_bracket(struct parser *p, struct step *s)
{
    s->type = S_INDEX;
    if (!parse_enter(p) || !lex_next(&p->lx))
        return false;
    if (p->lx.tok.type == T_RBRACKET)
        return lex_fail(&p->lx, p->lx.tok.pos, "an index is missing between \"[\" and \"]\"");
    if (p->lx.tok.type != T_COLON && !(s->a = parse_expression(p)))
        return false;
    if (p->lx.tok.type == T_COLON) {
        s->type = S_SLICE;
        if (!lex_next(&p->lx))
            return false;
        if (p->lx.tok.type != T_RBRACKET && p->lx.tok.type != T_COLON && p->lx.tok.type != T_END && !(s->b = parse_expression(p)))
            return false;
        if (p->lx.tok.type == T_COLON)
            return lex_fail(&p->lx, p->lx.tok.pos, "a slice has no step (to turn round: .reverse())");
    }
    parse_leave(p);
    return parse_expect(p, T_RBRACKET, "\"]\"", "\"[\"");
}

/* One step; 0 when none follows, -1 on error. */
static int parse_step(struct parser *p, struct step *s)
{
    *s = (struct step){.pos = p->lx.tok.pos};
    if (p->lx.tok.type == T_DOT)
        return lex_next(&p->lx) && parse_dot(p, s) ? 1 : -1;
    if (p->lx.tok.type == T_LBRACKET)
        return parse_bracket(p, s) ? 1 : -1;
    if (p->lx.tok.type == T_LPAREN) {
        lex_fail(&p->lx, p->lx.tok.pos, "only functions and methods by their name can be called");
        return -1;
    }
    if (p->lx.tok.type != T_OPT_DOT)
        return 0;
    if (!lex_next(&p->lx))
        return -1;
    s->optional = true;
    return (p->lx.tok.type == T_LBRACKET ? parse_bracket(p, s) : parse_dot(p, s)) ? 1 : -1;
}

struct node *parse_path(struct parser *p)
{
    struct node *base = parse_primary(p);
    struct step s;
    int more;
    if (!base || (more = parse_step(p, &s)) < 0)
        return NULL;
    if (more == 0)
        return base;
    __attribute__((cleanup(steps_free))) struct steps list = {0};
    while (more > 0) {
        xgrow((void **)&list.v, &list.room, list.n + 1, sizeof s);
        list.v[list.n++] = s;
        more = parse_step(p, &s);
    }
    struct node *n = node_new(p, N_PATH, base->pos);
    n->base = base;
    n->steps = expr_arena_copy(&p->x->arena, list.v, list.n * sizeof s);
    n->nsteps = list.n;
    return more < 0 ? NULL : n;
}
