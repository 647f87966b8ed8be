/* SPDX-License-Identifier: Apache-2.0 */
/* acme.webhook: tells somebody by a POST of JSON, with a token that only the administrator knows.
 *
 * A loop handler: it starts the transfer and returns; thousands may be under way on one thread.  Every attempt carries
 * the same Idempotency-Key, so that the other side can notice a repetition: therefore the effect class is idempotent.
 * Who answers 429 or 5xx is asked again, not before the time that Retry-After names; every other refusal is final. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#define MAX_RETRY_AFTER_S 86400

static const struct wfw_host *host;

static int start(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

static void fail(struct wfw_task *task, const char *type, const char *message, int retryable, int64_t retry_after_ms)
{
    const struct wfw_error error = {.size = sizeof error,
                                    .type = type,
                                    .message = message,
                                    .retryable = retryable,
                                    .retry_after_ms = retry_after_ms};
    host->fail(task, &error);
}

/* The value of a header line, or NULL.  Names in any case. */
static const char *header(const struct wfw_http_response *r, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *line = r->headers; line && *line; line++)
        if (strncasecmp(*line, name, len) == 0 && (*line)[len] == ':')
            return *line + len + 1 + strspn(*line + len + 1, " ");
    return NULL;
}

/* Seconds; a date, which the header may also be, is left to the workflow's own back-off. */
static int64_t retry_after_ms(const struct wfw_http_response *r)
{
    const char *text = header(r, "Retry-After");
    char *end = NULL;
    long s = text ? strtol(text, &end, 10) : 0;
    return text && *end == '\0' && s > 0 ? (int64_t)(s < MAX_RETRY_AFTER_S ? s : MAX_RETRY_AFTER_S) * 1000 : 0;
}

static void refused(struct wfw_task *task, const struct wfw_http_response *r)
{
    char message[100];
    int again = r->status == 429 || r->status >= 500;
    snprintf(message, sizeof message, "the receiver answers %d", (int)r->status);
    fail(task, again ? "receiver_busy" : "receiver_refuses", message, again, again ? retry_after_ms(r) : 0);
}

/* The answer's body is the output when it is JSON; receivers often say "ok" or nothing. */
static void accepted(struct wfw_task *task, const struct wfw_http_response *r)
{
    struct wfw_value *out = host->object(task);
    const struct wfw_value *body = r->body_len ? host->parse(task, (const char *)r->body, r->body_len, NULL, 0) : NULL;
    if (host->set(out, "status", host->integer(task, r->status)) != WFW_OK ||
        (body && host->set(out, "body", body) != WFW_OK))
        fail(task, "out_of_memory", "there is no memory for the output", 1, 0);
    else
        host->done(task, out, NULL);
}

static void on_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    (void)arg;
    if (r->error_type) /* network_error, timeout, ...: nothing is known of what the receiver did */
        fail(task, r->error_type, r->error, 1, 0);
    else if (r->status < 200 || r->status > 299)
        refused(task, r);
    else
        accepted(task, r);
}

/* "NAME: VALUE" in memory of the task. */
static const char *line(struct wfw_task *task, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *text = (char *)host->alloc(task, size);
    if (text)
        snprintf(text, size, "%s: %s", name, value);
    return text;
}

static const char *credentials(struct wfw_task *task, const char *token)
{
    size_t size = strlen(token) + 8;
    char *text = (char *)host->alloc(task, size);
    if (text)
        snprintf(text, size, "Bearer %s", token);
    return text ? line(task, "Authorization", text) : NULL;
}

static void begin(struct wfw_task *task, const struct wfw_call *call, const char *token)
{
    const char *url = "", *lines[4] = {"Content-Type: application/json", line(task, "Idempotency-Key", call->key),
                                       token ? credentials(task, token) : NULL, NULL};
    const struct wfw_value *payload = host->get(call->config, "/payload");
    size_t len = 0;
    const char *body = host->text(task, payload ? payload : call->input, &len);
    host->get_string(call->config, "/url", &url, NULL);
    const struct wfw_http_request request = {.size = sizeof request,
                                             .method = "POST",
                                             .url = url,
                                             .headers = lines,
                                             .body = body,
                                             .body_len = len,
                                             .timeout_ms = 30000,
                                             .max_response = 65536};
    /* From here on on_answer() has the word.  What a cancelled task has under way is stopped by wfworker. */
    if (!body || !lines[1] || (token && !lines[2]) || !host->http(task, &request, on_answer, NULL))
        fail(task, "out_of_memory", "the request cannot be made", 1, 0);
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *name = NULL, *token = NULL;
    (void)state;
    if (host->get_string(call->config, "/token_secret", &name, NULL) == WFW_OK) {
        token = host->secret(task, name);
        if (!token) {
            fail(task, "secret_missing", "the secret that token_secret names is not there, or not for this plugin", 0,
                 0);
            return;
        }
    }
    begin(task, call, token);
}

static const struct wfw_node webhook = {
    .size = sizeof webhook,
    .type = "acme.webhook",
    .summary = "Tells a receiver by a POST of JSON",
    .config_schema =
        "{\"type\":\"object\",\"required\":[\"url\"],\"additionalProperties\":false,\"properties\":{"
        "\"url\":{\"type\":\"string\",\"pattern\":\"^https?://\",\"description\":\"the receiver\"},"
        "\"payload\":{\"description\":\"what it is told; without it the execution's data\"},"
        "\"token_secret\":{\"type\":\"string\",\"description\":\"name of the secret that is sent as bearer token\"}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"status\":{\"type\":\"integer\"},\"body\":{}}}",
    .examples =
        "[{\"url\":\"https://example.org/hook\",\"payload\":{\"order\":\"${order}\"},\"token_secret\":\"hook_token\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_IDEMPOTENT,
    .caps = WFW_CAP_HTTP | WFW_CAP_SECRETS,
    .default_timeout_ms = 60000,
    .run = run,
};
static const struct wfw_node *const nodes[] = {&webhook, NULL};
static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "acme-webhook",
    .version = "1.0.0",
    .license = "Apache-2.0",
    .vendor = "acme",
    .summary = "Webhooks",
    .nodes = nodes,
    .init = start,
};
WFW_PLUGIN(plugin)
