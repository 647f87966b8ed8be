/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of arrays that rearrange or search: slice, concat, flat, sort, reverse, join, includes ... and the functions
 * sorted, reversed, list.  None changes its array. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "expr/lib.h"
#include "expr/utf8.h"

static bool finish(struct ev *ev, bool ok, struct arr *a, struct val *out)
{
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool push_all(struct ev *ev, struct arr **a, struct val v)
{
    for (size_t i = 0; i < arr_len(v); i++)
        if (!ex_charge(ev, 1) || !ex_arr_push(ev, a, ex_ref(arr_at(v, i))))
            return false;
    return true;
}

static bool array_at(struct ev *ev, const struct call *c, struct val *out)
{
    double d;
    size_t n = arr_len(c->self);
    if (!arg_number(ev, c, 0, &d))
        return false;
    d = isnan(d) ? 0 : trunc(d);
    if (d < 0)
        d += (double)n;
    *out = d >= 0 && d < (double)n ? ex_ref(arr_at(c->self, (size_t)d)) : val_undef();
    return true;
}

static bool array_first(struct ev *ev, const struct call *c, struct val *out)
{
    (void)ev;
    *out = arr_len(c->self) ? ex_ref(arr_at(c->self, 0)) : val_undef();
    return true;
}

static bool array_last(struct ev *ev, const struct call *c, struct val *out)
{
    (void)ev;
    size_t n = arr_len(c->self);
    *out = n ? ex_ref(arr_at(c->self, n - 1)) : val_undef();
    return true;
}

static bool array_slice(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = arr_len(c->self), from, to;
    return arg_position(ev, c, 0, n, 0, &from) && arg_position(ev, c, 1, n, n, &to) && ex_slice(ev, c->self, from, to, out);
}

static bool array_concat(struct ev *ev, const struct call *c, struct val *out)
{
    struct arr *a = ex_arr_new(ev, arr_len(c->self));
    bool ok = a && push_all(ev, &a, c->self);
    for (size_t i = 0; ok && i < c->n; i++)
        ok = is_array(c->args[i]) ? push_all(ev, &a, c->args[i]) : ex_arr_push(ev, &a, ex_ref(c->args[i]));
    return finish(ev, ok, a, out);
}

static bool flatten(struct ev *ev, struct arr **a, struct val v, size_t depth)
{
    for (size_t i = 0; i < arr_len(v); i++) {
        struct val item = arr_at(v, i);
        if (!ex_charge(ev, 1))
            return false;
        if (depth && is_array(item) ? !flatten(ev, a, item, depth - 1) : !ex_arr_push(ev, a, ex_ref(item)))
            return false;
    }
    return true;
}

static bool array_flat(struct ev *ev, const struct call *c, struct val *out)
{
    double depth = 1;
    if (arg_given(c, 0) && !arg_number(ev, c, 0, &depth))
        return false;
    struct arr *a = ex_arr_new(ev, arr_len(c->self));
    bool ok = a && flatten(ev, &a, c->self, depth >= 1000 ? 1000 : depth >= 1 ? (size_t)depth : 0);
    return finish(ev, ok, a, out);
}

static bool reversed(struct ev *ev, struct val v, struct val *out)
{
    size_t n = arr_len(v);
    struct arr *a = ex_arr_new(ev, n);
    bool ok = a && ex_charge(ev, n);
    for (size_t i = n; ok && i-- > 0;)
        ok = ex_arr_push(ev, &a, ex_ref(arr_at(v, i)));
    return finish(ev, ok, a, out);
}

static bool array_reverse(struct ev *ev, const struct call *c, struct val *out)
{
    return reversed(ev, c->self, out);
}

static bool core_reversed(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_array(ev, c, 0) && reversed(ev, c->args[0], out);
}

static bool array_join(struct ev *ev, const struct call *c, struct val *out)
{
    struct text t;
    const char *sep = ",";
    size_t sep_len = 1, n = arr_len(c->self);
    if (arg_given(c, 0) && !(sep = arg_string(ev, c, 0, &sep_len)))
        return false;
    if (!ex_charge(ev, n))
        return false;
    text_init(&t, ev);
    for (size_t i = 0; i < n && !t.failed; i++) {
        struct val v = arr_at(c->self, i);
        if (i)
            text_add(&t, sep, sep_len);
        if (!is_nullish(v))
            ex_add_text(&t, v);
    }
    return text_finish(&t, out);
}

/* ---- search ---- */

static bool is_nan(struct val v)
{
    return v.type == V_NUM && isnan(v.num);
}

/* Index of the argument in [from, n), or -1; from the end when `last`. */
static bool index_of(struct ev *ev, const struct call *c, bool last, bool nan, double *out)
{
    size_t n = arr_len(c->self), from;
    if (!arg_position(ev, c, 1, n, last && n ? n - 1 : 0, &from))
        return false;
    size_t count = last ? (from < n ? from + 1 : n) : n - from;
    for (size_t k = 0; k < count; k++) {
        size_t i = last ? count - 1 - k : from + k;
        bool same;
        if (!ex_equal(ev, arr_at(c->self, i), c->args[0], true, &same))
            return false;
        if (same || (nan && is_nan(c->args[0]) && is_nan(arr_at(c->self, i)))) {
            *out = (double)i;
            return true;
        }
    }
    *out = -1;
    return true;
}

static bool array_index_of(struct ev *ev, const struct call *c, struct val *out)
{
    double i;
    if (!index_of(ev, c, false, false, &i))
        return false;
    *out = val_num(i);
    return true;
}

static bool array_last_index_of(struct ev *ev, const struct call *c, struct val *out)
{
    double i;
    if (!index_of(ev, c, true, false, &i))
        return false;
    *out = val_num(i);
    return true;
}

static bool array_includes(struct ev *ev, const struct call *c, struct val *out)
{
    double i;
    if (!index_of(ev, c, false, true, &i))
        return false;
    *out = val_bool(i >= 0);
    return true;
}

static bool array_count(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = 0;
    for (size_t i = 0; i < arr_len(c->self); i++) {
        bool same;
        if (!ex_equal(ev, arr_at(c->self, i), c->args[0], true, &same))
            return false;
        n += same;
    }
    *out = val_size(n);
    return true;
}

/* Each value once, the first of equal ones; equal as ===.  Quadratic, and charged so. */
static bool array_unique(struct ev *ev, const struct call *c, struct val *out)
{
    struct arr *a = ex_arr_new(ev, 0);
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < arr_len(c->self); i++) {
        struct val v = arr_at(c->self, i);
        bool seen = false;
        for (size_t k = 0; ok && !seen && k < a->len; k++) {
            ok = ex_equal(ev, v, a->items[k], true, &seen);
            seen |= is_nan(v) && is_nan(a->items[k]);
        }
        if (ok && !seen)
            ok = ex_arr_push(ev, &a, ex_ref(v));
    }
    return finish(ev, ok, a, out);
}

