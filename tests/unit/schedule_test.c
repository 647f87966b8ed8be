/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "engine/schedule.h"

static int64_t at(const char *text)
{
    int64_t us = 0;
    if (text)
        assert_int_equal(clock_parse(text, &us, NULL), 0);
    return us;
}

/* "slot slot -> next", without the date 2026-11-23 where it is that one. */
static void check(const char *cron, const char *catch_up, int64_t window_s, const char *due, const char *now, const char *expected)
{
    struct error e = ERROR_INIT;
    struct cron c;
    struct schedule_plan p;
    enum schedule_catch_up how;
    CLEANUP_BUF struct buf out = BUF_INIT;
    assert_int_equal(cron_parse(cron, &c, &e), 0);
    assert_int_equal(schedule_catch_up_parse(catch_up, &how), 0);
    assert_int_equal(schedule_plan(&c, zone_find("UTC", &e), how, window_s * US_PER_S, at(due), at(now), &p, &e), 0);
    for (size_t i = 0; i <= p.count; i++) {
        char text[CLOCK_TEXT];
        clock_format_naive(i < p.count ? p.slots[i] : p.next_us, text);
        buf_printf(&out, "%s%s", i == p.count ? "-> " : "", strncmp(text, "2026-11-23T", 11) == 0 ? text + 11 : text);
        if (i < p.count)
            buf_addch(&out, ' ');
    }
    if (strcmp(out.data, expected) != 0)
        fail_msg("%s, %s, due %s, now %s: got %s, expected %s", cron, catch_up, due ? due : "unknown", now, out.data, expected);
}

static void a_time_that_is_not_known_is_computed(void **state)
{
    (void)state;
    check("*/10 * * * *", "all", 86400, NULL, "2026-11-23T07:10:00Z", "-> 07:20:00");
    check("*/10 * * * *", "one", 86400, "2026-11-23T09:00:00Z", "2026-11-23T07:10:00Z", "-> 07:20:00");
}

static void in_time_each_run_is_started(void **state)
{
    (void)state;
    check("*/10 * * * *", "one", 86400, "2026-11-23T07:10:00Z", "2026-11-23T07:10:00.004Z", "07:10:00 -> 07:20:00");
    check("* * * * * *", "one", 86400, "2026-11-23T07:10:00Z", "2026-11-23T07:10:03.5Z", "07:10:00 07:10:01 07:10:02 07:10:03 -> 07:10:04");
    check("* * * * * *", "none", 86400, "2026-11-23T07:10:00Z", "2026-11-23T07:10:01Z", "07:10:00 07:10:01 -> 07:10:02");
    check("0 0 1 1 *", "one", 86400, "2026-11-23T07:10:00Z", "2026-11-23T07:10:09Z", "07:10:00 -> 2027-01-01T00:00:00"); /* set by hand */
}

static void one_run_makes_up_for_a_downtime(void **state)
{
    (void)state;
    check("0 * * * *", "one", 60, "2026-11-20T07:00:00Z", "2026-11-23T07:10:00Z", "07:00:00 -> 08:00:00");
    check("* * * * * *", "one", 60, "1996-11-20T07:00:00Z", "2026-11-23T07:10:00.25Z", "07:10:00 -> 07:10:01");
    check("* 0 * * *", "one", 60, "2026-11-20T00:05:00Z", "2026-11-23T07:10:00Z", "00:59:00 -> 2026-11-24T00:00:00");
    check("0 0 1 1 *", "one", 60, "2026-11-22T00:05:00Z", "2026-11-23T07:10:00Z", "2026-11-22T00:05:00 -> 2027-01-01T00:00:00");
    check("0 0 29 2 *", "one", 60, "1980-02-29T00:00:00Z", "2026-11-23T07:10:00Z", "2024-02-29T00:00:00 -> 2028-02-29T00:00:00");
}

