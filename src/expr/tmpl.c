/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: the strings of a JSON value with ${expression} or {{expression}} in them.
 *
 * Each such string becomes one compiled expression: the expression itself when there is nothing around it, else a text
 * node of parts.  Rendering copies only the containers on the way to a template; the rest is shared. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "expr/eval.h"
#include "expr/names.h"

/* What to do with one value that has a template inside: a string is evaluated, a container is copied and gets the
 * rendered children in place of its own. */
struct plan {
    const json_t *value; /* what stands there */
    const char *key;     /* where it stands in its parent (owned by the parent's value), or NULL: at index */
    size_t index;
    struct expr *x; /* a string, else NULL */
    char *path;
    struct plan *kids; /* only those with templates */
    size_t n, room;
};

struct tmpl {
    json_t *value; /* a reference */
    struct plan plan;
};

/* ---- one string ---- */

struct items {
    struct item *v;
    size_t n, room;
};

static void items_free(struct items *l)
{
    free(l->v);
}

static void add_item(struct items *list, struct item it)
{
    xgrow((void **)&list->v, &list->room, list->n + 1, sizeof it);
    list->v[list->n++] = it;
}

static void add_text(struct expr *x, struct items *list, size_t from, size_t to)
{
    if (from == to)
        return;
    struct node *n = expr_arena_alloc(&x->arena, sizeof *n);
    n->type = N_CONST;
    n->pos = (uint32_t)from;
    n->value = val_str(expr_arena_str(&x->arena, x->source + from, to - from));
    add_item(list, (struct item){.node = n, .pos = (uint32_t)from});
}

static bool has_template(const char *s, size_t len)
{
    return memmem(s, len, "${", 2) || memmem(s, len, "{{", 2);
}

static bool starts(const struct expr *x, size_t i, const char *s)
{
    size_t n = strlen(s);
    return x->source_len - i >= n && memcmp(x->source + i, s, n) == 0;
}

static bool scan(struct expr *x, struct items *list, struct expr_error *e)
{
    size_t run = 0, i = 0;
    while (i < x->source_len) {
        bool dollar = starts(x, i, "$${"), braces = starts(x, i, "{{{{"), twice = starts(x, i, "{{");
        if (dollar || braces) {
            add_text(x, list, run, dollar ? i : i + 2); /* the literal: ${ behind the first $, or the first {{ */
            run = dollar ? i + 1 : i + 4;
            i += dollar ? 3 : 4;
        } else if (twice || starts(x, i, "${")) {
            size_t open = i, end;
            add_text(x, list, run, i);
            struct node *n = ex_parse(x, e, i + 2, T_RBRACE, twice, &end);
            if (!n)
                return false;
            add_item(list, (struct item){.node = n, .pos = (uint32_t)open, .op = T_HOLE});
            run = i = end;
        } else {
            i++;
        }
    }
    add_text(x, list, run, x->source_len);
    return true;
}

static struct expr *compile_string(const json_t *s, struct expr_error *e)
{
    struct expr *x = ex_new(json_string_value(s), json_string_length(s), e);
    __attribute__((cleanup(items_free))) struct items list = {0};
    if (!x)
        return NULL;
    if (!scan(x, &list, e)) {
        expr_free(x);
        return NULL;
    }
    if (list.n == 1 && list.v[0].op == T_HOLE) {
        x->root = list.v[0].node;
        return x;
    }
    x->root = expr_arena_alloc(&x->arena, sizeof *x->root);
    x->root->type = N_TEXT;
    x->root->items = expr_arena_copy(&x->arena, list.v, list.n * sizeof *list.v);
    x->root->n = list.n;
    return x;
}

/* ---- the walk ---- */

static void put_path(struct expr_error *e, const char *path)
{
    CLEANUP_FREE char *message = xstrdup(e->message);
    if (*path)
        snprintf(e->message, sizeof e->message, "%.*s: %s", (int)sizeof e->message / 3, path, message);
}

static void path_key(struct buf *path, const char *key)
{
    buf_addch(path, '/');
    for (; *key; key++) {
        if (*key == '~')
            buf_addstr(path, "~0");
        else if (*key == '/')
            buf_addstr(path, "~1");
        else
            buf_addch(path, *key);
    }
}

static void path_cut(struct buf *path, size_t len)
{
    path->len = len;
    path->data[len] = '\0';
}

struct walk {
    struct buf path;
    struct expr_error *e;
};

static bool walk(struct walk *w, struct plan *p, const char *const *skip, unsigned depth);

static void plan_free(struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        plan_free(&p->kids[i]);
    free(p->kids);
    free(p->path);
    expr_free(p->x);
}

static bool constant(const struct plan *p)
{
    return !p->x && p->n == 0;
}

