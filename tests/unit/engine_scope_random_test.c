/* SPDX-License-Identifier: Apache-2.0 */
/* The engine under random graphs with scopes: nested owners with body, catch and finally, ways out of them, joins of
 * all kinds, cycles and rows inside; random handlers that enter, leave, fail, wait and end; crashes at every point.
 * After every event the state that is rebuilt from a snapshot and the rest of the journal must be the same byte for
 * byte, and every execution must end with nothing left over. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/state_int.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

#define RUNS 150
#define MAX_NODES 60

struct world {
    uint64_t rng;
    int nodes;
    json_t *graph;
    struct sim sim;
};

static uint32_t below(struct world *w, uint32_t n)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return (uint32_t)((w->rng >> 11) % n);
}

static bool chance(struct world *w, uint32_t percent)
{
    return below(w, 100) < percent;
}

/* ---- graphs: nested blocks ---- */

static void edge(struct world *w, int from, int to, const char *label)
{
    char f[8], t[8];
    snprintf(f, sizeof f, "n%d", from);
    snprintf(t, sizeof t, "n%d", to);
    js_push(json_object_get(w->graph, "edges"), json_pack("{s:s, s:s, s:s?}", "from", f, "to", t, "branch", label));
}

static json_t *node(struct world *w, const char *type)
{
    char id[8];
    snprintf(id, sizeof id, "n%d", w->nodes++);
    json_t *n = json_pack("{s:s, s:s, s:i}", "node_id", id, "node_type", type, "max_iterations", 1 + (int)below(w, 3));
    if (chance(w, 10))
        js_set(n, "retry", json_pack("{s:i, s:i}", "max_attempts", 2, "initial_ms", (int)below(w, 2000)));
    if (chance(w, 5))
        js_set(n, "schedule_to_close_seconds", json_integer(1 + below(w, 10)));
    js_push(json_object_get(w->graph, "nodes"), n);
    return n;
}

static int sequence(struct world *w, int from, const char *label, int depth);

/* Branches that meet again. */
static int parallel(struct world *w, int from, const char *label, int depth)
{
    static const char *const joins[] = {"all", "any", "n_of_m", "each"};
    int split = w->nodes, ends[3], count = 2 + (int)below(w, 2);
    json_t *n = node(w, "work");
    edge(w, from, split, label);
    if (chance(w, 25))
        js_set(n, "sequential", json_true());
    if (chance(w, 25)) {
        js_set(n, "parallel_wait_mode", json_string(chance(w, 50) ? "any" : "n_of_m"));
        js_set(n, "parallel_wait_n", json_integer(1));
    }
    for (int i = 0; i < count; i++)
        ends[i] = sequence(w, split, NULL, depth - 1);
    int join = w->nodes;
    n = node(w, "work");
    if (chance(w, 60)) {
        js_set(n, "join", json_string(joins[below(w, ARRAY_LEN(joins))]));
        js_set(n, "join_n", json_integer(2));
    }
    if (chance(w, 30))
        js_set(n, "join_rest", json_string("run"));
    for (int i = 0; i < count; i++)
        edge(w, ends[i], join, NULL);
    return join;
}

static int owner(struct world *w, int from, const char *label, int depth)
{
    int s = w->nodes, outside[2] = {-1, -1};
    node(w, "scope");
    edge(w, from, s, label);
    int last = sequence(w, s, "body", depth - 1);
    if (chance(w, 30))
        edge(w, last, s, NULL);
    outside[0] = chance(w, 30) ? last : -1;
    if (chance(w, 40))
        outside[1] = sequence(w, s, "catch", depth - 1);
    if (chance(w, 40))
        sequence(w, s, "finally", depth - 1);
    int after = w->nodes;
    node(w, "work");
    edge(w, s, after, "done");
    for (int i = 0; i < 2; i++)
        if (outside[i] >= 0)
            edge(w, outside[i], after, NULL);
    return after;
}

/* a condition that may go back to where the block began */
static int cycle(struct world *w, int from, const char *label, int depth)
{
    int head = w->nodes;
    node(w, "work");
    edge(w, from, head, label);
    int end = depth > 0 ? sequence(w, head, NULL, depth - 1) : head;
    int check = w->nodes;
    node(w, "work");
    edge(w, end, check, NULL);
    edge(w, check, head, "no");
    int after = w->nodes;
    node(w, "work");
    edge(w, check, after, chance(w, 50) ? "yes" : NULL);
    return after;
}

