/* SPDX-License-Identifier: Apache-2.0 */
/* wfw-sim: histories from seeds.
 *
 *   wfw-sim [--seeds FROM:TO] [--stop N] [--nodes N] [--events N]     all of them; seeds of violations are printed
 *   wfw-sim --seed N --trace                                          one of them, to be read
 *   wfw-sim --seed N --dump                                           as inputs of tests/fuzz/fuzz_state: the whole history, and from a snapshot on
 *   wfw-sim --fault NAME --seeds FROM:TO                              with a fault that must be found */
#include "sim/sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

const char *const fault_names[FAULT_COUNT] = {
    [FAULT_NONE] = "none",         [FAULT_ANY_FOR_ALL] = "any-for-all", [FAULT_ALL_FOR_ANY] = "all-for-any",
    [FAULT_EDGE] = "edge",         [FAULT_JOURNAL] = "journal",         [FAULT_SNAPSHOT] = "snapshot",
    [FAULT_LATE] = "late",         [FAULT_TWICE] = "twice",             [FAULT_RESULT] = "result",
    [FAULT_PAUSE] = "pause",       [FAULT_FINALLY] = "finally",         [FAULT_LIMIT] = "limit",
    [FAULT_SEQUENTIAL] = "sequential", [FAULT_START] = "start",         [FAULT_CANCEL] = "cancel",
    [FAULT_SIGNAL] = "signal",     [FAULT_ATTEMPTS] = "attempts",       [FAULT_INTERLEAVE] = "interleave",
    [FAULT_ASK] = "ask",           [FAULT_UNDO] = "undo",
};

/* What runs when nothing is said, which is what the suite runs. */
#if defined __SANITIZE_ADDRESS__
#define SEEDS 2000
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SEEDS 2000
#endif
#endif
#if !defined SEEDS
#define SEEDS 20000
#endif

#define SECONDS_MOST 20 /* of the processor, for one seed */

struct options {
    uint64_t first, last, stop;
    struct limits limits;
    enum fault fault;
    bool trace, dump;
};

static volatile sig_atomic_t crashed;
static uint64_t at_seed;

/* The engine itself gave up, or goes round for ever: which seed it was must be said. */
static void on_crash(int number)
{
    char text[64];
    if (!crashed) {
        crashed = 1;
        int n = snprintf(text, sizeof text, "\nseed %" PRIu64 ": signal %d\n", at_seed, number);
        (void)!write(STDERR_FILENO, text, n > 0 ? (size_t)n : 0);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static _Noreturn void usage(const char *what)
{
    fprintf(stderr, "wfw-sim: %s\nusage: wfw-sim [--seed N | --seeds FROM:TO] [--trace] [--dump] [--stop N] [--nodes N] [--events N] "
                    "[--fault NAME]\n",
            what);
    exit(2);
}

static uint64_t number(const char *text, char end, const char **rest)
{
    char *stop;
    uint64_t n = strtoull(text, &stop, 10);
    if (stop == text || *stop != end)
        usage("a number is expected");
    if (rest)
        *rest = stop + 1;
    return n;
}

static enum fault fault_named(const char *name)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (strcmp(fault_names[i], name) == 0)
            return (enum fault)i;
    usage("no such fault");
}

static void read_option(struct options *o, const char *name, const char *v)
{
    const char *rest;
    if (strcmp(name, "--seed") == 0) {
        o->first = o->last = number(v, '\0', NULL);
    } else if (strcmp(name, "--seeds") == 0) {
        o->first = number(v, ':', &rest);
        o->last = number(rest, '\0', NULL);
    } else if (strcmp(name, "--stop") == 0) {
        o->stop = number(v, '\0', NULL);
    } else if (strcmp(name, "--nodes") == 0) {
        o->limits.nodes = (int)number(v, '\0', NULL);
    } else if (strcmp(name, "--events") == 0) {
        o->limits.events = (int)number(v, '\0', NULL);
    } else if (strcmp(name, "--fault") == 0) {
        o->fault = fault_named(v);
    } else {
        usage(name);
    }
}

static void read_options(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            o->trace = true;
        else if (strcmp(argv[i], "--dump") == 0)
            o->dump = true;
        else if (i + 1 < argc)
            read_option(o, argv[i], argv[i + 1]), i++;
        else
            usage(argv[i]);
    }
    if (o->limits.nodes > MAX_NODES - 16)
        o->limits.nodes = MAX_NODES - 16;
}

