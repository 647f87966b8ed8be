/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: kept in order of their coming until somebody waits for one of their type.  Each is given to one waiter, the one
 * that began to wait first. */
#include "engine/state_int.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { SIGNAL_ID, SIGNAL_TYPE, SIGNAL_DATA };

static const char *part(const json_t *signal, size_t which)
{
    return json_string_value(json_array_get(signal, which));
}

/* ---- Which are there ---- */

#define INDEX_FROM 32

static void index_add(struct engine_state *s, const json_t *signal)
{
    if (*part(signal, SIGNAL_ID))
        json_object_set_new(s->signal_ids, part(signal, SIGNAL_ID), json_true());
}

void signals_index(struct engine_state *s)
{
    size_t i;
    json_t *signal;
    if (s->signal_ids || json_array_size(s->signals) < INDEX_FROM)
        return;
    s->signal_ids = json_object();
    json_array_foreach(s->signals, i, signal) index_add(s, signal);
}

static void signal_put(struct engine_state *s, json_t *signal)
{
    if (!s->signals)
        s->signals = json_array();
    js_push(s->signals, signal);
    if (s->signal_ids)
        index_add(s, signal);
    else
        signals_index(s);
}

static void signal_take_out(struct engine_state *s, size_t i)
{
    const char *id = part(json_array_get(s->signals, i), SIGNAL_ID);
    if (s->signal_ids)
        json_object_del(s->signal_ids, id);
    json_array_remove(s->signals, i);
    if (json_array_size(s->signals) > 0)
        return;
    json_decref(STEAL(s->signals));
    json_decref(STEAL(s->signal_ids));
    s->signals_idle = 0;
}

bool engine_has_signal(const struct engine_state *s, const char *id)
{
    size_t i;
    if (s->signal_ids)
        return json_object_get(s->signal_ids, id) != NULL;
    json_t *signal;
    json_array_foreach(s->signals, i, signal) if (strcmp(part(signal, SIGNAL_ID), id) == 0)
        return true;
    return false;
}

bool signals_awaited(const struct act *a)
{
    bool waits = a->state == ACT_PARKED || (a->state == ACT_ENTERED && !a->passes->closing && !a->cancelling && !a->completing);
    return waits && a->signals;
}

bool people_awaited(const struct act *a)
{
    size_t i;
    json_t *type;
    if (signals_awaited(a))
        json_array_foreach(a->signals, i, type) if (!signal_is_reserved(json_string_value(type)))
            return true;
    return false;
}

/* ---- Waiting ---- */

static json_t *types_of(const struct engine_park *park)
{
    json_t *types = json_array(), *type;
    size_t i;
    json_array_foreach(park->signals, i, type) if (json_is_string(type))
        js_push(types, json_incref(type));
    if (park->signal)
        js_push(types, json_string(park->signal));
    if (park->child)
        js_push(types, json_sprintf(CHILD_SIGNAL "%s", park->child));
    return types;
}

static bool wants(const struct act *a, const char *type)
{
    size_t i;
    json_t *wanted;
    json_array_foreach(a->signals, i, wanted) if (strcmp(json_string_value(wanted), type) == 0)
        return true;
    return false;
}

/* What came before the wait began is of no use to it. */
static void discard(struct step *st, const struct act *a)
{
    json_t *all = st->s->signals;
    for (size_t i = 0; i < json_array_size(all);) {
        CLEANUP_JSON json_t *signal = json_incref(json_array_get(all, i));
        const char *type = part(signal, SIGNAL_TYPE);
        if (!wants(a, type) || signal_is_reserved(type)) {
            i++;
            continue;
        }
        json_array_remove(all, i);
        emit_consumed(st, part(signal, SIGNAL_ID));
        emit_log(st, st->d->nodes[a->node].id, "info", "Signal dropped, it came before the wait: %s", type);
    }
}

static void say_waiting(struct step *st, const struct act *a)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    const char *id = st->d->nodes[a->node].id;
    size_t i;
    json_t *type;
    json_array_foreach(a->signals, i, type) if (!signal_is_reserved(json_string_value(type)))
        buf_printf(&text, "%s%s", text.len ? ", " : "", json_string_value(type));
    emit_log(st, id, "info", "Execution waiting for signal: %s", text.data);
}

