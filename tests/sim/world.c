/* SPDX-License-Identifier: Apache-2.0 */
/* One history: what the seed lets happen, in the order and at the times that it chooses. */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

void violation(struct world *w, const char *fmt, ...)
{
    if (w->bad)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    w->bad = true;
    say(w, "    VIOLATION: %s", w->why);
}

void say(struct world *w, const char *fmt, ...)
{
    if (!w->trace)
        return;
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

/* ---- the trace ---- */

static void say_effect(struct world *w, const struct engine_effect *f)
{
    static const char *const whys[] = {"",        " (its time came)",      " (signal)",
                                       " (child)", " (a pass is over)", " (answer)"};
    CLEANUP_BUF struct buf b = BUF_INIT;
    uint32_t pass;
    if (f->type == ENGINE_LOG) {
        say(w, "    log  %s: %s", f->log_level, f->log_text);
    } else if (f->type == ENGINE_CONSUMED) {
        say(w, "    used signal %s", f->signal);
    } else if (f->type == ENGINE_ASK) {
        CLEANUP_FREE char *body = js_text(f->body);
        say(w, "    ASK %s %s", f->ask, body);
    } else if (f->type == ENGINE_ENDED) {
        say(w, "    ENDED %s", engine_status(w->state) == STATUS_COMPLETED ? "completed" : "failed");
    } else if (f->type == ENGINE_CANCEL) {
        say(w, "    CANCEL %s #%" PRIu64, w->g.node[f->node].id, f->act);
    } else {
        CLEANUP_FREE char *path = engine_path(w->def, w->state, f->act, &pass);
        if (f->why == WHY_SCOPE)
            buf_printf(&b, " pass %" PRIu64 " outcome %d", f->scope_pass, f->scope_outcome);
        say(w, "    RUN %s #%" PRIu64 " in '%s' attempt %u%s%s", w->g.node[f->node].id, f->act, path, f->attempt,
            whys[f->why], b.len ? b.data : "");
    }
}

static void say_event(struct world *w, const struct engine_event *ev)
{
    if (!w->trace)
        return;
    CLEANUP_BUF struct buf b = BUF_INIT;
    int life = ev->act ? find_life(&w->o, ev->act) : -1;
    engine_event_write(ev, w->now_us, &b);
    say(w, "+%.3fs %s %s", (double)(w->now_us - SIM_T0) / 1e6, life >= 0 ? w->g.node[w->o.life[life].node].id : "",
        strstr(b.data, "\"ev\""));
}

/* ---- feeding ---- */

/* A result is fed once; what it was must be found again. */
static void note_result(struct world *w, const struct engine_event *ev)
{
    struct oracle *o = &w->o;
    int at = ev->act ? find_life(o, ev->act) : -1;
    if (at < 0 || !o->life[at].in_call || ev->type == ENGINE_PROGRESS)
        return;
    struct life *l = &o->life[at];
    enum kind kind = w->g.node[l->node].kind;
    if (ev->type == ENGINE_DONE && kind != KIND_SCOPE && kind != KIND_LOOP && kind != KIND_TRY) {
        o->result[l->node] = js_int(ev->output, "n", -1);
        o->failed[l->node] = false;
        if (!o->exact && !o->ran[l->node]) {
            o->completed[o->completed_count++] = l->node;
            o->ran[l->node] = true;
        }
    } else if (ev->type == ENGINE_FAIL || ev->type == ENGINE_TIMEOUT) {
        o->result[l->node] = -1;
    }
}

static void out_of_call(struct world *w, const struct engine_event *ev)
{
    int at = ev->act ? find_life(&w->o, ev->act) : -1;
    if (at >= 0 && ev->type != ENGINE_PROGRESS)
        w->o.life[at].in_call = false;
    for (int i = 0; ev->type == ENGINE_LOST && !w->o.exact && i < w->o.lives; i++)
        w->o.life[i].in_call = false;
}

void feed(struct world *w, struct engine_event *ev)
{
    if (w->bad)
        return;
    ev->start = &w->start;
    say_event(w, ev);
    loose_event(w, ev);
    note_result(w, ev);
    out_of_call(w, ev);
    oracle_event(w, ev);
    step(w, ev);
    for (size_t i = 0; w->trace && i < w->fx.len; i++)
        say_effect(w, &w->fx.items[i]);
    if (!w->bad)
        judge_step(w, ev);
    if (w->bad)
        return;
    snapshot_maybe(w);
    if (chance(&w->rng, (uint32_t)w->recover_percent))
        recovery_check(w, chance(&w->rng, 40));
}

static void control(struct world *w, enum engine_event_type type)
{
    feed(w, &(struct engine_event){.type = type});
}

/* ---- outcomes ---- */

static json_t *output(struct world *w)
{
    return json_pack("{s:I}", "n", (json_int_t)w->outputs++);
}

static void strange_enter(struct world *w, const struct engine_effect *f, struct answer *a)
{
    static const char *const branches[] = {"body", "body", "catch", "finally"};
    int64_t open = js_int(f->scope, "open", 0);
    json_t *passes = NULL, *vars = NULL;
    a->ev.type = ENGINE_ENTER;
    a->ev.branch = branches[below(&w->rng, ARRAY_LEN(branches))];
    a->ev.enter.flags = below(&w->rng, 64) | (chance(&w->rng, 50) ? ENTER_LOOP : 0);
    a->ev.enter.keep = below(&w->rng, 4);
    if (open && chance(&w->rng, 60))
        passes = json_array();
    else if (chance(&w->rng, 40))
        passes = json_pack("[{s:i},{s:i}]", "item", 1, "item", 2);
    else
        vars = json_pack("{s:i}", "item", (int)below(&w->rng, 100));
    a->ev.enter.passes = passes;
    a->ev.output = vars;
    js_push(a->owned, passes ? passes : vars);
    if (chance(&w->rng, 50)) {
        a->ev.park.checkpoint = json_pack("{s:i}", "step", (int)below(&w->rng, 9));
        js_push(a->owned, a->ev.park.checkpoint);
    }
    if (!chance(&w->rng, w->odd))
        return;
    w->o.exact = false; /* called for these too while passes are open */
    a->ev.park.until_us = chance(&w->rng, 50) ? w->now_us + 1 + below(&w->rng, 3000) * US_PER_MS : 0;
    a->ev.park.signal = chance(&w->rng, 50) ? "go" : NULL;
}

static const char *const signal_types[] = {"go", "yes", "stop"};

/* Another execution, or a lock: the answer ends the wait, or the time before it. */
static void park_on_answer(struct world *w, const struct engine_effect *f, struct answer *a)
{
    bool child = chance(&w->rng, 50);
    char reply[24];
    a->ev.asks = ask_make(w, f->act, child ? 's' : 'u', true, child, reply);
    js_push(a->owned, a->ev.asks);
    json_t *type = json_string(reply);
    js_push(a->owned, type);
    a->ev.park.signal = json_string_value(type);
    if (chance(&w->rng, 20))
        a->ev.park.until_us = w->now_us + 1 + below(&w->rng, 5000) * US_PER_MS;
}

/* Who withdraws others, and asks for something at the end. */
static void odd_end(struct world *w, const struct engine_effect *f, struct answer *a)
{
    char reply[24];
    if (chance(&w->rng, 50)) {
        json_t *cancels = json_array();
        for (uint32_t i = 1 + below(&w->rng, 2); i > 0; i--)
            js_push(cancels, json_pack("[s, i]", w->g.node[below(&w->rng, (uint32_t)w->g.nodes)].id, (int)below(&w->rng, 2)));
        a->ev.cancels = cancels;
        w->o.exact = false;
        w->o.withdrew = true;
    } else {
        a->ev.asks = ask_make(w, f->act, chance(&w->rng, 50) ? 'u' : 0, false, false, reply);
    }
    js_push(a->owned, a->ev.cancels ? a->ev.cancels : a->ev.asks);
}

static void park(struct world *w, const struct engine_effect *f, struct answer *a)
{
    bool signals = w->g.node[f->node].waits || chance(&w->rng, w->signals);
    a->ev.type = ENGINE_PARK;
    if (chance(&w->rng, w->asks)) {
        park_on_answer(w, f, a);
        return;
    }
    if (!signals || chance(&w->rng, 50))
        a->ev.park.until_us = w->now_us + 1 + below(&w->rng, 5000) * US_PER_MS;
    if (chance(&w->rng, 50)) {
        a->ev.park.checkpoint = json_pack("{s:i}", "step", (int)below(&w->rng, 9));
        js_push(a->owned, a->ev.park.checkpoint);
    }
    if (!signals)
        return;
    if (chance(&w->rng, w->odd)) {
        a->ev.park.fresh = true;
        w->o.exact = false;
    }
    if (chance(&w->rng, 70)) {
        a->ev.park.signal = signal_types[below(&w->rng, 3)];
    } else {
        a->ev.park.signals = json_pack("[s, s]", "go", "yes");
        js_push(a->owned, a->ev.park.signals);
    }
}

static void fail(struct world *w, struct answer *a)
{
    static const char *const types[] = {"odd", "even", "timeout"};
    a->ev.type = ENGINE_FAIL;
    a->failure = (struct failure){.type = xstrdup(types[below(&w->rng, 3)]),
                                  .message = xstrdup("it went wrong"),
                                  .retryable = chance(&w->rng, 60)};
    a->ev.failure = &a->failure;
}

static const char *branch(struct world *w, enum kind kind, bool good)
{
    static const char *const ways[] = {"true", "false"}, *const cases[] = {"a", "b", "default", "c"},
                             *const labels[] = {NULL, NULL, NULL, "yes", "no", "other"};
    if (kind == KIND_CONDITION)
        return ways[below(&w->rng, 2)];
    if (kind == KIND_SWITCH)
        return cases[below(&w->rng, 4)];
    return good ? "yes" : labels[below(&w->rng, ARRAY_LEN(labels))];
}

static void leave_somehow(struct world *w, struct answer *a)
{
    a->ev.type = ENGINE_LEAVE;
    a->ev.leave = chance(&w->rng, 40) ? ENGINE_BREAK : chance(&w->rng, 80) ? ENGINE_CONTINUE : ENGINE_END;
    a->ev.branch = a->ev.leave == ENGINE_END && chance(&w->rng, 50) ? "failed" : NULL;
}

static void work(struct world *w, const struct engine_effect *f, struct answer *a, bool good)
{
    const struct g_node *n = &w->g.node[f->node];
    uint32_t dice = below(&w->rng, 100), fails = n->stubborn ? 60 : w->fails;
    json_t *out = output(w);
    *a = (struct answer){.ev = {.type = ENGINE_DONE, .act = f->act, .output = out}, .owned = json_array()};
    js_push(a->owned, out);
    bool begun = js_int(f->scope, "passes", 0) > 3;
    if (!good && n->kind == KIND_SCOPE && dice < (begun ? 15 : 80)) {
        strange_enter(w, f, a);
    } else if (!good && dice < fails) {
        fail(w, a);
    } else if (!good && dice < fails + 2) {
        a->ev.type = ENGINE_TIMEOUT;
    } else if (!good && n->kind == KIND_SCOPE && dice < fails + 6) {
        leave_somehow(w, a);
    } else if (!good && (dice > 100 - w->parks || (n->waits && chance(&w->rng, 70)))) {
        park(w, f, a);
    } else if (!good && dice > 97 - w->parks) {
        a->ev.type = ENGINE_PROGRESS;
    } else {
        a->ev.branch = branch(w, n->kind, good);
    }
    if (a->ev.type == ENGINE_DONE && chance(&w->rng, w->odd))
        odd_end(w, f, a);
    if (a->ev.type == ENGINE_DONE && chance(&w->rng, 5)) {
        a->ev.variables = json_pack("[[s,s,i]]", chance(&w->rng, 50) ? "x" : "item",
                                    chance(&w->rng, 50) ? "loop" : "workflow", 7);
        js_push(a->owned, a->ev.variables);
    }
}

static void feed_outcome(struct world *w, bool good)
{
    struct engine_effects fx = {0};
    struct answer a = {0};
    engine_running_effects(w->def, w->state, &fx);
    if (fx.len > 0) {
        const struct engine_effect *f = &fx.items[below(&w->rng, (uint32_t)fx.len)];
        enum kind kind = w->g.node[f->node].kind;
        if (kind == KIND_WORK || kind == KIND_CONDITION || kind == KIND_SWITCH || kind == KIND_SCOPE)
            work(w, f, &a, good);
        else
            handler_call(w, f, &a);
        feed(w, &a.ev);
        answer_clear(&a);
    }
    engine_effects_free(&fx);
}

/* ---- what else happens ---- */

/* What a handler still says that was cancelled, or says once more: nothing may come of it. */
static void feed_late(struct world *w)
{
    CLEANUP_BUF struct buf before = BUF_INIT, after = BUF_INIT;
    struct error e = ERROR_INIT;
    uint64_t act = 1 + below(&w->rng, (uint32_t)w->o.last_act);
    int at = find_life(&w->o, act);
    if (at < 0 || w->o.life[at].in_call)
        return;
    CLEANUP_JSON json_t *out = output(w);
    struct engine_event ev = {.type = chance(&w->rng, 80) ? ENGINE_DONE : ENGINE_TIMEOUT, .act = act, .output = out};
    say(w, "    late: %s #%" PRIu64, w->g.node[w->o.life[at].node].id, act);
    engine_state_write(w->def, w->state, &before);
    engine_effects_clear(&w->fx);
    if (w->fault == FAULT_LATE)
        misdirect(w, &ev);
    if (engine_step(w->def, w->state, &ev, w->now_us, &w->fx, &e) != 0)
        violation(w, "the engine refuses a late result: %s", e.message);
    engine_state_write(w->def, w->state, &after);
    if (w->fx.len > 0 || before.len != after.len || memcmp(before.data, after.data, before.len) != 0)
        violation(w, "a late result of activation %" PRIu64 " changes something", act);
}

static void feed_signal(struct world *w, const char *type)
{
    char id[16];
    bool again = w->signals_sent > 0 && chance(&w->rng, 10);
    unsigned n = again ? below(&w->rng, w->signals_sent) : w->signals_sent;
    if (w->signals_sent == MAX_SIGNALS - 1)
        return;
    snprintf(id, sizeof id, "s%u", n);
    if (again && !engine_has_signal(w->state, id))
        return; /* it was used: the database does not give it again */
    w->signals_sent += !again;
    CLEANUP_JSON json_t *data = chance(&w->rng, 50) ? json_pack("{s:i}", "n", (int)below(&w->rng, 100)) : NULL;
    feed(w, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = type, .signal_id = id, .output = data});
}

