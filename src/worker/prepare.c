/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a claim.  Nothing here knows the run or the loop. */
#include "worker/prepare.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/mem.h"

bool claim_is_fresh(const struct store_claim *c)
{
    return !c->snapshot && c->journal_count == 0;
}

size_t prepared_bytes(const struct store_claim *c, bool with_state)
{
    size_t bytes = with_state ? c->execution_state_len + c->snapshot_len : 0;
    for (size_t i = 0; with_state && i < c->journal_count; i++)
        bytes += c->journal_len[i];
    for (size_t i = 0; i < c->signal_count; i++)
        bytes += c->signals_len[i];
    return bytes;
}

/* ---- Snapshot and journal ---- */

static int replay_row(const struct def *d, struct payloads *p, struct engine_state *s, const char *text, size_t len, struct error *e)
{
    CLEANUP_JSON json_t *events = js_parse_refs(text, len, payloads_resolve, p, e);
    if (!events)
        return -1;
    if (!json_is_array(events))
        return err_set(e, "a journal row is no array of events");
    for (size_t i = 0; i < json_array_size(events); i++)
        if (engine_replay(d, s, json_array_get(events, i), e) != 0)
            return -1;
    return 0;
}

static struct engine_state *read_snapshot(const struct def *d, struct payloads *p, const struct store_claim *c, struct error *e)
{
    CLEANUP_JSON json_t *snapshot = js_parse_refs(c->snapshot, c->snapshot_len, payloads_resolve, p, e);
    if (snapshot)
        return engine_state_from(d, snapshot, e);
    err_prefix(e, "reading an execution's snapshot");
    return NULL;
}

static struct engine_state *read_state(const struct def *d, struct payloads *p, const struct store_claim *c, struct error *e)
{
    struct engine_state *s = c->snapshot ? read_snapshot(d, p, c, e) : engine_state_new();
    for (size_t i = 0; s && i < c->journal_count; i++)
        if (replay_row(d, p, s, c->journal[i], c->journal_len[i], e) != 0) {
            engine_state_free(s);
            return NULL;
        }
    if (s && !claim_is_fresh(c) && engine_status(s) == STATUS_NEW) {
        err_set(e, "neither the snapshot nor the journal says how the execution was started");
        engine_state_free(s);
        return NULL;
    }
    return s;
}

/* ---- The row ---- */

static int row_expect(const char *name, const json_t *v, bool fits, const char *expected, struct error *e)
{
    return !v || json_is_null(v) || fits ? 0 : err_set(e, "%s is %s, not %s", name, js_kind(v), expected);
}

/* What would be passed over in silence: somebody meant something by it. */
static int row_check(const struct prepared_row *row, struct error *e)
{
    int64_t at;
    if (row_expect("execution_data", row->data, json_is_object(row->data), "an object", e) != 0 ||
        row_expect("node_results", row->results, json_is_object(row->results), "an object", e) != 0 ||
        row_expect("completed_node_ids", row->completed, json_is_array(row->completed), "an array", e) != 0 ||
        row_expect("variables", row->variables, json_is_object(row->variables), "an object", e) != 0)
        return -1;
    bool is_time = json_is_string(row->timeout) && clock_parse(json_string_value(row->timeout), &at, NULL) == 0;
    return row_expect("workflow_timeout", row->timeout, json_is_number(row->timeout) || is_time, "a number of seconds or a point in time", e);
}

static int row_read(struct prepared_row *row, const struct store_claim *c, struct error *e)
{
    const struct json_member members[] = {JSON_MEMBER("execution_data", &row->data), JSON_MEMBER("node_results", &row->results),
                                          JSON_MEMBER("completed_node_ids", &row->completed),
                                          JSON_MEMBER("variables", &row->variables),
                                          JSON_MEMBER("workflow_timeout", &row->timeout)};
    if (!c->execution_state)
        return 0;
    if (js_members(c->execution_state, c->execution_state_len, members, ARRAY_LEN(members), e) != 0)
        return -1;
    return row_check(row, e);
}

static void keep_type(json_t **v, json_type type)
{
    if (*v && json_typeof(*v) != type)
        json_decref(STEAL(*v));
}

static void read_row(struct prepared *out, const struct store_claim *c, struct payloads *p)
{
    struct prepared_row *row = &out->row;
    out->row_bad = row_read(row, c, &out->why) != 0;
    keep_type(&row->data, JSON_OBJECT);
    keep_type(&row->results, JSON_OBJECT);
    keep_type(&row->variables, JSON_OBJECT);
    keep_type(&row->completed, JSON_ARRAY);
    if (c->execution_state_len < p->max_inline)
        return;
    payloads_add_members(p, row->data);
    payloads_add_members(p, row->results);
    payloads_add_members(p, row->variables);
}

/* ---- Signals ---- */

/* Of [id, type, value]; one that the state has already will not be looked at again. */
static json_t *read_signal(const struct prepared *out, const char *text, size_t len, struct payloads *p)
{
    json_t *signal = js_parse(text, len, NULL);
    const char *id = json_string_value(json_array_get(signal, 0));
    if (id && !(out->state && engine_has_signal(out->state, id)))
        payloads_add(p, json_array_get(signal, 2));
    return signal;
}

static void read_signals(struct prepared *out, const struct store_claim *c, struct payloads *p)
{
    out->signals = xcalloc(c->signal_count + 1, sizeof *out->signals);
    out->signal_count = c->signal_count;
    for (size_t i = 0; i < c->signal_count; i++)
        out->signals[i] = read_signal(out, c->signals[i], c->signals_len[i], p);
}

/* ---- All ---- */

void prepared_make(struct prepared *out, const struct def *d, const struct store_claim *c, bool with_state,
                   const struct store_payload *values, size_t count, struct payloads *p, bool beside)
{
    out->with_state = with_state;
    out->values_bad = payloads_load(p, values, count, &out->why) != 0;
    if (out->values_bad)
        return;
    if (with_state)
        out->state = read_state(d, p, c, &out->why);
    if (with_state && claim_is_fresh(c))
        read_row(out, c, p);
    if (beside)
        read_signals(out, c, p);
}

void prepared_clear(struct prepared *made)
{
    engine_state_free(made->state);
    json_decref(made->row.data);
    json_decref(made->row.results);
    json_decref(made->row.variables);
    json_decref(made->row.completed);
    json_decref(made->row.timeout);
    for (size_t i = 0; i < made->signal_count; i++)
        json_decref(made->signals[i]);
    free(made->signals);
}
