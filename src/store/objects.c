/* SPDX-License-Identifier: Apache-2.0 */
/* The backend's objects for the command line: workflows, executions, their logs. */
#include "config.h"

#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"

#define OWNER_EMAIL "wfworker@wfworker.internal"
#define ISO(column) "to_char(" column ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"

static bool is_uuid(const char *text)
{
    struct uuid u;
    return uuid_parse(text, &u) == 0;
}

static json_t *text_value(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column))
        return json_null();
    return js_string_lossy(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

/* A value by its SQL type: numbers and booleans as such, json parsed, the rest as text. */
static json_t *value(const PGresult *r, int row, int column)
{
    struct error e = ERROR_INIT;
    if (PQgetisnull(r, row, column))
        return json_null();
    const char *text = PQgetvalue(r, row, column);
    switch (PQftype(r, column)) {
    case 16:
        return json_boolean(text[0] == 't');
    case 20:
    case 21:
    case 23:
        return json_integer(pg_number(r, row, column, 0));
    case 114:
    case 3802: {
        json_t *v = js_parse_own(text, (size_t)PQgetlength(r, row, column), &e);
        return v ? v : text_value(r, row, column); /* what cannot be read is shown as it is */
    }
    default:
        return text_value(r, row, column);
    }
}

json_t *pg_row_object(const PGresult *r, int row)
{
    json_t *o = json_object();
    for (int i = 0; i < PQnfields(r); i++)
        js_set(o, PQfname(r, i), value(r, row, i));
    return o;
}

json_t *pg_rows(const PGresult *r)
{
    json_t *list = json_array();
    for (int row = 0; row < PQntuples(r); row++)
        js_push(list, pg_row_object(r, row));
    return list;
}

/* ---- Workflows ---- */

static int simple(PGconn *c, const char *sql, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(c, e, NULL, sql, 0, NULL);
    return r ? 0 : -1;
}

/* The owner's id; our own user is made when it is not there. */
static int find_owner(PGconn *c, const char *email, char *id, struct error *e)
{
    const char *values[] = {email ? email : OWNER_EMAIL};
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, "looking for the owner", "SELECT id FROM \"user\" WHERE email = $1", 1, values);
    CLEANUP_RESULT PGresult *made = NULL;
    if (!r)
        return -1;
    if (PQntuples(r) == 0 && email) {
        err_set(e, "there is no user \"%s\"", email);
        return err_hint(e, "name the e-mail address of an existing user");
    }
    if (PQntuples(r) == 0) {
        made = pg_query(c, e, "making the user wfworker",
                        "INSERT INTO \"user\" (email, is_active, is_superuser, full_name, hashed_password, id)"
                        " VALUES ($1, false, false, 'wfworker', '!', gen_random_uuid()) RETURNING id", 1, values);
        if (!made)
            return -1;
    }
    snprintf(id, UUID_TEXT, "%s", PQgetvalue(made ? made : r, 0, 0));
    return 0;
}

static int upsert_workflow(PGconn *c, const char *name, const char *owner, const char *graph, const char *trigger, char *id,
                           struct error *e)
{
    const char *values[] = {name, owner, graph, trigger};
    CLEANUP_RESULT PGresult *updated = pg_query(
        c, e, "replacing the workflow",
        "UPDATE workflow SET version = version + CASE WHEN graph_config::text IS DISTINCT FROM $3::text"
        " OR trigger_config::text IS DISTINCT FROM $4::text THEN 1 ELSE 0 END,"
        " graph_config = $3::text::json, trigger_config = $4::text::json, is_active = true,"
        " updated_at = clock_timestamp() AT TIME ZONE 'UTC'"
        " WHERE id = (SELECT id FROM workflow WHERE name = $1 AND owner_id = $2::uuid ORDER BY created_at, id LIMIT 1)"
        " RETURNING id", 4, values);
    CLEANUP_RESULT PGresult *made = NULL;
    if (!updated)
        return -1;
    if (PQntuples(updated) == 0) {
        made = pg_query(c, e, "adding the workflow",
                        "INSERT INTO workflow (name, is_active, version, trigger_config, graph_config, id, owner_id, created_at,"
                        " updated_at) VALUES ($1, true, 1, $4::text::json, $3::text::json, gen_random_uuid(), $2::uuid,"
                        " clock_timestamp() AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC') RETURNING id",
                        4, values);
        if (!made)
            return -1;
    }
    snprintf(id, UUID_TEXT, "%s", PQgetvalue(made ? made : updated, 0, 0));
    return 0;
}

