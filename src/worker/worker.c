/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's life: open what it needs, turn the loop, close it again. */
#include "config.h"

#include "sandbox/quarantine.h"
#include "worker/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/leave.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "helper/helper.h"
#include "store/sync.h"
#include "worker/handling.h"
#include "worker/inside.h"

#define STATS_US (60 * US_PER_S)
#define DEFINITIONS_MAX 2048
#define BLOCKING_PER_THREAD 4
/* Outcomes of handlers that do not wait, in one turn of the loop: some milliseconds. */
#define OUTCOMES_MAX 500
#define SAVES_WAITING_MAX 4000
#define SAVES_BYTES_MAX ((size_t)64 << 20)
#define CLOSE_TURNS 200
#define HOST_TEXT 256

void worker_event(struct worker *w, const struct worker_event *ev)
{
    if (w->options->event)
        w->options->event(w->options->ctx, w, ev);
}

void worker_fatal(struct worker *w, const struct error *e)
{
    if (w->exit_code == 0) {
        w->exit_code = 1;
        w->fatal = *e;
    }
    worker_drain(w, "error");
}

/* ---- Store's callbacks ---- */

static void on_poked(void *ctx, const struct uuid *id)
{
    struct worker *w = ctx;
    struct idmap_item *item = idmap_find(&w->held, id);
    if (!item)
        return;
    struct run *r = RUN_OF(item);
    if (r->saving || r->peeking || r->loading)
        r->poked = true;
    else
        run_peek(r);
}

static void on_lease_lost(void *ctx, const struct uuid *id)
{
    struct worker *w = ctx;
    struct idmap_item *item = idmap_find(&w->held, id);
    if (!item)
        return;
    w->counts.lost++;
    log_write(LOG_WARNING, "lease lost, execution dropped", LOG_STR("execution", RUN_OF(item)->execution_id));
    run_drop(RUN_OF(item));
}

static void on_connection(void *ctx, bool up)
{
    struct worker *w = ctx;
    notify_status(up ? "working" : "waiting for the database");
    if (up)
        schedules_changed(w);
    if (!up || w->ready)
        return;
    w->ready = true;
    notify_ready();
    banner_running(w);
    worker_event(w, &(struct worker_event){.type = WORKER_READY, .at_us = clock_now_us()});
}

static void on_schedules(void *ctx)
{
    schedules_changed(ctx);
}

static void on_fatal(void *ctx, const struct error *e)
{
    worker_fatal(ctx, e);
}

/* ---- How much may be claimed ---- */

/* An execution that only waits for a thread is better left to a worker that has one. */
static size_t room_now(const struct worker *w)
{
    struct store_stats s;
    size_t max = (size_t)w->settings->max_in_flight;
    size_t threads = w->threads * BLOCKING_PER_THREAD;
    if (w->phase != WORKER_WORKING || w->held.len >= max || w->blocking >= threads)
        return 0;
    store_stats(w->store, &s);
    if (s.saves_waiting >= SAVES_WAITING_MAX || s.saves_bytes >= SAVES_BYTES_MAX)
        return 0;
    size_t room = max - w->held.len;
    return w->blocking > 0 && room > threads - w->blocking ? threads - w->blocking : room;
}

static void after_turn(uv_check_t *handle)
{
    struct worker *w = handle->data;
    turns_mark(&w->turns, &w->loop);
    w->outcomes_left = OUTCOMES_MAX;
    if (w->phase != WORKER_WORKING)
        return;
    if (w->stop_asked) {
        worker_drain(w, "asked to");
        return;
    }
    size_t bytes = worker_room_bytes(w), room = bytes > 0 ? room_now(w) : 0;
    store_set_room_bytes(w->store, bytes);
    if (room == w->room)
        return;
    w->room = room;
    store_set_room(w->store, room);
}

