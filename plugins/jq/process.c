/* SPDX-License-Identifier: Apache-2.0 */
/* A child process with two pipes, on a thread that may block. */
#include "jq/jq.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t pid;
    int fd; /* our end of its standard input and output */
};

/* One socket for both directions: writing to it when the child is gone gives EPIPE, not a signal (MSG_NOSIGNAL). */
static int start(struct process *p, struct child *c)
{
    int pair[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    char *const argv[] = {(char[]){"wfworker-jq"}, NULL}, *const environment[] = {NULL};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    sigemptyset(&none);
    sigfillset(&standard);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    int rc = posix_spawn(&c->pid, p->path, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    c->fd = pair[0];
    if (rc != 0)
        close(c->fd);
    return rc;
}

/* What is sent; at the end the child sees the end of its input. */
static void send_some(struct process *p, int fd, size_t *sent)
{
    ssize_t n = send(fd, p->input + *sent, p->input_len - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        *sent = p->input_len; /* it ended early: its output says why */
    else if (n > 0)
        *sent += (size_t)n;
    if (*sent == p->input_len)
        shutdown(fd, SHUT_WR);
}

/* 1: more may come; 0: the end; -1: too much. */
static int receive_some(struct process *p, int fd, size_t *cap)
{
    if (*cap - p->output_len < 4096) {
        char *longer = realloc(p->output, *cap = *cap * 2 + 65536);
        if (!longer)
            return -1;
        p->output = longer;
    }
    ssize_t n = recv(fd, p->output + p->output_len, *cap - p->output_len - 1, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    p->output_len += (size_t)n;
    p->output[p->output_len] = '\0';
    return n == 0 ? 0 : p->output_len > p->max_output ? -1 : 1;
}

static enum ended talk(struct process *p, int fd)
{
    size_t sent = 0, cap = 0;
    for (;;) {
        struct pollfd fds[2] = {{.fd = fd, .events = (short)(POLLIN | (sent < p->input_len ? POLLOUT : 0))},
                                {.fd = p->cancel_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return ENDED_BADLY;
        if (fds[1].revents)
            return ENDED_CANCELLED;
        if (fds[0].revents & POLLOUT && sent < p->input_len)
            send_some(p, fd, &sent);
        int more = fds[0].revents & (POLLIN | POLLHUP | POLLERR) ? receive_some(p, fd, &cap) : 1;
        if (more <= 0)
            return more == 0 ? ENDED_WELL : ENDED_TOO_LARGE;
    }
}

enum ended process_run(struct process *p)
{
    struct child c;
    p->output = NULL;
    p->output_len = 0;
    p->status = start(p, &c);
    if (p->status != 0)
        return ENDED_NOT_STARTED;
    enum ended ended = talk(p, c.fd);
    if (ended != ENDED_WELL)
        kill(c.pid, SIGKILL);
    close(c.fd);
    while (waitpid(c.pid, &p->status, 0) < 0 && errno == EINTR)
        continue;
    return ended == ENDED_WELL && p->status != 0 ? ENDED_BADLY : ended;
}
