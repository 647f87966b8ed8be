/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: every outcome from every kind of thread, handlers that do it wrong, stale handles, checks before and after. */
#include "unit/plugin_bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/values.h"

/* ---- Outcomes ---- */

static void run_outcome(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    assert_string_equal(state, "state");
    assert_string_equal(call->node_type, "t.alias");
    assert_string_equal(call->node_id, "node-1");
    assert_string_equal(call->execution_id, "exec-1");
    assert_string_equal(call->workflow_id, "wf-1");
    assert_string_equal(call->key, "key-1");
    assert_int_equal(call->attempt, 2);
    assert_int_equal(call->deadline_ms, 900);
    assert_int_equal(call->why, WFW_WHY_START);
    assert_null(call->event);
    assert_int_equal(host->get_string(call->config, "/do", &what, NULL), WFW_OK);
    if (strcmp(what, "done") == 0)
        assert_int_equal(host->done(task, call->input, "yes"), WFW_OK);
    else if (strcmp(what, "done empty") == 0)
        assert_int_equal(host->done(task, NULL, ""), WFW_OK);
    else if (strcmp(what, "fail") == 0)
        assert_int_equal(host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error),
                                                              .type = "odd",
                                                              .message = "as \xff asked",
                                                              .retryable = 1,
                                                              .retry_after_ms = 1500,
                                                              .details = call->input}),
                         WFW_OK);
    else if (strcmp(what, "fail empty") == 0)
        assert_int_equal(host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error)}), WFW_OK);
    else if (strcmp(what, "fail as before node_id") == 0) /* what a plugin passes that was built before that member */
        assert_int_equal(host->fail(task, &(struct wfw_error){.size = offsetof(struct wfw_error, node_id), .type = "old",
                                                              .message = "shorter", .node_id = "beyond its size"}),
                         WFW_OK);
    else if (strcmp(what, "park after") == 0)
        assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .after_ms = 2000,
                                                             .until_ms = INT64_MAX, .checkpoint = call->input}),
                         WFW_OK);
    else if (strcmp(what, "park all") == 0)
        assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park),
                                                             .after_ms = INT64_MAX,
                                                             .until_ms = 1000,
                                                             .signal = "wake",
                                                             .child = "id-2"}),
                         WFW_OK);
    else if (strcmp(what, "enter") == 0)
        assert_int_equal(host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter), .branch = "body",
                                                               .vars = call->input, .checkpoint = call->config, .pass = 3}),
                         WFW_OK);
    else
        assert_int_equal(host->leave(task, WFW_LEAVE_BREAK, "outer", call->input), WFW_OK);
}

static void every_outcome_from_loop_and_thread(void **state)
{
    (void)state;
    expect_everywhere(run_outcome, "{\"do\":\"done\"}", "done output={\"n\":5} branch=yes");
    expect_everywhere(run_outcome, "{\"do\":\"done empty\"}", "done output={}");
    expect_everywhere(run_outcome, "{\"do\":\"fail\"}",
                      "fail type=odd message=as \xef\xbf\xbd asked retryable after=1500 details={\"n\":5}");
    expect_everywhere(run_outcome, "{\"do\":\"fail empty\"}", "fail type=handler_error message=the handler gave no message");
    expect_everywhere(run_outcome, "{\"do\":\"fail as before node_id\"}", "fail type=old message=shorter");
    expect_everywhere(run_outcome, "{\"do\":\"park after\"}", "park until=1700000002000000 checkpoint={\"n\":5}");
    expect_everywhere(run_outcome, "{\"do\":\"park all\"}", "park until=1000000 signal=wake child=id-2");
    expect_everywhere(run_outcome, "{\"do\":\"enter\"}",
                      "enter output={\"n\":5} branch=body checkpoint={\"do\":\"enter\"} pass=3");
    expect_everywhere(run_outcome, "{\"do\":\"leave\"}", "leave output={\"n\":5} branch=outer leave=100");
}

