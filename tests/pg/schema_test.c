/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations, the check, old rows, roles, and the functions for other people's transactions. */
#include "config.h"

#include "pg/help.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

static struct worker a;

static void migrate(PGconn *c)
{
    struct error e = ERROR_INIT;
    if (db_migrate(c, false, NULL, &e) != 0)
        fail_msg("%s", e.message);
}

static void missing_and_current(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum schema_state s;
    int version;
    char want[200];
    assert_int_equal(db_schema_state(db.c, &s, &version, &e), 0);
    assert_int_equal(s, SCHEMA_MISSING);
    assert_int_equal(db_schema_require(db.c, &e), -1);
    snprintf(want, sizeof want, "the database \"%s\" has no schema of wfworker", db.name);
    assert_string_equal(e.message, want);
    assert_string_equal(e.hint, "run \"wfworker migrate\"");
    migrate(db.c);
    long long applied = number(db.c, "SELECT count(*) FROM wfworker.migration");
    migrate(db.c);
    assert_int_equal(db_schema_require(db.c, &e), 0);
    assert_int_equal(db_schema_state(db.c, &s, &version, &e), 0);
    assert_int_equal(s, SCHEMA_CURRENT);
    assert_true(applied > 0);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.migration"), applied);
    assert_int_equal(number(db.c, "SELECT max(version) FROM wfworker.migration"), version);
    assert_int_equal(number(db.c, "SELECT count(*) FROM \"user\" WHERE full_name = 'wfworker'"), 1);
    assert_string_equal(text(db.c, "SELECT wfworker.has_triggers()"), "t");

    sql(db.c, "INSERT INTO wfworker.migration (version, name, program) VALUES (9999, 'later', '9')");
    assert_int_equal(db_schema_require(db.c, &e), 0); /* nothing says that older programs must not go on */
    sql(db.c, "UPDATE wfworker.meta SET oldest_program = 9999");
    assert_int_equal(db_schema_require(db.c, &e), -1);
    snprintf(want, sizeof want, "the schema of wfworker in database \"%s\" is version 9999, newer than this program can work with: it knows %d",
             db.name, version);
    assert_string_equal(e.message, want);
    assert_string_equal(e.hint, "update this program");
    assert_int_equal(db_migrate(db.c, false, NULL, &e), -1);
    assert_string_equal(e.message, want);
}

static void *migrate_thread(void *arg)
{
    struct error e = ERROR_INIT;
    PGconn *c = db_connect(arg, &e);
    intptr_t rc = c ? db_migrate(c, false, NULL, &e) : -1;
    PQfinish(c);
    return (void *)rc;
}

static void four_at_once(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, migrate_thread, db.dsn), 0);
    for (int i = 0; i < 4; i++) {
        void *rc;
        pthread_join(t[i], &rc);
        assert_null(rc);
    }
    struct error e = ERROR_INIT;
    assert_int_equal(db_schema_require(db.c, &e), 0);
}

static void dry_run(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);
    assert_int_equal(db_migrate(db.c, true, f, &e), 0);
    fclose(f);
    assert_int_equal(number(db.c, "SELECT count(*) FROM pg_namespace WHERE nspname = 'wfworker'"), 0);
    assert_non_null(strstr(out, "CREATE TABLE wfworker.task ("));
    /* What is printed is what it does. */
    PGresult *r = PQexec(db.c, out);
    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    PQclear(r);
    free(out);
    assert_int_equal(db_schema_require(db.c, &e), 0);
}

/* Rows from before the installation: running ones are left alone, failed ones only retried when one is due. */
static void old_rows(void **state)
{
    (void)state;
    struct db scratch;
    db_make(&scratch, true); /* its tables are the backend's */
    db_insert(&scratch, 5);
    sql(scratch.c, "DROP SCHEMA wfworker CASCADE");
    sql(scratch.c, "WITH n AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM workflowexecution) UPDATE workflowexecution e SET"
                   " execution_id = 'exec-' || n.n, status = (ARRAY['running', 'failed', 'failed', 'paused', 'failed'])[n.n],"
                   " next_retry_at = CASE WHEN n.n IN (2, 3) THEN timestamp '2020-01-01' END,"
                   " completed_at = CASE WHEN n.n = 2 THEN timestamp '2020-01-01' END FROM n WHERE n.id = e.id");
    migrate(scratch.c);
    worker_open(&a, &scratch, 100, 15000, 10);
    run_until(&a, &a.claimed, 1);
    run_for(&a, 500);
    assert_int_equal(a.claimed, 1);
    assert_string_equal(a.claims[0].execution_id, "exec-3");
    assert_string_equal(a.claims[0].status, "failed");
    sql(scratch.c, "UPDATE workflowexecution SET status = 'running' WHERE execution_id = 'exec-4'");
    run_until(&a, &a.claimed, 2);
    assert_string_equal(a.claims[1].execution_id, "exec-4");
    worker_close(&a);
    db_drop(&scratch);
}

