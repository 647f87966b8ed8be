/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one program within limits, and nothing of it is left when it is over.
 *
 *     wfworker-sandbox SUBJECT [KEY=VALUE]... -- PROGRAM [ARGUMENT]...
 *     wfworker-sandbox --check [KEY=VALUE]...
 *
 * Standard input, output and error are the program's.  On descriptor 3 there is one line of JSON at the end: {"exit": CODE},
 * {"failed": WHY} when it could not be started, or {"type", "message", "details"} when it died or was ended by a limit; SUBJECT
 * begins the message.  KEYs are those of limits.h, and cwd, user, kill_after; timeout is only checked.
 *
 * It stays beside the program as the one who is given its orphans (PR_SET_CHILD_SUBREAPER), so that what the program started is
 * ended with it, also what made a session of its own.  SIGTERM, SIGINT and SIGHUP end the program in order, and by force after
 * kill_after, SIGUSR1 at once; when wfworker is gone, too. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/setting_value.h"
#include "sandbox/death.h"
#include "sandbox/limits.h"

#define REPORT_FD 3
#define MAX_SWEEPS 10000
#define MAX_TASK_DIRS 64

struct order {
    const char *subject, *cwd, *user;
    struct limits limits;
    double kill_after_ms, timeout_ms;
    char **argv;
};

/* ---- Arguments ---- */

static int read_duration(const char *key, const char *text, double least, double *out, struct error *e)
{
    const struct setting_rule rule = {VALUE_DURATION, least, 30.0 * 86400000, NULL};
    CLEANUP_BUF struct buf expected = BUF_INIT;
    if (setting_parse(&rule, text, out) == 0)
        return 0;
    setting_expected(&rule, &expected);
    return err_set(e, "%s = \"%.80s\": must be %s", key, text, expected.data);
}

static int read_own(struct order *o, const char *key, const char *text, struct error *e)
{
    if (strcmp(key, "cwd") == 0) {
        o->cwd = text;
        return *text == '/' ? 0 : err_set(e, "cwd: \"%.100s\" is not an absolute path", text);
    }
    if (strcmp(key, "user") == 0) {
        o->user = text;
        return geteuid() == 0 ? 0 : err_set(e, "user = \"%.80s\": only root can run programs as another user", text);
    }
    if (strcmp(key, "kill_after") == 0)
        return read_duration(key, text, 1, &o->kill_after_ms, e);
    if (strcmp(key, "timeout") == 0)
        return read_duration(key, text, 1, &o->timeout_ms, e);
    return 1;
}

/* Programs start others as a matter of course: shells, above all. */
static int read_order(struct order *o, char **argv, struct error *e)
{
    CLEANUP_JSON json_t *section = json_object();
    int i = 0;
    limits_defaults(&o->limits);
    o->limits.processes = 64;
    for (; argv[i] && strcmp(argv[i], "--") != 0; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return err_set(e, "\"%.80s\" is not of the form key=value", argv[i]);
        *equals = '\0';
        int rc = read_own(o, argv[i], equals + 1, e);
        if (rc < 0)
            return -1;
        if (rc > 0)
            js_set(section, argv[i], js_string_lossy(equals + 1, strlen(equals + 1)));
    }
    if (limits_read(section, &o->limits, e) != 0)
        return -1;
    if (o->limits.processes == 0)
        return err_set(e, "limit_processes = 0: a program is a process itself, 1 lets it start no other");
    o->argv = argv[i] ? argv + i + 1 : NULL;
    return 0;
}

static int check(char **argv)
{
    struct order o = {.kill_after_ms = 5000};
    struct error e = ERROR_INIT;
    CLEANUP_BUF struct buf output = BUF_INIT;
    if (read_order(&o, argv, &e) != 0) {
        puts(e.message);
        return 1;
    }
    limits_format(&o.limits, "limit_output", &output);
    printf("ok %llu %.0f %.0f %s\n", (unsigned long long)o.limits.output, o.timeout_ms, o.kill_after_ms, output.data);
    return 0;
}

/* ---- The report ---- */

