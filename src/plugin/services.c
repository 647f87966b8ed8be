/* SPDX-License-Identifier: Apache-2.0 */
/* log, alloc, eval, progress, cancellation, secrets: from any thread.  What the worker lends lives on the loop thread;
 * another thread posts a job there, and waits for it where there is an answer. */
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

#define MAX_LOG 2000
#define MAX_ALLOC ((size_t)1 << 30)

/* ---- Log and progress: posted, or said at once, as the outcome is, so that they keep their order with it ---- */

struct note {
    struct job job;
    int level;
    char *text;    /* a log line, or NULL */
    json_t *value; /* progress, or NULL */
};

static void drop_note(struct job *job)
{
    struct note *n = (struct note *)job;
    task_unref(job->task);
    free(n->text);
    json_decref(n->value);
    free(n);
}

static void log_here(const struct task *t, int level, const char *text)
{
    log_write((enum log_level)level, text, LOG_STR("plugin", t->handler->plugin_name), LOG_STR("node", t->call.node_id),
              LOG_STR("execution", t->call.execution_id));
}

static void run_note(struct job *job)
{
    struct note *n = (struct note *)job;
    struct task *t = job->task;
    const struct task_services *s = &t->host->services;
    if (n->text && s->log && !t->settled)
        s->log(s->ctx, t->owner, n->level, n->text);
    else if (n->text)
        log_here(t, n->level, n->text);
    else if (s->progress && !t->settled)
        s->progress(s->ctx, t->owner, n->value);
    drop_note(job);
}

static void say_note(struct task *t, int level, const char *text, json_t *value)
{
    const struct task_services *s = &t->host->services;
    pthread_mutex_lock(&t->host->saying);
    bool decided = task_decided(t);
    if (text && s->log && !decided)
        s->log(s->ctx, NULL, level, text);
    else if (text)
        log_here(t, level, text);
    else if (s->progress && !decided)
        s->progress(s->ctx, NULL, value);
    pthread_mutex_unlock(&t->host->saying);
}

/* Takes over the reference of t, text and value. */
static void post_note(struct task *t, int level, char *text, json_t *value)
{
    struct note *n = xcalloc(1, sizeof *n);
    if (on_loop(t->host))
        t->at_once = false; /* the outcome comes behind this */
    *n = (struct note){.job = {.task = t, .run = run_note, .drop = drop_note}, .level = level, .text = text, .value = value};
    if (!task_says_at_once(t)) {
        host_post(t->host, &n->job);
        return;
    }
    say_note(t, level, text, value);
    drop_note(&n->job);
}

/* A text that was cut does not end within a character. */
static void cut_edge(char *text)
{
    size_t len = strlen(text), at = len;
    while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xc0) == 0x80)
        at--;
    unsigned char first = at > 0 ? (unsigned char)text[at - 1] : 0;
    size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (wanted > 1 && len - (at - 1) < wanted)
        text[at - 1] = '\0';
}

static int own_level(uint32_t level)
{
    return level >= WFW_LOG_ERROR     ? LOG_ERROR
           : level >= WFW_LOG_WARNING ? LOG_WARNING
           : level >= WFW_LOG_INFO    ? LOG_INFO
                                      : LOG_DEBUG;
}

void service_log(struct wfw_task *task, uint32_t wfw_level, const char *fmt, ...)
{
    char text[MAX_LOG];
    va_list ap;
    int level = own_level(wfw_level);
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (len >= (int)sizeof text)
        cut_edge(text);
    CLEANUP_JSON json_t *clean = js_string_lossy(text, strlen(text));
    struct task *t = handle_acquire(task);
    if (t)
        post_note(t, level, xstrdup(json_string_value(clean)), NULL);
    else
        log_write((enum log_level)level, json_string_value(clean));
}

int service_progress(struct wfw_task *task, const struct wfw_value *value)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    if (!value || task_decided(t)) {
        task_unref(t);
        return value ? WFW_E_STALE : WFW_E_INVAL;
    }
    value_freeze(value);
    post_note(t, 0, NULL, json_incref(value_json(value)));
    return WFW_OK;
}

/* ---- Questions: answered on the loop thread ---- */

