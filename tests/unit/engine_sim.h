/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for tests of the engine: small graphs in a short notation, scripts of events, traces of effects.
 *
 * Graph:  "t:trigger a b{'join':'any'}; t>a a>b=true"   nodes id[:type][{options as JSON, ' for "}]; edges from>to[=label]
 *         a text that begins with { is a definition in JSON (' for ").
 * Script: commands separated by "; ":
 *         start    a (done)   a=yes (done, branch yes)   a! a!type (failed)   a? a?type (failed, retryable)
 *         a@500 (parks for 500 ms)   a% (timed out)   a^ (progress)   a< (terminate)   a<failed   a<break
 *         a<break:loop a<continue   a>body (enters)   a>body*3 (three passes)   a>catch:c (along the edge to c only)
 *         a>body/lcsod (flags loop, cleanup, shield, ordered, detach)   a>body*0 (waits)   L#2/a (a in pass 2 of L)
 *         a.2 (the second run of a there)   a$x:1 (done, sets the variable x)   a$loop:x:1
 *         a&x (parks until signal x)   a&x,y@500 (until x, y or 500 ms)   a&!x (until a fresh x)
 *         L>body*2/l&x,y@500 (enters, and is also called for x, y and after 500 ms)   a~x,!y (done, withdraws x, completes y)
 *         *x (signal x comes, id s1, s2, ...)
 *         *x:5 (its data is 5)   *x#s1 (that id again)   *:x=5 (an answer)   each of a handler's: and it asks, {KIND,REPLY,UNDO,once}
 *         +500 (500 ms pass, then wake)   wake   lost   pause   resume   terminate   refuse
 * Trace:  one part for each command, separated by " | ": a (run, attempt 1), a/2 (attempt 2), a~ (called again after a
 *         timer), a<x 5> (called again: signal x with data 5), !s1 (the signal s1 is used), [KIND a] (a asks), L(done#1) (called again: pass 1 is over), L#1/a (run in pass 1 of L), -a (cancel), RETRY 1000 (the execution is tried again in 1000 ms), END completed, END failed: text.
 *
 * After each command the state is written, read and written again, and rebuilt from the journal; all must be equal. */
#ifndef WF_TESTS_UNIT_ENGINE_SIM_H
#define WF_TESTS_UNIT_ENGINE_SIM_H

#include "base/buf.h"
#include "engine/engine.h"

struct sim {
    struct def *def;
    struct diags diags;
    struct engine_state *state;
    struct engine_policy policy;
    struct engine_start start;
    struct engine_effects fx;
    int64_t now_us;
    uint64_t *act;        /* the last activation of each node */
    struct buf trace, logs;
    struct buf *journal;  /* one record each */
    size_t journal_len, journal_cap;
    int64_t last_log_us;
    size_t signals;       /* that came */
    size_t runs;          /* RUN effects of the last step */
};

#define SIM_T0 INT64_C(1795413600000000) /* 2026-11-23T06:00:00Z */

void sim_open(struct sim *sim, const char *graph);
void sim_open_rows(struct sim *sim, json_t *graph, json_t *rows, json_t *trigger, const struct def_options *options);
void sim_close(struct sim *sim);
int sim_step(struct sim *sim, struct engine_event *ev); /* feeds, journals, traces, checks */
void sim_run(struct sim *sim, const char *script);
void sim_check_recovery(struct sim *sim, size_t snapshot_at);
void sim_recover(struct sim *sim, size_t snapshot_at); /* the same, and go on with the rebuilt state */
uint64_t sim_act(const struct sim *sim, const char *node);
json_t *sim_json(const char *text); /* ' for " */
char *sim_logs(struct sim *sim);

/* The whole in one: the trace must be `expected`. */
void check_trace(const char *graph, const char *script, const char *expected);
/* The diagnostics of a definition, one a line: "error /edges/0 text" */
void check_diags(const char *graph, const char *expected);

#endif
