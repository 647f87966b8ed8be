/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of definitions, with a store that only remembers what it was asked; and the events that are kept. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/defs.h"
#include "worker/kept.h"

/* ---- A store that waits to be told what to answer ---- */

static struct asked {
    bool pin;
    char what[80];
    store_definition_fn done;
    void *arg;
} asked[16];
static size_t asked_count;

void store_definition_pin(struct store *s, const struct uuid *workflow_id, store_definition_fn done, void *arg)
{
    struct asked *a = &asked[asked_count++];
    (void)s;
    *a = (struct asked){.pin = true, .done = done, .arg = arg};
    uuid_format(workflow_id, a->what);
}

void store_definition_load(struct store *s, const char *id, store_definition_fn done, void *arg)
{
    struct asked *a = &asked[asked_count++];
    (void)s;
    *a = (struct asked){.done = done, .arg = arg};
    snprintf(a->what, sizeof(a->what), "%s", id);
}

static void answer(size_t i, const char *id, const char *graph)
{
    struct store_definition d = {.id = id, .graph = graph};
    asked[i].done(asked[i].arg, &d, NULL);
}

/* ---- Somebody who waits for a definition ---- */

struct got {
    int calls;
    struct def *def;
    char id[80], error[1100];
    size_t nodes;
};

static void on_def(void *arg, struct def *d, const char *id, const struct error *e)
{
    struct got *g = arg;
    g->calls++;
    g->def = d;
    g->nodes = d ? def_node_count(d) : 0;
    snprintf(g->id, sizeof(g->id), "%s", id ? id : "");
    snprintf(g->error, sizeof(g->error), "%s", e ? e->message : "");
}

#define GRAPH "{\"nodes\":[{\"node_id\":\"t\",\"node_type\":\"trigger\"},{\"node_id\":\"n\",\"node_type\":\"noop\"}]," \
              "\"edges\":[{\"from\":\"t\",\"to\":\"n\"}]}"

static struct defs *cache(size_t max)
{
    const struct def_options options = {.unlabelled_condition_order = true};
    asked_count = 0;
    log_setup(LOG_TEXT, LOG_ERROR);
    return defs_new(NULL, &options, max);
}

static void a_definition_is_fetched_once(void **state)
{
    struct defs *c = cache(100);
    struct uuid workflow = uuid_random();
    struct got a = {0}, b = {0}, later = {0}, pinned = {0};
    (void)state;
    defs_get(c, &workflow, "stamp1", NULL, on_def, &a);
    defs_get(c, &workflow, "stamp1", NULL, on_def, &b);
    assert_int_equal(asked_count, 1);
    assert_true(asked[0].pin);
    assert_int_equal(a.calls, 0);
    answer(0, "sha1", GRAPH);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(a.nodes, 2);
    assert_string_equal(b.id, "sha1");
    defs_get(c, &workflow, "stamp1", NULL, on_def, &later);
    defs_get(c, &workflow, "other", "sha1", on_def, &pinned);
    assert_int_equal(asked_count, 1);
    assert_int_equal(later.calls, 1);
    assert_int_equal(pinned.calls, 1);
    assert_ptr_equal(pinned.def, a.def);
    assert_int_equal(defs_count(c), 2);
    defs_free(c);
}

static void another_stamp_is_another_look(void **state)
{
    struct defs *c = cache(100);
    struct uuid workflow = uuid_random();
    struct got a = {0}, b = {0};
    (void)state;
    defs_get(c, &workflow, "stamp1", NULL, on_def, &a);
    answer(0, "sha1", GRAPH);
    defs_get(c, &workflow, "stamp2", NULL, on_def, &b);
    assert_int_equal(asked_count, 2);
    answer(1, "sha1", GRAPH); /* the row changed, the content did not: one definition in memory */
    assert_ptr_equal(a.def, b.def);
    defs_free(c);
}

static void a_pinned_definition_is_loaded_by_its_id(void **state)
{
    struct defs *c = cache(100);
    struct uuid workflow = uuid_random();
    struct got a = {0};
    (void)state;
    defs_get(c, &workflow, "stamp1", "sha9", on_def, &a);
    assert_false(asked[0].pin);
    assert_string_equal(asked[0].what, "sha9");
    answer(0, "sha9", GRAPH);
    assert_string_equal(a.id, "sha9");
    assert_int_equal(defs_count(c), 1);
    defs_free(c);
}

