/* SPDX-License-Identifier: Apache-2.0 */
/* Values while an expression runs, inside the room.
 *
 * A value is two words.  Scalars stand in it; strings and containers of the data are borrowed json_t (the data stay
 * alive while we run); what the expression makes itself is counted by reference, immutable once it is shared, and
 * charged to the budget of the evaluation before it is allocated.  Values cannot form cycles.
 *
 * Functions that can fail return false after ex_fail(), and leave *out alone. */
#ifndef WF_EXPR_VALUE_H
#define WF_EXPR_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "expr/expr.h"

#define EX_MAX_SOURCE 65536
#define EX_MAX_NESTING 256
#define EX_MAX_STEPS 10000000
#define EX_MAX_LIVE (16u << 20)
#define EX_MAX_DEPTH 512 /* of values, as everywhere in the program */

struct node;
struct builtin;
struct regex;

/* A string of our own; data is NUL-terminated.  refs 0: belongs to a compiled expression, lives for ever. */
struct str {
    uint32_t refs;
    bool counted;  /* chars is known */
    size_t len;    /* bytes */
    size_t chars;  /* code points */
    size_t room;   /* bytes that data can hold, without the NUL */
    char data[];
};

enum val_type {
    V_UNDEF,
    V_NULL,
    V_BOOL,
    V_INT, /* an integer of the data, untouched */
    V_NUM,
    V_JNUM, /* a real of the data, untouched: it knows how it was written */
    V_STR,
    V_JSTR, /* V_J...: borrowed from the data */
    V_ARR,
    V_JARR,
    V_OBJ,
    V_JOBJ,
    V_FUNC,   /* an arrow function, only ever as an argument */
    V_BUILTIN /* a function of the library, only ever as an argument */
};

struct val {
    enum val_type type;
    union {
        bool b;
        int64_t i;
        double num;
        struct str *str;
        struct arr *arr;
        struct obj *obj;
        const json_t *json;
        const struct node *func;
        const struct builtin *builtin;
    };
};

struct arr {
    uint32_t refs;
    uint32_t depth; /* 1 + the deepest container inside, of our own ones */
    size_t len, room;
    struct val items[];
};

struct member {
    struct str *key;
    struct val value;
};

struct obj {
    uint32_t refs;
    uint32_t depth;
    size_t len, room;
    struct member *members; /* in order of insertion */
    uint32_t *index;        /* hash table of member numbers + 1, from 16 members on, else NULL */
    size_t index_size;      /* a power of two */
};

/* One evaluation. */
struct ev {
    const struct expr *expr;
    const struct expr_env *env;
    struct expr_error *error;
    struct val *slots; /* parameters of arrow functions */
    size_t live;       /* bytes */
    uint64_t steps;
    uint32_t pos;          /* where the operation in progress stands, for errors */
    struct regex *regexes; /* compiled ones, newest first */
};

static inline struct val val_undef(void)
{
    return (struct val){.type = V_UNDEF};
}
static inline struct val val_null(void)
{
    return (struct val){.type = V_NULL};
}
static inline struct val val_bool(bool b)
{
    return (struct val){.type = V_BOOL, .b = b};
}
static inline struct val val_num(double d)
{
    return (struct val){.type = V_NUM, .num = d};
}
static inline struct val val_size(size_t n)
{
    return val_num((double)n);
}
static inline struct val val_str(struct str *s)
{
    return (struct val){.type = V_STR, .str = s};
}

static inline bool is_number(struct val v)
{
    return v.type == V_NUM || v.type == V_INT || v.type == V_JNUM;
}
static inline bool is_string(struct val v)
{
    return v.type == V_STR || v.type == V_JSTR;
}
static inline bool is_array(struct val v)
{
    return v.type == V_ARR || v.type == V_JARR;
}
static inline bool is_object(struct val v)
{
    return v.type == V_OBJ || v.type == V_JOBJ;
}
static inline bool is_nullish(struct val v)
{
    return v.type == V_NULL || v.type == V_UNDEF;
}
static inline bool is_function(struct val v)
{
    return v.type == V_FUNC || v.type == V_BUILTIN;
}
static inline double num_of(struct val v)
{
    return v.type == V_INT ? (double)v.i : v.type == V_JNUM ? json_real_value(v.json) : v.num;
}

/* ---- errors and budgets ---- */

