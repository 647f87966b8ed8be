/* SPDX-License-Identifier: Apache-2.0 */
/* A hand-written reader: strptime(3) depends on the locale and accepts what is no time. */
#include "delay/instant.h"

#include <stddef.h>

/* Exactly `digits` digits. */
static int number(const char **p, int digits, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return -1;
        *out = *out * 10 + (**p - '0');
    }
    return 0;
}

static int skip(const char **p, char c)
{
    if (**p != c)
        return -1;
    (*p)++;
    return 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01; years are counted from March, so that the leap day is the last one. */
static int64_t days_since_epoch(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int read_date(const char **p, int64_t *days)
{
    int64_t year, month, day;
    if (number(p, 4, &year) || skip(p, '-') || number(p, 2, &month) || skip(p, '-') || number(p, 2, &day))
        return -1;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return -1;
    *days = days_since_epoch(year, month, day);
    return 0;
}

/* Milliseconds, rounded up: a delay is never shorter than asked for. */
static int read_fraction(const char **p, int64_t *ms)
{
    int digits = 0;
    int64_t scale = 100, rest = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++, digits++) {
        *ms += scale * (**p - '0');
        rest |= scale == 0 && **p != '0';
        scale /= 10;
    }
    *ms += rest;
    return digits > 0 && digits <= 9 ? 0 : -1;
}

static int read_clock(const char **p, int64_t *ms)
{
    int64_t hour, minute, second = 0, fraction = 0;
    if (number(p, 2, &hour) || skip(p, ':') || number(p, 2, &minute))
        return -1;
    if (**p == ':' && (skip(p, ':') || number(p, 2, &second)))
        return -1;
    if (**p == '.' && (skip(p, '.') || read_fraction(p, &fraction)))
        return -1;
    if (hour > 23 || minute > 59 || second > 60)
        return -1;
    *ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return 0;
}

static int read_zone(const char **p, int64_t *offset_ms)
{
    int64_t hour, minute = 0;
    *offset_ms = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return 0;
    }
    int64_t sign = **p == '-' ? -1 : 1;
    if (**p != '+' && **p != '-')
        return 0;
    (*p)++;
    if (number(p, 2, &hour))
        return -1;
    if (**p == ':')
        (*p)++;
    if (**p && number(p, 2, &minute))
        return -1;
    if (hour > 18 || minute > 59)
        return -1;
    *offset_ms = sign * (hour * 60 + minute) * 60000;
    return 0;
}

int instant_parse(const char *text, int64_t *ms, int *zoned)
{
    const char *p = text;
    int64_t days, clock = 0, offset = 0;
    *zoned = 0;
    if (read_date(&p, &days))
        return -1;
    if (*p == 'T' || *p == 't' || *p == ' ') {
        p++;
        if (read_clock(&p, &clock))
            return -1;
        *zoned = *p != '\0';
        if (read_zone(&p, &offset))
            return -1;
    }
    if (*p)
        return -1;
    *ms = days * INT64_C(86400000) + clock - offset;
    return 0;
}

/* What has to be added to a time that was read as UTC.  The node has failed when it returns -1. */
static int to_own_zone(struct wfw_task *task, const char *key, const char *text, int64_t *ms)
{
    int64_t more;
    const char *zone;
    struct wfw_error error = {.size = sizeof error};
    struct wfw_value *vars = host->object(task);
    const struct wfw_value *v = host->eval(task, "workflow.timezone ?? ''", NULL, NULL);
    if (!v || host->get_string(v, "", &zone, NULL) != WFW_OK || !*zone)
        return 0;
    host->set(vars, "text", host->string(task, text, WFW_NTS));
    host->set(vars, "zone", v);
    v = host->eval(task, "Date.parse(text, zone) - Date.parse(text)", vars, &error);
    if (v && host->get_int(v, "", &more) == WFW_OK) {
        *ms += more;
        return 0;
    }
    fail_with(host, task, "config_invalid", "%s has no time zone, and that of the workflow, \"%.64s\", cannot be used: %.700s", key, zone,
              v ? "no time" : error.message);
    return -1;
}

int instant_read(struct wfw_task *task, const char *key, const char *text, int64_t *ms)
{
    int zoned;
    if (instant_parse(text, ms, &zoned) == 0)
        return zoned ? 0 : to_own_zone(task, key, text, ms);
    fail_with(host, task, "config_invalid", "%s \"%.64s\" is not a time: write it as 2026-11-23T06:00 or 2026-11-23T06:00:00+01:00", key, text);
    return -1;
}
