/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: the loop that claims executions, runs their nodes and saves what came of it.
 *
 * worker_run() is the whole of `wfworker run`: it opens the plugins and the store, works until it is told to stop
 * (SIGINT, SIGTERM, worker_stop(), nothing left with `until_idle`) and gives back what it holds.  Main thread. */
#ifndef WF_WORKER_WORKER_H
#define WF_WORKER_WORKER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct settings;
struct settings_source;
struct worker;

enum worker_event_type {
    WORKER_READY, /* connected for the first time; work begins */
    WORKER_LOG,   /* a row of executionlog, as it happens (it may not be durable yet): node_id, level, text */
    WORKER_ENDED, /* an execution is over and that is durable: status, text = error message or NULL */
};

/* Everything is borrowed for the time of the call. */
struct worker_event {
    enum worker_event_type type;
    const char *execution_id; /* exec-..., as in workflowexecution.execution_id; NULL for READY */
    const char *node_id;      /* LOG; also "start", "end", "system" */
    const char *level;        /* LOG: info, warning, error */
    const char *text;         /* LOG: the message; ENDED: the execution's error, or NULL */
    const char *status;       /* ENDED: completed, failed */
    int64_t at_us;
};

/* Something that lives on the worker's loop beside it and that the worker itself does not know: the web page.  open may
 * leave *state NULL (not wanted); -1 and *e is a start-up error.  close begins to close its handles; the loop runs on
 * until they are closed. */
struct worker_service {
    const char *name;
    int (*open)(struct worker *w, uv_loop_t *loop, const struct settings *settings, void **state, struct error *e);
    void (*close)(void *state);
};

struct worker_options {
    bool until_idle;      /* end with exit code 0 when nothing is runnable, running or due within idle_wait_ms */
    int64_t idle_wait_ms; /* 60,000 by default */
    bool migrate;         /* bring the database's schema up to date first */
    bool banner;          /* print the start-up box when standard output is a terminal */
    /* Called on the loop thread; may be NULL.  May call worker_stop(), must not block. */
    void (*event)(void *ctx, struct worker *w, const struct worker_event *ev);
    /* SIGHUP: read the settings again, from the same flags; the worker frees what it returns.  NULL and *e when they are
     * wrong (the old ones stay in force).  NULL: SIGHUP says that nothing can be read again. */
    struct settings_source *(*reload)(void *ctx, struct error *e);
    void *ctx; /* of event and reload */
    /* Set by the caller's signal handler for what came before the worker watched for signals itself: it ends at once.
     * May be NULL. */
    const volatile sig_atomic_t *interrupted;
    const struct worker_service *const *services; /* NULL-terminated, or NULL; `wfworker run` passes web_service */
};

#define WORKER_OPTIONS_INIT {.idle_wait_ms = 60000, .banner = true}

/* Run until it is over.  Returns the exit code of the process: 0 after an orderly end, 1 with *e when it cannot work at
 * all (e.message is "" when everything was said already), 130 or 143 after a second SIGINT or SIGTERM. */
int worker_run(const struct settings_source *settings, const struct worker_options *options, struct error *e);

/* Begin the orderly end, as SIGTERM does: no more claims, running nodes get shutdown_grace.  From the event hook. */
void worker_stop(struct worker *w);

#endif