/* Beside a backend that closed its tables only what the worker uses is made, and closed too. */
static void beside_a_backend(void **state)
{
    (void)state;
    struct db scratch;
    db_make(&scratch, true); /* its tables are the backend's */
    sql(scratch.c, "DROP SCHEMA wfworker CASCADE");
    sql(scratch.c, "DROP TABLE workflowsignal, workflowschedule, workflowwebhooksubscription");
    sql(scratch.c, "ALTER TABLE workflowexecution ENABLE ROW LEVEL SECURITY");
    migrate(scratch.c);
    assert_int_equal(number(scratch.c, "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relname IN"
                                       " ('workflowsignal', 'workflowschedule', 'workflowexecution')"), 3);
    assert_int_equal(number(scratch.c, "SELECT count(*) FROM pg_class WHERE relrowsecurity"), 3);
    assert_string_equal(text(scratch.c, "SELECT to_regclass('workflowwebhooksubscription')"), "(null)");
    db_drop(&scratch);
}

struct lines {
    struct buf buf;
};

static void on_line(void *ctx, int ok, const char *what, const char *line)
{
    struct lines *l = ctx;
    buf_printf(&l->buf, "%d %s: %s\n", ok, what, line);
}

static void row_level_security(void **state)
{
    (void)state;
    struct lines l = {BUF_INIT};
    char dsn[700], want[400];
    sql(db.c, "CREATE ROLE %s_r LOGIN", db.name);
    sql(db.c, "GRANT ALL ON ALL TABLES IN SCHEMA public TO %s_r; GRANT USAGE ON SCHEMA wfworker TO %s_r;"
              "GRANT ALL ON ALL TABLES IN SCHEMA wfworker TO %s_r", db.name, db.name, db.name);
    sql(db.c, "ALTER TABLE workflowexecution ENABLE ROW LEVEL SECURITY");
    snprintf(dsn, sizeof dsn, "%s user=%s_r", db.dsn, db.name);
    worker_open_dsn(&a, dsn, 100, 15000, 10);
    for (int i = 0; i < 300 && !a.fatal[0]; i++)
        run_for(&a, 100);
    snprintf(want, sizeof want, "row level security hides the executions from role %s_r; "
                                "Log in as the owner of the tables, or as a role with BYPASSRLS.", db.name);
    assert_string_equal(a.fatal, want);
    worker_close(&a);
    assert_int_equal(db_check(dsn, NULL, false, on_line, &l), -1);
    snprintf(want, sizeof want, "-1 role: row level security hides rows of workflowexecution from role %s_r: log in as the owner "
                                "of the tables or as a role with BYPASSRLS\n", db.name);
    assert_non_null(strstr(l.buf.data, want));
    buf_clear(&l.buf);
    assert_int_equal(db_check(db.dsn, NULL, false, on_line, &l), 0); /* the owner */
    assert_non_null(strstr(l.buf.data, "\n1 tables: execution_state is json\n"));
    assert_non_null(strstr(l.buf.data, "\n1 triggers: new executions are picked up at once\n"));
    assert_non_null(strstr(l.buf.data, "\n1 listen: notifications arrive\n"));
    buf_free(&l.buf);
    sql(db.c, "DROP OWNED BY %s_r", db.name);
    sql(db.c, "DROP ROLE %s_r", db.name);
}

static void no_schema_is_fatal(void **state)
{
    (void)state;
    char want[200];
    worker_open(&a, &db, 100, 15000, 10);
    for (int i = 0; i < 300 && !a.fatal[0]; i++)
        run_for(&a, 100);
    snprintf(want, sizeof want, "the database \"%s\" has no schema of wfworker; run \"wfworker migrate\"", db.name);
    assert_string_equal(a.fatal, want);
    worker_close(&a);
}

static void failed_connections(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    assert_null(db_connect("host=127.0.0.1 port=1 password=geheim", &e));
    assert_string_equal(e.message, "cannot connect to the database: connection to server at \"127.0.0.1\", port 1 failed: "
                                   "Connection refused");
    assert_string_equal(e.hint, "Is PostgreSQL running there, and is the port right?");
    assert_null(db_connect("postgresql://u:ge heim@h:x/db", &e));
    assert_string_equal(e.message, "cannot connect to the database: the address is malformed");
    assert_null(strstr(e.hint, "heim"));
}

static void triggers_fill_the_queue(void **state)
{
    (void)state;
    db_insert(&db, 3);
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE priority = 5 AND seq = 0"), 3);
    /* A value of "priority" that cannot be read, and a state that json functions refuse, break no insert. */
    sql(db.c, "INSERT INTO workflowexecution SELECT gen_random_uuid(), '%s', 1, 'exec-' || n, 'pending', now(), NULL, NULL, NULL,"
              " (ARRAY['{\"priority\": {}}', '{\"priority\": 10, \"x\": \"\\u0000\"}', '[\"priority\"]',"
              " '{\"execution_data\": {\"priority\": \"high\"}}'])[n]::json, 0 FROM generate_series(1, 4) n", db.workflow);
    assert_string_equal(text(db.c, "SELECT string_agg(t.priority::text, ' ' ORDER BY e.execution_id) FROM wfworker.task t"
                                   " JOIN workflowexecution e ON e.id = t.execution_id WHERE e.status = 'pending'"),
                        "5 5 5 7");
    sql(db.c, "DELETE FROM workflow");
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task"), 0);
}