static void pass_time(struct world *w)
{
    uint32_t dice = below(&w->rng, 10);
    int64_t due = engine_next_due(w->state);
    if (dice < 3)
        return;
    w->now_us += dice < 9 ? below(&w->rng, 400) * US_PER_MS : (int64_t)below(&w->rng, 4000) * US_PER_MS;
    if (dice == 9 && due < INT64_MAX && due > w->now_us && chance(&w->rng, 50))
        w->now_us = due;
}

/* A worker dies: another one takes over what is durable, and what ran is lost. */
static void lose_worker(struct world *w)
{
    recovery_check(w, true);
    control(w, ENGINE_LOST);
}

static void random_event(struct world *w)
{
    uint32_t dice = below(&w->rng, 1000);
    pass_time(w);
    if (dice < 60)
        control(w, ENGINE_WAKE);
    else if (dice < 60 + w->signals * 4)
        feed_signal(w, signal_types[below(&w->rng, 3)]);
    else if (dice < 200 && dice >= 200 - w->losses)
        lose_worker(w);
    else if (dice < 300 && dice >= 300 - w->pauses)
        control(w, ENGINE_PAUSE);
    else if (dice < 400 && dice >= 400 - w->pauses)
        control(w, ENGINE_RESUME);
    else if (dice < 420)
        feed_late(w);
    else if (dice >= 950 && ask_answer(w))
        return;
    else if (dice < 424)
        control(w, ENGINE_TERMINATE);
    else
        feed_outcome(w, false);
}

