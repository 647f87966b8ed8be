/* SPDX-License-Identifier: Apache-2.0 */
/* A run's state from what is durable: snapshot, then the journal, or a fresh start.
 *
 * The row's status is the word of people: when it differs from the state's, it was changed from outside and the engine is
 * told.  When that happens while this worker has results that are not durable yet, the state is built again and the change
 * comes first: results are kept, but nothing that followed from them is started. */
#include "worker/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* A state that this worker cannot read (a newer one wrote it) is left to others for so long. */
#define UNREADABLE_RETRY_US (60 * US_PER_S)
#define RETRY_INITIAL_MS 1000
#define RETRY_MAX_MS 3600000
#define MAX_CRASHES 3

/* ---- The state ---- */

/* What it is made of, as written; values that are apart are counted with the payloads. */
static size_t text_bytes(const struct store_claim *c)
{
    size_t bytes = claim_is_fresh(c) ? c->execution_state_len : c->snapshot_len;
    for (size_t i = 0; i < c->journal_count; i++)
        bytes += c->journal_len[i];
    return bytes;
}

/* -1: it was dropped. */
static int load(struct run *r, const struct store_claim *c, struct prepared *made)
{
    if (!made->state) {
        run_error(r, "state of the execution cannot be read", &made->why);
        run_release(r, clock_now_us() + UNREADABLE_RETRY_US);
        return -1;
    }
    engine_state_free(r->state);
    r->state = STEAL(made->state);
    run_measured(r, text_bytes(c));
    r->seq = c->next_seq;
    r->rows_since_snapshot = c->journal_count;
    r->behind = r->behind || c->journal_count > 0; /* whoever saved that may not have come to write the row */
    xfree(r->status);
    r->status = xstrdup(c->status ? c->status : "");
    run_logs_clear(r);
    run_asks_clear(r);
    run_used_drop(r, r->used_count);
    r->used_in_save = 0;
    r->durable = false;
    return 0;
}

/* ---- Start ---- */

static struct engine_policy policy_of(const struct settings *s)
{
    return (struct engine_policy){.max_retries = s->max_retries, .retry_multiplier = s->retry_multiplier,
                                  .retry_initial_ms = RETRY_INITIAL_MS, .retry_max_ms = RETRY_MAX_MS,
                                  .node_timeout_ms = s->node_timeout_ms, .max_crashes = MAX_CRASHES};
}

static void start(struct run *r, const struct store_claim *c, const struct prepared *made)
{
    char uuid[UUID_TEXT];
    const struct prepared_row *row = &made->row;
    uuid_format(&c->id, uuid);
    struct engine_start s = {.execution_uuid = uuid, .execution_id = r->execution_id, .workflow_id = r->workflow_id,
                             .workflow_version = c->workflow_version, .started_at_us = c->started_at_us,
                             .data = row->data, .retry_count = c->retry_count,
                             .current_node_id = c->current_node_id,
                             .node_results = row->results,
                             .completed_node_ids = row->completed,
                             .variables = row->variables,
                             .workflow_timeout = row->timeout,
                             .definition = r->definition_id, .policy = policy_of(r->w->settings)};
    run_apply(r, &(struct engine_event){.type = ENGINE_START, .start = &s});
    if (r->payloads.bytes > 0) /* what was counted with the row's text stands apart now */
        run_measured(r, c->execution_state_len > r->payloads.bytes ? c->execution_state_len - r->payloads.bytes : 0);
    if (run_outgrows(r, run_size(r)))
        run_end_too_large(r);
    if (made->row_bad) {
        CLEANUP_FREE char *text = xasprintf("execution_state cannot be read: %s", made->why.message);
        run_terminate(r, text);
    }
}

/* ---- Changes from outside ---- */

enum change { CHANGE_NONE, CHANGE_PAUSE, CHANGE_RESUME, CHANGE_TERMINATE, CHANGE_RETRY, CHANGE_HOLD, CHANGE_OVER };

/* It is over.  One that failed begins again when somebody sets it to running, or plans a retry of it; one that somebody
 * paused waits for that.  Otherwise the row is written again as it ended. */
