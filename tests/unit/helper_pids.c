/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/helper_pids.h"

#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MOST 4096

static pid_t children[MOST]; /* started and not waited for */
static size_t count;
static struct pids_seen seen;

typedef const posix_spawn_file_actions_t *actions_ptr;
typedef const posix_spawnattr_t *attributes_ptr;

int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
int __real_prlimit(pid_t pid, int what, const struct rlimit *new, struct rlimit *old);
int __wrap_prlimit(pid_t pid, int what, const struct rlimit *new, struct rlimit *old);
int __real_prlimit64(pid_t pid, int what, const void *new, void *old);
int __wrap_prlimit64(pid_t pid, int what, const void *new, void *old);
pid_t __real_wait4(pid_t pid, int *status, int options, struct rusage *usage);
pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage);
int __real_posix_spawn(pid_t *pid, const char *path, actions_ptr actions, attributes_ptr attributes, char *const *argv,
                       char *const *environment);
int __wrap_posix_spawn(pid_t *pid, const char *path, actions_ptr actions, attributes_ptr attributes, char *const *argv,
                       char *const *environment);

static bool is_child(pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (children[i] == pid)
            return true;
    return false;
}

static void note_use(pid_t pid)
{
    size_t *which = is_child(pid < 0 ? -pid : pid) ? &seen.right : &seen.wrong;
    (*which)++;
}

int __wrap_kill(pid_t pid, int number)
{
    note_use(pid);
    return __real_kill(pid, number);
}

int __wrap_prlimit(pid_t pid, int what, const struct rlimit *new, struct rlimit *old)
{
    note_use(pid);
    return __real_prlimit(pid, what, new, old);
}

int __wrap_prlimit64(pid_t pid, int what, const void *new, void *old)
{
    note_use(pid);
    return __real_prlimit64(pid, what, new, old);
}

pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    pid_t found = __real_wait4(pid, status, options, usage);
    for (size_t i = 0; found > 0 && i < count; i++)
        if (children[i] == found)
            children[i] = children[--count];
    return found;
}

int __wrap_posix_spawn(pid_t *pid, const char *path, actions_ptr actions, attributes_ptr attributes, char *const *argv,
                       char *const *environment)
{
    int rc = __real_posix_spawn(pid, path, actions, attributes, argv, environment);
    if (count == MOST)
        abort();
    if (rc == 0)
        children[count++] = *pid;
    return rc;
}

struct pids_seen pids_look(void)
{
    struct pids_seen since = seen;
    seen = (struct pids_seen){0};
    return since;
}
