/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions: what they mean and when they come next.  Pure; any thread.
 *
 * Five fields (minute, hour, day of month, month, weekday), or six with seconds first; doc/schedules.md is the manual. */
#ifndef WF_ENGINE_CRON_H
#define WF_ENGINE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/zone.h"

#define CRON_TEXT_MAX 1000 /* bytes of an expression */
#define CRON_YEARS 50      /* one that does not come within so many years never comes */

struct cron {
    uint64_t seconds, minutes;  /* bit n: the value n */
    uint32_t hours, days, months;
    uint8_t weekdays;           /* bit 0: Sunday */
    uint8_t last_weekdays;      /* "5L": the last one of the month */
    uint8_t nth_weekdays[7];    /* "FRI#2": bit n of [5] */
    bool last_day;              /* "L" */
    bool both_days;             /* a day has to match both day fields; else either of them */
    bool real_time;             /* minute or hour begins with *: clock changes neither drop nor repeat runs */
    char zone[ZONE_NAME_MAX + 1]; /* of CRON_TZ= or TZ=, or "" */
};

/* 0, or -1 and *e, whose message quotes the expression. */
int cron_parse(const char *text, struct cron *out, struct error *e);

/* The first run strictly after `after_us`, in microseconds since 1970; a whole second.  -1 and *e when there is none
 * within CRON_YEARS (or before the year 10000). */
int cron_next(const struct cron *c, const struct zone *z, int64_t after_us, int64_t *next_us, struct error *e);

/* The zone that counts: the expression's own, else `name`, else (NULL or "") UTC.  NULL and *e. */
const struct zone *cron_zone(const struct cron *c, const char *name, struct error *e);

#endif