/* ---- the end ---- */

/* From here on all goes well: it must end, and until then something must be able to happen. */
static bool drive_to_end(struct world *w)
{
    bool patient = chance(&w->rng, 90);
    for (int i = 0; i < 4000 && !engine_ended(w->state) && !w->bad; i++) {
        int64_t due = engine_next_due(w->state);
        if (engine_status(w->state) == STATUS_PAUSED) {
            control(w, ENGINE_RESUME);
        } else if (engine_running(w->state)) {
            feed_outcome(w, true);
        } else if (due < INT64_MAX) {
            w->now_us = due > w->now_us ? due : w->now_us;
            control(w, ENGINE_WAKE);
        } else if (ask_answer(w)) {
            continue;
        } else if (engine_status(w->state) != STATUS_WAITING_SIGNAL) {
            violation(w, "nothing runs, nothing is due, nobody waits for a signal: it will never end");
        } else if (!patient || w->signals_sent == MAX_SIGNALS - 1) {
            return false; /* for ever */
        } else {
            feed_signal(w, signal_types[i % 3]);
        }
    }
    if (!engine_ended(w->state) && !w->bad)
        violation(w, "it does not end");
    return true;
}

/* Whatever comes after the end changes nothing. */
static void after_the_end(struct world *w)
{
    static const enum engine_event_type types[] = {ENGINE_WAKE, ENGINE_LOST, ENGINE_PAUSE, ENGINE_RESUME, ENGINE_TERMINATE};
    CLEANUP_BUF struct buf before = BUF_INIT, after = BUF_INIT;
    struct error e = ERROR_INIT;
    struct engine_event ev = {.type = types[below(&w->rng, ARRAY_LEN(types))]};
    if (w->bad || engine_next_due(w->state) != INT64_MAX || engine_running(w->state) != 0) {
        violation(w, "it has ended, but something is still to come");
        return;
    }
    engine_state_write(w->def, w->state, &before);
    engine_effects_clear(&w->fx);
    engine_step(w->def, w->state, &ev, w->now_us, &w->fx, &e);
    engine_state_write(w->def, w->state, &after);
    if (w->fx.len > 0 || before.len != after.len || memcmp(before.data, after.data, before.len) != 0)
        violation(w, "event %d after the end changes something", ev.type);
}

