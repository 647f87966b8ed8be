/* SPDX-License-Identifier: Apache-2.0 */
/* The helper process: it loads one plugin with the ordinary steps, says what it found, calls init when it is told to, and then
 * serves one call after the other with the same task host that wfworker has inside. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/calls.h"
#include "helper/helper.h"
#include "helper/lend.h"
#include "helper/process.h"
#include "plugin/about.h"
#include "plugin/internal.h"
#include "plugin/task.h"
#include "plugin/values.h"
#include "sandbox/death.h"
#include "sandbox/limits.h"

static struct {
    uv_loop_t loop;
    uv_poll_t poll;
    struct task_host *tasks;
    struct descriptor about;
    struct handler *handlers;
    json_t *config;
    uint32_t denied;
    char *name;
    const char *parent; /* the number of wfworker's process, a text */
    void *state;
    struct death_note *note;
    struct task *task; /* the call that is not over */
    bool decided;      /* its outcome was sent */
} me;

bool helper_wanted(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], HELPER_ARGUMENT) != 0)
        return false;
    me.parent = argv[3];
    return true;
}

/* ---- Messages ---- */

static bool is(const json_t *message, const char *what)
{
    const char *own = js_str(message, "is");
    return own && strcmp(own, what) == 0;
}

static void say(const char *what)
{
    json_t *m = json_object();
    js_set(m, "is", json_string(what));
    lend_send_json(m);
}

__attribute__((noreturn)) static void say_failed(const struct error *e)
{
    json_t *m = json_object();
    js_set(m, "is", json_string("failed"));
    js_set(m, "message", js_string_lossy(e->message, strlen(e->message)));
    js_set(m, "detail", js_string_lossy(e->detail, strlen(e->detail)));
    js_set(m, "hint", js_string_lossy(e->hint, strlen(e->hint)));
    lend_send_json(m);
    _exit(0);
}

/* ---- The plugin ---- */

static void entered(void *ctx)
{
    (void)ctx;
    say("entered");
}

