/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the end of an execution: asking, at first often and then once a second. */
#include <time.h>

#include "cli/execution.h"
#include "store/sync.h"

#define SHORTEST_WAIT_MS 50
#define LONGEST_WAIT_MS 1000

json_t *execution_wait(PGconn *conn, const char *execution, struct error *e)
{
    for (long wait_ms = SHORTEST_WAIT_MS;;) {
        json_t *row = db_execution_show(conn, execution, e);
        if (!row || execution_ended(row))
            return row;
        json_decref(row);
        struct timespec t = {wait_ms / 1000, wait_ms % 1000 * 1000000};
        nanosleep(&t, NULL);
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
}
