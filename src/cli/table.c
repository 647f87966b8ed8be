/* SPDX-License-Identifier: Apache-2.0 */
/* Columns and texts for people.  Widths count code points: node names and messages are mostly narrow ones. */
#include "cli/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

char *text_clean(const char *text, size_t most)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    size_t n = 0;
    bool cut = most > 0 && width_of(text) > most;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c & 0xc0) != 0x80 && cut && ++n >= most)
            break;
        buf_addch(&out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    if (cut)
        buf_addstr(&out, "…");
    return buf_steal(&out);
}

void table_begin(struct table *t, const char *const *headings)
{
    *t = (struct table){0};
    while (headings[t->columns] && t->columns < TABLE_COLUMNS)
        t->columns++;
    for (size_t i = 0; i < t->columns; i++)
        table_add(t, headings[i], 0);
}

void table_add(struct table *t, const char *text, size_t most)
{
    xgrow((void **)&t->cells, &t->capacity, t->count + 1, sizeof *t->cells);
    t->cells[t->count++] = text && *text ? text_clean(text, most) : xstrdup("-");
}

static bool colourful(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fileno(out)) && !(no && *no);
}

const char *text_colour(FILE *out, const char *status)
{
    static const struct {
        const char *word, *code;
    } colours[] = {
        {"completed", "\033[32m"}, {"ok", "\033[32m"},      {"failed", "\033[31m"},  {"error", "\033[31m"},
        {"running", "\033[36m"},   {"waiting", "\033[33m"}, {"paused", "\033[33m"},  {"warning", "\033[33m"},
        {"waiting_for_signal", "\033[33m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(colours) && colourful(out); i++)
        if (strcmp(colours[i].word, status) == 0)
            return colours[i].code;
    return "";
}

const char *text_plain(FILE *out)
{
    return colourful(out) ? "\033[0m" : "";
}

static void print_cell(FILE *out, const char *cell, size_t width, bool last)
{
    const char *colour = text_colour(out, cell);
    size_t used = width_of(cell);
    fprintf(out, "%s%s%s", colour, cell, *colour ? text_plain(out) : "");
    if (!last)
        fprintf(out, "%*s", (int)(width > used ? width - used : 0) + 2, "");
}

void table_print(struct table *t, FILE *out)
{
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < t->count; i++)
        if (width_of(t->cells[i]) > widths[i % t->columns])
            widths[i % t->columns] = width_of(t->cells[i]);
    for (size_t i = 0; i < t->count; i++) {
        bool last = i % t->columns == t->columns - 1;
        print_cell(out, t->cells[i], widths[i % t->columns], last);
        if (last)
            fputc('\n', out);
        free(t->cells[i]);
    }
    free(t->cells);
    *t = (struct table){0};
}

static bool add_units(int64_t value, int64_t big, const char *big_name, int64_t small, const char *small_name, struct buf *out)
{
    if (value < big)
        return false;
    buf_printf(out, "%" PRId64 " %s", value / big, big_name);
    if (value % big / small > 0)
        buf_printf(out, " %" PRId64 " %s", value % big / small, small_name);
    return true;
}

void text_duration(int64_t us, struct buf *out)
{
    if (us < 0)
        us = 0;
    int64_t s = us / US_PER_S;
    if (add_units(s, 86400, "d", 3600, "h", out) || add_units(s, 3600, "h", 60, "min", out) ||
        add_units(s, 60, "min", 1, "s", out))
        return;
    if (us < US_PER_S)
        buf_printf(out, "%" PRId64 " ms", us / US_PER_MS);
    else
        buf_printf(out, "%" PRId64 ".%02" PRId64 " s", s, us % US_PER_S / 10000);
}

char *text_time(const char *time)
{
    int64_t us;
    char text[CLOCK_TEXT];
    if (!time || clock_parse(time, &us, NULL) != 0)
        return xstrdup("-");
    clock_format_naive(us - us % US_PER_S, text);
    text[10] = ' ';
    return xstrdup(text);
}

char *text_between(const char *from, const char *to)
{
    int64_t begin, end;
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!from || !to || clock_parse(from, &begin, NULL) != 0 || clock_parse(to, &end, NULL) != 0)
        return xstrdup("-");
    text_duration(end - begin, &out);
    return buf_steal(&out);
}

static void new_line(struct buf *out, size_t depth)
{
    buf_printf(out, "\n%*s", (int)(2 * depth), "");
}

/* Compact JSON with line ends and indentation; numbers and strings stay as js_write() made them. */
static void indent(const char *p, struct buf *out)
{
    bool string = false;
    for (size_t depth = 0; *p; p++) {
        if (string || *p == '"') {
            string = string ? *p != '"' : true;
            buf_addch(out, *p);
            if (*p == '\\' && p[1])
                buf_addch(out, *++p);
            continue;
        }
        bool empty = (*p == '{' && p[1] == '}') || (*p == '[' && p[1] == ']');
        if (empty) {
            buf_add(out, p++, 2);
            continue;
        }
        if (*p == '}' || *p == ']')
            new_line(out, --depth);
        buf_addch(out, *p);
        if (*p == '{' || *p == '[')
            new_line(out, ++depth);
        else if (*p == ',')
            new_line(out, depth);
        else if (*p == ':')
            buf_addch(out, ' ');
    }
}

char *text_json(const json_t *v)
{
    CLEANUP_FREE char *compact = js_text(v);
    CLEANUP_BUF struct buf out = BUF_INIT;
    indent(compact, &out);
    return buf_steal(&out);
}

void print_json(const json_t *v)
{
    CLEANUP_FREE char *text = text_json(v);
    puts(text);
}
