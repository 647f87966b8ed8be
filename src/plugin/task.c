/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, delivering, cancelling and freeing of tasks. */
#include "plugin/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/schema.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"

/* ---- References and the end ---- */

static void free_handle(uv_handle_t *handle)
{
    xfree(handle);
}

void task_stop_grace(struct task *t)
{
    if (t->grace)
        uv_close((uv_handle_t *)t->grace, free_handle);
    t->grace = NULL;
}

void task_ref(struct task *t)
{
    atomic_fetch_add(&t->refs, 1);
}

void task_unref(struct task *t)
{
    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    if (t->cancel_fd >= 0)
        close(t->cancel_fd);
    json_decref(t->input);
    if (t->free_data && t->data)
        t->free_data(t->data);
    arena_free(&t->arena);
    values_freed();
    host_unref(t->host);
    xfree(t);
}

static void forget_zombie(struct task *t)
{
    for (struct task **at = &t->host->zombies; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            return;
        }
}

/* Settled and returned: nobody needs the handle any more. */
static void try_retire(struct task *t)
{
    if (!t->settled || t->running)
        return;
    const struct task_services *s = &t->host->services;
    if (s->over)
        s->over(s->ctx);
    handle_retire(t->handle);
    task_unref(t);
}

static void settle(struct task *t)
{
    t->settled = true;
    t->owner = NULL;
    watch_stop_all(t);
    try_retire(t);
}

bool task_decided(struct task *t)
{
    pthread_mutex_lock(&t->host->lock);
    bool decided = t->decided;
    pthread_mutex_unlock(&t->host->lock);
    return decided;
}

bool task_says_at_once(const struct task *t)
{
    return t->host->services.said != NULL;
}

void task_check_silent(struct task *t)
{
    if (t->running || t->watches || t->settled || (t->handler->node->caps & WFW_CAP_THREADS) || task_decided(t))
        return;
    bool denied = (t->handler->denied & WFW_CAP_THREADS) != 0;
    CLEANUP_FREE char *text = xasprintf("the handler of node type %s ended without an outcome%s", t->handler->node->type,
                                        denied ? "; capability threads, with which it may come later, is denied to its plugin" : "");
    task_fail(t, "handler_error", text);
}

void task_returned(struct task *t)
{
    t->running = false;
    task_stop_grace(t);
    if (t->settled && t->handler->node->exec != WFW_EXEC_LOOP)
        forget_zombie(t);
    if (t->abandoned) {
        t->host->abandoned--;
        log_write(LOG_INFO, "an abandoned handler returned", LOG_STR("plugin", t->handler->plugin_name),
                  LOG_STR("node_type", t->handler->node->type), LOG_STR("node", t->call.node_id),
                  LOG_STR("execution", t->call.execution_id));
    }
    task_check_silent(t);
    try_retire(t);
}

/* ---- Delivery ---- */

/* The data that a loop handler saw are its owner's again: while somebody holds them, they are copied to be changed. */
static void give_back_input(struct task *t)
{
    bool loop = t->handler->node->exec == WFW_EXEC_LOOP && !(t->handler->node->caps & WFW_CAP_THREADS);
    if (t->running || t->answering || !(loop || t->handler->remote))
        return;
    t->call.input = NULL;
    json_decref(STEAL(t->input));
}

void task_hand_over(struct task *t)
{
    t->settled = true;
    give_back_input(t);
    t->on_outcome(t->owner, t, &t->outcome);
    settle(t);
}

bool task_at_hand(const struct task *t)
{
    return t->at_hand;
}

bool task_off_loop(const struct task *t)
{
    return t->off_loop; /* not changed once there is an outcome */
}

void task_hold(struct task *t)
{
    task_ref(t);
}

void task_let_go(struct task *t)
{
    task_unref(t);
}

bool task_accepted(const struct task *t)
{
    return t->accepted;
}

void task_deliver(struct task *t)
{
    t->at_hand = false;
    task_hand_over(t);
}

static void run_outcome(struct job *job)
{
    struct task *t = job->task;
    if (!t->settled)
        task_hand_over(t);
    task_unref(t);
    xfree(job);
}

static void drop_outcome(struct job *job)
{
    task_unref(job->task);
    xfree(job);
}

