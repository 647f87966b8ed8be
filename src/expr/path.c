/* SPDX-License-Identifier: Apache-2.0 */
/* Members, indexes, slices and calls. */
#include <math.h>
#include <string.h>

#include "expr/eval.h"
#include "expr/utf8.h"

/* ---- members ---- */

size_t ex_clamp(double at, size_t len)
{
    if (isnan(at))
        return 0;
    at = trunc(at);
    if (at < 0)
        at += (double)len;
    return at <= 0 ? 0 : at >= (double)len ? len : (size_t)at;
}

/* One code point of a string. */
static bool char_at(struct ev *ev, struct val v, double index, struct val *out)
{
    size_t len;
    const char *s = str_data(v, &len);
    if (index >= (double)len || !ex_charge_bytes(ev, (size_t)index)) {
        *out = val_undef();
        return index >= (double)len;
    }
    bool plain = v.type == V_STR && v.str->counted && v.str->chars == v.str->len;
    size_t at = plain ? (size_t)index : utf8_offset(s, len, (size_t)index);
    if (at >= len) {
        *out = val_undef();
        return true;
    }
    return ex_str(ev, s + at, utf8_size((unsigned char)s[at]), out);
}

static bool by_number(struct ev *ev, struct val v, double index, struct val *out)
{
    *out = val_undef();
    if (!(index >= 0) || index != trunc(index) || index >= 9007199254740992.0)
        return true;
    if (is_string(v))
        return char_at(ev, v, index, out);
    if (is_array(v) && index < (double)arr_len(v))
        *out = ex_ref(arr_at(v, (size_t)index));
    return true;
}

static bool by_name(struct ev *ev, struct val v, const char *key, size_t len, struct val *out)
{
    *out = val_undef();
    if (is_object(v)) {
        obj_get(v, key, len, out);
        ex_ref(*out);
        return true;
    }
    if (is_nullish(v))
        return ex_fail(ev, "type_error", "cannot read \"%.100s\" of %s", key, ex_type_name(v));
    if (len != 6 || memcmp(key, "length", 6) != 0)
        return true;
    if (is_array(v)) {
        *out = val_size(arr_len(v));
    } else if (is_string(v)) {
        size_t bytes;
        str_data(v, &bytes);
        *out = val_size(ex_str_chars(v));
        return ex_charge_bytes(ev, bytes);
    }
    return true;
}

bool ex_member(struct ev *ev, struct val v, struct val key, struct val *out)
{
    char number[EX_NUMBER_TEXT];
    size_t len;
    if (is_nullish(v)) {
        if (is_string(key))
            return by_name(ev, v, str_data(key, &len), 0, out); /* fails with the name */
        return ex_fail(ev, "type_error", "cannot read an element of %s", ex_type_name(v));
    }
    if (is_number(key)) {
        if (!is_object(v))
            return by_number(ev, v, num_of(key), out);
        len = ex_scalar_number_text(key, number);
        return by_name(ev, v, number, len, out);
    }
    if (is_string(key)) {
        const char *s = str_data(key, &len);
        return by_name(ev, v, s, len, out);
    }
    if (is_array(key) || is_object(key))
        return ex_fail(ev, "type_error", "an index wants a number or a string, not %s", ex_type_name(key));
    const char *word = key.type == V_BOOL ? (key.b ? "true" : "false") : key.type == V_NULL ? "null" : "undefined";
    return by_name(ev, v, word, strlen(word), out);
}

/* ---- slices ---- */