/* Fill ev->error with the position ev->pos; always false. */
bool ex_fail(struct ev *ev, const char *type, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool ex_too_costly(struct ev *ev, const char *what);

static inline bool ex_charge(struct ev *ev, uint64_t steps)
{
    ev->steps += steps;
    return __builtin_expect(ev->steps <= EX_MAX_STEPS, 1) || ex_too_costly(ev, "takes more than 10000000 steps");
}

/* Work on n bytes. */
static inline bool ex_charge_bytes(struct ev *ev, size_t n)
{
    return ex_charge(ev, n / 64 + 1);
}

/* NULL when the budget is used up (the error is set). */
void *ex_alloc(struct ev *ev, size_t size);
void ex_free(struct ev *ev, void *p, size_t size);

/* ---- references ---- */

void ex_release_counted(struct ev *ev, struct val v);

static inline struct val ex_ref(struct val v)
{
    if (v.type == V_STR) {
        if (v.str->refs)
            v.str->refs++;
    } else if (v.type == V_ARR) {
        v.arr->refs++;
    } else if (v.type == V_OBJ) {
        v.obj->refs++;
    }
    return v;
}

static inline void ex_release(struct ev *ev, struct val v)
{
    if (v.type == V_STR || v.type == V_ARR || v.type == V_OBJ)
        ex_release_counted(ev, v);
}

void ex_release_all(struct ev *ev, struct val *v, size_t n);

/* ---- strings ---- */

struct str *ex_str_new(struct ev *ev, size_t len);                     /* data not yet set but for the NUL */
bool ex_str(struct ev *ev, const char *s, size_t len, struct val *out); /* a copy */

static inline const char *str_data(struct val v, size_t *len)
{
    if (v.type == V_STR) {
        *len = v.str->len;
        return v.str->data;
    }
    *len = json_string_length(v.json);
    return json_string_value(v.json);
}

size_t ex_str_chars(struct val v); /* length in code points */

/* Text that grows within the budget.  After a failure everything is a no-op until text_finish(), which fails. */
struct text {
    struct ev *ev;
    struct str *str;
    bool failed;
    bool strict; /* NaN and Infinity inside containers are errors */
};
void text_init(struct text *t, struct ev *ev);
void text_add(struct text *t, const char *s, size_t len);
void text_addstr(struct text *t, const char *s);
void text_add_char(struct text *t, uint32_t cp);
bool text_finish(struct text *t, struct val *out); /* the string; or drops it */
void text_drop(struct text *t);

/* ---- arrays ---- */

struct arr *ex_arr_new(struct ev *ev, size_t room);
bool ex_arr_push(struct ev *ev, struct arr **a, struct val v); /* takes v over, also on failure */
static inline struct val val_arr(struct arr *a)
{
    return (struct val){.type = V_ARR, .arr = a};
}
static inline size_t arr_len(struct val v)
{
    return v.type == V_ARR ? v.arr->len : json_array_size(v.json);
}
struct val ex_of_json(const json_t *j); /* NULL: undefined */
static inline struct val arr_at(struct val v, size_t i) /* borrowed; i must be inside */
{
    return v.type == V_ARR ? v.arr->items[i] : ex_of_json(json_array_get(v.json, i));
}

/* ---- objects ---- */

struct obj *ex_obj_new(struct ev *ev);
/* Add or replace; takes v over, also on failure; key is referenced. */
bool ex_obj_set(struct ev *ev, struct obj *o, struct str *key, struct val v);
bool ex_obj_put(struct ev *ev, struct obj *o, const char *key, struct val v);
static inline struct val val_obj(struct obj *o)
{
    return (struct val){.type = V_OBJ, .obj = o};
}
size_t obj_len(struct val v);
bool obj_get(struct val v, const char *key, size_t len, struct val *out); /* borrowed; false: no such key */

struct obj_iter {
    struct val object;
    size_t i;
    void *at;
    const char *key;
    size_t key_len;
    struct str *key_str; /* or NULL */
    struct val value;    /* borrowed */
};
void obj_iter_init(struct obj_iter *it, struct val object);
bool obj_next(struct obj_iter *it);
bool ex_iter_key(struct ev *ev, const struct obj_iter *it, struct val *out); /* the key as an own reference */

/* ---- the meaning of values (ops.c, text.c) ---- */

bool ex_truthy(struct val v);
const char *ex_type_name(struct val v); /* "number", "array", "null" ... for errors */
bool ex_equal(struct ev *ev, struct val a, struct val b, bool strict, bool *out);
bool ex_less(struct ev *ev, struct val a, struct val b, int *order); /* two numbers (NaN: order 2) or two strings */
int ex_compare_strings(struct val a, struct val b);

/* JavaScript's text of a number: shortest, in `out`; its length. */
#define EX_NUMBER_TEXT 40
size_t ex_number_text(double d, char out[EX_NUMBER_TEXT]);
size_t ex_scalar_number_text(struct val v, char out[EX_NUMBER_TEXT]);
double ex_text_number(const char *s, size_t len); /* JavaScript's Number(text) */

void ex_add_text(struct text *t, struct val v);                 /* as in `"" + v`; containers as compact JSON */
void ex_add_json(struct text *t, struct val v, unsigned indent); /* JSON */
bool ex_to_text(struct ev *ev, struct val v, struct val *out);

/* A result: a new reference, or NULL and the error. */
json_t *ex_to_json(struct ev *ev, struct val v);

#endif
