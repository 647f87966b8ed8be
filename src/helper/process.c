/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

extern char **environ;

/* ---- Start ---- */

/* Names that a helper process gets, as far as they are set; one that ends with an underscore is a beginning. */
static const char *const variables[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_", "TZ", "TZDIR", "TMPDIR",
                                        "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_RUNTIME_DIR", "ASAN_OPTIONS",
                                        "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "MALLOC_ARENA_MAX"};

static bool is_given(const char *entry)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        size_t len = strlen(variables[i]);
        if (strncmp(entry, variables[i], len) == 0 && (entry[len] == '=' || variables[i][len - 1] == '_'))
            return true;
    }
    return false;
}

static char **given_environment(void)
{
    size_t count = 0, n = 0;
    while (environ && environ[count])
        count++;
    char **given = xcalloc(count + 1, sizeof *given);
    for (size_t i = 0; i < count; i++)
        if (is_given(environ[i]))
            given[n++] = environ[i];
    return given;
}

/* Out of the way of the numbers that the child wants. */
static int move_up(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, HELPER_CHANNEL + 7);
    close(fd);
    return high;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* [0] the channel here, [1] there, [2] the end of the pipe that is read, [3] that is written. */
static int make_ends(int ends[4])
{
    ends[0] = ends[1] = ends[2] = ends[3] = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 || pipe2(ends + 2, O_CLOEXEC) != 0)
        return -1;
    for (size_t i = 0; i < 4; i++)
        if ((ends[i] = move_up(ends[i])) < 0)
            return -1;
    return fcntl(ends[2], F_SETFL, O_NONBLOCK);
}

static int set_actions(posix_spawn_file_actions_t *a, const int ends[4], int note)
{
    int rc = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(a, ends[3], STDOUT_FILENO);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(a, ends[3], STDERR_FILENO);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(a, ends[1], HELPER_CHANNEL);
    return rc ? rc : posix_spawn_file_actions_adddup2(a, note, HELPER_NOTE);
}

static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int rc = posix_spawnattr_setsigdefault(a, &all);
    rc = rc ? rc : posix_spawnattr_setsigmask(a, &none);
    return rc ? rc : posix_spawnattr_setflags(a, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
}

static int spawn(struct process *p, const char *program, const char *name, const int ends[4], int note)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    CLEANUP_FREE char **environment = given_environment();
    char self[] = "wfworker", argument[] = HELPER_ARGUMENT;
    CLEANUP_FREE char *plugin = xstrdup(name);
    CLEANUP_FREE char *parent = xasprintf("%ld", (long)getpid());
    char *const argv[] = {self, argument, plugin, parent, NULL};
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_actions(&actions, ends, note);
        rc = rc ? rc : set_attributes(&attributes);
        rc = rc ? rc : posix_spawn(&p->pid, program ? program : "/proc/self/exe", &actions, &attributes, argv, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int process_start(struct process *p, const char *program, const char *name, int note, struct error *e)
{
    int ends[4], high = fcntl(note, F_DUPFD_CLOEXEC, HELPER_CHANNEL + 7);
    *p = (struct process){.channel = {.fd = -1}, .output = {.fd = -1}};
    int rc = make_ends(ends) != 0 ? errno : spawn(p, program, name, ends, high);
    close_all(&high, 1);
    if (rc != 0) {
        close_all(ends, 4);
        p->pid = 0;
        return err_set(e, "no helper process: %s", strerror(rc));
    }
    close_all(&ends[1], 1);
    close_all(&ends[3], 1);
    channel_init(&p->channel, ends[0]);
    output_init(&p->output, ends[2], name);
    return 0;
}

/* ---- The end ---- */

/* It has ended and can be waited for: what else is in its session goes with it, as long as the number is its own. */
static void note_end(struct process *p)
{
    kill(-p->pid, SIGKILL);
    p->ending.over = true;
    while (wait4(p->pid, &p->ending.status, 0, &p->ending.usage) < 0 && errno == EINTR)
        ;
    p->pid = 0;
}

/* Changes of state that may be waited for; 0: none. */
static int look(const struct process *p, int options, siginfo_t *info)
{
    *info = (siginfo_t){.si_pid = 0};
    while (waitid(P_PID, (id_t)p->pid, info, options) != 0)
        if (errno != EINTR)
            return CLD_EXITED; /* somebody else has waited for it */
    return info->si_pid ? info->si_code : 0;
}

bool process_look(struct process *p)
{
    siginfo_t info;
    if (p->pid <= 0)
        return false;
    int code = look(p, WEXITED | WNOHANG | WNOWAIT, &info);
    if (code != 0) {
        note_end(p);
        return true;
    }
    if (look(p, WSTOPPED | WNOHANG, &info) != CLD_STOPPED)
        return false;
    p->ending.stopped = true;
    p->ending.stop_signal = info.si_status;
    return true;
}

/* Its group is its own as soon as it runs; before that only the process itself can be meant. */
void process_kill(struct process *p)
{
    if (p->pid <= 0)
        return;
    p->killed = true;
    if (kill(-p->pid, SIGKILL) != 0)
        kill(p->pid, SIGKILL);
}

void process_end(struct process *p, int64_t timeout_ms)
{
    int64_t end = clock_mono_us() + timeout_ms * US_PER_MS;
    while (p->pid > 0 && clock_mono_us() < end && !p->killed) {
        struct pollfd out = {.fd = p->output.fd, .events = POLLIN};
        process_look(p);
        if (p->pid > 0 && poll(&out, 1, 5) > 0 && !output_drain(&p->output, SIZE_MAX))
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (p->ending.stopped)
            break;
    }
    process_kill(p);
    if (p->pid > 0)
        note_end(p);
    output_drain(&p->output, 1 << 20);
}

void process_free(struct process *p)
{
    channel_close(&p->channel);
    output_close(&p->output);
}

/* ---- Before there is a loop ---- */

/* 1 and *message, 0: there is none yet, -1: what came is none. */
static int take_message(struct process *p, json_t **message)
{
    struct frame f;
    int rc = channel_take(&p->channel, &f, NULL);
    *message = rc == 1 ? js_parse_own(f.text, f.text_len, NULL) : NULL;
    return rc == 1 && !*message ? -1 : rc;
}

json_t *process_listen(struct process *p, int64_t timeout_ms, bool *late)
{
    int64_t end = clock_mono_us() + timeout_ms * US_PER_MS;
    json_t *message = NULL;
    int rc;
    *late = false;
    while ((rc = take_message(p, &message)) == 0) {
        struct pollfd fds[] = {{.fd = p->channel.fd, .events = POLLIN}, {.fd = p->output.fd, .events = POLLIN}};
        int64_t left = (end - clock_mono_us() + US_PER_MS - 1) / US_PER_MS;
        *late = left <= 0;
        if (*late || (poll(fds, 2, left > 100 ? 100 : (int)left) < 0 && errno != EINTR))
            return NULL;
        if (fds[1].revents && !output_drain(&p->output, 1 << 20))
            output_close(&p->output);
        if (fds[0].revents && channel_fill(&p->channel, FRAME_MAX) < 0)
            return NULL;
        if (process_look(p) && p->ending.stopped)
            return NULL;
    }
    return message;
}