static void run_expecting(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static const char *const types[] = {"a", "b", NULL};
    const char *what = "";
    (void)state;
    host->get_string(call->config, "/do", &what, NULL);
    if (strcmp(what, "enter") == 0)
        host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter), .branch = "body", .signal_types = types, .after_ms = 2000,
                                              .until_ms = INT64_MAX});
    else if (strcmp(what, "enter as before") == 0) /* built before there were signals */
        host->enter(task, &(struct wfw_enter){.size = offsetof(struct wfw_enter, signal_types), .branch = "body", .signal_types = types});
    else if (strcmp(what, "park") == 0)
        host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .signal_types = types, .flags = WFW_PARK_FRESH});
    assert_int_equal(host->cancel_node(task, "x", 0), *what ? WFW_E_STALE : WFW_OK);
    assert_int_equal(host->cancel_node(task, "y", WFW_CANCEL_COMPLETE), *what ? WFW_E_STALE : WFW_OK);
    assert_int_equal(host->cancel_node(task, "", 0), WFW_E_INVAL);
    assert_int_equal(host->cancel_node(task, NULL, 0), WFW_E_INVAL);
    assert_int_equal(host->cancel_node(task, "x", 2), WFW_E_INVAL);
    if (!*what)
        host->done(task, NULL, NULL);
}

static void signals_of_passes_and_nodes_to_cancel(void **state)
{
    (void)state;
    expect_everywhere(run_expecting, "{\"do\":\"enter\"}", "enter branch=body until=1700000002000000 signals=[\"a\",\"b\"]");
    expect_everywhere(run_expecting, "{\"do\":\"enter as before\"}", "enter branch=body");
    expect_everywhere(run_expecting, "{\"do\":\"park\"}", "park signals=[\"a\",\"b\"] fresh");
    expect_everywhere(run_expecting, "{}", "done output={} cancels=[[\"x\",0],[\"y\",1]]");
}

/* ---- Children ---- */

static void run_children(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    char first[WFW_ID_SIZE] = "untouched", second[WFW_ID_SIZE];
    struct wfw_child c = {.size = sizeof c, .workflow = "w-1", .data = call->input};
    const struct wfw_value *text = host->string(task, "no object", WFW_NTS);
    assert_int_equal(host->start_child(task, &(struct wfw_child){.size = sizeof c}, first), WFW_E_INVAL);
    assert_int_equal(host->start_child(task, &(struct wfw_child){.size = sizeof c, .workflow = ""}, first), WFW_E_INVAL);
    assert_int_equal(host->start_child(task, &(struct wfw_child){.size = sizeof c, .workflow = "w", .data = text}, first), WFW_E_INVAL);
    assert_int_equal(host->start_child(task, &(struct wfw_child){.workflow = "no size"}, first), WFW_E_INVAL);
    assert_int_equal(host->start_child(task, &(struct wfw_child){.size = sizeof c, .workflow = "w", .flags = 4}, first), WFW_E_INVAL);
    assert_int_equal(host->start_child(task, &c, NULL), WFW_E_INVAL);
    assert_string_equal(first, "untouched");
    assert_int_equal(host->start_child(task, &c, first), WFW_OK);
    c.flags = WFW_CHILD_DETACH;
    c.data = NULL;
    assert_int_equal(host->start_child(task, &c, second), WFW_OK);
    assert_string_not_equal(first, second);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .child = first}), WFW_OK);
    assert_int_equal(host->start_child(task, &c, second), WFW_E_STALE);
}

static void children_are_part_of_the_outcome(void **state)
{
    (void)state;
    expect_everywhere(run_children, "{}",
                      "park child=1be3cf96-d5ac-56c0-bd62-c461611d3b53 asks=["
                      "{\"kind\":\"child_start\",\"body\":{\"id\":\"1be3cf96-d5ac-56c0-bd62-c461611d3b53\",\"workflow\":\"w-1\",\"node\":\"node-1\",\"wait\":true,\"abandon\":false,\"reply\":\":child:1be3cf96-d5ac-56c0-bd62-c461611d3b53\",\"data\":{\"n\":5}},\"reply\":\":child:1be3cf96-d5ac-56c0-bd62-c461611d3b53\",\"settles\":true,\"undo\":\"child_end\",\"undo_body\":{\"id\":\"1be3cf96-d5ac-56c0-bd62-c461611d3b53\"}},"
                      "{\"kind\":\"child_start\",\"body\":{\"id\":\"a4736fcb-d4af-5847-88de-91bc0c607b83\",\"workflow\":\"w-1\",\"node\":\"node-1\",\"wait\":false,\"abandon\":false,\"reply\":\":child:a4736fcb-d4af-5847-88de-91bc0c607b83\",\"data\":{}},\"reply\":\":child:a4736fcb-d4af-5847-88de-91bc0c607b83\",\"settles\":true}]");
}

