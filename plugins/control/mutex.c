/* SPDX-License-Identifier: Apache-2.0 */
/* mutex: the nodes behind its body edges run while the node holds a lock that it shares with all executions.  The host keeps
 * the lock for as long as the node lasts, whatever way it ends: nothing has to be given back here. */
#include "control.h"

#include "common/wait.h"

#define KEY_MAX 200 /* characters */
#define LIMIT_MAX 10000

struct wish {
    const char *key;
    int64_t limit;
    int64_t deadline; /* ms; 0 = never */
};

/* ---- Config; the node has failed when these return -1 ---- */

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* A number is as good as its text.  Once asked for, the lock is the same whatever the template says now. */
static int read_key(struct wfw_task *task, const struct wfw_call *call, const char **key)
{
    const struct wfw_value *asked = member(host, call->checkpoint, "/key");
    const struct wfw_value *v = asked ? asked : member(host, call->config, "/key");
    uint32_t type = host->type(v);
    *key = type == WFW_STRING ? text_member(host, v, "") : type == WFW_INT ? host->text(task, v, NULL) : NULL;
    if (*key && characters(*key) <= KEY_MAX)
        return 0;
    fail_with(host, task, "config_invalid", "key, the name of the lock, must be a text of 1 to %d characters", KEY_MAX);
    return -1;
}

static int read_limit(struct wfw_task *task, const struct wfw_value *config, int64_t *limit)
{
    const struct wfw_value *v = member(host, config, "/limit");
    *limit = 1;
    if (!v || (host->get_int(v, "", limit) == WFW_OK && *limit >= 1 && *limit <= LIMIT_MAX))
        return 0;
    fail_with(host, task, "config_invalid", "limit must be a whole number from 1 to %d", LIMIT_MAX);
    return -1;
}

static int read_wish(struct wfw_task *task, const struct wfw_call *call, struct wish *w)
{
    if (!has_branch(call, "body")) {
        fail_with(host, task, "config_invalid",
                  "no edge of the node has the branch body: nothing would run while it holds the lock");
        return -1;
    }
    return read_key(task, call, &w->key) != 0 || read_limit(task, call->config, &w->limit) != 0
               ? -1
               : read_deadline(task, call, &w->deadline);
}

/* ---- Its life ---- */

/* `ask` is the id of the lock that was asked for. */
static void wait_for_lock(struct wfw_task *task, const struct wish *w, const char *ask)
{
    struct wfw_value *checkpoint = host->object(task);
    host->set(checkpoint, "ask", host->string(task, ask, WFW_NTS));
    host->set(checkpoint, "key", host->string(task, w->key, WFW_NTS));
    host->set(checkpoint, "deadline_ms", host->integer(task, w->deadline));
    struct wfw_park p = {.size = sizeof p, .answer = ask, .until_ms = w->deadline, .checkpoint = checkpoint};
    host->park(task, &p);
}

static void ask_for_lock(struct wfw_task *task, const struct wish *w)
{
    struct wfw_lock lock = {.size = sizeof lock, .key = w->key, .limit = (uint32_t)w->limit};
    char id[WFW_ID_SIZE];
    if (host->lock(task, &lock, id) != WFW_OK) {
        fail_with(host, task, "handler_error", "the lock \"%.200s\" cannot be asked for", w->key);
        return;
    }
    host->log(task, WFW_LOG_INFO, "Execution waiting for lock: %s", w->key);
    wait_for_lock(task, w, id);
}

static void enter_body(struct wfw_task *task, const struct wish *w)
{
    struct wfw_enter body = {.size = sizeof body, .branch = "body"};
    host->log(task, WFW_LOG_INFO, "Execution holds lock: %s", w->key);
    host->enter(task, &body);
}

static struct wfw_value *output(struct wfw_task *task, const struct wish *w)
{
    struct wfw_value *out = host->object(task);
    host->set(out, "key", host->string(task, w->key, WFW_NTS));
    return out;
}

static void mutex_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    struct wish w;
    (void)state;
    if (read_wish(task, call, &w) != 0)
        return;
    if (call->why == WFW_WHY_ANSWER && member(host, call->event, "/error"))
        rethrow(task, member(host, call->event, "/error"));
    else if (call->why == WFW_WHY_ANSWER)
        enter_body(task, &w);
    else if (call->why == WFW_WHY_TIMER)
        end_by_timeout(task, call, output(task, &w), "the lock \"%.200s\" was not free in time", w.key);
    else if (call->why != WFW_WHY_SCOPE)
        ask_for_lock(task, &w);
    else if (call->scope_outcome == WFW_SCOPE_FAILED)
        rethrow(task, call->event);
    else
        host->done(task, output(task, &w), "done");
}

const struct wfw_node mutex_node = {
    .size = sizeof mutex_node,
    .type = "mutex",
    .summary = "a critical section: its body runs while no other execution is in it",
    .description =
        "Waits for the lock key, which all executions of all workflows share, runs the nodes behind its body edges while it "
        "holds the lock, gives it back and takes the done edges. First come, first served. With limit as many "
        "may hold it at the same time. The lock is given back whatever way the body ends: when it fails, when it is cancelled, when "
        "the execution is terminated or deleted. It is kept while the execution is paused, and when the worker is lost: the next "
        "one goes on with it. A mutex in the body of another one that waits for the same lock waits for itself: give it a "
        "timeout. After timeout_seconds without the lock: branch timeout when an edge has it, else the node fails with "
        "timeout. Fails with config_invalid when the config makes no sense; none is retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"key\":{\"type\":[\"string\",\"integer\"],\"description\":\"the name of the lock, 200 characters at most\"},"
        "\"limit\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maximum\":10000,\"default\":1,"
        "\"description\":\"how many may be inside at the same time\"},"
        "\"timeout_seconds\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":0,"
        "\"description\":\"how long to wait for the lock; 0: without end\"}},\"required\":[\"key\"]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"key\":{\"type\":\"string\"}}}",
    .examples = "[{\"key\":\"account-${input.account}\"},{\"key\":\"printer\",\"limit\":3,\"timeout_seconds\":60}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .caps = WFW_CAP_LOCK,
    .run = mutex_run,
};
