/* SPDX-License-Identifier: Apache-2.0 */
/* The library's index, and what its functions use to read their arguments. */
#include "expr/lib.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static const struct builtin *const functions[] = {lib_core, lib_math, lib_objects, lib_dates, lib_text, lib_json, lib_regex, lib_lists, lib_codecs,
                                                lib_calendar, lib_select};

static const struct {
    const struct builtin *table;
    enum receiver receiver;
} methods[] = {
    {lib_string_methods, R_STRING}, {lib_string_methods2, R_STRING}, {lib_regex_methods, R_STRING}, {lib_array_methods, R_ARRAY},   {lib_array_methods2, R_ARRAY}, {lib_select_methods, R_ARRAY},
    {lib_number_methods, R_NUMBER}, {lib_object_methods, R_OBJECT}, {lib_any_methods, R_COUNT},
};

static bool same(const char *a, const char *s, size_t len)
{
    return strlen(a) == len && memcmp(a, s, len) == 0;
}

static const struct builtin *find(const struct builtin *table, const char *name, size_t len)
{
    for (; table->name; table++)
        if (same(table->name, name, len))
            return table;
    return NULL;
}

const struct builtin *lib_function(const char *name, size_t len)
{
    const struct builtin *fn = NULL;
    for (size_t i = 0; !fn && i < ARRAY_LEN(functions); i++)
        fn = find(functions[i], name, len);
    return fn;
}

bool lib_method(const char *name, size_t len, struct method *out)
{
    bool any = false;
    *out = (struct method){0};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        const struct builtin *fn = find(methods[i].table, name, len);
        if (fn && methods[i].receiver == R_COUNT)
            out->any = fn;
        else if (fn)
            out->of[methods[i].receiver] = fn;
        any |= fn != NULL;
    }
    return any;
}

bool lib_constant(const char *name, size_t len, double *out)
{
    static const struct {
        const char *name;
        double value;
    } constants[] = {
        {"Math.PI", M_PI},           {"Math.E", M_E},           {"Math.LN2", M_LN2},         {"Math.LN10", M_LN10},
        {"Math.LOG2E", M_LOG2E},     {"Math.LOG10E", M_LOG10E}, {"Math.SQRT2", M_SQRT2},     {"Math.SQRT1_2", M_SQRT1_2},
        {"Number.MAX_SAFE_INTEGER", 9007199254740991.0},        {"Number.MIN_SAFE_INTEGER", -9007199254740991.0},
        {"Number.MAX_VALUE", 1.7976931348623157e308},           {"Number.MIN_VALUE", 5e-324},
        {"Number.EPSILON", 2.220446049250313e-16},              {"Number.NaN", (double)NAN},
        {"Number.POSITIVE_INFINITY", (double)INFINITY},         {"Number.NEGATIVE_INFINITY", -(double)INFINITY},
    };
    for (size_t i = 0; i < ARRAY_LEN(constants); i++) {
        if (!same(constants[i].name, name, len))
            continue;
        *out = constants[i].value;
        return true;
    }
    return false;
}

