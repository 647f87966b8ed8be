/* SPDX-License-Identifier: Apache-2.0 */
/* Asks and their answers: {"moves": [{"do", "asks": [flags of one of ours, or any value as it might stand in a journal], "reply", "at"}]}.
 * What an attempt made known and has to be undone is undone once when the attempt is over, whatever ended it, and never when an answer has
 * settled it; the same after every recovery.  When the execution is over, nothing is left to undo. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "fuzz/types.h"

const char fuzz_name[] = "ask";
const bool fuzz_json = true;
const unsigned fuzz_cases = 1000;

#define MOVES_MAX 100
#define ASKS_MAX 500
#define OURS "ours:"
#define NOW INT64_C(1795413600000000)

static struct def *def;
static struct engine_state *state;
static struct engine_effects fx;
static int64_t now_us;
static uint64_t signals;

static struct ask {
    bool made, undo, settles, undone, answered;
    bool held; /* an answer came when nobody could be called: it may count later, or never */
} asks[ASKS_MAX];
static size_t ask_count;

void fuzz_open(void)
{
    static const char graph[] =
        "{\"nodes\":[{\"node_id\":\"t\",\"node_type\":\"trigger\"},{\"node_id\":\"m\",\"node_type\":\"mutex\",\"config\":{}},"
        "{\"node_id\":\"x\",\"node_type\":\"noop\"},{\"node_id\":\"a\",\"node_type\":\"human_approval\",\"timeout_seconds\":60,"
        "\"retry\":{\"max_attempts\":2,\"initial_delay_seconds\":1}},{\"node_id\":\"y\",\"node_type\":\"try\"},"
        "{\"node_id\":\"z\",\"node_type\":\"human_approval\"}],"
        "\"edges\":[{\"from\":\"t\",\"to\":\"m\"},{\"from\":\"m\",\"to\":\"x\",\"branch\":\"body\"},{\"from\":\"t\",\"to\":\"a\"},"
        "{\"from\":\"t\",\"to\":\"y\"},{\"from\":\"y\",\"to\":\"z\",\"branch\":\"body\"}]}";
    struct def_options options = {.catalog = &fuzz_types, .unlabelled_condition_order = true};
    struct diags diags = {0};
    struct error e = ERROR_INIT;
    fuzz_types_open();
    json_t *v = js_parse(graph, strlen(graph), &e);
    def = v ? def_load(v, NULL, NULL, &options, &diags) : NULL;
    if (!def || def_error(def))
        fuzz_fail("the graph is not sound");
    json_decref(v);
    diags_free(&diags);
}

/* ---- what has to hold ---- */

static struct ask *ours(const json_t *body)
{
    const char *id = js_str(body, "id");
    if (!id || strncmp(id, OURS, strlen(OURS)) != 0)
        return NULL;
    size_t n = strtoul(id + strlen(OURS), NULL, 10);
    return n < ask_count ? &asks[n] : NULL;
}

static void take_ask(const struct engine_effect *f)
{
    struct ask *a = ours(f->body);
    fuzz_text("the kind of an ask", f->ask);
    if (!json_is_object(f->body))
        fuzz_fail("the body of an ask is no object");
    if (!a)
        return;
    if (strcmp(f->ask, "made") == 0) {
        if (a->made)
            fuzz_fail("an ask is given twice");
        a->made = true;
    } else if (!a->made || !a->undo || a->undone || (a->settles && a->answered && !a->held)) {
        fuzz_fail("an ask is undone that was %s", !a->made ? "not made" : a->undone ? "undone before" : "settled");
    } else {
        a->undone = true;
    }
}

static void take_effects(void)
{
    for (size_t i = 0; i < fx.len; i++)
        if (fx.items[i].type == ENGINE_ASK)
            take_ask(&fx.items[i]);
}

static void feed(const struct engine_event *ev)
{
    struct error e = ERROR_INIT;
    engine_effects_clear(&fx);
    engine_step(def, state, ev, now_us, &fx, &e);
    take_effects();
}

static void recover(void)
{
    struct error e = ERROR_INIT;
    struct buf before = BUF_INIT, after = BUF_INIT;
    engine_state_write(def, state, &before);
    struct engine_state *again = engine_state_read(def, before.data, before.len, &e);
    if (!again)
        fuzz_fail("a snapshot cannot be read: %s: %s", e.message, before.data);
    engine_state_free(state);
    state = again;
    engine_state_write(def, state, &after);
    fuzz_same("a snapshot that was read is another one", before.data, after.data);
    buf_free(&before);
    buf_free(&after);
}

static void check_end(void)
{
    for (size_t i = 0; i < ask_count; i++)
        if (asks[i].made && asks[i].undo && !asks[i].undone && !(asks[i].settles && (asks[i].answered || asks[i].held)))
            fuzz_fail("the execution is over, and ask %zu is not undone", i);
}

/* ---- moves ---- */

