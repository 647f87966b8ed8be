/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the running store: connections, jobs, and the state that its files share.  Loop thread only.
 *
 * A job is one statement.  pump() hands jobs to connections that are free; all that a connection is given at once goes out
 * in one pipeline, in segments that are a transaction each.  A job's `done` runs when the whole segment is decided. */
#ifndef WF_STORE_CORE_H
#define WF_STORE_CORE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/crashpoint.h"
#include "base/error.h"
#include "store/bin.h"
#include "store/held.h"
#include "store/internal.h"
#include "store/store.h"

#define STORE_CONNECTIONS 2
#define CLAIM_BYTES ((size_t)16 << 20) /* state that one claim loads at most, if it is more than one execution */

enum job_end {
    JOB_OK,      /* result holds rows */
    JOB_FAILED,  /* result holds the server's error; nothing was changed */
    JOB_ABORTED, /* another job of the same transaction failed; nothing was changed */
    JOB_LOST,    /* the connection went away: whether it was done is not known */
};

struct job {
    struct job *next;
    struct bin_call call;
    bool joined;          /* in one transaction with the job behind it */
    PGresult *result;
    bool answered;
    bool failed;          /* this one had the error */
    void (*done)(struct store *s, struct job *j, enum job_end end);
    void *arg;            /* of whoever made it */
    int64_t sent_us;      /* monotonic */
    int64_t not_before_us; /* monotonic; while it is in the queue */
    bool idle_noted;      /* claim: the database notes that we sleep if nothing is there */
    size_t most;          /* claim: how many executions it takes at most */
#ifdef WITH_CRASH_POINTS
    const char *sent_point, *answered_point;
#endif
};

/* The crash points NAME.sent and NAME.answered of a job: it is on its way; the server has answered, nobody is told yet. */
#ifdef WITH_CRASH_POINTS
#define JOB_POINTS(j, name)                                                                                            \
    ((j)->sent_point = CRASH_POINT_NAME(name ".sent"), (j)->answered_point = CRASH_POINT_NAME(name ".answered"))
#else
#define JOB_POINTS(j, name) ((void)(j))
#endif

struct conn {
    struct store *store;
    PGconn *pg;
    uv_poll_t *poll;
    struct job *first, *last; /* in flight, in order */
    struct job *current;      /* the one whose result is awaited */
    struct job *unsent;       /* the first of those in flight that was not sent yet: pooled */
    bool pooled;              /* a pooler is between: one segment at a time */
    bool want_sync;           /* the segment's statements are answered, its end is not */
    int64_t sent_us;
    struct dial *dial;        /* being connected */
    int64_t retry_at_us;      /* monotonic; 0 = at once */
    int64_t backoff_ms;
    bool listener;
    bool was_up;              /* it was connected before */
    bool silent;              /* listener: notifications did not arrive the last time */
};

struct pending; /* a save, in save.c */

struct store {
    uv_loop_t *loop;
    struct store_callbacks cb;
    char *dsn, *listen_dsn, *worker_name, *host, *version, *abi, *node_types;
    int pid;
    bool listen;
    int64_t poll_us, lease_us;
    int retention_days;
    int64_t worker;           /* our id in wfworker.worker */

    struct conn conns[STORE_CONNECTIONS];
    struct conn listener;
    uv_async_t *async;        /* a connect thread is through */
    uv_prepare_t prepare;     /* runs pump() before the loop sleeps */
    uv_timer_t timer;         /* the next thing that is due */
    bool kicked, away, ready, fatal, triggers;
    char away_text[200];

    struct job *queue_first, *queue_last; /* jobs for the next free connection */
    struct held_map held;

