/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: {"graph", "rows", "trigger"}, or a graph by itself.  Whatever it is: loading says what is wrong in UTF-8, comes
 * to the same result twice, and the checks and drawings of `validate` and `graph` take what was loaded. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "exec/draw.h"
#include "exec/lint.h"
#include "fuzz/types.h"

const char fuzz_name[] = "graph";
const bool fuzz_json = true;
const unsigned fuzz_cases = 800;

void fuzz_open(void)
{
    fuzz_types_open();
}

static void check_diags(const struct diags *diags, struct buf *out)
{
    for (size_t i = 0; i < diags->len; i++) {
        const struct diag *g = &diags->items[i];
        fuzz_text("a diagnostic", g->message);
        if (!g->pointer || !fuzz_is_utf8(g->pointer, strlen(g->pointer)) || (g->pointer[0] && g->pointer[0] != '/'))
            fuzz_fail("a diagnostic has no pointer: %s: %s", g->pointer ? g->pointer : "(none)", g->message);
        buf_printf(out, "%d %s %s\n", g->error, g->pointer, g->message);
    }
}

static void draw(const struct def *d)
{
    struct drawing g = {.d = d, .title = "title & <title>", .colour = true};
    struct buf out = BUF_INIT;
    struct error e = ERROR_INIT;
    if (draw_text(&g, &out, &e) != 0)
        fuzz_error("draw_text()", &e);
    draw_dot(&g, &out);
    if (draw_svg(&g, &out, &e) != 0)
        fuzz_error("draw_svg()", &e);
    if (!fuzz_is_utf8(out.data, out.len))
        fuzz_fail("a drawing is not UTF-8");
    buf_free(&out);
}

/* All that can be said of the definition, as text. */
static char *describe(json_t *graph, json_t *rows, json_t *trigger, bool drawn)
{
    struct diags diags = {0};
    struct buf out = BUF_INIT;
    struct def_options options = {.catalog = &fuzz_types};
    struct def *d = def_load(graph, rows, trigger, &options, &diags);
    bool broken = def_error(d) != NULL;
    if (broken != (lint_errors(&diags) > 0))
        fuzz_fail("def_error() is %s, and there are %zu errors", broken ? def_error(d) : "not set", lint_errors(&diags));
    lint(d, graph, trigger, &diags);
    check_diags(&diags, &out);
    CLEANUP_JSON json_t *structure = lint_structure(d);
    js_write(&out, structure);
    if (drawn)
        draw(d);
    diags_free(&diags);
    def_unref(d);
    return buf_steal(&out);
}

static json_t *reread(const json_t *v)
{
    if (!v)
        return NULL;
    CLEANUP_FREE char *text = js_text(v);
    json_t *again = js_parse_own(text, strlen(text), NULL);
    if (!again)
        fuzz_fail("a value cannot be read again: %s", text);
    return again;
}

void fuzz_input(const uint8_t *data, size_t size)
{
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    if (!v)
        return;
    json_t *graph = fuzz_member(v, "graph"), *rows = fuzz_member(v, "rows"), *trigger = fuzz_member(v, "trigger");
    if (!graph && !rows)
        graph = v;
    CLEANUP_FREE char *first = describe(graph, rows, trigger, true);
    CLEANUP_JSON json_t *graph_again = reread(graph);
    CLEANUP_JSON json_t *rows_again = reread(rows);
    CLEANUP_JSON json_t *trigger_again = reread(trigger);
    CLEANUP_FREE char *second = describe(graph_again, rows_again, trigger_again, false);
    fuzz_same("loaded again it is another definition", first, second);
}
