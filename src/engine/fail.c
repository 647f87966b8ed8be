/* SPDX-License-Identifier: Apache-2.0 */
/* Failure, in order: the node's own retries, its `error` edge, the execution's retries, the end. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static void seconds_text(int64_t ms, char out[32])
{
    js_format_real((double)ms / 1000, out);
}

/* ---- a node ---- */

json_t *failure_write(const struct failure *f)
{
    json_t *v = json_object();
    js_set(v, "type", js_string_lossy(f->type, strlen(f->type)));
    js_set(v, "message", js_string_lossy(f->message, strlen(f->message)));
    js_set(v, "retryable", json_boolean(f->retryable));
    js_set(v, "retry_after_ms", json_integer(f->retry_after_ms));
    if (f->details)
        js_set(v, "details", json_incref(f->details));
    if (f->node)
        js_set(v, "node", js_string_lossy(f->node, strlen(f->node)));
    return v;
}

void failure_read(const json_t *v, struct failure *f)
{
    const char *type = js_str(v, "type"), *message = js_str(v, "message"), *node = js_str(v, "node");
    *f = (struct failure){.type = xstrdup(type ? type : "error"),
                          .message = xstrdup(message ? message : ""),
                          .retryable = js_bool(v, "retryable", false),
                          .retry_after_ms = bounded(js_int(v, "retry_after_ms", 0), 0, LENGTH_MAX_MS),
                          .details = json_incref(json_object_get(v, "details")),
                          .node = node ? xstrdup(node) : NULL};
}

static const char *failed_node(const struct def_node *n, const struct failure *f)
{
    return f->node ? f->node : n->id;
}

json_t *failure_record(const struct def_node *n, const struct failure *f)
{
    const char *node = failed_node(n, f);
    json_t *error = json_object();
    js_set(error, "node_id", js_string_lossy(node, strlen(node)));
    js_set(error, "type", js_string_lossy(f->type, strlen(f->type)));
    js_set(error, "message", js_string_lossy(f->message, strlen(f->message)));
    js_set(error, "details", f->details ? json_incref(f->details) : json_null());
    return error;
}

static json_t *error_object(const struct def_node *n, const struct failure *f)
{
    json_t *output = json_object();
    js_set(output, "error", failure_record(n, f));
    return output;
}

/* An edge that takes this failure; not one that begins a cycle again which went round too often. */
static bool takes_error(const struct step *st, const struct act *a, const struct def_edge *e)
{
    return e->error && !(e->back && cycle_of(st->d, a->scope, st->d->nodes[a->node].cycle)->exhausted);
}

static bool error_edge(const struct step *st, const struct act *a)
{
    const struct def_node *n = &st->d->nodes[a->node];
    for (uint32_t i = 0; n->has_error_edge && i < n->out_count; i++)
        if (takes_error(st, a, &st->d->edges[n->out[i]]))
            return true;
    return false;
}

static void take_error_edges(struct step *st, struct act *a, json_t *output)
{
    const struct def_node *n = &st->d->nodes[a->node];
    scope_data_set(st, a->scope, n->output_key, json_incref(output));
    for (uint32_t i = 0; i < n->exit_count; i++) {
        const struct def_edge *e = &st->d->edges[n->exits[i]];
        edge_decide(st, a->scope, n->exits[i], e->from == a->node && takes_error(st, a, e));
    }
    act_over(st, a, SLOT_FAILED);
}

/* Inside a pass: the pass fails, and its node hears of it. */
static void escalate_to_pass(struct step *st, struct act *a, const struct failure *f)
{
    struct scope *scope = a->scope;
    CLEANUP_JSON json_t *error = failure_record(&st->d->nodes[a->node], f);
    js_set(error, "retryable", json_boolean(f->retryable));
    act_over(st, a, SLOT_FAILED);
    scope_end(st, scope, END_FAILED, error);
}

/* Nothing took the failure: it is the scope's.  In the execution itself the activation stays, to be run again if the
 * execution is. */
