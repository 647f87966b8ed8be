/* SPDX-License-Identifier: Apache-2.0 */
/* Translation between the engine's words and those of plugins. */
#include "worker/handling.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "worker/output.h"
#include "worker/secrets.h"

/* ---- Node types ---- */

static enum effect effect_of(uint32_t effect)
{
    switch (effect) {
    case WFW_EFFECT_PURE:
        return EFFECT_PURE;
    case WFW_EFFECT_READS:
        return EFFECT_READS;
    case WFW_EFFECT_IDEMPOTENT:
        return EFFECT_IDEMPOTENT;
    default:
        return EFFECT_UNSAFE;
    }
}

static bool find_type(void *ctx, const char *name, struct node_type *out)
{
    const struct handler *h = registry_find(ctx, name);
    if (!h)
        return false;
    *out = (struct node_type){.name = h->node->type, .default_timeout_ms = h->node->default_timeout_ms,
                              .expression_keys = h->expression_keys, .config_schema = h->config_schema,
                              .effect = effect_of(h->node->effect)};
    return true;
}

static const char *nearest_type(void *ctx, const char *name)
{
    return registry_nearest(ctx, name);
}

struct catalog handling_catalog(const struct registry *r)
{
    return (struct catalog){.find = find_type, .nearest = nearest_type, .ctx = (void *)(uintptr_t)r,
                            .unknown_detail = registry_unknown_detail(r)};
}

uint32_t handling_why(enum engine_why why)
{
    static const uint32_t of[] = {WFW_WHY_START, WFW_WHY_TIMER, WFW_WHY_SIGNAL, WFW_WHY_CHILD, WFW_WHY_SCOPE,
                                   WFW_WHY_ANSWER};
    return of[why];
}

void told_take(struct told *t, struct engine_effect *fx)
{
    *t = (struct told){.outcome = fx->scope_outcome, .pass = fx->scope_pass, .scope = STEAL(fx->scope),
                        .signal = STEAL(fx->signal), .act = fx->act, .call = fx->call};
}

void told_clear(struct told *t)
{
    json_decref(t->scope);
    xfree(t->signal);
    *t = (struct told){0};
}

void told_call(const struct told *t, const struct def *d, size_t node, struct task_call *call)
{
    static const uint32_t of[] = {WFW_SCOPE_DONE, WFW_SCOPE_FAILED, WFW_SCOPE_BREAK, WFW_SCOPE_CONTINUE, WFW_SCOPE_CANCELLED};
    call->scope_outcome = of[t->outcome];
    call->scope_pass = t->pass;
    call->scope = t->scope;
    call->signal = t->signal;
    call->activation = t->act;
    call->number = t->call;
    call->edges = (json_t *)(uintptr_t)engine_edges(d, node);
}

/* ---- Outcomes ---- */

static void fail_text(struct said *s, const char *type, const char *message)
{
    s->failure = (struct failure){.type = xstrdup(type), .message = xstrdup(message)};
    s->ev = (struct engine_event){.type = ENGINE_FAIL, .act = s->ev.act, .failure = &s->failure};
}

static void said_done(struct said *s, const struct outcome *o)
{
    struct error e = ERROR_INIT;
    s->output = o->output ? json_incref(o->output) : json_object();
    s->ev.type = ENGINE_DONE;
    s->ev.output = s->output;
    s->ev.branch = o->branch;
    s->ev.variables = o->variables;
    s->ev.cancels = o->cancels;
    if (output_check(s->output, &e) != 0)
        fail_text(s, e.detail, e.message);
    else if (o->variables && output_check(o->variables, &e) != 0)
        fail_text(s, e.detail, "the variables that the node sets are too large or cannot be stored");
}

static void said_fail(struct said *s, const struct outcome *o)
{
    bool details_fit = o->details && output_check(o->details, NULL) == 0;
    fail_text(s, o->error_type ? o->error_type : "error", o->message ? o->message : "");
    s->failure.retryable = o->retryable;
    s->failure.retry_after_ms = o->retry_after_ms;
    s->failure.details = details_fit ? json_incref(o->details) : NULL;
    s->failure.node = o->error_node ? xstrdup(o->error_node) : NULL;
}

static void said_park(struct said *s, const struct outcome *o)
{
    s->ev.type = ENGINE_PARK;
    s->ev.park = (struct engine_park){.until_us = o->until_us, .signal = o->signal, .signals = o->signals, .child = o->child,
                                      .checkpoint = o->checkpoint, .fresh = o->fresh};
}

