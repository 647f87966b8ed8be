/* SPDX-License-Identifier: Apache-2.0 */
/* Keys lead to entries, several keys may lead to one: "w/UUID/STAMP" and "d/ID".  When the table is full, everything that
 * nobody waits for is forgotten at once: a full table means thousands of workflows, for which a smarter order would cost
 * more than it saves. */
#include "worker/defs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* Largest text of a part of a definition, bytes: its tree takes ten times as much. */
#define TEXT_MAX ((size_t)16 << 20)
#define BUCKETS 1024
#define MAX_DIAGS_LOGGED 20

struct waiter {
    defs_fn done;
    void *arg;
};

struct entry {
    struct defs *cache;
    struct entry *chain;
    char *key;
    char *id;        /* NULL while loading */
    struct def *def;
    bool loading;
    struct waiter *waiters;
    size_t waiter_count, waiter_cap;
};

struct defs {
    struct store *store;
    struct def_options options;
    size_t max_entries, count;
    struct entry *buckets[BUCKETS];
};

static struct entry **bucket(struct defs *c, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return &c->buckets[hash % BUCKETS];
}

static struct entry *find(struct defs *c, const char *key)
{
    struct entry *e = *bucket(c, key);
    while (e && strcmp(e->key, key) != 0)
        e = e->chain;
    return e;
}

static void entry_free(struct entry *e)
{
    def_unref(e->def);
    free(e->key);
    free(e->id);
    free(e->waiters);
    free(e);
}

/* Forget what is loaded (all: what is loading too). */
static void forget(struct defs *c, bool all)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry **slot = &c->buckets[i]; *slot;) {
            struct entry *e = *slot;
            if (e->loading && !all) {
                slot = &e->chain;
                continue;
            }
            *slot = e->chain;
            entry_free(e);
            c->count--;
        }
}

static struct entry *add(struct defs *c, const char *key)
{
    if (c->count >= c->max_entries)
        forget(c, false);
    struct entry *e = xcalloc(1, sizeof(*e));
    struct entry **slot = bucket(c, key);
    e->cache = c;
    e->key = xstrdup(key);
    e->chain = *slot;
    *slot = e;
    c->count++;
    return e;
}

static void take_out(struct defs *c, struct entry *e)
{
    struct entry **slot = bucket(c, e->key);
    while (*slot != e)
        slot = &(*slot)->chain;
    *slot = e->chain;
    c->count--;
}

struct defs *defs_new(struct store *store, const struct def_options *options, size_t max_entries)
{
    struct defs *c = xcalloc(1, sizeof(*c));
    c->store = store;
    c->options = *options;
    c->max_entries = max_entries;
    return c;
}

void defs_free(struct defs *c)
{
    if (!c)
        return;
    forget(c, true);
    free(c);
}

size_t defs_count(const struct defs *c)
{
    return c->count;
}

/* ---- From text to definition ---- */

/* A part may be kept as text; one that is no JSON stays what it is.  Takes over v. */
static json_t *unwrapped(json_t *v)
{
    struct error e = ERROR_INIT;
    json_t *inner = js_parse(json_string_value(v), json_string_length(v), &e);
    if (!inner)
        return v;
    json_decref(v);
    return inner;
}

static json_t *parse_part(const char *text, const char *what, struct error *e)
{
    if (!text)
        return NULL;
    size_t len = strlen(text);
    json_t *v = NULL;
    if (len <= TEXT_MAX)
        v = js_parse(text, len, e);
    else
        err_set(e, "larger than %zu bytes", TEXT_MAX);
    if (!v)
        err_prefix(e, "workflow's %s", what);
    return json_is_string(v) ? unwrapped(v) : v;
}

