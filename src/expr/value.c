/* SPDX-License-Identifier: Apache-2.0 */
/* Values: references, budgets, strings and arrays.  Nothing is allocated before the budget has agreed to it. */
#include "expr/value.h"

#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "expr/utf8.h"

void *ex_alloc(struct ev *ev, size_t size)
{
    if (size > EX_MAX_LIVE || ev->live + size > EX_MAX_LIVE) {
        ex_too_costly(ev, "needs more than 16 MiB of memory");
        return NULL;
    }
    ev->live += size;
    return xmalloc(size);
}

void ex_free(struct ev *ev, void *p, size_t size)
{
    if (!p)
        return;
    ev->live -= size;
    free(p);
}

/* p with another size, or NULL, when p is as it was. */
static void *ex_resize(struct ev *ev, void *p, size_t old, size_t size)
{
    if (size > EX_MAX_LIVE || ev->live - old + size > EX_MAX_LIVE) {
        ex_too_costly(ev, "needs more than 16 MiB of memory");
        return NULL;
    }
    ev->live = ev->live - old + size;
    return xreallocarray(p, size, 1);
}

void ex_release_all(struct ev *ev, struct val *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ex_release(ev, v[i]);
}

static size_t obj_index_bytes(const struct obj *o)
{
    return o->index_size * sizeof *o->index;
}

static void obj_free(struct ev *ev, struct obj *o)
{
    for (size_t i = 0; i < o->len; i++) {
        ex_release(ev, val_str(o->members[i].key));
        ex_release(ev, o->members[i].value);
    }
    ex_free(ev, o->members, o->room * sizeof *o->members);
    ex_free(ev, o->index, obj_index_bytes(o));
    ex_free(ev, o, sizeof *o);
}

void ex_release_counted(struct ev *ev, struct val v)
{
    if (v.type == V_STR) {
        if (v.str->refs && --v.str->refs == 0)
            ex_free(ev, v.str, sizeof *v.str + v.str->room + 1);
    } else if (v.type == V_ARR) {
        if (--v.arr->refs)
            return;
        ex_release_all(ev, v.arr->items, v.arr->len);
        ex_free(ev, v.arr, sizeof *v.arr + v.arr->room * sizeof(struct val));
    } else if (--v.obj->refs == 0) {
        obj_free(ev, v.obj);
    }
}

/* ---- strings ---- */

struct str *ex_str_new(struct ev *ev, size_t len)
{
    struct str *s = len < EX_MAX_LIVE ? ex_alloc(ev, sizeof *s + len + 1) : ex_alloc(ev, SIZE_MAX);
    if (!s)
        return NULL;
    *s = (struct str){.refs = 1, .len = len, .room = len};
    s->data[len] = '\0';
    return s;
}

bool ex_str(struct ev *ev, const char *text, size_t len, struct val *out)
{
    struct str *s = ex_str_new(ev, len);
    if (!s)
        return false;
    memcpy(s->data, text, len);
    *out = val_str(s);
    return true;
}

size_t ex_str_chars(struct val v)
{
    size_t len;
    const char *s = str_data(v, &len);
    if (v.type == V_STR && v.str->counted)
        return v.str->chars;
    size_t n = utf8_count(s, len);
    if (v.type == V_STR && v.str->refs) { /* never write to what threads share */
        v.str->chars = n;
        v.str->counted = true;
    }
    return n;
}

void text_init(struct text *t, struct ev *ev)
{
    *t = (struct text){.ev = ev, .str = ex_str_new(ev, 48)};
    t->failed = !t->str;
    if (t->str)
        t->str->len = 0;
}

static bool text_reserve(struct text *t, size_t more)
{
    struct str *s = t->str;
    if (t->failed)
        return false;
    if (more <= s->room - s->len)
        return true;
    /* twice the room, but near the limit half of what is left: always a few steps, never one by one */
    size_t need = s->len + more - s->room, left = EX_MAX_LIVE - t->ev->live;
    size_t extra = s->room > need ? s->room : need;
    if (extra > left && need <= left)
        extra = need + (left - need) / 2;
    size_t room = more > EX_MAX_LIVE ? SIZE_MAX / 2 : s->room + extra;
    s = ex_resize(t->ev, s, sizeof *s + s->room + 1, sizeof *s + room + 1);
    if (!s) {
        t->failed = true;
        return false;
    }
    s->room = room;
    t->str = s;
    return true;
}

void text_add(struct text *t, const char *s, size_t len)
{
    if (!text_reserve(t, len))
        return;
    if (len)
        memcpy(t->str->data + t->str->len, s, len);
    t->str->len += len;
}

