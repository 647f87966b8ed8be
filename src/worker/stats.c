/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics as a log line and as metrics. */
#include "config.h"

#include "worker/stats.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

void stats_uptime(int64_t us, char out[32])
{
    int64_t s = us > 0 ? us / US_PER_S : 0;
    int hms[3] = {(int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60)};
    if (s >= 86400)
        snprintf(out, 32, "%" PRId64 "d %02d:%02d:%02d", s / 86400, hms[0], hms[1], hms[2]);
    else
        snprintf(out, 32, "%02d:%02d:%02d", hms[0], hms[1], hms[2]);
}

void stats_log(const struct worker_stats *s, const char *why)
{
    char uptime[32];
    stats_uptime(s->uptime_us, uptime);
    log_write(LOG_INFO, "statistics", LOG_STR("why", why), LOG_INT("processed", (int64_t)s->counts.processed),
              LOG_INT("completed", (int64_t)s->counts.completed), LOG_INT("failed", (int64_t)s->counts.failed),
              LOG_INT("retried", (int64_t)s->counts.retried), LOG_INT("nodes", (int64_t)s->counts.nodes),
              LOG_INT("nodes_failed", (int64_t)s->counts.nodes_failed), LOG_INT("errors", (int64_t)s->counts.errors),
              LOG_INT("in_flight", (int64_t)s->in_flight), LOG_INT("running", (int64_t)s->running),
              LOG_INT("longest_turn_ms", s->turn_longest_us / US_PER_MS),
              LOG_INT("memory", (int64_t)s->memory), LOG_INT("reconnects", (int64_t)s->store.reconnects),
              {.name = "uptime", .text = uptime},
              {.name = s->store.queue_depth >= 0 ? "queue_depth" : NULL, .number = s->store.queue_depth});
}

/* ---- Metrics ---- */

static void metric(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP wfworker_%s %s\n# TYPE wfworker_%s %s\n", name, help, name, type);
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metric(out, name, "counter", help);
    buf_printf(out, "wfworker_%s %" PRIu64 "\n", name, value);
}

static void gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    metric(out, name, "gauge", help);
    buf_printf(out, "wfworker_%s %" PRId64 "\n", name, value);
}

static void seconds(struct buf *out, const char *name, const char *type, const char *help, int64_t us)
{
    metric(out, name, type, help);
    buf_printf(out, "wfworker_%s %.6f\n", name, (double)us / 1e6);
}

static void loop(struct buf *out, const struct worker_stats *s)
{
    seconds(out, "loop_turn_longest_seconds", "gauge", "The loop's longest turn of the last one to two minutes.",
            s->turn_longest_us);
    seconds(out, "loop_busy_seconds_total", "counter", "Time in which the loop did not wait.", s->turns_busy_us);
    counter(out, "loop_turns_total", "Turns of the loop.", s->turns);
    counter(out, "loop_turns_long_total", "Turns of the loop of more than half a second.", s->turns_long);
    counter(out, "large_documents_total", "Large documents that were dealt with beside the loop.", s->heavy.jobs);
    gauge(out, "large_documents_waiting", "Large documents under way.", (int64_t)s->heavy.waiting);
    seconds(out, "large_documents_seconds_total", "counter", "Time that threads beside the loop worked on large documents.",
            s->heavy.busy_us);
    seconds(out, "large_document_longest_seconds", "gauge", "The longest of it since the start.", s->heavy.longest_us);
}

