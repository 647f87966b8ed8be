/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for what, so that thousands of activations that wait cost nothing in a step that is not about them: those with a
 * time in a heap by that time, those with types of signals in a list for each type, the one that began to wait first in front.
 *
 * Neither says that an activation does wait; they only hold all that may.  Whether it is parked, whether it is being
 * cancelled, or whether the execution fails is looked at when it is found. */
#include "engine/state_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- times ---- */

struct due {
    int64_t at_us;
    uint64_t act;
};

struct dues {
    struct due *items; /* a binary heap, the earliest in front; of an activation that has another time now, or is gone, what
                        * stands here counts no more */
    size_t len, cap;
};

static bool earlier(const struct due *a, const struct due *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->act < b->act;
}

static void heap_push(struct dues *h, struct due d)
{
    void *items = h->items;
    xgrow(&items, &h->cap, h->len + 1, sizeof *h->items);
    h->items = items;
    size_t at = h->len++;
    for (; at > 0 && earlier(&d, &h->items[(at - 1) / 2]); at = (at - 1) / 2)
        h->items[at] = h->items[(at - 1) / 2];
    h->items[at] = d;
}

static void heap_pop(struct dues *h)
{
    struct due last = h->items[--h->len];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < h->len) {
        child += child + 1 < h->len && earlier(&h->items[child + 1], &h->items[child]);
        if (!earlier(&h->items[child], &last))
            break;
        h->items[at] = h->items[child];
        at = child;
    }
    h->items[at] = last;
}

/* When most of what it holds counts no more. */
static void heap_rebuild(struct engine_state *s)
{
    s->dues->len = 0;
    for (size_t i = 0; i < s->act_count; i++)
        if (s->acts[i]->due_us)
            heap_push(s->dues, (struct due){s->acts[i]->due_us, s->acts[i]->id});
}

void act_set_due(struct engine_state *s, struct act *a, int64_t at_us)
{
    a->due_us = at_us;
    if (!at_us)
        return;
    if (!s->dues)
        s->dues = xcalloc(1, sizeof *s->dues);
    heap_push(s->dues, (struct due){at_us, a->id});
    if (s->dues->len > 2 * s->act_count + 64)
        heap_rebuild(s);
}

/* The first in the heap that counts; others are taken out. */
static struct act *front(const struct engine_state *s)
{
    struct dues *h = s->dues;
    while (h && h->len > 0) {
        struct act *a = act_find(s, h->items[0].act);
        if (a && a->due_us == h->items[0].at_us)
            return a;
        heap_pop(h);
    }
    return NULL;
}

int64_t first_due(const struct engine_state *s)
{
    struct dues aside = {0};
    struct act *a = front(s);
    for (; a && !act_waits(a); a = front(s)) { /* few: they wind up */
        heap_push(&aside, s->dues->items[0]);
        heap_pop(s->dues);
    }
    for (size_t i = 0; i < aside.len; i++)
        heap_push(s->dues, aside.items[i]);
    xfree(aside.items);
    return a ? a->due_us : INT64_MAX;
}

size_t acts_due(const struct engine_state *s, int64_t now_us, uint64_t **ids)
{
    struct dues taken = {0};
    for (const struct act *a = front(s); a && a->due_us <= now_us; a = front(s)) {
        if (taken.len == 0 || taken.items[taken.len - 1].act != a->id)
            heap_push(&taken, s->dues->items[0]);
        heap_pop(s->dues);
    }
    *ids = xcalloc(taken.len + 1, sizeof **ids);
    for (size_t i = 0; i < taken.len; i++) {
        (*ids)[i] = taken.items[i].act;
        heap_push(s->dues, taken.items[i]);
    }
    xfree(taken.items);
    return taken.len;
}

/* ---- signals ---- */

/* One activation that waits for one type. */
struct await {
    struct await *prev, *next; /* of the same type */
    struct await *other;       /* of the same activation */
    struct awaited *type;
    struct act *a;
};

struct awaited {
    struct awaited *chain;
    struct await *first, *last; /* by the order in which they began to wait */
    uint64_t hash;
    char name[];
};

struct awaits {
    struct awaited **buckets;
    size_t size, count; /* size: a power of two */
    size_t people;      /* waits for types that are not reserved */
};

