/* SPDX-License-Identifier: Apache-2.0 */
/* Control of executions for the command line, and what is known about why one does not run. */
#include "config.h"

#include "store/internal.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"

#define ISO(column) "to_char(" column ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"

/* A function that says whether it did something; one without an answer always does. */
static int call(PGconn *c, const char *sql, int count, const char *const *values, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(c, e, NULL, sql, count, values);
    if (!r)
        return -1;
    return PQgetvalue(r, 0, 0)[0] == 'f' ? 0 : 1;
}

int db_pause(PGconn *c, const char *execution, struct error *e)
{
    return call(c, "SELECT wfworker.pause($1)", 1, &execution, e);
}

int db_resume(PGconn *c, const char *execution, struct error *e)
{
    return call(c, "SELECT wfworker.resume($1)", 1, &execution, e);
}

int db_terminate(PGconn *c, const char *execution, const char *reason, struct error *e)
{
    return call(c, "SELECT wfworker.terminate($1, $2)", 2, (const char *[]){execution, reason}, e);
}

int db_signal(PGconn *c, const char *execution, const char *type, const json_t *data, struct error *e)
{
    CLEANUP_FREE char *text = data ? js_text(data) : NULL;
    const char *values[] = {execution, type, text};
    CLEANUP_RESULT PGresult *r = pg_query(c, e, NULL, "SELECT wfworker.signal($1, $2, $3::text::json)", 3, values);
    return r ? 0 : -1;
}

int db_answer(PGconn *c, const char *execution, const char *node, const char *choice, const json_t *data, const char *by,
              struct error *e)
{
    CLEANUP_FREE char *text = data ? js_text(data) : NULL;
    const char *values[] = {execution, node, choice, text, by};
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, NULL, "SELECT wfworker.answer($1::text, $2::text, $3::text, $4::text::json, coalesce($5, session_user::text))", 5, values);
    return r ? 0 : -1;
}

json_t *db_approvals(PGconn *c, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "listing the requests for approval",
        "SELECT a.id, a.execution_id, a.workflow AS workflow_name, a.node, a.message, a.options, a.default_option, "
        ISO("a.asked_at AT TIME ZONE 'UTC'") " AS asked_at, " ISO("a.deadline AT TIME ZONE 'UTC'") " AS deadline"
        "  FROM wfworker.approvals a ORDER BY a.asked_at, a.id", 0, NULL);
    return r ? pg_rows(r) : NULL;
}

json_t *db_locks(PGconn *c, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "listing the locks",
        "SELECT l.key, coalesce(l.execution_id, l.execution::text) AS execution_id, l.node, l.held, l.place, "
        ISO("l.since AT TIME ZONE 'UTC'") " AS since FROM wfworker.locks l ORDER BY l.key, l.place, l.since", 0, NULL);
    return r ? pg_rows(r) : NULL;
}

int db_retry(PGconn *c, const char *execution, struct error *e)
{
    return call(c, "SELECT wfworker.retry($1)", 1, &execution, e);
}

int db_adopt(PGconn *c, const char *execution, struct error *e)
{
    return call(c, "SELECT wfworker.adopt($1)", 1, &execution, e);
}

long long db_adopt_all(PGconn *c, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(c, e, NULL, "SELECT wfworker.adopt_all()", 0, NULL);
    return r ? pg_number(r, 0, 0, 0) : -1;
}

json_t *db_replay(PGconn *c, const char *execution, const char *node, const json_t *data, struct error *e)
{
    CLEANUP_FREE char *text = data ? js_text(data) : NULL;
    const char *values[] = {execution, node, text};
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, NULL, "SELECT id, execution_id FROM wfworker.replay($1, $2, $3::text::json)", 3, values);
    return r ? pg_row_object(r, 0) : NULL;
}

/* `task`: it is in the queue, and then: `due_us` (from now; null: only when poked), `held` by worker_name (last seen
 * worker_seen_us ago) or `expired`, `ahead` = due before it (workflows take turns, so it is only about as many that
 * come before it), snapshot, journal and the definition's parts.  `old`: not adopted.
 * `never_ran`: nothing but its start is in its history, `history_gone`: a part of it is not there any more.
 * `locks`: those that it waits for, see wfworker.lock_waits(), or null.  `approvals`: its open requests, {node, message,
 * options}.  `workers`: how many are alive, node_types: an array of arrays of what each of them has (null: it did not say). */