/* A smaller graph, fewer events: as long as it still goes wrong. */
static struct limits smaller(struct world *w)
{
    struct limits least = w->limits;
    bool trace = w->trace;
    w->trace = false;
    for (int events = 10; events < least.events; events += 5) {
        w->limits = (struct limits){least.nodes, events};
        if (!run_seed(w))
            least.events = events;
    }
    for (int nodes = 4; nodes < least.nodes; nodes++) {
        w->limits = (struct limits){nodes, least.events};
        if (!run_seed(w))
            least.nodes = nodes;
    }
    w->trace = trace;
    return least;
}

static void report(struct world *w, const struct options *o)
{
    printf("seed %" PRIu64 ": %s\n", w->seed, w->why);
    if (o->trace)
        return;
    struct limits least = smaller(w);
    printf("  tests/sim/wfw-sim --seed %" PRIu64 " --nodes %d --events %d --trace%s%s\n", w->seed, least.nodes, least.events,
           o->fault ? " --fault " : "", o->fault ? fault_names[o->fault] : "");
    w->limits = o->limits;
    fflush(stdout);
}

static uint64_t run_all(struct world *w, const struct options *o)
{
    uint64_t bad = 0;
    for (uint64_t seed = o->first; seed <= o->last && bad < o->stop; seed++) {
        w->seed = at_seed = seed;
        setitimer(ITIMER_VIRTUAL, &(struct itimerval){.it_value.tv_sec = SECONDS_MOST}, NULL);
        if (!run_seed(w)) {
            bad++;
            report(w, o);
        }
    }
    return bad;
}

static void summary(const struct world *w, const struct options *o, uint64_t bad, double seconds)
{
    const struct numbers *n = w->numbers;
    printf("# seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " histories, %" PRIu64 " violations, %.1f s (%.0f/s)\n", o->first,
           o->last, n->histories, bad, seconds, (double)n->histories / (seconds > 0 ? seconds : 1));
    printf("# %" PRIu64 " events, %" PRIu64 " starts of nodes, %" PRIu64 " recoveries compared, %" PRIu64 " crashes; %" PRIu64
           " completed, %" PRIu64 " failed, %" PRIu64 " wait for ever; %" PRIu64
           " foretold step by step; largest state %" PRIu64 " bytes\n",
           n->events, n->starts, n->recoveries, n->crashes, n->completed, n->failed, n->waiting, n->exact, n->bytes_most);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < w->journal_cap; i++)
        buf_free(&w->journal[i]);
    free(w->journal);
    for (size_t i = 0; i < ARRAY_LEN(w->snapshot); i++)
        buf_free(&w->snapshot[i].text);
    engine_effects_free(&w->fx);
    oracle_clear(&w->o);
    free(w->o.inst);
    free(w->o.life);
    free(w->o.queue);
    free(w);
}

int main(int argc, char **argv)
{
    struct options o = {.first = 1, .last = SEEDS, .stop = 10, .limits = {24, 90}};
    struct numbers numbers = {0};
    struct world *w = xcalloc(1, sizeof *w);
    read_options(&o, argc, argv);
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    signal(SIGVTALRM, on_crash);
    handlers_open();
    w->numbers = &numbers;
    w->limits = o.limits;
    w->fault = o.fault;
    w->trace = o.trace;
    w->dump = o.dump;
    double begun = now();
    uint64_t bad = run_all(w, &o);
    if (!o.dump)
        summary(w, &o, bad, now() - begun);
    world_free(w);
    return bad > 0;
}
