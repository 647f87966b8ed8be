/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: what the row changes of executions cost when nothing else is done.
 *
 * A loop over libpq claims executions, writes the end of each one, its log rows and takes it out of the queue, many at
 * a time as binary arrays, over a few connections in pipeline mode, always in one transaction with the claim of the
 * next ones.  No engine, no checks beyond the token.  What a worker reaches is compared with it.
 *
 *     bench/floor --dsn ADDRESS [--batch N] [--connections N] [--depth N] [--log-rows N] [--count N] [--no-claim]
 *                 [--state FILE] [--journal FILE]
 *
 * It prints one line of JSON.  --no-claim: the executions are known beforehand, only their ends are written.  --state:
 * the execution_state that is written, with the execution's own name in place of the one in it.  --journal: for each end
 * a row of a journal, too, with this text. */
#include "config.h"

#include "floor.h"

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

struct floor_options options = {.batch = 100, .lanes = 2, .depth = 1, .log_rows = 4, .limit = SIZE_MAX, .claim = true};

static struct item *known; /* --no-claim */
static size_t known_count, known_next;
static size_t asked, finished, batches;

void die(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
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
        rows_send(lane->pg, slot->items, slot->count, now);
        finished += slot->count;
        batches++;
    }
    slot->claims = claim > 0;
    if (slot->claims)
        rows_send_claim(lane->pg, claim);
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
    rows_prepare(lane->pg);
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
        {"no-claim", 0, NULL, 'x'}, {"state", 1, NULL, 's'}, {"journal", 1, NULL, 'j'}, {NULL, 0, NULL, 0}};
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
        case 'j':
            options.journal_file = optarg;
            break;
        default:
            exit(2);
        }
    }
    if (!options.dsn || optind < argc) {
        fprintf(stderr,
                "usage: floor --dsn ADDRESS [--batch N] [--connections N] [--depth N] [--log-rows N] [--count N]"
                " [--no-claim] [--state FILE] [--journal FILE]\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct lane lanes[MAX_LANES] = {0};
    read_options(argc, argv);
    rows_load();
    run(lanes);
    free(known);
    rows_free();
    return 0;
}
