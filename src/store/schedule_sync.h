/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules for the command line: blocking SQL, as sync.h. */
#ifndef WF_STORE_SCHEDULE_SYNC_H
#define WF_STORE_SCHEDULE_SYNC_H

#include "store/sync.h"

struct db_schedule {
    const char *cron, *timezone, *catch_up, *overlap; /* timezone may be NULL */
    int catch_up_seconds;
};

/* `workflow` is a name or an id; *id gets the new schedule's (37 bytes). */
int db_schedule_add(PGconn *c, const char *workflow, const struct db_schedule *s, char *id, struct error *e);

/* An array of {"id", "workflow_id", "workflow", "cron", "timezone", "catch_up", "catch_up_seconds", "overlap", "from_trigger",
 * "state" (active, paused, workflow inactive, error), "next_at", "last_slot", "error"}; times are UTC. */
json_t *db_schedule_list(PGconn *c, struct error *e);

int db_schedule_pause(PGconn *c, const char *id, bool pause, struct error *e);
int db_schedule_remove(PGconn *c, const char *id, struct error *e);

/* {"id", "execution_id"} of an execution that begins now. */
json_t *db_schedule_run(PGconn *c, const char *id, struct error *e);

#endif
