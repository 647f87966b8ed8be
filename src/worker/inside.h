/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: the worker itself, and one execution that it holds.
 *
 * worker.c    life of the process's worker: open, loop, orderly end
 * claims.c    claims from the store -> runs, with their definition
 * prepare.c   reading what a claim brought, on the loop or beside it
 * recover.c   a run's state from what is durable; changes of status from outside
 * run.c       life of a run: apply an event, what to do next, drop
 * dispatch.c  activations: start handlers, take their outcomes, time-outs
 * outcomes.c  large outcomes: what is done with them beside the loop
 * commit.c    durable points: what is saved when, and what the answer means
 * size.c      how large an execution is, and what all of them take
 * services.c  what handlers may ask of the worker */
#ifndef WF_WORKER_INSIDE_H
#define WF_WORKER_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0 /* registry.h shows what plugins export */
#endif

#include "base/crashpoint.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/uuid.h"
#include "config/settings.h"
#include "engine/engine.h"
#include "plugin/registry.h"
#include "plugin/task.h"
#include "store/store.h"
#include "worker/handling.h"
#include "worker/claims.h"
#include "worker/defs.h"
#include "worker/http.h"
#include "worker/kept.h"
#include "worker/mask.h"
#include "worker/payloads.h"
#include "worker/prepare.h"
#include "worker/schedules.h"
#include "worker/stats.h"
#include "worker/timers.h"
#include "worker/turns.h"
#include "worker/worker.h"

enum worker_phase {
    WORKER_WORKING,
    WORKER_DRAINING, /* no claims, no new attempts; running ones have until the grace period's end */
    WORKER_CLOSING,  /* everything was given back; the store and the services close */
    WORKER_OVER,     /* the loop may stop */
};

struct worker {
    uv_loop_t loop;
    const struct settings_source *source;
    struct settings_source *reloaded; /* owned; in force instead of `source` after SIGHUP */
    struct settings_source *older;    /* owned: the one before */
    const struct settings *settings;
    const struct worker_options *options;
    enum worker_phase phase;
    int exit_code;
    struct error fatal; /* why it ends with 1 */

    struct registry *registry;
    struct catalog catalog;     /* the registry as the engine sees it */
    struct http_service *http;
    struct task_host *tasks;
    struct heavy *heavy;        /* large documents */
    struct store *store;
    struct defs *defs;
    void **service_states; /* of options->services, in their order */

    struct timers timers;
    struct turns turns;         /* how long the loop's turns take */
    struct timer_item grace;    /* DRAINING: the grace period's end */
    struct timer_item closing;  /* CLOSING: the store did not close in time */
    struct timer_item periodic; /* statistics */
    struct timer_item idle;     /* --until-idle */
    struct schedules schedules;
    struct timer_item watchdog;
    struct timer_item wake_up;  /* makes the loop turn */
    uv_signal_t signals[4];
    uv_check_t after;           /* once a turn of the loop: how much may be claimed */
    char *name;                 /* host:pid */

    struct idmap held;           /* of struct run */
    size_t memory;              /* bytes that all runs take, about */
    size_t running;             /* attempts that a handler works on */
    size_t outcomes_left;       /* so many outcomes may still be taken in this turn of the loop without going through it */
    size_t blocking;            /* of these, in handlers that may block */
    size_t room;                /* as last told to the store */
    size_t threads;             /* for blocking handlers; fixed, whatever SIGHUP brings */
    struct idmap dropped;        /* runs for which an answer of the store is still to come */
    struct engine_effects fx;   /* scratch of run_apply() */
    struct counts counts;
    struct store_stats last_store; /* as it was when the store was closed */
    struct counts said;         /* counts at the last statistics line */
    int64_t started_mono_us, started_at_us;
    int64_t said_second;        /* lines about executions that ended, in this second */
    int said_lines;
    bool ready;                 /* was connected once */
    bool idle_asked;
    bool stop_asked;            /* worker_stop() */
    bool sweeping;              /* going through all runs: not the time to close */
    bool at_once;               /* a second signal */
};

/* One activation that the engine wants to run or that a handler works on. */
enum act_phase {
    ACT_WAITING, /* to be started; its start is in no save yet */
    ACT_SAVING,  /* its start is in the save under way */
    ACT_SAVED,   /* its start is durable */
    ACT_STARTED, /* a handler works on it */
};

struct act {
    struct run *run;
    uint64_t id;
    size_t node;
    uint32_t attempt;
    enum engine_why why;
    json_t *checkpoint, *event; /* owned, or NULL */
    struct told told;
    int64_t timeout_ms;
    enum act_phase phase;
    bool must_save;             /* its start has to be durable first */
    bool seen;                  /* acts_reconcile() */
    bool blocking;
    struct task *task;
    struct outcome_job *job;    /* its outcome is large and being looked at beside the loop */
#ifdef WITH_CRASH_POINTS
    struct task *again; /* the fault double-run */
#endif
    struct timer_item timeout;
    int log_rows;               /* that its handler wrote */
    struct mask mask;           /* secrets that it was given */
};