static int plain(struct world *w, int from, const char *label)
{
    int n = w->nodes;
    node(w, "work");
    edge(w, from, n, label);
    return n;
}

static int sequence(struct world *w, int from, const char *label, int depth)
{
    int last = plain(w, from, label);
    for (int i = (int)below(w, 3); i > 0 && depth > 0 && w->nodes < MAX_NODES; i--) {
        uint32_t dice = below(w, 100);
        last = dice < 40   ? owner(w, last, NULL, depth)
               : dice < 60 ? parallel(w, last, NULL, depth)
               : dice < 75 ? cycle(w, last, NULL, depth)
                           : plain(w, last, NULL);
    }
    if (chance(w, 10))
        edge(w, last, last - (int)below(w, 2), "error");
    return last;
}

static void make_world(struct world *w, uint64_t seed)
{
    *w = (struct world){.rng = seed * UINT64_C(2685821657736338717) + 1};
    w->graph = json_pack("{s:[], s:[]}", "nodes", "edges");
    node(w, "start");
    int last = owner(w, sequence(w, 0, NULL, 1), NULL, 3);
    sequence(w, last, NULL, 2);
    CLEANUP_JSON json_t *trigger = chance(w, 15) ? json_pack("{s:i}", "timeout_seconds", 1 + (int)below(w, 60)) : NULL;
    sim_open_rows(&w->sim, w->graph, NULL, trigger, NULL);
}

/* ---- events ---- */

static void feed(struct world *w, struct engine_event *ev)
{
    bool was_paused = engine_status(w->sim.state) == STATUS_PAUSED;
    if (ev->type != ENGINE_START)
        w->sim.now_us += below(w, 800) * US_PER_MS;
    ev->start = &w->sim.start;
    w->sim.start.policy = w->sim.policy;
    assert_int_equal(sim_step(&w->sim, ev), 0);
    if (was_paused && engine_status(w->sim.state) == STATUS_PAUSED)
        assert_int_equal(w->sim.runs, 0);
    if (chance(w, 30))
        sim_recover(&w->sim, below(w, (uint32_t)w->sim.journal_len + 1));
    else
        sim_check_recovery(&w->sim, below(w, (uint32_t)w->sim.journal_len + 1));
}

static void feed_control(struct world *w, enum engine_event_type type)
{
    feed(w, &(struct engine_event){.type = type});
}

static struct engine_effect *pick(struct world *w, struct engine_effects *fx)
{
    engine_running_effects(w->sim.def, w->sim.state, fx);
    return fx->len ? &fx->items[below(w, (uint32_t)fx->len)] : NULL;
}

static bool may_enter(const struct world *w, const struct engine_effect *f)
{
    return strcmp(def_node_type(w->sim.def, f->node), "scope") == 0;
}

static void random_enter(struct world *w, const struct engine_effect *f, struct engine_event *ev)
{
    static const char *const branches[] = {"body", "body", "catch", "finally"};
    int64_t open = js_int(f->scope, "open", 0);
    ev->type = ENGINE_ENTER;
    ev->branch = branches[below(w, ARRAY_LEN(branches))];
    ev->enter.flags = below(w, 64) | (chance(w, 50) ? ENTER_LOOP : 0);
    ev->enter.keep = below(w, 4);
    ev->park.checkpoint = chance(w, 50) ? json_pack("{s:i}", "step", (int)below(w, 9)) : NULL;
    if (open && chance(w, 60))
        ev->enter.passes = json_array();
    else if (chance(w, 40))
        ev->enter.passes = json_pack("[{s:i},{s:i}]", "item", 1, "item", 2);
    else
        ev->output = json_pack("{s:i}", "item", (int)below(w, 100));
}

/* Outside of all scopes things go well, mostly, so that executions last. */
static bool inside(struct world *w, const struct engine_effect *f)
{
    uint32_t pass;
    CLEANUP_FREE char *path = engine_path(w->sim.def, w->sim.state, f->act, &pass);
    return *path || chance(w, 5);
}

