/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of http servers: the input is what the server sends, on each further connection what follows a line "====".  It goes
 * through the http service and what the http node makes of an answer: exactly one end, with a status or the type of an
 * error; everything that becomes a value is UTF-8; no more than the limits say.
 *
 * Nothing leaves this process: connect() goes to its own server whatever the address, and no name is looked up. */
#include "fuzz/fuzz.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "worker/http.h"

#include "http/http.h"

const char fuzz_name[] = "http";
const bool fuzz_json = false;
const unsigned fuzz_cases = 200;

#define MAX_RESPONSE 65536
#define SEPARATOR "\n====\n"

static uv_loop_t loop;
static uv_tcp_t listener;
static struct http_service *service;
static int port;
static const uint8_t *rest; /* what the next connection is sent */
static size_t rest_len;
static int answers; /* that the service gave for this input */
static int open_connections;

/* ---- no network ---- */

__attribute__((visibility("default"))) int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)len;
    if (address.__sockaddr__->sa_family != AF_INET) {
        errno = ECONNREFUSED;
        return -1;
    }
    return (int)syscall(SYS_connect, fd, &here, sizeof here);
}

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *name, const struct addrinfo *hints,
                                                       struct addrinfo **out)
{
    (void)node;
    (void)name;
    (void)hints;
    *out = NULL;
    return EAI_NONAME;
}

/* ---- the server ---- */

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    uint8_t *answer;
    size_t len;
    bool answered;
    char room[4096];
};

static void on_closed(uv_handle_t *h)
{
    struct connection *c = h->data;
    open_connections--;
    free(c->answer);
    free(c);
}

