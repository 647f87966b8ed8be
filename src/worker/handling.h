/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between the engine and a handler and is the same wherever executions run: in a worker, and in `wfworker exec`
 * without a database.  Loop thread. */
#ifndef WF_WORKER_HANDLING_H
#define WF_WORKER_HANDLING_H

#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0 /* registry.h shows what plugins export */
#endif

#include "config/settings.h"
#include "engine/engine.h"
#include "plugin/registry.h"
#include "plugin/task.h"
#include "worker/mask.h"

/* The registry as the engine sees it; it must live as long as definitions that were loaded with it. */
struct catalog handling_catalog(const struct registry *r);

/* What a handler is told of why it is called. */
uint32_t handling_why(enum engine_why why);

/* What a call about a pass says, see wfw_call.scope_outcome; the values are owned. */
struct told {
    enum engine_scope_outcome outcome;
    uint64_t pass;
    json_t *scope; /* or NULL */
    char *signal;  /* the type of the signal that came, or NULL */
    uint64_t act;  /* the activation, and */
    uint32_t call; /* which call of it this is */
};
void told_take(struct told *t, struct engine_effect *fx); /* takes over the effect's value */
void told_clear(struct told *t);
void told_call(const struct told *t, const struct def *d, size_t node, struct task_call *call);

/* The event that an outcome is for the engine.  Its members are borrowed from the outcome and from *s, which is zeroed by
 * the caller, cleared afterwards, and not moved in between.  What the database could not hold makes it a failure. */
struct said {
    struct engine_event ev;
    struct failure failure; /* owned, or zero */
    json_t *output;         /* owned, or NULL */
};
void said_make(struct said *s, const struct outcome *o, uint64_t act);
void said_clear(struct said *s);

/* What a handler said, without secrets; its own members are freed by outcome_masked_free(), the others stay borrowed. */
struct outcome outcome_masked(const struct mask *m, const struct outcome *o);
void outcome_masked_free(struct outcome *own);

/* The failure of a node whose outcome the engine does not take: `break` for a node that is no loop, and the like. */
void handling_outcome_invalid(const struct def *d, size_t node, struct failure *f);

/* ${secret.NAME} (kind "secret") and ${env.NAME} (kind "env"): a new string, or NULL. */
char *handling_secret(const struct settings_source *source, const char *kind, const char *name);

/* An expression in the view of an activation, as task_services.eval wants it: NULL, and *e with the failure's type in
 * `detail`. */
json_t *handling_eval(const struct def *d, const struct engine_state *s, uint64_t act, const char *expression,
                      const json_t *vars, int64_t now_us, struct error *e);

#endif
