/* SPDX-License-Identifier: Apache-2.0 */
/* Each call of a control-flow handler by itself: what it does first, and what it does when it is told of a pass. */
#include <stdio.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <wfworker/mock.h>

#define EDGES                                                                                                          \
    "[{\"branch\":\"body\",\"to\":\"a\"},{\"branch\":\"done\",\"to\":\"z\"},{\"branch\":\"body\",\"to\":\"b\"}]"
#define REPEAT .size = sizeof(struct wfw_mock_call), .node_type = "acme.repeat_until"
#define FIRST .size = sizeof(struct wfw_mock_call), .node_type = "acme.parallel_first", .edges = EDGES
#define OVER(outcome) .why = WFW_WHY_SCOPE, .scope_outcome = (outcome)

static const struct {
    struct wfw_mock_call call;
    const char *outcome;
} cases[] = {
    {{REPEAT, .config = "{\"until\":\"true\"}"},
     "{\"outcome\":\"enter\",\"branch\":\"body\",\"vars\":{\"round\":1},\"flags\":[\"loop\"]}"},
    {{REPEAT, .config = "{\"until\":\"round == 3\"}", OVER(WFW_SCOPE_DONE), .scope = "{\"passes\":3}"},
     "{\"outcome\":\"done\",\"output\":{\"rounds\":3},\"branch\":\"done\"}"},
    {{REPEAT, .config = "{\"until\":\"round == 3\"}", OVER(WFW_SCOPE_DONE), .scope = "{\"passes\":2}"},
     "{\"outcome\":\"enter\",\"branch\":\"body\",\"vars\":{\"round\":3},\"flags\":[\"loop\"]}"},
    {{REPEAT, .config = "{\"until\":\"ready\",\"pause_ms\":500}", .input = "{\"ready\":false}", OVER(WFW_SCOPE_DONE),
      .scope = "{\"passes\":1}"},
     "{\"outcome\":\"park\",\"until_ms\":1767225600500,\"checkpoint\":{\"rounds\":1}}"},
    {{REPEAT, .config = "{\"until\":\"ready\",\"pause_ms\":500}", .why = WFW_WHY_TIMER, .checkpoint = "{\"rounds\":1}"},
     "{\"outcome\":\"enter\",\"branch\":\"body\",\"vars\":{\"round\":2},\"flags\":[\"loop\"]}"},
    {{REPEAT, .config = "{\"until\":\"false\",\"max_rounds\":2}", OVER(WFW_SCOPE_DONE), .scope = "{\"passes\":2}"},
     "{\"outcome\":\"fail\",\"type\":\"max_rounds_exceeded\",\"message\":\"the condition does not hold after the last "
     "round "
     "(max_rounds)\",\"retryable\":false}"},
    {{REPEAT, .config = "{\"until\":\"ready\"}", OVER(WFW_SCOPE_FAILED), .scope = "{\"passes\":1}",
      .event = "{\"type\":\"broken\",\"message\":\"it broke\",\"node_id\":\"n\",\"retryable\":true}"},
     "{\"outcome\":\"fail\",\"type\":\"broken\",\"message\":\"it broke\",\"retryable\":true,\"node\":\"n\"}"},
    {{REPEAT, .config = "{\"until\":\"1\"}", OVER(WFW_SCOPE_DONE), .scope = "{\"passes\":1}"},
     "{\"outcome\":\"fail\",\"type\":\"type_error\",\"message\":\"the condition is neither true nor "
     "false\",\"retryable\":false}"},
    {{FIRST}, "{\"outcome\":\"enter\",\"branch\":\"body\",\"to\":\"a\",\"flags\":[\"again\"],\"keep\":1}"},
    {{FIRST, OVER(WFW_SCOPE_DONE), .scope = "{\"passes\":1,\"open\":1}"},
     "{\"outcome\":\"enter\",\"branch\":\"body\",\"to\":\"b\",\"keep\":1}"},
    {{FIRST, OVER(WFW_SCOPE_FAILED), .scope_pass = 1, .scope = "{\"passes\":2,\"open\":1}"},
     "{\"outcome\":\"enter\",\"branch\":\"body\",\"passes\":[],\"keep\":1}"},
    {{FIRST, OVER(WFW_SCOPE_DONE), .scope_pass = 2, .scope = "{\"passes\":2,\"open\":0,\"result\":{\"n\":1}}"},
     "{\"outcome\":\"done\",\"output\":{\"winner\":\"b\",\"result\":{\"n\":1}},\"branch\":\"done\"}"},
    {{.size = sizeof(struct wfw_mock_call),
      .node_type = "acme.stop",
      .config = "{\"when\":\"n > 1\"}",
      .input = "{\"n\":2}"},
     "{\"outcome\":\"leave\",\"leave\":\"break\"}"},
    {{.size = sizeof(struct wfw_mock_call),
      .node_type = "acme.stop",
      .config = "{\"when\":\"n > 1\"}",
      .input = "{\"n\":1}"},
     "{\"outcome\":\"done\",\"output\":{}}"},
};

static int check(struct wfw_mock *mock, const struct wfw_mock_call *call, const char *outcome)
{
    struct wfw_mock_run *run = wfw_mock_call(mock, call);
    int wrong = strcmp(wfw_mock_json(run), outcome) != 0;
    if (wrong)
        fprintf(stderr, "expected: %s\ngot:      %s\n", outcome, wfw_mock_json(run));
    wfw_mock_free(run);
    if (wfw_mock_exhaust(mock, call, 0) < 0) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        wrong = 1;
    }
    return wrong;
}

int main(void)
{
    struct wfw_mock *mock = wfw_mock_open(wfw_plugin_v1(), NULL);
    int wrong = 0;
    if (!mock) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        return 1;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        wrong += check(mock, &cases[i].call, cases[i].outcome);
    return wrong + wfw_mock_close(mock) > 0;
}
