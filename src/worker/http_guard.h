/* SPDX-License-Identifier: Apache-2.0 */
/* The address guard: which addresses and names a workflow may not reach.  Pure.
 *
 * metadata: link-local addresses and those of the clouds' metadata services.
 * private: also loopback, private, unique-local, carrier-grade, "this network", benchmarking, multicast and reserved
 * ranges. An IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) counts as itself. */
#ifndef WF_WORKER_HTTP_GUARD_H
#define WF_WORKER_HTTP_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "config/settings.h"

bool http_guard_refuses(enum http_guard guard, const struct sockaddr *address);

/* Names of metadata services, in any case, with or without the final dot. */
bool http_guard_refuses_name(enum http_guard guard, const char *host);

const char *http_guard_name(enum http_guard guard); /* off, metadata, private */

#endif
