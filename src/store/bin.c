/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's binary format.  Numbers are big-endian; an array is a header of 20 bytes and its elements, each with a
 * length of 4 bytes (-1 = null); times count microseconds from 2000. */
#include "config.h"

#include "store/bin.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define EPOCH_2000_US (INT64_C(946684800) * 1000000)

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static uint32_t get32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static uint64_t get64(const char *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static void add32(struct buf *b, uint32_t v)
{
    unsigned char bytes[4];
    put32(bytes, v);
    buf_add(b, bytes, sizeof bytes);
}

static void add64(struct buf *b, uint64_t v)
{
    add32(b, (uint32_t)(v >> 32));
    add32(b, (uint32_t)v);
}

void bin_call_free(struct bin_call *c)
{
    for (int i = 0; i < c->count; i++)
        buf_free(&c->values[i]);
    c->count = 0;
}

size_t bin_call_bytes(const struct bin_call *c)
{
    size_t sum = 0;
    for (int i = 0; i < c->count; i++)
        sum += c->values[i].len;
    return sum;
}

static Oid array_oid(Oid element)
{
    switch (element) {
    case OID_BOOL: return 1000;
    case OID_INT4: return 1007;
    case OID_TEXT: return 1009;
    case OID_JSON: return 199;
    case OID_TIMESTAMP: return 1115;
    case OID_INT8: return 1016;
    case OID_UUID: return 2951;
    default: abort();
    }
}

int bin_call_send(PGconn *pg, const struct bin_call *c)
{
    const char *values[BIN_MAX_PARAMS];
    int lengths[BIN_MAX_PARAMS], formats[BIN_MAX_PARAMS];
    for (int i = 0; i < c->count; i++) {
        if (c->values[i].len > INT_MAX)
            return 0;
        values[i] = c->nulls[i] ? NULL : c->values[i].data ? c->values[i].data : "";
        lengths[i] = (int)c->values[i].len;
        formats[i] = 1;
    }
    return PQsendQueryParams(pg, c->sql, c->count, c->types, values, lengths, formats, 1);
}

static struct buf *next(struct bin_call *c, Oid type)
{
    if (c->count >= BIN_MAX_PARAMS)
        abort(); /* a programming error */
    c->types[c->count] = type;
    c->nulls[c->count] = false;
    c->values[c->count] = (struct buf)BUF_INIT;
    c->elements[c->count] = 0;
    return &c->values[c->count++];
}

void bin_bool(struct bin_call *c, bool v)
{
    char byte = v ? 1 : 0;
    buf_add(next(c, OID_BOOL), &byte, 1);
}

void bin_int4(struct bin_call *c, int32_t v)
{
    add32(next(c, OID_INT4), (uint32_t)v);
}

void bin_int8(struct bin_call *c, int64_t v)
{
    add64(next(c, OID_INT8), (uint64_t)v);
}

void bin_text(struct bin_call *c, const char *v)
{
    struct buf *b = next(c, OID_TEXT);
    if (v)
        buf_addstr(b, v);
    else
        c->nulls[c->count - 1] = true;
}

void bin_uuid(struct bin_call *c, const struct uuid *v)
{
    buf_add(next(c, OID_UUID), v->bytes, sizeof v->bytes);
}

int bin_array(struct bin_call *c, Oid element)
{
    struct buf *b = next(c, array_oid(element));
    add32(b, 1);       /* dimensions */
    add32(b, 0);       /* has nulls */
    add32(b, element);
    add32(b, 0);       /* elements */
    add32(b, 1);       /* lower bound */
    return c->count - 1;
}

static struct buf *element(struct bin_call *c, int array)
{
    struct buf *b = &c->values[array];
    put32((unsigned char *)b->data + 12, (uint32_t)++c->elements[array]);
    return b;
}

void bin_add_null(struct bin_call *c, int array)
{
    struct buf *b = element(c, array);
    put32((unsigned char *)b->data + 4, 1);
    add32(b, UINT32_MAX);
}

void bin_add_int4(struct bin_call *c, int array, int32_t v)
{
    struct buf *b = element(c, array);
    add32(b, 4);
    add32(b, (uint32_t)v);
}

void bin_add_int8(struct bin_call *c, int array, int64_t v)
{
    struct buf *b = element(c, array);
    add32(b, 8);
    add64(b, (uint64_t)v);
}

void bin_add_text(struct bin_call *c, int array, const char *v, size_t len)
{
    if (!v) {
        bin_add_null(c, array);
        return;
    }
    struct buf *b = element(c, array);
    add32(b, (uint32_t)len);
    buf_add(b, v, len);
}

void bin_add_uuid(struct bin_call *c, int array, const struct uuid *v)
{
    struct buf *b = element(c, array);
    add32(b, sizeof v->bytes);
    buf_add(b, v->bytes, sizeof v->bytes);
}

void bin_add_time(struct bin_call *c, int array, int64_t us)
{
    if (us == 0)
        bin_add_null(c, array);
    else
        bin_add_int8(c, array, us - EPOCH_2000_US);
}

int64_t bin_get_int(const PGresult *r, int row, int column, int64_t fallback)
{
    if (row >= PQntuples(r) || PQgetisnull(r, row, column))
        return fallback;
    const char *p = PQgetvalue(r, row, column);
    switch (PQgetlength(r, row, column)) {
    case 2: return (int16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
    case 4: return (int32_t)get32(p);
    case 8: return (int64_t)get64(p);
    default: return fallback;
    }
}

bool bin_get_bool(const PGresult *r, int row, int column)
{
    return row < PQntuples(r) && PQgetlength(r, row, column) == 1 && PQgetvalue(r, row, column)[0] != 0;
}

const char *bin_get_text(const PGresult *r, int row, int column, size_t *len)
{
    if (len)
        *len = 0;
    if (row >= PQntuples(r) || PQgetisnull(r, row, column))
        return NULL;
    if (len)
        *len = (size_t)PQgetlength(r, row, column);
    return PQgetvalue(r, row, column);
}

int64_t bin_get_time(const PGresult *r, int row, int column)
{
    if (row >= PQntuples(r) || PQgetisnull(r, row, column))
        return 0;
    int64_t us = bin_get_int(r, row, column, INT64_MIN);
    if (us == INT64_MIN || us == -EPOCH_2000_US)
        return 1; /* -infinity, or what would look like null */
    return us > INT64_MAX - EPOCH_2000_US ? INT64_MAX : us + EPOCH_2000_US;
}

bool bin_get_uuid(const PGresult *r, int row, int column, struct uuid *out)
{
    if (row >= PQntuples(r) || PQgetlength(r, row, column) != (int)sizeof out->bytes)
        return false;
    memcpy(out->bytes, PQgetvalue(r, row, column), sizeof out->bytes);
    return true;
}

size_t bin_text_array_count(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column) || PQgetlength(r, row, column) < 20)
        return 0;
    const char *p = PQgetvalue(r, row, column);
    return get32(p) == 1 ? get32(p + 12) : 0;
}

bool bin_text_array_next(const PGresult *r, int row, int column, size_t *offset, const char **text, size_t *len)
{
    size_t size = (size_t)PQgetlength(r, row, column);
    const char *p = PQgetvalue(r, row, column);
    if (*offset == 0)
        *offset = 20;
    if (*offset + 4 > size)
        return false;
    uint32_t n = get32(p + *offset);
    *offset += 4;
    if (n == UINT32_MAX) {
        *text = "";
        *len = 0;
        return true;
    }
    if (n > size - *offset)
        return false;
    *text = p + *offset;
    *len = n;
    *offset += n;
    return true;
}
