/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of the engine's tests; the notation is in the header. */
#include "unit/engine_sim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "unit/test.h"

json_t *sim_json(const char *text)
{
    CLEANUP_FREE char *copy = xstrdup(text);
    struct error e = ERROR_INIT;
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *v = js_parse(copy, strlen(copy), &e);
    if (!v)
        fail_msg("%s: %s", copy, e.message);
    return v;
}

/* ---- the notation of graphs ---- */

/* The end of a word: a blank outside of braces. */
static const char *word_end(const char *p)
{
    int depth = 0;
    for (; *p && (depth || (*p != ' ' && *p != ';')); p++)
        depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
    return p;
}

static void add_node(json_t *nodes, const char *word, size_t len)
{
    CLEANUP_FREE char *text = xstrndup(word, len);
    char *options = strchr(text, '{'), *type;
    json_t *node = options ? sim_json(options) : json_object();
    if (options)
        *options = '\0';
    type = strchr(text, ':');
    if (type)
        *type++ = '\0';
    js_set(node, "node_id", json_string(text));
    js_set(node, "node_type", json_string(type ? type : "work"));
    if (!json_object_get(node, "config"))
        js_set(node, "config", json_object());
    js_push(nodes, node);
}

static void add_edge(json_t *edges, const char *word, size_t len)
{
    CLEANUP_FREE char *text = xstrndup(word, len);
    char *to = strchr(text, '>'), *label = strchr(text, '=');
    json_t *edge = json_object();
    if (label)
        *label++ = '\0';
    *to++ = '\0';
    js_set(edge, "from", json_string(text));
    js_set(edge, "to", json_string(to));
    if (label)
        js_set(edge, "branch", json_string(label));
    js_push(edges, edge);
}

static json_t *read_graph(const char *text)
{
    if (*text == '{')
        return sim_json(text);
    json_t *graph = json_object(), *nodes = json_array(), *edges = json_array();
    bool after = false;
    for (const char *p = text, *end; *p; p = end) {
        while (*p == ' ' || *p == ';')
            after |= *p++ == ';';
        end = word_end(p);
        if (end > p)
            (after ? add_edge : add_node)(after ? edges : nodes, p, (size_t)(end - p));
    }
    js_set(graph, "nodes", nodes);
    js_set(graph, "edges", edges);
    return graph;
}

/* ---- open and close ---- */

void sim_open_rows(struct sim *sim, json_t *graph, json_t *rows, json_t *trigger, const struct def_options *options)
{
    *sim = (struct sim){.now_us = SIM_T0, .state = engine_state_new()};
    sim->policy = (struct engine_policy){.max_retries = 3,
                                         .retry_multiplier = 2,
                                         .retry_initial_ms = 1000,
                                         .retry_max_ms = 3600000,
                                         .node_timeout_ms = 300000,
                                         .max_crashes = 3};
    sim->start = (struct engine_start){.execution_uuid = "11111111-2222-3333-4444-555555555555",
                                       .execution_id = "exec-0123456789ab",
                                       .workflow_id = "99999999-8888-7777-6666-555555555555",
                                       .workflow_version = 1,
                                       .started_at_us = SIM_T0 - 1,
                                       .definition = "def-1"};
    sim->def = def_load(graph, rows, trigger, options, &sim->diags);
    sim->act = xcalloc(def_node_count(sim->def) + 1, sizeof *sim->act);
}

void sim_open(struct sim *sim, const char *text)
{
    CLEANUP_JSON json_t *graph = read_graph(text);
    struct def_options options = {.unlabelled_condition_order = true};
    sim_open_rows(sim, graph, NULL, json_object_get(graph, "trigger_config"), &options);
}

void sim_close(struct sim *sim)
{
    for (size_t i = 0; i < sim->journal_len; i++)
        buf_free(&sim->journal[i]);
    free(sim->journal);
    free(sim->act);
    buf_free(&sim->trace);
    buf_free(&sim->logs);
    engine_effects_free(&sim->fx);
    engine_state_free(sim->state);
    def_unref(sim->def);
    diags_free(&sim->diags);
}

/* ---- recovery ---- */

static void replay(const struct sim *sim, struct engine_state *s, size_t from)
{
    for (size_t i = from; i < sim->journal_len; i++) {
        struct error e = ERROR_INIT;
        CLEANUP_JSON json_t *record = js_parse(sim->journal[i].data, sim->journal[i].len, &e);
        if (!record || engine_replay(sim->def, s, record, &e) != 0)
            fail_msg("%s: %s", sim->journal[i].data, e.message);
    }
}

