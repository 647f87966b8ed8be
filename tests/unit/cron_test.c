/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/cron.h"
#include "unit/zone_files.h"

/* The next `count` runs as local times, one string: "10-25 02:30+02:00, ..." */
static char *runs(const char *text, const char *zone, const char *from, int count)
{
    struct error e = ERROR_INIT;
    struct cron c;
    struct zone_span s;
    char line[CLOCK_TEXT];
    int64_t us;
    struct buf out = BUF_INIT;
    if (cron_parse(text, &c, &e) != 0)
        fail_msg("%s (%s)", e.message, e.hint);
    const struct zone *z = cron_zone(&c, zone, &e);
    assert_non_null(z);
    assert_int_equal(clock_parse(from, &us, NULL), 0);
    for (int i = 0; i < count; i++) {
        if (cron_next(&c, z, us, &us, &e) != 0) {
            buf_addstr(&out, i > 0 ? ", never" : "never");
            break;
        }
        zone_at(z, us / US_PER_S, &s);
        clock_format_naive(us + s.offset * US_PER_S, line);
        buf_printf(&out, "%s%s%+03d:%02d", i > 0 ? ", " : "", line, s.offset / 3600, (s.offset < 0 ? -s.offset : s.offset) / 60 % 60);
    }
    return buf_steal(&out);
}

static void check_in(const char *zone, const char *text, const char *from, int count, const char *expected)
{
    CLEANUP_FREE char *got = runs(text, zone, from, count);
    if (strcmp(got, expected) != 0)
        fail_msg("\"%s\" after %s in %s:\n  got      %s\n  expected %s", text, from, zone, got, expected);
}

static void check(const char *text, const char *from, int count, const char *expected)
{
    check_in("UTC", text, from, count, expected);
}

static void fields_lists_ranges_and_steps(void **state)
{
    (void)state;
    check("* * * * *", "2026-11-23T07:00:00Z", 2, "2026-11-23T07:01:00+00:00, 2026-11-23T07:02:00+00:00");
    check("* * * * * *", "2026-11-23T07:00:59.5Z", 1, "2026-11-23T07:01:00+00:00");
    check("*/20 5/25 * * * *", "2026-11-23T07:05:20Z", 3, "2026-11-23T07:05:40+00:00, 2026-11-23T07:30:00+00:00, 2026-11-23T07:30:20+00:00");
    check("5,10-20/5,58 23 * * *", "2026-11-23T23:10:00Z", 4,
          "2026-11-23T23:15:00+00:00, 2026-11-23T23:20:00+00:00, 2026-11-23T23:58:00+00:00, 2026-11-24T23:05:00+00:00");
    check("  0\t0  1  jan,JUL  *  ", "2026-11-23T00:00:00Z", 2, "2027-01-01T00:00:00+00:00, 2027-07-01T00:00:00+00:00");
    check("0 0 29 2 *", "2096-03-01T00:00:00Z", 1, "2104-02-29T00:00:00+00:00");
    check("0 0 31 */2 *", "2026-11-01T00:00:00Z", 2, "2027-01-31T00:00:00+00:00, 2027-03-31T00:00:00+00:00");
}

static void weekdays_by_number_and_name(void **state)
{
    (void)state;
    check("0 0 * * 7", "2026-11-23T00:00:00Z", 1, "2026-11-29T00:00:00+00:00");
    check("0 0 * * 0", "2026-11-23T00:00:00Z", 1, "2026-11-29T00:00:00+00:00");
    check("0 0 * * fri-Sun", "2026-11-23T00:00:00Z", 4,
          "2026-11-27T00:00:00+00:00, 2026-11-28T00:00:00+00:00, 2026-11-29T00:00:00+00:00, 2026-12-04T00:00:00+00:00");
    check("0 0 * * 5-7", "2026-11-28T00:00:00Z", 2, "2026-11-29T00:00:00+00:00, 2026-12-04T00:00:00+00:00");
    check("0 0 * * 4/2", "2026-11-23T00:00:00Z", 3, "2026-11-26T00:00:00+00:00, 2026-11-28T00:00:00+00:00, 2026-12-03T00:00:00+00:00");
    check("0 0 * * 5L", "2026-11-23T00:00:00Z", 2, "2026-11-27T00:00:00+00:00, 2026-12-25T00:00:00+00:00");
    check("0 0 * * FRI#2,1l", "2026-11-23T00:00:00Z", 3, "2026-11-30T00:00:00+00:00, 2026-12-11T00:00:00+00:00, 2026-12-28T00:00:00+00:00");
    check("0 0 * * 1#5", "2026-11-30T00:00:00Z", 1, "2027-03-29T00:00:00+00:00");
}

