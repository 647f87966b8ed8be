/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer: tokens and their errors.  What other languages have and this one has not is refused here or in the parser
 * with a hint at what to write instead. */
#include "expr/lex.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "expr/utf8.h"
#include "expr/value.h"

bool lex_fail(struct lexer *lx, size_t pos, const char *fmt, ...)
{
    if (lx->failed)
        return false;
    lx->failed = true;
    lx->error_type = "expression_error";
    lx->error_pos = (uint32_t)pos;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(lx->error, sizeof lx->error, fmt, ap);
    va_end(ap);
    return false;
}

static int at(const struct lexer *lx, size_t i)
{
    return i < lx->len ? (unsigned char)lx->text[i] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Letters beyond ASCII are names; punctuation and symbols that people paste by accident are not. */
static bool name_char(const struct lexer *lx, size_t i)
{
    int c = at(lx, i);
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
               (c == '$' && !(lx->key && at(lx, i + 1) == '{'));
    uint32_t cp = utf8_at(lx->text + i);
    if (cp < 0xc0)
        return cp == 0xaa || cp == 0xb5 || cp == 0xba;
    return cp != 0xd7 && cp != 0xf7 && !(cp >= 0x2000 && cp <= 0x206f && cp != 0x200c && cp != 0x200d) &&
           !(cp >= 0x2190 && cp <= 0x2bff) && !(cp >= 0x3000 && cp <= 0x3004) && !(cp >= 0x3008 && cp <= 0x3020) &&
           cp != 0x1680 && cp != 0xfeff && cp < 0xe0000 && !(cp >= 0xfff0 && cp <= 0xffff) && !utf8_is_space(cp);
}

static size_t name_end(const struct lexer *lx, size_t i)
{
    while (i < lx->len && name_char(lx, i))
        i += utf8_size((unsigned char)lx->text[i]);
    return i;
}

/* ---- numbers ---- */

static int digit_value(int c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Digits of the base from i on, with single underscores between them, added to b; the end. */
static size_t digits(struct lexer *lx, size_t i, int base, struct buf *b)
{
    for (; i < lx->len; i++) {
        int c = at(lx, i);
        if (c == '_') {
            if (i == 0 || digit_value(at(lx, i - 1)) >= base || digit_value(at(lx, i + 1)) >= base) {
                lex_fail(lx, i, "\"_\" in a number stands between two digits");
                return i;
            }
            continue;
        }
        if (digit_value(c) >= base)
            break;
        buf_addch(b, (char)c);
    }
    return i;
}

static size_t based_number(struct lexer *lx, size_t from, int base)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t end = digits(lx, from + 2, base, &b);
    if (b.len == 0) {
        lex_fail(lx, from, "a number without digits");
        return end;
    }
    if (base == 16) {
        CLEANUP_FREE char *text = xasprintf("0x%s", b.data);
        lx->tok.number = strtod(text, NULL);
        return end;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < b.len; i++) {
        if (n > UINT64_MAX / (unsigned)base) {
            lex_fail(lx, from, "the number is too large");
            return end;
        }
        n = n * (unsigned)base + (unsigned)(b.data[i] - '0');
    }
    lx->tok.number = (double)n;
    return end;
}

static size_t decimal_number(struct lexer *lx, size_t from)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t i = digits(lx, from, 10, &b);
    if (at(lx, i) == '.' && at(lx, i + 1) != '.') {
        buf_addch(&b, '.');
        i++;
        if (at(lx, i) == '_')
            lex_fail(lx, i, "\"_\" in a number stands between two digits");
        i = digits(lx, i, 10, &b);
    }
    if (at(lx, i) == 'e' || at(lx, i) == 'E') {
        size_t j = i + 1;
        buf_addch(&b, 'e');
        if (at(lx, j) == '+' || at(lx, j) == '-')
            buf_addch(&b, lx->text[j++]);
        if (!is_digit(at(lx, j))) {
            lex_fail(lx, from, "the number has no digits in its exponent");
            return j;
        }
        i = digits(lx, j, 10, &b);
    }
    lx->tok.number = strtod(b.data, NULL);
    return i;
}

