/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of loading definitions: every accepted form, the entry, options, and what is wrong with a graph. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/def_int.h"
#include "unit/engine_sim.h"
#include "unit/test.h"

/* "entry id:type id:type; from>to=label ..." of a definition */
static char *describe(const struct def *d)
{
    struct buf b = BUF_INIT;
    buf_addstr(&b, d->entry == NO_INDEX ? "-" : d->nodes[d->entry].id);
    for (size_t i = 0; i < d->node_count; i++)
        buf_printf(&b, " %s:%s", d->nodes[i].id, d->nodes[i].type);
    buf_addch(&b, ';');
    for (size_t i = 0; i < d->edge_count; i++) {
        const struct def_edge *e = &d->edges[i];
        buf_printf(&b, " %s>%s%s%s", d->nodes[e->from].id, d->nodes[e->to].id, e->label ? "=" : "", e->label ? e->label : "");
    }
    return buf_steal(&b);
}

static void check_form(const char *graph, const char *rows, const char *expected)
{
    CLEANUP_JSON json_t *g = graph ? sim_json(graph) : NULL, *r = rows ? sim_json(rows) : NULL;
    struct def *d = def_load(g, r, NULL, NULL, NULL);
    CLEANUP_FREE char *text = describe(d);
    assert_string_equal(text, expected);
    def_unref(d);
}

static void test_forms(void **state)
{
    (void)state;
    check_form("{'nodes':[{'node_id':'a','node_type':'trigger'},{'node_id':'b'}],'edges':[{'from':'a','to':'b','branch':'x'}]}",
               NULL, "a a:trigger b:unknown; a>b=x");
    check_form("{'nodes':{'a':{'node_type':'trigger','next':'b'},'b':{'node_type':'n','next':['c','a']},'c':{'node_type':'n'}}}",
               NULL, "a a:trigger b:n c:n; a>b b>c b>a");
    check_form("{'nodes':{'a':{'node_type':'t','next':'b'},'b':{'node_type':'n'}},'edges':[{'from':'b','to':'a'}]}", NULL,
               "b a:t b:n; b>a");
    check_form("{'nodes':[{'id':'a','type':'trigger','data':{'config':{}}},{'id':'b','type':'custom','data':{'node_type':'http'}}],"
               "'edges':[{'id':'e','source':'a','target':'b','sourceHandle':'true','label':'for people'}]}",
               NULL, "a a:trigger b:http; a>b=true");
    check_form("{'edges':[{'from':'a','to':'b'}]}", "[{'node_id':'a','node_type':'x'},{'node_id':'b','node_type':'y'}]",
               "a a:x b:y; a>b");
    check_form(NULL, NULL, "-;");
    check_form("{}", NULL, "-;");
    check_form("{'nodes':[{'node_id':'a'}],'edges':[{'from':'a','to':'a','branch':'','condition':null,'sourceHandle':'h'}]}", NULL,
               "a a:unknown; a>a=h");
}

static void test_entry(void **state)
{
    (void)state;
    const char *edges = "'edges':[{'from':'b','to':'a'},{'from':'c','to':'b'}]";
    CLEANUP_FREE char *named = xasprintf("{'nodes':[{'node_id':'a'},{'node_id':'b'},{'node_id':'c'}],%s,'entry_node_id':'b'}", edges);
    check_form(named, NULL, "b a:unknown b:unknown c:unknown; b>a c>b");
    CLEANUP_FREE char *wrong = xasprintf("{'nodes':[{'node_id':'a'},{'node_id':'b'},{'node_id':'c'}],%s,'entry_node_id':'z'}", edges);
    check_form(wrong, NULL, "c a:unknown b:unknown c:unknown; b>a c>b");
    check_form("{'nodes':[{'node_id':'a'},{'node_id':'b','node_type':'trigger'}]}", NULL, "b a:unknown b:trigger;");
    check_form("{'nodes':[{'node_id':'a'},{'node_id':'b'}],'edges':[{'from':'a','to':'b'},{'from':'b','to':'a'}]}", NULL,
               "a a:unknown b:unknown; a>b b>a");
}

static json_t *config_of(const char *graph)
{
    CLEANUP_JSON json_t *g = sim_json(graph);
    struct def *d = def_load(g, NULL, NULL, NULL, NULL);
    json_t *config = json_incref(d->nodes[0].config);
    def_unref(d);
    return config;
}

static void check_config(const char *graph, const char *expected)
{
    CLEANUP_JSON json_t *config = config_of(graph);
    CLEANUP_FREE char *text = js_text(config);
    assert_string_equal(text, expected);
}

static void test_config(void **state)
{
    (void)state;
    check_config("{'nodes':[{'node_id':'a','config':{'k':1}}]}", "{\"k\":1}");
    check_config("{'nodes':[{'node_id':'a','other':2}]}", "{}");
    check_config("{'nodes':[{'node_id':'a','config':[1]}]}", "{}");
    check_config("{'nodes':{'a':{'node_type':'n','next':'a','recipient':'flat','position_x':1}}}", "{\"recipient\":\"flat\"}");
    check_config("{'nodes':{'a':{'node_type':'n','config':{'k':1},'recipient':'flat'}}}", "{\"k\":1}");
    check_config("{'nodes':[{'id':'a','data':{'config':{'k':1}}}]}", "{\"k\":1}");
    check_config("{'nodes':[{'id':'a','data':{'url':'u'}}]}", "{\"url\":\"u\"}");
}

