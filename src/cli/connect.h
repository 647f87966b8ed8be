/* SPDX-License-Identifier: Apache-2.0 */
/* A connection for one command. */
#ifndef WF_CLI_CONNECT_H
#define WF_CLI_CONNECT_H

#include <jansson.h>
#include <libpq-fe.h>

#include "cli/command.h"

/* Connect, and see that the schema is one that this program knows.  NULL and *e. */
PGconn *cli_connect(const struct cli *c, struct error *e);

/* What a command that lists something prints: the rows, which are taken over, as JSON when that is asked for; NULL: the
 * error.  The exit code. */
int cli_print_rows(const struct cli *c, json_t *rows, void (*print)(const json_t *rows), const struct error *e);

static inline void cleanup_connection(PGconn **conn)
{
    PQfinish(*conn);
}
#define CLEANUP_CONNECTION __attribute__((cleanup(cleanup_connection)))

#endif
