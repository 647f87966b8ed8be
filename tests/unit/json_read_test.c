/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of JSON against jansson: they accept the same texts, but for numbers that jansson cannot hold, and give the same
 * values.  Texts are made from a seed, sound
 * ones and such with a few bytes changed; WFWORKER_TEST_SEED and WFWORKER_TEST_CASES choose others. */
#include "test.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_read.h"
#include "base/mem.h"

#define DEPTH 20
#define CASES 20000

static uint64_t state = 1;

/* splitmix64 */
static uint32_t below(uint32_t limit)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % limit);
}

static const char *pick(const char *const *from, size_t count)
{
    return from[below((uint32_t)count)];
}

static void add_space(struct buf *b)
{
    static const char *const spaces[] = {"", "", "", " ", "\n\t", "\r "};
    buf_addstr(b, pick(spaces, ARRAY_LEN(spaces)));
}

static void add_string(struct buf *b)
{
    static const char *const parts[] = {"a", "some plain text that is long enough", "\\n", "\\\"", "\\\\", "\\/", "\\u00e4", "\\uD83D\\ude00",
                                        "\xc3\xab", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f", "\\u0001", "{}[],:", "\\b\\f\\r\\t",
                                        "\\ud800", "\\u0000", "\\x", "\xed\xa0\x80", "\xc0\x80", "\x01"};
    size_t sound = ARRAY_LEN(parts) - 6;
    buf_addch(b, '"');
    for (uint32_t n = below(6); n > 0; n--)
        buf_addstr(b, pick(parts, below(60) ? sound : ARRAY_LEN(parts)));
    buf_addch(b, '"');
}

static void add_digits(struct buf *b, uint32_t most)
{
    for (uint32_t n = below(most) + 1; n > 0; n--)
        buf_addch(b, (char)('0' + below(10)));
}

static void add_number(struct buf *b)
{
    static const char *const odd[] = {"0", "-0", "-0.0", "0.1", "1e2", "1E+2", "123456789012345678", "9223372036854775807",
                                      "-9223372036854775808", "9223372036854775808", "1e400", "5e-324", "2.5e-400", "0e99999999999",
                                      "1.7976931348623157e308", "01", "-", "1.", ".5", "1e", "+1", "0x10", "9007199254740993.0",
                                      "0.10000000000000001", "1e22", "1e23", "123456789012345678e-30"};
    if (below(3) == 0) {
        buf_addstr(b, pick(odd, ARRAY_LEN(odd)));
        return;
    }
    buf_addstr(b, below(2) ? "-" : "");
    buf_printf(b, "%u", below(1000));
    if (below(4) == 0)
        add_digits(b, 22);
    if (below(2)) {
        buf_addch(b, '.');
        add_digits(b, 20);
    }
    if (below(4) == 0) {
        buf_addstr(b, below(2) ? "e" : "E-");
        add_digits(b, 3);
    }
}

static void add_value(struct buf *b, int depth)
{
    static const char *const words[] = {"true", "false", "null", "nul", "True"}, *const keys[] = {"\"a\"", "\"b\"", "\"\"", "\"k\\u0065y\""};
    uint32_t kind = below(depth > 0 ? 7 : 4);
    add_space(b);
    if (kind == 0)
        add_string(b);
    else if (kind <= 2)
        add_number(b);
    else if (kind == 3)
        buf_addstr(b, pick(words, below(50) ? 3 : ARRAY_LEN(words)));
    if (kind >= 4) {
        bool object = kind == 4;
        buf_addch(b, object ? '{' : '[');
        for (uint32_t n = below(4), i = 0; i < n; i++) {
            buf_addstr(b, i ? "," : "");
            if (object && below(3))
                buf_addstr(b, pick(keys, ARRAY_LEN(keys)));
            else if (object)
                add_string(b);
            add_space(b);
            buf_addstr(b, object ? ":" : "");
            add_value(b, depth - 1);
        }
        buf_addch(b, object ? '}' : ']');
    }
    add_space(b);
}

static void spoil(struct buf *b)
{
    static const char bytes[] = "\"\\{}[],:0-+.eE tfnu\n\x80\xff";
    if (b->len == 0)
        return;
    for (uint32_t n = below(3) + 1; n > 0; n--)
        b->data[below((uint32_t)b->len)] = bytes[below(sizeof bytes - 1)];
    if (below(4) == 0)
        b->len = below((uint32_t)b->len);
}

static int nesting(const json_t *v)
{
    int most = 0;
    const char *key;
    json_t *item;
    size_t i;
    json_array_foreach(v, i, item) most = nesting(item) + 1 > most ? nesting(item) + 1 : most;
    json_object_foreach((json_t *)(uintptr_t)v, key, item) most = nesting(item) + 1 > most ? nesting(item) + 1 : most;
    return most;
}

