/* SPDX-License-Identifier: Apache-2.0 */
/* Effects: what the worker is to do, and the rows of the execution's log. */
#include "engine/state_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LOG_TEXT_MAX 5000 /* characters that a log row can hold */

void failure_clear(struct failure *f)
{
    xfree(f->type);
    xfree(f->message);
    json_decref(f->details);
    xfree(f->node);
    *f = (struct failure){0};
}

void engine_effects_clear(struct engine_effects *fx)
{
    for (size_t i = 0; i < fx->len; i++) {
        json_decref(fx->items[i].checkpoint);
        json_decref(fx->items[i].event);
        json_decref(fx->items[i].scope);
        json_decref(fx->items[i].body);
        xfree(fx->items[i].ask);
        xfree(fx->items[i].signal);
        xfree(fx->items[i].log_own);
    }
    fx->len = 0;
}

void engine_effects_free(struct engine_effects *fx)
{
    engine_effects_clear(fx);
    xfree(fx->items);
    *fx = (struct engine_effects){0};
}

static struct engine_effect *add(struct engine_effects *fx, enum engine_effect_type type)
{
    void *items = fx->items;
    xgrow(&items, &fx->cap, fx->len + 1, sizeof *fx->items);
    fx->items = items;
    struct engine_effect *f = &fx->items[fx->len++];
    *f = (struct engine_effect){.type = type, .node = SIZE_MAX};
    return f;
}

/* Cut to `max` characters, never inside one. */
static void cut(char *text, size_t max)
{
    if (strlen(text) <= max)
        return;
    for (size_t count = 0; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80 && count++ == max) {
            *text = '\0';
            return;
        }
}

/* The time of the next log row: rows are sorted by it alone, so no two are equal. */
static int64_t log_time(struct step *st)
{
    struct engine_state *s = st->s;
    s->last_log_us = st->now > s->last_log_us ? st->now : s->last_log_us + 1;
    return s->last_log_us;
}

static struct engine_effect *add_log(struct step *st, const char *node, const char *level)
{
    int64_t at = log_time(st);
    if (!st->fx)
        return NULL;
    struct engine_effect *f = add(st->fx, ENGINE_LOG);
    f->log_node = node;
    f->log_level = level;
    f->at_us = at;
    return f;
}

void emit_log_said(struct step *st, const char *node, const char *level, const char *text)
{
    struct engine_effect *f = add_log(st, node, level);
    if (f)
        f->log_text = text;
}

void emit_log(struct step *st, const char *node, const char *level, const char *fmt, ...)
{
    struct engine_effect *f = add_log(st, node, level);
    va_list ap;
    if (!f)
        return;
    va_start(ap, fmt);
    if (vasprintf(&f->log_own, fmt, ap) < 0)
        abort();
    va_end(ap);
    cut(f->log_own, LOG_TEXT_MAX);
    f->log_text = f->log_own;
}

/* The first pass that is over and of which the handler was not told yet. */
static void tell_pass(struct engine_effect *f, const struct act *a)
{
    const json_t *entry = json_array_get(a->passes->ended, 0);
    json_t *error = json_array_get(entry, 2);
    f->scope_pass = (uint64_t)json_integer_value(json_array_get(entry, 0));
    f->scope_outcome = (enum engine_scope_outcome)json_integer_value(json_array_get(entry, 1));
    f->event = json_is_object(error) ? json_incref(error) : NULL;
    f->scope = act_summary(a);
}

void emit_run(struct engine_effects *fx, const struct act *a)
{
    if (!fx)
        return;
    struct engine_effect *f = add(fx, ENGINE_RUN);
    f->act = a->id;
    f->node = a->node;
    f->attempt = a->attempt;
    f->call = a->calls;
    f->why = a->why;
    f->checkpoint = json_incref(a->checkpoint);
    f->timeout_ms = a->timeout_ms;
    if (a->passes && a->why == WHY_SCOPE)
        tell_pass(f, a);
    else if (a->passes)
        f->scope = act_summary(a);
    if (a->came && (a->why == WHY_SIGNAL || a->why == WHY_CHILD || a->why == WHY_ANSWER)) {
        const char *type = json_string_value(json_array_get(a->came, 0));
        bool answer = strncmp(type, ANSWER_SIGNAL, strlen(ANSWER_SIGNAL)) == 0;
        f->signal = xstrdup(answer ? type + strlen(ANSWER_SIGNAL) : type);
        f->event = json_incref(json_array_get(a->came, 1));
    }
}

void emit_cancel(struct step *st, const struct act *a)
{
    if (!st->fx)
        return;
    struct engine_effect *f = add(st->fx, ENGINE_CANCEL);
    f->act = a->id;
    f->node = a->node;
}

void emit_consumed(struct step *st, const char *id)
{
    if (st->fx && *id)
        add(st->fx, ENGINE_CONSUMED)->signal = xstrdup(id);
}

void emit_ask(struct step *st, const char *kind, json_t *body)
{
    if (!st->fx)
        return;
    struct engine_effect *f = add(st->fx, ENGINE_ASK);
    f->ask = xstrdup(kind);
    f->body = json_incref(body);
}

void emit_ended(struct step *st)
{
    if (st->fx)
        add(st->fx, ENGINE_ENDED);
}

void engine_running_effects(const struct def *d, const struct engine_state *s, struct engine_effects *fx)
{
    (void)d;
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->state == ACT_RUNNING)
            emit_run(fx, s->acts[i]);
}