static void both_day_fields(void **state)
{
    (void)state;
    check("0 0 13 * 5", "2026-11-01T00:00:00Z", 3, "2026-11-06T00:00:00+00:00, 2026-11-13T00:00:00+00:00, 2026-11-20T00:00:00+00:00");
    check("0 0 */2 * 1", "2026-11-01T00:00:00Z", 2, "2026-11-09T00:00:00+00:00, 2026-11-23T00:00:00+00:00");
    check("0 0 13 * */5", "2026-11-01T00:00:00Z", 2, "2026-11-13T00:00:00+00:00, 2026-12-13T00:00:00+00:00");
    check("0 0 ? * MON", "2026-11-01T00:00:00Z", 1, "2026-11-02T00:00:00+00:00");
    check("0 0 L * ?", "2028-02-01T00:00:00Z", 2, "2028-02-29T00:00:00+00:00, 2028-03-31T00:00:00+00:00");
    check("0 0 15,L * *", "2026-11-01T00:00:00Z", 2, "2026-11-15T00:00:00+00:00, 2026-11-30T00:00:00+00:00");
    check("0 0 30 2 0", "2026-01-01T00:00:00Z", 2, "2026-02-01T00:00:00+00:00, 2026-02-08T00:00:00+00:00");
}

static void shortcuts_in_any_case(void **state)
{
    (void)state;
    check("@yearly", "2026-11-23T07:30:00Z", 1, "2027-01-01T00:00:00+00:00");
    check("@Annually", "2026-11-23T07:30:00Z", 1, "2027-01-01T00:00:00+00:00");
    check("@MONTHLY", "2026-11-23T07:30:00Z", 1, "2026-12-01T00:00:00+00:00");
    check("@weekly", "2026-11-23T07:30:00Z", 1, "2026-11-29T00:00:00+00:00");
    check("@daily", "2026-11-23T07:30:00Z", 1, "2026-11-24T00:00:00+00:00");
    check("@midnight", "2026-11-23T07:30:00Z", 1, "2026-11-24T00:00:00+00:00");
    check(" @hourly ", "2026-11-23T07:30:00Z", 1, "2026-11-23T08:00:00+00:00");
}

static void never_is_an_error(void **state)
{
    static const char *const never[] = {"0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 ?"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        struct error e = ERROR_INIT;
        struct cron c;
        int64_t us;
        assert_int_equal(cron_parse(never[i], &c, &e), 0);
        assert_int_equal(cron_next(&c, zone_find("UTC", &e), INT64_C(1795417200000000), &us, &e), -1);
        assert_string_equal(e.message, "the cron expression never comes: no run within 50 years");
        assert_string_equal(e.hint, "see whether the day, the month and the weekday can meet");
    }
    check("0 0 1 1 *", "9998-12-31T00:00:00Z", 2, "9999-01-01T00:00:00+00:00, never");
    check("0 0 29 2 */7", "2026-01-01T00:00:00Z", 2, "2032-02-29T00:00:00+00:00, 2060-02-29T00:00:00+00:00");
}

static void the_zone_in_the_text_wins(void **state)
{
    (void)state;
    check_in("Test/Berlin", "0 9 * * *", "2026-07-01T00:00:00Z", 1, "2026-07-01T09:00:00+02:00");
    check_in("Test/Berlin", "CRON_TZ=Test/New_York 0 9 * * *", "2026-07-01T00:00:00Z", 1, "2026-07-01T09:00:00-04:00");
    check_in("Test/Berlin", "TZ=Test/Kolkata @daily", "2026-07-01T00:00:00Z", 1, "2026-07-02T00:00:00+05:30");
    check_in(NULL, "0 9 * * *", "2026-07-01T00:00:00Z", 1, "2026-07-01T09:00:00+00:00");
}

