/* SPDX-License-Identifier: Apache-2.0 */
/* .env files: NAME=value, export, '...' and "..." over several lines with their escapes, # comments, ${NAME} and
 * ${NAME:-otherwise} in values (earlier lines first, then the environment). */
#include "config/dotenv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/textfile.h"

#define MAX_ENTRIES 10000

struct parser {
    const char *p;
    size_t line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static void skip_blank(struct parser *s)
{
    while (is_blank(*s->p))
        s->p++;
}

static void skip_line(struct parser *s)
{
    s->p += strcspn(s->p, "\r\n");
}

/* White space, line ends and comments. */
static void skip_to_statement(struct parser *s)
{
    for (;; s->p++) {
        if (*s->p == '#')
            skip_line(s);
        if (*s->p == '\n')
            s->line++;
        else if (!is_blank(*s->p) && *s->p != '\r')
            return;
    }
}

static char *read_name(struct parser *s)
{
    if (strncmp(s->p, "export", 6) == 0 && is_blank(s->p[6])) {
        s->p += 6;
        skip_blank(s);
    }
    size_t len;
    char *name = NULL;
    if (*s->p == '\'') {
        len = strcspn(s->p + 1, "'\r\n");
        if (len > 0 && s->p[1 + len] == '\'')
            name = xstrndup(s->p + 1, len);
        s->p += name ? len + 2 : 0;
    } else {
        len = strcspn(s->p, "=# \t\v\f\r\n");
        name = len ? xstrndup(s->p, len) : NULL;
        s->p += len;
    }
    skip_blank(s);
    return name;
}

static char escape(char c)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    const char *at = strchr(from, c);
    return at ? to[at - from] : c;
}

/* Up to the closing quote; NULL when there is none. */
static char *read_quoted(struct parser *s)
{
    char quote = *s->p;
    const char *known = quote == '\'' ? "\\'" : "\\'\"abfnrtv";
    CLEANUP_BUF struct buf out = BUF_INIT;
    const char *p = s->p + 1;
    size_t lines = 0;
    for (; *p && *p != quote; p++) {
        lines += *p == '\n';
        if (*p == '\\' && p[1] && strchr(known, p[1])) {
            p++;
            buf_addch(&out, quote == '\'' ? *p : escape(*p));
        } else {
            buf_addch(&out, *p);
        }
    }
    if (*p != quote)
        return NULL;
    s->p = p + 1;
    s->line += lines;
    return buf_steal(&out);
}

/* Up to the line's end or a comment after white space. */
static char *read_unquoted(struct parser *s)
{
    const char *from = s->p;
    skip_line(s);
    size_t len = (size_t)(s->p - from);
    for (size_t i = 1; i < len; i++)
        if (from[i] == '#' && is_blank(from[i - 1])) {
            len = i;
            break;
        }
    while (len && is_blank(from[len - 1]))
        len--;
    return xstrndup(from, len);
}

static char *read_value(struct parser *s)
{
    s->p++; /* '=' */
    skip_blank(s);
    if (*s->p != '\'' && *s->p != '"')
        return read_unquoted(s);
    char *value = read_quoted(s);
    if (!value)
        return NULL;
    skip_blank(s);
    if (*s->p == '#')
        skip_line(s);
    if (*s->p == '\0' || *s->p == '\n' || *s->p == '\r')
        return value;
    free(value);
    return NULL;
}

static const char *lookup(const struct dotenv *d, const char *name)
{
    const char *value = dotenv_get(d, name);
    return value ? value : getenv(name);
}

/* ${NAME} and ${NAME:-otherwise}; anything else that begins with '$' stays. */
static char *interpolate(const struct dotenv *d, const char *text)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    for (const char *p = text; *p;) {
        const char *close = p[0] == '$' && p[1] == '{' ? strchr(p, '}') : NULL;
        if (!close) {
            buf_addch(&out, *p++);
            continue;
        }
        size_t len = strcspn(p + 2, ":}");
        const char *otherwise = p[2 + len] == ':' && p[3 + len] == '-' ? p + 4 + len : NULL;
        CLEANUP_FREE char *name = xstrndup(p + 2, len);
        const char *value = lookup(d, name);
        if (value)
            buf_addstr(&out, value);
        else if (otherwise)
            buf_add(&out, otherwise, (size_t)(close - otherwise));
        p = close + 1;
    }
    return buf_steal(&out);
}

/* One statement; false when it is none.  NAME without '=' is fine and means nothing. */
static bool parse_statement(struct dotenv *d, struct parser *s)
{
    CLEANUP_FREE char *name = read_name(s);
    if (!name)
        return false;
    if (*s->p != '=') {
        if (*s->p == '#')
            skip_line(s);
        return *s->p == '\0' || *s->p == '\n' || *s->p == '\r';
    }
    CLEANUP_FREE char *value = read_value(s);
    if (!value)
        return false;
    char *full = interpolate(d, value);
    xgrow((void **)&d->entries, &d->capacity, d->count + 1, sizeof *d->entries);
    d->entries[d->count++] = (struct dotenv_entry){STEAL(name), full};
    return true;
}

void dotenv_parse(struct dotenv *d, const char *text, const char *path, struct buf *warnings)
{
    d->path = xstrdup(path);
    struct parser s = {text, 1};
    for (skip_to_statement(&s); *s.p && d->count < MAX_ENTRIES; skip_to_statement(&s)) {
        size_t line = s.line;
        if (parse_statement(d, &s))
            continue;
        buf_printf(warnings, "%s:%zu: this is no assignment and was skipped\n", path, line);
        skip_line(&s);
    }
}

int dotenv_load(struct dotenv *d, const char *path, struct buf *warnings, struct error *e)
{
    char *text = NULL;
    int rc = textfile_read(path, &text, e);
    if (rc <= 0)
        return rc;
    dotenv_parse(d, text, path, warnings);
    free(text);
    return 0;
}

const char *dotenv_get(const struct dotenv *d, const char *name)
{
    for (size_t i = d->count; i > 0; i--)
        if (strcmp(d->entries[i - 1].name, name) == 0)
            return d->entries[i - 1].value;
    return NULL;
}

void dotenv_free(struct dotenv *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->entries[i].name);
        free(d->entries[i].value);
    }
    free(d->entries);
    free(d->path);
    *d = (struct dotenv){0};
}
