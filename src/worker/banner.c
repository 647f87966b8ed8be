/* SPDX-License-Identifier: Apache-2.0 */
/* What a person at a terminal sees; a log gets one line instead. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/inside.h"

#define RULE "============================================================\n"

static bool for_people(const struct worker *w)
{
    return w->options->banner && isatty(STDOUT_FILENO);
}

static void print_box(const struct worker *w)
{
    double seconds = (double)w->settings->poll_interval_ms / 1000;
    printf(RULE "🚀 Starting Workflow Worker\n" RULE "\n");
    printf("The worker will:\n");
    printf("  • Poll database every %g second%s for workflow executions\n", seconds, seconds == 1.0 ? "" : "s");
    printf("  • Process running executions\n");
    printf("  • Handle retries, signals, and scheduled executions\n");
    printf("  • Execute workflow nodes via activity handlers\n\n");
    printf("Press Ctrl+C to stop the worker\n" RULE "\n");
    printf("🚀 Workflow worker started (poll_interval=%.1fs)\n", seconds);
    fflush(stdout);
}

void banner_print(const struct worker *w)
{
    if (for_people(w))
        print_box(w);
    log_write(LOG_INFO, "worker started", LOG_STR("version", PACKAGE_VERSION), LOG_STR("worker", w->name),
              LOG_STR("database", w->settings->db_display),
              LOG_INT("poll_interval_ms", w->settings->poll_interval_ms),
              LOG_INT("concurrency", w->settings->concurrency), LOG_INT("max_in_flight", w->settings->max_in_flight),
              LOG_INT("plugins", (int64_t)registry_count(w->registry)),
              LOG_INT("plugins_failed", (int64_t)registry_failed(w->registry)));
}

void banner_running(const struct worker *w)
{
    if (for_people(w)) {
        printf("✅ Worker running...\n");
        fflush(stdout);
    }
    /* Whether notifications arrive is known a moment later; the store says so. */
    log_write(LOG_INFO, "worker running", {.name = w->settings->listen ? NULL : "wake_up", .text = "polling"});
}
