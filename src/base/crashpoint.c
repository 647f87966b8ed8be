/* SPDX-License-Identifier: Apache-2.0 */
/* Points at which the process kills itself, faults, and a clock that can be stepped; see crashpoint.h.  Empty in a
 * build without them. */
#include "base/crashpoint.h"

#ifdef WITH_CRASH_POINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIMES_MAX 1000000

extern const char *const __start_crash_points[] __attribute__((weak));
extern const char *const __stop_crash_points[] __attribute__((weak));
extern const char *const __start_crash_faults[] __attribute__((weak));
extern const char *const __stop_crash_faults[] __attribute__((weak));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *wanted, *fault;
static size_t wanted_len;
static atomic_long left;
static const _Atomic int64_t *clock_step;

static const _Atomic int64_t *map_clock(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return NULL;
    void *at = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static void read_environment(void)
{
    wanted = getenv("WFWORKER_CRASH");
    fault = getenv("WFWORKER_FAULT");
    clock_step = map_clock(getenv("WFWORKER_CLOCK"));
    const char *colon = wanted ? strchr(wanted, ':') : NULL;
    wanted_len = colon ? (size_t)(colon - wanted) : wanted ? strlen(wanted) : 0;
    long times = colon ? strtol(colon + 1, NULL, 10) : 1;
    atomic_store(&left, times < 1 || times > TIMES_MAX ? 1 : times);
}

static bool same(const char *name, const char *text, size_t len)
{
    return text && strlen(name) == len && memcmp(name, text, len) == 0;
}

void crash_point(const char *name)
{
    pthread_once(&once, read_environment);
    if (name && same(name, wanted, wanted_len) && atomic_fetch_sub(&left, 1) == 1)
        kill(getpid(), SIGKILL);
}

bool crash_fault(const char *name)
{
    pthread_once(&once, read_environment);
    return fault && strcmp(fault, name) == 0;
}

int64_t crash_clock_us(void)
{
    pthread_once(&once, read_environment);
    return clock_step ? atomic_load(clock_step) : 0;
}

/* ---- The names ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_names(FILE *out, const char *title, const char *const *from, const char *const *end)
{
    size_t count = from ? (size_t)(end - from) : 0;
    const char **names = calloc(count + 1, sizeof *names);
    if (!names)
        return;
    for (size_t i = 0; i < count; i++)
        names[i] = from[i];
    qsort(names, count, sizeof *names, by_text);
    fprintf(out, "%s:", title);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            fprintf(out, " %s", names[i]);
    fputc('\n', out);
    free(names);
}

void crash_list(FILE *out)
{
    print_names(out, "crash points", __start_crash_points, __stop_crash_points);
    print_names(out, "faults", __start_crash_faults, __stop_crash_faults);
}

#else
typedef int crash_points_are_left_out; /* an empty file is no C */
#endif