void text_addstr(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_add_char(struct text *t, uint32_t cp)
{
    char c[4];
    text_add(t, c, utf8_put(c, cp));
}

void text_drop(struct text *t)
{
    if (t->str)
        ex_release(t->ev, val_str(t->str));
    t->str = NULL;
    t->failed = true;
}

bool text_finish(struct text *t, struct val *out)
{
    if (t->failed || !ex_charge_bytes(t->ev, t->str->len)) {
        text_drop(t);
        return false;
    }
    struct str *s = t->str;
    s->data[s->len] = '\0';
    if (s->room - s->len > 64) {
        struct str *fit = ex_resize(t->ev, s, sizeof *s + s->room + 1, sizeof *s + s->len + 1);
        if (fit) {
            s = fit;
            s->room = s->len;
        }
    }
    *out = val_str(s);
    return true;
}

/* ---- arrays ---- */

struct arr *ex_arr_new(struct ev *ev, size_t room)
{
    struct arr *a = room <= EX_MAX_LIVE / sizeof(struct val) ? ex_alloc(ev, sizeof *a + room * sizeof(struct val))
                                                             : ex_alloc(ev, SIZE_MAX);
    if (a)
        *a = (struct arr){.refs = 1, .depth = 1, .room = room};
    return a;
}

static uint32_t depth_of(struct val v)
{
    return v.type == V_ARR ? v.arr->depth : v.type == V_OBJ ? v.obj->depth : v.type == V_JARR || v.type == V_JOBJ;
}

/* Count a new child; false when the values would nest too deeply or it is a function. */
static bool adopt(struct ev *ev, uint32_t *depth, struct val v)
{
    uint32_t d = depth_of(v) + 1;
    if (d > *depth)
        *depth = d;
    if (d > EX_MAX_DEPTH)
        return ex_too_costly(ev, "makes values that nest deeper than 512 levels");
    if (is_function(v))
        return ex_fail(ev, "type_error", "a function cannot be kept in an array or object");
    return true;
}

bool ex_arr_push(struct ev *ev, struct arr **where, struct val v)
{
    struct arr *a = *where;
    if (a->len == a->room) {
        size_t room = a->room < 4 ? 8 : a->room * 2;
        a = ex_resize(ev, a, sizeof *a + a->room * sizeof v, sizeof *a + room * sizeof v);
        if (!a) {
            ex_release(ev, v);
            return false;
        }
        a->room = room;
        *where = a;
    }
    if (!adopt(ev, &a->depth, v)) {
        ex_release(ev, v);
        return false;
    }
    a->items[a->len++] = v;
    return true;
}

struct val ex_of_json(const json_t *j)
{
    if (!j)
        return val_undef();
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        return (struct val){.type = V_JOBJ, .json = j};
    case JSON_ARRAY:
        return (struct val){.type = V_JARR, .json = j};
    case JSON_STRING:
        return (struct val){.type = V_JSTR, .json = j};
    case JSON_INTEGER:
        return (struct val){.type = V_INT, .i = json_integer_value(j)};
    case JSON_REAL:
        return js_number_text(j) ? (struct val){.type = V_JNUM, .json = j} : val_num(json_real_value(j));
    case JSON_TRUE:
        return val_bool(true);
    case JSON_FALSE:
        return val_bool(false);
    case JSON_NULL:
        break;
    }
    return val_null();
}

/* ---- objects ---- */

struct obj *ex_obj_new(struct ev *ev)
{
    struct obj *o = ex_alloc(ev, sizeof *o);
    if (o)
        *o = (struct obj){.refs = 1, .depth = 1};
    return o;
}

/* SipHash-1-3 with a key of this process: nobody outside can make keys that collide. */
static uint64_t hash_key[2];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void hash_start(void)
{
    random_bytes(hash_key, sizeof hash_key);
}

