/* SPDX-License-Identifier: Apache-2.0 */
/* Help for the tests that need a PostgreSQL: see help.h. */
#include "config.h"

#include "pg/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static const char *base_dsn(void)
{
    const char *dsn = getenv("WFW_TEST_DSN");
    return dsn ? dsn : "";
}

__attribute__((format(printf, 2, 0))) static PGresult *run(PGconn *c, const char *fmt, va_list ap)
{
    char query[8000];
    vsnprintf(query, sizeof query, fmt, ap);
    PGresult *r = PQexec(c, query);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s\n%s", PQerrorMessage(c), query);
    return r;
}

void sql(PGconn *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    PQclear(run(c, fmt, ap));
    va_end(ap);
}

long long number(PGconn *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    PGresult *r = run(c, fmt, ap);
    va_end(ap);
    long long v = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return v;
}

const char *text(PGconn *c, const char *fmt, ...)
{
    static char out[4000];
    va_list ap;
    va_start(ap, fmt);
    PGresult *r = run(c, fmt, ap);
    va_end(ap);
    snprintf(out, sizeof out, "%s", PQntuples(r) == 0 ? "(no row)" : PQgetisnull(r, 0, 0) ? "(null)" : PQgetvalue(r, 0, 0));
    PQclear(r);
    return out;
}

static PGconn *connect_to(const char *dsn)
{
    struct error e = ERROR_INIT;
    PGconn *c = db_connect(dsn, &e);
    if (!c)
        fail_msg("%s", e.message);
    return c;
}

void db_make(struct db *d, bool migrate)
{
    static int count;
    struct error e = ERROR_INIT;
    snprintf(d->name, sizeof d->name, "t%d_%d", (int)getpid(), ++count);
    PGconn *c = connect_to(base_dsn());
    sql(c, "CREATE DATABASE %s", d->name);
    snprintf(d->dsn, sizeof d->dsn, "host=%s port=%s user=%s dbname=%s", PQhost(c), PQport(c), PQuser(c), d->name);
    PQfinish(c);
    d->c = connect_to(d->dsn);
    if (migrate && db_migrate(d->c, false, NULL, &e) != 0)
        fail_msg("%s", e.message);
    if (migrate)
        db_workflow(d);
}

void db_workflow(struct db *d)
{
    struct error e = ERROR_INIT;
    json_t *graph = json_pack("{s:[{s:s,s:s}],s:[]}", "nodes", "node_id", "a", "node_type", "trigger", "edges");
    if (db_workflow_add(d->c, "w", NULL, graph, NULL, d->workflow, &e) != 0)
        fail_msg("%s", e.message);
    json_decref(graph);
}

void db_drop(struct db *d)
{
    PQfinish(d->c);
    PGconn *c = connect_to(base_dsn());
    sql(c, "DROP DATABASE %s WITH (FORCE)", d->name);
    PQfinish(c);
}

struct db db;

int db_setup_empty(void **state)
{
    (void)state;
    db_make(&db, false);
    return 0;
}

int db_setup(void **state)
{
    (void)state;
    db_make(&db, true);
    return 0;
}

int db_teardown(void **state)
{
    (void)state;
    db_drop(&db);
    return 0;
}

void db_insert(struct db *d, int count)
{
    sql(d->c,
        "INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state,"
        " retry_count) SELECT gen_random_uuid(), '%s', 1, 'exec-' || left(replace(gen_random_uuid()::text, '-', ''), 12),"
        " 'running', now() AT TIME ZONE 'UTC', '{\"status\": \"running\", \"execution_data\": {\"n\": 1}}', 0"
        " FROM generate_series(1, %d)", d->workflow, count);
}

/* ---- The worker ---- */

static void copy(char *out, size_t size, const char *from)
{
    snprintf(out, size, "%s", from ? from : "");
}

static void take(struct got *g, const struct store_claim *c)
{
    g->id = c->id;
    g->token = c->token;
    g->next_seq = c->next_seq;
    g->crashes = c->crashes;
    g->journal_count = c->journal_count;
    copy(g->status, sizeof g->status, c->status);
    copy(g->execution_id, sizeof g->execution_id, c->execution_id);
    copy(g->definition, sizeof g->definition, c->definition);
    copy(g->snapshot, sizeof g->snapshot, c->snapshot);
    copy(g->state, sizeof g->state, c->execution_state);
    copy(g->journal, sizeof g->journal, c->journal_count ? c->journal[0] : "");
}

