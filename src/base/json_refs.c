/* SPDX-License-Identifier: Apache-2.0 */
/* Names of values that are kept elsewhere, in texts of our own: "\u0000NAME".  Nobody else's text can hold one: NUL characters
 * are refused wherever JSON is read, and wherever strings are made. */
#include <string.h>

#include "base/json.h"
#include "base/json_read.h"

#define BEGIN "\"\\u0000"
#define NAME_MAX_LEN 64

void js_name_ref(struct buf *b, const char *name)
{
    buf_addstr(b, BEGIN);
    buf_addstr(b, name);
    buf_addch(b, '"');
}

bool js_next_ref(const char *text, size_t text_len, size_t *at, const char **name, size_t *len)
{
    const char *found = *at < text_len ? memmem(text + *at, text_len - *at, BEGIN, sizeof BEGIN - 1) : NULL;
    if (!found)
        return false;
    *name = found + sizeof BEGIN - 1;
    size_t left = text_len - (size_t)(*name - text);
    const char *end = memchr(*name, '"', left < NAME_MAX_LEN ? left : NAME_MAX_LEN);
    *len = end ? (size_t)(end - *name) : 0;
    *at = (size_t)(*name - text) + *len;
    return true;
}

struct resolver {
    js_resolve_fn resolve;
    void *ctx;
    struct error *e;
};

/* The tree is new, and nobody else's yet: it may be changed. */
static int resolve_all(const struct resolver *r, json_t *v);

/* 0 and the value for `item`, or NULL when it stays; -1: *e. */
static int resolve_one(const struct resolver *r, json_t *item, json_t **instead)
{
    *instead = NULL;
    if (!json_is_string(item) || json_string_length(item) == 0 || json_string_value(item)[0] != '\0')
        return resolve_all(r, item);
    *instead = r->resolve(r->ctx, json_string_value(item) + 1, r->e);
    return *instead ? 0 : -1;
}

static int resolve_all(const struct resolver *r, json_t *v)
{
    json_t *instead;
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
        if (resolve_one(r, json_array_get(v, i), &instead) != 0)
            return -1;
        if (instead && json_array_set_new(v, i, instead) != 0)
            return -1;
    }
    for (void *it = json_is_object(v) ? json_object_iter(v) : NULL; it; it = json_object_iter_next(v, it)) {
        if (resolve_one(r, json_object_iter_value(it), &instead) != 0)
            return -1;
        if (instead && json_object_iter_set_new(v, it, instead) != 0)
            return -1;
    }
    return 0;
}

json_t *js_parse_refs(const char *text, size_t len, js_resolve_fn resolve, void *ctx, struct error *e)
{
    size_t at = 0, name_len;
    const char *name;
    if (!js_next_ref(text, len, &at, &name, &name_len))
        return js_parse_own(text, len, e);
    json_t *v = json_read_names(text, len, JS_MAX_DEPTH + JS_OWN_DEPTH), *instead = NULL;
    if (!v)
        return js_parse_own(text, len, e); /* it says what is wrong */
    if (resolve_one(&(struct resolver){resolve, ctx, e}, v, &instead) == 0 && !instead)
        return v;
    json_decref(v);
    return instead;
}
