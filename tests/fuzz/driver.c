/* SPDX-License-Identifier: Apache-2.0 */
/* The program around a target: it runs the corpus, then cases that are made from it and a seed, in a child process that
 * may crash; the input that did it is kept and printed with the command that runs it again.
 *
 *   fuzz_NAME [--cases N] [--seed N] [--keep DIR] [--seconds N] [FILE|DIRECTORY ...]
 *
 * Without files it takes its corpus, $srcdir/tests/fuzz/corpus/NAME; --cases 0 runs the files only.  Each input may use a
 * stated time of the processor and as much memory as the limits below say.  Prints TAP: one case for the files, one for the
 * mutations. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"

#define CPU_SECONDS 20    /* of one input, unless --seconds says otherwise */
#define QUIET_SECONDS 120 /* without an end of an input: it waits for something */
#define GROWTH_KB (256 * 1024) /* of the process, over all inputs: an input needs too much, or something leaks */
#define CORPUS_MAX 4096

/* What the child tells its parent. */
struct shared {
    volatile uint64_t begun; /* inputs so far */
    volatile size_t size;    /* of the one under way */
    uint8_t data[FUZZ_MAX];
};

struct options {
    uint64_t cases, seed;
    const char *keep;
};

struct corpus {
    struct fuzz_bytes items[CORPUS_MAX];
    char *names[CORPUS_MAX];
    size_t count;
};

static struct shared *shared;
static struct corpus corpus;
static time_t cpu_seconds = CPU_SECONDS;

/* ---- the corpus ---- */

static void add_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = xmalloc(FUZZ_MAX);
    ssize_t n = fd < 0 ? -1 : read(fd, data, FUZZ_MAX);
    if (n < 0 || corpus.count == CORPUS_MAX) {
        fprintf(stderr, "fuzz: %s: %s\n", path, n < 0 ? strerror(errno) : "too many files");
        exit(2);
    }
    close(fd);
    corpus.items[corpus.count] = (struct fuzz_bytes){xreallocarray(data, (size_t)n, 1), (size_t)n};
    corpus.names[corpus.count++] = xstrdup(path);
}

static int is_visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* In the order of their names, so that a seed always means the same. */
static void add_path(const char *path)
{
    struct stat st;
    struct dirent **names;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        add_file(path);
        return;
    }
    int n = scandir(path, &names, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        CLEANUP_FREE char *file = xasprintf("%s/%s", path, names[i]->d_name);
        add_file(file);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

/* ---- the child ---- */

static size_t make_case(uint64_t seed, uint64_t number, uint8_t *room)
{
    struct fuzz_rng r = {seed * UINT64_C(0x2545f4914f6cdd1d) + number};
    const struct fuzz_bytes *from = corpus.count ? &corpus.items[fuzz_below(&r, (uint32_t)corpus.count)] : NULL;
    const struct fuzz_bytes *other = corpus.count ? &corpus.items[fuzz_below(&r, (uint32_t)corpus.count)] : NULL;
    size_t size = from ? from->size : 0;
    if (from)
        memcpy(room, from->data, size);
    for (uint32_t rounds = 1 + fuzz_below(&r, 3); rounds; rounds--)
        fuzz_mutate(&r, room, &size, other, fuzz_json);
    return size;
}

/* A sanitizer keeps memory that was freed, and needs address space beyond measure; it has its own ways to say so. */
#ifdef WITH_SANITIZE
static void check_memory(void)
{
}
#else
static void check_memory(void)
{
    static long most;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    if (most == 0)
        most = used.ru_maxrss + GROWTH_KB;
    if (used.ru_maxrss > most)
        fuzz_fail("the process has grown by more than %d MB", GROWTH_KB / 1024);
}
#endif

static void run_input(const uint8_t *data, size_t size)
{
    struct itimerval limit = {.it_value.tv_sec = cpu_seconds};
    shared->size = size;
    memcpy(shared->data, data, size);
    shared->begun++;
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    uint8_t *copy = xmalloc(size ? size : 1); /* exactly as long as it is */
    memcpy(copy, data, size);
    fuzz_input(copy, size);
    free(copy);
    check_memory();
}

static void child_runs(const struct options *o, uint64_t from, uint64_t to, bool files)
{
    static uint8_t room[FUZZ_MAX];
    fuzz_open();
    for (uint64_t i = from; i < to; i++) {
        if (files)
            run_input(corpus.items[i].data, corpus.items[i].size);
        else
            run_input(room, make_case(o->seed, i, room));
    }
}

/* ---- the parent ---- */

/* Wait for the child; kill it when it does nothing for long. */
static int await_child(pid_t pid)
{
    uint64_t last = 0;
    int status = 0, quiet = 0;
    for (;;) {
        pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid)
            return status;
        if (done < 0 && errno != EINTR)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        quiet = shared->begun == last ? quiet + 1 : 0;
        last = shared->begun;
        if (quiet == QUIET_SECONDS * 50)
            kill(pid, SIGKILL);
    }
}

