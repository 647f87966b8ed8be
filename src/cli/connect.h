/* SPDX-License-Identifier: Apache-2.0 */
/* A connection for one command. */
#ifndef WF_CLI_CONNECT_H
#define WF_CLI_CONNECT_H

#include <libpq-fe.h>

#include "cli/command.h"

/* Connect, and see that the schema is one that this program knows.  NULL and *e. */
PGconn *cli_connect(const struct cli *c, struct error *e);

static inline void cleanup_connection(PGconn **conn)
{
    PQfinish(*conn);
}
#define CLEANUP_CONNECTION __attribute__((cleanup(cleanup_connection)))

#endif
