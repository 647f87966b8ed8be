/* SPDX-License-Identifier: Apache-2.0 */
/* `wfworker check`: what a worker would meet in this database, one line a question. */
#include "config.h"

#include "store/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/uuid.h"

struct check {
    check_line_fn line;
    void *ctx;
    bool failed;
};

static void say(struct check *k, int ok, const char *what, const char *text)
{
    if (ok < 0)
        k->failed = true;
    k->line(k->ctx, ok, what, text);
}

static void say_error(struct check *k, const char *what, const struct error *e)
{
    CLEANUP_FREE char *text = e->hint[0] ? xasprintf("%s (%s)", e->message, e->hint) : xstrdup(e->message);
    say(k, -1, what, text);
}

static void check_server(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_RESULT PGresult *r = pg_query(c, &e, "asking the server",
                                          "SELECT current_setting('server_version'), pg_is_in_recovery(), "
                                          "current_setting('transaction_read_only'), current_database()", 0, NULL);
    if (!r) {
        say_error(k, "server", &e);
        return;
    }
    CLEANUP_FREE char *text = xasprintf("PostgreSQL %s, database %s", PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 3));
    say(k, 1, "server", text);
    if (PQgetvalue(r, 0, 1)[0] == 't')
        say(k, -1, "writable", "this server is a standby: name the primary");
    else if (strcmp(PQgetvalue(r, 0, 2), "on") == 0)
        say(k, -1, "writable", "transactions are read-only (default_transaction_read_only)");
}

static void check_clock(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    int64_t before = clock_now_us();
    CLEANUP_RESULT PGresult *r =
        pg_query(c, &e, "asking the clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", 0, NULL);
    int64_t after = clock_now_us();
    if (!r) {
        say_error(k, "clock", &e);
        return;
    }
    int64_t skew_ms = (pg_number(r, 0, 0, 0) - (before + (after - before) / 2)) / US_PER_MS;
    CLEANUP_FREE char *text = xasprintf("the server's clock differs by %" PRId64 " ms", skew_ms);
    say(k, skew_ms > -2000 && skew_ms < 2000 ? 1 : 0, "clock", text);
}

static bool check_schema(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    enum schema_state state;
    int version;
    if (db_schema_require(c, &e) != 0 || db_schema_state(c, &state, &version, &e) != 0) {
        say_error(k, "schema", &e);
        return false;
    }
    CLEANUP_FREE char *text = state == SCHEMA_AHEAD ? xasprintf("version %d, newer than the %d of this program, which works with it",
                                                                version, db_schema_newest())
                                                    : xasprintf("version %d", version);
    say(k, state == SCHEMA_AHEAD ? 0 : 1, "schema", text);
    return true;
}

static void check_tables(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_RESULT PGresult *r = pg_query(
        c, &e, "looking at the tables",
        "SELECT coalesce(string_agg(t, ', ' ORDER BY t) FILTER (WHERE to_regclass(t) IS NULL AND need), ''),"
        "       coalesce(string_agg(t, ', ' ORDER BY t) FILTER (WHERE to_regclass(t) IS NULL AND NOT need), ''),"
        "       coalesce(string_agg(t, ', ' ORDER BY t) FILTER (WHERE need AND to_regclass(t) IS NOT NULL AND NOT"
        "                has_table_privilege(to_regclass(t), 'SELECT')), ''),"
        "       (SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass('workflowexecution')"
        "        AND attname = 'execution_state')"
        "  FROM (VALUES ('workflow', true), ('workflowexecution', true), ('executionlog', true), ('workflownode', false),"
        "        ('workflowschedule', false), ('workflowsignal', false), ('workflowwebhooksubscription', false)) v(t, need)",
        0, NULL);
    if (!r) {
        say_error(k, "tables", &e);
        return;
    }
    const char *missing = PQgetvalue(r, 0, 0), *optional = PQgetvalue(r, 0, 1), *closed = PQgetvalue(r, 0, 2);
    CLEANUP_FREE char *text = *missing  ? xasprintf("missing: %s", missing)
                              : *closed ? xasprintf("no permission to read: %s", closed)
                              : *optional
                                  ? xasprintf("execution_state is %s; not there: %s", PQgetvalue(r, 0, 3), optional)
                                  : xasprintf("execution_state is %s", PQgetvalue(r, 0, 3));
    say(k, *missing || *closed ? -1 : 1, "tables", text);
}

/* Row level security hides all rows from whoever is neither owner nor BYPASSRLS, and policies are for other roles. */
static void check_role(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_RESULT PGresult *r = pg_query(
        c, &e, "looking at the role",
        "SELECT current_user, coalesce(string_agg(t, ', ' ORDER BY t) FILTER (WHERE row_security_active(t)), '')"
        "  FROM unnest(ARRAY['workflow', 'workflowexecution', 'executionlog']) t WHERE to_regclass(t) IS NOT NULL"
        "   AND has_table_privilege(to_regclass(t), 'SELECT')", 0, NULL);
    if (!r) {
        say_error(k, "role", &e);
        return;
    }
    const char *role = PQgetvalue(r, 0, 0), *hidden = PQgetvalue(r, 0, 1);
    if (!*hidden) {
        CLEANUP_FREE char *text = xasprintf("%s; row level security hides nothing from it", role);
        say(k, 1, "role", text);
        return;
    }
    CLEANUP_FREE char *text = xasprintf("row level security hides rows of %s from role %s: log in as the owner of the "
                                        "tables or as a role with BYPASSRLS", hidden, role);
    say(k, -1, "role", text);
}