static uint64_t hash_of(const char *type)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *type; type++)
        h = (h ^ (unsigned char)*type) * UINT64_C(1099511628211);
    return h ^ h >> 32;
}

static struct awaited *type_find(const struct awaits *w, const char *type, uint64_t hash)
{
    struct awaited *t = w && w->size ? w->buckets[hash & (w->size - 1)] : NULL;
    while (t && (t->hash != hash || strcmp(t->name, type) != 0))
        t = t->chain;
    return t;
}

static void grow(struct awaits *w)
{
    size_t size = w->size ? w->size * 2 : 8;
    struct awaited **buckets = xcalloc(size, sizeof(struct awaited *));
    for (size_t i = 0; i < w->size; i++)
        for (struct awaited *t = w->buckets[i], *next; t; t = next) {
            next = t->chain;
            t->chain = buckets[t->hash & (size - 1)];
            buckets[t->hash & (size - 1)] = t;
        }
    xfree(w->buckets);
    w->buckets = buckets;
    w->size = size;
}

static struct awaited *type_put(struct awaits *w, const char *type)
{
    uint64_t hash = hash_of(type);
    struct awaited *t = type_find(w, type, hash);
    if (t)
        return t;
    if (w->count >= w->size)
        grow(w);
    t = xcalloc(1, sizeof *t + strlen(type) + 1);
    memcpy(t->name, type, strlen(type) + 1);
    t->hash = hash;
    t->chain = w->buckets[hash & (w->size - 1)];
    w->buckets[hash & (w->size - 1)] = t;
    w->count++;
    return t;
}

static void type_drop(struct awaits *w, struct awaited *t)
{
    struct awaited **at = &w->buckets[t->hash & (w->size - 1)];
    while (*at != t)
        at = &(*at)->chain;
    *at = t->chain;
    w->count--;
    xfree(t);
}

static bool before(const struct act *a, const struct act *b)
{
    return a->waits != b->waits ? a->waits < b->waits : a->id < b->id;
}

/* Who begins to wait now goes to the end; who waits again has its old place. */
static void enlist(struct await *w)
{
    struct awaited *t = w->type;
    struct await *after = t->last;
    while (after && before(w->a, after->a))
        after = after->prev;
    w->prev = after;
    w->next = after ? after->next : t->first;
    *(w->prev ? &w->prev->next : &t->first) = w;
    *(w->next ? &w->next->prev : &t->last) = w;
}

static void delist(struct awaits *all, struct await *w)
{
    struct awaited *t = w->type;
    *(w->prev ? &w->prev->next : &t->first) = w->next;
    *(w->next ? &w->next->prev : &t->last) = w->prev;
    all->people -= !signal_is_reserved(t->name);
    if (!t->first)
        type_drop(all, t);
    xfree(w);
}

void act_await(struct engine_state *s, struct act *a)
{
    size_t i;
    json_t *type;
    if (!s->awaits && a->signals)
        s->awaits = xcalloc(1, sizeof *s->awaits);
    s->signals_idle = 0;
    json_array_foreach(a->signals, i, type)
    {
        if (!json_is_string(type))
            continue; /* a snapshot that is being refused */
        struct await *w = xcalloc(1, sizeof *w);
        *w = (struct await){.type = type_put(s->awaits, json_string_value(type)), .a = a, .other = a->awaits};
        a->awaits = w;
        s->awaits->people += !signal_is_reserved(w->type->name);
        enlist(w);
    }
}

void act_await_no_more(struct engine_state *s, struct act *a)
{
    for (struct await *w = a->awaits, *other; w; w = other) {
        other = w->other;
        delist(s->awaits, w);
    }
    a->awaits = NULL;
    json_decref(STEAL(a->signals));
}

struct await *first_waiter(const struct engine_state *s, const char *type)
{
    struct awaited *t = type_find(s->awaits, type, hash_of(type));
    return t ? t->first : NULL;
}

struct await *next_waiter(const struct await *w)
{
    return w->next;
}

struct act *waiter_act(const struct await *w)
{
    return w->a;
}

bool people_wait(const struct engine_state *s)
{
    return s->awaits && s->awaits->people > 0;
}

void waiting_free(struct engine_state *s)
{
    if (s->dues)
        xfree(s->dues->items);
    xfree(s->dues);
    if (s->awaits)
        xfree(s->awaits->buckets);
    xfree(s->awaits);
}
