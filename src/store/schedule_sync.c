/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules for the command line. */
#include "config.h"

#include "store/schedule_sync.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/uuid.h"
#include "store/internal.h"

int db_schedule_add(PGconn *c, const char *workflow, const struct db_schedule *s, char *id, struct error *e)
{
    char found[UUID_TEXT], seconds[16];
    if (db_workflow_find(c, workflow, found, e) != 0)
        return -1;
    snprintf(seconds, sizeof seconds, "%d", s->catch_up_seconds);
    const char *values[] = {found, s->cron, s->timezone, s->catch_up, seconds, s->overlap};
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "adding the schedule",
                                          "SELECT wfworker.add_schedule($1::uuid, $2, $3, $4, $5::integer, $6)", 6, values);
    if (!r)
        return -1;
    snprintf(id, UUID_TEXT, "%s", PQgetvalue(r, 0, 0));
    return 0;
}

/* One row with one column, which is JSON or null. */
static json_t *json_answer(PGconn *c, const char *doing, const char *sql, int count, const char *const *values, struct error *e)
{
    CLEANUP_RESULT PGresult *r = pg_query(c, e, doing, sql, count, values);
    return r ? js_parse(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0), e) : NULL;
}

json_t *db_schedule_list(PGconn *c, struct error *e)
{
    /* What nobody has looked at yet, when no worker runs. */
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "looking for changed schedules", "SELECT wfworker.sync_schedules()", 0, NULL);
    if (!r)
        return NULL;
    return json_answer(c, "listing the schedules",
                       "SELECT coalesce(json_agg(to_json(s) ORDER BY s.workflow, s.cron, s.id), '[]')::text FROM wfworker.schedules s",
                       0, NULL, e);
}

static int no_schedule(const char *id, struct error *e)
{
    err_set(e, "there is no schedule \"%.100s\"", id);
    return err_hint(e, "\"wfworker schedule list\" shows the schedules");
}

static int check_id(const char *id, struct error *e)
{
    struct uuid u;
    return uuid_parse(id, &u) == 0 ? 0 : no_schedule(id, e);
}

/* A function that says whether there was such a schedule. */
static int ask(PGconn *c, const char *doing, const char *sql, int count, const char *const *values, struct error *e)
{
    if (check_id(values[0], e) != 0)
        return -1;
    CLEANUP_RESULT PGresult *r = pg_query(c, e, doing, sql, count, values);
    if (!r)
        return -1;
    return PQgetvalue(r, 0, 0)[0] == 't' ? 0 : no_schedule(values[0], e);
}

int db_schedule_pause(PGconn *c, const char *id, bool pause, struct error *e)
{
    const char *values[] = {id, pause ? "true" : "false"};
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "looking for changed schedules", "SELECT wfworker.sync_schedules()", 0, NULL);
    return r ? ask(c, pause ? "pausing the schedule" : "resuming the schedule", "SELECT wfworker.pause_schedule($1::uuid, $2::boolean)",
                   2, values, e) : -1;
}

int db_schedule_remove(PGconn *c, const char *id, struct error *e)
{
    const char *values[] = {id};
    if (ask(c, "removing the schedule", "SELECT wfworker.remove_schedule($1::uuid)", 1, values, e) == 0)
        return 0;
    struct error other = ERROR_INIT;
    if (ask(c, "looking for the schedule", "SELECT EXISTS (SELECT FROM wfworker.schedule WHERE id = $1::uuid AND from_trigger)", 1,
            values, &other) != 0)
        return -1;
    err_set(e, "the schedule \"%s\" is the trigger_config of its workflow", id);
    return err_hint(e, "change the workflow, or pause the schedule");
}

json_t *db_schedule_run(PGconn *c, const char *id, struct error *e)
{
    const char *values[] = {id};
    if (check_id(id, e) != 0)
        return NULL;
    CLEANUP_RESULT PGresult *r = pg_query(c, e, "looking for changed schedules", "SELECT wfworker.sync_schedules()", 0, NULL);
    return r ? json_answer(c, NULL, "SELECT to_json(x)::text FROM wfworker.run_schedule($1::uuid) x", 1, values, e) : NULL;
}