/* What is refused leaves the task open. */
static void run_wrong(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct {
        struct wfw_error error;
        char tail[8];
    } longer = {.error = {.size = sizeof longer}, .tail = {0, 1}};
    assert_int_equal(host->fail(task, NULL), WFW_E_INVAL);
    assert_int_equal(host->fail(task, &(struct wfw_error){.message = "no size"}), WFW_E_INVAL);
    assert_int_equal(host->fail(task, &longer.error), WFW_E_INVAL);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park)}), WFW_E_INVAL);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .signal = "s", .after_ms = -1}),
                     WFW_E_INVAL);
    assert_int_equal(host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park), .signal = "s", .flags = 2}), WFW_E_INVAL);
    assert_int_equal(host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter), .branch = "body", .until_ms = -1}),
                     WFW_E_INVAL);
    char id[WFW_ID_SIZE];
    assert_int_equal(host->start_child(task, &(struct wfw_child){.size = sizeof(struct wfw_child), .workflow = "w"}, id),
                     WFW_E_DENIED);
    assert_int_equal(host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter)}), WFW_E_INVAL);
    assert_int_equal(host->leave(task, 5, NULL, NULL), WFW_E_INVAL);
    longer.tail[1] = 0;
    longer.error.message = "longer";
    assert_int_equal(host->fail(task, &longer.error), WFW_OK);
    assert_int_equal(host->done(task, call->input, NULL), WFW_E_STALE);
    assert_int_equal(host->fail(task, &longer.error), WFW_E_STALE);
}

static void wrong_arguments_and_second_outcomes(void **state)
{
    (void)state;
    expect_run(run_wrong, WFW_EXEC_LOOP, 0, "{}", "fail type=handler_error message=longer");
    expect_run(run_wrong, WFW_EXEC_BLOCKING, 0, "{}", "fail type=handler_error message=longer");
}

static void run_silent(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)task;
    (void)call;
}

static void silence_is_a_failure(void **state)
{
    (void)state;
    expect_run(run_silent, WFW_EXEC_LOOP, 0, "{}",
               "fail type=handler_error message=the handler of node type t.node ended without an outcome");
    expect_run(run_silent, WFW_EXEC_BLOCKING, 0, "{}",
               "fail type=handler_error message=the handler of node type t.node ended without an outcome");
}

static void *finish_from_thread(void *task)
{
    host->log(task, WFW_LOG_INFO, "from %s", "outside");
    host->done(task, host->string(task, "threaded", WFW_NTS), NULL);
    return NULL;
}

static pthread_t own_thread;

static void run_own_thread(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    assert_int_equal(pthread_create(&own_thread, NULL, finish_from_thread, task), 0);
}

static void threads_that_are_denied_are_named(void **state)
{
    (void)state;
    prepare(run_silent, WFW_EXEC_BLOCKING, 0);
    handler.denied = WFW_CAP_THREADS;
    launch("{}");
    loop_until(got.count + 1);
    assert_string_equal(got.text, "fail type=handler_error message=the handler of node type t.node ended without an outcome; capability "
                                  "threads, with which it may come later, is denied to its plugin");
}

static void outcomes_from_threads_of_the_plugin(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        expect_run(run_own_thread, i % 2 ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, WFW_CAP_THREADS, "{}", "done output=\"threaded\"");
        pthread_join(own_thread, NULL);
    }
    assert_int_equal(strncmp(got.seen.data, "log owner 1 from outside\n", 25), 0);
}

/* ---- Locks, signals, requests ---- */

#define SIZED(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})

static void run_wrong_asks(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    char id[WFW_ID_SIZE] = "", longest[201 * 2 + 1] = "";
    (void)state;
    (void)call;
    for (int i = 0; i < 201; i++)
        memcpy(longest + 2 * i, "\xc3\xa4", 3);
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = ""), id), WFW_E_INVAL);
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = longest), id), WFW_E_INVAL);
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = "k", .limit = 10001), id), WFW_E_INVAL);
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = "k"), NULL), WFW_E_INVAL);
    assert_int_equal(host->send_signal(task, SIZED(wfw_send, .type = ":answer:1"), id), WFW_E_INVAL);
    assert_int_equal(host->send_signal(task, SIZED(wfw_send, .execution = "e"), id), WFW_E_INVAL);
    assert_int_equal(host->send_signal(task, SIZED(wfw_send, .type = longest), id), WFW_E_INVAL);
    assert_int_equal(host->request(task, SIZED(wfw_request, .signal = NULL), id), WFW_E_INVAL);
    assert_int_equal(host->request(task, SIZED(wfw_request, .signal = "s", .about = host->integer(task, 1)), id), WFW_E_INVAL);
    assert_int_equal(host->request_over(task, "", "yes", NULL), WFW_E_INVAL);
    assert_string_equal(id, "");
    longest[200 * 2] = '\0';
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = longest, .limit = 10000), id), WFW_OK);
    assert_int_equal(strlen(id), 36);
    assert_int_equal(host->done(task, NULL, NULL), WFW_OK);
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = "k"), id), WFW_E_STALE);
    assert_int_equal(host->send_signal(task, SIZED(wfw_send, .type = "x"), id), WFW_E_STALE);
    assert_int_equal(host->request(task, SIZED(wfw_request, .signal = "s"), id), WFW_E_STALE);
    assert_int_equal(host->request_over(task, "r", NULL, NULL), WFW_E_STALE);
}

