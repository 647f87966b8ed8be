/* SPDX-License-Identifier: Apache-2.0 */
/* The running store against a real server: claims, saves, fences, pokes, lost connections. */
#include "config.h"

#include "pg/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LONG_MS 600000 /* a poll interval that plays no part: what happens then was notified */

static struct worker a, b;

static const char *id_of(const struct got *g)
{
    static char out[UUID_TEXT];
    uuid_format(&g->id, out);
    return out;
}

static void claim_and_end(void)
{
    db_insert(&db, 3);
    worker_open(&a, &db, 1000, 15000, 100);
    run_until(&a, &a.claimed, 3);
    assert_string_equal(a.claims[0].status, "running");
    assert_string_equal(a.claims[0].definition, "");
    assert_string_equal(a.claims[0].snapshot, "");
    assert_int_equal(a.claims[0].crashes, 0);
    assert_int_equal(a.claims[0].next_seq, 1);
    assert_non_null(strstr(a.claims[0].state, "execution_data"));
    for (int i = 0; i < 3; i++) {
        struct store_save v = save_of(&a.claims[i], 1, "completed", SAVE_END);
        v.completed_at_us = INT64_C(1795415772730597);
        save_as(&a, &v);
    }
    run_until(&a, &a.results, 3);
    assert_int_equal(a.by_result[SAVE_OK], 3);
    worker_close(&a);
    assert_int_equal(number(db.c, "SELECT count(*) FROM workflowexecution WHERE status = 'completed' AND current_node_id = 'a'"
                                  " AND completed_at = '2026-11-23 06:36:12.730597' AND next_retry_at IS NULL AND error_message"
                                  " IS NULL AND execution_state ->> 'saved' = 'true'"), 3);
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog WHERE node_id = 'a' AND level = 'info'"), 6);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal WHERE seq = 1"), 3);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal_default"), 0);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task"), 0);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.worker"), 0);
}

static void json_columns(void **state)
{
    (void)state;
    claim_and_end();
}

static void jsonb_columns(void **state)
{
    (void)state;
    sql(db.c, "ALTER TABLE workflowexecution ALTER execution_state TYPE jsonb; ALTER TABLE workflow ALTER graph_config TYPE jsonb,"
              " ALTER trigger_config TYPE jsonb");
    claim_and_end();
}

static void two_stores_share(void **state)
{
    (void)state;
    worker_open(&a, &db, LONG_MS, 15000, 100);
    worker_open(&b, &db, LONG_MS, 15000, 100);
    run_until(&a, &a.up, 1);
    run_until(&b, &b.up, 1);
    db_insert(&db, 200);
    store_set_room(a.store, 100);
    store_set_room(b.store, 100);
    run_until(&a, &a.claimed, 100);
    run_until(&b, &b.claimed, 100);
    for (size_t i = 0; i < 100; i++)
        for (size_t j = 0; j < 100; j++)
            assert_false(uuid_equal(&a.claims[i].id, &b.claims[j].id));
    worker_close(&a);
    worker_close(&b);
    /* What was held is given back. */
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND due_at <= now() AND crashes = 0"),
                     200);
}

static void expired_lease_is_fenced(void **state)
{
    (void)state;
    db_insert(&db, 1);
    worker_open(&a, &db, 50, 300, 10);
    run_until(&a, &a.claimed, 1);
    worker_open(&b, &db, 50, 15000, 10); /* a's loop stands still: nothing renews its lease */
    run_until(&b, &b.claimed, 1);
    assert_int_equal(b.claims[0].crashes, 1);
    assert_true(b.claims[0].token != a.claims[0].token);
    assert_false(store_lease_holds(a.store, 0));
    assert_true(store_lease_holds(b.store, 1000));
    save(&a, &a.claims[0], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 1);
    assert_int_equal(a.by_result[SAVE_FENCED], 1);
    assert_string_equal(text(db.c, "SELECT status FROM workflowexecution"), "running");
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), 0);
    save(&b, &b.claims[0], 1, "completed", SAVE_END);
    run_until(&b, &b.results, 1);
    assert_int_equal(b.by_result[SAVE_OK], 1);
    worker_close(&a);
    worker_close(&b);
}

