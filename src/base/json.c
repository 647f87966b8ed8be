/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "base/utf8.h"

/* jansson's own depth limit is 2048, fixed at its compile time; ours is lower because every walk here recurses. */
static bool too_deep(const json_t *v, int left)
{
    if (left < 0)
        return true;
    if (json_is_array(v)) {
        size_t i;
        json_t *item;
        json_array_foreach(v, i, item) if (too_deep(item, left - 1)) return true;
    } else if (json_is_object(v)) {
        for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
             it = json_object_iter_next((json_t *)(uintptr_t)v, it))
            if (too_deep(json_object_iter_value(it), left - 1))
                return true;
    }
    return false;
}

static int refuse(const char *text, const json_error_t *je, size_t stopped, struct error *e)
{
    if (json_error_code(je) != json_error_numeric_overflow)
        return err_set(e, "invalid JSON at line %d, column %d: %s", je->line, je->column, je->text);
    int line = 1, column = 0; /* a large number is all right: it is what stopped us */
    for (size_t i = 0; i < stopped; i++) {
        line += text[i] == '\n';
        column = text[i] == '\n' ? 0 : column + 1;
    }
    return err_set(e, "invalid JSON at line %d, column %d: unexpected text or end", line, column);
}

/* The fast reader has no words for what is wrong. */
static json_t *parse(const char *text, size_t len, int depth, struct error *e)
{
    json_error_t je;
    size_t stopped;
    json_t *v = json_read(text, len, depth, &stopped);
    if (v)
        return v;
    v = json_loadb(text, len, JSON_DECODE_ANY, &je);
    if (!v) {
        refuse(text, &je, stopped, e);
    } else if (too_deep(v, depth)) {
        json_decref(v);
        v = NULL;
        err_set(e, "JSON is nested deeper than %d levels", depth);
    }
    return v;
}

json_t *js_parse(const char *text, size_t len, struct error *e)
{
    return parse(text, len, JS_MAX_DEPTH, e);
}

json_t *js_parse_own(const char *text, size_t len, struct error *e)
{
    return parse(text, len, JS_MAX_DEPTH + JS_OWN_DEPTH, e);
}

const char *js_kind(const json_t *v)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return "null";
    }
}

int js_members(const char *text, size_t len, const struct json_member *members, size_t count, struct error *e)
{
    if (json_read_members(text, len, JS_MAX_DEPTH + JS_OWN_DEPTH, members, count))
        return 0;
    for (size_t i = 0; i < count; i++)
        json_decref(STEAL(*members[i].value));
    CLEANUP_JSON json_t *whole = js_parse_own(text, len, e);
    if (!whole)
        return -1;
    if (!json_is_object(whole) && !json_is_null(whole))
        return err_set(e, "it is %s, not an object", js_kind(whole));
    for (size_t i = 0; i < count; i++)
        *members[i].value = json_incref(json_object_get(whole, members[i].name));
    return 0;
}

static void write_escape(struct buf *b, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add(b, "\\\"", 2);
        break;
    case '\\':
        buf_add(b, "\\\\", 2);
        break;
    case '\n':
        buf_add(b, "\\n", 2);
        break;
    case '\r':
        buf_add(b, "\\r", 2);
        break;
    case '\t':
        buf_add(b, "\\t", 2);
        break;
    default:
        buf_printf(b, "\\u%04x", c);
        break;
    }
}

#define BYTES(n) (UINT64_MAX / 255 * (n))

