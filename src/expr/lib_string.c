/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of strings: searching, cutting, joining.  Positions are code points. */
#include <math.h>
#include <string.h>

#include "expr/lib.h"
#include "expr/utf8.h"

struct span {
    const char *s;
    size_t len;
};

static struct span self(const struct call *c)
{
    struct span v;
    v.s = str_data(c->self, &v.len);
    return v;
}

static bool arg_span(struct ev *ev, const struct call *c, size_t i, struct span *out)
{
    out->s = arg_string(ev, c, i, &out->len);
    return out->s != NULL;
}

static const char *find(struct span hay, size_t from, struct span needle)
{
    return from > hay.len ? NULL : memmem(hay.s + from, hay.len - from, needle.s, needle.len);
}

/* ---- searching ---- */

static bool string_includes(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c), n;
    size_t from;
    if (!arg_span(ev, c, 0, &n) || !arg_position(ev, c, 1, ex_str_chars(c->self), 0, &from) || !ex_charge_bytes(ev, v.len))
        return false;
    *out = val_bool(find(v, utf8_offset(v.s, v.len, from), n) != NULL);
    return true;
}

static bool string_index_of(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c), n;
    double from = 0;
    if (!arg_span(ev, c, 0, &n) || (arg_given(c, 1) && !arg_number(ev, c, 1, &from)) || !ex_charge_bytes(ev, v.len))
        return false;
    size_t start = from > 0 ? ex_clamp(from, ex_str_chars(c->self)) : 0;
    const char *at = find(v, utf8_offset(v.s, v.len, start), n);
    *out = val_num(at ? (double)utf8_count(v.s, (size_t)(at - v.s)) : -1);
    return true;
}

static bool string_last_index_of(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c), n;
    double found = -1;
    if (!arg_span(ev, c, 0, &n) || !ex_charge(ev, v.len))
        return false;
    for (size_t i = n.len <= v.len ? v.len - n.len + 1 : 0; i-- > 0;) {
        if (memcmp(v.s + i, n.s, n.len) == 0) {
            found = (double)utf8_count(v.s, i);
            break;
        }
    }
    *out = val_num(found);
    return true;
}

static bool string_starts_with(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c), n;
    size_t from;
    if (!arg_span(ev, c, 0, &n) || !arg_position(ev, c, 1, ex_str_chars(c->self), 0, &from) || !ex_charge_bytes(ev, n.len))
        return false;
    size_t at = utf8_offset(v.s, v.len, from);
    *out = val_bool(v.len - at >= n.len && memcmp(v.s + at, n.s, n.len) == 0);
    return true;
}

static bool string_ends_with(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c), n;
    size_t chars = ex_str_chars(c->self), to;
    if (!arg_span(ev, c, 0, &n) || !arg_position(ev, c, 1, chars, chars, &to) || !ex_charge_bytes(ev, n.len))
        return false;
    size_t end = utf8_offset(v.s, v.len, to);
    *out = val_bool(end >= n.len && memcmp(v.s + end - n.len, n.s, n.len) == 0);
    return true;
}

static bool string_count(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c), n;
    size_t count = 0;
    if (!arg_span(ev, c, 0, &n) || !ex_charge_bytes(ev, v.len))
        return false;
    if (n.len == 0) {
        *out = val_size(ex_str_chars(c->self) + 1);
        return true;
    }
    for (const char *at = find(v, 0, n); at; at = find(v, (size_t)(at - v.s) + n.len, n))
        count++;
    *out = val_size(count);
    return true;
}

/* ---- single characters ---- */

/* The code point at the argument's position, which has to be inside; false without an error when it is not. */
static bool position(struct ev *ev, const struct call *c, bool negative, size_t *at, bool *inside)
{
    double d = 0;
    struct span v = self(c);
    if (arg_given(c, 0) && !arg_number(ev, c, 0, &d))
        return false;
    d = isnan(d) ? 0 : trunc(d);
    if (negative && d < 0)
        d += (double)ex_str_chars(c->self);
    *inside = d >= 0 && d < (double)v.len;
    *at = *inside ? utf8_offset(v.s, v.len, (size_t)d) : 0;
    *inside = *inside && *at < v.len;
    return ex_charge_bytes(ev, *at);
}