static void close_connection(struct connection *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
    (void)status;
    close_connection(w->data);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct connection *c = h->data;
    (void)suggested;
    *out = uv_buf_init(c->room, sizeof c->room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct connection *c = stream->data;
    (void)b;
    if (n < 0)
        close_connection(c);
    if (n <= 0 || c->answered)
        return;
    c->answered = true;
    c->write.data = c;
    uv_buf_t out = uv_buf_init((char *)c->answer, (unsigned)c->len);
    uv_write(&c->write, stream, &out, 1, on_written);
}

static void take_answer(struct connection *c)
{
    const uint8_t *end = rest_len ? memmem(rest, rest_len, SEPARATOR, strlen(SEPARATOR)) : NULL;
    c->len = end ? (size_t)(end - rest) : rest_len;
    c->answer = xmalloc(c->len);
    if (c->len)
        memcpy(c->answer, rest, c->len);
    size_t used = end ? c->len + strlen(SEPARATOR) : rest_len;
    rest += used;
    rest_len -= used;
}

static void on_connection(uv_stream_t *from, int status)
{
    struct connection *c = xcalloc(1, sizeof *c);
    (void)status;
    take_answer(c);
    uv_tcp_init(&loop, &c->tcp);
    c->tcp.data = c;
    open_connections++;
    if (uv_accept(from, (uv_stream_t *)&c->tcp) != 0)
        fuzz_fail("a connection cannot be accepted");
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void listen_here(void)
{
    struct sockaddr_in address;
    int len = sizeof address;
    uv_tcp_init(&loop, &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 || uv_listen((uv_stream_t *)&listener, 64, on_connection) != 0 ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len) != 0)
        fuzz_fail("the server cannot listen");
    port = ntohs(address.sin_port);
}

void fuzz_open(void)
{
    struct error e = ERROR_INIT;
    struct http_options options = {.guard = HTTP_GUARD_OFF, .max_response = MAX_RESPONSE};
    uv_loop_init(&loop);
    listen_here();
    service = http_service_new(&loop, &options, &e);
    if (!service)
        fuzz_fail("no http service: %s", e.message);
}

/* ---- what the node makes of it: values are JSON, memory is freed after the input ---- */

static json_t *kept;    /* an array of the values that were made */
static struct buf *rooms; /* of alloc() */
static size_t room_count, room_cap;
static int outcomes;

static struct wfw_value *keep(json_t *v)
{
    if (!v)
        return NULL;
    json_array_append_new(kept, v);
    return (struct wfw_value *)v;
}

static const struct wfw_value *h_parse(struct wfw_task *t, const char *json, size_t len, char *msg, size_t msglen)
{
    struct error e = ERROR_INIT;
    (void)t;
    json_t *v = js_parse(json, len, &e);
    if (!v && msglen)
        snprintf(msg, msglen, "%.*s", (int)(msglen - 1), e.message);
    if (!v && !fuzz_is_utf8(msg, strlen(msg)))
        msg[0] = '\0'; /* cut by ourselves */
    return keep(v);
}

static struct wfw_value *h_object(struct wfw_task *t)
{
    (void)t;
    return keep(json_object());
}

static int h_set(struct wfw_value *object, const char *key, const struct wfw_value *value)
{
    if (!value || !fuzz_is_utf8(key, strlen(key)))
        fuzz_fail("the member %s is lost", key);
    return json_object_set((json_t *)object, key, (json_t *)(uintptr_t)value);
}

static const struct wfw_value *h_null(struct wfw_task *t)
{
    (void)t;
    return keep(json_null());
}

static const struct wfw_value *h_boolean(struct wfw_task *t, int value)
{
    (void)t;
    return keep(json_boolean(value));
}

static const struct wfw_value *h_integer(struct wfw_task *t, int64_t value)
{
    (void)t;
    return keep(json_integer(value));
}

static const struct wfw_value *h_string(struct wfw_task *t, const char *text, size_t len)
{
    (void)t;
    size_t n = !text ? 0 : len == WFW_NTS ? strlen(text) : len;
    json_t *v = text && !memchr(text, 0, n) ? json_stringn(text, n) : NULL;
    if (!v)
        fuzz_fail("a text that the node wants to keep is not UTF-8");
    return keep(v);
}

static void *h_alloc(struct wfw_task *t, size_t size)
{
    void *items = rooms;
    (void)t;
    xgrow(&items, &room_cap, room_count + 1, sizeof *rooms);
    rooms = items;
    rooms[room_count] = (struct buf)BUF_INIT;
    rooms[room_count].data = xcalloc(1, size);
    return rooms[room_count++].data;
}

static int64_t h_now(void)
{
    return INT64_C(1795413600000);
}

static int h_done(struct wfw_task *t, const struct wfw_value *output, const char *branch)
{
    CLEANUP_FREE char *text = js_text((const json_t *)output);
    (void)t;
    (void)branch;
    outcomes++;
    if (!js_storable((const json_t *)output))
        fuzz_fail("the result cannot be stored: %s", text);
    return WFW_OK;
}

static int h_fail(struct wfw_task *t, const struct wfw_error *error)
{
    (void)t;
    outcomes++;
    fuzz_text("the type of a failure", error->type);
    fuzz_text("the message of a failure", error->message);
    if (error->retry_after_ms < 0 || error->retry_after_ms > INT64_C(31536000000))
        fuzz_fail("to be tried again in %lld ms", (long long)error->retry_after_ms);
    return WFW_OK;
}

static const struct wfw_host host = {.size = sizeof host, .done = h_done, .fail = h_fail, .parse = h_parse, .object = h_object,
                                     .set = h_set, .null = h_null, .boolean = h_boolean, .integer = h_integer, .string = h_string,
                                     .alloc = h_alloc, .now_ms = h_now};
const struct wfw_host *http_host = &host;

static void handle(const struct http_response *from, enum response_format format)
{
    CLEANUP_FREE char *body = xmalloc(from->body_len + 1);
    struct request r = {.method = "GET", .url = "http://h/", .shown_url = "http://h/", .format = format};
    if (from->body_len)
        memcpy(body, from->body, from->body_len);
    body[from->body_len] = '\0';
    struct wfw_http_response response = {.size = sizeof response, .status = from->status, .error = from->error,
                                         .error_type = from->error_type, .headers = from->headers, .body = body,
                                         .body_len = from->body_len, .effective_url = from->effective_url};
    kept = json_array();
    outcomes = 0;
    response_finish(&r, &response);
    if (outcomes != 1)
        fuzz_fail("%d outcomes", outcomes);
    json_decref(kept);
    while (room_count > 0)
        free(rooms[--room_count].data);
}

/* ---- an input ---- */

static void check_response(const struct http_response *r)
{
    static const char *const types[] = {"network_error", "tls_error", "timeout", "too_large", "address_refused", "invalid_url",
                                        "too_many_redirects"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || (r->error_type && strcmp(types[i], r->error_type) == 0);
    if (r->error_type) {
        if (!known)
            fuzz_fail("an error of the type %s", r->error_type);
        fuzz_text("the text of an error", r->error);
    } else if (r->status < 100 || r->status > 999 || r->body_len > MAX_RESPONSE) {
        fuzz_fail("status %d, %zu bytes", r->status, r->body_len);
    }
    for (const char *const *h = r->headers; h && *h; h++)
        if (!strchr(*h, ':'))
            fuzz_fail("a header without a name: %s", *h);
}

static void on_done(void *arg, const struct http_response *response)
{
    (void)arg;
    answers++;
    uv_stop(&loop); /* or this turn would go on waiting, for nothing */
    check_response(response);
    for (int f = FORMAT_AUTO; f <= FORMAT_BASE64; f++)
        handle(response, (enum response_format)f);
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    struct http_request request = {.method = "GET", .url = "http://127.0.0.1:9/", .max_redirects = 3, .timeout_ms = 60000};
    rest = data;
    rest_len = size;
    answers = 0;
    if (!http_start(service, &request, on_done, NULL, &e))
        fuzz_fail("no transfer: %s", e.message);
    while (answers == 0)
        uv_run(&loop, UV_RUN_ONCE);
    for (int turns = 0; turns < 1000 && open_connections > 0; turns++) /* the service may keep its end open */
        if (uv_run(&loop, UV_RUN_NOWAIT) == 0)
            break;
    if (answers != 1)
        fuzz_fail("%d answers", answers);
}
