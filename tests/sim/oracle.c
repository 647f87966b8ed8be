/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle: tokens on edges, joins, failures and attempts, said once more in the plainest way, over the graph as it was
 * meant.  It is told what is fed to the engine and says what must follow; judge.c compares. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define EXECUTION 0 /* the instance */

void oracle_clear(struct oracle *o)
{
    for (int i = 0; i < o->lives; i++) {
        json_decref(o->life[i].signals);
        free(o->life[i].held);
        free(o->life[i].path);
    }
    o->lives = o->insts = o->queued = o->queue_next = 0;
}

int new_inst(struct oracle *o, const struct graph *g, int region, int parent)
{
    if (o->insts == o->inst_cap) {
        o->inst_cap = o->inst_cap ? 2 * o->inst_cap : 64;
        o->inst = xreallocarray(o->inst, (size_t)o->inst_cap, sizeof *o->inst);
    }
    struct inst *n = &o->inst[o->insts];
    (void)g;
    memset(n, 0, sizeof *n);
    n->region = region;
    n->parent = parent;
    n->owner = -1;
    return o->insts++;
}

int new_life(struct oracle *o, int inst, int node)
{
    if (o->lives == o->life_cap) {
        o->life_cap = o->life_cap ? 2 * o->life_cap : 128;
        o->life = xreallocarray(o->life, (size_t)o->life_cap, sizeof *o->life);
    }
    struct life *l = &o->life[o->lives];
    memset(l, 0, sizeof *l);
    l->inst = inst;
    l->node = node;
    l->run = 1;
    for (int i = 0; i < o->lives; i++)
        l->run += inst >= 0 && o->life[i].inst == inst && o->life[i].node == node;
    if (inst >= 0)
        o->inst[inst].live++;
    return o->lives++;
}

int find_life(const struct oracle *o, uint64_t id)
{
    for (int i = o->lives; i-- > 0;)
        if (o->life[i].id == id)
            return i;
    return -1;
}

void oracle_open(struct world *w)
{
    struct oracle *o = &w->o;
    struct oracle keep = {.inst = o->inst, .inst_cap = o->inst_cap, .life = o->life, .life_cap = o->life_cap,
                          .queue = o->queue, .queue_cap = o->queue_cap};
    oracle_clear(o);
    *o = keep;
    o->exact = w->g.exact;
    o->deadline_us = w->g.timeout_s ? w->start.started_at_us + w->g.timeout_s * US_PER_S : 0;
    for (int i = 0; i < MAX_NODES; i++)
        o->result[i] = -1;
    new_inst(o, &w->g, 0, -1);
}

void gone(struct oracle *o, struct life *l)
{
    if (l->doing != GONE && l->inst >= 0)
        o->inst[l->inst].live--;
    l->doing = GONE;
}

/* ---- edges ---- */

void tell(struct oracle *o, int inst, int edge)
{
    if (o->queued == o->queue_cap) {
        o->queue_cap = o->queue_cap ? 2 * o->queue_cap : 64;
        o->queue = xreallocarray(o->queue, (size_t)o->queue_cap, sizeof *o->queue);
    }
    o->queue[o->queued].inst = inst;
    o->queue[o->queued++].edge = edge;
}

void decide(struct world *w, int at, int e, bool taken)
{
    struct inst *i = &w->o.inst[at];
    if (graph_home(&w->g, e))
        return;
    if (w->g.node[w->g.edge[e].to].region != i->region) {
        i->held[e] |= taken; /* it leaves the region */
        return;
    }
    if (w->g.edge[e].back) {
        i->cycles[graph_cycle(&w->g, w->g.edge[e].to)].again |= taken;
        return;
    }
    if (leaves_cycle(&w->g, e) && (!taken || i->edge[e] == TAKEN)) {
        w->o.exact &= !taken; /* once more: it runs beside itself */
        return;
    }
    if (i->edge[e] != PENDING)
        return;
    i->edge[e] = taken ? TAKEN : DEAD;
    tell(&w->o, at, e);
}


/* Edges that are decided when the node ends: its own that do not enter, and those that leave its regions; one that leaves
 * several at once belongs to each owner that it leaves. */
static bool leaves_owner(const struct graph *g, int e, int node)
{
    int from = g->edge[e].from, to = g->edge[e].to;
    if (from == node)
        return !graph_entry(g, e);
    if (to == node)
        return false;
    for (int r = g->node[from].region; r > 0; r = g->region[r].parent)
        if (g->region[r].owner == node)
            return !graph_within(g, g->node[to].region, r);
    return false;
}

void all_die(struct world *w, int inst, int node)
{
    for (int e = 0; e < w->g.edges; e++)
        if (leaves_owner(&w->g, e, node))
            decide(w, inst, e, false);
}