static bool char_value(struct ev *ev, const struct call *c, bool negative, struct val missing, struct val *out)
{
    size_t at;
    bool inside;
    struct span v = self(c);
    if (!position(ev, c, negative, &at, &inside))
        return false;
    if (inside)
        return ex_str(ev, v.s + at, utf8_size((unsigned char)v.s[at]), out);
    *out = missing;
    return missing.type == V_UNDEF || ex_str(ev, "", 0, out);
}

static bool string_at(struct ev *ev, const struct call *c, struct val *out)
{
    return char_value(ev, c, true, val_undef(), out);
}

static bool string_char_at(struct ev *ev, const struct call *c, struct val *out)
{
    return char_value(ev, c, false, val_null(), out);
}

static bool string_code_point_at(struct ev *ev, const struct call *c, struct val *out)
{
    size_t at;
    bool inside;
    if (!position(ev, c, false, &at, &inside))
        return false;
    *out = inside ? val_num(utf8_at(self(c).s + at)) : val_undef();
    return true;
}

static bool from_code_point(struct ev *ev, const struct call *c, struct val *out)
{
    struct text t;
    text_init(&t, ev);
    for (size_t i = 0; i < c->n; i++) {
        double d;
        if (!arg_number(ev, c, i, &d)) {
            text_drop(&t);
            return false;
        }
        if (!(d >= 1 && d <= 0x10ffff) || d != trunc(d) || (d >= 0xd800 && d < 0xe000)) {
            text_drop(&t);
            return ex_fail(ev, "type_error", "%s() wants code points of characters, from 1 to 1114111", c->fn->name);
        }
        text_add_char(&t, (uint32_t)d);
    }
    return text_finish(&t, out);
}

/* ---- cutting ---- */

static bool string_slice(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = ex_str_chars(c->self), from, to;
    return arg_position(ev, c, 0, n, 0, &from) && arg_position(ev, c, 1, n, n, &to) && ex_slice(ev, c->self, from, to, out);
}

/* substring(): negative is 0, and the bounds may stand in any order. */
static bool string_substring(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = ex_str_chars(c->self), at[2] = {0, n};
    for (size_t i = 0; i < 2; i++) {
        double d;
        if (!arg_given(c, i))
            continue;
        if (!arg_number(ev, c, i, &d))
            return false;
        at[i] = d > 0 ? ex_clamp(d, n) : 0;
    }
    size_t from = at[0] < at[1] ? at[0] : at[1], to = at[0] < at[1] ? at[1] : at[0];
    return ex_slice(ev, c->self, from, to, out);
}

static bool string_substr(struct ev *ev, const struct call *c, struct val *out)
{
    size_t n = ex_str_chars(c->self), from;
    double count = (double)n;
    if (!arg_position(ev, c, 0, n, 0, &from) || (arg_given(c, 1) && !arg_number(ev, c, 1, &count)))
        return false;
    size_t len = count > 0 ? ex_clamp(count, n - from) : 0;
    return ex_slice(ev, c->self, from, from + len, out);
}

static bool in_set(uint32_t cp, const struct span *set)
{
    if (!set)
        return utf8_is_space(cp);
    for (size_t i = 0; i < set->len; i += utf8_size((unsigned char)set->s[i]))
        if (utf8_at(set->s + i) == cp)
            return true;
    return false;
}

/* Cut white space, or (Python's strip) the characters of the argument. */
static bool trim(struct ev *ev, const struct call *c, bool start, bool end, struct val *out)
{
    struct span v = self(c), set;
    if (arg_given(c, 0) && !arg_span(ev, c, 0, &set))
        return false;
    const struct span *chars = arg_given(c, 0) ? &set : NULL;
    size_t from = 0, to = v.len;
    if (!ex_charge(ev, (v.len / 16 + 1) * (chars ? set.len + 1 : 1)))
        return false;
    while (start && from < to && in_set(utf8_at(v.s + from), chars))
        from += utf8_size((unsigned char)v.s[from]);
    while (end && to > from) {
        size_t last = to - 1;
        while (last > from && ((unsigned char)v.s[last] & 0xc0) == 0x80)
            last--;
        if (!in_set(utf8_at(v.s + last), chars))
            break;
        to = last;
    }
    return ex_str(ev, v.s + from, to - from, out);
}

