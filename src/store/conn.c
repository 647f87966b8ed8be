/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of the running store.  It is made in a thread of its own, since looking up a host name blocks; then it
 * belongs to the loop, non-blocking and (for writing) in pipeline mode.  Lost connections are made again with growing,
 * random pauses; the store says once that the database is away and once that it is back. */
#include "config.h"

#include "store/core.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/leave.h"
#include "base/log.h"
#include "base/mem.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define LISTEN_AGAIN_US (600 * US_PER_S)
#define LISTEN_TEST_MS 2000

/* Shared by the thread that connects and the loop; whoever comes last frees it. */
struct dial {
    pthread_t thread; /* joined when it is through, left behind when nobody waits for it any more */
    pthread_mutex_t lock;
    bool orphan, finished;
    char *dsn;
    char *write_dsn; /* listener: where notifications come from */
    bool listener;
    int64_t worker;
    uv_async_t *async;
    PGconn *pg;
    bool fatal, listens, triggers, pooled;
    int64_t server_us, asked_us, answered_us; /* its clock, and when that was by the monotonic one */
    int ahead; /* the schema's version, when it is newer than ours; else 0 */
    struct error error;
};

static void dial_free(struct dial *d)
{
    PQfinish(d->pg);
    pthread_mutex_destroy(&d->lock);
    free(d->dsn);
    free(d->write_dsn);
    free(d);
}

/* ---- In the thread ---- */

static int check_role_and_tables(PGconn *pg, struct dial *d)
{
    CLEANUP_RESULT PGresult *r = pg_query(
        pg, &d->error, "checking the database",
        "SELECT current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery(),"
        " to_regclass('workflowexecution') IS NOT NULL AND to_regclass('workflow') IS NOT NULL"
        " AND to_regclass('executionlog') IS NOT NULL,"
        " to_regclass('workflowexecution') IS NOT NULL AND has_table_privilege(to_regclass('workflowexecution'), 'SELECT')"
        " AND row_security_active(to_regclass('workflowexecution')),"
        " current_user, has_schema_privilege('wfworker', 'USAGE') AND wfworker.has_triggers()", 0, NULL);
    if (!r)
        return -1;
    if (PQgetvalue(r, 0, 0)[0] == 't') {
        err_set(&d->error, "the server is read-only (a standby?)");
        return err_hint(&d->error, "Name the primary, or all hosts with target_session_attrs=read-write.");
    }
    d->triggers = PQgetvalue(r, 0, 4)[0] == 't';
    if (PQgetvalue(r, 0, 1)[0] != 't') {
        d->fatal = true;
        err_set(&d->error, "the tables workflow, workflowexecution and executionlog are not all there");
        return err_hint(&d->error, "Check the database and the search_path of the role.");
    }
    if (PQgetvalue(r, 0, 2)[0] == 't') {
        d->fatal = true;
        err_set(&d->error, "row level security hides the executions from role %s", PQgetvalue(r, 0, 3));
        return err_hint(&d->error, "Log in as the owner of the tables, or as a role with BYPASSRLS.");
    }
    return 0;
}

/* A session of our own may be idle for as long as it likes, whatever the role's sessions may; one that a pooler lends is
 * left as it is. */
static int look_for_pooler(PGconn *pg, struct dial *d)
{
    CLEANUP_RESULT PGresult *r = pg_query(pg, &d->error, "asking for the session", "SELECT pg_backend_pid()", 0, NULL);
    if (!r)
        return -1;
    d->pooled = pg_number(r, 0, 0, 0) != PQbackendPID(pg); /* it is not the session that greeted us */
    if (!d->pooled && PQserverVersion(pg) >= 140000)
        PQclear(PQexec(pg, "SET idle_session_timeout = 0"));
    return 0;
}

static int ask_time(PGconn *pg, struct dial *d)
{
    d->asked_us = clock_mono_us();
    CLEANUP_RESULT PGresult *r = pg_query(pg, &d->error, "asking the clock",
                                          "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", 0, NULL);
    d->answered_us = clock_mono_us();
    d->server_us = r ? pg_number(r, 0, 0, 0) : 0;
    return r ? 0 : -1;
}