static bool array_chunk(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = arr_len(c->self), size;
    if (!arg_count(ev, c, 0, 1, EX_MAX_LIVE, &size))
        return false;
    if (size == 0)
        return ex_fail(ev, "type_error", "chunk() wants a size of at least 1");
    struct arr *a = ex_arr_new(ev, (n + size - 1) / size);
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < n; i += size) {
        struct val part;
        ok = ex_slice(ev, c->self, i, n - i < size ? n : i + size, &part) && ex_arr_push(ev, &a, part);
    }
    return finish(ev, ok, a, out);
}

/* ---- sort: a stable merge sort ---- */

struct sorting {
    struct ev *ev;
    const struct call *c;
    struct val function; /* comparator, or V_UNDEF */
    bool by_key;         /* items are [key, value] */
};

/* *after: does a stand behind b? */
static bool stands_after(struct sorting *s, struct val a, struct val b, bool *after)
{
    struct val v, args[2] = {a, b};
    int order;
    if (!ex_charge(s->ev, 1))
        return false;
    if (s->by_key) {
        args[0] = a.arr->items[0];
        args[1] = b.arr->items[0];
    }
    if (s->function.type == V_UNDEF || s->by_key) {
        if (!ex_less(s->ev, args[0], args[1], &order))
            return false;
        *after = order == 1;
        return true;
    }
    if (!ex_apply(s->ev, s->function, args, 2, 2, &v))
        return false;
    bool ok = is_number(v);
    if (ok)
        *after = num_of(v) > 0;
    else
        ex_fail(s->ev, "type_error", "%s() wants a function that gives a number (negative: a before b), not %s", s->c->fn->name, ex_type_name(v));
    ex_release(s->ev, v);
    return ok;
}

