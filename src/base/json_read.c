/* SPDX-License-Identifier: Apache-2.0 */
/* A reader by recursive descent.  jansson's own one takes its input byte by byte through a callback and puts every token
 * together in a buffer; most texts that come by here are small, sound and read once, which is what this one is made for.
 * But for large numbers it accepts nothing that jansson refuses, and leaves every message about what is wrong to jansson. */
#include "base/json_read.h"

#include <endian.h>
#include <errno.h>
#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

struct reader {
    const unsigned char *at, *end;
    bool skip;          /* nothing is made of what is read: every sound value is `true` */
    bool names;         /* \u0000 at the beginning of a string is all right */
    struct buf scratch; /* of the string that is being decoded; not used while a value inside is read */
};

static json_t *read_value(struct reader *r, int depth);

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* The next byte behind white space, 0 at the end (a NUL is no JSON either). */
static unsigned char peek(struct reader *r)
{
    skip_space(r);
    return r->at < r->end ? *r->at : 0;
}

/* ---- strings ---- */

struct text {
    const char *data;
    size_t len;
};

static int hex4(const unsigned char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = p[i], low = c | 0x20;
        int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static void add_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_addch(b, (char)c);
    } else if (c < 0x800) {
        buf_add(b, (const char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
    } else if (c < 0x10000) {
        buf_add(b, (const char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))}, 3);
    } else {
        buf_add(b, (const char[]){(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)), (char)(0x80 | (c >> 6 & 0x3f)),
                                  (char)(0x80 | (c & 0x3f))}, 4);
    }
}

/* Behind \u.  A NUL and a half of a pair are no text. */
static bool read_unicode(struct reader *r)
{
    int first = r->end - r->at >= 4 ? hex4(r->at) : -1;
    if (first == 0 && r->names && r->scratch.len == 0) {
        r->at += 4;
        buf_add(&r->scratch, "", 1);
        return true;
    }
    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
        return false;
    r->at += 4;
    if (first < 0xd800 || first > 0xdbff) {
        add_utf8(&r->scratch, (uint32_t)first);
        return true;
    }
    int second = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2) : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return false;
    r->at += 6;
    add_utf8(&r->scratch, 0x10000 + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00));
    return true;
}

/* At the backslash. */
static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->end - r->at < 2)
        return false;
    unsigned char c = r->at[1];
    r->at += 2;
    if (c == 'u')
        return read_unicode(r);
    const char *found = c ? strchr(from, c) : NULL;
    if (found)
        buf_addch(&r->scratch, to[found - from]);
    return found != NULL;
}

#define BYTES(n) (UINT64_MAX / 255 * (n))

/* How many of the next eight bytes are plain, ASCII, no control character, no quote, no backslash, before the first that is not?
 * What is subtracted is borrowed only from bytes behind that one. */
static size_t plain_of_eight(const unsigned char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    w = le64toh(w);
    uint64_t quote = w ^ BYTES('"'), backslash = w ^ BYTES('\\');
    uint64_t others = ((w - BYTES(0x20)) | (quote - BYTES(1)) | (backslash - BYTES(1)) | w) & BYTES(0x80);
    return others ? (size_t)__builtin_ctzll(others) / 8 : 8;
}

/* To the next quote, backslash or end; false: something that is no text is in between. */
static bool skip_plain(struct reader *r)
{
    const unsigned char *p = r->at, *end = r->end;
    for (;;) {
        for (size_t n = 8; n == 8 && end - p >= 8; p += n)
            n = plain_of_eight(p);
        if (p >= end || *p < 0x20)
            return false;
        if (*p == '"' || *p == '\\')
            break;
        size_t n = utf8_sequence((const char *)p, (size_t)(end - p));
        if (n == 0)
            return false;
        p += n;
    }
    r->at = p;
    return true;
}

/* At the opening quote.  The text stands in the input, or in the scratch when there are escapes in it. */
static bool read_text(struct reader *r, struct text *out)
{
    const unsigned char *run = ++r->at;
    if (!skip_plain(r))
        return false;
    if (*r->at == '"') {
        *out = (struct text){(const char *)run, (size_t)(r->at++ - run)};
        return true;
    }
    buf_clear(&r->scratch);
    for (;;) {
        buf_add(&r->scratch, run, (size_t)(r->at - run));
        if (*r->at == '"')
            break;
        if (!read_escape(r))
            return false;
        run = r->at;
        if (!skip_plain(r))
            return false;
    }
    r->at++;
    *out = (struct text){r->scratch.data, r->scratch.len};
    return true;
}

