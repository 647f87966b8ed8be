/* SPDX-License-Identifier: Apache-2.0 */
/* What ran, in order: one entry for each activation, made when it starts. */
#ifndef WF_EXEC_TRACE_H
#define WF_EXEC_TRACE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

struct trace_entry {
    const char *node;   /* of the definition */
    char *scope;        /* path of the scope instance, "" = the execution */
    uint64_t pass;      /* runs of the node in that instance, this one counts */
    char *branch;       /* or NULL */
    bool told;          /* its end was, but has not come */
    const char *status; /* running, waiting, completed, failed, cancelled */
};

struct trace {
    struct trace_entry *entries;
    size_t len, cap;
    size_t *of_act; /* by activation: number of the entry, from 1; 0 = none */
    size_t act_count, act_cap;
    size_t told;    /* entries that are */
};

/* An activation starts, or goes on. */
void trace_run(struct trace *t, const struct def *d, const struct engine_state *s, uint64_t act, size_t node);
/* It was told to the engine. */
void trace_event(struct trace *t, const struct engine_event *ev);
/* What came of it: the engine does not let everything pass that a handler says, a break outside of a loop for example.  there: the
 * activation still is. */
void trace_effects(struct trace *t, const struct engine_event *ev, const struct engine_effects *fx, bool there);
void trace_cancel(struct trace *t, uint64_t act);
/* An array of {"node_id", "pass", "scope", "branch", "status"}; what is still open was cancelled when the execution is over. */
json_t *trace_json(const struct trace *t, bool ended);
void trace_free(struct trace *t);

#endif
