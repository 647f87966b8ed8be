/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of saves: what is refused costs few tries and harms nobody, texts are cut to what the columns take, the log's rows
 * get ids that rise. */
#include "config.h"

#include "pg/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LONG_MS 600000
#define BATCH 256

static struct worker a;

static void claim(size_t count)
{
    db_insert(&db, (int)count);
    worker_open(&a, &db, LONG_MS, 60000, count);
    run_until(&a, &a.claimed, count);
}

static struct store_stats stats(void)
{
    struct store_stats s;
    store_stats(a.store, &s);
    return s;
}

/* All in one turn of the loop: one full batch.  `bad` of them, spread over it, are refused. */
static uint64_t batches_for(size_t bad)
{
    uint64_t before = stats().batches;
    for (size_t i = 0; i < BATCH; i++) {
        struct store_save v = save_of(&a.claims[i], 1, "completed", SAVE_END);
        if (bad > 0 && i % (BATCH / bad) == 17) {
            v.projection = "{\"bad\": NaN}";
            v.projection_len = 12;
        }
        save_as(&a, &v);
    }
    run_until(&a, &a.results, BATCH);
    assert_int_equal(a.by_result[SAVE_REFUSED], bad);
    assert_int_equal(a.by_result[SAVE_OK], BATCH - bad);
    assert_int_equal(number(db.c, "SELECT count(*) FROM workflowexecution WHERE status = 'completed'"), BATCH - bad);
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), 2 * (BATCH - bad));
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal"), BATCH - bad);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task"), bad);
    return stats().batches - before;
}

static void all_of_a_batch_in_one_statement(void **state)
{
    (void)state;
    claim(BATCH);
    assert_int_equal(batches_for(0), 1);
    worker_close(&a);
}

/* 256, then two halves, then two halves of the one with the culprit, ...: 1 + 2 * log2(256). */
static void one_refused_row_costs_few_tries(void **state)
{
    (void)state;
    claim(BATCH);
    uint64_t batches = batches_for(1);
    print_message("# %llu statements\n", (unsigned long long)batches);
    assert_true(batches <= 17);
    worker_close(&a);
}

static void four_refused_rows_cost_few_tries(void **state)
{
    (void)state;
    claim(BATCH);
    uint64_t batches = batches_for(4);
    print_message("# %llu statements\n", (unsigned long long)batches);
    assert_true(batches <= 4 * 17);
    worker_close(&a);
}

/* Asks, and signals that were used, go with their save and stay when it is refused. */
static void refused_with_its_dealings(void **state)
{
    (void)state;
    claim(4);
    const struct save_ask ask = {.kind = "nothing", .body = "{}", .body_len = 2};
    const struct save_ask bad = {.kind = "nothing", .body = "{", .body_len = 1};
    for (size_t i = 0; i < 4; i++) {
        struct store_save v = save_of(&a.claims[i], 1, "running", SAVE_KEEP);
        v.asks = i == 2 ? &bad : &ask;
        v.ask_count = 1;
        save_as(&a, &v);
    }
    run_until(&a, &a.results, 4);
    assert_int_equal(a.by_result[SAVE_REFUSED], 1);
    assert_string_equal(a.refused, "saving: invalid input syntax for type json");
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.linked"), 3);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal"), 3);
    worker_close(&a);
}

static void repeat(char *out, size_t count, const char *what)
{
    size_t len = strlen(what);
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * len, what, len);
    out[count * len] = '\0';
}

