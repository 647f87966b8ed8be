/* SPDX-License-Identifier: Apache-2.0 */
/* http_request: one call over http or https through the host's http service; it never blocks and keeps nothing of its
 * own. */
#include "http/http.h"

const struct wfw_host *http_host;

static void on_response(void *arg, struct wfw_task *task, const struct wfw_http_response *response)
{
    (void)task;
    response_finish(arg, response);
}

static void http_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct request *r = http_host->alloc(task, sizeof *r);
    if (!r)
        return; /* the task is over */
    r->task = task;
    if (request_read(r, call) != 0)
        return;
    struct wfw_http_request request = {
        .size = sizeof request,
        .method = r->method,
        .url = r->url,
        .headers = r->headers,
        .body = r->body,
        .body_len = r->body_len,
        .max_response = r->max_response,
        .timeout_ms = (int64_t)(r->timeout_s * 1000 + 0.5),
        .max_redirects = r->max_redirects,
        .flags = WFW_HTTP_ANY_THREAD,
    };
    if (!http_host->http(task, &request, on_response, r))
        fail_with(http_host, task, "denied",
                  "the request was not accepted: http is denied to the plugin, or the request is malformed");
}

static const char description[] =
    "Calls a URL. The result is the answer; a status of 400 and above is a failure. Only http and https, also after "
    "redirects; "
    "certificates are verified; addresses are subject to the setting http_guard; no proxy is used.\n"
    "A body that is a string is sent as it is, anything else as JSON; POST, PUT and PATCH have Content-Type "
    "application/json "
    "unless a header says otherwise. Methods other than GET, HEAD and OPTIONS carry the header Idempotency-Key, the "
    "same for "
    "every attempt of this node.\n"
    "Content-Length and Transfer-Encoding in headers are ignored. Repeated headers of the answer are joined with \", "
    "\".\n"
    "Failures: config_invalid; http_status (message \"HTTP <code>: <reason>\", details status_code, headers, body, "
    "body_encoding, body_truncated), retryable for 408, 425, 429 and 5xx, with Retry-After honoured; network_error and "
    "timeout, "
    "retryable; tls_error, invalid_url, address_refused, too_many_redirects, payload_too_large, denied, not retryable. "
    "Messages "
    "of network_error, timeout and tls_error begin with \"Network error: \".";

static const char config_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"url\":{\"type\":[\"string\",\"null\"],\"description\":\"http or https; without it, url of the execution's "
    "data\"},"
    "\"method\":{\"type\":[\"string\",\"null\"],\"default\":\"GET\",\"description\":\"GET, POST, PUT, PATCH, DELETE "
    "...\"},"
    "\"headers\":{\"type\":[\"object\",\"null\"],"
    "\"description\":\"name: value; without it, headers of the execution's data\"},"
    "\"query\":{\"type\":[\"object\",\"string\",\"null\"],"
    "\"description\":\"parameters that are added to the URL; an array gives one for each element\"},"
    "\"params\":{\"type\":[\"object\",\"string\",\"null\"],\"description\":\"another name of query\"},"
    "\"body\":{\"description\":\"a string as it is, anything else as JSON; without it, body of the execution's data\"},"
    "\"timeout\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":30,\"description\":\"seconds for the whole "
    "call\"},"
    "\"auth\":{\"type\":[\"object\",\"null\"],\"description\":\"who is calling; a header of the same name wins\","
    "\"properties\":{"
    "\"type\":{\"type\":\"string\",\"description\":\"basic, bearer, api_key or none\"},"
    "\"username\":{\"type\":\"string\"},\"password\":{\"type\":\"string\"},"
    "\"token\":{\"type\":\"string\",\"description\":\"for bearer\"},"
    "\"name\":{\"type\":\"string\",\"description\":\"for api_key: header (X-API-Key) or parameter (api_key)\"},"
    "\"value\":{\"type\":\"string\",\"description\":\"for api_key\"},"
    "\"in\":{\"type\":\"string\",\"default\":\"header\",\"description\":\"for api_key: header or query\"}}},"
    "\"follow_redirects\":{\"type\":[\"boolean\",\"null\"],\"default\":true,"
    "\"description\":\"false: a status 3xx is the result\"},"
    "\"max_redirects\":{\"type\":[\"number\",\"string\",\"null\"],\"default\":10,\"description\":\"0 to 50\"},"
    "\"max_response_bytes\":{\"type\":[\"number\",\"string\",\"null\"],"
    "\"description\":\"largest body, after decompression; the setting http_max_response is the most\"},"
    "\"idempotency_key\":{\"type\":[\"boolean\",\"string\",\"null\"],\"default\":true,"
    "\"description\":\"false: no Idempotency-Key; a text: that one\"},"
    "\"response_format\":{\"type\":[\"string\",\"null\"],\"default\":\"auto\","
    "\"description\":\"auto: text, and JSON where it is; text: never JSON; json: JSON whatever the server calls it; "
    "base64: "
    "always base64\"}}}";

static const char output_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"status_code\":{\"type\":\"integer\"},"
    "\"headers\":{\"type\":\"object\",\"description\":\"name: value\"},"
    "\"body\":{\"type\":\"string\"},"
    "\"json\":{\"description\":\"the body as JSON, or null\"},"
    "\"url\":{\"type\":\"string\",\"description\":\"what was called, without user, password and key\"},"
    "\"method\":{\"type\":\"string\"},"
    "\"body_encoding\":{\"type\":\"string\",\"description\":\"utf-8, or base64 when the body is not UTF-8 or holds a "
    "NUL\"},"
    "\"json_error\":{\"type\":\"string\",\"description\":\"why json is null although JSON was promised; else "
    "absent\"}}}";

static const char examples[] =
    "[{\"url\":\"https://example.com/orders/${order}\"},"
    "{\"method\":\"POST\",\"url\":\"https://example.com/orders\",\"body\":{\"name\":\"${name}\"},"
    "\"auth\":{\"type\":\"bearer\",\"token\":\"${secret.ORDERS_TOKEN}\"},\"timeout\":10}]";

static const struct wfw_node http_request = {
    .size = sizeof http_request,
    .type = "http_request",
    .summary = "calls a URL",
    .description = description,
    .config_schema = config_schema,
    .output_schema = output_schema,
    .examples = examples,
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_UNSAFE,
    .caps = WFW_CAP_HTTP,
    .run = http_run,
};

static int http_init(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    http_host = h;
    return WFW_OK;
}

static const struct wfw_node *const nodes[] = {&http_request, NULL};

static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "http",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .vendor = "wfworker",
    .summary = "calling other programs over http: http_request",
    .nodes = nodes,
    .init = http_init,
};

WFW_PLUGIN(plugin)
