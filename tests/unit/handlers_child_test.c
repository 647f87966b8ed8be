/* SPDX-License-Identifier: Apache-2.0 */
/* sub_workflow: every config key, every answer, every error text. */
#include "unit/handler_host.h"
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "wfworker/plugin.h"

/* The virtual clock stands at 2026-11-23T06:00Z.  The id is made of the key, the activation, the call and which of its asks it is. */
#define ID "596f4992-6b91-5328-a6ed-ea10191ede8d"
#define ASK(workflow, wait, abandon, data, undo) \
    "\"asks\":[{\"kind\":\"child_start\",\"body\":{\"id\":\"" ID "\",\"workflow\":\"" workflow "\",\"node\":\"n1\",\"wait\":" wait \
    ",\"abandon\":" abandon ",\"reply\":\":child:" ID "\",\"data\":" data "},\"reply\":\":child:" ID "\",\"settles\":true" undo "}]"
#define UNDO ",\"undo\":\"child_end\",\"undo_body\":{\"id\":\"" ID "\"}"
#define PARK(until, ask) "{\"park_until_ms\":" until ",\"child\":\"" ID "\",\"checkpoint\":{\"id\":\"" ID "\"}," ask "}"
#define INVALID(message) "{\"fail\":\"config_invalid\",\"message\":\"" message "\",\"retryable\":false}"
#define EVENT(rest) "{\"id\":\"u-1\",\"execution_id\":\"exec-1\",\"workflow_id\":\"w-1\"," rest "}"
#define IDS "\"sub_workflow_id\":\"w-1\",\"sub_execution_id\":\"exec-1\",\"sub_execution_uuid\":\"u-1\""

static struct handler_host host;

static int open_host(void **state)
{
    (void)state;
    handler_host_open(&host);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    handler_host_close(&host);
    return 0;
}

static void gives(const struct handler_run *run, const char *expected)
{
    assert_string_equal(handler_outcome(&host, run), expected);
}

static void start_gives(const char *config, const char *expected)
{
    gives(&(struct handler_run){.type = "sub_workflow", .config = config, .input = "{\"n\":5}"}, expected);
}

static void starts(void **state)
{
    (void)state;
    start_gives("{\"workflow_id\":\"w-1\"}", PARK("0", ASK("w-1", "false", "true", "{\"n\":5}", "")));
    start_gives("{\"sub_workflow_id\":\"w-1\",\"input_data\":{},\"parent_close\":\"cancel\"}", PARK("0", ASK("w-1", "false", "false", "{}", "")));
    start_gives("{\"workflow_id\":\"self\",\"wait_for_completion\":true}",
                PARK("1795417200000", ASK("w1", "true", "false", "{\"n\":5}", UNDO)));
    start_gives("{\"workflow_id\":\"w-1\",\"wait_for_completion\":\"true\",\"timeout_seconds\":0,\"parent_close\":\"abandon\"}",
                PARK("0", ASK("w-1", "true", "true", "{\"n\":5}", "")));
    start_gives("{\"workflow_id\":\"w-1\",\"wait_for_completion\":true,\"timeout_seconds\":1.5}",
                PARK("1795413601500", ASK("w-1", "true", "false", "{\"n\":5}", UNDO)));
}

static void refuses(void **state)
{
    (void)state;
    start_gives("{}", INVALID("workflow_id is missing: which workflow is to run?"));
    start_gives("{\"workflow_id\":\"\"}", INVALID("workflow_id is missing: which workflow is to run?"));
    start_gives("{\"workflow_id\":\"w\",\"input_data\":[1]}",
                INVALID("input_data must be an object: it becomes the data of the other execution"));
    start_gives("{\"workflow_id\":\"w\",\"wait_for_completion\":\"yes\"}", INVALID("wait_for_completion must be true or false"));
    start_gives("{\"workflow_id\":\"w\",\"parent_close\":\"kill\"}", INVALID("parent_close must be cancel or abandon, not \\\"kill\\\""));
    start_gives("{\"workflow_id\":\"w\",\"timeout_seconds\":-1}",
                INVALID("timeout_seconds is -1: it must be a number of seconds from 0 to 3153600000"));
}

static void answer_gives(const char *config, const char *event, const char *expected)
{
    gives(&(struct handler_run){.type = "sub-workflow", .config = config, .why = WFW_WHY_CHILD, .event = event,
                                .checkpoint = "{\"id\":\"u-1\"}"}, expected);
}

static void answers(void **state)
{
    (void)state;
    const char *config = "{\"workflow_id\":\"w-1\"}";
    answer_gives(config, EVENT("\"status\":\"started\""), "{\"done\":{" IDS ",\"status\":\"started\"}}");
    answer_gives(config, EVENT("\"status\":\"completed\",\"data\":{\"x\":1}"),
                 "{\"done\":{" IDS ",\"status\":\"completed\",\"result\":{\"x\":1},\"error\":null}}");
    answer_gives(config, EVENT("\"status\":\"failed\",\"error\":{\"type\":\"child_failed\",\"message\":\"no luck\"}"),
                 "{\"fail\":\"child_failed\",\"message\":\"execution exec-1 failed: no luck\",\"retryable\":true,\"details\":{" IDS
                 ",\"status\":\"failed\"}}");
    answer_gives(config, EVENT("\"status\":\"deleted\""),
                 "{\"fail\":\"child_deleted\",\"message\":\"execution exec-1 was deleted before it was over\",\"retryable\":false}");
    answer_gives(config, EVENT("\"status\":\"refused\",\"error\":{\"type\":\"workflow_unknown\",\"message\":\"there is no workflow\"}"),
                 "{\"fail\":\"workflow_unknown\",\"message\":\"there is no workflow\",\"retryable\":false}");
    answer_gives(config, "{}", "{\"fail\":\"ask_refused\",\"message\":\"(unknown)\",\"retryable\":false}");
}

static void maps_the_result(void **state)
{
    (void)state;
    host.real_expressions = true;
    answer_gives("{\"workflow_id\":\"w-1\",\"output\":\"[result.x, 2]\"}", EVENT("\"status\":\"completed\",\"data\":{\"x\":1}"),
                 "{\"done\":{" IDS ",\"status\":\"completed\",\"result\":[1,2],\"error\":null}}");
    answer_gives("{\"workflow_id\":\"w-1\",\"output\":\"nothing.x\"}", EVENT("\"status\":\"completed\",\"data\":{\"x\":1}"),
                 "{\"fail\":\"unknown_name\",\"message\":\"output \\\"nothing.x\\\": unknown name \\\"nothing\\\", line 1, column 1\",\"retryable\":false}");
    host.real_expressions = false;
}

static void deadline(void **state)
{
    (void)state;
    struct handler_run run = {.type = "sub_workflow", .config = "{\"workflow_id\":\"w-1\"}", .why = WFW_WHY_TIMER, .checkpoint = "{\"id\":\"u-1\"}"};
    gives(&run, "{\"fail\":\"timeout\",\"message\":\"the other execution was not over in time\",\"retryable\":false}");
    run.edges = "[{\"branch\":\"timeout\",\"to\":\"x\"}]";
    gives(&run, "{\"done\":{\"sub_workflow_id\":\"w-1\",\"sub_execution_uuid\":\"u-1\",\"status\":\"timeout\"},\"branch\":\"timeout\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts, open_host, close_host),  cmocka_unit_test_setup_teardown(refuses, open_host, close_host),
        cmocka_unit_test_setup_teardown(answers, open_host, close_host), cmocka_unit_test_setup_teardown(maps_the_result, open_host, close_host),
        cmocka_unit_test_setup_teardown(deadline, open_host, close_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