static bool reserved(const char *label)
{
    static const char *const labels[] = {"error", "body", "done", "catch", "finally"};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (strcmp(labels[i], label) == 0)
            return true;
    return false;
}

static bool has_label(const struct graph *g, int node, const char *label)
{
    for (int e = 0; e < g->edges; e++)
        if (g->edge[e].from == node && g->edge[e].label && strcmp(g->edge[e].label, label) == 0)
            return true;
    return false;
}

static const char *case_of(const struct graph *g, int node, const char *branch)
{
    if (!branch || g->node[node].kind != KIND_SWITCH || has_label(g, node, branch))
        return branch;
    return strcmp(branch, "default") == 0 ? "false" : "true";
}

static bool follows(const struct graph *g, int e, const char *branch)
{
    const char *label = g->edge[e].label;
    return !label || (branch ? strcmp(label, branch) == 0 : !reserved(label));
}

/* ---- the end of a node ---- */

static void note_completed(struct oracle *o, int node)
{
    if (!o->ran[node])
        o->completed[o->completed_count++] = node;
    o->ran[node] = true;
}

void finish(struct world *w, int life, const char *named)
{
    struct life *l = &w->o.life[life];
    int inst = l->inst, node = l->node;
    const struct graph *g = &w->g;
    const char *branch = case_of(g, node, named);
    CLEANUP_FREE uint8_t *held = l->passes ? STEAL(l->held) : NULL;
    struct row row = {.node = node};
    check_counts(w, l);
    over(w, l);
    gone(&w->o, l);
    w->o.inst[inst].node[node] = DONE;
    note_completed(&w->o, node);
    for (int e = 0; e < g->edges; e++) {
        if (!leaves_owner(g, e, node))
            continue;
        bool taken = g->edge[e].from == node ? follows(g, e, branch) : held && held[e];
        if (g->node[node].sequential && taken && row.count < (int)ARRAY_LEN(row.edges))
            row.edges[row.count++] = e;
        else
            decide(w, inst, e, taken);
    }
    if (g->node[node].sequential)
        begin_row(w, inst, &row);
}

static bool takes_errors(const struct graph *g, int node)
{
    return has_label(g, node, "error");
}

/* The failure is the execution's: nothing begins any more, what has passes open winds up. */
static void fail_execution(struct world *w, int life)
{
    struct oracle *o = &w->o;
    struct life *l = &o->life[life];
    l->doing = QUEUED;
    l->failures = 0;
    l->call_again = false;
    if (o->failing)
        return;
    o->failing = true;
    for (int i = 0, n = o->lives; i < n; i++) {
        struct life *k = &o->life[i];
        if (k->inst != EXECUTION || k->doing == GONE || !k->passes || k->cancelling)
            continue;
        k->restart = true;
        cancel_life(w, i);
    }
    for (int i = 1, n = o->insts; i < n; i++)
        if (!o->inst[i].over && o->inst[i].owner < 0 && o->inst[i].parent == EXECUTION)
            end_inst(w, i, BY_CANCEL);
}

static int64_t backoff_us(const struct g_node *a, uint32_t failures)
{
    int64_t ms = a->retry_ms;
    for (uint32_t i = 1; i < failures; i++)
        ms *= 2;
    return ms * US_PER_MS;
}

void fail_life(struct world *w, int life, const char *type, bool retryable, bool never_ran, const char *node)
{
    struct oracle *o = &w->o;
    struct life *l = &o->life[life];
    int inst = l->inst, at = l->node;
    const struct g_node *a = &w->g.node[at];
    over(w, l);
    l->failures++;
    if (retryable && !never_ran && l->failures < a->max_attempts) {
        l->due_us = w->now_us + backoff_us(a, l->failures);
        l->timer = ++o->next_timer;
        l->doing = BACKOFF;
        if (w->g.timeout_s)
            o->exact = false; /* no wait is begun that would end after the deadline */
        return;
    }
    o->result[at] = -1;
    o->failed[at] = true;
    if (takes_errors(&w->g, at)) {
        gone(o, l);
        o->inst[inst].node[at] = FAILED;
        for (int e = 0; e < w->g.edges; e++)
            if (leaves_owner(&w->g, e, at))
                decide(w, inst, e, w->g.edge[e].from == at && w->g.edge[e].label && strcmp(w->g.edge[e].label, "error") == 0);
        return;
    }
    if (inst == EXECUTION) {
        o->may_not_retry |= never_ran && !o->failing;
        fail_execution(w, life);
        return;
    }
    gone(o, l);
    o->inst[inst].node[at] = FAILED;
    if (o->inst[inst].ending == NOT) {
        snprintf(o->inst[inst].failed_node, sizeof o->inst[inst].failed_node, "%s", node ? node : a->id);
        snprintf(o->inst[inst].failed_type, sizeof o->inst[inst].failed_type, "%s", type);
    }
    end_inst(w, inst, BY_FAILURE);
}