static void escalate(struct step *st, struct act *a, const struct failure *f, const char *message)
{
    struct pending_failure *p = &st->s->failing;
    if (scope_base(a->scope) != st->s->root) {
        escalate_to_pass(st, a, f);
        return;
    }
    a->failures = 0;
    a->first_us = 0;
    act_set_state(st->s, a, ACT_QUEUED);
    if (p->set)
        return;
    *p = (struct pending_failure){.set = true,
                                  .retryable = f->retryable && strcmp(f->type, CHILD_FAILED) != 0,
                                  .node = a->node,
                                  .retry_after_ms = f->retry_after_ms,
                                  .message = xstrdup(message)};
    root_stop(st);
}

static void back_off(struct step *st, struct act *a, int64_t delay_ms)
{
    act_set_due(st->s, a, st->now + delay_ms * US_PER_MS);
    a->timer = ++st->s->next_timer;
    act_set_state(st->s, a, ACT_BACKOFF);
}

/* `message` is the whole text: "Node x failed: ...". */
static void fail_with(struct step *st, struct act *a, const struct failure *f, const char *message)
{
    const struct def_node *n = &st->d->nodes[a->node];
    act_drop_passes(st, a);
    asks_over(st, a);
    a->failures++;
    int64_t delay = retry_delay_ms(st, a, f);
    emit_log(st, n->id, delay >= 0 ? "warning" : "error", "%s", message);
    if (delay >= 0) {
        back_off(st, a, delay);
        return;
    }
    CLEANUP_JSON json_t *output = error_object(n, f);
    result_set(st, a, output, f->message);
    if (error_edge(st, a))
        take_error_edges(st, a, output);
    else
        escalate(st, a, f, message);
}

void node_failed(struct step *st, struct act *a, const struct failure *f)
{
    const struct def_node *n = &st->d->nodes[a->node];
    CLEANUP_FREE char *message = xasprintf("Node %s failed: %s", failed_node(n, f), f->message);
    if (strcmp(f->type, "node_type_unknown") == 0)
        emit_log(st, n->id, "warning", "No activity handler found for node type: %s", n->type);
    fail_with(st, a, f, message);
}

/* A failure that the engine itself finds; not retryable. */
void node_fail_text(struct step *st, struct act *a, const char *type, const char *message)
{
    struct failure f = {.type = xstrdup(type), .message = xstrdup(message)};
    if (!a->passes || !a->passes->open || !act_closes(st, a, json_pack("{s:o}", "fail", failure_write(&f))))
        node_failed(st, a, &f);
    failure_clear(&f);
}

void node_timed_out(struct step *st, struct act *a)
{
    const struct def_node *n = &st->d->nodes[a->node];
    int64_t close = act_close_us(st->d, a);
    char seconds[32];
    seconds_text(close && st->now >= close ? n->options.close_ms : act_full_timeout_ms(st, a), seconds);
    struct failure f = {.type = xstrdup("timeout"), .retryable = true};
    f.message = xasprintf("timed out after %s seconds", seconds);
    CLEANUP_FREE char *message = xasprintf("Node %s %s", n->id, f.message);
    fail_with(st, a, &f, message);
    failure_clear(&f);
}

/* ---- the execution ---- */

static void set_error_message(struct engine_state *s, const char *message)
{
    char *text = xstrdup(message);
    xfree(s->error_message);
    s->error_message = text;
}

static const char *log_node(const struct step *st)
{
    uint32_t node = st->s->failing.set ? st->s->failing.node : st->s->last_node;
    return node == NO_INDEX ? "system" : st->d->nodes[node].id;
}

/* What runs (in this scope itself, or everywhere) is cancelled, and runs again from its start if the execution does. */
static void stop_running(struct step *st, const struct scope *scope)
{
    for (size_t i = 0; i < st->s->act_count; i++) {
        struct act *a = st->s->acts[i];
        if (a->state != ACT_RUNNING || (scope && (a->passes || scope_base(a->scope) != scope)))
            continue;
        emit_cancel(st, a);
        act_set_state(st->s, a, ACT_QUEUED);
    }
}

