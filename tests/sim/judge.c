/* SPDX-License-Identifier: Apache-2.0 */
/* Each step's effects against what the oracle expects, and the end against all that was fed. */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define STATE_MOST (512 * 1024)

static const char *id_of(const struct world *w, int node)
{
    return w->g.node[node].id;
}

/* While the execution fails, only what winds up goes on. */
static bool may_go_on(const struct oracle *o, const struct life *l)
{
    return !o->failing || l->cancelling || l->inst != 0;
}

/* ---- the execution failed, or is over ---- */

static void begin_again_later(struct world *w)
{
    struct oracle *o = &w->o;
    for (int i = 0; i < o->lives; i++) {
        struct life *l = &o->life[i];
        if (l->doing == RUNNING) {
            l->cancel_due |= l->in_call;
            l->doing = QUEUED;
        }
    }
    o->failing = false;
}

static void rewind_all(struct world *w)
{
    struct oracle *o = &w->o;
    for (int i = 0; i < o->lives; i++) {
        struct life *l = &o->life[i];
        l->cancel_due |= l->in_call;
        if (l->doing == GONE)
            continue;
        bool waits = (l->doing == PARKED || l->doing == BACKOFF) && l->due_us && !l->passes;
        drop_passes(l);
        l->restart = l->cancelling = l->cancel_told = false;
        l->closing = 0;
        if (l->inst != 0)
            l->doing = GONE;
        else if (!waits)
            l->doing = QUEUED;
    }
    for (int i = 1; i < o->insts; i++)
        o->inst[i].over = true;
    o->inst[0].live = 0;
    for (int i = 0; i < o->lives; i++)
        o->inst[0].live += o->life[i].doing != GONE;
    o->failing = false;
}

static void completed(struct world *w)
{
    const struct oracle *o = &w->o;
    for (int i = 0; i < o->lives; i++)
        if (o->exact && o->inst[0].ending == NOT && !o->at_once && o->life[i].doing != GONE)
            violation(w, "the execution completed, but %s was not through", id_of(w, o->life[i].node));
}

static void judge_status(struct world *w)
{
    struct oracle *o = &w->o;
    enum engine_status status = engine_status(w->state);
    if (o->exact && o->failing && status == STATUS_RETRY)
        begin_again_later(w);
    if (!engine_ended(w->state)) {
        o->ended = false;
        return;
    }
    if (o->ended)
        return;
    o->ended = true;
    o->paused = false;
    if (status == STATUS_COMPLETED)
        completed(w);
    rewind_all(w);
}

/* ---- signals ---- */

static bool wants(const struct life *l, const char *type)
{
    for (size_t i = 0; l->doing == PARKED && i < json_array_size(l->signals); i++)
        if (strcmp(json_string_value(json_array_get(l->signals, i)), type) == 0)
            return true;
    return false;
}

static int waiter(const struct oracle *o, const char *type)
{
    int first = -1;
    for (int i = 0; i < o->lives; i++) {
        const struct life *l = &o->life[i];
        if (wants(l, type) && may_go_on(o, l) && (first < 0 || l->waits < o->life[first].waits))
            first = i;
    }
    return first;
}

static void judge_consumed(struct world *w, const char *id)
{
    struct oracle *o = &w->o;
    int at = 0;
    while (at < o->kept_count && strcmp(o->kept[at].id, id) != 0)
        at++;
    if (at == o->kept_count) {
        violation(w, "signal %s is used, but it is not there (any more)", id);
        return;
    }
    ask_used(w, o->kept[at].type);
    for (int i = 0; i < at; i++)
        if (strcmp(o->kept[i].type, o->kept[at].type) == 0)
            violation(w, "signal %s is used before %s, which is older", id, o->kept[i].id);
    o->given = o->exact ? waiter(o, o->kept[at].type) : -1;
    if (o->exact && o->given < 0)
        violation(w, "signal %s is used, but nobody waits for %s", id, o->kept[at].type);
    memmove(&o->kept[at], &o->kept[at + 1], (size_t)(--o->kept_count - at) * sizeof o->kept[0]);
}

