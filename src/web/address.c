/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are numbers: a look-up could block the start and could mean another host tomorrow. */
#include "web/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int bad(const char *text, struct error *e)
{
    err_set(e, "web_listen: \"%s\" is not HOST:PORT", text);
    return err_hint(e, "HOST is an address such as 127.0.0.1 or [::1]; PORT is 1 to 65535.");
}

static int read_port(const char *s, in_port_t *out)
{
    char *end;
    unsigned long port = strtoul(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || port == 0 || port > 65535)
        return -1;
    *out = htons((uint16_t)port);
    return 0;
}

static const char *plain_host(const char *host)
{
    if (!*host || strcmp(host, "localhost") == 0)
        return "127.0.0.1";
    return strcmp(host, "*") == 0 ? "0.0.0.0" : host;
}

int web_address(const char *text, struct sockaddr_storage *out, struct error *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    const char *colon = strrchr(text, ':');
    in_port_t port;
    memset(out, 0, sizeof(*out));
    if (!colon || read_port(colon + 1, &port) != 0)
        return bad(text, e);
    CLEANUP_FREE char *host = xstrndup(text, (size_t)(colon - text));
    size_t len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? 0 : bad(text, e);
    }
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    return inet_pton(AF_INET, plain_host(host), &v4->sin_addr) == 1 ? 0 : bad(text, e);
}
