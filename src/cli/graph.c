/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker graph: a drawing of a workflow, or of an execution with its state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/definition.h"
#include "cli/table.h"
#include "exec/draw.h"

const struct cli_option graph_options[] = {
    {"format", 'f', "text|dot|svg", "what it is drawn as (default text); dot is what graphviz reads"},
    {NULL, 0, NULL, NULL},
};

/* execution_state may be json, or text in older rows. */
static json_t *state_of(const json_t *row)
{
    json_t *state = json_object_get(row, "execution_state");
    return json_is_string(state) ? js_parse(json_string_value(state), json_string_length(state), NULL) : json_incref(state);
}

static enum draw_state node_state(const json_t *row, const json_t *state, const char *id)
{
    const char *status = js_str(json_object_get(json_object_get(state, "node_results"), id), "status");
    const char *current = js_str(row, "current_node_id"), *whole = js_str(row, "status");
    bool here = current && strcmp(current, id) == 0 && whole;
    if (here && strcmp(whole, "running") == 0)
        return DRAW_RUNNING;
    if (here && (strcmp(whole, "paused") == 0 || strcmp(whole, "waiting_for_signal") == 0))
        return DRAW_WAITING;
    if (!status)
        return DRAW_NONE;
    return strcmp(status, "success") == 0 ? DRAW_SUCCESS : strcmp(status, "waiting") == 0 ? DRAW_WAITING : DRAW_FAILED;
}

/* NULL when there is no execution. */
static enum draw_state *states_of(const struct definition *d)
{
    const json_t *row = json_object_get(d->source, "execution");
    if (!row || !js_str(row, "execution_id"))
        return NULL;
    enum draw_state *states = xcalloc(def_node_count(d->def) + 1, sizeof *states);
    CLEANUP_JSON json_t *state = state_of(row);
    for (size_t i = 0; i < def_node_count(d->def); i++)
        states[i] = node_state(row, state, def_node_id(d->def, i));
    return states;
}

static int draw(const struct drawing *g, const char *format, struct buf *out, struct error *e)
{
    if (strcmp(format, "text") == 0)
        return draw_text(g, out, e);
    if (strcmp(format, "svg") == 0)
        return draw_svg(g, out, e);
    draw_dot(g, out);
    return 0;
}

static int wrong_format(const char *format)
{
    struct error e;
    err_set(&e, "there is no format \"%.40s\"", format);
    err_hint(&e, "it is text, dot or svg");
    cli_failed(&e);
    return EXIT_USAGE;
}

int cmd_graph(struct cli *c)
{
    struct error e = ERROR_INIT;
    const char *format = cli_value(c, "format") ? cli_value(c, "format") : "text";
    if (strcmp(format, "text") != 0 && strcmp(format, "dot") != 0 && strcmp(format, "svg") != 0)
        return wrong_format(format);
    CLEANUP(definition_close) struct definition d = {0};
    if (definition_of_execution(&d, c, c->operands[0], &e) != 0)
        return cli_failed(&e);
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_FREE enum draw_state *states = states_of(&d);
    const struct drawing g = {.d = d.def, .title = d.name, .states = states,
                              .colour = *text_colour(stdout, "completed") != '\0'};
    if (draw(&g, format, &out, &e) != 0)
        return cli_failed(&e);
    fwrite(out.data ? out.data : "", 1, out.len, stdout);
    return EXIT_SUCCESS;
}
