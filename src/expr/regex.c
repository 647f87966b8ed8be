/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions, by PCRE2: match, matchAll, test, search, replace and split by the text of a pattern.
 *
 * The budget of the evaluation holds inside PCRE2 too: its memory comes from ex_alloc(), and a callout before each item
 * of the pattern charges the steps that the matching takes, so that a pattern which explodes ends as any other
 * expression that costs too much, at the same place each time. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "expr/lib.h"
#include "expr/utf8.h"

#define KEPT 32 /* compiled patterns an evaluation remembers */

struct regex {
    struct regex *next;
    struct val pattern; /* a reference */
    uint32_t options;
    bool all; /* flag g */
    unsigned busy;
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    struct ev *ev;
    size_t last; /* where the callout before was */
};

/* ---- memory and steps ---- */

#define HEADER 16

static void *budget_malloc(size_t size, void *ev)
{
    char *p = size < EX_MAX_LIVE ? ex_alloc(ev, size + HEADER) : ex_alloc(ev, SIZE_MAX);
    if (!p)
        return NULL;
    memcpy(p, &size, sizeof size);
    return p + HEADER;
}

static void budget_free(void *block, void *ev)
{
    size_t size;
    if (!block)
        return;
    char *p = (char *)block - HEADER;
    memcpy(&size, p, sizeof size);
    ex_free(ev, p, size + HEADER);
}

static int charge_callout(pcre2_callout_block *b, void *user)
{
    struct regex *r = user;
    size_t at = b->current_position, way = at > r->last ? at - r->last : r->last - at;
    r->last = at;
    return ex_charge(r->ev, 1 + way / 16) ? 0 : PCRE2_ERROR_CALLOUT;
}

/* ---- compiling ---- */

static void regex_free(struct ev *ev, struct regex *r)
{
    pcre2_match_context_free(r->context);
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->general);
    ex_release(ev, r->pattern);
    ex_free(ev, r, sizeof *r);
}

void ex_regex_free_all(struct ev *ev)
{
    while (ev->regexes) {
        struct regex *r = ev->regexes;
        ev->regexes = r->next;
        regex_free(ev, r);
    }
}

static void forget_one(struct ev *ev)
{
    struct regex **old = NULL;
    size_t n = 0;
    for (struct regex **p = &ev->regexes; *p; p = &(*p)->next) {
        n++;
        if (!(*p)->busy)
            old = p;
    }
    if (n < KEPT || !old)
        return;
    struct regex *r = *old;
    *old = r->next;
    regex_free(ev, r);
}

static bool read_flags(struct ev *ev, const struct call *c, size_t i, uint32_t *options, bool *all)
{
    size_t len;
    *options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
               PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
    *all = false;
    if (!arg_given(c, i))
        return true;
    const char *s = arg_string(ev, c, i, &len);
    if (!s)
        return false;
    for (; *s; s++) {
        if (*s == 'g')
            *all = true;
        else if (*s == 'i')
            *options |= PCRE2_CASELESS;
        else if (*s == 'm')
            *options |= PCRE2_MULTILINE;
        else if (*s == 's')
            *options |= PCRE2_DOTALL;
        else if (*s != 'u')
            return ex_fail(ev, "type_error", "%s() knows the flags g, i, m, s and u only", c->fn->name);
    }
    return true;
}

static bool compile_pattern(struct ev *ev, const struct call *c, struct regex *r)
{
    size_t len;
    const char *s = str_data(r->pattern, &len);
    int code = 0;
    PCRE2_SIZE at = 0;
    if (len > EX_MAX_SOURCE)
        return ex_fail(ev, "expression_too_costly", "the pattern is longer than 64 KiB");
    if (!ex_charge(ev, 64 + len) || !(r->general = pcre2_general_context_create(budget_malloc, budget_free, ev)))
        return false;
    pcre2_compile_context *cc = pcre2_compile_context_create(r->general);
    if (!cc)
        return false;
    pcre2_set_newline(cc, PCRE2_NEWLINE_ANYCRLF);
    pcre2_set_compile_extra_options(cc, PCRE2_EXTRA_ALT_BSUX);
    r->code = pcre2_compile((PCRE2_SPTR)s, len, r->options, &code, &at, cc);
    pcre2_compile_context_free(cc);
    if (!r->code && code == PCRE2_ERROR_HEAP_FAILED)
        return false; /* the budget: the error is set */
    if (!r->code) {
        PCRE2_UCHAR text[160];
        pcre2_get_error_message(code, text, sizeof text);
        return ex_fail(ev, "type_error", "%s() cannot use the pattern: %s, at character %zu", c->fn->name, (const char *)text,
                       utf8_count(s, at < len ? at : len) + 1);
    }
    r->data = pcre2_match_data_create_from_pattern(r->code, r->general);
    r->context = pcre2_match_context_create(r->general);
    if (!r->data || !r->context)
        return false;
    pcre2_set_callout(r->context, charge_callout, r);
    pcre2_set_match_limit(r->context, EX_MAX_STEPS);
    pcre2_set_depth_limit(r->context, 250000);
    return true;
}

