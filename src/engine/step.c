/* SPDX-License-Identifier: Apache-2.0 */
/* The transition function: sorts events to what handles them. */
#include "engine/state_int.h"

#include "base/mem.h"

static void outcome(struct step *st, struct act *a, const struct engine_event *ev)
{
    switch (ev->type) {
    case ENGINE_DONE:
        variables_set(st, a, ev->variables);
        node_succeeded(st, a, ev->output, ev->branch);
        break;
    case ENGINE_FAIL:
        node_failed(st, a, ev->failure);
        break;
    case ENGINE_PARK:
        node_parked(st, a, &ev->park);
        break;
    case ENGINE_LEAVE:
        node_left(st, a, ev);
        break;
    case ENGINE_ENTER:
        node_fail_text(st, a, "config_invalid", "the node wants to enter a scope, which this version does not offer");
        break;
    case ENGINE_TIMEOUT:
        emit_cancel(st, a);
        node_timed_out(st, a);
        break;
    default: /* ENGINE_PROGRESS: nobody calls this with another one */
        act_set_checkpoint(a, ev->output);
        return;
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
    default:
        step_terminate(st, ev);
        break;
    }
}

static bool is_control(enum engine_event_type type)
{
    return type == ENGINE_WAKE || type == ENGINE_LOST || type == ENGINE_PAUSE || type == ENGINE_RESUME ||
           type == ENGINE_TERMINATE;
}

int engine_step(const struct def *d, struct engine_state *s, const struct engine_event *ev, int64_t now_us,
                struct engine_effects *fx, struct error *e)
{
    struct step st = {.d = d, .s = s, .now = now_us, .fx = fx};
    if (ev->type == ENGINE_START)
        return step_start(&st, ev->start, e);
    if (s->phase == PHASE_NEW)
        return err_set(e, "an execution must be started before anything else can happen to it");
    if (engine_ended(s))
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
