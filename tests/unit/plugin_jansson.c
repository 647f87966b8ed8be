/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge to a plugin's own jansson: there and back, as a handler does it. */
#include "unit/plugin_bench.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "wfworker/plugin-jansson.h"

static json_t *kept_json; /* a copy outlives its task */

static void run_through(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    kept_json = wfw_to_jansson(host, call->config);
    assert_non_null(kept_json);
    assert_int_equal(kept_json->refcount, 1);
    assert_int_equal(json_object_set_new(kept_json, "added", json_pack("[i, n]", 1)), 0);
    host->done(task, wfw_from_jansson(host, task, kept_json), NULL);
}

static void values_go_through_and_back(void **state)
{
    (void)state;
    static const char config[] = "{\"b\":[true,false,null],\"i\":-9223372036854775808,\"r\":0.1,\"s\":\"\\u00e4 \\\"\",\"o\":{\"e\":{},\"a\":[]}}";
    expect_run(run_through, WFW_EXEC_BLOCKING, 0, config,
               "done output={\"b\":[true,false,null],\"i\":-9223372036854775808,\"r\":0.1,\"s\":\"\xc3\xa4 \\\"\",\"o\":{\"e\":{},"
               "\"a\":[]},\"added\":[1,null]}");
    CLEANUP_FREE char *text = js_text(kept_json);
    assert_string_equal(text, "{\"b\":[true,false,null],\"i\":-9223372036854775808,\"r\":0.1,\"s\":\"\xc3\xa4 \\\"\",\"o\":{\"e\":{},"
                              "\"a\":[]},\"added\":[1,null]}");
    json_decref(kept_json);
}

static void run_wrong(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    json_t *deep = json_array(), *with_nul = json_pack("[s#]", "a\0b", 3), *nested = json_array();
    for (int i = 0; i < 2 * WFW_JANSSON_DEPTH; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    json_array_append(nested, deep);
    assert_null(wfw_from_jansson(host, task, deep));
    assert_null(wfw_from_jansson(host, task, nested));
    assert_null(wfw_from_jansson(host, task, with_nul));
    assert_null(wfw_from_jansson(host, task, NULL));
    assert_null(wfw_from_jansson(host, NULL, json_true()));
    assert_null(wfw_to_jansson(host, NULL));
    assert_int_equal(deep->refcount, 2);
    json_decref(nested);
    json_decref(deep);
    json_decref(with_nul);
    host->done(task, NULL, NULL);
}

static void what_cannot_cross_is_null(void **state)
{
    (void)state;
    expect_run(run_wrong, WFW_EXEC_LOOP, 0, "{}", "done output={}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(values_go_through_and_back),
        WITH_HOST(what_cannot_cross_is_null),
    };
    log_setup(LOG_TEXT, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