static struct engine_state *through_text(const struct sim *sim, const struct engine_state *s)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct error e = ERROR_INIT;
    engine_state_write(sim->def, s, &text);
    struct engine_state *back = engine_state_read(sim->def, text.data, text.len, &e);
    if (!back)
        fail_msg("%s in %s", e.message, text.data);
    return back;
}

/* Rebuild the state from the journal, with a snapshot after `snapshot_at` records, and compare. */
static struct engine_state *rebuilt(struct sim *sim, size_t snapshot_at)
{
    CLEANUP_BUF struct buf want = BUF_INIT, got = BUF_INIT;
    size_t len = sim->journal_len;
    struct engine_state *s = engine_state_new();
    sim->journal_len = snapshot_at < len ? snapshot_at : len;
    replay(sim, s, 0);
    struct engine_state *back = through_text(sim, s);
    engine_state_free(s);
    size_t from = sim->journal_len;
    sim->journal_len = len;
    replay(sim, back, from);
    engine_state_write(sim->def, sim->state, &want);
    engine_state_write(sim->def, back, &got);
    assert_string_equal(got.data, want.data);
    assert_int_equal(engine_next_due(back), engine_next_due(sim->state));
    assert_int_equal(engine_running(back), engine_running(sim->state));
    return back;
}

void sim_check_recovery(struct sim *sim, size_t snapshot_at)
{
    engine_state_free(rebuilt(sim, snapshot_at));
}

void sim_recover(struct sim *sim, size_t snapshot_at)
{
    struct engine_state *s = rebuilt(sim, snapshot_at);
    engine_state_free(sim->state);
    sim->state = s;
}

/* ---- events ---- */

static void record(struct sim *sim, const struct engine_event *ev)
{
    void *journal = sim->journal;
    xgrow(&journal, &sim->journal_cap, sim->journal_len + 1, sizeof *sim->journal);
    sim->journal = journal;
    sim->journal[sim->journal_len] = (struct buf)BUF_INIT;
    engine_event_write(ev, sim->now_us, &sim->journal[sim->journal_len++]);
}

static void trace_path(struct sim *sim, uint64_t act)
{
    uint32_t pass;
    CLEANUP_FREE char *path = engine_path(sim->def, sim->state, act, &pass);
    if (*path)
        buf_printf(&sim->trace, "%s/", path);
}

static void trace_pass(struct sim *sim, const struct engine_effect *f)
{
    static const char *const outcomes[] = {"done", "failed", "break", "continue", "cancelled"};
    const char *node = js_str(f->event, "node_id"), *type = js_str(f->event, "type");
    buf_printf(&sim->trace, "(%s#%" PRIu64, outcomes[f->scope_outcome], f->scope_pass);
    if (node && type)
        buf_printf(&sim->trace, " %s %s", node, type);
    buf_addch(&sim->trace, ')');
}

static void trace_signal(struct sim *sim, const struct engine_effect *f)
{
    buf_printf(&sim->trace, "<%s ", f->signal);
    js_write(&sim->trace, f->event);
    buf_addch(&sim->trace, '>');
}

static void trace_effect(struct sim *sim, const struct engine_effect *f)
{
    struct buf *t = &sim->trace;
    if (f->type == ENGINE_LOG) {
        buf_printf(&sim->logs, "%s %s %s\n", f->log_node, f->log_level, f->log_text);
        return;
    }
    if (t->len && t->data[t->len - 1] != ' ')
        buf_addch(t, ' ');
    switch (f->type) {
    case ENGINE_RUN:
        sim->act[f->node] = f->act;
        trace_path(sim, f->act);
        buf_addstr(t, def_node_id(sim->def, f->node));
        if (f->attempt > 1)
            buf_printf(t, "/%u", f->attempt);
        if (f->why == WHY_TIMER)
            buf_addch(t, '~');
        if (f->why == WHY_SCOPE)
            trace_pass(sim, f);
        if (f->why == WHY_SIGNAL || f->why == WHY_CHILD || f->why == WHY_ANSWER)
            trace_signal(sim, f);
        break;
    case ENGINE_CONSUMED:
        buf_printf(t, "!%s", f->signal);
        break;
    case ENGINE_CANCEL:
        buf_printf(t, "-%s", def_node_id(sim->def, f->node));
        break;
    case ENGINE_ASK:
        buf_printf(t, "[%s %s]", f->ask, js_str(f->body, "of"));
        break;
    case ENGINE_ENDED:
    case ENGINE_LOG:
        break;
    }
}