static int set_up_writer(PGconn *pg, struct dial *d)
{
    enum schema_state state;
    int version;
    if (db_schema_state(pg, &state, &version, &d->error) != 0) {
        d->fatal = PQstatus(pg) == CONNECTION_OK && strstr(d->error.message, "permission denied");
        return -1;
    }
    d->ahead = state == SCHEMA_AHEAD ? version : 0;
    if (state != SCHEMA_CURRENT && state != SCHEMA_AHEAD) {
        d->fatal = true;
        return db_schema_require(pg, &d->error);
    }
    if (check_role_and_tables(pg, d) != 0 || look_for_pooler(pg, d) != 0 || ask_time(pg, d) != 0)
        return -1;
    if (PQsetnonblocking(pg, 1) != 0 || !PQenterPipelineMode(pg))
        return err_set(&d->error, "cannot use pipeline mode: %.200s", PQerrorMessage(pg));
    return 0;
}

static int set_up_listener(PGconn *pg, struct dial *d)
{
    PGconn *writer = db_connect(d->write_dsn, &d->error);
    if (!writer)
        return -1;
    d->listens = pg_listen_works(pg, writer, LISTEN_TEST_MS);
    PQfinish(writer);
    if (PQstatus(pg) != CONNECTION_OK)
        return err_set(&d->error, "the connection was lost");
    if (!d->listens)
        return 0;
    /* To all workers: what concerns one execution, and schedules.  To this one: there is something to claim. */
    CLEANUP_FREE char *own = xasprintf("LISTEN wfworker_%lld", (long long)d->worker);
    CLEANUP_RESULT PGresult *r = pg_query(pg, &d->error, "listening", "LISTEN wfworker", 0, NULL);
    CLEANUP_RESULT PGresult *second = r ? pg_query(pg, &d->error, "listening", own, 0, NULL) : NULL;
    if (!second || look_for_pooler(pg, d) != 0)
        return -1;
    return PQsetnonblocking(pg, 1) == 0 ? 0 : err_set(&d->error, "cannot listen without blocking");
}

static void *dial_thread(void *arg)
{
    struct dial *d = arg;
    PGconn *pg = db_connect(d->dsn, &d->error);
    if (pg && (d->listener ? set_up_listener(pg, d) : set_up_writer(pg, d)) != 0) {
        PQfinish(pg);
        pg = NULL;
    }
    pthread_mutex_lock(&d->lock);
    d->pg = pg;
    d->finished = true;
    bool orphan = d->orphan;
    if (!orphan)
        uv_async_send(d->async);
    pthread_mutex_unlock(&d->lock);
    if (orphan)
        dial_free(d);
    return NULL;
}

/* ---- On the loop ---- */

static int64_t jittered(int64_t ms)
{
    uint16_t r;
    random_bytes(&r, sizeof r);
    return ms / 2 + ms * r / 65536 / 2;
}

