/* SPDX-License-Identifier: Apache-2.0 */
/* jq: a jq program over a value.  It runs in a process of its own (wfworker-jq.c), so that a program without end, or
 * one that wants all memory, costs this node and nothing else. */
#include "jq/jq.h"

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common/util.h"

#define RESULT_MAX ((size_t)16 * 1024 * 1024)
#define FILTER_MAX 65536
#define DEFAULT_SECONDS 60

static const struct wfw_host *host;
static char helper[PATH_MAX];

/* The program stands one directory above this plugin. */
static int find_helper(char *msg, size_t msglen)
{
    Dl_info info;
    const char *slash = dladdr(&helper, &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
    int len = slash ? (int)(slash - info.dli_fname) : 0;
    if (len > 0 && len + 20 < PATH_MAX)
        snprintf(helper, sizeof helper, "%.*s/../wfworker-jq", len, info.dli_fname);
    if (*helper)
        return WFW_OK;
    snprintf(msg, msglen, "the directory of this plugin is not known");
    return WFW_E_NOTFOUND;
}

/* ---- the request ---- */

/* What the program is given: a string is an expression, nothing is the whole data.  NULL: the task has failed. */
static const struct wfw_value *input_of(struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_value *v = host->get(call->config, "/input");
    struct wfw_error error = {.size = sizeof error};
    const char *text;
    if (!v)
        return call->input;
    if (host->get_string(v, "", &text, NULL) != WFW_OK)
        return v;
    v = host->eval(task, text, NULL, &error);
    if (!v)
        fail_with(host, task, error.type, "input \"%.200s\": %.700s", text, error.message);
    return v;
}

/* NULL: the task has failed. */
static const struct wfw_value *request_of(struct wfw_task *task, const struct wfw_call *call)
{
    const struct wfw_value *input = input_of(task, call), *args = member(host, call->config, "/args");
    struct wfw_value *request = host->object(task);
    int64_t seconds = call->deadline_ms > 0 ? call->deadline_ms / 1000 + 1 : DEFAULT_SECONDS;
    if (!input)
        return NULL;
    host->set(request, "filter", host->get(call->config, "/filter"));
    host->set(request, "args", args ? args : host->object(task));
    host->set(request, "seconds", host->integer(task, seconds));
    if (host->set(request, "input", input) == WFW_OK)
        return request;
    fail_with(host, task, "type_error", "the input is nested too deeply");
    return NULL;
}

/* ---- the answer ---- */

/* The results as an array; NULL: the task has failed. */
static struct wfw_value *read_results(struct wfw_task *task, char *text)
{
    struct wfw_value *results = host->array(task);
    char message[200] = "", *rest = text;
    for (char *line; rest && (line = strsep(&rest, "\n")) && *line;) {
        if (strcmp(line, ".") == 0)
            return results;
        if (*line == '!') {
            const char *type = strsep(&line, " ");
            fail_with(host, task, type + 1, "filter: %.900s", line ? line : "");
            return NULL;
        }
        if (host->push(results, host->parse(task, line + 1, WFW_NTS, message, sizeof message)) == WFW_OK)
            continue;
        fail_with(host, task, "jq_error", "a result cannot be used: %s", *message ? message : "it is nested too deeply");
        return NULL;
    }
    fail_with(host, task, "jq_error", "the jq process ended before it was through");
    return NULL;
}

static void fail_ended(struct wfw_task *task, enum ended ended, const struct process *p)
{
    int sig = ended == ENDED_BADLY && WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
    if (ended == ENDED_NOT_STARTED)
        fail_with(host, task, "jq_error", "%s cannot be started: %s", helper, strerror(p->status));
    else if (ended == ENDED_TOO_LARGE)
        fail_with(host, task, "payload_too_large", "the result is larger than %zu bytes", RESULT_MAX);
    else if (sig == SIGXCPU || sig == SIGKILL)
        fail_with(host, task, "timeout", "the jq process used up its time");
    else if (sig == SIGABRT || sig == SIGSEGV)
        fail_with(host, task, "jq_error", "the jq process ended by signal %d (%s): it may have needed over 1 GiB of memory",
                  sig, strsignal(sig));
    else
        fail_with(host, task, "jq_error", "the jq process ended with status %d", WEXITSTATUS(p->status));
}

static void give(struct wfw_task *task, const struct wfw_value *results, bool all)
{
    struct wfw_value *out = host->object(task);
    const struct wfw_value *first = host->item(results, 0, NULL);
    size_t count = host->length(results);
    host->set(out, "result", all ? results : first ? first : host->null(task));
    host->set(out, "type", host->string(task, "jq", WFW_NTS));
    host->set(out, "count", host->integer(task, (int64_t)count));
    host->done(task, out, NULL);
}

static void jq_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const char *filter = text_member(host, call->config, "/filter"), *mode = text_member(host, call->config, "/results");
    if (!filter || strlen(filter) > FILTER_MAX) {
        fail_with(host, task, "config_invalid", filter ? "filter is longer than %d bytes" : "filter is required for jq node",
                  FILTER_MAX);
        return;
    }
    if (mode && strcmp(mode, "first") != 0 && strcmp(mode, "all") != 0) {
        fail_with(host, task, "config_invalid", "results \"%.64s\" is not one of first, all", mode);
        return;
    }
    const struct wfw_value *request = request_of(task, call);
    struct process p = {.path = helper, .max_output = RESULT_MAX + 65536, .cancel_fd = host->cancel_fd(task)};
    p.input = request ? host->text(task, request, &p.input_len) : NULL;
    if (!p.input)
        return;
    enum ended ended = process_run(&p);
    if (ended != ENDED_WELL) {
        fail_ended(task, ended, &p);
    } else {
        const struct wfw_value *results = read_results(task, p.output);
        if (results)
            give(task, results, mode && strcmp(mode, "all") == 0);
    }
    free(p.output);
}

