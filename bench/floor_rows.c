/* SPDX-License-Identifier: Apache-2.0 */
/* What the floor writes: the statements and their arrays. */
#include "config.h"

#include "floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#define WORKER INT64_C(9100000000000000001) /* in the column task.worker; no worker of the product has it */

static struct {
    struct buf before; /* execution_state, cut at the execution's name */
    const char *parts[16];
    size_t part_count;
} state_text;

static struct buf journal_text = BUF_INIT; /* nothing: no journal is written */

static const char state_default[] =
    "{\"execution_id\":\"exec-000000000000\",\"workflow_id\":\"2100c13d-d6f0-476b-bd02-127d294ff524\",\"workflow_"
    "version\":1,"
    "\"status\":\"completed\",\"current_node_id\":\"b\",\"completed_node_ids\":[\"t\",\"a\",\"b\"],\"node_results\":{"
    "\"t\":{\"node_id\":\"t\",\"status\":\"success\",\"output\":{\"amount\":42,\"customer\":\"abc\"},\"error\":null,"
    "\"started_at\":\"2026-11-23T12:21:21.926752\",\"completed_at\":\"2026-11-23T12:21:21.926858\",\"duration_ms\":0},"
    "\"a\":{\"node_id\":\"a\",\"status\":\"success\",\"output\":{\"variable_name\":\"x\",\"value\":1,\"scope\":"
    "\"workflow\"},"
    "\"error\":null,\"started_at\":\"2026-11-23T12:21:21.926858\",\"completed_at\":\"2026-11-23T12:21:21.926900\","
    "\"duration_ms\":0},"
    "\"b\":{\"node_id\":\"b\",\"status\":\"success\",\"output\":{\"result\":true},\"error\":null,"
    "\"started_at\":\"2026-11-23T12:21:21.926900\",\"completed_at\":\"2026-11-23T12:21:21.926932\",\"duration_ms\":0}},"
    "\"execution_data\":{\"amount\":42,\"customer\":\"abc\",\"t_output\":{\"amount\":42,\"customer\":\"abc\"},"
    "\"a_output\":{\"variable_name\":\"x\",\"value\":1,\"scope\":\"workflow\"},\"b_output\":{\"result\":true}},"
    "\"started_at\":\"2026-11-23T12:21:21.843386\",\"error_message\":null,\"retry_count\":0,\"next_retry_at\":null}";

/* ---- Statements, prepared once for each connection ---- */

enum { S_STATE, S_LOG, S_JOURNAL, S_TASK, S_CLAIM, STATEMENTS };

static const char *const names[STATEMENTS] = {"state", "log", "journal", "task", "claim"};
static const char *const texts[STATEMENTS] = {
    [S_STATE] = "UPDATE workflowexecution x SET status = 'completed', current_node_id = 'b', error_message = NULL,"
                " retry_count = 0, next_retry_at = NULL, completed_at = i.at, execution_state = i.state::json"
                " FROM unnest($1::uuid[], $2::text[], $3::timestamp[]) i (id, state, at) WHERE x.id = i.id",
    [S_LOG] = "INSERT INTO executionlog (id, execution_id, node_id, level, message, \"timestamp\")"
              " SELECT l.id, l.execution, l.node, 'info', l.message, l.at"
              " FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamp[])"
              " l (id, execution, node, message, at)",
    [S_JOURNAL] = "INSERT INTO bench.journal (execution_id, seq, token, events)"
                  " SELECT i.id, 1, i.token, $3 FROM unnest($1::uuid[], $2::bigint[]) i (id, token)",
    [S_TASK] = "DELETE FROM bench.task t USING unnest($1::uuid[], $2::bigint[]) i (id, token)"
               " WHERE t.execution_id = i.id AND t.token = i.token",
    [S_CLAIM] =
        "WITH ready AS MATERIALIZED (SELECT execution_id FROM bench.task WHERE priority = 5 AND due_at <= now()"
        "  ORDER BY due_at LIMIT $1::integer FOR NO KEY UPDATE SKIP LOCKED),"
        " taken AS (UPDATE bench.task t SET due_at = now() + interval '15 s', token = nextval('bench.token'),"
        "  worker = $2::bigint FROM ready WHERE t.execution_id = ready.execution_id RETURNING t.execution_id, t.token)"
        " SELECT e.id, taken.token, e.execution_id::text, e.workflow_id, e.workflow_version, e.status::text,"
        "  e.execution_state::text, e.started_at FROM taken JOIN workflowexecution e ON e.id = taken.execution_id",
};

static void send_prepared(PGconn *pg, int statement, struct bin_call *c)
{
    const char *values[BIN_MAX_PARAMS];
    int lengths[BIN_MAX_PARAMS], formats[BIN_MAX_PARAMS];
    for (int i = 0; i < c->count; i++) {
        values[i] = c->values[i].data;
        lengths[i] = (int)c->values[i].len;
        formats[i] = 1;
    }
    if (PQsendQueryPrepared(pg, names[statement], c->count, values, lengths, formats, 1) != 1)
        die("sending", PQerrorMessage(pg));
    bin_call_free(c);
}

/* ---- What is written ---- */

static void read_file(const char *path, struct buf *b)
{
    FILE *f = fopen(path, "r");
    if (!f)
        die(path, "cannot be read");
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(b, chunk, n);
    fclose(f);
}