    /* claims */
    size_t room;
    bool hint, idle_set, claim_lost, claim_alone;
    size_t claims;            /* on their way */
    size_t claims_for;        /* how many executions they take at most, altogether */
    bool backlog;             /* the last claim took all that it might */
    bool returning;           /* what lost claims took is being given back */
    size_t room_bytes;
    int32_t per_owner;        /* limit; 0 = none */
    char *memo;               /* of wfworker.claim() for its next call */
    bool blocked;             /* something waited for a place under a limit when the last claim was made */
    size_t blocked_at;        /* how many were leased then */
    size_t rounds;            /* claims in a row that found nothing and did not see all lanes */
    int64_t next_poll_us, poll_backoff_us;
    /* renewal and house-keeping */
    bool renewing, sweeping;
    bool announce_wanted, announcing; /* the registry does not say what is so now; it is being told */
    bool stopping;            /* this worker takes nothing new and is about to end */
    int ahead_said;           /* the newer version of the schema that was logged, or 0 */
    bool delivering, asks_wanted; /* of the outbox */
    int64_t next_asks_us;
    int64_t next_renew_us, next_sweep_us, next_failed_us, next_upkeep_us, next_poked_us;
    int64_t holds_until_us;
    /* saves */
    struct pending *saves_first, *saves_last, *later;
    int64_t hold_saves_us, save_backoff_us;
    size_t saves_in_flight;
    struct peek *peeks;

    struct store_stats stats;

    bool closing, closed, leaving, left;
    int64_t close_at_us;
    void (*close_done)(void *arg);
    void *close_arg;
    int handles; /* still to be closed by the loop */
};

/* ---- conn.c ---- */
void conn_dial(struct conn *c);
void conn_send(struct conn *c, struct job *list);  /* takes the jobs */
bool conn_free(const struct conn *c);              /* connected and nothing in flight */
void conn_close(struct conn *c);                   /* without a word; jobs in flight are lost */
void conn_down(struct conn *c, const struct error *e);
void conn_async(uv_async_t *async);

/* ---- store.c ---- */
void store_kick(struct store *s);
void store_handle_closed(struct store *s);
void store_enqueue(struct store *s, struct job *j);
void store_repeat(struct store *s, struct job *j, int64_t delay_us); /* from `done`: the same once more */
bool store_again(struct store *s, struct job *j, enum job_end end); /* from `done`: false when it failed for good */
void store_fail(struct store *s, const struct error *e); /* fatal */
struct job *job_new(const char *sql, void (*done)(struct store *s, struct job *j, enum job_end end));
void job_free(struct job *j);
enum pg_cause job_cause(const struct job *j);
void job_error(const struct job *j, enum job_end end, const char *doing, struct error *e);

/* ---- claim.c ---- */
bool claim_wanted(const struct store *s, int64_t now);
struct job *claim_job(struct store *s);
void claim_due_in(struct store *s, int64_t us);    /* something is due then */
void claim_notified(struct store *s, const char *payload);

/* ---- lease.c ---- */
struct lease_list {
    struct uuid *ids;
    int64_t *tokens;
    size_t count, cap;
    int64_t min_us;
};
struct lease_list *all_leases(struct store *s);
void lease_list_free(struct lease_list *l);
void lease_taken(struct store *s, const struct store_claim *c, int64_t sent_us);
struct job *renew_job(struct store *s);
struct job *poked_job(struct store *s);

/* ---- peek.c ---- */
void peeks_start(struct store *s);
void peeks_drop(struct store *s);

/* ---- release.c ---- */
void release_held(struct store *s, struct held *h, int64_t due_us);
void release_all(struct store *s);
void release_lost_claims(struct store *s);

/* ---- save.c ---- */
struct job *save_job(struct store *s);             /* the next batch, or NULL */
void saves_wake(struct store *s, int64_t now);     /* those that waited for a lock */
int64_t saves_next_us(const struct store *s);
void saves_drop(struct store *s);
#ifdef WITH_CRASH_POINTS
struct job *unfence_job(struct store *s, const struct job *save); /* the fault skip-fence */
#endif

/* ---- time.c ---- */
void time_said(int64_t server_us, int64_t asked_us, int64_t answered_us); /* the server's clock; the others are monotonic */

/* ---- upkeep.c ---- */
void upkeep_start(struct store *s, int64_t now);   /* what is due goes into the queue */
int64_t upkeep_next_us(const struct store *s);
void sweep_start(struct store *s, bool failed);
void asks_wanted(struct store *s);                 /* something stands in the outbox */

#endif
