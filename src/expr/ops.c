/* SPDX-License-Identifier: Apache-2.0 */
/* What values mean to operators: truth, equality, order, and their names in errors. */
#include <math.h>
#include <string.h>

#include "expr/value.h"

bool ex_truthy(struct val v)
{
    switch (v.type) {
    case V_UNDEF:
    case V_NULL:
        return false;
    case V_BOOL:
        return v.b;
    case V_INT:
        return v.i != 0;
    case V_NUM:
    case V_JNUM:
        return num_of(v) != 0 && !isnan(num_of(v));
    case V_STR:
        return v.str->len != 0;
    case V_JSTR:
        return json_string_length(v.json) != 0;
    default:
        return true;
    }
}

const char *ex_type_name(struct val v)
{
    switch (v.type) {
    case V_UNDEF:
        return "undefined";
    case V_NULL:
        return "null";
    case V_BOOL:
        return "boolean";
    case V_INT:
    case V_NUM:
    case V_JNUM:
        return "number";
    case V_STR:
    case V_JSTR:
        return "string";
    case V_ARR:
    case V_JARR:
        return "array";
    case V_OBJ:
    case V_JOBJ:
        return "object";
    default:
        return "function";
    }
}

int ex_compare_strings(struct val a, struct val b)
{
    size_t la, lb;
    const char *sa = str_data(a, &la), *sb = str_data(b, &lb);
    int c = memcmp(sa, sb, la < lb ? la : lb); /* bytes of UTF-8 sort like code points */
    return c ? c : (la > lb) - (la < lb);
}

static bool same_string(struct val a, struct val b)
{
    size_t la, lb;
    const char *sa = str_data(a, &la), *sb = str_data(b, &lb);
    return la == lb && memcmp(sa, sb, la) == 0;
}

static bool same_number(struct val a, struct val b)
{
    if (a.type == V_INT && b.type == V_INT)
        return a.i == b.i; /* no double in between: large ids stay different */
    return num_of(a) == num_of(b);
}

static bool equal_arrays(struct ev *ev, struct val a, struct val b, bool strict, bool *out)
{
    size_t n = arr_len(a);
    *out = n == arr_len(b);
    for (size_t i = 0; *out && i < n; i++)
        if (!ex_equal(ev, arr_at(a, i), arr_at(b, i), strict, out))
            return false;
    return true;
}

static bool equal_objects(struct ev *ev, struct val a, struct val b, bool strict, bool *out)
{
    struct obj_iter it;
    struct val other;
    *out = obj_len(a) == obj_len(b);
    obj_iter_init(&it, a);
    while (*out && obj_next(&it)) {
        if (!obj_get(b, it.key, it.key_len, &other))
            *out = false;
        else if (!ex_equal(ev, it.value, other, strict, out))
            return false;
    }
    return true;
}

/* JavaScript's == between scalars of different types. */
static bool loosely_equal(struct val a, struct val b)
{
    size_t len;
    double x[2];
    struct val v[2] = {a, b};
    if (is_nullish(a) || is_nullish(b))
        return is_nullish(a) && is_nullish(b);
    for (int i = 0; i < 2; i++) {
        if (is_string(v[i])) {
            const char *s = str_data(v[i], &len);
            x[i] = ex_text_number(s, len);
        } else {
            x[i] = v[i].type == V_BOOL ? v[i].b : num_of(v[i]);
        }
    }
    return x[0] == x[1];
}

static size_t string_bytes(struct val v)
{
    size_t len = 0;
    if (is_string(v))
        str_data(v, &len);
    return len;
}

bool ex_equal(struct ev *ev, struct val a, struct val b, bool strict, bool *out)
{
    size_t la = string_bytes(a), lb = string_bytes(b);
    if (!ex_charge_bytes(ev, la < lb ? la : lb))
        return false;
    if (is_number(a) && is_number(b))
        *out = same_number(a, b);
    else if (is_string(a) && is_string(b))
        *out = same_string(a, b);
    else if (is_array(a) && is_array(b))
        return equal_arrays(ev, a, b, strict, out);
    else if (is_object(a) && is_object(b))
        return equal_objects(ev, a, b, strict, out);
    else if (is_array(a) || is_object(a) || is_array(b) || is_object(b) || is_function(a) || is_function(b))
        *out = false;
    else if (a.type == b.type)
        *out = a.type != V_BOOL || a.b == b.b;
    else
        *out = !strict && loosely_equal(a, b);
    return true;
}

bool ex_less(struct ev *ev, struct val a, struct val b, int *order)
{
    if (a.type == V_INT && b.type == V_INT) {
        *order = (a.i > b.i) - (a.i < b.i);
        return true;
    }
    if (is_number(a) && is_number(b)) {
        double x = num_of(a), y = num_of(b);
        *order = x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
        return true;
    }
    if (is_string(a) && is_string(b)) {
        *order = ex_compare_strings(a, b);
        *order = (*order > 0) - (*order < 0);
        return ex_charge_bytes(ev, string_bytes(a) < string_bytes(b) ? string_bytes(a) : string_bytes(b));
    }
    return false;
}