/* ---- interleave ---- */

/* From its first attempt to its end a node has the turn of its group; what runs in its passes is part of that. */
static bool has_turn(const struct oracle *o, const struct life *l)
{
    return l->in_call || (o->exact && (l->doing == PARKED || l->doing == BACKOFF || l->doing == ENTERED) && may_go_on(o, l));
}

static int other_in_turn(const struct world *w, int at)
{
    const struct oracle *o = &w->o;
    int group = w->g.node[o->life[at].node].group;
    for (int i = 0; group && i < o->lives; i++)
        if (i != at && w->g.node[o->life[i].node].group == group && has_turn(o, &o->life[i]))
            return i;
    return -1;
}

static void check_turn(struct world *w, int at)
{
    int other = other_in_turn(w, at);
    if (other >= 0)
        violation(w, "%s is called while %s has the turn of their group", id_of(w, w->o.life[at].node),
                  id_of(w, w->o.life[other].node));
}

/* ---- a call ---- */

static int started(struct world *w, const struct engine_effect *f, const char *path, int after)
{
    struct oracle *o = &w->o;
    for (int i = after; i < o->lives; i++) {
        struct life *l = &o->life[i];
        const struct inst *in = l->inst < 0 ? NULL : &o->inst[l->inst];
        if (l->id == 0 && l->doing == QUEUED && l->node == (int)f->node && in && !in->over && strcmp(in->path, path) == 0 &&
            in->ending == NOT && may_go_on(o, l))
            return i;
    }
    return -1;
}

/* Passes that ended in the same moment are told in any order. */
static void told_first(struct life *l, uint64_t pass)
{
    for (int i = 1; i < l->told_count; i++) {
        struct told t = l->told[i];
        if (t.pass != pass)
            continue;
        l->told[i] = l->told[0];
        l->told[0] = t;
        return;
    }
}

static bool told_right(struct world *w, struct life *l, const struct engine_effect *f)
{
    static const char *const names[] = {"done", "failed", "left", "continued", "cancelled"};
    if (l->told_count > 1 && l->told[0].pass != f->scope_pass)
        told_first(l, f->scope_pass);
    const struct told *t = &l->told[0];
    bool right = l->told_count > 0 && f->scope_pass == t->pass && f->scope_outcome == t->outcome &&
                 js_int(f->scope, "open", -1) == l->open && js_int(f->scope, "passes", -1) == (int64_t)l->begun;
    for (size_t i = 0; right && i < ARRAY_LEN(names); i++)
        right = js_int(f->scope, names[i], -1) == (int64_t)l->ended_as[i];
    if (right && t->outcome == PASS_FAILED) {
        const char *node = js_str(f->event, "node_id"), *type = js_str(f->event, "type");
        right = node && type && strcmp(node, t->node) == 0 && strcmp(type, t->type) == 0;
    }
    if (!right)
        violation(w, "%s hears of pass %" PRIu64 " with outcome %d; expected %" PRIu64 " with %d (%s %s)",
                  id_of(w, l->node), f->scope_pass, f->scope_outcome, l->told_count ? t->pass : 0,
                  l->told_count ? (int)t->outcome : -1, t->node, t->type);
    return right;
}

static void called_again(struct world *w, int at, const struct engine_effect *f)
{
    struct life *l = &w->o.life[at];
    bool due = l->due_us && l->due_us <= w->now_us, same = f->attempt == l->attempt, next = f->attempt == l->attempt + 1;
    bool right = false;
    if (l->doing == QUEUED && l->call_again && l->lost_call && l->why != WHY_SCOPE)
        right = same && f->why == l->why; /* the very call that was lost */
    else if (l->doing == QUEUED && l->call_again)
        right = same && f->why == WHY_SCOPE && told_right(w, l, f);
    else if (l->doing == QUEUED)
        right = next && may_go_on(&w->o, l);
    else if (l->doing == PARKED)
        right = same && may_go_on(&w->o, l) && (f->why == WHY_TIMER ? due : w->o.given == at);
    else if (l->doing == BACKOFF)
        right = next && due && may_go_on(&w->o, l);
    if (!right)
        violation(w, "%s (activation %" PRIu64 ") is called, attempt %u, why %d; it was %d, attempt %u", id_of(w, l->node),
                  f->act, f->attempt, f->why, l->doing, l->attempt);
    l->about_pass = f->why == WHY_SCOPE;
    l->call_again = l->lost_call = false;
    json_decref(l->signals);
    l->signals = NULL;
    l->due_us = 0;
    w->o.given = -1;
}

