/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker validate: what is wrong or doubtful about a workflow, and how its structure was understood. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/definition.h"
#include "cli/table.h"
#include "exec/lint.h"

const struct cli_option validate_options[] = {
    {"json", 0, NULL, "as one JSON object"},
    {NULL, 0, NULL, NULL},
};

static json_t *list_of(const struct diags *diags, bool errors)
{
    json_t *list = json_array();
    for (size_t i = 0; i < diags->len; i++) {
        const struct diag *g = &diags->items[i];
        if (g->error != errors)
            continue;
        json_t *v = json_object();
        js_set(v, "pointer", js_string_lossy(g->pointer, strlen(g->pointer)));
        js_set(v, "message", js_string_lossy(g->message, strlen(g->message)));
        js_push(list, v);
    }
    return list;
}

static void print_as_json(const struct definition *d, bool valid)
{
    CLEANUP_JSON json_t *out = json_object();
    js_set(out, "valid", json_boolean(valid));
    js_set(out, "errors", list_of(&d->diags, true));
    js_set(out, "warnings", list_of(&d->diags, false));
    js_set(out, "structure", lint_structure(d->def));
    print_json(out);
}

static void print_diag(const struct diag *g)
{
    const char *colour = text_colour(stdout, g->error ? "failed" : "warning");
    CLEANUP_FREE char *pointer = text_clean(g->pointer, 0);
    CLEANUP_FREE char *message = text_clean(g->message, 0);
    printf("%s%s%s: %s%s%s\n", colour, g->error ? "error" : "warning", *colour ? text_plain(stdout) : "", pointer,
           *pointer ? ": " : "", message);
}

static void print_diags(const struct diags *diags, bool errors)
{
    for (size_t i = 0; i < diags->len; i++)
        if (diags->items[i].error == errors)
            print_diag(&diags->items[i]);
}

static void print_structure(const struct def *d)
{
    struct def_edge_view e;
    struct def_node_view n;
    size_t entry = def_entry(d);
    CLEANUP_FREE char *first = entry == SIZE_MAX ? xstrdup("none") : text_clean(def_node_id(d, entry), 0);
    printf("entry: %s\n", first);
    for (size_t i = 0; i < def_edge_count(d); i++) {
        def_view_edge(d, i, &e);
        CLEANUP_FREE char *from = text_clean(def_node_id(d, e.from), 0);
        CLEANUP_FREE char *to = text_clean(def_node_id(d, e.to), 0);
        CLEANUP_FREE char *label = text_clean(e.label ? e.label : "", 0);
        bool back = e.back || lint_goes_home(d, &e);
        printf("%s -%s%s> %s%s%s\n", from, label, *label ? "-" : "", to, back ? " (back)" : "", e.silent ? " (not used)" : "");
    }
    for (size_t i = 0; i < def_node_count(d); i++) {
        def_view_node(d, i, &n);
        if (n.scope_owner == SIZE_MAX)
            continue;
        CLEANUP_FREE char *id = text_clean(n.id, 0);
        CLEANUP_FREE char *owner = text_clean(def_node_id(d, n.scope_owner), 0);
        printf("%s runs in %s of %s\n", id, n.scope_branch ? n.scope_branch : "a scope", owner);
    }
}

int cmd_validate(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP(definition_close) struct definition d = {0};
    if (definition_of_workflow(&d, c, c->operands[0], &e) != 0)
        return cli_failed(&e);
    lint(d.def, d.graph, d.trigger, &d.diags);
    size_t errors = lint_errors(&d.diags);
    bool valid = errors == 0 && (d.diags.len == 0 || !c->settings->strict);
    if (cli_has(c, "json")) {
        print_as_json(&d, valid);
        return valid ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    print_diags(&d.diags, true);
    print_diags(&d.diags, false);
    print_structure(d.def);
    size_t warnings = d.diags.len - errors;
    printf("%s: %zu error%s, %zu warning%s\n", valid ? "valid" : "not valid", errors, errors == 1 ? "" : "s", warnings,
           warnings == 1 ? "" : "s");
    return valid ? EXIT_SUCCESS : EXIT_FAILURE;
}
