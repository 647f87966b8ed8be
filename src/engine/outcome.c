/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler said: success and the branch it names, a park, leaving. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- results ---- */

static struct result *result_of(struct engine_state *s, struct slot *slot, uint32_t node)
{
    if (slot->result != NO_INDEX)
        return &s->results[slot->result];
    void *results = s->results;
    xgrow(&results, &s->result_cap, s->result_count + 1, sizeof *s->results);
    s->results = results;
    slot->result = (uint32_t)s->result_count;
    s->results[s->result_count] = (struct result){.node = node};
    return &s->results[s->result_count++];
}

/* Keep what the projection shows; takes a reference of output. */
struct result *result_set(struct step *st, const struct act *a, json_t *output, const char *error)
{
    struct engine_state *s = st->s;
    struct result *r = result_of(s, &a->scope->slots[a->node], a->node);
    json_decref(r->output);
    free(r->error);
    r->output = json_incref(output);
    r->error = error ? xstrdup(error) : NULL;
    r->failed = error != NULL;
    r->started_us = a->started_us ? a->started_us : st->now;
    r->completed_us = st->now;
    s->last_node = a->node;
    if (s->old_results)
        json_object_del(s->old_results, st->d->nodes[a->node].id);
    return r;
}

static void mark_completed(struct engine_state *s, struct slot *slot, uint32_t node)
{
    if (slot->completed)
        return;
    void *completed = s->completed;
    xgrow(&completed, &s->completed_cap, s->completed_count + 1, sizeof *s->completed);
    s->completed = completed;
    s->completed[s->completed_count++] = node;
    slot->completed = true;
}

/* ---- branches ---- */

static bool has_label(const struct def *d, const struct def_node *n, const char *label)
{
    for (uint32_t i = 0; i < n->out_count; i++) {
        const struct def_edge *e = &d->edges[n->out[i]];
        if (e->label && strcmp(e->label, label) == 0)
            return true;
    }
    return false;
}

/* A switch names its case, or `default`; drawn with the two handles of a condition, a match takes `true`, none `false`. */
static const char *branch_edge(const struct def *d, const struct def_node *n, const char *branch)
{
    if (!branch || !*branch)
        return NULL;
    if (!n->is_switch || has_label(d, n, branch))
        return branch;
    return strcmp(branch, "default") == 0 ? "false" : "true";
}

static void take_branch(struct step *st, struct scope *scope, uint32_t node, const char *named)
{
    const struct def_node *n = &st->d->nodes[node];
    const char *branch = branch_edge(st->d, n, named);
    for (uint32_t i = 0; i < n->out_count; i++) {
        const struct def_edge *e = &st->d->edges[n->out[i]];
        bool taken = !e->label || (branch ? strcmp(e->label, branch) == 0 : !e->reserved);
        edge_decide(st, scope, n->out[i], taken);
    }
}

/* ---- outcomes ---- */

/* A new reference: readers rely on outputs being objects. */
static json_t *as_object(json_t *output)
{
    if (json_is_object(output))
        return json_incref(output);
    json_t *object = json_object();
    if (output)
        json_object_set(object, "result", output);
    return object;
}

void node_succeeded(struct step *st, struct act *a, json_t *output, const char *branch)
{
    const struct def_node *n = &st->d->nodes[a->node];
    struct scope *scope = a->scope;
    uint32_t node = a->node;
    json_t *object = as_object(output);
    result_set(st, a, object, NULL);
    state_data_set(st->s, n->output_key, object);
    mark_completed(st->s, &scope->slots[node], node);
    emit_log(st, n->id, "info", "Node %s completed successfully", n->id);
    act_over(st, a, SLOT_DONE);
    take_branch(st, scope, node, branch);
}

void node_parked(struct step *st, struct act *a, const struct engine_park *park)
{
    int64_t close = act_close_us(st->d, a);
    if (park->until_us <= 0 || park->signal || park->child) {
        node_fail_text(st, a, "config_invalid", "the node can only wait for a time, not for a signal or another execution");
        return;
    }
    a->used_us += st->now > a->call_us ? st->now - a->call_us : 0;
    a->due_us = close && close < park->until_us ? close : park->until_us;
    a->timer = ++st->s->next_timer;
    act_set_checkpoint(a, park->checkpoint);
    act_set_state(st->s, a, ACT_PARKED);
}

void node_left(struct step *st, struct act *a, const struct engine_event *ev)
{
    if (ev->leave != ENGINE_END) {
        node_fail_text(st, a, "no_enclosing_loop",
                       ev->leave == ENGINE_BREAK ? "break outside a loop" : "continue outside a loop");
        return;
    }
    bool failed = ev->branch && strcmp(ev->branch, "failed") == 0;
    const char *message = js_str(ev->output, "message");
    CLEANUP_FREE char *text = xstrdup(message ? message : "the workflow was ended by a terminate node");
    node_succeeded(st, a, ev->output, NULL);
    st->s->decided_count = st->s->decided_next = 0;
    if (failed) {
        execution_abort(st, text, true);
        return;
    }
    emit_log(st, "end", "info", "Workflow execution completed");
    end_execution(st, PHASE_COMPLETED);
}
