/* SPDX-License-Identifier: Apache-2.0 */
/* One program, from start to end, on a thread that may block.  wfworker-sandbox starts it, limits it, ends it with all that it
 * has started, and reports on a pipe of its own how it ended; here its input is written and its output read. */
#include "exec/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exec/check.h"

#define MAX_REPORT 16384
#define LINE_MAX_LOGGED 2000

enum end { IN, OUT, ERR, REPORT, CANCEL, ENDS }; /* the descriptors that are polled */

struct run {
    struct wfw_task *task;
    const struct exec_type *t;
    struct lines *lines;
    struct ending *ending;
    pid_t pid;                  /* of wfworker-sandbox */
    struct pollfd fds[ENDS];    /* fd -1: closed */
    const char *input;
    size_t left, written;       /* input; bytes of output and error so far */
    char report[MAX_REPORT];
    size_t report_len;
    char error_line[LINE_MAX_LOGGED + 1]; /* of standard error, not at its end yet */
    size_t error_len;
    int told;                   /* to end */
};

/* ---- Starting ---- */

struct pipe_ends {
    int ours, theirs;
};

/* Theirs is high enough that none is overwritten before it is put in its place. */
static int make_pipe(struct pipe_ends *p, int we_write)
{
    int both[2];
    if (pipe2(both, O_CLOEXEC) != 0)
        return errno;
    p->ours = both[we_write ? 1 : 0];
    p->theirs = fcntl(both[we_write ? 0 : 1], F_DUPFD_CLOEXEC, 10);
    int error = errno;
    close(both[we_write ? 0 : 1]);
    fcntl(p->ours, F_SETFL, O_NONBLOCK);
    return p->theirs >= 0 ? 0 : error;
}

/* PATH and LANG, which the section may name to have those of wfworker, and the variables that it names. */
static char **environment_of(const struct exec_type *t)
{
    static const char *const standard[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
    char **env = calloc(MAX_WORDS + 3, sizeof *env);
    size_t n = 0;
    for (size_t i = 0; env && t->env[i]; i++) {
        const char *value = getenv(t->env[i]);
        size_t size = value ? strlen(t->env[i]) + strlen(value) + 2 : 0;
        if (value && (env[n] = malloc(size)) != NULL)
            snprintf(env[n++], size, "%s=%s", t->env[i], value);
    }
    for (size_t k = 0; env && k < 2; k++) {
        size_t name = strcspn(standard[k], "=") + 1, i = 0;
        while (i < n && strncmp(env[i], standard[k], name) != 0)
            i++;
        if (i == n && (env[n] = strdup(standard[k])) != NULL)
            n++;
    }
    return env;
}

static void free_environment(char **env)
{
    for (char **e = env; e && *e; e++)
        free(*e);
    free(env);
}

static int spawn(const struct exec_type *t, const struct pipe_ends pipes[4], pid_t *pid)
{
    char subject[120], *argv[4 + 16 + MAX_WORDS + 2];
    size_t n = 0;
    sigset_t none, standard;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **env = environment_of(t);
    snprintf(subject, sizeof subject, "the program of node type %s", t->node.type);
    argv[n++] = (char[]){"wfworker-sandbox"};
    argv[n++] = subject;
    for (size_t i = 0; i < t->option_count; i++)
        argv[n++] = t->options[i];
    argv[n++] = (char[]){"--"};
    for (size_t i = 0; t->argv[i]; i++)
        argv[n++] = t->argv[i];
    argv[n] = NULL;
    sigemptyset(&none);
    sigfillset(&standard);
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 4; fd++)
        posix_spawn_file_actions_adddup2(&actions, pipes[fd].theirs, fd);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    int rc = env ? posix_spawn(pid, sandbox_path(), &actions, &attributes, argv, env) : ENOMEM;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free_environment(env);
    return rc;
}

static int start(struct run *r)
{
    struct pipe_ends pipes[4] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = make_pipe(&pipes[i], i == 0);
    if (rc == 0)
        rc = spawn(r->t, pipes, &r->pid);
    for (int i = 0; i < 4; i++) {
        if (pipes[i].theirs >= 0)
            close(pipes[i].theirs);
        r->fds[i] = (struct pollfd){.fd = pipes[i].ours, .events = i == IN ? POLLOUT : POLLIN};
    }
    r->fds[CANCEL] = (struct pollfd){.fd = host->cancel_fd(r->task), .events = POLLIN};
    return rc;
}

/* ---- Talking ---- */

static void shut(struct run *r, enum end end)
{
    if (r->fds[end].fd >= 0)
        close(r->fds[end].fd);
    r->fds[end].fd = -1;
}

/* wfworker-sandbox ends the program in order, and by force after kill_after. */
static void tell_to_end(struct run *r)
{
    if (!r->told)
        kill(r->pid, SIGTERM);
    r->told = 1;
}

