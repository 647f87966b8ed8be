/* SPDX-License-Identifier: Apache-2.0 */
/* Selecting and combining: pick, omit, merge and mapValues of objects; uniqueBy, minBy, maxBy, countBy, partition, union,
 * intersection and difference of arrays; average and median. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "expr/lib.h"

#define DEEPEST 500

static bool finish_object(struct ev *ev, bool ok, struct obj *o, struct val *out)
{
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

static bool finish_array(struct ev *ev, bool ok, struct arr *a, struct val *out)
{
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

/* ---- objects ---- */

static bool put(struct ev *ev, struct obj *o, const struct obj_iter *it, struct val v)
{
    struct val key;
    if (!ex_iter_key(ev, it, &key)) {
        ex_release(ev, v);
        return false;
    }
    bool ok = ex_obj_set(ev, o, key.str, v);
    ex_release(ev, key);
    return ok;
}

static bool is_listed(struct ev *ev, struct val keys, const struct obj_iter *it, bool *out)
{
    *out = false;
    for (size_t i = 0; !*out && i < arr_len(keys); i++) {
        struct val key = arr_at(keys, i);
        size_t len;
        if (!ex_charge(ev, 1))
            return false;
        if (!is_string(key))
            continue;
        const char *s = str_data(key, &len);
        *out = len == it->key_len && memcmp(s, it->key, len) == 0;
    }
    return true;
}

/* pick: in the order of the object, as omit. */
static bool select_keys(struct ev *ev, const struct call *c, bool listed, struct val *out)
{
    struct obj_iter it;
    bool in;
    if (!arg_object(ev, c, 0) || !arg_array(ev, c, 1))
        return false;
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    obj_iter_init(&it, c->args[0]);
    while (ok && obj_next(&it))
        ok = is_listed(ev, c->args[1], &it, &in) && (in != listed || put(ev, o, &it, ex_ref(it.value)));
    return finish_object(ev, ok, o, out);
}

static bool pick(struct ev *ev, const struct call *c, struct val *out)
{
    return select_keys(ev, c, true, out);
}

static bool omit(struct ev *ev, const struct call *c, struct val *out)
{
    return select_keys(ev, c, false, out);
}

static bool merged(struct ev *ev, struct val a, struct val b, unsigned depth, struct val *out);

/* The members of `from` over those of *o. */
static bool merge_into(struct ev *ev, struct obj *o, struct val from, unsigned depth)
{
    struct obj_iter it;
    obj_iter_init(&it, from);
    while (obj_next(&it)) {
        struct val old, v;
        bool both = is_object(it.value) && obj_get(val_obj(o), it.key, it.key_len, &old) && is_object(old);
        if (!ex_charge(ev, 1) || (both && !merged(ev, old, it.value, depth + 1, &v)))
            return false;
        if (!both)
            v = ex_ref(it.value);
        if (!put(ev, o, &it, v))
            return false;
    }
    return true;
}

static bool merged(struct ev *ev, struct val a, struct val b, unsigned depth, struct val *out)
{
    if (depth > DEEPEST)
        return ex_too_costly(ev, "merges objects that are nested too deeply");
    struct obj *o = ex_obj_new(ev);
    bool ok = o && merge_into(ev, o, a, depth) && merge_into(ev, o, b, depth);
    return finish_object(ev, ok, o, out);
}

/* merge(a, b, ...): objects within objects are merged, too; all else of the later one replaces. */
static bool merge(struct ev *ev, const struct call *c, struct val *out)
{
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < c->n; i++)
        ok = is_nullish(c->args[i]) || (arg_object(ev, c, i) && merge_into(ev, o, c->args[i], 0));
    return finish_object(ev, ok, o, out);
}

static bool map_values(struct ev *ev, const struct call *c, struct val *out)
{
    struct obj_iter it;
    if (!arg_object(ev, c, 0) || !arg_function(ev, c, 1))
        return false;
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    obj_iter_init(&it, c->args[0]);
    while (ok && obj_next(&it)) {
        struct val args[2] = {it.value}, v;
        ok = ex_iter_key(ev, &it, &args[1]);
        if (!ok)
            break;
        ok = ex_apply(ev, c->args[1], args, 2, 1, &v) && put(ev, o, &it, v);
        ex_release(ev, args[1]);
    }
    return finish_object(ev, ok, o, out);
}

/* ---- arrays ---- */

