/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/payloads.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAME_BYTES 45 /* of a payload's name, as a text of JSON */
#define PUT_BYTES ((size_t)16 << 20)
#define MOST_WANTED 100000
#define NODE_BYTES 64 /* of a value in memory beside its text: jansson's head, its place in what holds it, the allocator's */

/* ---- The table ---- */

static size_t slot_of(const struct payloads *p, const json_t *v)
{
    uint64_t h = (uint64_t)(uintptr_t)v * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = p->slot_count - 1, at = (size_t)(h >> 20) & mask;
    while (p->slots[at] && p->items[p->slots[at] - 1].value != v)
        at = (at + 1) & mask;
    return at;
}

static struct payload *find(const struct payloads *p, const json_t *v)
{
    if (p->len == 0)
        return NULL;
    size_t number = p->slots[slot_of(p, v)];
    return number ? &p->items[number - 1] : NULL;
}

static struct ids_array by_id_of(const struct payloads *p)
{
    return (struct ids_array){p->items ? &p->items->id : NULL, sizeof *p->items};
}

static void index_values(struct payloads *p)
{
    size_t want = p->slot_count ? p->slot_count : 16;
    while (want < p->len * 2 + 2)
        want *= 2;
    if (want != p->slot_count)
        p->slots = xreallocarray(p->slots, want, sizeof *p->slots);
    p->slot_count = want;
    memset(p->slots, 0, want * sizeof *p->slots);
    for (size_t i = 0; i < p->len; i++)
        p->slots[slot_of(p, p->items[i].value)] = i + 1;
}

static void index_all(struct payloads *p)
{
    index_values(p);
    ids_again(&p->ids, by_id_of(p), p->len);
}

static struct payload *insert(struct payloads *p, json_t *v, const struct uuid *id)
{
    xgrow((void **)&p->items, &p->cap, p->len + 1, sizeof *p->items);
    struct payload *item = &p->items[p->len++];
    *item = (struct payload){.id = *id, .value = json_incref(v)};
    if (p->slot_count < p->len * 2 + 2)
        index_values(p);
    else
        p->slots[slot_of(p, v)] = p->len;
    ids_add(&p->ids, by_id_of(p));
    return item;
}

/* Values that hold each other many times over may stand for more bytes than there are numbers: it stays at the largest. */
static size_t plus(size_t a, size_t b)
{
    return a > SIZE_MAX / 2 - b || b > SIZE_MAX / 2 ? SIZE_MAX / 2 : a + b;
}

static const char *written(const struct js_refs *refs, const json_t *v, size_t *len)
{
    const struct payload_refs *r = (const struct payload_refs *)(const void *)refs;
    struct payloads *p = r->of;
    const struct payload *item = find(p, v);
    char id[UUID_TEXT];
    if (!item)
        return NULL;
    p->referred = plus(p->referred, item->full);
    uuid_format(&item->id, id);
    int n = r->shown ? snprintf(p->scratch, sizeof p->scratch, "{\"large_value\":\"%s\",\"bytes\":%zu}", id, item->full)
                     : snprintf(p->scratch, sizeof p->scratch, "\"\\u0000%s\"", id);
    *len = n > 0 ? (size_t)n : 0;
    return p->scratch;
}

void payloads_init(struct payloads *p, size_t max_inline)
{
    *p = (struct payloads){.max_inline = max_inline};
    p->names = (struct payload_refs){.refs = {written}, .of = p};
    p->shown = (struct payload_refs){.refs = {written}, .of = p, .shown = true};
}

static void item_free(struct payload *item)
{
    xfree(item->text);
    json_decref(item->value);
}

void payloads_free(struct payloads *p)
{
    for (size_t i = 0; i < p->len; i++)
        item_free(&p->items[i]);
    xfree(p->items);
    xfree(p->slots);
    ids_free(&p->ids);
    *p = (struct payloads){0};
}

struct forget_job {
    struct heavy_job job; /* must be first */
    struct payloads payloads;
};