static void renewal_keeps_the_lease(void **state)
{
    (void)state;
    db_insert(&db, 5);
    worker_open(&a, &db, 50, 900, 10);
    run_until(&a, &a.claimed, 5);
    int64_t token = a.claims[0].token;
    run_for(&a, 2500);
    assert_int_equal(a.claimed, 5);
    assert_int_equal(a.lost, 0);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE due_at > now() AND crashes = 0"), 5);
    assert_int_equal(number(db.c, "SELECT token FROM wfworker.task WHERE execution_id = '%s'", id_of(&a.claims[0])), token);
    /* Somebody takes one away: its holder is told. */
    sql(db.c, "UPDATE wfworker.task SET token = 4711 WHERE execution_id = '%s'", id_of(&a.claims[0]));
    run_until(&a, &a.lost, 1);
    worker_close(&a);
}

static void conflict_and_gone(void **state)
{
    (void)state;
    db_insert(&db, 2);
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.claimed, 2);
    sql(db.c, "UPDATE workflowexecution SET status = 'paused' WHERE id = '%s'", id_of(&a.claims[0]));
    run_until(&a, &a.poked, 1);
    save(&a, &a.claims[0], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 1);
    assert_int_equal(a.by_result[SAVE_CONFLICT], 1);
    assert_string_equal(a.status, "paused");
    assert_string_equal(text(db.c, "SELECT status FROM workflowexecution WHERE id = '%s'", id_of(&a.claims[0])), "paused");
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), 0);
    peek(&a, &a.claims[0]);
    assert_false(a.peek_gone);
    assert_string_equal(a.peeked.status, "paused");

    sql(db.c, "DELETE FROM workflowexecution WHERE id = '%s'", id_of(&a.claims[1]));
    run_until(&a, &a.poked, 2);
    save(&a, &a.claims[1], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 2);
    assert_int_equal(a.by_result[SAVE_GONE], 1);
    peek(&a, &a.claims[1]);
    assert_true(a.peek_gone);
    worker_close(&a);
}

static void refused_row_stands_alone(void **state)
{
    (void)state;
    db_insert(&db, 50);
    worker_open(&a, &db, LONG_MS, 15000, 50);
    run_until(&a, &a.claimed, 50);
    for (int i = 0; i < 50; i++) {
        struct store_save v = save_of(&a.claims[i], 1, "completed", SAVE_END);
        if (i == 23) {
            v.projection = "{\"bad\": NaN}";
            v.projection_len = 12;
        }
        save_as(&a, &v);
    }
    run_until(&a, &a.results, 50);
    assert_int_equal(a.by_result[SAVE_OK], 49);
    assert_int_equal(a.by_result[SAVE_REFUSED], 1);
    assert_string_equal(a.refused, "saving: invalid input syntax for type json");
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), 98);
    assert_string_equal(text(db.c, "SELECT status FROM workflowexecution WHERE id = '%s'", id_of(&a.claims[23])), "running");
    /* It is still held, and can fail in order. */
    struct store_save v = save_of(&a.claims[23], 1, "failed", SAVE_END);
    v.error_message = "refused";
    save_as(&a, &v);
    run_until(&a, &a.results, 51);
    assert_int_equal(a.by_result[SAVE_OK], 50);
    worker_close(&a);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    db_insert(&db, 2);
    worker_open(&a, &db, LONG_MS, 15000, 50);
    run_until(&a, &a.claimed, 2);
    struct store_save v = save_of(&a.claims[0], 1, "completed", SAVE_END);
    v.error_message = "bad \xff byte";
    save_as(&a, &v);
    save(&a, &a.claims[1], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 2);
    assert_int_equal(a.by_result[SAVE_REFUSED], 1);
    assert_string_equal(a.refused, "saving: invalid byte sequence for encoding \"UTF8\": 0xff");
    assert_int_equal(a.by_result[SAVE_OK], 1);
    worker_close(&a);
}