static void trace_end(struct sim *sim, bool ended)
{
    struct engine_columns c;
    engine_columns(sim->def, sim->state, &c);
    if (ended) {
        buf_printf(&sim->trace, "END %s%s%s", c.status, c.error_message ? ": " : "",
                   c.error_message ? c.error_message : "");
    } else if (engine_status(sim->state) == STATUS_RETRY) {
        buf_printf(&sim->trace, "%sRETRY %" PRId64, sim->trace.data[sim->trace.len - 1] == ' ' ? "" : " ",
                   (c.next_retry_at_us - sim->now_us) / US_PER_MS);
    }
}

int sim_step(struct sim *sim, struct engine_event *ev)
{
    struct error e = ERROR_INIT;
    engine_effects_clear(&sim->fx);
    int rc = engine_step(sim->def, sim->state, ev, sim->now_us, &sim->fx, &e);
    if (rc != 0)
        return rc;
    record(sim, ev);
    bool ended = false;
    sim->runs = 0;
    for (size_t i = 0; i < sim->fx.len; i++) {
        trace_effect(sim, &sim->fx.items[i]);
        ended |= sim->fx.items[i].type == ENGINE_ENDED;
        if (sim->fx.items[i].type == ENGINE_LOG) {
            assert_true(sim->fx.items[i].at_us > sim->last_log_us);
            sim->last_log_us = sim->fx.items[i].at_us;
        }
        sim->runs += sim->fx.items[i].type == ENGINE_RUN;
    }
    trace_end(sim, ended);
    assert_int_equal(ended, engine_ended(sim->state) && sim->fx.len > 0);
    return 0;
}

static bool is_run(const struct sim *sim, const struct engine_effect *f, const char *word)
{
    uint32_t pass;
    const char *id = def_node_id(sim->def, f->node);
    CLEANUP_FREE char *path = engine_path(sim->def, sim->state, f->act, &pass);
    CLEANUP_FREE char *name = xasprintf("%s%s%s", path, *path ? "/" : "", id);
    CLEANUP_FREE char *numbered = xasprintf("%s.%u", name, pass);
    CLEANUP_FREE char *bare = xasprintf("%s.%u", id, pass);
    return strcmp(word, name) == 0 || strcmp(word, numbered) == 0 || strcmp(word, bare) == 0;
}

uint64_t sim_act(const struct sim *sim, const char *node)
{
    struct engine_effects fx = {0};
    uint64_t act = 0;
    engine_running_effects(sim->def, sim->state, &fx);
    for (size_t i = 0; i < fx.len; i++)
        if (strpbrk(node, "/.") && is_run(sim, &fx.items[i], node))
            act = fx.items[i].act;
    engine_effects_free(&fx);
    if (act)
        return act;
    for (size_t i = 0; i < def_node_count(sim->def); i++)
        if (strcmp(def_node_id(sim->def, i), node) == 0)
            return sim->act[i];
    fail_msg("no node %s", node);
    return 0;
}

static bool control_event(struct sim *sim, const char *word, struct engine_event *ev)
{
    static const struct {
        const char *word;
        enum engine_event_type type;
    } words[] = {{"start", ENGINE_START}, {"wake", ENGINE_WAKE},     {"lost", ENGINE_LOST},
                 {"pause", ENGINE_PAUSE}, {"resume", ENGINE_RESUME}, {"retry", ENGINE_RETRY}, {"terminate", ENGINE_TERMINATE},
                 {"refuse", ENGINE_TERMINATE}};
    if (*word == '+') {
        sim->now_us += strtol(word + 1, NULL, 10) * US_PER_MS;
        ev->type = ENGINE_WAKE;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i].word) != 0)
            continue;
        ev->type = words[i].type;
        ev->refused = strcmp(word, "refuse") == 0;
        ev->message = ev->refused ? "the database refused it" : NULL;
        sim->start.policy = sim->policy;
        ev->start = &sim->start;
        return true;
    }
    return false;
}

/* [!]TYPE[,TYPE...][@MS]: one type as `signal`, the others as `signals`. */
static void wait_event(struct sim *sim, struct engine_event *ev, const char *rest)
{
    char *types = (char *)(uintptr_t)rest, *at = strchr(types, '@'), *save = NULL;
    if (at)
        *at++ = '\0';
    ev->park.fresh = *types == '!';
    ev->park.until_us = at ? sim->now_us + strtol(at, NULL, 10) * US_PER_MS : 0;
    ev->park.signal = strtok_r(types + ev->park.fresh, ",", &save);
    for (char *type; (type = strtok_r(NULL, ",", &save));) {
        if (!ev->park.signals)
            ev->park.signals = json_array();
        js_push(ev->park.signals, json_string(type));
    }
}