static const char facts_sql[] =
    "SELECT e.id, e.execution_id, e.workflow_id, w.name AS workflow_name, e.status, " ISO("e.started_at") " AS started_at, "
    ISO("e.completed_at") " AS completed_at, e.error_message, e.current_node_id, e.retry_count, "
    ISO("e.next_retry_at") " AS next_retry_at,"
    " t.execution_id IS NOT NULL AS task, t.crashes, t.poked,"
    " CASE WHEN t.due_at < 'infinity' THEN (extract(epoch FROM t.due_at - now()) * 1000000)::bigint END AS due_us,"
    " CASE WHEN t.due_at < 'infinity' THEN " ISO("t.due_at AT TIME ZONE 'UTC'") " END AS due_at,"
    " t.worker IS NOT NULL AND t.due_at > now() AS held, t.worker IS NOT NULL AND t.due_at <= now() AS expired,"
    " k.name AS worker_name, (extract(epoch FROM now() - k.seen_at) * 1000000)::bigint AS worker_seen_us,"
    " (SELECT count(*) FROM wfworker.worker a WHERE a.seen_at > now() - interval '2 minutes') AS workers,"
    " EXISTS (SELECT FROM wfworker.old_execution o WHERE o.execution_id = e.id) AS old, wfworker.has_triggers() AS triggers,"
    " (SELECT count(*) FROM (SELECT FROM wfworker.task q WHERE q.due_at <= now() AND q.execution_id <> t.execution_id AND"
    "   (q.priority > t.priority OR (q.priority = t.priority AND q.due_at < t.due_at)) LIMIT 100000) x) AS ahead,"
    " (SELECT json_agg(to_json(a.node_types)) FROM wfworker.worker a WHERE a.seen_at > now() - interval '2 minutes') AS node_types,"
    " wfworker.lock_waits(e.id) AS locks, wfworker.parent_of(e.id) AS parent, wfworker.children_of(e.id) AS children,"
    " (SELECT json_agg(json_build_object('node', a.node, 'message', a.message, 'options', a.options) ORDER BY a.asked_at, a.id)"
    "    FROM wfworker.approval a WHERE a.execution_id = e.id AND a.closed_at IS NULL AND a.sent_at IS NULL) AS approvals,"
    " wfworker.written_out(e.id, s.state) AS snapshot,"
    " (SELECT json_agg(wfworker.written_out(e.id, x.events) ORDER BY x.n) FROM unnest(j.events) WITH ORDINALITY x (events, n)) AS journal,"
    " wfworker.never_ran(e) AS never_ran, s.execution_id IS NULL AND j.first > 1 AS history_gone, d.graph, d.rows, d.trigger_config"
    "  FROM workflowexecution e"
    "  LEFT JOIN workflow w ON w.id = e.workflow_id"
    "  LEFT JOIN wfworker.task t ON t.execution_id = e.id"
    "  LEFT JOIN wfworker.worker k ON k.id = t.worker"
    "  LEFT JOIN wfworker.snapshot s ON s.execution_id = e.id AND e.status <> 'completed'"
    "  LEFT JOIN LATERAL (SELECT array_agg(x.events ORDER BY x.seq) AS events, min(x.seq) AS first FROM wfworker.journal x"
    "    WHERE x.execution_id = e.id AND e.status <> 'completed' AND x.seq > coalesce(s.seq, 0)) j ON true"
    "  LEFT JOIN wfworker.definition d ON d.id = coalesce(nullif(s.definition, ''), replace(j.events[1], '\"\\u0000', '\"')::json -> 0 ->> 'definition')"
    " WHERE ";

json_t *db_execution_facts(PGconn *c, const char *execution, struct error *e)
{
    struct uuid id;
    CLEANUP_FREE char *sql = xasprintf("%s%s", facts_sql, uuid_parse(execution, &id) == 0 ? "e.id = $1::uuid" : "e.execution_id = $1");
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "looking for the execution", sql, 1, &execution);
    if (!r)
        return NULL;
    if (PQntuples(r) == 0) {
        err_set(e, "there is no execution \"%s\"", execution);
        err_hint(e, "\"wfworker list\" shows the executions");
        return NULL;
    }
    return pg_row_object(r, 0);
}

json_t *db_workers(PGconn *c, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "listing the workers",
        "WITH held AS (SELECT t.worker, count(*) AS n FROM wfworker.task t WHERE t.worker IS NOT NULL AND t.due_at > now() GROUP BY 1)"
        "SELECT w.name, w.host, w.pid, w.version, w.abi, w.schema_version, "
        ISO("w.started_at AT TIME ZONE 'UTC'") " AS started_at, " ISO("w.seen_at AT TIME ZONE 'UTC'") " AS seen_at,"
        " (extract(epoch FROM now() - w.seen_at) * 1000000)::bigint AS seen_us, w.seen_at > now() - interval '2 minutes' AS alive,"
        " CASE WHEN w.seen_at <= now() - interval '2 minutes' THEN 'lost' WHEN w.stopping THEN 'stopping' WHEN h.n > 0"
        "      THEN 'working' ELSE 'idle' END AS state, w.idle, coalesce(h.n, 0) AS held, w.listening, to_json(w.node_types) AS node_types"
        "  FROM wfworker.worker w LEFT JOIN held h ON h.worker = w.id ORDER BY w.started_at, w.id", 0, NULL);
    return r ? pg_rows(r) : NULL;
}
