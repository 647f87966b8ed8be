/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs from a seed: blocks that are put behind each other and into each other, so that it is known by construction
 * which node belongs to which region; and loose heaps of nodes between them. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

uint32_t below(struct rng *r, uint32_t n)
{
    r->s ^= r->s << 13;
    r->s ^= r->s >> 7;
    r->s ^= r->s << 17;
    return (uint32_t)((r->s >> 11) % n);
}

bool chance(struct rng *r, uint32_t percent)
{
    return below(r, 100) < percent;
}

struct gen {
    struct graph *g;
    struct rng *r;
    int max, cycles, loops; /* around */
};
struct tail { /* where the next block is hung on */
    int node;
    const char *label;
};

/* ---- parts ---- */

static int node(struct gen *n, enum kind kind, const char *type, int region)
{
    struct graph *g = n->g;
    struct g_node *a = &g->node[g->nodes];
    *a = (struct g_node){.type = type, .kind = kind, .region = region, .split = -1, .max_attempts = 1, .finally = -1};
    snprintf(a->id, sizeof a->id, "n%d", g->nodes);
    if (chance(n->r, 12)) {
        a->max_attempts = 2 + below(n->r, 2);
        a->retry_ms = below(n->r, 3000);
        a->stubborn = chance(n->r, 40);
    }
    a->at_most_once = kind == KIND_WORK && chance(n->r, 4);
    a->waits = kind == KIND_WORK && chance(n->r, 6);
    return g->nodes++;
}

static int edge(struct gen *n, int from, int to, const char *label)
{
    struct graph *g = n->g;
    if (g->edges == MAX_EDGES)
        return -1;
    g->edge[g->edges] = (struct g_edge){.from = from, .to = to, .label = label};
    return g->edges++;
}

static int behind(struct gen *n, struct tail t, enum kind kind, const char *type, int region)
{
    int a = node(n, kind, type, region);
    edge(n, t.node, a, t.label);
    return a;
}

static int region(struct gen *n, int owner, const char *branch)
{
    struct graph *g = n->g;
    g->region[g->regions] = (struct g_region){.owner = owner, .parent = g->node[owner].region, .branch = branch};
    return g->regions++;
}

static struct tail sequence(struct gen *n, struct tail t, int region, int depth);

static bool room(const struct gen *n, int nodes)
{
    return n->g->nodes + nodes < n->max && n->g->nodes + nodes < MAX_NODES && n->g->regions + 4 < MAX_REGIONS;
}

static struct tail plain(struct gen *n, struct tail t, int region)
{
    return (struct tail){behind(n, t, KIND_WORK, "work", region), NULL};
}

/* ---- branches that meet ---- */

static void choose_join(struct gen *n, int join, int edges)
{
    struct g_node *a = &n->g->node[join];
    uint32_t dice = below(n->r, 100);
    a->rest_run = chance(n->r, 30);
    if (dice < 45) {
        a->join = ALL;
    } else if (dice < 70) {
        a->join = ANY;
    } else if (dice < 90) {
        a->join = N_OF_M;
        a->join_n = 1 + (int)below(n->r, (uint32_t)edges);
    } else if (!n->cycles) {
        a->join = EACH;
        n->g->exact = false;
    }
}

static struct tail parallel(struct gen *n, struct tail t, int region, int depth)
{
    int split = behind(n, t, KIND_WORK, "work", region), count = 2 + (int)below(n->r, 2);
    struct tail ends[3];
    n->g->node[split].sequential = chance(n->r, 20);
    for (int i = 0; i < count; i++)
        ends[i] = sequence(n, (struct tail){split, NULL}, region, depth - 1);
    int join = node(n, KIND_WORK, "work", region);
    for (int i = 0; i < count; i++)
        edge(n, ends[i].node, join, ends[i].label);
    choose_join(n, join, count);
    if (n->g->node[join].join != EACH && chance(n->r, 25))
        n->g->node[join].split = split;
    return (struct tail){join, NULL};
}

