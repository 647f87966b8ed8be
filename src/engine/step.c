/* SPDX-License-Identifier: Apache-2.0 */
/* The transition function: sorts events to what handles them. */
#include "engine/state_int.h"

#include "base/json.h"
#include "base/mem.h"

static void done(struct step *st, struct act *a, const struct engine_event *ev)
{
    if (a->passes && a->passes->open) {
        json_t *closing = json_pack("{s:O*, s:s*, s:O*, s:O*}", "done", ev->output, "branch", ev->branch, "variables",
                                    ev->variables, "cancels", ev->cancels);
        if (!ev->output)
            js_set(closing, "done", json_object());
        if (act_closes(st, a, closing))
            return;
    }
    node_done(st, a, ev);
}

static void failed(struct step *st, struct act *a, const struct failure *f)
{
    if (a->passes && a->passes->open && act_closes(st, a, json_pack("{s:o}", "fail", failure_write(f))))
        return;
    node_failed(st, a, f);
}

static void timed_out(struct step *st, struct act *a)
{
    emit_cancel(st, a);
    if (a->passes && a->passes->open && act_closes(st, a, json_pack("{s:b}", "timeout", 1)))
        return;
    node_timed_out(st, a);
}

/* A handler whose node is being cancelled: it may enter what has to run before it goes, and then goes. */
static void outcome_of_cancelled(struct step *st, struct act *a, const struct engine_event *ev)
{
    const char *id = st->d->nodes[a->node].id;
    if (ev->type == ENGINE_TIMEOUT)
        emit_cancel(st, a);
    if (ev->type == ENGINE_ENTER && a->cancel_told && node_may_enter(a, ev)) {
        node_entering(st, a, ev);
        return;
    }
    if (ev->type == ENGINE_FAIL && a->cancel_told)
        emit_log(st, id, "warning", "Node %s failed while it was cancelled: %s", id, ev->failure->message);
    act_set_state(st->s, a, ACT_ENTERED);
    if (ev->type != ENGINE_ENTER)
        a->cancel_told = true; /* it has said that it is through */
    json_array_clear(a->passes->ended);
    act_cancel_settle(st, a);
}

static void outcome(struct step *st, struct act *a, const struct engine_event *ev)
{
    if (ev->type == ENGINE_PROGRESS) {
        act_set_checkpoint(a, ev->output);
        return;
    }
    act_told(a);
    if (!a->cancelling && ev->type != ENGINE_FAIL && ev->type != ENGINE_TIMEOUT)
        asks_made(st, a, ev->asks);
    if (a->cancelling) {
        outcome_of_cancelled(st, a, ev);
        settle(st);
        return;
    }
    if (a->completing && (ev->type == ENGINE_ENTER || ev->type == ENGINE_PARK || ev->type == ENGINE_LEAVE)) {
        node_entering_late(st, a, ev);
        settle(st);
        return;
    }
    switch (ev->type) {
    case ENGINE_DONE:
        done(st, a, ev);
        break;
    case ENGINE_FAIL:
        failed(st, a, ev->failure);
        break;
    case ENGINE_PARK:
        if (a->passes && a->passes->open)
            node_fail_text(st, a, "config_invalid", "the node cannot wait for something else while passes of it are open");
        else
            node_parked(st, a, &ev->park);
        break;
    case ENGINE_LEAVE:
        if (a->passes && a->passes->open)
            node_fail_text(st, a, "config_invalid", "the node cannot leave while passes of it are open");
        else
            node_left(st, a, ev);
        break;
    case ENGINE_ENTER:
        node_entering(st, a, ev);
        break;
    default: /* ENGINE_TIMEOUT: nobody calls this with another one */
        timed_out(st, a);
        break;
    }
    if (!engine_ended(st->s))
        settle(st);
}

static void control(struct step *st, const struct engine_event *ev)
{
    switch (ev->type) {
    case ENGINE_WAKE:
        step_wake(st);
        break;
    case ENGINE_LOST:
        step_lost(st);
        break;
    case ENGINE_PAUSE:
        step_pause(st);
        break;
    case ENGINE_RESUME:
        step_resume(st);
        break;
    case ENGINE_RETRY:
        step_retry(st);
        break;
    case ENGINE_SIGNAL:
        step_signal(st, ev);
        break;
    default:
        step_terminate(st, ev);
        break;
    }
}

static bool is_control(enum engine_event_type type)
{
    return type == ENGINE_WAKE || type == ENGINE_LOST || type == ENGINE_PAUSE || type == ENGINE_RESUME ||
           type == ENGINE_TERMINATE || type == ENGINE_RETRY || type == ENGINE_SIGNAL;
}

int engine_step(const struct def *d, struct engine_state *s, const struct engine_event *ev, int64_t now_us,
                struct engine_effects *fx, struct error *e)
{
    struct step st = {.d = d, .s = s, .now = now_us, .fx = fx};
    json_decref(STEAL(s->view)); /* who still looks at it has a reference */
    if (ev->type == ENGINE_START)
        return step_start(&st, ev->start, e);
    if (s->phase == PHASE_NEW)
        return err_set(e, "an execution must be started before anything else can happen to it");
    if (engine_ended(s) && ev->type != ENGINE_RETRY)
        return 0;
    if (is_control(ev->type)) {
        control(&st, ev);
        return 0;
    }
    if (ev->act == 0 || ev->act > s->next_act)
        return err_set(e, "execution %s has no activation %llu", s->execution_id, (unsigned long long)ev->act);
    struct act *a = act_find(s, ev->act);
    if (a && a->state == ACT_RUNNING)
        outcome(&st, a, ev);
    return 0;
}
