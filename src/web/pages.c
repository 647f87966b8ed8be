/* SPDX-License-Identifier: Apache-2.0 */
/* The pages.  The status page is one file without scripts or anything from elsewhere; it shows counts only. */
#include "config.h"

#include "web/pages.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

#define TEXT "text/plain; charset=utf-8"

static void health(const struct worker_stats *s, struct page *out)
{
    (void)s; /* that it answers is the answer */
    buf_addstr(&out->body, "ok\n");
}

static void ready(const struct worker_stats *s, struct page *out)
{
    if (!s->stopping && s->store.connected) {
        buf_addstr(&out->body, "ok\n");
        return;
    }
    out->status = 503;
    buf_addstr(&out->body, s->stopping ? "stopping\n" : "database not connected\n");
}

static void metrics(const struct worker_stats *s, struct page *out)
{
    out->content_type = "text/plain; version=0.0.4; charset=utf-8";
    stats_metrics(s, &out->body);
}

/* ---- The page for people ---- */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>wfworker</title>\n"
    "<meta http-equiv=\"refresh\" content=\"5\"><meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem;color:#1b1f24;"
    "background:#fff}h1{font-size:1.4rem}h2{font-size:1rem;margin:1.6rem 0 .3rem}table{border-collapse:collapse;width:100%}"
    "td{padding:.2rem .4rem;border-bottom:1px solid #d8dee4}td+td{text-align:right;font-variant-numeric:tabular-nums}"
    ".ok{color:#116329}.bad{color:#a40e26}@media(prefers-color-scheme:dark){body{background:#14171a;color:#e3e7eb}"
    "td{border-color:#343a40}.ok{color:#57d364}.bad{color:#ff8182}}</style></head><body>\n";

static void section(struct buf *b, const char *title)
{
    buf_printf(b, "<h2>%s</h2>\n<table>\n", title);
}

static void row(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, "<tr><td>%s</td><td>%" PRIu64 "</td></tr>\n", name, value);
}

static void row_text(struct buf *b, const char *name, const char *text, bool ok)
{
    buf_printf(b, "<tr><td>%s</td><td class=\"%s\">%s</td></tr>\n", name, ok ? "ok" : "bad", text);
}

static void executions(struct buf *b, const struct worker_stats *s)
{
    section(b, "Executions");
    row(b, "in flight", s->in_flight);
    if (s->store.queue_depth >= 0)
        row(b, "waiting in the queue", (uint64_t)s->store.queue_depth);
    row(b, "completed", s->counts.completed);
    row(b, "failed", s->counts.failed);
    row(b, "retries scheduled", s->counts.retried);
    row(b, "parked", s->counts.parked);
    row(b, "taken over from lost workers", s->counts.recovered);
    buf_addstr(b, "</table>\n");
}

static void nodes(struct buf *b, const struct worker_stats *s)
{
    section(b, "Nodes");
    row(b, "running", s->running);
    row(b, "of these in threads", s->blocking);
    row(b, "finished attempts", s->counts.nodes);
    row(b, "failed attempts", s->counts.nodes_failed);
    row(b, "out of time", s->counts.timeouts);
    row(b, "plugins", s->plugins);
    if (s->plugins_failed > 0) {
        CLEANUP_FREE char *count = xasprintf("%zu", s->plugins_failed);
        row_text(b, "plugins that do not load", count, false);
    }
    if (s->quarantined > 0)
        row_text(b, "in quarantine", s->quarantined_types, false);
    buf_addstr(b, "</table>\n");
}

static void database(struct buf *b, const struct worker_stats *s)
{
    section(b, "Database");
    row_text(b, "connection", s->store.connected ? "up" : "down", s->store.connected);
    row_text(b, "wake-up", s->store.listening ? "notifications" : "polling", true);
    row(b, "reconnects", s->store.reconnects);
    row(b, "durable points", s->store.saves);
    row(b, "transactions for them", s->store.batches);
    row(b, "saves waiting", s->store.saves_waiting);
    row(b, "errors of the worker", s->counts.errors);
    buf_addstr(b, "</table>\n");
}

static void status(const struct worker_stats *s, struct page *out)
{
    char uptime[32];
    struct buf *b = &out->body;
    out->content_type = "text/html; charset=utf-8";
    stats_uptime(s->uptime_us, uptime);
    buf_addstr(b, head);
    buf_printf(b, "<h1>wfworker %s</h1>\n<p>%s for %s</p>\n", PACKAGE_VERSION, s->stopping ? "stopping, ran" : "running",
               uptime);
    executions(b, s);
    nodes(b, s);
    database(b, s);
    buf_addstr(b, "<p><a href=\"/metrics\">metrics</a></p>\n</body></html>\n");
}

void page_make(const char *path, const struct worker_stats *s, struct page *out)
{
    static const struct {
        const char *path;
        void (*make)(const struct worker_stats *s, struct page *out);
    } pages[] = {{"/", status}, {"/healthz", health}, {"/readyz", ready}, {"/metrics", metrics}};
    *out = (struct page){.status = 200, .content_type = TEXT, .body = BUF_INIT};
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (strcmp(path, pages[i].path) == 0) {
            pages[i].make(s, out);
            return;
        }
    out->status = 404;
    buf_addstr(&out->body, "not found\n");
}
