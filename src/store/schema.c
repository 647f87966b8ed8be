/* SPDX-License-Identifier: Apache-2.0 */
/* The schema's version, and the migrations: numbered files of SQL, compiled in, applied in one transaction each. */
#include "config.h"

#include "store/internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct migration {
    int version;
    const char *name;
    const char *const *lines; /* ends with NULL */
};

#include "src/store/migrations.inc"

#define NEWEST ((int)migrations[ARRAY_LEN(migrations) - 1].version)

/* What keeps two migrations apart; a number of our own in the database's space of advisory locks. */
#define MIGRATION_LOCK "7790337541201928"

static const char bootstrap_sql[] =
    "CREATE SCHEMA IF NOT EXISTS wfworker;\n"
    "CREATE TABLE IF NOT EXISTS wfworker.migration (\n"
    "    version integer PRIMARY KEY,\n"
    "    name text NOT NULL,\n"
    "    program text NOT NULL,\n"
    "    applied_at timestamptz NOT NULL DEFAULT now()\n"
    ");\n";

int db_schema_newest(void)
{
    return NEWEST;
}

/* Says the newer schema that it works with programs as old as this one? */
static int newer_state(PGconn *c, enum schema_state *state, struct error *e)
{
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, "reading the schema's version", "SELECT min(oldest_program) FROM wfworker.meta", 0, NULL);
    if (!r)
        return -1;
    *state = pg_number(r, 0, 0, INT64_MAX) <= NEWEST ? SCHEMA_AHEAD : SCHEMA_NEWER;
    return 0;
}

int db_schema_state(PGconn *c, enum schema_state *state, int *version, struct error *e)
{
    *version = 0;
    *state = SCHEMA_MISSING;
    CLEANUP_RESULT PGresult *there =
        pg_query(c, e, "looking for the schema", "SELECT to_regclass('wfworker.migration') IS NOT NULL", 0, NULL);
    if (!there)
        return -1;
    if (PQgetvalue(there, 0, 0)[0] != 't')
        return 0;
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, "reading the schema's version", "SELECT max(version) FROM wfworker.migration", 0, NULL);
    if (!r)
        return -1;
    *version = (int)pg_number(r, 0, 0, 0);
    if (*version > NEWEST)
        return newer_state(c, state, e);
    if (*version > 0)
        *state = *version == NEWEST ? SCHEMA_CURRENT : SCHEMA_OLDER;
    return 0;
}

int db_schema_require(PGconn *c, struct error *e)
{
    enum schema_state state;
    int version;
    if (db_schema_state(c, &state, &version, e) != 0)
        return -1;
    switch (state) {
    case SCHEMA_CURRENT:
    case SCHEMA_AHEAD:
        return 0;
    case SCHEMA_MISSING:
        err_set(e, "the database \"%s\" has no schema of wfworker", PQdb(c));
        return err_hint(e, "run \"wfworker migrate\"");
    case SCHEMA_OLDER:
        err_set(e, "the schema of wfworker in database \"%s\" is version %d, this program needs %d", PQdb(c), version, NEWEST);
        return err_hint(e, "run \"wfworker migrate\"");
    case SCHEMA_NEWER:
        err_set(e, "the schema of wfworker in database \"%s\" is version %d, newer than this program can work with: it knows %d",
                PQdb(c), version, NEWEST);
        return err_hint(e, "update this program");
    }
    return err_set(e, "the schema's state is not known");
}

static void migration_sql(const struct migration *m, struct buf *out)
{
    for (const char *const *line = m->lines; *line; line++)
        buf_addstr(out, *line);
    buf_printf(out, "INSERT INTO wfworker.migration (version, name, program) VALUES (%d, '%s', '%s');\n", m->version,
               m->name, PACKAGE_VERSION);
}

static void rollback(PGconn *c)
{
    PQclear(PQexec(c, "ROLLBACK"));
}

/* Several statements at once; they run in the transaction that is open. */
static int run_script(PGconn *c, const char *sql, const char *doing, struct error *e)
{
    CLEANUP_RESULT PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return 0;
    pg_result_error(r, c, e, doing);
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    if (state && pg_cause(state) == CAUSE_PERMISSION)
        err_hint(e, "run \"wfworker migrate\" as the owner of the database");
    else if (state && strcmp(state, "55P03") == 0)
        err_hint(e, "a table was locked for too long; run it again");
    return -1;
}