/* False: there is one already. */
static bool set_outcome(struct task *t, const struct outcome *outcome)
{
    struct task_host *h = t->host;
    pthread_mutex_lock(&h->lock);
    bool first = !t->decided;
    if (first) {
        t->decided = true;
        t->off_loop = !on_loop(h);
        t->outcome = *outcome;
        if (outcome->type == OUTCOME_DONE) {
            t->outcome.variables = t->variables;
            t->outcome.cancels = t->cancels;
        }
        if (outcome->type != OUTCOME_FAIL)
            t->outcome.asks = t->asks;
    }
    pthread_mutex_unlock(&h->lock);
    return first;
}

/* What is said before its process ends counts, also when that is right after done(): it is not left to the loop. */
static bool say_outcome(struct task *t, const struct outcome *outcome)
{
    struct task_host *h = t->host;
    if (!task_says_at_once(t))
        return set_outcome(t, outcome);
    pthread_mutex_lock(&h->saying);
    bool first = set_outcome(t, outcome);
    if (first)
        h->services.said(h->services.ctx, &t->outcome);
    pthread_mutex_unlock(&h->saying);
    return first;
}

int task_decide(struct task *t, const struct outcome *outcome)
{
    struct task_host *h = t->host;
    if (!say_outcome(t, outcome)) {
        if (!atomic_load(&t->cancelled))
            log_write(LOG_WARNING, "a handler gave a second outcome; it is ignored",
                      LOG_STR("plugin", t->handler->plugin_name), LOG_STR("node_type", t->handler->node->type),
                      LOG_STR("node", t->call.node_id), LOG_STR("execution", t->call.execution_id));
        return WFW_E_STALE;
    }
    if (on_loop(h)) {
        watch_stop_all(t); /* the plugin may close descriptors now */
        t->at_hand = t->at_once;
        if (t->at_hand)
            return WFW_OK;
    }
    struct job *job = xcalloc(1, sizeof *job);
    *job = (struct job){.task = t, .run = run_outcome, .drop = drop_outcome};
    task_ref(t);
    host_post(h, job);
    return WFW_OK;
}

static const char *copy_text(struct task *t, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;
    if (copy)
        arena_adopt(&t->arena, copy);
    return copy;
}

int task_fail(struct task *t, const char *type, const char *message)
{
    const struct outcome o = {.type = OUTCOME_FAIL,
                              .error_type = type,
                              .message = copy_text(t, message)};
    return task_decide(t, &o);
}

/* ---- Start ---- */