/* Equal, in the same order; -0 is an integer for jansson. */
static bool same(json_t *theirs, json_t *ours)
{
    if (json_is_integer(theirs) && json_is_real(ours))
        return json_integer_value(theirs) == 0 && strcmp(js_number_text(ours), "-0") == 0;
    if (json_typeof(theirs) != json_typeof(ours))
        return false;
    if (json_is_array(theirs)) {
        bool ok = json_array_size(theirs) == json_array_size(ours);
        for (size_t i = 0; ok && i < json_array_size(theirs); i++)
            ok = same(json_array_get(theirs, i), json_array_get(ours, i));
        return ok;
    }
    if (!json_is_object(theirs))
        return json_equal(theirs, ours) == 1;
    bool ok = json_object_size(theirs) == json_object_size(ours);
    void *b = json_object_iter(ours);
    for (void *a = json_object_iter(theirs); ok && a; a = json_object_iter_next(theirs, a), b = json_object_iter_next(ours, b))
        ok = strcmp(json_object_iter_key(a), json_object_iter_key(b)) == 0 && same(json_object_iter_value(a), json_object_iter_value(b));
    return ok;
}

static void compare(const char *text, size_t len)
{
    CLEANUP_FREE char *exact = xmalloc(len); /* so that a look beyond the end is seen */
    memcpy(exact, text, len);
    json_error_t why = {0};
    size_t stopped;
    CLEANUP_JSON json_t *theirs = json_loadb(exact, len, JSON_DECODE_ANY, &why), *ours = json_read(exact, len, DEPTH, &stopped);
    assert_true(stopped <= len);
    if (!theirs && json_error_code(&why) == json_error_numeric_overflow)
        return;
    if (theirs && nesting(theirs) > DEPTH) {
        assert_null(ours);
        return;
    }
    if (!theirs != !ours)
        fail_msg("%s takes it: %.*s", ours ? "only the reader" : "only jansson", (int)len, text);
    if (!ours)
        return;
    if (!same(theirs, ours)) {
        CLEANUP_FREE char *a = json_dumps(theirs, JSON_ENCODE_ANY | JSON_COMPACT), *b = json_dumps(ours, JSON_ENCODE_ANY | JSON_COMPACT);
        fail_msg("%.*s is %s, not %s", (int)len, text, a, b);
    }
}

static void texts_are_read_as_jansson_reads_them(void **unused)
{
    const char *seed = getenv("WFWORKER_TEST_SEED"), *cases = getenv("WFWORKER_TEST_CASES");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1, count = cases ? strtoull(cases, NULL, 10) : CASES;
    (void)unused;
    printf("# seeds from %" PRIu64 "\n", first);
    for (uint64_t i = 0; i < count; i++) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        state = first + i;
        add_value(&b, (int)below(7));
        compare(b.data, b.len);
        spoil(&b);
        compare(b.data, b.len);
    }
}

static void depth_is_counted_as_levels_around_a_value(void **unused)
{
    size_t stopped;
    (void)unused;
    CLEANUP_JSON json_t *flat = json_read("[[1]]", 5, 2, &stopped);
    assert_non_null(flat);
    assert_null(json_read("[[1]]", 5, 1, &stopped));
    assert_null(json_read("{\"a\":1}", 7, 0, &stopped));
    CLEANUP_JSON json_t *empty = json_read("[]", 2, 0, &stopped);
    assert_non_null(empty);
}

/* What js_format_real() wrote before it knew about decimals: the fewest digits that read back. */
static void fewest_digits(double d, char out[32])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, d);
        if (!(strtod(out, NULL) < d) && !(strtod(out, NULL) > d))
            return;
    }
}

static void reals_are_written_with_the_fewest_digits(void **unused)
{
    char ours[32], fewest[32];
    (void)unused;
    state = 1;
    for (int i = 0; i < 20000; i++) {
        double whole = below(i % 2 ? 2000000000 : 3000), part = (double)below(1000000) / (i % 3 ? 1e6 : 997.0);
        double d = (below(2) ? -1 : 1) * (i % 5 ? whole + part : part / 1000);
        js_format_real(d, ours);
        fewest_digits(d, fewest);
        if (strchr(fewest, 'e') == NULL) /* a whole number may come with an exponent there */
            assert_string_equal(ours, fewest);
        assert_true(strtod(ours, NULL) <= d && strtod(ours, NULL) >= d);
    }
}

/* Some members are what they are in the whole; what is not asked for is looked at all the same. */
static void members_are_those_of_the_whole(void **unused)
{
    (void)unused;
    for (uint64_t i = 0; i < CASES; i++) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct error e = ERROR_INIT, own = ERROR_INIT;
        json_t *a = NULL, *key = NULL;
        const struct json_member wanted[] = {JSON_MEMBER("a", &a), JSON_MEMBER("key", &key)};
        state = i + 1;
        add_value(&b, (int)below(4));
        if (below(2))
            spoil(&b);
        CLEANUP_JSON json_t *whole = js_parse_own(b.data, b.len, &e);
        bool fits = json_is_object(whole) || json_is_null(whole);
        assert_int_equal(js_members(b.data, b.len, wanted, ARRAY_LEN(wanted), &own), fits ? 0 : -1);
        if (whole && !fits)
            err_set(&e, "it is %s, not an object", js_kind(whole));
        assert_string_equal(own.message, e.message);
        const json_t *has_a = json_object_get(whole, "a"), *has_key = json_object_get(whole, "key");
        assert_true(!a == !has_a && !key == !has_key);
        assert_true((!a || json_equal(a, has_a)) && (!key || json_equal(key, has_key)));
        json_decref(a);
        json_decref(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_jansson_reads_them),
        cmocka_unit_test(members_are_those_of_the_whole),
        cmocka_unit_test(depth_is_counted_as_levels_around_a_value),
        cmocka_unit_test(reals_are_written_with_the_fewest_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
