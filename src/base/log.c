/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

static _Atomic int current_level = LOG_INFO;
static _Atomic int current_format = LOG_TEXT;

static _Atomic(log_sink_fn) sink;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_setup(enum log_format format, enum log_level level)
{
    atomic_store(&current_format, (int)format);
    atomic_store(&current_level, (int)level);
}

enum log_format log_current_format(void)
{
    return (enum log_format)atomic_load(&current_format);
}

int log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    return -1;
}

int log_format_parse(const char *name, enum log_format *out)
{
    static const char *const names[] = {"text", "json", "journal"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum log_format)i;
            return 0;
        }
    return -1;
}

/* Control characters would break the one-line form (and terminals): written as \n, \t, \xNN. */
static void add_clean(struct buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\n')
            buf_addstr(b, "\\n");
        else if (c == '\t')
            buf_addstr(b, "\\t");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(b, "\\x%02x", c);
        else
            buf_addch(b, (char)c);
    }
}

static void add_text_value(struct buf *b, const char *s)
{
    if (*s && !strpbrk(s, " \"=\n\t")) {
        add_clean(b, s);
        return;
    }
    buf_addch(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addch(b, '\\');
        char one[2] = {*s, '\0'};
        add_clean(b, one);
    }
    buf_addch(b, '"');
}

static void add_text_fields(struct buf *b, const struct log_field *f)
{
    for (; f->name; f++) {
        buf_printf(b, " %s=", f->name);
        if (f->text)
            add_text_value(b, f->text);
        else
            buf_printf(b, "%lld", (long long)f->number);
    }
}

static void format_json(struct buf *b, const char *time, enum log_level level, const char *message,
                        const struct log_field *f)
{
    buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time, level_names[level]);
    js_write_string(b, message, strlen(message));
    for (; f->name; f++) {
        buf_addch(b, ',');
        js_write_string(b, f->name, strlen(f->name));
        buf_addch(b, ':');
        if (f->text)
            js_write_string(b, f->text, strlen(f->text));
        else
            buf_printf(b, "%lld", (long long)f->number);
    }
    buf_addch(b, '}');
}

static void format_terminal(struct buf *b, const char *time, enum log_level level, const char *message,
                            const struct log_field *f)
{
    static const char *const marks[] = {"  ", "  ", "⚠️ ", "❌"};
    buf_printf(b, "%.8s %s ", time + 11, marks[level]);
    add_clean(b, message);
    add_text_fields(b, f);
}

static void format_line(struct buf *b, enum log_level level, const char *message, const struct log_field *f)
{
    static const int priorities[] = {7, 6, 4, 3};
    char time[CLOCK_TEXT];
    clock_format_utc_ms(clock_now_us(), time);
    switch (log_current_format()) {
    case LOG_JSON:
        format_json(b, time, level, message, f);
        break;
    case LOG_TERMINAL:
        format_terminal(b, time, level, message, f);
        break;
    case LOG_JOURNAL:
        buf_printf(b, "<%d>", priorities[level]);
        add_clean(b, message);
        add_text_fields(b, f);
        break;
    case LOG_TEXT:
        buf_printf(b, "%s %s ", time, level_names[level]);
        add_clean(b, message);
        add_text_fields(b, f);
        break;
    }
}

void log_divert(log_sink_fn fn)
{
    atomic_store(&sink, fn);
}

void log_fields(enum log_level level, const char *message, const struct log_field *fields)
{
    log_sink_fn elsewhere = atomic_load_explicit(&sink, memory_order_relaxed);
    if (elsewhere) {
        elsewhere(level, message, fields);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    format_line(&b, level, message, fields);
    buf_addch(&b, '\n');
    for (size_t done = 0; done < b.len;) {
        ssize_t n = write(STDERR_FILENO, b.data + done, b.len - done);
        if (n <= 0)
            break; /* a log that cannot be written must not stop the worker */
        done += (size_t)n;
    }
}

void log_error(enum log_level level, const char *message, const struct error *e)
{
    struct log_field f[4] = {0};
    size_t n = 0;
    f[n++] = (struct log_field)LOG_STR("error", e->message);
    if (e->detail[0])
        f[n++] = (struct log_field)LOG_STR("detail", e->detail);
    if (e->hint[0])
        f[n++] = (struct log_field)LOG_STR("hint", e->hint);
    if (log_enabled(level))
        log_fields(level, message, f);
}