static enum change change_of_ended(const struct run *r, const struct store_claim *c, const char *row)
{
    if (engine_status(r->state) != STATUS_FAILED)
        return CHANGE_NONE;
    if (strcmp(row, "paused") == 0)
        return CHANGE_HOLD;
    bool planned = strcmp(row, "failed") == 0 && c->completed_at_us == 0 && c->next_retry_at_us != 0;
    return planned || strcmp(row, "running") == 0 ? CHANGE_RETRY : CHANGE_NONE;
}

/* The row says failed, and so do we because a retry is to come: whoever terminates it ends it, takes the retry away or
 * says why. */
static bool retry_terminated(const struct store_claim *c, const struct engine_columns *ours)
{
    return c->completed_at_us != 0 || c->next_retry_at_us == 0 ||
           (c->error_message && ours->error_message && strcmp(c->error_message, ours->error_message) != 0);
}

static enum change change_of(const struct run *r, const struct store_claim *c)
{
    struct engine_columns ours;
    engine_columns(r->def, r->state, &ours);
    const char *row = c->status && strcmp(c->status, "pending") == 0 ? "running" : r->status;
    if (engine_ended(r->state))
        return change_of_ended(r, c, row);
    if (strcmp(row, ours.status) == 0)
        return engine_status(r->state) == STATUS_RETRY && retry_terminated(c, &ours) ? CHANGE_TERMINATE : CHANGE_NONE;
    if (strcmp(row, "paused") == 0)
        return CHANGE_PAUSE;
    if (strcmp(row, "running") == 0)
        return CHANGE_RESUME;
    if (strcmp(row, "failed") == 0)
        return CHANGE_TERMINATE;
    return strcmp(row, "completed") == 0 ? CHANGE_OVER : CHANGE_NONE;
}

static void tell(struct run *r, enum engine_event_type type, const char *message)
{
    log_write(LOG_DEBUG, "status changed from outside", LOG_STR("execution", r->execution_id),
              LOG_STR("status", r->status));
    run_apply(r, &(struct engine_event){.type = type, .message = message});
    r->durable = true;
}

static void begin_again(struct run *r)
{
    tell(r, ENGINE_RETRY, NULL);
    if (engine_ended(r->state))
        run_log(r, "system", "warning",
                "Execution stays failed: nothing of it can be begun again (a replay runs it from a node, as a new one)", NULL,
                run_now(r));
}

/* Somebody else says that it is completed: nothing is left to do. */
static int over_elsewhere(struct run *r)
{
    log_write(LOG_WARNING, "execution was completed from outside, dropped", LOG_STR("execution", r->execution_id));
    run_release(r, INT64_MAX);
    return -1;
}

static void recovered(struct run *r)
{
    r->w->counts.recovered++;
    r->careful = true;
    r->durable = true;
    log_write(LOG_WARNING, "execution taken over from a lost worker", LOG_STR("execution", r->execution_id));
}

/* ---- Taking over ---- */

static int recover_fresh(struct run *r, const struct store_claim *c, const struct prepared *made)
{
    bool paused = strcmp(r->status, "paused") == 0;
    bool over = strcmp(r->status, "completed") == 0 ||
                (strcmp(r->status, "failed") == 0 && (c->completed_at_us != 0 || c->next_retry_at_us == 0));
    if (paused || over) { /* it waits for somebody to change its status */
        run_release(r, INT64_MAX);
        return -1;
    }
    start(r, c, made);
    if (c->crashes > 0) {
        recovered(r);
        run_apply(r, &(struct engine_event){.type = ENGINE_LOST});
    }
    run_signals(r, c, made);
    return 0;
}

static void recover_known(struct run *r, const struct store_claim *c, const struct prepared *made, enum change change)
{
    if (change == CHANGE_PAUSE)
        tell(r, ENGINE_PAUSE, NULL);
    if (c->crashes > 0) {
        recovered(r);
        run_apply(r, &(struct engine_event){.type = ENGINE_LOST});
    }
    if (change == CHANGE_RESUME)
        tell(r, ENGINE_RESUME, NULL);
    if (change == CHANGE_TERMINATE)
        tell(r, ENGINE_TERMINATE, c->error_message);
    if (change == CHANGE_RETRY)
        begin_again(r);
    acts_reconcile(r);
    run_signals(r, c, made); /* before the time: who answered while no worker was there was not late */
    if (!engine_ended(r->state) && engine_next_due(r->state) <= run_now(r))
        run_apply(r, &(struct engine_event){.type = ENGINE_WAKE});
}

