/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax tree of a compiled expression, and the arena it lives in.
 *
 * Chains of operators of one level and chains of member accesses are one node with a list, so that their length costs
 * no nesting: only brackets, prefix operators and the right side of ** nest, at most EX_MAX_NESTING deep. */
#ifndef WF_EXPR_AST_H
#define WF_EXPR_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "expr/lex.h"
#include "expr/value.h"

enum node_type {
    N_CONST,
    N_SLOT,    /* a parameter */
    N_NAME,    /* a root name */
    N_ARRAY,
    N_OBJECT,
    N_PREFIX,  /* - + ! not typeof */
    N_CHAIN,   /* + - * / % */
    N_LOGIC,   /* && || ?? */
    N_COMPARE, /* also in, not in */
    N_POWER,
    N_COND,
    N_PATH,    /* members, indexes, slices, method calls */
    N_CALL,    /* a function of the library */
    N_ARROW,
    N_BUILTIN, /* a function of the library as an argument */
    N_TEXT     /* template text */
};

/* One element of a list: an operand with the operator before it, an element, an argument, a member of an object. */
struct item {
    struct node *node;
    struct node *key;  /* N_OBJECT: the key when it is computed */
    struct str *name;  /* N_OBJECT: the key when it is not */
    enum tok op;       /* the operator before it */
    bool spread;       /* ...x */
    uint32_t pos;      /* of the operator */
};

enum step_type { S_MEMBER, S_INDEX, S_SLICE, S_METHOD };

struct method; /* lib.h */

struct step {
    enum step_type type;
    bool optional; /* ?. */
    uint32_t pos;
    struct str *name;
    const struct method *method; /* S_METHOD */
    struct node *a, *b;          /* index; bounds of a slice, or NULL */
    struct item *args;
    size_t nargs;
};

/* How a parameter's value is taken apart: `([k, v]) =>` and `({a, b}) =>`. */
struct unpack {
    uint32_t from, to; /* slots */
    struct str *key;   /* or NULL: by index */
    uint32_t index;
    uint32_t pos;
};

struct node {
    enum node_type type;
    enum tok op;
    uint32_t pos;
    union {
        struct val value; /* N_CONST */
        uint32_t slot;
        struct str *name;
        struct {
            struct item *items; /* N_ARRAY N_OBJECT N_CHAIN N_LOGIC N_TEXT; N_CALL: arguments */
            size_t n;
            const struct builtin *fn; /* N_CALL, N_BUILTIN */
            struct str *fn_name;      /* N_BUILTIN: a root name of the data beats it */
        };
        struct {
            struct node *a, *b, *c; /* N_PREFIX a; N_POWER, N_COMPARE a b; N_COND a ? b : c */
        };
        struct {
            struct node *base;
            struct step *steps;
            size_t nsteps;
        };
        struct {
            struct node *body;
            uint32_t first_slot, params;
            struct unpack *unpacks;
            size_t nunpacks;
        };
    };
};

struct arena {
    struct arena_block *blocks;
};
void *expr_arena_alloc(struct arena *a, size_t size); /* zeroed */
void *expr_arena_copy(struct arena *a, const void *p, size_t size);
struct str *expr_arena_str(struct arena *a, const char *s, size_t len);
void expr_arena_free(struct arena *a);

struct expr {
    struct arena arena;
    struct node *root;
    char *source;
    size_t source_len;
    size_t slots;
};

/* Compile the text at [from, *end) of x->source as one expression that ends at `closer` (T_END: the end of the text;
 * T_RBRACE: a closing brace, or two of them when `twice`), and set *end behind it. */
struct node *ex_parse(struct expr *x, struct expr_error *e, size_t from, enum tok closer, bool twice, size_t *end);
struct node *ex_parse_key(struct expr *x, struct expr_error *e);

/* Set the error with the position of byte `pos`. */
void ex_error_at(const struct expr *x, struct expr_error *e, uint32_t pos, const char *type, const char *message);

struct expr *ex_new(const char *text, size_t len, struct expr_error *e);

#endif
