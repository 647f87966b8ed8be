/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking SQL for the command line: connect, migrate, check, workflows, submit, list, show, logs. */
#ifndef WF_STORE_SYNC_H
#define WF_STORE_SYNC_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Connect with our defaults (connect_timeout 10, application_name wfworker, keepalives, client_encoding UTF8,
 * DateStyle ISO).  NULL and *e with what libpq said, without any password, and a hint for the well-known causes. */
PGconn *db_connect(const char *dsn, struct error *e);

/* ---- Migrations (sql/NNNN_name.sql, compiled in) ---- */
enum schema_state {
    SCHEMA_CURRENT,
    SCHEMA_MISSING,
    SCHEMA_OLDER,
    SCHEMA_AHEAD, /* newer, and programs of this version may go on (wfworker.meta.oldest_program) */
    SCHEMA_NEWER, /* newer, and they may not */
};
int db_schema_newest(void); /* the version that this program would make */
int db_schema_state(PGconn *c, enum schema_state *state, int *version, struct error *e);
int db_schema_require(PGconn *c, struct error *e); /* an error that names what to do unless current or ahead */
/* Apply what is missing, each in one transaction under an advisory lock; says what on `report` (may be NULL).  With
 * dry_run only prints the SQL. */
int db_migrate(PGconn *c, bool dry_run, FILE *report, struct error *e);

/* ---- `wfworker check`: one line each through `line` (ok = 1, warning = 0, failed = -1); returns -1 when one failed. ---- */
typedef void (*check_line_fn)(void *ctx, int ok, const char *what, const char *text);
int db_check(const char *dsn, const char *listen_dsn, bool db_only, check_line_fn line, void *ctx);

/* ---- Objects of the backend ---- */
/* Make or (same name and owner) replace a workflow; *id gets its uuid text (37 bytes).  owner_email NULL: the user
 * `wfworker`, made when needed. */
int db_workflow_add(PGconn *c, const char *name, const char *owner_email, const json_t *graph,
                    const json_t *trigger_config, char *id, struct error *e);
/* An array of {"id", "name", "version", "is_active", "owner" (e-mail), "updated_at"}, by name. */
json_t *db_workflow_list(PGconn *c, struct error *e);
/* `workflow` is a uuid or a name.  *id gets the uuid; error when there is none or several. */
int db_workflow_find(PGconn *c, const char *workflow, char *id, struct error *e);
/* {"id", "name", "graph_config", "trigger_config", "rows"}: the definition's parts as def_load() takes them, null where there
 * is none; error as db_workflow_find(). */
json_t *db_workflow_get(PGconn *c, const char *workflow, struct error *e);
/* The same, as the execution is pinned to it, or as the workflow is now when it never began.  And "execution", its row as
 * db_execution_show() gives it. */
json_t *db_execution_definition(PGconn *c, const char *execution, struct error *e);
/* Insert an execution as the backend does; out gets {"id", "execution_id"}. */
json_t *db_submit(PGconn *c, const char *workflow, const json_t *data, struct error *e);
/* An array, the newest first, of {"id", "execution_id", "workflow_id", "workflow_name", "status", "current_node_id",
 * "error_message", "started_at", "completed_at", "retry_count", "next_retry_at"}; status NULL: all. */
json_t *db_execution_list(PGconn *c, const char *status, int limit, struct error *e);
/* `execution` is exec-..., or the row's uuid; an error when there is none.  The same members as in the list, and
 * "workflow_version" and "execution_state" (an object). */
json_t *db_execution_show(PGconn *c, const char *execution, struct error *e);
/* Adds to such a row "parent": {"id", "execution_id" (null: its row is gone), "node"} of the execution that started it, or null,
 * and "children": an array of {"id", "execution_id", "workflow_name", "node", "status", "awaited" (its end, by the node)},
 * the oldest first, 100 at most, or null.  Nothing where there is no schema of wfworker. */
void db_execution_relatives(PGconn *c, json_t *row);
/* Log rows after (after_us, after_id) in order; for -f pass the last ones seen (0 and NULL at first).  An array of {"id",
 * "node_id", "level", "message", "timestamp", "at_us"}; an error when there is no such execution. */
json_t *db_execution_logs(PGconn *c, const char *execution, int64_t after_us, const char *after_id, struct error *e);

/* ---- Control of executions (sql/0006): what the backend's writers do, and the log row ---- */
/* 1 done, 0 nothing was to be done, -1 and *e. */
int db_pause(PGconn *c, const char *execution, struct error *e);
int db_resume(PGconn *c, const char *execution, struct error *e);
/* data NULL: none. */
int db_signal(PGconn *c, const char *execution, const char *type, const json_t *data, struct error *e);
/* The answer to a request of human_approval; data and by may be NULL. */
int db_answer(PGconn *c, const char *execution, const char *node, const char *choice, const json_t *data, const char *by,
              struct error *e);
/* The open ones: an array of {"id", "execution_id", "workflow_name", "node", "message", "options", "default_option",
 * "asked_at", "deadline"}. */
json_t *db_approvals(PGconn *c, struct error *e);
/* An array of {"key", "execution_id", "node", "held", "place" (0: holds it), "since"}. */
json_t *db_locks(PGconn *c, struct error *e);
int db_terminate(PGconn *c, const char *execution, const char *reason, struct error *e); /* reason may be NULL */
int db_retry(PGconn *c, const char *execution, struct error *e);
int db_adopt(PGconn *c, const char *execution, struct error *e);
/* How many; -1 and *e. */
long long db_adopt_all(PGconn *c, struct error *e);
/* {"id", "execution_id"} of the new execution; node and data may be NULL. */
json_t *db_replay(PGconn *c, const char *execution, const char *node, const json_t *data, struct error *e);
/* The same members as db_execution_show() but execution_state, and what the queue, the registry of workers and the journal
 * know of it (control.c lists them). */
json_t *db_execution_facts(PGconn *c, const char *execution, struct error *e);
/* An array of {"name", "host", "pid", "version", "abi", "schema_version", "started_at", "seen_at", "seen_us" (ago), "alive", "state"
 * (working, idle, stopping, lost), "idle", "held" (executions in flight), "listening" (false: it polls), "node_types"}; null is
 * what a worker did not say. */
json_t *db_workers(PGconn *c, struct error *e);

#endif