/* ---- joins ---- */

/* Whose every way on leads to `join`, while none is decided yet. */
static bool pointless(const struct world *w, const struct inst *i, int node, int join, const bool *known)
{
    int ways = 0;
    for (int e = 0; e < w->g.edges; e++) {
        const char *label = w->g.edge[e].label;
        if (!leaves_owner(&w->g, e, node) || graph_home(&w->g, e) || w->g.edge[e].back ||
            (label && strcmp(label, "error") == 0 && w->g.edge[e].from == node))
            continue;
        int to = w->g.edge[e].to;
        ways++;
        if (w->g.node[to].region != i->region || i->edge[e] != PENDING || (to != join && !known[to]))
            return false;
    }
    return ways > 0;
}

static int life_at(const struct oracle *o, int inst, int node)
{
    for (int i = o->lives; i-- > 0;)
        if (o->life[i].inst == inst && o->life[i].node == node && o->life[i].doing != GONE)
            return i;
    return -1;
}

static void cancel_rest(struct world *w, int inst, int join)
{
    bool known[MAX_NODES] = {false}, more = true;
    int order[MAX_NODES], n = 0;
    while (more) {
        more = false;
        for (int v = 0; v < w->g.nodes; v++)
            if (v != join && !known[v] && w->g.node[v].region == w->o.inst[inst].region &&
                pointless(w, &w->o.inst[inst], v, join, known)) {
                known[v] = more = true;
                order[n++] = v;
            }
    }
    for (int k = 0; k < n; k++) {
        int life = life_at(&w->o, inst, order[k]);
        if (life >= 0) {
            cancel_life(w, life);
        } else if (w->o.inst[inst].node[order[k]] == UNDECIDED) {
            w->o.inst[inst].node[order[k]] = CANCELLED;
            all_die(w, inst, order[k]);
        }
    }
}

void fire(struct world *w, int inst, int node)
{
    const struct g_node *a = &w->g.node[node];
    w->o.inst[inst].node[node] = LIVE;
    new_life(&w->o, inst, node);
    if ((a->join == ANY || a->join == N_OF_M) && !a->rest_run && !w->o.failing)
        cancel_rest(w, inst, node);
}

static void arrived(struct world *w, int at, int node)
{
    const struct g_node *a = &w->g.node[node];
    struct inst *i = &w->o.inst[at];
    int pending = 0, taken = 0;
    for (int e = 0; e < w->g.edges; e++) {
        if (w->g.edge[e].to != node || graph_home(&w->g, e) || w->g.edge[e].back)
            continue;
        pending += !i->heard[e];
        taken += i->heard[e] && i->edge[e] == TAKEN;
    }
    if (taken == 0) {
        if (pending == 0) {
            i->node[node] = SKIPPED;
            all_die(w, at, node);
        }
    } else if (a->join == ALL ? pending == 0 : taken >= (a->join == ANY ? 1 : a->join_n)) {
        fire(w, at, node);
    } else if (a->join == N_OF_M && taken + pending < a->join_n) {
        i->node[node] = LIVE;
        fail_life(w, new_life(&w->o, at, node), "join_unsatisfiable", false, true, NULL);
    }
}

static void deliver_all(struct world *w)
{
    struct oracle *o = &w->o;
    while (o->queue_next < o->queued) {
        int inst = o->queue[o->queue_next].inst, edge = o->queue[o->queue_next].edge, to = w->g.edge[edge].to;
        o->queue_next++;
        o->inst[inst].heard[edge] = true;
        if (o->inst[inst].ending == NOT && o->inst[inst].node[to] == UNDECIDED)
            arrived(w, inst, to);
    }
    o->queued = o->queue_next = 0;
}

void settle_oracle(struct world *w)
{
    do
        deliver_all(w);
    while (w->o.exact && insts_settle(w));
}

/* ---- what is fed ---- */

static void parked(struct world *w, int life, const struct engine_park *p)
{
    struct life *l = &w->o.life[life];
    if (l->passes && l->open) {
        snprintf(l->closing_type, sizeof l->closing_type, "config_invalid");
        l->closing_retryable = l->closing_named = false;
        close_later(w, life, 2);
        return;
    }
    json_decref(l->signals);
    l->signals = NULL;
    if (p->signal || json_array_size(p->signals) > 0) {
        l->signals = p->signals ? json_copy(p->signals) : json_array();
        if (p->signal)
            json_array_append_new(l->signals, json_string(p->signal));
    }
    l->due_us = p->until_us;
    l->timer = ++w->o.next_timer;
    if (l->signals && !l->waits)
        l->waits = l->timer;
    l->doing = PARKED;
}