static void bands(void **state)
{
    (void)state;
    assert_string_equal(text(db.c, "SELECT string_agg(wfworker.band(p)::text, ' ' ORDER BY n) FROM unnest(ARRAY['low', 'normal',"
                                   " 'high', 'critical', '-1', '0', '4', '4.5', '5', '9', '10', '19', '20', '1e9', '', NULL])"
                                   " WITH ORDINALITY u (p, n)"),
                        "1 5 7 9 0 0 4 4 5 5 7 7 9 5 5 5");
}

static void submit(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    json_t *data = json_pack("{s:i}", "n", 1);
    json_t *made = db_submit(db.c, "w", data, &e);
    const char *execution = js_str(made, "execution_id");
    assert_non_null(execution);
    json_t *row = db_execution_show(db.c, execution, &e);
    assert_string_equal(js_str(row, "status"), "running");
    assert_string_equal(js_str(row, "workflow_name"), "w");
    json_t *state_value = json_object_get(row, "execution_state");
    assert_int_equal(json_object_size(state_value), 10);
    assert_int_equal(js_int(json_object_get(state_value, "execution_data"), "n", 0), 1);
    assert_string_equal(js_str(row, "started_at"), js_str(state_value, "started_at"));
    json_t *logs = db_execution_logs(db.c, execution, 0, NULL, &e);
    assert_int_equal(json_array_size(logs), 1);
    const json_t *log = json_array_get(logs, 0);
    json_t *more = db_execution_logs(db.c, execution, js_int(log, "at_us", 0), js_str(log, "id"), &e);
    assert_int_equal(json_array_size(more), 0);
    assert_null(db_submit(db.c, "nope", data, &e));
    assert_string_equal(e.message, "there is no workflow \"nope\"");
    assert_null(db_execution_show(db.c, "exec-nope", &e));
    assert_string_equal(e.message, "there is no execution \"exec-nope\"");
    json_decref(more);
    json_decref(logs);
    json_decref(row);
    json_decref(made);
    json_decref(data);

    sql(db.c, "CREATE TABLE once AS SELECT (wfworker.submit('w', '{}', 'key-1')).id");
    sql(db.c, "INSERT INTO once SELECT (wfworker.submit('w', '{}', 'key-1')).id");
    assert_int_equal(number(db.c, "SELECT count(DISTINCT id) FROM once"), 1);
    sql(db.c, "SELECT wfworker.submit('w', '{}', NULL, 'critical', interval '1 hour')");
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.task WHERE priority = 9 AND due_at > now() + interval '59 min'"),
                     1);
}

static void retention(void **state)
{
    (void)state;
    sql(db.c, "SELECT wfworker.upkeep(30)");
    assert_int_equal(number(db.c, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'wfworker.journal'::regclass"), 4);
    sql(db.c, "CREATE TABLE wfworker.journal_20200106 PARTITION OF wfworker.journal FOR VALUES FROM ('2020-01-06 00:00Z') TO"
              " ('2020-01-13 00:00Z')");
    sql(db.c, "INSERT INTO wfworker.journal VALUES (gen_random_uuid(), 1, 1, '2020-01-07', '[]'),"
              " (gen_random_uuid(), 1, 1, '2019-01-07', '[]'), (gen_random_uuid(), 1, 1, now(), '[]')");
    db_insert(&db, 1);
    sql(db.c, "UPDATE wfworker.task SET since = '2020-01-07'"); /* alive, and needs it */
    sql(db.c, "SELECT wfworker.upkeep(30)");
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal"), 2);
    sql(db.c, "UPDATE wfworker.task SET since = 'infinity'");
    sql(db.c, "SELECT wfworker.upkeep(30)");
    assert_int_equal(number(db.c, "SELECT count(*) FROM wfworker.journal"), 1);
    assert_string_equal(text(db.c, "SELECT to_regclass('wfworker.journal_20200106')"), "(null)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_EMPTY_DB(missing_and_current), IN_EMPTY_DB(four_at_once), IN_EMPTY_DB(dry_run), IN_EMPTY_DB(old_rows),
        IN_EMPTY_DB(no_schema_is_fatal), IN_EMPTY_DB(failed_connections), IN_EMPTY_DB(beside_a_backend),
        IN_DB(row_level_security), IN_DB(triggers_fill_the_queue), IN_DB(bands), IN_DB(submit), IN_DB(retention),
    };
    return RUN_TESTS(tests);
}
