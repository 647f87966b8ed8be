/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the worker's web service: the input is what a client sends, in pieces that a line "====" separates.  Every answer is one that the
 * service gives; whatever came, the next client is answered, also when
 * many have come: nothing stays open.
 *
 * The service listens at a port of its own choice: bind() goes to port 0 of the loopback address. */
#include "config.h"

#include "fuzz/fuzz.h"

#ifdef WITH_WEB
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/settings.h"
#include "web/web.h"
#include "worker/stats.h"
#endif

const char fuzz_name[] = "web";
const bool fuzz_json = false;
const unsigned fuzz_cases = 100;

#ifdef WITH_WEB

#define SEPARATOR "\n====\n"
#define TURNS 100000 /* of the loop, at most */
#define QUIET 200    /* turns in which nothing came: that was all */

static uv_loop_t loop;
static int port, listener = -1;

/* ---- what the service asks for ---- */

__attribute__((visibility("default"))) int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)address;
    (void)len;
    listener = fd;
    return (int)syscall(SYS_bind, fd, &here, sizeof here);
}

void worker_stats_get(const struct worker *w, struct worker_stats *out)
{
    (void)w;
    *out = (struct worker_stats){.uptime_us = 1, .store.connected = true};
}

void fuzz_open(void)
{
    const struct settings settings = {.web_listen = "127.0.0.1:1"};
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    struct error e = ERROR_INIT;
    void *web = NULL;
    uv_loop_init(&loop);
    if (web_service.open(NULL, &loop, &settings, &web, &e) != 0)
        fuzz_fail("no web service: %s", e.message);
    if (getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        fuzz_fail("the service does not listen");
    port = ntohs(address.sin_port);
}

/* ---- a client ---- */

static int dial(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&here, sizeof here) != 0)
        fuzz_fail("no connection");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(20);
}

/* What is there to be read; false: the other end is through. */
static bool take(int fd, struct buf *answer)
{
    char room[4096];
    for (;;) {
        ssize_t n = recv(fd, room, sizeof room, 0);
        if (n > 0)
            buf_add(answer, room, (size_t)n);
        else
            return n < 0 && errno == EAGAIN;
    }
}

static void send_piece(int fd, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    for (int turns = 0; sent < size && turns < TURNS; turns++) {
        ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the service has heard enough */
        sent += n > 0 ? (size_t)n : 0;
        turn();
    }
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *end = memmem(data, size, SEPARATOR, strlen(SEPARATOR));
        size_t len = end ? (size_t)(end - data) : size, skip = end ? len + strlen(SEPARATOR) : size;
        send_piece(fd, data, len);
        data += skip;
        size -= skip;
    }
}

static void converse(const uint8_t *data, size_t size, struct buf *answer)
{
    int fd = dial();
    bool open = true;
    send_all(fd, data, size);
    shutdown(fd, SHUT_WR);
    for (int turns = 0, quiet = 0; open && quiet < QUIET && turns < TURNS; turns++) {
        size_t had = answer->len;
        turn();
        open = take(fd, answer);
        quiet = answer->len > had ? 0 : quiet + 1;
    }
    close(fd);
    buf_addstr(answer, "");
}

/* ---- an input ---- */

static void check_answer(const struct buf *answer)
{
    static const int known[] = {100, 200, 400, 404, 405, 408, 411, 413, 414, 417, 426, 431, 500, 501, 503, 505};
    int status = 0;
    bool is_known = false;
    if (answer->len == 0)
        return;
    if (sscanf(answer->data, "HTTP/1.%*1[01] %3d", &status) != 1)
        fuzz_fail("no answer of HTTP: %.200s", answer->data);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        is_known |= status == known[i];
    if (!is_known)
        fuzz_fail("an answer of status %d", status);
    if (status == 200 && !strstr(answer->data, "X-Content-Type-Options: nosniff"))
        fuzz_fail("an answer without its headers: %.400s", answer->data);
}

static void check_service(void)
{
    static const char sound[] = "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    CLEANUP_BUF struct buf answer = BUF_INIT;
    for (int tries = 0; answer.len <= 1 && tries < 100; tries++) { /* all places may be taken, for as long as a connection may be quiet */
        buf_clear(&answer);
        converse((const uint8_t *)sound, strlen(sound), &answer);
        if (answer.len <= 1)
            usleep(100000);
    }
    if (strncmp(answer.data, "HTTP/1.1 200 ", 13) != 0 || !strstr(answer.data, "\r\n\r\nok\n"))
        fuzz_fail("the next client is not answered: %.400s", answer.data);
}

void fuzz_input(const uint8_t *data, size_t size)
{
    CLEANUP_BUF struct buf answer = BUF_INIT;
    converse(data, size, &answer);
    check_answer(&answer);
    check_service();
}

#else
/* Built without the web service there is nothing to ask. */
void fuzz_open(void)
{
}

void fuzz_input(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
}
#endif