/* &TYPES[@MS] or @MS, behind what is entered; or NULL. */
static void expect_event(struct sim *sim, struct engine_event *ev, char *at)
{
    bool signals = at && *at == '&';
    if (!at)
        return;
    if (!signals)
        ev->park.until_us = sim->now_us + strtol(at + 1, NULL, 10) * US_PER_MS;
    *at = '\0';
    if (signals)
        wait_event(sim, ev, at + 1);
}

/* [!]NODE[,[!]NODE...] */
static json_t *cancels(char *rest)
{
    json_t *all = json_array();
    char *save = NULL;
    for (char *id = strtok_r(rest, ",", &save); id; id = strtok_r(NULL, ",", &save))
        js_push(all, json_pack("[s, i]", id + (*id == '!'), *id == '!' ? CANCEL_COMPLETE : 0));
    return all;
}

static void leave_event(struct engine_event *ev, const char *rest)
{
    const char *label = strchr(rest, ':');
    ev->type = ENGINE_LEAVE;
    ev->leave = strncmp(rest, "break", 5) == 0 ? ENGINE_BREAK : strncmp(rest, "continue", 8) == 0 ? ENGINE_CONTINUE : ENGINE_END;
    ev->branch = label ? label + 1 : ev->leave == ENGINE_END && *rest ? rest : NULL;
}

/* BRANCH[*PASSES][:TO][/FLAGS][&TYPES][@MS]; each pass has n = its number. */
static void enter_event(struct sim *sim, struct engine_event *ev, const char *rest)
{
    static const char letters[] = "lcsod";
    char *branch = (char *)(uintptr_t)rest, *flags = strchr(branch, '/');
    expect_event(sim, ev, strpbrk(branch, "&@"));
    if (flags)
        *flags++ = '\0';
    char *to = strchr(branch, ':');
    if (to)
        *to++ = '\0';
    char *passes = strchr(branch, '*');
    if (passes)
        *passes++ = '\0';
    ev->type = ENGINE_ENTER;
    ev->branch = branch;
    ev->enter = (struct engine_enter){.to = to, .keep = 2};
    for (size_t i = 0; flags && flags[i]; i++)
        ev->enter.flags |= 1u << (strchr(letters, flags[i]) - letters);
    ev->output = NULL;
    if (!passes)
        return;
    ev->enter.passes = json_array();
    for (long i = 0; i < strtol(passes, NULL, 10); i++)
        js_push(ev->enter.passes, json_pack("{s:i}", "n", (int)i));
}

/* [SCOPE:]NAME:NUMBER */
static json_t *variables(const char *rest)
{
    CLEANUP_FREE char *text = xstrdup(rest);
    char *value = strrchr(text, ':');
    *value++ = '\0';
    char *name = strchr(text, ':');
    if (name)
        *name++ = '\0';
    return json_pack("[[s,s,i]]", name ? name : text, name ? text : "workflow", (int)strtol(value, NULL, 10));
}

/* TYPE[:NUMBER or @REQUEST][#ID] */
static void signal_event(struct sim *sim, struct engine_event *ev, char *word, char *id, size_t size)
{
    char *again = strchr(word, '#'), *data = strchr(word, *word == RESERVED_SIGNAL ? '=' : ':');
    snprintf(id, size, "s%zu", sim->signals + 1);
    if (again)
        *again++ = '\0';
    else
        sim->signals++;
    if (data)
        *data++ = '\0';
    ev->type = ENGINE_SIGNAL;
    ev->signal = word;
    ev->signal_id = again ? again : id;
    if (data)
        ev->output = *data == '@' ? json_pack("{s:s}", "request", data + 1) : json_integer(strtol(data, NULL, 10));
}

/* The event that a handler's word stands for; `rest` is what follows the operator. */
static void handler_event(struct sim *sim, struct engine_event *ev, char operator, const char *rest, struct failure *f)
{
    f->type = xstrdup(*rest ? rest : "broken");
    f->message = xasprintf("it is %s", f->type);
    f->retryable = operator== '?';
    switch (operator) {
    case '!':
    case '?':
        ev->type = ENGINE_FAIL;
        ev->failure = f;
        break;
    case '@':
        ev->type = ENGINE_PARK;
        ev->park.until_us = sim->now_us + strtol(rest, NULL, 10) * US_PER_MS;
        ev->park.checkpoint = ev->output;
        ev->output = NULL;
        break;
    case '&':
        ev->type = ENGINE_PARK;
        ev->output = NULL;
        wait_event(sim, ev, rest);
        break;
    case '%':
        ev->type = ENGINE_TIMEOUT;
        ev->output = NULL;
        break;
    case '^':
        ev->type = ENGINE_PROGRESS;
        break;
    case '<':
        leave_event(ev, rest);
        break;
    case '>':
        enter_event(sim, ev, rest);
        break;
    case '$':
        ev->variables = variables(rest);
        break;
    case '~':
        ev->cancels = cancels((char *)(uintptr_t)rest);
        break;
    default:
        ev->type = ENGINE_DONE;
        ev->branch = operator== '=' ? rest : NULL;
        break;
    }
}

