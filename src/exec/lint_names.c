/* SPDX-License-Identifier: Apache-2.0 */
/* Names that cannot be known when a node runs.  What comes with the trigger is not known here, so that only names which
 * look like something else can be doubted: the output of a node, the variable of a loop, `error`, a variable that no
 * node sets. */
#include "exec/lint_inside.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- Variables ---- */

void lint_collect_variables(struct linter *l)
{
    l->variables = json_object();
    for (size_t i = 0; i < l->node_count; i++) {
        const json_t *name = json_object_get(l->nodes[i].config, "variable_name");
        if (strcmp(l->nodes[i].type, "set_variable") != 0)
            continue;
        if (lint_holds_template(name))
            l->any_variable = true;
        else if (json_is_string(name))
            js_set(l->variables, json_string_value(name), json_true());
    }
}

static bool is_variable(const struct linter *l, const char *name)
{
    return l->any_variable || json_object_get(l->variables, name);
}

/* Is `name` the variable of the loop? */
static bool is_of_loop(const struct def_node_view *loop, const char *name)
{
    const char *own = lint_loop_variable(loop);
    return !own || strcmp(own, name) == 0;
}

/* ---- Loops ---- */

static bool in_loop(const struct lint_reading *r, size_t loop)
{
    return lint_within(r->l, r->node, loop) || (r->in_pass && r->node == loop);
}

static bool in_any_loop(const struct lint_reading *r)
{
    for (size_t i = 0; i < r->l->node_count; i++)
        if (lint_is_loop(&r->l->nodes[i]) && in_loop(r, i))
            return true;
    return false;
}

/* The loop whose variable it is, unless it is that of a loop around, too; SIZE_MAX: none. */
static size_t loop_left(const struct lint_reading *r, const char *name)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < r->l->node_count; i++) {
        if (!lint_is_loop(&r->l->nodes[i]) || !is_of_loop(&r->l->nodes[i], name))
            continue;
        if (in_loop(r, i))
            return SIZE_MAX;
        found = i;
    }
    return found;
}

static bool in_handler(const struct lint_reading *r)
{
    const struct linter *l = r->l;
    for (size_t at = r->node; at != SIZE_MAX; at = l->nodes[at].scope_owner)
        if (l->nodes[at].scope_branch && strcmp(l->nodes[at].scope_branch, "body") != 0)
            return true;
    return false;
}

/* ---- Outputs ---- */

/* The node whose output it would be: the name without the suffix, to be freed; NULL: it is no such name. */
static char *output_of(const char *name)
{
    static const char *const suffixes[] = {"_parallel_result", "_output"};
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t n = strlen(suffixes[i]);
        if (len > n && strcmp(name + len - n, suffixes[i]) == 0)
            return xstrndup(name, len - n);
    }
    return NULL;
}

/* Does `node` run only after the reader has?  In a loop or a cycle it may have run in the pass before; what is behind the
 * outermost loop around the reader cannot have. */
static bool comes_later(const struct lint_reading *reading, size_t node)
{
    struct linter *l = reading->l;
    size_t reader = reading->node;
    const struct def_node_view *r = &l->nodes[reader], *n = &l->nodes[node];
    if (!r->reachable || !n->reachable || l->edge_count > LINT_MAX_EDGES || r->cycle != SIZE_MAX ||
        (reading->in_pass && lint_within(l, node, reader)))
        return false;
    size_t loop = SIZE_MAX;
    for (size_t at = r->scope_owner; at != SIZE_MAX; at = l->nodes[at].scope_owner) {
        if (l->nodes[at].cycle != SIZE_MAX)
            return false;
        loop = lint_is_loop(&l->nodes[at]) ? at : loop;
    }
    if (loop == SIZE_MAX)
        return node == reader || !lint_reach(l, SIZE_MAX, reader)[node];
    return node == loop || (!lint_within(l, node, loop) && !lint_reach(l, SIZE_MAX, loop)[node]);
}

