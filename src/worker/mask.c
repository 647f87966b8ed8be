/* SPDX-License-Identifier: Apache-2.0 */
/* Search and replace, in texts and in the strings of a JSON value. */
#include "worker/mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* A word within another one comes after it: else the rest of the longer one would stay. */
static void add_word(struct mask *m, const char *word)
{
    size_t at = 0, len = strlen(word);
    void *words = m->words;
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->words[i], word) == 0)
            return;
        at += strlen(m->words[i]) >= len;
    }
    xgrow(&words, &m->cap, m->count + 1, sizeof *m->words);
    m->words = words;
    memmove(&m->words[at + 1], &m->words[at], (m->count++ - at) * sizeof *m->words);
    m->words[at] = xstrdup(word);
}

void mask_add(struct mask *m, const char *secret)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    CLEANUP_BUF struct buf encoded = BUF_INIT;
    if (strlen(secret) < MASK_SHORTEST)
        return;
    add_word(m, secret);
    for (const char *p = secret; *p; p++) {
        if (strchr(plain, *p))
            buf_addch(&encoded, *p);
        else
            buf_printf(&encoded, "%%%02X", (unsigned char)*p);
    }
    add_word(m, encoded.data);
}

void mask_free(struct mask *m)
{
    for (size_t i = 0; i < m->count; i++)
        xfree(m->words[i]);
    xfree(m->words);
    *m = (struct mask){0};
}

static bool occurs(const struct mask *m, const char *text, size_t len)
{
    for (size_t i = 0; i < m->count; i++)
        if (memmem(text, len, m->words[i], strlen(m->words[i])))
            return true;
    return false;
}

static void replace(struct buf *text, const char *word)
{
    struct buf out = BUF_INIT;
    size_t len = strlen(word);
    const char *from = text->data, *end = from + text->len;
    for (const char *at; (at = memmem(from, (size_t)(end - from), word, len)); from = at + len) {
        buf_add(&out, from, (size_t)(at - from));
        buf_addstr(&out, MASK_TEXT);
    }
    buf_add(&out, from, (size_t)(end - from));
    buf_free(text);
    *text = out;
}

static void mask_bytes(const struct mask *m, const char *text, size_t len, struct buf *out)
{
    buf_add(out, text, len);
    for (size_t i = 0; i < m->count; i++)
        replace(out, m->words[i]);
}

char *mask_text(const struct mask *m, const char *text)
{
    struct buf out = BUF_INIT;
    if (!text)
        return NULL;
    mask_bytes(m, text, strlen(text), &out);
    return buf_steal(&out);
}

static json_t *mask_string(const struct mask *m, json_t *v)
{
    const char *text = json_string_value(v);
    size_t len = json_string_length(v);
    if (!occurs(m, text, len))
        return json_incref(v);
    CLEANUP_BUF struct buf out = BUF_INIT;
    mask_bytes(m, text, len, &out);
    return js_string_lossy(out.data, out.len); /* a secret may end within a character */
}

static json_t *mask_array(const struct mask *m, json_t *v)
{
    json_t *copy = NULL;
    for (size_t i = 0; i < json_array_size(v); i++) {
        json_t *old = json_array_get(v, i), *new = mask_value(m, old);
        if (new != old && !copy)
            copy = json_copy(v);
        if (new != old)
            json_array_set_new(copy, i, new);
        else
            json_decref(new);
    }
    return copy ? copy : json_incref(v);
}

static json_t *mask_object(const struct mask *m, json_t *v)
{
    json_t *copy = NULL, *old;
    const char *key;
    json_object_foreach(v, key, old) {
        json_t *new = mask_value(m, old);
        if (new != old && !copy)
            copy = json_copy(v);
        if (new != old)
            js_set(copy, key, new);
        else
            json_decref(new);
    }
    return copy ? copy : json_incref(v);
}

/* As deep as values can be made: JS_MAX_DEPTH. */
json_t *mask_value(const struct mask *m, json_t *v)
{
    if (m->count == 0)
        return json_incref(v);
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        return mask_string(m, v);
    case JSON_ARRAY:
        return mask_array(m, v);
    case JSON_OBJECT:
        return mask_object(m, v);
    default:
        return json_incref(v);
    }
}
