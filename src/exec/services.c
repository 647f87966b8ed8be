/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers may ask: http, time, expressions, secrets, progress, log.  `owner` is the activation. */
#include "exec/inside.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/output.h"

static char *get_secret(void *ctx, void *owner, const char *name)
{
    (void)ctx;
    return owner ? exec_secret(owner, "secret", name) : NULL;
}

static char *get_env(void *ctx, const char *name)
{
    const struct exec *x = ctx;
    return handling_secret(x->o->source, "env", name);
}

static void *start_http(void *ctx, const struct http_request *request, http_done_fn done, void *arg, struct error *e)
{
    struct exec *x = ctx;
    return http_start(x->http, request, done, arg, e);
}

static void cancel_http(void *ctx, void *transfer)
{
    (void)ctx;
    http_cancel(transfer);
}

static int64_t now(void *ctx)
{
    struct exec *x = ctx;
    return x->o->virtual_time ? x->now_us : clock_now_us();
}

static json_t *eval(void *ctx, void *owner, const char *expression, const json_t *vars, struct error *e)
{
    const struct exec_act *a = owner;
    (void)ctx;
    if (a)
        return handling_eval(a->x->def, a->x->state, a->id, expression, vars, exec_now(a->x), e);
    err_set(e, "the attempt is over");
    return NULL;
}

static json_t *get_variable(void *ctx, void *owner, const char *name, const char *scope)
{
    const struct exec_act *a = owner;
    (void)ctx;
    return a ? json_incref((json_t *)(uintptr_t)engine_variable(a->x->def, a->x->state, a->id, name, scope)) : NULL;
}

/* For the node's next attempt; the engine gives no effects for it. */
static void progress(void *ctx, void *owner, json_t *value)
{
    const struct exec_act *a = owner;
    CLEANUP_JSON json_t *masked = a ? mask_value(&a->mask, value) : NULL;
    (void)ctx;
    if (a && output_check(masked, NULL) == 0)
        engine_step(a->x->def, a->x->state, &(struct engine_event){.type = ENGINE_PROGRESS, .act = a->id, .output = masked},
                    exec_now(a->x), &a->x->fx, NULL);
}

static void add_log(void *ctx, void *owner, int level, const char *text)
{
    const struct exec_act *a = owner;
    (void)ctx;
    enum log_level own = (enum log_level)level;
    CLEANUP_FREE char *masked = a ? mask_text(&a->mask, text) : xstrdup(text);
    const char *node = a ? def_node_id(a->x->def, a->node) : "";
    if (!a || !a->x->root->o->virtual_time) {
        log_write(own, masked, LOG_STR("node", node));
        return;
    }
    char text_at[CLOCK_TEXT], *at = text_at; /* the line begins with the real time */
    clock_format_naive(exec_now(a->x), text_at);
    log_write(own, masked, LOG_STR("node", node), LOG_STR("virtual_time", at));
}

struct task_services exec_services(struct exec *x)
{
    return (struct task_services){.loop = &x->loop, .ctx = x, .http_start = start_http, .http_cancel = cancel_http,
                                  .now_us = now, .eval = eval, .secret = get_secret, .env = get_env,
                                  .progress = progress, .log = add_log, .variable = get_variable,
                                  .virtual_time = x->o->virtual_time};
}
