/* SPDX-License-Identifier: Apache-2.0 */
/* What a program writes to standard output: lines, each a JSON object with one member that says what it is. */
#include "exec/exec.h"

#include <stdlib.h>

__attribute__((format(printf, 2, 3))) static void wrong(struct lines *l, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!*l->wrong)
        snprintf(l->wrong, sizeof l->wrong, "line %zu of its output %s", l->number, text);
}

/* {"log": "text", "level": "info"} */
static void log_line(struct lines *l, const struct wfw_value *line)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const char *text = "", *level = "info";
    uint32_t number = WFW_LOG_INFO;
    if (host->get_string(line, "/log", &text, NULL) != WFW_OK) {
        wrong(l, "has a log that is no text");
        return;
    }
    host->get_string(line, "/level", &level, NULL);
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(level, names[i]) == 0)
            number = i * 100;
    host->log(l->task, number, "%s", text);
}

static void end_line(struct lines *l, const struct wfw_value *line, enum said said)
{
    if (l->said != SAID_NOTHING) {
        wrong(l, "says a second time how the node ended");
        return;
    }
    l->said = said;
    l->message = line;
}

static void take(struct lines *l)
{
    char said[200] = "";
    l->number++;
    if (l->len == 0)
        return;
    const struct wfw_value *line = host->parse(l->task, l->text, l->len, said, sizeof said);
    if (!line)
        wrong(l, "is not JSON: %s", said);
    else if (host->type(line) != WFW_OBJECT)
        wrong(l, "is not a JSON object");
    else if (host->get(line, "/progress"))
        host->progress(l->task, host->get(line, "/progress"));
    else if (host->get(line, "/log"))
        log_line(l, line);
    else if (host->get(line, "/result"))
        end_line(l, line, SAID_RESULT);
    else if (host->get(line, "/error"))
        end_line(l, line, SAID_ERROR);
    else if (host->get(line, "/park"))
        end_line(l, line, SAID_PARK);
    else
        wrong(l, "has none of the members progress, log, result, error, park");
    if (line && line != l->message)
        host->release(l->task, line); /* there may be very many */
}

static int grow(struct lines *l, size_t more)
{
    size_t cap = l->cap ? l->cap : 4096;
    if (l->cap - l->len >= more)
        return 0;
    while (cap - l->len < more)
        cap *= 2;
    char *text = realloc(l->text, cap);
    if (!text)
        return -1;
    l->text = text;
    l->cap = cap;
    return 0;
}

void lines_add(struct lines *l, const char *bytes, size_t len)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t n = end ? (size_t)(end - bytes) : len;
        if (grow(l, n) != 0) {
            wrong(l, "is too long for the memory that there is");
            return;
        }
        memcpy(l->text + l->len, bytes, n);
        l->len += n;
        if (end) {
            take(l);
            l->len = 0;
        }
        n += end != NULL;
        bytes += n;
        len -= n;
    }
}

void lines_end(struct lines *l)
{
    if (l->len > 0)
        take(l);
    l->len = 0;
}

void lines_free(struct lines *l)
{
    free(l->text);
}