static void retry_later(struct conn *c)
{
    c->backoff_ms = c->backoff_ms == 0 ? BACKOFF_FIRST_MS : c->backoff_ms * 2;
    if (c->backoff_ms > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    c->retry_at_us = clock_mono_us() + jittered(c->backoff_ms) * US_PER_MS;
    store_kick(c->store);
}

void conn_dial(struct conn *c)
{
    struct store *s = c->store;
    struct dial *d = xcalloc(1, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
    d->dsn = xstrdup(c->listener && s->listen_dsn ? s->listen_dsn : s->dsn);
    d->write_dsn = xstrdup(s->dsn);
    d->listener = c->listener;
    d->worker = c->store->worker;
    d->async = s->async;
    if (pthread_create(&d->thread, NULL, dial_thread, d) != 0) {
        dial_free(d);
        retry_later(c);
        return;
    }
    c->dial = d;
}

/* The thread has nothing left to do but to end, and what libraries keep for it ends with it. */
static void dial_joined(struct dial *d)
{
    pthread_join(d->thread, NULL);
    dial_free(d);
}

/* Say that the database is away: once, and again only when the reason is another one. */
static void say_away(struct store *s, const struct error *e)
{
    if (s->closing || (s->away && strncmp(s->away_text, e->message, sizeof s->away_text - 1) == 0))
        return;
    log_error(LOG_WARNING, s->ready ? "database connection lost, trying again" : "no database connection, trying again", e);
    snprintf(s->away_text, sizeof s->away_text, "%.*s", (int)sizeof s->away_text - 1, e->message);
    bool was = s->away;
    s->away = true;
    if (!was && s->cb.connection)
        s->cb.connection(s->cb.ctx, false);
}

static void say_back(struct store *s)
{
    bool first = !s->ready, was = s->away;
    s->ready = true;
    s->away = false;
    s->away_text[0] = '\0';
    if (was)
        log_write(LOG_INFO, first ? "database connected" : "database connection is back");
    if ((first || was) && s->cb.connection)
        s->cb.connection(s->cb.ctx, true);
}

static void poll_closed(uv_handle_t *handle)
{
    struct store *s = handle->data;
    free(handle);
    store_handle_closed(s);
}

/* Take the connection apart and return what was in flight. */
static struct job *dismantle(struct conn *c)
{
    struct job *jobs = c->first;
    if (c->poll) {
        c->poll->data = c->store;
        uv_poll_stop(c->poll);
        uv_close((uv_handle_t *)c->poll, poll_closed);
        c->poll = NULL;
    }
    PQfinish(c->pg);
    c->pg = NULL;
    c->first = c->last = c->current = c->unsent = NULL;
    c->want_sync = false;
    return jobs;
}

static void finish_all(struct store *s, struct job *jobs, enum job_end end)
{
    for (struct job *next; jobs; jobs = next) {
        next = jobs->next;
        jobs->done(s, jobs, end);
        job_free(jobs);
    }
}

void conn_close(struct conn *c)
{
    if (c->dial) {
        pthread_mutex_lock(&c->dial->lock);
        bool finished = c->dial->finished;
        c->dial->orphan = true;
        if (!finished) { /* it frees itself, perhaps as soon as the lock is open */
            pthread_detach(c->dial->thread);
            leave_behind();
        }
        pthread_mutex_unlock(&c->dial->lock);
        if (finished)
            dial_joined(c->dial);
        c->dial = NULL;
    }
    finish_all(c->store, dismantle(c), JOB_LOST);
}

void conn_down(struct conn *c, const struct error *e)
{
    struct store *s = c->store;
    struct job *jobs = dismantle(c);
    if (c->listener) {
        s->announce_wanted = s->announce_wanted || s->stats.listening;
        s->stats.listening = false;
    } else if (!c->store->conns[0].pg && !c->store->conns[1].pg)
        s->stats.connected = false;
    if (!c->listener)
        say_away(s, e);
    retry_later(c);
    finish_all(s, jobs, JOB_LOST);
}

static void read_down(struct conn *c)
{
    struct error e = ERROR_INIT;
    pg_connect_error(c->pg, &e);
    if (strncmp(e.message, "cannot connect to the database: ", 32) == 0)
        memmove(e.message, e.message + 32, strlen(e.message + 32) + 1);
    if (!e.message[0])
        err_set(&e, "the server closed the connection");
    conn_down(c, &e);
}

/* ---- The pipeline ---- */

bool conn_free(const struct conn *c)
{
    return c->pg && !c->first;
}

static void on_writer(uv_poll_t *handle, int status, int events);

static bool flush(struct conn *c)
{
    int rc = PQflush(c->pg);
    if (rc < 0)
        return false;
    uv_poll_start(c->poll, rc > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_writer);
    return true;
}

static void reach_points(const struct job *from, const struct job *to)
{
#ifdef WITH_CRASH_POINTS
    for (; from && from != to; from = from->next)
        crash_point(from->sent_point);
#else
    (void)from;
    (void)to;
#endif
}

/* Send what is left; through a pooler only the next segment.  A pooler in transaction mode takes the session away at the end
 * of each segment, also while a part of the next one's first statement went there already: PgBouncer 1.18 then leaves the
 * rest to the session's next client, and both connections break. */
static bool send_segments(struct conn *c)
{
    struct job *from = c->unsent;
    bool ok = true, more = true;
    c->sent_us = clock_mono_us();
    for (struct job *j = from; j && ok && more; j = j->next) {
        j->sent_us = c->sent_us;
        c->store->stats.queries++;
        ok = bin_call_send(c->pg, &j->call) && (j->joined || PQpipelineSync(c->pg));
        more = j->joined || !c->pooled;
        c->unsent = j->next;
    }
    ok = ok && flush(c);
    reach_points(from, c->unsent);
    return ok;
}

void conn_send(struct conn *c, struct job *list)
{
    c->first = c->current = c->unsent = list;
    for (struct job *j = list; j; j = j->next)
        c->last = j;
    if (!send_segments(c))
        read_down(c);
}

static struct job *segment_start(struct conn *c, const struct job *in)
{
    struct job *start = c->first;
    for (struct job *j = c->first; j && j != in; j = j->next)
        if (!j->joined)
            start = j->next;
    return start;
}

static void take_result(struct job *j, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        PQclear(j->result);
        j->result = r;
        j->answered = true;
    } else if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(r);
        j->answered = true;
    } else {
        PQclear(j->result);
        j->result = r;
        j->answered = j->failed = true;
    }
}