static bool walk_string(struct walk *w, struct plan *p)
{
    if (!has_template(json_string_value(p->value), json_string_length(p->value)))
        return true;
    p->x = compile_string(p->value, w->e);
    if (!p->x) {
        put_path(w->e, w->path.data);
        return false;
    }
    p->path = xstrdup(w->path.data);
    return true;
}

/* Walk into a child; it is kept when there is a template inside. */
static bool walk_child(struct walk *w, struct plan *p, struct plan child, unsigned depth)
{
    if (!walk(w, &child, NULL, depth + 1)) {
        plan_free(&child);
        return false;
    }
    if (constant(&child))
        return true;
    xgrow((void **)&p->kids, &p->room, p->n + 1, sizeof child);
    p->kids[p->n++] = child;
    return true;
}

static bool skipped(const char *const *skip, const char *key)
{
    for (; skip && *skip; skip++)
        if (strcmp(*skip, key) == 0)
            return true;
    return false;
}

static bool walk_object(struct walk *w, struct plan *p, const char *const *skip, unsigned depth)
{
    json_t *object = (json_t *)(uintptr_t)p->value;
    size_t len = w->path.len;
    bool ok = true;
    for (void *it = json_object_iter(object); ok && it; it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        json_t *child = json_object_iter_value(it);
        if (json_is_string(child) && skipped(skip, key))
            continue;
        path_key(&w->path, key);
        ok = walk_child(w, p, (struct plan){.value = child, .key = key}, depth);
        path_cut(&w->path, len);
    }
    return ok;
}

static bool walk(struct walk *w, struct plan *p, const char *const *skip, unsigned depth)
{
    bool ok = true;
    size_t len = w->path.len;
    if (depth > EX_MAX_DEPTH) {
        *w->e = (struct expr_error){.type = "expression_too_costly"};
        snprintf(w->e->message, sizeof w->e->message, "the value nests deeper than %d levels", EX_MAX_DEPTH);
        return false;
    }
    if (json_is_string(p->value))
        return walk_string(w, p);
    if (json_is_object(p->value))
        return walk_object(w, p, skip, depth);
    for (size_t i = 0; ok && json_is_array(p->value) && i < json_array_size(p->value); i++) {
        buf_printf(&w->path, "/%zu", i);
        ok = walk_child(w, p, (struct plan){.value = json_array_get(p->value, i), .index = i}, depth);
        path_cut(&w->path, len);
    }
    return ok;
}

struct tmpl *tmpl_compile(json_t *value, const char *const *skip, struct expr_error *e)
{
    struct expr_error unused;
    struct walk w = {.path = BUF_INIT, .e = e ? e : &unused};
    struct tmpl *t = xcalloc(1, sizeof *t);
    t->value = json_incref(value);
    t->plan.value = value;
    buf_addstr(&w.path, "");
    bool ok = walk(&w, &t->plan, skip, 0);
    buf_free(&w.path);
    if (ok)
        return t;
    tmpl_free(t);
    return NULL;
}

void tmpl_free(struct tmpl *t)
{
    if (!t)
        return;
    plan_free(&t->plan);
    json_decref(t->value);
    free(t);
}

bool tmpl_is_constant(const struct tmpl *t)
{
    return constant(&t->plan);
}

static void plan_names(const struct plan *p, expr_name_fn *seen, void *ctx)
{
    if (p->x)
        expr_names(p->x, seen, ctx);
    for (size_t i = 0; i < p->n; i++)
        plan_names(&p->kids[i], seen, ctx);
}

void tmpl_names(const struct tmpl *t, expr_name_fn *seen, void *ctx)
{
    plan_names(&t->plan, seen, ctx);
}

/* ---- rendering ---- */

static json_t *render_string(const struct plan *p, const struct expr_env *env, struct expr_error *e)
{
    bool undefined;
    json_t *v = expr_eval(p->x, env, &undefined, e);
    if (v && undefined) {
        json_decref(v);
        v = NULL;
        ex_error_at(p->x, e, p->x->root->pos, "template_error", "the template's value is undefined");
    }
    if (!v)
        put_path(e, p->path);
    return v;
}

static json_t *render(const struct plan *p, const struct expr_env *env, struct expr_error *e)
{
    if (p->x)
        return render_string(p, env, e);
    json_t *out = json_copy((json_t *)(uintptr_t)p->value); /* shallow */
    for (size_t i = 0; out && i < p->n; i++) {
        json_t *v = render(&p->kids[i], env, e);
        int bad = !v                ? -1
                  : p->kids[i].key  ? json_object_set_new(out, p->kids[i].key, v)
                                    : json_array_set_new(out, p->kids[i].index, v);
        if (bad) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

json_t *tmpl_render(const struct tmpl *t, const struct expr_env *env, struct expr_error *e)
{
    struct expr_error unused;
    return constant(&t->plan) ? json_incref(t->value) : render(&t->plan, env, e ? e : &unused);
}