static void write_some(struct run *r)
{
    ssize_t n = write(r->fds[IN].fd, r->input, r->left);
    if (n > 0) {
        r->input += n;
        r->left -= (size_t)n;
    }
    if (r->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        shut(r, IN); /* all of it, or the program does not want it */
}

/* Cut between characters. */
static void keep_last(struct ending *e, const char *line, size_t len)
{
    size_t n = len < sizeof e->last - 1 ? len : sizeof e->last - 1;
    while (n > 0 && n < len && ((unsigned char)line[n] & 0xC0) == 0x80)
        n--;
    memcpy(e->last, line, n);
    e->last[n] = '\0';
}

/* A line of standard error goes to the log; the last one into a failure's message. */
static void end_error_line(struct run *r)
{
    char *line = r->error_line;
    line[r->error_len] = '\0';
    while (r->error_len > 0 && (unsigned char)line[r->error_len - 1] <= ' ')
        line[--r->error_len] = '\0';
    if (r->error_len > 0) {
        if (!host->string(r->task, line, WFW_NTS))
            for (char *p = line; *p; p++)
                if (*p & 0x80)
                    *p = '?';
        host->log(r->task, WFW_LOG_INFO, "%s", line);
        keep_last(r->ending, line, r->error_len);
    }
    r->error_len = 0;
}

static void add_error(struct run *r, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n')
            end_error_line(r);
        else if (r->error_len < LINE_MAX_LOGGED)
            r->error_line[r->error_len++] = bytes[i] ? bytes[i] : ' ';
    }
}

static void add_report(struct run *r, const char *bytes, size_t len)
{
    size_t room = MAX_REPORT - r->report_len;
    memcpy(r->report + r->report_len, bytes, len < room ? len : room);
    r->report_len += len < room ? len : room;
}

static void take(struct run *r, enum end end, const char *bytes, size_t len)
{
    if (end == REPORT) {
        add_report(r, bytes, len);
        return;
    }
    r->written += len;
    if (r->written > r->t->output) {
        r->ending->too_much = 1;
        kill(r->pid, SIGUSR1); /* at once, with all that it has started */
        r->told = 1;
    } else if (end == OUT) {
        lines_add(r->lines, bytes, len);
    } else {
        add_error(r, bytes, len);
    }
}

static void read_some(struct run *r, enum end end)
{
    char bytes[65536];
    ssize_t n = read(r->fds[end].fd, bytes, sizeof bytes);
    if (n > 0)
        take(r, end, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        shut(r, end);
}

/* Until the report's pipe is at its end: then the program and all that it started are gone. */
static void talk(struct run *r)
{
    while (r->fds[REPORT].fd >= 0) {
        if (poll(r->fds, ENDS, -1) < 0 && errno != EINTR)
            break;
        if (r->fds[CANCEL].revents) {
            tell_to_end(r);
            r->fds[CANCEL].fd = -1;
        }
        if (r->fds[IN].fd >= 0 && r->fds[IN].revents)
            write_some(r);
        for (enum end end = OUT; end <= ERR; end++)
            if (r->fds[end].fd >= 0 && r->fds[end].revents)
                read_some(r, end);
        /* last: what was written before the end is read first */
        if (r->fds[REPORT].revents && !(r->fds[OUT].revents & POLLIN) && !(r->fds[ERR].revents & POLLIN))
            read_some(r, REPORT);
    }
}

/* ---- The end ---- */

/* {"exit": N}, {"failed": "..."} when it could not be started, or {"type", "message", "details"}. */
static int read_report(struct run *r)
{
    const char *end = memchr(r->report, '\n', r->report_len); /* the first line counts: why the program could not be started */
    const struct wfw_value *report = end ? host->parse(r->task, r->report, (size_t)(end - r->report), NULL, 0) : NULL;
    int64_t code = -1;
    const char *failed = text_member(host, report, "/failed");
    if (host->cancelled(r->task))
        return -1;
    if (r->ending->too_much)
        return 0;
    if (!report || failed) {
        fail_with(host, r->task, "exec_error", "the program of node type %s cannot be run: %s", r->t->node.type,
                  failed ? failed : "wfworker-sandbox ended without a report");
        return -1;
    }
    if (host->get_int(report, "/exit", &code) == WFW_OK)
        r->ending->exit_code = (int)code;
    else
        r->ending->report = report;
    return 0;
}

int process_run(struct wfw_task *task, const struct exec_type *t, const char *input, size_t len, struct lines *l,
                struct ending *e)
{
    struct run r = {.task = task, .t = t, .lines = l, .ending = e, .input = input, .left = len};
    sigset_t pipe_signal, before;
    int status;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    int rc = start(&r);
    if (rc == 0) {
        talk(&r);
        while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
            continue;
        lines_end(l);
        end_error_line(&r);
    }
    for (enum end end = IN; end <= REPORT; end++)
        shut(&r, end);
    sigtimedwait(&pipe_signal, NULL, &(struct timespec){0, 0}); /* one that came meanwhile is forgotten */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return read_report(&r);
    fail_with(host, task, "exec_error", "the program of node type %s cannot be run: %s: %s", t->node.type, sandbox_path(),
              strerror(rc));
    return -1;
}