static void free_all(struct heavy_job *job)
{
    payloads_free(&((struct forget_job *)(void *)job)->payloads);
}

static void forgotten(struct heavy_job *job)
{
    free_all(job);
    xfree(job);
}

void payloads_free_beside(struct heavy *heavy, struct payloads *p)
{
    if (!heavy || p->bytes <= HEAVY_BYTES) {
        payloads_free(p);
        return;
    }
    struct forget_job *j = xcalloc(1, sizeof(*j));
    *j = (struct forget_job){.job = {.work = free_all, .done = forgotten, .drop = forgotten}, .payloads = *p};
    *p = (struct payloads){0};
    heavy_submit(heavy, &j->job);
}

/* ---- What is large ---- */

static size_t add(struct payloads *p, json_t *v, size_t nodes)
{
    struct buf text = BUF_INIT;
    size_t before = p->referred;
    text.refs = &p->names.refs;
    p->referred = 0;
    js_write(&text, v);
    struct uuid id = uuid_random();
    struct payload *item = insert(p, v, &id);
    item->len = text.len;
    item->full = plus(text.len, p->referred);
    item->memory = item->len + nodes * NODE_BYTES;
    item->text = buf_steal(&text);
    p->bytes += item->len;
    p->memory += item->memory;
    p->undurable++;
    p->undurable_bytes += item->len;
    p->referred = before;
    return NAME_BYTES;
}

/* About how many bytes the value is in what holds it; what is large in it is taken note of. */
static size_t measure(struct payloads *p, json_t *v)
{
    size_t size = 2, before = p->nodes++, i;
    const char *key;
    json_t *item;
    if (json_is_string(v)) {
        size = json_string_length(v) + 2;
    } else if (json_is_array(v)) {
        if (find(p, v))
            return NAME_BYTES;
        json_array_foreach(v, i, item) size += measure(p, item) + 1;
    } else if (json_is_object(v)) {
        if (find(p, v))
            return NAME_BYTES;
        json_object_foreach(v, key, item) size += strlen(key) + 4 + measure(p, item);
    } else {
        const char *number = json_is_real(v) ? js_number_text(v) : NULL;
        return number ? strlen(number) : 8;
    }
    if (size < p->max_inline || size < JS_REFS_MIN)
        return size;
    if (json_is_string(v) && find(p, v))
        return NAME_BYTES;
    size_t nodes = p->nodes - before;
    p->nodes = before + 1;
    return add(p, v, nodes);
}

void payloads_add(struct payloads *p, json_t *v)
{
    if (v && p->max_inline > 0)
        p->added += measure(p, v);
}

void payloads_add_members(struct payloads *p, const json_t *object)
{
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)object, key, item) payloads_add(p, item);
}

void payloads_add_event(struct payloads *p, const struct engine_event *ev)
{
    payloads_add(p, ev->output);
    payloads_add(p, ev->variables);
    payloads_add(p, ev->park.checkpoint);
    payloads_add(p, ev->enter.passes);
    if (ev->failure)
        payloads_add(p, ev->failure->details);
}

/* ---- Beside the loop ---- */

size_t payloads_fork(const struct payloads *p, struct payloads *out)
{
    payloads_init(out, p->max_inline);
    xgrow((void **)&out->items, &out->cap, p->len + 1, sizeof *out->items);
    for (size_t i = 0; i < p->len; i++) {
        out->items[i] = p->items[i];
        out->items[i].text = NULL;
        json_incref(out->items[i].value);
    }
    out->len = p->len;
    if (out->len > 0)
        index_all(out);
    return out->len;
}

/* Also those that the table has got meanwhile under another name: what was written may use either. */
void payloads_join(struct payloads *p, struct payloads *found, size_t known)
{
    for (size_t i = known; i < found->len; i++) {
        struct payload *from = &found->items[i], *item = insert(p, from->value, &from->id);
        item->len = from->len;
        item->full = from->full;
        item->memory = from->memory;
        item->text = STEAL(from->text);
        p->bytes += item->len;
        p->memory += item->memory;
        if (item->text) {
            p->undurable++;
            p->undurable_bytes += item->len;
        }
    }
}