/* BEGIN and the lock: whoever comes second waits here and then finds the work done. */
static int begin_locked(PGconn *c, struct error *e)
{
    return run_script(c,
                      "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';"
                      "SELECT pg_advisory_xact_lock(" MIGRATION_LOCK "); SET LOCAL lock_timeout = '10s';",
                      "waiting for other migrations", e);
}

static int bootstrap(PGconn *c, struct error *e)
{
    if (begin_locked(c, e) != 0)
        return -1;
    /* Without IF NOT EXISTS when it is there: that would need the right to create. */
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, "looking for the schema", "SELECT to_regclass('wfworker.migration') IS NOT NULL", 0, NULL);
    if (!r)
        return -1;
    if (PQgetvalue(r, 0, 0)[0] != 't' && run_script(c, bootstrap_sql, "creating schema wfworker", e) != 0)
        return -1;
    return run_script(c, "COMMIT", "creating schema wfworker", e);
}

/* 1 applied, 0 it was there already, -1 */
static int apply(PGconn *c, const struct migration *m, struct error *e)
{
    CLEANUP_BUF struct buf sql = BUF_INIT;
    char number[16], doing[160];
    snprintf(number, sizeof number, "%d", m->version);
    snprintf(doing, sizeof doing, "migration %s", m->name);
    if (begin_locked(c, e) != 0)
        return -1;
    const char *values[] = {number};
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, doing, "SELECT 1 FROM wfworker.migration WHERE version >= $1::int", 1, values);
    if (!r)
        return -1;
    if (PQntuples(r) > 0) {
        rollback(c);
        return 0;
    }
    migration_sql(m, &sql);
    if (run_script(c, sql.data, doing, e) != 0 || run_script(c, "COMMIT", doing, e) != 0)
        return -1;
    return 1;
}

static int install_triggers(PGconn *c, FILE *report, struct error *e)
{
    if (begin_locked(c, e) != 0)
        return -1;
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "making the triggers", "SELECT concat_ws('; ', nullif(wfworker.install_triggers(), ''),"
                                            " nullif(wfworker.install_schedule_triggers(), ''),"
                                            " nullif(wfworker.install_signal_triggers(), ''))", 0, NULL);
    if (!r || run_script(c, "COMMIT", "making the triggers", e) != 0)
        return -1;
    const char *why = PQgetvalue(r, 0, 0);
    if (report && *why)
        fprintf(report, "no triggers (%s): new executions are found by polling\n", why);
    return 0;
}

static void print_migrations(int version, FILE *out)
{
    if (version == 0)
        fprintf(out, "BEGIN;\n%sCOMMIT;\n", bootstrap_sql);
    for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
        if (migrations[i].version <= version)
            continue;
        CLEANUP_BUF struct buf sql = BUF_INIT;
        migration_sql(&migrations[i], &sql);
        fprintf(out, "\nBEGIN;\n%sCOMMIT;\n", sql.data);
    }
    if (version == NEWEST)
        fprintf(out, "-- The schema is up to date (version %d); only the triggers are made again.\n", NEWEST);
    fprintf(out, "%sSELECT wfworker.install_triggers(), wfworker.install_schedule_triggers(),\n"
            "       wfworker.install_signal_triggers();\n", version == NEWEST ? "" : "\n");
}

static int apply_all(PGconn *c, int version, FILE *report, struct error *e)
{
    int applied = 0;
    for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
        if (migrations[i].version <= version)
            continue;
        int rc = apply(c, &migrations[i], e);
        if (rc < 0)
            return -1;
        applied += rc;
        if (report && rc > 0)
            fprintf(report, "applied %s\n", migrations[i].name);
    }
    if (report && applied == 0)
        fprintf(report, "the schema is up to date (version %d)\n", NEWEST);
    return 0;
}

int db_migrate(PGconn *c, bool dry_run, FILE *report, struct error *e)
{
    enum schema_state state;
    int version;
    if (db_schema_state(c, &state, &version, e) != 0)
        return -1;
    if (state == SCHEMA_NEWER)
        return db_schema_require(c, e);
    if (state == SCHEMA_AHEAD) { /* its triggers are newer than ours, too */
        if (report)
            fprintf(report, "the schema is version %d, newer than version %d of this program, which works with it: nothing to do\n",
                    version, NEWEST);
        return 0;
    }
    if (dry_run) {
        if (report)
            print_migrations(version, report);
        return 0;
    }
    if ((version == 0 && bootstrap(c, e) != 0) || apply_all(c, version, report, e) != 0 ||
        install_triggers(c, report, e) != 0) {
        rollback(c);
        return -1;
    }
    return 0;
}