static void history(struct world *w)
{
    int events = 10 + (int)below(&w->rng, (uint32_t)(w->limits.events > 10 ? w->limits.events - 9 : 1));
    for (int i = 0; i < events && !engine_ended(w->state) && !w->bad; i++)
        random_event(w);
    if (!drive_to_end(w)) {
        w->numbers->waiting++;
        return;
    }
    if (w->bad)
        return;
    after_the_end(w);
    if (engine_status(w->state) != STATUS_FAILED || !chance(&w->rng, 50))
        return;
    control(w, ENGINE_RETRY);
    for (int i = 0; i < 15 && !engine_ended(w->state) && !w->bad; i++)
        random_event(w);
    drive_to_end(w);
}

/* ---- the beginning ---- */

static void temper(struct world *w)
{
    static const uint32_t fails[] = {0, 0, 2, 6, 20}, parks[] = {0, 4, 12}, losses[] = {0, 0, 10, 30},
                          pauses[] = {0, 0, 15, 40}, signals[] = {0, 0, 5, 15},
                          asks[] = {0, 0, 0, 30}, odd[] = {0, 0, 0, 0, 0, 10}, recover[] = {3, 3, 6, 6, 12, 12, 25};
    w->fails = fails[below(&w->rng, ARRAY_LEN(fails))];
    w->parks = parks[below(&w->rng, ARRAY_LEN(parks))];
    w->losses = losses[below(&w->rng, ARRAY_LEN(losses))];
    w->pauses = pauses[below(&w->rng, ARRAY_LEN(pauses))];
    w->signals = signals[below(&w->rng, ARRAY_LEN(signals))];
    w->asks = asks[below(&w->rng, ARRAY_LEN(asks))];
    w->odd = odd[below(&w->rng, ARRAY_LEN(odd))];
    w->recover_percent = chance(&w->rng, 1) ? 100 : (int)recover[below(&w->rng, ARRAY_LEN(recover))];
    w->start = (struct engine_start){.execution_uuid = "11111111-2222-3333-4444-555555555555",
                                     .execution_id = "exec-0123456789ab",
                                     .workflow_id = "99999999-8888-7777-6666-555555555555",
                                     .workflow_version = 1,
                                     .started_at_us = SIM_T0,
                                     .definition = "def-1",
                                     .policy = {.max_retries = (int)below(&w->rng, 4),
                                                .retry_multiplier = 2,
                                                .retry_initial_ms = 1000,
                                                .retry_max_ms = 3600000,
                                                .node_timeout_ms = 300000,
                                                .max_crashes = 3}};
}

