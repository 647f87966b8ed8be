/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the floor: what it writes, and where. */
#ifndef WF_BENCH_FLOOR_H
#define WF_BENCH_FLOOR_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/bin.h"

#define NAME_SIZE 64

struct item {
    struct uuid id;
    int64_t token;
    char name[NAME_SIZE];
};

struct floor_options {
    const char *dsn, *state_file, *journal_file;
    size_t batch, lanes, depth, log_rows, limit;
    bool claim;
};

extern struct floor_options options;

/* Ends the program. */
_Noreturn void die(const char *what, const char *why);

/* Reads the files that the options name. */
void rows_load(void);
void rows_free(void);
/* Prepares the statements of a connection. */
void rows_prepare(PGconn *pg);
/* Sends the ends of executions, sorted by id, in pipeline mode. */
void rows_send(PGconn *pg, const struct item *items, size_t count, int64_t now_us);
/* Sends the claim of so many; its rows: id, token, name. */
void rows_send_claim(PGconn *pg, size_t count);

#endif
