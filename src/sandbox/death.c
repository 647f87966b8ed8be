/* SPDX-License-Identifier: Apache-2.0 */
/* From the facts to the words.  Limits come before signals: a process that was refused memory, or had used up its time, ends
 * in some way or other, and the way is not the cause. */
#include "sandbox/death.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/mem.h"

#define NULL_PAGES ((uint64_t)64 * 1024)      /* addresses of NULL and its members */
#define NEAR_STACK ((uint64_t)1024 * 1024)    /* a fault so near to the stack pointer is of the stack */
#define CALLED_EXIT 2

/* The signal that it ended or stopped with, or 0. */
static int signal_of(int status)
{
    return WIFSIGNALED(status) ? WTERMSIG(status) : WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

static bool is_fault(int sig)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (sig == faults[i])
            return true;
    return false;
}

/* "signal 11 (SIGSEGV)" */
static void name_signal(int sig, char *out, size_t size)
{
    const char *name = sigabbrev_np(sig);
    snprintf(out, size, name ? "signal %d (SIG%s)" : "signal %d", sig, name);
}

/* The note is of this very death? */
static const struct death_note *own_note(const struct death *d)
{
    uint32_t written = d->note ? atomic_load(&d->note->written) : 0;
    if (written == 1 && d->note->signal == signal_of(d->status))
        return d->note;
    return written == CALLED_EXIT && WIFEXITED(d->status) ? d->note : NULL;
}

/* A sixteenth below the limit counts as at the limit: the request that failed was for more than what was left. */
static bool at_limit(uint64_t memory, uint64_t limit)
{
    return memory >= limit - limit / 16;
}

/* The last request for memory was refused (ENOMEM is the error of the thread that died), and it died of that: of a pointer that
 * is NULL, by abort() (C++), or by exit(); or it had come to the limit. */
static bool out_of_memory(const struct death *d)
{
    uint64_t limit = d->limits && !LIMITS_SHADOWED ? d->limits->memory : 0; /* beneath a sanitizer there is none */
    const struct death_note *note = own_note(d);
    if (!limit || (WIFEXITED(d->status) && WEXITSTATUS(d->status) == 0))
        return false;
    if (!note) {
        bool fault = WIFEXITED(d->status) || is_fault(signal_of(d->status));
        return fault && d->usage && at_limit((uint64_t)d->usage->ru_maxrss * 1024, limit);
    }
    if (at_limit(note->memory, limit))
        return true;
    if (note->error != ENOMEM)
        return false;
    return atomic_load(&note->written) == CALLED_EXIT || note->signal == SIGABRT ||
           (note->signal == SIGSEGV && note->code > 0 && note->address < NULL_PAGES);
}

static bool out_of_time(const struct death *d)
{
    if (!d->limits || !d->limits->cpu_ms)
        return false;
    int sig = signal_of(d->status);
    return WIFSIGNALED(d->status) && (sig == SIGXCPU || (sig == SIGKILL && d->cpu_ms >= d->limits->cpu_ms));
}

/* The stack ran into its guard. */
static bool out_of_stack(const struct death *d)
{
    const struct death_note *note = own_note(d);
    if (!note || note->signal != SIGSEGV || note->code <= 0 || !note->stack)
        return false;
    uint64_t low = note->stack > NEAR_STACK ? note->stack - NEAR_STACK : 0;
    return note->address >= low && note->address < note->stack + 4096;
}

static bool out_of_descriptors(const struct death *d)
{
    return d->limits && d->note && atomic_load(&d->note->descriptors) >= d->limits->descriptors;
}

/* ---- Words ---- */

