/* SPDX-License-Identifier: Apache-2.0 */
/* The engine under random graphs, outcomes, times and crashes.  After every event the state rebuilt from a snapshot and
 * the rest of the journal must be the same byte for byte; every execution must end; nothing starts while paused; and
 * where the graph is simple enough, a second, independent reading of it must agree on which nodes ran. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

#define MAX_NODES 12
#define MAX_EDGES 40
#define RUNS 400
#define MAX_SIGNALS 2100

struct edge {
    int from, to;
    const char *label;
};
struct world {
    uint64_t rng;
    int nodes, edges;
    bool simple; /* no cycles, all joins `all`: the second reading applies */
    struct edge edge[MAX_EDGES];
    const char *branch[MAX_NODES]; /* how each node ended: branch, "" for none */
    unsigned signals;
    bool used[MAX_SIGNALS];
    bool ended[MAX_NODES], failed[MAX_NODES], started[MAX_NODES];
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

/* ---- graphs ---- */

static void add_edge(struct world *w, int from, int to)
{
    static const char *const labels[] = {NULL, NULL, NULL, "yes", "no", "error", "done"};
    if (w->edges < MAX_EDGES)
        w->edge[w->edges++] = (struct edge){from, to, labels[below(w, ARRAY_LEN(labels))]};
}

static void make_edges(struct world *w)
{
    for (int to = 1; to < w->nodes; to++) {
        add_edge(w, (int)below(w, (uint32_t)to), to);
        while (chance(w, 35))
            add_edge(w, (int)below(w, (uint32_t)to), to);
    }
    for (int back = w->simple ? 0 : (int)below(w, 4); back > 0; back--) {
        int from = (int)below(w, (uint32_t)w->nodes);
        add_edge(w, from, (int)below(w, (uint32_t)from + 1));
    }
}

static int in_edges(const struct world *w, int node)
{
    int n = 0;
    for (int i = 0; i < w->edges; i++)
        n += w->edge[i].to == node && w->edge[i].from < node;
    return n;
}

static json_t *make_node(struct world *w, int i)
{
    json_t *node = json_pack("{s:s, s:s, s:i}", "node_id", (char[]){(char)('a' + i), 0}, "node_type", "work",
                             "max_iterations", 1 + (int)below(w, 3));
    if (chance(w, 20))
        js_set(node, "retry",
               json_pack("{s:i, s:i, s:s}", "max_attempts", 1 + (int)below(w, 3), "initial_ms", (int)below(w, 3000), "jitter",
                         chance(w, 50) ? "full" : "none"));
    if (chance(w, 10))
        js_set(node, "at_most_once", json_true());
    if (chance(w, 10))
        js_set(node, "schedule_to_close_seconds", json_integer(1 + below(w, 20)));
    if (w->simple || chance(w, 60))
        return node;
    int in = in_edges(w, i);
    js_set(node, "join", json_string(chance(w, 50) || in == 0 ? "any" : "n_of_m"));
    js_set(node, "join_n", json_integer(in ? 1 + below(w, (uint32_t)in) : 1));
    if (chance(w, 40))
        js_set(node, "join_rest", json_string("run"));
    return node;
}

static void make_world(struct world *w, uint64_t seed)
{
    *w = (struct world){.rng = seed * UINT64_C(2685821657736338717) + 1, .nodes = 0};
    w->nodes = 1 + (int)below(w, MAX_NODES);
    w->simple = chance(w, 40);
    make_edges(w);
    CLEANUP_JSON json_t *graph = json_pack("{s:[], s:[]}", "nodes", "edges");
    for (int i = 0; i < w->nodes; i++)
        js_push(json_object_get(graph, "nodes"), make_node(w, i));
    for (int i = 0; i < w->edges; i++)
        js_push(json_object_get(graph, "edges"),
                json_pack("{s:s, s:s, s:s?}", "from", (char[]){(char)('a' + w->edge[i].from), 0}, "to",
                          (char[]){(char)('a' + w->edge[i].to), 0}, "branch", w->edge[i].label));
    CLEANUP_JSON json_t *trigger = chance(w, 10) ? json_pack("{s:i}", "timeout_seconds", 1 + (int)below(w, 100)) : NULL;
    sim_open_rows(&w->sim, graph, NULL, trigger, NULL);
}

/* ---- events ---- */

static size_t running(const struct world *w, struct engine_effects *fx)
{
    engine_running_effects(w->sim.def, w->sim.state, fx);
    return fx->len;
}

/* One of the running activations, with its node; 0 when none runs. */
static uint64_t pick(struct world *w, size_t *node)
{
    struct engine_effects fx = {0};
    size_t n = running(w, &fx), i = n ? below(w, (uint32_t)n) : 0;
    uint64_t act = n ? fx.items[i].act : 0;
    *node = n ? fx.items[i].node : 0;
    engine_effects_free(&fx);
    return act;
}

