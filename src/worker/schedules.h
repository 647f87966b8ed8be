/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules in the running worker: one timer for the next one that is due. */
#ifndef WF_WORKER_SCHEDULES_H
#define WF_WORKER_SCHEDULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/timers.h"

struct schedules {
    struct timer_item timer;
    bool asked;            /* the database is being asked */
    bool again;            /* somebody changed something meanwhile */
    bool looked;           /* at least once */
    int misses;            /* in a row: what was due was not ours to start */
    int64_t next_sync_us;  /* monotonic; look at the backend's tables again */
    int64_t wait_us;       /* until the next one is due, when what is being started is done */
    struct schedule_batch *batch; /* being started */
};

struct worker;
void schedules_open(struct worker *w);
void schedules_close(struct worker *w);
void schedules_changed(struct worker *w);            /* look at once */
bool schedules_quiet(const struct worker *w);        /* looked, and nothing is being started */

#endif
