/* SPDX-License-Identifier: Apache-2.0 */
/* The child tells how far it came by single bytes on a pipe, then its verdict: a struct error, or silence and exit 0. */
#include "plugin/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/descriptor.h"

#define EXIT_REPORTED 117 /* the child's own exit code after it has written its verdict */

struct verdict {
    enum probe_stage stage;
    bool failed;
    struct error error;
};

static void tell(int fd, const struct verdict *v)
{
    /* smaller than PIPE_BUF: arrives whole */
    if (write(fd, v, sizeof *v) != (ssize_t)sizeof *v)
        _exit(EXIT_REPORTED);
}

/* Hints for the loader's most frequent words. */
static void hint(struct error *e, const char *said)
{
    const char *missing = strstr(said, ": cannot open shared object file");
    const char *glibc = strstr(said, "version `");
    if (strstr(said, "undefined symbol: "))
        err_hint(e, "Link the plugin with the library that has the symbol; -Wl,-z,defs finds this when building.");
    else if (missing)
        err_hint(e, "Install the package that has %.*s; ldd shows everything that is missing.", (int)(missing - said), said);
    else if (glibc && strstr(said, "not found"))
        err_hint(e, "The plugin was built on a newer system; build it on this one.");
}

static int read_loaded(void *library, const char *name, void (*entered)(void *ctx), void *ctx, struct descriptor *d,
                       struct error *e)
{
    const struct wfw_plugin *(*entry)(void) = NULL;
    void *found = dlsym(library, "wfw_plugin_v1");
    memcpy(&entry, &found, sizeof entry);
    if (entered)
        entered(ctx);
    if (!entry)
        return err_set(e, "%s", dlerror());
    return descriptor_read(entry(), name, d, e);
}

int probe_load(const char *path, const char *name, void (*entered)(void *ctx), void *ctx, struct descriptor *d, struct error *e)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library)
        return read_loaded(library, name, entered, ctx, d, e);
    const char *said = dlerror();
    size_t own = strlen(path);
    err_set(e, "%s", said ? said : "dlopen failed");
    if (said)
        hint(e, strncmp(said, path, own) == 0 && said[own] == ':' ? said + own + 2 : said);
    return -1;
}

struct teller {
    int fd;
    struct verdict *v;
};

static void tell_entered(void *ctx)
{
    const struct teller *t = ctx;
    t->v->stage = PROBE_ENTRY;
    tell(t->fd, t->v);
}

/* Never returns. */
__attribute__((noreturn)) static void child(const char *path, const char *name, int fd)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTERM, SIGINT, SIGPIPE, SIGALRM};
    struct verdict v = {.stage = PROBE_LOADING};
    struct teller teller = {fd, &v};
    struct descriptor d;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        signal(faults[i], SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    tell(fd, &v);
    v.failed = probe_load(path, name, tell_entered, &teller, &d, &v.error) != 0;
    v.stage = PROBE_DONE;
    tell(fd, &v);
    _exit(EXIT_REPORTED);
}

/* Read verdicts until the last one, the end of the child, or the time is over.  False when the time is over. */
static bool listen_to(int fd, int64_t timeout_ms, struct verdict *v)
{
    int64_t end = clock_mono_us() + timeout_ms * US_PER_MS;
    while (v->stage != PROBE_DONE) {
        int64_t left = (end - clock_mono_us() + US_PER_MS - 1) / US_PER_MS;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left <= 0)
            return false;
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0 && read(fd, v, sizeof *v) != (ssize_t)sizeof *v)
            return true; /* the child is gone */
    }
    return true;
}

static const char *doing(enum probe_stage stage)
{
    return stage == PROBE_LOADING ? "while it was loaded"
           : stage == PROBE_INIT  ? "in its init"
                                  : "in wfw_plugin_v1 or while its descriptor was read";
}

int probe_died(int status, enum probe_stage stage, struct error *e)
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        err_set(e, "crashed with signal %d (SIG%s) %s", WTERMSIG(status), name ? name : "?", doing(stage));
    } else {
        err_set(e, "ended the process with exit code %d %s", WEXITSTATUS(status), doing(stage));
    }
    return stage == PROBE_LOADING ? err_hint(e, "Look at the plugin's constructors and those of its libraries.") : -1;
}

int probe_late(int64_t timeout_ms, enum probe_stage stage, struct error *e)
{
    err_set(e, "did not come back within %lld ms %s", (long long)timeout_ms, doing(stage));
    if (stage == PROBE_INIT)
        return err_hint(e, "Leave what is slow for the first call of a handler.");
    return err_hint(e, "Look at the plugin's constructors: they must not wait for anything.");
}

static int explain(int status, const struct verdict *v, struct error *e)
{
    if (v->stage != PROBE_DONE)
        return probe_died(status, v->stage, e);
    if (v->failed)
        *e = v->error;
    return v->failed ? -1 : 0;
}

int probe_file(const char *path, const char *name, int64_t timeout_ms, struct error *e)
{
    int fds[2], status = 0;
    struct verdict v = {.stage = PROBE_LOADING};
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(e, "probing: no pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(path, name, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return err_set(e, "probing: no child process: %s", strerror(errno));
    }
    bool in_time = listen_to(fds[0], timeout_ms, &v);
    if (!in_time || v.stage == PROBE_DONE)
        kill(pid, SIGKILL);
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return in_time ? explain(status, &v, e) : probe_late(timeout_ms, v.stage, e);
}
