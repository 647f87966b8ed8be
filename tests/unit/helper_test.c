/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers in helper processes: everything that a handler does has the same outcome there as inside; and whatever it does to its
 * process costs that call alone, is named, and the next one is served. */
#include "unit/plugin_bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/calls.h"
#include "helper/helper.h"

/* plugin_bench.h is for handlers that call fail() of the host. */
#define FAIL_WITH(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

static struct registry *registry;
static const char *section = "{\"greeting\":\"hi\"}";

/* ---- Opening and calling ---- */

static json_t *plugin_config(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "parity") == 0 ? js_parse(section, strlen(section), NULL) : json_pack("{s:s}", "enabled", "no");
}

static void open_plugin(enum isolate isolate)
{
    const char *builddir = getenv("builddir");
    CLEANUP_FREE char *file = xasprintf("%s/tests/plugins/.libs/parity.so", builddir ? builddir : ".");
    const char *const files[] = {file, NULL};
    struct error e = ERROR_INIT;
    registry = registry_open(&(struct registry_options){.plugin_dirs = files, .system_dir = "", .plugin_config = plugin_config,
                                                        .isolate = isolate, .isolation = &helper_isolation, .helpers = 2},
                             &e);
    if (!registry)
        FAIL_WITH("%s", e.message);
}

static void on_result(void *owner, struct task *t, const struct outcome *o)
{
    struct buf b = BUF_INIT;
    (void)owner, (void)t;
    outcome_write(&b, o);
    free(got.text);
    got.text = buf_steal(&b);
    got.count++;
}

static struct task *call_with(const char *type, json_t *config)
{
    CLEANUP_JSON json_t *input = json_pack("{s:i, s:[s,n,f]}", "n", 5, "list", "x", 0.1);
    CLEANUP_JSON json_t *edges = json_pack("[{s:n, s:s}]", "branch", "to", "n2");
    CLEANUP_JSON json_t *checkpoint = json_pack("[i]", 1);
    const struct task_call call = {.node_type = type, .node_id = "node-1", .execution_id = "exec-1", .workflow_id = "wf-1",
                                   .key = "key-1", .signal = "went", .config = config, .input = input, .edges = edges,
                                   .checkpoint = checkpoint, .event = input, .scope = input, .attempt = 2, .timeout_ms = 900,
                                   .why = WFW_WHY_SCOPE, .scope_outcome = WFW_SCOPE_BREAK, .scope_pass = UINT64_MAX,
                                   .activation = UINT64_MAX - 1, .number = 7};
    return task_start(tasks, registry_find(registry, type), &call, on_result, (void *)(uintptr_t)"owner");
}

static struct task *begin(const char *type, const char *what)
{
    CLEANUP_JSON json_t *config = json_pack("{s:s, s:s}", "do", what, "url", "http://a/b");
    return call_with(type, config);
}

static void finish(size_t count)
{
    while (got.count < count)
        uv_run(&loop, UV_RUN_ONCE);
}

/* The outcome, and what was noted before it. */
static char *run(const char *type, json_t *config)
{
    buf_clear(&got.seen);
    size_t before = got.count;
    call_with(type, config);
    assert_int_equal(got.count, before); /* never from inside */
    finish(before + 1);
    return xasprintf("%s\n%s", got.text, got.seen.len ? got.seen.data : "");
}

static void expect(const char *type, const char *what, const char *outcome)
{
    size_t before = got.count;
    begin(type, what);
    finish(before + 1);
    assert_string_equal(got.text, outcome);
}

static int close_all(void **state)
{
    (void)state;
    while (uv_run(&loop, UV_RUN_NOWAIT) && task_host_blocking_free(tasks) != 2)
        usleep(1000);
    registry_close(STEAL(registry));
    return 0;
}

/* ---- The same inside and outside ---- */