static void what_cannot_be_had_is_asked_for_again(void **state)
{
    struct defs *c = cache(100);
    struct uuid workflow = uuid_random();
    struct got a = {0}, b = {0};
    struct error e = ERROR_INIT;
    (void)state;
    defs_get(c, &workflow, "s", NULL, on_def, &a);
    err_set(&e, "workflow not found");
    asked[0].done(asked[0].arg, NULL, &e);
    assert_null(a.def);
    assert_string_equal(a.error, "workflow not found");
    assert_string_equal(a.id, "");
    defs_get(c, &workflow, "s", NULL, on_def, &b);
    assert_int_equal(asked_count, 2);
    answer(1, "sha1", GRAPH);
    assert_int_equal(b.nodes, 2);
    defs_free(c);
}

static void an_unreadable_definition_says_so(void **state)
{
    struct defs *c = cache(100);
    struct uuid workflow = uuid_random();
    struct got a = {0};
    (void)state;
    defs_get(c, &workflow, "s", NULL, on_def, &a);
    answer(0, "sha2", "{\"nodes\":[");
    assert_null(a.def);
    assert_string_equal(a.id, "sha2"); /* it is there: asking again would not help */
    assert_int_equal(strncmp(a.error, "workflow's graph_config: ", 25), 0);
    assert_int_equal(defs_count(c), 0);
    defs_free(c);
}

static void a_full_cache_forgets_but_not_what_is_loading(void **state)
{
    struct defs *c = cache(4);
    struct got g[8] = {{0}};
    struct uuid w[8];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char id[16];
        w[i] = uuid_random();
        snprintf(id, sizeof(id), "sha%zu", i);
        defs_get(c, &w[i], "s", NULL, on_def, &g[i]);
        if (i < 2)
            answer(i, id, GRAPH); /* two keys each; the third keeps loading */
    }
    assert_int_equal(defs_count(c), 1);
    answer(2, "sha2", GRAPH);
    assert_int_equal(g[2].calls, 1);
    assert_int_equal(defs_count(c), 2);
    defs_free(c);
}

/* ---- Kept events ---- */

static void kept_events_become_a_journal_row(void **state)
{
    CLEANUP(kept_free) struct kept k = {0};
    CLEANUP_BUF struct buf journal = BUF_INIT;
    char branch[] = "true", type[] = "timeout", message[] = "too slow";
    struct error e = ERROR_INIT;
    struct failure f = {.type = type, .message = message, .retryable = true};
    json_t *output = json_pack("{s:i}", "a", 1);
    (void)state;
    json_t *variables = json_pack("[[sss]]", "name", "workflow", "value");
    kept_add(&k, &(struct engine_event){.type = ENGINE_DONE, .act = 1, .output = output, .branch = branch,
                                        .variables = variables}, 1000000, 0);
    assert_int_equal(variables->refcount, 2);
    json_decref(variables);
    kept_add(&k, &(struct engine_event){.type = ENGINE_FAIL, .act = 2, .failure = &f}, 2000000, 4);
    kept_add(&k, &(struct engine_event){.type = ENGINE_WAKE}, 3000000, SIZE_MAX);
    json_decref(output);
    branch[0] = type[0] = message[0] = 'X'; /* nothing of the caller's is kept */
    assert_string_equal(k.items[0].ev.branch, "true");
    assert_string_equal(k.items[1].ev.failure->type, "timeout");
    assert_string_equal(k.items[1].ev.failure->message, "too slow");
    assert_int_equal(k.items[1].node, 4);
    kept_journal(&k, 3, &journal);
    CLEANUP_JSON json_t *row = js_parse(journal.data, journal.len, &e);
    assert_int_equal(json_array_size(row), 3);
    assert_string_equal(js_str(json_array_get(row, 0), "ev"), "done");
    assert_string_equal(js_str(json_array_get(row, 2), "ev"), "wake");
    kept_drop(&k, 2);
    assert_int_equal(k.len, 1);
    assert_int_equal(k.items[0].ev.type, ENGINE_WAKE);
    assert_string_equal(k.text.data, "{\"at\":3000000,\"ev\":\"wake\"},");
    buf_clear(&journal);
    kept_journal(&k, 1, &journal);
    assert_string_equal(journal.data, "[{\"at\":3000000,\"ev\":\"wake\"}]");
    kept_drop(&k, 1);
    buf_clear(&journal);
    kept_journal(&k, 0, &journal);
    assert_string_equal(journal.data, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_is_fetched_once),
        cmocka_unit_test(another_stamp_is_another_look),
        cmocka_unit_test(a_pinned_definition_is_loaded_by_its_id),
        cmocka_unit_test(what_cannot_be_had_is_asked_for_again),
        cmocka_unit_test(an_unreadable_definition_says_so),
        cmocka_unit_test(a_full_cache_forgets_but_not_what_is_loading),
        cmocka_unit_test(kept_events_become_a_journal_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