static void failed(struct world *w, int life, const struct engine_event *ev)
{
    struct life *l = &w->o.life[life];
    bool timeout = ev->type == ENGINE_TIMEOUT, retryable = timeout || ev->failure->retryable;
    const char *type = timeout ? "timeout" : ev->failure->type;
    if (l->passes && l->open) {
        snprintf(l->closing_type, sizeof l->closing_type, "%s", type);
        l->closing_retryable = retryable;
        l->closing_named = ev->failure && ev->failure->node;
        if (l->closing_named)
            snprintf(l->closing_node, sizeof l->closing_node, "%s", ev->failure->node);
        close_later(w, life, timeout ? 3 : 2);
        return;
    }
    fail_life(w, life, type, retryable, false, ev->failure ? ev->failure->node : NULL);
}

static void outcome(struct world *w, int life, const struct engine_event *ev)
{
    struct life *l = &w->o.life[life];
    told_answered(l);
    if (ev->type == ENGINE_TIMEOUT)
        l->cancel_due = true;
    if (l->cancelling) {
        answer_of_cancelled(w, life, ev);
        return;
    }
    switch (ev->type) {
    case ENGINE_DONE:
        if (l->passes && l->open) {
            snprintf(l->closing_branch, sizeof l->closing_branch, "%s", ev->branch ? ev->branch : "");
            if (close_later(w, life, 1))
                return;
        }
        finish(w, life, ev->branch);
        break;
    case ENGINE_FAIL:
    case ENGINE_TIMEOUT:
        failed(w, life, ev);
        break;
    case ENGINE_PARK:
        parked(w, life, &ev->park);
        break;
    case ENGINE_ENTER:
        enter(w, life, ev);
        break;
    default:
        leave(w, life, ev);
        break;
    }
}

/* ---- what comes from outside ---- */

static void lost(struct world *w, int life)
{
    struct life *l = &w->o.life[life];
    l->in_call = false;
    l->crashes++;
    int max = w->start.policy.max_crashes;
    bool crashed = max > 0 && l->crashes >= (uint32_t)max;
    if (!l->passes && (w->g.node[l->node].at_most_once || crashed)) {
        fail_life(w, life, w->g.node[l->node].at_most_once ? "interrupted" : "crashed", false, false, NULL);
        return;
    }
    if (l->passes && crashed) {
        w->o.exact = false;
        return;
    }
    l->doing = QUEUED;
    l->call_again = l->lost_call = l->passes;
}

static void lost_all(struct world *w)
{
    int n = w->o.lives;
    for (int i = 0; i < n; i++)
        if (w->o.life[i].doing == RUNNING)
            lost(w, i);
}

static void signal_kept(struct oracle *o, const struct engine_event *ev)
{
    for (int i = 0; i < o->kept_count; i++)
        if (strcmp(o->kept[i].id, ev->signal_id) == 0)
            return;
    struct kept *k = &o->kept[o->kept_count++];
    snprintf(k->id, sizeof k->id, "%s", ev->signal_id);
    snprintf(k->type, sizeof k->type, "%s", ev->signal);
}

/* Began again after it had failed for good. */
static void retried(struct world *w)
{
    struct oracle *o = &w->o;
    if (engine_status(w->state) != STATUS_FAILED)
        return;
    for (int i = 0; i < o->lives; i++)
        o->life[i].crashes = o->life[i].failures = 0;
    if (o->deadline_us)
        o->deadline_us = w->now_us + w->g.timeout_s * US_PER_S;
}

static void from_outside(struct world *w, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    switch (ev->type) {
    case ENGINE_START:
        if (o->exact)
            fire(w, EXECUTION, 0);
        break;
    case ENGINE_PAUSE:
        o->paused = true;
        break;
    case ENGINE_RESUME:
        o->paused = false;
        break;
    case ENGINE_LOST:
        if (o->exact)
            lost_all(w);
        break;
    case ENGINE_SIGNAL:
        signal_kept(o, ev);
        break;
    case ENGINE_RETRY:
        retried(w);
        break;
    default:
        break;
    }
    if ((ev->type == ENGINE_WAKE || ev->type == ENGINE_RESUME) && o->deadline_us && w->now_us >= o->deadline_us)
        o->exact = false; /* the execution's time is over */
}

void oracle_event(struct world *w, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    if (o->ended && ev->type != ENGINE_RETRY)
        return;
    int life = ev->act ? find_life(o, ev->act) : -1;
    if (ev->act == 0)
        from_outside(w, ev);
    else if (life >= 0 && o->life[life].doing == RUNNING && ev->type != ENGINE_PROGRESS && o->exact)
        outcome(w, life, ev);
    if (o->exact)
        settle_oracle(w);
}