/* A condition, drawn with labels or without, or a switch; one way may lead past everything. */
static struct tail choice(struct gen *n, struct tail t, int region, int depth)
{
    bool of_switch = chance(n->r, 25);
    const char *yes = of_switch ? "a" : "true", *no = of_switch ? chance(n->r, 50) ? "default" : "b" : "false";
    int c = behind(n, t, of_switch ? KIND_SWITCH : KIND_CONDITION, of_switch ? "switch" : "condition", region);
    int first = n->g->edges;
    struct tail left = sequence(n, (struct tail){c, yes}, region, depth - 1), right = {c, no};
    int second = n->g->edges;
    bool long_way = chance(n->r, 60);
    if (long_way)
        right = sequence(n, right, region, depth - 1);
    int join = node(n, KIND_WORK, "work", region);
    edge(n, left.node, join, left.label);
    if (!long_way)
        second = n->g->edges;
    edge(n, right.node, join, right.label);
    if (!of_switch && chance(n->r, 40))
        n->g->edge[first].unlabelled = n->g->edge[second].unlabelled = true;
    return (struct tail){join, NULL};
}

/* A node that may fail, and who takes care of that. */
static struct tail mended(struct gen *n, struct tail t, int region)
{
    int a = behind(n, t, KIND_WORK, "work", region), b = node(n, KIND_WORK, "work", region);
    edge(n, a, b, "error");
    if (chance(n->r, 40))
        return (struct tail){a, NULL};
    int join = node(n, KIND_WORK, "work", region);
    edge(n, a, join, NULL);
    edge(n, b, join, NULL);
    return (struct tail){join, NULL};
}

/* Nodes with edges between them as it happens. */
static struct tail heap(struct gen *n, struct tail t, int region, int count, bool back)
{
    static const char *const labels[] = {NULL, NULL, NULL, NULL, "yes", "no", "error", "done"};
    int first = behind(n, t, KIND_WORK, "work", region);
    for (int i = 1; i < count; i++) {
        int to = node(n, KIND_WORK, "work", region), in = 0;
        do {
            edge(n, first + (int)below(n->r, (uint32_t)i), to, labels[below(n->r, ARRAY_LEN(labels))]);
            in++;
        } while (chance(n->r, 35));
        if (chance(n->r, 30))
            choose_join(n, to, in);
        n->g->node[to].sequential = chance(n->r, 5);
    }
    for (int i = back && !n->cycles ? 1 + (int)below(n->r, 3) : 0; i > 0; i--) {
        int from = first + (int)below(n->r, (uint32_t)count), to = first + (int)below(n->r, (uint32_t)(from - first + 1));
        edge(n, from, to, labels[below(n->r, ARRAY_LEN(labels))]);
        n->g->exact = false;
        for (int k = first; k < first + count; k++) /* which edges close the cycle is not always as drawn */
            if (n->g->node[k].join == EACH || n->g->node[k].join == N_OF_M)
                n->g->node[k].join = ANY;
    }
    return (struct tail){first + count - 1, NULL};
}

/* ---- cycles without a loop node ---- */

static struct tail cycle(struct gen *n, struct tail t, int region, int depth)
{
    int head = behind(n, t, KIND_WORK, "work", region);
    struct tail end = {head, NULL};
    if (n->cycles > 0 || n->g->cycles == MAX_CYCLES)
        n->g->exact = false; /* those inside of others are one with them */
    n->cycles++;
    if (depth > 0)
        end = sequence(n, end, region, depth - 1);
    n->cycles--;
    int check = behind(n, end, KIND_WORK, "work", region);
    int again = edge(n, check, head, "no");
    if (again >= 0)
        n->g->edge[again].back = true;
    if (n->g->cycles < MAX_CYCLES)
        n->g->cycle[n->g->cycles++] = (struct g_cycle){region, head, check};
    return (struct tail){check, chance(n->r, 80) ? "yes" : NULL};
}

/* ---- loops, tries, and what else enters ---- */

static json_t *items(struct gen *n)
{
    json_t *a = json_array();
    for (uint32_t i = below(n->r, 5); i > 0; i--)
        js_push(a, json_integer(i * 7));
    return a;
}