int run_recover(struct run *r, const struct store_claim *c, struct prepared *made)
{
    if (load(r, c, made) != 0)
        return -1;
    if (claim_is_fresh(c))
        return recover_fresh(r, c, made);
    enum change change = change_of(r, c);
    if (change == CHANGE_OVER)
        return over_elsewhere(r);
    if (change == CHANGE_HOLD) {
        run_release(r, INT64_MAX);
        return -1;
    }
    recover_known(r, c, made, change);
    return 0;
}

/* ---- Building again ---- */

static bool is_outcome(enum engine_event_type type)
{
    return type >= ENGINE_DONE && type <= ENGINE_PROGRESS;
}

/* Does the state have this activation of this node as running? */
static bool state_runs(const struct run *r, uint64_t id, size_t node)
{
    struct engine_effects fx = {0};
    bool found = false;
    engine_running_effects(r->def, r->state, &fx);
    for (size_t i = 0; i < fx.len && !found; i++)
        found = fx.items[i].act == id && fx.items[i].node == node;
    engine_effects_free(&fx);
    return found;
}

/* What had happened before the change: the start, that a worker was lost, signals that came. */
static void again_before(struct run *r, const struct kept *old, const struct store_claim *c, const struct prepared *made)
{
    if (claim_is_fresh(c))
        start(r, c, made);
    for (size_t i = 0; i < old->len; i++)
        if (old->items[i].ev.type == ENGINE_LOST || old->items[i].ev.type == ENGINE_SIGNAL)
            run_apply_at(r, &old->items[i].ev, old->items[i].at_us, SIZE_MAX);
}

/* Results that this worker has got: those of activations that the state still has. */
static void again_outcomes(struct run *r, const struct kept *old)
{
    for (size_t i = 0; i < old->len; i++) {
        const struct kept_event *k = &old->items[i];
        if (is_outcome(k->ev.type) && state_runs(r, k->ev.act, k->node))
            run_apply_at(r, &k->ev, k->at_us, k->node);
    }
}

/* An end that is not durable yet is known to nobody: who sets such an execution to running resumes it, and asks for no retry. */
static void again(struct run *r, const struct kept *old, const struct store_claim *c, const struct prepared *made)
{
    bool was_over = engine_ended(r->state);
    again_before(r, old, c, made);
    enum change change = engine_ended(r->state) && !was_over ? CHANGE_NONE : change_of(r, c);
    if (r->refusal) {
        run_terminate(r, r->refusal);
        return;
    }
    /* Paused, results set nothing going; then the end can come. */
    if (change == CHANGE_PAUSE || change == CHANGE_TERMINATE)
        tell(r, ENGINE_PAUSE, NULL);
    if (change == CHANGE_RESUME)
        tell(r, ENGINE_RESUME, NULL);
    if (change == CHANGE_RETRY)
        begin_again(r);
    again_outcomes(r, old);
    if (change == CHANGE_TERMINATE)
        tell(r, ENGINE_TERMINATE, c->error_message);
}

bool run_needs_state(const struct run *r, const struct store_claim *c)
{
    return !r->state || r->must_rebuild || !c->status || strcmp(c->status, r->status) != 0;
}

int run_rebuild(struct run *r, const struct store_claim *c, struct prepared *made)
{
    if (!made->with_state) {
        run_signals(r, c, made);
        return 0; /* no change of the status */
    }
    r->must_rebuild = false;
    CLEANUP(kept_free) struct kept old = r->kept;
    r->kept = (struct kept){.refs = old.refs};
    r->kept_in_save = 0;
    if (load(r, c, made) != 0)
        return -1;
    enum change change = claim_is_fresh(c) ? CHANGE_NONE : change_of(r, c);
    if (change == CHANGE_OVER)
        return over_elsewhere(r);
    if (change == CHANGE_HOLD) {
        run_release(r, INT64_MAX);
        return -1;
    }
    again(r, &old, c, made);
    acts_reconcile(r);
    run_signals(r, c, made);
    return 0;
}