static struct node_options options_of(const char *node)
{
    CLEANUP_FREE char *graph = xasprintf("{'nodes':[%s]}", node);
    CLEANUP_JSON json_t *g = sim_json(graph);
    struct def *d = def_load(g, NULL, NULL, NULL, NULL);
    struct node_options o = d->nodes[0].options;
    o.retry.on = o.retry.never = NULL;
    def_unref(d);
    return o;
}

static void test_options(void **state)
{
    (void)state;
    assert_int_equal(options_of("{'node_id':'a','join':'any','data':{'join':'all'}}").join, JOIN_ANY);
    assert_int_equal(options_of("{'node_id':'a','data':{'join':'any'},'config':{'join':'all'}}").join, JOIN_ANY);
    assert_int_equal(options_of("{'node_id':'a','config':{'join':'any'}}").join, JOIN_ANY);
    assert_int_equal(options_of("{'node_id':'a','config':{'timeout_seconds':1.5}}").timeout_ms, 1500);
    assert_int_equal(options_of("{'node_id':'a','node_type':'await','config':{'timeout_seconds':5}}").timeout_ms, 0);
    assert_int_equal(options_of("{'node_id':'a','node_type':'await','timeout_seconds':5}").timeout_ms, 5000);
    assert_int_equal(options_of("{'node_id':'a'}").retry.max_attempts, 1);
    struct node_options o = options_of("{'node_id':'a','retry':{'max_attempts':5,'initial_ms':10,'multiplier':3,'max_ms':99,"
                                       "'jitter':'full','budget_ms':7},'schedule_to_close_seconds':2,'at_most_once':true,"
                                       "'max_iterations':4,'join_rest':'run','join':'n_of_m','join_n':2.0}");
    assert_int_equal(o.retry.max_attempts, 5);
    assert_int_equal(o.retry.initial_ms, 10);
    assert_int_equal(o.retry.max_ms, 99);
    assert_int_equal(o.retry.budget_ms, 7);
    assert_int_equal(o.retry.jitter, JITTER_FULL);
    assert_true(o.retry.multiplier > 2.9 && o.retry.multiplier < 3.1);
    assert_int_equal(o.close_ms, 2000);
    assert_true(o.at_most_once);
    assert_true(o.join_rest_run);
    assert_int_equal(o.max_iterations, 4);
    assert_int_equal(o.join_n, 2);
}

static void test_errors(void **state)
{
    (void)state;
    check_diags("{'nodes':[{'node_id':'a'}],'edges':[{'from':'a','to':'ghost'}]}",
                "error /edges/0 Node ghost not found in workflow\n");
    check_diags("{'nodes':[{'node_id':'a'},{'node_id':'a'}]}", "error /nodes/1 duplicate node id \"a\"\n");
    check_diags("{'nodes':[{'node_id':'a'},{'node_id':'b'}],'edges':[{'from':'a','to':'b','branch':7}]}",
                "error /edges/0 edge 1 from a to b: the branch is not a string\n"
                "warning /nodes/1 node b cannot be reached from a and never runs\n");
    check_diags("{'nodes':[{'node_id':'a'}],'edges':[{'from':'a'}]}", "error /edges/0 edge 1 has no `to`\n");
    check_diags("{'nodes':{'a/b':{'next':5}}}",
                "error /nodes/a~1b/next node a/b: `next` is neither a node id nor an array of them\n");
    check_diags("a b c{'join':'n_of_m','join_n':3}; a>b a>c b>c",
                "error /nodes/2/join_n node c: join_n is 3, but 2 edges can arrive: the join can never fire\n");
    check_diags("a b{'join':'n_of_m'}; a>b", "error /nodes/1/join_n node b: join n_of_m needs join_n\n");
    check_diags("a b{'join':'n_of_m','join_n':0}; a>b",
                "error /nodes/1/join_n node b: join_n is 0, but 1 edges can arrive: the join can never fire\n");
    /* a back edge is not one that a join can wait for */
    check_diags("a b{'join':'n_of_m','join_n':2} c; a>b b>c c>b",
                "error /nodes/1/join_n node b: join_n is 2, but 1 edges can arrive: the join can never fire\n");
    check_trace("{'nodes':[{'node_id':'a'}],'edges':[{'from':'a','to':'ghost'}]}", "start",
                "END failed: Node ghost not found in workflow");
}

