/* SPDX-License-Identifier: Apache-2.0 */
/* What helper processes say, and what is said to them: much of it, slowly, halfway, right before their end, and by hand. */
#include "unit/plugin_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/helper.h"
#include "helper/inside.h"
#include "unit/helper_pids.h"

#define FAIL_WITH(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))
#define DONE "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{}}"

static struct registry *registry;
static struct heavy *heavy;
static json_t *input;   /* of the next calls */
static json_t *output;  /* of the last outcome */
static struct buf lines; /* of the log */

/* ---- Opening and calling ---- */

static void on_line(enum log_level level, const char *message, const struct log_field *f)
{
    buf_printf(&lines, "%d %s", (int)level, message);
    for (; f->name; f++)
        buf_printf(&lines, " %s=%s", f->name, f->text ? f->text : "#");
    buf_addch(&lines, '\n');
}

static void open_plugins(void)
{
    const char *builddir = getenv("builddir");
    CLEANUP_FREE char *speaker = xasprintf("%s/tests/plugins/.libs/speaker.so", builddir ? builddir : ".");
    CLEANUP_FREE char *parity = xasprintf("%s/tests/plugins/.libs/parity.so", builddir ? builddir : ".");
    const char *const files[] = {speaker, parity, NULL};
    struct error e = ERROR_INIT;
    registry = registry_open(&(struct registry_options){.plugin_dirs = files, .system_dir = "", .isolate = ISOLATE_ALWAYS,
                                                        .isolation = &helper_isolation, .helpers = 2},
                             &e);
    if (!registry)
        FAIL_WITH("%s", e.message);
}

/* With threads for large documents, as the worker has them. */
static int begin_test(void **state)
{
    if (set_up(state) != 0)
        return -1;
    heavy = heavy_new(&loop, NULL);
    tasks->services.heavy = heavy;
    open_plugins();
    buf_clear(&lines);
    pids_look();
    return heavy ? 0 : -1;
}

static int end_test(void **state)
{
    heavy_free(STEAL(heavy));
    tasks->services.heavy = NULL;
    while (tasks->remotes)
        remote_detach(tasks->remotes);
    registry_close(STEAL(registry));
    json_decref(STEAL(input));
    json_decref(STEAL(output));
    buf_free(&lines);
    if (tear_down(state) != 0)
        return -1;
    if (pids_look().wrong == 0)
        return 0;
    print_error("a process that was waited for got a signal or a limit\n");
    return -1;
}

static void on_result(void *owner, struct task *t, const struct outcome *o)
{
    (void)owner, (void)t;
    json_decref(output);
    output = json_incref(o->output);
    free(got.text);
    got.text = o->type == OUTCOME_FAIL ? xasprintf("%s: %s", o->error_type, o->message)
                                       : xasprintf("done %s", o->branch ? o->branch : "-");
    got.count++;
}

static struct task *call(const char *type, json_t *config)
{
    const struct task_call c = {.node_type = type, .node_id = "node-1", .execution_id = "exec-1", .workflow_id = "wf-1",
                                .key = "key-1", .config = config, .input = input, .attempt = 1};
    struct task *t = task_start(tasks, registry_find(registry, type), &c, on_result, (void *)(uintptr_t)"owner");
    json_decref(config);
    return t;
}

static void until(size_t count)
{
    while (got.count < count)
        uv_run(&loop, UV_RUN_ONCE);
}

static struct pool *pool_of(const char *type)
{
    return (struct pool *)registry_find(registry, type)->remote;
}

static void until_free(const char *type)
{
    while (pool_of(type)->counts.busy > 0)
        uv_run(&loop, UV_RUN_ONCE);
}

/* What came of it, once its process is free again or gone. */
static const char *result(const char *type, json_t *config)
{
    size_t before = got.count;
    call(type, config);
    until(before + 1);
    until_free(type);
    return got.text;
}

static void kill_all(const struct pool *p)
{
    siginfo_t info;
    for (const struct helper *h = p->helpers; h; h = h->next) {
        assert_int_equal(kill(h->process.pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)h->process.pid, &info, WEXITED | WNOWAIT), 0);
    }
}

/* ---- Time of this thread alone: others on the machine do not count ---- */

static int64_t own_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The longest that a turn of the loop worked until the outcome was there. */
static int64_t longest_turn(size_t count)
{
    int64_t longest = 0;
    while (got.count < count) {
        int64_t began = own_us();
        uv_run(&loop, UV_RUN_ONCE);
        longest = own_us() - began > longest ? own_us() - began : longest;
    }
    return longest;
}

static json_t *numbers(size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        js_push(list, json_integer(7));
    return json_pack("{s:o}", "numbers", list);
}