static bool merge(struct sorting *s, const struct val *from, struct val *to, size_t a, size_t mid, size_t end)
{
    size_t i = a, k = mid;
    for (size_t o = a; o < end; o++) {
        bool right = i == mid;
        if (!right && k < end && !stands_after(s, from[i], from[k], &right))
            return false;
        to[o] = right ? from[k++] : from[i++];
    }
    return true;
}

/* Sort items[0..n) with spare[0..n): runs of 1, 2, 4 ...  On failure items still hold each value once. */
static bool merge_sort(struct sorting *s, struct val *items, struct val *spare, size_t n)
{
    struct val *from = items, *to = spare;
    bool ok = true;
    for (size_t run = 1; ok && run < n; run *= 2) {
        for (size_t a = 0; ok && a < n; a += 2 * run) {
            size_t mid = a + run < n ? a + run : n, end = mid + run < n ? mid + run : n;
            ok = merge(s, from, to, a, mid, end);
        }
        if (ok) {
            struct val *t = from;
            from = to;
            to = t;
        }
    }
    if (from != items)
        memcpy(items, from, n * sizeof *items);
    return ok;
}

static bool sort_array(struct sorting *s, struct arr *a)
{
    size_t bytes = a->len * sizeof(struct val);
    struct val *spare = a->len ? ex_alloc(s->ev, bytes) : NULL;
    bool ok = a->len == 0 || (spare && merge_sort(s, a->items, spare, a->len));
    ex_free(s->ev, spare, bytes);
    return ok;
}

/* Only numbers, or only strings? */
static bool sortable(struct ev *ev, const struct call *c, const struct arr *a, bool by_key)
{
    for (size_t i = 0; i < a->len; i++) {
        struct val v = by_key ? a->items[i].arr->items[0] : a->items[i];
        struct val first = by_key ? a->items[0].arr->items[0] : a->items[0];
        if (!(is_number(v) && is_number(first)) && !(is_string(v) && is_string(first)))
            return ex_fail(ev, "type_error", "%s() wants only numbers or only strings%s; found %s and %s", c->fn->name,
                           by_key ? " from its function" : " without a function", ex_type_name(first), ex_type_name(v));
    }
    return true;
}

static bool sorted(struct ev *ev, const struct call *c, struct val v, struct val function, struct val *out)
{
    struct sorting s = {.ev = ev, .c = c, .function = function};
    struct arr *a = ex_arr_new(ev, arr_len(v));
    bool ok = a && push_all(ev, &a, v) && (is_function(function) || sortable(ev, c, a, false)) && sort_array(&s, a);
    return finish(ev, ok, a, out);
}

static bool array_sort(struct ev *ev, const struct call *c, struct val *out)
{
    if (arg_given(c, 0) && !arg_function(ev, c, 0))
        return false;
    return sorted(ev, c, c->self, c->n ? c->args[0] : val_undef(), out);
}

