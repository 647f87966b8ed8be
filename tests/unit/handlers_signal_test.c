/* SPDX-License-Identifier: Apache-2.0 */
/* human_approval, await, send_signal, mutex: every config key, every branch, every error text. */
#include "unit/handler_host.h"
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "wfworker/plugin.h"

/* The virtual clock stands at 2026-11-23T06:00Z. */
#define T0 "1795413600000"
#define APPROVAL_TYPES "\"signals\":[\"human_approval:n1\",\"human_approval\"]"
#define FAIL_OF(type, message) "{\"fail\":\"" type "\",\"message\":\"" message "\",\"retryable\":false}"
/* What the first ask of a call is named here. */
#define ASK "596f4992-6b91-5328-a6ed-ea10191ede8d"
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

#define CHECKPOINT(deadline) "\"checkpoint\":{\"deadline_ms\":" deadline ",\"request\":\"" ASK "\"}"
#define REQUEST(about)                                                                                                 \
    "\"asks\":[{\"kind\":\"request\",\"undo\":\"request_closed\",\"undo_body\":{\"id\":\"" ASK "\"},\"body\":{\"id\":\"" ASK \
    "\",\"node\":\"n1\",\"activation\":\"exec-1/n1\",\"signal\":\"human_approval:n1\",\"about\":{" about "}},\"addressed\":true}]"
#define OVER(answer) "\"asks\":[{\"kind\":\"request_over\",\"body\":{\"id\":\"" ASK "\",\"choice\":\"reject\"" answer "}}]"

static void approval_asks(void **state)
{
    (void)state;
    start_gives("human_approval", "{}", "{\"park_until_ms\":0," APPROVAL_TYPES "," CHECKPOINT("0") ","
                REQUEST("\"message\":\"Please approve this action\",\"options\":[\"approve\",\"reject\"]") "}");
    logs("1 Approval requested: Please approve this action (answer with signal human_approval:n1: approve, reject)\n");
    start_gives("human_approval", "{\"approval_message\":\"Pay?\",\"approval_options\":[\"pay\",\"refuse\",\"ask\"],\"timeout_seconds\":\"1.5\",\"default_option\":\"ask\"}",
                "{\"park_until_ms\":1795413601500," APPROVAL_TYPES "," CHECKPOINT("1795413601500") ","
                REQUEST("\"message\":\"Pay?\",\"options\":[\"pay\",\"refuse\",\"ask\"],\"default_option\":\"ask\",\"deadline_ms\":1795413601500") "}");
    logs("1 Approval requested: Pay? (answer with signal human_approval:n1: pay, refuse, ask)\n");
}

