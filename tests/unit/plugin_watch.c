/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler waits for: timers, descriptors, transfers; and how it is cancelled. */
#include "unit/plugin_bench.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* ---- Watches ---- */

static void timer_second(void *arg, struct wfw_task *task)
{
    note("second");
    host->done(task, arg, NULL);
}

static void timer_first(void *arg, struct wfw_task *task)
{
    note("first");
    assert_non_null(host->timer(task, 1, timer_second, arg));
}

static void timer_never(void *arg, struct wfw_task *task)
{
    (void)arg;
    (void)task;
    note("never");
}

static void run_timers(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    assert_null(host->timer(task, -1, timer_first, NULL));
    assert_null(host->timer(task, 1, NULL, NULL));
    host->unwatch(host->timer(task, 0, timer_never, NULL));
    host->unwatch(NULL);
    assert_non_null(host->timer(task, 1, timer_first, (void *)(uintptr_t)call->input));
    assert_non_null(host->timer(task, 3600000, timer_never, NULL));
}

static void timers(void **state)
{
    (void)state;
    expect_run(run_timers, WFW_EXEC_LOOP, 0, "{}", "done output={\"n\":5}");
    assert_string_equal(got.seen.data, "first\nsecond\n");
}

static void timer_forgets(void *arg, struct wfw_task *task)
{
    (void)task;
    host->unwatch(*(struct wfw_watch **)arg); /* itself */
}

static struct wfw_watch *forgetful;

static void run_forgetful(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    forgetful = host->timer(task, 1, timer_forgets, &forgetful);
}

static void the_last_watch_without_an_outcome(void **state)
{
    (void)state;
    expect_run(run_forgetful, WFW_EXEC_LOOP, 0, "{}",
               "fail type=handler_error message=the handler of node type t.node ended without an outcome");
}

static int pipe_fds[2];

static void on_readable(void *arg, struct wfw_task *task, uint32_t events)
{
    char c = 0;
    assert_string_equal(arg, "arg");
    assert_int_equal(events, WFW_FD_READ);
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    if (c == 'e')
        host->done(task, NULL, "end");
    close(c == 'e' ? pipe_fds[0] : -1);
}

static void run_fd(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    assert_null(host->fd(task, -1, WFW_FD_READ, on_readable, NULL));
    assert_null(host->fd(task, pipe_fds[0], 0, on_readable, NULL));
    assert_null(host->fd(task, pipe_fds[0], 4, on_readable, NULL));
    assert_non_null(host->fd(task, pipe_fds[0], WFW_FD_READ, on_readable, (void *)(uintptr_t)"arg"));
}

static void descriptors(void **state)
{
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(write(pipe_fds[1], "ae", 2), 2);
    expect_run(run_fd, WFW_EXEC_LOOP, WFW_CAP_FD, "{}", "done output={} branch=end");
    close(pipe_fds[1]);
}

static void on_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    (void)arg;
    struct wfw_value *out = host->object(task);
    host->set(out, "status", host->integer(task, r->status));
    if (r->error) {
        host->set(out, "error", host->string(task, r->error, WFW_NTS));
        host->set(out, "error_type", host->string(task, r->error_type, WFW_NTS));
    } else {
        host->set(out, "header", host->string(task, r->headers[0], WFW_NTS));
        host->set(out, "body", host->string(task, r->body, r->body_len));
        host->set(out, "url", host->string(task, r->effective_url, WFW_NTS));
    }
    host->done(task, out, NULL);
}

static void run_http(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *url = NULL;
    const char *const headers[] = {"A: b", NULL};
    (void)state;
    host->get_string(call->config, "/url", &url, NULL);
    const struct wfw_http_request r = {
        .size = sizeof r, .url = url, .headers = headers, .body = "xyz", .body_len = 3, .timeout_ms = 700};
    const struct wfw_http_request no_url = {.size = sizeof r};
    assert_null(host->http(task, &no_url, on_answer, NULL));
    assert_null(host->http(task, NULL, on_answer, NULL));
    assert_non_null(host->http(task, &r, on_answer, NULL));
}

/* The callback stops its own transfer and begins another one. */
static void on_first_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *response)
{
    const struct wfw_http_request r = {.size = sizeof r, .url = "http://again/"};
    (void)response;
    host->unwatch(*(struct wfw_watch **)arg);
    assert_non_null(host->http(task, &r, on_answer, NULL));
}

static void run_http_twice(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_http_request r = {.size = sizeof r, .url = "http://first/"};
    (void)state;
    (void)call;
    forgetful = host->http(task, &r, on_first_answer, &forgetful);
}

static void a_transfer_replaces_itself(void **state)
{
    (void)state;
    expect_run(run_http_twice, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{}",
               "done output={\"status\":201,\"header\":\"X-Answer: 1\",\"body\":\"made\",\"url\":\"http://a/b\"}");
    assert_string_equal(got.seen.data, "http GET http://first/ - 0 0\nhttp GET http://again/ - 0 0\n");
    assert_int_equal(transfer.cancelled, 0);
}