/* [key, item] pairs of v. */
static bool keyed(struct ev *ev, const struct val v, struct val f, struct arr **a)
{
    for (size_t i = 0; i < arr_len(v); i++) {
        struct val key, args[2] = {arr_at(v, i), val_size(i)};
        if (!ex_apply(ev, f, args, 2, 1, &key))
            return false;
        struct arr *pair = ex_arr_new(ev, 2);
        if (!pair) {
            ex_release(ev, key);
            return false;
        }
        if (!ex_arr_push(ev, &pair, key) || !ex_arr_push(ev, &pair, ex_ref(args[0]))) {
            ex_release(ev, val_arr(pair));
            return false;
        }
        if (!ex_arr_push(ev, a, val_arr(pair)))
            return false;
    }
    return true;
}

static bool sort_by(struct ev *ev, const struct call *c, struct val v, struct val f, struct val *out)
{
    struct sorting s = {.ev = ev, .c = c, .by_key = true};
    struct arr *a = ex_arr_new(ev, arr_len(v));
    bool ok = a && keyed(ev, v, f, &a) && sortable(ev, c, a, true) && sort_array(&s, a);
    for (size_t i = 0; ok && i < a->len; i++) {
        struct val pair = a->items[i];
        a->items[i] = ex_ref(pair.arr->items[1]);
        ex_release(ev, pair);
    }
    return finish(ev, ok, a, out);
}

static bool array_sort_by(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_function(ev, c, 0) && sort_by(ev, c, c->self, c->args[0], out);
}

/* sorted(list) and sorted(list, x => key) */
static bool core_sorted(struct ev *ev, const struct call *c, struct val *out)
{
    if (!arg_array(ev, c, 0) || (c->n > 1 && !arg_function(ev, c, 1)))
        return false;
    return c->n > 1 ? sort_by(ev, c, c->args[0], c->args[1], out) : sorted(ev, c, c->args[0], val_undef(), out);
}

/* The characters of a string, the items of an array, the keys of an object. */
static bool core_list(struct ev *ev, const struct call *c, struct val *out)
{
    struct val v = c->args[0];
    size_t len;
    if (is_array(v)) {
        *out = ex_ref(v);
        return true;
    }
    if (!is_string(v))
        return arg_fail(ev, c, 0, "an array or a string");
    const char *s = str_data(v, &len);
    struct arr *a = ex_arr_new(ev, 0);
    bool ok = a && ex_charge(ev, len);
    for (size_t i = 0, n; ok && i < len; i += n) {
        struct val ch;
        n = utf8_size((unsigned char)s[i]);
        ok = ex_str(ev, s + i, n, &ch) && ex_arr_push(ev, &a, ch);
    }
    return finish(ev, ok, a, out);
}

const struct builtin lib_array_methods2[] = {
    {"at", array_at, 1, 1, 0},
    {"first", array_first, 0, 0, 0},
    {"last", array_last, 0, 0, 0},
    {"slice", array_slice, 0, 2, 0},
    {"concat", array_concat, 0, ARGS_ANY, 0},
    {"flat", array_flat, 0, 1, 0},
    {"reverse", array_reverse, 0, 0, 0},
    {"toReversed", array_reverse, 0, 0, 0},
    {"join", array_join, 0, 1, 0},
    {"indexOf", array_index_of, 1, 2, 0},
    {"lastIndexOf", array_last_index_of, 1, 2, 0},
    {"includes", array_includes, 1, 2, 0},
    {"count", array_count, 1, 1, 0},
    {"unique", array_unique, 0, 0, 0},
    {"chunk", array_chunk, 1, 1, 0},
    {"sort", array_sort, 0, 1, 1},
    {"toSorted", array_sort, 0, 1, 1},
    {"sortBy", array_sort_by, 1, 1, 1},
    {0},
};

const struct builtin lib_lists[] = {
    {"sorted", core_sorted, 1, 2, 2},
    {"reversed", core_reversed, 1, 1, 0},
    {"list", core_list, 1, 1, 0},
    {"Array.from", core_list, 1, 1, 0},
    {0},
};