static void test_wrong_types(void **state)
{
    (void)state;
    check_diags("{'nodes':5}", "error /nodes `nodes` is a number, not an array or an object\n");
    check_diags("{'nodes':[{'node_id':'a'}],'edges':{'from':1}}", "error /edges `edges` is an object, not an array\n");
    check_diags("{'nodes':[{'node_id':'a'}],'edges':{}}", "");
    check_diags("{'nodes':[{'node_id':'a','config':[1]}]}", "error /nodes/0/config the config of node a is an array, not an object\n");
    check_diags("{'nodes':[{},5]}", "warning /nodes/0 a node without node_id is left out\nwarning /nodes/1 a node without node_id is left out\n"
                                   "error /nodes none of the 2 nodes has a node_id\n");
    check_diags("{'nodes':null,'edges':null}", "");
    check_diags("{}", "");
}

static void test_warnings(void **state)
{
    (void)state;
    check_diags("a:trigger b:trigger; ", "warning /nodes/1 node b cannot be reached from a and never runs\n");
    check_diags("{'nodes':[{'node_id':'a'},{'config':{}}],'entry_node_id':'z'}",
                "warning /nodes/1 a node without node_id is left out\nwarning /entry_node_id entry_node_id names no node: z\n");
    check_diags("c:condition a b; c>a c>b", "warning /nodes/0 node c: its edges have no branch, so the first drawn (to a) is true and "
                                            "the second (to b) is false\n");
    check_diags("c:if a b d; c>a c>b c>d c>d=error",
                "warning /nodes/0 node c: its 3 edges have no branch, so all of them are taken\n");
    check_diags("a{'timeout_seconds':'x','join':'some','retry':{'max_attempts':0}}",
                "warning /nodes/0/join node a: join must be all, any, n_of_m or each; it is ignored\n"
                "warning /nodes/0/timeout_seconds node a: timeout_seconds must be a number of seconds above 0; it is ignored\n"
                "warning /nodes/0/retry node a: retry must be an object whose max_attempts is a whole number from 1; it is ignored\n");
    check_diags("a{'config':{'join':'some'}}", "warning /nodes/0/config/join node a: join must be all, any, n_of_m or each; it is ignored\n");
    check_diags("c:condition a; c>a", "");
}

/* Which nodes exist: `work` and, under another name, `http_request`. */
static bool find_type(void *ctx, const char *name, struct node_type *out)
{
    static const char *const keys[] = {"condition", NULL};
    (void)ctx;
    if (strcmp(name, "http") == 0)
        name = "http_request";
    if (strcmp(name, "work") != 0 && strcmp(name, "http_request") != 0)
        return false;
    *out = (struct node_type){.name = strcmp(name, "work") == 0 ? "work" : "http_request",
                              .effect = EFFECT_READS,
                              .default_timeout_ms = 7000,
                              .expression_keys = keys};
    return true;
}

static void test_catalog(void **state)
{
    (void)state;
    const struct catalog catalog = {.find = find_type, .unknown_detail = "searched /plugins"};
    const struct def_options options = {.catalog = &catalog};
    CLEANUP_JSON json_t *graph = sim_json("{'nodes':[{'node_id':'a','node_type':'http'},{'node_id':'z','node_type':'frob'}],"
                                          "'edges':[{'from':'a','to':'z'}]}");
    struct sim sim;
    sim_open_rows(&sim, graph, NULL, NULL, &options);
    assert_string_equal(def_node_type(sim.def, 0), "http_request");
    assert_int_equal(def_node_info(sim.def, 0)->effect, EFFECT_READS);
    assert_int_equal(def_node_timeout_ms(sim.def, 0), 7000);
    assert_string_equal(def_node_type(sim.def, 1), "frob");
    assert_null(def_node_info(sim.def, 1));
    assert_int_equal(sim.diags.len, 1);
    assert_string_equal(sim.diags.items[0].pointer, "/nodes/1/node_type");
    assert_string_equal(sim.diags.items[0].message, "node z: no plugin provides the node type \"frob\"");
    assert_null(def_error(sim.def));
    sim_run(&sim, "start; a");
    struct failure f = {0};
    assert_null(engine_config(sim.def, sim.state, sim_act(&sim, "z"), sim.now_us, NULL, NULL, &f));
    assert_string_equal(f.type, "node_type_unknown");
    assert_string_equal(f.message, "no plugin provides the node type \"frob\"; searched /plugins");
    assert_false(f.retryable);
    assert_int_equal(sim_step(&sim, &(struct engine_event){.type = ENGINE_FAIL, .act = sim_act(&sim, "z"), .failure = &f}), 0);
    failure_clear(&f);
    assert_string_equal(sim.logs.data,
                        "a info Executing node: a\na info Node a completed successfully\nz info Executing node: z\n"
                        "z warning No activity handler found for node type: frob\n"
                        "z error Node z failed: no plugin provides the node type \"frob\"; searched /plugins\n"
                        "z error Workflow execution failed permanently: Node z failed: no plugin provides the node type "
                        "\"frob\"; searched /plugins\n");
    sim_close(&sim);
}

static void test_references(void **state)
{
    (void)state;
    struct def *d = def_load(NULL, NULL, NULL, NULL, NULL);
    assert_ptr_equal(def_ref(d), d);
    def_unref(d);
    assert_int_equal(def_node_count(d), 0);
    def_unref(d);
    def_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_entry),    cmocka_unit_test(test_config),
        cmocka_unit_test(test_options), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_wrong_types), cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_catalog), cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