static void random_outcome(struct world *w, const struct engine_effect *f, struct engine_event *ev,
                           struct failure *failure)
{
    static const char *const labels[] = {NULL, NULL, NULL, "yes", "no", "done"};
    static const enum engine_leave leaves[] = {ENGINE_BREAK, ENGINE_BREAK, ENGINE_CONTINUE, ENGINE_CONTINUE,
                                               ENGINE_END};
    uint32_t dice = below(w, 100), begun = (uint32_t)js_int(f->scope, "passes", 0);
    if (may_enter(w, f) && dice < (begun > 3 ? 15 : 80)) {
        random_enter(w, f, ev);
    } else if (dice < 80) {
        ev->output = json_pack("{s:i}", "n", (int)below(w, 1000));
        ev->branch = labels[below(w, ARRAY_LEN(labels))];
        if (chance(w, 20))
            ev->variables =
                json_pack("[[s,s,i]]", chance(w, 50) ? "x" : "item", chance(w, 50) ? "loop" : "workflow", 7);
    } else if (dice < 85 && inside(w, f)) {
        ev->type = ENGINE_FAIL;
        ev->failure = failure;
        failure->retryable = chance(w, 50);
    } else if (dice < 92 && inside(w, f)) {
        ev->type = ENGINE_LEAVE;
        ev->leave = leaves[below(w, 5)];
        ev->branch = ev->leave == ENGINE_END && chance(w, 50) ? "failed" : NULL;
    } else if (dice < 98) {
        ev->type = ENGINE_PARK;
        ev->park.until_us = w->sim.now_us + 1 + below(w, 5000) * US_PER_MS;
    } else {
        ev->type = ENGINE_TIMEOUT;
    }
}

static void feed_outcome(struct world *w, bool good)
{
    struct engine_effects fx = {0};
    char type[] = "odd", message[] = "it is odd";
    struct failure failure = {.type = type, .message = message};
    struct engine_event ev = {.type = ENGINE_DONE};
    const struct engine_effect *f = pick(w, &fx);
    if (f) {
        ev.act = f->act;
        if (!good)
            random_outcome(w, f, &ev, &failure);
        feed(w, &ev);
    }
    json_decref(ev.output);
    json_decref(ev.variables);
    json_decref(ev.enter.passes);
    json_decref(ev.park.checkpoint);
    engine_effects_free(&fx);
}

static void random_event(struct world *w)
{
    uint32_t dice = below(w, 100);
    if (dice < 85)
        feed_outcome(w, false);
    else if (dice < 92)
        feed_control(w, ENGINE_WAKE);
    else if (dice < 95)
        feed_control(w, ENGINE_PAUSE);
    else if (dice < 98)
        feed_control(w, ENGINE_RESUME);
    else
        feed_control(w, ENGINE_LOST);
}

static void drive_to_end(struct world *w)
{
    for (int i = 0; i < 3000 && !engine_ended(w->sim.state); i++) {
        if (engine_status(w->sim.state) == STATUS_PAUSED) {
            feed_control(w, ENGINE_RESUME);
        } else if (engine_running(w->sim.state)) {
            feed_outcome(w, true);
        } else {
            int64_t due = engine_next_due(w->sim.state);
            assert_true(due < INT64_MAX);
            w->sim.now_us = due > w->sim.now_us ? due : w->sim.now_us;
            feed_control(w, ENGINE_WAKE);
        }
    }
    assert_true(engine_ended(w->sim.state));
    if (engine_status(w->sim.state) == STATUS_COMPLETED) {
        assert_int_equal(w->sim.state->scope_count, 0);
        assert_int_equal(w->sim.state->act_count, 0);
    }
}

static void one_run(uint64_t seed)
{
    struct world w;
    make_world(&w, seed);
    feed_control(&w, ENGINE_START);
    for (int i = 0; i < 120 && !engine_ended(w.sim.state); i++)
        random_event(&w);
    drive_to_end(&w);
    if (engine_status(w.sim.state) == STATUS_FAILED && chance(&w, 50)) {
        feed_control(&w, ENGINE_RETRY);
        drive_to_end(&w);
    }
    sim_close(&w.sim);
    json_decref(w.graph);
}

/* WFWORKER_TEST_SEED=N runs that one only; WFWORKER_TEST_RUNS=N runs more. */
static void test_random(void **state)
{
    (void)state;
    const char *seed = getenv("WFWORKER_TEST_SEED"), *runs = getenv("WFWORKER_TEST_RUNS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1, count = seed ? 1 : runs ? strtoull(runs, NULL, 10) : RUNS;
    for (uint64_t i = first; i < first + count; i++) {
        fprintf(stderr, "seed %" PRIu64 "\r", i); /* cmocka leaves a failed test by longjmp */
        one_run(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
