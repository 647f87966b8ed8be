/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker counts, and the line that says it. */
#ifndef WF_WORKER_STATS_H
#define WF_WORKER_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "plugin/heavy.h"
#include "store/store.h"

struct worker;

/* Counts since the start. */
struct counts {
    uint64_t processed;     /* executions that ended, durably: completed + failed */
    uint64_t completed;
    uint64_t failed;
    uint64_t retried;       /* retries of an execution that were scheduled */
    uint64_t parked;        /* given back until something is due */
    uint64_t recovered;     /* taken over from a lost worker */
    uint64_t lost;          /* taken over by another worker, or their row vanished */
    uint64_t nodes;         /* attempts of nodes that came back with an outcome */
    uint64_t nodes_failed;
    uint64_t timeouts;      /* attempts that ran out of time */
    uint64_t errors;        /* what the worker itself could not do: refused saves, unreadable states */
};

struct worker_stats {
    struct counts counts;
    struct store_stats store;
    size_t in_flight;       /* executions held */
    size_t memory, max_memory; /* bytes that they, requests and saves take, about; and how many they may */
    size_t running;         /* attempts of nodes that a handler works on */
    size_t blocking;        /* of these, in handlers that may block */
    size_t slow;            /* calls of loop handlers that took too long, so far */
    size_t http_in_flight, http_queued;
    size_t abandoned;       /* threads held by cancelled handlers that did not return */
    size_t definitions;     /* in the cache */
    size_t plugins, plugins_failed;
    size_t quarantined;         /* node types whose helper processes keep crashing */
    char quarantined_types[256]; /* their names, separated by ", ", as far as there is room */
    int64_t turn_longest_us; /* the loop's longest turn of the last one to two minutes */
    int64_t turns_busy_us;   /* all of its turns together */
    uint64_t turns, turns_long; /* all, and those of more than half a second */
    struct heavy_stats heavy; /* large documents that are dealt with beside the loop */
    bool stopping;
    int64_t uptime_us;
    int64_t started_at_us;  /* wall clock */
};

void worker_stats_get(const struct worker *w, struct worker_stats *out);

/* Prometheus' text format 0.0.4, appended. */
void stats_metrics(const struct worker_stats *s, struct buf *out);

/* Write the line of statistics; `why` says what for: "periodic", "requested", "final". */
void stats_log(const struct worker_stats *s, const char *why);

/* "1d 02:03:04" */
void stats_uptime(int64_t us, char out[32]);

#endif