static void report(json_t *line) /* takes over the reference */
{
    CLEANUP_FREE char *text = js_text(line);
    CLEANUP_FREE char *whole = xasprintf("%s\n", text);
    const char *at = whole;
    size_t left = strlen(whole);
    while (left > 0) {
        ssize_t n = write(REPORT_FD, at, left);
        if (n < 0 && errno != EINTR)
            break;
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    json_decref(line);
}

static void report_failed(const char *why)
{
    json_t *line = json_object();
    js_set(line, "failed", js_string_lossy(why, strlen(why)));
    report(line);
}

static int64_t processor_ms(const struct rusage *u)
{
    return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

static void report_end(const struct order *o, int status, const struct rusage *usage)
{
    json_t *line = json_object();
    struct death_words words;
    if (WIFEXITED(status)) {
        js_set(line, "exit", json_integer(WEXITSTATUS(status)));
    } else {
        death_describe(&(struct death){.subject = o->subject,
                                       .status = status,
                                       .sentence = WIFSTOPPED(status) ? DEATH_STOPPED : DEATH_OWN,
                                       .usage = usage,
                                       .cpu_ms = processor_ms(usage),
                                       .limits = &o->limits},
                       &words);
        js_set(line, "type", json_string(words.type));
        js_set(line, "message", js_string_lossy(words.message, strlen(words.message)));
        js_set(line, "details", words.details);
    }
    report(line);
}

/* ---- The program ---- */

static int become(const char *user, struct error *e)
{
    const struct passwd *who = user ? getpwnam(user) : NULL;
    if (!user)
        return 0;
    if (!who)
        return err_set(e, "there is no user \"%.80s\"", user);
    if (initgroups(who->pw_name, who->pw_gid) != 0 || setgid(who->pw_gid) != 0 || setuid(who->pw_uid) != 0)
        return err_set(e, "cannot become user \"%.80s\": %s", user, strerror(errno));
    return 0;
}

static int prepare(const struct order *o, pid_t parent, struct error *e)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (become(o->user, e) != 0)
        return -1;
    if (chdir(o->cwd) != 0)
        return err_set(e, "the directory %.200s cannot be entered: %s", o->cwd, strerror(errno));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return err_set(e, "wfworker-sandbox is gone");
    return limits_apply(&o->limits, (struct limits_how){.program = true, .processor_time = true}, e);
}

__attribute__((noreturn)) static void be_the_program(const struct order *o, pid_t parent)
{
    struct error e = ERROR_INIT;
    if (prepare(o, parent, &e) == 0) {
        execv(o->argv[0], o->argv);
        err_set(&e, "%.300s: %s", o->argv[0], strerror(errno));
    }
    report_failed(e.message);
    _exit(127);
}

/* ---- Its end ---- */

static bool is_pid(const char *name, size_t len)
{
    return len > 0 && len < 10 && strspn(name, "0123456789") >= len;
}

/* SIGKILL to all children of this process, orphans of the program among them. */
static void kill_children(void)
{
    char text[4096], path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " ");
        bool whole = p[len] == ' ';
        if (whole && is_pid(p, len))
            kill((pid_t)strtol(p, NULL, 10), SIGKILL);
        p += len + whole;
    }
}

/* The program is reaped: whatever it left comes here, one generation after the other. */
static void sweep(pid_t group)
{
    for (int i = 0; i < MAX_SWEEPS; i++) {
        kill(-group, SIGKILL);
        kill_children();
        pid_t gone = waitpid(-1, NULL, WNOHANG);
        if (gone < 0 && errno == ECHILD)
            return;
        if (gone == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

struct watch {
    pid_t pid;
    int status;
    struct rusage usage;
    int64_t kill_at_us; /* 0: nobody asked for its end */
};

/* True: the program is over (or stopped, which is the same). */
static bool reap(struct watch *w)
{
    for (;;) {
        int status;
        struct rusage usage;
        pid_t gone = wait4(-1, &status, WNOHANG | WUNTRACED, &usage);
        if (gone <= 0)
            return false;
        if (gone == w->pid) {
            w->status = status;
            w->usage = usage;
            return true;
        }
    }
}

static void watch(const struct order *o, struct watch *w, const sigset_t *signals)
{
    while (!reap(w)) {
        int64_t left = w->kill_at_us ? w->kill_at_us - clock_mono_us() : 3600 * US_PER_S;
        if (left <= 0) {
            kill(-w->pid, SIGKILL);
            left = US_PER_S;
        }
        struct timespec wait = {left / US_PER_S, left % US_PER_S * 1000};
        int sig = sigtimedwait(signals, NULL, &wait);
        if ((sig == SIGTERM || sig == SIGINT || sig == SIGHUP) && !w->kill_at_us) {
            kill(-w->pid, SIGTERM);
            w->kill_at_us = clock_mono_us() + (int64_t)(o->kill_after_ms * 1000);
        }
        if (sig == SIGUSR1)
            w->kill_at_us = clock_mono_us();
    }
}

static void only_standard_descriptors(void)
{
    fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
#if HAVE_DECL_CLOSE_RANGE
    if (close_range(REPORT_FD + 1, ~0U, 0) == 0)
        return;
#endif
    for (int fd = REPORT_FD + 1; fd < 4096; fd++)
        close(fd);
}

/* Our ends of its pipes are closed, so that whoever reads them sees the end when it is. */
static void let_go_of_pipes(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
}

static int run(const struct order *o)
{
    struct watch w = {0};
    sigset_t signals;
    pid_t self = getpid();
    sigemptyset(&signals);
    for (size_t i = 0; i < 5; i++)
        sigaddset(&signals, (const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1}[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    only_standard_descriptors();
    w.pid = fork();
    if (w.pid == 0)
        be_the_program(o, self);
    if (w.pid < 0) {
        report_failed(strerror(errno));
        return 1;
    }
    let_go_of_pipes();
    watch(o, &w, &signals);
    sweep(w.pid);
    report_end(o, w.status, &w.usage);
    return 0;
}

int main(int argc, char **argv)
{
    struct order o = {.cwd = "/", .kill_after_ms = 5000};
    struct error e = ERROR_INIT;
    if (argc > 1 && strcmp(argv[1], "--check") == 0)
        return check(argv + 2);
    if (argc < 2 || read_order(&o, argv + 2, &e) != 0 || !o.argv || !o.argv[0]) {
        report_failed(*e.message ? e.message : "wfworker-sandbox was called without a program");
        return 2;
    }
    o.subject = argv[1];
    return run(&o);
}
