/* SPDX-License-Identifier: Apache-2.0 */
/* Math.*, min, max, sum, round, and the methods of numbers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expr/lib.h"

#define MATH1(name, expression)                                                                                        \
    static bool name(struct ev *ev, const struct call *c, struct val *out)                                             \
    {                                                                                                                  \
        double x;                                                                                                      \
        if (!arg_number(ev, c, 0, &x))                                                                                 \
            return false;                                                                                              \
        *out = val_num(expression);                                                                                    \
        return true;                                                                                                   \
    }

/* Halves go up, as in JavaScript; x + 0.5 would be wrong just below a half and for large numbers. */
static double round_half_up(double x)
{
    double down = floor(x);
    return x - down >= 0.5 ? down + 1 : down;
}

MATH1(math_floor, floor(x))
MATH1(math_ceil, ceil(x))
MATH1(math_trunc, trunc(x))
MATH1(math_sign, x > 0 ? 1 : x < 0 ? -1 : x)
MATH1(math_sqrt, sqrt(x))
MATH1(math_cbrt, cbrt(x))
MATH1(math_exp, exp(x))
MATH1(math_expm1, expm1(x))
MATH1(math_log, log(x))
MATH1(math_log1p, log1p(x))
MATH1(math_log2, log2(x))
MATH1(math_log10, log10(x))
MATH1(math_sin, sin(x))
MATH1(math_cos, cos(x))
MATH1(math_tan, tan(x))
MATH1(math_asin, asin(x))
MATH1(math_acos, acos(x))
MATH1(math_atan, atan(x))
MATH1(math_sinh, sinh(x))
MATH1(math_cosh, cosh(x))
MATH1(math_tanh, tanh(x))
MATH1(math_round, round_half_up(x))

static bool math_abs(struct ev *ev, const struct call *c, struct val *out)
{
    double x;
    if (!arg_number(ev, c, 0, &x))
        return false;
    *out = c->args[0].type == V_INT && c->args[0].i >= 0 ? c->args[0] : val_num(fabs(x));
    return true;
}

static bool math_pow(struct ev *ev, const struct call *c, struct val *out)
{
    double x, y;
    if (!arg_number(ev, c, 0, &x) || !arg_number(ev, c, 1, &y))
        return false;
    *out = val_num(isnan(y) || (fabs(x) == 1 && isinf(y)) ? (double)NAN : pow(x, y));
    return true;
}

static bool math_atan2(struct ev *ev, const struct call *c, struct val *out)
{
    double y, x;
    if (!arg_number(ev, c, 0, &y) || !arg_number(ev, c, 1, &x))
        return false;
    *out = val_num(atan2(y, x));
    return true;
}

static bool math_hypot(struct ev *ev, const struct call *c, struct val *out)
{
    double sum = 0, x;
    for (size_t i = 0; i < c->n; i++) {
        if (!arg_number(ev, c, i, &x))
            return false;
        sum = hypot(sum, x);
    }
    *out = val_num(sum);
    return true;
}

/* ---- min, max, sum: of the arguments, or of one array ---- */

static bool numbers_fail(struct ev *ev, const struct call *c, struct val v)
{
    return ex_fail(ev, "type_error", "%s() wants numbers, not %s", c->fn->name, ex_type_name(v));
}