void worker_stop(struct worker *w)
{
    w->stop_asked = true;
    timer_set(&w->timers, &w->wake_up, 0); /* so that the loop turns */
}

/* ---- Statistics ---- */

void worker_stats_get(const struct worker *w, struct worker_stats *out)
{
    *out = (struct worker_stats){.counts = w->counts, .in_flight = w->held.len, .running = w->running,
                                 .blocking = w->blocking, .stopping = w->phase != WORKER_WORKING,
                                 .uptime_us = clock_mono_us() - w->started_mono_us, .started_at_us = w->started_at_us,
                                 .plugins = registry_count(w->registry),
                                 .plugins_failed = registry_failed(w->registry),
                                 .store = w->phase == WORKER_OVER ? w->last_store
                                                                  : (struct store_stats){.queue_depth = -1}};
    struct http_counts http = w->http ? http_service_counts(w->http) : (struct http_counts){0};
    out->http_in_flight = http.in_flight;
    out->http_queued = http.queued;
    out->turn_longest_us = turns_recent_us(&w->turns);
    out->turns_busy_us = w->turns.busy_us;
    out->turns = w->turns.count;
    out->turns_long = w->turns.too_long;
    out->heavy = heavy_stats(w->heavy);
    out->quarantined = quarantine_count();
    quarantine_names(out->quarantined_types, sizeof out->quarantined_types);
    out->memory = worker_memory(w);
    out->max_memory = w->settings->max_memory;
    out->abandoned = w->tasks ? task_host_abandoned(w->tasks) : 0;
    out->slow = w->tasks ? task_host_slow(w->tasks) : 0;
    out->definitions = w->defs ? defs_count(w->defs) : 0;
    if (w->store)
        store_stats(w->store, &out->store);
}

static void on_periodic(struct timer_item *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, periodic);
    struct worker_stats s;
    timer_set(&w->timers, t, STATS_US);
    if (memcmp(&w->said, &w->counts, sizeof(w->said)) == 0)
        return;
    w->said = w->counts;
    worker_stats_get(w, &s);
    stats_log(&s, "periodic");
}

static void say_final(struct worker *w)
{
    struct worker_stats s;
    worker_stats_get(w, &s);
    stats_log(&s, "final");
}

static void on_wake_up(struct timer_item *t)
{
    (void)t;
}

/* ---- Opening ---- */

static int open_plugins(struct worker *w, struct error *e)
{
    const struct registry_options o = helper_registry_options(w->settings, w->source);
    w->registry = registry_open(&o, e);
    return w->registry ? 0 : -1;
}

static int interrupted(const struct worker *w)
{
    return w->options->interrupted ? *w->options->interrupted : 0;
}

/* A daemon waits for its database; what cannot become better by waiting is an error. */
static int migrate(struct worker *w, struct error *e)
{
    PGconn *c = NULL;
    for (unsigned wait = 1; !interrupted(w) && !(c = db_connect(w->settings->db, e)); wait = wait < 16 ? wait * 2 : 30) {
        log_error(LOG_ERROR, "cannot connect to the database, trying again", e);
        nanosleep(&(struct timespec){.tv_sec = wait}, NULL); /* a signal ends it */
    }
    if (!c)
        return 0;
    int rc = db_migrate(c, false, NULL, e);
    PQfinish(c);
    return rc;
}

/* All node types that are to be had here, for the registry of workers. */
static void list_node_types(const struct worker *w, struct buf *out)
{
    CLEANUP_JSON json_t *all = registry_json(w->registry);
    size_t i, k;
    json_t *plugin, *type;
    json_array_foreach(json_object_get(all, "plugins"), i, plugin)
    {
        const char *state = js_str(plugin, "state");
        if (!state || strcmp(state, "ok") != 0)
            continue;
        json_array_foreach(json_object_get(plugin, "node_types"), k, type)
            buf_printf(out, "%s%s", out->len ? "," : "", json_string_value(type));
    }
}

