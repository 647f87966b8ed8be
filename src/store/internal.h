/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share: connecting, errors of libpq, blocking queries. */
#ifndef WF_STORE_INTERNAL_H
#define WF_STORE_INTERNAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "store/sync.h"

static inline void pg_clear(PGresult **r)
{
    PQclear(*r);
}
#define CLEANUP_RESULT __attribute__((cleanup(pg_clear)))

/* What went wrong, in one word; decides what to do about it. */
enum pg_cause {
    CAUSE_OTHER,      /* not known: try again */
    CAUSE_TRANSIENT,  /* serialization, deadlock, timeouts, resources, shutdown: try again */
    CAUSE_DATA,       /* this content is refused */
    CAUSE_PERMISSION, /* permission denied: somebody must grant something */
    CAUSE_SCHEMA,     /* a table, column or function is not there */
    CAUSE_READ_ONLY,  /* a standby */
};
enum pg_cause pg_cause(const char *sqlstate);

/* Fill *e from a failed result: the primary message, DETAIL and HINT of the server.  Returns -1. */
int pg_result_error(const PGresult *r, const PGconn *c, struct error *e, const char *doing);

/* Fill *e from a failed connection, with a hint for the well-known causes; a password in libpq's text is left out. */
int pg_connect_error(PGconn *c, struct error *e);

/* Run SQL with text parameters and wait.  NULL and *e when it failed (any result but tuples or a command). */
PGresult *pg_query(PGconn *c, struct error *e, const char *doing, const char *sql, int count, const char *const *values);

/* The first column of the first row as a number, or fallback when it is null or there is no row. */
long long pg_number(const PGresult *r, int row, int column, long long fallback);


/* A row as an object, and all rows: columns by name; numbers and booleans as such, json parsed, the rest as text. */
json_t *pg_row_object(const PGresult *r, int row);
json_t *pg_rows(const PGresult *r);

/* Does what `notifier` sends arrive at `listener`, another connection, while that one is idle?  Waits at most wait_ms.  (A
 * notification to oneself proves nothing: a transaction pooler passes it on with the answer.) */
bool pg_listen_works(PGconn *listener, PGconn *notifier, int64_t wait_ms);

#endif
