/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/zone.h"
#include "unit/zone_files.h"

static int64_t at(const char *text)
{
    int64_t us;
    assert_int_equal(clock_parse(text, &us, NULL), 0);
    return us / US_PER_S;
}

static const struct zone *zone(const char *name)
{
    struct error e = ERROR_INIT;
    const struct zone *z = zone_find(name, &e);
    if (!z)
        fail_msg("%s: %s", name, e.message);
    return z;
}

static void check_offset(const char *name, const char *time, int minutes, bool dst)
{
    struct zone_span s;
    zone_at(zone(name), at(time), &s);
    assert_int_equal(s.offset, minutes * 60);
    assert_int_equal(s.dst, dst);
    assert_true(s.from <= at(time) && at(time) < s.until);
}

static void offsets_follow_the_rule(void **state)
{
    (void)state;
    check_offset("UTC", "2026-07-01T00:00:00Z", 0, false);
    check_offset("Test/Kolkata", "2026-07-01T00:00:00Z", 330, false);
    check_offset("Test/Berlin", "2026-03-29T00:59:59Z", 60, false);
    check_offset("Test/Berlin", "2026-03-29T01:00:00Z", 120, true);
    check_offset("Test/Berlin", "2026-10-25T00:59:59Z", 120, true);
    check_offset("Test/Berlin", "2026-10-25T01:00:00Z", 60, false);
    check_offset("Test/Berlin", "1850-07-01T00:00:00Z", 120, true);
    check_offset("Test/Berlin", "9999-07-01T00:00:00Z", 120, true);
    check_offset("Test/New_York", "2026-03-08T06:59:59Z", -300, false);
    check_offset("Test/New_York", "2026-03-08T07:00:00Z", -240, true);
    check_offset("Test/New_York", "2026-12-31T23:00:00Z", -300, false);
    check_offset("Test/Lord_Howe", "2026-01-01T00:00:00Z", 660, true);
    check_offset("Test/Lord_Howe", "2026-06-01T00:00:00Z", 630, false);
    check_offset("Test/Apia", "2011-12-30T09:59:59Z", -600, false);
    check_offset("Test/Apia", "2011-12-30T10:00:00Z", 840, false);
}

static void check_local(const char *name, const char *local, const char *utc, enum zone_kind kind)
{
    enum zone_kind got;
    char out[CLOCK_TEXT];
    clock_format_utc_ms(zone_from_local(zone(name), at(local), &got) * US_PER_S, out);
    assert_string_equal(out, utc);
    assert_int_equal(got, kind);
}

static void local_times_come_back(void **state)
{
    (void)state;
    check_local("UTC", "2026-03-29T02:30:00", "2026-03-29T02:30:00.000Z", ZONE_ONCE);
    check_local("Test/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59.000Z", ZONE_ONCE);
    check_local("Test/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00.000Z", ZONE_GAP);
    check_local("Test/Berlin", "2026-03-29T02:59:59", "2026-03-29T01:00:00.000Z", ZONE_GAP);
    check_local("Test/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00.000Z", ZONE_ONCE);
    check_local("Test/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59.000Z", ZONE_ONCE);
    check_local("Test/Berlin", "2026-10-25T02:00:00", "2026-10-25T00:00:00.000Z", ZONE_TWICE);
    check_local("Test/Berlin", "2026-10-25T02:59:59", "2026-10-25T00:59:59.000Z", ZONE_TWICE);
    check_local("Test/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00.000Z", ZONE_ONCE);
    check_local("Test/Havana", "2026-03-08T00:30:00", "2026-03-08T05:00:00.000Z", ZONE_GAP);
    check_local("Test/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:30:00.000Z", ZONE_GAP);
    check_local("Test/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00.000Z", ZONE_TWICE);
    check_local("Test/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00.000Z", ZONE_GAP);
    check_local("Test/Apia", "2011-12-31T00:00:00", "2011-12-30T10:00:00.000Z", ZONE_ONCE);
}

