/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <wfworker/mock.h>

static struct wfw_mock *mock;

static int set_up(void **state)
{
    (void)state;
    mock = wfw_mock_open(wfw_plugin_v1(), NULL);
    if (!mock)
        print_error("%s\n", wfw_mock_error());
    return mock ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return wfw_mock_close(mock);
}

static void expect(const char *config, const char *outcome)
{
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = "acme.slug", .config = config};
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    assert_string_equal(wfw_mock_json(run), outcome);
    wfw_mock_free(run);
}

static void slugs(void **state)
{
    (void)state;
    expect("{\"text\":\"Annual Report, 2026\"}", "{\"outcome\":\"done\",\"output\":{\"slug\":\"annual-report-2026\"}}");
    expect("{\"text\":\"  a  b  \",\"separator\":\"_\"}", "{\"outcome\":\"done\",\"output\":{\"slug\":\"a_b\"}}");
    expect("{\"text\":\"one two\",\"max_length\":4}", "{\"outcome\":\"done\",\"output\":{\"slug\":\"one\"}}");
}

static void what_cannot_be_one(void **state)
{
    (void)state;
    expect("{\"text\":\"...\"}",
           "{\"outcome\":\"fail\",\"type\":\"nothing_left\",\"message\":\"the text has no letter and no digit "
           "that a slug could keep\",\"retryable\":false}");
    expect("{}",
           "{\"outcome\":\"fail\",\"type\":\"config_invalid\",\"message\":\"invalid configuration: \\\"/text\\\": is "
           "missing\",\"retryable\":false}");
}

static void whatever_happens(void **state)
{
    const struct wfw_mock_call call = {
        .size = sizeof call, .node_type = "acme.slug", .config = "{\"text\":\"a b\"}", .flags = WFW_MOCK_EXACT};
    (void)state;
    if (wfw_mock_exhaust(mock, &call, 0) < 0)
        fail_msg("%s", wfw_mock_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slugs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_happens, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
