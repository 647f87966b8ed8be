/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the expression language, one at a time. */
#ifndef WF_EXPR_LEX_H
#define WF_EXPR_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tok {
    T_END,
    T_NUMBER,
    T_STRING,
    T_NAME,
    T_LPAREN,
    T_RPAREN,
    T_LBRACKET,
    T_RBRACKET,
    T_LBRACE,
    T_RBRACE,
    T_COMMA,
    T_COLON,
    T_QUESTION,
    T_DOT,
    T_OPT_DOT, /* ?. */
    T_SPREAD,  /* ... */
    T_ARROW,   /* => */
    T_PLUS,
    T_MINUS,
    T_STAR,
    T_SLASH,
    T_PERCENT,
    T_POWER,
    T_NOT, /* ! */
    T_EQ,
    T_NE,
    T_EQ3,
    T_NE3,
    T_LT,
    T_LE,
    T_GT,
    T_GE,
    T_AND,
    T_OR,
    T_NULLISH,
    T_HOLE, /* ${ outside strings, when the text is an expression key */
    /* words, made from T_NAME by the parser */
    T_IN,
    T_NOT_IN,
    T_WORD_NOT,
    T_TYPEOF
};

struct token {
    enum tok type;
    uint32_t pos, end; /* byte offsets; strings with their quotes */
    double number;
    bool holes; /* a string with template parts (expression keys only) */
};

struct lexer {
    const char *text;
    size_t len; /* the end */
    bool key;   /* ${...} is known */
    unsigned depth;
    struct token tok; /* the current one */
    size_t last_end;  /* where the token before it ended */
    /* what went wrong */
    bool failed;
    const char *error_type;
    char error[512];
    uint32_t error_pos;
};

/* Read the next token into lx->tok; false on error. */
bool lex_next(struct lexer *lx);

/* Set the error, once; always false. */
bool lex_fail(struct lexer *lx, size_t pos, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

bool lex_is(const struct lexer *lx, const char *word); /* the current token is this name */

/* Skip what stands in ${...} or {{...}}, from behind the opening; *end is behind the closing. */
bool lex_skip_hole(struct lexer *lx, size_t from, bool twice, size_t *end);

/* What a token looks like in an error text: `"+"`, `the end of the text`, `a string`. */
void lex_show(const struct lexer *lx, char out[80]);

struct buf;
/* The text of the string literal's part [from, to), without quotes, into b. */
bool lex_unescape(struct lexer *lx, size_t from, size_t to, struct buf *b);

#endif
