/* SPDX-License-Identifier: Apache-2.0 */
/* The running store when the server refuses for reasons that pass: nobody starves, nothing is lost, no busy loop. */
#include "config.h"

#include "pg/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LONG_MS 600000

static struct worker a;

static void claim(int count)
{
    db_insert(&db, count);
    worker_open(&a, &db, LONG_MS, 15000, (size_t)count);
    run_until(&a, &a.claimed, (size_t)count);
}

static const struct got *lowest_id(int count)
{
    const struct got *low = &a.claims[0];
    for (int i = 1; i < count; i++)
        if (uuid_compare(&a.claims[i].id, &low->id) < 0)
            low = &a.claims[i];
    return low;
}

/* A save that fails by itself, again and again, for a reason that could pass. */
static void poisoned_save_stands_aside(void **state)
{
    (void)state;
    char id[UUID_TEXT];
    claim(10);
    uuid_format(&lowest_id(10)->id, id); /* batches are in order of id: it always comes first */
    sql(db.c, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.execution_id = '%s' THEN"
              " RAISE 'broken' USING ERRCODE = 'XX001'; END IF; RETURN NEW; END $$;"
              " CREATE TRIGGER refuse BEFORE INSERT ON executionlog FOR EACH ROW EXECUTE FUNCTION refuse()", id);
    for (int i = 0; i < 10; i++)
        save(&a, &a.claims[i], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 9);
    run_for(&a, 300);
    assert_int_equal(a.results, 9);
    assert_int_equal(a.by_result[SAVE_OK], 9);
    assert_string_equal(text(db.c, "SELECT id FROM workflowexecution WHERE status = 'running'"), id);
    sql(db.c, "DROP TRIGGER refuse ON executionlog");
    run_until(&a, &a.results, 10);
    assert_int_equal(a.by_result[SAVE_OK], 10);
    worker_close(&a);
}

/* The statements succeed, the commit does not. */
static void commit_fails(void **state)
{
    (void)state;
    sql(db.c, "CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
              " IF nextval('tries') <= 2 THEN RAISE 'not now' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$;"
              " CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON executionlog DEFERRABLE INITIALLY DEFERRED"
              " FOR EACH ROW EXECUTE FUNCTION refuse()");
    claim(4);
    for (int i = 0; i < 4; i++)
        save(&a, &a.claims[i], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 4);
    assert_int_equal(a.by_result[SAVE_OK], 4);
    assert_int_equal(a.down, 0);
    assert_int_equal(number(db.c, "SELECT count(*) FROM executionlog"), 8);
    worker_close(&a);
}

static void on_definition(void *arg, const struct store_definition *d, const struct error *e)
{
    size_t *done = arg;
    assert_non_null(d);
    assert_null(e);
    (*done)++;
}

/* Make a function of ours fail twice with a full disk, then work. */
static void full_disk_twice(const char *name, const char *params, const char *args)
{
    sql(db.c, "CREATE SEQUENCE tries; ALTER FUNCTION wfworker.%s(%s) RENAME TO really; CREATE FUNCTION disk() RETURNS void LANGUAGE"
              " plpgsql AS $$ BEGIN IF nextval('tries') <= 2 THEN RAISE 'could not extend file' USING ERRCODE = '53100'; END IF; END $$",
        name, params);
    sql(db.c, "DO $do$ BEGIN EXECUTE 'CREATE FUNCTION wfworker.%s(' || pg_get_function_arguments('wfworker.really(%s)'::regprocedure)"
              " || ') RETURNS ' || pg_get_function_result('wfworker.really(%s)'::regprocedure) || ' LANGUAGE plpgsql AS $$"
              " BEGIN PERFORM disk(); %s END $$'; END $do$", name, params, params, args);
}

static void full_disk_at_a_definition(void **state)
{
    (void)state;
    size_t done = 0;
    struct uuid id;
    uuid_parse(db.workflow, &id);
    full_disk_twice("pin", "uuid", "SELECT r.* INTO id, graph, rows, trigger_config FROM wfworker.really(p_workflow) r;");
    worker_open(&a, &db, LONG_MS, 15000, 10);
    run_until(&a, &a.up, 1);
    int64_t began = clock_mono_us();
    store_definition_pin(a.store, &id, on_definition, &done);
    run_until(&a, &done, 1);
    assert_true(clock_mono_us() - began >= 2 * US_PER_S); /* not again and again meanwhile */
    assert_int_equal(number(db.c, "SELECT nextval('tries')"), 4);
    worker_close(&a);
}

/* Looking again fails: the execution is still ours. */
static void full_disk_at_a_look(void **state)
{
    (void)state;
    full_disk_twice("peek", "uuid, bigint", "RETURN QUERY SELECT * FROM wfworker.really(p_id, p_token);");
    claim(1);
    peek(&a, &a.claims[0]);
    assert_false(a.peek_gone);
    assert_string_equal(a.peeked.status, "running");
    assert_int_equal(number(db.c, "SELECT nextval('tries')"), 4);
    worker_close(&a);
}

static void on_look(void *arg, const struct store_claim *claim)
{
    size_t *looked = arg;
    assert_non_null(claim);
    (*looked)++;
}

