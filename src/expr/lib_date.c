/* SPDX-License-Identifier: Apache-2.0 */
/* Dates: points in time are numbers of milliseconds since 1970-01-01T00:00:00Z; without a zone texts and parts are UTC. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "expr/lib_date.h"

static bool date_now(struct ev *ev, const struct call *c, struct val *out)
{
    (void)c;
    int64_t us = ev->env ? ev->env->now_us : 0;
    *out = val_num(floor((double)us / 1000.0));
    return true;
}

bool date_arg_zone(struct ev *ev, const struct call *c, size_t i, const struct zone **zone)
{
    struct error e = ERROR_INIT;
    size_t len;
    *zone = NULL;
    if (!arg_given(c, i))
        return true;
    const char *name = arg_string(ev, c, i, &len);
    if (!name)
        return false;
    CLEANUP_FREE char *copy = xstrndup(name, len < ZONE_NAME_MAX + 1 ? len : ZONE_NAME_MAX + 1);
    *zone = zone_find(copy, &e);
    return *zone || ex_fail(ev, "type_error", "%s(): %s", c->fn->name, e.message);
}

static int64_t floor_seconds(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

static bool date_parse(struct ev *ev, const struct call *c, struct val *out)
{
    const struct zone *zone;
    enum zone_kind kind;
    bool has_zone;
    size_t len;
    int64_t us;
    const char *s = arg_string(ev, c, 0, &len);
    if (!s || !date_arg_zone(ev, c, 1, &zone))
        return false;
    bool ok = len < 64 && clock_parse(s, &us, &has_zone) == 0;
    if (ok && zone && !has_zone) {
        int64_t local = us / US_PER_S - (us % US_PER_S < 0);
        us += (zone_from_local(zone, local, &kind) - local) * US_PER_S;
    }
    *out = val_num(ok ? floor((double)us / 1000.0) : (double)NAN);
    return true;
}

bool date_arg_time(struct ev *ev, const struct call *c, int64_t *ms)
{
    double d;
    if (!arg_number(ev, c, 0, &d))
        return false;
    if (!(d >= -62135596800000.0 && d < 253402300800000.0))
        return ex_fail(ev, "type_error", "%s() wants a time in the years 1 to 9999, in milliseconds", c->fn->name);
    *ms = (int64_t)floor(d);
    return true;
}

int32_t date_offset(const struct zone *zone, int64_t ms)
{
    struct zone_span span = {0};
    if (zone)
        zone_at(zone, floor_seconds(ms), &span);
    return span.offset;
}

static bool date_text(struct ev *ev, const struct call *c, struct val *out)
{
    const struct zone *zone;
    char text[CLOCK_TEXT], shown[CLOCK_TEXT + 16];
    int64_t ms;
    if (!date_arg_time(ev, c, &ms) || !date_arg_zone(ev, c, 1, &zone))
        return false;
    int32_t offset = date_offset(zone, ms), minutes = abs(offset) / 60;
    clock_format_utc_ms((ms + offset * INT64_C(1000)) * US_PER_MS, text);
    if (!zone)
        return ex_str(ev, text, strlen(text), out);
    snprintf(shown, sizeof shown, "%.*s%c%02d:%02d", (int)strlen(text) - 1, text, offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    return ex_str(ev, shown, strlen(shown), out);
}

static bool date_parts(struct ev *ev, const struct call *c, struct val *out)
{
    const struct zone *zone;
    const int64_t day_ms = INT64_C(86400000);
    int64_t ms, year;
    int month, day;
    if (!date_arg_time(ev, c, &ms) || !date_arg_zone(ev, c, 1, &zone))
        return false;
    ms += date_offset(zone, ms) * INT64_C(1000);
    int64_t days = ms / day_ms - (ms % day_ms < 0), rest = ms - days * day_ms;
    clock_date_from_days(days, &year, &month, &day);
    const struct {
        const char *name;
        int64_t value;
    } parts[] = {{"year", year}, {"month", month}, {"day", day}, {"hour", rest / 3600000}, {"minute", rest / 60000 % 60},
                 {"second", rest / 1000 % 60}, {"millisecond", rest % 1000}, {"weekday", ((days + 4) % 7 + 7) % 7}};
    struct obj *o = ex_obj_new(ev);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < ARRAY_LEN(parts); i++)
        ok = ex_obj_put(ev, o, parts[i].name, val_num((double)parts[i].value));
    if (!ok && o)
        ex_release(ev, val_obj(o));
    if (ok)
        *out = val_obj(o);
    return ok;
}

/* Date.UTC(year, month from 0, day, hour, minute, second, ms): values outside their range carry over. */
static bool date_utc(struct ev *ev, const struct call *c, struct val *out)
{
    double v[7] = {1970, 0, 1, 0, 0, 0, 0};
    for (size_t i = 0; i < c->n; i++) {
        if (!arg_number(ev, c, i, &v[i]))
            return false;
        if (!(fabs(v[i]) < 1e9))
            return ex_fail(ev, "type_error", "%s() wants smaller numbers", c->fn->name);
        v[i] = trunc(v[i]);
    }
    if (v[0] >= 0 && v[0] <= 99)
        v[0] += 1900;
    double months = v[0] * 12 + v[1], year = floor(months / 12);
    double days = (double)clock_days_from_date((int64_t)year, (int)(months - year * 12) + 1, 1) + v[2] - 1;
    *out = val_num(((days * 24 + v[3]) * 60 + v[4]) * 60000 + v[5] * 1000 + v[6]);
    return true;
}

const struct builtin lib_dates[] = {
    {"now", date_now, 0, 0, 0},
    {"Date.now", date_now, 0, 0, 0},
    {"Date.parse", date_parse, 1, 2, 0},
    {"Date.toISOString", date_text, 1, 2, 0},
    {"Date.parts", date_parts, 1, 2, 0},
    {"Date.UTC", date_utc, 1, 7, 0},
    {0},
};
