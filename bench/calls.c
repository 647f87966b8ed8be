/* SPDX-License-Identifier: Apache-2.0 */
/* What calling a handler costs: from task_start() until its outcome is delivered, without the database and the engine.
 *
 *     bench/calls DIRECTORY [COUNT]
 *
 * DIRECTORY has bench.so.  Prints one JSON object: {"inside": {...}, "isolated": {...}, "isolated_blocking": {...}}, each with the
 * middle and the 99th of 100 of COUNT calls, in nanoseconds.  inside: a loop handler that does nothing; isolated: one that
 * gives back its configuration of 1 KB, in a helper process, on its loop and on a thread for blocking handlers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "helper/helper.h"
#include "plugin/registry.h"
#include "plugin/task.h"

#define COUNT 20000
#define WARM 500

static uv_loop_t loop;
static size_t outcomes;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    (void)owner, (void)t;
    if (o->type != OUTCOME_DONE) {
        fprintf(stderr, "a call failed: %s\n", o->message ? o->message : "?");
        exit(EXIT_FAILURE);
    }
    outcomes++;
}

static int64_t call_once(struct task_host *tasks, const struct handler *h, json_t *config, json_t *input)
{
    const struct task_call call = {.node_type = h->node->type, .node_id = "n1", .execution_id = "exec-000000000001",
                                   .workflow_id = "00000000-0000-0000-0000-000000000001", .key = "exec-000000000001:n1:1",
                                   .config = config, .input = input, .attempt = 1, .timeout_ms = 300000, .accepted = true,
                                   .at_once = true};
    size_t before = outcomes;
    int64_t began = now_ns();
    struct task *t = task_start(tasks, h, &call, on_outcome, &outcomes);
    if (task_at_hand(t))
        task_deliver(t);
    while (outcomes == before)
        uv_run(&loop, UV_RUN_ONCE);
    return now_ns() - began;
}

static int by_value(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void measure(const char *name, struct registry *r, const char *type, json_t *config, size_t count, const char *end)
{
    const struct task_services services = {.loop = &loop};
    struct task_host *tasks = task_host_new(&services, 2, NULL);
    const struct handler *h = registry_find(r, type);
    json_t *input = json_object();
    int64_t *took = xcalloc(count, sizeof *took);
    if (!tasks || !h) {
        fprintf(stderr, "there is no node type %s\n", type);
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < WARM; i++)
        call_once(tasks, h, config, input);
    for (size_t i = 0; i < count; i++)
        took[i] = call_once(tasks, h, config, input);
    qsort(took, count, sizeof *took, by_value);
    printf("\"%s\": {\"calls\": %zu, \"middle_ns\": %lld, \"p99_ns\": %lld}%s", name, count, (long long)took[count / 2],
           (long long)took[count / 100 * 99], end);
    free(took);
    json_decref(input);
    task_host_free(tasks);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static struct registry *open_plugins(const char *directory, enum isolate isolate)
{
    const char *const dirs[] = {directory, NULL};
    struct error e = ERROR_INIT;
    struct registry *r = registry_open(
        &(struct registry_options){
            .plugin_dirs = dirs, .system_dir = "", .strict = true, .isolate = isolate, .isolation = &helper_isolation},
        &e);
    if (!r) {
        err_print(&e);
        exit(EXIT_FAILURE);
    }
    return r;
}

static json_t *kilobyte(void)
{
    static char text[900];
    json_t *config = json_object();
    memset(text, 'x', sizeof text - 1);
    js_set(config, "text", json_string(text));
    js_set(config, "numbers", json_pack("[iiifb]", 1, 2, 3, 4.5, 1));
    js_set(config, "object", json_pack("{s:s, s:{s:i}}", "a", "b", "c", "d", 5));
    return config;
}

int main(int argc, char **argv)
{
    if (helper_wanted(argc, argv))
        return helper_main();
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : COUNT;
    if (argc < 2 || count < 100 || count > 10000000) {
        fprintf(stderr, "Usage: calls DIRECTORY [COUNT]\n");
        return EXIT_FAILURE;
    }
    log_setup(LOG_TEXT, LOG_WARNING);
    uv_loop_init(&loop);
    pool_begin();
    CLEANUP_JSON json_t *none = json_object(), *config = kilobyte();
    struct registry *inside = open_plugins(argv[1], ISOLATE_NEVER), *isolated = open_plugins(argv[1], ISOLATE_ALWAYS);
    printf("{");
    measure("inside", inside, "bench.nothing", none, count * 10, ", ");
    measure("isolated", isolated, "bench.echo", config, count, ", ");
    measure("isolated_blocking", isolated, "bench.echo_blocking", config, count, "}\n");
    registry_close(inside);
    registry_close(isolated);
    pool_end();
    uv_loop_close(&loop);
    return EXIT_SUCCESS;
}