static void check_error(const char *name, const char *message, const char *hint)
{
    struct error e = ERROR_INIT;
    assert_null(zone_find(name, &e));
    assert_string_equal(e.message, message);
    assert_string_equal(e.hint, hint);
}

static void wrong_names_are_errors(void **state)
{
    static const char hint[] = "names are written as in Europe/Berlin, America/New_York, UTC";
    (void)state;
    check_error("Nowhere", "there is no time zone \"Nowhere\"", hint);
    check_error("", "there is no time zone \"\"", hint);
    check_error("../Test/Berlin", "there is no time zone \"../Test/Berlin\"", hint);
    check_error("/etc/localtime", "there is no time zone \"/etc/localtime\"", hint);
    check_error("Test//Berlin", "there is no time zone \"Test//Berlin\"", hint);
    check_error("Test", "there is no time zone \"Test\"", hint); /* a directory */
    check_error("Test/Damaged", "time zone \"Test/Damaged\": this is no time zone file", "");
}

static void rules_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {"", "X", "CE-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.7",
                                        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,J0,J366", "<+03-3", "CET-1x", "CET-1CEST,M3.5.0/168,M10.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0,", "CET-1:60"};
    struct zone_rule r;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (zone_rule_parse(wrong[i], &r) == 0)
            fail_msg("accepted: \"%s\"", wrong[i]);
}

static void check_rule(const char *rule, const char *time, int minutes)
{
    struct zone_rule r;
    struct zone_span s;
    assert_int_equal(zone_rule_parse(rule, &r), 0);
    zone_rule_at(&r, at(time), &s);
    assert_int_equal(s.offset, minutes * 60);
}

static void every_form_of_rule_is_read(void **state)
{
    (void)state;
    check_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -120); /* Nuuk: on Saturday at 22:00 */
    check_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -60);
    check_rule("EST5EDT,0/0,J365/25", "2026-01-01T00:00:00Z", -240); /* summer all year */
    check_rule("EST5EDT,0/0,J365/25", "2026-01-01T05:00:00Z", -240);
    check_rule("XXX0YYY,J60,J300", "2024-03-01T01:59:59Z", 0); /* 1 March, in a leap year too */
    check_rule("XXX0YYY,J60,J300", "2024-03-01T02:00:00Z", 60);
    check_rule("XXX0YYY,59,299", "2024-02-29T02:00:00Z", 60); /* the 60th day */
    check_rule("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-01-01T00:00:00Z", 780);
    check_rule("NZST-12NZDT-13:00:00,M9.5.0,M4.1.0/3", "2026-06-01T00:00:00Z", 720);
}

/* Whatever one byte becomes, and wherever the file ends: no crash, and no time outside the span that is given. */
static void damaged_files_do_no_harm(void **state)
{
    static const struct zone_entry entries[] = {{-1000000, 3600}, {0, 7200}, {1000000000, 3600}};
    unsigned char good[512], bad[512];
    (void)state;
    size_t len = zone_file_bytes(good, sizeof good, 0, entries, 3, "CET-1CEST,M3.5.0,M10.5.0/3");
    for (size_t i = 0; i < len * 257; i++) {
        struct zone_data d;
        struct zone_span s;
        size_t used = i % 257 == 256 ? i / 257 : len;
        memcpy(bad, good, len);
        bad[i / 257] = (unsigned char)(i % 257);
        if (zone_data_read(bad, used, &d, NULL) == 0) {
            zone_data_at(&d, 500, &s);
            assert_true(s.from <= 500 && 500 < s.until);
            zone_data_at(&d, 1800000000, &s);
            assert_true(s.from <= 1800000000 && 1800000000 < s.until);
        }
        zone_data_free(&d);
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
        cmocka_unit_test(offsets_follow_the_rule),
        cmocka_unit_test(local_times_come_back),
        cmocka_unit_test(wrong_names_are_errors),
        cmocka_unit_test(rules_that_are_none_are_refused),
        cmocka_unit_test(every_form_of_rule_is_read),
        cmocka_unit_test(damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