bool ex_slice(struct ev *ev, struct val v, size_t from, size_t to, struct val *out)
{
    size_t len;
    if (is_string(v)) {
        const char *s = str_data(v, &len);
        size_t a = utf8_offset(s, len, from);
        size_t b = to > from ? a + utf8_offset(s + a, len - a, to - from) : a;
        return ex_charge_bytes(ev, len) && ex_str(ev, s + a, b - a, out);
    }
    struct arr *a = ex_arr_new(ev, to > from ? to - from : 0);
    bool ok = a != NULL;
    for (size_t i = from; ok && i < to; i++)
        ok = ex_charge(ev, 1) && ex_arr_push(ev, &a, ex_ref(arr_at(v, i)));
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool bound(struct ev *ev, const struct node *n, size_t len, size_t fallback, size_t *out)
{
    struct val v = val_undef();
    if (n && !ex_eval(ev, n, &v))
        return false;
    bool ok = is_nullish(v) || is_number(v);
    if (ok)
        *out = is_nullish(v) ? fallback : ex_clamp(num_of(v), len);
    else
        ex_fail(ev, "type_error", "the bounds of a slice are numbers, not %s", ex_type_name(v));
    ex_release(ev, v);
    return ok;
}

static bool step_slice(struct ev *ev, struct val v, const struct step *s, struct val *out)
{
    if (!is_string(v) && !is_array(v))
        return ex_fail(ev, "type_error", "a slice wants a string or an array, not %s", ex_type_name(v));
    size_t len = is_string(v) ? ex_str_chars(v) : arr_len(v), from, to;
    if (!bound(ev, s->a, len, 0, &from) || !bound(ev, s->b, len, len, &to))
        return false;
    ev->pos = s->pos;
    return ex_slice(ev, v, from, to, out);
}

/* ---- calls ---- */

#define FEW 4

struct args {
    struct val few[FEW];
    struct val *v;
    size_t n;
    struct arr *heap;
};

static void args_free(struct ev *ev, struct args *a)
{
    if (a->heap)
        ex_release(ev, val_arr(a->heap));
    else
        ex_release_all(ev, a->v, a->n);
}

static bool args_many(struct ev *ev, const struct item *items, size_t n, struct args *a)
{
    a->heap = ex_arr_new(ev, n);
    for (size_t i = 0; a->heap && i < n; i++) {
        struct val v;
        if (!ex_eval(ev, items[i].node, &v))
            return false;
        ev->pos = items[i].pos;
        if (!(items[i].spread ? ex_spread(ev, &a->heap, v) : ex_arr_push(ev, &a->heap, v)))
            return false;
    }
    if (a->heap) {
        a->v = a->heap->items;
        a->n = a->heap->len;
    }
    return a->heap != NULL;
}

static bool args_eval(struct ev *ev, const struct item *items, size_t n, struct args *a)
{
    a->v = a->few;
    a->n = 0;
    a->heap = NULL;
    bool many = n > FEW;
    for (size_t i = 0; i < n && !many; i++)
        many = items[i].spread;
    if (many)
        return args_many(ev, items, n, a);
    for (size_t i = 0; i < n; i++) {
        if (!ex_eval(ev, items[i].node, &a->few[i]))
            return false;
        a->n++;
    }
    return true;
}

bool ex_call(struct ev *ev, const struct builtin *fn, struct val self, const struct val *args, size_t n, struct val *out)
{
    struct call c = {.fn = fn, .self = self, .args = args, .n = n};
    if (n < fn->min || (fn->max != ARGS_ANY && n > fn->max)) {
        unsigned want = n < fn->min ? fn->min : fn->max;
        return ex_fail(ev, "type_error", "%s() takes %s%u argument%s, not %zu", fn->name,
                       fn->min == fn->max ? "" : n < fn->min ? "at least " : "at most ", want, want == 1 ? "" : "s", n);
    }
    for (size_t i = 0; i < n; i++)
        if (is_function(args[i]) && !(i < 8 && fn->functions >> i & 1))
            return ex_fail(ev, "type_error", "%s() takes no function as argument %zu", fn->name, i + 1);
    return fn->run(ev, &c, out);
}

bool ex_eval_call(struct ev *ev, const struct node *n, struct val *out)
{
    struct args a;
    bool ok = args_eval(ev, n->items, n->n, &a);
    ev->pos = ok ? n->pos : ev->pos;
    ok = ok && ex_call(ev, n->fn, val_undef(), a.v, a.n, out);
    args_free(ev, &a);
    return ok;
}

static bool unpack(struct ev *ev, const struct unpack *u)
{
    struct val v = ev->slots[u->from];
    ev->pos = u->pos;
    if (u->key)
        return is_object(v) || is_nullish(v) ? by_name(ev, v, u->key->data, u->key->len, &ev->slots[u->to])
                                             : ex_fail(ev, "type_error", "the parameter {...} wants an object, not %s", ex_type_name(v));
    if (!is_array(v))
        return ex_fail(ev, "type_error", "the parameter [...] wants an array, not %s", ex_type_name(v));
    return by_number(ev, v, u->index, &ev->slots[u->to]);
}

static bool apply_arrow(struct ev *ev, const struct node *f, const struct val *args, size_t n, struct val *out)
{
    struct val *slots = ev->slots + f->first_slot;
    bool ok = true;
    size_t used = f->params;
    for (size_t i = 0; i < f->params; i++)
        slots[i] = i < n ? ex_ref(args[i]) : val_undef();
    for (size_t i = 0; ok && i < f->nunpacks; i++, used++)
        ok = unpack(ev, &f->unpacks[i]);
    ok = ok && ex_eval(ev, f->body, out);
    for (size_t i = 0; i < used; i++) {
        ex_release(ev, slots[i]);
        slots[i] = val_undef();
    }
    return ok;
}

bool ex_apply(struct ev *ev, struct val f, const struct val *args, size_t n, size_t library_args, struct val *out)
{
    uint32_t pos = ev->pos;
    if (!ex_charge(ev, 1))
        return false;
    if (f.type == V_FUNC) {
        if (!apply_arrow(ev, f.func, args, n, out))
            return false;
    } else {
        size_t most = f.builtin->max < library_args ? f.builtin->max : library_args;
        if (!ex_call(ev, f.builtin, val_undef(), args, n < most ? n : most, out))
            return false;
    }
    ev->pos = pos;
    return true;
}

static const struct builtin *method_of(const struct method *m, struct val v)
{
    const struct builtin *fn = is_string(v)   ? m->of[R_STRING]
                               : is_array(v)  ? m->of[R_ARRAY]
                               : is_number(v) ? m->of[R_NUMBER]
                               : is_object(v) ? m->of[R_OBJECT]
                                              : NULL;
    return fn ? fn : m->any;
}

static bool step_method(struct ev *ev, struct val v, const struct step *s, struct val *out)
{
    struct val own;
    struct args a;
    if (is_nullish(v))
        return ex_fail(ev, "type_error", "cannot call \"%.100s\" of %s", s->name->data, ex_type_name(v));
    if (is_object(v) && obj_get(v, s->name->data, s->name->len, &own))
        return ex_fail(ev, "type_error", "\"%.100s\" is a key of the object with a value that is no function (%s)", s->name->data,
                       ex_type_name(own));
    const struct builtin *fn = method_of(s->method, v);
    if (!fn)
        return ex_fail(ev, "type_error", "\"%.100s\" is no method of %s", s->name->data, ex_type_name(v));
    bool ok = args_eval(ev, s->args, s->nargs, &a);
    ev->pos = ok ? s->pos : ev->pos;
    ok = ok && ex_call(ev, fn, v, a.v, a.n, out);
    args_free(ev, &a);
    return ok;
}

/* ---- paths ---- */

static bool step_index(struct ev *ev, struct val v, const struct step *s, struct val *out)
{
    struct val key;
    if (!ex_eval(ev, s->a, &key))
        return false;
    ev->pos = s->pos;
    bool ok = ex_member(ev, v, key, out);
    ex_release(ev, key);
    return ok;
}

static bool take_step(struct ev *ev, struct val v, const struct step *s, struct val *out)
{
    ev->pos = s->pos;
    switch (s->type) {
    case S_MEMBER:
        return by_name(ev, v, s->name->data, s->name->len, out);
    case S_INDEX:
        return step_index(ev, v, s, out);
    case S_SLICE:
        return step_slice(ev, v, s, out);
    case S_METHOD:
        return step_method(ev, v, s, out);
    }
    return false;
}

bool ex_eval_path(struct ev *ev, const struct node *n, struct val *out)
{
    struct val cur, next;
    if (!ex_eval(ev, n->base, &cur))
        return false;
    for (size_t i = 0; i < n->nsteps; i++) {
        const struct step *s = &n->steps[i];
        if (s->optional && is_nullish(cur)) {
            cur = val_undef(); /* as in JavaScript the rest of the path is skipped */
            break;
        }
        bool ok = ex_charge(ev, 1) && take_step(ev, cur, s, &next);
        ex_release(ev, cur);
        if (!ok)
            return false;
        cur = next;
    }
    *out = cur;
    return true;
}