static bool same_text(struct val a, struct val b)
{
    return ex_compare_strings(a, b) == 0;
}

/* The compiled pattern of argument i with the flags of argument i + flags_after; kept by the evaluation. */
static struct regex *regex_of(struct ev *ev, const struct call *c, size_t i, size_t flags_at)
{
    uint32_t options;
    bool all;
    size_t len;
    if (!arg_string(ev, c, i, &len) || !read_flags(ev, c, flags_at, &options, &all))
        return NULL;
    for (struct regex *r = ev->regexes; r; r = r->next)
        if (r->options == options && r->all == all && same_text(r->pattern, c->args[i]))
            return r;
    forget_one(ev);
    struct regex *r = ex_alloc(ev, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct regex){.pattern = ex_ref(c->args[i]), .options = options, .all = all, .ev = ev};
    if (!compile_pattern(ev, c, r)) {
        regex_free(ev, r);
        return NULL;
    }
    r->next = ev->regexes;
    ev->regexes = r;
    return r;
}

/* ---- matching ---- */

struct subject {
    const char *s;
    size_t len;
};

/* Groups found from `from` on (at least 1), 0 for no match, -1 on error. */
static int run(struct ev *ev, const struct call *c, struct regex *r, struct subject v, size_t from)
{
    r->last = from;
    if (!ex_charge(ev, 4))
        return -1;
    int n = pcre2_match(r->code, (PCRE2_SPTR)v.s, v.len, from, PCRE2_NO_UTF_CHECK, r->data, r->context);
    size_t end = n > 0 ? pcre2_get_ovector_pointer(r->data)[1] : v.len;
    if (n == PCRE2_ERROR_NOMATCH || n > 0)
        return ex_charge(ev, (end > from ? end - from : 0) / 64) ? (n > 0 ? n : 0) : -1;
    if (n == PCRE2_ERROR_CALLOUT || n == PCRE2_ERROR_NOMEMORY)
        return -1;
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_RECURSELOOP)
        ex_too_costly(ev, "has a pattern that needs too many steps");
    else
        ex_fail(ev, "type_error", "%s() cannot use the pattern (error %d of PCRE2)", c->fn->name, n);
    return -1;
}

/* Where to search after the match at [ovector[0], ovector[1]): never twice at the same place. */
static size_t next_start(const PCRE2_SIZE *o, struct subject v)
{
    if (o[1] > o[0])
        return o[1];
    return o[1] < v.len ? o[1] + utf8_size((unsigned char)v.s[o[1]]) : v.len + 1;
}

static bool group_value(struct ev *ev, const PCRE2_SIZE *o, int groups, uint32_t i, struct subject v, struct val *out)
{
    if ((int)i >= groups || o[2 * i] == PCRE2_UNSET || o[2 * i] > o[2 * i + 1]) {
        *out = val_undef();
        return true;
    }
    return ex_str(ev, v.s + o[2 * i], o[2 * i + 1] - o[2 * i], out);
}

/* [match, group 1, ...] of what was just found. */
static bool groups_array(struct ev *ev, struct regex *r, int groups, struct subject v, struct val *out)
{
    const PCRE2_SIZE *o = pcre2_get_ovector_pointer(r->data);
    uint32_t n = pcre2_get_ovector_count(r->data);
    struct arr *a = ex_arr_new(ev, n);
    bool ok = a != NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        struct val g;
        ok = group_value(ev, o, groups, i, v, &g) && ex_arr_push(ev, &a, g);
    }
    if (ok)
        *out = val_arr(a);
    else if (a)
        ex_release(ev, val_arr(a));
    return ok;
}

static bool match_once(struct ev *ev, const struct call *c, struct regex *r, struct subject v, struct val *out)
{
    int n = run(ev, c, r, v, 0);
    if (n == 0)
        *out = val_null();
    return n == 0 || (n > 0 && groups_array(ev, r, n, v, out));
}

/* All matches: their texts, or their groups. */
static bool match_each(struct ev *ev, const struct call *c, struct regex *r, struct subject v, bool groups, struct val *out)
{
    struct arr *a = ex_arr_new(ev, 0);
    bool ok = a != NULL;
    int n = 0;
    for (size_t at = 0; ok && at <= v.len;) {
        struct val m;
        n = run(ev, c, r, v, at);
        if (n <= 0)
            break;
        const PCRE2_SIZE *o = pcre2_get_ovector_pointer(r->data);
        at = next_start(o, v);
        ok = (groups ? groups_array(ev, r, n, v, &m) : group_value(ev, o, n, 0, v, &m)) && ex_arr_push(ev, &a, m);
    }
    ok = ok && n >= 0;
    if (ok)
        *out = val_arr(a);
    else if (a)
        ex_release(ev, val_arr(a));
    return ok;
}

