/* SPDX-License-Identifier: Apache-2.0 */
/* Programs, user, processes and directories of the private PostgreSQL.
 *
 * The child becomes the other user completely (supplementary groups too) before it asks for the parent-death signal,
 * because changing the user forgets that signal. */
#include "cli/devdb_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define MAX_TREE_DEPTH 64
#define JANITOR_SECONDS 60

static bool has_programs(const char *dir)
{
    CLEANUP_FREE char *initdb = xasprintf("%s/initdb", dir);
    CLEANUP_FREE char *postgres = xasprintf("%s/postgres", dir);
    return access(initdb, X_OK) == 0 && access(postgres, X_OK) == 0;
}

/* The major version in .../15/bin or .../pgsql-15/bin must match; other directories match any. */
static bool version_matches(const char *dir, const char *version)
{
    if (!version)
        return true;
    CLEANUP_FREE char *debian = xasprintf("/%s/bin", version);
    CLEANUP_FREE char *redhat = xasprintf("-%s/bin", version);
    return strstr(dir, debian) || strstr(dir, redhat);
}

/* Start `pg_config --bindir`; its pid, and *out is what it prints.  -1 when there is no such program. */
static pid_t start_pg_config(int *out)
{
    char name[] = "pg_config", option[] = "--bindir";
    char *argv[] = {name, option, NULL};
    posix_spawn_file_actions_t actions;
    int fds[2];
    pid_t pid = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    if (posix_spawn_file_actions_init(&actions) == 0) {
        if (posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO) != 0 ||
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
            posix_spawnp(&pid, name, &actions, NULL, argv, environ) != 0)
            pid = -1;
        posix_spawn_file_actions_destroy(&actions);
    }
    close(fds[1]);
    if (pid < 0)
        close(fds[0]);
    else
        *out = fds[0];
    return pid;
}

static char *bindir_of_pg_config(void)
{
    int fd = -1;
    pid_t pid = start_pg_config(&fd);
    if (pid < 0)
        return NULL;
    char line[4096];
    size_t len = 0;
    ssize_t n;
    while (len < sizeof line - 1 && (n = read(fd, line + len, sizeof line - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    waitpid(pid, NULL, 0);
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return line[0] == '/' ? xstrdup(line) : NULL;
}

static char *highest_bindir(const char *version)
{
    static const char *const patterns[] = {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
                                           "/usr/local/bin", "/usr/bin"};
    for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
        glob_t g;
        char *best = NULL;
        if (glob(patterns[p], GLOB_NOSORT, NULL, &g) == 0)
            for (size_t i = 0; i < g.gl_pathc; i++) {
                const char *dir = g.gl_pathv[i];
                if (!has_programs(dir) || !version_matches(dir, version) || (best && strverscmp(dir, best) < 0))
                    continue;
                free(best);
                best = xstrdup(dir);
            }
        globfree(&g);
        if (best)
            return best;
    }
    return NULL;
}

char *devdb_find_bindir(const char *version, struct error *e)
{
    char *dir = bindir_of_pg_config();
    if (dir && has_programs(dir) && version_matches(dir, version))
        return dir;
    free(dir);
    dir = highest_bindir(version);
    if (dir)
        return dir;
    if (version)
        err_set(e, "PostgreSQL %s is not installed: initdb and postgres of that version not found", version);
    else
        err_set(e, "no PostgreSQL server is installed: initdb and postgres not found");
    err_detail(e, "looked where pg_config --bindir says, in /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin and /usr/bin");
    err_hint(e, "install the server: apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora)");
    return NULL;
}

int devdb_find_user(struct devdb_user *user, struct error *e)
{
    *user = (struct devdb_user){NULL, geteuid(), getegid()};
    if (user->uid != 0)
        return 0;
    const struct passwd *pw = getpwnam("postgres");
    if (!pw)
        pw = getpwnam("nobody");
    if (!pw || pw->pw_uid == 0) {
        err_set(e, "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody");
        return err_hint(e, "run this as a normal user");
    }
    *user = (struct devdb_user){xstrdup(pw->pw_name), pw->pw_uid, pw->pw_gid};
    return 0;
}

static int become(const struct devdb_user *user)
{
    if (!user->name)
        return 0;
    if (initgroups(user->name, user->gid) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0)
        return -1;
    return 0;
}

/* Variables that would point PostgreSQL's programs elsewhere. */
static void clean_environment(void)
{
    static const char *const names[] = {"PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD",
                                        "PGOPTIONS", "PGSERVICE", "LC_ALL", "LD_PRELOAD"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
}

static _Noreturn void child(const struct devdb_user *user, const char *const *argv, const char *log, pid_t parent)
{
    setpgid(0, 0);
    umask(077);
    if (become(user) != 0 || chdir("/") != 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGINT);
    if (getppid() != parent)
        _exit(126);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    clean_environment();
    execv(argv[0], (char *const *)(uintptr_t)argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

pid_t devdb_spawn(const struct devdb_user *user, const char *const *argv, const char *log, struct error *e)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child(user, argv, log, parent);
    if (pid < 0)
        return err_set(e, "cannot start %s: %s", argv[0], strerror(errno));
    setpgid(pid, pid); /* the child does it too: whoever comes first */
    return pid;
}

bool devdb_user_can_use(const struct devdb_user *user, const char *dir)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(become(user) == 0 && eaccess(dir, R_OK | W_OK | X_OK) == 0 ? 0 : 1);
    if (pid < 0)
        return false;
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void remove_entries(int dir_fd, int depth)
{
    DIR *dir = fdopendir(dir_fd);
    if (!dir) {
        close(dir_fd);
        return;
    }
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(dir), d->d_name, 0) == 0 || depth >= MAX_TREE_DEPTH)
            continue;
        int fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            remove_entries(fd, depth + 1);
        unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
}

void devdb_remove_tree(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        remove_entries(fd, 0);
    rmdir(path);
}

/* The pipe's other end closes when the process that this one watches is gone. */
static _Noreturn void janitor(const char *path, pid_t server, int fd)
{
    char byte;
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i <= 2 && null >= 0; i++)
        dup2(null, i);
    for (int i = 3; i < 1024; i++)
        if (i != fd)
            close(i);
    if (chdir("/") != 0)
        _exit(1);
    ssize_t n;
    while ((n = read(fd, &byte, 1)) < 0 && errno == EINTR) {
    }
    for (int i = 0; n == 0 && i < JANITOR_SECONDS * 10 && kill(server, 0) == 0; i++)
        usleep(100000);
    if (n == 0)
        devdb_remove_tree(path);
    _exit(0);
}

pid_t devdb_janitor(const char *path, pid_t server, int *fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        close(ends[1]);
        janitor(path, server, ends[0]);
    }
    close(ends[0]);
    *fd = ends[1];
    if (pid < 0)
        close(ends[1]);
    return pid;
}

void devdb_janitor_dismiss(pid_t pid, int fd)
{
    char byte = 0;
    while (write(fd, &byte, 1) < 0 && errno == EINTR) {
    }
    close(fd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
