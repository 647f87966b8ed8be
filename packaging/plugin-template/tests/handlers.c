/* SPDX-License-Identifier: @LICENSE@ */
/* The handlers without a worker: wfworker's mock library calls them as wfworker does, and compares configurations with
 * their schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nodes.h"
#include <wfworker/mock.h>

static struct wfw_mock *mock;

static int set_up(void **state)
{
    (void)state;
    mock = wfw_mock_open(&@IDENT@_plugin, "{}");
    if (!mock)
        print_error("%s\n", wfw_mock_error());
    return mock ? 0 : -1;
}

/* What the handlers did wrong meanwhile was printed and is counted. */
static int tear_down(void **state)
{
    (void)state;
    return wfw_mock_close(mock);
}

/* Call a node with a configuration; what it said must be this, as `wfworker plugin run` prints it. */
static void call(const char *node_type, const char *config, const char *said)
{
    const struct wfw_mock_call c = {.size = sizeof c, .node_type = node_type, .config = config};
    struct wfw_mock_run *run = wfw_mock_call(mock, &c);
    if (!run)
        fail_msg("%s", wfw_mock_error());
    assert_string_equal(wfw_mock_json(run), said);
    wfw_mock_free(run);
}

/* The same call again and again, each time cancelled or without memory at another step: there is always one outcome, and
 * nothing is left over. */
static void at_every_step(const char *node_type, const char *config)
{
    const struct wfw_mock_call c = {.size = sizeof c, .node_type = node_type, .config = config};
    if (wfw_mock_exhaust(mock, &c, 0) < 0)
        fail_msg("%s", wfw_mock_error());
}

static const char *const types[] = {
@EACH_NODE@    "@TYPE@",
};
#define EVERY_TYPE (size_t i = 0; i < sizeof types / sizeof *types; i++)

static void it_greets(void **state)
{
    (void)state;
    for EVERY_TYPE {
        call(types[i], "{\"name\":\"Ada\"}", "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Hello, Ada!\",\"language\":\"en\"}}");
        call(types[i], "{\"name\":\"Ada\",\"language\":\"fr\"}",
             "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Bonjour, Ada!\",\"language\":\"fr\"}}");
    }
}

static void an_unknown_language(void **state)
{
    (void)state;
    for EVERY_TYPE
        call(types[i], "{\"name\":\"Ada\",\"language\":\"tlh\"}",
             "{\"outcome\":\"fail\",\"type\":\"language_unknown\",\"message\":\"no greeting is known in language tlh\","
             "\"retryable\":false,\"details\":{\"language\":\"tlh\"}}");
}

static void a_wrong_configuration(void **state)
{
    (void)state;
    for EVERY_TYPE
        call(types[i], "{}",
             "{\"outcome\":\"fail\",\"type\":\"config_invalid\",\"message\":\"invalid configuration: \\\"/name\\\": is "
             "missing\",\"retryable\":false}");
}

static void whatever_goes_wrong(void **state)
{
    (void)state;
    for EVERY_TYPE {
        at_every_step(types[i], "{\"name\":\"Ada\"}");
        at_every_step(types[i], "{\"name\":\"Ada\",\"language\":\"tlh\"}");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_greets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_language, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_configuration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_goes_wrong, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