static int begins(struct world *w, const struct engine_effect *f, int *last_started)
{
    struct oracle *o = &w->o;
    uint32_t pass;
    CLEANUP_FREE char *path = engine_path(w->def, w->state, f->act, &pass);
    int from = w->g.node[f->node].group ? 0 : *last_started + 1; /* who waited for a turn comes out of order */
    int at = o->exact ? started(w, f, path, from) : -1;
    if (o->exact && at < 0) {
        violation(w, "%s starts in '%s', which does not follow from anything%s", id_of(w, (int)f->node), path,
                  started(w, f, path, 0) >= 0 ? " at this place in the order" : "");
        return -1;
    }
    if (f->attempt != 1 || f->why != WHY_START)
        violation(w, "%s starts as activation %" PRIu64 ", attempt %u, why %d", id_of(w, (int)f->node), f->act, f->attempt,
                  f->why);
    o->last_act = f->act > o->last_act ? f->act : o->last_act;
    if (at > *last_started && !w->g.node[f->node].group)
        *last_started = at;
    if (at < 0)
        at = new_life(o, -1, (int)f->node);
    o->life[at].id = f->act;
    o->life[at].path = STEAL(path);
    if (o->exact && o->life[at].run != pass)
        violation(w, "%s runs for the %u. time in '%s', not for the %u.", id_of(w, (int)f->node), o->life[at].run,
                  o->life[at].path, pass);
    o->life[at].run = pass;
    loose_start(w, &o->life[at]);
    w->numbers->starts++;
    return at;
}

static void judge_run(struct world *w, const struct engine_effect *f, int *last_started)
{
    struct oracle *o = &w->o;
    int at = find_life(o, f->act);
    if (o->paused || o->nothing_more)
        violation(w, "%s is called while the execution %s", id_of(w, (int)f->node),
                  o->paused ? "is paused" : "has ended");
    if (at < 0)
        at = begins(w, f, last_started);
    else if (o->exact)
        called_again(w, at, f);
    if (w->bad || at < 0)
        return;
    struct life *l = &o->life[at];
    if (l->in_call || l->node != (int)f->node)
        violation(w, "%s (activation %" PRIu64 ") is called although a handler has it", id_of(w, l->node), f->act);
    if (!o->exact && l->attempt && f->attempt > l->attempt) {
        if (f->attempt != l->attempt + 1)
            violation(w, "attempt %u of %s follows attempt %u", f->attempt, id_of(w, l->node), l->attempt);
        l->loose_last = 0; /* what it had entered is forgotten */
        memset(l->loose_turns, 0, sizeof l->loose_turns);
    } else if (o->exact && f->why != WHY_SCOPE && f->attempt != l->attempt) {
        l->loose_last = 0;
        memset(l->loose_turns, 0, sizeof l->loose_turns);
    }
    check_turn(w, at);
    l->doing = RUNNING;
    l->in_call = true;
    l->attempt = f->attempt;
    l->why = f->why;
}

/* ---- the other effects ---- */