/* ---- Durability ---- */

struct store_payload *payloads_pending(struct payloads *p, size_t *count)
{
    struct store_payload *list = p->undurable ? xcalloc(p->undurable, sizeof *list) : NULL;
    size_t bytes = 0;
    *count = 0;
    for (size_t i = 0; i < p->len && *count < p->undurable && bytes < PUT_BYTES; i++) {
        struct payload *item = &p->items[i];
        if (!item->text)
            continue;
        item->putting = true;
        list[(*count)++] = (struct store_payload){.id = item->id, .text = item->text, .len = item->len};
        bytes += item->len;
    }
    return list;
}

void payloads_durable(struct payloads *p, const struct store_payload *list, size_t count)
{
    for (size_t i = 0, k = 0; i < p->len && k < count; i++) {
        if (!uuid_equal(&p->items[i].id, &list[k].id))
            continue;
        xfree(STEAL(p->items[i].text));
        p->items[i].putting = false;
        p->undurable--;
        p->undurable_bytes -= p->items[i].len;
        k++;
    }
}

static void forget(struct payloads *p, struct payload *item)
{
    p->bytes -= item->len;
    p->memory -= item->memory;
    if (item->text) {
        p->undurable--;
        p->undurable_bytes -= item->len;
    }
    item_free(item);
}

void payloads_sweep(struct payloads *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->len; i++) {
        struct payload *item = &p->items[i];
        if (!item->putting && item->value->refcount == 1) {
            forget(p, item);
        } else {
            p->items[kept++] = *item;
        }
    }
    if (kept == p->len)
        return;
    p->len = kept;
    index_all(p);
}

/* From the last one: what holds others stands behind them. */
void payloads_forget(struct payloads *p)
{
    size_t kept = 0;
    for (size_t i = p->len; i-- > 0;) {
        struct payload *item = &p->items[i];
        if (!item->text || item->value->refcount > 1)
            continue;
        forget(p, item);
        item->value = NULL;
    }
    for (size_t i = 0; i < p->len; i++)
        if (p->items[i].value)
            p->items[kept++] = p->items[i];
    if (kept == p->len)
        return;
    p->len = kept;
    index_all(p);
}

void payloads_undo(struct payloads *p, size_t count)
{
    for (size_t i = p->len - count; i < p->len; i++)
        forget(p, &p->items[i]);
    p->len -= count;
    if (count > 0)
        index_all(p);
}

/* ---- Reading ---- */

static struct payload *item_by_id(const struct payloads *p, const struct uuid *id)
{
    size_t n = ids_find(&p->ids, by_id_of(p), id);
    return n == SIZE_MAX ? NULL : &p->items[n];
}

static json_t *by_id(const struct payloads *p, const struct uuid *id)
{
    const struct payload *item = item_by_id(p, id);
    return item ? item->value : NULL;
}

static int read_id(const char *name, size_t len, struct uuid *id)
{
    char text[UUID_TEXT];
    if (len >= sizeof text)
        return -1;
    memcpy(text, name, len);
    text[len] = '\0';
    return uuid_parse(text, id);
}

struct wanted {
    struct uuid *ids;
    size_t len, cap;
    struct ids index;
};

static void want(const struct payloads *p, struct wanted *w, const char *text, size_t text_len)
{
    size_t at = 0, len;
    const char *name;
    while (text && w->len < MOST_WANTED && js_next_ref(text, text_len, &at, &name, &len)) {
        struct uuid id;
        if (read_id(name, len, &id) != 0 || item_by_id(p, &id) ||
            ids_find(&w->index, (struct ids_array){w->ids, sizeof id}, &id) != SIZE_MAX)
            continue;
        xgrow((void **)&w->ids, &w->cap, w->len + 1, sizeof *w->ids);
        w->ids[w->len++] = id;
        ids_add(&w->index, (struct ids_array){w->ids, sizeof id});
    }
}

