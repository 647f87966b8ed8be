/* SPDX-License-Identifier: Apache-2.0 */
/* JSON helpers over jansson: reading with limits, writing so that numbers come out as they came in, typed access.
 *
 * Values that are shared (definition, state, node outputs) are never changed after they were made; who wants another
 * value makes a shallow copy. */
#ifndef WF_BASE_JSON_H
#define WF_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Deepest nesting accepted anywhere. */
#define JS_MAX_DEPTH 512
/* What this program puts around values when it saves them. */
#define JS_OWN_DEPTH 64

static inline void js_cleanup(json_t **v)
{
    json_decref(*v);
}
#define CLEANUP_JSON __attribute__((cleanup(js_cleanup)))

/* Read any JSON value.  Of duplicate keys the last wins, as in PostgreSQL's jsonb; NUL characters, bad UTF-8 and deeper
 * nesting than JS_MAX_DEPTH are errors that name line and column.  NULL on error.
 * Numbers: an integer that 64 bits hold is one; every other number is a real, the nearest double (infinite when there is
 * none), that remembers its text (js_number_text()). */
json_t *js_parse(const char *text, size_t len, struct error *e);

/* The same for what this program has written itself, with values of any depth inside. */
json_t *js_parse_own(const char *text, size_t len, struct error *e);

/* "null", "true or false", "a number", "a text", "an array", "an object": what v is, for error texts. */
const char *js_kind(const json_t *v);

/* js_parse_own() of an object for those who want only these members of it; 0, or -1 and nothing is set.  A text that is
 * no object has no members: -1 unless it is null. */
struct json_member;
int js_members(const char *text, size_t len, const struct json_member *members, size_t count, struct error *e);

/* A real that js_write() writes as this text, a number of JSON; copied. */
json_t *js_number(double value, const char *text, size_t len);
/* The text that a real was read from, borrowed; NULL for every other value. */
const char *js_number_text(const json_t *v);

/* Values that are kept elsewhere: js_write() into a buffer with `refs` asks about every container and every string of at least
 * JS_REFS_MIN bytes.  The answer is what is written instead of the value, *len bytes, borrowed until the next question; NULL:
 * the value itself. */
#define JS_REFS_MIN 512
struct js_refs {
    const char *(*find)(const struct js_refs *refs, const json_t *v, size_t *len);
};

/* The containers that js_write() was called with last, for buffers with `written`: one that comes again, also inside of another, is
 * copied as text.  Who lends it to buffers keeps those values alive and unchanged, and their texts where they are, until
 * js_written_clear().  Texts with names in them (see above) are not taken note of, nor anything after them. */
#define JS_WRITTEN_LAST 8
#define JS_WRITTEN_MIN 64 /* bytes; shorter ones are written as fast */
struct js_written {
    struct {
        const json_t *v;
        const struct buf *in;
        size_t at, len;
    } items[JS_WRITTEN_LAST];
    size_t count; /* so far */
    bool named;
};

static inline void js_written_clear(struct js_written *w)
{
    w->count = 0;
    w->named = false;
}

static inline void js_written_only(struct js_written *w, const json_t *v) /* forget all others */
{
    for (size_t i = 0; i < w->count && i < JS_WRITTEN_LAST; i++)
        if (w->items[i].v != v)
            w->items[i].v = NULL;
}

/* Texts of our own may name values that are kept elsewhere: by a string that begins with a NUL character, which no other
 * string has.  js_name_ref() writes one; js_parse_refs() is js_parse_own() that replaces each by what resolve() gives for the
 * name behind the NUL, a new reference; NULL with *e from it is the end. */
typedef json_t *(*js_resolve_fn)(void *ctx, const char *name, struct error *e);
void js_name_ref(struct buf *b, const char *name);
json_t *js_parse_refs(const char *text, size_t len, js_resolve_fn resolve, void *ctx, struct error *e);
/* Does the text name one?  From *at on, which is set behind it; the name is `len` bytes and borrowed. */
bool js_next_ref(const char *text, size_t text_len, size_t *at, const char **name, size_t *len);

/* Is its text about longer than *left bytes?  Else *left becomes what is left of them.  The walk ends as soon as the answer is known,
 * and its depth is that of the value.  NULL is nothing. */
bool js_exceeds(const json_t *v, size_t *left);

/* Write compact JSON.  Numbers that were read come out as they were written; other reals are written with the fewest digits that read back the same (0.1 stays 0.1). */
void js_write(struct buf *b, const json_t *v);
char *js_text(const json_t *v); /* the same as a new string */
/* "name": of a member, for a name that is a literal and needs no escapes. */
#define js_write_name(b, name) buf_add(b, "\"" name "\":", sizeof "\"" name "\":" - 1)
#define JS_MEMBER(name) ",\"" name "\":", sizeof ",\"" name "\":" - 1 /* ,"name": and its length, two arguments */
void js_write_string(struct buf *b, const char *s, size_t len); /* with quotes; bytes that are no UTF-8 become U+FFFD */
void js_write_real(struct buf *b, double d);                    /* finite */

/* Fewest digits that read back as d, in C's notation ("0.1", "1e+21"); finite.  Whole numbers come without a point. */
void js_format_real(double d, char out[32]);

/* Members of an object by key; NULL / the fallback when absent or of another type. */
const char *js_str(const json_t *object, const char *key);
int64_t js_int(const json_t *object, const char *key, int64_t fallback);
bool js_bool(const json_t *object, const char *key, bool fallback);

/* object[key] = value, taking over the reference; a NULL value or a bad key is a programming error and aborts. */
void js_set(json_t *object, const char *key, json_t *value);
void js_push(json_t *array, json_t *value);

/* A new string from bytes that need not be UTF-8: invalid sequences become U+FFFD, NUL too. */
json_t *js_string_lossy(const char *s, size_t len);

/* True when PostgreSQL's jsonb can hold it: no NUL character in any string or key. */
bool js_storable(const json_t *v);

#endif