static const struct wfw_value *keep_value(struct task *t, json_t *v)
{
    return value_of(arena_keep(&t->arena, json_incref(v)));
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *put_text(char **at, const char *text)
{
    size_t size = text_size(text);
    const char *copy = text ? memcpy(*at, text, size) : NULL;
    *at += size;
    return copy;
}

static size_t texts_size(const struct task_call *c)
{
    return text_size(c->node_type) + text_size(c->node_id) + text_size(c->execution_id) + text_size(c->workflow_id) +
           text_size(c->key) + text_size(c->signal);
}

static void fill_call(struct task *t, const struct task_call *c)
{
    char *at = t->texts;
    t->input = json_incref(c->input);
    t->call = (struct wfw_call){.size = sizeof t->call,
                                .node = t->handler->own ? t->handler->own : t->handler->node,
                                .config = keep_value(t, c->config),
                                .input = value_of(t->input),
                                .checkpoint = keep_value(t, c->checkpoint),
                                .event = keep_value(t, c->event),
                                .attempt = c->attempt,
                                .why = c->why,
                                .scope_outcome = c->scope_outcome,
                                .deadline_ms = c->timeout_ms,
                                .scope_pass = c->scope_pass,
                                .scope = keep_value(t, c->scope),
                                .edges = keep_value(t, c->edges)};
    t->call.node_type = put_text(&at, c->node_type);
    t->call.node_id = put_text(&at, c->node_id);
    t->call.execution_id = put_text(&at, c->execution_id);
    t->call.workflow_id = put_text(&at, c->workflow_id);
    t->call.key = put_text(&at, c->key);
    t->call.signal = put_text(&at, c->signal);
    t->activation = c->activation;
    t->number = c->number;
}

/* 0, or -1 and the outcome is there. */
static int check_config(struct task *t, const json_t *config)
{
    const struct handler *handler = t->handler;
    struct error e = ERROR_INIT;
    char said[512] = "";
    int rc = schema_check(handler->config_schema, config, &e);
    if (rc == 0 && handler->node->check) {
        struct loop_call timed;
        loop_call_begin(t, &timed);
        if (handler->node->check(handler->state, t->call.node, t->call.config, said, sizeof said) != WFW_OK) {
            said[sizeof said - 1] = '\0';
            rc = err_set(&e, "%s", said[0] ? said : "the node type's check refuses it");
        }
        loop_call_end(t, &timed);
    }
    if (rc == 0)
        return 0;
    err_prefix(&e, "invalid configuration");
    task_fail(t, "config_invalid", e.message);
    return -1;
}

/* A check of its own that a handler has is made over there, each time. */
static void call_remote(struct task *t, const struct task_call *call)
{
    struct remote *r = t->handler->remote;
    t->running = false;
    t->accepted = call->accepted || !t->handler->remote_check;
    remote_attach(t->host, r);
    r->isolation->start(r, t, call);
}

struct task *task_start(struct task_host *h, const struct handler *handler, const struct task_call *call,
                        outcome_fn on_outcome, void *owner)
{
    struct task *t = xmalloc(sizeof *t + texts_size(call));
    *t = (struct task){.refs = 1, .host = h, .handler = handler, .on_outcome = on_outcome, .owner = owner, .cancel_fd = -1,
                       .at_once = call->at_once};
    host_ref(h);
    arena_init(&t->arena);
    fill_call(t, call);
    t->handle = handle_new(t);
    t->running = true;
    t->accepted = call->accepted || check_config(t, call->config) == 0;
    if (!t->accepted) {
        t->running = false;
    } else if (handler->remote) {
        call_remote(t, call);
    } else if (handler->node->exec == WFW_EXEC_LOOP) {
        struct loop_call timed;
        loop_call_begin(t, &timed);
        handler->node->run(handler->state, t->handle, &t->call);
        loop_call_end(t, &timed);
        task_returned(t);
    } else {
        pool_add(t);
    }
    t->at_once = false;
    return t;
}

/* ---- Cancel ---- */

static void on_grace(uv_timer_t *timer)
{
    struct task *t = timer->data;
    t->abandoned = true;
    t->host->abandoned++;
    log_write(LOG_WARNING, "a cancelled handler does not return; its thread is lost until it does",
              LOG_STR("plugin", t->handler->plugin_name), LOG_STR("node_type", t->handler->node->type),
              LOG_STR("node", t->call.node_id), LOG_STR("execution", t->call.execution_id));
    task_stop_grace(t);
}

static void raise_cancelled(struct task *t)
{
    atomic_store(&t->cancelled, true);
    if (task_says_at_once(t))
        pthread_mutex_lock(&t->host->saying); /* whoever is just saying something has said it */
    pthread_mutex_lock(&t->host->lock);
    t->decided = true;
    if (t->cancel_fd >= 0 && eventfd_write(t->cancel_fd, 1) != 0)
        log_write(LOG_ERROR, "a handler cannot be told that it is cancelled", LOG_STR("error", strerror(errno)));
    pthread_mutex_unlock(&t->host->lock);
    if (task_says_at_once(t))
        pthread_mutex_unlock(&t->host->saying);
}

static void await_return(struct task *t, int64_t grace_ms)
{
    t->next = t->host->zombies;
    t->host->zombies = t;
    t->grace = xcalloc(1, sizeof *t->grace);
    uv_timer_init(t->host->services.loop, t->grace);
    t->grace->data = t;
    uv_timer_start(t->grace, on_grace, grace_ms > 0 ? (uint64_t)grace_ms : 0, 0);
    uv_unref((uv_handle_t *)t->grace);
}

void task_cancel(struct task *t, int64_t grace_ms)
{
    const struct handler *handler = t->handler;
    if (t->settled)
        return;
    bool open = !task_decided(t);
    raise_cancelled(t);
    if (handler->remote) {
        if (t->away)
            handler->remote->isolation->cancel(handler->remote, t, grace_ms);
    } else if (handler->node->exec == WFW_EXEC_LOOP) {
        struct loop_call timed;
        loop_call_begin(t, &timed);
        if (open && handler->node->cancel)
            handler->node->cancel(handler->state, t->handle);
        loop_call_end(t, &timed);
    } else if (t->running) {
        if (pool_remove(t))
            t->running = false;
        else
            await_return(t, grace_ms);
    }
    settle(t);
}

static bool withdraw_remote(struct task *t)
{
    struct remote *r = t->handler->remote;
    if (t->settled || !t->away || !r->isolation->withdraw(r, t))
        return false;
    raise_cancelled(t);
    settle(t);
    return true;
}

bool task_withdraw(struct task *t)
{
    if (t->handler->remote)
        return withdraw_remote(t);
    if (t->settled || t->handler->node->exec == WFW_EXEC_LOOP || !t->running || !pool_remove(t))
        return false;
    raise_cancelled(t);
    t->running = false;
    settle(t);
    return true;
}