/* Do all eight bytes stand for themselves: ASCII, no control character, no quote, no backslash? */
static bool word_plain(uint64_t w)
{
    uint64_t quote = w ^ BYTES('"'), backslash = w ^ BYTES('\\'), delete = w ^ BYTES(0x7f);
    return (((w - BYTES(0x20)) | (quote - BYTES(1)) | (backslash - BYTES(1)) | (delete - BYTES(1)) | w) & BYTES(0x80)) == 0;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Most strings are short and plain: words that overlap cover them. */
static bool all_plain(const unsigned char *p, size_t len)
{
    uint64_t w;
    uint32_t half;
    if (len >= sizeof w) {
        for (size_t i = 0; i + sizeof w <= len; i += sizeof w) {
            memcpy(&w, p + i, sizeof w);
            if (!word_plain(w))
                return false;
        }
        memcpy(&w, p + len - sizeof w, sizeof w);
        return word_plain(w);
    }
    if (len < sizeof half) {
        for (size_t i = 0; i < len; i++)
            if (!is_plain(p[i]))
                return false;
        return true;
    }
    memcpy(&half, p, sizeof half);
    w = half;
    memcpy(&half, p + len - sizeof half, sizeof half);
    return word_plain(w << 32 | half);
}

static void write_unplain(struct buf *b, const unsigned char *p, size_t len)
{
    const unsigned char *end = p + len, *run = p;
    while (p < end) {
        size_t n = is_plain(*p) ? 1 : utf8_sequence((const char *)p, (size_t)(end - p));
        if (n > 1 || is_plain(*p)) {
            p += n;
            continue;
        }
        buf_add(b, run, (size_t)(p - run));
        if (n == 0)
            buf_addstr(b, "\xef\xbf\xbd");
        else
            write_escape(b, *p);
        run = ++p;
    }
    buf_add(b, run, (size_t)(p - run));
}

void js_write_string(struct buf *b, const char *s, size_t len)
{
    buf_reserve(b, len + 2);
    b->data[b->len++] = '"';
    if (all_plain((const unsigned char *)s, len)) {
        memcpy(b->data + b->len, s, len);
        b->len += len;
    } else {
        write_unplain(b, (const unsigned char *)s, len);
    }
    buf_addch(b, '"');
}

/* A number of at most 15 digits is the shortest for the double that is nearest to it, and a quotient of two whole numbers that
 * doubles hold exactly is that double: so one with few decimals needs no trying of whole texts. */
static bool format_decimal(double d, char out[32])
{
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    double size = fabs(d);
    if (FLT_EVAL_METHOD != 0 || !(size >= 1e-3 && size < 1e9))
        return false;
    for (size_t k = 0; k < ARRAY_LEN(tens); k++) {
        uint64_t whole = (uint64_t)(size * tens[k] + 0.5);
        if ((double)whole / tens[k] < size || (double)whole / tens[k] > size)
            continue;
        char *at = out + 31;
        *at = '\0';
        for (size_t i = 0; i < k || whole > 0 || i == k; i++, whole /= 10) {
            if (i == k && k > 0)
                *--at = '.';
            *--at = (char)('0' + whole % 10);
        }
        if (d < 0)
            *--at = '-';
        memmove(out, at, (size_t)(out + 32 - at));
        return true;
    }
    return false;
}

void js_format_real(double d, char out[32])
{
    if (format_decimal(d, out))
        return;
    int from = fabs(d) < 1e-300 ? 1 : 15; /* subnormal numbers can need fewer than 15 digits */
    for (int digits = from; digits <= 17; digits++) {
        int n = snprintf(out, 32, "%.*g", digits, d);
        if (n > 0 && n < 32 && strtod(out, NULL) == d)
            return;
    }
}

void js_write_real(struct buf *b, double d)
{
    char text[32];
    js_format_real(d, text);
    buf_addstr(b, text);
    if (!strpbrk(text, ".e"))
        buf_add(b, ".0", 2); /* a real stays a real when it is read again */
}

static void write_value(struct buf *b, const json_t *v);

static void write_object(struct buf *b, const json_t *v)
{
    json_t *object = (json_t *)(uintptr_t)v;
    bool first = true;
    buf_addch(b, '{');
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        if (!first)
            buf_addch(b, ',');
        first = false;
        js_write_string(b, key, strlen(key));
        buf_addch(b, ':');
        write_value(b, json_object_iter_value(it));
    }
    buf_addch(b, '}');
}

static void write_array(struct buf *b, const json_t *v)
{
    buf_addch(b, '[');
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i)
            buf_addch(b, ',');
        write_value(b, json_array_get(v, i));
    }
    buf_addch(b, ']');
}

static void write_number(struct buf *b, const json_t *v)
{
    const char *text = js_number_text(v);
    if (text)
        buf_addstr(b, text);
    else
        js_write_real(b, json_real_value(v));
}