static bool do_match(struct ev *ev, const struct call *c, struct val text, size_t pattern, bool all, struct val *out)
{
    struct subject v;
    struct regex *r = regex_of(ev, c, pattern, pattern + 1);
    if (!r)
        return false;
    v.s = str_data(text, &v.len);
    if (all)
        return match_each(ev, c, r, v, true, out);
    if (!r->all)
        return match_once(ev, c, r, v, out);
    if (!match_each(ev, c, r, v, false, out))
        return false;
    if (out->arr->len == 0) {
        ex_release(ev, *out);
        *out = val_null();
    }
    return true;
}

/* Index of the first match in code points, or -1. */
static bool do_search(struct ev *ev, const struct call *c, struct val text, size_t pattern, double *out)
{
    struct subject v;
    struct regex *r = regex_of(ev, c, pattern, pattern + 1);
    if (!r)
        return false;
    v.s = str_data(text, &v.len);
    int n = run(ev, c, r, v, 0);
    *out = n > 0 ? (double)utf8_count(v.s, pcre2_get_ovector_pointer(r->data)[0]) : -1;
    return n >= 0;
}

static bool do_split(struct ev *ev, const struct call *c, struct subject v, struct regex *r, struct val *out)
{
    struct arr *a = ex_arr_new(ev, 0);
    struct val part;
    bool ok = a != NULL;
    size_t from = 0, at = 0;
    int n = 0;
    while (ok && at < v.len && (n = run(ev, c, r, v, at)) > 0) {
        const PCRE2_SIZE *o = pcre2_get_ovector_pointer(r->data);
        size_t start = o[0], end = o[1];
        at = next_start(o, v);
        if (end == from || start >= v.len) /* nothing between: no cut here */
            continue;
        ok = ex_str(ev, v.s + from, start - from, &part) && ex_arr_push(ev, &a, part);
        for (uint32_t i = 1; ok && i < pcre2_get_ovector_count(r->data); i++)
            ok = group_value(ev, o, n, i, v, &part) && ex_arr_push(ev, &a, part);
        from = end;
    }
    ok = ok && n >= 0 && ex_str(ev, v.s + from, v.len - from, &part) && ex_arr_push(ev, &a, part);
    if (ok)
        *out = val_arr(a);
    else if (a)
        ex_release(ev, val_arr(a));
    return ok;
}

/* ---- replacing ---- */

static void add_group(struct text *t, const PCRE2_SIZE *o, int groups, uint32_t i, struct subject v)
{
    if ((int)i < groups && o[2 * i] != PCRE2_UNSET && o[2 * i] <= o[2 * i + 1])
        text_add(t, v.s + o[2 * i], o[2 * i + 1] - o[2 * i]);
}

/* $1 $12 $<name> $& $$ $` $' at s (behind the $); how many characters it took, 0 when it is nothing of this. */
static size_t add_reference(struct text *t, struct regex *r, int groups, struct subject v, const char *s, size_t len)
{
    const PCRE2_SIZE *o = pcre2_get_ovector_pointer(r->data);
    uint32_t count = pcre2_get_ovector_count(r->data), n = 0;
    if (len && *s == '$')
        text_add(t, "$", 1);
    else if (len && *s == '&')
        add_group(t, o, groups, 0, v);
    else if (len && *s == '`')
        text_add(t, v.s, o[0]);
    else if (len && *s == '\'')
        text_add(t, v.s + o[1], v.len - o[1]);
    else if (len && *s >= '0' && *s <= '9') {
        size_t digits = 1;
        n = (uint32_t)(*s - '0');
        if (len > 1 && s[1] >= '0' && s[1] <= '9' && n * 10 + (uint32_t)(s[1] - '0') < count && n * 10 + (uint32_t)(s[1] - '0') > 0) {
            n = n * 10 + (uint32_t)(s[1] - '0');
            digits = 2;
        }
        if (n == 0 || n >= count)
            return 0;
        add_group(t, o, groups, n, v);
        return digits;
    } else {
        const char *end = len && *s == '<' ? memchr(s, '>', len) : NULL;
        char name[64];
        if (!end || end - s - 1 >= (int)sizeof name)
            return 0;
        snprintf(name, sizeof name, "%.*s", (int)(end - s - 1), s + 1);
        int number = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)name);
        if (number > 0)
            add_group(t, o, groups, (uint32_t)number, v);
        return (size_t)(end - s) + 1;
    }
    return 1;
}

