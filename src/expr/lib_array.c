/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of arrays that take a function: map, filter, reduce, find and their kin.  Functions are given (item, index,
 * array) as in JavaScript; functions of the library only the item. */
#include <string.h>

#include "expr/lib.h"

/* f(item, index, array) */
static bool apply_item(struct ev *ev, const struct call *c, struct val f, size_t i, struct val *out)
{
    struct val args[3] = {arr_at(c->self, i), val_size(i), c->self};
    return ex_apply(ev, f, args, 3, 1, out);
}

static bool apply_test(struct ev *ev, const struct call *c, size_t i, bool *truth)
{
    struct val v;
    if (!apply_item(ev, c, c->args[0], i, &v))
        return false;
    *truth = ex_truthy(v);
    ex_release(ev, v);
    return true;
}

static bool finish(struct ev *ev, bool ok, struct arr *a, struct val *out)
{
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool array_map(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = arr_len(c->self);
    struct arr *a = arg_function(ev, c, 0) ? ex_arr_new(ev, n) : NULL;
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        struct val v;
        ok = apply_item(ev, c, c->args[0], i, &v) && ex_arr_push(ev, &a, v);
    }
    return finish(ev, ok, a, out);
}

static bool array_filter(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = arr_len(c->self);
    struct arr *a = arg_function(ev, c, 0) ? ex_arr_new(ev, 0) : NULL;
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        bool keep;
        ok = apply_test(ev, c, i, &keep);
        if (ok && keep)
            ok = ex_arr_push(ev, &a, ex_ref(arr_at(c->self, i)));
    }
    return finish(ev, ok, a, out);
}

static bool array_flat_map(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = arr_len(c->self);
    struct arr *a = arg_function(ev, c, 0) ? ex_arr_new(ev, n) : NULL;
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        struct val v;
        ok = apply_item(ev, c, c->args[0], i, &v);
        if (ok && !is_array(v)) {
            ok = ex_arr_push(ev, &a, v);
        } else if (ok) {
            for (size_t k = 0; ok && k < arr_len(v); k++)
                ok = ex_charge(ev, 1) && ex_arr_push(ev, &a, ex_ref(arr_at(v, k)));
            ex_release(ev, v);
        }
    }
    return finish(ev, ok, a, out);
}

static bool reduce(struct ev *ev, const struct call *c, bool right, struct val *out)
{
    size_t n = arr_len(c->self), i = 0;
    if (!arg_function(ev, c, 0))
        return false;
    if (n == 0 && c->n < 2)
        return ex_fail(ev, "type_error", "%s() of an empty array wants a start value", c->fn->name);
    struct val acc = ex_ref(c->n > 1 ? c->args[1] : arr_at(c->self, right ? n - 1 : 0));
    for (i = c->n > 1 ? 0 : 1; i < n; i++) {
        size_t at = right ? n - 1 - i : i;
        struct val next, args[4] = {acc, arr_at(c->self, at), val_size(at), c->self};
        bool ok = ex_apply(ev, c->args[0], args, 4, 2, &next);
        ex_release(ev, acc);
        if (!ok)
            return false;
        acc = next;
    }
    *out = acc;
    return true;
}

static bool array_reduce(struct ev *ev, const struct call *c, struct val *out)
{
    return reduce(ev, c, false, out);
}

static bool array_reduce_right(struct ev *ev, const struct call *c, struct val *out)
{
    return reduce(ev, c, true, out);
}

/* The index of the first (last) item that the function says yes to; found is false when there is none. */
static bool search(struct ev *ev, const struct call *c, bool last, bool wanted, size_t *index, bool *found)
{
    size_t n = arr_len(c->self);
    *found = false;
    if (!arg_function(ev, c, 0))
        return false;
    for (size_t i = 0; i < n && !*found; i++) {
        bool truth;
        *index = last ? n - 1 - i : i;
        if (!apply_test(ev, c, *index, &truth))
            return false;
        *found = truth == wanted;
    }
    return true;
}

static bool find_item(struct ev *ev, const struct call *c, bool last, struct val *out)
{
    size_t i;
    bool found;
    if (!search(ev, c, last, true, &i, &found))
        return false;
    *out = found ? ex_ref(arr_at(c->self, i)) : val_undef();
    return true;
}

static bool find_index(struct ev *ev, const struct call *c, bool last, struct val *out)
{
    size_t i;
    bool found;
    if (!search(ev, c, last, true, &i, &found))
        return false;
    *out = found ? val_size(i) : val_num(-1);
    return true;
}