static bool lex_number(struct lexer *lx, size_t i)
{
    int second = at(lx, i + 1) | 0x20;
    size_t end;
    if (at(lx, i) == '0' && (second == 'x' || second == 'o' || second == 'b'))
        end = based_number(lx, i, second == 'x' ? 16 : second == 'o' ? 8 : 2);
    else if (at(lx, i) == '0' && (is_digit(at(lx, i + 1)) || at(lx, i + 1) == '_'))
        return lex_fail(lx, i, "a number cannot begin with 0 (octal numbers are written 0o17)");
    else
        end = decimal_number(lx, i);
    if (lx->failed)
        return false;
    if (!isfinite(lx->tok.number))
        return lex_fail(lx, i, "the number is too large");
    if (end < lx->len && name_char(lx, end))
        return at(lx, end) == 'n' && !(end + 1 < lx->len && name_char(lx, end + 1))
                   ? lex_fail(lx, end, "big integers are not supported; write the number without \"n\"")
                   : lex_fail(lx, end, "a letter or digit directly after a number");
    lx->tok.type = T_NUMBER;
    lx->tok.end = (uint32_t)end;
    return true;
}

/* ---- strings ---- */

/* In an expression key: does template text begin at i?  1 a hole, 2 a literal, 0 no. */
static int hole_at(const struct lexer *lx, size_t i, bool *twice)
{
    const char *s = lx->text + i;
    size_t left = lx->len - i;
    *twice = *s == '{';
    if ((left >= 4 && memcmp(s, "{{{{", 4) == 0) || (left >= 3 && memcmp(s, "$${", 3) == 0))
        return 2;
    return left >= 2 && (memcmp(s, "${", 2) == 0 || memcmp(s, "{{", 2) == 0);
}

static bool lex_string(struct lexer *lx, size_t from)
{
    char quote = lx->text[from];
    size_t i = from + 1;
    while (i < lx->len && lx->text[i] != quote) {
        char c = lx->text[i];
        bool twice;
        if (c == '\n')
            return lex_fail(lx, from, "the string is not closed on its line");
        if (lx->key && (c == '$' || c == '{')) {
            int kind = hole_at(lx, i, &twice);
            if (kind) {
                lx->tok.holes = true;
                if (kind == 2)
                    i += twice ? 4 : 3;
                else if (!lex_skip_hole(lx, i + 2, twice, &i))
                    return false;
                continue;
            }
        }
        if (c == '\\')
            i++;
        i++;
    }
    if (i >= lx->len)
        return lex_fail(lx, lx->len, "the string is not closed");
    lx->tok.type = T_STRING;
    lx->tok.end = (uint32_t)i + 1;
    return true;
}

static bool hex_digits(struct lexer *lx, size_t i, size_t to, size_t n, uint32_t *out)
{
    *out = 0;
    for (size_t k = 0; k < n; k++) {
        int d = i + k < to ? digit_value(at(lx, i + k)) : 99;
        if (d >= 16)
            return false;
        *out = *out * 16 + (uint32_t)d;
    }
    return true;
}

/* \u at i (the u): the code point, and the end. */
static bool unicode_escape(struct lexer *lx, size_t *i, size_t to, uint32_t *cp)
{
    size_t p = *i + 1;
    if (p < to && at(lx, p) == '{') {
        size_t n = 0;
        while (p + 1 + n < to && digit_value(at(lx, p + 1 + n)) < 16)
            n++;
        if (n == 0 || n > 8 || at(lx, p + 1 + n) != '}' || !hex_digits(lx, p + 1, to, n, cp) || *cp > 0x10ffff)
            return lex_fail(lx, *i - 1, "a wrong \\u escape (it is \\uXXXX or \\u{XXXXX})");
        *i = p + n + 2;
        return true;
    }
    if (!hex_digits(lx, p, to, 4, cp))
        return lex_fail(lx, *i - 1, "a wrong \\u escape (it is \\uXXXX or \\u{XXXXX})");
    *i = p + 4;
    uint32_t low;
    if (*cp >= 0xd800 && *cp < 0xdc00 && *i + 1 < to && at(lx, *i) == '\\' && at(lx, *i + 1) == 'u' &&
        hex_digits(lx, *i + 2, to, 4, &low) && low >= 0xdc00 && low < 0xe000) {
        *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
        *i += 6;
    }
    return true;
}

