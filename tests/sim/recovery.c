/* SPDX-License-Identifier: Apache-2.0 */
/* The journal, snapshots, and what a worker does that takes over: the newest snapshot or an older one, and the events
 * since.  What comes out must be the same byte for byte, and give the same work to do. */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

void journal_clear(struct world *w)
{
    for (size_t i = 0; i < w->journal_len; i++)
        buf_clear(&w->journal[i]);
    w->journal_len = 0;
    w->snapshots = 0;
}

void journal_add(struct world *w, const struct engine_event *ev)
{
    size_t had = w->journal_cap;
    void *journal = w->journal;
    xgrow(&journal, &w->journal_cap, w->journal_len + 1, sizeof *w->journal);
    w->journal = journal;
    for (size_t i = had; i < w->journal_cap; i++)
        w->journal[i] = (struct buf)BUF_INIT;
    engine_event_write(ev, w->now_us, &w->journal[w->journal_len++]);
}

void snapshot_maybe(struct world *w)
{
    if (!chance(&w->rng, 12))
        return;
    int at = w->snapshots < (int)ARRAY_LEN(w->snapshot) ? w->snapshots++ : (int)below(&w->rng, ARRAY_LEN(w->snapshot));
    struct snapshot *s = &w->snapshot[at];
    buf_clear(&s->text);
    engine_state_write(w->def, w->state, &s->text);
    s->at = w->journal_len;
}

/* ---- taking over ---- */

static void spoil(struct world *w, struct buf *text)
{
    char *at = text->len ? strstr(text->data, "\"attempt\":1") : NULL;
    if (w->fault == FAULT_SNAPSHOT && at) {
        at[strlen("\"attempt\":")] = '2';
        w->fault_done = true;
    }
}

static struct engine_state *from_snapshot(struct world *w, struct snapshot *s)
{
    struct error e = ERROR_INIT;
    spoil(w, &s->text);
    struct engine_state *state = engine_state_read(w->def, s->text.data, s->text.len, &e);
    if (!state)
        violation(w, "a snapshot cannot be read: %s", e.message);
    return state;
}

static bool replay(struct world *w, struct engine_state *state, size_t from)
{
    size_t lost = w->fault == FAULT_JOURNAL && w->journal_len > from + 2 ? w->journal_len - 2 : SIZE_MAX;
    for (size_t i = from; i < w->journal_len; i++) {
        struct error e = ERROR_INIT;
        CLEANUP_JSON json_t *record = js_parse(w->journal[i].data, w->journal[i].len, &e);
        if (i == lost)
            continue;
        if (!record || engine_replay(w->def, state, record, &e) != 0) {
            violation(w, "a record of the journal cannot be replayed: %s: %s", w->journal[i].data, e.message);
            return false;
        }
    }
    return true;
}

/* ---- the same? ---- */

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool same_json(const json_t *a, const json_t *b)
{
    return (!a && !b) || (a && b && json_equal(a, b));
}

static bool same_call(const struct engine_effect *a, const struct engine_effect *b)
{
    return a->act == b->act && a->node == b->node && a->attempt == b->attempt && a->why == b->why &&
           a->scope_outcome == b->scope_outcome && a->scope_pass == b->scope_pass && a->timeout_ms == b->timeout_ms &&
           same_text(a->signal, b->signal) && same_json(a->checkpoint, b->checkpoint) && same_json(a->event, b->event) &&
           same_json(a->scope, b->scope);
}

static void compare_calls(struct world *w, const struct engine_state *state)
{
    struct engine_effects want = {0}, got = {0};
    engine_running_effects(w->def, w->state, &want);
    engine_running_effects(w->def, state, &got);
    bool same = want.len == got.len;
    for (size_t i = 0; same && i < want.len; i++)
        same = same_call(&want.items[i], &got.items[i]);
    if (!same)
        violation(w, "after recovery other calls are running than before");
    engine_effects_free(&want);
    engine_effects_free(&got);
}

static void compare(struct world *w, const struct engine_state *state)
{
    CLEANUP_BUF struct buf want = BUF_INIT, got = BUF_INIT;
    engine_state_write(w->def, w->state, &want);
    engine_state_write(w->def, state, &got);
    if (want.len > w->numbers->bytes_most)
        w->numbers->bytes_most = want.len;
    if (want.len != got.len || memcmp(want.data, got.data, want.len) != 0) {
        size_t at = 0;
        while (at < want.len && at < got.len && want.data[at] == got.data[at])
            at++;
        size_t from = at > 60 ? at - 60 : 0;
        violation(w, "the recovered state differs at byte %zu: %.160s instead of %.160s", at,
                  from < got.len ? got.data + from : "", from < want.len ? want.data + from : "");
        return;
    }
    if (engine_next_due(state) != engine_next_due(w->state) || engine_running(state) != engine_running(w->state) ||
        engine_status(state) != engine_status(w->state))
        violation(w, "the recovered state says other things of itself");
    compare_calls(w, state);
}

void recovery_check(struct world *w, bool go_on)
{
    int from = (int)below(&w->rng, (uint32_t)w->snapshots + 1);
    if (from == w->snapshots && from > 0 && chance(&w->rng, 70))
        from--; /* from the very beginning less often */
    struct engine_state *state = from < w->snapshots ? from_snapshot(w, &w->snapshot[from]) : engine_state_new();
    if (!state || !replay(w, state, from < w->snapshots ? w->snapshot[from].at : 0)) {
        engine_state_free(state);
        return;
    }
    w->numbers->recoveries++;
    compare(w, state);
    if (go_on) {
        struct engine_state *old = w->state;
        w->state = state;
        state = old;
        w->numbers->crashes++;
        say(w, "    recovered from %s and %zu events", from < w->snapshots ? "a snapshot" : "nothing",
            w->journal_len - (from < w->snapshots ? w->snapshot[from].at : 0));
    }
    engine_state_free(state);
}

/* ---- as an input of the fuzz target `state` ---- */

static void dump_from(const struct world *w, const char *graph, const struct snapshot *s)
{
    printf("{\"graph\":%s,\"events\":[", graph);
    for (size_t i = s ? s->at : 0; i < w->journal_len; i++)
        printf("%s%s", i > (s ? s->at : 0) ? "," : "", w->journal[i].data);
    printf("]%s%s}\n", s ? ",\"snapshot\":" : "", s ? s->text.data : "");
}

void dump(const struct world *w)
{
    CLEANUP_JSON json_t *graph = graph_json(&w->g, w->fault);
    CLEANUP_FREE char *text = js_text(graph);
    dump_from(w, text, NULL);
    if (w->snapshots > 0)
        dump_from(w, text, &w->snapshot[w->snapshots / 2]);
}
