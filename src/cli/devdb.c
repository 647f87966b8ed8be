/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a private PostgreSQL: directory, initdb, postgres, ready, stop.
 *
 * A directory holds `data` (the cluster), `log`, `password` and, when its path is short and plain enough, the socket;
 * otherwise the socket lives in a temporary directory of its own, because a socket's path may have 107 bytes. */
#include "cli/devdb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "cli/devdb_system.h"

#define START_SECONDS 60
#define STOP_SECONDS 20
#define SOCKET_NAME "/.s.PGSQL.65535"
#define SOCKET_PATH_MAX 107

struct devdb {
    struct devdb_user user;
    char *bindir, *dir, *data, *log, *password_file, *socket_dir, *dsn;
    bool temporary, temporary_socket;
    int port;
    pid_t pid;
    pid_t janitor; /* removes a temporary directory when this process dies without doing so */
    int janitor_fd;
    const volatile sig_atomic_t *interrupted;
};

const char *devdb_dsn(const struct devdb *d)
{
    return d->dsn;
}

const char *devdb_socket_dir(const struct devdb *d)
{
    return d->socket_dir;
}

int devdb_port(const struct devdb *d)
{
    return d->port;
}

const char *devdb_password_file(const struct devdb *d)
{
    return d->password_file;
}

const char *devdb_dir(const struct devdb *d)
{
    return d->dir;
}

const char *devdb_bindir(const struct devdb *d)
{
    return d->bindir;
}

pid_t devdb_pid(const struct devdb *d)
{
    return d->pid;
}

static void devdb_free(struct devdb *d)
{
    free(d->user.name);
    free(d->bindir);
    free(d->dir);
    free(d->data);
    free(d->log);
    free(d->password_file);
    free(d->socket_dir);
    free(d->dsn);
    free(d);
}

