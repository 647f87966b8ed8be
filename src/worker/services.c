/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers may ask of the worker: http, time, expressions, secrets, progress, log.  `owner` is the activation. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/handling.h"
#include "worker/inside.h"
#include "worker/output.h"

/* Rows of executionlog that one attempt may write. */
#define MAX_LOG_ROWS 200

char *worker_secret(void *ctx, const char *kind, const char *name)
{
    const struct worker *w = ctx;
    return handling_secret(w->reloaded ? w->reloaded : w->source, kind, name);
}

static char *get_secret(void *ctx, void *owner, const char *name)
{
    (void)ctx;
    return owner ? act_secret(owner, "secret", name) : NULL;
}

static char *get_env(void *ctx, const char *name)
{
    return worker_secret(ctx, "env", name);
}

static void *start_http(void *ctx, const struct http_request *request, http_done_fn done, void *arg, struct error *e)
{
    struct worker *w = ctx;
    return http_start(w->http, request, done, arg, e);
}

static void cancel_http(void *ctx, void *transfer)
{
    (void)ctx;
    http_cancel(transfer);
}

static int64_t now(void *ctx)
{
    (void)ctx;
    return clock_now_us();
}

static json_t *eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    struct act *a = owner;
    (void)ctx;
    if (a)
        return handling_eval(a->run->def, a->run->state, a->id, expression, vars, run_now(a->run), e);
    err_set(e, "the attempt is over");
    return NULL;
}

static json_t *get_variable(void *ctx, void *owner, const char *name, const char *scope)
{
    const struct act *a = owner;
    (void)ctx;
    return a ? json_incref((json_t *)(uintptr_t)engine_variable(a->run->def, a->run->state, a->id, name, scope)) : NULL;
}

static void progress(void *ctx, void *owner, json_t *value)
{
    struct act *a = owner;
    struct worker *w = ctx;
    struct error e = ERROR_INIT;
    if (!a)
        return;
    struct run *r = a->run;
    CLEANUP_JSON json_t *masked = mask_value(&a->mask, value);
    if (output_check(masked, &e) != 0) {
        log_write(LOG_WARNING, "progress not kept", LOG_STR("execution", r->execution_id),
                  LOG_STR("node", def_node_id(r->def, a->node)), LOG_STR("error", e.message));
        return;
    }
    run_apply_at(r, &(struct engine_event){.type = ENGINE_PROGRESS, .act = a->id, .output = masked}, run_now(r), a->node);
    timer_set(&w->timers, &r->retry, 0); /* not from inside a handler's call */
}

static void own_log(const char *execution, const char *node, int level, const char *text)
{
    enum log_level own = (enum log_level)level;
    log_write(own, "plugin", LOG_STR("text", text), {.name = execution ? "execution" : NULL, .text = execution},
              {.name = "node", .text = node});
}

static void add_log(void *ctx, void *owner, int level, const char *said)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    struct act *a = owner;
    (void)ctx;
    if (!a) {
        own_log(NULL, NULL, level, said);
        return;
    }
    CLEANUP_FREE char *text = mask_text(&a->mask, said);
    struct run *r = a->run;
    const char *node = def_node_id(r->def, a->node);
    if (level <= LOG_DEBUG || a->log_rows > MAX_LOG_ROWS) {
        if (log_enabled(LOG_DEBUG))
            own_log(r->execution_id, node, LOG_DEBUG, text);
        return;
    }
    if (a->log_rows++ == MAX_LOG_ROWS) {
        run_log(r, node, "warning", "The node writes too many log messages, the rest of this attempt is dropped", NULL, run_now(r));
        return;
    }
    char *own = STEAL(text);
    run_log(r, node, names[level > LOG_ERROR ? LOG_ERROR : level], own, own, run_now(r));
}

struct task_services worker_services(struct worker *w)
{
    return (struct task_services){.loop = &w->loop, .ctx = w, .heavy = w->heavy, .http_start = start_http, .http_cancel = cancel_http,
                                  .now_us = now, .eval = eval, .secret = get_secret, .env = get_env,
                                  .progress = progress, .log = add_log, .variable = get_variable};
}