/* The escape behind the backslash at *i - 1; adds what it means. */
static bool escape(struct lexer *lx, size_t *i, size_t to, struct buf *b)
{
    static const char names[] = "ntrbfv", values[] = "\n\t\r\b\f\v";
    size_t start = *i - 1;
    int c = at(lx, *i);
    const char *known = c > 0 ? strchr(names, c) : NULL;
    uint32_t cp = 0;
    if (known) {
        buf_addch(b, values[known - names]);
        ++*i;
        return true;
    }
    if (c == '\n') { /* a line that goes on */
        ++*i;
        return true;
    }
    if (is_digit(c) && (c != '0' || is_digit(at(lx, *i + 1))))
        return lex_fail(lx, start, "octal escapes are not supported");
    if (c == 'u') {
        if (!unicode_escape(lx, i, to, &cp))
            return false;
    } else if (c == 'x') {
        if (!hex_digits(lx, *i + 1, to, 2, &cp))
            return lex_fail(lx, start, "a wrong \\x escape (it is \\xXX)");
        *i += 3;
    } else if (c == '0') {
        ++*i;
    } else {
        cp = utf8_at(lx->text + *i);
        *i += utf8_size((unsigned char)c);
    }
    if (cp == 0)
        return lex_fail(lx, start, "a string cannot hold a NUL character");
    if (cp >= 0xd800 && cp < 0xe000)
        return lex_fail(lx, start, "a lone surrogate is no character");
    char out[4];
    buf_add(b, out, utf8_put(out, cp));
    return true;
}

bool lex_unescape(struct lexer *lx, size_t from, size_t to, struct buf *b)
{
    buf_reserve(b, to - from);
    for (size_t i = from; i < to;) {
        if (lx->text[i] == '\\' && i + 1 < to) {
            i++;
            if (!escape(lx, &i, to, b))
                return false;
        } else if (lx->text[i] == '\0') {
            return lex_fail(lx, i, "a string cannot hold a NUL character");
        } else {
            buf_addch(b, lx->text[i++]);
        }
    }
    return true;
}

bool lex_skip_hole(struct lexer *lx, size_t from, bool twice, size_t *end)
{
    struct lexer in = {.text = lx->text, .len = lx->len, .key = lx->key, .depth = lx->depth + 1};
    size_t open = 0;
    in.tok.end = (uint32_t)from;
    bool ok = in.depth <= EX_MAX_NESTING;
    if (!ok) {
        lex_fail(lx, from, "the expression nests deeper than 256 levels");
        lx->error_type = "expression_too_costly";
        return false;
    }
    while ((ok = lex_next(&in)) && in.tok.type != T_END) {
        if (in.tok.type == T_LBRACE || in.tok.type == T_HOLE)
            open++;
        if (in.tok.type == T_RBRACE && open == 0) {
            *end = in.tok.end + (twice ? 1u : 0u);
            if (!twice || at(lx, in.tok.end) == '}')
                return true;
            break;
        }
        if (in.tok.type == T_RBRACE)
            open--;
    }
    if (ok)
        return lex_fail(lx, lx->len, "\"%s\" is not closed: expected \"%s\"", twice ? "{{" : "${", twice ? "}}" : "}");
    lx->failed = true;
    lx->error_type = in.error_type;
    lx->error_pos = in.error_pos;
    memcpy(lx->error, in.error, sizeof lx->error);
    return false;
}

/* ---- operators ---- */

static const struct {
    char text[5];
    enum tok type;
} operators[] = {
    /* longer ones first */
    {"...", T_SPREAD}, {"===", T_EQ3}, {"!==", T_NE3}, {"==", T_EQ}, {"!=", T_NE},   {"<=", T_LE},
    {">=", T_GE},      {"=>", T_ARROW}, {"&&", T_AND}, {"||", T_OR}, {"??", T_NULLISH}, {"**", T_POWER},
    {"(", T_LPAREN},   {")", T_RPAREN}, {"[", T_LBRACKET}, {"]", T_RBRACKET}, {"{", T_LBRACE}, {"}", T_RBRACE},
    {",", T_COMMA},    {":", T_COLON}, {"?", T_QUESTION}, {".", T_DOT}, {"+", T_PLUS}, {"-", T_MINUS},
    {"*", T_STAR},     {"/", T_SLASH}, {"%", T_PERCENT}, {"!", T_NOT}, {"<", T_LT},   {">", T_GT},
};