typedef void claim_then(struct run *r, const struct store_claim *c, struct prepared *made);

/* One execution that this worker holds. */
struct run {
    struct idmap_item item;    /* must be first; item.id is the row's id */
    struct worker *w;
    int64_t token;
    char *execution_id;       /* exec-... */
    char workflow_id[UUID_TEXT];
    struct def *def;          /* NULL until it is loaded */
    char *definition_id;      /* the id that it is pinned to */
    struct engine_state *state;
    char *status;             /* the row's status as last seen or written */
    int64_t seq;              /* of the next journal row */
    size_t rows_since_snapshot;
    struct claim_copy *claim; /* while the definition or large values are loaded, or it is read beside the loop */

    struct act **acts;
    size_t act_count, act_cap;

    struct payloads payloads; /* large values */
    struct store_payload *putting; /* those that are being made durable, owned; or NULL */
    size_t putting_count;
    size_t base_bytes;        /* of its state's text when that was measured last; payloads.added came since then */
    size_t looked_bytes;      /* of all of it when max_state was asked last */
    size_t weight;            /* its part in worker.memory */
    size_t refused_bytes;     /* of what did not fit last */
    const struct run_size *before_joined; /* how large it was before what the coming event brings was joined, or NULL */
    bool full;                /* something did not fit into max_state */
    struct kept kept;         /* applied, not durable */
    size_t kept_in_save;      /* the first so many are in the save under way */
    struct save_log *logs;    /* rows for the next save */
    size_t log_count, log_cap;
    int64_t last_log_us;
    int64_t now_us;           /* time never goes back within an execution */
    int64_t started_us;       /* of the row */

    char **used;              /* ids of signals that were given to waiters, not durable yet; owned */
    size_t used_count, used_cap;
    size_t used_in_save;      /* the first so many are in the save under way */
    struct save_ask *asks;    /* for the next save; kind and body owned */
    size_t ask_count, ask_cap;

    claim_then *loaded;       /* when all of it is read */
    bool dead;                /* dropped; freed when `saving`, `peeking` and `loading` are over */
    bool saving, peeking, loading;
    bool crowd_told;          /* the log says that signals wait which nobody takes */
    bool poked;               /* look at the row when the save under way is back */
    bool must_rebuild;        /* a save was not applied: what is kept has to be applied again */
    bool durable;             /* something happened that must be durable soon */
    bool careful;             /* a worker was lost over it: every start is made durable first */
    char *refusal;            /* the database refused a save: the text that the execution fails with */
    bool behind;              /* the row shows less than what is durable */
    bool shows;               /* the save under way writes the row */
    int64_t shown_us;         /* monotonic: when the row was last written, or read by the claim */
    bool starting;            /* a handler is being started: what it says at once is looked at there */
    bool leaving;             /* the worker ends: save what is there and give it back */
    enum save_then then;      /* of the save under way */
    struct buf whole;         /* the row with large values written out, for the end */
    char *new_status;         /* the status that it writes */
    struct timer_item wake;   /* engine_next_due() */
    struct timer_item flush;  /* events have waited long enough for a durable point */
    struct timer_item retry;  /* the lease was not certain: try to start again */
};

#define RUN_OF(it) ((struct run *)(void *)(it))

/* ---- claims.c ---- */
void on_claimed(void *ctx, const struct store_claim *claims, size_t count);

/* Call then(r, c, what was read of it) when the large values that the claim names are here and all is read: at once, or later with
 * a copy of the claim. */
void claim_prepare(struct run *r, const struct store_claim *c, claim_then *then);

/* ---- recover.c ---- */
/* Build the state from what is durable and start from there.  Returns -1 when the run was dropped. */
int run_recover(struct run *r, const struct store_claim *c, struct prepared *made);
/* The row was changed from outside: build the state again, apply the change, then what is not durable yet. */
int run_rebuild(struct run *r, const struct store_claim *c, struct prepared *made);
/* Will it need the state again, or only the signals? */
bool run_needs_state(const struct run *r, const struct store_claim *c);