static void check_output(const struct lint_reading *r, const struct expr_name *name, const char *text, const char *of, bool plain)
{
    struct linter *l = r->l;
    size_t node = lint_node(l, of);
    const char *id = l->nodes[r->node].id;
    if (node == SIZE_MAX && !is_variable(l, text))
        lint_note(l, false, xstrdup(r->pointer), "node %s reads %s, but there is no node \"%s\", line %d, column %d", id, text, of,
                  name->line, name->column);
    else if (node == r->node && plain && comes_later(r, node))
        lint_note(l, false, xstrdup(r->pointer), "node %s reads its own output, which is not there yet, line %d, column %d", id,
                  name->line, name->column);
    else if (node != SIZE_MAX && plain && lint_within(l, r->node, node) && comes_later(r, node))
        lint_note(l, false, xstrdup(r->pointer), "node %s reads the output of node %s, which is there only when the loop is over, line %d, column %d",
                  id, of, name->line, name->column);
    else if (node != SIZE_MAX && plain && comes_later(r, node))
        lint_note(l, false, xstrdup(r->pointer), "node %s reads the output of node %s, which runs only after it, line %d, column %d",
                  id, of, name->line, name->column);
}

/* ---- One name ---- */

/* Scopes of node types that are not known here may lend names. */
static bool in_strange_scope(const struct lint_reading *r)
{
    const struct linter *l = r->l;
    for (size_t at = l->nodes[r->node].scope_owner; at != SIZE_MAX; at = l->nodes[at].scope_owner)
        if (!lint_is_loop(&l->nodes[at]) && strcmp(l->nodes[at].type, "try") != 0 && strcmp(l->nodes[at].type, "mutex") != 0)
            return true;
    return false;
}

static void check_variable(const struct lint_reading *r, const struct expr_name *name)
{
    if (!is_variable(r->l, name->member))
        lint_note(r->l, false, xstrdup(r->pointer), "node %s reads vars.%s, but no set_variable node sets it, line %d, column %d",
                  r->l->nodes[r->node].id, name->member, name->line, name->column);
}

static bool is_word(const char *name, const char *a, const char *b)
{
    return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

static void check_plain(const struct lint_reading *r, const struct expr_name *name)
{
    struct linter *l = r->l;
    const char *id = l->nodes[r->node].id;
    size_t loop;
    if (is_variable(l, name->root) || in_strange_scope(r))
        return;
    if (is_word(name->root, "item", "index")) {
        if (!in_any_loop(r))
            lint_note(l, false, xstrdup(r->pointer), "node %s reads %s, but runs in no loop, line %d, column %d", id, name->root,
                      name->line, name->column);
    } else if (strcmp(name->root, "error") == 0) {
        if (!in_handler(r))
            lint_note(l, false, xstrdup(r->pointer), "node %s reads error, but runs in no catch or finally, line %d, column %d",
                      id, name->line, name->column);
    } else if ((loop = loop_left(r, name->root)) != SIZE_MAX && lint_loop_variable(&l->nodes[loop])) {
        lint_note(l, false, xstrdup(r->pointer), "node %s reads %s, which is known only inside the loop %s, line %d, column %d",
                  id, name->root, l->nodes[loop].id, name->line, name->column);
    }
}

void lint_name(void *reading, const struct expr_name *name)
{
    const struct lint_reading *r = reading;
    bool whole = is_word(name->root, "input", "data"), vars = strcmp(name->root, "vars") == 0;
    const char *text = whole || vars ? name->member : name->root;
    CLEANUP_FREE char *of = text && !vars ? output_of(text) : NULL;
    if (name->call || !text)
        return;
    if (of)
        check_output(r, name, text, of, !whole);
    else if (vars)
        check_variable(r, name);
    else if (!whole && !r->bound)
        check_plain(r, name);
}

/* ---- get_variable ---- */

/* The variable of a loop can be read by it, too. */
static bool is_any_loop_variable(const struct linter *l, const char *name)
{
    bool found = is_word(name, "item", "index") || strcmp(name, "error") == 0;
    for (size_t i = 0; i < l->node_count && !found; i++)
        found = lint_is_loop(&l->nodes[i]) && is_of_loop(&l->nodes[i], name);
    return found;
}

void lint_get_variable(struct linter *l, size_t node)
{
    const struct def_node_view *n = &l->nodes[node];
    const json_t *name = json_object_get(n->config, "variable_name");
    if (strcmp(n->type, "get_variable") != 0 || !json_is_string(name) || lint_holds_template(name) ||
        json_object_get(n->config, "default_value"))
        return;
    const char *text = json_string_value(name);
    if (!is_variable(l, text) && !is_any_loop_variable(l, text))
        lint_note(l, false, lint_member(l->config[node], "variable_name"),
                  "node %s: no set_variable node sets \"%s\", and there is no default_value", n->id, text);
}
