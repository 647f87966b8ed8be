/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text and as JSON: what joins, templates and results use. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expr/ast.h"
#include "expr/utf8.h"

static void add_quoted(struct text *t, const char *s, size_t len)
{
    static const char names[] = "btn\vfr"; /* from 8 on */
    size_t run = 0;
    text_add(t, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        char out[8];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_add(t, s + run, i - run);
        run = i + 1;
        if (c == '"' || c == '\\')
            snprintf(out, sizeof out, "\\%c", c);
        else if (c >= 8 && c <= 13 && c != 11)
            snprintf(out, sizeof out, "\\%c", names[c - 8]);
        else
            snprintf(out, sizeof out, "\\u%04x", c);
        text_addstr(t, out);
    }
    text_add(t, s + run, len - run);
    text_add(t, "\"", 1);
}

static void add_break(struct text *t, unsigned indent, unsigned level)
{
    if (!indent)
        return;
    text_add(t, "\n", 1);
    for (unsigned i = 0; i < indent * level && !t->failed; i++)
        text_add(t, " ", 1);
}

static void add_value(struct text *t, struct val v, unsigned indent, unsigned level);

/* JSON.stringify() writes null, as in JavaScript; in the text of a template it is an error. */
static void add_not_finite(struct text *t, double d)
{
    if (!t->strict) {
        text_addstr(t, "null");
        return;
    }
    ex_fail(t->ev, "not_a_number", "the template's value holds %s", isnan(d) ? "NaN" : d < 0 ? "-Infinity" : "Infinity");
    t->failed = true;
}

static void add_array(struct text *t, struct val v, unsigned indent, unsigned level)
{
    size_t n = arr_len(v);
    text_add(t, "[", 1);
    for (size_t i = 0; i < n && !t->failed; i++) {
        if (i)
            text_add(t, ",", 1);
        add_break(t, indent, level + 1);
        add_value(t, arr_at(v, i), indent, level + 1);
    }
    if (n)
        add_break(t, indent, level);
    text_add(t, "]", 1);
}

static void add_object(struct text *t, struct val v, unsigned indent, unsigned level)
{
    struct obj_iter it;
    bool any = false;
    text_add(t, "{", 1);
    obj_iter_init(&it, v);
    while (!t->failed && obj_next(&it)) {
        if (it.value.type == V_UNDEF)
            continue;
        if (any)
            text_add(t, ",", 1);
        any = true;
        add_break(t, indent, level + 1);
        add_quoted(t, it.key, it.key_len);
        text_add(t, ": ", indent ? 2 : 1);
        add_value(t, it.value, indent, level + 1);
    }
    if (any)
        add_break(t, indent, level);
    text_add(t, "}", 1);
}

static void add_value(struct text *t, struct val v, unsigned indent, unsigned level)
{
    char number[EX_NUMBER_TEXT];
    size_t len;
    const char *s;
    switch (v.type) {
    case V_BOOL:
        text_addstr(t, v.b ? "true" : "false");
        break;
    case V_INT:
    case V_NUM:
    case V_JNUM:
        if (!isfinite(num_of(v)))
            add_not_finite(t, num_of(v));
        else
            text_add(t, number, ex_scalar_number_text(v, number));
        break;
    case V_STR:
    case V_JSTR:
        s = str_data(v, &len);
        add_quoted(t, s, len);
        break;
    case V_ARR:
    case V_JARR:
        add_array(t, v, indent, level);
        break;
    case V_OBJ:
    case V_JOBJ:
        add_object(t, v, indent, level);
        break;
    default:
        text_addstr(t, "null");
        break;
    }
}

void ex_add_json(struct text *t, struct val v, unsigned indent)
{
    add_value(t, v, indent, 0);
}

void ex_add_text(struct text *t, struct val v)
{
    char number[EX_NUMBER_TEXT];
    size_t len;
    if (is_string(v)) {
        const char *s = str_data(v, &len);
        text_add(t, s, len);
    } else if (is_number(v)) {
        text_add(t, number, ex_scalar_number_text(v, number));
    } else if (v.type == V_UNDEF) {
        text_addstr(t, "undefined");
    } else {
        add_value(t, v, 0, 0);
    }
}