int db_workflow_add(PGconn *c, const char *name, const char *owner_email, const json_t *graph, const json_t *trigger_config,
                    char *id, struct error *e)
{
    char owner[UUID_TEXT];
    CLEANUP_FREE char *graph_text = js_text(graph);
    CLEANUP_FREE char *trigger_text = trigger_config ? js_text(trigger_config) : NULL;
    if (!*name || strlen(name) > 255)
        return err_set(e, "the name of a workflow has 1 to 255 characters");
    if (simple(c, "BEGIN", e) != 0)
        return -1;
    if (find_owner(c, owner_email, owner, e) != 0 ||
        upsert_workflow(c, name, owner, graph_text, trigger_text, id, e) != 0 || simple(c, "COMMIT", e) != 0) {
        simple(c, "ROLLBACK", NULL);
        return -1;
    }
    return 0;
}

json_t *db_workflow_list(PGconn *c, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "listing the workflows",
        "SELECT w.id, w.name, w.version, w.is_active, u.email AS owner, " ISO("w.updated_at") " AS updated_at"
        "  FROM workflow w LEFT JOIN \"user\" u ON u.id = w.owner_id ORDER BY w.name, w.id", 0, NULL);
    return r ? pg_rows(r) : NULL;
}

int db_workflow_find(PGconn *c, const char *workflow, char *id, struct error *e)
{
    const char *values[] = {workflow};
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "looking for the workflow",
                                          is_uuid(workflow) ? "SELECT id FROM workflow WHERE id = $1::uuid"
                                                            : "SELECT id FROM workflow WHERE name = $1", 1, values);
    if (!r)
        return -1;
    if (PQntuples(r) == 0) {
        err_set(e, "there is no workflow \"%s\"", workflow);
        return err_hint(e, "\"wfworker workflow list\" shows the workflows");
    }
    if (PQntuples(r) > 1) {
        err_set(e, "%d workflows have the name \"%s\"", PQntuples(r), workflow);
        return err_hint(e, "name the workflow by its id");
    }
    snprintf(id, UUID_TEXT, "%s", PQgetvalue(r, 0, 0));
    return 0;
}

/* Read as a worker would pin it, but nothing is pinned. */
static json_t *present_definition(PGconn *c, const char *id, struct error *e)
{
    const char *values[] = {id};
    if (simple(c, "BEGIN", e) != 0)
        return NULL;
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "reading the workflow",
        "SELECT w.id, w.name, p.graph::json AS graph_config, p.trigger_config::json AS trigger_config, p.rows::json AS rows"
        "  FROM workflow w, wfworker.pin(w.id) p WHERE w.id = $1::uuid", 1, values);
    simple(c, "ROLLBACK", NULL);
    if (r && PQntuples(r) > 0)
        return pg_row_object(r, 0);
    if (r)
        err_set(e, "there is no workflow \"%s\"", id);
    return NULL;
}

json_t *db_workflow_get(PGconn *c, const char *workflow, struct error *e)
{
    char id[UUID_TEXT];
    return db_workflow_find(c, workflow, id, e) == 0 ? present_definition(c, id, e) : NULL;
}

/* ---- Executions ---- */

json_t *db_submit(PGconn *c, const char *workflow, const json_t *data, struct error *e)
{
    CLEANUP_FREE char *text = data ? js_text(data) : NULL;
    const char *values[] = {workflow, text};
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, NULL, "SELECT id, execution_id FROM wfworker.submit($1, $2::text::json)", 2, values);
    return r ? pg_row_object(r, 0) : NULL;
}

#define EXECUTION_COLUMNS                                                                                              \
    "e.id, e.execution_id, e.workflow_id, w.name AS workflow_name, e.workflow_version, e.status, " ISO("e.started_at")      \
    " AS started_at, " ISO("e.completed_at") " AS completed_at, e.error_message, e.current_node_id, e.retry_count, "   \
    ISO("e.next_retry_at") " AS next_retry_at"

json_t *db_execution_list(PGconn *c, const char *status, int limit, struct error *e)
{
    char number[16];
    snprintf(number, sizeof number, "%d", limit > 0 ? limit : 1000000);
    const char *values[] = {status, number};
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "listing the executions",
        "SELECT " EXECUTION_COLUMNS " FROM workflowexecution e LEFT JOIN workflow w ON w.id = e.workflow_id"
        " WHERE $1::text IS NULL OR e.status = $1::text ORDER BY e.started_at DESC, e.id LIMIT $2::int", 2, values);
    return r ? pg_rows(r) : NULL;
}

static int no_execution(const char *execution, struct error *e)
{
    err_set(e, "there is no execution \"%s\"", execution);
    return err_hint(e, "\"wfworker list\" shows the executions");
}

