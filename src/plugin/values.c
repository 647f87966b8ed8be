/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/values.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define MADE_BIT ((uintptr_t)1)
#define WHOLE_LIMIT 9007199254740992.0 /* 2^53: beyond, a real is not exactly a whole number that was meant */

struct made {
    json_t *json;
    bool frozen;
    int depth; /* levels of nesting inside, this one included */
};

static struct made *made_of(const struct wfw_value *v)
{
    return (uintptr_t)v & MADE_BIT ? (struct made *)((uintptr_t)v & ~MADE_BIT) : NULL;
}

const struct wfw_value *value_of(const json_t *v)
{
    return (const struct wfw_value *)(const void *)v;
}

json_t *value_json(const struct wfw_value *v)
{
    struct made *m = made_of(v);
    return m ? m->json : (json_t *)(uintptr_t)v;
}

bool value_made(const struct wfw_value *v)
{
    return made_of(v) != NULL;
}

void value_freeze(const struct wfw_value *v)
{
    struct made *m = made_of(v);
    if (m)
        m->frozen = true;
}

struct wfw_value *value_new_container(struct arena *a, json_t *container)
{
    struct made *m = arena_alloc(a, sizeof *m);
    *m = (struct made){.json = arena_keep(a, container), .depth = 1};
    return (struct wfw_value *)((uintptr_t)m | MADE_BIT);
}

/* Levels of nesting, up to `limit`. */
static int depth_of_json(const json_t *v, int limit);

struct wfw_value *value_copy(struct arena *a, const struct wfw_value *value)
{
    const struct made *from = made_of(value);
    json_t *v = value_json(value);
    if (!json_is_object(v) && !json_is_array(v))
        return NULL;
    struct made *m = arena_alloc(a, sizeof *m);
    *m = (struct made){.json = arena_keep(a, json_copy(v)), .depth = from ? from->depth : depth_of_json(v, JS_MAX_DEPTH)};
    return (struct wfw_value *)((uintptr_t)m | MADE_BIT);
}

const struct wfw_value *value_parse(struct arena *a, const char *json, size_t len, char *msg, size_t msglen)
{
    struct error e = ERROR_INIT;
    json_t *v = js_parse(json, len, &e);
    if (!v && msg && msglen)
        snprintf(msg, msglen, "%s", e.message);
    return value_of(arena_keep(a, v));
}

/* ---- JSON pointers ---- */

/* One reference token, decoded into room or new memory (*owned). */
static const char *decode(const char *token, size_t len, char room[128], char **owned)
{
    char *out = len < 128 ? room : (*owned = xmalloc(len + 1)), *to = out;
    for (size_t i = 0; i < len; i++) {
        bool escape = token[i] == '~' && i + 1 < len && (token[i + 1] == '0' || token[i + 1] == '1');
        *to++ = !escape ? token[i] : token[++i] == '0' ? '~' : '/';
    }
    *to = '\0';
    return out;
}

static json_t *element(const json_t *array, const char *token)
{
    size_t index = 0, len = strlen(token);
    if (len == 0 || len > 9 || strspn(token, "0123456789") != len || (token[0] == '0' && len > 1))
        return NULL;
    for (const char *p = token; *p; p++)
        index = index * 10 + (size_t)(*p - '0');
    return json_array_get(array, index);
}

/* WFW_OK and *out, WFW_E_NOTFOUND, WFW_E_INVAL. */
static int find(const struct wfw_value *value, const char *pointer, json_t **out)
{
    json_t *v = value_json(value);
    if (!pointer || (*pointer && *pointer != '/'))
        return WFW_E_INVAL;
    while (v && *pointer) {
        size_t len = strcspn(++pointer, "/");
        char room[128], *owned = NULL;
        const char *token = decode(pointer, len, room, &owned);
        v = json_is_array(v) ? element(v, token) : json_object_get(v, token);
        xfree(owned);
        pointer += len;
    }
    *out = v;
    return v ? WFW_OK : WFW_E_NOTFOUND;
}

/* ---- Reading ---- */

static uint32_t type_of(const json_t *v)
{
    static const uint32_t types[] = {[JSON_OBJECT] = WFW_OBJECT, [JSON_ARRAY] = WFW_ARRAY, [JSON_STRING] = WFW_STRING,
                                     [JSON_INTEGER] = WFW_INT,   [JSON_REAL] = WFW_REAL,   [JSON_TRUE] = WFW_BOOL,
                                     [JSON_FALSE] = WFW_BOOL,    [JSON_NULL] = WFW_NULL};
    return v ? types[json_typeof(v)] : (uint32_t)WFW_NULL;
}

uint32_t value_type(const struct wfw_value *value)
{
    return type_of(value_json(value));
}

const struct wfw_value *value_get(const struct wfw_value *value, const char *pointer)
{
    json_t *v;
    if (find(value, pointer, &v) != WFW_OK)
        return NULL;
    return v == value_json(value) ? value : value_of(v);
}

int value_get_bool(const struct wfw_value *value, const char *pointer, int *out)
{
    json_t *v;
    int rc = find(value, pointer, &v);
    if (rc != WFW_OK)
        return rc;
    if (!json_is_boolean(v))
        return WFW_E_TYPE;
    *out = json_is_true(v);
    return WFW_OK;
}

