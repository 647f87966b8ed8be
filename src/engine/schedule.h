/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs of a schedule are due, and when it comes again.  Pure. */
#ifndef WF_ENGINE_SCHEDULE_H
#define WF_ENGINE_SCHEDULE_H

#include <stddef.h>

#include "engine/cron.h"

/* A run that nobody has started so long after its time is a missed one: there was a downtime. */
#define SCHEDULE_LATE_US INT64_C(10000000)
/* Runs that are started at once; more of them (catch_up all) follow in the next round. */
#define SCHEDULE_SLOTS 100

enum schedule_catch_up {
    CATCH_UP_NONE, /* missed runs are left out */
    CATCH_UP_ONE,  /* one run for all that were missed, at the newest time */
    CATCH_UP_ALL,  /* each, but not longer ago than the window */
};

/* 0, or -1 when the name is not none, one or all. */
int schedule_catch_up_parse(const char *name, enum schedule_catch_up *out);

/* What a schedule says, as text, and the same understood. */
struct schedule_text {
    const char *cron, *timezone, *catch_up, *overlap; /* timezone may be NULL */
};
struct schedule_meaning {
    struct cron cron;
    const struct zone *zone;
    enum schedule_catch_up catch_up;
};

/* 0, or -1 and *e: one of the texts is wrong. */
int schedule_read(const struct schedule_text *text, struct schedule_meaning *out, struct error *e);

struct schedule_plan {
    int64_t slots[SCHEDULE_SLOTS]; /* to be started now, the oldest first */
    size_t count;
    int64_t next_us; /* due then; may be past when there were more than SCHEDULE_SLOTS */
};

/* next_us: when it was due, 0 when that has to be computed.  -1 and *e: it never comes. */
int schedule_plan(const struct cron *c, const struct zone *z, enum schedule_catch_up catch_up, int64_t window_us, int64_t next_us,
                  int64_t now_us, struct schedule_plan *out, struct error *e);

#endif