/* ---- run.c ---- */
struct run *run_new(struct worker *w, const struct store_claim *c);
void run_drop(struct run *r);                        /* cancel its handlers and forget it; nothing is saved */
void run_release(struct run *r, int64_t due_us);     /* drop it and give it back as it is in the database */
void run_destroy(struct run *r, struct idmap *h);     /* free one that is in h */
void run_unbusy(struct run *r);                      /* an answer came: frees a dropped run when it was the last */
int64_t run_now(struct run *r);
int run_apply(struct run *r, const struct engine_event *ev); /* -1: the engine refused it, nothing changed */
/* The same at a given time, for an outcome of an activation of `node` (SIZE_MAX: of none). */
int run_apply_at(struct run *r, const struct engine_event *ev, int64_t at_us, size_t node);
void run_effects(struct run *r, struct engine_effects *fx);
void run_turn(struct run *r);                        /* start what can be started, save what must be saved */
/* node and level live as long as the definition; so does text, unless it is the same as `own`, which is taken over. */
void run_log(struct run *r, const char *node, const char *level, const char *text, char *own, int64_t at_us);
void run_logs_clear(struct run *r);
/* Feed those that are new. */
void run_signals(struct run *r, const struct store_claim *c, const struct prepared *made);
void run_used_drop(struct run *r, size_t count);             /* they are durable, or do not count any more */
void run_asks_clear(struct run *r);
void run_peek(struct run *r);
void run_terminate(struct run *r, const char *message); /* the execution fails with this message, for good */
void run_error(const struct run *r, const char *what, const struct error *e); /* an error line that names it */

/* ---- dispatch.c ---- */
void act_conclude(struct act *a, struct engine_event *ev);   /* ev goes to the engine; the activation is gone */
void acts_add(struct run *r, struct engine_effect *fx); /* takes over the effect's values; nothing when it is there */
void acts_cancel(struct run *r, uint64_t id);
void acts_clear(struct run *r);                        /* cancel all */
/* The worker ends: those that wait for a thread are as if they had not been started. */
void acts_withdraw(struct run *r);
size_t acts_started(const struct run *r);
bool acts_start_ready(struct run *r);                  /* true: the engine said something new, look again */
bool acts_wait_for_save(const struct run *r);
void acts_saving(struct run *r);                       /* what waits is in the save under way */
void acts_saved(struct run *r);                        /* that save is durable */
void acts_reconcile(struct run *r);                    /* after a rebuild: cancel what the state does not know */

/* ---- outcomes.c ---- */
/* true: it is large, and comes back as act_conclude() and run_turn(). */
bool outcome_beside(struct act *a, struct task *t, const struct outcome *o);
void outcome_forget(struct act *a);                     /* the activation goes, what is under way does not count */

/* ---- commit.c ---- */
void run_save_if_due(struct run *r);

/* ---- size.c ---- */
struct run_size {
    size_t added, bytes, count;
};
struct run_size run_size(const struct run *r);
/* Would the state be larger than max_state with what was taken note of since `before`?  `before` is now: is it larger?  Cheap when
 * it clearly is not; when it is, what was taken note of is forgotten.  Where values are replaced by others it may grow by a
 * sixteenth of max_state unseen. */
bool run_outgrows(struct run *r, struct run_size before);
/* What an outcome that does not fit, as run_outgrows() just said, makes of its node; owned by the caller. */
struct failure run_too_large(const struct run *r, size_t node);
/* What was not an outcome is in the state, and it is too large: the execution ends with that. */
void run_end_too_large(struct run *r);
void run_measured(struct run *r, size_t text_len); /* the state's text, without its payloads, has so many bytes */
void run_weigh(struct run *r);                     /* say to the worker what it takes now */
void run_weigh_nothing(struct run *r);
size_t worker_memory(const struct worker *w);      /* bytes: runs, bodies of http, saves */
size_t worker_room_bytes(const struct worker *w);  /* text that may still be taken up within max_memory; 0: none */

/* ---- services.c ---- */
struct task_services worker_services(struct worker *w);
char *worker_secret(void *ctx, const char *kind, const char *name); /* an engine_secret_fn; ctx = the worker */
/* The same for an activation (ctx), which remembers the secrets that its handler must not repeat. */
char *act_secret(void *ctx, const char *kind, const char *name);

/* ---- worker.c ---- */
void worker_fatal(struct worker *w, const struct error *e);
void worker_event(struct worker *w, const struct worker_event *ev);

/* ---- lifecycle.c ---- */
bool worker_worked(const struct worker *w); /* it was ready once, or nothing keeps it from that */
void worker_drain(struct worker *w, const char *why); /* begin the orderly end */
void worker_check_drained(struct worker *w);          /* go on to CLOSING when nothing is held any more */
void worker_watch_idle(struct worker *w);

/* ---- signals.c ---- */
int signals_open(struct worker *w, struct error *e);
void signals_close(struct worker *w);

/* ---- banner.c ---- */
void banner_print(const struct worker *w);   /* on a terminal: the start-up box */
void banner_running(const struct worker *w); /* once connected */

/* ---- notify.c ---- */
void notify_begin(struct worker *w); /* the loop turns from now on: the watchdog can rely on it */
void notify_ready(void);             /* connected for the first time */
void notify_status(const char *text);
void notify_stopping(void);

#endif
