/* SPDX-License-Identifier: Apache-2.0 */
/* The face of the room: compile, evaluate, truth and text of values. */
#include "expr/expr.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "expr/eval.h"
#include "expr/utf8.h"

void ex_error_at(const struct expr *x, struct expr_error *e, uint32_t pos, const char *type, const char *message)
{
    struct expr_error unused;
    if (!e)
        e = &unused;
    *e = (struct expr_error){.line = 1};
    size_t line_start = 0, end = pos < x->source_len ? pos : x->source_len;
    for (size_t i = 0; i < end; i++) {
        if (x->source[i] == '\n') {
            e->line++;
            line_start = i + 1;
        }
    }
    e->column = (int)utf8_count(x->source + line_start, end - line_start) + 1;
    snprintf(e->type, sizeof e->type, "%s", type);
    snprintf(e->message, sizeof e->message, "%s, line %d, column %d", message, e->line, e->column);
}

struct expr *ex_new(const char *text, size_t len, struct expr_error *e)
{
    struct expr *x = xcalloc(1, sizeof *x);
    size_t bad;
    x->source = xmalloc(len + 1);
    if (len)
        memcpy(x->source, text, len);
    x->source[len] = '\0';
    x->source_len = len;
    bool small = len <= UINT32_MAX / 4;
    if (small && utf8_valid(x->source, len, &bad))
        return x;
    if (small) {
        x->source_len = bad;
        ex_error_at(x, e, (uint32_t)bad, "expression_error", "the text is not valid UTF-8");
    } else {
        ex_error_at(x, e, 0, "expression_too_costly", "the text is too long");
    }
    expr_free(x);
    return NULL;
}

static struct expr *compile(const char *text, size_t len, bool key, struct expr_error *e)
{
    struct expr_error unused;
    struct expr *x = ex_new(text, len, e);
    size_t end;
    if (!x)
        return NULL;
    if (!e)
        e = &unused;
    x->root = key ? ex_parse_key(x, e) : ex_parse(x, e, 0, T_END, false, &end);
    if (x->root)
        return x;
    expr_free(x);
    return NULL;
}

struct expr *expr_compile(const char *text, size_t len, struct expr_error *e)
{
    return compile(text, len, false, e);
}

struct expr *expr_compile_key(const char *text, size_t len, struct expr_error *e)
{
    return compile(text, len, true, e);
}

void expr_free(struct expr *x)
{
    if (!x)
        return;
    expr_arena_free(&x->arena);
    free(x->source);
    free(x);
}

/* ---- evaluation ---- */

#define FEW_SLOTS 8

static struct val *slots_new(const struct expr *x, struct val few[FEW_SLOTS])
{
    if (x->slots > FEW_SLOTS)
        return xcalloc(x->slots, sizeof(struct val));
    memset(few, 0, FEW_SLOTS * sizeof *few); /* undefined */
    return few;
}

static void slots_free(const struct ev *ev, struct val few[FEW_SLOTS])
{
    if (ev->slots != few)
        free(ev->slots);
}

json_t *expr_eval(const struct expr *x, const struct expr_env *env, bool *undefined, struct expr_error *e)
{
    struct val few[FEW_SLOTS], v;
    struct expr_error unused;
    struct ev ev = {.expr = x, .env = env, .error = e ? e : &unused, .slots = slots_new(x, few)};
    json_t *result = NULL;
    if (undefined)
        *undefined = false;
    if (ex_eval(&ev, x->root, &v)) {
        if (undefined)
            *undefined = v.type == V_UNDEF;
        result = ex_to_json(&ev, v);
        ex_release(&ev, v);
    }
    ex_regex_free_all(&ev);
    slots_free(&ev, few);
    return result;
}

int expr_test(const struct expr *x, const struct expr_env *env, struct expr_error *e)
{
    struct val few[FEW_SLOTS], v;
    struct expr_error unused;
    struct ev ev = {.expr = x, .env = env, .error = e ? e : &unused, .slots = slots_new(x, few)};
    int result = -1;
    if (ex_eval(&ev, x->root, &v)) {
        ev.pos = x->root->pos;
        if (is_function(v))
            ex_fail(&ev, "type_error", "the result is a function, which is no value");
        else
            result = ex_truthy(v);
        ex_release(&ev, v);
    }
    ex_regex_free_all(&ev);
    slots_free(&ev, few);
    return result;
}

bool expr_truthy(const json_t *v)
{
    return ex_truthy(ex_of_json(v));
}

/* ---- text of values ---- */

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
        expr_write_json(b, json_object_iter_value(it));
    }
    buf_addch(b, '}');
}

void expr_write_json(struct buf *b, const json_t *v)
{
    char number[EX_NUMBER_TEXT];
    if (js_number_text(v)) {
        buf_addstr(b, js_number_text(v));
    } else if (json_is_number(v)) {
        buf_add(b, number, ex_scalar_number_text(ex_of_json(v), number));
    } else if (json_is_object(v)) {
        write_object(b, v);
    } else if (json_is_array(v)) {
        buf_addch(b, '[');
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i)
                buf_addch(b, ',');
            expr_write_json(b, json_array_get(v, i));
        }
        buf_addch(b, ']');
    } else {
        js_write(b, v);
    }
}

char *expr_value_text(const json_t *v)
{
    struct buf b = BUF_INIT;
    if (json_is_string(v))
        buf_add(&b, json_string_value(v), json_string_length(v));
    else
        expr_write_json(&b, v);
    return buf_steal(&b);
}