/* Delay before the execution's next try, or -1: not retryable, used up, or it would only begin after the deadline. */
static int64_t next_try_ms(const struct step *st)
{
    const struct engine_state *s = st->s;
    const struct pending_failure *p = &s->failing;
    if (!p->retryable || s->retry_count >= s->policy.max_retries)
        return -1;
    int64_t ms = execution_retry_delay_ms(s);
    if (p->retry_after_ms > ms)
        ms = bounded(p->retry_after_ms, 0, LENGTH_MAX_MS);
    return s->deadline_us && st->now + ms * US_PER_MS >= s->deadline_us ? -1 : ms;
}

/* A join that can never fire, a cycle that went round too often: beginning such a node again would run it against the
 * rules. */
static bool never_ran(const struct step *st)
{
    const struct engine_state *s = st->s;
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->node == s->failing.node && s->acts[i]->attempt == 0)
            return true;
    return false;
}

/* What others wait for is not kept while nothing runs: who has it begins again, and asks again. */
static void give_way(struct step *st)
{
    for (size_t i = 0; i < st->s->act_count; i++) {
        struct act *a = st->s->acts[i];
        if (!asks_yield(a))
            continue;
        asks_over(st, a);
        act_set_state(st->s, a, ACT_QUEUED);
    }
}

void execution_fail(struct step *st)
{
    struct engine_state *s = st->s;
    int64_t delay = next_try_ms(st);
    const char *node = log_node(st);
    set_error_message(s, s->failing.message);
    if (s->failing.node != NO_INDEX)
        s->last_node = s->failing.node;
    if (delay < 0) {
        emit_log(st, node, "error", "Workflow execution failed permanently: %s", s->error_message);
        if (never_ran(st))
            end_execution(st, PHASE_FAILED);
        else
            end_failed(st);
    } else {
        stop_running(st, NULL);
        give_way(st);
        s->phase = PHASE_RETRY;
        s->retry_count++;
        s->retry_at_us = st->now + delay * US_PER_MS;
        emit_log(st, node, "warning", "Workflow execution failed, retry %d/%d scheduled: %s", s->retry_count,
                 s->policy.max_retries, s->error_message);
    }
    xfree(s->failing.message);
    s->failing = (struct pending_failure){.node = NO_INDEX};
}

void execution_retry(struct step *st)
{
    st->s->phase = PHASE_RUNNING;
    st->s->retry_at_us = 0;
}

/* Where it was: the first node that runs, else the first that waits. */
static void note_place(struct engine_state *s)
{
    if (s->act_count > 0 && !s->failing.set)
        s->last_node = s->acts[0]->node;
    for (size_t i = s->act_count; i-- > 0;)
        if (s->acts[i]->state == ACT_RUNNING && !s->failing.set)
            s->last_node = s->acts[i]->node;
}

static void say_failed(struct step *st, const char *message, bool log)
{
    note_place(st->s);
    set_error_message(st->s, message);
    if (log)
        emit_log(st, log_node(st), "error", "Workflow execution failed permanently: %s", message);
    xfree(st->s->failing.message);
    st->s->failing = (struct pending_failure){.node = NO_INDEX};
}

/* What a clean-up needs time for has it; what else ran or waited is there for ENGINE_RETRY. */
void execution_timed_out(struct step *st, const char *message)
{
    struct engine_state *s = st->s;
    note_place(s);
    s->deadline_us = 0;
    s->failing = (struct pending_failure){.set = true, .node = NO_INDEX, .message = xstrdup(message)};
    stop_running(st, s->root);
    root_stop(st);
}

void execution_abort(struct step *st, const char *message, bool log)
{
    say_failed(st, message, log);
    end_execution(st, PHASE_FAILED);
}

void execution_stop(struct step *st, const char *message, bool log)
{
    say_failed(st, message, log);
    end_failed(st);
}