struct question {
    struct job job;
    enum { ASK_EVAL, ASK_SECRET, ASK_ENV, ASK_VARIABLE } what;
    const char *text, *scope; /* expression or name; ASK_VARIABLE: its scope or NULL */
    json_t *vars;
    json_t *value; /* the answer of ASK_EVAL and ASK_VARIABLE */
    char *string;  /* the answer of the others */
    struct error error;
    bool answered; /* under the host's lock */
};

static void ask_here(struct question *q)
{
    struct task *t = q->job.task;
    const struct task_services *s = &t->host->services;
    if (t->settled)
        err_set(&q->error, "the task is over");
    else if (q->what == ASK_SECRET && s->secret)
        q->string = s->secret(s->ctx, t->owner, q->text);
    else if (q->what == ASK_ENV && s->env)
        q->string = s->env(s->ctx, q->text);
    else if (q->what == ASK_EVAL && s->eval)
        q->value = s->eval(s->ctx, t->owner, q->text, q->vars, &q->error);
    else if (q->what == ASK_VARIABLE && s->variable)
        q->value = s->variable(s->ctx, t->owner, q->text, q->scope);
    else
        err_set(&q->error, "this wfworker cannot answer that");
}

static void mark_answered(struct question *q)
{
    struct task_host *h = q->job.task->host;
    pthread_mutex_lock(&h->lock);
    q->answered = true;
    pthread_cond_broadcast(&h->answered);
    pthread_mutex_unlock(&h->lock);
}

static void run_question(struct job *job)
{
    struct question *q = (struct question *)job;
    ask_here(q);
    mark_answered(q);
}

static void drop_question(struct job *job)
{
    struct question *q = (struct question *)job;
    err_set(&q->error, "wfworker ends");
    mark_answered(q);
}

/* The question lives on the stack of the asking thread, which waits. */
static void ask(struct question *q)
{
    struct task_host *h = q->job.task->host;
    if (on_loop(h)) {
        ask_here(q);
        return;
    }
    q->job.run = run_question;
    q->job.drop = drop_question;
    host_post(h, &q->job);
    pthread_mutex_lock(&h->lock);
    while (!q->answered)
        pthread_cond_wait(&h->answered, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

/* t may be NULL.  On an error the type is in e->detail, or nothing. */
static const struct wfw_value *evaluate(struct task *t, const char *expression, const struct wfw_value *vars, struct error *e)
{
    struct question q = {.job = {.task = t}, .what = ASK_EVAL, .text = expression, .vars = value_json(vars)};
    if (!t)
        err_set(&q.error, "the task is over");
    else if (!expression || (vars && !json_is_object(value_json(vars))))
        err_set(&q.error, "an expression and an object of variables are needed");
    else
        ask(&q);
    *e = q.error;
    return t ? value_of(arena_keep(&t->arena, q.value)) : NULL;
}

static const char *keep_text(struct task *t, const char *text)
{
    char *copy = xstrdup(text);
    arena_adopt(&t->arena, copy);
    return copy;
}

const struct wfw_value *service_eval(struct wfw_task *task, const char *expression, const struct wfw_value *vars,
                                     struct wfw_error *error)
{
    struct error e = ERROR_INIT;
    struct task *t = handle_acquire(task);
    const struct wfw_value *answer = evaluate(t, expression, vars, &e);
    if (!answer && error && error->size >= offsetof(struct wfw_error, retryable)) {
        error->type = !t ? "cancelled" : *e.detail ? keep_text(t, e.detail) : "expression_error";
        error->message = t ? keep_text(t, e.message) : "the task is over";
    }
    if (t)
        task_unref(t);
    return answer;
}

void service_release(struct wfw_task *task, const struct wfw_value *value)
{
    struct task *t = value_made(value) ? NULL : handle_acquire(task);
    if (!t)
        return;
    json_t *v = value_json(value);
    if (arena_drop(&t->arena, v)) {
        values_freed();
        json_decref(v);
    }
    task_unref(t);
}

static const char *ask_string(struct wfw_task *task, const char *name, uint32_t capability)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return NULL;
    struct question q = {.job = {.task = t}, .what = capability == WFW_CAP_ENV ? ASK_ENV : ASK_SECRET, .text = name};
    if (name && task_may(t, capability))
        ask(&q);
    if (q.string)
        arena_adopt(&t->arena, q.string);
    task_unref(t);
    return q.string;
}

const char *service_secret(struct wfw_task *task, const char *name)
{
    return ask_string(task, name, WFW_CAP_SECRETS);
}

const char *service_env(struct wfw_task *task, const char *name)
{
    return ask_string(task, name, WFW_CAP_ENV);
}

/* ---- Variables ---- */

static bool is_variable_scope(const char *scope)
{
    return !scope || strcmp(scope, "workflow") == 0 || strcmp(scope, "loop") == 0 || strcmp(scope, "node") == 0;
}

/* Under the lock: a thread that sets and one that ends the call may meet. */
static int add_request(struct task *t, json_t **list, json_t *entry)
{
    pthread_mutex_lock(&t->host->lock);
    bool late = t->decided;
    if (!late && !*list)
        *list = arena_keep(&t->arena, json_array());
    if (late)
        json_decref(entry);
    else
        js_push(*list, entry);
    pthread_mutex_unlock(&t->host->lock);
    return late ? WFW_E_STALE : WFW_OK;
}

int service_set_variable(struct wfw_task *task, const char *name, const struct wfw_value *value, const char *scope)
{
    struct task *t = handle_acquire(task);
    json_t *text = name && *name ? json_string(name) : NULL;
    int rc = t ? WFW_E_INVAL : WFW_E_STALE;
    if (t && text && value && is_variable_scope(scope)) {
        value_freeze(value);
        json_t *entry = json_array();
        js_push(entry, json_incref(text));
        js_push(entry, json_string(scope ? scope : "workflow"));
        js_push(entry, json_incref(value_json(value)));
        rc = add_request(t, &t->variables, entry);
    }
    json_decref(text);
    if (t)
        task_unref(t);
    return rc;
}

const struct wfw_value *service_get_variable(struct wfw_task *task, const char *name, const char *scope)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return NULL;
    struct question q = {.job = {.task = t}, .what = ASK_VARIABLE, .text = name, .scope = scope};
    if (name && is_variable_scope(scope))
        ask(&q);
    const struct wfw_value *answer = value_of(arena_keep(&t->arena, q.value));
    task_unref(t);
    return answer;
}

