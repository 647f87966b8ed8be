/* SPDX-License-Identifier: Apache-2.0 */
/* What the project's own plugins share: short forms over the host table.  Header only, nothing but plugin.h beneath. */
#ifndef WFW_PLUGINS_COMMON_UTIL_H
#define WFW_PLUGINS_COMMON_UTIL_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include "wfworker/plugin.h"

#define UTIL_MESSAGE 1024

/* End the attempt with an error that a retry would not mend. */
__attribute__((format(printf, 4, 5))) static inline void fail_with(const struct wfw_host *host, struct wfw_task *task,
                                                                   const char *type, const char *fmt, ...)
{
    char message[UTIL_MESSAGE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    struct wfw_error error = {.size = sizeof error, .type = type, .message = message};
    host->fail(task, &error);
}

/* The member, or NULL when it is absent or null. */
static inline const struct wfw_value *member(const struct wfw_host *host, const struct wfw_value *object,
                                             const char *pointer)
{
    const struct wfw_value *v = object ? host->get(object, pointer) : NULL;
    return v && host->type(v) != WFW_NULL ? v : NULL;
}

/* The member's text when it is a string that is not empty, else NULL. */
static inline const char *text_member(const struct wfw_host *host, const struct wfw_value *object, const char *pointer)
{
    const struct wfw_value *v = member(host, object, pointer);
    const char *text;
    return v && host->get_string(v, "", &text, NULL) == WFW_OK && *text ? text : NULL;
}

/* JavaScript's truth of a value. */
static inline int is_true(const struct wfw_host *host, const struct wfw_value *v)
{
    int flag = 0;
    double number = 0;
    switch (host->type(v)) {
    case WFW_BOOL:
        host->get_bool(v, "", &flag);
        return flag;
    case WFW_INT:
    case WFW_REAL:
        host->get_real(v, "", &number);
        return number < 0 || number > 0;
    case WFW_STRING:
        return host->length(v) > 0;
    default:
        return host->type(v) == WFW_ARRAY || host->type(v) == WFW_OBJECT;
    }
}

#endif