static void on_claimed(void *ctx, const struct store_claim *claims, size_t count)
{
    struct worker *w = ctx;
    for (size_t i = 0; i < count; i++) {
        assert_true(w->claimed < MAX_CLAIMS);
        take(&w->claims[w->claimed++], &claims[i]);
    }
}

static void on_poked(void *ctx, const struct uuid *id)
{
    (void)id;
    ((struct worker *)ctx)->poked++;
}

static void on_lost(void *ctx, const struct uuid *id)
{
    (void)id;
    ((struct worker *)ctx)->lost++;
}

static void on_connection(void *ctx, bool up)
{
    struct worker *w = ctx;
    if (up)
        w->up++;
    else
        w->down++;
}

static void on_fatal(void *ctx, const struct error *e)
{
    struct worker *w = ctx;
    snprintf(w->fatal, sizeof w->fatal, "%s; %s", e->message, e->hint);
}

void worker_open_dsn(struct worker *w, const char *dsn, int64_t poll_ms, int64_t lease_ms, size_t room)
{
    struct error e = ERROR_INIT;
    memset(w, 0, sizeof *w);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    struct store_options o = {.dsn = dsn, .listen = true, .poll_interval_ms = poll_ms, .lease_ms = lease_ms,
                              .worker_name = "test:1", .version = "0", .history_retention_days = 30};
    struct store_callbacks cb = {w, on_claimed, on_poked, on_lost, on_connection, on_fatal, NULL};
    w->store = store_open(&w->loop, &o, &cb, &e);
    assert_non_null(w->store);
    store_set_room(w->store, room);
}

void worker_open(struct worker *w, const struct db *d, int64_t poll_ms, int64_t lease_ms, size_t room)
{
    worker_open_dsn(w, d->dsn, poll_ms, lease_ms, room);
}

static void on_closed(void *arg)
{
    ((struct worker *)arg)->closed = true;
}

void worker_close(struct worker *w)
{
    store_close(w->store, 10000, on_closed, w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_true(w->closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static void stop(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

static void run_loop(struct worker *w, const size_t *what, size_t value, uint64_t ms, bool *over)
{
    uv_timer_t timer;
    uv_timer_init(&w->loop, &timer);
    timer.data = over;
    uv_timer_start(&timer, stop, ms, 0);
    while (!*over && (!what || *what < value))
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

void run_until(struct worker *w, const size_t *what, size_t value)
{
    bool over = false;
    run_loop(w, what, value, 30000, &over);
    if (*what < value)
        fail_msg("waited for %zu, got %zu (fatal: %s)", value, *what, w->fatal);
}

void run_for(struct worker *w, int ms)
{
    bool over = false;
    run_loop(w, NULL, 0, (uint64_t)ms, &over);
}

static void on_saved(void *arg, enum save_result result, const char *status, const struct error *e)
{
    struct worker *w = arg;
    w->results++;
    w->by_result[result]++;
    if (status)
        copy(w->status, sizeof w->status, status);
    if (e)
        copy(w->refused, sizeof w->refused, e->message);
}

struct store_save save_of(const struct got *g, int64_t seq, const char *status, enum save_then then)
{
    static struct save_log logs[2];
    static const char journal[] = "[{\"ev\":\"start\",\"definition\":\"d1\"}]";
    int64_t now = clock_now_us();
    logs[0] = (struct save_log){"a", "info", "Executing node: a", now};
    logs[1] = (struct save_log){"a", "info", "Node a completed successfully", now + 1};
    return (struct store_save){.id = g->id, .token = g->token, .expected_status = "running", .seq = seq,
                               .journal = journal, .journal_len = sizeof journal - 1,
                               .projection = "{\"saved\": true}", .projection_len = 15, .status = status,
                               .current_node_id = "a", .logs = logs, .log_count = 2, .then = then, .due_us = INT64_MAX};
}

void save_as(struct worker *w, const struct store_save *v)
{
    store_save(w->store, v, on_saved, w);
}

void save(struct worker *w, const struct got *g, int64_t seq, const char *status, enum save_then then)
{
    struct store_save v = save_of(g, seq, status, then);
    save_as(w, &v);
}

static void on_peek(void *arg, const struct store_claim *claim)
{
    struct worker *w = arg;
    w->peek_done = true;
    w->peek_gone = !claim;
    if (claim)
        take(&w->peeked, claim);
}

void peek(struct worker *w, const struct got *g)
{
    w->peek_done = false;
    store_peek(w->store, &g->id, g->token, on_peek, w);
    for (int64_t end = clock_mono_us() + 30 * US_PER_S; !w->peek_done && clock_mono_us() < end;)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_true(w->peek_done);
}