static bool load(struct world *w)
{
    CLEANUP_JSON json_t *graph = graph_json(&w->g, w->fault);
    CLEANUP_JSON json_t *trigger = w->g.timeout_s ? json_pack("{s:i}", "timeout_seconds", w->g.timeout_s) : NULL;
    struct def_options options = {.unlabelled_condition_order = true};
    if (w->trace) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        graph_print(&w->g, &b);
        say(w, "%s%s", b.data, w->g.exact ? "" : "  (not every step is foretold)");
        char *text = json_dumps(graph, 0);
        say(w, "%s", text);
        free(text);
    }
    w->def = def_load(graph, NULL, trigger, &options, NULL);
    if (def_error(w->def))
        violation(w, "the graph cannot be loaded: %s", def_error(w->def));
    return !w->bad;
}

bool run_seed(struct world *w)
{
    w->rng.s = w->seed * UINT64_C(2685821657736338717) + 1;
    for (int i = 0; i < 4; i++)
        below(&w->rng, 2);
    w->bad = false;
    w->now_us = SIM_T0;
    w->outputs = 0;
    w->signals_sent = 0;
    w->fault_done = false;
    graph_make(&w->g, &w->rng, 4 + (int)below(&w->rng, (uint32_t)(w->limits.nodes > 4 ? w->limits.nodes - 3 : 1)));
    temper(w);
    w->state = engine_state_new();
    journal_clear(w);
    if (load(w)) {
        oracle_open(w);
        loose_open(w);
        control(w, ENGINE_START);
        history(w);
        if (!w->bad)
            judge_end(w);
        w->numbers->histories++;
        w->numbers->exact += w->o.exact;
        w->numbers->completed += engine_status(w->state) == STATUS_COMPLETED;
        w->numbers->failed += engine_status(w->state) == STATUS_FAILED;
    }
    if (w->dump)
        dump(w);
    engine_state_free(w->state);
    def_unref(w->def);
    graph_free(&w->g);
    return !w->bad;
}
