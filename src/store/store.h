/* SPDX-License-Identifier: Apache-2.0 */
/* All SQL of the running worker: claim, load, commit, listen, renew, give back.
 *
 * Asynchronous, on the loop thread only: two write connections in pipeline mode and one that listens.  Callbacks are
 * never called from inside the function that takes them.  While the database is away nothing is lost: saves wait and are
 * checked against the fence when it is back.  store_sync.h has the blocking calls of the command line. */
#ifndef WF_STORE_STORE_H
#define WF_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/uuid.h"

/* One execution that this worker now holds. */
struct store_claim {
    struct uuid id;              /* workflowexecution.id */
    int64_t token;               /* the fence */
    int crashes;                 /* leases that ran out since the last save: > 0 means a worker was lost */
    struct uuid workflow_id;
    int64_t workflow_version;
    const char *execution_id;    /* exec-... */
    const char *status;          /* the row's status now */
    const char *error_message;   /* or NULL */
    const char *current_node_id; /* or NULL */
    const char *execution_state; /* JSON text; NULL when there is none, or once a snapshot or the journal is there */
    size_t execution_state_len;
    int64_t started_at_us;
    int retry_count;
    int64_t next_retry_at_us;    /* 0 = null */
    int64_t completed_at_us;     /* 0 = null */
    const char *snapshot;        /* JSON text of the last snapshot, or NULL */
    size_t snapshot_len;
    const char *const *journal;  /* JSON texts (arrays of events), oldest first, after the snapshot */
    const size_t *journal_len;
    size_t journal_count;
    const char *const *signals;  /* unused ones, oldest first: JSON texts [id, type, data] */
    const size_t *signals_len;
    size_t signal_count;
    int64_t next_seq;            /* the sequence number for the next journal row */
    const char *definition;      /* id of the pinned definition; NULL before START */
    const char *workflow_stamp;  /* changes whenever the workflow's row changes; key of a cache */
    bool workflow_active;
};

struct store_callbacks {
    void *ctx;
    /* Executions were claimed; everything is borrowed for the call. */
    void (*claimed)(void *ctx, const struct store_claim *claims, size_t count);
    /* A row that this worker holds was changed from outside (status), or vanished: look at it (store_peek). */
    void (*poked)(void *ctx, const struct uuid *id);
    /* The lease of this execution could not be renewed: another worker has it, or the row is gone.  Drop it. */
    void (*lease_lost)(void *ctx, const struct uuid *id);
    /* The connection went away or came back; the store has logged it. */
    void (*connection)(void *ctx, bool up);
    /* It can never work (schema missing or too new, no permission): stop with this error. */
    void (*fatal)(void *ctx, const struct error *e);
    /* A schedule was changed by somebody; may be NULL. */
    void (*schedules)(void *ctx);
};

struct store_options {
    const char *dsn;
    const char *listen_dsn;      /* NULL: dsn */
    bool listen;
    int64_t poll_interval_ms;
    int64_t lease_ms;
    const char *worker_name;     /* host:pid, shown in the registry of workers */
    const char *host;            /* these three are for the registry, too; or NULL */
    const char *version;
    const char *abi;             /* of plugins, "major.minor" */
    int pid;                     /* 0: not said */
    const char *node_types;      /* that this worker has, separated by commas, for the registry; or NULL */
    int history_retention_days;
    int executions_per_user;     /* of one owner's, that all workers may hold at a time; 0: no limit */
};

struct store;
struct store *store_open(uv_loop_t *loop, const struct store_options *options, const struct store_callbacks *callbacks,
                         struct error *e); /* begins to connect; never blocks */

/* How many more executions may be claimed now; the store claims by itself when there is room, when a notification says
 * so, when something is due, or at the poll interval.  0 stops claiming. */
void store_set_room(struct store *s, size_t room);

/* Enter into the registry that this worker finishes what it holds and takes nothing new. */
void store_stopping(struct store *s);

/* How many bytes of state one claim may bring, at most and at first 16 MiB; one execution comes whatever its size.  What does not
 * fit stays in the queue. */
void store_set_room_bytes(struct store *s, size_t bytes);

/* An execution needs node types (their names) that this worker lacks.  Handed over: a living worker that has all of them takes it,
 * and this one does not hold it any more.  present: its definition is the one that its workflow has now, so that what this one
 * starts from now on goes there at once.  done gets false when no living worker has them: then nothing was changed. */
typedef void (*store_handed_fn)(void *arg, bool handed);
void store_hand_over(struct store *s, const struct uuid *id, int64_t token, const char *const *needs, size_t count, bool present,
                     store_handed_fn done, void *arg);

