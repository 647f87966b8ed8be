/* SPDX-License-Identifier: Apache-2.0 */
/* Functions by their bare name: conversions, type tests, and what Python spells as functions. */
#include <math.h>
#include <string.h>

#include "expr/lib.h"
#include "expr/utf8.h"

static struct val arg(const struct call *c, size_t i)
{
    return i < c->n ? c->args[i] : val_undef();
}

static bool core_len(struct ev *ev, const struct call *c, struct val *out)
{
    struct val v = c->args[0];
    size_t bytes;
    if (is_string(v)) {
        str_data(v, &bytes);
        *out = val_size(ex_str_chars(v));
        return ex_charge_bytes(ev, bytes);
    }
    if (!is_array(v) && !is_object(v))
        return arg_fail(ev, c, 0, "a string, array or object");
    *out = val_size(is_array(v) ? arr_len(v) : obj_len(v));
    return true;
}

static bool core_string(struct ev *ev, const struct call *c, struct val *out)
{
    return c->n ? ex_to_text(ev, c->args[0], out) : ex_str(ev, "", 0, out);
}

/* JavaScript's Number() for scalars. */
static bool to_number(struct ev *ev, const struct call *c, struct val *out)
{
    struct val v = arg(c, 0);
    size_t len;
    if (is_string(v)) {
        const char *s = str_data(v, &len);
        *out = val_num(ex_text_number(s, len));
        return ex_charge_bytes(ev, len);
    }
    if (is_array(v) || is_object(v))
        return arg_fail(ev, c, 0, "a number, string, boolean or null");
    *out = is_number(v)           ? v
           : v.type == V_BOOL     ? val_num(v.b)
           : v.type == V_NULL || c->n == 0 ? val_num(0)
                                  : val_num((double)NAN);
    return true;
}

static bool core_float(struct ev *ev, const struct call *c, struct val *out)
{
    if (!to_number(ev, c, out))
        return false;
    return !isnan(num_of(*out)) || is_number(c->args[0]) || ex_fail(ev, "type_error", "%s() cannot read that as a number", c->fn->name);
}

static bool core_int(struct ev *ev, const struct call *c, struct val *out)
{
    if (!core_float(ev, c, out))
        return false;
    if (out->type != V_INT)
        *out = val_num(trunc(num_of(*out)));
    return true;
}

static bool core_boolean(struct ev *ev, const struct call *c, struct val *out)
{
    (void)ev;
    *out = val_bool(ex_truthy(arg(c, 0)));
    return true;
}

static size_t skip_space(const char *s, size_t len)
{
    size_t i = 0;
    while (i < len && utf8_is_space(utf8_at(s + i)))
        i += utf8_size((unsigned char)s[i]);
    return i;
}

/* The longest number that the text begins with. */
static bool core_parse_float(struct ev *ev, const struct call *c, struct val *out)
{
    struct val text;
    size_t len, n = 0, i;
    if (!ex_to_text(ev, c->args[0], &text))
        return false;
    const char *s = str_data(text, &len);
    i = skip_space(s, len);
    s += i;
    len -= i;
    size_t sign = len && (*s == '-' || *s == '+');
    if (len - sign >= 8 && memcmp(s + sign, "Infinity", 8) == 0) {
        n = sign + 8;
    } else {
        size_t digits = 0, j = sign;
        for (; j < len && s[j] >= '0' && s[j] <= '9'; j++)
            digits++;
        if (j < len && s[j] == '.')
            for (j++; j < len && s[j] >= '0' && s[j] <= '9'; j++)
                digits++;
        n = digits ? j : 0;
        if (n && j < len && (s[j] | 0x20) == 'e') {
            j++;
            if (j < len && (s[j] == '-' || s[j] == '+'))
                j++;
            for (; j < len && s[j] >= '0' && s[j] <= '9'; j++)
                n = j + 1;
        }
    }
    *out = val_num(n ? ex_text_number(s, n) : (double)NAN);
    ex_release(ev, text);
    return ex_charge_bytes(ev, len);
}

static int digit(char ch)
{
    return ch >= '0' && ch <= '9' ? ch - '0' : (ch | 0x20) >= 'a' && (ch | 0x20) <= 'z' ? (ch | 0x20) - 'a' + 10 : 99;
}