struct uuid *payloads_wanted(const struct payloads *p, const struct store_claim *c, size_t *count)
{
    struct wanted w = {0};
    want(p, &w, c->snapshot, c->snapshot_len);
    for (size_t i = 0; i < c->journal_count; i++)
        want(p, &w, c->journal[i], c->journal_len[i]);
    ids_free(&w.index);
    *count = w.len;
    return w.ids;
}

json_t *payloads_resolve(void *ctx, const char *name, struct error *e)
{
    const struct payloads *p = ctx;
    struct uuid id;
    json_t *v = uuid_parse(name, &id) == 0 ? by_id(p, &id) : NULL;
    if (!v)
        err_set(e, "the large value %s is not there", name);
    return json_incref(v);
}

struct loader {
    struct payloads *p;
    const struct store_payload *list;
    struct ids index; /* of the list */
    int depth;
};

static struct ids_array list_of(const struct loader *l)
{
    return (struct ids_array){&l->list->id, sizeof *l->list};
}

static json_t *load_one(struct loader *l, const struct store_payload *v, struct error *e);

/* What a payload holds may not be there yet. */
static json_t *load_inner(void *ctx, const char *name, struct error *e)
{
    struct loader *l = ctx;
    struct uuid id;
    if (uuid_parse(name, &id) != 0 || by_id(l->p, &id))
        return payloads_resolve(l->p, name, e);
    size_t n = ids_find(&l->index, list_of(l), &id);
    return n == SIZE_MAX ? payloads_resolve(l->p, name, e) : json_incref(load_one(l, &l->list[n], e));
}

/* What the names in a text that was read stand for. */
static size_t inner_bytes(const struct payloads *p, const struct store_payload *v)
{
    size_t at = 0, len, bytes = 0;
    const char *name;
    struct uuid id;
    while (js_next_ref(v->text, v->len, &at, &name, &len)) {
        const struct payload *inner = read_id(name, len, &id) == 0 ? item_by_id(p, &id) : NULL;
        bytes = plus(bytes, inner ? inner->full : 0);
    }
    return bytes;
}

/* A value that was read and is in the table now. */
static size_t in_memory(struct payloads *p, json_t *v)
{
    size_t size = json_string_length(v), i;
    const char *key;
    json_t *item;
    p->nodes = 0;
    json_array_foreach(v, i, item) size += measure(p, item);
    json_object_foreach(v, key, item) size += strlen(key) + measure(p, item);
    return size + (p->nodes + 1) * NODE_BYTES;
}

static json_t *load_one(struct loader *l, const struct store_payload *v, struct error *e)
{
    if (l->depth > JS_MAX_DEPTH) {
        err_set(e, "large values hold each other in a circle");
        return NULL;
    }
    l->depth++;
    CLEANUP_JSON json_t *value = js_parse_refs(v->text, v->len, load_inner, l, e);
    l->depth--;
    if (!value)
        return NULL;
    size_t full = plus(v->len, inner_bytes(l->p, v)), at = l->p->len;
    struct payload *item = insert(l->p, value, &v->id);
    item->len = v->len;
    item->full = full;
    size_t memory = in_memory(l->p, value); /* may put more into the table: max_inline was larger once */
    l->p->items[at].memory = memory;
    l->p->bytes += v->len;
    l->p->memory += memory;
    return value;
}

int payloads_load(struct payloads *p, const struct store_payload *list, size_t count, struct error *e)
{
    struct loader l = {.p = p, .list = list};
    int rc = 0;
    if (count > 0)
        ids_again(&l.index, list_of(&l), count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (!item_by_id(p, &list[i].id) && !load_one(&l, &list[i], e))
            rc = -1;
    ids_free(&l.index);
    return rc;
}
