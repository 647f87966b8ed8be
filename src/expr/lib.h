/* SPDX-License-Identifier: Apache-2.0 */
/* The library of functions and methods: tables that the parser resolves names in, and what their code uses. */
#ifndef WF_EXPR_LIB_H
#define WF_EXPR_LIB_H

#include "expr/value.h"

#define ARGS_ANY 255

/* A call: arguments and receiver are borrowed. */
struct call {
    const struct builtin *fn;
    struct val self; /* methods only */
    const struct val *args;
    size_t n;
};

struct builtin {
    const char *name;
    bool (*run)(struct ev *ev, const struct call *c, struct val *out);
    uint8_t min, max;  /* arguments */
    uint8_t functions; /* bit n: argument n may be a function */
};

/* Methods by the type of the receiver. */
enum receiver { R_STRING, R_ARRAY, R_NUMBER, R_OBJECT, R_COUNT };
struct method {
    const struct builtin *of[R_COUNT];
    const struct builtin *any;
};

/* Each table ends with a NULL name. */
extern const struct builtin lib_core[], lib_math[], lib_objects[], lib_dates[], lib_text[], lib_json[], lib_regex[], lib_lists[],
    lib_codecs[], lib_calendar[], lib_select[];
extern const struct builtin lib_string_methods[], lib_string_methods2[], lib_regex_methods[], lib_array_methods[], lib_array_methods2[],
    lib_number_methods[], lib_object_methods[], lib_any_methods[], lib_select_methods[];

const struct builtin *lib_function(const char *name, size_t len); /* "len", "Math.max"; NULL */
bool lib_method(const char *name, size_t len, struct method *out);
bool lib_constant(const char *name, size_t len, double *out);  /* "Math.PI" */
bool lib_namespace(const char *name, size_t len);              /* "Math" */
const char *lib_method_hint(const char *name, size_t len);     /* what to use instead of a method that is not there */
const char *lib_function_hint(const char *name, size_t len);

/* Call a function that was passed as an argument; args are borrowed.  Arrow functions take what they have parameters
 * for, functions of the library at most `library_args`. */
bool ex_apply(struct ev *ev, struct val f, const struct val *args, size_t n, size_t library_args, struct val *out);
bool ex_call(struct ev *ev, const struct builtin *fn, struct val self, const struct val *args, size_t n, struct val *out);

/* Arguments.  False (or NULL) after ex_fail() when the argument is of another type. */
bool arg_fail(struct ev *ev, const struct call *c, size_t i, const char *wanted);
bool arg_number(struct ev *ev, const struct call *c, size_t i, double *out);
const char *arg_string(struct ev *ev, const struct call *c, size_t i, size_t *len);
bool arg_array(struct ev *ev, const struct call *c, size_t i);
bool arg_object(struct ev *ev, const struct call *c, size_t i);
bool arg_function(struct ev *ev, const struct call *c, size_t i);
static inline bool arg_given(const struct call *c, size_t i)
{
    return i < c->n && c->args[i].type != V_UNDEF;
}
/* The argument as a position in 0..len: negative counts from the end, clamped; `fallback` when it is not given. */
bool arg_position(struct ev *ev, const struct call *c, size_t i, size_t len, size_t fallback, size_t *out);
/* A whole number in min..max, else an error; `fallback` when it is not given. */
bool arg_count(struct ev *ev, const struct call *c, size_t i, size_t fallback, size_t max, size_t *out);

/* Bounds as slices see them: negative from the end, clamped to 0..len. */
size_t ex_clamp(double at, size_t len);

bool ex_slice(struct ev *ev, struct val v, size_t from, size_t to, struct val *out); /* code points or elements */

struct regex;
void ex_regex_free_all(struct ev *ev);

#endif