static void log_diags(const char *id, const struct diags *diags)
{
    for (size_t i = 0; i < diags->len && i < MAX_DIAGS_LOGGED; i++)
        log_write(LOG_WARNING, diags->items[i].error ? "definition: error" : "definition: warning",
                  LOG_STR("definition", id), LOG_STR("at", diags->items[i].pointer),
                  LOG_STR("text", diags->items[i].message));
    if (diags->len > MAX_DIAGS_LOGGED)
        log_write(LOG_WARNING, "definition: more warnings", LOG_STR("definition", id),
                  LOG_INT("count", (int64_t)(diags->len - MAX_DIAGS_LOGGED)));
}

static struct def *make(const struct defs *c, const struct store_definition *d, struct error *e)
{
    *e = (struct error)ERROR_INIT;
    CLEANUP_JSON json_t *graph = parse_part(d->graph, "graph_config", e);
    CLEANUP_JSON json_t *rows = e->message[0] ? NULL : parse_part(d->rows, "node rows", e);
    CLEANUP_JSON json_t *trigger = e->message[0] ? NULL : parse_part(d->trigger_config, "trigger_config", e);
    if (e->message[0])
        return NULL;
    struct diags diags = {0};
    struct def *def = def_load(graph, rows, trigger, &c->options, &diags);
    log_diags(d->id, &diags);
    diags_free(&diags);
    return def;
}

/* Another key may have loaded the same definition already: then that one is shared. */
static void remember(struct defs *c, struct entry *e, const char *id, struct def *def)
{
    CLEANUP_FREE char *key = xasprintf("d/%s", id);
    e->id = xstrdup(id);
    e->def = def_ref(def);
    if (strcmp(e->key, key) == 0 || find(c, key))
        return;
    struct entry *other = add(c, key);
    other->id = xstrdup(id);
    other->def = def_ref(def);
}

static struct def *from_cache(struct defs *c, const char *id)
{
    CLEANUP_FREE char *key = xasprintf("d/%s", id);
    struct entry *other = find(c, key);
    return other && other->def ? def_ref(other->def) : NULL;
}

/* The entry is out of the table or complete before anybody is called: a callback may ask again. */
static void on_definition(void *arg, const struct store_definition *d, const struct error *why)
{
    struct entry *e = arg;
    struct defs *c = e->cache;
    struct error bad = ERROR_INIT;
    struct def *def = d ? from_cache(c, d->id) : NULL;
    if (d && !def)
        def = make(c, d, &bad);
    struct waiter *waiters = STEAL(e->waiters);
    size_t count = e->waiter_count;
    e->waiter_count = e->waiter_cap = 0;
    if (def) {
        remember(c, e, d->id, def);
        e->loading = false;
    } else {
        take_out(c, e);
        entry_free(e);
    }
    for (size_t i = 0; i < count; i++)
        waiters[i].done(waiters[i].arg, def, d ? d->id : NULL, def ? NULL : d ? &bad : why);
    free(waiters);
    def_unref(def);
}

void defs_get(struct defs *c, const struct uuid *workflow_id, const char *stamp, const char *pinned, defs_fn done,
              void *arg)
{
    char uuid[UUID_TEXT];
    uuid_format(workflow_id, uuid);
    CLEANUP_FREE char *key = pinned ? xasprintf("d/%s", pinned) : xasprintf("w/%s/%s", uuid, stamp ? stamp : "");
    struct entry *e = find(c, key);
    if (e && e->def) {
        CLEANUP_FREE char *id = xstrdup(e->id);
        struct def *def = def_ref(e->def);
        done(arg, def, id, NULL);
        def_unref(def);
        return;
    }
    bool first = !e;
    if (!e)
        e = add(c, key);
    e->loading = true;
    xgrow((void **)&e->waiters, &e->waiter_cap, e->waiter_count + 1, sizeof(*e->waiters));
    e->waiters[e->waiter_count++] = (struct waiter){done, arg};
    if (!first)
        return;
    if (pinned)
        store_definition_load(c->store, pinned, on_definition, e);
    else
        store_definition_pin(c->store, workflow_id, on_definition, e);
}
