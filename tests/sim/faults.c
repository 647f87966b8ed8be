/* SPDX-License-Identifier: Apache-2.0 */
/* The step of the engine, and what goes wrong on purpose between it and the oracle. */
#include "sim/sim.h"

#include <string.h>

#include "base/json.h"

static void to_engine(struct world *w, const struct engine_event *ev)
{
    struct error e = ERROR_INIT;
    if (engine_step(w->def, w->state, ev, w->now_us, &w->fx, &e) != 0)
        violation(w, "the engine refuses an event: %s", e.message);
    journal_add(w, ev);
    w->numbers->events++;
}

static void leave_out(struct world *w, size_t at)
{
    struct engine_effects one = {.items = &w->fx.items[at], .len = 1};
    engine_effects_clear(&one);
    memmove(&w->fx.items[at], &w->fx.items[at + 1], (--w->fx.len - at) * sizeof *w->fx.items);
    w->fault_done = true;
}

static void hide(struct world *w, enum engine_effect_type type)
{
    for (size_t i = 0; i < w->fx.len && !w->fault_done; i++)
        if (w->fx.items[i].type == type)
            leave_out(w, i);
}

void misdirect(struct world *w, const struct engine_event *ev)
{
    struct engine_effects fx = {0};
    engine_running_effects(w->def, w->state, &fx);
    if (fx.len > 0) {
        struct engine_event again = *ev;
        again.act = fx.items[0].act;
        w->fault_done = true;
        to_engine(w, &again);
    }
    engine_effects_free(&fx);
}

/* An ask that goes out twice; an undo that does not. */
static void spoil_asks(struct world *w)
{
    for (size_t i = 0; i < w->fx.len && !w->fault_done; i++) {
        struct engine_effect *f = &w->fx.items[i];
        if (f->type != ENGINE_ASK || (strcmp(f->ask, "make") == 0) != (w->fault == FAULT_ASK))
            continue;
        w->fault_done = true;
        if (w->fault == FAULT_UNDO)
            leave_out(w, i);
        else
            ask_judge(w, f);
    }
}

static void after_step(struct world *w, const struct engine_event *ev)
{
    if (w->fault == FAULT_ASK || w->fault == FAULT_UNDO)
        spoil_asks(w);
    if (w->fault == FAULT_START)
        hide(w, ENGINE_RUN);
    if (w->fault == FAULT_CANCEL)
        hide(w, ENGINE_CANCEL);
    if (w->fault == FAULT_TWICE && ev->type == ENGINE_DONE && !w->fault_done)
        misdirect(w, ev);
    if (w->fault == FAULT_SIGNAL && ev->type == ENGINE_SIGNAL) {
        struct engine_event again = *ev;
        again.signal_id = "again";
        to_engine(w, &again);
    }
}

void step(struct world *w, const struct engine_event *ev)
{
    struct engine_event own = *ev;
    CLEANUP_JSON json_t *wrong = NULL;
    engine_effects_clear(&w->fx);
    if (w->fault == FAULT_PAUSE && ev->type == ENGINE_PAUSE)
        return;
    if (w->fault == FAULT_RESULT && ev->type == ENGINE_DONE && !w->fault_done && w->outputs > 5) {
        wrong = json_pack("{s:i}", "n", 1000000);
        own.output = wrong;
        w->fault_done = true;
    }
    to_engine(w, &own);
    if (w->fault != FAULT_NONE)
        after_step(w, ev);
}
