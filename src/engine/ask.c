/* SPDX-License-Identifier: Apache-2.0 */
/* Asks: what an attempt wants of the world outside its execution.  They go out with the step that made them.  What is to be
 * undone is kept with the activation and goes out when its attempt ends, whatever ended it; so does the right to an answer. */
#include "engine/state_int.h"

#include <string.h>

#include "base/json.h"

enum { OPEN_REPLY, OPEN_UNDO, OPEN_BODY, OPEN_SETTLES, OPEN_YIELDS, OPEN_ADDRESSED };

static const char *open_text(const json_t *open, size_t which)
{
    return json_string_value(json_array_get(open, which));
}

bool signal_is_reserved(const char *type)
{
    return *type == RESERVED_SIGNAL;
}

static void keep_open(struct act *a, const json_t *ask, json_t *body)
{
    const char *reply = js_str(ask, "reply"), *undo = js_str(ask, "undo");
    json_t *undo_body = json_object_get(ask, "undo_body");
    if (json_is_object(undo_body))
        body = undo_body;
    else if (!undo)
        body = NULL; /* it may be large */
    if (!reply && !undo)
        return;
    if (!a->asks)
        a->asks = json_array();
    CLEANUP_JSON json_t *empty = json_object();
    js_push(a->asks, json_pack("[s, s, O, b, b, b]", reply ? reply : "", undo ? undo : "", body ? body : empty, js_bool(ask, "settles", false),
                               js_bool(ask, "yields", false), js_bool(ask, "addressed", false)));
}

void asks_made(struct step *st, struct act *a, const json_t *asks)
{
    size_t i;
    json_t *ask;
    json_array_foreach(asks, i, ask)
    {
        const char *kind = js_str(ask, "kind");
        json_t *body = json_object_get(ask, "body");
        if (!kind || !*kind || !json_is_object(body))
            continue;
        emit_ask(st, kind, body);
        keep_open(a, ask, body);
    }
}

static void forget(struct act *a)
{
    json_decref(a->asks);
    a->asks = NULL;
}

/* The answer to an ask belongs to the attempt that made it. */
static bool knows_answer(const struct act *a)
{
    return a->came && signal_is_reserved(json_string_value(json_array_get(a->came, 0)));
}

void asks_over(struct step *st, struct act *a)
{
    size_t i;
    json_t *open;
    if (!a->asks && !knows_answer(a))
        return;
    json_array_foreach(a->asks, i, open) if (*open_text(open, OPEN_UNDO))
        emit_ask(st, open_text(open, OPEN_UNDO), json_array_get(open, OPEN_BODY));
    forget(a);
    json_decref(a->came);
    a->came = NULL;
    act_set_checkpoint(a, NULL);
    a->why = WHY_START;
}

static bool is_reply(const json_t *open, const char *reply)
{
    return strcmp(open_text(open, OPEN_REPLY), reply) == 0;
}

/* The entries may be shared with a state that was written: the list is made anew. */
void ask_answered(struct act *a, const char *reply)
{
    size_t i;
    json_t *open, *left = json_array();
    json_array_foreach(a->asks, i, open) if (!is_reply(open, reply) || !json_is_true(json_array_get(open, OPEN_SETTLES)))
        js_push(left, json_incref(open));
    forget(a);
    if (json_array_size(left) > 0)
        a->asks = left;
    else
        json_decref(left);
}

bool ask_expects(const struct engine_state *s, const char *reply)
{
    for (size_t i = 0; i < s->act_count; i++) {
        size_t k;
        json_t *open;
        json_array_foreach(s->acts[i]->asks, k, open) if (is_reply(open, reply))
            return true;
    }
    return false;
}

bool asks_yield(const struct act *a)
{
    size_t i;
    json_t *open;
    json_array_foreach(a->asks, i, open) if (json_is_true(json_array_get(open, OPEN_YIELDS)))
        return true;
    return false;
}

bool ask_takes(const struct act *a, const json_t *data)
{
    const char *to = json_is_object(data) ? js_str(data, "request") : NULL;
    bool addressed = false;
    size_t i;
    json_t *open;
    json_array_foreach(to ? a->asks : NULL, i, open)
    {
        const char *id = js_str(json_array_get(open, OPEN_BODY), "id");
        if (!json_is_true(json_array_get(open, OPEN_ADDRESSED)))
            continue;
        if (id && strcmp(id, to) == 0)
            return true;
        addressed = true;
    }
    return !addressed;
}
