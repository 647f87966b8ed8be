/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <math.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"

static void errors_keep_message_detail_and_hint(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    assert_int_equal(err_set(&e, "setting \"%s\" is wrong", "x"), -1);
    err_detail(&e, "it is %d", 3);
    err_hint(&e, "use 1");
    err_prefix(&e, "%s", "file.conf");
    assert_string_equal(e.message, "file.conf: setting \"x\" is wrong");
    assert_string_equal(e.detail, "it is 3");
    assert_string_equal(e.hint, "use 1");
    err_set(&e, "again: %s", e.message);
    assert_string_equal(e.message, "again: file.conf: setting \"x\" is wrong");
    assert_string_equal(e.detail, "");
}

static void error_texts_are_always_utf8(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char longer[sizeof e.message + 10];
    err_set(&e, "near %s", "\xff\xc3(\xe2\x82\xac\xed\xa0\x80");
    assert_string_equal(e.message, "near ?" "?(\xe2\x82\xac" "?" "?" "?");
    err_set(&e, "near %s", "x\xf0\x9f\x98"); /* cut by whoever gave it */
    assert_string_equal(e.message, "near x");
    err_detail(&e, "%s", "\xe2\x82");
    assert_string_equal(e.detail, "");
    err_hint(&e, "%s", "\x80");
    assert_string_equal(e.hint, "?");
    memset(longer, 'a', sizeof longer);
    memcpy(longer + sizeof e.message - 2, "\xc3\xa4", 3); /* cut here, in the middle of the last character */
    err_set(&e, "%s", longer);
    assert_int_equal(strlen(e.message), sizeof e.message - 2);
    err_prefix(&e, "%s", "\xc3\xa4");
    assert_int_equal(strlen(e.message), sizeof e.message - 1);
}

static void buffers_grow_and_stay_terminated(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 3890);
    assert_int_equal(b.data[b.len], 0);
    buf_clear(&b);
    assert_string_equal(b.data, "");
    CLEANUP_FREE char *none = buf_steal(&(struct buf)BUF_INIT);
    assert_string_equal(none, "");
}

static void check_time(const char *in, const char *naive)
{
    int64_t us;
    char out[CLOCK_TEXT];
    assert_int_equal(clock_parse(in, &us, NULL), 0);
    clock_format_naive(us, out);
    assert_string_equal(out, naive);
}

/* What js_write() copies is what it would write. */
static void what_was_written_is_copied(void **state)
{
    static const char text[] = "{\"a\":[1,2.50,\"three\",{\"b\":null}],\"long\":\"0123456789012345678901234567890123456789\"}";
    struct error e = ERROR_INIT;
    struct js_written written = {0};
    CLEANUP_BUF struct buf first = BUF_INIT, second = BUF_INIT, alone = BUF_INIT;
    (void)state;
    CLEANUP_JSON json_t *v = js_parse(text, strlen(text), &e);
    CLEANUP_JSON json_t *small = json_pack("[i]", 1);
    CLEANUP_JSON json_t *outer = json_pack("{s:O,s:O,s:O}", "x", v, "y", small, "z", v);
    js_write(&alone, outer);
    first.written = second.written = &written;
    for (int i = 0; i < 3 * JS_WRITTEN_LAST; i++) { /* the buffer moves, and older values are forgotten */
        js_write(&first, v);
        js_write(&first, small);
        assert_memory_equal(first.data + first.len - 3 - strlen(text), text, strlen(text));
    }
    assert_int_equal(first.len, 3 * JS_WRITTEN_LAST * (strlen(text) + 3));
    js_write(&second, outer);
    assert_string_equal(second.data, alone.data);
    js_set(v, "new", json_true()); /* only to see that it is copied, and that clearing helps */
    buf_clear(&second);
    js_write(&second, v);
    assert_string_equal(second.data, text);
    js_written_only(&written, small);
    buf_clear(&second);
    js_write(&second, v);
    assert_null(strstr(second.data, text));
    json_object_del(v, "new");
    js_written_clear(&written);
    buf_clear(&second);
    js_write(&second, v);
    assert_string_equal(second.data, text);
}

