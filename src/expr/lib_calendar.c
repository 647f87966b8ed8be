/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar: Date.add, Date.startOf and Date.format, on the clock of a time zone, else of UTC. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "expr/lib_date.h"

#define DAY_S INT64_C(86400)
#define TIME_LEAST_MS -62135596800000.0
#define TIME_MOST_MS 253402300800000.0

enum unit { MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, YEAR, UNIT_COUNT };
static const char *const unit_names[UNIT_COUNT] = {"millisecond", "second", "minute", "hour", "day", "week", "month", "year"};
static const int64_t unit_ms[] = {1, 1000, 60000, 3600000, 86400000, 604800000};

static const char *const month_names[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                                          "November", "December"};
static const char *const day_names[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

/* What a clock on the wall shows. */
struct clock {
    int64_t year, days; /* since 1970-01-01 */
    int month, day;
    int64_t ms;         /* of the day */
    int32_t offset;     /* seconds east of UTC */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void clock_show(const struct zone *zone, int64_t ms, struct clock *out)
{
    out->offset = date_offset(zone, ms);
    ms += out->offset * INT64_C(1000);
    out->days = floor_div(ms, DAY_S * 1000);
    out->ms = ms - out->days * DAY_S * 1000;
    clock_date_from_days(out->days, &out->year, &out->month, &out->day);
}

/* The moment at which the clock shows this time of that day; where it jumps over it, the jump. */
static double clock_moment(const struct zone *zone, int64_t days, int64_t ms)
{
    enum zone_kind kind;
    int64_t local = days * DAY_S + ms / 1000;
    int64_t utc = zone ? zone_from_local(zone, local, &kind) : local;
    return (double)utc * 1000 + (zone && kind == ZONE_GAP ? 0 : (double)(ms % 1000));
}

/* "day" or "days". */
static bool arg_unit(struct ev *ev, const struct call *c, size_t i, enum unit *out)
{
    size_t len;
    const char *name = arg_string(ev, c, i, &len);
    if (!name)
        return false;
    for (int u = 0; u < UNIT_COUNT; u++) {
        size_t n = strlen(unit_names[u]);
        if (len >= n && memcmp(name, unit_names[u], n) == 0 && (len == n || (len == n + 1 && name[n] == 's'))) {
            *out = (enum unit)u;
            return true;
        }
    }
    return ex_fail(ev, "type_error", "%s() wants one of year, month, week, day, hour, minute, second, millisecond as argument %zu", c->fn->name,
                   i + 1);
}

static bool give_time(struct ev *ev, const struct call *c, double ms, struct val *out)
{
    if (!(ms >= TIME_LEAST_MS && ms < TIME_MOST_MS))
        return ex_fail(ev, "type_error", "%s(): the result is not in the years 1 to 9999", c->fn->name);
    *out = val_num(ms);
    return true;
}

static int days_of_month(int64_t year, int month)
{
    return (int)(clock_days_from_date(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - clock_days_from_date(year, month, 1));
}

static double add_months(const struct zone *zone, const struct clock *at, int64_t n)
{
    int64_t months = at->year * 12 + at->month - 1 + n, year = floor_div(months, 12);
    int month = (int)(months - year * 12) + 1, most = days_of_month(year, month);
    return clock_moment(zone, clock_days_from_date(year, month, at->day < most ? at->day : most), at->ms);
}

/* Date.add(ms, n, unit, zone): days and more move the clock's date and keep its time, and a day that the month lacks is its
 * last one; hours and less are real time. */
static bool date_add(struct ev *ev, const struct call *c, struct val *out)
{
    const struct zone *zone;
    struct clock at;
    enum unit unit;
    double n;
    int64_t ms;
    if (!date_arg_time(ev, c, &ms) || !arg_number(ev, c, 1, &n) || !arg_unit(ev, c, 2, &unit) || !date_arg_zone(ev, c, 3, &zone))
        return false;
    if (unit <= HOUR)
        return give_time(ev, c, (double)ms + trunc(n * (double)unit_ms[unit]), out);
    if (n != trunc(n) || fabs(n) > 4e6)
        return ex_fail(ev, "type_error", "%s() wants a whole number of %ss as argument 2", c->fn->name, unit_names[unit]);
    clock_show(zone, ms, &at);
    if (unit >= MONTH && fabs(n) > 120000)
        return give_time(ev, c, TIME_MOST_MS, out);
    if (unit >= MONTH)
        return give_time(ev, c, add_months(zone, &at, (int64_t)n * (unit == YEAR ? 12 : 1)), out);
    return give_time(ev, c, clock_moment(zone, at.days + (int64_t)n * (unit == WEEK ? 7 : 1), at.ms), out);
}

/* Date.startOf(ms, unit, zone); a week begins on Monday. */
static bool date_start_of(struct ev *ev, const struct call *c, struct val *out)
{
    const struct zone *zone;
    struct clock at;
    enum unit unit;
    int64_t ms;
    if (!date_arg_time(ev, c, &ms) || !arg_unit(ev, c, 1, &unit) || !date_arg_zone(ev, c, 2, &zone))
        return false;
    clock_show(zone, ms, &at);
    if (unit <= HOUR)
        return give_time(ev, c, (double)(ms - at.ms % unit_ms[unit]), out);
    int64_t days = at.days;
    if (unit == WEEK)
        days -= ((days + 3) % 7 + 7) % 7;
    else if (unit >= MONTH)
        days = clock_days_from_date(at.year, unit == YEAR ? 1 : at.month, 1);
    return give_time(ev, c, clock_moment(zone, days, 0), out);
}

/* ---- text ---- */

static void add_zone(struct text *t, int32_t offset)
{
    char shown[16];
    int minutes = abs(offset) / 60;
    snprintf(shown, sizeof shown, "%c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    text_addstr(t, shown);
}

static void add_padded(struct text *t, int64_t value, int width)
{
    char shown[24];
    snprintf(shown, sizeof shown, "%0*lld", width, (long long)value);
    text_addstr(t, shown);
}

/* A letter repeated n times; false when it means nothing. */
static bool add_token(struct text *t, const struct clock *at, char letter, size_t n)
{
    int64_t hour = at->ms / 3600000, half = hour % 12 == 0 ? 12 : hour % 12;
    const char *month = month_names[at->month - 1], *day = day_names[((at->days + 4) % 7 + 7) % 7];
    if (letter == 'Y' && (n == 4 || n == 2))
        add_padded(t, n == 4 ? at->year : at->year % 100, (int)n);
    else if (letter == 'M' && n >= 3 && n <= 4)
        text_add(t, month, n == 4 ? strlen(month) : 3);
    else if (letter == 'd' && n >= 3 && n <= 4)
        text_add(t, day, n == 4 ? strlen(day) : 3);
    else if (letter == 'S' && n == 3)
        add_padded(t, at->ms % 1000, 3);
    else if (letter == 'Z' && n == 1)
        add_zone(t, at->offset);
    else if (letter == 'A' && n == 1)
        text_addstr(t, hour < 12 ? "AM" : "PM");
    else if (n > 2 || !strchr("MDHhms", letter))
        return false;
    else
        add_padded(t, letter == 'M' ? at->month : letter == 'D' ? at->day : letter == 'H' ? hour : letter == 'h' ? half :
                   letter == 'm' ? at->ms / 60000 % 60 : at->ms / 1000 % 60, (int)n);
    return true;
}

/* Date.format(ms, 'YYYY-MM-DD HH:mm', zone): runs of letters are tokens, text in [brackets] and all else is itself. */
static bool date_format(struct ev *ev, const struct call *c, struct val *out)
{
    const struct zone *zone;
    struct clock at;
    struct text t;
    int64_t ms;
    size_t len;
    const char *s = date_arg_time(ev, c, &ms) ? arg_string(ev, c, 1, &len) : NULL;
    if (!s || !date_arg_zone(ev, c, 2, &zone) || !ex_charge_bytes(ev, len))
        return false;
    clock_show(zone, ms, &at);
    text_init(&t, ev);
    for (size_t i = 0, n; i < len && !t.failed; i += n) {
        const char *end = s[i] == '[' ? memchr(s + i, ']', len - i) : NULL;
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');
        for (n = 1; letter && i + n < len && s[i + n] == s[i];)
            n++;
        if (end) {
            n = (size_t)(end - (s + i)) + 1;
            text_add(&t, s + i + 1, n - 2);
        } else if (!letter) {
            text_add(&t, s + i, 1);
        } else if (!add_token(&t, &at, s[i], n)) {
            text_drop(&t);
            return ex_fail(ev, "type_error", "%s() does not know \"%.*s\" (write text in [brackets])", c->fn->name, n < 20 ? (int)n : 20, s + i);
        }
    }
    return text_finish(&t, out);
}

const struct builtin lib_calendar[] = {
    {"Date.add", date_add, 3, 4, 0},
    {"Date.startOf", date_start_of, 2, 3, 0},
    {"Date.format", date_format, 2, 3, 0},
    {0},
};
