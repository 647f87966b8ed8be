/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle's passes: entering, ending early, cancelling from around, and the calls that follow. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static bool owned(const struct oracle *o, int inst, int life)
{
    return !o->inst[inst].over && o->inst[inst].owner == life;
}

void drop_passes(struct life *l)
{
    free(STEAL(l->held));
    l->passes = l->call_again = l->lost_call = l->about_pass = false;
    l->told_count = l->bodies = l->finallys = 0;
    l->open = 0;
    l->last = l->begun = 0;
    memset(l->turns, 0, sizeof l->turns);
    memset(l->ended_as, 0, sizeof l->ended_as);
}

/* A try that is left has been through its finally, once. */
void over(struct world *w, struct life *l)
{
    const struct g_node *a = &w->g.node[l->node];
    if (l->passes && a->kind == KIND_TRY && l->bodies > 0 && l->finallys != (a->finally >= 0))
        violation(w, "%s is left after its finally was entered %d times", a->id, l->finallys);
    drop_passes(l);
}

bool any_cancelling(const struct oracle *o, int inst)
{
    for (int i = 0; i < o->lives; i++)
        if (o->life[i].doing != GONE && o->life[i].cancelling && (inst < 0 || o->life[i].inst == inst))
            return true;
    return false;
}

/* ---- entering ---- */

static void push_told(struct oracle *o, struct life *l, const struct told *t)
{
    if (l->told_count == (int)ARRAY_LEN(l->told))
        o->exact = false;
    else
        l->told[l->told_count++] = *t;
}

static void tell_owner(struct life *l)
{
    if (l->doing != ENTERED || l->told_count == 0)
        return;
    l->doing = QUEUED;
    l->call_again = true;
}

void told_answered(struct life *l)
{
    if (!l->passes || !l->about_pass || l->told_count == 0)
        return;
    memmove(&l->told[0], &l->told[1], (size_t)(--l->told_count) * sizeof l->told[0]);
}

static void name_inst(struct world *w, struct inst *i, const struct inst *around, const struct life *l)
{
    char number[24] = "", run[16] = "";
    int node = l->node;
    CLEANUP_FREE char *before = xstrdup(around->path);
    if (i->flags & ENTER_LOOP)
        snprintf(number, sizeof number, "#%llu", (unsigned long long)i->pass);
    else if (i->turn > 1)
        snprintf(number, sizeof number, "#%u", i->turn);
    if (l->run > 1)
        snprintf(run, sizeof run, "(%u)", l->run);
    snprintf(i->path, sizeof i->path, "%s%s%s%s%s", before, before[0] ? "/" : "", w->g.node[node].id, run, number);
}

static void open_pass(struct world *w, int life, int region, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    struct life *l = &o->life[life];
    l->last++;
    l->begun++;
    if (region < 0) {
        l->ended_as[PASS_DONE]++;
        push_told(o, l, &(struct told){.pass = l->last, .outcome = PASS_DONE});
        return;
    }
    int at = new_inst(o, &w->g, region, l->inst);
    struct inst *i = &o->inst[at];
    i->owner = life;
    i->pass = l->last;
    i->turn = ++l->turns[region];
    i->flags = ev->enter.flags;
    l->open++;
    name_inst(w, i, &o->inst[l->inst], l);
    for (int e = 0; e < w->g.edges; e++)
        if (w->g.edge[e].from == l->node && w->g.node[w->g.edge[e].to].region == region)
            decide(w, at, e, !ev->enter.to || strcmp(w->g.node[w->g.edge[e].to].id, ev->enter.to) == 0);
}

static void check_limits(struct world *w, const struct life *l)
{
    const struct g_node *a = &w->g.node[l->node];
    bool rest_runs = json_object_get(a->config, "need") && json_object_get(a->config, "join_rest");
    if (a->kind == KIND_LOOP && !rest_runs && l->open > (uint32_t)a->max_concurrency)
        violation(w, "%u passes of %s are open, %d may be", l->open, a->id, a->max_concurrency);
}

/* A loop that succeeds: no more of its passes failed than are tolerated, and enough succeeded. */
void check_counts(struct world *w, const struct life *l)
{
    const struct g_node *a = &w->g.node[l->node];
    int64_t tolerate = js_int(a->config, "tolerate", 0), need = js_int(a->config, "need", 0);
    uint64_t good = l->ended_as[PASS_DONE] + l->ended_as[PASS_CONTINUE] + l->ended_as[PASS_BREAK];
    if (a->kind != KIND_LOOP || l->ended_as[PASS_BREAK] > 0)
        return;
    if (!json_object_get(a->config, "need") && (int64_t)l->ended_as[PASS_FAILED] > tolerate)
        violation(w, "%s succeeds although %d of its passes failed", a->id, (int)l->ended_as[PASS_FAILED]);
    if (strcmp(a->type, "while") != 0 && (int64_t)good < need)
        violation(w, "%s succeeds although it needs %d passes", a->id, (int)need);
}