/* In characters, not in bytes. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    static char node[256 * 2 + 1], level[21 * 2 + 1], message[5001 * 3 + 1];
    repeat(node, 256, "\xc3\xa4");
    repeat(level, 21, "\xc3\xa4");
    repeat(message, 5001, "\xe2\x82\xac");
    claim(2);
    const struct save_log logs[] = {{node, level, message, 0}, {NULL, NULL, NULL, 0}};
    struct store_save v = save_of(&a.claims[0], 1, "completed", SAVE_END);
    v.logs = logs;
    v.log_count = 2;
    v.current_node_id = node;
    save_as(&a, &v);
    run_until(&a, &a.results, 1);
    assert_int_equal(a.by_result[SAVE_OK], 1);
    assert_string_equal(text(db.c, "SELECT format('%%s %%s %%s', length(node_id), length(level), length(message)) FROM executionlog"
                                   " WHERE message <> ''"), "255 20 5000");
    assert_string_equal(text(db.c, "SELECT format('%%s|%%s|%%s', node_id, level, message) FROM executionlog WHERE message = ''"), "|info|");
    assert_int_equal(number(db.c, "SELECT length(current_node_id) FROM workflowexecution WHERE status = 'completed'"), 255);
    worker_close(&a);
}

static void ids_of_log_rows_rise(void **state)
{
    (void)state;
    claim(40);
    for (size_t i = 0; i < 40; i++)
        save(&a, &a.claims[i], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 40);
    assert_int_equal(number(db.c, "SELECT count(DISTINCT id) FROM executionlog"), 80);
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog WHERE substr(id::text, 15, 1) = '7'"), 80);
    assert_int_equal(number(db.c, "SELECT count(*) FROM (SELECT id < lag(id) OVER (ORDER BY ctid) AS down FROM executionlog) q"
                                  " WHERE down"), 0);
    worker_close(&a);
}

/* Whoever connects renews: until that is through. */
static void until_calm(void)
{
    uint64_t before;
    do {
        before = stats().queries;
        run_for(&a, 100);
    } while (!stats().listening || stats().queries != before);
}

/* A lease of which more than half is left stays as it is: the queue's indexes are not touched. */
static void a_save_keeps_a_young_lease(void **state)
{
    (void)state;
    claim(1);
    until_calm();
    sql(db.c, "CREATE TABLE noted AS SELECT due_at FROM wfworker.task");
    save(&a, &a.claims[0], 1, "running", SAVE_KEEP);
    run_until(&a, &a.results, 1);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task JOIN noted USING (due_at)"), 1);
    sql(db.c, "UPDATE wfworker.task SET due_at = now() + interval '29 s'");
    save(&a, &a.claims[0], 2, "running", SAVE_KEEP);
    run_until(&a, &a.results, 2);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE due_at > now() + interval '50 s'"), 1);
    assert_int_equal(a.by_result[SAVE_OK], 2);
    assert_true(store_lease_holds(a.store, 20000));
    worker_close(&a);
}

/* What waits is known in bytes, and goes in batches that are not too large. */
static void large_saves_wait_their_turn(void **state)
{
    (void)state;
    enum { COUNT = 24, SIZE = 1 << 20 };
    claim(COUNT);
    char *projection = malloc(SIZE + 32);
    assert_non_null(projection);
    memcpy(projection, "{\"x\":\"", 6);
    memset(projection + 6, 'x', SIZE);
    memcpy(projection + 6 + SIZE, "\"}", 3);
    sql(db.c, "BEGIN; LOCK TABLE executionlog");
    uint64_t before = stats().batches;
    for (size_t i = 0; i < COUNT; i++) {
        struct store_save v = save_of(&a.claims[i], 1, "completed", SAVE_END);
        v.projection = projection;
        v.projection_len = SIZE + 8;
        save_as(&a, &v);
    }
    run_for(&a, 300);
    assert_int_equal(stats().saves_waiting, COUNT);
    assert_true(stats().saves_bytes > (size_t)COUNT * SIZE && stats().saves_bytes < (size_t)COUNT * (SIZE + 2000));
    assert_true(stats().batches - before <= 2); /* two connections, and both wait */
    sql(db.c, "ROLLBACK");
    run_until(&a, &a.results, COUNT);
    assert_int_equal(a.by_result[SAVE_OK], COUNT);
    assert_int_equal(stats().saves_waiting, 0);
    assert_int_equal(stats().saves_bytes, 0);
    assert_true(stats().batches - before >= COUNT * (size_t)SIZE / (8 << 20));
    assert_int_equal(number(db.c, "SELECT count(*) FROM workflowexecution WHERE length(execution_state::text) = %d", SIZE + 8), COUNT);
    free(projection);
    worker_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DB(all_of_a_batch_in_one_statement), IN_DB(one_refused_row_costs_few_tries), IN_DB(four_refused_rows_cost_few_tries),
        IN_DB(refused_with_its_dealings), IN_DB(long_texts_are_cut), IN_DB(ids_of_log_rows_rise), IN_DB(a_save_keeps_a_young_lease),
        IN_DB(large_saves_wait_their_turn),
    };
    return RUN_TESTS(tests);
}