/* Connections are cut again and again while saves are under way: each is applied once, none is lost. */
static void cut_connections(void **state)
{
    (void)state;
    enum { EXECUTIONS = 200, STEPS = 4 };
    db_insert(&db, EXECUTIONS);
    worker_open(&a, &db, 100, 60000, EXECUTIONS);
    run_until(&a, &a.claimed, EXECUTIONS);
    for (int step = 1; step <= STEPS; step++) {
        for (int i = 0; i < EXECUTIONS; i++)
            save(&a, &a.claims[i], step, step < STEPS ? "running" : "completed", step < STEPS ? SAVE_KEEP : SAVE_END);
        for (int turn = 0; turn < 3; turn++) {
            uv_run(&a.loop, UV_RUN_NOWAIT);
            sql(db.c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                      " AND pid <> pg_backend_pid() AND application_name = 'wfworker' AND query LIKE '%%wfworker.save%%'");
            run_for(&a, 20);
        }
    }
    run_until(&a, &a.results, EXECUTIONS * STEPS);
    assert_int_equal(a.by_result[SAVE_OK], EXECUTIONS * STEPS);
    assert_true(a.down >= 1);
    assert_int_equal(a.up, a.down + 1);
    worker_close(&a);
    assert_int_equal(number(db.c, "SELECT count(*) FROM workflowexecution WHERE status = 'completed'"), EXECUTIONS);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal"), EXECUTIONS * STEPS);
    assert_int_equal(number(db.c, "SELECT count(DISTINCT (execution_id, seq)) FROM wfworker.journal"), EXECUTIONS * STEPS);
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), EXECUTIONS * STEPS * 2);
}

/* The answer of a save is lost, and it is sent again: by token and number it is known to be done. */
static void save_twice(void **state)
{
    (void)state;
    db_insert(&db, 3);
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.claimed, 3);
    for (int i = 0; i < 2; i++) {
        save(&a, &a.claims[0], 1, "running", SAVE_KEEP);
        save(&a, &a.claims[1], 1, "completed", SAVE_END);
        save(&a, &a.claims[2], 1, "running", SAVE_PARK);
    }
    run_until(&a, &a.results, 6);
    assert_int_equal(a.by_result[SAVE_OK], 6);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal"), 3);
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), 6);
    worker_close(&a);
}

static void notified(void **state)
{
    (void)state;
    struct store_stats stats;
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.up, 1);
    do {
        run_for(&a, 50);
        store_stats(a.store, &stats);
    } while (!stats.listening || number(db.c, "SELECT count(*) FROM wfworker.worker WHERE idle") == 0);
    db_insert(&db, 1);
    run_until(&a, &a.claimed, 1);
    /* It is busy now, nobody is notified; it looks by itself. */
    db_insert(&db, 1);
    run_until(&a, &a.claimed, 2);
    worker_close(&a);
}

static void parked_and_recovered(void **state)
{
    (void)state;
    db_insert(&db, 1);
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.claimed, 1);
    save(&a, &a.claims[0], 1, "running", SAVE_KEEP);
    struct store_save v = save_of(&a.claims[0], 2, "running", SAVE_PARK);
    v.due_us = clock_now_us() + 200000;
    save_as(&a, &v);
    run_until(&a, &a.claimed, 2);
    assert_int_equal(a.by_result[SAVE_OK], 2);
    assert_int_equal(a.claims[1].journal_count, 2);
    assert_string_equal(a.claims[1].journal, "[{\"ev\":\"start\",\"definition\":\"d1\"}]");
    assert_string_equal(a.claims[1].definition, "d1");
    assert_string_equal(a.claims[1].snapshot, "");
    assert_int_equal(a.claims[1].next_seq, 3);
    assert_int_equal(a.claims[1].crashes, 0);

    v = save_of(&a.claims[1], 3, "running", SAVE_PARK);
    v.snapshot = "{\"state\":3}";
    v.snapshot_len = 11;
    v.definition = "d2";
    v.due_us = clock_now_us() + 100000;
    save_as(&a, &v);
    run_until(&a, &a.claimed, 3);
    assert_string_equal(a.claims[2].snapshot, "{\"state\":3}");
    assert_string_equal(a.claims[2].definition, "d2");
    assert_int_equal(a.claims[2].journal_count, 0);
    assert_int_equal(a.claims[2].next_seq, 4);
    save(&a, &a.claims[2], 4, "running", SAVE_PARK); /* until poked */
    run_until(&a, &a.results, 4);
    assert_string_equal(text(db.c, "SELECT due_at FROM wfworker.task"), "infinity");
    sql(db.c, "UPDATE workflowexecution SET status = 'paused'");
    run_until(&a, &a.claimed, 4);
    assert_string_equal(a.claims[3].status, "paused");
    assert_string_equal(a.claims[3].snapshot, "{\"state\":3}");
    assert_int_equal(a.claims[3].journal_count, 1);
    /* Terminated while nobody holds it: a worker writes the end of what has begun. */
    v = save_of(&a.claims[3], 5, "paused", SAVE_PARK);
    v.expected_status = "paused";
    save_as(&a, &v);
    run_until(&a, &a.results, 5);
    sql(db.c, "UPDATE workflowexecution SET status = 'failed', error_message = 'stop', completed_at = now()");
    run_until(&a, &a.claimed, 5);
    assert_string_equal(a.claims[4].status, "failed");
    v = save_of(&a.claims[4], 6, "failed", SAVE_END);
    v.expected_status = "failed";
    save_as(&a, &v);
    run_until(&a, &a.results, 6);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task"), 0);
    /* Retried after all: the whole history is still there; an end leaves no snapshot. */
    sql(db.c, "UPDATE workflowexecution SET status = 'running', completed_at = NULL");
    run_until(&a, &a.claimed, 6);
    assert_string_equal(a.claims[5].snapshot, "");
    assert_int_equal(a.claims[5].journal_count, 6);
    assert_int_equal(a.claims[5].next_seq, 7);
    worker_close(&a);
}