/* "crashed with signal 11 (SIGSEGV)", "ended its process with exit code 3" */
static void describe_end(const struct death *d, char *out, size_t size)
{
    char sig[64];
    name_signal(signal_of(d->status), sig, sizeof sig);
    if (WIFEXITED(d->status))
        snprintf(out, size, "ended its process with exit code %d", WEXITSTATUS(d->status));
    else if (WIFSTOPPED(d->status))
        snprintf(out, size, "stopped its process with %s", sig);
    else if (is_fault(WTERMSIG(d->status)))
        snprintf(out, size, "crashed with %s", sig);
    else
        snprintf(out, size, "was ended by %s", sig);
}

static void limit_exceeded(const struct death *d, struct death_words *w, const char *key, const char *what, const char *rest)
{
    CLEANUP_BUF struct buf value = BUF_INIT;
    limits_format(d->limits, key, &value);
    w->type = "limit_exceeded";
    snprintf(w->message, sizeof w->message, "%.300s %s, %s = %s%s", d->subject, what, key, value.data, rest);
    js_set(w->details, "limit", json_string(key));
    js_set(w->details, "limit_value", json_string(value.data));
}

static void crashed(const struct death *d, struct death_words *w, const char *end)
{
    const char *more = "";
    w->type = "crashed";
    if (d->sentence == DEATH_GARBAGE) {
        snprintf(w->message, sizeof w->message, "%.300s wrote into wfworker's own descriptor: what came is no message", d->subject);
        return;
    }
    if (out_of_stack(d)) {
        js_set(w->details, "stack_overflow", json_true());
        more = ": its stack is used up";
    } else if (WIFSIGNALED(d->status) && WTERMSIG(d->status) == SIGKILL) {
        more = ": by the system, when memory ran out, or by somebody";
    }
    snprintf(w->message, sizeof w->message, "%.300s %s%s", d->subject, end, more);
}

static void add_facts(const struct death *d, json_t *details)
{
    int sig = d->sentence == DEATH_OWN || d->sentence == DEATH_STOPPED ? signal_of(d->status) : 0;
    const char *name = sig ? sigabbrev_np(sig) : NULL;
    const struct death_note *note = own_note(d);
    if (sig)
        js_set(details, "signal", json_integer(sig));
    if (name) {
        CLEANUP_FREE char *whole = xasprintf("SIG%s", name);
        js_set(details, "signal_name", json_string(whole));
    }
    if (d->sentence == DEATH_OWN && WIFEXITED(d->status))
        js_set(details, "exit_code", json_integer(WEXITSTATUS(d->status)));
    if (note && note->code > 0 && note->signal != SIGABRT && note->signal != SIGSYS) {
        CLEANUP_FREE char *address = xasprintf("0x%" PRIx64, note->address);
        js_set(details, "address", json_string(address));
    }
    if (note && note->memory)
        js_set(details, "memory", json_integer((json_int_t)note->memory));
    if (d->usage)
        js_set(details, "max_memory", json_integer((json_int_t)d->usage->ru_maxrss * 1024));
    if (d->cpu_ms >= 0)
        js_set(details, "cpu_ms", json_integer(d->cpu_ms));
    if (out_of_descriptors(d))
        js_set(details, "descriptors", json_string("all used up"));
    if (d->last_output && *d->last_output)
        js_set(details, "last_output", js_string_lossy(d->last_output, strlen(d->last_output)));
}

void death_describe(const struct death *d, struct death_words *w)
{
    char end[128], rest[160];
    *w = (struct death_words){.details = json_object()};
    describe_end(d, end, sizeof end);
    snprintf(rest, sizeof rest, ": it %s", end);
    if (d->sentence == DEATH_OUTPUT && d->limits)
        limit_exceeded(d, w, "limit_output", "wrote more in one call than it may", "");
    else if (d->sentence == DEATH_OWN && out_of_time(d))
        limit_exceeded(d, w, "limit_cpu", "used up its processor time", "");
    else if (d->sentence == DEATH_OWN && out_of_memory(d))
        limit_exceeded(d, w, "limit_memory", "needed more memory than it may have", rest);
    else
        crashed(d, w, end);
    add_facts(d, w->details);
}