bool ex_to_text(struct ev *ev, struct val v, struct val *out)
{
    if (is_string(v)) {
        *out = ex_ref(v);
        return true;
    }
    struct text t;
    text_init(&t, ev);
    ex_add_text(&t, v);
    return text_finish(&t, out);
}

/* ---- results ---- */

struct conversion {
    struct ev *ev;
    size_t bytes; /* of what was made, shared parts counted each time */
};

static json_t *convert(struct conversion *c, struct val v, unsigned depth);

static bool convert_charge(struct conversion *c, size_t bytes)
{
    c->bytes += bytes;
    if (c->bytes > EX_MAX_LIVE)
        return ex_too_costly(c->ev, "makes a result of more than 16 MiB");
    return ex_charge(c->ev, 1);
}

static bool deeper_than(const json_t *j, unsigned levels)
{
    if (!json_is_array(j) && !json_is_object(j))
        return false;
    if (levels == 0)
        return true;
    if (json_is_array(j)) {
        for (size_t i = 0; i < json_array_size(j); i++)
            if (deeper_than(json_array_get(j, i), levels - 1))
                return true;
        return false;
    }
    json_t *object = (json_t *)(uintptr_t)j;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        if (deeper_than(json_object_iter_value(it), levels - 1))
            return true;
    return false;
}

static json_t *convert_number(struct conversion *c, double d)
{
    if (!isfinite(d)) {
        c->ev->pos = c->ev->expr->root->pos;
        ex_fail(c->ev, "not_a_number", "the result %s %s", c->bytes > sizeof(struct val) ? "holds" : "is",
                isnan(d) ? "NaN" : d < 0 ? "-Infinity" : "Infinity");
        return NULL;
    }
    if (d == trunc(d) && fabs(d) < 9223372036854775808.0)
        return json_integer((json_int_t)d);
    return json_real(d);
}

static json_t *convert_array(struct conversion *c, const struct arr *a, unsigned depth)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < a->len; i++) {
        json_t *item = convert(c, a->items[i], depth + 1);
        if (!item || json_array_append_new(out, item) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *convert_object(struct conversion *c, const struct obj *o, unsigned depth)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < o->len; i++) {
        if (o->members[i].value.type == V_UNDEF)
            continue;
        json_t *item = convert(c, o->members[i].value, depth + 1);
        if (!item || !convert_charge(c, o->members[i].key->len) || json_object_set_new(out, o->members[i].key->data, item) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *convert_borrowed(struct conversion *c, struct val v, unsigned depth)
{
    if (depth && deeper_than(v.json, EX_MAX_DEPTH - depth)) {
        ex_too_costly(c->ev, "makes values that nest deeper than 512 levels");
        return NULL;
    }
    return json_incref((json_t *)(uintptr_t)v.json);
}

static json_t *convert(struct conversion *c, struct val v, unsigned depth)
{
    if (!convert_charge(c, sizeof v + (v.type == V_STR ? v.str->len : 0)))
        return NULL;
    switch (v.type) {
    case V_UNDEF:
    case V_NULL:
        return json_null();
    case V_BOOL:
        return json_boolean(v.b);
    case V_INT:
        return json_integer(v.i);
    case V_NUM:
        return convert_number(c, v.num);
    case V_JNUM:
        return json_incref((json_t *)(uintptr_t)v.json);
    case V_STR:
        return json_stringn(v.str->data, v.str->len);
    case V_ARR:
        return convert_array(c, v.arr, depth);
    case V_OBJ:
        return convert_object(c, v.obj, depth);
    case V_JSTR:
    case V_JARR:
    case V_JOBJ:
        return convert_borrowed(c, v, depth);
    case V_FUNC:
    case V_BUILTIN:
        break;
    }
    c->ev->pos = c->ev->expr->root->pos;
    ex_fail(c->ev, "type_error", "the result is a function, which is no value");
    return NULL;
}

json_t *ex_to_json(struct ev *ev, struct val v)
{
    struct conversion c = {.ev = ev};
    return convert(&c, v, 0);
}
