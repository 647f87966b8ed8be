/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <ctype.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/crashpoint.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

#define FOLLOWS_NONE INT64_MIN
static _Atomic int64_t ahead_of_mono = FOLLOWS_NONE;

int64_t clock_now_us(void)
{
    int64_t ahead = atomic_load_explicit(&ahead_of_mono, memory_order_relaxed);
    if (ahead != FOLLOWS_NONE)
        return clock_mono_us() + ahead;
#ifdef WITH_CRASH_POINTS
    return read_clock(CLOCK_REALTIME) + crash_clock_us();
#else
    return read_clock(CLOCK_REALTIME);
#endif
}

int64_t clock_mono_us(void)
{
#ifdef CLOCK_BOOTTIME
    return read_clock(CLOCK_BOOTTIME);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}

void clock_follow(int64_t now_us)
{
    atomic_store_explicit(&ahead_of_mono, now_us - clock_mono_us(), memory_order_relaxed);
}

bool clock_follows(void)
{
    return atomic_load_explicit(&ahead_of_mono, memory_order_relaxed) != FOLLOWS_NONE;
}

/* Both conversions count in eras of 400 years (146,097 days) from 0000-03-01, so that the leap day is a year's last. */
int64_t clock_days_from_date(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void clock_date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

struct civil {
    int year, month, day, hour, minute, second;
    int us;
};

static int64_t whole_seconds(int64_t us, int *fraction)
{
    *fraction = (int)(us % US_PER_S);
    bool before = *fraction < 0;
    *fraction += before ? (int)US_PER_S : 0;
    return us / US_PER_S - before;
}

static struct civil civil_from_seconds(int64_t secs)
{
    int64_t days = secs / 86400, rest = secs % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t year;
    struct civil c;
    clock_date_from_days(days, &year, &c.month, &c.day);
    c.year = year < 1 ? 1 : year > 9999 ? 9999 : (int)year;
    c.hour = (int)(rest / 3600);
    c.minute = (int)(rest / 60 % 60);
    c.second = (int)(rest % 60);
    c.us = 0;
    return c;
}

static struct civil civil_from_us(int64_t us)
{
    int fraction;
    struct civil c = civil_from_seconds(whole_seconds(us, &fraction));
    c.us = fraction;
    return c;
}

/* Written by hand: each save formats many times, and printf would be most of what it costs. */
static char *put_digits(char *p, int v, int digits)
{
    for (int i = digits; i-- > 0; v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + digits;
}

/* YYYY-MM-DDTHH:MM:SS; returns its end. */
static char *put_seconds(char *p, const struct civil *c)
{
    p = put_digits(p, c->year, 4);
    *p++ = '-';
    p = put_digits(p, c->month, 2);
    *p++ = '-';
    p = put_digits(p, c->day, 2);
    *p++ = 'T';
    p = put_digits(p, c->hour, 2);
    *p++ = ':';
    p = put_digits(p, c->minute, 2);
    *p++ = ':';
    return put_digits(p, c->second, 2);
}

/* The times of an execution that ends at once lie in one second: its text is kept for the next. */
#define SECOND_TEXT (sizeof "2000-01-01T00:00:00" - 1)

static const char *second_text(int64_t second)
{
    static __thread int64_t last = INT64_MIN;
    static __thread char text[SECOND_TEXT];
    if (second != last) {
        struct civil c = civil_from_seconds(second);
        put_seconds(text, &c);
        last = second;
    }
    return text;
}

void clock_format_naive(int64_t us, char out[CLOCK_TEXT])
{
    int fraction;
    memcpy(out, second_text(whole_seconds(us, &fraction)), SECOND_TEXT);
    char *p = out + SECOND_TEXT;
    if (fraction) {
        *p++ = '.';
        p = put_digits(p, fraction, 6);
    }
    *p = '\0';
}

void clock_format_utc_ms(int64_t us, char out[CLOCK_TEXT])
{
    struct civil c = civil_from_us(us);
    char *p = put_seconds(out, &c);
    *p++ = '.';
    p = put_digits(p, c.us / 1000, 3);
    *p++ = 'Z';
    *p = '\0';
}

/* Read exactly `digits` digits in [lo, hi]. */
static bool take_number(const char **p, int digits, int lo, int hi, int *out)
{
    int v = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return false;
        v = v * 10 + (**p - '0');
    }
    *out = v;
    return v >= lo && v <= hi;
}

static bool take_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool take_fraction(const char **p, int *us)
{
    int digits = 0, v = 0;
    for (; isdigit((unsigned char)**p); (*p)++) {
        if (++digits > 9)
            return false;
        if (digits <= 6)
            v = v * 10 + (**p - '0');
    }
    for (int i = digits; i < 6; i++)
        v *= 10;
    *us = v;
    return digits > 0;
}

static bool take_time(const char **p, struct civil *c)
{
    if (!take_number(p, 2, 0, 23, &c->hour) || !take_char(p, ':') || !take_number(p, 2, 0, 59, &c->minute))
        return false;
    if (take_char(p, ':')) {
        if (!take_number(p, 2, 0, 60, &c->second))
            return false;
        if ((take_char(p, '.') || take_char(p, ',')) && !take_fraction(p, &c->us))
            return false;
    }
    return true;
}

/* The zone's offset in seconds; *has says whether there was one. */
static bool take_zone(const char **p, int *offset, bool *has)
{
    *offset = 0;
    *has = true;
    if (take_char(p, 'Z') || take_char(p, 'z'))
        return true;
    int sign = **p == '+' ? 1 : **p == '-' ? -1 : 0;
    if (!sign) {
        *has = false;
        return true;
    }
    (*p)++;
    int h, m = 0;
    if (!take_number(p, 2, 0, 15, &h))
        return false;
    bool colon = take_char(p, ':');
    if ((colon || isdigit((unsigned char)**p)) && !take_number(p, 2, 0, 59, &m))
        return false;
    *offset = sign * (h * 3600 + m * 60);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int clock_parse(const char *text, int64_t *us, bool *has_zone)
{
    struct civil c = {0};
    const char *p = text;
    int offset = 0;
    bool zone = false;
    if (!take_number(&p, 4, 1, 9999, &c.year) || !take_char(&p, '-') || !take_number(&p, 2, 1, 12, &c.month) ||
        !take_char(&p, '-') || !take_number(&p, 2, 1, days_in_month(c.year, c.month), &c.day))
        return -1;
    if (take_char(&p, 'T') || take_char(&p, 't') || take_char(&p, ' ')) {
        if (!take_time(&p, &c) || !take_zone(&p, &offset, &zone))
            return -1;
    }
    if (*p)
        return -1;
    int64_t secs = clock_days_from_date(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
    *us = (secs - offset) * US_PER_S + c.us;
    if (has_zone)
        *has_zone = zone;
    return 0;
}