static void fixed_times_in_a_gap_come_once_at_its_end(void **state)
{
    (void)state;
    check_in("Test/Berlin", "30 2 * * *", "2026-03-28T01:30:00Z", 2, "2026-03-29T03:00:00+02:00, 2026-03-30T02:30:00+02:00");
    check_in("Test/Berlin", "0,30 2,3 * * *", "2026-03-28T23:00:00Z", 3,
             "2026-03-29T03:00:00+02:00, 2026-03-29T03:30:00+02:00, 2026-03-30T02:00:00+02:00");
    check_in("Test/Berlin", "*/10 30 2 * * *", "2026-03-28T23:00:00Z", 2, "2026-03-29T03:00:00+02:00, 2026-03-30T02:30:00+02:00");
    check_in("Test/Havana", "30 0 * * *", "2026-03-07T12:00:00Z", 2, "2026-03-08T01:00:00-04:00, 2026-03-09T00:30:00-04:00");
    check_in("Test/Lord_Howe", "15 2 4 10 *", "2026-10-01T00:00:00Z", 1, "2026-10-04T02:30:00+11:00");
    check_in("Test/Apia", "0 12 30 12 *", "2011-12-01T00:00:00Z", 2, "2011-12-31T00:00:00+14:00, 2012-12-30T12:00:00+14:00");
}

static void fixed_times_in_an_overlap_come_once_the_first_time(void **state)
{
    (void)state;
    check_in("Test/Berlin", "30 2 * * *", "2026-10-24T22:00:00Z", 2, "2026-10-25T02:30:00+02:00, 2026-10-26T02:30:00+01:00");
    check_in("Test/Berlin", "30 2 * * *", "2026-10-25T01:10:00Z", 1, "2026-10-26T02:30:00+01:00"); /* in the second hour */
    check_in("Test/Berlin", "*/30 59 2 * * *", "2026-10-25T00:00:00Z", 3,
             "2026-10-25T02:59:00+02:00, 2026-10-25T02:59:30+02:00, 2026-10-26T02:59:00+01:00");
    check_in("Test/New_York", "0 1,2 * * *", "2026-11-01T04:00:00Z", 3,
             "2026-11-01T01:00:00-04:00, 2026-11-01T02:00:00-05:00, 2026-11-02T01:00:00-05:00");
}

static void wildcards_follow_real_time(void **state)
{
    (void)state;
    check_in("Test/Berlin", "*/30 * * * *", "2026-10-24T23:30:00Z", 6,
             "2026-10-25T02:00:00+02:00, 2026-10-25T02:30:00+02:00, 2026-10-25T02:00:00+01:00, 2026-10-25T02:30:00+01:00, "
             "2026-10-25T03:00:00+01:00, 2026-10-25T03:30:00+01:00");
    check_in("Test/Berlin", "*/30 2 * * *", "2026-10-24T22:00:00Z", 5,
             "2026-10-25T02:00:00+02:00, 2026-10-25T02:30:00+02:00, 2026-10-25T02:00:00+01:00, 2026-10-25T02:30:00+01:00, "
             "2026-10-26T02:00:00+01:00");
    check_in("Test/Berlin", "30 * * * *", "2026-03-29T00:00:00Z", 2, "2026-03-29T01:30:00+01:00, 2026-03-29T03:30:00+02:00");
    check_in("Test/Berlin", "*/15 2 * * *", "2026-03-29T00:00:00Z", 1, "2026-03-30T02:00:00+02:00"); /* there is no such hour */
    check_in("Test/Berlin", "0 */2 * * *", "2026-03-28T23:00:00Z", 2, "2026-03-29T04:00:00+02:00, 2026-03-29T06:00:00+02:00");
    check_in("Test/Lord_Howe", "*/30 * * * *", "2026-04-04T14:30:00Z", 3,
             "2026-04-05T01:30:00+10:30, 2026-04-05T02:00:00+10:30, 2026-04-05T02:30:00+10:30");
}