static void none_or_all_of_them(void **state)
{
    (void)state;
    check("0 * * * *", "none", 86400, "2026-11-20T07:00:00Z", "2026-11-23T07:10:00Z", "-> 08:00:00");
    check("0 * * * *", "none", 86400, "2026-11-20T07:00:00Z", "2026-11-23T07:00:05Z", "07:00:00 -> 08:00:00");
    check("0 * * * *", "all", 7200, "2026-11-20T07:00:00Z", "2026-11-23T07:10:00Z", "06:00:00 07:00:00 -> 08:00:00");
    check("0 * * * *", "all", 86400, "2026-11-23T05:30:00Z", "2026-11-23T07:10:00Z", "05:30:00 06:00:00 07:00:00 -> 08:00:00");
}

static void many_come_in_rounds(void **state)
{
    struct error e = ERROR_INIT;
    struct cron c;
    struct schedule_plan p;
    (void)state;
    assert_int_equal(cron_parse("* * * * *", &c, &e), 0);
    int64_t due = at("2026-11-23T00:00:00Z"), now = at("2026-11-23T07:10:00Z");
    size_t total = 0;
    for (int round = 0; due <= now; round++, due = p.next_us) {
        assert_int_equal(schedule_plan(&c, zone_find("UTC", &e), CATCH_UP_ALL, 86400 * US_PER_S, due, now, &p, &e), 0);
        assert_true(round < 10 && p.count <= SCHEDULE_SLOTS && p.next_us > p.slots[p.count - 1]);
        total += p.count;
    }
    assert_int_equal(total, 7 * 60 + 11);
    assert_int_equal(due, at("2026-11-23T07:11:00Z"));
}

static void never_starts_nothing(void **state)
{
    struct error e = ERROR_INIT;
    struct cron c;
    struct schedule_plan p;
    (void)state;
    assert_int_equal(cron_parse("0 0 30 2 *", &c, &e), 0);
    assert_int_equal(schedule_plan(&c, zone_find("UTC", &e), CATCH_UP_ONE, 0, at("2026-11-23T07:00:00Z"), at("2026-11-23T07:10:00Z"), &p, &e), -1);
    assert_string_equal(e.message, "the cron expression never comes: no run within 50 years");
    assert_int_equal(p.count, 0);
}

static void names_of_catch_up(void **state)
{
    enum schedule_catch_up how;
    (void)state;
    assert_int_equal(schedule_catch_up_parse("none", &how), 0);
    assert_int_equal(how, CATCH_UP_NONE);
    assert_int_equal(schedule_catch_up_parse("One", &how), -1);
    assert_int_equal(schedule_catch_up_parse("", &how), -1);
}

static void check_text(const char *cron, const char *zone, const char *catch_up, const char *overlap, const char *error)
{
    struct error e = ERROR_INIT;
    struct schedule_meaning m;
    const struct schedule_text text = {.cron = cron, .timezone = zone, .catch_up = catch_up, .overlap = overlap};
    assert_int_equal(schedule_read(&text, &m, &e), error ? -1 : 0);
    assert_string_equal(e.message, error ? error : "");
    if (!error)
        assert_int_equal(m.catch_up, CATCH_UP_ALL);
}

static void texts_of_a_schedule(void **state)
{
    (void)state;
    check_text("0 9 * * *", NULL, "all", "cancel_other", NULL);
    check_text("0 9 * *", NULL, "all", "skip", "wrong cron expression \"0 9 * *\": there are only 4 fields");
    check_text("0 9 * * *", "Nowhere", "all", "skip", "there is no time zone \"Nowhere\"");
    check_text("0 9 * * *", NULL, "most", "skip", "catch_up is none, one or all, not \"most\"");
    check_text("0 9 * * *", NULL, "one", "", "overlap is allow, skip or cancel_other, not \"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_that_is_not_known_is_computed),
        cmocka_unit_test(in_time_each_run_is_started),
        cmocka_unit_test(one_run_makes_up_for_a_downtime),
        cmocka_unit_test(none_or_all_of_them),
        cmocka_unit_test(many_come_in_rounds),
        cmocka_unit_test(never_starts_nothing),
        cmocka_unit_test(names_of_catch_up),
        cmocka_unit_test(texts_of_a_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
