/* SPDX-License-Identifier: Apache-2.0 */
/* When a cron expression comes next: a search over the clock on the wall, and then what that is in time. */
#include "base/clock.h"
#include "engine/cron.h"

#define DAY_S INT64_C(86400)
#define LAST_S INT64_C(253402300799) /* the end of the year 9999 */

static int days_in(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static int64_t day_of(int64_t t)
{
    return t / DAY_S - (t % DAY_S < 0);
}

static bool weekday_matches(const struct cron *c, int weekday, int day, int last)
{
    unsigned bit = 1U << weekday;
    return (c->weekdays & bit) || (c->nth_weekdays[weekday] & (1U << ((day - 1) / 7 + 1))) ||
           ((c->last_weekdays & bit) && day + 7 > last);
}

static bool day_matches(const struct cron *c, int64_t days, int day, int last)
{
    bool by_date = (c->days & (UINT32_C(1) << day)) || (c->last_day && day == last);
    bool by_weekday = weekday_matches(c, (int)(((days + 4) % 7 + 7) % 7), day, last);
    return c->both_days ? by_date && by_weekday : by_date || by_weekday;
}

/* The first day from `days` on whose date matches; false: none until `limit`. */
static bool next_day(const struct cron *c, int64_t days, int64_t limit, int64_t *out)
{
    while (days <= limit) {
        int64_t year;
        int month, day;
        clock_date_from_days(days, &year, &month, &day);
        int last = days_in(year, month);
        if (c->months & (UINT32_C(1) << month))
            for (; day <= last && days <= limit; day++, days++)
                if (day_matches(c, days, day, last)) {
                    *out = days;
                    return true;
                }
        days += last - day + 1;
    }
    return false;
}

/* The lowest bit of the mask from `from` on, or -1. */
static int next_bit(uint64_t mask, int from)
{
    uint64_t rest = from > 63 ? 0 : mask >> from << from;
    return rest ? __builtin_ctzll(rest) : -1;
}

/* The first matching second of a day from `from` on, or -1. */
static int next_second(const struct cron *c, int from)
{
    int h = from / 3600, m = from / 60 % 60, s = from % 60;
    int hour = next_bit(c->hours, h);
    for (; hour >= 0; hour = next_bit(c->hours, hour + 1)) {
        if (hour > h)
            m = s = 0;
        int minute = next_bit(c->minutes, m);
        for (; minute >= 0; minute = next_bit(c->minutes, minute + 1)) {
            int second = next_bit(c->seconds, hour > h || minute > m ? 0 : s);
            if (second >= 0)
                return hour * 3600 + minute * 60 + second;
        }
    }
    return -1;
}

/* The first time on the wall from `local` on that matches; false: none up to `limit`. */
static bool next_local(const struct cron *c, int64_t local, int64_t limit, int64_t *out)
{
    int64_t days = day_of(local), first = days;
    while (next_day(c, days, day_of(limit), &days)) {
        int second = next_second(c, days == first ? (int)(local - days * DAY_S) : 0);
        if (second >= 0) {
            *out = days * DAY_S + second;
            return *out <= limit;
        }
        days++;
    }
    return false;
}

/* Fixed times: each time on the wall is one run, wherever the clock jumps.  Their order on the wall is their order in
 * time, so the first one that is later than `after` is it. */
static bool next_fixed(const struct cron *c, const struct zone *z, int64_t after, int64_t limit, int64_t *out)
{
    struct zone_span s;
    enum zone_kind kind;
    zone_at(z, after, &s);
    for (int64_t local = after + s.offset; next_local(c, local, limit, &local); local++) {
        *out = zone_from_local(z, local, &kind);
        if (*out > after)
            return true;
    }
    return false;
}

/* Real time: what the clock shows decides, from one change to the next. */
static bool next_real(const struct cron *c, const struct zone *z, int64_t after, int64_t limit, int64_t *out)
{
    struct zone_span s;
    int64_t local;
    for (int64_t t = after + 1;; t = s.until) {
        zone_at(z, t, &s);
        bool open = s.until >= limit;
        if (next_local(c, t + s.offset, open ? limit : s.until + s.offset - 1, &local)) {
            *out = local - s.offset;
            return true;
        }
        if (open)
            return false;
    }
}

static int64_t limit_after(int64_t after)
{
    int64_t year;
    int month, day;
    clock_date_from_days(day_of(after), &year, &month, &day);
    int64_t limit = clock_days_from_date(year + CRON_YEARS, month, day) * DAY_S + DAY_S - 1;
    return limit < LAST_S ? limit : LAST_S;
}

int cron_next(const struct cron *c, const struct zone *z, int64_t after_us, int64_t *next_us, struct error *e)
{
    int64_t after = after_us / US_PER_S - (after_us % US_PER_S < 0), next;
    int64_t limit = limit_after(after);
    bool found = c->real_time ? next_real(c, z, after, limit, &next) : next_fixed(c, z, after, limit, &next);
    if (!found) {
        err_set(e, "the cron expression never comes: no run within %d years", CRON_YEARS);
        return err_hint(e, "see whether the day, the month and the weekday can meet");
    }
    *next_us = next * US_PER_S;
    return 0;
}

const struct zone *cron_zone(const struct cron *c, const char *name, struct error *e)
{
    return zone_find(c->zone[0] ? c->zone : name && *name ? name : "UTC", e);
}
