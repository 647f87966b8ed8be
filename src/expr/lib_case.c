/* SPDX-License-Identifier: Apache-2.0 */
/* Upper and lower case by Unicode's full mapping, without regard to any language: sharp s becomes SS, a final sigma has
 * its own form. */
#include <string.h>

#include "base/mem.h"
#include "expr/lib.h"
#include "expr/utf8.h"

struct case_run {
    uint32_t first, last, step;
    int32_t delta;
};

struct case_special {
    uint32_t from, to[3];
};

struct case_range {
    uint32_t first, last;
};

#include "expr/casemap.h"

static bool in_ranges(const struct case_range *r, size_t n, uint32_t cp)
{
    size_t low = 0;
    while (n > low) {
        size_t mid = low + (n - low) / 2;
        if (cp > r[mid].last)
            low = mid + 1;
        else if (cp < r[mid].first)
            n = mid;
        else
            return true;
    }
    return false;
}

static uint32_t simple(const struct case_run *r, size_t n, uint32_t cp)
{
    size_t low = 0;
    while (n > low) {
        size_t mid = low + (n - low) / 2;
        if (cp > r[mid].last)
            low = mid + 1;
        else if (cp < r[mid].first)
            n = mid;
        else
            return (cp - r[mid].first) % r[mid].step ? cp : (uint32_t)((int32_t)cp + r[mid].delta);
    }
    return cp;
}

static const struct case_special *special(const struct case_special *s, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n; i++)
        if (s[i].from == cp)
            return &s[i];
    return NULL;
}

/* Unicode's Final_Sigma: a letter before, none behind, ignorable characters not counted. */
static bool final_sigma(const char *s, size_t len, size_t at)
{
    size_t i = at;
    uint32_t cp = 0;
    do {
        if (i == 0)
            return false;
        do
            i--;
        while (i && ((unsigned char)s[i] & 0xc0) == 0x80);
        cp = utf8_at(s + i);
    } while (in_ranges(ignorable, ARRAY_LEN(ignorable), cp));
    if (!in_ranges(cased, ARRAY_LEN(cased), cp))
        return false;
    for (i = at + 2; i < len; i += utf8_size((unsigned char)s[i])) {
        cp = utf8_at(s + i);
        if (!in_ranges(ignorable, ARRAY_LEN(ignorable), cp))
            return !in_ranges(cased, ARRAY_LEN(cased), cp);
    }
    return true;
}

static void add_upper(struct text *t, uint32_t cp)
{
    const struct case_special *s = cp < 0x80 ? NULL : special(upper_special, ARRAY_LEN(upper_special), cp);
    for (size_t i = 0; s && i < 3 && s->to[i]; i++)
        text_add_char(t, s->to[i]);
    if (!s)
        text_add_char(t, cp < 0x80 ? (cp >= 'a' && cp <= 'z' ? cp - 32 : cp) : simple(upper_runs, ARRAY_LEN(upper_runs), cp));
}

static void add_lower(struct text *t, const char *s, size_t len, size_t at)
{
    uint32_t cp = utf8_at(s + at);
    const struct case_special *sp = cp < 0x80 ? NULL : special(lower_special, ARRAY_LEN(lower_special), cp);
    for (size_t i = 0; sp && i < 3 && sp->to[i]; i++)
        text_add_char(t, sp->to[i]);
    if (cp == 0x3a3)
        text_add_char(t, final_sigma(s, len, at) ? 0x3c2 : 0x3c3);
    else if (!sp)
        text_add_char(t, cp < 0x80 ? (cp >= 'A' && cp <= 'Z' ? cp + 32 : cp) : simple(lower_runs, ARRAY_LEN(lower_runs), cp));
}

enum how { UPPER, LOWER, CAPITAL, TITLE };

static bool convert(struct ev *ev, const struct call *c, enum how how, struct val *out)
{
    struct text t;
    size_t len;
    const char *s = str_data(c->self, &len);
    if (!ex_charge(ev, len / 8 + 1))
        return false;
    text_init(&t, ev);
    bool within = false; /* a word */
    for (size_t i = 0; i < len && !t.failed; i += utf8_size((unsigned char)s[i])) {
        if (how == UPPER || (how == CAPITAL && i == 0) || (how == TITLE && !within))
            add_upper(&t, utf8_at(s + i));
        else
            add_lower(&t, s, len, i);
        within = in_ranges(cased, ARRAY_LEN(cased), utf8_at(s + i));
    }
    return text_finish(&t, out);
}

static bool string_upper(struct ev *ev, const struct call *c, struct val *out)
{
    return convert(ev, c, UPPER, out);
}
static bool string_lower(struct ev *ev, const struct call *c, struct val *out)
{
    return convert(ev, c, LOWER, out);
}
static bool string_capitalize(struct ev *ev, const struct call *c, struct val *out)
{
    return convert(ev, c, CAPITAL, out);
}
static bool string_title(struct ev *ev, const struct call *c, struct val *out)
{
    return convert(ev, c, TITLE, out);
}

const struct builtin lib_string_methods2[] = {
    {"toUpperCase", string_upper, 0, 0, 0},
    {"upper", string_upper, 0, 0, 0},
    {"toLowerCase", string_lower, 0, 0, 0},
    {"lower", string_lower, 0, 0, 0},
    {"capitalize", string_capitalize, 0, 0, 0},
    {"title", string_title, 0, 0, 0},
    {0},
};
