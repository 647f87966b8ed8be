/* SPDX-License-Identifier: Apache-2.0 */
/* Limits as they are read and written, and processes that die of them, or otherwise: each with its words. */
#include "unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "config.h"
#include "sandbox/death.h"
#include "sandbox/limits.h"

#define MIB ((size_t)1024 * 1024)

/* ---- Reading and writing ---- */

static int read_text(const char *text, struct limits *l, struct error *e)
{
    CLEANUP_JSON json_t *section = js_parse(text, strlen(text), NULL);
    assert_non_null(section);
    limits_defaults(l);
    return limits_read(section, l, e);
}

static void expect_written(const struct limits *l, const char *key, const char *expected)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    limits_format(l, key, &b);
    assert_string_equal(b.data, expected);
}

static void defaults(void **state)
{
    static const char *const written[] = {"512 MiB", "1 min", "256", "0", "16 MiB", "on", "on"};
    struct limits l;
    (void)state;
    limits_defaults(&l);
    assert_int_equal(limits_read(NULL, &l, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(written); i++)
        expect_written(&l, limits_keys[i], written[i]);
    assert_null(limits_keys[ARRAY_LEN(written)]);
}

static void values(void **state)
{
    struct limits l;
    struct error e = ERROR_INIT;
    (void)state;
    assert_int_equal(read_text("{\"limit_memory\":\"64MiB\",\"limit_cpu\":\"1500ms\",\"limit_descriptors\":\"32\","
                               "\"limit_processes\":\"7\",\"limit_output\":\"none\",\"network\":\"no\",\"other\":\"x\"}",
                               &l, &e),
                     0);
    assert_int_equal(l.memory, 64 * MIB);
    assert_int_equal(l.cpu_ms, 1500);
    assert_int_equal(l.descriptors, 32);
    assert_int_equal(l.processes, 7);
    assert_int_equal(l.output, 0);
    assert_false(l.network);
    expect_written(&l, "limit_output", "none");
    expect_written(&l, "network", "off");
    assert_int_equal(read_text("{\"limit_memory\":\"0\",\"limit_cpu\":\"none\",\"sandbox\":\"off\"}", &l, &e), 0);
    assert_int_equal(l.memory, 0);
    assert_int_equal(l.cpu_ms, 0);
    assert_false(l.sandbox);
}

static void wrong_values(void **state)
{
    static const struct {
        const char *section, *text;
    } cases[] = {
        {"{\"limit_memory\":\"lots\"}", "limit_memory = \"lots\": must be bytes, or a number with KiB, MiB or GiB, from 16 MiB "
                                        "to 1024 GiB, or none"},
        {"{\"limit_memory\":\"1MiB\"}", "limit_memory = \"1MiB\": must be bytes, or a number with KiB, MiB or GiB, from 16 MiB "
                                        "to 1024 GiB, or none"},
        {"{\"limit_cpu\":\"0.5\"}", "limit_cpu = \"0.5\": must be seconds, or a number with ms, s, m, h or d, from 1 s to 1 d, "
                                    "or none"},
        {"{\"limit_descriptors\":\"none\"}", "limit_descriptors = \"none\": must be a whole number from 32 to 65536"},
        {"{\"limit_processes\":\"-1\"}", "limit_processes = \"-1\": must be a whole number from 0 to 4096"},
        {"{\"limit_output\":\"2GiB\"}", "limit_output = \"2GiB\": must be bytes, or a number with KiB, MiB or GiB, from 1 KiB to "
                                        "1 GiB, or none"},
        {"{\"sandbox\":\"maybe\"}", "sandbox = \"maybe\": must be on or off"},
        {"{\"network\":\"\"}", "network = \"\": must be on or off"},
        {"{\"network\":\"no\",\"sandbox\":\"off\"}", "network = no needs sandbox = on"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct limits l;
        struct error e = ERROR_INIT;
        assert_int_equal(read_text(cases[i].section, &l, &e), -1);
        assert_string_equal(e.message, cases[i].text);
    }
}

/* ---- Deaths ---- */

struct corpse {
    int status;
    struct rusage usage;
    struct death_note *note;
};

/* Run it in a child with these limits, watched. */
static struct corpse run(const struct limits *l, void (*act)(void))
{
    struct corpse c = {0};
    struct error e = ERROR_INIT;
    int fd = -1;
    c.note = death_note_new(&fd, &e);
    assert_non_null(c.note);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct death_note *own = death_note_take(fd, NULL);
        if (!own || limits_apply(l, (struct limits_how){.processor_time = true}, &e) != 0)
            _exit(99);
        death_watch(own);
        act();
        _exit(0);
    }
    close(fd);
    assert_int_equal(wait4(pid, &c.status, WUNTRACED, &c.usage), pid);
    if (WIFSTOPPED(c.status)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return c;
}

static int64_t used_ms(const struct rusage *u)
{
    return (int64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

static void expect(const struct limits *l, void (*act)(void), enum death_sentence sentence, const char *type, const char *message,
                   const char *member, const char *value)
{
    struct corpse c = run(l, act);
    struct death_words w;
    death_describe(&(struct death){.subject = "the handler of node type acme.bad",
                                   .status = c.status,
                                   .sentence = sentence,
                                   .usage = &c.usage,
                                   .cpu_ms = used_ms(&c.usage),
                                   .limits = l,
                                   .note = c.note},
                   &w);
    CLEANUP_FREE char *details = js_text(w.details);
    const json_t *found = json_object_get(w.details, member);
    CLEANUP_FREE char *text = found ? js_text(found) : xstrdup("absent");
    assert_string_equal(w.message, message);
    assert_string_equal(w.type, type);
    if (strcmp(text, value) != 0)
        fail_msg("%s is %s and not %s in %s", member, text, value, details);
    json_decref(w.details);
    death_note_free(c.note);
}

static struct limits standard(void)
{
    struct limits l;
    limits_defaults(&l);
    return l;
}

static void touch_nothing(void)
{
    static int *volatile nowhere = (int *)8;
    *nowhere = 1;
}

static void call_abort(void)
{
    abort();
}

static void call_exit(void)
{
    exit(3);
}

static void stop_itself(void)
{
    raise(SIGSTOP);
}

static void end_itself(void)
{
    raise(SIGTERM);
}

static void kill_itself(void)
{
    raise(SIGKILL);
}

static void loop(void)
{
    for (volatile int i = 0;; i = !i)
        continue;
}

static void *volatile eaten; /* so that no compiler leaves it out */

static void eat(void)
{
    for (int i = 0; i < 100000; i++) {
        eaten = malloc(MIB);
        memset(eaten, 1, MIB); /* dies of NULL */
    }
}

static void eat_at_once(void)
{
    eaten = malloc((size_t)64 * 1024 * MIB);
    memset(eaten, 1, 1);
}

static void eat_and_exit(void)
{
    eaten = malloc((size_t)64 * 1024 * MIB);
    if (!eaten)
        exit(1);
}

static void eat_and_abort(void)
{
    eaten = malloc((size_t)64 * 1024 * MIB);
    if (!eaten)
        abort();
}

static int deeper(volatile char *above);
static int (*volatile go_deeper)(volatile char *) = deeper;

static int deeper(volatile char *above)
{
    volatile char page[4096];
    page[0] = *above;
    return go_deeper(page) + page[1];
}

static void use_up_stack(void)
{
    volatile char none[1] = {0};
    deeper(none);
}

static void signals(void **state)
{
    struct limits l = standard();
    (void)state;
    expect(&l, touch_nothing, DEATH_OWN, "crashed", "the handler of node type acme.bad crashed with signal 11 (SIGSEGV)",
           "address", "\"0x8\"");
    expect(&l, call_abort, DEATH_OWN, "crashed", "the handler of node type acme.bad crashed with signal 6 (SIGABRT)",
           "signal_name", "\"SIGABRT\"");
    expect(&l, end_itself, DEATH_OWN, "crashed", "the handler of node type acme.bad was ended by signal 15 (SIGTERM)", "signal",
           "15");
    expect(&l, kill_itself, DEATH_OWN, "crashed",
           "the handler of node type acme.bad was ended by signal 9 (SIGKILL): by the system, when memory ran out, or by somebody",
           "signal", "9");
    expect(&l, stop_itself, DEATH_STOPPED, "crashed", "the handler of node type acme.bad stopped its process with signal 19 "
                                                      "(SIGSTOP)",
           "signal_name", "\"SIGSTOP\"");
    expect(&l, use_up_stack, DEATH_OWN, "crashed",
           "the handler of node type acme.bad crashed with signal 11 (SIGSEGV): its stack is used up", "stack_overflow", "true");
}

static void ends(void **state)
{
    struct limits l = standard();
    (void)state;
    expect(&l, call_exit, DEATH_OWN, "crashed", "the handler of node type acme.bad ended its process with exit code 3",
           "exit_code", "3");
    expect(&l, call_exit, DEATH_OUTPUT, "limit_exceeded",
           "the handler of node type acme.bad wrote more in one call than it may, limit_output = 16 MiB", "limit_value",
           "\"16 MiB\"");
    expect(&l, call_exit, DEATH_GARBAGE, "crashed",
           "the handler of node type acme.bad wrote into wfworker's own descriptor: what came is no message", "signal", "absent");
}

static void processor_time(void **state)
{
    struct limits l = standard();
    (void)state;
    l.cpu_ms = 1000;
    expect(&l, loop, DEATH_OWN, "limit_exceeded", "the handler of node type acme.bad used up its processor time, limit_cpu = 1 s",
           "limit", "\"limit_cpu\"");
}

static void memory(void **state)
{
    static const char crash[] = "the handler of node type acme.bad needed more memory than it may have, limit_memory = 64 MiB: it "
                                "crashed with signal 11 (SIGSEGV)",
                      aborted[] = "the handler of node type acme.bad needed more memory than it may have, limit_memory = 64 MiB: "
                                  "it crashed with signal 6 (SIGABRT)",
                      ended[] = "the handler of node type acme.bad needed more memory than it may have, limit_memory = 64 MiB: it "
                                "ended its process with exit code 1";
    struct limits l = standard();
    (void)state;
    if (LIMITS_SHADOWED) {
        print_message("# left out: memory is not limited beneath a sanitizer\n");
        return;
    }
    l.memory = 64 * MIB;
    expect(&l, eat, DEATH_OWN, "limit_exceeded", crash, "limit_value", "\"64 MiB\"");
    expect(&l, eat_at_once, DEATH_OWN, "limit_exceeded", crash, "limit", "\"limit_memory\"");
    expect(&l, eat_and_exit, DEATH_OWN, "limit_exceeded", ended, "exit_code", "1");
    expect(&l, eat_and_abort, DEATH_OWN, "limit_exceeded", aborted, "signal", "6");
    l.memory = 0;
    expect(&l, call_exit, DEATH_OWN, "crashed", "the handler of node type acme.bad ended its process with exit code 3",
           "exit_code", "3");
}

/* ---- What is refused: a child that finds it otherwise exits with the number of the line ---- */

#define REFUSED(what, with)                                                                                            \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        if ((long)(what) != -1 || errno != (with))                                                                     \
            _exit(__LINE__ % 200 + 1);                                                                                 \
    } while (0)
#define ALLOWED(what)                                                                                                  \
    do {                                                                                                               \
        if ((long)(what) == -1)                                                                                        \
            _exit(__LINE__ % 200 + 1);                                                                                 \
    } while (0)

static void *nothing(void *arg)
{
    return arg;
}

static void try_what_is_refused(void)
{
    pthread_t thread;
    REFUSED(syscall(SYS_ptrace, 0, 0, 0, 0), EPERM);
    REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), EPERM);
    REFUSED(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL), EPERM);
    REFUSED(syscall(SYS_unshare, 0), EPERM);
    REFUSED(syscall(SYS_bpf, 0, NULL, 0), EPERM);
    REFUSED(syscall(SYS_keyctl, 0, 0), EPERM);
    REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0), EPERM);
    REFUSED(kill(getppid(), 0), EPERM);
    REFUSED(kill(-1, 0), EPERM);
    REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0), EPERM);
    REFUSED(syscall(SYS_prlimit64, getppid(), 0, NULL, NULL), EPERM);
    REFUSED(fork(), EPERM);
    REFUSED(execl("/bin/true", "true", (char *)NULL), EPERM);
    REFUSED(socket(AF_INET, SOCK_STREAM, 0), EPERM);
    REFUSED(socket(AF_INET6, SOCK_DGRAM, 0), EPERM);
    ALLOWED(socket(AF_UNIX, SOCK_STREAM, 0));
    ALLOWED(kill(getpid(), 0));
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        _exit(254);
}