static void times_are_read_and_written(void **state)
{
    (void)state;
    check_time("2026-11-23T03:19:17.737468", "2026-11-23T03:19:17.737468");
    check_time("2026-11-23T03:19:17", "2026-11-23T03:19:17");
    check_time("1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999");
    check_time("1970-01-01T00:00:00", "1970-01-01T00:00:00");
    check_time("1969-12-31T23:59:59", "1969-12-31T23:59:59");
    check_time("2026-11-23 03:19:17.5+00", "2026-11-23T03:19:17.500000");
    check_time("2026-11-23T03:19:17Z", "2026-11-23T03:19:17");
    check_time("2026-11-23T03:19+05:30", "2026-11-22T21:49:00");
    check_time("2024-02-29", "2024-02-29T00:00:00");
    check_time("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999");
    int64_t us;
    bool zone;
    assert_int_equal(clock_parse("2023-02-29", &us, NULL), -1);
    assert_int_equal(clock_parse("2023-13-01", &us, NULL), -1);
    assert_int_equal(clock_parse("2023-01-01T24:00", &us, NULL), -1);
    assert_int_equal(clock_parse("2023-01-01T10:00x", &us, NULL), -1);
    assert_int_equal(clock_parse("", &us, NULL), -1);
    assert_int_equal(clock_parse("2023-01-01T10:00", &us, &zone), 0);
    assert_false(zone);
    assert_int_equal(clock_parse("2023-01-01T10:00-0200", &us, &zone), 0);
    assert_true(zone);
}

static void check_json(const char *in, const char *out)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *v = js_parse(in, strlen(in), &e);
    if (!v)
        fail_msg("%s: %s", in, e.message);
    CLEANUP_FREE char *text = js_text(v);
    assert_string_equal(text, out);
}

static void json_numbers_and_texts_come_out_as_they_came_in(void **state)
{
    (void)state;
    check_json("[0.1,1e2,-0.0,5e-324,1.7976931348623157e308,9223372036854775807,-3]",
               "[0.1,1e2,-0.0,5e-324,1.7976931348623157e308,9223372036854775807,-3]");
    check_json("[1.0,-0,1.50,1E400,-1e-400,0.10000000000000001,1e+2,12345678901234567890123]",
               "[1.0,-0,1.50,1E400,-1e-400,0.10000000000000001,1e+2,12345678901234567890123]");
    check_json("[9223372036854775808,-9223372036854775808,-9223372036854775809,999999999999999999,1000000000000000000]",
               "[9223372036854775808,-9223372036854775808,-9223372036854775809,999999999999999999,1000000000000000000]");
    check_json(" { \"a\" : [ 1 , { } , [ ] ] , \"a\" : \"\\u00e9\\ud83d\\ude00\\/\" } ", "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80/\"}");
    check_json("{\"b\":\"Zo\xc3\xab\\n\\\"\",\"a\":[true,false,null]}", "{\"b\":\"Zo\xc3\xab\\n\\\"\",\"a\":[true,false,null]}");
    check_json("\"\\u007f\"", "\"\\u007f\"");
}

static void check_refused(const char *in, const char *why)
{
    struct error e = ERROR_INIT;
    assert_null(js_parse(in, strlen(in), &e));
    assert_string_equal(e.message, why);
}

static void numbers_are_reals_for_those_who_compute(void **state)
{
    (void)state;
    static const char text[] = "[1e2,12345678901234567890123,1E400,-0,3]";
    CLEANUP_JSON json_t *v = js_parse(text, sizeof text - 1, NULL);
    assert_true(json_real_value(json_array_get(v, 0)) == 100);
    assert_true(json_real_value(json_array_get(v, 1)) == 12345678901234567890123.0);
    assert_true(json_real_value(json_array_get(v, 2)) > 1e308);
    assert_true(json_is_real(json_array_get(v, 3)) && signbit(json_real_value(json_array_get(v, 3))));
    assert_string_equal(js_number_text(json_array_get(v, 0)), "1e2");
    assert_null(js_number_text(json_array_get(v, 4)));
    CLEANUP_JSON json_t *computed = json_real(0.5);
    assert_null(js_number_text(computed));
}

static void json_that_cannot_be_kept_is_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    check_refused("{\"a\":9223372036854775808,\n\"b\":}", "invalid JSON at line 2, column 4: unexpected text or end");
    check_refused("{\"a\":\"\\ud800\"}", "invalid JSON at line 1, column 13: invalid Unicode '\\uD800' near '\"\\ud800\"'");
    check_refused("[01]", "invalid JSON at line 1, column 2: invalid token near '0'");
    check_refused("[1.]", "invalid JSON at line 1, column 3: invalid token near '1.'");
    check_refused("[NaN]", "invalid JSON at line 1, column 4: invalid token near 'NaN'");
    check_refused("[1,]", "invalid JSON at line 1, column 4: unexpected token near ']'");
    check_refused("[1] 2", "invalid JSON at line 1, column 5: end of file expected near '2'");
    assert_null(js_parse("\"\\u0000\"", 8, &e));
    assert_null(js_parse("\"\xff\"", 3, &e));
    char deep[2 * JS_MAX_DEPTH + 8];
    memset(deep, '[', JS_MAX_DEPTH + 2);
    memset(deep + JS_MAX_DEPTH + 2, ']', JS_MAX_DEPTH + 2);
    assert_null(js_parse(deep, 2 * JS_MAX_DEPTH + 4, &e));
    assert_string_equal(e.message, "JSON is nested deeper than 512 levels");
    CLEANUP_JSON json_t *own = js_parse_own(deep, 2 * JS_MAX_DEPTH + 4, &e); /* with what was put around it */
    assert_non_null(own);
    CLEANUP_JSON json_t *deeper = json_pack("[O]", own);
    for (int i = 0; i < JS_OWN_DEPTH; i++)
        deeper = json_pack("[o]", deeper);
    CLEANUP_FREE char *text = js_text(deeper);
    assert_null(js_parse_own(text, strlen(text), &e));
    assert_string_equal(e.message, "JSON is nested deeper than 576 levels");
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *v = js_string_lossy("a\xff\0\xed\xa0\x80z", 7);
    assert_string_equal(json_string_value(v), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

/* From RFC 9562, and one that fills more than a block. */
static void uuids_of_names_are_version_5(void **state)
{
    (void)state;
    struct uuid dns, u;
    char text[UUID_TEXT], name[120] = "";
    assert_int_equal(uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &dns), 0);
    u = uuid_named(&dns, "www.example.com");
    uuid_format(&u, text);
    assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    memset(name, 'x', sizeof name - 1);
    u = uuid_named(&dns, name);
    uuid_format(&u, text);
    assert_string_equal(text, "9c815e69-9853-5d7a-b976-bd7647a8b234");
}

