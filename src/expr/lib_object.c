/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: Object.*, and the methods keys, values, entries (items), get, has.  Keys come in the order of insertion. */
#include <string.h>

#include "expr/lib.h"

enum part { KEYS, VALUES, ENTRIES };

static bool part_of(struct ev *ev, const struct obj_iter *it, enum part part, struct val *out)
{
    struct val key;
    if (part == VALUES) {
        *out = ex_ref(it->value);
        return true;
    }
    if (!ex_iter_key(ev, it, &key))
        return false;
    if (part == KEYS) {
        *out = key;
        return true;
    }
    struct arr *pair = ex_arr_new(ev, 2);
    if (!pair) {
        ex_release(ev, key);
        return false;
    }
    if (!ex_arr_push(ev, &pair, key) || !ex_arr_push(ev, &pair, ex_ref(it->value))) {
        ex_release(ev, val_arr(pair));
        return false;
    }
    *out = val_arr(pair);
    return true;
}

static bool parts(struct ev *ev, struct val v, enum part part, struct val *out)
{
    struct obj_iter it;
    struct arr *a = ex_arr_new(ev, obj_len(v));
    bool ok = a && ex_charge(ev, obj_len(v));
    obj_iter_init(&it, v);
    while (ok && obj_next(&it)) {
        struct val item;
        ok = part_of(ev, &it, part, &item) && ex_arr_push(ev, &a, item);
    }
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool static_keys(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_object(ev, c, 0) && parts(ev, c->args[0], KEYS, out);
}
static bool static_values(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_object(ev, c, 0) && parts(ev, c->args[0], VALUES, out);
}
static bool static_entries(struct ev *ev, const struct call *c, struct val *out)
{
    return arg_object(ev, c, 0) && parts(ev, c->args[0], ENTRIES, out);
}
static bool method_keys(struct ev *ev, const struct call *c, struct val *out)
{
    return parts(ev, c->self, KEYS, out);
}
static bool method_values(struct ev *ev, const struct call *c, struct val *out)
{
    return parts(ev, c->self, VALUES, out);
}
static bool method_entries(struct ev *ev, const struct call *c, struct val *out)
{
    return parts(ev, c->self, ENTRIES, out);
}

/* A key as a string value of our own. */
static bool own_key(struct ev *ev, struct val v, struct val *out)
{
    size_t len;
    if (v.type == V_JSTR) {
        const char *s = str_data(v, &len);
        return ex_str(ev, s, len, out);
    }
    return is_string(v) || is_number(v) ? ex_to_text(ev, v, out)
                                        : ex_fail(ev, "type_error", "a key wants a string or a number, not %s", ex_type_name(v));
}

static bool add_entry(struct ev *ev, struct obj *o, struct val entry)
{
    struct val key;
    if (!is_array(entry) || arr_len(entry) < 2)
        return ex_fail(ev, "type_error", "Object.fromEntries() wants an array of [key, value] pairs");
    if (!own_key(ev, arr_at(entry, 0), &key))
        return false;
    bool ok = ex_obj_set(ev, o, key.str, ex_ref(arr_at(entry, 1)));
    ex_release(ev, key);
    return ok;
}

static bool from_entries(struct ev *ev, const struct call *c, struct val *out)
{
    if (!arg_array(ev, c, 0))
        return false;
    struct obj *o = ex_obj_new(ev);
    bool ok = o && ex_charge(ev, arr_len(c->args[0]));
    for (size_t i = 0; ok && i < arr_len(c->args[0]); i++)
        ok = add_entry(ev, o, arr_at(c->args[0], i));
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

static bool add_all(struct ev *ev, struct obj *o, struct val from)
{
    struct obj_iter it;
    struct val key;
    obj_iter_init(&it, from);
    while (obj_next(&it)) {
        if (!ex_charge(ev, 1) || !ex_iter_key(ev, &it, &key))
            return false;
        bool ok = ex_obj_set(ev, o, key.str, ex_ref(it.value));
        ex_release(ev, key);
        if (!ok)
            return false;
    }
    return true;
}

static bool assign(struct ev *ev, const struct call *c, struct val *out)
{
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < c->n; i++)
        ok = is_nullish(c->args[i]) || (arg_object(ev, c, i) && add_all(ev, o, c->args[i]));
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

static bool find_key(struct ev *ev, struct val object, struct val key, struct val *value, bool *found)
{
    struct val k;
    if (!own_key(ev, key, &k))
        return false;
    *found = obj_get(object, k.str->data, k.str->len, value);
    ex_release(ev, k);
    return true;
}

static bool has_own(struct ev *ev, const struct call *c, struct val *out)
{
    struct val value;
    bool found;
    if (!arg_object(ev, c, 0) || !find_key(ev, c->args[0], c->args[1], &value, &found))
        return false;
    *out = val_bool(found);
    return true;
}

static bool method_has(struct ev *ev, const struct call *c, struct val *out)
{
    struct val value;
    bool found;
    if (!find_key(ev, c->self, c->args[0], &value, &found))
        return false;
    *out = val_bool(found);
    return true;
}

/* Python's get: the value, or the fallback (null) when the key is not there. */
static bool method_get(struct ev *ev, const struct call *c, struct val *out)
{
    struct val value;
    bool found;
    if (!find_key(ev, c->self, c->args[0], &value, &found))
        return false;
    *out = ex_ref(found ? value : c->n > 1 ? c->args[1] : val_null());
    return true;
}

const struct builtin lib_objects[] = {
    {"Object.keys", static_keys, 1, 1, 0},
    {"Object.values", static_values, 1, 1, 0},
    {"Object.entries", static_entries, 1, 1, 0},
    {"Object.fromEntries", from_entries, 1, 1, 0},
    {"Object.assign", assign, 1, ARGS_ANY, 0},
    {"Object.hasOwn", has_own, 2, 2, 0},
    {0},
};

const struct builtin lib_object_methods[] = {
    {"keys", method_keys, 0, 0, 0},
    {"values", method_values, 0, 0, 0},
    {"entries", method_entries, 0, 0, 0},
    {"items", method_entries, 0, 0, 0},
    {"get", method_get, 1, 2, 0},
    {"has", method_has, 1, 1, 0},
    {"hasOwnProperty", method_has, 1, 1, 0},
    {0},
};