static bool is_interrupted(const struct devdb *d)
{
    return d->interrupted && *d->interrupted;
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* ---- directories ---- */

/* Root may use TMPDIR only where the other user gets to, so it takes /tmp. */
static char *make_temporary(const struct devdb *d, struct error *e)
{
    const char *base = getenv("TMPDIR");
    if (!base || base[0] != '/' || d->user.name || strlen(base) > 60)
        base = "/tmp";
    char *path = xasprintf("%s/wfworker-XXXXXX", base);
    if (mkdtemp(path) && (!d->user.name || chown(path, d->user.uid, d->user.gid) == 0))
        return path;
    err_set(e, "cannot make a temporary directory in \"%s\": %s", base, strerror(errno));
    free(path);
    return NULL;
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    size_t entries = 0;
    if (dir) {
        while (readdir(dir) && entries < 3)
            entries++;
        closedir(dir);
    }
    return entries <= 2;
}

/* A directory somebody named: made, or empty, or one of ours; anything else is not touched. */
static int take_named(struct devdb *d, const char *name, struct error *e)
{
    if (mkdir(name, 0700) != 0 && errno != EEXIST)
        return err_set(e, "cannot make the directory \"%s\": %s", name, strerror(errno));
    d->dir = realpath(name, NULL);
    struct stat st;
    if (!d->dir || stat(d->dir, &st) != 0)
        return err_set(e, "cannot use the directory \"%s\": %s", name, strerror(errno));
    CLEANUP_FREE char *marker = xasprintf("%s/password", d->dir);
    bool ours = access(marker, F_OK) == 0;
    if (!ours && !is_empty(d->dir)) {
        err_set(e, "directory \"%s\" is not empty and holds no database of wfworker", d->dir);
        return err_hint(e, "name another directory, or one that does not exist yet");
    }
    if (!ours && d->user.name && chown(d->dir, d->user.uid, d->user.gid) != 0)
        return err_set(e, "cannot give the directory \"%s\" to user %s: %s", d->dir, d->user.name, strerror(errno));
    if (devdb_user_can_use(&d->user, d->dir))
        return 0;
    err_set(e, "user %s cannot use the directory \"%s\"", d->user.name ? d->user.name : "of this process", d->dir);
    return err_hint(e, "PostgreSQL does not run as root; as root choose a directory under /var/lib or /tmp");
}

/* A path that libpq takes as one host and the kernel as a socket's path. */
static bool is_good_socket_dir(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    return strlen(path) + strlen(SOCKET_NAME) <= SOCKET_PATH_MAX && path[strspn(path, plain)] == '\0';
}

static int make_directories(struct devdb *d, const char *name, struct error *e)
{
    if (name) {
        if (take_named(d, name, e) != 0)
            return -1;
    } else {
        d->temporary = true;
        if (!(d->dir = make_temporary(d, e)))
            return -1;
    }
    d->temporary_socket = !is_good_socket_dir(d->dir);
    if (!(d->socket_dir = d->temporary_socket ? make_temporary(d, e) : xstrdup(d->dir)))
        return -1;
    d->data = xasprintf("%s/data", d->dir);
    d->log = xasprintf("%s/log", d->dir);
    d->password_file = xasprintf("%s/password", d->dir);
    d->dsn = xasprintf("host=%s port=%d user=postgres dbname=postgres", d->socket_dir, d->port);
    return 0;
}

/* ---- initdb ---- */

/* The last lines of the log, in one line: what PostgreSQL itself said. */
static void add_log_detail(const struct devdb *d, struct error *e)
{
    char text[800];
    int fd = open(d->log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof text - 1 ? size - (off_t)sizeof text + 1 : 0;
    ssize_t n = pread(fd, text, sizeof text - 1, from);
    close(fd);
    if (n <= 0)
        return;
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n] = '\0';
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    err_detail(e, "%s", text);
}

static int write_password(const struct devdb *d, struct error *e)
{
    unsigned char bytes[16];
    char text[2 * sizeof bytes + 2];
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[2 * sizeof bytes] = '\n';
    unlink(d->password_file);
    int fd = open(d->password_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1 &&
              (!d->user.name || fchown(fd, d->user.uid, d->user.gid) == 0);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    return ok ? 0 : err_set(e, "cannot write \"%s\": %s", d->password_file, strerror(saved));
}

/* Wait for a child; -1 when it has not ended in time or this process was asked to stop (then the child is killed). */
static int wait_child(const struct devdb *d, pid_t pid, int seconds)
{
    int64_t end = clock_mono_us() + seconds * US_PER_S;
    int status;
    for (;;) {
        pid_t r = waitpid(pid, &status, WNOHANG);
        if (r == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (r < 0 && errno != EINTR)
            return -1;
        if (is_interrupted(d) || clock_mono_us() > end)
            break;
        pause_ms(10);
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return -1;
}

/* Into data.new, which becomes data when it is whole. */
static int run_initdb(const struct devdb *d, struct error *e)
{
    CLEANUP_FREE char *program = xasprintf("%s/initdb", d->bindir);
    CLEANUP_FREE char *pwfile = xasprintf("--pwfile=%s", d->password_file);
    CLEANUP_FREE char *fresh = xasprintf("%s.new", d->data);
    devdb_remove_tree(fresh);
    if (write_password(d, e) != 0)
        return -1;
    const char *const argv[] = {program,  "-D", fresh, "-N", "-U", "postgres", "-E", "UTF8", "--locale=C",
                                "--auth-local=trust", "--auth-host=scram-sha-256", pwfile, NULL};
    pid_t pid = devdb_spawn(&d->user, argv, d->log, e);
    if (pid < 0)
        return -1;
    int rc = wait_child(d, pid, START_SECONDS);
    if (rc == 0 && rename(fresh, d->data) == 0)
        return 0;
    if (is_interrupted(d))
        return err_set(e, "interrupted");
    err_set(e, "initdb could not make a database in \"%s\"", d->dir);
    add_log_detail(d, e);
    return -1;
}

/* The major version of the cluster in the directory; NULL when there is none yet. */
static char *cluster_version(const struct devdb *d)
{
    CLEANUP_FREE char *path = xasprintf("%s/PG_VERSION", d->data);
    char text[16];
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *line = fgets(text, sizeof text, f);
    fclose(f);
    if (!line)
        return NULL;
    text[strspn(text, "0123456789")] = '\0';
    return xstrdup(text);
}

/* ---- postgres ---- */

static int spawn_postgres(struct devdb *d, const struct devdb_options *o, struct error *e)
{
    CLEANUP_FREE char *program = xasprintf("%s/postgres", d->bindir);
    CLEANUP_FREE char *port = xasprintf("--port=%d", d->port);
    const char *argv[32] = {program, "-D", d->data, "-k", d->socket_dir, port, "-c", "shared_buffers=64MB"};
    size_t n = 8;
    argv[n++] = "-c";
    argv[n++] = o->tcp_port ? "listen_addresses=127.0.0.1" : "listen_addresses=";
    if (o->fast) {
        static const char *const fast[] = {"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"};
        for (size_t i = 0; i < ARRAY_LEN(fast); i++)
            argv[n++] = fast[i];
    }
    argv[n] = NULL;
    d->pid = devdb_spawn(&d->user, argv, d->log, e);
    return d->pid < 0 ? -1 : 0;
}

static int wait_ready(struct devdb *d, struct error *e)
{
    int64_t end = clock_mono_us() + START_SECONDS * US_PER_S;
    while (clock_mono_us() < end && !is_interrupted(d)) {
        int status;
        if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
            d->pid = 0;
            err_set(e, "PostgreSQL ended while it was starting in \"%s\"", d->data);
            add_log_detail(d, e);
            return -1;
        }
        if (PQping(d->dsn) == PQPING_OK)
            return 0;
        pause_ms(20);
    }
    if (is_interrupted(d))
        return err_set(e, "interrupted");
    err_set(e, "PostgreSQL in \"%s\" did not accept connections within %d s", d->data, START_SECONDS);
    add_log_detail(d, e);
    return -1;
}

static int start(struct devdb *d, const struct devdb_options *o, struct error *e)
{
    if (devdb_find_user(&d->user, e) != 0 || make_directories(d, o->data_dir, e) != 0)
        return -1;
    CLEANUP_FREE char *version = cluster_version(d);
    d->bindir = devdb_find_bindir(version, e);
    if (!d->bindir || (!version && run_initdb(d, e) != 0))
        return -1;
    unlink(d->log); /* each start has its own */
    if (spawn_postgres(d, o, e) != 0)
        return -1;
    if (d->temporary)
        d->janitor = devdb_janitor(d->dir, d->pid, &d->janitor_fd);
    return wait_ready(d, e);
}

struct devdb *devdb_start(const struct devdb_options *options, struct error *e)
{
    struct devdb *d = xcalloc(1, sizeof *d);
    d->interrupted = options->interrupted;
    d->port = options->tcp_port ? options->tcp_port : 5432;
    if (start(d, options, e) == 0)
        return d;
    devdb_stop(d);
    return NULL;
}

/* SIGINT is PostgreSQL's fast shutdown; if it does not come down, SIGQUIT leaves recovery to the next start. */
static void stop_process(struct devdb *d)
{
    kill(d->pid, SIGINT);
    int64_t begin = clock_mono_us();
    bool quit = false;
    while (waitpid(d->pid, NULL, WNOHANG) == 0) {
        int64_t waited = clock_mono_us() - begin;
        if (waited > STOP_SECONDS * US_PER_S && !quit) {
            kill(d->pid, SIGQUIT);
            quit = true;
        }
        if (waited > (STOP_SECONDS + 5) * US_PER_S) {
            kill(-d->pid, SIGKILL);
            begin = clock_mono_us();
        }
        pause_ms(10);
    }
}

void devdb_stop(struct devdb *d)
{
    if (!d)
        return;
    if (d->pid > 0)
        stop_process(d);
    if (d->temporary && d->dir)
        devdb_remove_tree(d->dir);
    if (d->janitor > 0)
        devdb_janitor_dismiss(d->janitor, d->janitor_fd);
    if (d->temporary_socket && d->socket_dir)
        devdb_remove_tree(d->socket_dir);
    devdb_free(d);
}