/* ---- Large messages ---- */

#define NUMBERS ((size_t)8 << 20) /* 16 MB of text */
#define PIECES 16

static void quick(void *state, struct wfw_task *task, const struct wfw_call *c)
{
    (void)state, (void)c;
    host->done(task, NULL, "quick");
}

/* Each piece of the message comes only after a call of a handler inside has had its outcome. */
static void a_slow_outcome_of_16_mb_holds_nobody_up(void **state)
{
    char directory[] = "/tmp/helper_talk.XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(directory));
    CLEANUP_FREE char *path = xasprintf("%s/gate", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    int gate = open(path, O_RDWR | O_CLOEXEC);
    assert_true(gate >= 0);
    call("speaker.block", json_pack("{s:I, s:i, s:s}", "numbers", (json_int_t)NUMBERS, "pieces", PIECES, "gate", path));
    for (size_t i = 1; i <= PIECES; i++) {
        start(quick, WFW_EXEC_LOOP, 0, "{}");
        until(i);
        assert_string_equal(got.text, "done output={} branch=quick");
        assert_int_equal(write(gate, "x", 1), 1);
    }
    until(PIECES + 1); /* its process has ended itself by now, or does so just now */
    assert_string_equal(got.text, "done -");
    assert_int_equal(json_array_size(json_object_get(output, "numbers")), NUMBERS + 1);
    until_free("speaker.block");
    assert_non_null(strstr(lines.data, "a helper process ended after its call had an outcome"));
    close(gate);
    unlink(path);
    rmdir(directory);
}

/* The loop reads and writes pieces; the rest is the threads'. */
static void large_values_are_not_the_loops_work(void **state)
{
    (void)state;
    input = numbers(NUMBERS / 8);
    int64_t began = own_us();
    CLEANUP_FREE char *text = js_text(input);
    CLEANUP_JSON json_t *again = js_parse_own(text, strlen(text), NULL);
    int64_t alone = own_us() - began;
    assert_true(json_equal(again, input));
    assert_string_equal(result("speaker.block", json_pack("{s:i}", "done", 1)), "done -");
    json_decref(STEAL(output)); /* not within a turn */
    call("speaker.block", json_pack("{s:i}", "done", 1));
    int64_t longest = longest_turn(2);
    assert_true(json_equal(output, input));
    if (longest > alone / 4)
        FAIL_WITH("the loop worked for %lld us at once; writing and reading take %lld", (long long)longest, (long long)alone);
}

static void a_large_call_can_be_cancelled(void **state)
{
    (void)state;
    input = numbers(NUMBERS / 8);
    struct task *t = call("speaker.block", json_pack("{s:i}", "done", 1));
    assert_non_null(pool_of("speaker.block")->helpers->beside); /* it is being written just now */
    task_cancel(t, 60000);
    until_free("speaker.block");
    assert_int_equal(got.count, 0);
    assert_string_equal(result("speaker.block", json_pack("{s:i}", "done", 1)), "done -");
    assert_true(json_equal(output, input));
}

/* Its process dies while its call is written beside the loop: another one gets it. */
static void a_large_call_survives_its_process(void **state)
{
    (void)state;
    input = numbers(NUMBERS / 8);
    call("speaker.block", json_pack("{s:i}", "done", 1));
    kill_all(pool_of("speaker.block"));
    until(1);
    assert_string_equal(got.text, "done -");
    assert_true(json_equal(output, input));
}

static void one_that_stops_in_the_middle_is_ended(void **state)
{
    (void)state;
    struct task *t = call("speaker.block", json_pack("{s:i}", "stall", 1 << 20));
    const struct helper *h = pool_of("speaker.block")->helpers;
    while (h->process.channel.in.len < (size_t)1 << 20)
        uv_run(&loop, UV_RUN_ONCE);
    start(quick, WFW_EXEC_LOOP, 0, "{}");
    until(1);
    assert_string_equal(got.text, "done output={} branch=quick");
    task_cancel(t, 1); /* as at the end of the attempt's time */
    until_free("speaker.block");
    assert_int_equal(got.count, 1);
    assert_string_equal(result("speaker.block", json_pack("{s:i}", "done", 1)), "done -");
}

/* ---- The end ---- */

static void an_outcome_right_before_the_end_counts(void **state)
{
    static const char *const types[] = {"speaker.loop", "speaker.block"}, *const ends[] = {"exit", "_exit", "abort"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types) * ARRAY_LEN(ends) * 3; i++) {
        const char *type = types[i % 2], *end = ends[i / 2 % 3];
        CLEANUP_FREE char *expected = xasprintf("done %s", end);
        buf_clear(&got.seen);
        buf_clear(&lines);
        assert_string_equal(result(type, json_pack("{s:s}", "end", end)), expected);
        assert_string_equal(got.seen.data, "log owner 1 before the end\n");
        until_free(type);
        CLEANUP_FREE char *line = xasprintf(
            "2 a helper process ended after its call had an outcome plugin=speaker reason=the handler of node type %s %s", type,
            strcmp(end, "abort") == 0 ? "crashed with signal 6 (SIGABRT)" : "ended its process with exit code 0");
        if (!lines.data || !strstr(lines.data, line))
            FAIL_WITH("no \"%s\" in %s", line, lines.data ? lines.data : "");
        assert_string_equal(result(type, json_pack("{s:i}", "done", 1)), "done -");
    }
}

