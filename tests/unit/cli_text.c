/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print for people: tables, times, JSON, an execution. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/execution.h"
#include "cli/table.h"

static void durations_are_short(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {-5, "0 ms"},          {0, "0 ms"},           {12345, "12 ms"},           {999999, "999 ms"},
        {1000000, "1.00 s"},   {1239999, "1.23 s"},   {60000000, "1 min"},        {125000000, "2 min 5 s"},
        {3600000000, "1 h"},   {11400000000, "3 h 10 min"}, {86400000000, "1 d"}, {352800000000, "4 d 2 h"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_BUF struct buf out = BUF_INIT;
        text_duration(rows[i].us, &out);
        assert_string_equal(out.data, rows[i].text);
    }
}

static void times_are_read_in_every_form(void **state)
{
    (void)state;
    CLEANUP_FREE char *a = text_time("2026-11-23T06:20:01.999999");
    CLEANUP_FREE char *b = text_time("2026-11-23 06:20:01+02");
    CLEANUP_FREE char *c = text_time(NULL);
    CLEANUP_FREE char *d = text_between("2026-11-23T06:20:01", "2026-11-23T06:20:03.5");
    CLEANUP_FREE char *e = text_between("2026-11-23T06:20:01", NULL);
    assert_string_equal(a, "2026-11-23 06:20:01");
    assert_string_equal(b, "2026-11-23 04:20:01");
    assert_string_equal(c, "-");
    assert_string_equal(d, "2.50 s");
    assert_string_equal(e, "-");
}

static void texts_cannot_upset_a_terminal(void **state)
{
    (void)state;
    CLEANUP_FREE char *a = text_clean("a\x1b[31mb\nc\td\x7f", 0);
    CLEANUP_FREE char *b = text_clean("Zoë Zoë Zoë", 5);
    CLEANUP_FREE char *c = text_clean("Zoë Z", 5);
    assert_string_equal(a, "a [31mb c d ");
    assert_string_equal(b, "Zoë …");
    assert_string_equal(c, "Zoë Z");
}

/* What a function prints, as a new string. */
static char *printed(void (*print)(FILE *out, const void *arg), const void *arg)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    print(out, arg);
    fclose(out);
    return text;
}

static void print_table(FILE *out, const void *arg)
{
    (void)arg;
    struct table t;
    table_begin(&t, (const char *const[]){"NAME", "N", "LAST", NULL});
    const char *const cells[] = {"Zoë", "1", "x", "a", "12345", NULL};
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        table_add(&t, cells[i], 0);
    table_print(&t, out);
    assert_null(t.cells);
}

static void columns_are_aligned(void **state)
{
    (void)state;
    CLEANUP_FREE char *text = printed(print_table, NULL);
    assert_string_equal(text, "NAME  N      LAST\n"
                              "Zoë   1      x\n"
                              "a     12345  -\n");
}

static void json_is_indented_and_numbers_stay(void **state)
{
    (void)state;
    static const char in[] = "{\"a\":[],\"b\":{},\"c\":[1,0.1,{\"d\":\"x,{\\\"[\\\\\"}],\"e\":null}";
    CLEANUP_JSON json_t *v = js_parse(in, sizeof in - 1, NULL);
    CLEANUP_FREE char *text = text_json(v);
    assert_string_equal(text, "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    0.1,\n    {\n"
                              "      \"d\": \"x,{\\\"[\\\\\"\n    }\n  ],\n  \"e\": null\n}");
}

static const char row_text[] =
    "{\"id\":\"b906aed7-c24b-4e6b-97f5-8d5d25f97343\",\"execution_id\":\"exec-0123456789ab\",\"workflow_id\":"
    "\"c906aed7-c24b-4e6b-97f5-8d5d25f97343\",\"workflow_name\":\"orders\",\"status\":\"failed\",\"current_node_id\":\"h\","
    "\"error_message\":\"Node h failed:\\nno\",\"started_at\":\"2026-11-23T06:20:01\",\"completed_at\":"
    "\"2026-11-23T06:20:03.25\",\"retry_count\":3,\"next_retry_at\":null,\"execution_state\":{\"completed_node_ids\":[\"t\"],"
    "\"node_results\":{\"h\":{\"node_id\":\"h\",\"status\":\"failed\",\"output\":{},\"error\":\"no\",\"started_at\":"
    "\"2026-11-23T06:20:02\",\"duration_ms\":1250},\"t\":{\"node_id\":\"t\",\"status\":\"success\",\"output\":{\"n\":0.1},"
    "\"error\":null,\"started_at\":\"2026-11-23T06:20:01.5\",\"duration_ms\":3}}}}";

static void print_row(FILE *out, const void *arg)
{
    execution_print(arg, out);
}

static void print_end(FILE *out, const void *arg)
{
    assert_int_equal(execution_print_end(arg, out), 1);
}

static void an_execution_is_shown_with_its_nodes(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *row = js_parse(row_text, sizeof row_text - 1, &e);
    assert_non_null(row);
    CLEANUP_FREE char *text = printed(print_row, row);
    assert_string_equal(text, "Execution  exec-0123456789ab (b906aed7-c24b-4e6b-97f5-8d5d25f97343)\n"
                              "Workflow   orders (c906aed7-c24b-4e6b-97f5-8d5d25f97343)\n"
                              "Status     failed\n"
                              "Started    2026-11-23 06:20:01 UTC\n"
                              "Ended      2026-11-23 06:20:03 UTC, after 2.25 s\n"
                              "Retries    3\n"
                              "Error      Node h failed: no\n"
                              "\n"
                              "NODE  STATUS   STARTED   TAKEN   OUTPUT OR ERROR\n"
                              "t     success  06:20:01  3 ms    {\"n\":0.1}\n"
                              "h     failed   06:20:02  1.25 s  no\n");
    CLEANUP_FREE char *end = printed(print_end, row);
    assert_string_equal(end, "exec-0123456789ab failed after 2.25 s: Node h failed: no\n");
}

static bool ended(const char *text)
{
    CLEANUP_JSON json_t *row = js_parse(text, strlen(text), NULL);
    return execution_ended(row);
}

static void a_retry_to_come_is_no_end(void **state)
{
    (void)state;
    assert_true(ended("{\"status\":\"completed\"}"));
    assert_true(ended("{\"status\":\"failed\",\"completed_at\":\"2026-11-23T06:20:03\",\"next_retry_at\":\"2026-11-23T06:20:03\"}"));
    assert_true(ended("{\"status\":\"failed\",\"completed_at\":null,\"next_retry_at\":null}"));
    assert_false(ended("{\"status\":\"failed\",\"completed_at\":null,\"next_retry_at\":\"2026-11-23T06:20:03\"}"));
    assert_false(ended("{\"status\":\"running\"}"));
    assert_false(ended("{\"status\":\"paused\"}"));
    assert_false(ended("{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_short),
        cmocka_unit_test(times_are_read_in_every_form),
        cmocka_unit_test(texts_cannot_upset_a_terminal),
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(json_is_indented_and_numbers_stay),
        cmocka_unit_test(an_execution_is_shown_with_its_nodes),
        cmocka_unit_test(a_retry_to_come_is_no_end),
    };
    return cmocka_run_group_tests_name("cli text", tests, NULL, NULL);
}
