/* SPDX-License-Identifier: Apache-2.0 */
/* Where the web service listens. */
#ifndef WF_WEB_ADDRESS_H
#define WF_WEB_ADDRESS_H

#include <sys/socket.h>

#include "base/error.h"

/* "HOST:PORT", "[IPV6]:PORT"; an empty HOST or "localhost" is 127.0.0.1, "*" is every address.  Names are not looked
 * up. */
int web_address(const char *text, struct sockaddr_storage *out, struct error *e);

#endif
