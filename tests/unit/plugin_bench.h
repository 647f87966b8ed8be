/* SPDX-License-Identifier: Apache-2.0 */
/* A task host on a loop of its own, with services that are made up, for handlers that are functions of a test: they use
 * nothing but the host's table, as a plugin does. */
#ifndef WF_TESTS_UNIT_PLUGIN_BENCH_H
#define WF_TESTS_UNIT_PLUGIN_BENCH_H

#include "unit/test.h"

#include <uv.h>

#include "base/buf.h"
#include "plugin/internal.h"
#include "plugin/task.h"

#undef fail /* cmocka's; the host has one, too */

#define NOW_US (INT64_C(1700000000) * 1000000)

extern uv_loop_t loop;
extern struct task_host *tasks;
extern const struct wfw_host *host;

/* What came. */
extern struct bench_got {
    size_t count;    /* outcomes */
    char *text;      /* of the last one */
    struct buf seen; /* log lines, progress, transfers */
    size_t seen_before; /* how long that was when the last outcome came */
} got;
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* a line of got.seen */

/* The transfer that was started last. */
extern struct bench_transfer {
    http_done_fn done;
    void *arg;
    int cancelled;
    uv_timer_t timer;
} transfer;

/* The handler under test. */
extern struct wfw_node node;
extern struct handler handler;
typedef void (*run_fn)(void *, struct wfw_task *, const struct wfw_call *);

int set_up(void **state);
int tear_down(void **state);
#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

void prepare(run_fn run, uint32_t exec, uint32_t caps);
struct task *launch(const char *config);
struct task *launch_at_once(const char *config); /* as the worker does: an outcome that is there is delivered by it */
struct task *start(run_fn run, uint32_t exec, uint32_t caps, const char *config); /* both */
void loop_until(size_t outcomes);

/* Run it, and compare the outcome as text. */
void expect_run(run_fn run, uint32_t exec, uint32_t caps, const char *config, const char *outcome);
void expect_everywhere(run_fn run, const char *config, const char *outcome); /* on the loop and on a thread */

/* A handler that succeeds at once, and its task. */
extern struct wfw_task *_Atomic kept;
void run_keep(void *state, struct wfw_task *task, const struct wfw_call *call);

#endif