static const struct {
    char text[5];
    const char *error;
} refused[] = {
    {"++", "\"++\" is not supported (values cannot be changed; write x + 1)"},
    {"--", "\"--\" is not supported (values cannot be changed; write x - 1, or a - (-b))"},
    {"**=", "assignment is not supported"},
    {"&&=", "assignment is not supported"},
    {"||=", "assignment is not supported"},
    {"?\?=", "assignment is not supported"},
    {"+=", "assignment is not supported"},
    {"-=", "assignment is not supported"},
    {"*=", "assignment is not supported"},
    {"/=", "assignment is not supported"},
    {"%=", "assignment is not supported"},
    {":=", "assignment is not supported"},
    {"//", "\"//\" is not supported (write Math.floor(a / b))"},
    {"/*", "comments are not supported"},
    {"<>", "\"<>\" is not supported (write !=)"},
    {"<<", "\"<<\" is not supported"},
    {">>", "\">>\" is not supported"},
    {"&", "\"&\" is not supported (write && or and)"},
    {"|", "\"|\" is not supported (write || or or)"},
    {"^", "\"^\" is not supported (a power is written **)"},
    {"~", "\"~\" is not supported"},
    {"`", "backticks are not supported (write '...' + x)"},
    {";", "statements are not supported: an expression has no \";\""},
    {"#", "comments are not supported"},
    {"@", "\"@\" is not supported"},
    {"\\", "unexpected \"\\\""},
};

static bool starts(const struct lexer *lx, size_t i, const char *s)
{
    size_t n = strlen(s);
    return lx->len - i >= n && memcmp(lx->text + i, s, n) == 0;
}

static bool lex_operator(struct lexer *lx, size_t i)
{
    if (starts(lx, i, "?.") && !is_digit(at(lx, i + 2))) {
        lx->tok.type = T_OPT_DOT;
        lx->tok.end = (uint32_t)i + 2;
        return true;
    }
    bool equals = starts(lx, i, "**=") || starts(lx, i, "&&=") || starts(lx, i, "||=") || starts(lx, i, "?\?=");
    for (size_t k = 0; k < ARRAY_LEN(refused); k++) {
        bool both = starts(lx, i, "&&") || starts(lx, i, "||");
        if (starts(lx, i, refused[k].text) && (!both || equals))
            return lex_fail(lx, i, "%s", refused[k].error);
    }
    for (size_t k = 0; k < ARRAY_LEN(operators); k++) {
        if (!starts(lx, i, operators[k].text))
            continue;
        lx->tok.type = operators[k].type;
        lx->tok.end = (uint32_t)(i + strlen(operators[k].text));
        return true;
    }
    if (lx->text[i] == '=')
        return lex_fail(lx, i, "assignment is not supported (compare with ==)");
    return lex_fail(lx, i, "unexpected character \"%.*s\"", (int)utf8_size((unsigned char)lx->text[i]), lx->text + i);
}

bool lex_next(struct lexer *lx)
{
    size_t i = lx->tok.end;
    lx->last_end = i;
    if (lx->failed)
        return false;
    while (i < lx->len && utf8_is_space(utf8_at(lx->text + i)))
        i += utf8_size((unsigned char)lx->text[i]);
    lx->tok = (struct token){.type = T_END, .pos = (uint32_t)i, .end = (uint32_t)i};
    if (i >= lx->len)
        return true;
    int c = at(lx, i);
    if (is_digit(c) || (c == '.' && is_digit(at(lx, i + 1))))
        return lex_number(lx, i);
    if (c == '\'' || c == '"')
        return lex_string(lx, i);
    if (name_char(lx, i)) {
        lx->tok.type = T_NAME;
        lx->tok.end = (uint32_t)name_end(lx, i);
        return true;
    }
    if (lx->key && starts(lx, i, "${")) {
        lx->tok.type = T_HOLE;
        lx->tok.end = (uint32_t)i + 2;
        return true;
    }
    return lex_operator(lx, i);
}

bool lex_is(const struct lexer *lx, const char *word)
{
    size_t n = strlen(word);
    return lx->tok.type == T_NAME && lx->tok.end - lx->tok.pos == n && memcmp(lx->text + lx->tok.pos, word, n) == 0;
}

void lex_show(const struct lexer *lx, char out[80])
{
    if (lx->tok.type == T_END)
        snprintf(out, 80, "the end of the text");
    else if (lx->tok.type == T_STRING)
        snprintf(out, 80, "a string");
    else {
        size_t n = lx->tok.end - lx->tok.pos, cut = 0;
        while (cut < n && cut + utf8_size((unsigned char)lx->text[lx->tok.pos + cut]) <= 40)
            cut += utf8_size((unsigned char)lx->text[lx->tok.pos + cut]);
        snprintf(out, 80, "\"%.*s%s\"", (int)(cut < n ? cut : n), lx->text + lx->tok.pos, cut < n ? "..." : "");
    }
}