/* Not only one that ended, but one that ended and of which nobody has heard yet. */
static void a_dead_helper_gets_no_call(void **state)
{
    (void)state;
    input = json_pack("{s:i}", "n", 5);
    for (int i = 0; i < 10; i++) {
        assert_string_equal(result("speaker.block", json_pack("{s:i}", "done", 1)), "done -");
        until_free("speaker.block");
        kill_all(pool_of("speaker.block"));
        if (i % 2 == 0) /* with half of them the loop hears of it first */
            while (pool_of("speaker.block")->counts.helpers > 0)
                uv_run(&loop, UV_RUN_ONCE);
        assert_string_equal(result("speaker.block", json_pack("{s:i}", "done", 1)), "done -");
        assert_true(json_equal(output, input)); /* nothing of the call was lost */
    }
    struct pids_seen seen = pids_look();
    assert_int_equal(seen.wrong, 0);
    assert_in_range(seen.right, 20, 1000);
}

/* As if its parent had ended before it could ask to be told. */
static void a_helper_without_its_parent_ends(void **state)
{
    int ends[2], status = -1;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], HELPER_CHANNEL);
        execl("/proc/self/exe", "wfworker", HELPER_ARGUMENT, "speaker", "1", (char *)NULL);
        _exit(9);
    }
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid); /* though the channel is open */
    assert_int_equal(status, 0);
    close(ends[0]);
}

/* ---- Messages by hand ---- */

static const char not_heard[] =
    "crashed: the handler of node type speaker.loop wrote into wfworker's own descriptor: what came is no message";

