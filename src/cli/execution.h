/* SPDX-License-Identifier: Apache-2.0 */
/* Executions for people, shared by submit, list, show, logs and dev. */
#ifndef WF_CLI_EXECUTION_H
#define WF_CLI_EXECUTION_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* A row of db_execution_show(): over for good (no retry is coming)? */
bool execution_ended(const json_t *row);

/* Head, nodes in the order of their start, and what there is of errors. */
void execution_print(const json_t *row, FILE *out);

/* One row of db_execution_logs(). */
void execution_print_log(const json_t *log, FILE *out);

/* "exec-... completed in 1.2 s", with the error when it failed.  The exit code: 0 completed, 1 not. */
int execution_print_end(const json_t *row, FILE *out);

/* Ask until it has ended; the row as of then, a new reference, or NULL and *e. */
json_t *execution_wait(PGconn *conn, const char *execution, struct error *e);

#endif