static bool add_by_function(struct text *t, struct val f, struct regex *r, int groups, struct subject v)
{
    struct val args, made, text;
    if (!groups_array(t->ev, r, groups, v, &args))
        return false;
    r->busy++;
    bool ok = ex_apply(t->ev, f, args.arr->items, args.arr->len, 1, &made);
    r->busy--;
    ex_release(t->ev, args);
    if (!ok)
        return false;
    ok = ex_to_text(t->ev, made, &text);
    ex_release(t->ev, made);
    if (!ok)
        return false;
    ex_add_text(t, text);
    ex_release(t->ev, text);
    return true;
}

static bool add_replacement(struct text *t, struct val with, struct regex *r, int groups, struct subject v)
{
    size_t len;
    if (is_function(with))
        return add_by_function(t, with, r, groups, v) && !t->failed;
    const char *s = str_data(with, &len);
    for (size_t i = 0; i < len;) {
        size_t used = s[i] == '$' ? add_reference(t, r, groups, v, s + i + 1, len - i - 1) : 0;
        if (!used)
            text_add(t, s + i, 1);
        i += 1 + used;
    }
    return !t->failed;
}

static bool do_replace(struct ev *ev, const struct call *c, struct subject v, struct regex *r, struct val with, struct val *out)
{
    struct text t;
    size_t from = 0, at = 0;
    int n = 0;
    text_init(&t, ev);
    while (at <= v.len && (n = run(ev, c, r, v, at)) > 0) {
        const PCRE2_SIZE *o = pcre2_get_ovector_pointer(r->data);
        size_t start = o[0] < from ? from : o[0], end = o[1] < start ? start : o[1];
        at = next_start(o, v);
        text_add(&t, v.s + from, start - from);
        if (t.failed || !add_replacement(&t, with, r, n, v)) {
            n = -1;
            break;
        }
        from = end;
        if (!r->all)
            break;
    }
    text_add(&t, v.s + from, v.len - from);
    if (n < 0) {
        text_drop(&t);
        return false;
    }
    return text_finish(&t, out);
}

/* ---- the library's entries ---- */

static bool fn_match(struct ev *ev, const struct call *c, struct val *out)
{
    size_t len;
    return arg_string(ev, c, 0, &len) && do_match(ev, c, c->args[0], 1, false, out);
}
static bool fn_match_all(struct ev *ev, const struct call *c, struct val *out)
{
    size_t len;
    return arg_string(ev, c, 0, &len) && do_match(ev, c, c->args[0], 1, true, out);
}
static bool method_match(struct ev *ev, const struct call *c, struct val *out)
{
    return do_match(ev, c, c->self, 0, false, out);
}
static bool method_match_all(struct ev *ev, const struct call *c, struct val *out)
{
    return do_match(ev, c, c->self, 0, true, out);
}

static bool fn_test(struct ev *ev, const struct call *c, struct val *out)
{
    double at;
    size_t len;
    if (!arg_string(ev, c, 0, &len) || !do_search(ev, c, c->args[0], 1, &at))
        return false;
    *out = val_bool(at >= 0);
    return true;
}
static bool method_test(struct ev *ev, const struct call *c, struct val *out)
{
    double at;
    if (!do_search(ev, c, c->self, 0, &at))
        return false;
    *out = val_bool(at >= 0);
    return true;
}
static bool method_search(struct ev *ev, const struct call *c, struct val *out)
{
    double at;
    if (!do_search(ev, c, c->self, 0, &at))
        return false;
    *out = val_num(at);
    return true;
}

static bool fn_replace(struct ev *ev, const struct call *c, struct val *out)
{
    struct subject v;
    struct regex *r;
    if (!(v.s = arg_string(ev, c, 0, &v.len)) || !(r = regex_of(ev, c, 1, 3)))
        return false;
    if (!is_string(c->args[2]) && !is_function(c->args[2]))
        return arg_fail(ev, c, 2, "a string or a function");
    return do_replace(ev, c, v, r, c->args[2], out);
}

static bool fn_split(struct ev *ev, const struct call *c, struct val *out)
{
    struct subject v;
    struct regex *r;
    if (!(v.s = arg_string(ev, c, 0, &v.len)) || !(r = regex_of(ev, c, 1, 2)))
        return false;
    return do_split(ev, c, v, r, out);
}

const struct builtin lib_regex[] = {
    {"match", fn_match, 2, 3, 0},
    {"matchAll", fn_match_all, 2, 3, 0},
    {"test", fn_test, 2, 3, 0},
    {"replace", fn_replace, 3, 4, 4},
    {"split", fn_split, 2, 3, 0},
    {0},
};

const struct builtin lib_regex_methods[] = {
    {"match", method_match, 1, 2, 0},
    {"matchAll", method_match_all, 1, 2, 0},
    {"test", method_test, 1, 2, 0},
    {"search", method_search, 1, 2, 0},
    {0},
};
