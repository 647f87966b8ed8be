/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker schedule add, list, pause, resume, remove, run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "cli/connect.h"
#include "cli/table.h"
#include "engine/schedule.h"
#include "store/schedule_sync.h"

#define MOST_SECONDS (366 * 86400)
#define LONGEST_CRON 100 /* workflowschedule.cron_expression */

const struct cli_option schedule_add_options[] = {
    {"timezone", 'z', "ZONE", "the time zone, if the expression has no CRON_TZ= (default UTC)"},
    {"catch-up", 0, "none|one|all", "what is made up for after a downtime (default one, at the newest time)"},
    {"catch-up-seconds", 0, "N", "with --catch-up all: not longer ago than this (default 86400)"},
    {"overlap", 0, "allow|skip|cancel_other", "when the run before is not over (default allow)"},
    {NULL, 0, NULL, NULL},
};
const struct cli_option schedule_list_options[] = {
    {"json", 0, NULL, "as a JSON array"},
    {NULL, 0, NULL, NULL},
};
const struct cli_option schedule_run_options[] = {
    {"json", 0, NULL, "print {\"id\", \"execution_id\"}"},
    {NULL, 0, NULL, NULL},
};

static int wrong_value(const char *option, const char *text, const char *detail, struct error *e)
{
    err_set(e, "invalid value \"%.100s\" for option --%s", text, option);
    return err_detail(e, "%s", detail);
}

static const char *value_or(const struct cli *c, const char *option, const char *fallback)
{
    const char *text = cli_value(c, option);
    return text ? text : fallback;
}

/* Wrong usage: -1 and *e. */
static int read_options(const struct cli *c, struct db_schedule *s, struct error *e)
{
    enum schedule_catch_up catch_up;
    const char *seconds = value_or(c, "catch-up-seconds", "86400");
    char *end;
    *s = (struct db_schedule){.cron = c->operands[1], .timezone = cli_value(c, "timezone"),
                              .catch_up = value_or(c, "catch-up", "one"), .overlap = value_or(c, "overlap", "allow")};
    if (schedule_catch_up_parse(s->catch_up, &catch_up) != 0)
        return wrong_value("catch-up", s->catch_up, "it must be none, one or all", e);
    if (strcmp(s->overlap, "allow") != 0 && strcmp(s->overlap, "skip") != 0 && strcmp(s->overlap, "cancel_other") != 0)
        return wrong_value("overlap", s->overlap, "it must be allow, skip or cancel_other", e);
    long n = strtol(seconds, &end, 10);
    if (*seconds < '0' || *seconds > '9' || *end || n > MOST_SECONDS)
        return wrong_value("catch-up-seconds", seconds, "it must be a whole number from 0 to 31622400", e);
    s->catch_up_seconds = (int)n;
    return 0;
}

/* An expression that can be saved. */
static int check_cron(const struct db_schedule *s, struct error *e)
{
    struct cron cron;
    int64_t next;
    if (strlen(s->cron) > LONGEST_CRON)
        return err_set(e, "the cron expression is longer than %d characters", LONGEST_CRON);
    if (cron_parse(s->cron, &cron, e) != 0)
        return -1;
    const struct zone *z = cron_zone(&cron, s->timezone, e);
    return z ? cron_next(&cron, z, clock_now_us(), &next, e) : -1;
}

int cmd_schedule_add(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct db_schedule s;
    char id[UUID_TEXT];
    if (read_options(c, &s, &e) != 0) {
        err_print(&e);
        return EXIT_USAGE;
    }
    if (check_cron(&s, &e) != 0)
        return cli_failed(&e);
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_schedule_add(conn, c->operands[0], &s, id, &e) != 0)
        return cli_failed(&e);
    printf("%s\n", id);
    return EXIT_SUCCESS;
}

static void print_rows(const json_t *rows)
{
    struct table t;
    size_t i;
    json_t *row;
    table_begin(&t, (const char *const[]){"SCHEDULE", "WORKFLOW", "CRON", "ZONE", "STATE", "NEXT (UTC)", "LAST (UTC)", "ERROR", NULL});
    json_array_foreach(rows, i, row)
    {
        CLEANUP_FREE char *next = text_time(js_str(row, "next_at"));
        CLEANUP_FREE char *last = text_time(js_str(row, "last_slot"));
        const char *zone = js_str(row, "timezone");
        table_add(&t, js_str(row, "id"), 0);
        table_add(&t, js_str(row, "workflow"), 40);
        table_add(&t, js_str(row, "cron"), 40);
        table_add(&t, zone ? zone : "UTC", 0);
        table_add(&t, js_str(row, "state"), 0);
        table_add(&t, next, 0);
        table_add(&t, last, 0);
        table_add(&t, js_str(row, "error"), 0);
    }
    table_print(&t, stdout);
}

int cmd_schedule_list(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    return cli_print_rows(c, conn ? db_schedule_list(conn, &e) : NULL, print_rows, &e);
}

static int pause_or_resume(struct cli *c, bool pause)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_schedule_pause(conn, c->operands[0], pause, &e) != 0)
        return cli_failed(&e);
    return EXIT_SUCCESS;
}

int cmd_schedule_pause(struct cli *c)
{
    return pause_or_resume(c, true);
}

int cmd_schedule_resume(struct cli *c)
{
    return pause_or_resume(c, false);
}

int cmd_schedule_remove(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    if (!conn || db_schedule_remove(conn, c->operands[0], &e) != 0)
        return cli_failed(&e);
    return EXIT_SUCCESS;
}

int cmd_schedule_run(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_CONNECTION PGconn *conn = cli_connect(c, &e);
    CLEANUP_JSON json_t *made = conn ? db_schedule_run(conn, c->operands[0], &e) : NULL;
    if (!made)
        return cli_failed(&e);
    if (cli_has(c, "json"))
        print_json(made);
    else
        printf("%s\n", js_str(made, "execution_id"));
    return EXIT_SUCCESS;
}