static void executions(struct buf *out, const struct counts *c)
{
    metric(out, "executions_total", "counter", "Executions that ended, by status.");
    buf_printf(out, "wfworker_executions_total{status=\"completed\"} %" PRIu64 "\n", c->completed);
    buf_printf(out, "wfworker_executions_total{status=\"failed\"} %" PRIu64 "\n", c->failed);
    counter(out, "execution_retries_total", "Retries of executions that were scheduled.", c->retried);
    counter(out, "executions_parked_total", "Times an execution was given back until something is due.", c->parked);
    counter(out, "executions_recovered_total", "Executions taken over from a lost worker.", c->recovered);
    counter(out, "executions_lost_total", "Executions lost to another worker, or whose row vanished.", c->lost);
    counter(out, "node_attempts_total", "Attempts of nodes that came back with an outcome.", c->nodes);
    counter(out, "node_failures_total", "Attempts of nodes that failed.", c->nodes_failed);
    counter(out, "node_timeouts_total", "Attempts of nodes that ran out of time.", c->timeouts);
    counter(out, "errors_total", "What the worker itself could not do.", c->errors);
}

static void database(struct buf *out, const struct store_stats *s)
{
    gauge(out, "database_up", "1 when the database is connected.", s->connected);
    gauge(out, "database_listening", "1 when notifications arrive; 0 means polling.", s->listening);
    counter(out, "database_reconnects_total", "Connections that were made again.", s->reconnects);
    counter(out, "database_queries_total", "Statements sent.", s->queries);
    counter(out, "claims_total", "Claims asked for.", s->claims);
    counter(out, "claimed_total", "Executions claimed.", s->claimed);
    counter(out, "saves_total", "Durable points written.", s->saves);
    counter(out, "save_batches_total", "Transactions that wrote them.", s->batches);
    counter(out, "saves_fenced_total", "Saves dropped because another worker holds the execution.", s->fenced);
    counter(out, "saves_conflicting_total", "Saves that met a status changed from outside.", s->conflicts);
    counter(out, "saves_refused_total", "Saves that the database refused.", s->refused);
    gauge(out, "saves_waiting", "Saves that are not durable yet.", (int64_t)s->saves_waiting);
    gauge(out, "saves_waiting_bytes", "Size of the saves that are not durable yet.", (int64_t)s->saves_bytes);
    if (s->queue_depth >= 0)
        gauge(out, "queue_depth", "Executions that are runnable and due, as of the last look.", s->queue_depth);
}

void stats_metrics(const struct worker_stats *s, struct buf *out)
{
    metric(out, "info", "gauge", "Version of the worker.");
    buf_printf(out, "wfworker_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
    executions(out, &s->counts);
    gauge(out, "executions_in_flight", "Executions held by this worker.", (int64_t)s->in_flight);
    gauge(out, "memory_bytes", "What executions, requests and saves take, about.", (int64_t)s->memory);
    gauge(out, "memory_limit_bytes", "max_memory: beyond it nothing is claimed.", (int64_t)s->max_memory);
    gauge(out, "nodes_running", "Attempts that a handler works on.", (int64_t)s->running);
    gauge(out, "nodes_blocking", "Of these, in handlers that may block.", (int64_t)s->blocking);
    counter(out, "handlers_slow_total", "Calls of loop handlers that took over 10 ms.", s->slow);
    gauge(out, "http_in_flight", "Requests under way.", (int64_t)s->http_in_flight);
    gauge(out, "http_queued", "Requests that wait for a descriptor.", (int64_t)s->http_queued);
    gauge(out, "threads_abandoned", "Threads held by cancelled handlers that did not return.", (int64_t)s->abandoned);
    gauge(out, "definitions_cached", "Definitions in the cache.", (int64_t)s->definitions);
    gauge(out, "plugins", "Plugin files found.", (int64_t)s->plugins);
    gauge(out, "plugins_failed", "Plugin files that do not load.", (int64_t)s->plugins_failed);
    gauge(out, "quarantined_node_types", "Node types that are left alone because their helper processes keep crashing.",
          (int64_t)s->quarantined);
    loop(out, s);
    database(out, &s->store);
    metric(out, "uptime_seconds", "gauge", "Seconds since the start.");
    buf_printf(out, "wfworker_uptime_seconds %.3f\n", (double)s->uptime_us / 1e6);
    metric(out, "start_time_seconds", "gauge", "When the worker started, seconds since 1970.");
    buf_printf(out, "wfworker_start_time_seconds %.3f\n", (double)s->started_at_us / 1e6);
}