static void locked_row_waits_alone(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    db_insert(&db, 10);
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.claimed, 10);
    PGconn *other = db_connect(db.dsn, &e);
    sql(other, "BEGIN; UPDATE workflowexecution SET error_message = 'x' WHERE id = '%s'", id_of(&a.claims[4]));
    for (int i = 0; i < 10; i++)
        save(&a, &a.claims[i], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 9);
    run_for(&a, 300);
    assert_int_equal(a.results, 9);
    sql(other, "COMMIT");
    run_until(&a, &a.results, 10);
    assert_int_equal(a.by_result[SAVE_OK], 10);
    PQfinish(other);
    worker_close(&a);
}

static void without_triggers(void **state)
{
    (void)state;
    sql(db.c, "DROP TRIGGER wfworker_insert ON workflowexecution; DROP TRIGGER wfworker_status ON workflowexecution;"
              "DROP TRIGGER wfworker_delete ON workflowexecution");
    worker_open(&a, &db, 50, 15000, 10);
    run_until(&a, &a.up, 1);
    db_insert(&db, 2);
    run_until(&a, &a.claimed, 2);
    save(&a, &a.claims[0], 1, "running", SAVE_KEEP); /* held */
    struct store_save v = save_of(&a.claims[1], 1, "waiting_for_signal", SAVE_PARK);
    save_as(&a, &v);
    run_until(&a, &a.results, 2);
    sql(db.c, "UPDATE workflowexecution SET status = 'paused' WHERE id = '%s'", id_of(&a.claims[1]));
    run_until(&a, &a.claimed, 3);
    assert_string_equal(a.claims[2].status, "paused");
    sql(db.c, "UPDATE workflowexecution SET status = 'failed' WHERE id = '%s'", id_of(&a.claims[0]));
    run_until(&a, &a.poked, 1);
    peek(&a, &a.claims[0]);
    assert_string_equal(a.peeked.status, "failed");
    worker_close(&a);
}

static void best_band_first(void **state)
{
    (void)state;
    static const char *const priorities[] = {"low", "normal", "high", "critical", "3", "12", "25"};
    static const int order[] = {3, 6, 2, 5, 1, 4, 0};
    for (size_t i = 0; i < 7; i++)
        sql(db.c, "SELECT wfworker.submit('w', '{\"i\": %zu, \"priority\": \"%s\"}')", i, priorities[i]);
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.claimed, 7);
    for (size_t i = 0; i < 7; i++) {
        char want[16];
        snprintf(want, sizeof want, "{\"i\": %d,", order[i]);
        assert_non_null(strstr(a.claims[i].state, want));
    }
    worker_close(&a);
}

struct pinned {
    struct worker *w;
    char id[80], graph[300], rows[300], error[1024];
    size_t done;
};