/* Take the results that are there.  Each statement's results end with NULL, each segment with PGRES_PIPELINE_SYNC; a commit
 * that fails puts its error, and a NULL of its own, before that. */
static bool read_results(struct conn *c)
{
    bool failed = false;
    while (c->current && !PQisBusy(c->pg)) {
        PGresult *r = PQgetResult(c->pg);
        if (!r) {
            if (!c->current->answered || (c->want_sync && !failed))
                break; /* nothing more is there; for good, when the connection is lost */
            if (failed)
                failed = false; /* what comes behind may be here already: nobody would wake us for it */
            else if (c->current->joined)
                c->current = c->current->next;
            else
                c->want_sync = true;
        } else if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            c->want_sync = false;
            c->current = c->current->next;
            if (c->current && c->current == c->unsent && !send_segments(c))
                return false;
        } else {
            failed = c->want_sync; /* while a sync is awaited: the commit failed */
            take_result(c->current, r);
        }
    }
    return PQstatus(c->pg) == CONNECTION_OK;
}

static void finish(struct conn *c)
{
    struct store *s = c->store;
    struct job *jobs = c->first;
    enum job_end ends[64];
    size_t n = 0;
    for (struct job *j = jobs; j && n < ARRAY_LEN(ends); j = j->next) {
        bool failed = false;
        for (struct job *k = segment_start(c, j); k; k = k->joined ? k->next : NULL)
            failed = failed || k->failed;
        ends[n++] = j->failed ? JOB_FAILED : failed ? JOB_ABORTED : JOB_OK;
    }
    c->first = c->last = c->current = NULL;
    c->backoff_ms = 0;
    n = 0;
    bool read_only = false;
    for (struct job *next; jobs; jobs = next) {
        next = jobs->next;
        read_only = read_only || job_cause(jobs) == CAUSE_READ_ONLY;
#ifdef WITH_CRASH_POINTS
        crash_point(ends[n] == JOB_OK ? jobs->answered_point : NULL);
#endif
        jobs->done(s, jobs, ends[n++]);
        job_free(jobs);
    }
    if (read_only && c->pg) {
        struct error e = ERROR_INIT;
        err_set(&e, "the server has become read-only");
        conn_down(c, &e);
    }
    store_kick(s);
}

