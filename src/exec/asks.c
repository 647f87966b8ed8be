/* SPDX-License-Identifier: Apache-2.0 */
/* What executions in memory ask of the world outside: locks, signals, requests to people.  Answers wait until the step that
 * asked is carried out as a whole. */
#include "exec/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- Answers ---- */

void exec_tell(struct exec *x, const char *type, json_t *data)
{
    json_t *signal = json_array();
    js_push(signal, json_string(type));
    js_push(signal, data);
    if (!x->told)
        x->told = json_array();
    js_push(x->told, signal);
    x->root->to_hear++;
}

bool exec_hear_next(struct exec *x)
{
    struct exec *root = x->root;
    while (root->to_hear > 0 && x && json_array_size(x->told) == 0)
        x = x->next;
    if (root->to_hear == 0 || !x)
        return false;
    root->to_hear--;
    CLEANUP_JSON json_t *signal = json_incref(json_array_get(x->told, 0));
    json_array_remove(x->told, 0);
    exec_apply(x, &(struct engine_event){.type = ENGINE_SIGNAL, .signal = json_string_value(json_array_get(signal, 0)),
                                         .output = json_array_get(signal, 1)}, SIZE_MAX);
    return true;
}

static void answer(struct exec *x, const json_t *body, json_t *data)
{
    const char *reply = js_str(body, "reply");
    if (reply)
        exec_tell(x, reply, data);
    else
        json_decref(data);
}

/* ---- Locks ---- */

struct place {
    struct place *next; /* in order of asking */
    struct exec *x;
    char *id, *reply;
    int64_t limit;
    bool held;
};

struct exec_lock {
    struct exec_lock *next;
    struct place *first, **last;
    int64_t held;
    char key[];
};

static void place_free(struct place *p)
{
    free(p->id);
    free(p->reply);
    free(p);
}

/* Made when it is not there. */
static struct exec_lock *lock_of(struct exec *root, const char *key)
{
    struct exec_lock *l = root->locks;
    while (l && strcmp(l->key, key) != 0)
        l = l->next;
    if (l)
        return l;
    l = xcalloc(1, sizeof *l + strlen(key) + 1);
    memcpy(l->key, key, strlen(key) + 1);
    l->last = &l->first;
    l->next = root->locks;
    root->locks = l;
    return l;
}

/* From the front, as long as each may join those that hold it. */
static void grant(struct exec_lock *l)
{
    for (struct place *p = l->first; p; p = p->next) {
        if (p->held)
            continue;
        if (l->held >= p->limit)
            return;
        p->held = true;
        l->held++;
        exec_tell(p->x, p->reply, json_pack("{s:s}", "key", l->key));
    }
}

static char *text_of(const json_t *body, const char *key)
{
    const char *text = js_str(body, key);
    return xstrdup(text ? text : "");
}

static void ask_lock(struct exec *x, const json_t *body)
{
    CLEANUP_FREE char *key = text_of(body, "key");
    struct exec_lock *l = lock_of(x->root, key);
    struct place *p = xcalloc(1, sizeof *p);
    *p = (struct place){.x = x, .id = text_of(body, "id"), .reply = text_of(body, "reply"), .limit = js_int(body, "limit", 1)};
    *l->last = p;
    l->last = &p->next;
    grant(l);
}

static void ask_unlock(struct exec *x, const json_t *body)
{
    CLEANUP_FREE char *id = text_of(body, "id"), *key = text_of(body, "key");
    struct exec_lock *l = lock_of(x->root, key);
    for (struct place **at = &l->first; *at; at = &(*at)->next) {
        struct place *p = *at;
        if (p->x != x || strcmp(p->id, id) != 0)
            continue;
        *at = p->next;
        if (l->last == &p->next)
            l->last = at;
        l->held -= p->held;
        place_free(p);
        break;
    }
    grant(l);
}

/* ---- Signals ---- */

/* The execution that a node means; NULL: there is none in memory. */
static struct exec *named(struct exec *x, const char *name)
{
    if (!name)
        return x;
    struct exec *found = x->root;
    while (found && strcmp(name, found->uuid) != 0 && strcmp(name, found->execution_id) != 0)
        found = found->next;
    return found;
}

/* It could not be sent.  A message may end within a character of a name. */
static void answer_error(struct exec *x, const json_t *body, const char *type, const char *message)
{
    answer(x, body, json_pack("{s:{s:s, s:o}}", "error", "type", type, "message", js_string_lossy(message, strlen(message))));
}

static void ask_send(struct exec *x, const json_t *body)
{
    const char *name = js_str(body, "execution"), *type = js_str(body, "type");
    struct exec *to = named(x, name);
    if (!to || engine_status(to->state) == STATUS_COMPLETED) {
        CLEANUP_FREE char *message =
            to ? xasprintf("execution \"%.100s\" is completed, nothing waits for a signal there any more", name ? name : to->uuid)
               : xasprintf("there is no execution \"%.100s\"", name);
        answer_error(x, body, to ? "execution_ended" : "execution_unknown", message);
        return;
    }
    exec_tell(to, type ? type : "", json_incref(json_object_get(body, "data")));
    answer(x, body, json_pack("{s:n}", "signal_id"));
}

/* ---- All of them ---- */

/* The log says what is asked of people, --signal answers. */
static void ask_nothing(struct exec *x, const json_t *body)
{
    (void)x;
    (void)body;
}

void exec_ask(struct exec *x, const char *kind, const json_t *body)
{
    static const struct {
        const char *kind;
        void (*ask)(struct exec *x, const json_t *body);
    } kinds[] = {{"child_start", exec_child_start}, {"child_end", exec_child_end}, {"lock", ask_lock},
                 {"unlock", ask_unlock},            {"send", ask_send},            {"request", ask_nothing},
                 {"request_over", ask_nothing},     {"request_closed", ask_nothing}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0) {
            kinds[i].ask(x, body);
            return;
        }
    answer(x, body, json_pack("{s:s, s:{s:s, s:o}}", "status", "refused", "error", "type", "ask_refused", "message",
                              json_sprintf("there is no ask \"%s\" without a database", kind)));
}

void exec_asks_free(struct exec *x)
{
    for (struct exec_lock *l = x->locks, *other; l; l = other) {
        other = l->next;
        for (struct place *p = l->first, *next; p; p = next) {
            next = p->next;
            place_free(p);
        }
        free(l);
    }
    x->locks = NULL;
}