static void refused_calls(void **state)
{
    struct limits l = standard();
    (void)state;
    if (limits_missing() || LIMITS_SHADOWED) {
        print_message("# left out: built without libseccomp, or beneath a sanitizer\n");
        return;
    }
    l.network = false;
    struct corpse c = run(&l, try_what_is_refused);
    assert_int_equal(c.status, 0);
    death_note_free(c.note);
}

static void fork_some(void)
{
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        ALLOWED(pid);
        ALLOWED(kill(pid, 0));
        ALLOWED(waitpid(pid, NULL, 0));
    }
    REFUSED(kill(getppid(), 0), EPERM);
    ALLOWED(socket(AF_INET, SOCK_STREAM, 0));
}

static void processes_allowed(void **state)
{
    struct limits l = standard();
    (void)state;
    if (limits_missing() || LIMITS_SHADOWED) {
        print_message("# left out: built without libseccomp, or beneath a sanitizer\n");
        return;
    }
    l.processes = 8;
    struct corpse c = run(&l, fork_some);
    assert_int_equal(c.status, 0);
    death_note_free(c.note);
}

/* ---- Descriptors ---- */

static struct death_note *shared; /* of the child */

static void leak(void)
{
    uint32_t before = death_note_descriptors(shared);
    for (int i = 0; i < 5; i++)
        ALLOWED(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (death_note_descriptors(shared) < before + 5)
        _exit(1);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        continue;
    if (errno != EMFILE || death_note_descriptors(shared) != 64)
        _exit(2);
    abort();
}

static void descriptors(void **state)
{
    struct limits l = standard();
    (void)state;
    l.descriptors = 64;
    int fd;
    shared = death_note_new(&fd, NULL);
    assert_non_null(shared);
    close(fd);
    struct corpse c = run(&l, leak);
    struct death_words w;
    death_describe(&(struct death){.subject = "the handler of node type acme.leak",
                                   .status = c.status,
                                   .cpu_ms = -1,
                                   .limits = &l,
                                   .note = shared,
                                   .last_output = "too many files"},
                   &w);
    CLEANUP_FREE char *details = js_text(w.details);
    assert_string_equal(w.message, "the handler of node type acme.leak crashed with signal 6 (SIGABRT)");
    assert_string_equal(details, "{\"signal\":6,\"signal_name\":\"SIGABRT\",\"descriptors\":\"all used up\",\"last_output\":\"too "
                                 "many files\"}");
    json_decref(w.details);
    death_note_free(shared);
    death_note_free(c.note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),          cmocka_unit_test(values),         cmocka_unit_test(wrong_values),
        cmocka_unit_test(signals),           cmocka_unit_test(ends),           cmocka_unit_test(processor_time),
        cmocka_unit_test(memory),            cmocka_unit_test(refused_calls),  cmocka_unit_test(processes_allowed),
        cmocka_unit_test(descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
