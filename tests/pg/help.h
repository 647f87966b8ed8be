/* SPDX-License-Identifier: Apache-2.0 */
/* Help for the tests that need a PostgreSQL: databases of their own, and a worker that only notes what it is told. */
#ifndef WF_TESTS_PG_HELP_H
#define WF_TESTS_PG_HELP_H

#include "unit/test.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include "base/error.h"
#include "store/store.h"
#include "store/sync.h"

/* A fresh database with our schema (migrated) and one workflow; dsn is its address. */
struct db {
    char name[40];
    char dsn[600];
    PGconn *c;
    char workflow[40]; /* its id */
};
void db_make(struct db *d, bool migrate);    /* empty when migrate is false */
void db_drop(struct db *d);
void db_workflow(struct db *d);              /* add the workflow */
void db_insert(struct db *d, int count);     /* executions, as the backend does */
void sql(PGconn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
long long number(PGconn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Each test has a database of its own, `db`: empty, or with our schema and the workflow. */
extern struct db db;
int db_setup_empty(void **state);
int db_setup(void **state);
int db_teardown(void **state);
#define IN_EMPTY_DB(f) cmocka_unit_test_setup_teardown(f, db_setup_empty, db_teardown)
#define IN_DB(f) cmocka_unit_test_setup_teardown(f, db_setup, db_teardown)
/* What main() does: ONLY=NAME in the environment runs one test. */
#define RUN_TESTS(tests) (cmocka_set_test_filter(getenv("ONLY")), cmocka_run_group_tests(tests, NULL, NULL))
/* The first value as text, in a buffer that the next call uses again. */
const char *text(PGconn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define MAX_CLAIMS 1000
struct got {
    struct uuid id;
    int64_t token, next_seq;
    int crashes;
    char status[32], execution_id[64], definition[80], snapshot[64], state[600];
    size_t journal_count;
    char journal[64]; /* the first one */
};
struct worker {
    uv_loop_t loop;
    struct store *store;
    struct got claims[MAX_CLAIMS];
    size_t claimed, poked, lost, results, up, down;
    size_t by_result[8];
    char status[32], fatal[2048], refused[1024];
    struct got peeked;
    bool peek_done, peek_gone, closed;
};
void worker_open(struct worker *w, const struct db *d, int64_t poll_ms, int64_t lease_ms, size_t room);
void worker_open_dsn(struct worker *w, const char *dsn, int64_t poll_ms, int64_t lease_ms, size_t room);
void worker_close(struct worker *w); /* orderly */
/* Run the loop until *what >= value; the test fails after 30 s. */
void run_until(struct worker *w, const size_t *what, size_t value);
void run_for(struct worker *w, int ms);
void save(struct worker *w, const struct got *g, int64_t seq, const char *status, enum save_then then);
void save_as(struct worker *w, const struct store_save *v);
struct store_save save_of(const struct got *g, int64_t seq, const char *status, enum save_then then);
void peek(struct worker *w, const struct got *g);

#endif
