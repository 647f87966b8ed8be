/* SPDX-License-Identifier: Apache-2.0 */
/* The table of an execution's large values: found by value and by id, read back in any order, however many. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/heavy.h"
#include "worker/ids.h"
#include "worker/payloads.h"

#define MANY 20000

/* Nothing here is beside a loop. */
void heavy_submit(struct heavy *h, struct heavy_job *job)
{
    (void)h;
    job->done(job);
}

static struct uuid numbered(uint32_t n)
{
    struct uuid id = {{0}};
    memcpy(id.bytes + 8, &n, sizeof n); /* the first bytes are the same: they all want the same place */
    memcpy(id.bytes, &(uint16_t){(uint16_t)(n / 64)}, sizeof(uint16_t));
    return id;
}

static void ids_are_found(void **state)
{
    struct ids index = {0};
    struct uuid *list = xcalloc(MANY, sizeof *list);
    struct ids_array a = {list, sizeof *list};
    (void)state;
    assert_int_equal(ids_find(&index, a, &list[0]), SIZE_MAX);
    for (uint32_t i = 0; i < MANY; i++) {
        list[i] = numbered(i);
        ids_add(&index, a);
    }
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(ids_find(&index, a, &list[i]), i);
    struct uuid other = numbered(MANY);
    assert_int_equal(ids_find(&index, a, &other), SIZE_MAX);
    ids_again(&index, a, 10);
    assert_int_equal(ids_find(&index, a, &list[9]), 9);
    assert_int_equal(ids_find(&index, a, &list[10]), SIZE_MAX);
    list[10] = list[3]; /* twice: the first one counts */
    ids_add(&index, a);
    assert_int_equal(ids_find(&index, a, &list[3]), 3);
    ids_free(&index);
    free(list);
}

/* ["\u0000ID", ...] of payloads first .. last - 1 */
static char *names(uint32_t first, uint32_t last, size_t *len)
{
    struct buf text = BUF_INIT;
    buf_addch(&text, '[');
    for (uint32_t i = first; i < last; i++) {
        struct uuid id = numbered(i);
        char name[UUID_TEXT];
        uuid_format(&id, name);
        if (i > first)
            buf_addch(&text, ',');
        js_name_ref(&text, name);
    }
    buf_addch(&text, ']');
    *len = text.len;
    return buf_steal(&text);
}

/* Number n is ["value n"], but the first one holds all the others. */
static struct store_payload *stored(uint32_t count)
{
    struct store_payload *list = xcalloc(count, sizeof *list);
    list[0].text = names(1, count, &list[0].len);
    list[0].id = numbered(0);
    for (uint32_t i = 1; i < count; i++) {
        list[i].text = xasprintf("[\"value %u\"]", i);
        list[i].len = strlen(list[i].text);
        list[i].id = numbered(i);
    }
    return list;
}

static void stored_free(struct store_payload *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free((void *)(uintptr_t)list[i].text);
    free(list);
}

static void what_is_named_is_wanted_once_and_read(void **state)
{
    struct payloads p;
    struct error e = ERROR_INIT;
    struct store_payload *list = stored(MANY);
    size_t len, count;
    char *text = names(0, MANY, &len);
    const char *rows[] = {text, text};
    const size_t lens[] = {len, len};
    const struct store_claim claim = {.snapshot = text, .snapshot_len = len, .journal = rows, .journal_len = lens, .journal_count = 2};
    (void)state;
    payloads_init(&p, 65536);
    struct uuid *ids = payloads_wanted(&p, &claim, &count);
    assert_int_equal(count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_memory_equal(ids[i].bytes, numbered(i).bytes, 16);
    free(ids);

    assert_int_equal(payloads_load(&p, list, MANY, &e), 0);
    assert_int_equal(p.len, MANY);
    free(payloads_wanted(&p, &claim, &count));
    assert_int_equal(count, 0);
    json_t *all = js_parse_refs(text, len, payloads_resolve, &p, &e);
    assert_int_equal(json_array_size(all), MANY);
    for (size_t i = 1; i < MANY; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "value %zu", i);
        assert_string_equal(json_string_value(json_array_get(json_array_get(all, i), 0)), expected);
        assert_ptr_equal(json_array_get(json_array_get(all, 0), i - 1), json_array_get(all, i));
    }
    json_decref(all);
    payloads_free(&p);
    stored_free(list, MANY);
    free(text);
}

static void what_is_missing_or_goes_in_circles_is_an_error(void **state)
{
    struct payloads p;
    struct error e = ERROR_INIT;
    char circle[64], other[64];
    (void)state;
    payloads_init(&p, 65536);
    snprintf(circle, sizeof circle, "[\"\\u0000%s\"]", "00000000-0000-0000-0100-000000000000");
    snprintf(other, sizeof other, "[\"\\u0000%s\"]", "00000000-0000-0000-0000-000000000000");
    const struct store_payload list[] = {{numbered(0), circle, strlen(circle)}, {numbered(1), other, strlen(other)}};
    assert_int_equal(payloads_load(&p, list, 1, &e), -1);
    assert_string_equal(e.message, "the large value 00000000-0000-0000-0100-000000000000 is not there");
    assert_int_equal(payloads_load(&p, list, 2, &e), -1);
    assert_string_equal(e.message, "large values hold each other in a circle");
    payloads_free(&p);
}

