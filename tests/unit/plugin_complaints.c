/* SPDX-License-Identifier: Apache-2.0 */
/* What is said in the log of handlers that do wrong: each text whole, with the argument that it is about. */
#include "unit/plugin_bench.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static void see_log(enum log_level level, const char *message, const struct log_field *fields)
{
    const char *about = "";
    for (const struct log_field *f = fields; f->name; f++)
        if (strcmp(f->name, "argument") == 0 || strcmp(f->name, "error") == 0)
            about = f->text;
    note("%s%s%s%s", level == LOG_INFO ? "info: " : level == LOG_ERROR ? "error: " : "", message, *about ? ": " : "", about);
}

static int begin(void **state)
{
    log_setup(LOG_TEXT, LOG_INFO);
    log_divert(see_log);
    return set_up(state);
}

static int end(void **state)
{
    int rc = tear_down(state);
    log_divert(NULL);
    log_setup(LOG_TEXT, LOG_ERROR);
    return rc;
}
#define WATCHED(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void expect_log(run_fn run, uint32_t exec, uint32_t caps, const char *outcome, const char *log)
{
    buf_clear(&got.seen);
    expect_run(run, exec, caps, "{}", outcome);
    assert_string_equal(got.seen.data ? got.seen.data : "", log);
}

#define SIZED(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#define KNOWN "a handler uses members of a structure that this wfworker does not know: "
#define RESERVED "a handler sets a reserved member of a structure, which must be 0: "

/* ---- Structures ---- */

static void run_structures(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    char id[WFW_ID_SIZE];
    struct {
        struct wfw_park park;
        char tail[8];
    } longer = {.park = {.size = sizeof longer, .after_ms = 1}, .tail = {1}};
    (void)state;
    (void)call;
    assert_int_equal(host->fail(task, &(struct wfw_error){.message = "no size"}), WFW_E_INVAL);
    assert_int_equal(host->park(task, &longer.park), WFW_E_INVAL);
    assert_int_equal(host->fail(task, SIZED(wfw_error, .reserved = 1)), WFW_E_INVAL);
    assert_int_equal(host->park(task, SIZED(wfw_park, .after_ms = 1, .reserved = 1)), WFW_E_INVAL);
    assert_int_equal(host->start_child(task, SIZED(wfw_child, .workflow = "w", .reserved = 7), id), WFW_E_INVAL);
    assert_int_equal(host->lock(task, SIZED(wfw_lock, .key = "k", .reserved = 1), id), WFW_E_INVAL);
    host->done(task, NULL, NULL);
    assert_int_equal(host->done(task, NULL, NULL), WFW_E_STALE);
}

static void structures_are_looked_at(void **state)
{
    (void)state;
    expect_log(run_structures, WFW_EXEC_LOOP, WFW_CAP_CHILD | WFW_CAP_LOCK, "done output={}",
               "a handler passed a structure without its size; set size = sizeof: struct wfw_error\n" KNOWN "struct wfw_park\n"
               RESERVED "struct wfw_error\n" RESERVED "struct wfw_park\n" RESERVED "struct wfw_child\n" RESERVED "struct wfw_lock\n"
               "a handler gave a second outcome; it is ignored\n");
}

/* ---- Arguments ---- */

static void run_arguments(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    char id[WFW_ID_SIZE];
    (void)state;
    (void)call;
    host->park(task, SIZED(wfw_park, .flags = WFW_PARK_FRESH));
    host->park(task, SIZED(wfw_park, .after_ms = 1, .flags = 2));
    host->enter(task, SIZED(wfw_enter, .branch = ""));
    host->enter(task, SIZED(wfw_enter, .branch = "body", .flags = 64));
    host->leave(task, 0, NULL, NULL);
    host->start_child(task, SIZED(wfw_child, .workflow = "w", .flags = 4), id);
    host->lock(task, SIZED(wfw_lock, .key = "k", .limit = 10001), id);
    host->send_signal(task, SIZED(wfw_send, .type = ":answer:1"), id);
    host->request(task, SIZED(wfw_request, .signal = ""), id);
    assert_null(host->http(task, SIZED(wfw_http_request, .url = "http://a/", .flags = 2), (wfw_http_fn)(void (*)(void))abort, NULL));
    host->done(task, NULL, NULL);
}