/* {KIND,REPLY,UNDO,FLAG...}: all but the first may be empty or missing; a flag is once (settles), yields, addressed, @ID. */
static json_t *asks_event(const char *node, char *braces)
{
    static const char *const keys[] = {"kind", "reply", "undo"};
    json_t *asks = json_array();
    for (char *at = braces; at && *at == '{'; at = strchr(at + 1, '{')) {
        CLEANUP_FREE char *text = xstrndup(at + 1, strcspn(at + 1, "}"));
        json_t *ask = json_pack("{s:{s:s}}", "body", "of", node);
        char *rest = text;
        for (size_t i = 0; i < ARRAY_LEN(keys) && rest; i++) {
            const char *part = strsep(&rest, ",");
            if (*part)
                js_set(ask, keys[i], json_string(part));
        }
        for (const char *flag; rest && (flag = strsep(&rest, ",")) != NULL;)
            if (*flag == '@')
                js_set(ask, "undo_body", json_pack("{s:s}", "id", flag + 1));
            else
                js_set(ask, strcmp(flag, "once") == 0 ? "settles" : flag, json_true());
        js_push(asks, ask);
    }
    *braces = '\0';
    return asks;
}

static void run_word(struct sim *sim, char *word)
{
    struct engine_event ev = {.type = ENGINE_DONE};
    struct failure f = {0};
    CLEANUP_JSON json_t *output = NULL;
    char id[32];
    if (*word == '*') {
        signal_event(sim, &ev, word + 1, id, sizeof id);
        output = ev.output;
    } else if (!control_event(sim, word, &ev)) {
        char *braces = strchr(word, '{'), *op = strpbrk(word, "=!?@%^<>$&~{");
        ev.asks = braces ? asks_event("", braces) : NULL;
        char operator= op ? *op : '\0';
        if (op)
            *op++ = '\0';
        ev.act = sim_act(sim, word);
        size_t i;
        json_t *ask;
        json_array_foreach(ev.asks, i, ask)
        {
            js_set(json_object_get(ask, "body"), "of", json_string(word));
            if (json_object_get(ask, "undo_body"))
                js_set(json_object_get(ask, "undo_body"), "of", json_string(word));
        }
        output = json_pack("{s:s}", "of", word);
        ev.output = output;
        handler_event(sim, &ev, operator, op ? op : "", &f);
    }
    if (sim_step(sim, &ev) != 0)
        fail_msg("%s: refused", word);
    failure_clear(&f);
    json_decref(ev.enter.passes);
    json_decref(ev.park.signals);
    json_decref(ev.variables);
    json_decref(ev.cancels);
    json_decref(ev.asks);
    for (size_t at = 0; at <= sim->journal_len; at++)
        sim_check_recovery(sim, at);
}

void sim_run(struct sim *sim, const char *script)
{
    CLEANUP_FREE char *copy = xstrdup(script);
    char *save = NULL;
    for (char *word = strtok_r(copy, "; ", &save); word; word = strtok_r(NULL, "; ", &save)) {
        if (sim->trace.len)
            buf_addstr(&sim->trace, " | ");
        else
            buf_addstr(&sim->trace, "");
        run_word(sim, word);
        sim->now_us += US_PER_MS;
    }
}

char *sim_logs(struct sim *sim)
{
    return sim->logs.data ? sim->logs.data : xstrdup("");
}

void check_trace(const char *graph, const char *script, const char *expected)
{
    struct sim sim;
    sim_open(&sim, graph);
    sim_run(&sim, script);
    assert_string_equal(sim.trace.data, expected);
    sim_close(&sim);
}

void check_diags(const char *graph, const char *expected)
{
    struct sim sim;
    CLEANUP_BUF struct buf b = BUF_INIT;
    sim_open(&sim, graph);
    buf_addstr(&b, "");
    for (size_t i = 0; i < sim.diags.len; i++) {
        const struct diag *g = &sim.diags.items[i];
        buf_printf(&b, "%s %s %s\n", g->error ? "error" : "warning", g->pointer, g->message);
    }
    assert_string_equal(b.data, expected);
    sim_close(&sim);
}