/* What a case has to say at least, so that it did what it is there for. */
static const struct {
    const char *config, *loop, *block;
} cases[] = {
    {"{\"do\":\"call\"}", "\"pass\":9223372036854775807,\"outcome\":200,\"now\":1700000000000,\"greeting\":\"hi\"}", "\"data\":\"on a thread\""},
    {"{\"do\":\"values\"}", "\"real\":5.0,\"tenth\":0.1,\"huge\":1e300,\"long\":123456789012345678901234567890", "\"made\":2.0"},
    {"{\"do\":\"large\"}", "xxxxxxxxxx\"}", "xxxxxxxxxx\"}"},
    {"{\"do\":\"nothing\"}", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}"},
    {"{\"do\":\"fail all\"}", "\"error\":\"odd\",\"message\":\"as \xef\xbf\xbd asked\",\"retryable\":true,\"retry_after\":1500",
     "\"error_node\":\"other\""},
    {"{\"do\":\"fail least\"}", "the handler gave no message", "the handler gave no message"},
    {"{\"do\":\"park all\"}", "\"until\":1700000002000000,\"signal\":\"wake\"", "\"fresh\":true"},
    {"{\"do\":\"park least\"}", "\"until\":1000", "\"until\":1000"},
    {"{\"do\":\"enter all\"}", "\"pass\":-1,\"to\":\"n2\",\"flags\":5,\"keep\":3", "\"signals\":[\"a\"]"},
    {"{\"do\":\"enter passes\"}", "\"passes\":[{\"n\":5,\"list\":[\"x\",null,0.1]},{}]", "\"passes\":["},
    {"{\"do\":\"leave break\"}", "\"branch\":\"outer\",\"leave\":100", "\"leave\":100"},
    {"{\"do\":\"leave continue\"}", "\"leave\":200", "\"leave\":200"},
    {"{\"do\":\"terminate\"}", "\"branch\":\"failed\",\"leave\":300", "\"leave\":300"},
    {"{\"do\":\"silent\"}", "the handler of node type parity.loop ended without an outcome",
     "the handler of node type parity.block ended without an outcome"},
    {"{\"do\":\"twice\"}", "\"type\":\"done\",\"output\":{}}", "\"type\":\"done\",\"output\":{}}"},
    {"{\"do\":\"asks\"}", "\"kind\":\"request_over\"", "\"kind\":\"send\""},
    {"{\"do\":\"variables\"}", "\"variables\":[[\"x\",\"workflow\",", "\"cancels\":[[\"n7\",1],[\"n8\",0]]"},
    {"{\"do\":\"services\"}", "\"secret\":\"hush\"", "log owner 1 three"},
    {"{\"do\":\"fail after notes\"}", "progress owner 50", "log owner 2 soon"},
    {"{\"do\":\"timer\"}", "\"branch\":\"timer\"", "no timer here"},
    {"{\"do\":\"http\",\"url\":\"http://a/b\"}", "\"body\":\"made\"", "no http here"},
    {"{\"do\":\"http\",\"url\":\"refused://\"}", "\"error\":\"no such scheme\"", "no http here"},
    {"{\"do\":\"http unwatched\"}", "\"branch\":\"unwatched\"", "no http here"},
    {"{\"do\":\"refuse\"}", "invalid configuration: it wants to be refused", "ended without an outcome"},
    {"{\"other\":1}", "\"error\":\"config_invalid\",\"message\":\"invalid configuration: \\\"/do\\\": is missing\"",
     "invalid configuration"},
};