static void check_counts(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_RESULT PGresult *r = pg_query(
        c, &e, "counting",
        "SELECT (SELECT count(*) FROM wfworker.task), (SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND"
        " due_at <= now()), (SELECT count(*) FROM wfworker.old_execution), wfworker.has_triggers(),"
        " (SELECT count(*) FROM wfworker.worker WHERE seen_at > now() - interval '2 minutes')", 0, NULL);
    if (!r) {
        say_error(k, "queue", &e);
        return;
    }
    CLEANUP_FREE char *text =
        xasprintf("%s executions in the queue, %s runnable now, %s left alone from before the installation; %s workers live",
                  PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2), PQgetvalue(r, 0, 4));
    say(k, 1, "queue", text);
    if (PQgetvalue(r, 0, 3)[0] == 't')
        say(k, 1, "triggers", "new executions are picked up at once");
    else
        say(k, 0, "triggers", "not installed: new executions are found by polling (run \"wfworker migrate\" as the tables' owner)");
}

/* Executions that nothing would take up again: one line, only when there are some. */
static void check_stuck(struct check *k, PGconn *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_RESULT PGresult *r = pg_query(c, &e, "looking for stuck executions",
                                          "SELECT count(*), min(s.execution_id || ', ' || s.reason) FROM wfworker.stuck s", 0, NULL);
    if (!r) {
        say_error(k, "stuck", &e);
        return;
    }
    const char *count = PQgetvalue(r, 0, 0);
    if (strcmp(count, "0") == 0)
        return;
    CLEANUP_FREE char *text = xasprintf("%s executions wait for more than a minute to be taken, such as %s (SELECT * FROM wfworker.stuck)", count,
                                        PQgetvalue(r, 0, 1));
    say(k, 0, "stuck", text);
}

static bool arrives(PGconn *c, const char *name, int64_t wait_ms)
{
    bool arrived = false;
    int64_t end = clock_mono_us() + wait_ms * US_PER_MS;
    while (!arrived && PQstatus(c) == CONNECTION_OK) {
        PGnotify *n = PQnotifies(c);
        arrived = n && strcmp(n->relname, name) == 0;
        bool got = n != NULL;
        PQfreemem(n);
        int64_t left = (end - clock_mono_us()) / US_PER_MS;
        if (arrived || (!got && left <= 0))
            break;
        struct pollfd p = {.fd = PQsocket(c), .events = POLLIN};
        if (!got && ((poll(&p, 1, (int)left) < 0 && errno != EINTR) || !PQconsumeInput(c)))
            break;
    }
    return arrived;
}

bool pg_listen_works(PGconn *listener, PGconn *notifier, int64_t wait_ms)
{
    char name[48];
    uint64_t number;
    random_bytes(&number, sizeof number);
    snprintf(name, sizeof name, "wfworker_test_%" PRIx64, number);
    CLEANUP_FREE char *listen = xasprintf("LISTEN %s", name);
    CLEANUP_FREE char *notify = xasprintf("NOTIFY %s", name);
    CLEANUP_FREE char *unlisten = xasprintf("UNLISTEN %s", name);
    PQclear(PQexec(listener, listen));
    PQclear(PQexec(notifier, notify));
    bool arrived = arrives(listener, name, wait_ms);
    PQclear(PQexec(listener, unlisten));
    return arrived;
}

/* A transaction pooler gives each transaction whatever session is free: the process behind it is not ours. */
static void check_listen(struct check *k, PGconn *c, const char *dsn, const char *listen_dsn)
{
    struct error e = ERROR_INIT;
    bool pooled = false;
    for (int i = 0; i < 3 && !pooled; i++) {
        CLEANUP_RESULT PGresult *r = pg_query(c, &e, "asking for the session", "SELECT pg_backend_pid()", 0, NULL);
        pooled = r && pg_number(r, 0, 0, 0) != PQbackendPID(c);
    }
    say(k, 1, "pooler", pooled ? "a pooler is between: no session state is used" : "none seen");
    PGconn *l = db_connect(listen_dsn ? listen_dsn : dsn, &e);
    if (!l) {
        say_error(k, "listen", &e);
        return;
    }
    bool direct = pg_listen_works(l, c, 2000);
    PQfinish(l);
    say(k, direct ? 1 : 0, "listen",
        direct ? "notifications arrive"
               : "notifications do not arrive: the worker polls (a transaction pooler? set listen_dsn to a direct address)");
}

int db_check(const char *dsn, const char *listen_dsn, bool db_only, check_line_fn line, void *ctx)
{
    struct check k = {.line = line, .ctx = ctx};
    struct error e = ERROR_INIT;
    PGconn *c = db_connect(dsn, &e);
    if (!c) {
        say_error(&k, "connection", &e);
        return -1;
    }
    CLEANUP_FREE char *where = xasprintf("connected to %s as %s", PQhost(c) ? PQhost(c) : "?", PQuser(c));
    say(&k, 1, "connection", where);
    check_server(&k, c);
    if (!db_only) {
        check_clock(&k, c);
        check_tables(&k, c);
        check_role(&k, c);
        if (check_schema(&k, c)) {
            check_counts(&k, c);
            check_stuck(&k, c);
        }
        check_listen(&k, c, dsn, listen_dsn);
    }
    PQfinish(c);
    return k.failed ? -1 : 0;
}