static void approval_takes_the_choice(void **state)
{
    (void)state;
    static const char *const answers[] = {"\"reject\"", "{\"choice\":\"reject\"}", "{\"decision\":\"reject\"}", "{\"response\":\"reject\"}",
                                          "{\"choice\":\"\",\"decision\":\"reject\",\"by\":7}"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        CLEANUP_FREE char *expected = xasprintf("{\"done\":{\"status\":\"answered\",\"message\":\"Please approve this action\","
                                                "\"choice\":\"reject\",\"response\":%s},\"branch\":\"reject\"," OVER(",\"answer\":%s") "}", answers[i], answers[i]);
        gives(&(struct handler_run){.type = "human_approval", .config = "{}", .why = WFW_WHY_SIGNAL, .signal = "human_approval",
                                    .event = answers[i], .checkpoint = "{\"deadline_ms\":0,\"request\":\"" ASK "\"}"}, expected);
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
                              .checkpoint = "{\"deadline_ms\":" T0 ",\"request\":\"" ASK "\"}"};
    gives(&run, FAIL_OF("timeout", "nobody answered the request for approval in time"));
    run.edges = TIMEOUT_EDGE;
    gives(&run, "{\"done\":{\"status\":\"timeout\",\"message\":\"Please approve this action\"},\"branch\":\"timeout\"}");
    run.config = "{\"timeout_seconds\":9,\"default_option\":\"reject\"}";
    gives(&run, "{\"done\":{\"status\":\"timeout\",\"message\":\"Please approve this action\",\"choice\":\"reject\"},\"branch\":\"reject\"," OVER("") "}");
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

/* ---- send_signal ---- */

#define SENT "{\"status\":\"sent\",\"signal_type\":\"x\",\"execution\":\"exec-1\",\"signal_id\":"

static void send_signal_asks(void **state)
{
    (void)state;
#define SEND(what)                                                                                                     \
    "{\"park_until_ms\":0,\"signals\":[\":answer:" ASK "\"],\"asks\":[{\"kind\":\"send\",\"reply\":\":answer:" ASK                \
    "\",\"settles\":true,\"body\":{\"id\":\"" ASK "\",\"node\":\"n1\"," what ",\"reply\":\":answer:" ASK "\"}}]}"
    start_gives("send_signal", "{\"signal_type\":\"x\"}", SEND("\"execution\":null,\"type\":\"x\",\"data\":null"));
    start_gives("send_signal", "{\"signal_type\":\"x\",\"execution\":\"exec-1\",\"data\":{\"a\":[1]}}",
                SEND("\"execution\":\"exec-1\",\"type\":\"x\",\"data\":{\"a\":[1]}"));
    start_gives("send_signal", "{\"signal_type\":\"x\",\"data\":false}", SEND("\"execution\":null,\"type\":\"x\",\"data\":false"));
    start_gives("send_signal", "{\"signal_type\":\":child:1\"}",
                FAIL_OF("config_invalid", "signal_type must be a text of 1 to 100 characters that does not begin with a colon"));
    logs("");
}

static void send_signal_ends(void **state)
{
    (void)state;
    struct handler_run run = {.type = "send_signal", .config = "{\"signal_type\":\"x\"}", .why = WFW_WHY_ANSWER, .signal = ASK,
                              .event = "{\"signal_id\":\"s1\"}"};
    gives(&run, "{\"done\":" SENT "\"s1\"}}");
    run.event = "{\"signal_id\":null}";
    gives(&run, "{\"done\":" SENT "null}}");
    run.event = "{\"error\":{\"type\":\"execution_unknown\",\"message\":\"nobody\"}}";
    gives(&run, FAIL_OF("execution_unknown", "nobody"));
}

/* ---- mutex ---- */

#define BODY "[{\"branch\":\"body\",\"to\":\"x\"},{\"branch\":\"done\",\"to\":\"y\"}"
#define NO_KEY "key, the name of the lock, must be a text of 1 to 200 characters"
#define HELD "{\"ask\":\"" ASK "\",\"key\":\"k\",\"deadline_ms\":0}"

static void mutex_gives(const char *config, const char *expected)
{
    gives(&(struct handler_run){.type = "mutex", .config = config, .edges = BODY "]"}, expected);
}

static void mutex_asks(void **state)
{
    (void)state;
#define LOCK(key, limit, until, deadline)                                                                              \
    "{\"park_until_ms\":" until ",\"signals\":[\":answer:" ASK "\"],\"checkpoint\":{\"ask\":\"" ASK "\",\"key\":\"" key              \
    "\",\"deadline_ms\":" deadline "},\"asks\":[{\"kind\":\"lock\",\"reply\":\":answer:" ASK "\",\"settles\":false,"              \
    "\"undo\":\"unlock\",\"undo_body\":{\"id\":\"" ASK "\",\"key\":\"" key "\"},\"body\":{\"id\":\"" ASK                      \
    "\",\"node\":\"n1\",\"key\":\"" key "\",\"limit\":" limit ",\"reply\":\":answer:" ASK "\"},\"yields\":true}]}"
    mutex_gives("{\"key\":\"k\"}", LOCK("k", "1", "0", "0"));
    logs("1 Execution waiting for lock: k\n");
    mutex_gives("{\"key\":7,\"limit\":3,\"timeout_seconds\":1.5}", LOCK("7", "3", "1795413601500", "1795413601500"));
    logs("1 Execution waiting for lock: 7\n");
}

static void mutex_holds(void **state)
{
    (void)state;
    struct handler_run run = {.type = "mutex", .config = "{\"key\":\"other by now\"}", .edges = BODY "]", .checkpoint = HELD,
                              .why = WFW_WHY_ANSWER, .signal = ASK, .event = "{\"key\":\"k\"}"};
    gives(&run, "{\"enter\":\"body\"}");
    logs("1 Execution holds lock: k\n");
    run.event = "{\"status\":\"refused\",\"error\":{\"type\":\"ask_refused\",\"message\":\"no\"}}";
    gives(&run, FAIL_OF("ask_refused", "no"));
    run.event = NULL;
    run.why = WFW_WHY_SCOPE;
    gives(&run, "{\"done\":{\"key\":\"k\"},\"branch\":\"done\"}");
    run.why = WFW_WHY_TIMER;
    gives(&run, FAIL_OF("timeout", "the lock \\\"k\\\" was not free in time"));
    run.edges = BODY ",{\"branch\":\"timeout\",\"to\":\"z\"}]";
    gives(&run, "{\"done\":{\"key\":\"k\"},\"branch\":\"timeout\"}");
}

static void mutex_config(void **state)
{
    (void)state;
    mutex_gives("{\"key\":\"\"}", FAIL_OF("config_invalid", NO_KEY));
    mutex_gives("{\"key\":\"k\",\"timeout_seconds\":-1}",
                FAIL_OF("config_invalid", "timeout_seconds is -1: it must be a number of seconds from 0 to 3153600000"));
    start_gives("mutex", "{\"key\":\"k\"}",
                FAIL_OF("config_invalid", "no edge of the node has the branch body: nothing would run while it holds the lock"));
    logs("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(approval_asks),   cmocka_unit_test(approval_takes_the_choice), cmocka_unit_test(approval_refuses),
        cmocka_unit_test(approval_config), cmocka_unit_test(approval_runs_out_of_time), cmocka_unit_test(await_parks),
        cmocka_unit_test(await_ends),      cmocka_unit_test(await_config),
        cmocka_unit_test(send_signal_asks), cmocka_unit_test(send_signal_ends),
        cmocka_unit_test(mutex_asks),      cmocka_unit_test(mutex_holds),               cmocka_unit_test(mutex_config),
    };
    return cmocka_run_group_tests(tests, open_host, close_host);
}