static void same_as_inside(const char *type, bool loop_class)
{
    char *inside[ARRAY_LEN(cases)];
    for (enum isolate mode = ISOLATE_NEVER; mode <= ISOLATE_ALWAYS; mode++) {
        open_plugin(mode);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            CLEANUP_JSON json_t *config = js_parse(cases[i].config, strlen(cases[i].config), NULL);
            char *now = run(type, config);
            const char *part = loop_class ? cases[i].loop : cases[i].block;
            if (!strstr(now, part))
                FAIL_WITH("%s %s: no %s in %s", type, cases[i].config, part, now);
            if (mode != ISOLATE_NEVER && strcmp(now, inside[i]) != 0)
                FAIL_WITH("%s %s\ninside:  %s\noutside: %s", type, cases[i].config, inside[i], now);
            if (mode == ISOLATE_NEVER)
                inside[i] = now;
            else
                free(now);
        }
        close_all(NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        free(inside[i]);
}

static void loop_handlers_say_the_same(void **state)
{
    (void)state;
    same_as_inside("parity.loop", true);
}

static void blocking_handlers_say_the_same(void **state)
{
    (void)state;
    same_as_inside("parity.block", false);
}

/* ---- What costs a process ---- */

static const struct handler *of(const char *type)
{
    return registry_find(registry, type);
}

static struct remote_stats stats(void)
{
    struct remote_stats s;
    struct remote *r = of("parity.loop")->remote;
    r->isolation->stats(r, &s);
    return s;
}

static json_t *failure(void)
{
    json_t *v = js_parse_own(got.text, strlen(got.text), NULL);
    assert_non_null(v);
    assert_string_equal(js_str(v, "type"), "fail");
    return v;
}

static void expect_death(const char *type, const char *what, const char *error, const char *message)
{
    size_t before = got.count;
    begin(type, what);
    finish(before + 1);
    CLEANUP_JSON json_t *v = failure();
    assert_string_equal(js_str(v, "message"), message);
    assert_string_equal(js_str(v, "error"), error);
    /* parity.block has an effect that must not be repeated */
    assert_int_equal(js_bool(v, "retryable", false), strcmp(type, "parity.loop") == 0);
    assert_true(json_is_object(json_object_get(v, "details")));
    expect("parity.block", "nothing", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}");
}

static void every_death_is_named_and_the_next_call_is_served(void **state)
{
    (void)state;
    section = "{\"greeting\":\"hi\",\"limit_output\":\"100000\"}";
    open_plugin(ISOLATE_ALWAYS);
    expect_death("parity.block", "crash", "crashed", "the handler of node type parity.block crashed with signal 11 (SIGSEGV)");
    expect_death("parity.loop", "crash", "crashed", "the handler of node type parity.loop crashed with signal 11 (SIGSEGV)");
    expect_death("parity.block", "exit", "crashed", "the handler of node type parity.block ended its process with exit code 3");
    expect_death("parity.loop", "stop", "crashed",
                 "the handler of node type parity.loop stopped its process with signal 19 (SIGSTOP)");
    section = "{\"greeting\":\"hi\"}";
    assert_int_equal(stats().died, 4);
}

static void garbage_and_floods(void **state)
{
    (void)state;
    section = "{\"greeting\":\"hi\",\"limit_output\":\"100000\"}";
    open_plugin(ISOLATE_ALWAYS);
    expect_death("parity.block", "garbage", "crashed",
                 "the handler of node type parity.block wrote into wfworker's own descriptor: what came is no message");
    expect_death("parity.loop", "flood", "limit_exceeded",
                 "the handler of node type parity.loop wrote more in one call than it may, limit_output = 100000 B");
    section = "{\"greeting\":\"hi\"}";
    assert_int_equal(stats().died, 2);
}

static void an_outcome_before_the_crash_counts(void **state)
{
    (void)state;
    open_plugin(ISOLATE_ALWAYS);
    expect("parity.block", "crash after", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{},\"branch\":\"before\"}");
    expect("parity.block", "nothing", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}");
}

/* Two processes; five calls of which two end theirs: the three others come through. */
static void a_crash_costs_its_own_call(void **state)
{
    static const char *const whats[] = {"crash", "nothing", "exit", "nothing", "nothing"};
    size_t done = 0;
    (void)state;
    open_plugin(ISOLATE_ALWAYS);
    for (size_t i = 0; i < ARRAY_LEN(whats); i++)
        begin("parity.block", whats[i]);
    for (size_t i = 0; i < ARRAY_LEN(whats); i++) {
        finish(i + 1);
        done += strcmp(got.text, "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}") == 0;
    }
    assert_in_range(done, 1, 3); /* got.text is the last of a turn */
    assert_int_equal(stats().waiting, 0);
    assert_in_range(stats().started, 3, 6);
}

/* ---- Cancelling ---- */

static void until_it_runs(void)
{
    while (!got.seen.len || !strstr(got.seen.data, "progress"))
        uv_run(&loop, UV_RUN_ONCE);
}

static void until_free(void)
{
    while (stats().busy > 0)
        uv_run(&loop, UV_RUN_ONCE);
}

static void a_cancelled_handler_is_told(void **state)
{
    (void)state;
    open_plugin(ISOLATE_ALWAYS);
    struct task *t = begin("parity.block", "wait politely");
    until_it_runs();
    task_cancel(t, 60000);
    until_free();
    assert_int_equal(got.count, 0);
    assert_int_equal(stats().started, 1); /* its process goes on */
    expect("parity.block", "nothing", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}");
    assert_int_equal(stats().died, 0);
}

static void a_deaf_one_loses_its_process(void **state)
{
    (void)state;
    open_plugin(ISOLATE_ALWAYS);
    for (int i = 0; i < 2; i++) {
        buf_clear(&got.seen);
        struct task *t = begin(i ? "parity.loop" : "parity.block", "wait deaf");
        if (i == 0)
            until_it_runs();
        while (stats().busy == 0) /* one on the loop says nothing before it returns */
            uv_run(&loop, UV_RUN_ONCE);
        task_cancel(t, 10);
        until_free();
        assert_int_equal(got.count, 0);
    }
    expect("parity.block", "nothing", "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}");
    assert_int_equal(stats().died, 0); /* wfworker wanted it */
    assert_int_equal(task_host_abandoned(tasks), 0);
}

static void what_waits_can_be_withdrawn(void **state)
{
    struct task *t[4];
    (void)state;
    open_plugin(ISOLATE_ALWAYS);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        t[i] = begin("parity.block", "wait politely");
    while (stats().busy < 2)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(stats().waiting, 2);
    assert_int_equal(stats().helpers, 2); /* no more than the section says */
    assert_false(task_withdraw(t[0]));
    assert_true(task_withdraw(t[3]));
    task_cancel(t[2], 1000);
    assert_int_equal(stats().waiting, 0);
    task_cancel(t[0], 60000);
    task_cancel(t[1], 60000);
    until_free();
    assert_int_equal(got.count, 0);
}

/* A host may end while handlers run; nothing is left of them. */
static void a_host_ends_whatever_runs(void **state)
{
    (void)state;
    open_plugin(ISOLATE_ALWAYS);
    struct task *t = begin("parity.block", "wait deaf");
    until_it_runs();
    task_cancel(t, 60000);
    close_all(NULL);
    assert_int_equal(task_host_free(STEAL(tasks)), 0);
    const struct task_services services = {.loop = &loop};
    tasks = task_host_new(&services, 2, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child */
}

/* ---- Limits of the section ---- */

static void wrong_limits_are_refused(void **state)
{
    static const struct {
        const char *section, *message;
    } wrong[] = {{"{\"helpers\":\"0\"}", "[plugin parity]: helpers = \"0\" is no number from 1 to 1024"},
                 {"{\"helpers\":\"2x\"}", "[plugin parity]: helpers = \"2x\" is no number from 1 to 1024"}};
    const char *builddir = getenv("builddir");
    CLEANUP_FREE char *file = xasprintf("%s/tests/plugins/.libs/parity.so", builddir ? builddir : ".");
    const char *const files[] = {file, NULL};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct error e = ERROR_INIT;
        section = wrong[i].section;
        assert_null(registry_open(&(struct registry_options){.plugin_dirs = files, .system_dir = "", .plugin_config = plugin_config,
                                                             .isolate = ISOLATE_ALWAYS, .isolation = &helper_isolation},
                                  &e));
        const char *said = strstr(e.message, "[plugin");
        assert_string_equal(said ? said : e.message, wrong[i].message);
    }
    section = "{\"greeting\":\"hi\"}";
}

#define WITH_PLUGIN(test) cmocka_unit_test_setup_teardown(test, set_up, end_test)

static int end_test(void **state)
{
    if (registry)
        close_all(state);
    return tear_down(state);
}

int main(int argc, char **argv)
{
    if (helper_wanted(argc, argv))
        return helper_main();
    const struct CMUnitTest tests[] = {
        WITH_PLUGIN(loop_handlers_say_the_same),
        WITH_PLUGIN(blocking_handlers_say_the_same),
        WITH_PLUGIN(every_death_is_named_and_the_next_call_is_served),
        WITH_PLUGIN(garbage_and_floods),
        WITH_PLUGIN(an_outcome_before_the_crash_counts),
        WITH_PLUGIN(a_crash_costs_its_own_call),
        WITH_PLUGIN(a_cancelled_handler_is_told),
        WITH_PLUGIN(a_deaf_one_loses_its_process),
        WITH_PLUGIN(what_waits_can_be_withdrawn),
        WITH_PLUGIN(a_host_ends_whatever_runs),
        WITH_PLUGIN(wrong_limits_are_refused),
    };
    alarm(300);
    log_setup(LOG_TEXT, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