static const struct wfw_node jq_node = {
    .size = sizeof jq_node,
    .type = "jq",
    .summary = "runs a jq program",
    .description =
        "Runs `filter`, a program in the language of jq 1.6, over `input`, in a process of its own without files and "
        "environment, with at most 1 GiB of memory and the node's time. Templates in the filter are resolved first; values "
        "are better passed as args, which the filter sees as $NAME. Numbers are IEEE doubles, as always in jq. Errors: "
        "expression_error when the filter does not compile, jq_error when it fails, timeout, payload_too_large when the "
        "results are over 16 MiB; none is retried.",
    .config_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"filter\":{\"type\":\"string\",\"description\":\"the program\"},"
        "\"input\":{\"format\":\"expression\",\"description\":\"what it works on: an expression, or a value that is no "
        "string; the whole data without it\"},"
        "\"args\":{\"type\":[\"object\",\"null\"],\"description\":\"variables of the filter by name\"},"
        "\"results\":{\"type\":[\"string\",\"null\"],\"default\":\"first\",\"description\":\"first: the result is the first "
        "value, or null; all: an array of all values\"}},\"x-needs\":[[\"filter\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{},\"type\":{\"const\":\"jq\"},"
                     "\"count\":{\"type\":\"integer\",\"description\":\"how many values there were\"}}}",
    .examples = "[{\"filter\":\".orders | group_by(.country) | map({country: .[0].country, n: length})\"},"
                "{\"input\":\"fetch_output.json\",\"filter\":\".items[] | select(.price > $limit)\",\"args\":{\"limit\":100},"
                "\"results\":\"all\"}]",
    .exec = WFW_EXEC_BLOCKING,
    .effect = WFW_EFFECT_PURE,
    .run = jq_run,
};

static int jq_init_plugin(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    host = h;
    return find_helper(msg, msglen);
}

static const struct wfw_node *const nodes[] = {&jq_node, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "jq",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "jq programs as nodes",
    .nodes = nodes,
    .init = jq_init_plugin,
};

WFW_PLUGIN(plugin)
