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

const struct cli_option exec_options[] = {
    {"data", 'd', "JSON|@FILE", "the trigger's data, a JSON object; @- reads standard input"},
    {"virtual-time", 0, NULL, "time stands still while something can be done, and then jumps to what is due next"},
    {"start", 0, "TIME", "with --virtual-time: where time begins (default 2026-01-01T00:00:00Z)"},
    {"signal", 0, "TYPE=JSON", "a signal that comes at the start; TYPE alone has no data; may be given several times, in order"},
    {"trace", 0, NULL, "tell what ran, in the order of the starts"},
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

/* A handler that does not return keeps its thread, and with it the plugins: the process goes. */
static int finish(struct definition *d, struct exec_result *r)
{
    print_json(r->value);
    json_decref(r->value);
    if (r->left) {
        fflush(NULL);
        _exit((int)r->end);
    }
    definition_close(d);
    return (int)r->end;
}

/* TYPE=JSON or TYPE; a new array of [type, data], or NULL and *e. */
static json_t *read_signals(const struct cli *c, struct error *e)
{
    json_t *out = json_array();
    const char *text;
    for (size_t i = 0; (text = cli_value_at(c, "signal", i)) != NULL; i++) {
        const char *equals = strchr(text, '=');
        json_t *data = equals ? js_parse(equals + 1, strlen(equals + 1), e) : json_null();
        CLEANUP_FREE char *type = xstrndup(text, equals ? (size_t)(equals - text) : strlen(text));
        if (!data || !*type) {
            if (data)
                err_set(e, "a signal needs a type");
            err_prefix(e, "--signal %.60s", text);
            err_hint(e, "for example --signal 'paid={\"amount\": 12}'");
            json_decref(data);
            json_decref(out);
            return NULL;
        }
        js_push(out, json_pack("[s, o]", type, data));
    }
    return out;
}

static int run(const struct cli *c, struct definition *d, json_t *data, json_t *signals, int64_t start_us)
{
    struct error e = ERROR_INIT;
    struct exec_result r;
    const struct exec_options o = {.source = c->source, .registry = d->registry, .def = d->def, .data = data,
                                   .virtual_time = cli_has(c, "virtual-time"), .start_us = start_us,
                                   .trace = cli_has(c, "trace"), .signals = signals};
    if (exec_run(&o, &r, &e) == 0)
        return finish(d, &r);
    definition_close(d);
    return cli_failed(&e);
}

int cmd_exec(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct definition d = {0};
    int64_t start_us;
    json_object_seed(0); /* before there are threads */
    if (read_start(c, &start_us, &e) != 0) {
        cli_failed(&e);
        return EXIT_USAGE;
    }
    CLEANUP_JSON json_t *data = input_data(cli_value(c, "data"), &e);
    CLEANUP_JSON json_t *signals = data ? read_signals(c, &e) : NULL;
    if (signals && definition_of_file(&d, c, c->operands[0], &e) == 0)
        return run(c, &d, data, signals, start_us);
    definition_close(&d);
    return cli_failed(&e);
}