int service_cancel_node(struct wfw_task *task, const char *node_id, uint32_t flags)
{
    struct task *t = handle_acquire(task);
    json_t *id = node_id && *node_id ? json_string(node_id) : NULL;
    int rc = t ? WFW_E_INVAL : WFW_E_STALE;
    if (t && id && (flags & ~(uint32_t)WFW_CANCEL_COMPLETE) == 0) {
        json_t *entry = json_array();
        js_push(entry, json_incref(id));
        js_push(entry, json_integer(flags));
        rc = add_request(t, &t->cancels, entry);
    }
    json_decref(id);
    if (t)
        task_unref(t);
    return rc;
}

/* ---- The rest ---- */

void *service_alloc(struct wfw_task *task, size_t size)
{
    struct task *t = size <= MAX_ALLOC ? handle_acquire(task) : NULL;
    void *block = t ? arena_alloc(&t->arena, size) : NULL;
    if (t)
        task_unref(t);
    return block;
}

int service_set_data(struct wfw_task *task, void *data, wfw_free_fn free_data)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return WFW_E_STALE;
    pthread_mutex_lock(&t->host->lock);
    void *before = t->data;
    const wfw_free_fn free_before = t->free_data;
    t->data = data;
    t->free_data = free_data;
    pthread_mutex_unlock(&t->host->lock);
    if (free_before && before && before != data)
        free_before(before);
    task_unref(t);
    return WFW_OK;
}

void *service_data(struct wfw_task *task)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return NULL;
    pthread_mutex_lock(&t->host->lock);
    void *data = t->data;
    pthread_mutex_unlock(&t->host->lock);
    task_unref(t);
    return data;
}

int64_t service_now_ms(void)
{
    return host_now_us() / US_PER_MS;
}

int service_cancelled(struct wfw_task *task)
{
    struct task *t = handle_acquire(task);
    int yes = !t || atomic_load(&t->cancelled);
    if (t)
        task_unref(t);
    return yes;
}

int service_cancel_fd(struct wfw_task *task)
{
    struct task *t = handle_acquire(task);
    if (!t)
        return -1;
    pthread_mutex_lock(&t->host->lock);
    if (t->cancel_fd < 0)
        t->cancel_fd = eventfd(atomic_load(&t->cancelled) ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = t->cancel_fd;
    pthread_mutex_unlock(&t->host->lock);
    task_unref(t);
    return fd;
}
