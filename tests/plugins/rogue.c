/* SPDX-License-Identifier: Apache-2.0 */
/* Node types that do to their process whatever a handler can do to it.  All block; acme.fine and acme.loop_fine are good. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct wfw_host *host;

static void fine(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wfw_value *out = host->object(task);
    (void)state, (void)call;
    host->set(out, "fine", host->boolean(task, 1));
    host->done(task, out, NULL);
}

static void segv(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static int *volatile nowhere = (int *)8;
    int spared = 0;
    if (host->get_bool(call->config, "/spared", &spared) == WFW_OK && spared) {
        fine(state, task, call);
        return;
    }
    *nowhere = 1;
}

static void spin(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)task, (void)call;
    for (volatile int i = 0;; i = !i)
        continue;
}

/* Less than a limit of one second, at a time. */
static void work(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const clock_t end = clock() + CLOCKS_PER_SEC * 2 / 5;
    while (clock() < end)
        continue;
    fine(state, task, call);
}

static void mutter(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)task, (void)call;
    fputs("a last word", stderr);
    abort();
}

static void eat(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static void *volatile eaten;
    (void)state, (void)task, (void)call;
    for (int i = 0; i < 1000000; i++) {
        eaten = malloc(1 << 20);
        memset(eaten, 1, 1 << 20);
    }
}

static void call_exit(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)task, (void)call;
    exit(3);
}

static void fill(volatile char *at, int count)
{
    for (int i = 0; i < count; i++)
        at[i] = 'A';
}

static void (*volatile filler)(volatile char *, int) = fill;

/* Over its own frame and those of its callers. */
static void smash(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    volatile char here[16];
    (void)state, (void)task, (void)call;
    filler(here, 4096);
}

static void call_abort(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)task, (void)call;
    abort();
}

static void stop(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    raise(SIGSTOP);
    fine(state, task, call);
}

static void flood(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static const char line[] = "more and more and more and more and more and more and more and more and more and more\n";
    (void)state, (void)task, (void)call;
    for (int i = 0; i < 100000000; i++)
        if (write(STDOUT_FILENO, line, sizeof line - 1) < 0)
            return;
}

/* As many as there are, each time. */
static void leak(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    for (int i = 0; i < 50; i++)
        if (open("/dev/null", O_RDONLY) < 0)
            break;
    fine(state, task, call);
}

/* Bounded here, too: should no limit hold, it is 64 processes that end after a second. */
static void bomb(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    int made = 0;
    (void)state, (void)call;
    for (int i = 0; i < 64; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            sleep(1);
            _exit(0);
        }
        made += pid > 0;
    }
    struct wfw_value *out = host->object(task);
    host->set(out, "made", host->integer(task, made));
    host->done(task, out, NULL);
}

static void garbage(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static const char noise[] = "this is no message of the protocol at all, and it is long enough to be seen as such\n";
    (void)state, (void)task, (void)call;
    for (int fd = 0; fd < 64; fd++)
        if (write(fd, noise, sizeof noise - 1) < 0)
            continue;
    for (;;)
        pause();
}

#define NODE(name, does, how)                                                                                          \
    {                                                                                                                  \
        .size = sizeof(struct wfw_node), .type = "acme." name, .summary = name, .exec = (how), .run = does             \
    }
static const struct wfw_node all[] = {
    NODE("fine", fine, WFW_EXEC_BLOCKING),  NODE("loop_fine", fine, WFW_EXEC_LOOP),     NODE("segv", segv, WFW_EXEC_BLOCKING),
    NODE("spin", spin, WFW_EXEC_BLOCKING),  NODE("eat", eat, WFW_EXEC_BLOCKING),        NODE("exit", call_exit, WFW_EXEC_BLOCKING),
    NODE("smash", smash, WFW_EXEC_BLOCKING), NODE("abort", call_abort, WFW_EXEC_BLOCKING), NODE("stop", stop, WFW_EXEC_BLOCKING),
    NODE("flood", flood, WFW_EXEC_BLOCKING), NODE("leak", leak, WFW_EXEC_BLOCKING),     NODE("bomb", bomb, WFW_EXEC_BLOCKING),
    NODE("garbage", garbage, WFW_EXEC_BLOCKING), NODE("loop_segv", segv, WFW_EXEC_LOOP),
    NODE("work", work, WFW_EXEC_BLOCKING),  NODE("mutter", mutter, WFW_EXEC_BLOCKING),
};
static const struct wfw_node *const nodes[] = {&all[0], &all[1], &all[2], &all[3],  &all[4],  &all[5],  &all[6], &all[7],
                                               &all[8], &all[9], &all[10], &all[11], &all[12], &all[13], &all[14], &all[15], NULL};

/* `extra = TYPE` in [plugin rogue]: one more good node type. */
static const struct wfw_node *const *declare(const struct wfw_host *h, const struct wfw_value *config, char *msg, size_t msglen)
{
    static struct wfw_node extra = NODE("extra", fine, WFW_EXEC_BLOCKING);
    static const struct wfw_node *list[2];
    (void)msg, (void)msglen;
    if (h->get_string(config, "/extra", &extra.type, NULL) == WFW_OK)
        list[0] = &extra;
    return list;
}

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config, (void)state, (void)msg, (void)msglen;
    host = h;
    return WFW_OK;
}

static const struct wfw_plugin plugin = {.size = sizeof plugin,
                                         .name = "rogue",
                                         .version = "1.0.0",
                                         .license = "Apache-2.0",
                                         .vendor = "acme",
                                         .summary = "what handlers can do wrong",
                                         .nodes = nodes,
                                         .declare = declare,
                                         .init = init};

WFW_PLUGIN(plugin)