static void own_host(char host[HOST_TEXT])
{
    if (gethostname(host, HOST_TEXT) != 0)
        host[0] = '\0';
    host[HOST_TEXT - 1] = '\0';
}

static int open_store(struct worker *w, struct error *e)
{
    CLEANUP_BUF struct buf types = BUF_INIT;
    char host[HOST_TEXT], abi[16];
    list_node_types(w, &types);
    own_host(host);
    snprintf(abi, sizeof abi, "%d.%d", WFW_ABI_MAJOR, WFW_ABI_MINOR_MAX);
    const struct store_options o = {.dsn = w->settings->db, .listen_dsn = w->settings->listen_dsn,
                                    .listen = w->settings->listen, .poll_interval_ms = w->settings->poll_interval_ms,
                                    .lease_ms = w->settings->lease_ms, .worker_name = w->name,
                                    .host = host, .pid = (int)getpid(), .abi = abi, .version = PACKAGE_VERSION,
                                    .node_types = types.data,
                                    .history_retention_days = w->settings->history_retention_days,
                                    .executions_per_user = w->settings->executions_per_user};
    const struct store_callbacks cb = {.ctx = w, .claimed = on_claimed, .poked = on_poked,
                                       .lease_lost = on_lease_lost, .connection = on_connection, .schedules = on_schedules,
                                       .fatal = on_fatal};
    w->catalog = handling_catalog(w->registry);
    const struct def_options d = {.catalog = &w->catalog,
                                  .unlabelled_condition_order = w->settings->unlabelled_condition_order};
    w->store = store_open(&w->loop, &o, &cb, e);
    if (!w->store)
        return -1;
    w->defs = defs_new(w->store, &d, DEFINITIONS_MAX);
    return 0;
}

/* Between the start of a node and the moment in which its request goes out the process may have been stopped, and
 * another worker may have the execution by now. */
static bool may_send(void *ctx)
{
    const struct worker *w = ctx;
    return w->store && store_lease_holds(w->store, 0);
}

static int open_handlers(struct worker *w, struct error *e)
{
    const struct http_options o = {.guard = w->settings->http_guard, .max_response = w->settings->http_max_response,
                                   .max_in_flight = (size_t)w->settings->max_in_flight,
                                   .may_send = may_send, .may_send_ctx = w};
    w->http = http_service_new(&w->loop, &o, e);
    w->heavy = w->http ? heavy_new(&w->loop, e) : NULL;
    if (!w->heavy)
        return -1;
    struct task_services services = worker_services(w);
    w->threads = (size_t)w->settings->concurrency;
    w->tasks = task_host_new(&services, w->threads, e);
    return w->tasks ? 0 : -1;
}

static size_t service_count(const struct worker *w)
{
    size_t count = 0;
    while (w->options->services && w->options->services[count])
        count++;
    return count;
}

static int open_services(struct worker *w, struct error *e)
{
    size_t count = service_count(w);
    w->service_states = xcalloc(count + 1, sizeof(void *));
    for (size_t i = 0; i < count; i++)
        if (w->options->services[i]->open(w, &w->loop, w->settings, &w->service_states[i], e) != 0)
            return -1;
    return 0;
}

static void open_timers(struct worker *w)
{
    w->periodic.fire = on_periodic;
    w->wake_up.fire = on_wake_up;
    schedules_open(w);
    timer_set(&w->timers, &w->periodic, STATS_US);
    worker_watch_idle(w);
    uv_check_init(&w->loop, &w->after);
    w->after.data = w;
    uv_check_start(&w->after, after_turn);
}

static int open_all(struct worker *w, struct error *e)
{
    if (open_plugins(w, e) != 0)
        return -1;
    banner_print(w);
    if (w->options->migrate && migrate(w, e) != 0)
        return -1;
    if (open_handlers(w, e) != 0 || signals_open(w, e) != 0 || open_services(w, e) != 0)
        return -1;
    open_timers(w);
    if (open_store(w, e) != 0)
        return -1;
    notify_begin(w);
    turns_begin(&w->turns, &w->loop);
    return 0;
}

