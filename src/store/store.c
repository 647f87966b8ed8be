/* SPDX-License-Identifier: Apache-2.0 */
/* The running store: opening, closing, and the pump that gives each free connection what is to be done next.
 *
 * Nothing is sent from inside the public functions: they note what is wanted, and the pump runs once before the loop
 * sleeps.  So whatever came in one turn of the loop goes out together, and without load nothing waits for a timer. */
#include "config.h"

#include "store/core.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define ANSWER_TIMEOUT_US (90 * US_PER_S) /* the server's own statement_timeout is 30 s, where it is in force */
#define GROUP_MAX 32
#define AGAIN_US US_PER_S

/* ---- Jobs ---- */

struct job *job_new(const char *sql, void (*done)(struct store *s, struct job *j, enum job_end end))
{
    struct job *j = xcalloc(1, sizeof *j);
    j->call.sql = sql;
    j->done = done;
    return j;
}

void job_free(struct job *j)
{
    if (!j)
        return;
    PQclear(j->result);
    bin_call_free(&j->call);
    free(j);
}

enum pg_cause job_cause(const struct job *j)
{
    const char *state = j->failed && j->result ? PQresultErrorField(j->result, PG_DIAG_SQLSTATE) : NULL;
    return state ? pg_cause(state) : CAUSE_OTHER;
}

void job_error(const struct job *j, enum job_end end, const char *doing, struct error *e)
{
    if (end == JOB_FAILED && j->result)
        pg_result_error(j->result, NULL, e, doing);
    else
        err_set(e, "%s: the database connection was lost", doing);
}

void store_enqueue(struct store *s, struct job *j)
{
    j->next = NULL;
    if (s->queue_last)
        s->queue_last->next = j;
    else
        s->queue_first = j;
    s->queue_last = j;
    store_kick(s);
}

void store_repeat(struct store *s, struct job *j, int64_t delay_us)
{
    struct job *again = job_new(j->call.sql, j->done);
    again->call = j->call;
    j->call.count = 0; /* its values have moved */
    again->arg = j->arg;
#ifdef WITH_CRASH_POINTS
    again->sent_point = j->sent_point;
    again->answered_point = j->answered_point;
#endif
    again->not_before_us = delay_us > 0 ? clock_mono_us() + delay_us : 0;
    store_enqueue(s, again);
}

/* What was lost with its connection is asked again at once, what failed for a passing reason after a pause: a server that
 * refuses for minutes (a full disk) is not to be asked thousands of times a second. */
bool store_again(struct store *s, struct job *j, enum job_end end)
{
    bool passing = end == JOB_FAILED && job_cause(j) == CAUSE_TRANSIENT;
    if (s->closed || (end != JOB_LOST && !passing))
        return false;
    store_repeat(s, j, passing ? AGAIN_US : 0);
    return true;
}

void store_fail(struct store *s, const struct error *e)
{
    if (s->fatal || s->closing)
        return;
    s->fatal = true;
    s->cb.fatal(s->cb.ctx, e);
}

/* ---- The pump ---- */

struct group {
    struct job *first, *last;
    size_t count;
};

static void add(struct group *g, struct job *j)
{
    if (!j)
        return;
    j->next = NULL;
    if (g->last)
        g->last->next = j;
    else
        g->first = j;
    g->last = j;
    g->count++;
}

static void take_queue(struct store *s, struct group *g, int64_t now)
{
    struct job *before = NULL;
    for (struct job *j = s->queue_first, *next; j && g->count < GROUP_MAX; j = next) {
        next = j->next;
        if (j->not_before_us > now) {
            before = j;
            continue;
        }
        *(before ? &before->next : &s->queue_first) = next;
        if (!next)
            s->queue_last = before;
        add(g, j);
    }
}

static int64_t queue_next_us(const struct store *s)
{
    int64_t at = INT64_MAX;
    for (const struct job *j = s->queue_first; j; j = j->next)
        if (j->not_before_us < at)
            at = j->not_before_us;
    return at;
}

/* Renewal first, since everything depends on it; then what was asked for; then a batch of saves, which a claim joins:
 * one commit for both. */
static void feed(struct store *s, struct conn *c, int64_t now)
{
    struct group g = {0};
    if (FAULT("renew-never"))
        s->next_renew_us = INT64_MAX;
    if (!s->renewing && now >= s->next_renew_us && !s->leaving)
        add(&g, renew_job(s));
    take_queue(s, &g, now);
    struct job *save = now >= s->hold_saves_us ? save_job(s) : NULL;
    struct job *claim = claim_wanted(s, now) ? claim_job(s) : NULL;
#ifdef WITH_CRASH_POINTS
    if (save && FAULT("skip-fence"))
        add(&g, unfence_job(s, save));
#endif
    add(&g, save);
    add(&g, claim);
    if (save && claim)
        save->joined = !s->claim_alone;
    if (g.first)
        conn_send(c, g.first);
}