static void configure_loop(struct gen *n, struct g_node *a, const char *type)
{
    char text[32];
    snprintf(text, sizeof text, "index < %u", below(n->r, 4));
    js_set(a->config, "keep", json_integer(below(n->r, 4)));
    if (strcmp(type, "for") == 0)
        js_set(a->config, "array_expression", items(n));
    else if (strcmp(type, "while") == 0)
        js_set(a->config, "condition_expression", json_string(text));
    else
        js_set(a->config, "repeat_count", json_integer(below(n->r, 4)));
    if (strcmp(type, "while") != 0 && chance(n->r, 50)) {
        a->max_concurrency = 1 + (int)below(n->r, 3);
        js_set(a->config, "max_concurrency", json_integer(a->max_concurrency));
    }
    if (chance(n->r, 30))
        js_set(a->config, "tolerate", json_integer(below(n->r, 3)));
    if (chance(n->r, 15))
        js_set(a->config, "need", json_integer(below(n->r, 3)));
    if (chance(n->r, 20))
        js_set(a->config, "join_rest", json_string("run"));
}

/* The node behind, to which an edge may lead out of what is inside. */
static struct tail way_out(struct gen *n, int owner, struct tail inside, int region)
{
    if (!chance(n->r, 20))
        return (struct tail){owner, "done"};
    int after = behind(n, (struct tail){owner, "done"}, KIND_WORK, "work", region);
    edge(n, inside.node, after, inside.label);
    if (chance(n->r, 40))
        n->g->node[after].join = ANY;
    return (struct tail){after, NULL};
}

static struct tail loop(struct gen *n, struct tail t, int region_around, int depth)
{
    static const char *const types[] = {"for", "repeat", "while", "loop"};
    const char *type = types[below(n->r, ARRAY_LEN(types))];
    int a = behind(n, t, KIND_LOOP, type, region_around), body = region(n, a, "body"), first = n->g->edges;
    n->g->node[a].config = json_object();
    n->g->node[a].max_concurrency = 1;
    configure_loop(n, &n->g->node[a], type);
    int cycles = n->cycles;
    n->cycles = 0;
    n->loops++;
    struct tail inside = sequence(n, (struct tail){a, "body"}, body, depth - 1);
    n->loops--;
    n->cycles = cycles;
    if (chance(n->r, 30)) {
        edge(n, inside.node, a, inside.label);
        n->g->edge[first].unlabelled = chance(n->r, 40); /* it can reach the loop again: body */
    } else if (chance(n->r, 15)) {
        sequence(n, (struct tail){a, "body"}, body, 0);
    }
    return way_out(n, a, inside, region_around);
}

static struct tail attempt(struct gen *n, struct tail t, int region_around, int depth)
{
    int a = behind(n, t, KIND_TRY, "try", region_around), cycles = n->cycles;
    n->cycles = 0;
    struct tail inside = sequence(n, (struct tail){a, "body"}, region(n, a, "body"), depth - 1);
    if (chance(n->r, 65)) {
        int catches = region(n, a, "catch"), c;
        if (chance(n->r, 30)) {
            c = behind(n, (struct tail){a, "catch"}, KIND_MARK, "catch", catches);
            n->g->node[c].config = json_pack("{s:s}", "error_type", "odd, timeout");
            sequence(n, (struct tail){c, NULL}, catches, 0);
        }
        c = behind(n, (struct tail){a, "catch"}, KIND_MARK, "catch", catches);
        sequence(n, (struct tail){c, NULL}, catches, depth - 1);
    }
    if (chance(n->r, 65)) {
        int finally = region(n, a, "finally");
        n->g->node[a].finally = finally;
        int f = behind(n, (struct tail){a, "finally"}, KIND_MARK, "finally", finally);
        sequence(n, (struct tail){f, NULL}, finally, depth - 1);
    }
    n->cycles = cycles;
    return way_out(n, a, inside, region_around);
}