static void questions_need_their_capability(void **state)
{
    static const struct {
        const char *say, *able;
    } asked[] = {{"{\"is\":\"ask\",\"what\":\"secret\",\"text\":\"key\"}", "{\"is\":\"answer\",\"value\":\"hush\"}"},
                 {"{\"is\":\"ask\",\"what\":\"env\",\"text\":\"HOME\"}", "{\"is\":\"answer\",\"value\":\"/root\"}"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_string_equal(result("speaker.able", json_pack("{s:s, s:i}", "say", asked[i].say, "listen", 1)), "done -");
        assert_string_equal(js_str(output, "heard"), asked[i].able);
        assert_string_equal(result("speaker.loop", json_pack("{s:s, s:i}", "say", asked[i].say, "listen", 1)), "done -");
        assert_string_equal(js_str(output, "heard"), "{\"is\":\"answer\",\"error\":\"\"}");
    }
}

static void http_needs_its_capability(void **state)
{
    static const char say[] = "{\"is\":\"http\",\"id\":7,\"method\":\"GET\",\"url\":\"http://a/b\",\"headers\":null}";
    (void)state;
    assert_string_equal(result("speaker.loop", json_pack("{s:s}", "say", say)), not_heard);
    assert_null(got.seen.data);
    assert_string_equal(result("speaker.able", json_pack("{s:s, s:i}", "say", say, "listen", 1)), "done -");
    assert_string_equal(got.seen.data, "http GET http://a/b - 0 0\n");
    assert_string_equal(js_str(output, "heard"), "{\"is\":\"http\",\"id\":7,\"status\":201,\"url\":\"http://a/b\","
                                                 "\"headers\":[\"X-Answer: 1\"],\"body\":true}");
}

static void asks_need_their_capability(void **state)
{
    static const char *const kinds[] = {"child_start", "lock", "send", "request"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLEANUP_FREE char *say = xasprintf("{\"is\":\"outcome\",\"type\":\"done\",\"output\":{},"
                                           "\"asks\":[{\"kind\":\"%s\",\"body\":{\"id\":\"x\"}}]}", kinds[i]);
        assert_string_equal(result("speaker.loop", json_pack("{s:s}", "say", say)), not_heard);
        assert_string_equal(result("speaker.able", json_pack("{s:s, s:i}", "say", say, "leave", 1)), "done -");
        assert_string_equal(result("speaker.loop", json_pack("{s:i}", "done", 1)), "done -");
    }
}

#define ANSWER ((size_t)1 << 20)
#define UNREAD_MOST ((size_t)64 << 20)

static void answers_that_nobody_reads_are_bounded(void **state)
{
    CLEANUP_FREE char *fill = xcalloc(ANSWER + 1, 1);
    (void)state;
    memset(fill, 'x', ANSWER);
    CLEANUP_FREE char *say =
        xasprintf("{\"is\":\"ask\",\"what\":\"eval\",\"text\":\"good\",\"vars\":{\"a\":\"%s\"}}", fill);
    struct task *t = call("speaker.able", json_pack("{s:s, s:i}", "say", say, "times", 1000));
    const struct helper *h = pool_of("speaker.able")->helpers;
    while (channel_pending(&h->process.channel) < UNREAD_MOST)
        uv_run(&loop, UV_RUN_ONCE);
    size_t there = channel_pending(&h->process.channel);
    assert_in_range(there, UNREAD_MOST, UNREAD_MOST + 2 * ANSWER);
    for (int i = 0; i < 50; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(channel_pending(&h->process.channel), there);
    assert_in_range(h->process.channel.in.len, 0, 2 * ANSWER + READ_BYTES);
    task_cancel(t, 1);
    until_free("speaker.able");
}

/* ---- Lines of its log ---- */

static void refused_line(const char *line)
{
    assert_string_equal(result("speaker.loop", json_pack("{s:s, s:i}", "say", line, "listen", 1)), not_heard);
    assert_string_equal(result("speaker.loop", json_pack("{s:i}", "done", 1)), "done -"); /* the next one need not wait */
}

static void lines_keep_to_their_form(void **state)
{
    static const char *const wrong[] = {
        "{\"is\":\"line\",\"level\":1,\"message\":\"m\",\"fields\":[\"a\\n2026-01-01 info forged\",\"x\"]}",
        "{\"is\":\"line\",\"level\":1,\"message\":\"m\",\"fields\":[\"a=1 b\",\"x\"]}",
        "{\"is\":\"line\",\"level\":1,\"message\":\"m\",\"fields\":[\"\",\"x\"]}",
        "{\"is\":\"line\",\"level\":1,\"message\":\"m\",\"fields\":[5,\"x\"]}",
        "{\"is\":\"line\",\"level\":9,\"message\":\"m\"}", "{\"is\":\"line\",\"level\":1}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        refused_line(wrong[i]);
    CLEANUP_FREE char *huge = xcalloc(8300, 1);
    memset(huge, 'm', 8299);
    CLEANUP_FREE char *message = xasprintf("{\"is\":\"line\",\"level\":1,\"message\":\"%s\"}", huge);
    CLEANUP_FREE char *field = xasprintf("{\"is\":\"line\",\"level\":1,\"message\":\"m\",\"fields\":[\"a\",\"%s\"]}", huge);
    refused_line(message);
    refused_line(field);
    assert_null(strstr(lines.data, "1 m"));
    static const char good[] = "{\"is\":\"line\",\"level\":1,\"message\":\"told\",\"fields\":[\"plugin\",\"http\",\"n\",\"1\"]}";
    assert_string_equal(result("speaker.loop", json_pack("{s:s, s:i}", "say", good, "done", 1)), "done -");
    assert_non_null(strstr(lines.data, "1 told plugin=speaker n=1\n"));
}

#define WITH_SPEAKER(test) cmocka_unit_test_setup_teardown(test, begin_test, end_test)

int main(int argc, char **argv)
{
    if (helper_wanted(argc, argv))
        return helper_main();
    const struct CMUnitTest tests[] = {
        WITH_SPEAKER(a_slow_outcome_of_16_mb_holds_nobody_up),
        WITH_SPEAKER(large_values_are_not_the_loops_work),
        WITH_SPEAKER(a_large_call_can_be_cancelled),
        WITH_SPEAKER(a_large_call_survives_its_process),
        WITH_SPEAKER(one_that_stops_in_the_middle_is_ended),
        WITH_SPEAKER(an_outcome_right_before_the_end_counts),
        WITH_SPEAKER(a_dead_helper_gets_no_call),
        WITH_SPEAKER(a_helper_without_its_parent_ends),
        WITH_SPEAKER(questions_need_their_capability),
        WITH_SPEAKER(http_needs_its_capability),
        WITH_SPEAKER(asks_need_their_capability),
        WITH_SPEAKER(answers_that_nobody_reads_are_bounded),
        WITH_SPEAKER(lines_keep_to_their_form),
    };
    alarm(300);
    log_setup(LOG_TEXT, LOG_INFO);
    log_divert(on_line);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
