/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing values.  A double holds every number here exactly: the largest is 2^31 or a time of 30 days. */
#include "config/setting_value.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"m", 60000}, {"ms", 1}, {"s", 1000}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"GiB", 1073741824}, {"MiB", 1048576}, {"KiB", 1024}, {"G", 1073741824}, {"M", 1048576}, {"K", 1024},
    {"GB", 1e9},         {"MB", 1e6},      {"kB", 1e3},   {"B", 1},          {NULL, 0},
};

/* Decimal digits with an optional point and exponent: no hexadecimal, no "inf", no "nan". */
static int read_number(const char *text, double *out, const char **rest)
{
    const char *p = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
        return -1;
    if (*p == '0' && (p[1] == 'x' || p[1] == 'X'))
        return -1;
    char *end;
    *out = strtod(text, &end);
    *rest = end;
    return isfinite(*out) ? 0 : -1;
}

static int read_with_unit(const struct unit *units, double plain, const char *text, double *out)
{
    const char *rest;
    if (read_number(text, out, &rest) != 0)
        return -1;
    while (*rest == ' ')
        rest++;
    if (*rest == '\0') {
        *out *= plain;
        return 0;
    }
    for (; units->name; units++)
        if (strcmp(rest, units->name) == 0) {
            *out *= units->factor;
            return 0;
        }
    return -1;
}

static int read_boolean(const char *text, double *out)
{
    static const char *const yes[] = {"on", "true", "yes", "1"}, *const no[] = {"off", "false", "no", "0"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return -1;
}

static const char *next_word(const char *words, size_t *len)
{
    words += strspn(words, " ");
    *len = strcspn(words, " ");
    return *len ? words : NULL;
}

static int read_choice(const char *words, const char *text, double *out)
{
    size_t len;
    double index = 0;
    for (const char *w = next_word(words, &len); w; w = next_word(w + len, &len), index++)
        if (strlen(text) == len && strncasecmp(text, w, len) == 0) {
            *out = index;
            return 0;
        }
    return -1;
}

int setting_listen(const char *text)
{
    if (strcasecmp(text, "off") == 0 || *text == '\0')
        return 0;
    const char *colon = strrchr(text, ':');
    if (!colon || strpbrk(text, " /@?#"))
        return -1;
    if (memchr(text, ':', (size_t)(colon - text)) && (text[0] != '[' || colon[-1] != ']'))
        return -1;
    size_t digits = strspn(colon + 1, "0123456789");
    return digits > 0 && digits <= 5 && colon[1 + digits] == '\0' && atol(colon + 1) <= 65535 ? 0 : -1;
}

static int read_by_type(const struct setting_rule *rule, const char *text, double *out)
{
    const char *rest;
    switch (rule->type) {
    case VALUE_STRING:
    case VALUE_DATABASE:
    case VALUE_LIST:
    case VALUE_DIRS:
        return 0;
    case VALUE_LISTEN:
        return setting_listen(text);
    case VALUE_INTEGER:
    case VALUE_NUMBER:
        return read_number(text, out, &rest) != 0 || *rest != '\0' ? -1 : 0;
    case VALUE_DURATION:
        return read_with_unit(durations, 1000, text, out);
    case VALUE_SIZE:
        return read_with_unit(sizes, 1, text, out);
    case VALUE_BOOLEAN:
        return read_boolean(text, out);
    case VALUE_CHOICE:
    case VALUE_SWITCH:
        return read_choice(rule->words, text, out);
    }
    return -1;
}

int setting_parse(const struct setting_rule *rule, const char *text, double *out)
{
    if (read_by_type(rule, text, out) != 0)
        return -1;
    if (rule->type == VALUE_INTEGER && floor(*out) != *out)
        return -1;
    if (rule->type == VALUE_DURATION || rule->type == VALUE_SIZE)
        *out = round(*out);
    bool ranged = rule->largest > 0;
    return ranged && !(*out >= rule->smallest && *out <= rule->largest) ? -1 : 0;
}

static void add_words(const char *words, struct buf *out)
{
    size_t len;
    const char *separator = "";
    for (const char *w = next_word(words, &len); w; w = next_word(w + len, &len)) {
        buf_printf(out, "%s%.*s", separator, (int)len, w);
        separator = ", ";
    }
}

static void add_range(const char *what, const struct setting_rule *rule, struct buf *out)
{
    buf_addstr(out, what);
    buf_addstr(out, " from ");
    setting_format(rule, rule->smallest, out);
    buf_addstr(out, " to ");
    setting_format(rule, rule->largest, out);
}

void setting_expected(const struct setting_rule *rule, struct buf *out)
{
    switch (rule->type) {
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_DIRS:
        buf_addstr(out, "text");
        break;
    case VALUE_DATABASE:
        buf_addstr(out, "a PostgreSQL address");
        break;
    case VALUE_INTEGER:
        add_range("a whole number", rule, out);
        break;
    case VALUE_NUMBER:
        add_range("a number", rule, out);
        break;
    case VALUE_DURATION:
        add_range("seconds, or a number with ms, s, m, h or d,", rule, out);
        break;
    case VALUE_SIZE:
        add_range("bytes, or a number with KiB, MiB or GiB,", rule, out);
        break;
    case VALUE_BOOLEAN:
        buf_addstr(out, "on or off");
        break;
    case VALUE_CHOICE:
    case VALUE_SWITCH:
        buf_addstr(out, "one of: ");
        add_words(rule->words, out);
        break;
    case VALUE_LISTEN:
        buf_addstr(out, "HOST:PORT, or off");
        break;
    }
}

/* Whole days, hours or minutes; else seconds, below one second milliseconds. */
static void format_duration(double ms, struct buf *out)
{
    static const struct unit whole[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}};
    char number[32];
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (ms > 0 && fmod(ms, whole[i].factor) == 0) {
            buf_printf(out, "%.0f %s", ms / whole[i].factor, whole[i].name);
            return;
        }
    bool seconds = ms == 0 || ms >= 1000;
    js_format_real(seconds ? ms / 1000 : ms, number);
    buf_printf(out, "%s %s", number, seconds ? "s" : "ms");
}

