/* SPDX-License-Identifier: Apache-2.0 */
/* Node types of the benchmark.
 *
 * bench.effect does something that must not be repeated, at no cost: all that came before it has to be durable before
 * it starts, and its result is durable before the next one does.  bench.stamp writes when it began and ended, by the
 * wall clock in nanoseconds, as a line "EXECUTION NODE BEGAN ENDED" at the end of the file that its configuration
 * names; it may be repeated, so that it starts as soon as it can.  bench.effect does that too when it is given a file.
 *
 * bench.nothing does nothing; bench.echo and bench.echo_blocking give back their configuration: what a call costs. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct wfw_host *host;
static int stamps = -1;
static char stamps_path[4096];

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The file stays open: opening it is no part of what is measured. */
static int stamps_open(const char *path)
{
    if (stamps >= 0 && strcmp(path, stamps_path) == 0)
        return stamps;
    if (stamps >= 0)
        close(stamps);
    stamps = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    snprintf(stamps_path, sizeof stamps_path, "%s", path);
    return stamps;
}

static void stamp(const char *path, const struct wfw_call *call, long long began)
{
    char line[1024];
    int fd = stamps_open(path);
    int len = snprintf(line, sizeof line, "%s %s %lld %lld\n", call->execution_id, call->node_id, began, now_ns());
    if (fd >= 0 && len > 0 && (size_t)len < sizeof line && write(fd, line, (size_t)len) != len)
        stamps = -1; /* a stamp that is missing is an error of the benchmark */
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    long long began = now_ns();
    const char *path = "";
    struct wfw_value *out = host->object(task);
    (void)state;
    host->set(out, "key", host->string(task, call->key, WFW_NTS));
    if (host->get_string(call->config, "/file", &path, NULL) == WFW_OK && *path)
        stamp(path, call, began);
    host->done(task, out, NULL);
}

static void run_nothing(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)call;
    host->done(task, NULL, NULL);
}

static void run_echo(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    host->done(task, call->config, NULL);
}

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config, (void)state, (void)msg, (void)msglen;
    host = h;
    return WFW_OK;
}

#define SCHEMA "{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\"}}}"

static const struct wfw_node effect_node = {.size = sizeof effect_node,
                                            .type = "bench.effect",
                                            .summary = "an effect on the world that costs nothing",
                                            .config_schema = SCHEMA,
                                            .exec = WFW_EXEC_LOOP,
                                            .effect = WFW_EFFECT_UNSAFE,
                                            .run = run};
static const struct wfw_node stamp_node = {.size = sizeof stamp_node,
                                           .type = "bench.stamp",
                                           .summary = "writes down when it ran",
                                           .config_schema = SCHEMA,
                                           .exec = WFW_EXEC_LOOP,
                                           .effect = WFW_EFFECT_IDEMPOTENT,
                                           .run = run};
static const struct wfw_node nothing_node = {.size = sizeof nothing_node,
                                             .type = "bench.nothing",
                                             .summary = "does nothing",
                                             .exec = WFW_EXEC_LOOP,
                                             .effect = WFW_EFFECT_PURE,
                                             .run = run_nothing};
static const struct wfw_node echo_node = {.size = sizeof echo_node,
                                          .type = "bench.echo",
                                          .summary = "gives back its configuration",
                                          .exec = WFW_EXEC_LOOP,
                                          .effect = WFW_EFFECT_PURE,
                                          .run = run_echo};
static const struct wfw_node echo_blocking_node = {.size = sizeof echo_blocking_node,
                                                   .type = "bench.echo_blocking",
                                                   .summary = "gives back its configuration, from a thread",
                                                   .effect = WFW_EFFECT_PURE,
                                                   .run = run_echo};
static const struct wfw_node *const nodes[] = {&effect_node, &stamp_node, &nothing_node, &echo_node, &echo_blocking_node, NULL};

static const struct wfw_plugin bench = {.size = sizeof bench,
                                        .name = "bench",
                                        .version = "1.0.0",
                                        .license = "Apache-2.0",
                                        .vendor = "wfworker",
                                        .summary = "node types of the benchmark",
                                        .nodes = nodes,
                                        .init = init};

WFW_PLUGIN(bench)