static bool string_trim(struct ev *ev, const struct call *c, struct val *out)
{
    return trim(ev, c, true, true, out);
}
static bool string_trim_start(struct ev *ev, const struct call *c, struct val *out)
{
    return trim(ev, c, true, false, out);
}
static bool string_trim_end(struct ev *ev, const struct call *c, struct val *out)
{
    return trim(ev, c, false, true, out);
}

/* ---- splitting and joining ---- */

struct splitting {
    struct ev *ev;
    struct arr *a;
    size_t limit;
};

static bool add_part(struct splitting *p, const char *s, size_t len)
{
    struct val v;
    return p->a->len >= p->limit || (ex_charge(p->ev, 1) && ex_str(p->ev, s, len, &v) && ex_arr_push(p->ev, &p->a, v));
}

static bool split_by(struct splitting *p, struct span v, struct span sep)
{
    size_t i = 0;
    const char *at;
    if (sep.len == 0) {
        for (; i < v.len; i += utf8_size((unsigned char)v.s[i]))
            if (!add_part(p, v.s + i, utf8_size((unsigned char)v.s[i])))
                return false;
        return true;
    }
    for (; (at = find(v, i, sep)); i = (size_t)(at - v.s) + sep.len)
        if (!add_part(p, v.s + i, (size_t)(at - v.s) - i))
            return false;
    return add_part(p, v.s + i, v.len - i);
}

/* Python's split() without argument: words between white space. */
static bool split_words(struct splitting *p, struct span v)
{
    for (size_t i = 0; i < v.len;) {
        size_t from;
        while (i < v.len && utf8_is_space(utf8_at(v.s + i)))
            i += utf8_size((unsigned char)v.s[i]);
        for (from = i; i < v.len && !utf8_is_space(utf8_at(v.s + i));)
            i += utf8_size((unsigned char)v.s[i]);
        if (i > from && !add_part(p, v.s + from, i - from))
            return false;
    }
    return true;
}

static bool split(struct ev *ev, const struct call *c, bool words, struct val *out)
{
    struct span v = self(c), sep;
    struct splitting p = {.ev = ev, .limit = SIZE_MAX};
    if ((!words && arg_given(c, 0) && !arg_span(ev, c, 0, &sep)) || !arg_count(ev, c, 1, SIZE_MAX, UINT32_MAX, &p.limit))
        return false;
    if (!ex_charge_bytes(ev, v.len) || !(p.a = ex_arr_new(ev, 0)))
        return false;
    bool ok = words ? split_words(&p, v) : arg_given(c, 0) ? split_by(&p, v, sep) : add_part(&p, v.s, v.len);
    if (ok)
        *out = val_arr(p.a);
    else
        ex_release(ev, val_arr(p.a));
    return ok;
}

static bool string_split(struct ev *ev, const struct call *c, struct val *out)
{
    return split(ev, c, false, out);
}

static bool string_words(struct ev *ev, const struct call *c, struct val *out)
{
    return split(ev, c, true, out);
}

/* Lines without their ends; an end at the very end begins no line. */
static bool string_lines(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c);
    struct splitting p = {.ev = ev, .limit = SIZE_MAX, .a = ex_arr_new(ev, 0)};
    bool ok = p.a && ex_charge_bytes(ev, v.len);
    for (size_t i = 0; ok && i < v.len;) {
        const char *nl = memchr(v.s + i, '\n', v.len - i);
        size_t end = nl ? (size_t)(nl - v.s) : v.len;
        ok = add_part(&p, v.s + i, end - i - (nl && end > i && v.s[end - 1] == '\r'));
        i = end + 1;
    }
    if (ok)
        *out = val_arr(p.a);
    else if (p.a)
        ex_release(ev, val_arr(p.a));
    return ok;
}