static void judge_cancel(struct world *w, const struct engine_effect *f, const struct engine_event *ev)
{
    int at = find_life(&w->o, f->act);
    struct life *l = at < 0 ? NULL : &w->o.life[at];
    if (!l || (!l->in_call && ev->type != ENGINE_LOST && !(ev->type == ENGINE_TIMEOUT && ev->act == f->act))) {
        violation(w, "activation %" PRIu64 " is cancelled, but no handler has it", f->act);
        return;
    }
    if (w->o.exact && !l->cancel_due)
        violation(w, "%s (activation %" PRIu64 ") is cancelled, but nothing cancels it", id_of(w, l->node), f->act);
    l->in_call = l->cancel_due = false;
}

static void judge_log(struct world *w, const struct engine_effect *f)
{
    if (f->at_us <= w->o.last_log_us)
        violation(w, "two rows of the log have the same time, or go back");
    w->o.last_log_us = f->at_us;
    if (strncmp(f->log_text, "Node ", 5) == 0 && strcmp(f->log_level, "info") != 0)
        loose_failed(w, f->log_node);
}

/* ---- what must have followed ---- */

static void check_nothing_left(struct world *w)
{
    const struct oracle *o = &w->o;
    enum engine_status status = engine_status(w->state);
    if (o->paused || (status != STATUS_RUNNING && status != STATUS_WAITING_SIGNAL))
        return;
    for (int i = 0; i < o->lives; i++) {
        const struct life *l = &o->life[i];
        if (l->cancel_due)
            violation(w, "%s (activation %" PRIu64 ") should have been cancelled", id_of(w, l->node), l->id);
        if (l->doing == QUEUED && may_go_on(o, l) && !(l->attempt == 0 && any_cancelling(o, l->inst)) &&
            other_in_turn(w, i) < 0)
            violation(w, "%s should run in '%s', but does not", id_of(w, l->node), o->inst[l->inst].path);
    }
    for (int i = 0; i < o->kept_count; i++)
        if (waiter(o, o->kept[i].type) >= 0)
            violation(w, "signal %s is there and somebody waits for it", o->kept[i].id);
}

static void check_due(struct world *w)
{
    const struct oracle *o = &w->o;
    enum engine_status status = engine_status(w->state);
    int64_t due = INT64_MAX;
    if (status != STATUS_RUNNING && status != STATUS_WAITING_SIGNAL)
        return;
    if (o->deadline_us && o->inst[0].ending == NOT)
        due = o->deadline_us;
    for (int i = 0; i < o->lives; i++) {
        const struct life *l = &o->life[i];
        if ((l->doing == PARKED || l->doing == BACKOFF) && l->due_us && may_go_on(o, l) && l->due_us < due)
            due = l->due_us;
    }
    if (engine_next_due(w->state) != due)
        violation(w, "the next time is %" PRId64 ", it should be %" PRId64, engine_next_due(w->state), due);
}

static void check_running(struct world *w)
{
    size_t running = 0;
    for (int i = 0; i < w->o.lives; i++)
        running += w->o.life[i].in_call;
    if (running != engine_running(w->state))
        violation(w, "%zu handlers are at work, the engine says %zu", running, engine_running(w->state));
}

void judge_step(struct world *w, const struct engine_event *ev)
{
    int last_started = -1;
    w->o.nothing_more = w->o.ended && engine_ended(w->state);
    judge_status(w);
    for (size_t i = 0; i < w->fx.len && !w->bad; i++) {
        const struct engine_effect *f = &w->fx.items[i];
        if (f->type == ENGINE_RUN)
            judge_run(w, f, &last_started);
        else if (f->type == ENGINE_CANCEL)
            judge_cancel(w, f, ev);
        else if (f->type == ENGINE_LOG)
            judge_log(w, f);
        else if (f->type == ENGINE_CONSUMED)
            judge_consumed(w, f->signal);
        else if (f->type == ENGINE_ASK)
            ask_judge(w, f);
        else if (w->o.nothing_more)
            violation(w, "the execution ends twice");
        else if (w->o.ended)
            w->o.nothing_more = true;
    }
    if (w->bad)
        return;
    check_running(w);
    asks_check(w);
    if (w->o.exact) {
        check_nothing_left(w);
        check_due(w);
    }
}

/* ---- the end ---- */

