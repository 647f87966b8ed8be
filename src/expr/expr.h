/* SPDX-License-Identifier: Apache-2.0 */
/* The expression language and its templates: pure, total, bounded.
 *
 * doc/expressions.md is the manual of the language.  Compiled expressions are immutable and may be shared between
 * threads; evaluation has no state of its own. */
#ifndef WF_EXPR_EXPR_H
#define WF_EXPR_EXPR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What went wrong.  `type` is one of the stable names: expression_error (does not compile), expression_too_costly,
 * unknown_name, type_error, not_a_number, template_error. */
struct expr_error {
    char type[32];
    char message[640]; /* ends with "line L, column C" when line is not 0 */
    int line, column;  /* from 1, in characters; 0 when there is no position */
};

/* Where names come from.  lookup returns a borrowed value (it must stay alive during the evaluation), or NULL when the
 * name is not known.  It is asked for root names only, each time one is used. */
struct expr_env {
    const json_t *(*lookup)(void *ctx, const char *name);
    void *ctx;
    int64_t now_us; /* what now() gives: the execution's recorded time */
};

struct expr;

/* Compile; NULL and *e on error.  The text need not be NUL-terminated. */
struct expr *expr_compile(const char *text, size_t len, struct expr_error *e);
void expr_free(struct expr *x);

/* Evaluate to a JSON value, a new reference.  *undefined (may be NULL) is set when the result was undefined, which is
 * given as null.  NULL and *e on error. */
json_t *expr_eval(const struct expr *x, const struct expr_env *env, bool *undefined, struct expr_error *e);

/* Evaluate to JavaScript's truth of the result: 1, 0, or -1 and *e. */
int expr_test(const struct expr *x, const struct expr_env *env, struct expr_error *e);

/* JavaScript's truth of a JSON value. */
bool expr_truthy(const json_t *v);

/* The text that joins use (`"" + v`): numbers shortest, whole numbers below 1e21 without a point, objects and arrays as
 * compact JSON, null as "null".  A new string. */
char *expr_value_text(const json_t *v);

/* Write compact JSON with numbers as the language prints them (5, not 5.0). */
struct buf;
void expr_write_json(struct buf *b, const json_t *v);

/* ---- Templates: ${expression} and {{expression}} in any string of a JSON value ---- */

struct tmpl;

/* Compile every string inside `value` (values only, never keys).  `skip` (may be NULL) names top-level keys of `value`
 * that are not templates themselves when they are strings (the text is an expression, see expr_compile_key()).  The result keeps a reference
 * to value.  Errors name the path as a JSON pointer in front of the message: "/headers/X: ...". */
struct tmpl *tmpl_compile(json_t *value, const char *const *skip, struct expr_error *e);
void tmpl_free(struct tmpl *t);

/* True when there is nothing to resolve: tmpl_render() then returns the value itself. */
bool tmpl_is_constant(const struct tmpl *t);

/* A new reference to the resolved value; NULL and *e on error (an unknown name and an undefined result are errors). */
json_t *tmpl_render(const struct tmpl *t, const struct expr_env *env, struct expr_error *e);

/* Compile the text of a config key that is an expression by itself (condition, array_expression ...): outside string
 * literals ${x} is a sub-expression in parentheses, inside one it is template text. */
struct expr *expr_compile_key(const char *text, size_t len, struct expr_error *e);

/* ---- Compiled expressions kept for the next time: compiling takes ten times as long as evaluating ----
 * Bounded in number and size.  One thread at a time. */

struct expr_cache;
struct expr_cache *expr_cache_new(void);
void expr_cache_free(struct expr_cache *c);

/* expr_compile_key(), or what it gave the last time; valid until the next call.  NULL and *e on error. */
const struct expr *expr_cache_get(struct expr_cache *c, const char *text, size_t len, struct expr_error *e);

#endif