/* Each of 40 values holds the one behind it 100 times: written out that would be more bytes than 64 bits count. */
static void what_holds_itself_many_times_over_is_counted_as_much(void **state)
{
    struct payloads p;
    struct error e = ERROR_INIT;
    struct store_payload list[40];
    char *texts[40];
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        struct buf text = BUF_INIT;
        struct uuid id = numbered(i + 1);
        char name[UUID_TEXT];
        uuid_format(&id, name);
        buf_addch(&text, '[');
        for (int k = 0; k < 100; k++) {
            buf_addstr(&text, k ? "," : "");
            if (i < 39)
                js_name_ref(&text, name);
            else
                buf_addstr(&text, "null");
        }
        buf_addch(&text, ']');
        size_t len = text.len;
        texts[i] = buf_steal(&text);
        list[i] = (struct store_payload){numbered(i), texts[i], len};
    }
    payloads_init(&p, 65536);
    assert_int_equal(payloads_load(&p, list, 40, &e), 0);
    for (size_t i = 0; i < p.len; i++) {
        assert_true(p.items[i].full >= p.items[i].len);
        if (i > 0) /* the innermost is read first */
            assert_true(p.items[i].full >= p.items[i - 1].full);
    }
    assert_true(p.items[p.len - 1].full > (size_t)1 << 62);
    payloads_free(&p);
    for (size_t i = 0; i < 40; i++)
        free(texts[i]);
}

/* A worker with a smaller max_inline than the one that wrote it: what it holds is taken note of while it is read. */
static void a_smaller_bound_finds_more_in_what_is_read(void **state)
{
    struct payloads p;
    struct error e = ERROR_INIT;
    struct buf text = BUF_INIT;
    (void)state;
    buf_addch(&text, '[');
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "%s{\"number\":%d,\"text\":\"%0600d\"}", i ? "," : "", i, i);
    buf_addch(&text, ']');
    const struct store_payload list[] = {{numbered(0), text.data, text.len}};
    payloads_init(&p, 512);
    assert_int_equal(payloads_load(&p, list, 1, &e), 0);
    assert_true(p.len > 200);
    assert_memory_equal(p.items[0].id.bytes, numbered(0).bytes, 16);
    assert_int_equal(p.items[0].len, text.len);
    assert_true(p.items[0].memory > 0);
    size_t memory = 0, undurable = 0;
    for (size_t i = 0; i < p.len; i++) {
        memory += p.items[i].memory;
        undurable += p.items[i].text != NULL;
    }
    assert_int_equal(p.memory, memory);
    assert_int_equal(p.undurable, undurable);
    assert_int_equal(undurable, p.len - 1);
    payloads_free(&p);
    buf_free(&text);
}

/* A thread's table: what it found comes into the other one, also when that has got it meanwhile. */
static void tables_are_joined(void **state)
{
    struct payloads p, found;
    char filler[2048];
    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    payloads_init(&p, 1024);
    json_t *first = json_pack("[s]", filler), *second = json_pack("[s, s]", filler, filler);
    payloads_add(&p, first);
    size_t known = payloads_fork(&p, &found);
    assert_int_equal(known, p.len);
    payloads_add(&found, first);
    payloads_add(&found, second);
    payloads_add(&p, second);
    size_t before = p.len, more = found.len - known;
    assert_true(more > 0);
    payloads_join(&p, &found, known);
    assert_int_equal(p.len, before + more);
    for (size_t i = 0; i < found.len; i++) {
        char name[UUID_TEXT];
        uuid_format(&found.items[i].id, name);
        json_t *v = payloads_resolve(&p, name, NULL);
        assert_ptr_equal(v, found.items[i].value);
        json_decref(v);
    }
    payloads_free(&found);
    json_decref(first);
    json_decref(second);
    payloads_free(&p);
}

static void what_nobody_refers_to_is_forgotten(void **state)
{
    struct payloads p;
    char filler[2048];
    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    payloads_init(&p, 1024);
    json_t *v = json_pack("[[s], [s]]", filler, filler);
    payloads_add(&p, v);
    assert_int_equal(p.len, 2); /* the texts: what holds them is small */
    payloads_sweep(&p);
    assert_int_equal(p.len, 2);
    json_decref(v);
    for (size_t before = p.len; before > 0; before = p.len) { /* from the outside in */
        payloads_sweep(&p);
        assert_true(p.len < before);
    }
    assert_int_equal(p.bytes, 0);
    assert_int_equal(p.memory, 0);
    assert_int_equal(p.undurable, 0);
    payloads_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_found),
        cmocka_unit_test(what_is_named_is_wanted_once_and_read),
        cmocka_unit_test(what_is_missing_or_goes_in_circles_is_an_error),
        cmocka_unit_test(what_holds_itself_many_times_over_is_counted_as_much),
        cmocka_unit_test(a_smaller_bound_finds_more_in_what_is_read),
        cmocka_unit_test(tables_are_joined),
        cmocka_unit_test(what_nobody_refers_to_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
