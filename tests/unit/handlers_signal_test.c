/* SPDX-License-Identifier: Apache-2.0 */
/* human_approval, await: every config key, every branch, every error text. */
#include "unit/handler_host.h"
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "wfworker/plugin.h"

/* The virtual clock stands at 2026-11-23T06:00Z. */
#define T0 "1795413600000"
#define APPROVAL_TYPES "\"signals\":[\"human_approval:n1\",\"human_approval\"]"
#define FAIL_OF(type, message) "{\"fail\":\"" type "\",\"message\":\"" message "\",\"retryable\":false}"
#define TIMEOUT_EDGE "[{\"branch\":\"approve\",\"to\":\"x\"},{\"branch\":\"timeout\",\"to\":\"y\"}]"

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

static void start_gives(const char *type, const char *config, const char *expected)
{
    gives(&(struct handler_run){.type = type, .config = config}, expected);
}

static void logs(const char *expected)
{
    assert_string_equal(host.log.data ? host.log.data : "", expected);
    buf_clear(&host.log);
    buf_addstr(&host.log, "");
}

/* ---- human_approval ---- */

static void approval_asks(void **state)
{
    (void)state;
    start_gives("human_approval", "{}", "{\"park_until_ms\":0," APPROVAL_TYPES ",\"checkpoint\":{\"deadline_ms\":0}}");
    logs("1 Approval requested: Please approve this action (answer with signal human_approval:n1: approve, reject)\n");
    start_gives("human_approval", "{\"approval_message\":\"Pay?\",\"approval_options\":[\"pay\",\"refuse\",\"ask\"],\"timeout_seconds\":\"1.5\"}",
                "{\"park_until_ms\":1795413601500," APPROVAL_TYPES ",\"checkpoint\":{\"deadline_ms\":1795413601500}}");
    logs("1 Approval requested: Pay? (answer with signal human_approval:n1: pay, refuse, ask)\n");
}

static void approval_takes_the_choice(void **state)
{
    (void)state;
    static const char *const answers[] = {"\"reject\"", "{\"choice\":\"reject\"}", "{\"decision\":\"reject\"}", "{\"response\":\"reject\"}",
                                          "{\"choice\":\"\",\"decision\":\"reject\",\"by\":7}"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        CLEANUP_FREE char *expected = xasprintf("{\"done\":{\"status\":\"answered\",\"message\":\"Please approve this action\","
                                                "\"choice\":\"reject\",\"response\":%s},\"branch\":\"reject\"}", answers[i]);
        gives(&(struct handler_run){.type = "human_approval", .config = "{}", .why = WFW_WHY_SIGNAL, .signal = "human_approval",
                                    .event = answers[i], .checkpoint = "{\"deadline_ms\":0}"}, expected);
    }
    logs("");
}

static void approval_refuses(void **state)
{
    (void)state;
    struct handler_run run = {.type = "human_approval", .config = "{\"timeout_seconds\":9}", .why = WFW_WHY_SIGNAL,
                              .signal = "human_approval:n1", .event = "{\"choice\":\"perhaps\"}",
                              .checkpoint = "{\"deadline_ms\":1795413605000}"};
    static const char waits[] = "{\"park_until_ms\":1795413605000," APPROVAL_TYPES ",\"checkpoint\":{\"deadline_ms\":1795413605000}}";
    gives(&run, waits);
    logs("2 The answer \"perhaps\" is refused, still waiting: it is none of approve, reject\n");
    run.event = "{\"approved\":true}";
    gives(&run, waits);
    logs("2 An answer without a choice is refused, still waiting: it must be one of approve, reject\n");
    run.event = NULL;
    gives(&run, waits);
    logs("2 An answer without a choice is refused, still waiting: it must be one of approve, reject\n");
}

static void approval_runs_out_of_time(void **state)
{
    (void)state;
    struct handler_run run = {.type = "human_approval", .config = "{\"timeout_seconds\":9}", .why = WFW_WHY_TIMER,
                              .checkpoint = "{\"deadline_ms\":" T0 "}"};
    gives(&run, FAIL_OF("timeout", "nobody answered the request for approval in time"));
    run.edges = TIMEOUT_EDGE;
    gives(&run, "{\"done\":{\"status\":\"timeout\",\"message\":\"Please approve this action\"},\"branch\":\"timeout\"}");
    run.config = "{\"timeout_seconds\":9,\"default_option\":\"reject\"}";
    gives(&run, "{\"done\":{\"status\":\"timeout\",\"message\":\"Please approve this action\",\"choice\":\"reject\"},\"branch\":\"reject\"}");
}