static void check_wrong(const char *text, const char *message, const char *hint)
{
    struct error e = ERROR_INIT;
    struct cron c;
    CLEANUP_FREE char *whole = xasprintf("wrong cron expression \"%s\": %s", text, message);
    assert_int_equal(cron_parse(text, &c, &e), -1);
    assert_string_equal(e.message, whole);
    assert_string_equal(e.hint, hint);
}

static void wrong_values(void **state)
{
    static const char number[] = "write a number from 0 to 59, * for all, 1-5 for a range, 1,3 for a list, or */2 for every second one";
    static const char weekday[] = "a weekday is a number from 0 (Sunday) to 7 or one of SUN MON TUE WED THU FRI SAT";
    static const char *const not_understood[] = {"H", "+5", "x", "1-", "-5", "1-2-3", "*5", "*-5", "1/", "1/x", "*/", "5 ", "1e3", "**"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_understood); i++) {
        CLEANUP_FREE char *text = xasprintf("%s * * * *", not_understood[i]);
        CLEANUP_FREE char *message = xasprintf("minute \"%s\" is not understood", not_understood[i]);
        if (not_understood[i][strlen(not_understood[i]) - 1] != ' ')
            check_wrong(text, message, number);
    }
    check_wrong("60 * * * *", "minute \"60\" is out of range", "the minute goes from 0 to 59");
    check_wrong("* 24 * * *", "hour \"24\" is out of range", "the hour goes from 0 to 23");
    check_wrong("* * 0 * *", "day of month \"0\" is out of range", "the day of month goes from 1 to 31");
    check_wrong("* * * 13 *", "month \"13\" is out of range", "the month goes from 1 to 12");
    check_wrong("* * * * 8", "weekday \"8\" is out of range", "the weekday goes from 0 to 7");
    check_wrong("*/0 * * * *", "minute \"*/0\" has a step of 0", "");
    check_wrong("1,,2 * * * *", "the minute has an empty entry", "a list is written 1,3,5");
    check_wrong("* * * January *", "month \"January\" is not understood",
                "a month is a number from 1 to 12 or one of JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC");
    check_wrong("* * * * SAM", "weekday \"SAM\" is not understood", weekday);
    check_wrong("* * * * *#2", "weekday \"*#2\" is not understood", weekday);
    check_wrong("\xc3\xa4 * * * *", "there is a character that does not belong there", "");
}

static void what_others_know_is_refused_by_name(void **state)
{
    (void)state;
    check_wrong("0 22-2 * * *", "hour \"22-2\" runs backwards", "write 22-23,0-2");
    check_wrong("0 0 * * SAT-TUE", "weekday \"SAT-TUE\" runs backwards", "write SAT,SUN-TUE");
    check_wrong("0 0 * NOV-JAN *", "month \"NOV-JAN\" runs backwards", "write NOV-DEC,JAN");
    check_wrong("5-1/2 * * * *", "minute \"5-1/2\" runs backwards", "a range begins with the smaller value");
    check_wrong("0 0 L-3 * *", "day of month \"L-3\" is not supported", "L alone is the last day of the month; days before it can be written as 28-30");
    check_wrong("0 0 L/2 * *", "day of month \"L/2\" is not supported", "L alone is the last day of the month; days before it can be written as 28-30");
    check_wrong("0 0 15W * *", "day of month \"15W\" is not supported: W, the nearest working day",
                "write the days themselves, or a weekday: 1-5 in the last field is Monday to Friday");
    check_wrong("0 0 * * MONL", "weekday \"MONL\" is not supported", "write 1L for the last one of the month");
    check_wrong("0 0 * * L", "weekday \"L\" is not supported", "write SAT for Saturday, or 5L for the last Friday of the month");
    check_wrong("0 0 * * 5#L", "weekday \"5#L\" is not supported", "write 5L for the last Friday of the month");
    check_wrong("0 0 * * 1-5#2", "weekday \"1-5#2\" is not supported", "write FRI#2 for the second Friday of the month; the number goes from 1 to 5");
    check_wrong("0 0 * * 5#6", "weekday \"5#6\" is not supported", "write FRI#2 for the second Friday of the month; the number goes from 1 to 5");
    check_wrong("? * * * *", "minute \"?\" is not understood: ? is for the day of month and the weekday", "write * for every minute");
    check_wrong("0 0 ?/2 * *", "day of month \"?/2\" is not understood: ? stands alone", "write *, or the days themselves");
    check_wrong("@every 5m", "@every is not supported", "write */5 * * * * for every five minutes, */10 * * * * * for every ten seconds");
    check_wrong("@Reboot", "@Reboot is not supported", "a schedule has no machine that starts; write a time");
    check_wrong("@dayly", "@dayly is not supported", "there are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly");
    check_wrong("@daily 5", "@daily is not supported", "there are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly");
}

