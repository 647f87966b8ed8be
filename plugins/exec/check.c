/* SPDX-License-Identifier: Apache-2.0 */
/* Limits are read in one place: in the program that applies them.  Here it is asked once for each type, when the plugin is loaded. */
#include "exec/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[PATH_MAX];

/* The program stands one directory above this plugin. */
int process_find_sandbox(char *msg, size_t msglen)
{
    Dl_info info;
    const char *slash = dladdr(&path, &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
    int len = slash ? (int)(slash - info.dli_fname) : 0;
    if (len > 0 && len + 24 < PATH_MAX)
        snprintf(path, sizeof path, "%.*s/../wfworker-sandbox", len, info.dli_fname);
    if (*path)
        return WFW_OK;
    snprintf(msg, msglen, "the directory of this plugin is not known");
    return WFW_E_NOTFOUND;
}

const char *sandbox_path(void)
{
    return path;
}

/* Runs `wfworker-sandbox --check KEY=VALUE ...`; what it prints. */
static int ask(const struct exec_type *t, char *said, size_t size)
{
    char *argv[20] = {(char[]){"wfworker-sandbox"}, (char[]){"--check"}}, *const environment[] = {NULL};
    int pipes[2], status = 0;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    for (size_t i = 0; i < t->option_count; i++)
        argv[i + 2] = t->options[i];
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        snprintf(said, size, "no pipe: %s", strerror(errno));
        return -1;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    int rc = posix_spawn(&pid, path, &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    size_t len = 0;
    for (ssize_t n; rc == 0 && len < size - 1 && (n = read(pipes[0], said + len, size - 1 - len)) != 0;)
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            break;
    close(pipes[0]);
    said[len] = '\0';
    said[strcspn(said, "\n")] = '\0';
    if (rc != 0) {
        snprintf(said, size, "%s cannot be started: %s", path, strerror(rc));
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}

int check_options(struct exec_type *t, char *said, size_t size)
{
    char *end;
    static const char good[] = "ok ";
    if (ask(t, said, size) != 0)
        return -1;
    if (strncmp(said, good, sizeof good - 1) != 0) {
        if (!*said)
            snprintf(said, size, "%s does not answer", path);
        return -1;
    }
    t->output = strtoull(said + sizeof good - 1, &end, 10);
    if (t->output == 0)
        t->output = LONGEST_OUTPUT;
    t->node.default_timeout_ms = strtoll(end, &end, 10);
    t->kill_after_ms = strtoll(end, &end, 10);
    snprintf(t->output_text, sizeof t->output_text, "%s", end + (*end == ' '));
    return 0;
}