static void wrong_asks(void **state)
{
    (void)state;
    const uint32_t caps = WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST;
    expect_run(run_wrong_asks, WFW_EXEC_LOOP, caps, "{}", "done output={}");
    expect_run(run_wrong_asks, WFW_EXEC_BLOCKING, caps, "{}", "done output={}");
}

/* ---- Stale handles ---- */

static void expect_stale(struct wfw_task *task)
{
    char msg[80] = "";
    struct wfw_error error = {.size = sizeof error};
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
    assert_int_equal(host->fail(task, NULL), WFW_E_STALE);
    assert_int_equal(host->park(task, NULL), WFW_E_STALE);
    assert_int_equal(host->enter(task, NULL), WFW_E_STALE);
    assert_int_equal(host->leave(task, WFW_LEAVE_BREAK, NULL, NULL), WFW_E_STALE);
    assert_int_equal(host->cancel_node(task, "x", 0), WFW_E_STALE);
    assert_null(host->object(task));
    assert_null(host->array(task));
    assert_null(host->null(task));
    assert_null(host->string(task, "x", 1));
    assert_null(host->parse(task, "1", 1, msg, sizeof msg));
    assert_string_equal(msg, "the task is over");
    assert_null(host->text(task, value_of(json_true()), NULL));
    assert_null(host->alloc(task, 10));
    assert_null(host->eval(task, "1", NULL, &error));
    assert_string_equal(error.type, "cancelled");
    assert_string_equal(error.message, "the task is over");
    assert_int_equal(host->set_data(task, msg, NULL), WFW_E_STALE);
    assert_null(host->data(task));
    assert_null(host->copy(task, value_of(json_true())));
    assert_int_equal(host->progress(task, value_of(json_true())), WFW_E_STALE);
    assert_int_equal(host->cancelled(task), 1);
    assert_int_equal(host->cancel_fd(task), -1);
    assert_null(host->secret(task, "key"));
    assert_null(host->env(task, "HOME"));
    assert_null(host->timer(task, 1, (wfw_timer_fn)(void (*)(void))run_keep, NULL));
    host->log(task, WFW_LOG_DEBUG, "nobody hears this");
}

static void stale_handles_answer_and_never_crash(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        expect_run(run_keep, i % 2 ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, 0, "{}", "done output={}");
        while (!host->cancelled(kept))
            uv_run(&loop, UV_RUN_ONCE); /* until the thread has returned, too */
        expect_stale(kept);
    }
    expect_stale(NULL);
    expect_stale((struct wfw_task *)(uintptr_t)0x10);
    expect_stale((struct wfw_task *)UINTPTR_MAX);
}

/* ---- Configuration, slowness ---- */

static int refuse_config(void *state, const struct wfw_node *of, const struct wfw_value *config, char *msg, size_t msglen)
{
    assert_ptr_equal(of, &node);
    int64_t n = 0;
    assert_string_equal(state, "state");
    host->get_int(config, "/n", &n);
    if (n == 2)
        snprintf(msg, msglen, "two is too many");
    return n >= 2 ? WFW_E_INVAL : WFW_OK;
}