json_t *db_execution_show(PGconn *c, const char *execution, struct error *e)
{
    const char *values[] = {execution};
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "looking for the execution",
        is_uuid(execution) ? "SELECT " EXECUTION_COLUMNS ", e.execution_state FROM workflowexecution e"
                             " LEFT JOIN workflow w ON w.id = e.workflow_id WHERE e.id = $1::uuid"
                           : "SELECT " EXECUTION_COLUMNS ", e.execution_state FROM workflowexecution e"
                             " LEFT JOIN workflow w ON w.id = e.workflow_id WHERE e.execution_id = $1", 1, values);
    if (!r)
        return NULL;
    if (PQntuples(r) == 0) {
        no_execution(execution, e);
        return NULL;
    }
    return pg_row_object(r, 0);
}

void db_execution_relatives(PGconn *c, json_t *row)
{
    struct error ignored = ERROR_INIT;
    const char *values[] = {js_str(row, "id")};
    CLEANUP_RESULT PGresult *r =
        pg_query(c, &ignored, NULL, "SELECT wfworker.parent_of($1::uuid) AS parent, wfworker.children_of($1::uuid) AS children", 1, values);
    CLEANUP_JSON json_t *found = r ? pg_row_object(r, 0) : NULL;
    if (found)
        json_object_update(row, found);
}

/* NULL, and no error in *e, when none is pinned. */
static json_t *pinned_definition(PGconn *c, const json_t *row, struct error *e)
{
    const char *values[] = {js_str(row, "id")};
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "reading the definition",
        "SELECT w.id, w.name, d.graph::json AS graph_config, d.trigger_config::json AS trigger_config, d.rows::json AS rows"
        "  FROM workflowexecution x LEFT JOIN workflow w ON w.id = x.workflow_id"
        "  LEFT JOIN wfworker.snapshot s ON s.execution_id = x.id"
        "  LEFT JOIN LATERAL (SELECT replace(j.events, '\"\\u0000', '\"')::json -> 0 ->> 'definition' AS id"
        "  FROM wfworker.journal j WHERE j.execution_id = x.id ORDER BY j.seq LIMIT 1) j ON true"
        "  JOIN wfworker.definition d ON d.id = coalesce(nullif(s.definition, ''), j.id) WHERE x.id = $1::uuid", 1, values);
    return r && PQntuples(r) > 0 ? pg_row_object(r, 0) : NULL;
}

json_t *db_execution_definition(PGconn *c, const char *execution, struct error *e)
{
    *e = (struct error)ERROR_INIT;
    json_t *row = db_execution_show(c, execution, e);
    json_t *definition = row ? pinned_definition(c, row, e) : NULL;
    if (row && !definition && !e->message[0])
        definition = present_definition(c, js_str(row, "workflow_id"), e);
    if (definition)
        js_set(definition, "execution", row);
    else
        json_decref(row);
    return definition;
}

/* The row's id: its text is compared as a uuid, so that the indexes are used. */
static int execution_uuid(PGconn *c, const char *execution, char id[UUID_TEXT], struct error *e)
{
    if (is_uuid(execution)) {
        snprintf(id, UUID_TEXT, "%s", execution);
        return 0;
    }
    const char *values[] = {execution};
    CLEANUP_RESULT PGresult *r =
        pg_query(c, e, "looking for the execution", "SELECT id FROM workflowexecution WHERE execution_id = $1", 1, values);
    if (!r)
        return -1;
    if (PQntuples(r) == 0)
        return no_execution(execution, e);
    snprintf(id, UUID_TEXT, "%s", PQgetvalue(r, 0, 0));
    return 0;
}

json_t *db_execution_logs(PGconn *c, const char *execution, int64_t after_us, const char *after_id, struct error *e)
{
    char id[UUID_TEXT], after[32];
    if (execution_uuid(c, execution, id, e) != 0)
        return NULL;
    snprintf(after, sizeof after, "%" PRId64, after_us);
    const char *values[] = {id, after, after_id ? after_id : "00000000-0000-0000-0000-000000000000"};
    CLEANUP_RESULT PGresult *r = pg_query(
        c, e, "reading the log",
        "SELECT l.id, l.node_id, l.level, l.message, " ISO("l.\"timestamp\"") " AS timestamp,"
        " (extract(epoch FROM l.\"timestamp\") * 1000000)::bigint AS at_us FROM executionlog l WHERE l.execution_id = $1::uuid"
        " AND (l.\"timestamp\", l.id) > (timestamp '1970-01-01' + $2::bigint * interval '1 microsecond', $3::uuid)"
        " ORDER BY l.\"timestamp\", l.id", 3, values);
    return r ? pg_rows(r) : NULL;
}