static double read_digits(const char *s, size_t len, int radix)
{
    double n = 0;
    size_t i = 0;
    for (; i < len && digit(s[i]) < radix; i++)
        n = n * radix + digit(s[i]);
    if (i && radix == 10 && i < 400)
        return ex_text_number(s, i);
    return i ? n : (double)NAN;
}

static bool core_parse_int(struct ev *ev, const struct call *c, struct val *out)
{
    struct val text;
    size_t len, i, radix;
    if (!arg_count(ev, c, 1, 0, 36, &radix))
        return false;
    if (radix == 1)
        return ex_fail(ev, "type_error", "%s() wants a base from 2 to 36", c->fn->name);
    if (!ex_to_text(ev, c->args[0], &text))
        return false;
    const char *s = str_data(text, &len);
    i = skip_space(s, len);
    bool negative = i < len && s[i] == '-';
    if (i < len && (s[i] == '-' || s[i] == '+'))
        i++;
    if ((radix == 0 || radix == 16) && len - i >= 2 && s[i] == '0' && (s[i + 1] | 0x20) == 'x') {
        i += 2;
        radix = 16;
    }
    double n = read_digits(s + i, len - i, radix ? (int)radix : 10);
    *out = val_num(negative ? -n : n);
    ex_release(ev, text);
    return ex_charge_bytes(ev, len);
}

/* ---- type tests ---- */

#define TEST(name, condition)                                                                                          \
    static bool name(struct ev *ev, const struct call *c, struct val *out)                                             \
    {                                                                                                                  \
        struct val v = c->args[0];                                                                                     \
        (void)ev;                                                                                                      \
        *out = val_bool(condition);                                                                                    \
        return true;                                                                                                   \
    }

TEST(is_number_test, is_number(v))
TEST(is_string_test, is_string(v))
TEST(is_boolean_test, v.type == V_BOOL)
TEST(is_array_test, is_array(v))
TEST(is_object_test, is_object(v))
TEST(is_null_test, v.type == V_NULL)
TEST(is_undefined_test, v.type == V_UNDEF)
TEST(is_integer_test, is_number(v) && isfinite(num_of(v)) && num_of(v) == trunc(num_of(v)))
TEST(is_safe_test, is_number(v) && fabs(num_of(v)) <= 9007199254740991.0 && num_of(v) == trunc(num_of(v)))
TEST(number_is_nan, is_number(v) && isnan(num_of(v)))
TEST(number_is_finite, is_number(v) && isfinite(num_of(v)))

static bool core_is_nan(struct ev *ev, const struct call *c, struct val *out)
{
    if (!to_number(ev, c, out))
        return false;
    *out = val_bool(isnan(num_of(*out)));
    return true;
}

static bool core_is_finite(struct ev *ev, const struct call *c, struct val *out)
{
    if (!to_number(ev, c, out))
        return false;
    *out = val_bool(isfinite(num_of(*out)));
    return true;
}

static bool core_is_empty(struct ev *ev, const struct call *c, struct val *out)
{
    struct val v = c->args[0];
    size_t len = 1;
    if (is_string(v))
        str_data(v, &len);
    else if (is_array(v))
        len = arr_len(v);
    else if (is_object(v))
        len = obj_len(v);
    else if (!is_nullish(v))
        return arg_fail(ev, c, 0, "a string, array, object or null");
    *out = val_bool(is_nullish(v) || len == 0);
    return true;
}

/* ---- sequences ---- */