static bool array_find(struct ev *ev, const struct call *c, struct val *out)
{
    return find_item(ev, c, false, out);
}
static bool array_find_last(struct ev *ev, const struct call *c, struct val *out)
{
    return find_item(ev, c, true, out);
}
static bool array_find_index(struct ev *ev, const struct call *c, struct val *out)
{
    return find_index(ev, c, false, out);
}
static bool array_find_last_index(struct ev *ev, const struct call *c, struct val *out)
{
    return find_index(ev, c, true, out);
}

static bool array_some(struct ev *ev, const struct call *c, struct val *out)
{
    size_t i;
    bool found;
    if (!search(ev, c, false, true, &i, &found))
        return false;
    *out = val_bool(found);
    return true;
}

static bool array_every(struct ev *ev, const struct call *c, struct val *out)
{
    size_t i;
    bool found;
    if (!search(ev, c, false, false, &i, &found))
        return false;
    *out = val_bool(!found);
    return true;
}

/* ---- groups ---- */

static bool key_of(struct ev *ev, const struct call *c, size_t i, struct val *out)
{
    struct val v;
    if (!apply_item(ev, c, c->args[0], i, &v))
        return false;
    bool ok = v.type == V_STR || is_number(v) || v.type == V_BOOL || v.type == V_NULL;
    if (v.type == V_STR) {
        *out = v;
        return true;
    }
    if (v.type == V_JSTR) {
        size_t len;
        const char *s = str_data(v, &len);
        return ex_str(ev, s, len, out);
    }
    if (!ok)
        ex_fail(ev, "type_error", "%s() wants a function that gives strings, numbers, booleans or null, not %s", c->fn->name, ex_type_name(v));
    else
        ok = ex_to_text(ev, v, out);
    ex_release(ev, v);
    return ok;
}

/* The array of a group is only ours while it grows, so that it may grow in place. */
static bool add_to_group(struct ev *ev, struct obj *o, struct str *key, struct val item)
{
    struct val group;
    if (!obj_get(val_obj(o), key->data, key->len, &group)) {
        struct arr *a = ex_arr_new(ev, 1);
        if (!a || !ex_obj_set(ev, o, key, val_arr(a)))
            return false;
        obj_get(val_obj(o), key->data, key->len, &group);
    }
    for (size_t i = 0; i < o->len; i++) {
        if (o->members[i].value.arr != group.arr)
            continue;
        struct arr *a = group.arr;
        bool ok = ex_arr_push(ev, &a, ex_ref(item));
        o->members[i].value = val_arr(a);
        if (a->depth >= o->depth)
            o->depth = a->depth + 1;
        return ok;
    }
    return false;
}

static bool group(struct ev *ev, const struct call *c, bool many, struct val *out)
{
    size_t n = arr_len(c->self);
    struct obj *o = arg_function(ev, c, 0) ? ex_obj_new(ev) : NULL;
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        struct val key;
        ok = key_of(ev, c, i, &key);
        if (!ok)
            break;
        ok = many ? ex_charge(ev, o->len / 8 + 1) && add_to_group(ev, o, key.str, arr_at(c->self, i))
                  : ex_obj_set(ev, o, key.str, ex_ref(arr_at(c->self, i)));
        ex_release(ev, key);
    }
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

static bool array_group_by(struct ev *ev, const struct call *c, struct val *out)
{
    return group(ev, c, true, out);
}

static bool array_key_by(struct ev *ev, const struct call *c, struct val *out)
{
    return group(ev, c, false, out);
}

const struct builtin lib_array_methods[] = {
    {"map", array_map, 1, 1, 1},
    {"filter", array_filter, 1, 1, 1},
    {"flatMap", array_flat_map, 1, 1, 1},
    {"reduce", array_reduce, 1, 2, 1},
    {"reduceRight", array_reduce_right, 1, 2, 1},
    {"find", array_find, 1, 1, 1},
    {"findLast", array_find_last, 1, 1, 1},
    {"findIndex", array_find_index, 1, 1, 1},
    {"findLastIndex", array_find_last_index, 1, 1, 1},
    {"some", array_some, 1, 1, 1},
    {"every", array_every, 1, 1, 1},
    {"groupBy", array_group_by, 1, 1, 1},
    {"keyBy", array_key_by, 1, 1, 1},
    {0},
};
