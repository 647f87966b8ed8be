/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: what the row changes of executions cost when nothing else is done.
 *
 * A loop over libpq claims executions, writes the end of each one, its log rows and takes it out of the queue, many at
 * a time as binary arrays, over a few connections in pipeline mode, always in one transaction with the claim of the
 * next ones.  No engine, no journal, no checks beyond the token.  What a worker reaches is compared with it.
 *
 *     bench/floor --dsn ADDRESS [--batch N] [--connections N] [--depth N] [--log-rows N] [--count N] [--no-claim]
 *                 [--state FILE]
 *
 * It prints one line of JSON.  --no-claim: the executions are known beforehand, only their ends are written.  --state:
 * the execution_state that is written, with the execution's own name in place of the one in it. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/bin.h"

#define MAX_BATCH 10000
#define MAX_LANES 16
#define MAX_DEPTH 8
#define MAX_LOG_ROWS 100
#define NAME_SIZE 64
#define WORKER INT64_C(9100000000000000001) /* in the column task.worker; no worker of the product has it */

struct item {
    struct uuid id;
    int64_t token;
    char name[NAME_SIZE];
};

/* Some executions on their way: claimed by one transaction, written by the next. */
struct slot {
    struct item *items;
    size_t count;
    bool claims; /* the transaction under way claims */
};

struct lane {
    PGconn *pg;
    struct slot slots[MAX_DEPTH];
    size_t first, busy; /* slots with a transaction under way, in the order in which they were sent */
    int statement;      /* of the oldest transaction: results read so far */
};

static struct {
    const char *dsn, *state_file;
    size_t batch, lanes, depth, log_rows, limit;
    bool claim;
} options = {.batch = 100, .lanes = 2, .depth = 1, .log_rows = 4, .limit = SIZE_MAX, .claim = true};

static struct {
    struct buf before; /* execution_state, cut at the execution's name */
    const char *parts[16];
    size_t part_count;
} state_text;

static struct item *known; /* --no-claim */
static size_t known_count, known_next;
static size_t asked, finished, batches;

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

