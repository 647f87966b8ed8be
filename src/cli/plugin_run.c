/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker plugin run: one activation of a node type, with all that a call says given on the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/input.h"
#include "cli/plugin_find.h"
#include "cli/table.h"
#include "exec/once.h"

#define EXIT_WAITING 3
#define MOST_TIMEOUT_S 31536000.0

const struct cli_option plugin_run_options[] = {
    {"node", 0, "TYPE", "the node type, of a plugin that has several"},
    {"node-config", 0, "JSON|@FILE", "the node's configuration, an object (default {}); behind the words plugin run the flag of the setting config is this, too"},
    {"input", 0, "JSON|@FILE", "the execution's data, an object (default {}); @- reads standard input"},
    {"section", 0, "KEY=VALUE", "a key of the section [plugin NAME], before the configuration file; may be given several times"},
    {"why", 0, "start|timer|signal|child|scope|answer", "why it is called (default start)"},
    {"checkpoint", 0, "JSON|@FILE", "what the call before has saved"},
    {"event", 0, "JSON|@FILE", "the data of the signal, the answer of the child, the error of the scope"},
    {"signal", 0, "SIGNAL", "the type of the signal that came, or the id that is answered"},
    {"scope", 0, "JSON|@FILE", "the passes of the node; its members outcome (done, failed, break, continue, cancelled) and pass say which is over"},
    {"attempt", 0, "N", "which attempt it is (default 1)"},
    {"key", 0, "TEXT", "the idempotency key (default plugin-run)"},
    {"timeout", 0, "SECONDS", "time for the attempt (default: the node type's, else the setting node_timeout)"},
    {"json", 0, NULL, "on one line"},
    {NULL, 0, NULL, NULL},
};

/* ---- The call ---- */

static int choice(const char *option, const char *text, const char *const *words, const uint32_t *values, uint32_t *out,
                  struct error *e)
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *out = values[i];
            return 0;
        }
    err_set(e, "%s \"%.60s\" is not known", option, text);
    struct buf list = BUF_INIT;
    for (size_t i = 0; words[i]; i++)
        buf_printf(&list, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    err_hint(e, "it is one of %s", list.data);
    buf_free(&list);
    return -1;
}

static int read_why(const struct cli *c, struct once_options *o, struct error *e)
{
    static const char *const words[] = {"start", "timer", "signal", "child", "scope", "answer", NULL};
    static const uint32_t values[] = {WFW_WHY_START, WFW_WHY_TIMER, WFW_WHY_SIGNAL, WFW_WHY_CHILD, WFW_WHY_SCOPE, WFW_WHY_ANSWER};
    const char *text = cli_value(c, "why");
    return text ? choice("--why", text, words, values, &o->why, e) : 0;
}

static int read_scope(struct once_options *o, struct error *e)
{
    static const char *const words[] = {"done", "failed", "break", "continue", "cancelled", NULL};
    static const uint32_t values[] = {WFW_SCOPE_DONE, WFW_SCOPE_FAILED, WFW_SCOPE_BREAK, WFW_SCOPE_CONTINUE, WFW_SCOPE_CANCELLED};
    const char *text = js_str(o->scope, "outcome");
    if (text && choice("--scope, outcome", text, words, values, &o->scope_outcome, e) != 0)
        return -1;
    int64_t pass = js_int(o->scope, "pass", 0);
    if (pass < 0)
        return err_set(e, "--scope, pass is negative");
    o->scope_pass = (uint64_t)pass;
    json_object_del(o->scope, "outcome");
    json_object_del(o->scope, "pass");
    return 0;
}

static int read_value(const struct cli *c, const char *option, json_t **out, struct error *e)
{
    const char *text = cli_value(c, option);
    *out = text ? input_value(text, e) : NULL;
    return text && !*out ? err_prefix(e, "--%s", option) : 0;
}

static int read_object(const struct cli *c, const char *option, json_t **out, struct error *e)
{
    *out = input_data(cli_value(c, option), e);
    if (*out)
        return 0;
    err_prefix(e, "--%s", option);
    if (strcmp(option, "node-config") == 0 && !*e->hint)
        err_hint(e, "behind \"plugin run\", --config is the configuration of the node; wfworker's own file is named before it");
    return -1;
}

static int read_numbers(const struct cli *c, struct once_options *o, struct error *e)
{
    const char *attempt = cli_value(c, "attempt"), *timeout = cli_value(c, "timeout");
    char *end;
    long n = attempt ? strtol(attempt, &end, 10) : 1;
    if (attempt && (end == attempt || *end || n < 1 || n > 1000000))
        return err_set(e, "--attempt \"%.40s\" is not a number from 1 to 1000000", attempt);
    o->attempt = (uint32_t)n;
    double seconds = timeout ? strtod(timeout, &end) : 0;
    if (timeout && (end == timeout || *end || !(seconds >= 0.001 && seconds <= MOST_TIMEOUT_S)))
        return err_set(e, "--timeout \"%.40s\" is not a number of seconds from 0.001 to a year", timeout);
    o->timeout_ms = (int64_t)(seconds * 1000 + 0.5);
    return 0;
}

