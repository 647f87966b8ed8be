/* SPDX-License-Identifier: Apache-2.0 */
/* The mock host library without a test framework: a table of configurations and outcomes. */
#include <stdio.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <wfworker/mock.h>

static const struct {
    const char *config, *outcome;
} cases[] = {
    {"{\"text\":\"name,n\\nAda,1\\r\\n\\\"a \\\"\\\"b\\\"\\\",\\nc\\\",2\\n\"}",
     "{\"outcome\":\"done\",\"output\":{\"rows\":[{\"name\":\"Ada\",\"n\":\"1\"},{\"name\":\"a "
     "\\\"b\\\",\\nc\",\"n\":\"2\"}],\"count\":2}}"},
    {"{\"text\":\"a;b\\n;\",\"separator\":\";\"}",
     "{\"outcome\":\"done\",\"output\":{\"rows\":[{\"a\":\"\",\"b\":\"\"}],\"count\":1}}"},
    {"{\"text\":\"a,b\"}", "{\"outcome\":\"done\",\"output\":{\"rows\":[],\"count\":0}}"},
    {"{\"text\":\"a,b\\n1,2\\n3\\n\"}",
     "{\"outcome\":\"fail\",\"type\":\"csv_invalid\",\"message\":\"line 3: fields are missing\",\"retryable\":false}"},
    {"{\"text\":\"a\\n1,2\\n\"}", "{\"outcome\":\"fail\",\"type\":\"csv_invalid\",\"message\":\"line 2: there are more "
                                  "fields than columns\",\"retryable\":false}"},
    {"{\"text\":\"a\\n\\\"1\"}", "{\"outcome\":\"fail\",\"type\":\"csv_invalid\",\"message\":\"line 2: a quote is not "
                                 "closed\",\"retryable\":false}"},
    {"{\"text\":\"a\\n\\\"1\\\"2\"}", "{\"outcome\":\"fail\",\"type\":\"csv_invalid\",\"message\":\"line 2: there is "
                                      "something between a closing quote and the next "
                                      "separator\",\"retryable\":false}"},
};

static int check(struct wfw_mock *mock, const char *config, const char *outcome)
{
    const struct wfw_mock_call call = {.size = sizeof call, .config = config};
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    int wrong = strcmp(wfw_mock_json(run), outcome) != 0;
    if (wrong)
        fprintf(stderr, "%s\nexpected: %s\ngot:      %s\n", config, outcome, wfw_mock_json(run));
    wfw_mock_free(run);
    return wrong;
}

int main(void)
{
    const struct wfw_mock_call call = {
        .size = sizeof call, .config = "{\"text\":\"a,b\\n1,2\\n3,4\\n\"}", .flags = WFW_MOCK_EXACT};
    struct wfw_mock *mock = wfw_mock_open(wfw_plugin_v1(), NULL);
    int wrong = 0;
    if (!mock) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        return 1;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        wrong += check(mock, cases[i].config, cases[i].outcome);
    if (wfw_mock_exhaust(mock, &call, 0) < 0) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        wrong++;
    }
    wrong += wfw_mock_close(mock);
    return wrong > 0;
}