/* One of ours, by its flags; another value goes in as it is, unless it looks like one of ours. */
static void add_ask(json_t *list, const json_t *from)
{
    if (!json_is_object(from) || !json_object_get(from, "ours")) {
        CLEANUP_FREE char *text = js_text(from);
        if (!strstr(text, OURS))
            json_array_append(list, (json_t *)(uintptr_t)from);
        return;
    }
    if (ask_count == ASKS_MAX)
        return;
    struct ask *a = &asks[ask_count];
    *a = (struct ask){.undo = js_bool(from, "undo", false), .settles = js_bool(from, "settles", false)};
    CLEANUP_FREE char *id = xasprintf(OURS "%zu", ask_count);
    CLEANUP_FREE char *reply = xasprintf(ANSWER_SIGNAL "%zu", ask_count);
    json_t *ask = json_pack("{s:s, s:{s:s}, s:s, s:b, s:b, s:b}", "kind", "made", "body", "id", id, "reply", reply, "settles", (int)a->settles,
                            "yields", (int)js_bool(from, "yields", false), "addressed", (int)js_bool(from, "addressed", false));
    if (a->undo)
        js_set(ask, "undo", json_string("undone"));
    js_push(list, ask);
    ask_count++;
}

static json_t *asks_of(const json_t *move)
{
    json_t *list = json_array();
    const json_t *given = json_object_get(move, "asks");
    for (size_t i = 0; i < json_array_size(given) && i < 20; i++)
        add_ask(list, json_array_get(given, i));
    return list;
}

static uint64_t running(size_t which)
{
    struct engine_effects calls = {0};
    engine_running_effects(def, state, &calls);
    uint64_t act = calls.len ? calls.items[which % calls.len].act : 0;
    engine_effects_free(&calls);
    return act;
}

/* The answer to one of ours, as if it had been carried out. */
static void answer(size_t which)
{
    if (ask_count == 0)
        return;
    size_t n = which % ask_count;
    struct ask *a = &asks[n];
    bool was = a->answered;
    CLEANUP_FREE char *type = xasprintf(ANSWER_SIGNAL "%zu", n);
    CLEANUP_FREE char *id = xasprintf("00000000-0000-4000-8000-%012llx", (unsigned long long)++signals);
    size_t calls = engine_running(state);
    engine_effects_clear(&fx);
    struct error e = ERROR_INIT;
    engine_step(def, state, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = type, .signal_id = id}, now_us, &fx, &e);
    /* who waited for it was called: from then on it counts */
    a->answered = was || engine_running(state) > calls;
    a->held = a->held || !a->answered;
    take_effects();
}

static const char *const names[] = {"park", "done", "fail", "enter", "leave", "timeout", "answer", "terminate", "pause", "resume", "lost",
                                    "wake", "retry", "progress"};

static size_t number_of(const char *name)
{
    size_t i = 0;
    while (name && i < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static void outcome(const json_t *move, enum engine_event_type type, size_t which)
{
    struct failure failure = {.type = xstrdup("error"), .message = xstrdup("no"), .retryable = js_bool(move, "retryable", false)};
    size_t before = ask_count;
    CLEANUP_JSON json_t *given = asks_of(move); /* nobody else knows the id of one of ours, or waits for its answer */
    CLEANUP_FREE char *awaited = before < ask_count ? xasprintf(ANSWER_SIGNAL "%zu", before) : xstrdup("go");
    struct engine_event ev = {.type = type, .act = running(which), .asks = given, .failure = &failure, .branch = "body",
                              .park = {.signal = awaited, .until_us = js_bool(move, "until", false) ? now_us + 1000000 : 0}};
    if (type != ENGINE_ENTER)
        ev.branch = js_str(move, "branch");
    if (ev.act)
        feed(&ev);
    failure_clear(&failure);
}

static void make(const json_t *move)
{
    static const enum engine_event_type types[] = {ENGINE_PARK, ENGINE_DONE, ENGINE_FAIL, ENGINE_ENTER, ENGINE_LEAVE, ENGINE_TIMEOUT,
                                                   ENGINE_SIGNAL, ENGINE_TERMINATE, ENGINE_PAUSE, ENGINE_RESUME, ENGINE_LOST, ENGINE_WAKE,
                                                   ENGINE_RETRY, ENGINE_PROGRESS};
    size_t n = number_of(js_str(move, "do")), which = (size_t)(js_int(move, "at", 0) & 0xff);
    if (n == ARRAY_LEN(names))
        return;
    if (types[n] == ENGINE_SIGNAL)
        answer(which);
    else if (types[n] <= ENGINE_LEAVE || types[n] == ENGINE_TIMEOUT || types[n] == ENGINE_PROGRESS)
        outcome(move, types[n], which);
    else
        feed(&(struct engine_event){.type = types[n]});
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct engine_start start = {.execution_uuid = "11111111-2222-3333-4444-555555555555", .execution_id = "exec-1", .workflow_id = "w",
                                 .definition = "d", .policy = {.max_crashes = 3, .max_retries = 1, .retry_multiplier = 2,
                                                               .retry_initial_ms = 1000, .retry_max_ms = 3600000}};
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    const json_t *moves = fuzz_member(v, "moves");
    if (!v)
        return;
    state = engine_state_new();
    ask_count = 0;
    now_us = NOW;
    feed(&(struct engine_event){.type = ENGINE_START, .start = &start});
    feed(&(struct engine_event){.type = ENGINE_DONE, .act = 1});
    for (size_t i = 0; i < json_array_size(moves) && i < MOVES_MAX; i++) {
        now_us += 700000;
        make(json_array_get(moves, i));
        recover();
    }
    feed(&(struct engine_event){.type = ENGINE_TERMINATE, .message = "end", .refused = true});
    if (engine_ended(state))
        check_end();
    engine_effects_clear(&fx);
    engine_state_free(state);
}