static uint64_t rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint32_t hash_of(const char *s, size_t len)
{
    pthread_once(&hash_once, hash_start);
    uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575, hash_key[1] ^ 0x646f72616e646f6d, hash_key[0] ^ 0x6c7967656e657261,
                     hash_key[1] ^ 0x7465646279746573};
    for (size_t at = 0; at <= len; at += 8) {
        uint64_t word = 0;
        size_t n = len - at < 8 ? len - at : 8;
        memcpy(&word, s + at, n);
        if (n < 8)
            word |= (uint64_t)len << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

static bool same_key(const struct str *k, const char *key, size_t len)
{
    return k->len == len && memcmp(k->data, key, len) == 0;
}

/* The number of the member, or SIZE_MAX.  Chains are short: the table is at most half full. */
static size_t obj_find(const struct obj *o, const char *key, size_t len)
{
    if (!o->index) {
        for (size_t i = 0; i < o->len; i++)
            if (same_key(o->members[i].key, key, len))
                return i;
        return SIZE_MAX;
    }
    for (size_t h = hash_of(key, len), n = 0; n < o->index_size; h++, n++) {
        uint32_t at = o->index[h & (o->index_size - 1)];
        if (!at)
            return SIZE_MAX;
        if (same_key(o->members[at - 1].key, key, len))
            return at - 1;
    }
    return SIZE_MAX;
}

static void obj_index_add(struct obj *o, size_t i)
{
    const struct str *k = o->members[i].key;
    size_t h = hash_of(k->data, k->len);
    while (o->index[h & (o->index_size - 1)])
        h++;
    o->index[h & (o->index_size - 1)] = (uint32_t)i + 1;
}

static bool obj_reindex(struct ev *ev, struct obj *o)
{
    size_t size = o->index_size ? o->index_size : 32;
    while (size < o->room * 2)
        size *= 2;
    if (size == o->index_size)
        return true;
    uint32_t *index = ex_alloc(ev, size * sizeof *index);
    if (!index)
        return false;
    memset(index, 0, size * sizeof *index);
    ex_free(ev, o->index, obj_index_bytes(o));
    o->index = index;
    o->index_size = size;
    for (size_t i = 0; i < o->len; i++)
        obj_index_add(o, i);
    return true;
}

static bool obj_grow(struct ev *ev, struct obj *o)
{
    size_t room = o->room ? o->room * 2 : 4;
    struct member *m = ex_resize(ev, o->members, o->room * sizeof *m, room * sizeof *m);
    if (!m)
        return false;
    o->members = m;
    o->room = room;
    return room < 16 || obj_reindex(ev, o);
}

bool ex_obj_set(struct ev *ev, struct obj *o, struct str *key, struct val v)
{
    size_t at = obj_find(o, key->data, key->len);
    if (!adopt(ev, &o->depth, v) || (at == SIZE_MAX && o->len == o->room && !obj_grow(ev, o))) {
        ex_release(ev, v);
        return false;
    }
    if (at != SIZE_MAX) {
        ex_release(ev, o->members[at].value);
        o->members[at].value = v;
        return true;
    }
    ex_ref(val_str(key));
    o->members[o->len++] = (struct member){key, v};
    if (o->index)
        obj_index_add(o, o->len - 1);
    return true;
}

bool ex_obj_put(struct ev *ev, struct obj *o, const char *key, struct val v)
{
    struct val k;
    if (!ex_str(ev, key, strlen(key), &k)) {
        ex_release(ev, v);
        return false;
    }
    bool ok = ex_obj_set(ev, o, k.str, v);
    ex_release(ev, k);
    return ok;
}

size_t obj_len(struct val v)
{
    return v.type == V_OBJ ? v.obj->len : json_object_size(v.json);
}

bool obj_get(struct val v, const char *key, size_t len, struct val *out)
{
    if (v.type == V_JOBJ) {
        const json_t *j = json_object_get(v.json, key);
        *out = ex_of_json(j);
        return j != NULL;
    }
    size_t at = obj_find(v.obj, key, len);
    *out = at == SIZE_MAX ? val_undef() : v.obj->members[at].value;
    return at != SIZE_MAX;
}

void obj_iter_init(struct obj_iter *it, struct val object)
{
    *it = (struct obj_iter){.object = object};
    if (object.type == V_JOBJ)
        it->at = json_object_iter((json_t *)(uintptr_t)object.json);
}

bool obj_next(struct obj_iter *it)
{
    if (it->object.type == V_OBJ) {
        if (it->i >= it->object.obj->len)
            return false;
        const struct member *m = &it->object.obj->members[it->i++];
        it->key = m->key->data;
        it->key_len = m->key->len;
        it->key_str = m->key;
        it->value = m->value;
        return true;
    }
    if (!it->at)
        return false;
    it->key = json_object_iter_key(it->at);
    it->key_len = strlen(it->key);
    it->value = ex_of_json(json_object_iter_value(it->at));
    it->at = json_object_iter_next((json_t *)(uintptr_t)it->object.json, it->at);
    return true;
}

bool ex_iter_key(struct ev *ev, const struct obj_iter *it, struct val *out)
{
    if (!it->key_str)
        return ex_str(ev, it->key, it->key_len, out);
    *out = ex_ref(val_str(it->key_str));
    return true;
}