static void on_writer(uv_poll_t *handle, int status, int events)
{
    struct conn *c = handle->data;
    (void)events;
    if (status < 0 || !PQconsumeInput(c->pg) || !flush(c)) {
        read_results(c); /* what arrived before the end still counts */
        if (c->first && !c->current)
            finish(c);
        if (c->pg)
            read_down(c);
        return;
    }
    bool up = read_results(c);
    if (c->first && !c->current)
        finish(c);
    if (!up && c->pg)
        read_down(c);
}

static void on_listener(uv_poll_t *handle, int status, int events)
{
    struct conn *c = handle->data;
    (void)events;
    if (status < 0 || !PQconsumeInput(c->pg)) {
        read_down(c);
        return;
    }
    for (PGnotify *n; c->pg && (n = PQnotifies(c->pg)); PQfreemem(n))
        claim_notified(c->store, n->extra);
}

/* Somebody has migrated for a newer release: the upgrade needs no stop, and is said once. */
static void say_ahead(struct store *s, int version)
{
    if (version == 0 || version == s->ahead_said)
        return;
    s->ahead_said = version;
    log_write(LOG_WARNING, "schema is newer than this program, which still works with it: time to update",
              LOG_INT("schema", version), LOG_INT("known", db_schema_newest()));
}

static void connected(struct conn *c, struct dial *d)
{
    struct store *s = c->store;
    c->pg = STEAL(d->pg);
    c->poll = xcalloc(1, sizeof *c->poll);
    if (uv_poll_init(s->loop, c->poll, PQsocket(c->pg)) != 0) {
        free(c->poll);
        c->poll = NULL;
        struct error e = ERROR_INIT;
        err_set(&e, "cannot watch the connection's socket");
        conn_down(c, &e);
        return;
    }
    s->handles++;
    c->poll->data = c;
    s->announce_wanted = true;
    uv_poll_start(c->poll, UV_READABLE, c->listener ? on_listener : on_writer);
    if (c->listener) {
        if (c->silent)
            log_write(LOG_INFO, "notifications arrive now");
        c->silent = false;
        s->stats.listening = true;
        c->backoff_ms = 0;
        log_write(LOG_INFO, "notifications arrive");
        s->hint = true; /* what came while nobody listened */
        s->next_renew_us = 0;
        if (s->cb.schedules && !s->closing)
            s->cb.schedules(s->cb.ctx);
    } else {
        if (c->was_up)
            s->stats.reconnects++;
        c->was_up = true;
        s->stats.connected = true;
        c->pooled = d->pooled;
        s->triggers = d->triggers;
        time_said(d->server_us, d->asked_us, d->answered_us);
        s->next_renew_us = 0;
        s->hint = true;
        s->idle_set = false;
        say_back(s);
        say_ahead(s, d->ahead);
    }
}

static void dial_done(struct conn *c)
{
    struct store *s = c->store;
    struct dial *d = STEAL(c->dial);
    if (d->fatal) {
        store_fail(s, &d->error);
    } else if (d->pg && c->listener && !d->listens) {
        if (!c->silent)
            log_write(LOG_INFO, "notifications do not arrive, polling", LOG_INT("interval_ms", s->poll_us / US_PER_MS));
        c->silent = true;
        c->retry_at_us = clock_mono_us() + LISTEN_AGAIN_US; /* the server may only have been slow */
    } else if (d->pg) {
        connected(c, d);
    } else {
        if (!c->listener)
            say_away(s, &d->error);
        else if (c->backoff_ms == 0)
            log_error(LOG_WARNING, "cannot connect to listen, polling meanwhile", &d->error);
        retry_later(c);
    }
    dial_joined(d);
    store_kick(s);
}

static void look(struct conn *c)
{
    if (!c->dial)
        return;
    pthread_mutex_lock(&c->dial->lock);
    bool finished = c->dial->finished;
    pthread_mutex_unlock(&c->dial->lock);
    if (finished)
        dial_done(c);
}

void conn_async(uv_async_t *async)
{
    struct store *s = async->data;
    for (size_t i = 0; i < STORE_CONNECTIONS; i++)
        look(&s->conns[i]);
    look(&s->listener);
}