/* ---- Definitions ---- */
struct store_definition {
    const char *id;              /* content-addressed: equal content has an equal id */
    const char *graph;           /* JSON text of graph_config, or NULL */
    const char *rows;            /* JSON array of workflownode rows, or NULL */
    const char *trigger_config;  /* JSON text, or NULL */
};
typedef void (*store_definition_fn)(void *arg, const struct store_definition *d, const struct error *e);
/* Pin the workflow's present definition (made durable under its id), or load a pinned one by id. d NULL: *e says why. */
void store_definition_pin(struct store *s, const struct uuid *workflow_id, store_definition_fn done, void *arg);
void store_definition_load(struct store *s, const char *id, store_definition_fn done, void *arg);

/* ---- Saving ---- */
enum save_result {
    SAVE_OK,
    SAVE_FENCED,   /* another worker holds the execution: drop it, nothing was changed */
    SAVE_CONFLICT, /* the row's status was changed from outside: nothing was changed; reload and apply the change first */
    SAVE_GONE,     /* the row vanished: drop it */
    SAVE_REFUSED,  /* the database refuses this content: *e; nothing of it was changed */
};
enum save_then {
    SAVE_KEEP,     /* still leased to this worker */
    SAVE_PARK,     /* give the lease back, due at due_us (INT64_MAX: only when poked) */
    SAVE_END,      /* over: leave the queue */
};
struct save_log {
    const char *node_id, *level, *message; /* cut to 255 / 20 / 5000 characters by the store */
    int64_t at_us;
    char *own;                   /* the caller's memory of the message; of no meaning for the store */
};
struct save_ask {
    const char *kind, *body;     /* wfworker.ask_KIND(execution, body); body is a JSON object */
    size_t body_len;
};
struct store_save {
    struct uuid id;
    int64_t token;
    const char *expected_status; /* the row's status as last seen or written; another one is a conflict */
    int64_t seq;                 /* number of the journal row */
    const char *journal;         /* JSON array of events, or NULL */
    size_t journal_len;
    const char *snapshot;        /* or NULL; replaces the last one, and counts up to `seq` */
    size_t snapshot_len;
    const char *definition;      /* with a snapshot: id of the pinned definition */
    const char *projection;      /* execution_state, JSON text */
    size_t projection_len;
    const char *status, *current_node_id, *error_message; /* columns; the last two may be NULL */
    int retry_count;
    int64_t next_retry_at_us, completed_at_us; /* 0 = null */
    const struct save_log *logs;
    size_t log_count;
    const char *const *used;     /* ids of signals that were given to their waiters; must be uuids */
    size_t used_count;
    const struct save_ask *asks; /* carried out in order, exactly once, soon after the save is durable */
    size_t ask_count;
    enum save_then then;
    int64_t due_us;
};
/* `status` is the row's status in the database (CONFLICT), else NULL. */
typedef void (*store_save_fn)(void *arg, enum save_result result, const char *status, const struct error *e);
/* Queue a save; everything is copied.  Saves of one execution are applied in order; the next one may be queued before
 * the first is back.  Durable when done is called with SAVE_OK. */
void store_save(struct store *s, const struct store_save *save, store_save_fn done, void *arg);

/* Load again what is durable of an execution that this worker holds (after a conflict, or when poked).  claim NULL: it
 * is gone or no longer ours. */
typedef void (*store_peek_fn)(void *arg, const struct store_claim *claim);
void store_peek(struct store *s, const struct uuid *id, int64_t token, store_peek_fn done, void *arg);

/* Give an execution back as it is in the database, claimable at once (shutdown) or at due_us. */
void store_release(struct store *s, const struct uuid *id, int64_t token, int64_t due_us);

/* True when the lease on everything claimed is certain to hold for `ms` more by the monotonic clock (false when nothing is
 * claimed): ask right before an unsafe effect. */
bool store_lease_holds(const struct store *s, int64_t ms);

struct store_stats {
    uint64_t claims, claimed, saves, batches, fenced, conflicts, refused, reconnects, queries;
    size_t saves_waiting, saves_bytes; /* not durable yet: their number, and how much of them is kept in memory */
    int64_t queue_depth;      /* runnable and due, as of the last look; -1 = not known */
    bool connected, listening;
};
void store_stats(const struct store *s, struct store_stats *out);

/* Milliseconds until the next row in the queue is due as far as is known (0: runnable ones are left, INT64_MAX: none).
 * Asks the database; for --until-idle.  held = leased by anybody. */
typedef void (*store_idle_fn)(void *arg, bool known, size_t held, int64_t next_due_ms);
void store_idle(struct store *s, store_idle_fn done, void *arg);

/* Flush what waits, give back what is still held, close.  done is called on the loop when everything is closed, at the
 * latest after timeout_ms. */
void store_close(struct store *s, int64_t timeout_ms, void (*done)(void *arg), void *arg);

#endif
