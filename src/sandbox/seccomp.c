/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a handler has no business with: they fail with EPERM, everything else goes on as ever.  A list of what
 * is refused, not of what is allowed: libraries of plugins may do what they like as long as it stays in their process. */
#include "config.h"

#include "sandbox/limits.h"

#ifdef WITH_SECCOMP
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* By name: what this machine's libseccomp or architecture does not have is left out. */
static const char *const refused[] = {
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "pidfd_send_signal",
    /* what the machine sees */
    "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "nfsservctl", "sethostname",
    "setdomainname", "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64", "vhangup", "syslog", "iopl", "ioperm", "reboot", "lookup_dcookie",
    /* the kernel */
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "bpf",
    "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "fanotify_init",
    /* namespaces */
    "setns", "unshare",
#ifdef __GLIBC__
    "tkill", /* names a thread of any process; glibc uses tgkill */
#endif
};

static const char *const starting[] = {"fork", "vfork"}, *const replacing[] = {"execve", "execveat"};

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static int refuse_names(scmp_filter_ctx f, const char *const *names, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call != __NR_SCMP_ERROR && call >= 0)
            rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), call, 0);
    }
    return rc;
}

static int refuse_if(scmp_filter_ctx f, int call, struct scmp_arg_cmp when)
{
    return call < 0 ? 0 : seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EPERM), call, 1, &when);
}

/* Signals to others: a process that may not start any knows only itself; one that may must be able to end its own, so
 * that only everybody (-1) and the process above it are refused. */
static int refuse_signals(scmp_filter_ctx f, bool alone)
{
    const scmp_datum_t self = (scmp_datum_t)getpid(), parent = (scmp_datum_t)getppid(), low = UINT32_MAX;
    static const int calls[] = {SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo)};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(calls) && rc == 0; i++) {
        if (alone) {
            rc = refuse_if(f, calls[i], SCMP_A0_32(SCMP_CMP_NE, self));
        } else {
            rc = refuse_if(f, calls[i], SCMP_A0_32(SCMP_CMP_EQ, low)); /* -1 */
            if (rc == 0 && parent > 1)
                rc = refuse_if(f, calls[i], SCMP_A0_32(SCMP_CMP_EQ, parent));
        }
    }
    /* the limits of others, signals by way of a descriptor, keys typed for a terminal */
    if (rc == 0)
        rc = refuse_if(f, SCMP_SYS(prlimit64), SCMP_A0_32(SCMP_CMP_NE, 0));
    if (rc == 0)
        rc = refuse_if(f, SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_SETOWN));
    if (rc == 0)
        rc = refuse_if(f, SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, F_SETOWN_EX));
    return rc != 0 ? rc : refuse_if(f, SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_EQ, TIOCSTI));
}

/* clone3() has its flags in memory, where no filter sees them: it is "not there", and clone() is used. */
static int refuse_processes(scmp_filter_ctx f, const struct limits *l, bool program)
{
    int rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    for (unsigned bit = 0; bit < 32 && rc == 0; bit++)
        if (NAMESPACES & 1u << bit)
            rc = refuse_if(f, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, 1u << bit, 1u << bit));
    bool alone = l->processes <= (program ? 1u : 0u);
    if (rc == 0 && alone)
        rc = refuse_names(f, starting, ARRAY_LEN(starting));
    if (rc == 0 && alone)
        rc = refuse_if(f, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (rc == 0 && alone && !program)
        rc = refuse_names(f, replacing, ARRAY_LEN(replacing));
    return rc != 0 ? rc : refuse_signals(f, alone);
}

static int build(scmp_filter_ctx f, const struct limits *l, bool program)
{
    int rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    if (rc == 0)
        rc = refuse_names(f, refused, ARRAY_LEN(refused));
    if (rc == 0)
        rc = refuse_processes(f, l, program);
    if (rc == 0 && !l->network)
        rc = refuse_if(f, SCMP_SYS(socket), SCMP_A0_32(SCMP_CMP_NE, AF_UNIX));
    return rc != 0 ? rc : seccomp_load(f);
}

int seccomp_apply(const struct limits *l, bool program, struct error *e)
{
    if (LIMITS_SHADOWED)
        return 0;
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int rc = f ? build(f, l, program) : -ENOMEM;
    if (f)
        seccomp_release(f);
    return rc == 0 ? 0 : err_set(e, "system calls cannot be refused: %s", strerror(-rc));
}

const char *limits_missing(void)
{
    return NULL;
}

#else

int seccomp_apply(const struct limits *l, bool program, struct error *e)
{
    (void)l;
    (void)program;
    (void)e;
    return 0;
}

const char *limits_missing(void)
{
    return "this wfworker was built without libseccomp: no system call is refused, limit_processes = 0 and network = no do "
           "nothing";
}

#endif