static const char *cause(int status)
{
    static char text[80];
    if (WIFEXITED(status))
        snprintf(text, sizeof text, "the process ended with exit status %d", WEXITSTATUS(status));
    else if (WTERMSIG(status) == SIGVTALRM)
        snprintf(text, sizeof text, "it took more than %ld s of the processor", (long)cpu_seconds);
    else if (WTERMSIG(status) == SIGKILL)
        snprintf(text, sizeof text, "it did not come to an end within %d s, or was killed", QUIET_SECONDS);
    else
        snprintf(text, sizeof text, "signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return text;
}

static void keep_input(const struct options *o, const char *self, int status)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s.crash.%" PRIu64, o->keep, fuzz_name, shared->begun);
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(shared->data, 1, shared->size, f);
        fclose(f);
    }
    printf("# %s: %s\n", fuzz_name, cause(status));
    printf("# its %zu bytes are in %s; again with: %s --cases 0 %s\n", shared->size, path, self, path);
}

/* Inputs from .. to in children; how many failed.  After a failure the next child goes on behind it, a few times. */
static int run_range(const struct options *o, const char *self, uint64_t to, bool files)
{
    uint64_t from = 0;
    int failed = 0;
    while (from < to && failed < 5) {
        shared->begun = from;
        fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
            return printf("# fork: %s\n", strerror(errno)), failed + 1;
        if (pid == 0) {
            child_runs(o, from, to, files);
            exit(0);
        }
        int status = await_child(pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && shared->begun == to)
            return failed;
        failed++;
        if (files && shared->begun > from)
            printf("# the file is %s\n", corpus.names[shared->begun - 1]);
        keep_input(o, self, status);
        from = shared->begun > from ? shared->begun : to;
    }
    return failed;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One case of the test: 1 when it failed. */
static int run_case(const struct options *o, const char *self, int number, uint64_t count, const char *what)
{
    double began = seconds_now();
    int failed = run_range(o, self, count, number == 1);
    double seconds = seconds_now() - began;
    printf("%sok %d - %s: %" PRIu64 " %s\n", failed ? "not " : "", number, fuzz_name, count, what);
    printf("# %.2f s, %.0f a second\n", seconds, seconds > 0 ? (double)count / seconds : 0.0);
    return failed ? 1 : 0;
}

static uint64_t number_option(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (end == text || *end) {
        fprintf(stderr, "fuzz: not a number: %s\n", text);
        exit(2);
    }
    return n;
}

static void read_options(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (has_value && strcmp(argv[i], "--cases") == 0)
            o->cases = number_option(argv[++i]);
        else if (has_value && strcmp(argv[i], "--seed") == 0)
            o->seed = number_option(argv[++i]);
        else if (has_value && strcmp(argv[i], "--seconds") == 0)
            cpu_seconds = (time_t)number_option(argv[++i]);
        else if (has_value && strcmp(argv[i], "--keep") == 0)
            o->keep = argv[++i];
        else
            add_path(argv[i]);
    }
    if (corpus.count > 0)
        return;
    const char *srcdir = getenv("srcdir");
    CLEANUP_FREE char *path = xasprintf("%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", fuzz_name);
    add_path(path);
}

int main(int argc, char **argv)
{
    struct options o = {.cases = fuzz_cases, .seed = 1, .keep = "."};
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    if (getenv("WFWORKER_FUZZ_CASES"))
        o.cases = number_option(getenv("WFWORKER_FUZZ_CASES"));
    read_options(&o, argc, argv);
    printf("1..%d\n", o.cases ? 2 : 1);
    int failed = run_case(&o, argv[0], 1, corpus.count, "inputs of the corpus");
    if (o.cases)
        failed += run_case(&o, argv[0], 2, o.cases, "mutations");
    return failed ? 1 : 0;
}