/* All edges into a node that starts must be decided: none of its sources may run now or start later. */
static void check_starts(struct world *w)
{
    struct engine_effects now = {0};
    running(w, &now);
    for (size_t i = 0; w->simple && i < now.len; i++) {
        int node = (int)now.items[i].node;
        for (int k = 0; k < w->edges; k++)
            assert_false(w->edge[k].from == node && w->started[w->edge[k].to]);
    }
    for (size_t i = 0; i < now.len; i++)
        w->started[now.items[i].node] = true;
    engine_effects_free(&now);
}

static void feed(struct world *w, struct engine_event *ev)
{
    bool was_paused = engine_status(w->sim.state) == STATUS_PAUSED;
    if (ev->act || ev->type != ENGINE_START)
        w->sim.now_us += below(w, 3000) * US_PER_MS;
    ev->start = &w->sim.start;
    w->sim.start.policy = w->sim.policy;
    assert_int_equal(sim_step(&w->sim, ev), 0);
    for (size_t i = 0; i < w->sim.fx.len; i++) {
        const struct engine_effect *f = &w->sim.fx.items[i];
        if (f->type != ENGINE_CONSUMED)
            continue;
        size_t n = strtoul(f->signal, NULL, 10);
        assert_true(n < MAX_SIGNALS && !w->used[n]);
        w->used[n] = true;
    }
    if (was_paused && engine_status(w->sim.state) == STATUS_PAUSED)
        assert_int_equal(w->sim.runs, 0);
    check_starts(w);
    if (chance(w, 30))
        sim_recover(&w->sim, below(w, (uint32_t)w->sim.journal_len + 1));
    else
        sim_check_recovery(&w->sim, below(w, (uint32_t)w->sim.journal_len + 1));
}

static void feed_control(struct world *w, enum engine_event_type type)
{
    feed(w, &(struct engine_event){.type = type});
}

static void end_node(struct world *w, size_t node, bool failed, const char *branch)
{
    w->ended[node] = true;
    w->failed[node] = failed;
    w->branch[node] = branch;
}

static void feed_done(struct world *w)
{
    static const char *const branches[] = {NULL, NULL, "yes", "no", "other"};
    size_t node;
    CLEANUP_JSON json_t *output = json_pack("{s:i, s:f}", "n", (int)below(w, 1000), "x", (double)below(w, 1000) / 7);
    struct engine_event ev = {.type = ENGINE_DONE, .output = output, .branch = branches[below(w, ARRAY_LEN(branches))]};
    ev.act = pick(w, &node);
    if (!ev.act)
        return;
    end_node(w, node, false, ev.branch);
    feed(w, &ev);
}

static void feed_fail(struct world *w)
{
    size_t node;
    char type[] = "odd", message[] = "it is odd";
    struct failure f = {.type = type, .message = message, .retryable = chance(w, 70)};
    struct engine_event ev = {.type = ENGINE_FAIL, .failure = &f};
    ev.act = pick(w, &node);
    if (!ev.act)
        return;
    end_node(w, node, true, NULL);
    feed(w, &ev);
}

static const char *const signal_types[] = {"go", "yes", "stop"};

/* Each is used once at most, whatever happens in between; some come twice. */
static void feed_signal(struct world *w, const char *type)
{
    char id[32];
    bool again = w->signals > 0 && chance(w, 10);
    unsigned n = again ? below(w, w->signals) : w->signals++;
    if (again && w->used[n])
        return; /* the database does not give it again */
    snprintf(id, sizeof id, "%u", n);
    CLEANUP_JSON json_t *data = chance(w, 50) ? json_pack("{s:i}", "n", (int)below(w, 100)) : NULL;
    feed(w, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = type, .signal_id = id, .output = data});
}

static void feed_other(struct world *w)
{
    size_t node;
    CLEANUP_JSON json_t *checkpoint = json_pack("{s:i}", "step", (int)below(w, 100));
    struct engine_event ev = {.type = ENGINE_PARK};
    ev.act = pick(w, &node);
    if (!ev.act)
        return;
    CLEANUP_JSON json_t *more = json_pack("[s, s]", "go", "yes");
    switch (below(w, 4)) {
    case 0:
        ev.park = (struct engine_park){.until_us = w->sim.now_us + 1 + below(w, 5000) * US_PER_MS, .checkpoint = checkpoint};
        break;
    case 3:
        ev.park = (struct engine_park){.until_us = chance(w, 50) ? w->sim.now_us + 1 + below(w, 5000) * US_PER_MS : 0,
                                       .signal = chance(w, 70) ? signal_types[below(w, 3)] : NULL, .checkpoint = checkpoint};
        ev.park.signals = !ev.park.signal || chance(w, 30) ? more : NULL;
        break;
    case 1:
        ev.type = ENGINE_TIMEOUT;
        end_node(w, node, true, NULL);
        break;
    default:
        ev.type = ENGINE_PROGRESS;
        ev.output = checkpoint;
        break;
    }
    feed(w, &ev);
}