static void approval_config(void **state)
{
    (void)state;
    start_gives("human_approval", "{\"default_option\":\"maybe\"}",
                FAIL_OF("config_invalid", "default_option \\\"maybe\\\" is none of approval_options: approve, reject"));
    start_gives("human_approval", "{\"approval_options\":[\"a\",\"\"]}",
                FAIL_OF("config_invalid", "approval_options must be a list of texts that are not empty"));
    start_gives("human_approval", "{\"timeout_seconds\":-1}",
                FAIL_OF("config_invalid", "timeout_seconds is -1: it must be a number of seconds from 0 to 3153600000"));
    buf_clear(&host.log);
}

/* ---- await ---- */

static void await_parks(void **state)
{
    (void)state;
    start_gives("await", "{\"signal_type\":\"paid\"}", "{\"park_until_ms\":0,\"signals\":[\"paid\"],\"checkpoint\":{\"deadline_ms\":0}}");
    start_gives("await", "{\"signal_type\":\"paid\",\"signals\":[\"a\",\"b\"],\"timeout_seconds\":2}",
                "{\"park_until_ms\":1795413602000,\"signals\":[\"paid\",\"a\",\"b\"],\"checkpoint\":{\"deadline_ms\":1795413602000}}");
    start_gives("await", "{\"until\":\"2026-11-23T06:00:05Z\",\"timeout_seconds\":9}",
                "{\"park_until_ms\":1795413605000,\"checkpoint\":{\"deadline_ms\":1795413609000}}");
    js_set(host.evals, "ready", json_false());
    start_gives("await", "{\"condition\":\"ready\",\"signals\":[\"x\"],\"poll_seconds\":3,\"timeout_seconds\":60}",
                "{\"park_until_ms\":1795413603000,\"signals\":[\"x\"],\"checkpoint\":{\"deadline_ms\":1795413660000}}");
}

static void await_ends(void **state)
{
    (void)state;
    struct handler_run run = {.type = "await", .config = "{\"signals\":[\"paid\",\"b\"]}", .why = WFW_WHY_SIGNAL, .signal = "b",
                              .event = "{\"n\":5}", .checkpoint = "{\"deadline_ms\":0}"};
    gives(&run, "{\"done\":{\"event\":\"signal\",\"signal\":\"b\",\"data\":{\"n\":5}},\"branch\":\"b\"}");
    run = (struct handler_run){.type = "await", .config = "{\"until\":\"2026-11-23T06:00:00Z\",\"signal_type\":\"b\"}",
                               .why = WFW_WHY_TIMER, .checkpoint = "{\"deadline_ms\":0}"};
    gives(&run, "{\"done\":{\"event\":\"until\"},\"branch\":\"until\"}");
    js_set(host.evals, "ready", json_true());
    run.config = "{\"condition\":\"ready\",\"until\":\"2026-11-23T05:00:00Z\"}";
    gives(&run, "{\"done\":{\"event\":\"condition\"},\"branch\":\"condition\"}");
    run.config = "{\"signal_type\":\"b\",\"timeout_seconds\":5}";
    run.checkpoint = "{\"deadline_ms\":" T0 "}";
    gives(&run, FAIL_OF("timeout", "nothing that the node waits for came in time"));
    run.edges = TIMEOUT_EDGE;
    gives(&run, "{\"done\":{\"event\":\"timeout\"},\"branch\":\"timeout\"}");
    /* the deadline was earlier than the time */
    run.config = "{\"until\":\"2026-11-23T06:00:00Z\",\"timeout_seconds\":5}";
    run.checkpoint = "{\"deadline_ms\":1795413599000}";
    gives(&run, "{\"done\":{\"event\":\"timeout\"},\"branch\":\"timeout\"}");
}

static void await_config(void **state)
{
    (void)state;
    start_gives("await", "{\"timeout_seconds\":5}",
                FAIL_OF("config_invalid", "there is nothing to wait for: one of signal_type, signals, until and condition is needed"));
    start_gives("await", "{\"signals\":[\"\"]}", FAIL_OF("config_invalid", "the types of signals must be texts that are not empty"));
    start_gives("await", "{\"until\":\"soon\"}",
                FAIL_OF("config_invalid", "until \\\"soon\\\" is not a time: write it as 2026-11-23T06:00 or 2026-11-23T06:00:00+01:00"));
    start_gives("await", "{\"signal_type\":\"x\",\"timeout_seconds\":\"long\"}",
                FAIL_OF("config_invalid", "timeout_seconds is \\\"long\\\": it must be a number of seconds from 0 to 3153600000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(approval_asks),   cmocka_unit_test(approval_takes_the_choice), cmocka_unit_test(approval_refuses),
        cmocka_unit_test(approval_config), cmocka_unit_test(approval_runs_out_of_time), cmocka_unit_test(await_parks),
        cmocka_unit_test(await_ends),      cmocka_unit_test(await_config),
    };
    return cmocka_run_group_tests(tests, open_host, close_host);
}