/* Somebody else's node that enters: with any flags, at any time. */
static struct tail strange(struct gen *n, struct tail t, int region_around, int depth)
{
    static const char *const branches[] = {"catch", "finally"};
    int a = behind(n, t, KIND_SCOPE, "scope", region_around), cycles = n->cycles;
    n->cycles = 0;
    struct tail inside = sequence(n, (struct tail){a, "body"}, region(n, a, "body"), depth - 1);
    for (size_t i = 0; i < ARRAY_LEN(branches); i++)
        if (chance(n->r, 30))
            sequence(n, (struct tail){a, branches[i]}, region(n, a, branches[i]), depth - 1);
    n->cycles = cycles;
    return way_out(n, a, inside, region_around);
}

/* A condition one way of which leaves. */
static struct tail leaving(struct gen *n, struct tail t, int region)
{
    static const char *const types[] = {"break", "continue", "terminate"};
    uint32_t which = n->loops ? below(n->r, 11) / 5 : chance(n->r, 85) ? 2 : below(n->r, 2);
    int c = behind(n, t, KIND_CONDITION, "condition", region);
    int a = behind(n, (struct tail){c, "true"}, (enum kind)(KIND_BREAK + which), types[which], region);
    n->g->node[a].config = json_object();
    if (which == 2 && chance(n->r, 50))
        js_set(n->g->node[a].config, "status", json_string("failed"));
    for (int r = region; which < 2 && r > 0 && chance(n->r, 30); r = n->g->region[r].parent)
        if (n->g->node[n->g->region[r].owner].kind == KIND_LOOP)
            js_set(n->g->node[a].config, "loop_label", json_string(n->g->node[n->g->region[r].owner].id));
    return (struct tail){c, "false"};
}

static struct tail block(struct gen *n, struct tail t, int region, int depth)
{
    uint32_t dice = below(n->r, 100);
    if (!room(n, 8) || depth <= 0)
        return plain(n, t, region);
    if (dice < 18)
        return loop(n, t, region, depth);
    if (dice < 36)
        return attempt(n, t, region, depth);
    if (dice < 50)
        return parallel(n, t, region, depth);
    if (dice < 62)
        return choice(n, t, region, depth);
    if (dice < 68)
        return mended(n, t, region);
    if (dice < 74)
        return cycle(n, t, region, depth);
    if (dice < 82)
        return heap(n, t, region, 3 + (int)below(n->r, 4), chance(n->r, 20));
    if (dice < 90)
        return leaving(n, t, region);
    if (dice < 94)
        return strange(n, t, region, depth);
    return plain(n, t, region);
}

static struct tail sequence(struct gen *n, struct tail t, int region, int depth)
{
    uint32_t blocks = 1 + (depth > 0 ? below(n->r, 3) : 0);
    for (uint32_t i = 0; i < blocks; i++)
        t = i == 0 && chance(n->r, 50) ? plain(n, t, region) : block(n, t, region, depth);
    return t;
}

/* More of it, until there is no room. */
static void many(struct gen *n, struct tail t)
{
    while (room(n, 12) && chance(n->r, 85))
        t = sequence(n, t, 0, 2);
}

/* Times that the oracle does not work out. */
static void odd_times(struct graph *g, struct rng *r)
{
    g->exact = false;
    for (int i = 0; i < g->nodes; i++) {
        g->node[i].close_s = chance(r, 25) ? 1 + (int)below(r, 20) : 0;
        g->node[i].jitter = chance(r, 50);
    }
}

