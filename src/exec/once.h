/* SPDX-License-Identifier: Apache-2.0 */
/* One activation of one node type: the real plugin, a real clock and real http, no workflow, no engine, no database. */
#ifndef WF_EXEC_ONCE_H
#define WF_EXEC_ONCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"

struct handler;

/* Texts and values are borrowed for the time of once_run(). */
struct once_options {
    const struct settings_source *source; /* limits of http, secrets, what is allowed of the environment */
    const struct handler *handler;
    const char *node_type;    /* as it was named: may be an alias */
    json_t *config;           /* templates are resolved with the names of `input`, an object each */
    json_t *input;
    json_t *checkpoint, *event, *scope; /* or NULL */
    const char *key, *signal; /* signal: or NULL */
    uint32_t attempt, why, scope_outcome;
    uint64_t scope_pass;
    int64_t timeout_ms;       /* 0: what the node type says, else the setting node_timeout */
};

enum once_end {
    ONCE_OVER,    /* done, or a leave: the node is over */
    ONCE_FAILED,  /* it failed, or its time was over */
    ONCE_WAITING, /* it parked or entered: it is to be called again */
};

struct once_result {
    enum once_end end;
    json_t *value; /* as outcome_json() makes it, without secrets; {"outcome": "timeout", "message"} when the time was over; owned */
    bool left;     /* a handler did not return: end with _exit(), do not close the registry */
};

/* 0, or -1 and *e when it could not begin.  What the handler logs and its progress go to the log.  Main thread. */
int once_run(const struct once_options *options, struct once_result *result, struct error *e);

#endif