static void load_state(void)
{
    static const char key[] = "\"execution_id\":\"";
    struct buf *b = &state_text.before;
    if (options.state_file)
        read_file(options.state_file, b);
    else
        buf_addstr(b, state_default);
    char *name = b->data ? strstr(b->data, key) : NULL;
    char *end = name ? strchr(name += strlen(key), '"') : NULL;
    CLEANUP_FREE char *own = end ? xstrndup(name, (size_t)(end - name)) : NULL;
    state_text.parts[state_text.part_count++] = b->data ? b->data : "{}";
    for (char *at = b->data; own && *own && state_text.part_count < 16 && (at = strstr(at, own));) {
        *at = '\0';
        at += strlen(own);
        state_text.parts[state_text.part_count++] = at;
    }
}

static void add_state(struct bin_call *c, int array, const struct item *it, struct buf *scratch)
{
    buf_clear(scratch);
    for (size_t i = 0; i < state_text.part_count; i++) {
        if (i > 0)
            buf_addstr(scratch, it->name);
        buf_addstr(scratch, state_text.parts[i]);
    }
    bin_add_text(c, array, scratch->data, scratch->len);
}

static void send_states(PGconn *pg, const struct item *items, size_t count, int64_t now)
{
    struct bin_call c = {0};
    CLEANUP_BUF struct buf scratch = BUF_INIT;
    int ids = bin_array(&c, OID_UUID), states = bin_array(&c, OID_TEXT), times = bin_array(&c, OID_TIMESTAMP);
    for (size_t i = 0; i < count; i++) {
        bin_add_uuid(&c, ids, &items[i].id);
        add_state(&c, states, &items[i], &scratch);
        bin_add_time(&c, times, now);
    }
    send_prepared(pg, S_STATE, &c);
}

static void add_message(struct bin_call *c, int array, size_t row, const char *node, struct buf *scratch)
{
    buf_clear(scratch);
    if (row + 1 == options.log_rows)
        buf_addstr(scratch, "Workflow execution completed");
    else
        buf_printf(scratch, row % 2 == 0 ? "Executing node: %s" : "Node %s completed successfully", node);
    bin_add_text(c, array, scratch->data, scratch->len);
}

static void send_logs(PGconn *pg, const struct item *items, size_t count, int64_t now)
{
    static const char *const nodes[] = {"t", "a", "b"};
    struct bin_call c = {0};
    CLEANUP_BUF struct buf scratch = BUF_INIT;
    struct uuid id = uuid_by_time(now); /* rising, as the worker's are */
    int ids = bin_array(&c, OID_UUID), executions = bin_array(&c, OID_UUID), node = bin_array(&c, OID_TEXT),
        message = bin_array(&c, OID_TEXT), times = bin_array(&c, OID_TIMESTAMP);
    for (size_t i = 0; i < count; i++)
        for (size_t row = 0; row < options.log_rows; row++) {
            const char *of = nodes[row / 2 % 3];
            bin_add_uuid(&c, ids, &id);
            bin_add_uuid(&c, executions, &items[i].id);
            bin_add_text(&c, node, of, strlen(of));
            add_message(&c, message, row, of, &scratch);
            bin_add_time(&c, times, now + (int64_t)row);
            uuid_step(&id);
        }
    send_prepared(pg, S_LOG, &c);
}

/* Ids and tokens, as the first two parameters. */
static void add_keys(struct bin_call *c, const struct item *items, size_t count)
{
    int ids = bin_array(c, OID_UUID), tokens = bin_array(c, OID_INT8);
    for (size_t i = 0; i < count; i++) {
        bin_add_uuid(c, ids, &items[i].id);
        bin_add_int8(c, tokens, items[i].token);
    }
}

static void send_journal(PGconn *pg, const struct item *items, size_t count)
{
    struct bin_call c = {0};
    add_keys(&c, items, count);
    bin_text(&c, journal_text.data);
    send_prepared(pg, S_JOURNAL, &c);
}

static void send_tasks(PGconn *pg, const struct item *items, size_t count)
{
    struct bin_call c = {0};
    add_keys(&c, items, count);
    send_prepared(pg, S_TASK, &c);
}

void rows_send_claim(PGconn *pg, size_t count)
{
    struct bin_call c = {0};
    bin_int4(&c, (int32_t)count);
    bin_int8(&c, WORKER);
    send_prepared(pg, S_CLAIM, &c);
}

/* ---- For the loop ---- */

void rows_load(void)
{
    load_state();
    if (options.journal_file)
        read_file(options.journal_file, &journal_text);
}

void rows_free(void)
{
    buf_free(&state_text.before);
    buf_free(&journal_text);
}

void rows_prepare(PGconn *pg)
{
    for (int i = 0; i < STATEMENTS; i++) {
        PGresult *r = PQprepare(pg, names[i], texts[i], 0, NULL);
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            die("preparing", PQresultErrorMessage(r));
        PQclear(r);
    }
}

void rows_send(PGconn *pg, const struct item *items, size_t count, int64_t now_us)
{
    send_states(pg, items, count, now_us);
    send_logs(pg, items, count, now_us);
    if (journal_text.len > 0)
        send_journal(pg, items, count);
    send_tasks(pg, items, count);
}