int value_get_int(const struct wfw_value *value, const char *pointer, int64_t *out)
{
    json_t *v;
    int rc = find(value, pointer, &v);
    if (rc != WFW_OK)
        return rc;
    double d = json_real_value(v);
    if (json_is_real(v) && (floor(d) < d || fabs(d) > WHOLE_LIMIT))
        return WFW_E_TYPE;
    if (!json_is_number(v))
        return WFW_E_TYPE;
    *out = json_is_real(v) ? (int64_t)d : (int64_t)json_integer_value(v);
    return WFW_OK;
}

int value_get_real(const struct wfw_value *value, const char *pointer, double *out)
{
    json_t *v;
    int rc = find(value, pointer, &v);
    if (rc != WFW_OK)
        return rc;
    if (!json_is_number(v) || !isfinite(json_number_value(v)))
        return WFW_E_TYPE;
    *out = json_number_value(v);
    return WFW_OK;
}

int value_get_string(const struct wfw_value *value, const char *pointer, const char **out, size_t *len)
{
    json_t *v;
    int rc = find(value, pointer, &v);
    if (rc != WFW_OK)
        return rc;
    if (!json_is_string(v))
        return WFW_E_TYPE;
    *out = json_string_value(v);
    if (len)
        *len = json_string_length(v);
    return WFW_OK;
}

size_t value_length(const struct wfw_value *value)
{
    json_t *v = value_json(value);
    return json_is_string(v) ? json_string_length(v) : json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

/* ---- Walking through an object ----
 * jansson has no access to members by number, so each thread remembers where its last call was.  What is remembered holds
 * only while nothing was freed since, anywhere: another object may have got the same address. */

static _Atomic uint64_t freed;

static _Thread_local struct {
    const json_t *object;
    size_t index;
    void *at;
    uint64_t freed;
} last;

void values_freed(void)
{
    atomic_fetch_add(&freed, 1);
}

static void *member(json_t *object, size_t index)
{
    uint64_t now = atomic_load(&freed);
    size_t i = 0;
    void *at = NULL;
    if (last.object == object && last.freed == now && last.at && last.index <= index) {
        i = last.index;
        at = last.at;
    } else {
        at = json_object_iter(object);
    }
    for (; at && i < index; i++)
        at = json_object_iter_next(object, at);
    last.object = object;
    last.index = index;
    last.at = at;
    last.freed = now;
    return at;
}

const struct wfw_value *value_item(const struct wfw_value *value, size_t index, const char **key)
{
    json_t *v = value_json(value);
    if (key)
        *key = NULL;
    if (json_is_array(v))
        return value_of(json_array_get(v, index));
    if (!json_is_object(v) || index >= json_object_size(v))
        return NULL;
    void *at = member(v, index);
    if (at && key)
        *key = json_object_iter_key(at);
    return at ? value_of(json_object_iter_value(at)) : NULL;
}

/* ---- Building ---- */

static int depth_of_json(const json_t *v, int limit)
{
    int most = 0;
    if (!json_is_array(v) && !json_is_object(v))
        return 0;
    if (limit == 0)
        return 1;
    json_t *open = (json_t *)(uintptr_t)v;
    for (size_t i = 0; i < json_array_size(v); i++) {
        int d = depth_of_json(json_array_get(v, i), limit - 1);
        most = d > most ? d : most;
    }
    for (void *at = json_object_iter(open); at; at = json_object_iter_next(open, at)) {
        int d = depth_of_json(json_object_iter_value(at), limit - 1);
        most = d > most ? d : most;
    }
    return most + 1;
}

/* May `value` go into `m`?  Then it is frozen and the depth counted. */
static int take_in(struct made *m, const struct wfw_value *value)
{
    const struct made *inner = made_of(value);
    if (inner == m)
        return WFW_E_INVAL;
    int depth = 1 + (inner ? inner->depth : depth_of_json(value_json(value), JS_MAX_DEPTH));
    if (depth > JS_MAX_DEPTH)
        return WFW_E_LIMIT;
    if (depth > m->depth)
        m->depth = depth;
    value_freeze(value);
    return WFW_OK;
}

int value_set(struct wfw_value *object, const char *key, const struct wfw_value *value)
{
    struct made *m = made_of(object);
    if (!m || m->frozen || !json_is_object(m->json) || !key || !value)
        return WFW_E_INVAL;
    int rc = take_in(m, value);
    if (rc != WFW_OK)
        return rc;
    if (json_object_get(m->json, key))
        values_freed(); /* the member that is replaced */
    return json_object_set(m->json, key, value_json(value)) == 0 ? WFW_OK : WFW_E_INVAL;
}

int value_remove(struct wfw_value *object, const char *key)
{
    struct made *m = made_of(object);
    if (!m || m->frozen || !json_is_object(m->json) || !key)
        return WFW_E_INVAL;
    values_freed(); /* the member, perhaps */
    return json_object_del(m->json, key) == 0 ? WFW_OK : WFW_E_NOTFOUND;
}

int value_push(struct wfw_value *array, const struct wfw_value *value)
{
    struct made *m = made_of(array);
    if (!m || m->frozen || !json_is_array(m->json) || !value)
        return WFW_E_INVAL;
    int rc = take_in(m, value);
    if (rc != WFW_OK)
        return rc;
    return json_array_append(m->json, value_json(value)) == 0 ? WFW_OK : WFW_E_INVAL;
}