static bool contains(struct ev *ev, struct val list, struct val v, bool *out)
{
    *out = false;
    for (size_t i = 0; !*out && i < arr_len(list); i++)
        if (!ex_equal(ev, arr_at(list, i), v, true, out))
            return false;
    return true;
}

/* Each value of `from` once that is in `other`, or is not, and is not in *a yet. */
static bool add_chosen(struct ev *ev, struct arr **a, struct val from, struct val other, bool wanted)
{
    for (size_t i = 0; i < arr_len(from); i++) {
        struct val v = arr_at(from, i);
        bool in, seen;
        if (!contains(ev, other, v, &in) || !contains(ev, val_arr(*a), v, &seen))
            return false;
        if (in == wanted && !seen && !ex_arr_push(ev, a, ex_ref(v)))
            return false;
    }
    return true;
}

static bool choose(struct ev *ev, const struct call *c, bool wanted, struct val *out)
{
    struct arr *a = arg_array(ev, c, 0) ? ex_arr_new(ev, 0) : NULL;
    bool ok = a && add_chosen(ev, &a, c->self, c->args[0], wanted);
    return finish_array(ev, ok, a, out);
}

static bool array_intersection(struct ev *ev, const struct call *c, struct val *out)
{
    return choose(ev, c, true, out);
}

static bool array_difference(struct ev *ev, const struct call *c, struct val *out)
{
    return choose(ev, c, false, out);
}

static bool array_union(struct ev *ev, const struct call *c, struct val *out)
{
    struct arr *none = arg_array(ev, c, 0) ? ex_arr_new(ev, 0) : NULL, *a = none ? ex_arr_new(ev, 0) : NULL;
    bool ok = a && add_chosen(ev, &a, c->self, val_arr(none), false) && add_chosen(ev, &a, c->args[0], val_arr(none), false);
    if (none)
        ex_release(ev, val_arr(none));
    return finish_array(ev, ok, a, out);
}

static bool key_of(struct ev *ev, const struct call *c, size_t i, struct val *out)
{
    struct val args[2] = {arr_at(c->self, i), val_size(i)};
    return ex_apply(ev, c->args[0], args, 2, 1, out);
}

/* The first of those whose keys are equal. */
static bool array_unique_by(struct ev *ev, const struct call *c, struct val *out)
{
    if (!arg_function(ev, c, 0))
        return false;
    struct arr *keys = ex_arr_new(ev, 0), *a = keys ? ex_arr_new(ev, 0) : NULL;
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < arr_len(c->self); i++) {
        struct val key;
        bool seen;
        ok = key_of(ev, c, i, &key);
        if (!ok)
            break;
        ok = contains(ev, val_arr(keys), key, &seen);
        if (!ok || seen)
            ex_release(ev, key);
        else
            ok = ex_arr_push(ev, &keys, key) && ex_arr_push(ev, &a, ex_ref(arr_at(c->self, i)));
    }
    if (keys)
        ex_release(ev, val_arr(keys));
    return finish_array(ev, ok, a, out);
}

static bool comparable(struct ev *ev, const struct call *c, struct val a, struct val b)
{
    return (is_number(a) && is_number(b)) || (is_string(a) && is_string(b)) ||
           ex_fail(ev, "type_error", "%s() wants only numbers or only strings from its function; found %s and %s", c->fn->name,
                   ex_type_name(a), ex_type_name(b));
}

/* The first element whose key is the least (sign 1) or the greatest (-1); undefined when there is none. */
static bool extreme(struct ev *ev, const struct call *c, int sign, struct val *out)
{
    struct val best = val_undef();
    size_t at = 0;
    if (!arg_function(ev, c, 0))
        return false;
    for (size_t i = 0; i < arr_len(c->self); i++) {
        struct val key;
        int order = -sign;
        bool known = key_of(ev, c, i, &key), ok = known && comparable(ev, c, i ? best : key, key);
        if (!ok || (i && !ex_less(ev, key, best, &order))) {
            ex_release(ev, known ? key : val_undef());
            ex_release(ev, best);
            return false;
        }
        bool better = order == -sign;
        ex_release(ev, better ? best : key);
        if (better) {
            best = key;
            at = i;
        }
    }
    ex_release(ev, best);
    *out = arr_len(c->self) ? ex_ref(arr_at(c->self, at)) : val_undef();
    return true;
}

static bool array_min_by(struct ev *ev, const struct call *c, struct val *out)
{
    return extreme(ev, c, 1, out);
}

static bool array_max_by(struct ev *ev, const struct call *c, struct val *out)
{
    return extreme(ev, c, -1, out);
}