void graph_make(struct graph *g, struct rng *r, int max_nodes)
{
    struct gen n = {.g = g, .r = r, .max = max_nodes};
    memset(g, 0, sizeof *g);
    g->exact = true;
    g->region[0] = (struct g_region){.owner = -1, .parent = -1};
    g->regions = 1;
    int first = node(&n, KIND_WORK, "start", 0);
    if (chance(r, 25))
        heap(&n, (struct tail){first, NULL}, 0, 2 + (int)below(r, (uint32_t)(max_nodes > 12 ? 10 : max_nodes)),
             chance(r, 30));
    else
        many(&n, sequence(&n, (struct tail){first, NULL}, 0, 2 + (int)below(r, 3)));
    g->exact &= graph_cycles_known(g);
    g->timeout_s = chance(r, 8) ? 1 + (int)below(r, 60) : 0;
    if (chance(r, 6))
        odd_times(g, r);
    for (int i = 0, groups = chance(r, 10) ? 2 : 0; i < g->nodes && groups; i++)
        if (g->node[i].kind == KIND_WORK && chance(r, 30))
            g->node[i].group = 1 + (int)below(r, (uint32_t)groups);
}

void graph_free(struct graph *g)
{
    for (int i = 0; i < g->nodes; i++)
        json_decref(g->node[i].config);
    g->nodes = 0;
}

/* ---- asking ---- */

bool graph_within(const struct graph *g, int inner, int outer)
{
    while (inner != outer && inner > 0)
        inner = g->region[inner].parent;
    return inner == outer;
}

int graph_source(const struct graph *g, int e)
{
    int node = g->edge[e].from, region = g->node[g->edge[e].to].region;
    while (g->node[node].region != region && g->node[node].region > 0)
        node = g->region[g->node[node].region].owner;
    return node;
}

bool graph_home(const struct graph *g, int e)
{
    for (int r = g->node[g->edge[e].from].region; r > 0; r = g->region[r].parent)
        if (g->region[r].owner == g->edge[e].to)
            return true;
    return false;
}

bool graph_entry(const struct graph *g, int e)
{
    int r = g->node[g->edge[e].to].region;
    return r > 0 && g->region[r].owner == g->edge[e].from;
}

int number_in(const char *text, int end)
{
    char *rest;
    long n = strtol(text, &rest, 10);
    return rest != text && n >= 0 && n < end ? (int)n : -1;
}

int graph_region_of(const struct graph *g, int owner, const char *branch)
{
    for (int r = 1; r < g->regions; r++)
        if (g->region[r].owner == owner && strcmp(g->region[r].branch, branch) == 0)
            return r;
    return -1;
}

int graph_cycle(const struct graph *g, int node)
{
    for (int i = 0; i < g->cycles; i++)
        if (g->cycle[i].region == g->node[node].region && node >= g->cycle[i].head && node <= g->cycle[i].check)
            return i;
    return -1;
}

/* Does a way lead from the node to the cycle's end? */
static bool comes_back(const struct graph *g, int node, const struct g_cycle *c)
{
    bool seen[MAX_NODES] = {false};
    int list[MAX_NODES + 1], n = 0;
    list[n++] = node;
    for (int at = 0; at < n; at++)
        for (int e = 0; e < g->edges; e++) {
            int to = g->edge[e].to;
            if (g->node[to].region != c->region || graph_home(g, e) || graph_source(g, e) != list[at] || seen[to])
                continue;
            seen[to] = true;
            list[n++] = to;
        }
    return seen[c->check] || node == c->check;
}

bool graph_cycles_known(const struct graph *g)
{
    for (int i = 0; i < g->nodes; i++) {
        int c = graph_cycle(g, i);
        if (c >= 0 && !comes_back(g, i, &g->cycle[c]))
            return false;
    }
    return true;
}

/* ---- drawing ---- */

static const char *const join_names[] = {"all", "any", "n_of_m", "each"};

static enum join drawn_join(const struct g_node *a, enum fault fault)
{
    if (fault == FAULT_ANY_FOR_ALL && a->join == ALL)
        return ANY;
    return fault == FAULT_ALL_FOR_ANY && a->join == ANY ? ALL : a->join;
}

static void draw_join(json_t *nodes, json_t *node, const struct g_node *a, enum fault fault)
{
    json_t *at = a->split >= 0 ? json_array_get(nodes, (size_t)a->split) : node;
    enum join join = drawn_join(a, fault);
    if (join == ALL && a->split < 0)
        return;
    js_set(at, a->split >= 0 ? "parallel_wait_mode" : "join", json_string(join_names[join]));
    if (join == N_OF_M)
        js_set(at, a->split >= 0 ? "parallel_wait_n" : "join_n", json_integer(a->join_n));
    if (a->rest_run)
        js_set(at, "join_rest", json_string("run"));
}