static bool extreme(struct ev *ev, const struct call *c, int sign, struct val *out)
{
    bool list = c->n == 1 && is_array(c->args[0]);
    size_t n = list ? arr_len(c->args[0]) : c->n;
    struct val best = val_num(sign < 0 ? (double)INFINITY : -(double)INFINITY);
    if (!ex_charge(ev, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct val v = list ? arr_at(c->args[0], i) : c->args[i];
        int order;
        if (!is_number(v))
            return numbers_fail(ev, c, v);
        if (best.type == V_NUM && isnan(best.num))
            continue;
        if (v.type == V_NUM && isnan(v.num))
            best = v;
        else if (ex_less(ev, v, best, &order) && order == sign)
            best = v;
    }
    *out = best;
    return true;
}

static bool math_min(struct ev *ev, const struct call *c, struct val *out)
{
    return extreme(ev, c, -1, out);
}

static bool math_max(struct ev *ev, const struct call *c, struct val *out)
{
    return extreme(ev, c, 1, out);
}

static bool math_sum(struct ev *ev, const struct call *c, struct val *out)
{
    double sum = 0;
    if (!arg_array(ev, c, 0) || !ex_charge(ev, arr_len(c->args[0])))
        return false;
    for (size_t i = 0; i < arr_len(c->args[0]); i++) {
        struct val v = arr_at(c->args[0], i);
        if (!is_number(v))
            return numbers_fail(ev, c, v);
        sum += num_of(v);
    }
    *out = val_num(sum);
    return true;
}

/* ---- digits ---- */

/* x with n digits behind the point, halves of the exact value away from zero, as toFixed() has it. */
static __attribute__((noinline)) size_t fixed_text(double x, int digits, char out[160])
{
    char exact[1500];
    int len = snprintf(exact, sizeof exact, "%.*f", 1074, x);
    char *point = strchr(exact, '.');
    if (!point || len <= 0)
        return 0;
    size_t keep = (size_t)(point - exact) + (digits ? 1u + (size_t)digits : 0);
    char next = digits ? exact[keep] : point[1];
    exact[keep] = '\0';
    size_t i = keep;
    bool up = next >= '5';
    while (up && i-- > 0) {
        if (exact[i] == '.' || exact[i] == '-')
            continue;
        up = exact[i] == '9';
        exact[i] = up ? '0' : (char)(exact[i] + 1);
    }
    bool negative = exact[0] == '-';
    return (size_t)snprintf(out, 160, "%s%s%s", negative ? "-" : "", up ? "1" : "", exact + negative);
}

static bool number_to_fixed(struct ev *ev, const struct call *c, struct val *out)
{
    size_t digits;
    char text[160];
    double x = num_of(c->self);
    if (!arg_count(ev, c, 0, 0, 100, &digits))
        return false;
    if (!isfinite(x) || fabs(x) >= 1e21)
        return ex_to_text(ev, c->self, out);
    size_t len = fixed_text(x == 0 ? 0 : x, (int)digits, text);
    return ex_str(ev, text, len, out);
}

/* round(x) is Math.round(x); round(x, n) keeps n digits. */
static bool core_round(struct ev *ev, const struct call *c, struct val *out)
{
    size_t digits;
    char text[160];
    double x;
    if (c->n < 2)
        return math_round(ev, c, out);
    if (!arg_number(ev, c, 0, &x) || !arg_count(ev, c, 1, 0, 100, &digits))
        return false;
    if (isfinite(x) && fabs(x) < 1e21)
        x = ex_text_number(text, fixed_text(x, (int)digits, text));
    *out = val_num(x);
    return true;
}

static bool number_to_string(struct ev *ev, const struct call *c, struct val *out)
{
    size_t radix;
    char text[80];
    double x = num_of(c->self), n = fabs(x);
    if (!arg_count(ev, c, 0, 10, 36, &radix))
        return false;
    if (radix == 10)
        return ex_to_text(ev, c->self, out);
    if (radix < 2 || n != trunc(n) || n > 9007199254740992.0)
        return ex_fail(ev, "type_error", "toString() with a base wants a whole number and a base from 2 to 36");
    size_t i = sizeof text;
    uint64_t rest = (uint64_t)n;
    do {
        text[--i] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % radix];
    } while (rest /= radix);
    if (x < 0)
        text[--i] = '-';
    return ex_str(ev, text + i, sizeof text - i, out);
}

static bool any_to_string(struct ev *ev, const struct call *c, struct val *out)
{
    return ex_to_text(ev, c->self, out);
}

const struct builtin lib_math[] = {
    {"Math.floor", math_floor, 1, 1, 0},
    {"Math.ceil", math_ceil, 1, 1, 0},
    {"Math.round", math_round, 1, 1, 0},
    {"Math.trunc", math_trunc, 1, 1, 0},
    {"Math.sign", math_sign, 1, 1, 0},
    {"Math.sqrt", math_sqrt, 1, 1, 0},
    {"Math.cbrt", math_cbrt, 1, 1, 0},
    {"Math.exp", math_exp, 1, 1, 0},
    {"Math.expm1", math_expm1, 1, 1, 0},
    {"Math.log", math_log, 1, 1, 0},
    {"Math.log1p", math_log1p, 1, 1, 0},
    {"Math.log2", math_log2, 1, 1, 0},
    {"Math.log10", math_log10, 1, 1, 0},
    {"Math.sin", math_sin, 1, 1, 0},
    {"Math.cos", math_cos, 1, 1, 0},
    {"Math.tan", math_tan, 1, 1, 0},
    {"Math.asin", math_asin, 1, 1, 0},
    {"Math.acos", math_acos, 1, 1, 0},
    {"Math.atan", math_atan, 1, 1, 0},
    {"Math.sinh", math_sinh, 1, 1, 0},
    {"Math.cosh", math_cosh, 1, 1, 0},
    {"Math.tanh", math_tanh, 1, 1, 0},
    {"Math.abs", math_abs, 1, 1, 0},
    {"Math.pow", math_pow, 2, 2, 0},
    {"Math.atan2", math_atan2, 2, 2, 0},
    {"Math.hypot", math_hypot, 0, ARGS_ANY, 0},
    {"Math.min", math_min, 0, ARGS_ANY, 0},
    {"Math.max", math_max, 0, ARGS_ANY, 0},
    {"abs", math_abs, 1, 1, 0},
    {"min", math_min, 1, ARGS_ANY, 0},
    {"max", math_max, 1, ARGS_ANY, 0},
    {"sum", math_sum, 1, 1, 0},
    {"round", core_round, 1, 2, 0},
    {0},
};

const struct builtin lib_number_methods[] = {
    {"toFixed", number_to_fixed, 0, 1, 0},
    {"toString", number_to_string, 0, 1, 0},
    {0},
};

const struct builtin lib_any_methods[] = {
    {"toString", any_to_string, 0, 0, 0},
    {0},
};
