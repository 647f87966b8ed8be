/* SPDX-License-Identifier: Apache-2.0 */
/* The process's own log: one line an event, on standard error.
 *
 * A line is a short fixed message and named fields, so that people and programs read the same thing:
 *     log_write(LOG_INFO, "execution completed", LOG_STR("execution", id), LOG_INT("ms", ms));
 * text  2026-11-23T06:00:00.123Z info execution completed execution=exec-1 ms=12
 * json  {"time":"2026-11-23T06:00:00.123Z","level":"info","message":"execution completed","execution":"exec-1","ms":12}
 * Secrets must never be passed in a field.  Safe from any thread: one write(2) a line. */
#ifndef WF_BASE_LOG_H
#define WF_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum log_level { LOG_DEBUG = 0, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format {
    LOG_TEXT,    /* the one-line text above */
    LOG_JSON,    /* the same as JSON */
    LOG_JOURNAL, /* text with the <N> priority prefix of systemd, without the time */
    LOG_TERMINAL /* for a person watching: time of day, message, fields; colour when standard error is a terminal */
};

struct log_field {
    const char *name;
    const char *text; /* NULL: `number` is the value */
    int64_t number;
};
#define LOG_STR(n, s) {.name = (n), .text = (s) ? (s) : ""}
#define LOG_INT(n, i) {.name = (n), .number = (i)}

/* Write a line.  Levels below log_level are dropped before anything is formatted. */
#define log_write(level, message, ...)                                                                                 \
    do {                                                                                                               \
        if (log_enabled(level))                                                                                        \
            log_fields((level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) {0}});                \
    } while (0)

/* fields ends with one whose name is NULL. */
void log_fields(enum log_level level, const char *message, const struct log_field *fields);

/* Give every line to fn instead of writing it, for a process whose log is kept by another one.  fn is called from any thread; NULL:
 * lines are written again.  To be called before other threads. */
typedef void (*log_sink_fn)(enum log_level level, const char *message, const struct log_field *fields);
void log_divert(log_sink_fn fn);

/* An error as one line: its message, with fields error.detail and error.hint. */
void log_error(enum log_level level, const char *message, const struct error *e);

bool log_enabled(enum log_level level);
void log_setup(enum log_format format, enum log_level level);
enum log_format log_current_format(void);

/* 0, or -1 when the name is not one of debug info warning error / text json journal. */
int log_level_parse(const char *name, enum log_level *out);
int log_format_parse(const char *name, enum log_format *out);

#endif
