/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery: {"graph", "trigger", "snapshot", "events": [record of the journal]}.  A snapshot that is read is written as one that reads the
 * same; after every record the state is the same whether the one before came from memory or from its snapshot; a record
 * that is refused changes nothing.  What the worker asks of a state has an answer. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "fuzz/types.h"

const char fuzz_name[] = "state";
const bool fuzz_json = true;
const unsigned fuzz_cases = 800;

#define EVENTS_MAX 200 /* of an input */
#define WAITS_MAX 1000

void fuzz_open(void)
{
    fuzz_types_open();
}

static char *written(const struct def *d, const struct engine_state *s)
{
    struct buf b = BUF_INIT;
    engine_state_write(d, s, &b);
    if (!fuzz_is_utf8(b.data, b.len))
        fuzz_fail("a snapshot is not UTF-8");
    return buf_steal(&b);
}

/* From its snapshot, which must be the same when it is written again. */
static struct engine_state *reread(const struct def *d, const struct engine_state *s)
{
    struct error e = ERROR_INIT;
    CLEANUP_FREE char *first = written(d, s);
    struct engine_state *again = engine_state_read(d, first, strlen(first), &e);
    if (!again)
        fuzz_fail("a snapshot cannot be read: %s: %s", e.message, first);
    CLEANUP_FREE char *second = written(d, again);
    fuzz_same("a snapshot that was read is another one", first, second);
    return again;
}

static void check_projection(const struct def *d, const struct engine_state *s)
{
    struct engine_columns c;
    struct buf b = BUF_INIT;
    struct error e = ERROR_INIT;
    engine_columns(d, s, &c);
    fuzz_text("status", c.status);
    if (c.error_message && !fuzz_is_utf8(c.error_message, strlen(c.error_message)))
        fuzz_fail("error_message is not UTF-8");
    engine_projection(d, s, &b);
    CLEANUP_JSON json_t *v = js_parse_own(b.data, b.len, &e);
    if (!v)
        fuzz_fail("the projection cannot be read: %s: %s", e.message, b.data);
    if (json_object_size(v) != 12 || strcmp(js_str(v, "status"), c.status) != 0)
        fuzz_fail("the projection has other members or another status: %s", b.data);
    buf_free(&b);
}

static void check_call(const struct def *d, struct engine_state *s, const struct engine_effect *f)
{
    uint32_t pass;
    struct failure failure = {0};
    CLEANUP_JSON json_t *config = engine_config(d, s, f->act, INT64_C(1795413600000000), NULL, NULL, &failure);
    CLEANUP_FREE char *path = engine_path(d, s, f->act, &pass);
    CLEANUP_FREE char *key = engine_key(d, s, f->act);
    if (!config) {
        fuzz_text("the type of a config's failure", failure.type);
        fuzz_text("the message of a config's failure", failure.message);
    }
    failure_clear(&failure);
    if (!json_is_object(engine_input(s, f->act)))
        fuzz_fail("the input of a node is no object");
    fuzz_text("a key", key);
    if (!path || pass == 0)
        fuzz_fail("an activation runs nowhere");
    engine_edges(d, f->node);
}

static void check_questions(const struct def *d, struct engine_state *s)
{
    struct engine_effects fx = {0};
    struct engine_wait wait;
    size_t waits = 0;
    check_projection(d, s);
    engine_running_effects(d, s, &fx);
    if (fx.len != engine_running(s))
        fuzz_fail("%zu activations run, and there are %zu calls", engine_running(s), fx.len);
    for (size_t i = 0; i < fx.len && i < 8; i++)
        check_call(d, s, &fx.items[i]);
    engine_effects_free(&fx);
    while (engine_waiting(s, waits, &wait))
        if (++waits > WAITS_MAX)
            break;
    engine_next_due(s);
    engine_ended(s);
}

/* One record, fed to the state and to what its snapshot gives. */
static void replay(const struct def *d, struct engine_state *s, const json_t *record)
{
    struct error e = ERROR_INIT, e2 = ERROR_INIT;
    CLEANUP_FREE char *before = written(d, s);
    struct engine_state *other = reread(d, s);
    int rc = engine_replay(d, s, record, &e), rc2 = engine_replay(d, other, record, &e2);
    if (rc != rc2)
        fuzz_fail("a record is %s before and %s after recovery", rc ? "refused" : "taken", rc2 ? "refused" : "taken");
    CLEANUP_FREE char *a = written(d, s);
    CLEANUP_FREE char *b = written(d, other);
    fuzz_same("after recovery a record leads to another state", a, b);
    if (rc != 0) {
        fuzz_error("a refused record", &e);
        fuzz_same("a record that was refused changed the state", before, a);
    }
    engine_state_free(other);
}

static struct engine_state *begin(const struct def *d, const json_t *v)
{
    const json_t *snapshot = fuzz_member(v, "snapshot");
    struct error e = ERROR_INIT;
    if (!snapshot)
        return engine_state_new();
    CLEANUP_FREE char *text = js_text(snapshot);
    struct engine_state *s = engine_state_read(d, text, strlen(text), &e);
    if (!s)
        fuzz_error("a snapshot that cannot be read", &e);
    return s;
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct def_options options = {.catalog = &fuzz_types, .unlabelled_condition_order = true};
    struct diags diags = {0};
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    json_t *record;
    size_t i;
    if (!v)
        return;
    struct def *d = def_load(fuzz_member(v, "graph"), NULL, fuzz_member(v, "trigger"), &options, &diags);
    struct engine_state *s = begin(d, v);
    if (s) {
        engine_state_free(reread(d, s));
        json_array_foreach(fuzz_member(v, "events"), i, record)
        {
            if (i == EVENTS_MAX)
                break;
            replay(d, s, record);
            if (engine_status(s) != STATUS_NEW) /* of which nobody asks anything */
                check_questions(d, s);
        }
    }
    engine_state_free(s);
    diags_free(&diags);
    def_unref(d);
}