/* ---- Closing ---- */

static void close_services(struct worker *w)
{
    for (size_t i = 0; w->service_states && i < service_count(w); i++)
        if (w->service_states[i])
            w->options->services[i]->close(w->service_states[i]);
    free(w->service_states);
    w->service_states = NULL;
}

static void free_runs(struct idmap *h)
{
    while (h->first)
        run_destroy(RUN_OF(h->first), h);
    idmap_free(h);
}

/* A blocking handler that does not return keeps its thread, and with it the plugins. */
static void close_handlers(struct worker *w)
{
    if (w->http)
        http_service_free(w->http);
    w->http = NULL;
    size_t left = task_host_free(w->tasks); /* also those whose grace is not over yet */
    w->tasks = NULL;
    if (left > 0) {
        log_write(LOG_WARNING, "handlers did not return, left behind", LOG_INT("threads", (int64_t)left));
        leave_behind();
    } else
        registry_close(w->registry);
    w->registry = NULL;
}

static void close_loop(struct worker *w)
{
    signals_close(w);
    if (w->after.data)
        uv_close((uv_handle_t *)&w->after, NULL);
    timers_close(&w->timers, NULL);
    for (int i = 0; i < CLOSE_TURNS && uv_run(&w->loop, UV_RUN_NOWAIT) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    uv_loop_close(&w->loop);
}

static void close_all(struct worker *w)
{
    schedules_close(w);
    close_services(w);
    heavy_free(STEAL(w->heavy)); /* its jobs know runs and tasks */
    free_runs(&w->held);
    free_runs(&w->dropped);
    defs_free(w->defs);
    close_handlers(w);
    close_loop(w);
    engine_effects_free(&w->fx);
    settings_free(w->older);
    settings_free(w->reloaded);
}

/* ---- The whole ---- */

static char *own_name(void)
{
    char host[HOST_TEXT];
    own_host(host);
    return xasprintf("%s:%ld", host, (long)getpid());
}

static void init(struct worker *w, const struct settings_source *source, const struct worker_options *options)
{
    *w = (struct worker){.source = source, .settings = settings_get(source), .options = options, .name = own_name(),
                         .started_mono_us = clock_mono_us(), .started_at_us = clock_now_us()};
    log_setup(w->settings->log_format, w->settings->log_level);
    settings_log_warnings(source);
    json_object_seed(0); /* before there are threads */
    uv_loop_init(&w->loop);
    timers_init(&w->timers, &w->loop);
}

/* Of one that could not begin, the error is all there is to say. */
bool worker_worked(const struct worker *w)
{
    return w->ready || w->exit_code == 0;
}

static int work(struct worker *w, struct error *e)
{
    if (open_all(w, e) != 0)
        return 1;
    if (interrupted(w))
        worker_drain(w, interrupted(w) == SIGTERM ? "SIGTERM" : interrupted(w) == SIGINT ? "SIGINT" : "interrupted");
    uv_run(&w->loop, UV_RUN_DEFAULT);
    if (worker_worked(w))
        say_final(w);
    if (w->exit_code == 1)
        *e = w->fatal;
    return w->exit_code;
}

int worker_run(const struct settings_source *settings, const struct worker_options *options, struct error *e)
{
    struct worker *w = xcalloc(1, sizeof(*w));
    bool pooled = pool_begin();
    init(w, settings, options);
    int code = work(w, e);
    /* Ended at once, or never begun beside a store that is still open: the process goes, and with it the rest. */
    bool clean = !w->at_once && (w->phase == WORKER_OVER || !w->store);
    if (clean) {
        close_all(w);
        free(w->name);
        free(w);
    }
    if (pooled)
        pool_end();
    return code;
}