static json_t *read_string(struct reader *r)
{
    struct text t;
    if (!read_text(r, &t))
        return NULL;
    return r->skip ? json_true() : json_stringn_nocheck(t.data, t.len);
}

/* ---- numbers ---- */

static size_t digits(struct reader *r, uint64_t *value)
{
    const unsigned char *from = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        *value = *value * 10 + (uint64_t)(*r->at - '0');
    return (size_t)(r->at - from);
}

/* mantissa * 10^exponent, when one correctly rounded operation gives it (Clinger 1990, "How to read floating point numbers
 * accurately": both operands are exact). */
static bool exact_real(uint64_t mantissa, int exponent, double *out)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (FLT_EVAL_METHOD != 0 || mantissa > (UINT64_C(1) << 53) || exponent < -22 || exponent > 22)
        return false;
    *out = exponent < 0 ? (double)mantissa / tens[-exponent] : (double)mantissa * tens[exponent];
    return true;
}

/* Rare and long ones: the nearest double, infinite when it is beyond all of them; an integer when 64 bits hold it. */
static json_t *long_number(const char *from, size_t len, bool whole)
{
    char room[64], *text = room;
    if (len >= sizeof room && !(text = malloc(len + 1)))
        return NULL;
    memcpy(text, from, len);
    text[len] = '\0';
    errno = 0;
    long long integer = whole && strcmp(text, "-0") != 0 ? strtoll(text, NULL, 10) : 0;
    json_t *v = whole && errno == 0 && strcmp(text, "-0") != 0 ? json_integer(integer) : js_number(strtod(text, NULL), from, len);
    if (text != room)
        free(text);
    return v;
}

/* Behind the whole part: what is there of fraction and exponent.  -1: it is no number. */
static int read_fraction(struct reader *r, uint64_t *mantissa, size_t *count, int *exponent)
{
    uint64_t e = 0;
    bool negative = false;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        size_t n = digits(r, mantissa);
        if (n == 0)
            return -1;
        *count += n;
        *exponent -= n < 1000 ? (int)n : 1000;
    }
    if (r->at < r->end && (*r->at | 0x20) == 'e') {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            negative = *r->at++ == '-';
        size_t n = digits(r, &e);
        if (n == 0)
            return -1;
        int most = n > 3 || e > 1000 ? 1000 : (int)e;
        *exponent += negative ? -most : most;
    }
    return 0;
}

static json_t *read_number(struct reader *r)
{
    const unsigned char *from = r->at;
    bool negative = *r->at == '-';
    uint64_t value = 0;
    int exponent = 0;
    double real;
    r->at += negative;
    const unsigned char *first = r->at;
    size_t count = digits(r, &value);
    if (count == 0 || (count > 1 && *first == '0'))
        return NULL;
    if (r->at == r->end || (*r->at != '.' && (*r->at | 0x20) != 'e')) {
        if (r->skip)
            return json_true();
        if (count > 18 || (negative && value == 0))
            return long_number((const char *)from, (size_t)(r->at - from), true);
        return json_integer(negative ? -(json_int_t)value : (json_int_t)value);
    }
    if (read_fraction(r, &value, &count, &exponent) != 0)
        return NULL;
    if (r->skip)
        return json_true();
    if (count > 18 || !exact_real(value, exponent, &real))
        return long_number((const char *)from, (size_t)(r->at - from), false);
    return js_number(negative ? -real : real, (const char *)from, (size_t)(r->at - from));
}

/* ---- containers ---- */

/* Past a comma (true), or past the closing bracket (false, *done); neither: false. */
static bool more(struct reader *r, unsigned char close, bool *done)
{
    unsigned char c = peek(r);
    *done = c == close;
    r->at += c == ',' || c == close;
    return c == ',';
}

