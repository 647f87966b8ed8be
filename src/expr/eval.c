/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluator: a walk over the tree.  Each node costs a step; everything it makes is charged before it is allocated. */
#include "expr/eval.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "expr/utf8.h"

bool ex_fail(struct ev *ev, const char *type, const char *fmt, ...)
{
    char message[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    ex_error_at(ev->expr, ev->error, ev->pos, type, message);
    return false;
}

bool ex_too_costly(struct ev *ev, const char *what)
{
    return ex_fail(ev, "expression_too_costly", "the expression %s", what);
}

static bool lookup(struct ev *ev, const struct node *n, struct val *out)
{
    const json_t *j = ev->env && ev->env->lookup ? ev->env->lookup(ev->env->ctx, n->name->data) : NULL;
    *out = ex_of_json(j);
    return j != NULL;
}

static bool eval_name(struct ev *ev, const struct node *n, struct val *out)
{
    if (lookup(ev, n, out))
        return true;
    ev->pos = n->pos;
    if (lib_function(n->name->data, n->name->len))
        return ex_fail(ev, "unknown_name", "unknown name \"%.100s\" (the function is called with parentheses: %.100s(...))", n->name->data,
                       n->name->data);
    return ex_fail(ev, "unknown_name", "unknown name \"%.200s\"", n->name->data);
}

static bool number_error(struct ev *ev, uint32_t pos, const char *op, struct val a, struct val b)
{
    ev->pos = pos;
    return ex_fail(ev, "type_error", "\"%s\" wants two numbers, not %s and %s", op, ex_type_name(a), ex_type_name(b));
}

/* ---- + - * / % ---- */

static bool joins(struct val v)
{
    return is_string(v) || is_number(v) || v.type == V_BOOL || v.type == V_NULL;
}

/* *acc + b as text, in place when nobody else has *acc. */
static bool join(struct ev *ev, struct val *acc, struct val b)
{
    struct text t = {.ev = ev};
    bool own = acc->type == V_STR && acc->str->refs == 1;
    if (own) {
        t.str = acc->str;
        t.str->counted = false;
    } else {
        text_init(&t, ev);
        ex_add_text(&t, *acc);
    }
    size_t before = own && t.str ? t.str->len : 0;
    ex_add_text(&t, b);
    if (own)
        *acc = val_str(t.str); /* it may have moved, also when the rest failed */
    if (t.failed || !ex_charge_bytes(ev, t.str->len - before)) {
        if (!own && t.str)
            ex_release(ev, val_str(t.str));
        return false;
    }
    t.str->data[t.str->len] = '\0';
    if (!own) {
        ex_release(ev, *acc);
        *acc = val_str(t.str);
    }
    return true;
}

static bool add(struct ev *ev, struct val *acc, struct val b, uint32_t pos)
{
    if (is_number(*acc) && is_number(b)) {
        *acc = val_num(num_of(*acc) + num_of(b));
        return true;
    }
    ev->pos = pos;
    if ((is_string(*acc) && joins(b)) || (is_string(b) && joins(*acc)))
        return join(ev, acc, b);
    return ex_fail(ev, "type_error", "\"+\" wants two numbers, or a string with a string, number, boolean or null, not %s and %s",
                   ex_type_name(*acc), ex_type_name(b));
}

static bool arithmetic(struct ev *ev, struct val *acc, struct val b, const struct item *it)
{
    static const char *const names[] = {[T_MINUS] = "-", [T_STAR] = "*", [T_SLASH] = "/", [T_PERCENT] = "%"};
    if (it->op == T_PLUS)
        return add(ev, acc, b, it->pos);
    if (!is_number(*acc) || !is_number(b))
        return number_error(ev, it->pos, names[it->op], *acc, b);
    double x = num_of(*acc), y = num_of(b);
    *acc = val_num(it->op == T_MINUS ? x - y : it->op == T_STAR ? x * y : it->op == T_SLASH ? x / y : fmod(x, y));
    return true;
}

static bool eval_chain(struct ev *ev, const struct node *n, struct val *out)
{
    struct val acc, b;
    if (!ex_eval(ev, n->items[0].node, &acc))
        return false;
    for (size_t i = 1; i < n->n; i++) {
        if (!ex_eval(ev, n->items[i].node, &b)) {
            ex_release(ev, acc);
            return false;
        }
        bool ok = arithmetic(ev, &acc, b, &n->items[i]);
        ex_release(ev, b);
        if (!ok) {
            ex_release(ev, acc);
            return false;
        }
    }
    *out = acc;
    return true;
}

static double power(double x, double y)
{
    if (isnan(y) || ((x == 1 || x == -1) && isinf(y)))
        return (double)NAN; /* where C says 1 */
    return pow(x, y);
}

static bool eval_power(struct ev *ev, const struct node *n, struct val *out)
{
    struct val a, b;
    if (!ex_eval(ev, n->a, &a))
        return false;
    if (!ex_eval(ev, n->b, &b)) {
        ex_release(ev, a);
        return false;
    }
    bool ok = is_number(a) && is_number(b);
    if (ok)
        *out = val_num(power(num_of(a), num_of(b)));
    else
        number_error(ev, n->pos, "**", a, b);
    ex_release(ev, a);
    ex_release(ev, b);
    return ok;
}

/* ---- logic ---- */

static bool stays(enum tok op, struct val v)
{
    return op == T_AND ? !ex_truthy(v) : op == T_OR ? ex_truthy(v) : !is_nullish(v);
}

static bool eval_logic(struct ev *ev, const struct node *n, struct val *out)
{
    struct val acc;
    if (!ex_eval(ev, n->items[0].node, &acc))
        return false;
    for (size_t i = 1; i < n->n; i++) {
        if (stays(n->items[i].op, acc))
            continue;
        ex_release(ev, acc);
        if (!ex_eval(ev, n->items[i].node, &acc))
            return false;
    }
    *out = acc;
    return true;
}

static const char *type_of(struct val v)
{
    return v.type == V_NULL || is_array(v) ? "object" : ex_type_name(v);
}

static bool eval_typeof(struct ev *ev, const struct node *n, struct val *out)
{
    struct val v;
    if (n->a->type == N_NAME) {
        lookup(ev, n->a, &v); /* as in JavaScript a name that is not known is undefined here, no error */
    } else if (!ex_eval(ev, n->a, &v)) {
        return false;
    }
    const char *name = type_of(v);
    ex_release(ev, v);
    return ex_str(ev, name, strlen(name), out);
}

static bool eval_prefix(struct ev *ev, const struct node *n, struct val *out)
{
    struct val v;
    if (n->op == T_TYPEOF)
        return eval_typeof(ev, n, out);
    if (!ex_eval(ev, n->a, &v))
        return false;
    if (n->op == T_NOT) {
        *out = val_bool(!ex_truthy(v));
    } else if (is_number(v)) {
        *out = n->op == T_PLUS ? v : val_num(-num_of(v));
        return true;
    } else {
        ev->pos = n->pos;
        ex_fail(ev, "type_error", "the sign \"%s\" wants a number, not %s%s", n->op == T_PLUS ? "+" : "-", ex_type_name(v),
                is_string(v) ? " (write Number(x))" : "");
        ex_release(ev, v);
        return false;
    }
    ex_release(ev, v);
    return true;
}

/* ---- comparisons ---- */

static bool find_text(struct ev *ev, struct val needle, struct val hay, bool *out)
{
    size_t nl, hl;
    const char *n = str_data(needle, &nl), *h = str_data(hay, &hl);
    if (!ex_charge_bytes(ev, hl))
        return false;
    *out = memmem(h, hl, n, nl) != NULL;
    return true;
}

static bool find_element(struct ev *ev, struct val v, struct val array, bool *out)
{
    size_t n = arr_len(array);
    *out = false;
    for (size_t i = 0; i < n && !*out; i++)
        if (!ex_equal(ev, v, arr_at(array, i), true, out))
            return false;
    return true;
}

static bool contains(struct ev *ev, struct val a, struct val b, bool *out)
{
    char number[EX_NUMBER_TEXT];
    struct val ignored;
    size_t len;
    if (is_array(b))
        return find_element(ev, a, b, out);
    if (is_string(b) && is_string(a))
        return find_text(ev, a, b, out);
    if (is_object(b) && is_string(a)) {
        const char *key = str_data(a, &len);
        *out = obj_get(b, key, len, &ignored);
        return true;
    }
    if (is_object(b) && is_number(a)) {
        len = ex_scalar_number_text(a, number);
        *out = obj_get(b, number, len, &ignored);
        return true;
    }
    return ex_fail(ev, "type_error", "\"in\" wants an element and an array, two strings, or a key and an object, not %s and %s",
                   ex_type_name(a), ex_type_name(b));
}

static bool ordered(struct ev *ev, enum tok op, struct val a, struct val b, bool *out)
{
    static const char *const names[] = {[T_LT] = "<", [T_LE] = "<=", [T_GT] = ">", [T_GE] = ">="};
    int order;
    if (!(is_number(a) && is_number(b)) && !(is_string(a) && is_string(b)))
        return ex_fail(ev, "type_error", "\"%s\" wants two numbers or two strings, not %s and %s", names[op], ex_type_name(a),
                       ex_type_name(b));
    if (!ex_less(ev, a, b, &order))
        return false;
    *out = order != 2 && (op == T_LT ? order < 0 : op == T_LE ? order <= 0 : op == T_GT ? order > 0 : order >= 0);
    return true;
}

static bool compare(struct ev *ev, enum tok op, struct val a, struct val b, bool *out)
{
    bool ok;
    switch (op) {
    case T_EQ:
    case T_NE:
    case T_EQ3:
    case T_NE3:
        ok = ex_equal(ev, a, b, op == T_EQ3 || op == T_NE3, out);
        *out ^= op == T_NE || op == T_NE3;
        return ok;
    case T_IN:
    case T_NOT_IN:
        ok = contains(ev, a, b, out);
        *out ^= op == T_NOT_IN;
        return ok;
    default:
        return ordered(ev, op, a, b, out);
    }
}

static bool eval_compare(struct ev *ev, const struct node *n, struct val *out)
{
    struct val a, b;
    bool result = false;
    if (!ex_eval(ev, n->a, &a))
        return false;
    if (!ex_eval(ev, n->b, &b)) {
        ex_release(ev, a);
        return false;
    }
    ev->pos = n->pos;
    bool ok = compare(ev, n->op, a, b, &result);
    ex_release(ev, a);
    ex_release(ev, b);
    *out = val_bool(result);
    return ok;
}

/* ---- arrays, objects, text ---- */

/* Its characters, one string each. */
static bool spread_string(struct ev *ev, struct arr **into, struct val v)
{
    size_t len;
    const char *s = str_data(v, &len);
    bool ok = true;
    for (size_t i = 0, n; ok && i < len; i += n) {
        struct val ch;
        n = utf8_size((unsigned char)s[i]);
        ok = ex_charge(ev, 1) && ex_str(ev, s + i, n, &ch) && ex_arr_push(ev, into, ch);
    }
    ex_release(ev, v);
    return ok;
}

bool ex_spread(struct ev *ev, struct arr **into, struct val v)
{
    if (is_string(v))
        return spread_string(ev, into, v);
    bool ok = is_array(v);
    if (!ok)
        ex_fail(ev, "type_error", "\"...\" wants an array or a string here, not %s", ex_type_name(v));
    for (size_t i = 0; ok && i < arr_len(v); i++)
        ok = ex_charge(ev, 1) && ex_arr_push(ev, into, ex_ref(arr_at(v, i)));
    ex_release(ev, v);
    return ok;
}

static bool eval_array(struct ev *ev, const struct node *n, struct val *out)
{
    struct arr *a = ex_arr_new(ev, n->n);
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < n->n; i++) {
        struct val v;
        ok = ex_eval(ev, n->items[i].node, &v);
        if (ok) {
            ev->pos = n->items[i].pos;
            ok = n->items[i].spread ? ex_spread(ev, &a, v) : ex_arr_push(ev, &a, v);
        }
    }
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool spread_object(struct ev *ev, struct obj *o, struct val v)
{
    struct obj_iter it;
    struct val key;
    bool ok = is_object(v) || is_nullish(v);
    if (!ok)
        ex_fail(ev, "type_error", "\"...\" wants an object here, not %s", ex_type_name(v));
    if (ok && is_object(v)) {
        obj_iter_init(&it, v);
        while (ok && obj_next(&it)) {
            ok = ex_charge(ev, 1) && ex_iter_key(ev, &it, &key);
            if (ok) {
                ok = ex_obj_set(ev, o, key.str, ex_ref(it.value));
                ex_release(ev, key);
            }
        }
    }
    ex_release(ev, v);
    return ok;
}

/* { [key]: v } */
static bool set_computed(struct ev *ev, struct obj *o, const struct item *it, struct val v)
{
    struct val key, text;
    bool ok = ex_eval(ev, it->key, &key);
    if (!ok) {
        ex_release(ev, v);
        return false;
    }
    ev->pos = it->pos;
    ok = is_string(key) || is_number(key);
    if (!ok)
        ex_fail(ev, "type_error", "a key wants a string or a number, not %s", ex_type_name(key));
    if (ok && key.type == V_JSTR) {
        size_t len;
        const char *s = str_data(key, &len);
        ok = ex_str(ev, s, len, &text);
    } else if (ok) {
        ok = ex_to_text(ev, key, &text);
    }
    ex_release(ev, key);
    if (!ok) {
        ex_release(ev, v);
        return false;
    }
    ok = ex_obj_set(ev, o, text.str, v);
    ex_release(ev, text);
    return ok;
}

static bool eval_object(struct ev *ev, const struct node *n, struct val *out)
{
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < n->n; i++) {
        const struct item *it = &n->items[i];
        struct val v;
        ok = ex_eval(ev, it->node, &v);
        if (!ok)
            break;
        ev->pos = it->pos;
        if (it->spread)
            ok = spread_object(ev, o, v);
        else if (it->key)
            ok = set_computed(ev, o, it, v);
        else
            ok = ex_obj_set(ev, o, it->name, v);
    }
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

static bool eval_text(struct ev *ev, const struct node *n, struct val *out)
{
    struct text t;
    text_init(&t, ev);
    t.strict = true;
    for (size_t i = 0; !t.failed && i < n->n; i++) {
        struct val v;
        if (!ex_eval(ev, n->items[i].node, &v)) {
            text_drop(&t);
            return false;
        }
        ev->pos = n->items[i].pos;
        bool ok = v.type != V_UNDEF || ex_fail(ev, "template_error", "the template's value is undefined");
        if (ok && is_number(v) && !isfinite(num_of(v)))
            ok = ex_fail(ev, "not_a_number", "the template's value is %s",
                         isnan(num_of(v)) ? "NaN" : num_of(v) < 0 ? "-Infinity" : "Infinity");
        if (ok && is_function(v))
            ok = ex_fail(ev, "type_error", "the template's value is a function");
        if (ok)
            ex_add_text(&t, v);
        else
            text_drop(&t);
        ex_release(ev, v);
    }
    return text_finish(&t, out);
}

static bool eval_cond(struct ev *ev, const struct node *n, struct val *out)
{
    while (n->type == N_COND) {
        struct val c;
        if (!ex_charge(ev, 1) || !ex_eval(ev, n->a, &c))
            return false;
        bool truth = ex_truthy(c);
        ex_release(ev, c);
        n = truth ? n->b : n->c;
        if (truth)
            break;
    }
    return ex_eval(ev, n, out);
}

bool ex_eval(struct ev *ev, const struct node *n, struct val *out)
{
    if (__builtin_expect(++ev->steps > EX_MAX_STEPS, 0)) {
        ev->pos = n->pos;
        return ex_too_costly(ev, "takes more than 10000000 steps");
    }
    switch (n->type) {
    case N_CONST:
        *out = n->value;
        return true;
    case N_SLOT:
        *out = ex_ref(ev->slots[n->slot]);
        return true;
    case N_NAME:
        return eval_name(ev, n, out);
    case N_PATH:
        return ex_eval_path(ev, n, out);
    case N_CHAIN:
        return eval_chain(ev, n, out);
    case N_LOGIC:
        return eval_logic(ev, n, out);
    case N_COMPARE:
        return eval_compare(ev, n, out);
    case N_PREFIX:
        return eval_prefix(ev, n, out);
    case N_COND:
        return eval_cond(ev, n, out);
    case N_CALL:
        return ex_eval_call(ev, n, out);
    case N_ARRAY:
        return eval_array(ev, n, out);
    case N_OBJECT:
        return eval_object(ev, n, out);
    case N_POWER:
        return eval_power(ev, n, out);
    case N_TEXT:
        return eval_text(ev, n, out);
    case N_ARROW:
        *out = (struct val){.type = V_FUNC, .func = n};
        return true;
    case N_BUILTIN: {
        const json_t *j = n->fn_name && ev->env && ev->env->lookup ? ev->env->lookup(ev->env->ctx, n->fn_name->data) : NULL;
        *out = j ? ex_of_json(j) : (struct val){.type = V_BUILTIN, .builtin = n->fn};
        return true;
    }
    }
    return false;
}
