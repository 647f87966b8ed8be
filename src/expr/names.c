/* SPDX-License-Identifier: Apache-2.0 */
/* Which names an expression or a template reads: a walk over the tree.  Parameters of arrow functions are no names. */
#include <string.h>

#include "expr/names.h"

#include "expr/ast.h"
#include "expr/lib.h"
#include "expr/utf8.h"

struct walk {
    const struct expr *x;
    expr_name_fn *seen;
    void *ctx;
};

static void tell(const struct walk *w, uint32_t pos, const char *root, const char *member, bool call)
{
    struct expr_error at;
    ex_error_at(w->x, &at, pos, "", "");
    w->seen(w->ctx, &(struct expr_name){.root = root, .member = member, .call = call, .line = at.line, .column = at.column});
}

static void visit(const struct walk *w, const struct node *n);

static void visit_items(const struct walk *w, const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        visit(w, items[i].node);
        visit(w, items[i].key);
    }
}

/* The member that the first step takes, when that is known. */
static const char *first_member(const struct node *n)
{
    const struct step *s = n->nsteps ? &n->steps[0] : NULL;
    const struct node *index = s && s->type == S_INDEX ? s->a : NULL;
    if (s && s->type == S_MEMBER)
        return s->name->data;
    return index && index->type == N_CONST && index->value.type == V_STR ? index->value.str->data : NULL;
}

static void visit_path(const struct walk *w, const struct node *n)
{
    if (n->base->type == N_NAME)
        tell(w, n->base->pos, n->base->name->data, first_member(n), false);
    else
        visit(w, n->base);
    for (size_t i = 0; i < n->nsteps; i++) {
        visit(w, n->steps[i].a);
        visit(w, n->steps[i].b);
        visit_items(w, n->steps[i].args, n->steps[i].nargs);
    }
}

static void visit(const struct walk *w, const struct node *n)
{
    if (!n)
        return;
    switch (n->type) {
    case N_CONST:
    case N_SLOT:
    case N_BUILTIN:
        break;
    case N_NAME:
        tell(w, n->pos, n->name->data, NULL, false);
        break;
    case N_CALL:
        tell(w, n->pos, n->fn->name, NULL, true);
        visit_items(w, n->items, n->n);
        break;
    case N_ARRAY:
    case N_OBJECT:
    case N_CHAIN:
    case N_LOGIC:
    case N_TEXT:
        visit_items(w, n->items, n->n);
        break;
    case N_PREFIX:
    case N_COMPARE:
    case N_POWER:
    case N_COND:
        visit(w, n->a);
        visit(w, n->b);
        visit(w, n->c);
        break;
    case N_PATH:
        visit_path(w, n);
        break;
    case N_ARROW:
        visit(w, n->body);
        break;
    }
}

void expr_names(const struct expr *x, expr_name_fn *seen, void *ctx)
{
    visit(&(struct walk){x, seen, ctx}, x->root);
}