/* Was it written as something that stands for it? */
static bool write_instead(struct buf *b, const json_t *v)
{
    size_t len;
    if (json_is_string(v) ? json_string_length(v) < JS_REFS_MIN : !json_is_object(v) && !json_is_array(v))
        return false;
    const char *text = b->refs->find(b->refs, v, &len);
    if (text)
        buf_add(b, text, len);
    if (text && b->written)
        b->written->named = true;
    return text != NULL;
}

static bool is_container(const json_t *v)
{
    return json_is_object(v) || json_is_array(v);
}

/* Was it written before, and copied now? */
static bool write_again(struct buf *b, const json_t *v)
{
    const struct js_written *w = b->written;
    size_t count = w->count < JS_WRITTEN_LAST ? w->count : JS_WRITTEN_LAST, i = 0;
    while (i < count && w->items[i].v != v)
        i++;
    if (i == count || w->named)
        return false;
    buf_reserve(b, w->items[i].len); /* the text may be in this buffer, which moves */
    buf_add(b, w->items[i].in->data + w->items[i].at, w->items[i].len);
    return true;
}

static void write_value(struct buf *b, const json_t *v)
{
    if (b->refs && write_instead(b, v))
        return;
    if (b->written && is_container(v) && write_again(b, v))
        return;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        write_object(b, v);
        break;
    case JSON_ARRAY:
        write_array(b, v);
        break;
    case JSON_STRING:
        js_write_string(b, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        buf_addint(b, json_integer_value(v));
        break;
    case JSON_REAL:
        write_number(b, v);
        break;
    case JSON_TRUE:
        buf_addstr(b, "true");
        break;
    case JSON_FALSE:
        buf_addstr(b, "false");
        break;
    case JSON_NULL:
        buf_addstr(b, "null");
        break;
    }
}

void js_write(struct buf *b, const json_t *v)
{
    struct js_written *w = b->written;
    size_t at = b->len;
    write_value(b, v);
    if (!w || w->named || b->len - at < JS_WRITTEN_MIN || !is_container(v))
        return;
    size_t i = w->count++ % JS_WRITTEN_LAST;
    w->items[i].v = v;
    w->items[i].in = b;
    w->items[i].at = at;
    w->items[i].len = b->len - at;
}

char *js_text(const json_t *v)
{
    struct buf b = BUF_INIT;
    js_write(&b, v);
    return buf_steal(&b);
}

const char *js_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t js_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : fallback;
}

bool js_bool(const json_t *object, const char *key, bool fallback)
{
    const json_t *v = json_object_get(object, key);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

void js_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        abort();
}

void js_push(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        abort();
}

json_t *js_string_lossy(const char *s, size_t len)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    const unsigned char *p = (const unsigned char *)s, *end = p + len;
    while (p < end) {
        size_t n = utf8_sequence((const char *)p, (size_t)(end - p));
        if (n == 0 || *p == 0) {
            buf_addstr(&b, "\xef\xbf\xbd");
            p++;
        } else {
            buf_add(&b, p, n);
            p += n;
        }
    }
    json_t *v = json_stringn(b.data ? b.data : "", b.len);
    if (!v)
        abort();
    return v;
}

bool js_storable(const json_t *v)
{
    if (json_is_string(v))
        return memchr(json_string_value(v), 0, json_string_length(v)) == NULL;
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++)
            if (!js_storable(json_array_get(v, i)))
                return false;
    } else if (json_is_object(v)) {
        json_t *object = (json_t *)(uintptr_t)v;
        for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
            if (!js_storable(json_object_iter_value(it)))
                return false;
    }
    return true;
}

static bool takes(size_t *left, size_t bytes)
{
    bool over = bytes > *left;
    *left -= over ? *left : bytes;
    return over;
}

bool js_exceeds(const json_t *v, size_t *left)
{
    const char *key;
    json_t *member;
    size_t i;
    if (!v)
        return false;
    if (json_is_string(v))
        return takes(left, json_string_length(v) + 2);
    if (takes(left, 2))
        return true;
    json_array_foreach((json_t *)(uintptr_t)v, i, member) if (js_exceeds(member, left)) return true;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
        if (takes(left, strlen(key) + 4) || js_exceeds(member, left))
            return true;
    return false;
}