static void die(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

/* ---- Statements, prepared once for each connection ---- */

enum { S_STATE, S_LOG, S_TASK, S_CLAIM, STATEMENTS };

static const char *const names[STATEMENTS] = {"state", "log", "task", "claim"};
static const char *const texts[STATEMENTS] = {
    [S_STATE] = "UPDATE workflowexecution x SET status = 'completed', current_node_id = 'b', error_message = NULL,"
                " retry_count = 0, next_retry_at = NULL, completed_at = i.at, execution_state = i.state::json"
                " FROM unnest($1::uuid[], $2::text[], $3::timestamp[]) i (id, state, at) WHERE x.id = i.id",
    [S_LOG] = "INSERT INTO executionlog (id, execution_id, node_id, level, message, \"timestamp\")"
              " SELECT l.id, l.execution, l.node, 'info', l.message, l.at"
              " FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamp[])"
              " l (id, execution, node, message, at)",
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

static void send_prepared(struct lane *lane, int statement, struct bin_call *c)
{
    const char *values[BIN_MAX_PARAMS];
    int lengths[BIN_MAX_PARAMS], formats[BIN_MAX_PARAMS];
    for (int i = 0; i < c->count; i++) {
        values[i] = c->values[i].data;
        lengths[i] = (int)c->values[i].len;
        formats[i] = 1;
    }
    if (PQsendQueryPrepared(lane->pg, names[statement], c->count, values, lengths, formats, 1) != 1)
        die("sending", PQerrorMessage(lane->pg));
    bin_call_free(c);
}

/* ---- What is written ---- */

static void load_state(void)
{
    static const char key[] = "\"execution_id\":\"";
    struct buf *b = &state_text.before;
    FILE *f = options.state_file ? fopen(options.state_file, "r") : NULL;
    if (options.state_file && !f)
        die(options.state_file, "cannot be read");
    char chunk[4096];
    for (size_t n; f && (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(b, chunk, n);
    if (f)
        fclose(f);
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

static void send_states(struct lane *lane, const struct slot *slot, int64_t now)
{
    struct bin_call c = {0};
    CLEANUP_BUF struct buf scratch = BUF_INIT;
    int ids = bin_array(&c, OID_UUID), states = bin_array(&c, OID_TEXT), times = bin_array(&c, OID_TIMESTAMP);
    for (size_t i = 0; i < slot->count; i++) {
        bin_add_uuid(&c, ids, &slot->items[i].id);
        add_state(&c, states, &slot->items[i], &scratch);
        bin_add_time(&c, times, now);
    }
    send_prepared(lane, S_STATE, &c);
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

static void send_logs(struct lane *lane, const struct slot *slot, int64_t now)
{
    static const char *const nodes[] = {"t", "a", "b"};
    struct bin_call c = {0};
    CLEANUP_BUF struct buf scratch = BUF_INIT;
    struct uuid id = uuid_by_time(now); /* rising, as the worker's are */
    int ids = bin_array(&c, OID_UUID), executions = bin_array(&c, OID_UUID), node = bin_array(&c, OID_TEXT),
        message = bin_array(&c, OID_TEXT), times = bin_array(&c, OID_TIMESTAMP);
    for (size_t i = 0; i < slot->count; i++)
        for (size_t row = 0; row < options.log_rows; row++) {
            const char *of = nodes[row / 2 % 3];
            bin_add_uuid(&c, ids, &id);
            bin_add_uuid(&c, executions, &slot->items[i].id);
            bin_add_text(&c, node, of, strlen(of));
            add_message(&c, message, row, of, &scratch);
            bin_add_time(&c, times, now + (int64_t)row);
            uuid_step(&id);
        }
    send_prepared(lane, S_LOG, &c);
}

static void send_tasks(struct lane *lane, const struct slot *slot)
{
    struct bin_call c = {0};
    int ids = bin_array(&c, OID_UUID), tokens = bin_array(&c, OID_INT8);
    for (size_t i = 0; i < slot->count; i++) {
        bin_add_uuid(&c, ids, &slot->items[i].id);
        bin_add_int8(&c, tokens, slot->items[i].token);
    }
    send_prepared(lane, S_TASK, &c);
}

static void send_claim(struct lane *lane, size_t count)
{
    struct bin_call c = {0};
    bin_int4(&c, (int32_t)count);
    bin_int8(&c, WORKER);
    send_prepared(lane, S_CLAIM, &c);
}

/* ---- Slots ---- */

static int by_id(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return uuid_compare(&x->id, &y->id);
}

static void take_known(struct slot *slot)
{
    slot->count = 0;
    while (slot->count < options.batch && known_next < known_count)
        slot->items[slot->count++] = known[known_next++];
}

static size_t next_claim(void)
{
    size_t left = options.limit - asked;
    return options.claim ? left < options.batch ? left : options.batch : 0;
}

/* One transaction: the ends of what the slot has, and the next claim into it.  False: there is nothing left to do. */
static bool slot_send(struct lane *lane, struct slot *slot)
{
    size_t claim = next_claim();
    if (!options.claim)
        take_known(slot);
    if (slot->count == 0 && claim == 0)
        return false;
    if (slot->count > 0) {
        int64_t now = clock_now_us();
        qsort(slot->items, slot->count, sizeof *slot->items, by_id);
        send_states(lane, slot, now);
        send_logs(lane, slot, now);
        send_tasks(lane, slot);
        finished += slot->count;
        batches++;
    }
    slot->claims = claim > 0;
    if (slot->claims)
        send_claim(lane, claim);
    asked += claim;
    if (PQpipelineSync(lane->pg) != 1)
        die("sending", PQerrorMessage(lane->pg));
    lane->busy++;
    return true;
}

static void read_claimed(struct slot *slot, const PGresult *r)
{
    slot->count = 0;
    for (int row = 0; row < PQntuples(r) && slot->count < options.batch; row++) {
        struct item *it = &slot->items[slot->count];
        size_t len = 0;
        const char *name = bin_get_text(r, row, 2, &len);
        if (!bin_get_uuid(r, row, 0, &it->id) || !name || len >= sizeof it->name)
            continue;
        it->token = bin_get_int(r, row, 1, 0);
        memcpy(it->name, name, len);
        it->name[len] = '\0';
        slot->count++;
    }
}

/* The oldest transaction is committed: its slot goes on, or ends when there was nothing to claim. */
static void slot_synced(struct lane *lane)
{
    struct slot *slot = &lane->slots[lane->first];
    lane->busy--;
    lane->first = (lane->first + 1) % options.depth;
    if (options.claim && (!slot->claims || slot->count == 0))
        return;
    slot_send(lane, slot);
}

static void lane_result(struct lane *lane, PGresult *r)
{
    struct slot *slot = &lane->slots[lane->first];
    switch (PQresultStatus(r)) {
    case PGRES_COMMAND_OK:
        break;
    case PGRES_TUPLES_OK:
        read_claimed(slot, r);
        break;
    case PGRES_PIPELINE_SYNC:
        slot_synced(lane);
        break;
    default:
        die("a statement failed", PQresultErrorMessage(r));
    }
    PQclear(r);
}

static void lane_read(struct lane *lane)
{
    if (PQconsumeInput(lane->pg) != 1)
        die("reading", PQerrorMessage(lane->pg));
    for (int nulls = 0; nulls < 2 && lane->busy > 0 && !PQisBusy(lane->pg);) {
        PGresult *r = PQgetResult(lane->pg);
        nulls = r ? 0 : nulls + 1;
        if (r)
            lane_result(lane, r);
    }
}

static void lane_open(struct lane *lane)
{
    const char *keys[] = {"dbname", "application_name", "options", NULL};
    const char *values[] = {
        options.dsn, "floor",
        "-c wfworker.saving=1 -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off", NULL};
    lane->pg = PQconnectdbParams(keys, values, 1);
    if (PQstatus(lane->pg) != CONNECTION_OK)
        die("connecting", PQerrorMessage(lane->pg));
    for (int i = 0; i < STATEMENTS; i++) {
        PGresult *r = PQprepare(lane->pg, names[i], texts[i], 0, NULL);
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            die("preparing", PQresultErrorMessage(r));
        PQclear(r);
    }
    for (size_t i = 0; i < options.depth; i++)
        lane->slots[i].items = xcalloc(options.batch, sizeof(struct item));
}

static void lane_begin(struct lane *lane)
{
    if (PQenterPipelineMode(lane->pg) != 1 || PQsetnonblocking(lane->pg, 1) != 0)
        die("pipeline mode", PQerrorMessage(lane->pg));
    for (size_t i = 0; i < options.depth && slot_send(lane, &lane->slots[i]); i++)
        continue;
}

static void lane_close(struct lane *lane)
{
    PQfinish(lane->pg);
    for (size_t i = 0; i < options.depth; i++)
        free(lane->slots[i].items);
}

/* ---- The loop ---- */

static size_t wait_all(struct lane *lanes)
{
    struct pollfd fds[MAX_LANES];
    size_t busy = 0;
    for (size_t i = 0; i < options.lanes; i++) {
        int left = lanes[i].busy ? PQflush(lanes[i].pg) : 0;
        if (left < 0)
            die("sending", PQerrorMessage(lanes[i].pg));
        fds[i] = (struct pollfd){.fd = lanes[i].busy ? PQsocket(lanes[i].pg) : -1,
                                 .events = (short)(POLLIN | (left ? POLLOUT : 0))};
        busy += lanes[i].busy;
    }
    if (busy == 0)
        return 0;
    if (poll(fds, options.lanes, 60000) <= 0)
        die("waiting", "the database has not answered for a minute");
    for (size_t i = 0; i < options.lanes; i++)
        if (fds[i].revents)
            lane_read(&lanes[i]);
    return busy;
}

static void load_known(PGconn *pg)
{
    static const char query[] = "SELECT e.id, t.token, e.execution_id::text FROM bench.task t"
                                " JOIN workflowexecution e ON e.id = t.execution_id WHERE t.due_at <= now()";
    PGresult *r = PQexecParams(pg, query, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        die("reading the queue", PQresultErrorMessage(r));
    size_t rows = (size_t)PQntuples(r), batch = options.batch;
    struct slot all = {.items = xcalloc(rows + 1, sizeof(struct item))};
    options.batch = rows;
    read_claimed(&all, r);
    options.batch = batch;
    PQclear(r);
    known = all.items;
    known_count = all.count < options.limit ? all.count : options.limit;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(struct lane *lanes)
{
    for (size_t i = 0; i < options.lanes; i++)
        lane_open(&lanes[i]);
    if (!options.claim)
        load_known(lanes[0].pg);
    double cpu = cpu_seconds();
    int64_t begin = clock_mono_us();
    for (size_t i = 0; i < options.lanes; i++)
        lane_begin(&lanes[i]);
    while (wait_all(lanes) > 0)
        continue;
    double seconds = (double)(clock_mono_us() - begin) / 1e6;
    cpu = cpu_seconds() - cpu;
    printf("{\"executions\": %zu, \"seconds\": %.6f, \"per_second\": %.1f, \"cpu_seconds\": %.6f, \"batches\": %zu, "
           "\"batch\": %zu, \"connections\": %zu, \"depth\": %zu, \"log_rows\": %zu, \"claim\": %s}\n",
           finished, seconds, seconds > 0 ? (double)finished / seconds : 0, cpu, batches, options.batch, options.lanes,
           options.depth, options.log_rows, options.claim ? "true" : "false");
    for (size_t i = 0; i < options.lanes; i++)
        lane_close(&lanes[i]);
}

/* ---- Options ---- */

static size_t number(const char *name, const char *text, size_t most)
{
    char *end = NULL;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v < 1 || v > most) {
        fprintf(stderr, "floor: --%s must be a number from 1 to %zu, not \"%s\"\n", name, most, text);
        exit(2);
    }
    return (size_t)v;
}

static void read_options(int argc, char **argv)
{
    static const struct option table[] = {
        {"dsn", 1, NULL, 'd'},      {"batch", 1, NULL, 'b'}, {"connections", 1, NULL, 'c'},
        {"depth", 1, NULL, 'p'},    {"count", 1, NULL, 'n'}, {"log-rows", 1, NULL, 'l'},
        {"no-claim", 0, NULL, 'x'}, {"state", 1, NULL, 's'}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (c) {
        case 'd':
            options.dsn = optarg;
            break;
        case 'b':
            options.batch = number("batch", optarg, MAX_BATCH);
            break;
        case 'c':
            options.lanes = number("connections", optarg, MAX_LANES);
            break;
        case 'p':
            options.depth = number("depth", optarg, MAX_DEPTH);
            break;
        case 'n':
            options.limit = number("count", optarg, SIZE_MAX / 2);
            break;
        case 'l':
            options.log_rows = number("log-rows", optarg, MAX_LOG_ROWS);
            break;
        case 'x':
            options.claim = false;
            break;
        case 's':
            options.state_file = optarg;
            break;
        default:
            exit(2);
        }
    }
    if (!options.dsn || optind < argc) {
        fprintf(stderr,
                "usage: floor --dsn ADDRESS [--batch N] [--connections N] [--depth N] [--log-rows N] [--count N]"
                " [--no-claim] [--state FILE]\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct lane lanes[MAX_LANES] = {0};
    read_options(argc, argv);
    load_state();
    run(lanes);
    free(known);
    buf_free(&state_text.before);
    return 0;
}
