/* SPDX-License-Identifier: Apache-2.0 */
/* Every way that a call can go wrong, one after the other.  Each way is taken many times: what all of them leave behind
 * is lost each time. */
#include "mock/inside.h"
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"

#define MAX_STEPS 100000
/* The C library keeps blocks at hand that count as used.  A call loses memory when it grows with each of BATCHES
 * batches of so many calls. */
#define BATCH 16
#define BATCHES 4
#define LEAST 24 /* bytes; smaller blocks there are not */

struct sweep {
    struct wfw_mock *mock;
    struct wfw_mock_call call;
    json_t *script; /* as at the beginning */
    int64_t now_ms;
    char *undisturbed; /* the outcome */
    uint32_t turns;
    int runs;
    bool failed;
    char where[120]; /* what is done to the call now */
};

static int violated(struct sweep *s, const char *what)
{
    set_error("%s: %s", s->where, what);
    s->failed = true;
    return -1;
}

/* ---- One run ---- */

static bool was_cancelled(const struct wfw_mock_run *run)
{
    return run->result.outcome == WFW_MOCK_CANCELLED;
}

static void name_step(struct sweep *s, const struct wfw_mock_run *run)
{
    if (s->call.fault_at)
        snprintf(s->where, sizeof s->where, "with host->%s() denied (fault_at = %u)",
                 run->denied ? run->denied : "nothing", s->call.fault_at);
    else if (s->call.cancel_at && run->cancelled_before)
        snprintf(s->where, sizeof s->where, "cancelled before host->%s() (cancel_at = %u)", run->cancelled_before,
                 s->call.cancel_at);
    else if (s->call.cancel_at)
        snprintf(s->where, sizeof s->where, "cancelled after turn %u (cancel_at = %u)", s->call.cancel_at,
                 s->call.cancel_at);
    else
        snprintf(s->where, sizeof s->where, "undisturbed");
}

static bool is_silent(const struct wfw_mock_run *run)
{
    const struct wfw_mock_result *r = &run->result;
    return r->outcome == WFW_MOCK_FAIL && strcmp(r->error_type, "handler_error") == 0 &&
           strstr(r->message, " ended without an outcome") != NULL;
}

static int judge(struct sweep *s, struct wfw_mock_run *run)
{
    const struct wfw_mock_result *r = &run->result;
    if (s->mock->complaint_count > 0) {
        CLEANUP_FREE char *line = xstrndup(s->mock->complaints.data, strcspn(s->mock->complaints.data, "\n"));
        return violated(s, line);
    }
    if (is_silent(run))
        return violated(s, r->message);
    if (run->denied && (s->call.flags & WFW_MOCK_EXACT) && r->outcome != WFW_MOCK_FAIL &&
        strcmp(run->text, s->undisturbed) != 0) {
        CLEANUP_FREE char *text = xasprintf("it did not fail, and its outcome is %s", run->text);
        return violated(s, text);
    }
    return 0;
}

/* *hit: something was done to it. */
static int run_once(struct sweep *s, bool *hit)
{
    script_restore(s->mock, s->script);
    wfw_mock_set_now(s->mock, s->now_ms);
    struct wfw_mock_run *run = wfw_mock_call(s->mock, &s->call);
    s->runs++;
    *hit = was_cancelled(run) || run->denied;
    name_step(s, run);
    if (!s->undisturbed)
        s->undisturbed = xstrdup(run->text);
    s->turns = wfw_mock_turns(run);
    int rc = judge(s, run);
    wfw_mock_free(run);
    return rc;
}

/* ---- What it leaves ---- */

static int look_for_descriptors(struct sweep *s)
{
    bool hit;
    CLEANUP_JSON json_t *before = open_descriptors();
    if (run_once(s, &hit) != 0)
        return -1;
    CLEANUP_JSON json_t *now = open_descriptors();
    CLEANUP_FREE char *left = new_descriptors(before, now);
    CLEANUP_FREE char *text = left ? xasprintf("it leaves descriptors open: %s", left) : NULL;
    return text ? violated(s, text) : 0;
}

static int run_some(struct sweep *s, int times, size_t *grown)
{
    size_t before, now;
    bool hit;
    memory_in_use(&before);
    for (int i = 0; i < times; i++)
        if (run_once(s, &hit) != 0)
            return -1;
    memory_in_use(&now);
    *grown = now > before ? now - before : 0;
    return 0;
}

static int look_for_memory(struct sweep *s)
{
    size_t grown = 0, total = 0;
    if (!memory_in_use(&grown) || run_some(s, BATCH, &grown) != 0)
        return s->failed ? -1 : 0;
    for (int i = 0; i < BATCHES && grown; i++) {
        if (run_some(s, BATCH, &grown) != 0)
            return -1;
        if (grown < (size_t)BATCH * LEAST)
            return 0;
        total += grown;
    }
    if (!grown)
        return 0;
    CLEANUP_FREE char *text = xasprintf("it keeps about %zu bytes of memory each time", total / BATCH / BATCHES);
    return violated(s, text);
}

/* The call as it stands in s->call.  1: untouched, 0: something was done to it, -1. */
static int one_way(struct sweep *s)
{
    bool hit;
    if (run_once(s, &hit) != 0 || look_for_descriptors(s) != 0 || look_for_memory(s) != 0)
        return -1;
    return !hit;
}

static int all_ways(struct sweep *s, uint32_t *at)
{
    int rc = 0;
    for (*at = 1; rc == 0 && *at < MAX_STEPS; ++*at)
        rc = one_way(s);
    *at = 0;
    return rc < 0 ? -1 : rc == 1 ? 0 : violated(s, "there is no end of its steps");
}

static int sweep(struct sweep *s, uint32_t what)
{
    if (one_way(s) < 0)
        return -1;
    if ((what & WFW_MOCK_CANCELS) && all_ways(s, &s->call.cancel_at) != 0)
        return -1;
    return (what & WFW_MOCK_FAULTS) ? all_ways(s, &s->call.fault_at) : 0;
}

int wfw_mock_exhaust(struct wfw_mock *mock, const struct wfw_mock_call *call, uint32_t what)
{
    struct sweep s = {.mock = mock, .now_ms = wfw_mock_now(mock)};
    if (mock->complaint_count > 0 || mock->runs) {
        set_error("%s", mock->runs ? "another run is open: free it first"
                                   : "there are complaints already: see wfw_mock_complaints(), wfw_mock_forgive()");
        return -1;
    }
    if (!call || call->size < 2 * sizeof(void *) || call->size > sizeof s.call) {
        set_error("struct wfw_mock_call without its size; set size = sizeof");
        return -1;
    }
    memcpy(&s.call, call, call->size);
    s.call.size = sizeof s.call;
    s.call.cancel_at = s.call.fault_at = 0;
    s.script = script_save(mock);
    int rc = sweep(&s, what ? what : WFW_MOCK_CANCELS | WFW_MOCK_FAULTS);
    json_decref(s.script);
    free(s.undisturbed);
    return rc < 0 ? -1 : s.runs;
}