bool lib_namespace(const char *name, size_t len)
{
    static const char *const names[] = {"Math", "JSON", "Object", "Array", "Number", "String", "Date"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (same(names[i], name, len))
            return true;
    return false;
}

struct hint {
    const char *name, *hint;
};

static const char *hint_for(const struct hint *h, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (same(h[i].name, name, len))
            return h[i].hint;
    return NULL;
}

const char *lib_method_hint(const char *name, size_t len)
{
    static const struct hint hints[] = {
        {"push", "values cannot be changed; write [...list, x]"}, {"append", "values cannot be changed; write [...list, x]"},
        {"unshift", "values cannot be changed; write [x, ...list]"}, {"pop", "values cannot be changed; write list[:-1]"},
        {"shift", "values cannot be changed; write list[1:]"}, {"splice", "values cannot be changed; write [...list[:i], ...list[j:]]"},
        {"update", "values cannot be changed; write {...object, key: value}"}, {"forEach", "write map"}, {"size", "write length"},
        {"getTime", "Date.parse(text) is a number of milliseconds"}, {"contains", "write includes"}, {"toISOString", "write Date.toISOString(ms)"},
        {"localeCompare", "write a < b ? -1 : a > b ? 1 : 0, or list.sortBy(x => key)"}, {"max", "write max(list)"}, {"min", "write min(list)"}, {"sum", "write sum(list)"}, {"avg", "write average(list)"},
        {"mean", "write average(list)"}, {"rsplit", "write text.split(separator)"}, {"normalize", "texts are compared as they are"},
        {"exec", "write match"}, {"format", "write 'a' + x"},
    };
    return hint_for(hints, ARRAY_LEN(hints), name, len);
}

const char *lib_function_hint(const char *name, size_t len)
{
    static const struct hint hints[] = {
        {"Math.random", "an expression gives the same result each time"}, {"eval", "write the expression itself"},
        {"map", "write items.map(x => ...)"}, {"filter", "write items.filter(x => ...)"}, {"reduce", "write items.reduce((acc, x) => ..., start)"},
        {"type", "write typeof x"}, {"isinstance", "write typeof x, or isArray(x) and the like"}, {"Date", "write Date.parse(text) or now()"},
        {"btoa", "write base64Encode(text)"}, {"atob", "write base64Decode(text)"}, {"avg", "write average(list)"}, {"mean", "write average(list)"},
        {"encodeURI", "write encodeURIComponent(text)"}, {"decodeURI", "write decodeURIComponent(text)"},
        {"print", "an expression has no effects"}, {"dict", "write {key: value}"}, {"set", "write items.unique()"}, {"length", "write x.length or len(x)"},
    };
    return hint_for(hints, ARRAY_LEN(hints), name, len);
}

/* ---- arguments ---- */

bool arg_fail(struct ev *ev, const struct call *c, size_t i, const char *wanted)
{
    return ex_fail(ev, "type_error", "%s() wants %s as argument %zu, not %s", c->fn->name, wanted, i + 1,
                   i < c->n ? ex_type_name(c->args[i]) : "nothing");
}

bool arg_number(struct ev *ev, const struct call *c, size_t i, double *out)
{
    if (i >= c->n || !is_number(c->args[i]))
        return arg_fail(ev, c, i, "a number");
    *out = num_of(c->args[i]);
    return true;
}

const char *arg_string(struct ev *ev, const struct call *c, size_t i, size_t *len)
{
    if (i < c->n && is_string(c->args[i]))
        return str_data(c->args[i], len);
    arg_fail(ev, c, i, "a string");
    return NULL;
}

bool arg_array(struct ev *ev, const struct call *c, size_t i)
{
    return (i < c->n && is_array(c->args[i])) || arg_fail(ev, c, i, "an array");
}

bool arg_object(struct ev *ev, const struct call *c, size_t i)
{
    return (i < c->n && is_object(c->args[i])) || arg_fail(ev, c, i, "an object");
}

bool arg_function(struct ev *ev, const struct call *c, size_t i)
{
    return (i < c->n && is_function(c->args[i])) || arg_fail(ev, c, i, "a function");
}

bool arg_position(struct ev *ev, const struct call *c, size_t i, size_t len, size_t fallback, size_t *out)
{
    double d = 0;
    *out = fallback;
    if (!arg_given(c, i))
        return true;
    if (!arg_number(ev, c, i, &d))
        return false;
    *out = ex_clamp(d, len);
    return true;
}

bool arg_count(struct ev *ev, const struct call *c, size_t i, size_t fallback, size_t max, size_t *out)
{
    double d = 0;
    *out = fallback;
    if (!arg_given(c, i))
        return true;
    if (!arg_number(ev, c, i, &d))
        return false;
    if (!(d >= 0) || d != trunc(d) || d > (double)max)
        return ex_fail(ev, "type_error", "%s() wants a whole number from 0 to %zu as argument %zu", c->fn->name, max, i + 1);
    *out = (size_t)d;
    return true;
}
