/* SPDX-License-Identifier: Apache-2.0 */
/* The schedules of the running store: what is due, and starting it.  Asynchronous, loop thread only, as store.h. */
#ifndef WF_STORE_SCHEDULE_H
#define WF_STORE_SCHEDULE_H

#include "store/store.h"

/* A schedule that is due or whose time has to be computed; everything is borrowed. */
struct store_schedule {
    struct uuid id;
    const char *cron, *timezone, *catch_up, *overlap; /* timezone may be NULL */
    int64_t catch_up_seconds;
    int64_t next_us;     /* 0: to be computed */
};

struct store_due {
    const struct store_schedule *schedules;
    size_t count;
    int64_t now_us;      /* by the database's clock */
    int64_t wait_us;     /* until the next one after these; INT64_MAX: none */
    bool notified;       /* changes are notified (and this worker listens) */
};
/* due NULL: the database could not be asked. */
typedef void (*store_due_fn)(void *arg, const struct store_due *due);
/* sync: look at the backend's tables first. */
void store_schedules_due(struct store *s, bool sync, size_t limit, store_due_fn done, void *arg);

struct store_schedule_run {
    struct uuid id;
    const char *cron;
    int64_t seen_us;     /* next_us as it was */
    int64_t next_us;     /* the new one; 0: never again */
    const char *error;   /* the schedule is wrong; NULL: it is not */
    const int64_t *slots;
    size_t slot_count;
};
struct store_schedule_done {
    size_t index;        /* of which run */
    int64_t started, skipped;
    const char *error;   /* why it was not started, or the error of the run; NULL: none */
};
/* Those that this worker did; the others were done or changed by somebody else. */
typedef void (*store_schedules_done_fn)(void *arg, const struct store_schedule_done *done, size_t count);
void store_schedules_run(struct store *s, const struct store_schedule_run *runs, size_t count, store_schedules_done_fn done,
                         void *arg);

#endif
