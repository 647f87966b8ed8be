/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

int err_set(struct error *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    char text[sizeof e->message]; /* the arguments may point into *e */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    utf8_mend(text);
    memcpy(e->message, text, sizeof text);
    e->detail[0] = e->hint[0] = '\0';
    return -1;
}

int err_detail(struct error *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->detail, sizeof e->detail, fmt, ap);
    va_end(ap);
    utf8_mend(e->detail);
    return -1;
}

int err_hint(struct error *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, ap);
    va_end(ap);
    utf8_mend(e->hint);
    return -1;
}

int err_prefix(struct error *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    char text[sizeof e->message];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, ": %.*s", (int)(sizeof text - (size_t)n), e->message);
    utf8_mend(text);
    memcpy(e->message, text, sizeof text);
    return -1;
}

void err_print(const struct error *e)
{
    fprintf(stderr, "wfworker: %s\n", e->message);
    if (e->detail[0])
        fprintf(stderr, "DETAIL:  %s\n", e->detail);
    if (e->hint[0])
        fprintf(stderr, "HINT:  %s\n", e->hint);
}
