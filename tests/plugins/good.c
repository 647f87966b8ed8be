/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin as a third party would write it: every outcome, from blocking handlers, from the loop and from a thread of
 * its own; the key "do" of the configuration says which. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct wfw_host *host;

struct good {
    const struct wfw_value *config;
};

static struct wfw_value *greeting(const struct good *good, struct wfw_task *task, const struct wfw_call *call)
{
    const char *word = "hello", *name = "nobody";
    struct wfw_value *out = host->object(task);
    host->get_string(good->config, "/word", &word, NULL);
    host->get_string(call->config, "/name", &name, NULL);
    host->set(out, word, host->string(task, name, WFW_NTS));
    host->set(out, "input", call->input);
    return out;
}

/* What a careless handler does: it says the secret named by "name" everywhere. */
static void tell_secret(struct wfw_task *task, const struct wfw_call *call)
{
    const char *name = "", *secret;
    host->get_string(call->config, "/name", &name, NULL);
    secret = host->secret(task, name);
    struct wfw_value *out = host->object(task);
    host->set(out, "secret", secret ? host->string(task, secret, WFW_NTS) : host->null(task));
    host->progress(task, out);
    host->log(task, WFW_LOG_WARNING, "the secret is %s", secret ? secret : "not there");
    host->set_variable(task, "told", out, NULL);
    host->done(task, out, NULL);
}

static void outcome(const struct good *good, struct wfw_task *task, const struct wfw_call *call, const char *what)
{
    if (strcmp(what, "done") == 0) {
        host->done(task, greeting(good, task, call), "yes");
    } else if (strcmp(what, "fail") == 0) {
        host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error),
                                             .type = "sample_error",
                                             .message = "as asked",
                                             .retryable = 1,
                                             .retry_after_ms = 1500,
                                             .details = call->config});
    } else if (strcmp(what, "park") == 0) {
        host->park(task, &(struct wfw_park){.size = sizeof(struct wfw_park),
                                            .until_ms = 1000,
                                            .signal = "wake",
                                            .checkpoint = greeting(good, task, call)});
    } else if (strcmp(what, "enter") == 0) {
        host->enter(task, &(struct wfw_enter){.size = sizeof(struct wfw_enter),
                                              .branch = "body",
                                              .vars = greeting(good, task, call),
                                              .pass = 3});
    } else if (strcmp(what, "leave") == 0) {
        host->leave(task, WFW_LEAVE_CONTINUE, "outer", NULL);
    } else if (strcmp(what, "secret") == 0) {
        tell_secret(task, call);
    }
}

/* Holds its thread for "ms" milliseconds, unless it is cancelled. */
static void hold(struct wfw_task *task, const struct wfw_call *call)
{
    int64_t ms = 0;
    host->get_int(call->config, "/ms", &ms);
    for (int64_t gone = 0; gone < ms && !host->cancelled(task); gone += 5)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    host->done(task, NULL, NULL);
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "nothing";
    host->get_string(call->config, "/do", &what, NULL);
    if (strcmp(what, "hold") == 0)
        hold(task, call);
    else
        outcome(state, task, call, what);
}

static void on_timer(void *arg, struct wfw_task *task)
{
    host->done(task, arg, "timer");
}

static void run_loop(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *what = "nothing";
    host->get_string(call->config, "/do", &what, NULL);
    if (strcmp(what, "timer") == 0)
        host->timer(task, 1, on_timer, greeting(state, task, call));
    else
        outcome(state, task, call, what);
}

static void *later(void *arg)
{
    host->done(arg, NULL, "thread");
    return NULL;
}

static void run_thread(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    pthread_t thread;
    (void)state;
    (void)call;
    if (pthread_create(&thread, NULL, later, task) == 0)
        pthread_detach(thread);
}

static int check(void *state, const struct wfw_node *node, const struct wfw_value *config, char *msg, size_t msglen)
{
    static const char said[] = "name and nickname exclude each other";
    (void)state;
    (void)node;
    if (!host->get(config, "/name") || !host->get(config, "/nickname"))
        return WFW_OK;
    if (msglen >= sizeof said)
        memcpy(msg, said, sizeof said);
    return WFW_E_INVAL;
}

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)msg;
    (void)msglen;
    struct good *good = calloc(1, sizeof *good);
    if (!good)
        return WFW_E_NOMEM;
    good->config = config;
    host = h;
    *state = good;
    return WFW_OK;
}

static void good_exit(void *state)
{
    free(state);
}

#define SCHEMA                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"do\":{\"type\":\"string\"},\"name\":{\"type\":\"string\",\"minLength\":2},"          \
    "\"when\":{\"type\":\"string\",\"format\":\"expression\"}}}"

static const char *const aliases[] = {"good-block", "test.blocking", NULL};
static const struct wfw_node block = {.size = sizeof block,
                                      .type = "test.block",
                                      .aliases = aliases,
                                      .summary = "on a thread of the pool",
                                      .config_schema = SCHEMA,
                                      .caps = WFW_CAP_HTTP | WFW_CAP_SECRETS,
                                      .check = check,
                                      .run = run};
static const struct wfw_node loop = {.size = sizeof loop,
                                     .type = "test.loop",
                                     .summary = "on the loop",
                                     .exec = WFW_EXEC_LOOP,
                                     .effect = WFW_EFFECT_PURE,
                                     .run = run_loop};
static const struct wfw_node thread = {.size = sizeof thread,
                                       .type = "test.thread",
                                       .summary = "outcome from a thread of the plugin's own",
                                       .caps = WFW_CAP_THREADS,
                                       .run = run_thread};
static const struct wfw_node *const nodes[] = {&block, &loop, &thread, NULL};

static const struct wfw_plugin good = {
    .size = sizeof good,
    .name = "good",
    .version = "1.2.3",
    .license = "Apache-2.0",
    .vendor = "test",
    .summary = "sample of the tests",
    .config_schema = "{\"properties\":{\"word\":{\"type\":\"string\"},\"limit\":{\"type\":\"integer\",\"maximum\":10},"
                     "\"loud\":{\"type\":\"boolean\"}}}",
    .nodes = nodes,
    .init = init,
    .exit = good_exit};

WFW_PLUGIN(good)