static void wrong_numbers_of_fields(void **state)
{
    static const char hint[] = "the fields are minute, hour, day of month, month, weekday; a sixth one in front is the second";
    struct error e = ERROR_INIT;
    struct cron c;
    (void)state;
    check_wrong("", "there are no fields", hint);
    check_wrong(" 5 ", "there is only 1 field", hint);
    check_wrong("* * * *", "there are only 4 fields", hint);
    check_wrong("0 0 0 1 1 ? 2026", "there are more than 6 fields",
                "the fields are second, minute, hour, day of month, month, weekday; there is none for the year");
    check_wrong("CRON_TZ= 0 0 * * *", "the name of the time zone is missing", "write for example CRON_TZ=Europe/Berlin 0 9 * * *");
    CLEANUP_FREE char *text = xcalloc(CRON_TEXT_MAX + 2, 1);
    memset(text, '1', CRON_TEXT_MAX + 1);
    assert_int_equal(cron_parse(text, &c, &e), -1);
    assert_string_equal(e.message, "the cron expression is longer than 1000 characters");
}

/* Random bytes and random pieces: read or refused, and a run that comes is later and matches in its turn. */
static void nothing_harms_the_parser(void **state)
{
    static const char *const pieces[] = {"*", "/", "-", ",", "#", "L", "W", "?", " ", " ", " ", "5", "0", "31", "MON", "jan", "@", "2", "CRON_TZ=", "99999999"};
    uint32_t seed = 12345;
    (void)state;
    for (int n = 0; n < 20000; n++) {
        CLEANUP_BUF struct buf text = BUF_INIT;
        struct cron c;
        int64_t us = INT64_C(1795417200000000), next;
        for (int i = 0; i < 12; i++) {
            seed = seed * 1664525 + 1013904223;
            buf_addstr(&text, pieces[seed >> 16 & 0xffff ? (seed >> 16) % ARRAY_LEN(pieces) : 0]);
        }
        if (cron_parse(text.data, &c, NULL) == 0 && cron_next(&c, zone_find("UTC", NULL), us, &next, NULL) == 0)
            assert_true(next > us);
    }
}

static int make(void **state)
{
    (void)state;
    return zone_files_make();
}

static int clean(void **state)
{
    (void)state;
    zone_files_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_lists_ranges_and_steps),
        cmocka_unit_test(weekdays_by_number_and_name),
        cmocka_unit_test(both_day_fields),
        cmocka_unit_test(shortcuts_in_any_case),
        cmocka_unit_test(never_is_an_error),
        cmocka_unit_test(the_zone_in_the_text_wins),
        cmocka_unit_test(fixed_times_in_a_gap_come_once_at_its_end),
        cmocka_unit_test(fixed_times_in_an_overlap_come_once_the_first_time),
        cmocka_unit_test(wildcards_follow_real_time),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(what_others_know_is_refused_by_name),
        cmocka_unit_test(wrong_numbers_of_fields),
        cmocka_unit_test(nothing_harms_the_parser),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