static void until_held(int count)
{
    static const char held[] = "SELECT count(*) FROM wfworker.task WHERE worker IS NOT NULL";
    for (int i = 0; i < 100 && number(db.c, held) != count; i++)
        run_for(&a, 100);
    assert_int_equal(number(db.c, held), count);
}

/* Somebody changes two executions and does not commit: that must not hold up what the others need the connections for. */
static void uncommitted_changes_block_nobody(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    size_t looked = 0;
    claim(4);
    PGconn *other = db_connect(db.dsn, &e);
    char first[UUID_TEXT], second[UUID_TEXT];
    uuid_format(&a.claims[0].id, first);
    uuid_format(&a.claims[1].id, second);
    sql(other, "BEGIN; UPDATE workflowexecution SET status = 'paused' WHERE id IN ('%s', '%s')", first, second);
    store_peek(a.store, &a.claims[0].id, a.claims[0].token, on_look, &looked);
    run_for(&a, 50); /* each on a connection of its own */
    store_release(a.store, &a.claims[1].id, a.claims[1].token, 0);
    store_release(a.store, &a.claims[2].id, a.claims[2].token, INT64_MAX);
    run_for(&a, 50);
    save(&a, &a.claims[3], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 1);
    assert_int_equal(a.by_result[SAVE_OK], 1);
    assert_int_equal(looked, 0);
    until_held(2);
    assert_int_equal(looked, 0);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND due_at = 'infinity'"), 1);
    sql(other, "COMMIT");
    run_until(&a, &looked, 1);
    until_held(1);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND execution_id = '%s'"
                                  " AND due_at <= now()", second), 1);
    PQfinish(other);
    worker_close(&a);
}

/* Nothing claimed: no lease that could hold. */
static void no_lease_without_claims(void **state)
{
    (void)state;
    claim(1);
    assert_true(store_lease_holds(a.store, 1));
    save(&a, &a.claims[0], 1, "completed", SAVE_END);
    run_until(&a, &a.results, 1);
    assert_false(store_lease_holds(a.store, 1));
    worker_close(&a);
}

/* The backend's own migrations change the types of its columns. */
static void columns_change_their_types(void **state)
{
    (void)state;
    claim(1);
    save(&a, &a.claims[0], 1, "running", SAVE_KEEP);
    run_until(&a, &a.results, 1);
    sql(db.c, "ALTER TABLE workflowexecution ALTER status TYPE varchar(60), ALTER execution_state TYPE jsonb,"
              " ALTER next_retry_at TYPE timestamptz, ALTER completed_at TYPE timestamptz, ALTER id TYPE uuid;"
              " ALTER TABLE workflow ALTER graph_config TYPE jsonb, ALTER trigger_config TYPE jsonb");
    sql(db.c, "UPDATE workflowexecution SET error_message = 'x'"); /* no change of the status: nobody is told */
    run_for(&a, 100);
    assert_int_equal(a.poked, 0);
    sql(db.c, "UPDATE workflowexecution SET status = 'paused'");
    run_until(&a, &a.poked, 1);
    sql(db.c, "UPDATE workflowexecution SET status = 'running'");
    save(&a, &a.claims[0], 2, "completed", SAVE_END);
    run_until(&a, &a.results, 2);
    assert_int_equal(a.by_result[SAVE_OK], 2);
    worker_close(&a);
}

static void parted(const char *name, const char *from, const char *to)
{
    sql(db.c, "CREATE TABLE wfworker.%s PARTITION OF wfworker.journal FOR VALUES FROM ('%s') TO ('%s')", name, from, to);
}

/* Old parts of the journal go, but not while an execution that still lives may need them. */
static void retention(void **state)
{
    (void)state;
    static const char there[] = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^journal_2020'";
    parted("journal_20200106", "2020-01-06", "2020-01-13");
    parted("journal_20200113", "2020-01-13", "2020-01-20");
    db_insert(&db, 2);
    sql(db.c, "UPDATE wfworker.task SET since = NULL");
    sql(db.c, "INSERT INTO wfworker.journal (execution_id, seq, token, at, events) SELECT execution_id, 1, 1, '2020-01-07', '[]'"
              " FROM wfworker.task LIMIT 1");
    sql(db.c, "SELECT wfworker.upkeep(30)");
    assert_int_equal(number(db.c, there), 1);
    assert_string_equal(text(db.c, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^journal_2020'"), "journal_20200106");
    /* Both are over; the worker that held them has parked them for ever. */
    sql(db.c, "UPDATE wfworker.task SET worker = 1");
    sql(db.c, "UPDATE workflowexecution SET status = 'completed'");
    sql(db.c, "UPDATE wfworker.task SET worker = NULL, poked = false, due_at = 'infinity'");
    sql(db.c, "SELECT wfworker.upkeep(30)");
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task"), 0);
    assert_int_equal(number(db.c, there), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DB(poisoned_save_stands_aside), IN_DB(commit_fails), IN_DB(full_disk_at_a_definition), IN_DB(full_disk_at_a_look),
        IN_DB(uncommitted_changes_block_nobody), IN_DB(no_lease_without_claims), IN_DB(columns_change_their_types), IN_DB(retention),
    };
    return RUN_TESTS(tests);
}