static void make_handlers(void)
{
    me.handlers = xcalloc(me.about.node_count, sizeof *me.handlers);
    for (size_t i = 0; i < me.about.node_count; i++) {
        uint32_t denied = me.about.nodes[i].caps & me.denied;
        me.about.nodes[i].caps &= ~me.denied;
        me.handlers[i] = (struct handler){.plugin_name = me.name, .node = &me.about.nodes[i], .own = me.about.own[i], .state = me.state,
                                          .denied = denied};
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Byte for byte, as launch.c wrote them. */
static int read_limits(const char *text, struct limits *l)
{
    unsigned char *bytes = (unsigned char *)l;
    if (!text || strlen(text) != 2 * sizeof *l)
        return -1;
    for (size_t i = 0; i < sizeof *l; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

static void load(const json_t *m)
{
    struct error e = ERROR_INIT;
    struct limits limits;
    const char *path = js_str(m, "path"), *name = js_str(m, "name");
    log_setup(LOG_TEXT, (enum log_level)js_int(m, "level", LOG_INFO));
    me.name = xstrdup(name ? name : "");
    me.denied = (uint32_t)js_int(m, "denied", 0);
    if (read_limits(js_str(m, "limits"), &limits) != 0)
        _exit(1);
    if (limits_apply(&limits, (struct limits_how){.program = false}, &e) != 0)
        say_failed(&e);
    if (me.note)
        death_watch(me.note);
    if (probe_load(path ? path : "", me.name, entered, NULL, &me.about, &e) != 0)
        say_failed(&e);
    json_t *about = json_object();
    js_set(about, "is", json_string("about"));
    js_set(about, "about", about_write(&me.about));
    lend_send_json(about);
}

static void initialise(const json_t *m)
{
    struct error e = ERROR_INIT;
    me.config = json_incref(json_object_get(m, "config"));
    if (descriptor_declare(&me.about, host_table(), me.config, &e) != 0 ||
        plugin_init(&me.about.plugin, host_table(), me.config, &me.state, &e) != 0)
        say_failed(&e);
    json_t *ready = json_object();
    js_set(ready, "is", json_string("ready"));
    if (me.about.plugin.declare)
        js_set(ready, "about", about_write(&me.about));
    make_handlers();
    lend_send_json(ready);
}

/* The last call of the plugin; libraries' own exit handlers are of no use to anybody. */
__attribute__((noreturn)) static void end(void)
{
    if (me.handlers && me.about.plugin.drain)
        me.about.plugin.drain(me.state);
    if (me.handlers && me.about.plugin.exit)
        me.about.plugin.exit(me.state);
    fflush(NULL);
    _exit(0);
}

/* ---- Calls ---- */

/* On the handler's thread: it may end the process as soon as its done() has returned. */
static void on_said(void *ctx, const struct outcome *o)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    (void)ctx;
    outcome_write(&b, o);
    lend_send(b.data, b.len, NULL, 0);
}

static void on_outcome(void *owner, struct task *t, const struct outcome *o)
{
    (void)owner, (void)t, (void)o;
    me.decided = true;
}

/* Nothing of the call is left. */
static void on_over(void *ctx)
{
    json_t *m = json_object();
    (void)ctx;
    me.task = NULL;
    js_set(m, "is", json_string("free"));
    js_set(m, "descriptors", json_integer(death_note_descriptors(me.note)));
    lend_send_json(m);
}

static const struct handler *find(const char *type)
{
    for (size_t i = 0; type && i < me.about.node_count; i++)
        if (strcmp(me.about.nodes[i].type, type) == 0)
            return &me.handlers[i];
    return NULL;
}

static void begin(const json_t *m)
{
    struct task_call call;
    struct call_clock clock;
    const struct handler *h = find(js_str(m, "type"));
    if (!h || me.task || call_read(m, &call, &clock) != 0)
        _exit(1);
    lend_clock(&clock);
    me.decided = false;
    death_note_taken(me.note);
    me.task = task_start(me.tasks, h, &call, on_outcome, &me);
}

static void cancel(void)
{
    if (me.task && !me.decided)
        task_cancel(STEAL(me.task), INT64_MAX / 2);
}

static void on_messages(void)
{
    const void *tail = NULL;
    size_t tail_len = 0;
    json_t *m;
    while ((m = lend_receive(false, &tail, &tail_len))) {
        if (is(m, "call"))
            begin(m);
        else if (is(m, "cancel"))
            cancel();
        else if (is(m, "http"))
            lend_answered(m, tail, tail_len);
        else if (is(m, "end"))
            end();
        json_decref(m);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)poll, (void)status, (void)events;
    on_messages();
}

static void on_thread(bool begins)
{
    if (begins)
        death_watch_thread();
    else
        death_unwatch_thread();
}

static int serve(void)
{
    if (uv_loop_init(&me.loop) != 0)
        return 1;
    struct task_services services = lend_services(&me.loop, on_messages);
    services.over = on_over;
    services.thread = on_thread;
    services.said = on_said;
    me.tasks = task_host_new(&services, 1, NULL);
    if (!me.tasks || uv_poll_init(&me.loop, &me.poll, HELPER_CHANNEL) != 0)
        return 1;
    uv_poll_start(&me.poll, UV_READABLE, on_readable);
    on_messages();
    uv_run(&me.loop, UV_RUN_DEFAULT);
    return 0;
}

/* ---- The process ---- */

/* It goes with its parent, also with one that went before this was asked for: then it has another one by now. */
static void go_with_parent(void)
{
    char own[24];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(own, sizeof own, "%ld", (long)getppid());
    if (strcmp(own, me.parent) != 0)
        _exit(0);
}

/* What was not meant for it is closed. */
static void settle_in(void)
{
    go_with_parent();
#if HAVE_DECL_CLOSE_RANGE
    close_range(HELPER_NOTE + 1, ~0U, 0);
#else
    for (int fd = HELPER_NOTE + 1; fd < 65536; fd++)
        close(fd);
#endif
    fcntl(HELPER_CHANNEL, F_SETFD, FD_CLOEXEC);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(SIGPIPE, SIG_IGN);
}

/* The next of the messages that come before there are calls; "end" is one of them always. */
static json_t *expect(const char *what)
{
    const void *tail;
    size_t tail_len;
    json_t *m = lend_receive(true, &tail, &tail_len);
    if (is(m, "end"))
        end();
    if (!is(m, what))
        _exit(1);
    return m;
}

int helper_main(void)
{
    settle_in();
    me.note = death_note_take(HELPER_NOTE, NULL);
    lend_open(HELPER_CHANNEL);
    CLEANUP_JSON json_t *first = expect("load");
    load(first);
    CLEANUP_JSON json_t *second = expect("init");
    initialise(second);
    return serve();
}