static void said_enter(struct said *s, const struct outcome *o)
{
    s->ev.type = ENGINE_ENTER;
    s->ev.branch = o->branch;
    s->ev.output = o->output;
    s->ev.park = (struct engine_park){.until_us = o->until_us, .signals = o->signals, .checkpoint = o->checkpoint};
    s->ev.enter = (struct engine_enter){
        .pass = o->pass, .passes = o->passes, .to = o->to, .flags = o->flags, .keep = o->keep};
}

static void said_leave(struct said *s, const struct outcome *o)
{
    s->ev.type = ENGINE_LEAVE;
    s->ev.leave = o->leave == WFW_LEAVE_BREAK      ? ENGINE_BREAK
                  : o->leave == WFW_LEAVE_CONTINUE ? ENGINE_CONTINUE
                                                   : ENGINE_END;
    s->ev.branch = o->branch;
    s->ev.output = o->output;
}

/* What is kept while a node waits, or is in a scope, has the limits of an output. */
static void check_kept(struct said *s, const struct outcome *o)
{
    const json_t *const parts[] = {o->output, o->checkpoint, o->passes};
    struct error e = ERROR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i] && output_check(parts[i], &e) != 0) {
            fail_text(s, e.detail, e.message);
            return;
        }
}

void said_make(struct said *s, const struct outcome *o, uint64_t act)
{
    struct error e = ERROR_INIT;
    s->ev.act = act;
    s->ev.asks = o->type == OUTCOME_FAIL ? NULL : o->asks;
    switch (o->type) {
    case OUTCOME_DONE:
        said_done(s, o);
        break;
    case OUTCOME_FAIL:
        said_fail(s, o);
        break;
    case OUTCOME_PARK:
        said_park(s, o);
        break;
    case OUTCOME_ENTER:
        said_enter(s, o);
        break;
    case OUTCOME_LEAVE:
        said_leave(s, o);
        break;
    }
    if (o->type != OUTCOME_DONE && o->type != OUTCOME_FAIL)
        check_kept(s, o);
    if (s->ev.asks && output_check(s->ev.asks, &e) != 0)
        fail_text(s, e.detail, "what the node asks for is too large or cannot be stored");
}

void said_clear(struct said *s)
{
    json_decref(s->output);
    failure_clear(&s->failure);
    *s = (struct said){0};
}

struct outcome outcome_masked(const struct mask *m, const struct outcome *o)
{
    struct outcome own = *o;
    own.message = mask_text(m, o->message);
    own.output = mask_value(m, o->output);
    own.details = mask_value(m, o->details);
    own.checkpoint = mask_value(m, o->checkpoint);
    own.passes = mask_value(m, o->passes);
    own.variables = mask_value(m, o->variables);
    own.asks = mask_value(m, o->asks);
    return own;
}

void outcome_masked_free(struct outcome *own)
{
    xfree((void *)(uintptr_t)own->message);
    json_decref(own->output);
    json_decref(own->details);
    json_decref(own->checkpoint);
    json_decref(own->passes);
    json_decref(own->variables);
    json_decref(own->asks);
}

void handling_outcome_invalid(const struct def *d, size_t node, struct failure *f)
{
    *f = (struct failure){.type = xstrdup("outcome_invalid"),
                          .message = xasprintf("node type %s gave an outcome that is not possible here",
                                               def_node_type(d, node))};
}

/* ---- Questions of handlers ---- */

static const char *variable(const void *ctx, const char *name)
{
    return settings_variable(ctx, name);
}

char *handling_secret(const struct settings_source *source, const char *kind, const char *name)
{
    if (strcmp(kind, "secret") == 0)
        return secret_get(name, variable, source);
    return strcmp(kind, "env") == 0 ? secret_env(name, settings_get(source)->env_allow, variable, source) : NULL;
}

json_t *handling_eval(const struct def *d, const struct engine_state *s, uint64_t act, const char *expression,
                      const json_t *vars, int64_t now_us, struct error *e)
{
    struct failure f = {0};
    json_t *v = engine_eval(d, s, act, expression, vars, now_us, &f);
    if (!v) {
        err_set(e, "%s", f.message ? f.message : "expression failed");
        err_detail(e, "%s", f.type ? f.type : "");
    }
    failure_clear(&f);
    return v;
}