static json_t *draw_retry(const struct g_node *a, enum fault fault)
{
    return json_pack("{s:i, s:I, s:s}", "max_attempts", (int)a->max_attempts + (fault == FAULT_ATTEMPTS), "initial_ms",
                     (json_int_t)a->retry_ms, "jitter", a->jitter ? "full" : "none");
}

static json_t *draw_node(const struct g_node *a, enum fault fault)
{
    json_t *node = json_pack("{s:s, s:s, s:O*, s:i}", "node_id", a->id, "node_type", a->type, "config", a->config,
                             "max_iterations", MOST_PASSES);
    if (a->max_attempts > 1)
        js_set(node, "retry", draw_retry(a, fault));
    if (a->at_most_once)
        js_set(node, "at_most_once", json_true());
    if (a->sequential && fault != FAULT_SEQUENTIAL)
        js_set(node, "sequential", json_true());
    if (a->group && fault != FAULT_INTERLEAVE)
        js_set(node, "interleave", json_string(a->group == 1 ? "one" : "two"));
    if (a->close_s)
        js_set(node, "schedule_to_close_seconds", json_integer(a->close_s));
    return node;
}

static bool left_out(const struct graph *g, int e, enum fault fault)
{
    const char *label = g->edge[e].label;
    return (fault == FAULT_EDGE && e == g->edges / 2) || (fault == FAULT_FINALLY && label && strcmp(label, "finally") == 0);
}

json_t *graph_json(const struct graph *g, enum fault fault)
{
    json_t *nodes = json_array(), *edges = json_array();
    for (int i = 0; i < g->nodes; i++)
        js_push(nodes, draw_node(&g->node[i], fault));
    for (int i = 0; i < g->nodes; i++)
        draw_join(nodes, json_array_get(nodes, (size_t)i), &g->node[i], fault);
    for (int i = 0; i < g->edges; i++) {
        const struct g_edge *e = &g->edge[i];
        if (!left_out(g, i, fault))
            js_push(edges, json_pack("{s:s, s:s, s:s?}", "from", g->node[e->from].id, "to", g->node[e->to].id, "branch",
                                     e->unlabelled ? NULL : e->label));
    }
    return json_pack("{s:o, s:o}", "nodes", nodes, "edges", edges);
}

void graph_print(const struct graph *g, struct buf *b)
{
    for (int i = 0; i < g->nodes; i++) {
        const struct g_node *a = &g->node[i];
        const struct g_region *r = &g->region[a->region];
        buf_printf(b, "  %s %s", a->id, a->type);
        if (a->region)
            buf_printf(b, " in %s of %s", r->branch, g->node[r->owner].id);
        if (a->join != ALL)
            buf_printf(b, " join %s", join_names[a->join]);
        if (a->join == N_OF_M)
            buf_printf(b, " %d", a->join_n);
        buf_addstr(b, a->join != ALL && a->rest_run ? " rest runs" : "");
        buf_addstr(b, a->sequential ? " sequential" : "");
        buf_addstr(b, a->at_most_once ? " at_most_once" : "");
        buf_addstr(b, a->group ? a->group == 1 ? " interleave one" : " interleave two" : "");
        if (a->max_attempts > 1)
            buf_printf(b, " attempts %u after %lld ms", a->max_attempts, (long long)a->retry_ms);
        if (a->config) {
            buf_addch(b, ' ');
            js_write(b, a->config);
        }
        buf_addstr(b, " ->");
        for (int e = 0; e < g->edges; e++)
            if (g->edge[e].from == i)
                buf_printf(b, " %s%s%s", g->node[g->edge[e].to].id, g->edge[e].label ? "=" : "",
                           g->edge[e].label ? g->edge[e].label : "");
        buf_addch(b, '\n');
    }
}