static void format_size(double bytes, struct buf *out)
{
    for (size_t i = 0; i < 3; i++)
        if (bytes > 0 && fmod(bytes, sizes[i].factor) == 0) {
            buf_printf(out, "%.0f %s", bytes / sizes[i].factor, sizes[i].name);
            return;
        }
    buf_printf(out, "%.0f B", bytes);
}

void setting_format(const struct setting_rule *rule, double value, struct buf *out)
{
    const char *word = rule->words;
    size_t len = 0;
    char number[32];
    switch (rule->type) {
    case VALUE_DURATION:
        format_duration(value, out);
        break;
    case VALUE_SIZE:
        format_size(value, out);
        break;
    case VALUE_BOOLEAN:
        buf_addstr(out, value != 0 ? "on" : "off");
        break;
    case VALUE_CHOICE:
    case VALUE_SWITCH:
        for (word = next_word(word, &len); word && value >= 1; value--)
            word = next_word(word + len, &len);
        buf_add(out, word ? word : "", word ? len : 0);
        break;
    default:
        js_format_real(value, number);
        buf_addstr(out, number);
    }
}

char **setting_list(const char *const *texts, size_t count, bool split)
{
    const char *separators = split ? ", \t" : "";
    size_t names = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(texts[i]) + 1;
        names += strlen(texts[i]) / 2 + 1;
    }
    char **list = xcalloc(1, (names + 1) * sizeof *list + bytes);
    char *to = (char *)(list + names + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        for (const char *p = texts[i] + strspn(texts[i], separators); *p; p += strspn(p, separators)) {
            size_t len = strcspn(p, separators);
            list[n++] = memcpy(to, p, len);
            to += len + 1;
            p += len;
        }
    return list;
}
