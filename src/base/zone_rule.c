/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that ends a time zone file, in the form of POSIX's TZ variable. */
#include <ctype.h>

#include "base/clock.h"
#include "base/zone.h"

#define DAY 86400
#define MOST_HOURS 167 /* RFC 9636: a week, for rules that count from another day */

static bool take(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool take_number(const char **p, int least, int most, int *out)
{
    int v = 0, digits = 0;
    for (; isdigit((unsigned char)**p) && digits < 4; digits++)
        v = v * 10 + (*(*p)++ - '0');
    *out = v;
    return digits > 0 && v >= least && v <= most;
}

/* "CET" or "<+0330>" */
static bool take_name(const char **p)
{
    int n = 0;
    bool quoted = take(p, '<');
    for (; isalpha((unsigned char)**p) || (quoted && (isdigit((unsigned char)**p) || **p == '+' || **p == '-')); (*p)++)
        n++;
    return n >= 3 && n < 32 && (!quoted || take(p, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **p, int most_hours, int32_t *out)
{
    int h, m = 0, s = 0;
    bool minus = take(p, '-');
    if (!minus)
        take(p, '+');
    if (!take_number(p, 0, most_hours, &h))
        return false;
    if (take(p, ':')) {
        if (!take_number(p, 0, 59, &m) || (take(p, ':') && !take_number(p, 0, 59, &s)))
            return false;
    }
    *out = h * 3600 + m * 60 + s;
    if (minus)
        *out = -*out;
    return true;
}

static bool take_day(const char **p, struct zone_change *c)
{
    if (take(p, 'M')) {
        c->form = 'M';
        return take_number(p, 1, 12, &c->month) && take(p, '.') && take_number(p, 1, 5, &c->week) && take(p, '.') &&
               take_number(p, 0, 6, &c->day);
    }
    c->form = take(p, 'J') ? 'J' : 'N';
    return take_number(p, c->form == 'J', 365, &c->day);
}

static bool take_change(const char **p, struct zone_change *c)
{
    c->time = 2 * 3600;
    return take(p, ',') && take_day(p, c) && (!take(p, '/') || take_time(p, MOST_HOURS, &c->time));
}

int zone_rule_parse(const char *text, struct zone_rule *out)
{
    const char *p = text;
    int32_t west;
    *out = (struct zone_rule){0};
    if (!take_name(&p) || !take_time(&p, 24, &west))
        return -1;
    out->standard = -west;
    out->present = true;
    if (!*p)
        return 0;
    out->has_dst = true;
    out->summer = out->standard + 3600;
    if (!take_name(&p))
        return -1;
    if (*p != ',') {
        if (!take_time(&p, 24, &west))
            return -1;
        out->summer = -west;
    }
    return take_change(&p, &out->start) && take_change(&p, &out->end) && !*p ? 0 : -1;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The day of week `day` in week `week` of the month; week 5: the last one. */
static int64_t day_of_week(const struct zone_change *c, int64_t year)
{
    int64_t first = clock_days_from_date(year, c->month, 1);
    int64_t next = c->month == 12 ? clock_days_from_date(year + 1, 1, 1) : clock_days_from_date(year, c->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7;
    int64_t day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * INT64_C(7);
    return day >= next ? day - 7 : day;
}

/* Local seconds at which the change comes in that year. */
static int64_t change_in(const struct zone_change *c, int64_t year)
{
    int64_t day;
    if (c->form == 'M')
        day = day_of_week(c, year);
    else if (c->form == 'J')
        day = clock_days_from_date(year, 1, 1) + c->day - 1 + (is_leap(year) && c->day >= 60);
    else
        day = clock_days_from_date(year, 1, 1) + c->day;
    return day * DAY + c->time;
}

struct turn {
    int64_t at;
    bool summer;
};

/* The changes of three years in order; equal ones stay as they were, so that an end of summer that is the next year's
 * beginning counts as no end. */
static size_t turns_around(const struct zone_rule *r, int64_t year, struct turn out[6])
{
    size_t n = 0;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        const struct turn two[] = {{change_in(&r->start, y) - r->standard, true}, {change_in(&r->end, y) - r->summer, false}};
        for (int k = 0; k < 2; k++) {
            size_t at = n++;
            for (; at > 0 && out[at - 1].at > two[k].at; at--)
                out[at] = out[at - 1];
            out[at] = two[k];
        }
    }
    return n;
}

static int64_t floor_days(int64_t t)
{
    return t / DAY - (t % DAY < 0);
}

void zone_rule_at(const struct zone_rule *r, int64_t t, struct zone_span *out)
{
    struct turn turns[6];
    int64_t year;
    int month, day;
    *out = (struct zone_span){INT64_MIN, INT64_MAX, r->standard, false};
    if (!r->has_dst)
        return;
    clock_date_from_days(floor_days(t + r->standard), &year, &month, &day);
    size_t n = turns_around(r, year, turns);
    for (size_t i = 0; i < n; i++) {
        if (turns[i].at > t) {
            out->until = turns[i].at;
            return;
        }
        *out = (struct zone_span){turns[i].at, INT64_MAX, turns[i].summer ? r->summer : r->standard, turns[i].summer};
    }
}
