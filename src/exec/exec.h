/* SPDX-License-Identifier: Apache-2.0 */
/* One execution of a definition in memory: the real engine, the real plugins, no database.
 *
 * Time is the wall clock, or virtual: then it stands still while anything can be done and jumps to what is due next
 * when nothing can; ids, the starting time and the order in which outcomes are applied (that of the activations' starts)
 * are always the same, so that two runs of the same definition with the same answers from outside are equal byte for
 * byte.  What handlers wait for themselves (http, blocking work, timers of their own) takes its real time. */
#ifndef WF_EXEC_EXEC_H
#define WF_EXEC_EXEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"
#include "engine/engine.h"

struct registry;

/* Where virtual time begins when nothing else is said: 2026-01-01T00:00:00Z. */
#define EXEC_START_US INT64_C(1767225600000000)

/* A workflow that executions may start, by the id that they name it with. */
struct exec_workflow {
    const char *id;
    struct def *def; /* loaded as the first one; borrowed */
};

struct exec_options {
    const struct settings_source *source; /* limits, secrets, what is allowed of the environment */
    const struct registry *registry;
    struct def *def;        /* loaded with handling_catalog() of that registry; borrowed */
    json_t *data;           /* trigger data, an object; borrowed */
    bool virtual_time;
    int64_t start_us;       /* where virtual time begins */
    bool trace;
    const struct exec_workflow *workflows; /* beside the first one; borrowed */
    size_t workflow_count;
    json_t *signals;        /* an array of [type, data, milliseconds after the start], by time; borrowed, or NULL */
};

enum exec_end {
    EXEC_COMPLETED = 0,
    EXEC_FAILED = 1,
    EXEC_WAITING = 3, /* for something that does not come, or for a condition that does not become true */
};

struct exec_result {
    enum exec_end end;
    json_t *value; /* {"status", "data", "node_results", "completed_node_ids", "error_message"} and "trace"; owned */
    bool left;     /* a handler did not return: end with _exit(), do not close the registry */
};

/* Runs to the end.  0, or -1 and *e when it could not begin.  Main thread. */
int exec_run(const struct exec_options *options, struct exec_result *result, struct error *e);

#endif
