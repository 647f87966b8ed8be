/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's small parts: timers, the table of what is held, secrets, checks of outputs, statistics. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/idmap.h"
#include "worker/mask.h"
#include "worker/output.h"
#include "worker/secrets.h"
#include "worker/stats.h"
#include "worker/timers.h"

/* ---- Timers ---- */

struct alarm {
    struct timer_item item;
    struct timers *timers;
    int number, again;
};

static int fired[64];
static size_t fired_count;

static void on_alarm(struct timer_item *t)
{
    struct alarm *a = CONTAINER_OF(t, struct alarm, item);
    fired[fired_count++] = a->number;
    if (a->again-- > 0)
        timer_set(a->timers, t, 0);
}

static void timers_fire_in_order_of_time(void **state)
{
    struct timers timers;
    uv_loop_t loop;
    struct alarm alarms[20] = {0};
    (void)state;
    uv_loop_init(&loop);
    timers_init(&timers, &loop);
    fired_count = 0;
    for (int i = 0; i < 20; i++) {
        alarms[i] = (struct alarm){.item = {.fire = on_alarm}, .timers = &timers, .number = i};
        timer_set(&timers, &alarms[i].item, (i * 7 % 20) * 2000);
    }
    timer_clear(&timers, &alarms[3].item);
    timer_clear(&timers, &alarms[3].item);
    timer_set(&timers, &alarms[5].item, 60000); /* the last one now */
    assert_false(timer_is_set(&alarms[3].item));
    assert_true(timer_is_set(&alarms[5].item));
    while (fired_count < 19)
        uv_run(&loop, UV_RUN_ONCE);
    for (size_t i = 1; i + 1 < fired_count; i++)
        assert_true(fired[i - 1] * 7 % 20 < fired[i] * 7 % 20);
    assert_int_equal(fired[18], 5);
    assert_false(timer_is_set(&alarms[5].item));
    timers_close(&timers, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_timer_may_set_itself_again(void **state)
{
    struct timers timers;
    uv_loop_t loop;
    struct alarm a = {.item = {.fire = on_alarm}, .timers = &timers, .number = 1, .again = 4};
    struct alarm left = {.item = {.fire = on_alarm}, .timers = &timers, .number = 2};
    (void)state;
    uv_loop_init(&loop);
    timers_init(&timers, &loop);
    fired_count = 0;
    timer_set(&timers, &a.item, 0);
    timer_set(&timers, &left.item, 3600 * US_PER_S);
    /* Never a turn that waits: the last of the five may fire before the poll, which would then last until the other timer. */
    for (int64_t end = clock_mono_us() + 60 * US_PER_S; fired_count < 5 && clock_mono_us() < end;)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(fired_count, 5);
    timers_close(&timers, NULL);
    assert_false(timer_is_set(&left.item));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Sets itself again, and is due again when it returns. */
static void on_busy_alarm(struct timer_item *t)
{
    on_alarm(t);
    while (timer_is_set(t) && clock_mono_us() <= t->at_us)
        continue;
}

static void a_timer_that_sets_itself_again_leaves_the_loop_to_others(void **state)
{
    struct timers timers;
    uv_loop_t loop;
    struct alarm a = {.item = {.fire = on_busy_alarm}, .timers = &timers, .number = 1, .again = (int)ARRAY_LEN(fired) - 1};
    (void)state;
    uv_loop_init(&loop);
    timers_init(&timers, &loop);
    fired_count = 0;
    timer_set(&timers, &a.item, 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_in_range(fired_count, 0, 2); /* before the poll, and after it */
    timers_close(&timers, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- What is held ---- */

static void idmap_finds_what_was_added(void **state)
{
    enum { COUNT = 500 };
    struct idmap f = {0};
    struct idmap_item *items = xcalloc(COUNT, sizeof(*items));
    struct uuid other = uuid_random();
    (void)state;
    assert_null(idmap_find(&f, &other));
    for (size_t i = 0; i < COUNT; i++) {
        items[i].id = uuid_random();
        idmap_add(&f, &items[i]);
    }
    assert_int_equal(f.len, COUNT);
    for (size_t i = 0; i < COUNT; i += 2)
        idmap_remove(&f, &items[i]);
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(idmap_find(&f, &items[i].id), i % 2 ? &items[i] : NULL);
    size_t seen = 1;
    for (struct idmap_item *item = f.first; item; item = item->next, seen += 2)
        assert_ptr_equal(item, &items[seen]); /* in order of arrival */
    assert_int_equal(seen, COUNT + 1);
    assert_int_equal(f.len, COUNT / 2);
    idmap_free(&f);
    free(items);
}

/* ---- Secrets ---- */

static const char *variable(const void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static void put_file(const char *dir, const char *name, const char *data, size_t len)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static void remove_file(const char *dir, const char *name)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s", dir, name);
    unlink(path);
}

static void assert_secret(const char *name, const char *expected)
{
    CLEANUP_FREE char *value = secret_get(name, variable, NULL);
    if (!expected)
        assert_null(value);
    else
        assert_string_equal(value, expected);
}

static void secrets_come_from_files_and_variables(void **state)
{
    char dir[] = "/tmp/wfworker-secrets-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(dir));
    put_file(dir, "token", "s3cret\n", 7);
    put_file(dir, "two.lines", "a\nb\n\n", 5);
    put_file(dir, "nul", "a\0b", 3);
    put_file(dir, ".hidden", "x", 1);
    CLEANUP_FREE char *pipe = xasprintf("%s/pipe", dir);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    setenv("WFWORKER_SECRETS_DIR", dir, 1);
    setenv("WFWORKER_SECRET_token", "not this one", 1);
    setenv("WFWORKER_SECRET_other", "from a variable", 1);
    assert_secret("token", "s3cret");
    assert_secret("two.lines", "a\nb\n");
    assert_secret("other", "from a variable");
    assert_secret("nul", NULL);
    assert_secret("pipe", NULL);
    assert_secret(".hidden", NULL);
    assert_secret("../etc/passwd", NULL);
    assert_secret("", NULL);
    assert_secret("missing", NULL);
    unsetenv("WFWORKER_SECRETS_DIR");
    assert_secret("token", "not this one");
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    assert_secret("token", "s3cret");
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(pipe);
    remove_file(dir, "token");
    remove_file(dir, "two.lines");
    remove_file(dir, "nul");
    remove_file(dir, ".hidden");
    assert_int_equal(rmdir(dir), 0);
}

static void a_secret_has_a_longest_length(void **state)
{
    char dir[] = "/tmp/wfworker-secrets-XXXXXX";
    CLEANUP_FREE char *text = xmalloc(SECRET_MAX + 2);
    (void)state;
    memset(text, 'x', SECRET_MAX + 1);
    text[SECRET_MAX] = '\n';
    text[SECRET_MAX + 1] = '\0';
    assert_non_null(mkdtemp(dir));
    put_file(dir, "fits", text, SECRET_MAX + 1);
    text[SECRET_MAX] = 'x';
    put_file(dir, "long", text, SECRET_MAX + 1);
    setenv("WFWORKER_SECRETS_DIR", dir, 1);
    CLEANUP_FREE char *fits = secret_get("fits", variable, NULL);
    assert_non_null(fits);
    assert_int_equal(strlen(fits), SECRET_MAX);
    assert_secret("long", NULL);
    unsetenv("WFWORKER_SECRETS_DIR");
    remove_file(dir, "fits");
    remove_file(dir, "long");
    assert_int_equal(rmdir(dir), 0);
}

static void only_allowed_variables_are_read(void **state)
{
    static const char *const allow[] = {"REGION", "STAGE", NULL};
    (void)state;
    setenv("REGION", "eu", 1);
    setenv("PGPASSWORD", "hidden", 1);
    unsetenv("STAGE");
    CLEANUP_FREE char *region = secret_env("REGION", allow, variable, NULL);
    assert_string_equal(region, "eu");
    assert_null(secret_env("STAGE", allow, variable, NULL));
    assert_null(secret_env("PGPASSWORD", allow, variable, NULL));
    assert_null(secret_env("REGION", NULL, variable, NULL));
}

/* ---- Outputs ---- */

static void assert_output(json_t *v, const char *type, const char *message)
{
    struct error e = ERROR_INIT;
    int rc = output_check(v, &e);
    json_decref(v);
    assert_int_equal(rc, type ? -1 : 0);
    assert_string_equal(e.message, message);
    assert_string_equal(e.detail, type ? type : "");
}

static void outputs_must_be_storable(void **state)
{
    (void)state;
    assert_output(json_pack("{s:i,s:[f,b,n],s:{}}", "a", 1, "b", 0.5, 1, "c"), NULL, "");
    assert_output(json_pack("{s:[o]}", "a", json_stringn("x\0y", 3)), "type_error",
                  "the output holds a NUL character, which the database cannot store");
    json_t *deep = json_array();
    for (int i = 0; i < JS_MAX_DEPTH; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    assert_output(deep, "type_error", "the output is nested more than 512 levels deep");
}

static void outputs_have_a_largest_size(void **state)
{
    CLEANUP_FREE char *text = xmalloc(1024 * 1024);
    json_t *list = json_array();
    (void)state;
    memset(text, 'x', 1024 * 1024);
    for (int i = 0; i < 15; i++)
        json_array_append_new(list, json_stringn(text, 1024 * 1024));
    assert_output(json_incref(list), NULL, "");
    json_array_append_new(list, json_stringn(text, 1024 * 1024));
    assert_output(list, "payload_too_large", "the output is larger than 16777216 bytes");
}

/* ---- Statistics ---- */

static void uptime_is_written_for_people(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{-5, "00:00:00"},
                 {999999, "00:00:00"},
                 {61 * US_PER_S, "00:01:01"},
                 {86399 * US_PER_S, "23:59:59"},
                 {(86400 * 3 + 3661) * US_PER_S, "3d 01:01:01"}};
    char text[32];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stats_uptime(cases[i].us, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void metrics_are_prometheus_text(void **state)
{
    struct worker_stats s = {.counts = {.processed = 7, .completed = 5, .failed = 2, .nodes = 19},
                             .store = {.queue_depth = -1, .connected = true},
                             .in_flight = 3,
                             .turn_longest_us = 12500,
                             .turns_long = 4,
                             .uptime_us = 1500000,
                             .started_at_us = INT64_C(1700000000250000)};
    CLEANUP_BUF struct buf b = BUF_INIT;
    (void)state;
    stats_metrics(&s, &b);
    assert_non_null(strstr(b.data, "# HELP wfworker_executions_total Executions that ended, by status.\n"
                                   "# TYPE wfworker_executions_total counter\n"
                                   "wfworker_executions_total{status=\"completed\"} 5\n"
                                   "wfworker_executions_total{status=\"failed\"} 2\n"));
    assert_non_null(strstr(b.data, "\nwfworker_node_attempts_total 19\n"));
    assert_non_null(strstr(b.data, "\nwfworker_executions_in_flight 3\n"));
    assert_non_null(strstr(b.data, "\nwfworker_database_up 1\n"));
    assert_non_null(strstr(b.data, "\nwfworker_loop_turn_longest_seconds 0.012500\n"));
    assert_non_null(strstr(b.data, "\nwfworker_loop_turns_long_total 4\n"));
    assert_non_null(strstr(b.data, "\nwfworker_uptime_seconds 1.500\n"));
    assert_non_null(strstr(b.data, "\nwfworker_start_time_seconds 1700000000.250\n"));
    assert_null(strstr(b.data, "queue_depth")); /* not known */
    s.store.queue_depth = 0;
    buf_clear(&b);
    stats_metrics(&s, &b);
    assert_non_null(strstr(b.data, "\nwfworker_queue_depth 0\n"));
}

static void secrets_are_masked(void **state)
{
    struct mask m = {0};
    (void)state;
    CLEANUP_JSON json_t *v = json_pack("{s:s, s:[s, {s:s}, i], s:{s:s}}", "url", "http://x/?a=p%40ss%2Fword&b=1", "list", "xp@ss/wordx",
                                       "k", "p@ss/wordlong p@ss/word", 7, "same", "n", "pass");
    json_t *same = mask_value(&m, v);
    assert_ptr_equal(same, v); /* no secrets: nothing is looked at */
    json_decref(same);
    mask_add(&m, "abc"); /* too short to be one */
    assert_int_equal(m.count, 0);
    mask_add(&m, "p@ss/word");
    mask_add(&m, "p@ss/wordlong");
    mask_add(&m, "p@ss/word");
    assert_int_equal(m.count, 4);
    CLEANUP_JSON json_t *masked = mask_value(&m, v);
    CLEANUP_FREE char *text = js_text(masked);
    assert_string_equal(text, "{\"url\":\"http://x/?a=***&b=1\",\"list\":[\"x***x\",{\"k\":\"*** ***\"},7],\"same\":{\"n\":\"pass\"}}");
    assert_ptr_equal(json_object_get(masked, "same"), json_object_get(v, "same"));
    CLEANUP_FREE char *before = js_text(v);
    assert_non_null(strstr(before, "xp@ss/wordx")); /* the value itself is as it was */
    CLEANUP_FREE char *said = mask_text(&m, "p@ss/wordp@ss/word!");
    assert_string_equal(said, "******!");
    assert_null(mask_text(&m, NULL));
    assert_null(mask_value(&m, NULL));
    mask_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(timers_fire_in_order_of_time),
        cmocka_unit_test(a_timer_may_set_itself_again),
        cmocka_unit_test(a_timer_that_sets_itself_again_leaves_the_loop_to_others),
        cmocka_unit_test(idmap_finds_what_was_added),
        cmocka_unit_test(secrets_come_from_files_and_variables),
        cmocka_unit_test(a_secret_has_a_longest_length),
        cmocka_unit_test(only_allowed_variables_are_read),
        cmocka_unit_test(outputs_must_be_storable),
        cmocka_unit_test(outputs_have_a_largest_size),
        cmocka_unit_test(uptime_is_written_for_people),
        cmocka_unit_test(metrics_are_prometheus_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
