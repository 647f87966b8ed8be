/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that speaks to wfworker itself: it writes into the channel of its helper process what it is told to, in pieces, halfway, or much of it,
 * and ends its process right after its outcome.  speaker.loop and speaker.block declare no capability, speaker.able all. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANNEL 3
#define MARK 0x57465731u

static const struct wfw_host *host;

/* The channel does not wait by itself. */
static void wait_for(short events)
{
    struct pollfd p = {.fd = CHANNEL, .events = events};
    if (poll(&p, 1, -1) != 1)
        _exit(9);
}

static void write_all(const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        wait_for(POLLOUT);
        ssize_t n = write(CHANNEL, at, len);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n <= 0)
            _exit(9);
        at += n;
        len -= (size_t)n;
    }
}

static void write_header(size_t text)
{
    const uint32_t header[4] = {MARK, (uint32_t)text, 0, 0};
    write_all(header, sizeof header);
}

static void write_frame(const char *text, size_t len)
{
    write_header(len);
    write_all(text, len);
}

static void read_all(void *data, size_t len)
{
    char *at = data;
    while (len > 0) {
        wait_for(POLLIN);
        ssize_t n = read(CHANNEL, at, len);
        if (n <= 0)
            _exit(9);
        at += n;
        len -= (size_t)n;
    }
}

/* The text of the next message: on the loop nobody else reads it. */
static char *read_frame(void)
{
    uint32_t header[4];
    read_all(header, sizeof header);
    char *text = calloc((size_t)header[1] + 1, 1);
    if (!text)
        _exit(9);
    read_all(text, header[1]);
    return text;
}

static const char *string(const struct wfw_call *call, const char *path, size_t *len)
{
    const char *text = NULL;
    *len = 0;
    host->get_string(call->config, path, &text, len);
    return text;
}

static long long number(const struct wfw_call *call, const char *path)
{
    int64_t n = 0;
    host->get_int(call->config, path, &n);
    return (long long)n;
}

/* {"say": TEXT, "times": N}: as one message each. */
static void say(const struct wfw_call *call)
{
    size_t len;
    const char *text = string(call, "/say", &len);
    long long times = number(call, "/times");
    for (long long i = 0; text && i < (times ? times : 1); i++)
        write_frame(text, len);
}

/* {"listen": 1}: the next message is the outcome. */
static void listen_to(struct wfw_task *task, const struct wfw_call *call)
{
    if (!number(call, "/listen"))
        return;
    char *text = read_frame();
    struct wfw_value *out = host->object(task);
    host->set(out, "heard", host->string(task, text, WFW_NTS));
    free(text);
    host->done(task, out, NULL);
}

/* {"numbers": N, "pieces": P, "gate": FIFO}: an outcome with so many numbers, written by hand in P pieces; before each of them
 * a byte has to come through the gate. */
static void say_slowly(const struct wfw_call *call)
{
    static const char begin[] = "{\"is\":\"outcome\",\"type\":\"done\",\"output\":{\"numbers\":[0", end[] = "]}}";
    const size_t count = (size_t)number(call, "/numbers"), pieces = (size_t)number(call, "/pieces");
    size_t len = strlen(begin), gate_len, done = 0;
    const char *gate_path = string(call, "/gate", &gate_len);
    if (!count || !pieces || !gate_path)
        return;
    char *text = malloc(strlen(begin) + 2 * count + sizeof end), byte;
    int gate = open(gate_path, O_RDONLY | O_CLOEXEC);
    if (!text || gate < 0)
        _exit(9);
    memcpy(text, begin, len);
    for (size_t i = 0; i < count; i++, len += 2)
        memcpy(text + len, ",7", 2);
    memcpy(text + len, end, sizeof end);
    len += strlen(end);
    write_header(len);
    for (size_t i = 1; i <= pieces && read(gate, &byte, 1) == 1; i++) {
        write_all(text + done, len * i / pieces - done);
        done = len * i / pieces;
    }
    _exit(0);
}

/* {"stall": N}: the beginning of a message of 2 N bytes, and nothing more. */
static void stall(struct wfw_task *task, const struct wfw_call *call)
{
    const size_t half = (size_t)number(call, "/stall");
    if (!half)
        return;
    char *text = calloc(half, 1);
    if (!text)
        _exit(9);
    host->progress(task, host->integer(task, 1));
    write_header(2 * half);
    write_all(text, half);
    for (;;)
        pause();
}

/* {"end": HOW}: an outcome, and at once the end. */
static void end(struct wfw_task *task, const struct wfw_call *call)
{
    size_t len;
    const char *how = string(call, "/end", &len);
    if (!how)
        return;
    host->log(task, WFW_LOG_INFO, "before the end");
    host->done(task, NULL, how);
    if (strcmp(how, "exit") == 0)
        exit(0);
    if (strcmp(how, "_exit") == 0)
        _exit(0);
    abort();
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    say(call);
    listen_to(task, call);
    say_slowly(call);
    stall(task, call);
    end(task, call);
    if (number(call, "/leave"))
        _exit(0);
    if (number(call, "/done"))
        host->done(task, call->input, NULL);
}

static int init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config, (void)state, (void)msg, (void)msglen;
    host = h;
    return WFW_OK;
}

#define CAPS (WFW_CAP_HTTP | WFW_CAP_SECRETS | WFW_CAP_ENV | WFW_CAP_CHILD | WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST)

static const struct wfw_node loop_node = {
    .size = sizeof loop_node, .type = "speaker.loop", .exec = WFW_EXEC_LOOP, .effect = WFW_EFFECT_PURE, .run = run};
static const struct wfw_node block_node = {
    .size = sizeof block_node, .type = "speaker.block", .effect = WFW_EFFECT_PURE, .run = run};
static const struct wfw_node able_node = {.size = sizeof able_node, .type = "speaker.able", .exec = WFW_EXEC_LOOP,
                                          .effect = WFW_EFFECT_PURE, .caps = CAPS, .run = run};
static const struct wfw_node *const nodes[] = {&loop_node, &block_node, &able_node, NULL};
static const struct wfw_plugin speaker = {.size = sizeof speaker, .name = "speaker", .version = "1.0.0", .license = "Apache-2.0",
                                          .vendor = "acme", .nodes = nodes, .init = init};
WFW_PLUGIN(speaker)
