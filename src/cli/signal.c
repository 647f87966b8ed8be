/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker signal: something that an execution waits for, or will wait for. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/input.h"
#include "store/sync.h"

const struct cli_option signal_options[] = {
    {"data", 'd', "JSON|@FILE", "the signal's data, any JSON; @- reads standard input (default null)"},
    {NULL, 0, NULL, NULL},
};

int cmd_signal(struct cli *c)
{
    struct error e = ERROR_INIT;
    const char *text = cli_value(c, "data");
    CLEANUP_JSON json_t *data = text ? input_value(text, &e) : json_null();
    if (!data)
        return cli_failed(&e);
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_signal(conn, c->operands[0], c->operands[1], text ? data : NULL, &e) < 0)
        return cli_failed(&e);
    printf("%s: signal %s sent\n", c->operands[0], c->operands[1]);
    return EXIT_SUCCESS;
}