static int read_call(const struct cli *c, struct once_options *o, struct error *e)
{
    const char *key = cli_value(c, "key");
    o->source = c->source;
    o->key = key ? key : "plugin-run";
    o->signal = cli_value(c, "signal");
    if (read_object(c, "node-config", &o->config, e) != 0 || read_object(c, "input", &o->input, e) != 0 ||
        read_value(c, "checkpoint", &o->checkpoint, e) != 0 || read_value(c, "event", &o->event, e) != 0 ||
        (cli_has(c, "scope") && read_object(c, "scope", &o->scope, e) != 0))
        return -1;
    return read_why(c, o, e) != 0 || read_numbers(c, o, e) != 0 || (o->scope && read_scope(o, e) != 0) ? -1 : 0;
}

static void free_call(struct once_options *o)
{
    json_decref(o->config);
    json_decref(o->input);
    json_decref(o->checkpoint);
    json_decref(o->event);
    json_decref(o->scope);
}

/* An object of texts, as the configuration file has them; NULL and *e. */
static json_t *read_section(const struct cli *c, struct error *e)
{
    json_t *section = json_object();
    const char *text;
    for (size_t i = 0; (text = cli_value_at(c, "section", i)) != NULL; i++) {
        const char *equals = strchr(text, '=');
        CLEANUP_FREE char *key = xstrndup(text, equals ? (size_t)(equals - text) : 0);
        json_t *value = equals ? js_string_lossy(equals + 1, strlen(equals + 1)) : NULL;
        if (equals && *key && json_object_set_new(section, key, value) == 0)
            continue;
        if (equals && !*key)
            json_decref(value);
        json_decref(section);
        err_set(e, "--section \"%.60s\" is not KEY=VALUE", text);
        return NULL;
    }
    return section;
}

/* ---- The node type ---- */

static int several(const struct found_plugin *f, struct error *e)
{
    struct buf b = BUF_INIT;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(f->plugin, "nodes"), i, one) buf_printf(&b, "%s%s", i ? ", " : "", js_str(one, "type"));
    err_hint(e, "plugin %s has %s", js_str(f->plugin, "name"), b.len ? b.data : "none");
    buf_free(&b);
    return -1;
}

static int choose_node(const struct cli *c, const struct found_plugin *f, struct once_options *o, struct error *e)
{
    const char *wanted = cli_value(c, "node"), *state = js_str(f->plugin, "state"), *reason = js_str(f->plugin, "reason");
    const json_t *nodes = json_object_get(f->plugin, "nodes"), *node = f->node;
    if (strcmp(state, "ok") != 0)
        return err_set(e, "plugin %s is %s: %s", js_str(f->plugin, "name"), state, reason ? reason : "");
    if (wanted)
        node = plugin_node(f->plugin, wanted);
    else if (!node && json_array_size(nodes) == 1)
        node = json_array_get(nodes, 0);
    if (!node && wanted)
        err_set(e, "the plugin has no node type \"%.80s\"", wanted);
    else if (!node)
        err_set(e, "the plugin has several node types: --node has to say which");
    if (!node)
        return several(f, e);
    o->node_type = wanted ? wanted : js_str(node, "type");
    o->handler = registry_find(f->registry, o->node_type);
    return o->handler ? 0 : err_set(e, "node type \"%.80s\" cannot be run", o->node_type);
}

/* ---- The end ---- */

static int exit_code(enum once_end end)
{
    return end == ONCE_OVER ? EXIT_SUCCESS : end == ONCE_FAILED ? EXIT_FAILURE : EXIT_WAITING;
}

static void show(const struct cli *c, const json_t *value)
{
    if (!cli_has(c, "json")) {
        print_json(value);
        return;
    }
    CLEANUP_FREE char *text = js_text(value);
    puts(text);
}

static int run(struct cli *c, struct found_plugin *f, struct once_options *o, struct error *e)
{
    struct once_result r;
    if (plugin_find(f, c, c->operands[0], e) != 0 || choose_node(c, f, o, e) != 0 || once_run(o, &r, e) != 0)
        return cli_failed(e);
    show(c, r.value);
    json_decref(r.value);
    if (r.left) { /* a handler that does not return keeps its thread, and with it the plugin */
        fflush(NULL);
        _exit(exit_code(r.end));
    }
    return exit_code(r.end);
}

int cmd_plugin_run(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct found_plugin f = {0};
    struct once_options o = {0};
    int rc = EXIT_USAGE;
    f.section = read_section(c, &e);
    if (f.section && read_call(c, &o, &e) == 0)
        rc = run(c, &f, &o, &e);
    else
        err_print(&e);
    plugin_found_close(&f);
    free_call(&o);
    return rc;
}
