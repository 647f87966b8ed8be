/* SPDX-License-Identifier: Apache-2.0 */
/* Signals and answers: {"waits": [what a node parks for], "rows": [text as the store gives it]}.  Every row is either refused with a text, or
 * taken; what is taken is given to one waiter that asked for its type, or kept; nothing is both, or given twice; what is ours is never
 * data.  A state that was written and read gives the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "fuzz/types.h"
#include "worker/signal_row.h"

const char fuzz_name[] = "signal";
const bool fuzz_json = true;
const unsigned fuzz_cases = 1500;

#define WAITERS 3
#define ROWS_MAX 100
#define NOW INT64_C(1795413600000000)

static struct def *def;

void fuzz_open(void)
{
    static const char graph[] =
        "{\"nodes\":[{\"node_id\":\"t\",\"node_type\":\"trigger\"},{\"node_id\":\"a\",\"node_type\":\"human_approval\"},"
        "{\"node_id\":\"b\",\"node_type\":\"human_approval\"},{\"node_id\":\"c\",\"node_type\":\"human_approval\"}],"
        "\"edges\":[{\"from\":\"t\",\"to\":\"a\"},{\"from\":\"t\",\"to\":\"b\"},{\"from\":\"t\",\"to\":\"c\"}]}";
    struct def_options options = {.catalog = &fuzz_types, .unlabelled_condition_order = true};
    struct diags diags = {0};
    struct error e = ERROR_INIT;
    fuzz_types_open();
    json_t *v = js_parse(graph, strlen(graph), &e);
    def = def_load(v, NULL, NULL, &options, &diags);
    if (!def || diags.len)
        fuzz_fail("the graph is not sound");
    json_decref(v);
    diags_free(&diags);
}

static struct engine_state *state;
static struct engine_effects fx;
static json_t *used; /* ids that were given to waiters */

static char *written(void)
{
    struct buf b = BUF_INIT;
    engine_state_write(def, state, &b);
    return buf_steal(&b);
}

/* Go on with what was written: it has to be the same. */
static void recover(void)
{
    struct error e = ERROR_INIT;
    CLEANUP_FREE char *before = written();
    struct engine_state *again = engine_state_read(def, before, strlen(before), &e);
    if (!again)
        fuzz_fail("a snapshot cannot be read: %s: %s", e.message, before);
    engine_state_free(state);
    state = again;
    CLEANUP_FREE char *after = written();
    fuzz_same("a snapshot that was read is another one", before, after);
}

static void check_log(const struct engine_effect *f)
{
    if (!fuzz_is_utf8(f->log_text, strlen(f->log_text)))
        fuzz_fail("a log row is not UTF-8");
    if (strncmp(f->log_text, "Signal received and processed: :", 32) == 0)
        fuzz_fail("a signal of ours is told to people: %s", f->log_text);
}

static void take_effects(void)
{
    for (size_t i = 0; i < fx.len; i++) {
        const struct engine_effect *f = &fx.items[i];
        if (f->type == ENGINE_LOG)
            check_log(f);
        if (f->type != ENGINE_CONSUMED)
            continue;
        if (!fuzz_is_utf8(f->signal, strlen(f->signal)))
            continue; /* cannot be: it was JSON */
        if (json_object_get(used, f->signal))
            fuzz_fail("the signal %s is used twice", f->signal);
        js_set(used, f->signal, json_true());
        if (engine_has_signal(state, f->signal))
            fuzz_fail("the signal %s is used and kept", f->signal);
    }
}

static int feed(const struct engine_event *ev)
{
    struct error e = ERROR_INIT;
    engine_effects_clear(&fx);
    int rc = engine_step(def, state, ev, NOW, &fx, &e);
    take_effects();
    return rc;
}

/* The first node that a handler has, and its activation. */
static uint64_t running(void)
{
    struct engine_effects calls = {0};
    engine_running_effects(def, state, &calls);
    uint64_t act = calls.len ? calls.items[0].act : 0;
    engine_effects_free(&calls);
    return act;
}

static void park(const json_t *wait)
{
    json_t *signals = json_object_get(wait, "signals"), *asks = json_object_get(wait, "asks");
    struct engine_event ev = {.type = ENGINE_PARK, .act = running(), .asks = json_is_array(asks) ? asks : NULL,
                              .park = {.signal = js_str(wait, "signal"), .child = js_str(wait, "child"),
                                       .signals = json_is_array(signals) ? signals : NULL,
                                       .fresh = js_bool(wait, "fresh", false), .until_us = js_int(wait, "until", 0)}};
    if (ev.act)
        feed(&ev);
}

static void row(const char *text, size_t len)
{
    struct signal_row s;
    struct error e = ERROR_INIT;
    if (signal_row_read(text, len, NULL, &s, &e) != 0) {
        fuzz_error("a row that cannot be read", &e);
        signal_row_clear(&s);
        return;
    }
    fuzz_text("the id of a row", s.id);
    bool known = engine_has_signal(state, s.id) || json_object_get(used, s.id);
    if (!known)
        feed(&(struct engine_event){.type = ENGINE_SIGNAL, .signal = s.type, .signal_id = s.id, .output = s.data});
    if (!engine_ended(state) && !engine_has_signal(state, s.id) && !json_object_get(used, s.id))
        fuzz_fail("the signal %s is neither kept nor used", s.id);
    signal_row_clear(&s);
}

/* Whom a signal woke says what comes next: it waits again, or is done. */
static void go_on(const json_t *wait)
{
    uint64_t act = running();
    if (!act)
        return;
    if (js_bool(wait, "again", false))
        park(wait);
    else
        feed(&(struct engine_event){.type = ENGINE_DONE, .act = act, .output = json_object_get(wait, "output")});
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct engine_start start = {.execution_uuid = "11111111-2222-3333-4444-555555555555", .execution_id = "exec-1",
                                 .workflow_id = "w", .definition = "d", .policy = {.max_crashes = 3}};
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    const json_t *waits = fuzz_member(v, "waits"), *rows = fuzz_member(v, "rows");
    if (!v)
        return;
    state = engine_state_new();
    used = json_object();
    feed(&(struct engine_event){.type = ENGINE_START, .start = &start});
    feed(&(struct engine_event){.type = ENGINE_DONE, .act = 1});
    for (size_t i = 0; i < WAITERS; i++)
        park(json_array_get(waits, i));
    for (size_t i = 0; i < json_array_size(rows) && i < ROWS_MAX; i++) {
        const json_t *text = json_array_get(rows, i);
        if (json_is_string(text))
            row(json_string_value(text), json_string_length(text));
        recover();
        go_on(json_array_get(waits, i % WAITERS));
    }
    engine_effects_clear(&fx);
    engine_state_free(state);
    json_decref(used);
}