static void arguments_are_looked_at(void **state)
{
    (void)state;
    expect_log(run_arguments, WFW_EXEC_LOOP,
               WFW_CAP_CHILD | WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST | WFW_CAP_HTTP, "done output={}",
               "a handler parks without anything to wait for: struct wfw_park\n"
               "a handler parks with a flag that this wfworker does not know: struct wfw_park\n"
               "a handler enters without a branch, with variables that are no object, or with a negative time: struct wfw_enter\n"
               "a handler enters with a flag that this wfworker does not know: struct wfw_enter\n"
               "a handler leaves in a way that this wfworker does not know: leave\n"
               "a handler starts a child with a flag that this wfworker does not know: struct wfw_child\n"
               "a handler asks for a lock with a key or limit that is not possible: struct wfw_lock\n"
               "a handler sends a signal of a type that is not possible: struct wfw_send\n"
               "a handler asks people without a signal for the answer, or about no object: struct wfw_request\n"
               "a handler makes a request with a flag that this wfworker does not know: struct wfw_http_request\n");
}

/* ---- Cancelling ---- */

static sem_t began, may_end;

static void run_deaf(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    close(host->cancel_fd(task)); /* it is not the handler's to close */
    sem_post(&began);
    sem_wait(&may_end);
}

static void the_deaf_are_named(void **state)
{
    (void)state;
    sem_init(&began, 0, 0);
    sem_init(&may_end, 0, 0);
    struct task *t = start(run_deaf, WFW_EXEC_BLOCKING, 0, "{}");
    sem_wait(&began);
    task_cancel(t, 0);
    while (task_host_abandoned(tasks) != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    sem_post(&may_end);
    while (task_host_abandoned(tasks) != 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_string_equal(got.seen.data, "error: a handler cannot be told that it is cancelled: Bad file descriptor\n"
                                       "a cancelled handler does not return; its thread is lost until it does\n"
                                       "info: an abandoned handler returned\n");
}

/* ---- What is not there ---- */

static void run_questions(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_error e = {.size = sizeof e};
    (void)state;
    (void)call;
    host->eval(task, "1", NULL, &e);
    host->fail(task, &e);
}

static void a_host_without_expressions_says_so(void **state)
{
    (void)state;
    const struct task_services bare = {.loop = &loop};
    struct task_host *whole = tasks;
    tasks = task_host_new(&bare, 1, NULL);
    assert_non_null(tasks);
    expect_run(run_questions, WFW_EXEC_LOOP, 0, "{}", "fail type=expression_error message=this wfworker cannot answer that");
    assert_int_equal(task_host_free(tasks), 0);
    tasks = whole;
}

static sem_t asking;
static char *_Atomic answer;

static void run_late_question(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_error e = {.size = sizeof e};
    (void)state;
    (void)call;
    sem_post(&asking);
    host->eval(task, "1", NULL, &e);
    answer = xstrdup(e.message);
}

/* The question of a thread is on its way to the loop, which does not turn any more. */
static void questions_end_with_the_host(void **state)
{
    (void)state;
    const struct task_services bare = {.loop = &loop};
    struct task_host *whole = tasks;
    tasks = task_host_new(&bare, 1, NULL);
    sem_init(&asking, 0, 0);
    answer = NULL;
    struct task *t = start(run_late_question, WFW_EXEC_BLOCKING, 0, "{}");
    sem_wait(&asking);
    task_cancel(t, 0);
    task_host_free(tasks);
    for (int i = 0; !answer && i < 100000; i++)
        usleep(1000);
    assert_string_equal(answer, "wfworker ends");
    free(answer);
    uv_run(&loop, UV_RUN_NOWAIT);
    tasks = whole;
}

#if defined __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined __SANITIZE_THREAD__ || HAS_FEATURE(thread_sanitizer)
#define THREAD_SANITIZER 1
#else
#define THREAD_SANITIZER 0
#endif

/* In a child, as somebody who may have no more threads. */
static int without_threads(void)
{
    if (geteuid() == 0 && setuid(65534) != 0)
        return 2;
    if (setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}) != 0)
        return 3;
    launch("{}");
    loop_until(1);
    if (strcmp(got.text, "fail type=handler_error message=no thread could be made to run the handler") != 0)
        return 4;
    return strcmp(got.seen.data, "no thread for a blocking handler: Resource temporarily unavailable\n") == 0 ? 0 : 5;
}

static void a_thread_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    int status = -1;
    if (THREAD_SANITIZER) {
        print_message("# left out: the thread sanitizer makes no threads in a forked child\n");
        return;
    }
    prepare(run_keep, WFW_EXEC_BLOCKING, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(without_threads());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCHED(structures_are_looked_at),
        WATCHED(arguments_are_looked_at),
        WATCHED(the_deaf_are_named),
        WATCHED(a_host_without_expressions_says_so),
        WATCHED(questions_end_with_the_host),
        WATCHED(a_thread_that_cannot_be_made_is_told),
    };
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
