/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define MOST_SAID (1024 * 1024)

extern char **environ;

bool spawn_there(const char *program)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        size_t len = strcspn(at, ":");
        CLEANUP_FREE char *file = xasprintf("%.*s/%s", (int)len, at, program);
        if (len && access(file, X_OK) == 0)
            return true;
    }
    return false;
}

/* The surroundings with one variable replaced; an array to free. */
static char **with_variable(const char *variable)
{
    size_t n = 0, out = 0, name = variable ? strcspn(variable, "=") + 1 : 0;
    while (environ[n])
        n++;
    char **all = xcalloc(n + 2, sizeof *all);
    for (size_t i = 0; i < n; i++)
        if (!variable || strncmp(environ[i], variable, name) != 0)
            all[out++] = environ[i];
    if (variable)
        all[out] = (char *)(uintptr_t)variable;
    return all;
}

static int start(const char *const *args, const char *variable, int to, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    CLEANUP_FREE char **surroundings = with_variable(variable);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, to, STDERR_FILENO);
    int rc = posix_spawnp(pid, args[0], &actions, NULL, (char **)(uintptr_t)args, surroundings);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static void listen_to(int fd, struct buf *said)
{
    char room[4096];
    ssize_t n;
    while ((n = read(fd, room, sizeof room)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && said->len < MOST_SAID)
            buf_add(said, room, (size_t)n);
}

int spawn_run(const char *const *args, const char *variable, struct buf *said, struct error *e)
{
    int fds[2], status = 0;
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(e, "running %s: %s", args[0], strerror(errno));
    int rc = start(args, variable, fds[1], &pid);
    close(fds[1]);
    if (rc == 0)
        listen_to(fds[0], said);
    close(fds[0]);
    if (rc != 0)
        return err_set(e, "running %s: %s", args[0], strerror(rc));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return err_set(e, "%s ended by signal %d", args[0], WTERMSIG(status));
}
