/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker run: the worker. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/reload.h"
#include "config/setting_value.h"
#include "web/web.h"
#include "worker/worker.h"

const struct cli_option run_options[] = {
    {"until-idle", 0, NULL, "end when nothing is runnable or running, and nothing is due within the idle wait"},
    {"idle-wait", 0, "SECONDS", "with --until-idle: wait for what is due within this time (default 60 s)"},
    {"migrate", 0, NULL, "make or update wfworker's tables first"},
    {NULL, 0, NULL, NULL},
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* Until the loop watches them: the worker ends in order as soon as it can.  The second one ends it at once. */
void run_watch_signals(void)
{
    struct sigaction action = {.sa_flags = (int)SA_RESETHAND, .sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    if (interrupted)
        return;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

/* Once more from the same arguments, for SIGHUP. */
struct settings_source *cli_reload(void *ctx, struct error *e)
{
    const struct cli *c = ctx;
    CLEANUP_FREE char **argv = xcalloc((size_t)c->full_argc + 1, sizeof *argv);
    memcpy(argv, c->full_argv, (size_t)c->full_argc * sizeof *argv);
    int argc = c->full_argc;
    return settings_load(&argc, argv, e);
}

static int read_idle_wait(const struct cli *c, int64_t *ms, struct error *e)
{
    static const struct setting_rule rule = {VALUE_DURATION, 0, 86400000, NULL};
    const char *text = cli_value(c, "idle-wait");
    double value = (double)*ms;
    if (text && setting_parse(&rule, text, &value) != 0) {
        CLEANUP_BUF struct buf expected = BUF_INIT;
        setting_expected(&rule, &expected);
        err_set(e, "invalid value \"%.40s\" for option --idle-wait", text);
        return err_detail(e, "it must be %s", expected.data);
    }
    *ms = (int64_t)value;
    return 0;
}

int cmd_run(struct cli *c)
{
    run_watch_signals();
    static const struct worker_service *const services[] = {&web_service, NULL};
    struct error e = ERROR_INIT;
    struct worker_options options = WORKER_OPTIONS_INIT;
    options.until_idle = cli_has(c, "until-idle");
    options.migrate = cli_has(c, "migrate");
    options.services = services;
    options.interrupted = &interrupted;
    options.reload = cli_reload;
    options.ctx = c;
    if (read_idle_wait(c, &options.idle_wait_ms, &e) != 0) {
        err_print(&e);
        return EXIT_USAGE;
    }
    int rc = worker_run(c->source, &options, &e);
    if (rc != 0)
        cli_failed(&e);
    return rc;
}