void act_await_signals(struct step *st, struct act *a, const struct engine_park *park)
{
    json_decref(STEAL(a->came));
    act_await_no_more(st->s, a);
    if (a->why == WHY_SIGNAL)
        a->why = WHY_START; /* of another attempt, should this wait end with one */
    CLEANUP_JSON json_t *types = types_of(park);
    if (json_array_size(types) == 0)
        return;
    a->signals = STEAL(types);
    bool begins = !a->waits && people_awaited(a);
    if (begins)
        a->waits = a->timer;
    act_await(st->s, a);
    if (!begins)
        return; /* it keeps its place among those that wait, and has said so; or waits for answers, which nobody else gets */
    say_waiting(st, a);
    if (park->fresh)
        discard(st, a);
}

void act_expects_nothing(struct step *st, struct act *a)
{
    act_await_no_more(st->s, a);
    act_set_due(st->s, a, act_close_us(st->d, a));
}

/* ---- Giving ---- */

/* While the execution fails, only what winds up goes on. */
static struct act *waiter(const struct engine_state *s, const json_t *signal)
{
    const char *type = part(signal, SIGNAL_TYPE);
    const json_t *data = json_array_get(signal, SIGNAL_DATA);
    for (const struct await *w = first_waiter(s, type); w; w = next_waiter(w)) {
        struct act *a = waiter_act(w);
        if (signals_awaited(a) && act_may_go_on(s, a) && ask_takes(a, data))
            return a;
    }
    return NULL;
}

static void give_answer(struct step *st, struct act *a, const char *type)
{
    enum engine_why why = WHY_SIGNAL;
    if (strncmp(type, CHILD_SIGNAL, strlen(CHILD_SIGNAL)) == 0)
        why = WHY_CHILD;
    else if (strncmp(type, ANSWER_SIGNAL, strlen(ANSWER_SIGNAL)) == 0)
        why = WHY_ANSWER;
    ask_answered(a, type);
    act_continue(st, a, why);
}

static void give(struct step *st, struct act *a, const json_t *signal)
{
    const char *type = part(signal, SIGNAL_TYPE);
    json_t *data = json_array_get(signal, SIGNAL_DATA);
    a->came = json_pack("[s, O]", type, data);
    emit_consumed(st, part(signal, SIGNAL_ID));
    if (signal_is_reserved(type)) {
        give_answer(st, a, type);
        return;
    }
    CLEANUP_FREE char *key = xasprintf("signal_%s", type);
    emit_log(st, st->d->nodes[a->node].id, "info", "Signal received and processed: %s", type);
    scope_data_set(st, a->scope, key, json_incref(data));
    act_continue(st, a, WHY_SIGNAL);
}

/* An answer that nobody expects any more: its attempt is over. */
static bool is_late(const struct engine_state *s, const char *type)
{
    return signal_is_reserved(type) && !ask_expects(s, type);
}

void signals_deliver(struct step *st)
{
    struct engine_state *s = st->s;
    if (s->phase != PHASE_RUNNING || s->paused || !s->signals)
        return;
    for (size_t i = s->signals_idle; i < json_array_size(s->signals);) {
        CLEANUP_JSON json_t *signal = json_incref(json_array_get(s->signals, i));
        const char *type = part(signal, SIGNAL_TYPE);
        struct act *a = waiter(s, signal);
        bool late = !a && is_late(s, type);
        if (!a && !late) {
            if (i == s->signals_idle && !signal_is_reserved(type) && !first_waiter(s, type))
                s->signals_idle++;
            i++;
            continue;
        }
        signal_take_out(s, i);
        if (late) {
            emit_consumed(st, part(signal, SIGNAL_ID));
            continue;
        }
        give(st, a, signal);
    }
}

/* ---- The event ---- */

void step_signal(struct step *st, const struct engine_event *ev)
{
    struct engine_state *s = st->s;
    const char *id = ev->signal_id ? ev->signal_id : "";
    if (!ev->signal || (*id && engine_has_signal(s, id)))
        return;
    json_t *signal = json_pack("[s, s]", id, ev->signal);
    js_push(signal, ev->output ? json_incref(ev->output) : json_null());
    signal_put(s, signal);
    settle(st);
}