static void http(void **state)
{
    (void)state;
    expect_run(run_http, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{\"url\":\"http://a/b\"}",
               "done output={\"status\":201,\"header\":\"X-Answer: 1\",\"body\":\"made\",\"url\":\"http://a/b\"}");
    assert_string_equal(got.seen.data, "http GET http://a/b A: b 3 700\n");
    expect_run(run_http, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{\"url\":\"refused://\"}",
               "done output={\"status\":0,\"error\":\"no such scheme\",\"error_type\":\"network_error\"}");
    assert_int_equal(transfer.cancelled, 0);
}

/* ---- Cancelling ---- */

static void on_cancel(void *state, struct wfw_task *task)
{
    assert_string_equal(state, "state");
    assert_int_equal(host->cancelled(task), 1);
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
    note("cancelled");
}

static void spin(int times)
{
    for (int i = 0; i < times; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void a_loop_handler_is_cancelled(void **state)
{
    (void)state;
    node.cancel = on_cancel;
    struct task *t = start(run_http, WFW_EXEC_LOOP, WFW_CAP_HTTP, "{\"url\":\"http://silent/\"}");
    spin(3);
    task_cancel(t, 1000);
    node.cancel = NULL;
    assert_int_equal(transfer.cancelled, 1);
    assert_string_equal(got.seen.data, "http GET http://silent/ A: b 3 700\ncancelled\n");
    struct task *over = start(run_keep, WFW_EXEC_LOOP, 0, "{}");
    task_cancel(over, 1000); /* its outcome was there, not yet delivered */
    spin(5);
    assert_int_equal(got.count, 0);
    assert_int_equal(host->done(kept, NULL, NULL), WFW_E_STALE);
}

static sem_t began, may_end;

static void run_polite(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    struct pollfd p = {.fd = host->cancel_fd(task), .events = POLLIN};
    kept = task;
    sem_post(&began);
    assert_int_equal(host->cancel_fd(task), p.fd);
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_int_equal(host->cancelled(task), 1);
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
    assert_non_null(host->object(task)); /* memory stays as long as run() */
    sem_post(&may_end);
}

static void a_blocking_handler_is_told(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *t = start(run_polite, WFW_EXEC_BLOCKING, 0, "{}");
    sem_wait(&began);
    task_cancel(t, 60000);
    sem_wait(&may_end);
    while (host->object(kept))
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(task_host_abandoned(tasks), 0);
    while (task_host_blocking_free(tasks) != 2)
        usleep(1000);
    assert_int_equal(got.count, 0);
}

static void run_deaf(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    kept = task;
    sem_post(&began);
    while (sem_wait(&may_end) != 0)
        ;
}

static void a_deaf_handler_is_abandoned_and_counted(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *first = start(run_deaf, WFW_EXEC_BLOCKING, 0, "{}");
    struct task *second = launch("{}");
    sem_wait(&began);
    sem_wait(&began);
    assert_int_equal(task_host_blocking_free(tasks), 0);
    struct task *third = launch("{}"); /* waits for a thread */
    task_cancel(third, 0);
    assert_int_equal(task_host_abandoned(tasks), 0);
    task_cancel(first, 0);
    while (task_host_abandoned(tasks) != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    sem_post(&may_end);
    sem_post(&may_end);
    while (task_host_abandoned(tasks) != 0 || got.count != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    (void)second;
    assert_string_equal(got.text, "fail type=handler_error message=the handler of node type t.node ended without an outcome");
}

/* The host goes while a handler is still running: the thread finds nobody, and nothing crashes. */
static void the_host_does_not_wait_for_the_deaf(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *t = start(run_deaf, WFW_EXEC_BLOCKING, 0, "{}");
    sem_wait(&began);
    task_cancel(t, 0);
    while (task_host_abandoned(tasks) != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(task_host_free(tasks), 1);
    tasks = NULL;
    uv_run(&loop, UV_RUN_NOWAIT);
    sem_post(&may_end);
    while (host->object(kept))
        usleep(1000); /* until the thread has let go of the task */
}

static void run_block(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    usleep(500);
    host->done(task, NULL, NULL);
}

static void many_blocking_tasks_share_few_threads(void **state)
{
    (void)state;
    prepare(run_block, WFW_EXEC_BLOCKING, 0);
    for (int i = 0; i < 300; i++)
        launch("{}");
    loop_until(300);
    while (task_host_blocking_free(tasks) != 2)
        uv_run(&loop, UV_RUN_NOWAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(timers),
        WITH_HOST(the_last_watch_without_an_outcome),
        WITH_HOST(descriptors),
        WITH_HOST(http),
        WITH_HOST(a_transfer_replaces_itself),
        WITH_HOST(a_loop_handler_is_cancelled),
        WITH_HOST(a_blocking_handler_is_told),
        WITH_HOST(a_deaf_handler_is_abandoned_and_counted),
        WITH_HOST(the_host_does_not_wait_for_the_deaf),
        WITH_HOST(many_blocking_tasks_share_few_threads),
    };
    alarm(300);
    log_setup(LOG_TEXT, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
