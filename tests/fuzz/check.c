/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets have in common. */
#include "fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

void fuzz_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

bool fuzz_is_utf8(const char *text, size_t len)
{
    json_t *v = json_stringn(text, len); /* somebody else's idea of UTF-8, to judge ours */
    bool is = v != NULL;
    json_decref(v);
    return is;
}

void fuzz_text(const char *what, const char *text)
{
    if (!text || !*text)
        fuzz_fail("%s: there is no text", what);
    if (!fuzz_is_utf8(text, strlen(text)))
        fuzz_fail("%s: not UTF-8: %s", what, text);
}

void fuzz_error(const char *what, const struct error *e)
{
    fuzz_text(what, e->message);
    if (!fuzz_is_utf8(e->detail, strlen(e->detail)) || !fuzz_is_utf8(e->hint, strlen(e->hint)))
        fuzz_fail("%s: detail or hint is not UTF-8: %s, %s", what, e->detail, e->hint);
}

void fuzz_same(const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        fuzz_fail("%s:\n%s\n%s", what, a, b);
}

char *fuzz_string(const uint8_t *data, size_t size)
{
    const void *end = size ? memchr(data, 0, size) : NULL;
    return xstrndup((const char *)data, end ? (size_t)((const uint8_t *)end - data) : size);
}

json_t *fuzz_value(const uint8_t *data, size_t size)
{
    return js_parse((const char *)data, size, NULL);
}

json_t *fuzz_member(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}
