/* SPDX-License-Identifier: Apache-2.0 */
/* How calls leave this process: a plugin whose handlers run in helper processes has a `struct remote`.
 *
 * This room only knows the interface; src/helper is the one implementation, and who opens a registry hands it over
 * (registry_options.isolation).  Without it every plugin runs inside. */
#ifndef WF_PLUGIN_REMOTE_H
#define WF_PLUGIN_REMOTE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct task;
struct task_call;
struct task_host;
struct isolation;

/* The helper processes of one plugin; the implementation's structure begins with it. */
struct remote {
    const struct isolation *isolation;
    struct task_host *host;         /* whose calls they serve, or NULL */
    struct remote *next;            /* among those of one host */
};

/* How many there are and what became of those before. */
struct remote_stats {
    size_t helpers;     /* processes now */
    size_t busy, waiting; /* calls that run, and that wait for a process */
    uint64_t started, died; /* processes so far; died: not because wfworker wanted it */
};

/* What a plugin's helper processes are made with; everything is borrowed for the time of open(). */
struct remote_options {
    const char *name, *path;  /* of the plugin and its file */
    const char *program;      /* the helper's program; NULL = this one */
    const json_t *section;    /* [plugin NAME], texts, with the keys that are wfworker's; or NULL */
    uint32_t denied;          /* capabilities that no call may have */
    size_t helpers;           /* processes at a time, when the section does not say */
    int64_t start_timeout_ms; /* for loading and for init */
};

struct isolation {
    /* Read the keys.  NULL and *e: a text about one of them, as "limit_cpu = ...".  No process is started. */
    struct remote *(*open)(const struct remote_options *o, struct error *e);

    /* Main thread, before other threads: start a helper, which loads the file and tells what it found (see
     * helper/about.h), a new reference.  NULL and *e in the words of probe_file(). */
    json_t *(*describe)(struct remote *r, struct error *e);

    /* What init is given, in this helper and in all later ones; a reference is taken. */
    void (*configure)(struct remote *r, json_t *config);

    /* Call declare and init in the helper that described itself.  *about: with the node types that were declared, a new reference;
     * NULL when it has no declare.  0, or -1 and *e: "its init failed: ..." */
    int (*init)(struct remote *r, json_t **about, struct error *e);

    /* Drain, exit() and end of every process; main thread, bounded in time.  No host may have it any more
     * (remote_detach()). */
    void (*close)(struct remote *r);

    /* Loop thread: the call begins as soon as a process is free.  A reference of the task is taken until it is over. */
    void (*start)(struct remote *r, struct task *t, const struct task_call *call);

    /* Loop thread: true when the call had not begun; it is forgotten then. */
    bool (*withdraw)(struct remote *r, struct task *t);

    /* Loop thread: tell the handler, and end its process when it does not return within grace_ms. */
    void (*cancel)(struct remote *r, struct task *t, int64_t grace_ms);

    /* Loop thread: the host ends.  No call is open any more but cancelled ones; their processes are ended. */
    void (*detach)(struct remote *r);

    void (*stats)(const struct remote *r, struct remote_stats *out);
};

/* remote.c, for the implementation, all on the loop thread: what the handler said, for a task that is not settled. */
struct outcome;
void remote_outcome(struct task *t, const struct outcome *o, bool large); /* what it points at is kept by the task's arena */
void remote_fail(struct task *t, const char *type, const char *message, bool retryable, int64_t retry_after_ms,
                 json_t *details); /* copies the texts, takes over details */

#endif