void enter(struct world *w, int life, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    struct life *l = &o->life[life];
    size_t count = ev->enter.passes ? json_array_size(ev->enter.passes) : 1;
    if (count == 0 && (!l->passes || (!l->open && !l->told_count))) {
        fail_life(w, life, "config_invalid", false, false, NULL);
        return;
    }
    int region = graph_region_of(&w->g, l->node, ev->branch);
    l->passes = true;
    l->cleanup = (ev->enter.flags & ENTER_CLEANUP) != 0;
    l->bodies += strcmp(ev->branch, "body") == 0;
    l->finallys += strcmp(ev->branch, "finally") == 0;
    l->doing = ENTERED;
    for (size_t i = 0; i < count; i++)
        open_pass(w, life, region, ev);
    if (ev->enter.flags & ENTER_AGAIN)
        push_told(o, l, &(struct told){.outcome = PASS_DONE});
    check_limits(w, l);
    tell_owner(l);
}

/* ---- cancelling ---- */

static void cancelled(struct world *w, struct life *l)
{
    over(w, l);
    if (l->restart) {
        l->restart = l->cancelling = l->cancel_told = false;
        l->failures = 0;
        l->doing = QUEUED;
        return;
    }
    gone(&w->o, l);
    w->o.inst[l->inst].node[l->node] = CANCELLED;
    if (w->o.inst[l->inst].ending == NOT)
        all_die(w, l->inst, l->node);
}

static void cancel_settle(struct world *w, struct life *l)
{
    if (l->doing != ENTERED || l->open)
        return;
    if (!l->cleanup || l->cancel_told) {
        cancelled(w, l);
        return;
    }
    push_told(&w->o, l, &(struct told){.pass = l->last, .outcome = PASS_CANCELLED});
    l->cancel_told = true;
    tell_owner(l);
}

void cancel_life(struct world *w, int life)
{
    struct life *l = &w->o.life[life];
    if (l->cancelling || l->doing == GONE)
        return;
    if (!l->passes) {
        l->cancel_due |= l->in_call;
        cancelled(w, l);
        return;
    }
    l->cancelling = true;
    if (l->closing)
        return;
    if (l->doing != RUNNING) {
        l->told_count = 0;
        l->call_again = false;
        l->doing = ENTERED;
    }
    for (int i = 1; i < w->o.insts; i++)
        if (owned(&w->o, i, life) && !(w->o.inst[i].flags & ENTER_SHIELD))
            end_inst(w, i, BY_CANCEL);
    cancel_settle(w, l);
}

void end_inst(struct world *w, int inst, enum ending how)
{
    struct oracle *o = &w->o;
    if (o->inst[inst].ending != NOT)
        return;
    o->inst[inst].ending = how;
    for (int i = 0; i < o->lives; i++)
        if (o->life[i].inst == inst)
            cancel_life(w, i);
    for (int i = 1; i < o->insts; i++)
        if (!o->inst[i].over && o->inst[i].owner < 0 && o->inst[i].parent == inst)
            end_inst(w, i, BY_CANCEL);
    o->inst[inst].row_count = 0;
}

void answer_of_cancelled(struct world *w, int life, const struct engine_event *ev)
{
    struct life *l = &w->o.life[life];
    if (ev->type == ENGINE_ENTER && l->cancel_told) {
        enter(w, life, ev);
        return;
    }
    l->doing = ENTERED;
    l->call_again = false;
    l->cancel_told |= ev->type != ENGINE_ENTER;
    l->told_count = 0;
    cancel_settle(w, l);
}

/* ---- the end of a node while passes are open ---- */

bool close_later(struct world *w, int life, int how)
{
    struct oracle *o = &w->o;
    struct life *l = &o->life[life];
    for (int i = 1; how == 1 && i < o->insts; i++)
        if (owned(o, i, life) && (o->inst[i].flags & ENTER_DETACH)) {
            o->inst[i].owner = -1;
            o->inst[o->inst[i].parent].live++;
            l->open--;
        }
    if (l->open == 0)
        return false;
    l->told_count = 0;
    l->closing = how;
    l->doing = ENTERED;
    for (int i = 1; i < o->insts; i++)
        if (owned(o, i, life))
            end_inst(w, i, BY_CANCEL);
    return true;
}

static void close_now(struct world *w, int life)
{
    struct life *l = &w->o.life[life];
    int how = l->closing;
    l->closing = 0;
    if (l->cancelling)
        cancelled(w, l);
    else if (how == 1)
        finish(w, life, l->closing_branch[0] ? l->closing_branch : NULL);
    else
        fail_life(w, life, l->closing_type, l->closing_retryable, false, l->closing_named ? l->closing_node : NULL);
}