static json_t *read_array(struct reader *r, int depth)
{
    json_t *array = r->skip ? json_true() : json_array();
    bool done = false;
    r->at++;
    if (peek(r) == ']') {
        r->at++;
        return array;
    }
    do {
        json_t *v = read_value(r, depth - 1);
        if (!v || (!r->skip && json_array_append_new(array, v) != 0))
            break;
    } while (more(r, ']', &done));
    if (done)
        return array;
    json_decref(array);
    return NULL;
}

/* jansson takes keys that end in a NUL, and must be given a copy before the value is read (the scratch may hold it). */
static bool read_member(struct reader *r, json_t *object, int depth)
{
    char room[64], *key = room;
    struct text t;
    bool ok = false;
    if (peek(r) != '"' || !read_text(r, &t))
        return false;
    if (t.len >= sizeof room && !(key = malloc(t.len + 1)))
        return false;
    memcpy(key, t.data, t.len);
    key[t.len] = '\0';
    if (peek(r) == ':') {
        r->at++;
        json_t *v = read_value(r, depth - 1);
        ok = v && (r->skip || json_object_set_new_nocheck(object, key, v) == 0);
    }
    if (key != room)
        free(key);
    return ok;
}

static json_t *read_object(struct reader *r, int depth)
{
    json_t *object = r->skip ? json_true() : json_object();
    bool done = false;
    r->at++;
    if (peek(r) == '}') {
        r->at++;
        return object;
    }
    do {
        if (!read_member(r, object, depth))
            break;
    } while (more(r, '}', &done));
    if (done)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *read_word(struct reader *r, const char *word, size_t len, json_t *value)
{
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return NULL;
    r->at += len;
    return value;
}

static json_t *read_value(struct reader *r, int depth)
{
    unsigned char c = peek(r);
    if (depth < 0)
        return NULL;
    switch (c) {
    case '"':
        return read_string(r);
    case '{':
        return read_object(r, depth);
    case '[':
        return read_array(r, depth);
    case 't':
        return read_word(r, "true", 4, json_true());
    case 'f':
        return read_word(r, "false", 5, json_false());
    case 'n':
        return read_word(r, "null", 4, json_null());
    default:
        return c == '-' || (c >= '0' && c <= '9') ? read_number(r) : NULL;
    }
}

static json_t *read_all(const char *text, size_t len, int depth, bool names, size_t *stopped)
{
    struct reader r = {.at = (const unsigned char *)text, .end = (const unsigned char *)text + len, .names = names,
                       .scratch = BUF_INIT};
    json_t *v = read_value(&r, depth);
    skip_space(&r);
    if (v && r.at != r.end) {
        json_decref(v);
        v = NULL;
    }
    *stopped = (size_t)((const char *)r.at - text);
    buf_free(&r.scratch);
    return v;
}

json_t *json_read(const char *text, size_t len, int depth, size_t *stopped)
{
    return read_all(text, len, depth, false, stopped);
}

json_t *json_read_names(const char *text, size_t len, int depth)
{
    size_t stopped;
    return read_all(text, len, depth, true, &stopped);
}

/* ---- some members only ---- */

static bool read_wanted(struct reader *r, int depth, const struct json_member *members, size_t count)
{
    struct text t;
    size_t i = 0;
    if (peek(r) != '"' || !read_text(r, &t))
        return false;
    while (i < count && (members[i].len != t.len || memcmp(members[i].name, t.data, t.len) != 0))
        i++;
    if (peek(r) != ':')
        return false;
    r->at++;
    r->skip = i == count;
    json_t *v = read_value(r, depth - 1);
    if (i < count && v) {
        json_decref(*members[i].value); /* of duplicates the last wins */
        *members[i].value = v;
    }
    return v != NULL;
}

bool json_read_members(const char *text, size_t len, int depth, const struct json_member *members, size_t count)
{
    struct reader r = {.at = (const unsigned char *)text, .end = (const unsigned char *)text + len, .scratch = BUF_INIT};
    bool object = peek(&r) == '{', done = false;
    r.at += object;
    if (object && peek(&r) == '}')
        done = *r.at++ == '}';
    while (object && !done && read_wanted(&r, depth, members, count) && more(&r, '}', &done))
        ;
    skip_space(&r);
    buf_free(&r.scratch);
    return done && r.at == r.end;
}