static bool plain(const struct world *w, int node)
{
    enum kind kind = w->g.node[node].kind;
    return kind == KIND_WORK || kind == KIND_CONDITION || kind == KIND_SWITCH || kind == KIND_MARK;
}

static void check_results(struct world *w, const json_t *results)
{
    const struct oracle *o = &w->o;
    for (int i = 0; i < w->g.nodes; i++) {
        const json_t *r = json_object_get(results, id_of(w, i));
        const char *status = js_str(r, "status");
        if (!plain(w, i) || (!o->exact && o->result[i] < 0))
            continue;
        if (!r && (o->result[i] >= 0 || o->failed[i]))
            violation(w, "the result of %s is lost", id_of(w, i));
        else if (r && o->exact && !o->ran[i] && !o->failed[i])
            violation(w, "%s has a result, but never ran", id_of(w, i));
        else if (r && o->result[i] >= 0 && strcmp(status ? status : "", "failed") != 0 &&
                 js_int(json_object_get(r, "output"), "n", -1) != o->result[i])
            violation(w, "the result of %s is not its last one, %" PRId64, id_of(w, i), o->result[i]);
        else if (r && o->exact && o->result[i] >= 0 && strcmp(status ? status : "", "failed") == 0)
            violation(w, "the result of %s is that it failed, but it did not", id_of(w, i));
    }
}

static void check_completed(struct world *w, const json_t *ids)
{
    const struct oracle *o = &w->o;
    size_t at = 0;
    for (int i = 0; i < o->completed_count; i++) {
        if (!o->exact && !plain(w, o->completed[i]))
            continue;
        const char *id = NULL;
        while (at < json_array_size(ids)) {
            id = json_string_value(json_array_get(ids, at++));
            int node = number_in(id + 1, w->g.nodes);
            if (o->exact || node < 0 || plain(w, node))
                break;
            id = NULL;
        }
        if (!id || strcmp(id, id_of(w, o->completed[i])) != 0)
            violation(w, "completed_node_ids holds %s where %s is expected", id ? id : "nothing",
                      id_of(w, o->completed[i]));
    }
    if (o->exact && at < json_array_size(ids))
        violation(w, "completed_node_ids holds more than what completed");
}

/* Outputs in the data are those of nodes that ran. */
static void check_data(struct world *w, const json_t *data)
{
    char key[32];
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)data, name, value)
    {
        bool known = strncmp(name, "signal_", 7) == 0 || strcmp(name, "given") == 0;
        for (int i = 0; i < w->g.nodes && !known; i++) {
            bool ran = !w->o.exact || w->o.ran[i] || w->o.failed[i];
            size_t n = strlen(id_of(w, i));
            memcpy(key, id_of(w, i), n);
            memcpy(key + n, "_output", 8);
            known = ran && strcmp(name, key) == 0;
            memcpy(key + n, "_parallel_result", 17);
            known |= ran && strcmp(name, key) == 0;
        }
        if (!known)
            violation(w, "the data hold %s, which nothing gave", name);
    }
}

static const json_t *data_of(const json_t *state)
{
    return json_object_get(state, "data");
}

void judge_end(struct world *w)
{
    CLEANUP_BUF struct buf projection = BUF_INIT, state = BUF_INIT;
    struct error e = ERROR_INIT;
    engine_projection(w->def, w->state, &projection);
    CLEANUP_JSON json_t *seen = js_parse(projection.data, projection.len, &e);
    if (!seen) {
        violation(w, "the projection is no JSON: %s", e.message);
        return;
    }
    if (!w->o.withdrew) {
        check_results(w, json_object_get(seen, "node_results"));
        check_completed(w, json_object_get(seen, "completed_node_ids"));
    }
    if (!chance(&w->rng, 20))
        return;
    engine_state_write(w->def, w->state, &state);
    CLEANUP_JSON json_t *whole = js_parse(state.data, state.len, &e);
    check_data(w, data_of(whole));
    if (state.len > STATE_MOST)
        violation(w, "the state has %zu bytes", state.len);
}
