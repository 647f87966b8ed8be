/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker exec: one execution in memory, without a database. */
#include "exec/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/definition.h"
#include "cli/input.h"
#include "cli/table.h"

#define SIGNAL_MOST_S 3153600000.0 /* a hundred years */

const struct cli_option exec_options[] = {
    {"data", 'd', "JSON|@FILE", "the trigger's data, a JSON object; @- reads standard input"},
    {"virtual-time", 0, NULL, "time stands still while something can be done, and then jumps to what is due next"},
    {"start", 0, "TIME", "with --virtual-time: where time begins (default 2026-01-01T00:00:00Z)"},
    {"signal", 0, "TYPE=JSON[@+SECONDS]", "a signal that comes at the start, or so long after it; TYPE alone has no data; may be given several times, in order"},
    {"workflow", 0, "ID=FILE", "what a sub_workflow node with this workflow_id runs; may be given several times"},
    {"trace", 0, NULL, "tell what ran, in the order of the starts, and what the executions did that were started by nodes"},
    {NULL, 0, NULL, NULL},
};

static int read_start(const struct cli *c, int64_t *us, struct error *e)
{
    const char *text = cli_value(c, "start");
    *us = EXEC_START_US;
    if (!text)
        return 0;
    if (!cli_has(c, "virtual-time")) {
        err_set(e, "--start is of use only with --virtual-time");
        return err_hint(e, "the wall clock begins where it is");
    }
    if (clock_parse(text, us, NULL) == 0)
        return 0;
    err_set(e, "--start \"%.60s\" is not a time", text);
    return err_hint(e, "write it as 2026-11-23T06:00:00Z");
}

/* ---- The workflow and those that it may start ---- */

struct workflows {
    struct definition first;
    struct definition *others;
    struct exec_workflow *list;
    size_t count;
};

static void workflows_close(struct workflows *w)
{
    for (size_t i = 0; i < w->count; i++) {
        definition_close(&w->others[i]);
        free((void *)(uintptr_t)w->list[i].id);
    }
    free(w->others);
    free(w->list);
    definition_close(&w->first);
}

static int add_other(struct workflows *w, const struct cli *c, const char *text, struct error *e)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1]) {
        err_set(e, "--workflow %.60s is not ID=FILE", text);
        return err_hint(e, "for example --workflow invoice=invoice.json");
    }
    if (definition_beside(&w->others[w->count], &w->first, c, equals + 1, e) != 0) {
        definition_close(&w->others[w->count]);
        return -1;
    }
    w->list[w->count] = (struct exec_workflow){.id = xstrndup(text, (size_t)(equals - text)), .def = w->others[w->count].def};
    w->count++;
    return 0;
}

static int workflows_open(struct workflows *w, const struct cli *c, struct error *e)
{
    size_t n = 0;
    const char *text;
    if (definition_of_file(&w->first, c, c->operands[0], e) != 0)
        return -1;
    while (cli_value_at(c, "workflow", n))
        n++;
    w->others = xcalloc(n + 1, sizeof *w->others);
    w->list = xcalloc(n + 1, sizeof *w->list);
    for (size_t i = 0; (text = cli_value_at(c, "workflow", i)) != NULL; i++)
        if (add_other(w, c, text, e) != 0)
            return -1;
    return 0;
}

/* A handler that does not return keeps its thread, and with it the plugins: the process goes. */
static int finish(struct workflows *w, struct exec_result *r)
{
    print_json(r->value);
    json_decref(r->value);
    if (r->left) {
        fflush(NULL);
        _exit((int)r->end);
    }
    workflows_close(w);
    return (int)r->end;
}

/* The time behind the last "@+" in milliseconds, and the length of what stands before it; without one 0 and the whole.
 * No JSON text ends like that. */
static size_t read_offset(const char *text, int64_t *ms)
{
    size_t at = strlen(text);
    while (at > 0 && strchr("0123456789.", text[at - 1]))
        at--;
    *ms = 0;
    if (at < 2 || !text[at] || strncmp(text + at - 2, "@+", 2) != 0)
        return strlen(text);
    char *end;
    double seconds = strtod(text + at, &end);
    if (*end || !(seconds >= 0 && seconds <= SIGNAL_MOST_S))
        return strlen(text);
    *ms = (int64_t)(seconds * 1000 + 0.5);
    return at - 2;
}

/* Sorted by time; those of the same time in the order in which they were given. */
static void add_signal(json_t *all, json_t *signal)
{
    size_t at = json_array_size(all);
    json_int_t ms = json_integer_value(json_array_get(signal, 2));
    while (at > 0 && json_integer_value(json_array_get(json_array_get(all, at - 1), 2)) > ms)
        at--;
    json_array_insert_new(all, at, signal);
}

/* TYPE=JSON or TYPE, with a time or without; a new array of [type, data, ms], or NULL and *e. */
static json_t *read_signals(const struct cli *c, struct error *e)
{
    json_t *out = json_array();
    const char *text;
    for (size_t i = 0; (text = cli_value_at(c, "signal", i)) != NULL; i++) {
        int64_t ms;
        size_t len = read_offset(text, &ms);
        const char *equals = memchr(text, '=', len);
        json_t *data = equals ? js_parse(equals + 1, len - (size_t)(equals + 1 - text), e) : json_null();
        CLEANUP_FREE char *type = xstrndup(text, equals ? (size_t)(equals - text) : len);
        if (!data || !*type || *type == RESERVED_SIGNAL) {
            if (data)
                err_set(e, *type ? "types that begin with a colon are the worker's own" : "a signal needs a type");
            err_prefix(e, "--signal %.60s", text);
            err_hint(e, "for example --signal 'paid={\"amount\": 12}', --signal 'answer=\"yes\"' or --signal paid@+60");
            json_decref(data);
            json_decref(out);
            return NULL;
        }
        add_signal(out, json_pack("[o, o, I]", js_string_lossy(type, strlen(type)), data, (json_int_t)ms));
    }
    return out;
}

static int run(const struct cli *c, struct workflows *w, json_t *data, json_t *signals, int64_t start_us)
{
    struct error e = ERROR_INIT;
    struct exec_result r;
    const struct exec_options o = {.source = c->source, .registry = w->first.registry, .def = w->first.def, .data = data,
                                   .workflows = w->list, .workflow_count = w->count,
                                   .virtual_time = cli_has(c, "virtual-time"), .start_us = start_us,
                                   .trace = cli_has(c, "trace"), .signals = signals};
    if (exec_run(&o, &r, &e) == 0)
        return finish(w, &r);
    workflows_close(w);
    return cli_failed(&e);
}

/* Standard input can be read once. */
static int check_input(const struct cli *c, struct error *e)
{
    const char *data = cli_value(c, "data");
    if (strcmp(c->operands[0], "-") != 0 || !data || strcmp(data, "@-") != 0)
        return 0;
    err_set(e, "the workflow and --data cannot both be read from standard input");
    return err_hint(e, "give one of them as a file");
}

int cmd_exec(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct workflows w = {0};
    int64_t start_us;
    json_object_seed(0); /* before there are threads */
    if (read_start(c, &start_us, &e) != 0 || check_input(c, &e) != 0) {
        cli_failed(&e);
        return EXIT_USAGE;
    }
    CLEANUP_JSON json_t *data = input_data(cli_value(c, "data"), &e);
    CLEANUP_JSON json_t *signals = data ? read_signals(c, &e) : NULL;
    if (signals && workflows_open(&w, c, &e) == 0)
        return run(c, &w, data, signals, start_us);
    workflows_close(&w);
    return cli_failed(&e);
}
