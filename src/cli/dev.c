/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker dev: a worker on a PostgreSQL of its own.
 *
 * With --workflow it is a whole run in one command: server, schema, workflow, one execution, its log as it comes, its
 * result, and everything gone again. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/connect.h"
#include "cli/devdb.h"
#include "cli/execution.h"
#include "cli/input.h"
#include "cli/reload.h"
#include "cli/table.h"
#include "store/sync.h"
#include "web/web.h"
#include "worker/worker.h"

#define EXIT_INTERRUPTED 130

const struct cli_option dev_options[] = {
    {"workflow", 0, "FILE", "run one execution of this workflow, show its log and result, and end"},
    {"data", 'd', "JSON|@FILE", "with --workflow: the trigger's data, a JSON object (default {})"},
    {"data-dir", 0, "DIR", "keep the database in this directory; otherwise it is temporary"},
    {"port", 0, "PORT", "let it listen on 127.0.0.1:PORT, too, with the password in the file that is named then"},
    {NULL, 0, NULL, NULL},
};

/* What is known of the one execution. */
struct watch {
    struct cli *cli;
    char *execution; /* exec-... */
    bool ended;
    int64_t begin_us;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* The worker has its own handling while it runs; before and after, a signal only asks for the end. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static void print_progress(const struct watch *w, const struct worker_event *ev)
{
    CLEANUP_FREE char *node = text_clean(ev->node_id ? ev->node_id : "", 30);
    CLEANUP_FREE char *text = text_clean(ev->text ? ev->text : "", 0);
    const char *colour = text_colour(stdout, ev->level ? ev->level : "");
    int64_t ms = (ev->at_us - w->begin_us) / US_PER_MS;
    printf("%6" PRId64 ".%03" PRId64 " s  %s%-7s%s  %-10s  %s\n", ms / 1000, ms < 0 ? 0 : ms % 1000, colour,
           ev->level ? ev->level : "", *colour ? text_plain(stdout) : "", node, text);
}

static void on_event(void *ctx, struct worker *worker, const struct worker_event *ev)
{
    struct watch *w = ctx;
    if (!ev->execution_id || strcmp(ev->execution_id, w->execution) != 0)
        return;
    if (ev->type == WORKER_LOG)
        print_progress(w, ev);
    if (ev->type == WORKER_ENDED) {
        w->ended = true;
        worker_stop(worker);
    }
}

static struct settings_source *reload(void *ctx, struct error *e)
{
    const struct watch *w = ctx;
    struct settings_source *s = cli_reload(w->cli, e);
    if (s)
        settings_override_db(s, w->cli->settings->db, w->cli->settings->db_origin);
    return s;
}

static void say_address(const struct devdb *db, const struct devdb_options *o)
{
    printf("PostgreSQL  %s%s\n", devdb_dir(db), o->data_dir ? "" : " (temporary)");
    printf("Address     %s\n", devdb_dsn(db));
    if (o->tcp_port)
        printf("TCP         postgresql://postgres@127.0.0.1:%d/postgres, password in %s\n", o->tcp_port,
               devdb_password_file(db));
    printf("Shell       %s/psql '%s'\n", devdb_bindir(db), devdb_dsn(db));
}

static int prepare(struct cli *c, struct error *e)
{
    CLEANUP_CONNECTION PGconn *conn = db_connect(c->settings->db, e);
    return conn ? db_migrate(conn, false, NULL, e) : -1;
}

/* ---- dev without a workflow ---- */

static int run_worker(struct cli *c, struct error *e)
{
    static const struct worker_service *const services[] = {&web_service, NULL};
    struct watch w = {.cli = c};
    struct worker_options options = WORKER_OPTIONS_INIT;
    options.services = services;
    options.reload = reload;
    options.interrupted = &interrupted;
    options.ctx = &w;
    printf("\nIn another terminal, from any directory:\n"
           "  export WFWORKER_DB='%s'\n"
           "  wfworker workflow add FILE && wfworker submit NAME --wait\n\n",
           c->settings->db);
    return worker_run(c->source, &options, e);
}

/* ---- dev --workflow ---- */

static int submit(struct watch *w, const struct input_workflow *in, const json_t *data, struct error *e)
{
    char id[37];
    CLEANUP_CONNECTION PGconn *conn = cli_connect(w->cli, e);
    if (!conn || db_workflow_add(conn, in->name, NULL, in->graph, in->trigger, id, e) != 0)
        return -1;
    CLEANUP_JSON json_t *made = db_submit(conn, id, data, e);
    if (!made)
        return -1;
    w->execution = xstrdup(js_str(made, "execution_id"));
    w->begin_us = clock_now_us();
    CLEANUP_FREE char *name = text_clean(in->name, 0);
    printf("Workflow    %s, %zu nodes\nExecution   %s\n\n", name, json_array_size(json_object_get(in->graph, "nodes")),
           w->execution);
    return 0;
}

static int print_result(const struct watch *w, struct error *e)
{
    CLEANUP_CONNECTION PGconn *conn = cli_connect(w->cli, e);
    CLEANUP_JSON json_t *row = conn ? db_execution_show(conn, w->execution, e) : NULL;
    if (!row)
        return cli_failed(e);
    putchar('\n');
    execution_print(row, stdout);
    const char *status = js_str(row, "status");
    return status && strcmp(status, "completed") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_workflow(struct watch *w, const struct input_workflow *in, const json_t *data, struct error *e)
{
    struct worker_options options = WORKER_OPTIONS_INIT;
    options.banner = false;
    options.event = on_event;
    options.interrupted = &interrupted;
    options.ctx = w;
    if (submit(w, in, data, e) != 0)
        return cli_failed(e);
    /* The execution's log is what is shown here; the worker's own says only what is wrong. */
    settings_quieten(w->cli->source, LOG_WARNING);
    int rc = worker_run(w->cli->source, &options, e);
    catch_signals();
    if (rc != 0) {
        cli_failed(e);
        return rc;
    }
    if (w->ended)
        return print_result(w, e);
    err_set(e, "interrupted before the execution had ended");
    cli_failed(e);
    return EXIT_INTERRUPTED;
}

/* ---- both ---- */

static int read_port(const struct cli *c, int *port, struct error *e)
{
    const char *text = cli_value(c, "port");
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : 0;
    if (text && (!*text || *end != '\0' || n < 1 || n > 65535)) {
        err_set(e, "invalid value \"%.40s\" for option --port", text);
        return err_detail(e, "it must be a whole number from 1 to 65535");
    }
    *port = (int)n;
    return 0;
}

static int with_database(struct cli *c, const struct devdb *db, const struct input_workflow *in, const json_t *data)
{
    struct error e = ERROR_INIT;
    struct watch w = {.cli = c};
    settings_override_db(c->source, devdb_dsn(db), "wfworker dev");
    if (prepare(c, &e) != 0)
        return cli_failed(&e);
    int rc;
    if (in) {
        rc = run_workflow(&w, in, data, &e);
    } else if ((rc = run_worker(c, &e)) != 0) {
        cli_failed(&e);
    }
    catch_signals();
    free(w.execution);
    return rc;
}

static int dev(struct cli *c, const struct input_workflow *in, const json_t *data)
{
    struct error e = ERROR_INIT;
    struct devdb_options options = {.data_dir = cli_value(c, "data-dir"), .interrupted = &interrupted};
    options.fast = !options.data_dir; /* what is thrown away need not reach the disk */
    if (read_port(c, &options.tcp_port, &e) != 0) {
        err_print(&e);
        return EXIT_USAGE;
    }
    catch_signals();
    struct devdb *db = devdb_start(&options, &e);
    if (!db)
        return interrupted ? EXIT_INTERRUPTED : cli_failed(&e);
    say_address(db, &options);
    int rc = with_database(c, db, in, data);
    devdb_stop(db);
    return rc;
}

int cmd_dev(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP(input_workflow_free) struct input_workflow in = {0};
    const char *path = cli_value(c, "workflow");
    if (!path && cli_has(c, "data")) {
        err_set(&e, "option --data goes with --workflow");
        err_print(&e);
        return EXIT_USAGE;
    }
    if (!path)
        return dev(c, NULL, NULL);
    CLEANUP_JSON json_t *data = input_data(cli_value(c, "data"), &e);
    if (!data || input_workflow(path, &in, &e) != 0)
        return cli_failed(&e);
    return dev(c, &in, data);
}