static void random_event(struct world *w)
{
    uint32_t dice = below(w, 100);
    if (dice < 55)
        feed_done(w);
    else if (dice < 68)
        feed_fail(w);
    else if (dice < 84)
        feed_other(w);
    else if (dice < 88 && w->signals < MAX_SIGNALS)
        feed_signal(w, signal_types[below(w, 3)]);
    else if (dice < 92)
        feed_control(w, ENGINE_WAKE);
    else if (dice < 95)
        feed_control(w, ENGINE_PAUSE);
    else if (dice < 98)
        feed_control(w, ENGINE_RESUME);
    else
        feed_control(w, ENGINE_LOST);
}

/* ---- the end ---- */

/* From here everything succeeds: it must end, and while it has not, something must be able to happen. */
static void drive_to_end(struct world *w)
{
    for (int i = 0; i < 2000 && !engine_ended(w->sim.state); i++) {
        if (engine_status(w->sim.state) == STATUS_PAUSED) {
            feed_control(w, ENGINE_RESUME);
        } else if (engine_running(w->sim.state)) {
            feed_done(w);
        } else {
            int64_t due = engine_next_due(w->sim.state);
            if (due == INT64_MAX) { /* somebody waits for a signal, and the column says so */
                assert_int_equal(engine_status(w->sim.state), STATUS_WAITING_SIGNAL);
                feed_signal(w, signal_types[i % 3]);
                continue;
            }
            w->sim.now_us = due > w->sim.now_us ? due : w->sim.now_us;
            feed_control(w, ENGINE_WAKE);
        }
    }
    assert_true(engine_ended(w->sim.state));
    assert_int_equal(engine_next_due(w->sim.state), INT64_MAX);
    assert_int_equal(engine_running(w->sim.state), 0);
}

static bool edge_taken(const struct world *w, const struct edge *e)
{
    bool reserved = e->label && (strcmp(e->label, "error") == 0 || strcmp(e->label, "done") == 0);
    if (w->failed[e->from])
        return e->label && strcmp(e->label, "error") == 0;
    if (!e->label)
        return true;
    return w->branch[e->from] ? strcmp(e->label, w->branch[e->from]) == 0 : !reserved;
}

/* Nodes are in topological order, so one walk says which must have run.  That a node failed may have been the engine's own
 * finding (a lost worker, time); that it succeeded must have been said by the last event. */
static void check_second_reading(struct world *w)
{
    bool ran[MAX_NODES] = {true};
    struct buf b = BUF_INIT;
    struct error e = ERROR_INIT;
    engine_projection(w->sim.def, w->sim.state, &b);
    CLEANUP_JSON json_t *state = js_parse(b.data, b.len, &e);
    buf_free(&b);
    for (int i = 0; i < w->nodes; i++) {
        for (int k = 0; k < w->edges; k++)
            ran[i] |= w->edge[k].to == i && ran[w->edge[k].from] && edge_taken(w, &w->edge[k]);
        const json_t *result = json_object_get(json_object_get(state, "node_results"), (char[]){(char)('a' + i), 0});
        assert_int_equal(ran[i], result != NULL);
        if (!ran[i])
            continue;
        if (strcmp(js_str(result, "status"), "failed") == 0)
            w->failed[i] = true;
        else
            assert_true(w->ended[i] && !w->failed[i]);
    }
}

static void one_run(uint64_t seed)
{
    struct world w;
    make_world(&w, seed);
    feed_control(&w, ENGINE_START);
    for (int i = 0; i < 60 && !engine_ended(w.sim.state); i++)
        random_event(&w);
    drive_to_end(&w);
    if (engine_status(w.sim.state) == STATUS_FAILED) { /* somebody begins it again */
        feed_control(&w, ENGINE_RETRY);
        drive_to_end(&w);
    }
    if (w.simple && engine_status(w.sim.state) == STATUS_COMPLETED)
        check_second_reading(&w);
    sim_close(&w.sim);
}

/* WFWORKER_TEST_SEED=N runs that one only; WFWORKER_TEST_RUNS=N runs more. */
static void test_random(void **state)
{
    (void)state;
    const char *seed = getenv("WFWORKER_TEST_SEED"), *runs = getenv("WFWORKER_TEST_RUNS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1, count = seed ? 1 : runs ? strtoull(runs, NULL, 10) : RUNS;
    for (uint64_t i = first; i < first + count; i++) {
        /* cmocka leaves a failed test by longjmp, so the seed must have been said before */
        fprintf(stderr, "seed %" PRIu64 "\r", i);
        one_run(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
