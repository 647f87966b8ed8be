/* SPDX-License-Identifier: Apache-2.0 */
/* Texts: growing ones, percent and base64 encoding, UTF-8, dates. */
#include "http/http.h"

#include <stdint.h>
#include <strings.h>

void text_add(struct text *t, const char *data, size_t len)
{
    if (t->failed)
        return;
    if (t->len + len + 1 > t->cap) {
        size_t cap = (t->len + len + 1) * 2;
        char *more = http_host->alloc(t->task, cap);
        if (more && t->len)
            memcpy(more, t->data, t->len);
        t->data = more;
        t->cap = more ? cap : 0;
        if (!more) {
            t->failed = 1;
            return;
        }
    }
    if (len)
        memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void text_str(struct text *t, const char *s)
{
    if (s)
        text_add(t, s, strlen(s));
}

static int is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

void text_percent(struct text *t, const char *s, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (is_unreserved(c))
            text_add(t, s + i, 1);
        else
            text_add(t, escaped, 3);
    }
}

const char *text_base64(struct wfw_task *task, const void *data, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    char *out = http_host->alloc(task, (len + 2) / 3 * 4 + 1), *p = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        *p++ = letters[group >> 18];
        *p++ = letters[group >> 12 & 63];
        *p++ = left > 1 ? letters[group >> 6 & 63] : '=';
        *p++ = left > 2 ? letters[group & 63] : '=';
    }
    return out;
}

/* Bytes of the character that begins here, 0 when none does: no overlong forms, no surrogates, nothing past U+10FFFF.
 */
static size_t character(const unsigned char *s, size_t len)
{
    unsigned char c = s[0];
    size_t need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return need;
}

int text_is_storable(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    for (size_t i = 0; i < len;) {
        size_t n = p[i] ? character(p + i, len - i) : 0;
        if (n == 0)
            return 0;
        i += n;
    }
    return 1;
}

size_t text_cut(const char *s, size_t len, size_t most)
{
    if (len <= most)
        return len;
    while (most > 0 && ((unsigned char)s[most] & 0xc0) == 0x80)
        most--;
    return most;
}

const char *text_utf8(struct wfw_task *task, const char *s, size_t len)
{
    int latin = !text_is_storable(s, len);
    char *out = http_host->alloc(task, len * 2 + 1), *p = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (latin && c >= 0x80) {
            *p++ = (char)(0xc0 | c >> 6);
            *p++ = (char)(0x80 | (c & 0x3f));
        } else {
            *p++ = s[i];
        }
    }
    return out;
}

int name_is(const char *line, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(line, name, len) == 0;
}

static int month_number(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (strncmp(names + 3 * i, name, 3) == 0)
            return i + 1;
    return 0;
}

int text_http_date(const char *s, int64_t *ms)
{
    int day, year, hour, minute, second, end = 0;
    char month[4];
    if (sscanf(s, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour, &minute, &second,
               &end) != 6 ||
        end == 0 || s[end] != '\0')
        return -1;
    int m = month_number(month);
    if (m == 0 || year < 1970 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return -1;
    int64_t y = m > 2 ? year : year - 1, shifted = m > 2 ? m - 3 : m + 9;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 1 - 719468;
    *ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
    return 0;
}
