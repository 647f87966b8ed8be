/* SPDX-License-Identifier: Apache-2.0 */
/* SIGINT and SIGTERM: an orderly end, the second one at once.  SIGUSR1: statistics.  SIGHUP: settings again. */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "worker/inside.h"

static void on_stop(uv_signal_t *handle, int number)
{
    struct worker *w = handle->data;
    if (w->phase == WORKER_WORKING) {
        worker_drain(w, number == SIGINT ? "SIGINT" : "SIGTERM");
        return;
    }
    log_write(LOG_WARNING, "second signal, ending at once", LOG_INT("held", (int64_t)w->held.len));
    w->exit_code = 128 + number;
    w->at_once = true;
    uv_stop(&w->loop);
}

static void on_usr1(uv_signal_t *handle, int number)
{
    struct worker_stats s;
    (void)number;
    worker_stats_get(handle->data, &s);
    stats_log(&s, "requested");
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is fixed for the life of the process is named, so that nobody waits for it. */
static void say_unchanged(const struct settings *old, const struct settings *new)
{
    const struct {
        const char *name;
        bool same;
    } fixed[] = {
        {"db", same_text(old->db, new->db)},
        {"listen", old->listen == new->listen},
        {"listen_dsn", same_text(old->listen_dsn, new->listen_dsn)},
        {"poll_interval", old->poll_interval_ms == new->poll_interval_ms},
        {"concurrency", old->concurrency == new->concurrency},
        {"lease_seconds", old->lease_ms == new->lease_ms},
        {"http_guard", old->http_guard == new->http_guard},
        {"http_max_response", old->http_max_response == new->http_max_response},
        {"plugin_path", same_text(old->plugin_path, new->plugin_path)},
        {"web_listen", same_text(old->web_listen, new->web_listen)},
    };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!fixed[i].same)
            log_write(LOG_WARNING, "setting changed, takes effect after a restart", LOG_STR("setting", fixed[i].name));
}

static void on_hup(uv_signal_t *handle, int number)
{
    struct worker *w = handle->data;
    struct error e = ERROR_INIT;
    (void)number;
    if (!w->options->reload) {
        log_write(LOG_WARNING, "SIGHUP ignored, settings cannot be read again here");
        return;
    }
    struct settings_source *source = w->options->reload(w->options->ctx, &e);
    if (!source) {
        log_error(LOG_ERROR, "settings not read again, the old ones stay in force", &e);
        return;
    }
    const struct settings *new = settings_get(source);
    say_unchanged(w->settings, new);
    log_setup(new->log_format, new->log_level);
    settings_free(w->older);
    w->older = w->reloaded; /* strings of it may still be in use until the next time */
    w->reloaded = source;
    w->settings = new;
    log_write(LOG_INFO, "settings read again",
              LOG_STR("in_force", "log_level log_format execution_log env_allow max_in_flight max_retries "
                                  "retry_multiplier node_timeout shutdown_grace"));
}

int signals_open(struct worker *w, struct error *e)
{
    static const struct {
        int number;
        uv_signal_cb fn;
    } table[] = {{SIGINT, on_stop}, {SIGTERM, on_stop}, {SIGUSR1, on_usr1}, {SIGHUP, on_hup}};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        uv_signal_init(&w->loop, &w->signals[i]);
        w->signals[i].data = w;
        int rc = uv_signal_start(&w->signals[i], table[i].fn, table[i].number);
        if (rc != 0)
            return err_set(e, "cannot watch signal %d: %s", table[i].number, uv_strerror(rc));
    }
    return 0;
}

void signals_close(struct worker *w)
{
    for (size_t i = 0; i < ARRAY_LEN(w->signals); i++)
        if (w->signals[i].data)
            uv_close((uv_handle_t *)&w->signals[i], NULL);
}
