/* SPDX-License-Identifier: Apache-2.0 */
/* JSON.parse and JSON.stringify. */
#include <string.h>

#include "base/json.h"
#include "expr/lib.h"

/* A value of our own from parsed JSON, which is dropped afterwards. */
static bool copy(struct ev *ev, const json_t *j, struct val *out);

static bool copy_array(struct ev *ev, const json_t *j, struct val *out)
{
    struct arr *a = ex_arr_new(ev, json_array_size(j));
    bool ok = a != NULL;
    for (size_t i = 0; ok && i < json_array_size(j); i++) {
        struct val v;
        ok = copy(ev, json_array_get(j, i), &v) && ex_arr_push(ev, &a, v);
    }
    if (!ok && a)
        ex_release(ev, val_arr(a));
    if (ok)
        *out = val_arr(a);
    return ok;
}

static bool copy_object(struct ev *ev, const json_t *j, struct val *out)
{
    struct obj_iter it;
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    obj_iter_init(&it, ex_of_json(j));
    while (ok && obj_next(&it)) {
        struct val v, key;
        const json_t *member = json_object_get(j, it.key);
        ok = copy(ev, member, &v);
        if (!ok)
            break;
        ok = ex_iter_key(ev, &it, &key);
        if (!ok) {
            ex_release(ev, v);
            break;
        }
        ok = ex_obj_set(ev, o, key.str, v);
        ex_release(ev, key);
    }
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

static bool copy(struct ev *ev, const json_t *j, struct val *out)
{
    if (!ex_charge(ev, 1))
        return false;
    if (json_is_array(j))
        return copy_array(ev, j, out);
    if (json_is_object(j))
        return copy_object(ev, j, out);
    if (json_is_string(j))
        return ex_str(ev, json_string_value(j), json_string_length(j), out);
    *out = json_is_real(j) ? val_num(json_real_value(j)) : ex_of_json(j); /* j does not stay */
    return true;
}

/* What the tree that jansson builds may need at most, before it builds it: each value stands behind one of these. */
static size_t tree_bytes(const char *s, size_t len)
{
    size_t values = 1;
    for (size_t i = 0; i < len; i++)
        values += s[i] == ',' || s[i] == ':' || s[i] == '[' || s[i] == '{';
    return len + values * 64;
}

static bool json_parse(struct ev *ev, const struct call *c, struct val *out)
{
    struct error e = ERROR_INIT;
    size_t len;
    const char *s = arg_string(ev, c, 0, &len);
    if (!s || !ex_charge(ev, len / 16 + 1))
        return false;
    size_t tree = tree_bytes(s, len);
    if (ev->live + tree > EX_MAX_LIVE)
        return ex_too_costly(ev, "needs more than 16 MiB of memory");
    json_t *j = js_parse(s, len, &e);
    if (!j)
        return ex_fail(ev, "type_error", "JSON.parse(): %.400s", e.message);
    ev->live += tree;
    bool ok = copy(ev, j, out);
    ev->live -= tree;
    json_decref(j);
    return ok;
}

static bool json_stringify(struct ev *ev, const struct call *c, struct val *out)
{
    struct text t;
    size_t indent;
    if (c->n > 1 && !is_nullish(c->args[1]))
        return ex_fail(ev, "type_error", "JSON.stringify() takes null as argument 2");
    if (!arg_count(ev, c, 2, 0, 10, &indent))
        return false;
    if (c->args[0].type == V_UNDEF) {
        *out = val_undef();
        return true;
    }
    text_init(&t, ev);
    ex_add_json(&t, c->args[0], (unsigned)indent);
    return text_finish(&t, out);
}

const struct builtin lib_json[] = {
    {"JSON.parse", json_parse, 1, 1, 0},
    {"JSON.stringify", json_stringify, 1, 3, 0},
    {0},
};