static void uuids_are_random_version_4_and_round_trip(void **state)
{
    (void)state;
    struct uuid a = uuid_random(), b = uuid_random(), c;
    assert_false(uuid_equal(&a, &b));
    char text[UUID_TEXT];
    uuid_format(&a, text);
    assert_int_equal(text[14], '4');
    assert_int_equal(uuid_parse(text, &c), 0);
    assert_true(uuid_equal(&a, &c));
    assert_int_equal(uuid_parse("b906aed7-c24b-4e6b-97f5-8d5d25f9734", &c), -1);
    assert_int_equal(uuid_parse("b906aed7xc24b-4e6b-97f5-8d5d25f97343", &c), -1);
    assert_int_equal(uuid_parse("b906aed7-c24b-4e6b-97f5-8d5d25f973430", &c), -1);
}

static void uuids_by_time_are_version_7_and_rise(void **state)
{
    (void)state;
    const int64_t at = INT64_C(1645557742123456); /* 2022-02-22 */
    struct uuid a = uuid_by_time(at), b = uuid_by_time(at), c = a;
    char text[UUID_TEXT];
    uuid_format(&a, text);
    assert_int_equal(strncmp(text, "017f22e2-7a2b-774b-", 19), 0); /* 0.456 * 4096 = 0x74b */
    assert_non_null(strchr("89ab", text[19]));
    assert_false(uuid_equal(&a, &b));
    for (int i = 0; i < 100000; i++) {
        uuid_step(&c);
        assert_true(uuid_compare(&a, &c) < 0);
        a = c;
    }
    uuid_format(&c, text);
    assert_int_equal(strncmp(text, "017f22e2-7a2b-774b-", 19), 0);
    b = uuid_by_time(at + 1);
    assert_true(uuid_compare(&c, &b) < 0);
    uuid_parse("017f22e2-7a2b-774b-8000-0000ffffffff", &a);
    uuid_step(&a);
    uuid_format(&a, text);
    assert_string_equal(text, "017f22e2-7a2b-774b-8000-000100000000");
}

/* Last: what is followed is followed for ever. */
static void another_clock_can_be_followed(void **state)
{
    (void)state;
    int64_t before = clock_now_us(), hour = 3600 * US_PER_S;
    assert_false(clock_follows());
    clock_follow(before - hour);
    assert_true(clock_follows());
    int64_t first = clock_now_us(), mono = clock_mono_us();
    assert_in_range(first, before - hour, before - hour + 600 * US_PER_S);
    while (clock_mono_us() == mono)
        ;
    assert_true(clock_now_us() > first);
    clock_follow(before);
    assert_in_range(clock_now_us(), before, before + 600 * US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_keep_message_detail_and_hint),
        cmocka_unit_test(error_texts_are_always_utf8),
        cmocka_unit_test(buffers_grow_and_stay_terminated),
        cmocka_unit_test(what_was_written_is_copied),
        cmocka_unit_test(times_are_read_and_written),
        cmocka_unit_test(json_numbers_and_texts_come_out_as_they_came_in),
        cmocka_unit_test(numbers_are_reals_for_those_who_compute),
        cmocka_unit_test(json_that_cannot_be_kept_is_refused),
        cmocka_unit_test(bytes_that_are_no_utf8_become_replacement_characters),
        cmocka_unit_test(uuids_by_time_are_version_7_and_rise),
        cmocka_unit_test(uuids_are_random_version_4_and_round_trip),
        cmocka_unit_test(uuids_of_names_are_version_5),
        cmocka_unit_test(another_clock_can_be_followed),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
