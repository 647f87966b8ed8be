/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the machine a plugin's helper process, or a program, may use: read from the keys of a section, written for
 * people, and put upon the process that calls limits_apply().
 *
 * This keeps faults within bounds: an attacker who runs as the same user still reads what that user may read. */
#ifndef WF_SANDBOX_LIMITS_H
#define WF_SANDBOX_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct limits {
    uint64_t memory;      /* bytes of data, heap and private mappings (RLIMIT_DATA, not the address space); 0 = no limit */
    int64_t cpu_ms;       /* processor time of one call; 0 = no limit */
    uint32_t descriptors; /* open at a time, those of the process itself among them */
    uint32_t processes;   /* 0: neither fork nor exec; N: N processes and threads more than the user has now, which the
                           * system does not enforce for root */
    uint64_t output;      /* bytes that one call writes to standard output and error; 0 = no limit.  Whoever reads them counts */
    bool sandbox;         /* no new privileges, and system calls refused that a handler has no business with */
    bool network;         /* sockets other than AF_UNIX; off needs sandbox */
};

/* The keys of a section that are read here, ended by NULL: limit_memory, limit_cpu, limit_descriptors, limit_processes,
 * limit_output, sandbox, network. */
extern const char *const limits_keys[];

void limits_defaults(struct limits *l); /* of plugins: 512 MiB, 60 s, 256, 0, 16 MiB, on, yes */

/* Change what the section (an object of strings, or NULL) names.  0, or -1 and *e: `limit_cpu = "x": must be ...`. */
int limits_read(const json_t *section, struct limits *l, struct error *e);

/* A limit as people write it, by its key: "512 MiB", "no limit", "off"; appended.  Key: one of limits_keys. */
void limits_format(const struct limits *l, const char *key, struct buf *out);

/* Put them upon this process and what it starts; cannot be undone.  processor_time: cpu_ms becomes a limit of the process
 * (RLIMIT_CPU, rounded up to seconds), which is right when it serves one call only.  `program`: exec is allowed whatever
 * `processes` says.  Before there are threads.  0, or -1 and *e. */
struct limits_how {
    bool program, processor_time;
};
int limits_apply(const struct limits *l, struct limits_how how, struct error *e);

/* What of `sandbox`, `network` and `processes` this build or system cannot do, for a warning; NULL: it can do all. */
const char *limits_missing(void);

/* seccomp.c: the part of limits_apply() that refuses system calls with EPERM. */
int seccomp_apply(const struct limits *l, bool program, struct error *e);

/* Sanitizers keep a shadow of all memory and trace their own process: memory is not limited beneath them and no system call
 * is refused. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define LIMITS_SHADOWED 1
#elif defined __has_feature
#define LIMITS_SHADOWED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define LIMITS_SHADOWED 0
#endif

#endif