static bool busy(const struct store *s)
{
    return s->saves_first || s->saves_in_flight || s->later || s->queue_first || s->conns[0].first || s->conns[1].first;
}

static void teardown(struct store *s);

static void close_step(struct store *s, int64_t now)
{
    bool connected = s->conns[0].pg || s->conns[1].pg;
    if (now >= s->close_at_us || (!connected && s->fatal)) {
        teardown(s);
    } else if (!busy(s) && !s->leaving) {
        s->leaving = true;
        if (s->ready)
            release_all(s);
        else
            s->left = true;
    }
    if (!s->closed && s->leaving && s->left && !busy(s))
        teardown(s);
}

static void dial_what_is_down(struct store *s, int64_t now)
{
    if (s->fatal || s->closed)
        return;
    for (size_t i = 0; i < STORE_CONNECTIONS; i++) {
        struct conn *c = &s->conns[i];
        if (!c->pg && !c->dial && now >= c->retry_at_us)
            conn_dial(c);
    }
    struct conn *l = &s->listener;
    if (s->listen && s->ready && !s->closing && !l->pg && !l->dial && now >= l->retry_at_us)
        conn_dial(l);
}

static void drop_the_silent(struct store *s, int64_t now)
{
    for (size_t i = 0; i < STORE_CONNECTIONS; i++) {
        struct conn *c = &s->conns[i];
        if (c->first && now - c->sent_us > ANSWER_TIMEOUT_US) {
            struct error e = ERROR_INIT;
            err_set(&e, "the server did not answer for %d seconds", (int)(ANSWER_TIMEOUT_US / US_PER_S));
            conn_down(c, &e);
        }
    }
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_event(const struct store *s)
{
    int64_t at = s->closing ? s->close_at_us : INT64_MAX;
    bool up = false; /* a connection is free: the others come round when they are */
    for (size_t i = 0; i < STORE_CONNECTIONS; i++) {
        const struct conn *c = &s->conns[i];
        if (conn_free(c))
            up = true;
        else if (c->pg)
            at = earliest(at, c->sent_us + ANSWER_TIMEOUT_US + US_PER_S);
        else if (!c->dial && !s->fatal)
            at = earliest(at, c->retry_at_us);
    }
    if (s->listen && s->ready && !s->listener.pg && !s->listener.dial && !s->closing && !s->fatal)
        at = earliest(at, s->listener.retry_at_us);
    if (!up)
        return at;
    if (!s->renewing && !s->leaving)
        at = earliest(at, s->next_renew_us);
    if (s->room > 0 && s->claims == 0 && !s->closing)
        at = earliest(at, s->next_poll_us);
    if (s->saves_first)
        at = earliest(at, s->hold_saves_us);
    at = earliest(earliest(at, saves_next_us(s)), queue_next_us(s));
    return s->closing ? at : earliest(at, upkeep_next_us(s));
}

static void on_timer(uv_timer_t *timer)
{
    store_kick(timer->data);
}

static void arm_timer(struct store *s)
{
    if (s->kicked)
        return; /* comes round at once */
    int64_t at = next_event(s), now = clock_mono_us();
    if (at == INT64_MAX) {
        uv_timer_stop(&s->timer);
        return;
    }
    int64_t ms = at <= now ? 1 : (at - now + 999) / US_PER_MS; /* 1: a connection may be busy; never spin */
    uv_update_time(s->loop);
    uv_timer_start(&s->timer, on_timer, (uint64_t)ms, 0);
}

static void pump(struct store *s)
{
    int64_t now = clock_mono_us();
    drop_the_silent(s, now);
    dial_what_is_down(s, now);
    saves_wake(s, now);
    peeks_start(s);
    if (!s->closing && s->stats.connected && !s->fatal) {
        release_lost_claims(s);
        upkeep_start(s, now);
    }
    for (size_t i = 0; i < STORE_CONNECTIONS && !s->fatal; i++)
        if (conn_free(&s->conns[i]))
            feed(s, &s->conns[i], now);
    if (s->closing && !s->closed)
        close_step(s, now);
    if (!s->closed)
        arm_timer(s);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct store *s = prepare->data;
    uv_prepare_stop(prepare);
    s->kicked = false;
    pump(s);
}

void store_kick(struct store *s)
{
    if (s->kicked || s->closed)
        return;
    s->kicked = true;
    uv_prepare_start(&s->prepare, on_prepare);
    /* A loop that has nothing else must come round. */
    uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* ---- Open, close ---- */

struct store *store_open(uv_loop_t *loop, const struct store_options *o, const struct store_callbacks *callbacks,
                         struct error *e)
{
    char *message = NULL;
    PQconninfoOption *info = o->dsn ? PQconninfoParse(o->dsn, &message) : NULL;
    PQfreemem(message);
    if (o->dsn && !info) {
        err_set(e, "the database address is malformed");
        return NULL;
    }
    PQconninfoFree(info);
    struct store *s = xcalloc(1, sizeof *s);
    s->async = xcalloc(1, sizeof *s->async);
    if (uv_async_init(loop, s->async, conn_async) != 0) {
        free(s->async);
        free(s);
        err_set(e, "cannot make a wake-up handle");
        return NULL;
    }
    s->loop = loop;
    s->cb = *callbacks;
    s->dsn = xstrdup(o->dsn ? o->dsn : "");
    s->listen_dsn = o->listen_dsn ? xstrdup(o->listen_dsn) : NULL;
    s->worker_name = xstrdup(o->worker_name ? o->worker_name : "");
    s->version = xstrdup(o->version ? o->version : "");
    s->host = o->host ? xstrdup(o->host) : NULL;
    s->abi = o->abi ? xstrdup(o->abi) : NULL;
    s->pid = o->pid;
    s->node_types = o->node_types ? xstrdup(o->node_types) : NULL;
    s->listen = o->listen;
    s->poll_us = o->poll_interval_ms > 0 ? o->poll_interval_ms * US_PER_MS : US_PER_S;
    s->lease_us = o->lease_ms > 0 ? o->lease_ms * US_PER_MS : 15 * US_PER_S;
    s->retention_days = o->history_retention_days;
    s->per_owner = o->executions_per_user;
    s->room_bytes = CLAIM_BYTES;
    random_bytes(&s->worker, sizeof s->worker);
    s->worker = (s->worker & INT64_MAX) | 1;
    s->poll_backoff_us = s->poll_us;
    s->stats.queue_depth = -1;
    s->async->data = s->prepare.data = s->timer.data = s;
    uv_prepare_init(loop, &s->prepare);
    uv_timer_init(loop, &s->timer);
    s->handles = 3;
    for (size_t i = 0; i < STORE_CONNECTIONS; i++)
        s->conns[i].store = s;
    s->listener.store = s;
    s->listener.listener = true;
    store_kick(s);
    return s;
}

void store_stats(const struct store *s, struct store_stats *out)
{
    *out = s->stats;
}

static void free_store(struct store *s)
{
    void (*done)(void *arg) = s->close_done;
    void *arg = s->close_arg;
    held_free(&s->held);
    free(s->dsn);
    free(s->listen_dsn);
    free(s->worker_name);
    free(s->host);
    free(s->version);
    free(s->abi);
    free(s->node_types);
    free(s->memo);
    free(s);
    if (done)
        done(arg);
}

void store_handle_closed(struct store *s)
{
    if (--s->handles == 0)
        free_store(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct store *s = handle->data;
    if (handle == (uv_handle_t *)s->async)
        free(handle);
    store_handle_closed(s);
}

/* Everything that still waits is dropped: its callbacks are not called, as the worker is going. */
static void teardown(struct store *s)
{
    s->closed = true;
    for (size_t i = 0; i < STORE_CONNECTIONS; i++)
        conn_close(&s->conns[i]);
    conn_close(&s->listener);
    while (s->queue_first) {
        struct job *j = s->queue_first;
        s->queue_first = j->next;
        j->done(s, j, JOB_LOST);
        job_free(j);
    }
    s->queue_last = NULL;
    saves_drop(s);
    peeks_drop(s);
    uv_prepare_stop(&s->prepare);
    uv_timer_stop(&s->timer);
    uv_close((uv_handle_t *)&s->prepare, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    uv_close((uv_handle_t *)s->async, on_closed);
}

void store_close(struct store *s, int64_t timeout_ms, void (*done)(void *arg), void *arg)
{
    if (s->closing)
        return;
    s->closing = true;
    s->room = 0;
    s->close_at_us = clock_mono_us() + timeout_ms * US_PER_MS;
    s->close_done = done;
    s->close_arg = arg;
    store_kick(s);
}