static bool count_one(struct ev *ev, struct obj *o, struct val key)
{
    struct val text, old;
    if (!ex_to_text(ev, key, &text))
        return false;
    double n = obj_get(val_obj(o), text.str->data, text.str->len, &old) ? num_of(old) : 0;
    bool ok = ex_obj_set(ev, o, text.str, val_num(n + 1));
    ex_release(ev, text);
    return ok;
}

static bool array_count_by(struct ev *ev, const struct call *c, struct val *out)
{
    if (!arg_function(ev, c, 0))
        return false;
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < arr_len(c->self); i++) {
        struct val key;
        ok = key_of(ev, c, i, &key);
        if (!ok)
            break;
        ok = count_one(ev, o, key);
        ex_release(ev, key);
    }
    return finish_object(ev, ok, o, out);
}

/* [those for which it is true, the others] */
static bool array_partition(struct ev *ev, const struct call *c, struct val *out)
{
    if (!arg_function(ev, c, 0))
        return false;
    struct arr *both = ex_arr_new(ev, 2), *yes = both ? ex_arr_new(ev, 0) : NULL, *no = yes ? ex_arr_new(ev, 0) : NULL;
    bool ok = no != NULL;
    for (size_t i = 0; ok && i < arr_len(c->self); i++) {
        struct val v;
        ok = key_of(ev, c, i, &v);
        if (!ok)
            break;
        ok = ex_arr_push(ev, ex_truthy(v) ? &yes : &no, ex_ref(arr_at(c->self, i)));
        ex_release(ev, v);
    }
    if (!ok) {
        if (yes)
            ex_release(ev, val_arr(yes));
        if (no)
            ex_release(ev, val_arr(no));
    } else {
        ok = ex_arr_push(ev, &both, val_arr(yes));
        if (ok)
            ok = ex_arr_push(ev, &both, val_arr(no));
        else
            ex_release(ev, val_arr(no));
    }
    return finish_array(ev, ok, both, out);
}

/* ---- numbers ---- */

/* The numbers of argument 0 in `*out`, to be given back with ex_free; false also when there are none. */
static bool numbers(struct ev *ev, const struct call *c, double **out, size_t *n)
{
    if (!arg_array(ev, c, 0))
        return false;
    *n = arr_len(c->args[0]);
    if (*n == 0)
        return ex_fail(ev, "type_error", "%s() of an empty array", c->fn->name);
    if (!ex_charge(ev, *n) || !(*out = ex_alloc(ev, *n * sizeof **out)))
        return false;
    for (size_t i = 0; i < *n; i++) {
        struct val v = arr_at(c->args[0], i);
        if (!is_number(v)) {
            ex_free(ev, *out, *n * sizeof **out);
            return ex_fail(ev, "type_error", "%s() wants an array of numbers, found %s", c->fn->name, ex_type_name(v));
        }
        (*out)[i] = num_of(v);
    }
    return true;
}

static bool average(struct ev *ev, const struct call *c, struct val *out)
{
    double *v, sum = 0;
    size_t n;
    if (!numbers(ev, c, &v, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    ex_free(ev, v, n * sizeof *v);
    *out = val_num(sum / (double)n);
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool median(struct ev *ev, const struct call *c, struct val *out)
{
    double *v;
    size_t n;
    if (!numbers(ev, c, &v, &n))
        return false;
    bool ok = ex_charge(ev, n * 20);
    qsort(v, n, sizeof *v, by_value);
    *out = val_num(n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2);
    ex_free(ev, v, n * sizeof *v);
    return ok;
}

const struct builtin lib_select[] = {
    {"pick", pick, 2, 2, 0},
    {"omit", omit, 2, 2, 0},
    {"merge", merge, 1, ARGS_ANY, 0},
    {"mapValues", map_values, 2, 2, 2},
    {"average", average, 1, 1, 0},
    {"median", median, 1, 1, 0},
    {0},
};

const struct builtin lib_select_methods[] = {
    {"uniqueBy", array_unique_by, 1, 1, 1},
    {"minBy", array_min_by, 1, 1, 1},
    {"maxBy", array_max_by, 1, 1, 1},
    {"countBy", array_count_by, 1, 1, 1},
    {"partition", array_partition, 1, 1, 1},
    {"union", array_union, 1, 1, 0},
    {"intersection", array_intersection, 1, 1, 0},
    {"difference", array_difference, 1, 1, 0},
    {0},
};