/* ---- the end of a pass ---- */

static void inst_over(struct world *w, int inst)
{
    static const enum engine_scope_outcome outcomes[] = {[NOT] = PASS_DONE,          [BY_FAILURE] = PASS_FAILED,
                                                         [BY_BREAK] = PASS_BREAK,    [BY_CONTINUE] = PASS_CONTINUE,
                                                         [BY_CANCEL] = PASS_CANCELLED, [BY_END] = PASS_CANCELLED};
    struct oracle *o = &w->o;
    struct inst *i = &o->inst[inst];
    enum engine_scope_outcome outcome = outcomes[i->ending];
    i->over = true;
    if (i->owner < 0) {
        o->inst[i->parent].live--;
        return;
    }
    struct life *l = &o->life[i->owner];
    struct told t = {.pass = i->pass, .outcome = outcome};
    memcpy(t.node, i->failed_node, sizeof t.node);
    memcpy(t.type, i->failed_type, sizeof t.type);
    l->open--;
    l->ended_as[outcome]++;
    if (!l->held)
        l->held = xcalloc(MAX_EDGES, 1);
    for (int e = 0; e < w->g.edges && outcome != PASS_FAILED && outcome != PASS_CANCELLED; e++)
        l->held[e] |= i->held[e];
    if (!l->closing && (!l->cancelling || (i->flags & ENTER_SHIELD))) {
        push_told(o, l, &t);
        l->cancel_told |= l->cancelling;
        tell_owner(l);
    }
    if (l->closing && l->open == 0)
        close_now(w, i->owner);
    else if (l->cancelling)
        cancel_settle(w, l);
}

/* Whatever follows from something having ended; false: nothing. */
bool insts_settle(struct world *w)
{
    struct oracle *o = &w->o;
    for (int i = 0; i < o->insts; i++) {
        if (o->inst[i].over)
            continue;
        if (o->inst[i].ending == NOT && (cycle_next(w, i) || row_next(w, i)))
            return true;
        if (i > 0 && o->inst[i].live == 0 && o->inst[i].row_count == 0) {
            inst_over(w, i);
            return true;
        }
    }
    return false;
}

/* ---- leaving ---- */

static int loop_meant(const struct world *w, int inst, const char *label)
{
    const struct oracle *o = &w->o;
    for (int i = inst; i > 0; i = o->inst[i].parent) {
        const struct inst *at = &o->inst[i];
        const char *id = w->g.node[w->g.region[at->region].owner].id;
        if ((at->flags & ENTER_LOOP) && (!label || strcmp(id, label) == 0))
            return i;
        if ((at->flags & ENTER_SHIELD) && at->owner >= 0 && o->life[at->owner].cancelling)
            return i; /* a clean-up of what is cancelled ends there */
    }
    return -1;
}

static void leave_loop(struct world *w, int life, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    int from = o->life[life].inst, target = loop_meant(w, from, ev->branch);
    bool all = ev->leave == ENGINE_BREAK && (o->inst[target].flags & ENTER_LOOP) && o->inst[target].owner >= 0;
    for (int i = from; i != target; i = o->inst[i].parent)
        o->inst[i].flags &= ~(uint32_t)ENTER_SHIELD;
    gone(o, &o->life[life]);
    end_inst(w, target, ev->leave == ENGINE_BREAK ? BY_BREAK : BY_CONTINUE);
    for (int i = 1; all && i < o->insts; i++)
        if (i != target && owned(o, i, o->inst[target].owner))
            end_inst(w, i, BY_CANCEL);
}

void leave(struct world *w, int life, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    struct life *l = &o->life[life];
    bool at_once = false;
    if (l->passes && l->open) {
        snprintf(l->closing_type, sizeof l->closing_type, "config_invalid");
        l->closing_retryable = l->closing_named = false;
        close_later(w, life, 2);
        return;
    }
    if (ev->leave != ENGINE_END && loop_meant(w, l->inst, ev->branch) < 0) {
        fail_life(w, life, "no_enclosing_loop", false, false, NULL);
        return;
    }
    over(w, l);
    o->inst[l->inst].node[l->node] = DONE;
    if (!o->ran[l->node])
        o->completed[o->completed_count++] = l->node;
    o->ran[l->node] = true;
    if (ev->leave != ENGINE_END) {
        leave_loop(w, life, ev);
        return;
    }
    for (int i = l->inst; i > 0; i = o->inst[i].parent)
        at_once |= (o->inst[i].flags & ENTER_SHIELD) != 0;
    gone(o, l);
    o->at_once |= at_once;
    if (!at_once)
        end_inst(w, 0, BY_END);
}