static void on_definition(void *arg, const struct store_definition *d, const struct error *e)
{
    struct pinned *p = arg;
    p->done++;
    snprintf(p->id, sizeof p->id, "%s", d ? d->id : "");
    snprintf(p->graph, sizeof p->graph, "%s", d && d->graph ? d->graph : "");
    snprintf(p->rows, sizeof p->rows, "%s", d && d->rows ? d->rows : "");
    snprintf(p->error, sizeof p->error, "%s", e ? e->message : "");
}

static void definitions(void **state)
{
    (void)state;
    struct pinned p = {0};
    struct uuid id;
    char first[80];
    uuid_parse(db.workflow, &id);
    worker_open(&a, &db, LONG_MS, 15000, 10);
    store_definition_pin(a.store, &id, on_definition, &p);
    run_until(&a, &p.done, 1);
    assert_int_equal(strlen(p.id), 64);
    assert_string_equal(p.graph, "{\"nodes\":[{\"node_id\":\"a\",\"node_type\":\"trigger\"}],\"edges\":[]}");
    assert_string_equal(p.rows, "");
    snprintf(first, sizeof first, "%s", p.id);
    sql(db.c, "UPDATE workflow SET graph_config = '{\"edges\":[]}'");
    sql(db.c, "INSERT INTO workflownode VALUES (gen_random_uuid(), '%s', 'trigger', 'n1', 0, 0, '{\"a\": 1}')", db.workflow);
    store_definition_pin(a.store, &id, on_definition, &p);
    run_until(&a, &p.done, 2);
    assert_string_not_equal(p.id, first);
    assert_string_equal(p.rows, "[{\"node_id\" : \"n1\", \"node_type\" : \"trigger\", \"config\" : {\"a\": 1}}]");
    store_definition_load(a.store, first, on_definition, &p);
    run_until(&a, &p.done, 3);
    assert_string_equal(p.id, first);
    sql(db.c, "DELETE FROM workflow");
    store_definition_pin(a.store, &id, on_definition, &p);
    run_until(&a, &p.done, 4);
    assert_non_null(strstr(p.error, "is gone"));
    store_definition_load(a.store, "nope", on_definition, &p);
    run_until(&a, &p.done, 5);
    assert_string_equal(p.error, "the pinned definition nope is gone");
    worker_close(&a);
}

struct outlook {
    size_t done, held;
    int64_t next_ms;
    bool known;
};

static void on_idle(void *arg, bool known, size_t held, int64_t next_ms)
{
    struct outlook *o = arg;
    *o = (struct outlook){.done = o->done + 1, .held = held, .next_ms = next_ms, .known = known};
}

static void the_outlook(void **state)
{
    (void)state;
    struct outlook o = {0};
    worker_open(&a, &db, LONG_MS, 15000, 1);
    store_idle(a.store, on_idle, &o);
    run_until(&a, &o.done, 1);
    assert_true(o.known && o.held == 0 && o.next_ms == INT64_MAX);
    db_insert(&db, 2);
    run_until(&a, &a.claimed, 1);
    store_idle(a.store, on_idle, &o);
    run_until(&a, &o.done, 2);
    assert_true(o.known && o.held == 1 && o.next_ms == 0);
    sql(db.c, "UPDATE wfworker.task SET due_at = now() + interval '1 hour' WHERE worker IS NULL");
    store_idle(a.store, on_idle, &o);
    run_until(&a, &o.done, 3);
    assert_true(o.held == 1 && o.next_ms > 3500000 && o.next_ms <= 3600001);
    worker_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DB(json_columns), IN_DB(jsonb_columns), IN_DB(two_stores_share), IN_DB(expired_lease_is_fenced),
        IN_DB(renewal_keeps_the_lease), IN_DB(conflict_and_gone), IN_DB(refused_row_stands_alone), IN_DB(bytes_that_are_no_text),
        IN_DB(cut_connections), IN_DB(save_twice), IN_DB(notified), IN_DB(parked_and_recovered), IN_DB(locked_row_waits_alone),
        IN_DB(without_triggers), IN_DB(best_band_first), IN_DB(definitions), IN_DB(the_outlook),
    };
    return RUN_TESTS(tests);
}
