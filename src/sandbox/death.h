/* SPDX-License-Identifier: Apache-2.0 */
/* What a process died of, in words.
 *
 * The wait status names signal and exit code.  What it cannot tell, the process writes down itself while it dies, into a page
 * that it shares with the one above it (struct death_note): how much memory it had, whether the last request for more was
 * refused, and where it stood.  So "out of memory" is said when it was, and not when a process happens to be large. */
#ifndef WF_SANDBOX_DEATH_H
#define WF_SANDBOX_DEATH_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/error.h"
#include "sandbox/limits.h"

struct death_note {
    _Atomic uint32_t written;    /* 1 once a crash was noted, 2 once exit() was called */
    int32_t signal, code;        /* si_signo, si_code */
    int32_t error;               /* errno of the thread as it was */
    uint64_t address, stack;     /* what was touched; the stack pointer, 0 when not known */
    uint64_t memory;             /* bytes that RLIMIT_DATA counts, 0 when not known */
    _Atomic uint32_t taken;       /* calls that it has begun with */
    _Atomic uint32_t descriptors; /* the lowest that was free after the last call, see death_note_descriptors() */
};

/* Above: a new note, shared by `fd`, which is to be handed down and closed.  NULL and *e. */
struct death_note *death_note_new(int *fd, struct error *e);
void death_note_free(struct death_note *note); /* unmaps; NULL is fine.  Both sides */

/* Below: take it from the descriptor, which is closed: nobody finds it any more.  NULL and *e. */
struct death_note *death_note_take(int fd, struct error *e);

/* Below: from now on a fault (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS) and exit() are noted; the default
 * action follows.  The thread that calls this gets a stack of its own for it; other threads call death_watch_thread(), and
 * death_unwatch_thread() before they end. */
void death_watch(struct death_note *note);
void death_watch_thread(void);
void death_unwatch_thread(void);

/* Below, before each call: what happens from here on is its doing. */
void death_note_taken(struct death_note *note);

/* Below, after each call: the lowest free descriptor, noted and returned (a leak makes it rise); the limit when none is. */
uint32_t death_note_descriptors(struct death_note *note);

/* Why the one above ended it. */
enum death_sentence {
    DEATH_OWN,     /* it did not: see status */
    DEATH_OUTPUT,  /* it wrote too much */
    DEATH_STOPPED, /* it was stopped: status is a stopped one */
    DEATH_GARBAGE  /* what it sent is no message */
};

struct death {
    const char *subject;             /* "the handler of node type acme.bad" */
    int status;                      /* of waitpid() */
    enum death_sentence sentence;
    const struct rusage *usage;      /* of the process, or NULL */
    int64_t cpu_ms;                  /* processor time of the call; -1 = not known */
    const struct limits *limits;     /* or NULL */
    const struct death_note *note;   /* or NULL */
    const char *last_output;         /* the last line that it wrote to standard error or output; NULL or "": none */
};

struct death_words {
    const char *type;   /* "crashed" or "limit_exceeded" */
    char message[1024];
    json_t *details;    /* an object, the caller's: signal, signal_name, exit_code, limit, limit_value, memory, ... */
};

/* Fills *w.  "SIGSEGV" is written as sigabbrev_np() has it. */
void death_describe(const struct death *d, struct death_words *w);

#endif