static bool core_range(struct ev *ev, const struct call *c, struct val *out)
{
    double from = 0, to, step = 1;
    if (!arg_number(ev, c, c->n > 1, &to) || (c->n > 1 && !arg_number(ev, c, 0, &from)) || (c->n > 2 && !arg_number(ev, c, 2, &step)))
        return false;
    if (!isfinite(from) || !isfinite(to) || !isfinite(step) || step == 0)
        return ex_fail(ev, "type_error", "%s() wants finite numbers and a step that is not 0", c->fn->name);
    double count = ceil((to - from) / step);
    if (count > (double)(EX_MAX_LIVE / sizeof(struct val)))
        return ex_too_costly(ev, "needs more than 16 MiB of memory");
    struct arr *a = ex_arr_new(ev, count > 0 ? (size_t)count : 0);
    bool ok = a && ex_charge(ev, count > 0 ? (uint64_t)count : 0);
    for (double i = 0; ok && i < count; i++)
        ok = ex_arr_push(ev, &a, val_num(from + i * step));
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool any_or_all(struct ev *ev, const struct call *c, bool all, struct val *out)
{
    if (!arg_array(ev, c, 0))
        return false;
    size_t n = arr_len(c->args[0]);
    bool found = false;
    for (size_t i = 0; i < n && !found; i++)
        found = ex_truthy(arr_at(c->args[0], i)) != all;
    *out = val_bool(found != all);
    return ex_charge(ev, n);
}

static bool core_any(struct ev *ev, const struct call *c, struct val *out)
{
    return any_or_all(ev, c, false, out);
}

static bool core_all(struct ev *ev, const struct call *c, struct val *out)
{
    return any_or_all(ev, c, true, out);
}

static bool pair(struct ev *ev, struct val a, struct val b, struct val *out)
{
    struct arr *p = ex_arr_new(ev, 2);
    if (!p)
        return false;
    if (!ex_arr_push(ev, &p, ex_ref(a)) || !ex_arr_push(ev, &p, ex_ref(b))) {
        ex_release(ev, val_arr(p));
        return false;
    }
    *out = val_arr(p);
    return true;
}

/* enumerate(list) and zip(a, b): arrays of pairs. */
static bool pairs(struct ev *ev, const struct val *first, struct val second, struct val *out)
{
    size_t n = arr_len(second);
    if (first && arr_len(*first) < n)
        n = arr_len(*first);
    struct arr *a = ex_arr_new(ev, n);
    bool ok = a && ex_charge(ev, n);
    for (size_t i = 0; ok && i < n; i++) {
        struct val p;
        ok = pair(ev, first ? arr_at(*first, i) : val_size(i), arr_at(second, i), &p) && ex_arr_push(ev, &a, p);
    }
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool core_enumerate(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_array(ev, c, 0) && pairs(ev, NULL, c->args[0], out);
}

static bool core_zip(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_array(ev, c, 0) && arg_array(ev, c, 1) && pairs(ev, &c->args[0], c->args[1], out);
}

const struct builtin lib_core[] = {
    {"len", core_len, 1, 1, 0},
    {"str", core_string, 0, 1, 0},
    {"String", core_string, 0, 1, 0},
    {"int", core_int, 1, 1, 0},
    {"float", core_float, 1, 1, 0},
    {"Number", to_number, 0, 1, 0},
    {"bool", core_boolean, 0, 1, 0},
    {"Boolean", core_boolean, 0, 1, 0},
    {"parseInt", core_parse_int, 1, 2, 0},
    {"parseFloat", core_parse_float, 1, 1, 0},
    {"Number.parseInt", core_parse_int, 1, 2, 0},
    {"Number.parseFloat", core_parse_float, 1, 1, 0},
    {"isNaN", core_is_nan, 1, 1, 0},
    {"isFinite", core_is_finite, 1, 1, 0},
    {"isNumber", is_number_test, 1, 1, 0},
    {"isString", is_string_test, 1, 1, 0},
    {"isBoolean", is_boolean_test, 1, 1, 0},
    {"isArray", is_array_test, 1, 1, 0},
    {"isObject", is_object_test, 1, 1, 0},
    {"isNull", is_null_test, 1, 1, 0},
    {"isUndefined", is_undefined_test, 1, 1, 0},
    {"isInteger", is_integer_test, 1, 1, 0},
    {"isEmpty", core_is_empty, 1, 1, 0},
    {"Array.isArray", is_array_test, 1, 1, 0},
    {"Number.isInteger", is_integer_test, 1, 1, 0},
    {"Number.isSafeInteger", is_safe_test, 1, 1, 0},
    {"Number.isNaN", number_is_nan, 1, 1, 0},
    {"Number.isFinite", number_is_finite, 1, 1, 0},
    {"range", core_range, 1, 3, 0},
    {"any", core_any, 1, 1, 0},
    {"all", core_all, 1, 1, 0},
    {"enumerate", core_enumerate, 1, 1, 0},
    {"zip", core_zip, 2, 2, 0},
    {0},
};
