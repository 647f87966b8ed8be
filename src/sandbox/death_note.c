/* SPDX-License-Identifier: Apache-2.0 */
/* The page that a dying process writes into, and the handler of faults that does it. */
#include "sandbox/death.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/mem.h"

#define ALTERNATE_STACK ((size_t)64 * 1024)

static struct death_note *watched;         /* of this process; set before there are threads */
static _Thread_local void *alternate;      /* the stack of the handler */

/* ---- The page ---- */

struct death_note *death_note_new(int *fd, struct error *e)
{
    int made = memfd_create("wfworker-note", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *note = MAP_FAILED;
    if (made >= 0 && ftruncate(made, sizeof(struct death_note)) == 0 &&
        fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        note = mmap(NULL, sizeof(struct death_note), PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
    if (note == MAP_FAILED) {
        err_set(e, "no shared page for a helper process: %s", strerror(errno));
        if (made >= 0)
            close(made);
        return NULL;
    }
    *fd = made;
    return note;
}

struct death_note *death_note_take(int fd, struct error *e)
{
    void *note = mmap(NULL, sizeof(struct death_note), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int error = errno;
    close(fd);
    if (note != MAP_FAILED)
        return note;
    err_set(e, "the shared page of a helper process cannot be mapped: %s", strerror(error));
    return NULL;
}

void death_note_free(struct death_note *note)
{
    if (note)
        munmap(note, sizeof *note);
}

void death_note_taken(struct death_note *note)
{
    atomic_fetch_add(&note->taken, 1);
}

uint32_t death_note_descriptors(struct death_note *note)
{
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
    struct rlimit r;
    uint32_t lowest;
    if (fd >= 0) {
        lowest = (uint32_t)fd;
        close(fd);
    } else if (errno == EBADF) { /* 0 itself is closed */
        lowest = 0;
    } else {
        lowest = getrlimit(RLIMIT_NOFILE, &r) == 0 ? (uint32_t)r.rlim_cur : UINT32_MAX;
    }
    atomic_store(&note->descriptors, lowest);
    return lowest;
}

/* ---- In the handler: only what may be called there ---- */

/* The sixth number of statm: pages of data and stack, which is what RLIMIT_DATA bounds, and the stack. */
static uint64_t data_bytes(void)
{
    char text[256];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    uint64_t pages = 0;
    int field = 1;
    for (ssize_t i = 0; i < n; i++) {
        if (text[i] == ' ')
            field++;
        else if (field == 6 && text[i] >= '0' && text[i] <= '9')
            pages = pages * 10 + (uint64_t)(text[i] - '0');
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t stack_pointer(const void *context)
{
#if defined __x86_64__ && defined REG_RSP
    return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
#elif defined __aarch64__
    return ((const ucontext_t *)context)->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    uint32_t none = 0;
    if (watched && atomic_compare_exchange_strong(&watched->written, &none, 1)) {
        watched->signal = signal;
        watched->code = info->si_code;
        watched->error = error;
        watched->address = info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0;
        watched->stack = stack_pointer(context);
        watched->memory = data_bytes();
    }
    /* SA_RESETHAND: a fault happens again when this returns, what was sent is sent again */
    if (info->si_code <= 0)
        raise(signal);
}

static void on_exit_called(void)
{
    uint32_t none = 0;
    if (watched && atomic_compare_exchange_strong(&watched->written, &none, 2)) {
        watched->error = errno;
        watched->memory = data_bytes();
    }
}

void death_watch_thread(void)
{
    if (alternate)
        return;
    void *stack = mmap(NULL, ALTERNATE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return; /* the handler then runs on the stack that there is */
    if (sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = ALTERNATE_STACK}, NULL) == 0)
        alternate = stack;
    else
        munmap(stack, ALTERNATE_STACK);
}

void death_unwatch_thread(void)
{
    if (!alternate)
        return;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(alternate, ALTERNATE_STACK);
    alternate = NULL;
}

void death_watch(struct death_note *note)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    watched = note;
    death_watch_thread();
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigaction(faults[i], &action, NULL);
    atexit(on_exit_called);
}
