/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers are a script, and time is virtual: an answer after half a minute takes no time at all. */
#include <stdio.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <wfworker/mock.h>

static struct wfw_mock *mock;
static int wrong;

static void add(int status, const char *reply, int64_t delay_ms, const char *reply_header)
{
    static const char *const lines[] = {"Content-Type: application/json", "Idempotency-Key: execution-1/node-1",
                                        "Authorization: Bearer hush", NULL};
    const char *const reply_headers[] = {reply_header, NULL};
    const struct wfw_mock_http entry = {.size = sizeof entry,
                                        .method = "POST",
                                        .url = "http://hook/",
                                        .headers = lines,
                                        .body = "{\"order\":7}",
                                        .status = status,
                                        .reply = reply,
                                        .delay_ms = delay_ms,
                                        .reply_headers = reply_headers};
    wrong += wfw_mock_http(mock, &entry) != 0;
}

static const char config[] = "{\"url\":\"http://hook/\",\"payload\":{\"order\":7},\"token_secret\":\"hook_token\"}";

static void expect(const char *outcome)
{
    const struct wfw_mock_call call = {.size = sizeof call, .config = config};
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    if (strcmp(wfw_mock_json(run), outcome) != 0) {
        fprintf(stderr, "expected: %s\ngot:      %s\n", outcome, wfw_mock_json(run));
        wrong++;
    }
    wfw_mock_free(run);
}

static void answers(void)
{
    add(200, "{\"id\":1}", 0, NULL);
    expect("{\"outcome\":\"done\",\"output\":{\"status\":200,\"body\":{\"id\":1}}}");
    add(202, "ok", 0, NULL);
    expect("{\"outcome\":\"done\",\"output\":{\"status\":202}}");
    add(503, "", 0, "retry-after: 7");
    expect(
        "{\"outcome\":\"fail\",\"type\":\"receiver_busy\",\"message\":\"the receiver answers 503\",\"retryable\":true,"
        "\"retry_after_ms\":7000}");
    add(404, "", 0, NULL);
    expect("{\"outcome\":\"fail\",\"type\":\"receiver_refuses\",\"message\":\"the receiver answers "
           "404\",\"retryable\":false}");
    add(200, "", 40000, NULL);
    expect("{\"outcome\":\"fail\",\"type\":\"timeout\",\"message\":\"no complete answer from hook within 30 "
           "s\",\"retryable\":true}");
}

int main(void)
{
    /* Without WFW_MOCK_EXACT: a body that cannot be read is left out of the output, which is as it should be. */
    const struct wfw_mock_call call = {.size = sizeof call, .config = config};
    mock = wfw_mock_open(wfw_plugin_v1(), NULL);
    if (!mock) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        return 1;
    }
    expect("{\"outcome\":\"fail\",\"type\":\"secret_missing\",\"message\":\"the secret that token_secret names is not "
           "there, or not "
           "for this plugin\",\"retryable\":false}");
    wfw_mock_secret(mock, "hook_token", "hush");
    answers();
    add(200, "{\"id\":1}", 100, NULL);
    if (wfw_mock_exhaust(mock, &call, 0) < 0) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        wrong++;
    }
    return wrong + wfw_mock_close(mock) > 0;
}
