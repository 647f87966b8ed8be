/* SPDX-License-Identifier: Apache-2.0 */
/* What attempts want of the world outside: it goes out once, with the step that made it; its answer is used once; what is
 * to be undone when the attempt ends is undone once, and never after an answer that settled it. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void reply_type(int ask, char reply[24])
{
    snprintf(reply, 24, ":answer:%d", ask);
}

json_t *ask_make(struct world *w, uint64_t act, char undo, bool replies, bool settles, char reply[24])
{
    struct oracle *o = &w->o;
    json_t *asks = json_array(), *ask;
    reply[0] = '\0';
    if (o->asks == MAX_ASKS)
        return asks;
    o->exact = false; /* which attempts begin anew is not worked out */
    struct ask *k = &o->ask[o->asks];
    *k = (struct ask){.act = act, .undo = undo, .replies = replies, .settles = settles};
    if (replies)
        reply_type(o->asks, reply);
    ask = json_pack("{s:s, s:{s:i}, s:b}", "kind", "make", "body", "n", o->asks, "settles", settles);
    if (replies)
        js_set(ask, "reply", json_string(reply));
    if (undo)
        js_set(ask, "undo", json_string(undo == 's' ? "stop" : "unlock"));
    if (undo == 'u')
        js_set(ask, "yields", json_true());
    js_push(asks, ask);
    o->asks++;
    return asks;
}

bool ask_answer(struct world *w)
{
    struct oracle *o = &w->o;
    char reply[24], id[16];
    for (int i = 0; i < o->asks; i++) {
        struct ask *k = &o->ask[i];
        if (!k->replies || !k->made || k->sent)
            continue;
        k->sent = true;
        reply_type(i, reply);
        snprintf(id, sizeof id, "a%d", i);
        feed(w, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = reply, .signal_id = id});
        return true;
    }
    return false;
}

void ask_judge(struct world *w, const struct engine_effect *f)
{
    int64_t n = js_int(f->body, "n", -1);
    if (n < 0 || n >= w->o.asks) {
        violation(w, "an ask that nobody made: %s", f->ask);
        return;
    }
    struct ask *k = &w->o.ask[n];
    if (strcmp(f->ask, "make") == 0) {
        if (++k->made > 1)
            violation(w, "ask %d goes out twice", (int)n);
        return;
    }
    if (strcmp(f->ask, k->undo == 's' ? "stop" : "unlock") != 0 || !k->undo)
        violation(w, "ask %d is undone by %s", (int)n, f->ask);
    else if (!k->made)
        violation(w, "ask %d is undone before it went out", (int)n);
    else if (++k->undone > 1)
        violation(w, "ask %d is undone twice", (int)n);
    else if (k->known && k->settles)
        violation(w, "ask %d is undone although its answer settled it", (int)n);
}

void ask_used(struct world *w, const char *type)
{
    int n = strncmp(type, ":answer:", 8) == 0 ? number_in(type + 8, w->o.asks) : -1;
    if (n < 0)
        return;
    struct ask *k = &w->o.ask[n];
    if (k->known)
        violation(w, "the answer to ask %d is used twice", n);
    k->known = true;
}

/* What was made in a step is out after it; nothing is left open when the execution has ended. */
void asks_check(struct world *w)
{
    const struct oracle *o = &w->o;
    for (int i = 0; i < o->asks; i++) {
        const struct ask *k = &o->ask[i];
        int life = k->made ? -1 : find_life(o, k->act);
        if (life >= 0 && w->g.node[o->life[life].node].kind == KIND_WORK)
            violation(w, "ask %d of %s did not go out", i, w->g.node[o->life[life].node].id);
        if (!engine_ended(w->state))
            continue;
        bool over = k->undone || (k->known && k->settles);
        if (k->made && k->undo && !over)
            violation(w, "the execution has ended, but ask %d was not undone", i);
    }
}