static void configurations_are_checked_first(void **state)
{
    (void)state;
    static const char schema[] = "{\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"}}}";
    handler.config_schema = js_parse(schema, sizeof schema - 1, NULL);
    node.check = refuse_config;
    expect_run(run_keep, WFW_EXEC_LOOP, 0, "{}",
               "fail type=config_invalid message=invalid configuration: \"/n\": is missing");
    expect_run(run_keep, WFW_EXEC_BLOCKING, 0, "{\"n\":\"1\"}",
               "fail type=config_invalid message=invalid configuration: \"/n\": must be of type integer, is string");
    expect_run(run_keep, WFW_EXEC_BLOCKING, 0, "{\"n\":2}",
               "fail type=config_invalid message=invalid configuration: two is too many");
    expect_run(run_keep, WFW_EXEC_LOOP, 0, "{\"n\":3}",
               "fail type=config_invalid message=invalid configuration: the node type's check refuses it");
    expect_run(run_keep, WFW_EXEC_LOOP, 0, "{\"n\":1}", "done output={}");
    json_decref(handler.config_schema);
    handler.config_schema = NULL;
    node.check = NULL;
}

static void run_slow(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    usleep(12000);
    host->done(task, NULL, NULL);
}

/* Computes for longer than a loop handler may, by the clock of its thread. */
static void run_busy(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct timespec now, began;
    (void)state;
    (void)call;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((now.tv_sec - began.tv_sec) * 1000000000 + now.tv_nsec - began.tv_nsec < 30000000);
    host->done(task, NULL, NULL);
}

static void slow_loop_handlers_are_counted(void **state)
{
    (void)state;
    expect_run(run_slow, WFW_EXEC_BLOCKING, 0, "{}", "done output={}");
    assert_int_equal(task_host_slow(tasks), 0);
    expect_run(run_slow, WFW_EXEC_LOOP, 0, "{}", "done output={}");
    assert_int_equal(task_host_slow(tasks), 1);
    expect_run(run_busy, WFW_EXEC_LOOP, 0, "{}", "done output={}");
    assert_int_equal(task_host_slow(tasks), 2);
}

/* ---- Outcomes that are there when the handler returns ---- */

static void run_at_once(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "";
    (void)state;
    host->get_string(call->config, "/notes", &what, NULL);
    if (strstr(what, "log"))
        host->log(task, WFW_LOG_INFO, "first");
    if (strstr(what, "progress"))
        assert_int_equal(host->progress(task, host->integer(task, 50)), WFW_OK);
    assert_int_equal(host->done(task, NULL, "yes"), WFW_OK);
}

static void without_notes_an_outcome_is_at_hand(void **state)
{
    (void)state;
    prepare(run_at_once, WFW_EXEC_LOOP, 0);
    struct task *t = launch_at_once("{}");
    assert_true(task_at_hand(t));
    assert_int_equal(got.count, 0);
    task_deliver(t);
    assert_int_equal(got.count, 1);
    assert_string_equal(got.text, "done output={} branch=yes");
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(got.count, 1); /* once */
}

/* They are posted: an outcome that overtook them would be that of a node whose log rows come after its end. */
static void notes_come_before_an_outcome_at_once(void **state)
{
    static const struct {
        const char *config, *seen;
    } cases[] = {{"{\"notes\":\"log\"}", "log owner 1 first\n"},
                 {"{\"notes\":\"progress\"}", "progress owner 50\n"},
                 {"{\"notes\":\"log progress\"}", "log owner 1 first\nprogress owner 50\n"}};
    (void)state;
    prepare(run_at_once, WFW_EXEC_LOOP, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&got.seen);
        assert_false(task_at_hand(launch_at_once(cases[i].config)));
        assert_int_equal(got.count, i);
        loop_until(i + 1);
        assert_string_equal(got.text, "done output={} branch=yes");
        assert_string_equal(got.seen.data, cases[i].seen);
        assert_int_equal(got.seen_before, got.seen.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(every_outcome_from_loop_and_thread),
        WITH_HOST(signals_of_passes_and_nodes_to_cancel),
        WITH_HOST(children_are_part_of_the_outcome),
        WITH_HOST(wrong_arguments_and_second_outcomes),
        WITH_HOST(silence_is_a_failure),
        WITH_HOST(threads_that_are_denied_are_named),
        WITH_HOST(outcomes_from_threads_of_the_plugin),
        WITH_HOST(wrong_asks),
        WITH_HOST(stale_handles_answer_and_never_crash),
        WITH_HOST(configurations_are_checked_first),
        WITH_HOST(slow_loop_handlers_are_counted),
        WITH_HOST(without_notes_an_outcome_is_at_hand),
        WITH_HOST(notes_come_before_an_outcome_at_once),
    };
    alarm(300);
    log_setup(LOG_TEXT, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