static bool string_concat(struct ev *ev, const struct call *c, struct val *out)
{
    struct text t;
    text_init(&t, ev);
    ex_add_text(&t, c->self);
    for (size_t i = 0; i < c->n; i++) {
        if (is_array(c->args[i]) || is_object(c->args[i])) {
            text_drop(&t);
            return arg_fail(ev, c, i, "a string");
        }
        ex_add_text(&t, c->args[i]);
    }
    return text_finish(&t, out);
}

static bool string_repeat(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c);
    struct text t;
    size_t n;
    if (!arg_count(ev, c, 0, 0, SIZE_MAX / 2, &n))
        return false;
    if (v.len && n > EX_MAX_LIVE / v.len)
        return ex_too_costly(ev, "needs more than 16 MiB of memory");
    text_init(&t, ev);
    for (size_t i = 0; v.len && i < n && !t.failed; i++)
        text_add(&t, v.s, v.len);
    return text_finish(&t, out);
}

static void add_padding(struct text *t, struct span pad, size_t chars)
{
    size_t at = 0;
    for (size_t i = 0; pad.len && i < chars && !t->failed; i++) {
        size_t n = utf8_size((unsigned char)pad.s[at]);
        text_add(t, pad.s + at, n);
        at = at + n >= pad.len ? 0 : at + n;
    }
}

static bool pad(struct ev *ev, const struct call *c, bool start, struct val *out)
{
    struct span fill = {" ", 1};
    struct text t;
    size_t width, chars = ex_str_chars(c->self);
    if (!arg_count(ev, c, 0, 0, SIZE_MAX / 2, &width) || (arg_given(c, 1) && !arg_span(ev, c, 1, &fill)))
        return false;
    size_t more = width > chars ? width - chars : 0;
    if (fill.len && more > EX_MAX_LIVE)
        return ex_too_costly(ev, "needs more than 16 MiB of memory");
    if (!ex_charge(ev, fill.len ? more / 8 : 0))
        return false;
    text_init(&t, ev);
    if (start)
        add_padding(&t, fill, more);
    ex_add_text(&t, c->self);
    if (!start)
        add_padding(&t, fill, more);
    return text_finish(&t, out);
}

static bool string_pad_start(struct ev *ev, const struct call *c, struct val *out)
{
    return pad(ev, c, true, out);
}
static bool string_pad_end(struct ev *ev, const struct call *c, struct val *out)
{
    return pad(ev, c, false, out);
}

/* ---- replacing plain text; patterns are in regex.c ---- */

/* What stands for a match: the function's result as text, or the text with $&, $$, $` and $'. */
static bool add_replacement(struct text *t, const struct call *c, struct span v, size_t at, struct span match)
{
    size_t len;
    if (is_function(c->args[1])) {
        struct val args[2], made, text;
        if (!ex_str(t->ev, match.s, match.len, &args[0]))
            return false;
        args[1] = val_size(utf8_count(v.s, at));
        bool ok = ex_apply(t->ev, c->args[1], args, 2, 1, &made);
        ex_release(t->ev, args[0]);
        if (!ok)
            return false;
        ok = ex_to_text(t->ev, made, &text);
        ex_release(t->ev, made);
        if (!ok)
            return false;
        ex_add_text(t, text);
        ex_release(t->ev, text);
        return !t->failed;
    }
    const char *r = str_data(c->args[1], &len);
    for (size_t i = 0; i < len; i++) {
        char next = r[i] == '$' && i + 1 < len ? r[i + 1] : '\0';
        if (next == '$')
            text_add(t, "$", 1);
        else if (next == '&')
            text_add(t, match.s, match.len);
        else if (next == '`')
            text_add(t, v.s, at);
        else if (next == '\'')
            text_add(t, v.s + at + match.len, v.len - at - match.len);
        else {
            text_add(t, r + i, 1);
            continue;
        }
        i++;
    }
    return !t->failed;
}

