/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and results in PostgreSQL's binary format: arrays of a whole batch as one parameter each. */
#ifndef WF_STORE_BIN_H
#define WF_STORE_BIN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"

#define BIN_MAX_PARAMS 29

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25, OID_JSON = 114, OID_UUID = 2950, OID_TIMESTAMP = 1114 };

/* A statement with its parameters.  sql is static; the values are owned. */
struct bin_call {
    const char *sql;
    int count;
    Oid types[BIN_MAX_PARAMS];
    struct buf values[BIN_MAX_PARAMS];
    bool nulls[BIN_MAX_PARAMS];
    int32_t elements[BIN_MAX_PARAMS]; /* of arrays */
};
void bin_call_free(struct bin_call *c);
size_t bin_call_bytes(const struct bin_call *c);
int bin_call_send(PGconn *pg, const struct bin_call *c); /* PQsendQueryParams with binary results; 1 = sent */

/* Single values, appended as the next parameter. */
void bin_bool(struct bin_call *c, bool v);
void bin_int4(struct bin_call *c, int32_t v);
void bin_int8(struct bin_call *c, int64_t v);
void bin_text(struct bin_call *c, const char *v);
void bin_uuid(struct bin_call *c, const struct uuid *v);

/* The next parameter is an array; returns its position for bin_add_...(). */
int bin_array(struct bin_call *c, Oid element);
void bin_add_null(struct bin_call *c, int array);
void bin_add_int4(struct bin_call *c, int array, int32_t v);
void bin_add_int8(struct bin_call *c, int array, int64_t v);
void bin_add_text(struct bin_call *c, int array, const char *v, size_t len); /* v NULL: null */
void bin_add_uuid(struct bin_call *c, int array, const struct uuid *v);
void bin_add_time(struct bin_call *c, int array, int64_t us); /* timestamp without time zone, UTC; 0 = null */

/* Results; null gives the fallback. */
int64_t bin_get_int(const PGresult *r, int row, int column, int64_t fallback); /* int2, int4, int8 */
bool bin_get_bool(const PGresult *r, int row, int column);
const char *bin_get_text(const PGresult *r, int row, int column, size_t *len); /* NULL when null; len may be NULL */
int64_t bin_get_time(const PGresult *r, int row, int column); /* microseconds since 1970, 0 = null */
bool bin_get_uuid(const PGresult *r, int row, int column, struct uuid *out); /* false when null */

/* The elements of a text[]: their number, and one after the other.  The texts are not NUL-terminated. */
size_t bin_text_array_count(const PGresult *r, int row, int column);
bool bin_text_array_next(const PGresult *r, int row, int column, size_t *offset, const char **text, size_t *len);

#endif
