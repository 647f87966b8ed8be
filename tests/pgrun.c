/* SPDX-License-Identifier: Apache-2.0 */
/* pgrun [--fast] [--] CMD...: run a command with a private PostgreSQL of its own.
 *
 * CMD finds it through PGHOST, PGPORT, PGUSER, PGDATABASE and, as one string, WFW_TEST_DSN; WFW_TEST_PG_BINDIR has psql,
 * WFW_TEST_PG_PID the server's process id and WFW_TEST_PG_DIR its directory (log in it).  The exit status is CMD's; 125
 * when there was no server, 128 + N when CMD died of signal N.  SIGINT and SIGTERM are passed on to CMD, and the server
 * is stopped and removed whatever happens. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/devdb.h"

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal)
{
    stop_signal = signal;
}

/* Only so that sigsuspend() returns. */
static void on_child(int signal)
{
    (void)signal;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, child = {.sa_handler = on_child, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &child, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static void set_environment(const struct devdb *db)
{
    CLEANUP_FREE char *pid = xasprintf("%ld", (long)devdb_pid(db));
    CLEANUP_FREE char *port = xasprintf("%d", devdb_port(db));
    setenv("PGHOST", devdb_socket_dir(db), 1);
    setenv("PGPORT", port, 1);
    setenv("PGUSER", "postgres", 1);
    setenv("PGDATABASE", "postgres", 1);
    setenv("WFW_TEST_DSN", devdb_dsn(db), 1);
    setenv("WFW_TEST_PG_BINDIR", devdb_bindir(db), 1);
    setenv("WFW_TEST_PG_PID", pid, 1);
    setenv("WFW_TEST_PG_DIR", devdb_dir(db), 1);
}

/* The signals are blocked but in sigsuspend(): none can come between the look at stop_signal and the wait. */
static int wait_for(pid_t pid, const sigset_t *unblocked)
{
    int status, sent = 0;
    for (;;) {
        pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (done < 0)
            return 125;
        if (stop_signal && stop_signal != sent) {
            sent = stop_signal;
            kill(pid, sent);
        }
        sigsuspend(unblocked);
    }
}

static void become(char **argv, pid_t parent, const sigset_t *unblocked)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(125);
    sigprocmask(SIG_SETMASK, unblocked, NULL);
    execvp(argv[0], argv);
    fprintf(stderr, "pgrun: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int run(const struct devdb *db, char **argv)
{
    sigset_t ours, unblocked;
    set_environment(db);
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ours, &unblocked);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(argv, parent, &unblocked);
    int rc = pid < 0 ? 125 : wait_for(pid, &unblocked);
    sigprocmask(SIG_SETMASK, &unblocked, NULL);
    return rc;
}

int main(int argc, char **argv)
{
    struct devdb_options options = {.interrupted = &stop_signal};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--fast") == 0) {
            options.fast = true;
        } else {
            i += strcmp(argv[i], "--") == 0;
            break;
        }
    }
    if (i >= argc || strncmp(argv[i], "--", 2) == 0) {
        fprintf(stderr, "usage: pgrun [--fast] [--] CMD [ARGUMENT...]\n");
        return 2;
    }
    catch_signals();
    struct error e = ERROR_INIT;
    struct devdb *db = devdb_start(&options, &e);
    if (!db) {
        err_print(&e);
        return 125;
    }
    int rc = run(db, argv + i);
    devdb_stop(db);
    return rc;
}