static bool replace(struct ev *ev, const struct call *c, bool all, struct val *out)
{
    struct span v = self(c), what;
    struct text t;
    size_t i = 0;
    const char *at;
    if (!arg_span(ev, c, 0, &what))
        return false;
    if (!is_string(c->args[1]) && !is_function(c->args[1]))
        return arg_fail(ev, c, 1, "a string or a function");
    if (!ex_charge_bytes(ev, v.len))
        return false;
    text_init(&t, ev);
    while ((at = find(v, i, what))) {
        size_t pos = (size_t)(at - v.s), step = what.len;
        text_add(&t, v.s + i, pos - i);
        if (!ex_charge(ev, 1) || !add_replacement(&t, c, v, pos, (struct span){at, what.len})) {
            text_drop(&t);
            return false;
        }
        i = pos + step;
        if (step == 0 && i < v.len) {
            step = utf8_size((unsigned char)v.s[i]);
            if (all)
                text_add(&t, v.s + i, step);
            i += all ? step : 0;
        } else if (step == 0) {
            break;
        }
        if (!all)
            break;
    }
    text_add(&t, v.s + i, v.len - i);
    return text_finish(&t, out);
}

static bool string_replace(struct ev *ev, const struct call *c, struct val *out)
{
    return replace(ev, c, false, out);
}
static bool string_replace_all(struct ev *ev, const struct call *c, struct val *out)
{
    return replace(ev, c, true, out);
}

/* Python's separator.join(list) */
static bool string_join(struct ev *ev, const struct call *c, struct val *out)
{
    struct span v = self(c);
    struct text t;
    if (!arg_array(ev, c, 0) || !ex_charge(ev, arr_len(c->args[0])))
        return false;
    text_init(&t, ev);
    for (size_t i = 0; i < arr_len(c->args[0]) && !t.failed; i++) {
        struct val item = arr_at(c->args[0], i);
        if (i)
            text_add(&t, v.s, v.len);
        if (!is_nullish(item))
            ex_add_text(&t, item);
    }
    return text_finish(&t, out);
}

const struct builtin lib_string_methods[] = {
    {"includes", string_includes, 1, 2, 0},
    {"indexOf", string_index_of, 1, 2, 0},
    {"find", string_index_of, 1, 2, 0},
    {"lastIndexOf", string_last_index_of, 1, 1, 0},
    {"startsWith", string_starts_with, 1, 2, 0},
    {"startswith", string_starts_with, 1, 2, 0},
    {"endsWith", string_ends_with, 1, 2, 0},
    {"endswith", string_ends_with, 1, 2, 0},
    {"count", string_count, 1, 1, 0},
    {"at", string_at, 1, 1, 0},
    {"charAt", string_char_at, 0, 1, 0},
    {"codePointAt", string_code_point_at, 0, 1, 0},
    {"slice", string_slice, 0, 2, 0},
    {"substring", string_substring, 0, 2, 0},
    {"substr", string_substr, 0, 2, 0},
    {"trim", string_trim, 0, 0, 0},
    {"trimStart", string_trim_start, 0, 0, 0},
    {"trimEnd", string_trim_end, 0, 0, 0},
    {"strip", string_trim, 0, 1, 0},
    {"lstrip", string_trim_start, 0, 1, 0},
    {"rstrip", string_trim_end, 0, 1, 0},
    {"split", string_split, 0, 2, 0},
    {"words", string_words, 0, 0, 0},
    {"lines", string_lines, 0, 0, 0},
    {"splitlines", string_lines, 0, 0, 0},
    {"concat", string_concat, 0, ARGS_ANY, 0},
    {"repeat", string_repeat, 1, 1, 0},
    {"padStart", string_pad_start, 1, 2, 0},
    {"padEnd", string_pad_end, 1, 2, 0},
    {"replace", string_replace, 2, 2, 2},
    {"replaceAll", string_replace_all, 2, 2, 2},
    {"join", string_join, 1, 1, 0},
    {0},
};

const struct builtin lib_text[] = {
    {"String.fromCodePoint", from_code_point, 0, ARGS_ANY, 0},
    {0},
};
